#include "core/nearest.h"

#include <limits.h>
#include <string.h>

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/*
 * How many insertions, deletions, replacements and swaps of neighbours make one name of the other,
 * letters of either case being equal; UINT_MAX if one of them is longer than NEAREST_MAX.
 */
static unsigned distance(const char *a, size_t an, const char *b, size_t bn)
{
	unsigned row[3][NEAREST_MAX + 1];

	if (an > NEAREST_MAX || bn > NEAREST_MAX)
		return UINT_MAX;
	for (unsigned j = 0; j <= bn; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= an; i++) {
		unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (unsigned j = 1; j <= bn; j++) {
			unsigned cost = lower(a[i - 1]) != lower(b[j - 1]);

			now[j] = min2(min2(last[j], now[j - 1]) + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				now[j] = min2(now[j], before[j - 2] + 1);
		}
	}
	return row[an % 3][bn];
}

int name_is_nearer(const char *s, size_t n, const char *candidate, unsigned *best)
{
	unsigned d = distance(s, n, candidate, strlen(candidate));

	if (d >= *best)
		return 0;
	*best = d;
	return 1;
}
