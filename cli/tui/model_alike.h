/*
 * model_alike.h - traces that are alike, as one: how many, and how each of their hops scatters
 *
 * Traces are alike if their roots are: same process, kind, method and route. Below, spans are one
 * hop if they are called likewise, from the same hop: so hops make a tree, too. Calls of which one
 * trace has several (a loop over a database) are one hop that counts them all.
 *
 * By service, hops make no tree: what a service is asked is one, and what it asks of another one is
 * one. Their own times add up to all the time that there was, so each has a share of it.
 */
#ifndef ZC_CLI_TUI_MODEL_ALIKE_H
#define ZC_CLI_TUI_MODEL_ALIKE_H

#include "cli/tui/model_trace.h"
#include "core/hist.h"

#define ALIKE_HOPS 1000u /* in all; what has no room is counted in `left_out` */

struct alike_hop {
	uint64_t key;
	uint32_t root;		      /* hop */
	uint32_t parent, child, next; /* hops, as they came; TRACE_NONE: none */
	uint8_t depth;
	const struct span *span;    /* one of them; borrowed */
	const struct span *slowest; /* the one that took longest, if any duration is known */
	uint64_t count, errors;
	uint64_t network; /* nanoseconds of self in which the network kept bytes back */
	struct hist total, self; /* durations; without the calls behind it */
};

struct alike {
	struct alike_hop *hop; /* ALIKE_HOPS of them, allocated when first needed */
	uint32_t n;
	uint32_t first; /* root; the others by next */
	uint64_t traces, left_out;
	uint64_t self; /* nanoseconds that hops worked themselves, together */
	int by_service;
};

void alike_release(struct alike *a);

/*
 * Of the traces that are shown and ended at `since` (wall clock) or later; 0: of all. 0 or -ENOMEM:
 * empty then. Borrows spans as t does.
 */
int alike_build(struct alike *a, const struct traces *t, uint64_t since, int by_service);

/* The hop after i in the order of the tree; TRACE_NONE: it was the last of its root. */
uint32_t alike_next(const struct alike *a, uint32_t i);

#endif
