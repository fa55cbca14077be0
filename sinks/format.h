/*
 * format.h - numbers, times and addresses as text, without printf
 *
 * The fmt_ functions write at p and return the end of what they wrote; no NUL is added. The
 * caller has room for the maximum that each one states.
 */
#ifndef ZC_SINKS_FORMAT_H
#define ZC_SINKS_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "parsers/parser.h" /* struct str */

#define FMT_U64_MAX 20
#define FMT_DURATION_MAX 32
#define FMT_TIME_MAX 48
#define FMT_ADDR_MAX 46

/* A literal, without its NUL. */
#define FMT_LIT(p, lit) ((char *)memcpy((p), (lit), sizeof(lit) - 1) + sizeof(lit) - 1)

/* memcpy() of what is mostly short, without a call for that. Returns the end. */
static inline char *fmt_copy(char *p, const char *s, size_t n)
{
	if (n >= 8 && n <= 16) { /* the halves may overlap */
		uint64_t first, last;

		memcpy(&first, s, 8);
		memcpy(&last, s + n - 8, 8);
		memcpy(p, &first, 8);
		memcpy(p + n - 8, &last, 8);
	} else if (n >= 4 && n < 8) {
		uint32_t first, last;

		memcpy(&first, s, 4);
		memcpy(&last, s + n - 4, 4);
		memcpy(p, &first, 4);
		memcpy(p + n - 4, &last, 4);
	} else {
		memcpy(p, s, n);
	}
	return p + n;
}

char *fmt_u64(char *p, uint64_t v); /* writes over all of FMT_U64_MAX bytes, perhaps */

/* n octets as 2 * n hexadecimal digits. */
char *fmt_hex(char *p, const uint8_t *v, size_t n);

/* As Go's Duration.String(): 0s, 366.65µs, 1.260901ms, 1.5s, 1h2m3s. SPAN_UNKNOWN: "?". */
char *fmt_go_duration(char *p, uint64_t ns);

/* At most three significant digits: 999ns, 1.26ms, 12.3s, 2m05s, 3h12m. "-" if SPAN_UNKNOWN. */
char *fmt_short_duration(char *p, uint64_t ns);

/* 78B, 1.2KiB, 34MiB. */
char *fmt_size(char *p, uint64_t bytes);

/* Dotted for IPv4-mapped addresses, RFC 5952 otherwise. */
char *fmt_addr(char *p, const uint8_t addr[16]);
int addr_is_ipv4(const uint8_t addr[16]);

/* A time stamp of which only the fraction changes often. Start with {0} and the wanted form. */
struct fmt_clock {
	int rfc3339;   /* 2025-12-08T20:44:49.128844490Z in UTC, else local time with spaces */
	uint64_t sec;  /* of the text; valid if len > 0 */
	size_t len;
	char text[FMT_TIME_MAX];
};
char *fmt_time(char *p, struct fmt_clock *c, uint64_t unix_ns);

/*
 * How many octets at s (of n > 0) are one valid UTF-8 sequence (RFC 3629), 0 if none starts there.
 */
size_t utf8_len(const char *s, size_t n);

/* Is the word, upper or lower case, what the text begins with? "SELECT" of "select * from t". */
int fmt_begins_with_word(struct str text, struct str word);

/* Columns that a string takes on a terminal: one per character, two if wide, none if combining. */
size_t text_width(const char *s, size_t n);

/* How many bytes of a string fit into so many columns, whole characters. */
size_t text_cut(const char *s, size_t n, size_t columns);

/* What stands for a character, of more bytes than one, where only ASCII is known. */
char text_in_ascii(const char *s, size_t len);

/* Puts that in place of all others in s[0..n), as often as they are wide; returns the new n. */
size_t text_make_ascii(char *s, size_t n);

#endif
