#include "cli/tui/model_trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/trace_tree.h"

/* Beyond this many calls in a row, the path is marked no further back. */
#define CRITICAL_CHILDREN 256

#define ALIKE_KINDS 16 /* of calls of one span, that are looked for */

static uint64_t first_bytes(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v * 0x9e3779b97f4a7c15ull;
}

void traces_init(struct traces *t)
{
	memset(t, 0, sizeof(*t));
}

void traces_release(struct traces *t)
{
	free(t->trace);
	free(t->node);
	free(t->table);
	traces_init(t);
}

/* Two open-addressing tables in one block: traces by id, spans by (trace, span id). */
static uint32_t table_size(const struct traces *t)
{
	return t->cap * 2;
}

static int allocate(struct traces *t, uint32_t spans)
{
	uint32_t cap = t->cap ? t->cap : 1024;

	while (cap < spans)
		cap *= 2;
	if (t->cap != cap)
		traces_release(t);
	t->cap = cap;
	if (!t->trace)
		t->trace = calloc(cap, sizeof(*t->trace));
	if (!t->node)
		t->node = calloc(cap, sizeof(*t->node));
	if (!t->table)
		t->table = calloc(2 * table_size(t), sizeof(*t->table));
	return t->trace && t->node && t->table ? 0 : -ENOMEM;
}

static uint32_t trace_of(struct traces *t, const struct span *s)
{
	uint64_t h = first_bytes(s->trace_id) ^ first_bytes(s->trace_id + 8) >> 7;
	uint32_t i = (uint32_t)(h >> 20) % table_size(t);

	for (; t->table[i]; i = (i + 1) % table_size(t)) {
		uint32_t n = t->table[i] - 1;

		if (!memcmp(t->node[t->trace[n].root].span->trace_id, s->trace_id, TRACE_ID_LEN))
			return n;
	}
	t->table[i] = ++t->n;
	memset(&t->trace[t->n - 1], 0, sizeof(*t->trace));
	t->trace[t->n - 1].key = h;
	t->trace[t->n - 1].root = t->nnodes; /* any span of it, until the tree is built */
	t->trace[t->n - 1].start = UINT64_MAX;
	return t->n - 1;
}

static uint32_t *span_place(struct traces *t, uint32_t trace, const uint8_t id[SPAN_ID_LEN])
{
	uint32_t *table = t->table + table_size(t);
	uint32_t i = (uint32_t)(first_bytes(id) >> 24) % table_size(t);

	for (; table[i]; i = (i + 1) % table_size(t)) {
		const struct trace_node *n = &t->node[table[i] - 1];

		if (n->trace == trace && !memcmp(n->span->span_id, id, SPAN_ID_LEN))
			break;
	}
	return &table[i];
}

static void add_node(struct traces *t, const struct span_ring *r, uint32_t position)
{
	const struct span *s = ring_span(r, position);
	const struct ring_slot *slot = ring_slot(r, position);
	struct trace_node *n = &t->node[t->nnodes];
	struct trace *tr;
	uint32_t *place;

	n->number = slot->number;
	n->span = s;
	n->parent = n->child = n->next = TRACE_NONE;
	n->depth = n->critical = 0;
	n->first = TRACE_NONE;
	n->times = 0;
	n->trace = trace_of(t, s);
	tr = &t->trace[n->trace];
	tr->nodes++;
	tr->errors += s->error != SPAN_OK;
	tr->shown |= slot->shown;
	if (s->time_ns < tr->start)
		tr->start = s->time_ns;
	if (span_end(s) > tr->end)
		tr->end = span_end(s);
	place = span_place(t, n->trace, s->span_id);
	if (!*place)
		*place = t->nnodes + 1;
	t->nnodes++;
}

/* Is `a` at or above node n? Also true where the way up is too long: what is cut is a root. */
static int is_above(const struct traces *t, uint32_t a, uint32_t n)
{
	for (unsigned depth = 0; n != TRACE_NONE; n = t->node[n].parent)
		if (n == a || ++depth >= TRACE_MAX_DEPTH)
			return 1;
	return 0;
}

static void find_parent(struct traces *t, uint32_t i)
{
	struct trace_node *n = &t->node[i];
	uint32_t p;

	if (!n->span->has_parent)
		return;
	p = *span_place(t, n->trace, n->span->parent_id);
	if (p && !is_above(t, i, p - 1))
		n->parent = p - 1;
}

/* Before b in order of time; the number breaks ties. */
static int before(const struct trace_node *a, const struct trace_node *b)
{
	if (a->span->time_ns != b->span->time_ns)
		return a->span->time_ns < b->span->time_ns;
	return a->number < b->number;
}

/* Nodes come almost in order of time, the latest first, so the place is near the start. */
static void chain(struct traces *t, uint32_t *first, uint32_t i)
{
	uint32_t *at = first;

	while (*at != TRACE_NONE && before(&t->node[*at], &t->node[i]))
		at = &t->node[*at].next;
	t->node[i].next = *at;
	*at = i;
}

/*
 * What the end waited for: going back from the end of a span, the child that ended last before
 * that point, then the one that ended last before that child began, and so on.
 */
