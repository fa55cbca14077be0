/*
 * trace_context.h - W3C's traceparent where messages carry it as a field with lengths (AMQP, MQTT)
 *
 * A field is found by what stands before its value: its name with its length, its type, and the
 * length of the value, which is always the same. So nothing else of the fields need be understood,
 * and a recording whose other fields are hidden shows the same.
 */
#ifndef ZC_PARSERS_TRACE_CONTEXT_H
#define ZC_PARSERS_TRACE_CONTEXT_H

#include <stdint.h>

#include "parsers/protocol.h"

#define TRACE_CONTEXT_LEN 55u /* of its value: 00-32 digits-16 digits-2 digits */

/* The value behind `before` among the n bytes at p; p == NULL: there is none, or more than one. */
struct str trace_context_find(const uint8_t *p, size_t n, struct str before);

/*
 * For masks: of the bytes of fields, which come one by one, what belongs to it stays, and all else
 * becomes 'x'. *at is 0 where they begin.
 */
uint8_t trace_context_mask(uint8_t *at, struct str before, uint8_t c);

/* The same of a byte that is of its value. */
uint8_t trace_context_value(uint8_t c);

#endif
