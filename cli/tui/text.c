#include "cli/tui/text.h"

#include <string.h>

#include "parsers/redact.h"
#include "sinks/format.h"
#include "sinks/safe.h"

/* Of a longer string, the first and last octets are looked at; no screen is as wide as that. */
#define LOOK 1000u

struct buffer {
	char *p;
	size_t n, cap; /* cap leaves room for the NUL */
	unsigned columns;
};

static size_t step(const char *s, size_t n)
{
	size_t len = utf8_len(s, n);

	return len ? len : 1;
}

/* One character; 0 if it does not fit. */
static int put(struct buffer *b, const char *s, size_t len, unsigned width, int ascii)
{
	unsigned w = (unsigned)text_width(s, len);
	size_t bytes = ascii && len > 1 ? w : len;

	/* a combining character needs one before it to combine with */
	if (!w && !b->columns)
		return 1;
	if (b->columns + w > width || b->n + bytes > b->cap)
		return 0;
	if (ascii && len > 1)
		memset(b->p + b->n, text_in_ascii(s, len), bytes);
	else
		memcpy(b->p + b->n, s, len);
	b->n += bytes;
	b->columns += w;
	return 1;
}

static void put_all(struct buffer *b, const char *s, size_t n, unsigned width, int ascii)
{
	while (n) {
		size_t len = step(s, n);

		if (!put(b, s, len, width, ascii))
			return;
		s += len;
		n -= len;
	}
}

static void put_ellipsis(struct buffer *b, unsigned width, int ascii)
{
	if (ascii)
		(void)put(b, "~", 1, width, ascii);
	else
		(void)put(b, "…", strlen("…"), width, ascii);
}

/* Where the last characters of s begin that take no more than `width` columns. */
static const char *tail(const char *s, size_t n, unsigned width)
{
	size_t total = text_width(s, n);

	while (n && total > width) {
		size_t len = step(s, n);

		total -= text_width(s, len);
		s += len;
		n -= len;
	}
	/* what combines with a character that was dropped goes with it */
	while (n && !text_width(s, step(s, n))) {
		size_t len = step(s, n);

		s += len;
		n -= len;
	}
	return s;
}

static unsigned fit(char *dst, size_t cap, const char *s, size_t n, unsigned width,
		    enum text_cut cut, int ascii)
{
	struct buffer b = { dst, 0, cap - 1, 0 };

	if (text_width(s, n) <= width) {
		put_all(&b, s, n, width, ascii);
	} else if (width) {
		unsigned before = cut == CUT_MIDDLE && width > 4 ? (width - 1) / 2 : width - 1;
		const char *rest = s + n;

		put_all(&b, s, n, before, ascii);
		put_ellipsis(&b, width, ascii);
		if (before < width - 1)
			rest = tail(s, n, width - b.columns);
		put_all(&b, rest, (size_t)(s + n - rest), width, ascii);
	}
	dst[b.n] = '\0';
	return b.columns;
}

unsigned text_fit(char *dst, size_t cap, struct str s, unsigned width, enum text_cut cut,
		  int ascii)
{
	char safe[2 * LOOK * SAFE_GROWTH];
	char *end = safe;

	if (!s.p) {
		dst[0] = '\0';
		return 0;
	}
	if (s.n <= 2 * LOOK) {
		end = safe_text(end, s.p, s.n);
	} else {
		end = safe_text(end, s.p, LOOK);
		end = safe_text(end, s.p + s.n - LOOK, LOOK);
	}
	return fit(dst, cap, safe, (size_t)(end - safe), width, cut, ascii);
}

unsigned text_clip(char *dst, size_t cap, const char *s, unsigned width, int ascii)
{
	return fit(dst, cap, s, strlen(s), width, CUT_END, ascii);
}

struct str text_redacted(struct str s, int query, int redact, char *buf, size_t cap)
{
	size_t n;

	if (!s.p || !redact)
		return s;
	n = query ? redact_query(s, buf, cap) : redact_uri(s, buf, cap);
	return (struct str){ buf, n < cap ? n : cap };
}
