/*
 * str.h - comparing bytes with words
 */
#ifndef ZC_PARSERS_STR_H
#define ZC_PARSERS_STR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Eight letters at once: they may differ in the bit of case where `lower` has a letter. */
static inline int nocase_differs8(const void *p, const char *lower)
{
	uint64_t x, y;

	memcpy(&x, p, 8);
	memcpy(&y, lower, 8);
	return ((x ^ y) & ~((y & 0x4040404040404040ull) >> 1)) != 0;
}

static inline int nocase_differs4(const void *p, const char *lower)
{
	uint32_t x, y;

	memcpy(&x, p, 4);
	memcpy(&y, lower, 4);
	return ((x ^ y) & ~((y & 0x40404040u) >> 1)) != 0;
}

/*
 * Are these n bytes the word, whose letters are small ones, in whatever case? Of the word's other
 * characters only `-`, digits and what else lies below `@` may be in it.
 */
static inline int nocase_equal(const void *p, const char *lower, size_t n)
{
	const uint8_t *b = p;

	if (n >= 8) {
		for (size_t i = 0; i + 8 < n; i += 8)
			if (nocase_differs8(b + i, lower + i))
				return 0;
		return !nocase_differs8(b + n - 8, lower + n - 8);
	}
	if (n >= 4)
		return !nocase_differs4(b, lower) && !nocase_differs4(b + n - 4, lower + n - 4);
	for (size_t i = 0; i < n; i++) {
		uint8_t y = (uint8_t)lower[i];

		if ((b[i] ^ y) & ~((y & 0x40) >> 1))
			return 0;
	}
	return 1;
}

#endif
