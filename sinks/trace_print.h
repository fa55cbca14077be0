/*
 * trace_print.h - one trace for people: a tree with bars on one axis
 */
#ifndef ZC_SINKS_TRACE_PRINT_H
#define ZC_SINKS_TRACE_PRINT_H

#include "sinks/format.h"
#include "sinks/out.h"
#include "sinks/trace_tree.h"

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
