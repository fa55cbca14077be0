/*
 * text.h - strings from anywhere, made fit for a field of the screen
 *
 * What came over the wire is shown safely (sinks/safe.h) and takes no more columns than it was
 * given: wide characters count two, combining ones none.
 */
#ifndef ZC_CLI_TUI_TEXT_H
#define ZC_CLI_TUI_TEXT_H

#include <stddef.h>
#include "parsers/parser.h" /* struct str */

enum text_cut {
	CUT_END,    /* "/a/long/pa…" */
	CUT_MIDDLE, /* "/a/lo…/path": of paths, both ends tell something */
};

#define TEXT_MAX 1024 /* octets with which every field is content, its NUL included */

/*
 * Writes at most `width` columns and cap - 1 octets of s, and a NUL. ascii: the terminal knows no
 * other characters; they become '?'. Returns the columns used.
 */
unsigned text_fit(char *dst, size_t cap, struct str s, unsigned width, enum text_cut cut,
		  int ascii);

/* The same of a C string that is ours: nothing is escaped. */
unsigned text_clip(char *dst, size_t cap, const char *s, unsigned width, int ascii);

/* Without secrets: a path or URI, or a query. Borrows buf (cap octets). */
struct str text_redacted(struct str s, int query, int redact, char *buf, size_t cap);

static inline struct str str_of(const char *s)
{
	struct str r = { s, 0 };

	if (s)
		while (s[r.n])
			r.n++;
	return r;
}

#endif
