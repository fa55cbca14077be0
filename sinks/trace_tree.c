#include "sinks/trace_tree.h"

#include <stdlib.h>
#include <string.h>

#include "parsers/attrs.h"

/* A call that ends so much after the span that made it did not hold it up. */
#define LATE_NS 50000u /* its reader may be slower than its answer */

static int is_child_of(const struct span *s, const struct span *parent)
{
	return s->has_parent && s != parent && !memcmp(s->parent_id, parent->span_id, SPAN_ID_LEN);
}

int trace_parent_missing(struct span *const *spans, int n)
{
	for (int i = 0; i < n; i++) {
		int found = !spans[i]->has_parent || !spans[i]->parent_here;

		for (int j = 0; j < n && !found; j++)
			found = is_child_of(spans[i], spans[j]);
		if (!found)
			return 1;
	}
	return 0;
}

/* Earlier ones first; of equals, the ones that contain the others. */
static int by_start(const void *a, const void *b)
{
	const struct trace_row *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->end != y->end)
		return x->end > y->end ? -1 : 1;
	return (x->span->kind == SPAN_SERVER) - (y->span->kind == SPAN_SERVER);
}

static int leads_to(const struct trace_tree *t, int from, int to)
{
	for (; from >= 0; from = t->row[from].parent)
		if (from == to)
			return 1;
	return 0;
}

static void find_parents(struct trace_tree *t)
{
	for (int i = 0; i < t->n; i++)
		for (int j = 0; j < t->n && t->row[i].parent < 0; j++)
			if (is_child_of(t->row[i].span, t->row[j].span) && !leads_to(t, j, i))
				t->row[i].parent = j;
}

/* From the last to the first, so that lists come out in order of start. */
static void make_lists(struct trace_tree *t)
{
	for (int i = t->n - 1; i >= 0; i--) {
		struct trace_row *r = &t->row[i];
		int *list = r->parent < 0 ? &t->root : &t->row[r->parent].child;

		r->sibling = *list;
		*list = i;
	}
	for (int i = 0; i < t->n; i++)
		for (int p = t->row[i].parent; p >= 0; p = t->row[p].parent)
			t->row[i].depth++;
}

/*
 * Did r wait for c until then? Not for a call that outlives it, nor for one beside the call that it
 * made then. The other end is always waited for.
 */
static int waited_for(const struct trace_row *r, const struct trace_row *c, uint64_t until)
{
	return r->span->kind == SPAN_CLIENT || c->end <= until + LATE_NS;
}

/* The child that ended last before `until`, of those that began before it. */
static int last_before(const struct trace_tree *t, const struct trace_row *r, uint64_t until)
{
	int best = -1;

	for (int c = r->child; c >= 0; c = t->row[c].sibling) {
		const struct trace_row *k = &t->row[c];

		if (k->start >= until || k->critical || k->end <= k->start ||
		    !waited_for(r, k, until))
			continue;
		if (best < 0 || k->end > t->row[best].end)
			best = c;
	}
	return best;
}

/* Backwards from the end: what was the span waiting for just then? */
static void walk(struct trace_tree *t, int i, uint64_t until)
{
	struct trace_row *r = &t->row[i];
	int c;

	r->critical = 1;
	while ((c = last_before(t, r, until)) >= 0) {
		const struct trace_row *k = &t->row[c];
		uint64_t end = k->end < until ? k->end : until;

		r->self += until - end;
		walk(t, c, end);
		until = k->start > r->start ? k->start : r->start;
	}
	if (until > r->start)
		r->self += until - r->start;
}

/* What a span waited for the network is not its own doing. */
static void take_network(struct trace_row *r)
{
	uint64_t net = span_attr_number(r->span, ATTR(net));

	if (!r->critical || net == SPAN_UNKNOWN)
		return;
	r->network = net < r->self ? net : r->self;
	r->self -= r->network;
}

static uint64_t length(const struct trace_row *r)
{
	return r->end - r->start;
}

