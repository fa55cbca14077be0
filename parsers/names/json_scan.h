/*
 * json_scan.h - the values in a JSON text (RFC 8259) that comes in pieces, cut anywhere
 *
 * Not a validator: what is well-formed is read right, and of what is not, something is told up to
 * where that shows. Nothing is kept but the place in the text: the names that lead to a value, as
 * "choices[].finish_reason", and the first JSON_TEXT_MAX bytes of the one value that is being read.
 * Strings come without their escapes. What lies deeper than JSON_TRACKED, or behind names longer
 * than JSON_PATH_MAX in all, is passed over.
 */
#ifndef ZC_PARSERS_NAMES_JSON_SCAN_H
#define ZC_PARSERS_NAMES_JSON_SCAN_H

#include "parsers/protocol.h"

#define JSON_PATH_MAX 64u
#define JSON_TEXT_MAX 384u
#define JSON_TRACKED 6u
#define JSON_DEPTH_MAX 63u /* beyond it the text is given up */

enum json_type {
	JSON_STRING,
	JSON_NUMBER,
	JSON_WORD,   /* true, false, null */
	JSON_OBJECT, /* one begins */
	JSON_ARRAY,
	JSON_END, /* the text, or an element of the array that it is, is complete */
};

/* Borrowed for the call. */
struct json_value {
	struct str path;
	enum json_type type;
	struct str text; /* of the first three types */
	int cut;	 /* it is longer than `text` */
};

struct json_scan {
	uint64_t arrays;	/* bit by depth: it is one */
	uint8_t depth, blind;	/* blind: the depth from which on nothing is told; 0: none */
	uint8_t state, escape;	/* escape: 1 behind a backslash, then the digits to come + 1 */
	uint8_t npath, cut, skip, stopped;
	uint8_t mark[JSON_TRACKED + 1]; /* the path's length within the container of that depth */
	uint16_t ntext, code;
	char path[JSON_PATH_MAX], text[JSON_TEXT_MAX];
};

/* Returns 0 if nothing more is to be told. */
typedef int json_told(void *ctx, const struct json_value *v);

/* All zero at the beginning. Returns 0 where it is no JSON; nothing more is told then. */
int json_scan(struct json_scan *s, const uint8_t *p, size_t n, json_told *fn, void *ctx);

/* Begins anew, with another text. */
void json_scan_reset(struct json_scan *s);

/* Is the value at this path? */
static inline int json_at(const struct json_value *v, const char *path)
{
	return v->path.n == strlen(path) && !memcmp(v->path.p, path, v->path.n);
}

/* A whole number, not negative; UINT64_MAX: it is none. */
uint64_t json_number(const struct json_value *v);

#endif
