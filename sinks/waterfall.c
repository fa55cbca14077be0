/*
 * waterfall.c - each trace as a tree with bars, when it has been quiet for a moment
 *
 * A trace waits until no span is missing that is known to come: the parent of one that is there.
 * One whose parent does not end is shown after WATERFALL_PATIENCE, and says so. When there is no
 * room for more, the trace that has been quiet longest is shown as it is.
 */
#include <stdlib.h>
#include <string.h>

#include "core/list.h"
#include "core/span_copy.h"
#include "sinks/sink.h"
#include "sinks/trace_print.h"

#define QUIET_NS 200000000u
#define PATIENCE_NS 30000000000u
#define MAX_TRACES 8192u
#define MAX_BYTES (64u << 20)
#define BUCKETS 4096u

struct trace {
	struct trace *hash_next;
	struct list list; /* in recent, waiting, or none */
	uint8_t id[TRACE_ID_LEN];
	uint64_t last; /* when its last span came */
	uint64_t took;
	size_t bytes;
	struct span **span;
	int n, room;
	unsigned more; /* spans that did not fit */
	int matches, unfinished;
};

struct waterfall {
	struct sink sink;
	struct out *out;
	struct trace_style style;
	struct trace *bucket[BUCKETS];
	struct list recent;  /* a span came in the last moment; oldest first */
	struct list waiting; /* quiet, but a parent is missing; oldest first */
	unsigned ntraces;
	size_t bytes;
	uint64_t now;
	int (*match)(void *ctx, const struct span *s);
	void *ctx;
	int unfold; /* calls that are alike are shown one by one */
	/* the slowest, the slowest first */
	struct trace **slowest;
	unsigned nslowest, max_slowest;
	struct trace_tree tree;
};

static struct trace **slot_of(struct waterfall *w, const uint8_t *id)
{
	uint32_t h;

	memcpy(&h, id + TRACE_ID_LEN - sizeof(h), sizeof(h));
	return &w->bucket[h % BUCKETS];
}

static void free_trace(struct trace *t)
{
	for (int i = 0; i < t->n; i++)
		free(t->span[i]);
	free(t->span);
	free(t);
}

static void take_out(struct waterfall *w, struct trace *t)
{
	struct trace **at = slot_of(w, t->id);

	while (*at != t)
		at = &(*at)->hash_next;
	*at = t->hash_next;
	list_unlink(&t->list);
	w->ntraces--;
	w->bytes -= t->bytes;
}

static void show(struct waterfall *w, const struct trace *t)
{
	trace_tree_build(&w->tree, t->span, t->n);
	if (!w->unfold)
		trace_tree_fold(&w->tree);
	trace_print(w->out, &w->style, &w->tree, t->more, t->unfinished);
}

/* Keeps t if it is among the slowest so far. */
static void rank(struct waterfall *w, struct trace *t)
{
	unsigned i = w->nslowest;

	if (i == w->max_slowest) {
		if (w->slowest[i - 1]->took >= t->took) {
			free_trace(t);
			return;
		}
		free_trace(w->slowest[--i]);
	} else {
		w->nslowest++;
	}
	for (; i && w->slowest[i - 1]->took < t->took; i--)
		w->slowest[i] = w->slowest[i - 1];
	w->slowest[i] = t;
}

static void finish_trace(struct waterfall *w, struct trace *t)
{
	take_out(w, t);
	if (!t->matches) {
		free_trace(t);
		return;
	}
	t->unfinished = trace_parent_missing(t->span, t->n);
	if (w->max_slowest) {
		rank(w, t);
		return;
	}
	show(w, t);
	free_trace(t);
}

static struct trace *longest_quiet(struct waterfall *w)
{
	struct list *l = list_empty(&w->waiting) ? &w->recent : &w->waiting;

	return list_entry(l->next, struct trace, list);
}

static struct trace *trace_of(struct waterfall *w, const uint8_t *id)
{
	struct trace **slot = slot_of(w, id), *t = *slot;

