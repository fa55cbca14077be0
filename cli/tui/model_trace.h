/*
 * model_trace.h - the kept spans as traces: who called whom
 *
 * Groups spans by trace_id and puts them under their parents by parent_id; how a parent was found
 * (span.link) is shown, never judged here. A span whose parent is not kept is a root. Bounded by
 * the ring; built anew whenever it is wanted.
 */
#ifndef ZC_CLI_TUI_MODEL_TRACE_H
#define ZC_CLI_TUI_MODEL_TRACE_H

#include "cli/tui/model_ring.h"

#define TRACE_NONE UINT32_MAX
#define TRACE_MAX_DEPTH 64u

struct trace_node {
	uint64_t number; /* of the span in the ring */
	const struct span *span;
	uint32_t trace;	 /* index of its trace */
	uint32_t parent, child, next; /* nodes; children in order of time. TRACE_NONE: none */
	uint8_t depth;
	uint8_t critical; /* on the path that decided when the trace was over */
	/* The first of the calls beside it that are alike, as trace_tree_fold() has it, itself
	 * included; TRACE_NONE: it stands alone. On that first one: how many they are. */
	uint32_t first, times;
};

struct trace {
	uint64_t key;	     /* identity of its row */
	uint64_t start, end; /* wall clock */
	uint32_t root; /* first node without parent; more are chained by next */
	uint32_t nodes, errors;
	uint8_t shown;	     /* a span of it passes the filter */
};

struct traces {
	struct trace *trace;
	uint32_t n;
	struct trace_node *node;
	uint32_t nnodes;
	uint32_t *table; /* private */
	uint32_t cap;	 /* spans that there is room for; grows with what there is */
};

void traces_init(struct traces *t);
void traces_release(struct traces *t);

/* From what the ring holds, borrowed until it changes. 0 or -ENOMEM: empty then. */
int traces_build(struct traces *t, const struct span_ring *r);

/*
 * The node after n in the order of the tree, or TRACE_NONE. Leaves out what is under n if `fold`.
 */
uint32_t traces_next(const struct traces *t, uint32_t n, int fold);

/* Of calls that are alike, the one after i; i may be the first of them. TRACE_NONE: no more. */
uint32_t traces_next_alike(const struct traces *t, uint32_t i);

/* The next time that node i works by itself, from *at on: to *until. 0: not any more. */
int traces_own_time(const struct traces *t, uint32_t i, uint64_t *at, uint64_t *until);

/* How long node i worked, none of its calls being under way; SPAN_UNKNOWN: it has no duration. */
uint64_t traces_self(const struct traces *t, uint32_t i);

#endif
