/*
 * red_past.h - what a row of a RED table counted lately, in slices of time
 *
 * The latest RED_FINE seconds one by one, and the latest RED_COARSE times five seconds; so a window
 * of time is added up from slices, whatever came before. A slice holds the counts of its time and
 * its durations, packed: some hundred octets in a busy row, nothing where nothing came.
 *
 * Counting costs nothing: a slice is what the row has counted more than at the slice's begin, and
 * is made when its second is over.
 *
 * Private to red.c.
 */
#ifndef ZC_CORE_RED_PAST_H
#define ZC_CORE_RED_PAST_H

#include "core/red.h"

#define RED_FINE 16u /* a power of two, as is the next one */
#define RED_COARSE 64u

struct red_slice {
	uint32_t number; /* wall clock / the length of a slice */
	uint32_t n;
	struct red_counts counts;
	uint8_t packed[];
};

struct red_past {
	struct red_counts last; /* what the row had counted when its latest second was closed */
	struct hist last_durations;
	struct red_slice *fine[RED_FINE], *coarse[RED_COARSE];
};

/* Closes a second of the row: what it has counted since the last call. 0 or -ENOMEM. */
int red_past_close(struct red_row *r, uint64_t second);

/* Adds to r's slices those of f. What both have counted is the caller's. 0 or -ENOMEM. */
int red_past_merge(struct red_row *r, const struct red_row *f);

/* Adds what the slices of that length, first to last, hold. */
void red_past_add(const struct red_row *r, unsigned seconds, uint64_t first, uint64_t last,
		  struct red_counts *c, struct hist *d);

/* Adds what came since the last second was closed. */
void red_past_open(const struct red_row *r, struct red_counts *c, struct hist *d);

void red_past_free(struct red_row *r);

void red_counts_subtract(struct red_counts *from, const struct red_counts *c);

#endif
