/*
 * model_ring.h - spans, copied, in bounded memory: the latest, and for longer what may matter
 *
 * A span and all its strings lie in one record of an arena; a new record overwrites the oldest
 * ones. There are two such parts, of half the memory each. All spans go to the latest; what is
 * overwritten there goes on to the other part if it was `notable` or of the trace of one that was.
 * So an ordinary span does not push out a slow one of ten minutes ago. Header fields and content
 * of a span that do not fit into RING_RECORD_MAX are cut.
 *
 * Spans are numbered from 0 in the order in which they came; a number is never used again, so it
 * serves as the identity of a row on the screen. Those that are kept have positions, too, in the
 * same order: 0 to ring_count() - 1, of which those before ring_longer() are not the latest, and
 * not all that came in their time.
 */
#ifndef ZC_CLI_TUI_MODEL_RING_H
#define ZC_CLI_TUI_MODEL_RING_H

#include <stddef.h>
#include <stdint.h>
#include "core/span_copy.h"

#define RING_MEMORY (64ull << 20) /* if nothing else is asked for */
#define RING_MEMORY_LEAST (1ull << 20)
#define RING_MEMORY_MOST (4ull << 30)
#define RING_SPANS_MAX (1u << 21)
#define RING_SPAN_BYTES 1024u /* so much memory follows from a number of spans */
#define RING_RECORD_MAX SPAN_COPY_LEAST
#define RING_TRACES 16384u /* of notable spans, that are remembered; a power of two */
#define RING_NONE UINT32_MAX

struct ring_slot {
	uint64_t number;
	uint32_t off, len; /* of the record in the arena */
	uint32_t trace;	   /* hash of its id; never 0 */
	uint8_t shown;	   /* passes the filter of the model */
	uint8_t notable;
};

struct ring_part {
	char *arena; /* allocated with the first span, as is the next */
	struct ring_slot *slots;
	uint32_t head;	     /* where the next record goes */
	uint32_t cap, bytes; /* spans, a power of two, and the arena's size */
	uint64_t first, end; /* first <= index of a slot < end */
};

struct span_ring {
	struct ring_part latest, longer;
	uint64_t end;	  /* the number of the next span */
	uint64_t hidden, hidden_longer; /* indexes in each part before which nothing is seen */
	uint64_t memory;  /* both parts, with their slots */
	uint32_t *traces; /* hashes of traces that are kept for longer */
	int words; /* statuses of some are words: columns need more room */
};

void ring_init(struct span_ring *r);
/*
 * How much is kept: at most so many bytes, and so many of the latest spans, rounded up to a power
 * of two. 0: RING_MEMORY, or what the number of spans needs; 0 spans: as many as there is memory
 * for. What is kept stays, as far as there is room. 0, or -ENOMEM: all is as it was.
 */
int ring_set_size(struct span_ring *r, uint64_t memory, uint32_t spans);
void ring_release(struct span_ring *r); /* empty, of the same size */

/*
 * Nothing of what is kept is seen any more, until the opposite is asked for; what was hidden before
 * is gone. Numbers go on.
 */
void ring_hide(struct span_ring *r, int hide);
void ring_clear(struct span_ring *r); /* for good */

/* Copies s. Its number, or UINT64_MAX: out of memory. */
uint64_t ring_add(struct span_ring *r, const struct span *s, int shown, int notable);

/* Adds what another one keeps, whose spans came later. */
void ring_append(struct span_ring *r, const struct span_ring *from);

/* How many are kept and seen; of these, those that are not the latest. */
uint32_t ring_count(const struct span_ring *r);
uint32_t ring_longer(const struct span_ring *r);

/* By position. Spans are borrowed until the next ring_add. */
struct ring_slot *ring_slot(const struct span_ring *r, uint32_t position);
const struct span *ring_span(const struct span_ring *r, uint32_t position);

/* The position of a number; RING_NONE: it is no longer kept. */
uint32_t ring_find(const struct span_ring *r, uint64_t number);

/* The span of that number, or NULL. */
const struct span *ring_get(const struct span_ring *r, uint64_t number);

#endif
