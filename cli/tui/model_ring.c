#include "cli/tui/model_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPAN_LEAST 512u /* bytes: no span is smaller, so that slots suffice */
#define SPANS_LEAST 1024u

/* ---- a part: records in an arena, of which the oldest are overwritten */

static void part_release(struct ring_part *p)
{
	free(p->arena);
	free(p->slots);
	p->arena = NULL;
	p->slots = NULL;
	p->head = 0;
	p->first = p->end;
}

static int part_allocate(struct ring_part *p)
{
	if (!p->arena)
		p->arena = aligned_alloc(16, p->bytes);
	if (!p->slots)
		p->slots = calloc(p->cap, sizeof(*p->slots));
	return p->arena && p->slots ? 0 : -ENOMEM;
}

static struct ring_slot *part_slot(const struct ring_part *p, uint64_t index)
{
	return &p->slots[index & (p->cap - 1)];
}

static const struct span *part_span(const struct ring_part *p, const struct ring_slot *slot)
{
	return (const struct span *)(const void *)(p->arena + slot->off);
}

/* The oldest one lies in the way of RING_RECORD_MAX bytes at the head, or is one too many. */
static int part_full(struct ring_part *p)
{
	const struct ring_slot *s;

	if (p->first == p->end)
		return 0;
	if (p->end - p->first == p->cap)
		return 1;
	s = part_slot(p, p->first);
	if (p->head > p->bytes - RING_RECORD_MAX) {
		/* the records behind the head are older than those at the start */
		if (s->off >= p->head)
			return 1;
		p->head = 0;
	}
	return s->off < p->head + RING_RECORD_MAX && s->off + s->len > p->head;
}

/* There is room. */
static struct ring_slot *part_add(struct ring_part *p, const struct span *s)
{
	struct ring_slot *slot;

	if (p->head > p->bytes - RING_RECORD_MAX)
		p->head = 0;
	slot = part_slot(p, p->end++);
	slot->off = p->head;
	slot->len = (uint32_t)span_copy(p->arena + p->head, RING_RECORD_MAX - 16, s);
	slot->len = (slot->len + 15u) & ~15u;
	p->head += slot->len;
	return slot;
}

/* ---- size */

static uint32_t power_of_two(uint64_t least)
{
	uint32_t cap = SPANS_LEAST;

	while (cap < least && cap < RING_SPANS_MAX)
		cap *= 2;
	return cap;
}

static void part_size(struct ring_part *p, uint64_t memory, uint32_t spans)
{
	p->cap = power_of_two(memory / SPAN_LEAST / 2 + 1);
	if (spans && p->cap > spans)
		p->cap = power_of_two(spans);
	p->bytes = (uint32_t)(memory - p->cap * sizeof(struct ring_slot)) & ~15u;
}

static void set_size(struct span_ring *r, uint64_t memory, uint32_t spans)
{
	if (!memory)
		memory = spans ? 2ull * power_of_two(spans) * RING_SPAN_BYTES : RING_MEMORY;
	memory = memory < RING_MEMORY_LEAST ? RING_MEMORY_LEAST : memory;
	r->memory = memory > RING_MEMORY_MOST ? RING_MEMORY_MOST : memory;
	part_size(&r->latest, r->memory / 2, spans);
	part_size(&r->longer, r->memory / 2, spans);
}

void ring_init(struct span_ring *r)
{
	memset(r, 0, sizeof(*r));
	set_size(r, 0, 0);
}

void ring_release(struct span_ring *r)
{
	part_release(&r->latest);
	part_release(&r->longer);
	free(r->traces);
	r->traces = NULL;
	r->hidden = r->latest.first;
	r->hidden_longer = r->longer.first;
}

/* ---- what is seen */

void ring_hide(struct span_ring *r, int hide)
{
	if (hide && r->latest.first < r->hidden)
		r->latest.first = r->hidden;
	if (hide && r->longer.first < r->hidden_longer)
		r->longer.first = r->hidden_longer;
	r->hidden = hide ? r->latest.end : r->latest.first;
	r->hidden_longer = hide ? r->longer.end : r->longer.first;
}

void ring_clear(struct span_ring *r)
{
	r->latest.first = r->latest.end;
	r->longer.first = r->longer.end;
	r->latest.head = r->longer.head = 0;
	ring_hide(r, 1);
}

static uint64_t seen_from(const struct ring_part *p, uint64_t hidden)
{
	return p->first > hidden ? p->first : hidden;
}

uint32_t ring_longer(const struct span_ring *r)
{
	return (uint32_t)(r->longer.end - seen_from(&r->longer, r->hidden_longer));
}

uint32_t ring_count(const struct span_ring *r)
{
	return ring_longer(r) + (uint32_t)(r->latest.end - seen_from(&r->latest, r->hidden));
}

