/*
 * doubted.h - exchanges that are complete, and of which it is in doubt whether they belong together
 *
 * What comes behind them may show that they do: where one pair is certain, so are those before it,
 * with nothing lost, passed over or left alone in between. That nothing comes may show it, too. So
 * in captures, where nobody waits, they are kept for a while, those of a connection in order. What
 * ends such a row, see certainty.h, and everything else of the connection lets go of them first.
 */
#ifndef ZC_CORE_DOUBTED_H
#define ZC_CORE_DOUBTED_H

#include "core/conn.h"

#define DOUBTED_MAX 64u		 /* of a connection */
#define DOUBTED_TIME 3000000000ull /* ns: so long a row waits behind the last of it */
#define DOUBTED_AGE 10000000000ull /* ns: when the first of it is as old, no more is added */

/* Keeps x, if its doubt is x->suspect, or that its connection was joined at it; else returns 0. */
int doubted_add(struct conn *c, struct exchange *x);

/* Which of them are right after all. */
enum doubted_proof {
	DOUBTED_NONE,
	DOUBTED_SOUND, /* about which both directions agree, each for itself */
	DOUBTED_DUE,   /* that began where messages were due, behind all that was lost */
	DOUBTED_BOTH,
};

/* They go on, as the spans that they are. */
void doubted_release(struct conn *c, enum doubted_proof proof);

/* What follows is no proof for those before it. */
void doubted_break(struct conn *c);

/* They are none. */
void doubted_drop(struct conn *c);

/* Those that have waited long enough. proof: what it shows that c was at rest since then. */
void doubted_tick(struct engine *e,
		  enum doubted_proof (*proof)(const struct conn *c, uint64_t since));

/* x, which is in no queue, goes on: to its span, or to wait for its reader. */
void doubted_pass(struct conn *c, struct exchange *x);

#endif
