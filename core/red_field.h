/*
 * red_field.h - a field of spans, or of their heads, that groups are made of
 *
 * `service`, `container_name`, `tls_version`, `gen_ai_model`, … as in span_field.h, and
 * `header.x-tenant`: the first header field of that name, of the request, else of the response.
 * Durations, sizes and times make no groups, nor do lists and what is another for each request;
 * what may be secret neither.
 */
#ifndef ZC_CORE_RED_FIELD_H
#define ZC_CORE_RED_FIELD_H

#include "core/span_field.h"

#define RED_FIELD_NAME 72u

struct red_field {
	char name[RED_FIELD_NAME]; /* "": none */
	const char *header;	   /* into the name, or NULL */
	unsigned field;
};

/* NULL, or why it cannot be grouped by: *f is as it was then. */
const char *red_field_set(struct red_field *f, const char *name);

/* 1 and the value, which may be in buf; 0: the span has none. */
int red_field_value(const struct red_field *f, const struct span *s, char buf[SPAN_TEXT_MAX],
		    struct str *value);

#endif
