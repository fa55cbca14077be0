/*
 * percent.h - percent-encoding (RFC 3986 section 2.1)
 */
#ifndef ZC_CORE_PERCENT_H
#define ZC_CORE_PERCENT_H

#include <stddef.h>

static inline int percent_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Decodes n bytes to out, which may be the same place; returns how many they become. What is no
 * valid escape stays as it is.
 */
static inline size_t percent_decode(const char *p, size_t n, char *out)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		int high = p[i] == '%' && n - i > 2 ? percent_digit(p[i + 1]) : -1;
		int low = high >= 0 ? percent_digit(p[i + 2]) : -1;

		out[at++] = low >= 0 ? (char)(unsigned char)(high * 16 + low) : p[i];
		i += low >= 0 ? 2 : 0;
	}
	return at;
}

#endif
