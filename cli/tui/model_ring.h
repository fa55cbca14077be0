/*
 * model_ring.h - the latest spans, copied, in bounded memory
 *
 * A span and all its strings lie in one record of an arena; a new record overwrites the oldest
 * ones. At most `cap` spans and `bytes` octets are kept; header fields and content of a
 * span that do not fit into RING_RECORD_MAX are cut.
 *
 * Spans are numbered from 0 in the order in which they came; a number is never used again, so it
 * serves as the identity of a row on the screen.
 */
#ifndef ZC_CLI_TUI_MODEL_RING_H
#define ZC_CLI_TUI_MODEL_RING_H

#include <stddef.h>
#include <stdint.h>
#include "core/span_copy.h"

#define RING_SPANS 16384u /* if nothing else is asked for; a power of two */
#define RING_SPANS_MAX (1u << 21)
#define RING_SPAN_BYTES 1024u /* on average */
#define RING_RECORD_MAX SPAN_COPY_LEAST

struct ring_slot {
	uint32_t off, len; /* of the record in the arena */
	uint8_t shown;	   /* passes the filter of the model */
};

struct span_ring {
	char *arena; /* allocated with the first span */
	struct ring_slot *slots;
	uint32_t head; /* where the next record goes */
	uint64_t first, end; /* numbers of the spans kept: first <= number < end */
	uint32_t cap, bytes; /* spans, a power of two, and octets that are kept at most */
	int words; /* statuses of some are words: columns need more room */
};

void ring_init(struct span_ring *r);
/* spans: how many are kept, rounded up to a power of two; 0: RING_SPANS. Before the first one. */
void ring_set_size(struct span_ring *r, uint32_t spans);
void ring_release(struct span_ring *r);
void ring_clear(struct span_ring *r); /* numbers go on */

/* Copies s. Its number, or UINT64_MAX: out of memory. */
uint64_t ring_add(struct span_ring *r, const struct span *s, int shown);

/* The span of that number, borrowed until the next ring_add; NULL: no longer kept. */
const struct span *ring_get(const struct span_ring *r, uint64_t number);

static inline struct ring_slot *ring_slot(const struct span_ring *r, uint64_t number)
{
	return &r->slots[number & (r->cap - 1)];
}

#endif
