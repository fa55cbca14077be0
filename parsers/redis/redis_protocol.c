/*
 * redis_protocol.c - the row of the table; see redis.h
 */
#include "parsers/attrs.h"
#include "parsers/redis/redis_impl.h"

static void redis_begin(void *state, unsigned joined)
{
	struct redis *r = state;

	(void)joined;
	r->reply.db = r->reply.next_db = -1;
}

static enum parse_status redis_next(void *state, enum sender from, const uint8_t *p, size_t n,
				    size_t *used, struct message *m)
{
	struct redis *r = state;

	return from == FROM_CLIENT ? redis_request_next(&r->request, p, n, used, m)
				   : redis_reply_next(&r->reply, p, n, used, m);
}

static enum parse_status redis_gap(void *state, enum sender from, struct str kept, uint64_t n,
				   uint64_t *used, struct message *m)
{
	struct redis *r = state;

	return from == FROM_CLIENT ? redis_request_gap(&r->request, kept, n, used, m)
				   : redis_reply_gap(&r->reply, kept, n, used, m);
}

static enum parse_status redis_eof(void *state, enum sender from, struct message *m)
{
	struct redis *r = state;

	return from == FROM_CLIENT ? redis_request_eof(&r->request, m)
				   : redis_reply_eof(&r->reply, m);
}

static uint64_t redis_unneeded(const void *state, enum sender from)
{
	const struct redis *r = state;

	return from == FROM_CLIENT ? redis_request_unneeded(&r->request)
				   : redis_reply_unneeded(&r->reply);
}

static void redis_answers(void *state, int known, uint32_t form)
{
	struct redis_reply *r = &((struct redis *)state)->reply;

	r->known = (uint8_t)known;
	r->form = known ? (uint8_t)form : REDIS_REPLY;
	r->secret = known && (form & 0x100);
	r->number = known ? (uint16_t)(form >> 16) : 0;
}

static const uint16_t ports[] = {6379, 26379, 0}, tls_ports[] = {6380, 0};
static const char *const programs[] = {"redis", "valkey", "keydb", "dragonfly", NULL};
static const struct attr_def *const attrs[] = {
	ATTR(db_operation), ATTR(db_namespace), ATTR(db_query),
	ATTR(db_status),    ATTR(max_wait),	NULL,
};

const struct protocol redis_protocol = {
	.name =
		{
			.name = "redis",
			.label = {"RedisServer", "RedisClient"},
			.operation = ATTR(db_operation),
			.status = ATTR(db_status),
			.flags = NAME_KEYS,
		},
	.transports = TRANSPORT_STREAM,
	.ports = ports,
	.tls_ports = tls_ports,
	.programs = programs,
	.pairing = PAIRING_IN_ORDER,
	.state_size = sizeof(struct redis),
	.probe = redis_probe,
	.begin = redis_begin,
	.next = redis_next,
	.gap = redis_gap,
	.eof = redis_eof,
	.unneeded = redis_unneeded,
	.answers = redis_answers,
	.mask = &redis_mask,
	.attrs = attrs,
};
