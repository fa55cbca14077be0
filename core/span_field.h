/*
 * span_field.h - what a span tells, by name: the table of its fields
 *
 * Names are those of JSON's keys; durations also have a name without "_ns". The common fields are
 * members of struct span, the others attributes (parsers/attrs.h). A field's number is its index in
 * span_fields().
 */
#ifndef ZC_CORE_SPAN_FIELD_H
#define ZC_CORE_SPAN_FIELD_H

#include "core/span.h"

enum field_type {
	FIELD_TEXT,
	FIELD_NUMBER,
	FIELD_DURATION, /* nanoseconds; a number without unit is one, too */
	FIELD_DURATION_ALIAS, /* the same, but a unit must be there */
	FIELD_SIZE,
	FIELD_TIME,
	FIELD_ADDRESS,
	FIELD_LIST,
	FIELD_CHOICE, /* text of a known set */
	FIELD_TLS,    /* text, or false */
};

struct span_field {
	const char *name;
	enum field_type type;
	const char *help; /* a few words, for manual, completion and dashboard */
};

/* All fields, ended by one without name, in the order in which people should read them. */
const struct span_field *span_fields(void);

/* Each returns 1, or 0 when the field is absent. */
int field_present(unsigned field, const struct span *s);
int field_number(unsigned field, const struct span *s, uint64_t *value);

/* Text of anything but numbers and lists; built in buf when the span has it in another form. */
int field_text(unsigned field, const struct span *s, char buf[SPAN_TEXT_MAX], struct str *text);

/* 16 octets; NULL when absent. */
const uint8_t *field_address(unsigned field, const struct span *s);

/*
 * The first header field of that name, in either case: of the request, else of the response. 1, or
 * 0: there is none, or the span does not carry them.
 */
int span_header(const struct span *s, const char *name, struct str *value);

/* The i-th value that a FIELD_CHOICE or FIELD_LIST can have; NULL beyond the last. */
const char *field_choice(unsigned field, unsigned i);

/* The number that has that name, in either case, where a field's numbers have names. 1, or 0. */
int field_code(unsigned field, const char *name, size_t n, uint64_t *code);

/*
 * The members of a span that are strings and fields, one at a time: *member is the offset of a
 * struct str, or of a const char * if *is_cstr. 0: there are no more.
 */
int field_string(unsigned i, size_t *member, int *is_cstr);

/* Number of the field with that name, or -1. */
int field_find(const char *name, size_t n);

/* Number of the field whose name is nearest by typing mistakes, or -1 if none is near. */
int field_nearest(const char *name, size_t n);

#endif
