/*
 * trace_collect.h - the spans of each trace together, until it has been quiet for a moment
 *
 * A trace waits until no span is missing that is known to come: the parent of one that is there.
 * One whose parent does not end is handed out after thirty seconds, and says so. When there is no
 * room for more - TRACES_MOST, or TRACES_BYTES of spans - the trace that has been quiet longest is
 * handed out as it is.
 */
#ifndef ZC_SINKS_TRACE_COLLECT_H
#define ZC_SINKS_TRACE_COLLECT_H

#include "core/list.h"
#include "core/span.h"

#define TRACES_MOST 8192u
#define TRACES_BYTES (64u << 20)

struct trace {
	struct trace *hash_next; /* this and the next are the collector's */
	struct list list;
	uint8_t id[TRACE_ID_LEN];
	uint64_t last; /* when its last span came */
	uint64_t took; /* its longest span */
	size_t bytes;
	struct span **span; /* copies, in the order in which they came */
	int n, room;
	unsigned more; /* spans that did not fit */
	int matches;   /* one of them is wanted */
	int failed;    /* one of them is an error */
	int unfinished;
};

/* Hands out a trace that is complete, as far as it will be; the receiver owns it. */
typedef void (*trace_fn)(void *ctx, struct trace *t);

struct traces_options {
	int (*match)(void *ctx, const struct span *s); /* is it wanted? NULL: all are */
	void *match_ctx;
	trace_fn done; /* of those with a span that is wanted */
	void *ctx;
};

struct traces;

struct traces *traces__new(const struct traces_options *o); /* NULL: out of memory */
void traces__free(struct traces *t);			    /* hands out nothing; NULL is allowed */
void traces__span(struct traces *t, const struct span *s);
void traces__tick(struct traces *t, uint64_t now); /* wall clock of the source */
void traces__finish(struct traces *t);		   /* hands out what there is */

void trace_free(struct trace *t);

/* The slowest so far, the slowest first. All zero but `max` and `v`, which has room for max. */
struct trace_rank {
	struct trace **v;
	unsigned n, max;
};

/* Takes t over: keeps it, in place of a faster one if need be, or frees it. */
void trace_rank_add(struct trace_rank *r, struct trace *t);
void trace_rank_release(struct trace_rank *r); /* the traces, not v */

#endif
