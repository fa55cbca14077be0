/*
 * shares.h - whose time it was: what each service worked itself, and what it waited for others
 *
 * A hop is a service as it is asked, or one service asking another. Its own time is that of its
 * spans without the calls that they caused, and without what the network kept back of it, which is
 * a hop of its own; all of them together are all the time there was, so each has a share. Spans
 * come in any order, a parent mostly after what it called.
 *
 * Bounded: SHARES_SPANS spans are remembered, the latest used; what is called by one that is not
 * any more stays in the time of its caller. Of one span, the last SHARES_GAPS times that it waited
 * are told apart exactly.
 */
#ifndef ZC_SINKS_SHARES_H
#define ZC_SINKS_SHARES_H

#include "core/span.h"
#include "sinks/out.h"

#define SHARES_SPANS 16384u
#define SHARES_GAPS 4u
#define SHARES_HOPS 64u /* what finds no room counts in none */

struct shares;

struct shares *shares__new(void); /* NULL: out of memory */
void shares__free(struct shares *s);
void shares__add(struct shares *s, const struct span *span);

/* A heading and a line for each hop, the largest share first, in so many columns at most. */
void shares__put(struct shares *s, struct out *o, int columns);

#endif
