/*
 * amqp_mask.c - what a recording may hold: frames, methods, names of exchanges and queues, numbers
 *
 * Of a method's arguments there stays what its format has; what follows, properties but for a
 * traceparent, and bodies become 'x'. So nothing stays of how clients authenticate.
 */
#include "parsers/amqp/amqp_impl.h"

enum where { IN_HEADER, IN_METHOD, IN_CONTENT, IN_BODY, IN_END };

struct mask { /* flat, for protocol_mask */
	uint8_t server, lost, where;
	uint8_t nheader, nids;
	uint8_t header[8], ids[4];
	uint8_t in_string, blank; /* blank: behind the first word */
	uint8_t context;	  /* trace_context_mask's */
	uint32_t left, at, n; /* at: bytes of a content frame; n: of this argument, still to come */
	const char *format;   /* what comes next of it; of the table, which does not move */
};

static int header_byte(struct mask *k, uint8_t c)
{
	k->header[k->nheader++] = c;
	if (k->header[0] == 'A') { /* the protocol's header */
		static const char head[] = "AMQP\0\0\x09\x01";

		if (k->server || memcmp(k->header, head, k->nheader))
			return 0;
		k->nheader &= 7;
		return 1;
	}
	if (k->nheader < AMQP_HEADER)
		return 1;
	k->nheader = 0;
	if (!amqp_is_frame(k->header))
		return 0;
	k->left = be32(k->header + 3);
	k->at = k->nids = k->context = 0;
	k->format = NULL;
	k->where = k->header[0] == AMQP_METHOD	  ? IN_METHOD
		   : k->header[0] == AMQP_CONTENT ? IN_CONTENT
		   : k->header[0] == AMQP_BODY	  ? IN_BODY
						  : IN_END;
	return 1;
}

static uint8_t argument_byte(struct mask *k, uint8_t c)
{
	uint8_t out = c;

	if (!k->format || !*k->format)
		return 'x';
	if (k->in_string) {
		k->blank |= c == ' ';
		if (*k->format == 'S' && k->blank)
			out = c == ' ' ? c : 'x';
	} else if (*k->format == 's' || *k->format == 'S') {
		k->n = c;
		k->in_string = 1;
		k->blank = 0;
		if (k->n)
			return c;
		k->n = 1;
	} else if (!k->n) {
		k->n = (uint32_t)(*k->format - '0');
	}
	if (--k->n)
		return out;
	k->in_string = 0;
	k->format++;
	return out;
}

static uint8_t method_byte(struct mask *k, uint8_t c)
{
	const struct amqp_method *d;

	if (k->nids == 4)
		return argument_byte(k, c);
	k->ids[k->nids++] = c;
	if (k->nids < 4)
		return c;
	d = amqp_method(be16(k->ids), be16(k->ids + 2),
			k->server ? FROM_SERVER : FROM_CLIENT);
	k->format = d ? d->format : NULL;
	k->in_string = 0;
	k->n = 0;
	return c;
}

static int mask_byte(struct mask *k, uint8_t *p)
{
	switch (k->where) {
	case IN_HEADER: return header_byte(k, *p);
	case IN_METHOD: *p = method_byte(k, *p); break;
	case IN_CONTENT:
		*p = k->at++ < 12 ? *p : trace_context_mask(&k->context, AMQP_CONTEXT, *p);
		break;
	case IN_BODY: *p = 'x'; break;
	default: k->where = IN_HEADER; return *p == AMQP_END;
	}
	if (!--k->left)
		k->where = IN_END;
	return 1;
}

static void mask_begin(void *state, enum sender from, unsigned flags)
{
	struct mask *k = state;

	(void)flags;
	memset(k, 0, sizeof(*k));
	k->server = from == FROM_SERVER;
}

static size_t mask_feed(void *state, struct mask_shared *both, uint8_t *p, size_t n)
{
	struct mask *k = state;

	(void)both;
	for (size_t i = 0; i < n; i++)
		if (k->lost || !mask_byte(k, p + i)) {
			k->lost = 1;
			return i;
		}
	return n;
}

static int mask_gap(void *state, struct mask_shared *both, uint64_t n)
{
	struct mask *k = state;

	(void)both;
	if (k->lost || k->where != IN_BODY || n > k->left) {
		k->lost = 1;
		return 0;
	}
	k->left -= (uint32_t)n;
	if (!k->left)
		k->where = IN_END;
	return 1;
}

const struct protocol_mask amqp_mask = {
	.state_size = sizeof(struct mask),
	.begin = mask_begin,
	.feed = mask_feed,
	.gap = mask_gap,
};
