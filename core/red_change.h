/*
 * red_change.h - has a group become slower, or does it fail more often, and since when
 *
 * Compares the latest seconds of a row with what is older in its slices (red_past.h), five minutes
 * at most: with itself, not with a limit. A change has to be more than chance and more than
 * twofold, and is found as long as what it is compared with is remembered.
 */
#ifndef ZC_CORE_RED_CHANGE_H
#define ZC_CORE_RED_CHANGE_H

#include "core/red.h"

enum red_change_kind { RED_SLOWER, RED_FAILING, RED_REFUSED /* more 4xx */ };

struct red_change {
	enum red_change_kind kind;
	uint64_t since;		  /* wall clock, to five seconds */
	double before, after;	  /* p99 in nanoseconds, or the share of all, 0 to 1 */
	uint64_t nbefore, nafter; /* requests that it rests on */
};

/* 1: there is one, the clearest, in *c. r is a row of t, which has windows and was advanced. */
int red_change(const struct red *t, const struct red_row *r, struct red_change *c);

#endif
