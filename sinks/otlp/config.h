/*
 * config.h - where traces and metrics are sent, and how: OpenTelemetry's variables
 *
 * OTEL_EXPORTER_OTLP_* as the specification of the exporter defines them, those of one signal
 * before the common ones; OTEL_TRACES_SAMPLER, OTEL_METRIC_EXPORT_INTERVAL, OTEL_BSP_*. An address
 * on the command line is before them all.
 */
#ifndef ZC_SINKS_OTLP_CONFIG_H
#define ZC_SINKS_OTLP_CONFIG_H

#include <stddef.h>
#include <stdint.h>

enum otlp_protocol { OTLP_PROTOBUF, OTLP_JSON, OTLP_GRPC };
enum otlp_signal { OTLP_TRACES, OTLP_METRICS, OTLP_SIGNALS };

#define OTLP_HEADERS_MAX 16u

/* Strings are allocated, or NULL. */
struct otlp_target {
	enum otlp_protocol protocol;
	char *url; /* complete; NULL: this signal is not sent */
	char *header[OTLP_HEADERS_MAX]; /* "name: value" */
	unsigned nheaders;
	uint32_t timeout_ms;
	int gzip;
	char *ca, *cert, *key; /* files */
};

enum otlp_root { OTLP_ALL, OTLP_NONE, OTLP_RATIO };

struct otlp_config {
	struct otlp_target target[OTLP_SIGNALS];
	/* root: what becomes of the beginning of a trace; parent_based: and with it of the rest */
	enum otlp_root root;
	int parent_based;
	uint64_t threshold; /* OTLP_RATIO: of the last 63 bits of a trace's id; below it is taken */
	uint32_t batch_spans, queue_spans, delay_ms, drain_ms;
	uint32_t interval_ms; /* of metrics */
	int delta, exponential;
};

/*
 * url: as given with --otlp, NULL or "": that of the environment, else http://localhost:4318.
 * signals: bits 1 << OTLP_TRACES, 1 << OTLP_METRICS. get is getenv(). 0, or -1 with one line in
 * err: which value is wrong, and how. To be released in any case.
 */
int otlp_configure(struct otlp_config *c, const char *url, unsigned signals,
		   char *(*get)(const char *name), char *err, size_t errlen);
void otlp_config_release(struct otlp_config *c);

#endif
