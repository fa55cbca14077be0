/*
 * trace_bar.c - bars of a waterfall: who worked when, and who waited
 *
 * Each service has a colour. The bar of a span is solid where it worked by itself and shaded where
 * it waited for a call; that of a folded trace has the colour of whoever worked at that time.
 */
#include <string.h>

#include "cli/tui/trace_bar.h"

/* In the order in which they were seen; those that come after the last colour share them. */
unsigned trace_colour(struct trace_colours *c, const struct span *s)
{
	const char *name = span_process(s);
	unsigned hash = 0;

	if (!name)
		return 0;
	for (unsigned i = 0; i < c->n; i++)
		if (!strncmp(c->name[i], name, sizeof(c->name[i]) - 1))
			return i;
	if (c->n < STYLE_SERVICES) {
		strncpy(c->name[c->n], name, sizeof(c->name[c->n]) - 1);
		return c->n++;
	}
	while (*name)
		hash = hash * 31 + (unsigned char)*name++;
	return hash % STYLE_SERVICES;
}

static double column_of(const struct trace *t, uint64_t time, int width)
{
	double whole = t->end > t->start ? (double)(t->end - t->start) : 1;

	return time > t->start ? (double)(time - t->start) / whole * width : 0;
}

void trace_bar(const struct traces *t, uint32_t i, enum style st, struct screen *s, int y, int x,
	       int width)
{
	const struct trace *tr = &t->trace[t->node[i].trace];
	const struct span *span = t->node[i].span;
	uint64_t at = span->time_ns, until;
	double from = column_of(tr, span->time_ns, width),
	       to = column_of(tr, span_end(span), width);

	if (t->node[i].child == TRACE_NONE) {
		screen__bar(s, y, x, width, from, to, 1, st);
		return;
	}
	screen__bar(s, y, x, width, from, to, 0, st);
	for (; traces_own_time(t, i, &at, &until); at = until) {
		/* a column is solid if most of it was */
		int first = (int)(column_of(tr, at, width) + 0.5);
		int end = (int)(column_of(tr, until, width) + 0.5);

		if (first < end)
			screen__bar(s, y, x, width, first, end, 1, st);
	}
}

void trace_bar_calls(const struct traces *t, uint32_t i, uint64_t until, enum style st,
		     struct screen *s, int y, int x, int width)
{
	const struct trace *tr = &t->trace[t->node[i].trace];

	screen__bar(s, y, x, width, column_of(tr, t->node[i].span->time_ns, width),
		    column_of(tr, until, width), 1, st);
}

/* The deepest span that was under way, the one that the others waited for. */
static uint32_t working(const struct traces *t, uint32_t root, uint64_t time)
{
	uint32_t found = TRACE_NONE;

	for (uint32_t i = root; i != TRACE_NONE; i = traces_next(t, i, 0)) {
		const struct trace_node *n = &t->node[i];

		if (n->span->time_ns <= time && span_end(n->span) > time &&
		    (found == TRACE_NONE || n->depth >= t->node[found].depth))
			found = i;
	}
	return found;
}

void trace_stack(const struct traces *t, uint32_t root, struct trace_colours *c, struct screen *s,
		 int y, int x, int width)
{
	const struct trace *tr = &t->trace[t->node[root].trace];

	for (int i = 0; i < width; i++) {
		uint64_t time =
			tr->start + (uint64_t)((double)(tr->end - tr->start) * (i + 0.5) / width);
		uint32_t n = working(t, root, time);
		unsigned colour;

		if (n == TRACE_NONE)
			continue;
		colour = trace_colour(c, t->node[n].span);
		if (screen__mono(s) || screen__ascii(s))
			screen__put(s, y, x + i, 1, STYLE_TEXT, screen__shade(s, 4 - colour % 4));
		else
			screen__bar(s, y, x + i, 1, 0, 1, 1,
				    (enum style)(STYLE_SERVICE + (int)colour));
	}
}