	while (t && memcmp(t->id, id, TRACE_ID_LEN))
		t = t->hash_next;
	if (t)
		return t;
	while (w->ntraces && (w->ntraces >= MAX_TRACES || w->bytes >= MAX_BYTES))
		finish_trace(w, longest_quiet(w));
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	memcpy(t->id, id, TRACE_ID_LEN);
	t->hash_next = *slot;
	*slot = t;
	w->ntraces++;
	return t;
}

static int make_room(struct trace *t)
{
	int room = t->room ? 2 * t->room : 4;
	struct span **v;

	if (t->n < t->room)
		return 1;
	v = t->n < TRACE_MAX_SPANS ? reallocarray(t->span, (size_t)room, sizeof(*v)) : NULL;
	if (!v)
		return 0;
	t->span = v;
	t->room = room;
	return 1;
}

static void waterfall_span(struct sink *k, const struct span *s)
{
	struct waterfall *w = (struct waterfall *)k;
	struct trace *t = trace_of(w, s->trace_id);
	struct span *copy;

	if (!t)
		return;
	if (!w->now) /* no tick has told the time yet */
		w->now = s->time_ns;
	t->last = w->now;
	t->matches |= !w->match || w->match(w->ctx, s);
	if (s->duration_ns != SPAN_UNKNOWN && s->duration_ns > t->took)
		t->took = s->duration_ns;
	list_unlink(&t->list);
	list_append(&w->recent, &t->list);
	copy = make_room(t) ? span_dup(s) : NULL;
	if (!copy) {
		t->more++;
		return;
	}
	t->span[t->n++] = copy;
	t->bytes += span_copy_size(copy);
	w->bytes += span_copy_size(copy);
}

static void waterfall_tick(struct sink *k, uint64_t now)
{
	struct waterfall *w = (struct waterfall *)k;

	if (now > w->now)
		w->now = now;
	while (!list_empty(&w->recent)) {
		struct trace *t = list_entry(w->recent.next, struct trace, list);

		if (t->last + QUIET_NS > w->now)
			break;
		if (trace_parent_missing(t->span, t->n)) {
			list_unlink(&t->list);
			list_append(&w->waiting, &t->list);
		} else {
			finish_trace(w, t);
		}
	}
	while (!list_empty(&w->waiting)) {
		struct trace *t = list_entry(w->waiting.next, struct trace, list);

		if (t->last + PATIENCE_NS > w->now)
			break;
		finish_trace(w, t);
	}
}

static void waterfall_finish(struct sink *k, const struct sink_totals *totals)
{
	struct waterfall *w = (struct waterfall *)k;

	(void)totals;
	while (w->ntraces)
		finish_trace(w, longest_quiet(w));
	for (unsigned i = 0; i < w->nslowest; i++)
		show(w, w->slowest[i]);
}

static void waterfall_free(struct sink *k)
{
	struct waterfall *w = (struct waterfall *)k;

	while (w->ntraces) {
		struct trace *t = longest_quiet(w);

		take_out(w, t);
		free_trace(t);
	}
	for (unsigned i = 0; i < w->nslowest; i++)
		free_trace(w->slowest[i]);
	free(w->slowest);
	free(w);
}

struct sink *sink_waterfall_new(const struct sink_options *o)
{
	static const struct sink_ops ops = {
		.span = waterfall_span,
		.tick = waterfall_tick,
		.finish = waterfall_finish,
		.free = waterfall_free,
	};
	struct waterfall *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->sink.ops = &ops;
	w->out = o->out;
	w->style.redact = o->redact;
	w->style.color = o->color;
	w->match = o->match;
	w->ctx = o->ctx;
	w->max_slowest = o->slowest;
	w->unfold = o->unfold;
	list_init(&w->recent);
	list_init(&w->waiting);
	if (!o->slowest)
		return &w->sink;
	w->slowest = calloc(o->slowest, sizeof(struct trace *));
	if (!w->slowest) {
		free(w);
		return NULL;
	}
	return &w->sink;
}
