/*
 * withheld.h - content that is not sent
 *
 * A request with Expect: 100-continue whose final response comes before its content (RFC 9110
 * section 10.1.1) may be followed by its content or by the next request in its place.
 * What comes then begins like a request, or it is content. Content may look like requests, too:
 * then one more begins where it ends. Until this is told, such a request waits as conn.withheld,
 * what seems to follow it is queued behind it, and nothing of it is shown.
 */
#ifndef ZC_CORE_WITHHELD_H
#define ZC_CORE_WITHHELD_H

#include "core/conn.h"
#include "core/exchange.h"

/* May x be answered instead of its content? Not all of its head may have been seen. */
static inline int withheld_may(const struct exchange *x)
{
	return x->waits || x->incomplete & SPAN_TRUNCATED_HEAD;
}

/*
 * The request that is read in h, or c->withheld, was answered early. n octets are at p, the first
 * of them at position pos; off have been parsed. How many may be parsed now, so that its end can be
 * told.
 */
size_t withheld_limit(struct conn *c, struct half *h, const uint8_t *p, size_t n, size_t off,
		      uint64_t pos);

/*
 * The same where what begins before that limit does not end before it. Returns how many of the
 * octets are done with; n: wait for more.
 */
size_t withheld_in_head(struct conn *c, const uint8_t *p, size_t n, size_t off, uint64_t pos);

/*
 * It turned out whether the content of c->withheld came: then what is at pos is in it or behind it.
 */
void withheld_settle(struct conn *c, uint64_t pos, int came);

/* It cannot be told: it and what is queued behind it say why. */
void withheld_doubt(struct conn *c, uint32_t why);

/*
 * What comes before pos is no message. Then it is content, unless its client has received something
 * since: if so, nothing is withheld any more, and doubts remain.
 */
int withheld_garbage(struct conn *c, const struct half *h, uint64_t pos);

/* Up to where requests have been parsed. */
uint64_t withheld_pos(const struct conn *c);

void withheld_answered(struct conn *c, uint64_t pos); /* another response begins */
/*
 * The same, and what its client had received was lost, which may have asked for the content: it
 * stays open, in doubt.
 */
void withheld_undecided(struct conn *c, uint64_t pos);
void withheld_end(struct conn *c, uint64_t pos);      /* a direction has ended */

#endif
