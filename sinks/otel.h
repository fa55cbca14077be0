/*
 * otel.h - a span in the words of OpenTelemetry (semantic conventions 1.41)
 *
 * One place that knows the conventions' names: kinds, span names, status and attributes. What is
 * not known has no attribute. What the conventions have no name for is `zctrace.` and the key of
 * JSON. Exporters of traces and of metrics are made from it.
 */
#ifndef ZC_SINKS_OTEL_H
#define ZC_SINKS_OTEL_H

#include "core/span.h"

#define OTEL_SCHEMA_URL "https://opentelemetry.io/schemas/1.41.0"
#define OTEL_SCOPE "zctrace"
#define OTEL_ATTRS_MAX 64u
#define OTEL_TEXT_MAX 32768u /* of what is put together for one span */

/* Numbers as in OTLP. */
enum otel_kind { OTEL_INTERNAL = 1, OTEL_SERVER, OTEL_CLIENT, OTEL_PRODUCER, OTEL_CONSUMER };

/*
 * What a span counts as, by what its protocol's attributes are; and, for metrics, what travels in
 * HTTP counts as, too.
 */
enum otel_family {
	OTEL_HTTP, OTEL_RPC, OTEL_DB, OTEL_MESSAGING, OTEL_DNS, OTEL_OTHER, OTEL_GEN_AI
};

enum otel_type { OTEL_STRING, OTEL_WORDS, OTEL_INT, OTEL_BOOL };

struct otel_attr {
	const char *key;
	enum otel_type type;
	union {
		struct str s; /* OTEL_WORDS: words with a blank between them: an array of strings */
		uint64_t n;   /* OTEL_INT, OTEL_BOOL */
	};
};

/* All strings are borrowed: from the span, from tables, or from `text`. */
struct otel_span {
	enum otel_family family;
	enum otel_family within; /* the same, or that of what travels in HTTP */
	enum otel_kind kind;
	struct str name;
	int failed;	    /* status ERROR; else it is left unset */
	struct str message; /* why it failed, for people; p == NULL: no more than the status says */
	unsigned n;
	struct otel_attr attr[OTEL_ATTRS_MAX];
	size_t used; /* of text */
	char text[OTEL_TEXT_MAX];
};

/* redact: secrets in URIs are hidden. o is large: one for each exporter, not on the stack. */
void otel_span(struct otel_span *o, const struct span *s, int redact);

static inline int otel_is_text(const struct otel_attr *a)
{
	return a->type == OTEL_STRING || a->type == OTEL_WORDS;
}

/* Its attribute of that name, or NULL. */
const struct otel_attr *otel_attr(const struct otel_span *o, const char *key);

/* The conventions' value of telemetry.sdk.language for a runtime; NULL: none. */
const char *otel_language(const char *runtime);

/* A well-formed version of s in out, which has room for 3 * s.n: invalid bytes become U+FFFD. */
size_t otel_utf8(struct str s, char *out);

#endif
