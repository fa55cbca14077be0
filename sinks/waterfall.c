/*
 * waterfall.c - each trace as a tree with bars, when it has been quiet for a moment
 */
#include <stdlib.h>

#include "sinks/sink.h"
#include "sinks/trace_collect.h"
#include "sinks/trace_print.h"

struct waterfall {
	struct sink sink;
	struct out *out;
	struct trace_style style;
	struct traces *traces;
	int unfold; /* calls that are alike are shown one by one */
	struct trace_rank slowest; /* max 0: all are shown, as they come */
	struct trace_tree tree;
};

static void show(struct waterfall *w, const struct trace *t)
{
	trace_tree_build(&w->tree, t->span, t->n);
	if (!w->unfold)
		trace_tree_fold(&w->tree);
	trace_print(w->out, &w->style, &w->tree, t->more, t->unfinished);
}

static void on_trace(void *waterfall, struct trace *t)
{
	struct waterfall *w = waterfall;

	if (w->slowest.max) {
		trace_rank_add(&w->slowest, t);
		return;
	}
	show(w, t);
	trace_free(t);
}

static void waterfall_span(struct sink *k, const struct span *s)
{
	traces__span(((struct waterfall *)k)->traces, s);
}

static void waterfall_tick(struct sink *k, uint64_t now)
{
	traces__tick(((struct waterfall *)k)->traces, now);
}

static void waterfall_finish(struct sink *k, const struct sink_totals *totals)
{
	struct waterfall *w = (struct waterfall *)k;

	(void)totals;
	traces__finish(w->traces);
	for (unsigned i = 0; i < w->slowest.n; i++)
		show(w, w->slowest.v[i]);
}

static void waterfall_free(struct sink *k)
{
	struct waterfall *w = (struct waterfall *)k;

	traces__free(w->traces);
	trace_rank_release(&w->slowest);
	free(w->slowest.v);
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
	const struct traces_options to = { o->match, o->ctx, on_trace, w };

	if (!w)
		return NULL;
	w->sink.ops = &ops;
	w->out = o->out;
	w->style.redact = o->redact;
	w->style.color = o->color;
	w->unfold = o->unfold;
	w->slowest.max = o->slowest;
	w->traces = traces__new(&to);
	w->slowest.v = o->slowest ? calloc(o->slowest, sizeof(struct trace *)) : NULL;
	if (w->traces && (w->slowest.v || !o->slowest))
		return &w->sink;
	waterfall_free(&w->sink);
	return NULL;
}
