/*
 * filter_field.h - private to the filter: values of a span by the number of the field
 *
 * The number is the index into filter_fields().
 */
#ifndef ZC_CLI_FILTER_FIELD_H
#define ZC_CLI_FILTER_FIELD_H

#include "cli/filter.h"

#define FIELD_TEXT_MAX 48 /* of values that are no text in the span */

/* Each returns 1, or 0 when the field is absent. */
int field_present(unsigned field, const struct span *s);
int field_number(unsigned field, const struct span *s, uint64_t *value);

/* Text of anything but numbers and lists; built in buf when the span has it in another form. */
int field_text(unsigned field, const struct span *s, char buf[FIELD_TEXT_MAX], struct str *text);

/* 16 octets; NULL when absent. */
const uint8_t *field_address(unsigned field, const struct span *s);

/* The i-th value that a FILTER_CHOICE or FILTER_LIST can have; NULL beyond the last. */
const char *field_choice(unsigned field, unsigned i);

/* Number of the field with that name, or -1. */
int field_find(const char *name, size_t n);

/* Number of the field whose name is nearest by typing mistakes, or -1 if none is near. */
int field_nearest(const char *name, size_t n);

#endif
