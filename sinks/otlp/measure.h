/*
 * measure.h - metrics as one message of OTLP
 */
#ifndef ZC_SINKS_OTLP_MEASURE_H
#define ZC_SINKS_OTLP_MEASURE_H

#include "sinks/otlp/batch.h"

struct otlp_measure_options {
	int delta, exponential;
	struct otel_host host;
	uint64_t now_ns; /* wall clock: until when was counted */
};

/*
 * What m has counted, in a; lives until the arena is reset. Sets *points to the number of series.
 * NULL: there is nothing to tell (points is 0), or no memory.
 */
Otlp__MetricsData *otlp_measure(struct arena *a, const struct metrics *m,
				const struct otlp_measure_options *o, uint32_t *points);

#endif
