/*
 * pairing_impl.h - private to pairing.c (bytes to messages), pairing_message.c (messages to
 * exchanges) and pairing_plain.c (the usual ones)
 */
#ifndef ZC_CORE_PAIRING_IMPL_H
#define ZC_CORE_PAIRING_IMPL_H

#include "core/engine_impl.h"
#include "parsers/protocol.h"

/* Why a message ends without its END. */
enum abort_reason {
	ABORT_BROKEN, /* what came cannot be understood */
	ABORT_GAP,    /* octets of it are missing here */
	ABORT_ENDED,  /* the connection ended */
};

static inline int is_request(const struct conn *c, const struct half *h)
{
	return h == &c->half[c->request_dir];
}

static inline enum sender sender_of(const struct conn *c, const struct half *h)
{
	return is_request(c, h) ? FROM_CLIENT : FROM_SERVER;
}

/* Is what is being read in h a request? Not what answers one that the server sent. */
static inline int asks(const struct conn *c, const struct half *h)
{
	return is_request(c, h) != (h->x && h->x->reversed);
}

static inline uint64_t pairing_parser_unneeded(const struct conn *c, const struct half *h)
{
	return c->protocol->unneeded(c->state, sender_of(c, h));
}

/* Do the n bytes at p begin a request beyond doubt? What is left of another one does not. */
static inline enum probe_result pairing_begins(const struct conn *c, const uint8_t *p, size_t n)
{
	unsigned client = c->request_dir;
	struct probe in = {.p = p, .n = n, .dir = client, .client = client, .joined = 1};

	return c->protocol->probe(&in, &client);
}

/* ---- pairing_message.c. pos: behind what has been consumed of h */

/* What may begin at pos of the responses answers this: the parser is told. */
void pairing_expect_answer(struct conn *c, struct half *h, uint64_t pos);

static inline void pairing_expect(struct conn *c, struct half *h, uint64_t pos)
{
	if (!h->in_message && !is_request(c, h) && !c->keyed)
		pairing_expect_answer(c, h, pos);
}

void pairing_message(struct conn *c, struct half *h, const struct message *m, uint64_t pos);

/* A head of which parts are missing, from `begin` to pos: what is known becomes an exchange. */
void pairing_torn(struct conn *c, struct half *h, const struct message *m, uint64_t pos,
		  uint64_t begin, enum reasm_gap why);

/* The message that is being read in h ends without its END. */
void pairing_abort_request(struct conn *c, struct half *h, uint64_t pos, enum abort_reason why);
void pairing_abort_response(struct conn *c, struct half *h, uint64_t pos, enum abort_reason why,
			    uint64_t time);

/* The connection ended before x had its response, or seems to have. */
void pairing_abort(struct conn *c, struct exchange *x, uint64_t time);

/* Ends one exchange, all whose messages are not complete; counts what was read of these. */
void pairing_end_one(struct conn *c, struct exchange *x, enum conn_end why);
void pairing_end_open(struct conn *c, enum conn_end why);
void pairing_count_partial(struct conn *c);

/* ---- pairing_plain.c */

/*
 * Is nothing of c in doubt, no message of h being read, and nothing under way that makes the next
 * one mean more than it says?
 */
static inline int pairing_is_plain(const struct conn *c, const struct half *h)
{
	uint64_t any = c->unusual | c->req_gap | c->doubt | h->unusual;

	any |= (uintptr_t)c->keyed | (uintptr_t)c->withheld | (uintptr_t)c->early;
	any |= (uintptr_t)c->upgraded | (uintptr_t)c->doubted_head | (uintptr_t)h->x;
	return !any && c->nexchanges > 1 && !c->engine->opt.no_plain;
}

/*
 * As pairing_message(), of a message of which nothing has come before, where pairing_is_plain(). 0:
 * it is no usual one, and nothing was done.
 */
int pairing_plain(struct conn *c, struct half *h, const struct message *m, uint64_t pos);

#endif
