/*
 * batch.h - spans as one message of OTLP: resource by resource, to be encoded as a whole
 *
 * Spans of one process stand under one resource. A batch holds what it is given in memory of its
 * own, at most OTLP_BATCH_BYTES of it and OTLP_BATCH_RESOURCES processes.
 */
#ifndef ZC_SINKS_OTLP_BATCH_H
#define ZC_SINKS_OTLP_BATCH_H

#include <otlp.pb-c.h>
#include "sinks/metrics.h"
#include "sinks/otel_resource.h"
#include "sinks/otlp/arena.h"

#define OTLP_BATCH_BYTES (8u << 20) /* in memory; encoded it is a third of it or less */
#define OTLP_BATCH_RESOURCES 64u

struct otlp_resource {
	uint64_t id;
	Otlp__Resource *resource;
	struct otlp_span_node *first, **last;
	unsigned n;
};

struct otlp_batch {
	struct arena arena;
	struct otel_host host;
	unsigned spans; /* of the trace, without the parts that some of them are told in */
	unsigned nresources;
	struct otlp_resource resource[OTLP_BATCH_RESOURCES];
};

void otlp_batch_release(struct otlp_batch *b);
void otlp_batch_reset(struct otlp_batch *b);

/* Is there no room for a span more? */
int otlp_batch_full(const struct otlp_batch *b);

/* s, which o describes. 0, or -ENOMEM: it is not in the batch. */
int otlp_batch_add(struct otlp_batch *b, const struct span *s, const struct otel_span *o);

/* The whole of it; lives until the batch is reset. NULL: out of memory. */
Otlp__TracesData *otlp_batch_message(struct otlp_batch *b);

/* ---- for metrics, too */

/* The resource of the process of s, whose identity is metrics_process_id(). NULL: out of memory. */
Otlp__Resource *otlp_resource(struct arena *a, const struct otel_host *host, const struct span *s);

/* A copy of an id; empty if out of memory. */
ProtobufCBinaryData otlp_id(struct arena *a, const uint8_t *p, size_t n);

Otlp__InstrumentationScope *otlp_scope(struct arena *a);

/* n attributes; NULL: out of memory. */
Otlp__KeyValue **otlp_attrs(struct arena *a, const struct otel_attr *attr, unsigned n);

#endif
