/*
 * nearest.h - which of several names a mistyped one was meant to be
 */
#ifndef ZC_CORE_NEAREST_H
#define ZC_CORE_NEAREST_H

#include <stddef.h>

#define NEAREST_MAX 40u /* bytes of a name; longer ones are near to nothing */

/*
 * How many insertions, deletions, replacements and swaps of neighbours make one name of the other,
 * letters of either case being equal; UINT_MAX if one of them is longer than NEAREST_MAX.
 */
unsigned name_distance(const char *a, size_t an, const char *b, size_t bn);

/* From this distance on a guess does not help: of n bytes, about a third may be wrong. */
static inline unsigned nearest_limit(size_t n)
{
	return n < 3 ? 2 : (unsigned)n / 3 + 2;
}

#endif
