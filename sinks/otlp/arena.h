/*
 * arena.h - memory for one batch: many small pieces, all let go at once
 *
 * The messages of a batch point at each other and at copies of strings; they live until the batch
 * is encoded. Blocks stay for the next batch, so in the long run nothing is allocated.
 */
#ifndef ZC_SINKS_OTLP_ARENA_H
#define ZC_SINKS_OTLP_ARENA_H

#include <stddef.h>
#include "parsers/parser.h" /* struct str */

struct arena_block;

/* All zero is an empty one. */
struct arena {
	struct arena_block *first, *at;
	size_t used;   /* of the block `at` */
	size_t total;  /* given out since the last reset */
	int exhausted; /* a piece could not be had: what was built is not whole */
};

/* n bytes, zeroed, aligned for anything; NULL: out of memory, and `exhausted` is set. */
void *arena_get(struct arena *a, size_t n);

/* A copy that ends with NUL and is valid UTF-8; NULL as above. */
char *arena_text(struct arena *a, struct str s);
char *arena_cstr(struct arena *a, const char *s);

void *arena_copy(struct arena *a, const void *p, size_t n);

void arena_reset(struct arena *a);   /* keeps the memory */
void arena_release(struct arena *a); /* frees it */

#endif
