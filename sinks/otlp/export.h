/*
 * export.h - spans and their metrics to a collector, or as lines of JSON
 */
#ifndef ZC_SINKS_OTLP_EXPORT_H
#define ZC_SINKS_OTLP_EXPORT_H

#include "sinks/attributes.h"
#include "sinks/otel_resource.h"
#include "sinks/otlp/send.h"
#include "sinks/sink.h"

struct otlp_options {
	const struct otlp_config *config; /* borrowed for the sink's life */
	unsigned signals;		  /* bits 1 << enum otlp_signal */
	struct otel_host host;
	int redact;
	const struct attribute_rules *attributes; /* of metrics; NULL: the usual ones */
	unsigned features; /* FEATURE_*: metrics that are there only if asked for */
	int patient; /* what comes can wait: a queue that is full is waited for, while it moves */
	struct out *out; /* lines of OTLP/JSON go there; NULL: to the collector */
	otlp_tell_fn *tell;
	void *ctx;
};

/* NULL with one line in err. */
struct sink *sink_otlp_new(const struct otlp_options *o, char *err, size_t errlen);

/* What became of what was sent, in a line, when all is over; what is left is given up. 0: none. */
int sink_otlp_report(struct sink *sink, char *text, size_t size);

/* Would a span of this trace be sent, by OTEL_TRACES_SAMPLER? */

#endif