void trace_tree_build(struct trace_tree *t, struct span *const *spans, int n)
{
	t->n = n;
	t->root = t->longest = -1;
	t->start = UINT64_MAX;
	t->end = 0;
	for (int i = 0; i < n; i++) {
		const struct span *s = spans[i];
		uint64_t d = s->duration_ns == SPAN_UNKNOWN ? 0 : s->duration_ns;

		t->row[i] = (struct trace_row){ .span = s, .start = s->time_ns,
						.end = s->time_ns + d, .parent = -1, .child = -1,
						.sibling = -1 };
		if (t->row[i].start < t->start)
			t->start = t->row[i].start;
		if (t->row[i].end > t->end)
			t->end = t->row[i].end;
	}
	qsort(t->row, (size_t)n, sizeof(t->row[0]), by_start);
	find_parents(t);
	make_lists(t);
	for (int i = t->root; i >= 0; i = t->row[i].sibling)
		if (t->longest < 0 || length(&t->row[i]) > length(&t->row[t->longest]))
			t->longest = i;
	if (t->longest >= 0)
		walk(t, t->longest, t->row[t->longest].end);
	for (int i = 0; i < n; i++)
		take_network(&t->row[i]);
}

/* ---- folding */

static int same(struct str a, struct str b)
{
	return a.n == b.n && !a.p == !b.p && (!a.n || !memcmp(a.p, b.p, a.n));
}

int trace_calls_alike(const struct span *a, const struct span *b)
{
	return a->kind == b->kind && a->protocol == b->protocol && same(a->method, b->method) &&
	       same(a->route, b->route) && a->server_port == b->server_port &&
	       !memcmp(a->server_addr, b->server_addr, sizeof(a->server_addr));
}

int trace_call_plain(const struct span *call, const struct span *end)
{
	return call->kind == SPAN_CLIENT && !call->error && !call->incomplete &&
	       (!end || (end->kind == SPAN_SERVER && !end->error && !end->incomplete));
}

/* A call alone, or with its other end. */
static int is_plain(const struct trace_tree *t, const struct trace_row *r)
{
	const struct trace_row *end = r->child < 0 ? NULL : &t->row[r->child];

	return trace_call_plain(r->span, end ? end->span : NULL) &&
	       (!end || (end->child < 0 && end->sibling < 0));
}

static void add_to(struct trace_row *sum, const struct trace_row *r)
{
	sum->times++;
	sum->total += r->end - r->start;
	sum->total_self += r->critical ? r->self : 0;
	if (r->end > sum->until)
		sum->until = r->end;
}

static void hide_end(struct trace_tree *t, const struct trace_row *r)
{
	if (r->child >= 0)
		t->row[r->child].hidden = 1;
}

/* Those among the siblings from `first` on that are like it. */
static void fold_like(struct trace_tree *t, int first)
{
	struct trace_row *sum = &t->row[first];
	int critical = 0;

	for (int i = first; i >= 0; i = t->row[i].sibling)
		if (is_plain(t, &t->row[i]) && trace_calls_alike(sum->span, t->row[i].span))
			add_to(sum, &t->row[i]);
	if (sum->times < TRACE_FOLD) {
		sum->times = 0;
		return;
	}
	for (int i = first; i >= 0; i = t->row[i].sibling) {
		struct trace_row *r = &t->row[i];

		if (!is_plain(t, r) || !trace_calls_alike(sum->span, r->span))
			continue;
		critical |= r->critical;
		r->hidden = i != first;
		hide_end(t, r);
		if (r->child >= 0 && t->row[r->child].critical)
			sum->total_self += t->row[r->child].self;
	}
	sum->critical |= critical;
}

void trace_tree_fold(struct trace_tree *t)
{
	for (int i = 0; i < t->n; i++) {
		struct trace_row *r = &t->row[i];

		r->times = r->hidden = 0;
		r->total = r->total_self = r->until = 0;
	}
	for (int i = 0; i < t->n; i++)
		if (t->row[i].parent >= 0 && !t->row[i].hidden && is_plain(t, &t->row[i]))
			fold_like(t, i);
}
