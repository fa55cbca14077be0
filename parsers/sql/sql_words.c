#include "parsers/sql/sql_words.h"

#include <string.h>

#include "parsers/str.h"

#define NAME_CUT 63u /* longer names of columns are cut to that */

static int is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static int is_one_of(const char *const *list, const char *p, size_t n)
{
	for (; *list; list++)
		if (strlen(*list) == n && nocase_equal(p, *list, n))
			return 1;
	return 0;
}

/* How columns without a name are called after types and functions that are written otherwise. */
static int is_made(const char *p, size_t n)
{
	static const char *const made[] = {
		"int2",	   "int4",   "int8",  "bool",	"float4",      "float8",
		"varchar", "bpchar", "row",   "numeric", "timestamptz", "timetz",
		"varbit",  "btrim",  "ltrim", "rtrim",	"date_part",   NULL,
	};

	return is_one_of(made, p, n);
}

void sql_words_add(struct sql_words *w, const char *p, size_t n)
{
	if (!n || n >= NAME_CUT || n >= sizeof(w->p) - w->n || is_made(p, n))
		return;
	for (size_t i = 0; i < n; i++)
		if (!is_word(p[i]) || (unsigned char)p[i] >= 0x80)
			return;
	for (size_t i = 0; i < n; i++)
		w->p[w->n + i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] | 0x20) : p[i];
	w->p[w->n + n] = 0;
	w->n = (uint8_t)(w->n + n + 1);
}

static int has_word(struct str s, const char *p, size_t n)
{
	for (size_t i = 0; i + n <= s.n; i++)
		if ((!i || !is_word(s.p[i - 1])) && (i + n == s.n || !is_word(s.p[i + n])) &&
		    nocase_equal(s.p + i, p, n))
			return 1;
	return 0;
}

/* Is it one the answer to which says nothing else? */
static int tells_all(struct str operation, struct str shape)
{
	static const char *const plain[] = {
		"select", "insert", "update", "delete", "begin", "start", "copy", NULL,
	};
	static const char ellipsis[] = "\xe2\x80\xa6";

	return operation.p && is_one_of(plain, operation.p, operation.n) &&
	       !memchr(shape.p, '*', shape.n) &&
	       !memmem(shape.p, shape.n, ellipsis, sizeof(ellipsis) - 1);
}

int sql_words_fit(struct str words, struct str operation, struct str shape)
{
	if (!shape.n)
		return 0;
	for (size_t at = 0, n; at < words.n; at += n + 1) {
		n = strnlen(words.p + at, words.n - at);
		if (!has_word(shape, words.p + at, n))
			return tells_all(operation, shape) ? -1 : 0;
	}
	return 1;
}
