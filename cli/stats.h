/*
 * stats.h - what zctrace itself costs, and what it loses, for --stats
 */
#ifndef ZC_CLI_STATS_H
#define ZC_CLI_STATS_H

#include <stdint.h>
#include "core/engine.h"
#include "core/source.h"

struct stats {
	uint64_t printed; /* monotonic ns of the last line; 0: none yet */
	uint64_t cpu_ns;  /* and the figures of then */
	struct engine_stats engine;
};

/* What earlier engines and sources of a run have counted. */
struct stats_before {
	struct engine_stats engine;
	struct source_stats source;
};

/* Adds what is counted; connections and requests in flight are those of the last engine. */
void stats_add(struct stats_before *to, const struct engine_stats *e,
	       const struct source_stats *s);

/* Prints a line on standard error if a second has passed since the last one. */
void stats_tick(struct stats *s, uint64_t now, const struct engine *e, struct source *src);

#endif
