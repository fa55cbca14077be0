#include "sinks/trace_collect.h"

#include <stdlib.h>
#include <string.h>

#include "core/span_copy.h"
#include "sinks/trace_tree.h"

#define QUIET_NS 200000000u
#define PATIENCE_NS 30000000000u
#define BUCKETS 4096u

struct traces {
	struct traces_options opt;
	struct trace *bucket[BUCKETS];
	struct list recent;  /* a span came in the last moment; oldest first */
	struct list waiting; /* quiet, but a parent is missing; oldest first */
	unsigned n;
	size_t bytes;
	uint64_t now;
};

static struct trace **slot_of(struct traces *w, const uint8_t *id)
{
	uint32_t h;

	memcpy(&h, id + TRACE_ID_LEN - sizeof(h), sizeof(h));
	return &w->bucket[h % BUCKETS];
}

void trace_free(struct trace *t)
{
	for (int i = 0; i < t->n; i++)
		free(t->span[i]);
	free(t->span);
	free(t);
}

static void take_out(struct traces *w, struct trace *t)
{
	struct trace **at = slot_of(w, t->id);

	while (*at != t)
		at = &(*at)->hash_next;
	*at = t->hash_next;
	list_unlink(&t->list);
	w->n--;
	w->bytes -= t->bytes;
}

static void finish_trace(struct traces *w, struct trace *t)
{
	take_out(w, t);
	if (!t->matches) {
		trace_free(t);
		return;
	}
	t->unfinished = trace_parent_missing(t->span, t->n);
	w->opt.done(w->opt.ctx, t);
}

static struct trace *longest_quiet(struct traces *w)
{
	struct list *l = list_empty(&w->waiting) ? &w->recent : &w->waiting;

	return list_entry(l->next, struct trace, list);
}

static struct trace *trace_of(struct traces *w, const uint8_t *id)
{
	struct trace **slot = slot_of(w, id), *t = *slot;

	while (t && memcmp(t->id, id, TRACE_ID_LEN))
		t = t->hash_next;
	if (t)
		return t;
	while (w->n && (w->n >= TRACES_MOST || w->bytes >= TRACES_BYTES))
		finish_trace(w, longest_quiet(w));
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	memcpy(t->id, id, TRACE_ID_LEN);
	t->hash_next = *slot;
	*slot = t;
	w->n++;
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

void traces__span(struct traces *w, const struct span *s)
{
	struct trace *t = trace_of(w, s->trace_id);
	struct span *copy;

	if (!t)
		return;
	if (!w->now) /* no tick has told the time yet */
		w->now = s->time_ns;
	t->last = w->now;
	t->matches |= !w->opt.match || w->opt.match(w->opt.match_ctx, s);
	t->failed |= s->error != SPAN_OK;
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

void traces__tick(struct traces *w, uint64_t now)
{
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

void traces__finish(struct traces *w)
{
	while (w->n)
		finish_trace(w, longest_quiet(w));
}

struct traces *traces__new(const struct traces_options *o)
{
	struct traces *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->opt = *o;
	list_init(&w->recent);
	list_init(&w->waiting);
	return w;
}

void traces__free(struct traces *w)
{
	while (w && w->n) {
		struct trace *t = longest_quiet(w);

		take_out(w, t);
		trace_free(t);
	}
	free(w);
}

/* ---- the slowest */

void trace_rank_add(struct trace_rank *r, struct trace *t)
{
	unsigned i = r->n;

	if (i == r->max) {
		if (!i || r->v[i - 1]->took >= t->took) {
			trace_free(t);
			return;
		}
		trace_free(r->v[--i]);
	} else {
		r->n++;
	}
	for (; i && r->v[i - 1]->took < t->took; i--)
		r->v[i] = r->v[i - 1];
	r->v[i] = t;
}

void trace_rank_release(struct trace_rank *r)
{
	for (unsigned i = 0; i < r->n; i++)
		trace_free(r->v[i]);
	r->n = 0;
}
