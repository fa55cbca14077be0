/*
 * nearest.h - which of several names a mistyped one was meant to be
 */
#ifndef ZC_CORE_NEAREST_H
#define ZC_CORE_NEAREST_H

#include <stddef.h>

#define NEAREST_MAX 40u /* bytes of a name; longer ones are near to nothing */

/* From this distance on a guess does not help: of n bytes, about a third may be wrong. */
static inline unsigned nearest_limit(size_t n)
{
	return n < 3 ? 2 : (unsigned)n / 3 + 2;
}

/*
 * One candidate after the other: is it nearer to n bytes of s than *best, which begins as
 * nearest_limit(n)? Then *best becomes its distance.
 */
int name_is_nearer(const char *s, size_t n, const char *candidate, unsigned *best);

#endif
