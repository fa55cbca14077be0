/*
 * http1_impl.h - what the files of the HTTP/1 parser share; private to them
 *
 * http1_start.c says where a message starts, http1_field.c what the fields of its head mean, and
 * http1.c, from both, where it ends. http1_memo.c spares the three of them what they know already.
 */
#ifndef ZC_PARSERS_HTTP1_IMPL_H
#define ZC_PARSERS_HTTP1_IMPL_H

#include <string.h>

#include "parsers/digits.h"
#include "parsers/http1/http1.h"

/* ---- octets */

#define TOKEN 1	  /* tchar, RFC 9110 section 5.6.2 */
#define TEXT 2	  /* field-vchar, SP, HTAB */
#define WORD 4	  /* TEXT without white space */
#define TRIGGER 8 /* LF, or an octet with which a start line in the middle of a line may begin */

extern const uint8_t http1_octet_class[256];

static inline size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline int is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* How many octets at p are of the class? */
static inline size_t octet_run(const uint8_t *p, size_t n, uint8_t class)
{
	size_t i = 0;

	while (i < n && (http1_octet_class[p[i]] & class))
		i++;
	return i;
}

static inline uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static inline struct str str_of(const uint8_t *p, size_t n)
{
	return (struct str){ (const char *)p, n };
}

/* ---- http1_start.c: none of these says "no" to what more octets could make a "yes" */

/*
 * A message is due at p, and n octets without their LF stand there: are they its start line? Fills
 * kind, minor, method, target, status, reason.
 */
int http1_start_line(const uint8_t *p, size_t n, uint8_t kind, struct http1_event *ev);

/* n > 0 octets with no LF yet, of which `from` were asked about before: may they become one? */
int http1_start_fits(const uint8_t *p, size_t n, size_t from, uint8_t kind);

/* Are they more than some word that might turn out to be a method? */
int http1_start_certain(const uint8_t *p, size_t n, uint8_t kind);

/* How many octets at p are empty lines? */
size_t http1_empty_lines(const uint8_t *p, size_t n);

/* Is there a field line, as far as its colon, or the empty line? */
enum probe_result http1_match_field(const uint8_t *p, size_t n);

/*
 * Finds, in garbage, the first position where a message starts (PROBE_YES) or may start
 * (PROBE_MORE; at n if nowhere before). *inner: position 0, then the result, stands in the midst of
 * some text, where none does.
 * *from: octets at position 0, then at the result, that need not be looked at again.
 */
enum probe_result http1_find_start(const uint8_t *p, size_t n, uint8_t kind, int *inner,
				   size_t *from, size_t *pos);

/* ---- http1_field.c */

/*
 * Reads the field lines from p + i on. Returns where the empty line ends, and in *last where it
 * begins; 0: it is not there, and *m is of no use. *notes: what the core will look for, as far as
 * no value goes on in the next line; NULL: not wanted.
 */
size_t http1_scan_fields(const uint8_t *p, size_t i, size_t n, struct http1_meaning *m,
			 struct field_notes *notes, size_t *last);

/* The same of one of them: its name, which is not unknown, its colon, and its LF at p[end]. */
void http1_take_field(const uint8_t *p, size_t i, size_t n, enum field_name name, size_t colon,
		      size_t end, struct http1_meaning *m, struct field_notes *notes);

/* The end of the empty line whose LF is at or after `from`, with a line before it in p; or 0. */
size_t http1_find_empty_line(const uint8_t *p, size_t from, size_t n, size_t *last);

/* ---- http1_memo.c: heads that come again. What it says is what is found without it. */

/*
 * HEAD and what its fields mean, if p begins with the head that is remembered, or with one that has
 * other values. That one was read by a parser that knew of nothing unusual (see is_usual() in
 * http1.c), and so must this one be.
 */
int http1_memo_head(struct http1_memo *k, const uint8_t *p, size_t n, struct http1_event *ev,
		    struct http1_meaning *m, struct field_notes *notes);

/*
 * The head *ev, of which the first octet is p, was read, and its fields mean *m. Perhaps it is
 * remembered, which gives ev->same a number.
 */
void http1_memo_keep(struct http1_memo *k, const uint8_t *p, struct http1_event *ev,
		     const struct http1_meaning *m);

#endif
