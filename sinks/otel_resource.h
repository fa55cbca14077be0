/*
 * otel_resource.h - the process of a span in the words of OpenTelemetry: attributes of a resource
 */
#ifndef ZC_SINKS_OTEL_RESOURCE_H
#define ZC_SINKS_OTEL_RESOURCE_H

#include "sinks/otel.h"

#define OTEL_RESOURCE_MAX 48u

/* Where the exporter itself runs. */
struct otel_host {
	const char *name, *id; /* NULL: not known, as of a recording from elsewhere */
};

struct otel_resource {
	unsigned n;
	struct otel_attr attr[OTEL_RESOURCE_MAX];
	char text[1024]; /* what is put together for it */
};

/*
 * What the process says of itself (OTEL_RESOURCE_ATTRIBUTES) goes before what was found out.
 * Strings are borrowed from s, host and r.
 */
void otel_resource(struct otel_resource *r, const struct span *s, const struct otel_host *host);

/* The value of a string attribute; p == NULL: there is none of that name. */
struct str otel_resource_get(const struct otel_resource *r, const char *key);

#endif
