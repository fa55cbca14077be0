/*
 * metrics.h - durations and sizes of spans as OpenTelemetry's metrics have them
 *
 * Histograms with explicit bounds, one series for each set of attributes of each process, for the
 * exporter of OTLP and for Prometheus. The table is bounded: what finds no room counts in one
 * series more of its metric and process, with the attribute otel.metric.overflow, or, where there
 * is no room for a process either, in no process's. Nothing is allocated for a series that exists.
 */
#ifndef ZC_SINKS_METRICS_H
#define ZC_SINKS_METRICS_H

#include "core/engine.h"
#include "core/hist.h"
#include "sinks/attributes.h"
#include "sinks/otel.h"

#define METRICS_MAX_SERIES 4000u
#define METRICS_MAX_PROCESSES 1000u
#define METRIC_BOUNDS_MAX 16u
#define METRIC_ATTRS_MAX 12u /* by default */

/* Metrics that are there only if asked for, as bits. */
#define FEATURE_NETWORK 1u /* what went by on flows */
#define FEATURE_STATS 2u   /* what their TCP did */

/* What is measured: a row of the conventions. */
struct metric_def {
	const char *name, *unit, *help;
	enum otel_family family;
	unsigned kinds;		/* 1 << enum otel_kind */
	uint64_t (*value)(const struct span *s); /* SPAN_UNKNOWN: not counted */
	/* what a span counts in, too, in series that this attribute tells apart; key NULL: none */
	struct metric_part {
		const char *key, *word;
		uint64_t (*value)(const struct span *s);
	} part[2];
	/* of flows, by direction, 0 to the server, 1 to the client; then there is no value() */
	uint64_t (*flow)(const struct engine_flow *f, int dir);
	unsigned feature;
	double scale;		/* value * scale is in the unit */
	const double *bounds;	/* nbounds of them, ascending; NULL: a counter, of what is added */
	unsigned nbounds;
	const char *attrs[METRIC_ATTRS_MAX]; /* those that a series has, ended by NULL */
};

struct metric_exemplar {
	uint64_t time_ns, value; /* time 0: none */
	uint8_t trace_id[TRACE_ID_LEN], span_id[SPAN_ID_LEN];
};

/* Whose they are. */
struct metric_process {
	uint64_t id;
	struct span *names; /* only what tells of the process is valid */
};

struct metric_series {
	const struct metric_def *def;
	const struct metric_process *process; /* NULL: of those that found no room */
	uint64_t hash, since; /* wall clock of the first value */
	unsigned nattrs;
	struct otel_attr *attr; /* with their strings in one block */
	uint64_t total; /* of a counter, which has nothing of the following */
	uint64_t bucket[METRIC_BOUNDS_MAX + 1];
	struct hist values; /* count, sum, min, max; all of it */
	struct metric_exemplar exemplar[METRIC_BOUNDS_MAX + 1]; /* the latest of each bucket */
};

struct metrics {
	struct metric_series **series; /* in the order in which they came */
	unsigned nseries;
	uint64_t overflowed; /* values that found no room in a series of their own */
	unsigned *slot; /* private: hash table of indices + 1 */
	struct metric_process **process;
	unsigned nprocesses;
	const struct attribute_rules *rules; /* NULL: none */
};

/* 0 or -ENOMEM. rules stay the caller's, and may be NULL. */
int metrics_init(struct metrics *m, const struct attribute_rules *rules);
void metrics_release(struct metrics *m);

/* Counts s, which o describes, wherever it belongs. */
void metrics_add(struct metrics *m, const struct span *s, const struct otel_span *o);

/* Counts what is new of f, as far as features tell. */
void metrics_flow(struct metrics *m, const struct engine_flow *f, unsigned features);

/* Adds a value at that time to the series of these attributes, of those that are wanted. */
void metrics_put(struct metrics *m, const struct metric_def *def, const struct span *process,
		 const struct otel_attr *a, unsigned n, uint64_t value, uint64_t time_ns);

/* Was anything counted in it? */
static inline int metric_counted(const struct metric_series *s)
{
	return s->total || s->values.count;
}

/* Zeroes what was counted; the series stay (delta temporality). */
void metrics_zero(struct metrics *m, uint64_t now);

/* A number that is the same for all spans of a process, as far as resources tell processes. */
uint64_t metrics_process_id(const struct span *s);

#endif
