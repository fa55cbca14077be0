/*
 * trace_bar.h - bars of a waterfall: who worked when, and who waited
 */
#ifndef ZC_CLI_TUI_TRACE_BAR_H
#define ZC_CLI_TUI_TRACE_BAR_H

#include "cli/tui/model_trace.h"
#include "cli/tui/screen.h"

/* All zero is none yet. */
struct trace_colours {
	char name[STYLE_SERVICES][64];
	unsigned n;
};

/* Which of the colours of services the process of s has. */
unsigned trace_colour(struct trace_colours *c, const struct span *s);

/* The bar of node i, on the time axis of its trace. */
void trace_bar(const struct traces *t, uint32_t i, enum style st, struct screen *s, int y, int x,
	       int width);

/* That of calls that are shown as one, from node i to the time `until`. */
void trace_bar_calls(const struct traces *t, uint32_t i, uint64_t until, enum style st,
		     struct screen *s, int y, int x, int width);

/* All of a trace in one bar: who worked. */
void trace_stack(const struct traces *t, uint32_t root, struct trace_colours *c, struct screen *s,
		 int y, int x, int width);

#endif
