/*
 * trace_print.h - one trace for people: a tree with bars on one axis
 */
#ifndef ZC_SINKS_TRACE_PRINT_H
#define ZC_SINKS_TRACE_PRINT_H

#include "sinks/format.h"
#include "sinks/out.h"
#include "sinks/trace_tree.h"

#define TRACE_SHARES 16
#define TRACE_NAME_MAX 96

/* Where the time of the critical path went: "queue of " "backend". */
struct trace_share {
	const char *what;
	char name[TRACE_NAME_MAX]; /* not made safe */
	uint64_t ns;
};

/* The largest first; returns how many, at most TRACE_SHARES. */
int trace_shares(const struct trace_tree *t, struct trace_share *shares);

struct trace_style {
	int redact, color;
	struct fmt_clock clock;
};

/*
 * more: spans of the trace that are not in it. unfinished: somebody's parent has not ended, as far
 * as is known.
 */
void trace_print(struct out *o, struct trace_style *style, const struct trace_tree *t,
		 unsigned more, int unfinished);

#endif
