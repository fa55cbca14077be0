/*
 * keyed.h - the exchanges of a connection by the key of their messages, for PAIRING_BY_KEY
 *
 * Such exchanges are in the connection's queue as all others are, and in a table beside it. A
 * response belongs to the request that has its key, and to no other: what was lost before or
 * between them makes nothing doubtful, unless both an answer and a later request with the same key
 * may have been among it. So of a response whose request was not seen that is said, and a request
 * whose answer was not seen stays until nothing can come for it any more.
 *
 * At most PAIRING_MAX_QUEUE requests are open; beyond, the oldest ends, and its span says that its
 * response was not seen.
 */
#ifndef ZC_CORE_KEYED_H
#define ZC_CORE_KEYED_H

#include "core/conn.h"
#include "core/exchange.h"

/* How long a request that was open when responses were lost is waited for. */
#define KEYED_DOUBT 5000000000ull /* ns */

/*
 * Messages are known from pos on in mine, and of the other direction from what waits there: what
 * was said before may have answered. 0: no memory.
 */
int keyed_begin(struct conn *c, const struct half *mine, uint64_t pos);
void keyed_release(struct conn *c);

/* x, with its key, is about to be queued. An older one of that key must have been taken out. */
void keyed_add(struct conn *c, struct exchange *x);
struct exchange *keyed_drop(struct conn *c, struct exchange *x); /* no longer queued; x */

/* The request with that key; NULL: there is none, or form, which the response tells if it is not 0,
 * is another one. */
struct exchange *keyed_find(const struct conn *c, uint64_t key, uint32_t form);

/* What m, which h sends at pos, answers; not what was sent after m had come. */
struct exchange *keyed_answered(const struct conn *c, const struct half *h,
				const struct message *m, uint64_t pos);

/* m, which h sends at pos, answers a request, but none that was seen. */
void keyed_stray(struct conn *c, const struct half *h, const struct message *m, uint64_t pos);

/*
 * Of x, which is being answered: as keys are used again, it may be the answer to a later one. That
 * is so if both x's answer and that request may have been lost. SPAN_* of what was.
 */
uint32_t keyed_doubt(const struct conn *c, const struct exchange *x);

/* Of what h sends at that time, and may answer, but nothing that was seen: SPAN_*, why that is. */
uint32_t keyed_unasked(const struct conn *c, const struct half *h, uint64_t time);

/* What h sent up to pos was lost: what the other side asked, and is open, may have its answer. */
void keyed_lost(struct conn *c, const struct half *h, uint64_t pos, uint32_t why);

#endif
