#include "cli/tui/model_ring.h"

#include <stdlib.h>
#include <string.h>

void ring_init(struct span_ring *r)
{
	memset(r, 0, sizeof(*r));
	ring_set_size(r, 0);
}

void ring_set_size(struct span_ring *r, uint32_t spans)
{
	uint32_t cap = 1024;

	spans = spans ? spans : RING_SPANS;
	while (cap < spans && cap < RING_SPANS_MAX)
		cap *= 2;
	r->cap = cap;
	r->bytes = cap * RING_SPAN_BYTES;
}

void ring_release(struct span_ring *r)
{
	free(r->arena);
	free(r->slots);
	ring_init(r);
}

void ring_clear(struct span_ring *r)
{
	r->first = r->end;
	r->head = 0;
}

static int allocate(struct span_ring *r)
{
	if (!r->arena)
		r->arena = aligned_alloc(16, r->bytes);
	if (!r->slots)
		r->slots = calloc(r->cap, sizeof(*r->slots));
	return r->arena && r->slots ? 0 : -1;
}

/* Drops what lies in the way of RING_RECORD_MAX octets at the head. */
static void make_room(struct span_ring *r)
{
	if (r->end - r->first == r->cap)
		r->first++;
	if (r->head > r->bytes - RING_RECORD_MAX) {
		/* the records behind the head are older than those at the start */
		while (r->first < r->end && ring_slot(r, r->first)->off >= r->head)
			r->first++;
		r->head = 0;
	}
	while (r->first < r->end) {
		const struct ring_slot *s = ring_slot(r, r->first);

		if (s->off >= r->head + RING_RECORD_MAX || s->off + s->len <= r->head)
			break;
		r->first++;
	}
}

uint64_t ring_add(struct span_ring *r, const struct span *s, int shown)
{
	struct ring_slot *slot;

	if (!r->arena && allocate(r))
		return UINT64_MAX;
	if (!r->slots)
		return UINT64_MAX;
	make_room(r);
	slot = ring_slot(r, r->end);
	slot->off = r->head;
	slot->len = (uint32_t)span_copy(r->arena + r->head, RING_RECORD_MAX - 16, s);
	slot->len = (slot->len + 15u) & ~15u;
	slot->shown = shown != 0;
	r->words |= s->protocol->status != NULL;
	r->head += slot->len;
	return r->end++;
}

const struct span *ring_get(const struct span_ring *r, uint64_t number)
{
	if (number < r->first || number >= r->end)
		return NULL;
	return (const struct span *)(const void *)(r->arena + ring_slot(r, number)->off);
}
