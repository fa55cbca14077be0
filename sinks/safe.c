#include "sinks/safe.h"

#include <stdint.h>

#include "sinks/format.h"

#define EACH(b) (0x0101010101010101u * (uint64_t)(b))

/* The high bit of every octet of w that is zero; octets above the first such may be wrong. */
static uint64_t zero_bytes(uint64_t w)
{
	return (w - EACH(0x01)) & ~w & EACH(0x80);
}

/* Is any of these eight one that needs a look? */
static uint64_t is_odd(uint64_t w)
{
	return ((w | (w - EACH(0x20))) & EACH(0x80)) | zero_bytes(w ^ EACH('"')) |
	       zero_bytes(w ^ EACH('\\')) | zero_bytes(w ^ EACH(0x7f));
}

static uint64_t eight(const char *s)
{
	uint64_t w;

	memcpy(&w, s, 8);
	return w;
}

/* The same where there are fewer, n >= 4: some of them twice. */
static uint64_t four_to_eight(const char *s, size_t n)
{
	uint32_t first, last;

	memcpy(&first, s, 4);
	memcpy(&last, s + n - 4, 4);
	return (uint64_t)first << 32 | last;
}

size_t plain_ascii(const char *s, size_t n)
{
	size_t i = 0;

	while (n - i >= 8 && !is_odd(eight(s + i)))
		i += 8;
	/* nearly always the rest is, too; the last word begins in what was looked at */
	if (n - i < 8 && n >= 4 && !is_odd(n >= 8 ? eight(s + n - 8) : four_to_eight(s, n)))
		return n;
	for (; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			break;
	}
	return i;
}

/* Is this valid sequence of len > 1 octets one that moves the cursor or reorders text? */
static int acts_on_terminal(const char *s, size_t len)
{
	unsigned char a = (unsigned char)s[0], b = (unsigned char)s[1];
	unsigned char c = len > 2 ? (unsigned char)s[2] : 0;

	if (a == 0xc2 && b < 0xa0) /* C1 */
		return 1;
	if (a == 0xd8 && b == 0x9c) /* U+061C */
		return 1;
	if (a != 0xe2)
		return 0;
	if (b == 0x80) /* U+200E, U+200F, U+2028..U+202E */
		return c == 0x8e || c == 0x8f || (c >= 0xa8 && c <= 0xae);
	return b == 0x81 && c >= 0xa6 && c <= 0xa9; /* U+2066..U+2069 */
}

static char *escape(char *p, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		p = FMT_LIT(p, "\\x");
		p = fmt_hex(p, (const uint8_t *)s + i, 1);
	}
	return p;
}

char *safe_text(char *p, const char *s, size_t n)
{
	while (n) {
		size_t len = plain_ascii(s, n);
		int bad = 0;

		if (!len) {
			unsigned char c = (unsigned char)*s;

			len = utf8_len(s, n);
			bad = c < 0x20 || c == 0x7f || c == '\\' || !len ||
			      (len > 1 && acts_on_terminal(s, len));
			len = len ? len : 1;
		}
		if (bad) {
			p = escape(p, s, len);
		} else {
			memcpy(p, s, len);
			p += len;
		}
		s += len;
		n -= len;
	}
	return p;
}

void out_safe(struct out *o, const char *s, size_t n)
{
	const size_t limit = OUT_MAX_RESERVE / SAFE_GROWTH;

	while (n) {
		size_t part = n;

		if (n > limit) {
			/* cut before a character, not in it */
			part = limit;
			while (part > limit - 4 && ((unsigned char)s[part] & 0xc0) == 0x80)
				part--;
		}
		out_commit(o, safe_text(out_reserve(o, SAFE_GROWTH * part), s, part));
		s += part;
		n -= part;
	}
}
