/*
 * scrape.h - an address where Prometheus fetches metrics: GET /metrics
 */
#ifndef ZC_SINKS_SCRAPE_H
#define ZC_SINKS_SCRAPE_H

#include <sys/socket.h>

#include "sinks/attributes.h"
#include "sinks/otel_resource.h"
#include "sinks/sink.h"

struct scrape_options {
	const struct sockaddr *address; /* to listen on */
	struct otel_host host;
	int redact;
	const struct attribute_rules *attributes; /* of metrics; NULL: the usual ones */
	unsigned features; /* FEATURE_*: metrics that are there only if asked for */
};

/* NULL with one line in err: no library, no memory, the address is taken. */
struct sink *sink_scrape_new(const struct scrape_options *o, char *err, size_t errlen);

#endif