static void mark_critical(struct traces *t, uint32_t i)
{
	uint64_t until = span_end(t->node[i].span);

	t->node[i].critical = 1;
	for (unsigned n = 0; n < CRITICAL_CHILDREN; n++) {
		uint32_t best = TRACE_NONE;

		for (uint32_t c = t->node[i].child; c != TRACE_NONE; c = t->node[c].next) {
			uint64_t end = span_end(t->node[c].span);

			if (t->node[c].critical || end > until || t->node[c].span->time_ns >= until)
				continue;
			if (best == TRACE_NONE || end > span_end(t->node[best].span))
				best = c;
		}
		if (best == TRACE_NONE)
			return;
		until = t->node[best].span->time_ns;
		mark_critical(t, best);
	}
}

static void set_depths(struct traces *t, uint32_t root)
{
	for (uint32_t i = root; i != TRACE_NONE; i = traces_next(t, i, 0)) {
		uint32_t p = t->node[i].parent;

		t->node[i].depth = p == TRACE_NONE ? 0 : (uint8_t)(t->node[p].depth + 1);
	}
}

/* A call alone, or with its other end. */
static int is_plain(const struct traces *t, const struct trace_node *n)
{
	const struct trace_node *end = n->child == TRACE_NONE ? NULL : &t->node[n->child];

	return trace_call_plain(n->span, end ? end->span : NULL) &&
	       (!end || (end->child == TRACE_NONE && end->next == TRACE_NONE));
}

/* Which calls of node i are alike. */
static void mark_alike(struct traces *t, uint32_t i)
{
	uint32_t kind[ALIKE_KINDS];
	unsigned n = 0, k;

	for (uint32_t c = t->node[i].child; c != TRACE_NONE; c = t->node[c].next) {
		if (!is_plain(t, &t->node[c]))
			continue;
		for (k = 0; k < n; k++)
			if (trace_calls_alike(t->node[kind[k]].span, t->node[c].span))
				break;
		if (k == ALIKE_KINDS)
			continue;
		if (k == n)
			kind[n++] = c;
		t->node[c].first = kind[k];
		t->node[kind[k]].times++;
	}
	for (uint32_t c = t->node[i].child; c != TRACE_NONE; c = t->node[c].next) {
		uint32_t first = t->node[c].first;

		if (first != TRACE_NONE && t->node[first].times < TRACE_FOLD)
			t->node[c].first = TRACE_NONE;
	}
}

static void build_trees(struct traces *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		t->trace[i].root = TRACE_NONE;
	for (uint32_t i = t->nnodes; i-- > 0;) {
		uint32_t p = t->node[i].parent;

		chain(t, p == TRACE_NONE ? &t->trace[t->node[i].trace].root : &t->node[p].child, i);
	}
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t longest = t->trace[i].root;

		set_depths(t, t->trace[i].root);
		for (uint32_t r = longest; r != TRACE_NONE; r = t->node[r].next)
			if (span_end(t->node[r].span) > span_end(t->node[longest].span))
				longest = r;
		mark_critical(t, longest);
	}
	for (uint32_t i = 0; i < t->nnodes; i++)
		mark_alike(t, i);
}

int traces_build(struct traces *t, const struct span_ring *r)
{
	t->n = t->nnodes = 0;
	if (allocate(t, ring_count(r)))
		return -ENOMEM;
	memset(t->table, 0, 2 * table_size(t) * sizeof(*t->table));
	for (uint32_t i = 0; i < ring_count(r); i++)
		add_node(t, r, i);
	for (uint32_t i = 0; i < t->nnodes; i++)
		find_parent(t, i);
	build_trees(t);
	return 0;
}

uint32_t traces_next(const struct traces *t, uint32_t n, int fold)
{
	if (!fold && t->node[n].child != TRACE_NONE)
		return t->node[n].child;
	while (n != TRACE_NONE && t->node[n].next == TRACE_NONE)
		n = t->node[n].parent;
	return n == TRACE_NONE ? n : t->node[n].next;
}

uint32_t traces_next_alike(const struct traces *t, uint32_t i)
{
	uint32_t first = t->node[i].first;

	do
		i = t->node[i].next;
	while (i != TRACE_NONE && t->node[i].first != first);
	return i;
}

int traces_own_time(const struct traces *t, uint32_t i, uint64_t *at, uint64_t *until)
{
	uint64_t end = span_end(t->node[i].span);
	uint32_t c = t->node[i].child;

	for (; c != TRACE_NONE && t->node[c].span->time_ns <= *at; c = t->node[c].next)
		if (span_end(t->node[c].span) > *at)
			*at = span_end(t->node[c].span);
	*until = c == TRACE_NONE || t->node[c].span->time_ns > end ? end : t->node[c].span->time_ns;
	return *at < end;
}

uint64_t traces_self(const struct traces *t, uint32_t i)
{
	uint64_t at = t->node[i].span->time_ns, until, sum = 0;

	if (t->node[i].span->duration_ns == SPAN_UNKNOWN)
		return SPAN_UNKNOWN;
	for (; traces_own_time(t, i, &at, &until); at = until)
		sum += until - at;
	return sum;
}
