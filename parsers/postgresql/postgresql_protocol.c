/*
 * postgresql_protocol.c - the row of the table; see postgresql.h
 */
#include "parsers/attrs.h"
#include "parsers/postgresql/postgresql_impl.h"

static void postgresql_begin(void *state, unsigned joined)
{
	struct postgresql *s = state;

	/* states of 0 expect the beginning of a connection */
	if (joined & BEGIN_JOINED(FROM_CLIENT))
		s->request.state = 1;
}

static enum parse_status postgresql_next(void *state, enum sender from, const uint8_t *p, size_t n,
					 size_t *used, struct message *m)
{
	return (from == FROM_CLIENT ? postgresql_request_next : postgresql_reply_next)(state, p, n,
										       used, m);
}

static enum parse_status postgresql_gap(void *state, enum sender from, struct str kept, uint64_t n,
					uint64_t *used, struct message *m)
{
	return (from == FROM_CLIENT ? postgresql_request_gap : postgresql_reply_gap)(state, kept, n,
										     used, m);
}

static enum parse_status postgresql_eof(void *state, enum sender from, struct message *m)
{
	return (from == FROM_CLIENT ? postgresql_request_eof : postgresql_reply_eof)(state, m);
}

static uint64_t postgresql_unneeded(const void *state, enum sender from)
{
	return (from == FROM_CLIENT ? postgresql_request_unneeded
				    : postgresql_reply_unneeded)(state);
}

static void postgresql_answers(void *state, int known, uint32_t form)
{
	struct postgresql_reply *r = &((struct postgresql *)state)->reply;

	r->known = (uint8_t)known;
	r->kind = known ? (uint8_t)form : 0;
	r->unit = (uint16_t)(known ? form >> 8 : 0) % POSTGRESQL_UNITS;
}

static int postgresql_fits(struct str words, uint32_t form, struct str operation, struct str text)
{
	return (form & 0xff) == KIND_STARTUP ? 0 : sql_words_fit(words, operation, text);
}

static enum place postgresql_place(const void *state, enum sender from)
{
	return (from == FROM_CLIENT ? postgresql_request_place : postgresql_reply_place)(state);
}

static void postgresql_move(void *state, enum sender from, enum place to, uint64_t n)
{
	(void)n;
	(from == FROM_CLIENT ? postgresql_request_move : postgresql_reply_move)(state, to);
}

static const uint16_t ports[] = {5432, 5433, 6432, 26257, 0};
static const char *const programs[] = {"postgres", "pgbouncer", "pgcat",
				       "odyssey",  "cockroach", NULL};
static const struct attr_def *const attrs[] = {
	ATTR(db_operation),
	ATTR(db_collection),
	ATTR(db_namespace),
	ATTR(db_query),
	ATTR(db_statement),
	ATTR(db_query_shape),
	ATTR(db_batch_size),
	ATTR(db_status),
	ATTR(db_severity),
	ATTR(db_error),
	ATTR(db_warnings),
	ATTR(rows),
	NULL,
};

const struct protocol postgresql_protocol = {
	.name =
		{
			.name = "postgresql",
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
	.state_size = sizeof(struct postgresql),
	.probe = postgresql_probe,
	.begin = postgresql_begin,
	.next = postgresql_next,
	.gap = postgresql_gap,
	.eof = postgresql_eof,
	.unneeded = postgresql_unneeded,
	.answers = postgresql_answers,
	.fits = postgresql_fits,
	.place = postgresql_place,
	.move = postgresql_move,
	.mask = &postgresql_mask,
	.attrs = attrs,
};
