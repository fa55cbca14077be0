/*
 * json_fields.h - header fields as a JSON object, and strings without their secrets
 *
 * Names are in lower case, in the order of their first occurrence. A field that occurs once is a
 * string; one that is repeated is an array of strings, in order: joining them with commas would
 * not be reversible (Set-Cookie). Secret values are "[redacted]", see core/redact.h.
 *
 * Of one head, JSON_FIELDS_MAX field lines are carried; when there are more of those that were
 * asked for, the object has a member "" (no field has that name) with the number left out.
 */
#ifndef ZC_SINKS_JSON_FIELDS_H
#define ZC_SINKS_JSON_FIELDS_H

#include "parsers/parser.h"
#include "sinks/json_writer.h"

#define JSON_FIELDS_MAX 256

struct json_fields;

/* names: field names in any case, or "*" for all; borrowed. NULL: out of memory. */
struct json_fields *json_fields_new(const char *const *names, unsigned n, int redact);

/* The member `key` with the fields of a head; nothing if there was no head or none asked for. */
void json_fields_put(struct json_fields *f, struct json *j, const char *key, struct str lines);
void json_fields_free(struct json_fields *f);

/* A query, or else a URI or path, as a JSON string with secrets replaced. */
void json_redacted(struct json *j, struct str s, int query);

#endif
