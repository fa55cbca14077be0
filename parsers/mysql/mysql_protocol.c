/*
 * mysql_protocol.c - the row of the table; see mysql.h
 */
#include "parsers/attrs.h"
#include "parsers/mysql/mysql_impl.h"

static void mysql_begin(void *state, unsigned joined)
{
	(void)state;
	(void)joined;
}

static enum parse_status mysql_next(void *state, enum sender from, const uint8_t *p, size_t n,
				    size_t *used, struct message *m)
{
	return (from == FROM_CLIENT ? mysql_request_next : mysql_reply_next)(state, p, n, used, m);
}

static enum parse_status mysql_gap(void *state, enum sender from, struct str kept, uint64_t n,
				   uint64_t *used, struct message *m)
{
	(void)kept;
	return (from == FROM_CLIENT ? mysql_request_gap : mysql_reply_gap)(state, n, used, m);
}

static enum parse_status mysql_eof(void *state, enum sender from, struct message *m)
{
	return (from == FROM_CLIENT ? mysql_request_eof : mysql_reply_eof)(state, m);
}

static uint64_t mysql_unneeded(const void *state, enum sender from)
{
	const struct mysql *s = state;

	if (from == FROM_CLIENT)
		return s->request.state == STATE_SKIP ? s->request.left : 0;
	return s->reply.state == STATE_SKIP ? s->reply.left : 0;
}

static void mysql_answers(void *state, int known, uint32_t form)
{
	struct mysql_reply *r = &((struct mysql *)state)->reply;

	r->known = (uint8_t)known;
	r->kind = known ? (uint8_t)form : KIND_ANY;
}

static enum place mysql_place(const void *state, enum sender from)
{
	const struct mysql *s = state;
	uint8_t where = from == FROM_CLIENT ? s->request.state : s->reply.state;

	return where == STATE_SEEK ? PLACE_SEEK : PLACE_START;
}

static void mysql_move(void *state, enum sender from, enum place to, uint64_t n)
{
	struct mysql *s = state;
	uint8_t *where = from == FROM_CLIENT ? &s->request.state : &s->reply.state;

	(void)n;
	if (to == PLACE_SEEK)
		*where = STATE_SEEK;
	else if (to == PLACE_START && *where == STATE_SEEK)
		*where = STATE_IDLE;
}

static const uint16_t ports[] = {3306, 3307, 4000, 6033, 0};
static const char *const programs[] = {"mysqld",   "mariadbd", "mariadb",
				       "proxysql", "maxscale", NULL};
static const struct attr_def *const attrs[] = {
	ATTR(db_operation),
	ATTR(db_collection),
	ATTR(db_namespace),
	ATTR(db_query),
	ATTR(db_statement),
	ATTR(db_query_shape),
	ATTR(db_batch_size),
	ATTR(db_status),
	ATTR(db_code),
	ATTR(db_error),
	ATTR(db_warnings),
	ATTR(rows),
	NULL,
};

const struct protocol mysql_protocol = {
	.name =
		{
			.name = "mysql",
			.label = {"SQLServer", "SQLClient"},
			.operation = ATTR(db_operation),
			.target = ATTR(db_collection),
			.status = ATTR(db_status),
			.flags = NAME_KEYS,
		},
	.transports = TRANSPORT_STREAM,
	.ports = ports,
	.programs = programs,
	.pairing = PAIRING_IN_ORDER,
	.state_size = sizeof(struct mysql),
	.probe = mysql_probe,
	.begin = mysql_begin,
	.next = mysql_next,
	.gap = mysql_gap,
	.eof = mysql_eof,
	.unneeded = mysql_unneeded,
	.answers = mysql_answers,
	.place = mysql_place,
	.move = mysql_move,
	.mask = &mysql_mask,
	.attrs = attrs,
};