/* Where the position is: its part, with the index in it. */
static const struct ring_part *part_at(const struct span_ring *r, uint32_t position,
				       uint64_t *index)
{
	uint32_t longer = ring_longer(r);

	if (position < longer) {
		*index = seen_from(&r->longer, r->hidden_longer) + position;
		return &r->longer;
	}
	*index = seen_from(&r->latest, r->hidden) + (position - longer);
	return &r->latest;
}

struct ring_slot *ring_slot(const struct span_ring *r, uint32_t position)
{
	uint64_t index;
	const struct ring_part *p = part_at(r, position, &index);

	return part_slot(p, index);
}

const struct span *ring_span(const struct span_ring *r, uint32_t position)
{
	uint64_t index;
	const struct ring_part *p = part_at(r, position, &index);

	return part_span(p, part_slot(p, index));
}

uint32_t ring_find(const struct span_ring *r, uint64_t number)
{
	uint32_t low = 0, high = ring_count(r), mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (ring_slot(r, mid)->number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low < ring_count(r) && ring_slot(r, low)->number == number ? low : RING_NONE;
}

const struct span *ring_get(const struct span_ring *r, uint64_t number)
{
	uint32_t position = ring_find(r, number);

	return position == RING_NONE ? NULL : ring_span(r, position);
}

/* ---- what comes, and where it goes */

static uint32_t trace_hash(const struct span *s)
{
	uint32_t v[4], h;

	memcpy(v, s->trace_id, sizeof(v));
	h = v[0] ^ v[1] * 0x9e3779b9u ^ v[2] * 0x85ebca6bu ^ v[3] * 0xc2b2ae35u;
	return h ? h : 1;
}

static uint32_t *trace_place(const struct span_ring *r, uint32_t hash)
{
	return &r->traces[hash * 0x9e3779b9u >> 8 & (RING_TRACES - 1)];
}

/* Out of memory: it is not kept for longer, and that is all. */
static void put_longer(struct span_ring *r, const struct ring_slot *from, const struct span *s,
		       uint64_t number)
{
	struct ring_slot *to;

	if (!r->longer.arena && part_allocate(&r->longer))
		return;
	while (part_full(&r->longer))
		r->longer.first++;
	to = part_add(&r->longer, s);
	to->number = number;
	to->trace = from->trace;
	to->shown = from->shown;
	to->notable = from->notable;
}

/* The oldest of the latest makes room. What is hidden goes. */
static void drop_first(struct span_ring *r)
{
	struct ring_part *p = &r->latest;
	const struct ring_slot *slot = part_slot(p, p->first);

	if (p->first >= r->hidden &&
	    (slot->notable || *trace_place(r, slot->trace) == slot->trace))
		put_longer(r, slot, part_span(p, slot), slot->number);
	p->first++;
}

static int allocate(struct span_ring *r)
{
	if (!r->traces)
		r->traces = calloc(RING_TRACES, sizeof(*r->traces));
	return r->traces ? part_allocate(&r->latest) : -ENOMEM;
}

uint64_t ring_add(struct span_ring *r, const struct span *s, int shown, int notable)
{
	struct ring_slot *slot;

	if (!r->latest.arena && allocate(r))
		return UINT64_MAX;
	if (!r->latest.slots)
		return UINT64_MAX;
	while (part_full(&r->latest))
		drop_first(r);
	slot = part_add(&r->latest, s);
	slot->number = r->end;
	slot->shown = shown != 0;
	slot->notable = notable != 0;
	slot->trace = trace_hash(s);
	if (notable)
		*trace_place(r, slot->trace) = slot->trace;
	r->words |= s->protocol->status != NULL;
	return r->end++;
}

void ring_append(struct span_ring *r, const struct span_ring *from)
{
	uint64_t base = r->end;
	uint32_t longer = ring_longer(from), n = ring_count(from), i;

	/* what is not all that came is not among the latest */
	while (from->latest.first && r->latest.first < r->latest.end)
		drop_first(r);
	for (i = 0; i < n; i++) {
		const struct ring_slot *slot = ring_slot(from, i);

		r->end = base + slot->number;
		if (i < longer)
			put_longer(r, slot, ring_span(from, i), r->end);
		else
			ring_add(r, ring_span(from, i), slot->shown, slot->notable);
	}
	r->words |= from->words;
	r->end = base + from->end;
}

int ring_set_size(struct span_ring *r, uint64_t memory, uint32_t spans)
{
	struct span_ring to;

	memset(&to, 0, sizeof(to));
	set_size(&to, memory, spans);
	if (r->latest.arena) {
		if (allocate(&to)) {
			ring_release(&to);
			return -ENOMEM;
		}
		memcpy(to.traces, r->traces, RING_TRACES * sizeof(*r->traces));
		ring_append(&to, r);
	}
	ring_release(r);
	*r = to;
	return 0;
}
