/*
 * json_quick.h - lines of plain spans, from a template for each connection
 *
 * What the spans of a connection have in common is written once: protocol, method, host;
 * addresses, ports; the process and its names. A span's line is made of that, its own numbers and
 * strings that need no escape, in one piece. For all other spans json.c has the way that is plain,
 * and both say the same to the byte.
 */
#ifndef ZC_SINKS_JSON_QUICK_H
#define ZC_SINKS_JSON_QUICK_H

#include "core/span.h"
#include "sinks/format.h"
#include "sinks/out.h"

struct json_quick;

struct json_quick *json_quick_new(void); /* NULL: out of memory */
void json_quick_free(struct json_quick *q); /* NULL is allowed */

/* 1: the line is written; 0: nothing is, the span is no plain one. */
int json_quick_span(struct json_quick *q, struct out *o, const struct span *s, int redact);

#endif
