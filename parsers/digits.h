/*
 * digits.h - digits, of bases of ten and more
 */
#ifndef ZC_PARSERS_DIGITS_H
#define ZC_PARSERS_DIGITS_H

static inline int is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* Of a hexadecimal digit in either case; -1: it is none. */
static inline int hex_value(int c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 4648, sections 4 and 5: of a digit of base64; last: the two that alphabets differ in. */
static inline int base64_value(int c, const char last[2])
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	return c == last[0] ? 62 : c == last[1] ? 63 : -1;
}

#endif
