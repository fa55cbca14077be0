/*
 * trace_tree.h - the spans of one trace as a tree, and the path through it that took the time
 *
 * Pure: it looks at spans and computes; what is shown of it is the waterfall's affair.
 */
#ifndef ZC_SINKS_TRACE_TREE_H
#define ZC_SINKS_TRACE_TREE_H

#include "core/span.h"

#define TRACE_MAX_SPANS 512

struct trace_row {
	const struct span *span;
	uint64_t start, end;  /* end: start if it is not known */
	int parent;	      /* row, or -1 */
	int child, sibling;   /* first child, next sibling, in order of start; -1: none */
	int depth;
	/*
	 * Of the time that the trace took, from `start` of the row on the critical path: what this
	 * span itself accounts for, its children being busy with nothing that it waited for.
	 */
	uint64_t self;
	uint64_t network; /* of that time, what the network kept back; not in self */
	int critical;
	/* By trace_tree_fold(): how many calls this row stands for, 0: itself; not to be shown. */
	int times, hidden;
	uint64_t total, total_self; /* of these calls: time, and what they account for */
	uint64_t until;		    /* end of the last of them */
};

struct trace_tree {
	struct trace_row row[TRACE_MAX_SPANS]; /* in order of start */
	int n;
	int root;	     /* first root, -1 if there is none; others by sibling */
	int longest;	     /* the root that took longest: the critical path is its */
	uint64_t start, end; /* of all */
};

/* n is at most TRACE_MAX_SPANS. Spans whose parents make a circle are roots. */
void trace_tree_build(struct trace_tree *t, struct span *const *spans, int n);

/*
 * Calls of one parent that are alike - same protocol, operation, route and server - and have
 * nothing to tell of their own - no error, no doubt, no calls below - become one row, if there are
 * TRACE_FOLD of them at least. Links of rows stay as they are.
 */
#define TRACE_FOLD 4
void trace_tree_fold(struct trace_tree *t);

/* The same two questions of single spans; end: what the call caused at its other end, or NULL. */
int trace_calls_alike(const struct span *a, const struct span *b);
int trace_call_plain(const struct span *call, const struct span *end);

/* Has the span a parent that was seen, but is not among the n spans? */
int trace_parent_missing(struct span *const *spans, int n);

#endif
