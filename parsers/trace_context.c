#include "parsers/trace_context.h"

#include <string.h>

struct str trace_context_find(const uint8_t *p, size_t n, struct str before)
{
	const uint8_t *end = p + n, *found = memmem(p, n, before.p, before.n);
	struct str none = {NULL, 0}, s;

	if (!found || (size_t)(end - found) < before.n + TRACE_CONTEXT_LEN)
		return none;
	s = (struct str){(const char *)found + before.n, TRACE_CONTEXT_LEN};
	found = (const uint8_t *)s.p + s.n;
	return memmem(found, (size_t)(end - found), before.p, before.n) ? none : s;
}

uint8_t trace_context_value(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-' ? c : 'x';
}

/* The first byte of what stands before it does not come in it again. */
uint8_t trace_context_mask(uint8_t *at, struct str before, uint8_t c)
{
	if (*at >= before.n) {
		*at = *at + 1u < before.n + TRACE_CONTEXT_LEN ? (uint8_t)(*at + 1) : 0;
		return trace_context_value(c);
	}
	if (c != (uint8_t)before.p[*at])
		*at = 0;
	if (c != (uint8_t)before.p[*at])
		return 'x';
	++*at;
	return c;
}
