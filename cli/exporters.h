/*
 * exporters.h - where spans go that are not shown here: an OpenTelemetry collector, Prometheus
 *
 * The former is on by --otlp, or, where something live is traced, by OTEL_EXPORTER_OTLP_ENDPOINT
 * and its like. An exporter never waits and has no end of its own: what a collector does not take
 * costs nothing but itself.
 */
#ifndef ZC_CLI_EXPORTERS_H
#define ZC_CLI_EXPORTERS_H

#include "cli/instrumented.h"
#include "cli/options.h"
#include "sinks/otlp/export.h"
#include "sinks/scrape.h"

#define EXPORTERS_MAX 2u

struct exporters {
	struct sink *sink[EXPORTERS_MAX];
	unsigned n;
	struct otlp_config config;
	struct otlp_options otlp;
	struct sink *reports; /* one of sink, that has to say something at the end; or NULL */
	struct otel_host host;
	char hostname[256], host_id[64];
	int skip_instrumented;
	struct instrumented instrumented;
	/* spans and flows so far; those of them that come again after a restart */
	uint64_t taken, skip, taken_flows, skip_flows;
};

/* One line for people, and how many spans or points were dropped since the last one. */
typedef void exporters_tell_fn(void *ctx, const char *text, uint64_t dropped);

/* What is asked for. 0, or an exit status after a line on standard error. */
int exporters_make(struct exporters *e, const struct options *o, int redact,
		   exporters_tell_fn *tell, void *ctx);

/* The sink of -o otlp. NULL: out of memory. */
struct sink *exporters_lines(struct exporters *e, struct out *out);

void exporters_span(struct exporters *e, const struct span *s);
void exporters_flow(struct exporters *e, const struct engine_flow *f);
void exporters_tick(struct exporters *e, uint64_t now_ns);
unsigned exporters_work(struct exporters *e, uint64_t monotonic_ns);
void exporters_finish(struct exporters *e, const struct sink_totals *t);

/* All spans come once more: what was sent is not sent twice. */
void exporters_restart(struct exporters *e);

/* At the end: what is left is given up, and line, if it is not NULL, gets what became of it all. */
void exporters_report(struct exporters *e, void (*line)(const char *text));
void exporters_release(struct exporters *e);

#endif
