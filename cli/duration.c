#include "cli/duration.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "parsers/digits.h"

#define LIMIT_NS ((double)(INT64_MAX / 2))

/* The unit at s: its nanoseconds, and its length in *n. 0: none. */
static uint64_t unit_at(const char *s, size_t *n)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ns", 1 },
		{ "us", 1000 },
		{ "µs", 1000 },
		{ "ms", 1000000 },
		{ "s", 1000000000 },
		{ "m", 60000000000 },
		{ "h", 3600000000000 },
		{ "d", 86400000000000 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		*n = strlen(units[i].name);
		if (!strncmp(s, units[i].name, *n))
			return units[i].ns;
	}
	return 0;
}

int duration_parse(const char *s, uint64_t *ns)
{
	double total = 0;

	if (!*s)
		return -EINVAL;
	while (*s) {
		double v = 0, scale = 1;
		uint64_t unit;
		size_t n;

		if (!is_digit(*s))
			return -EINVAL;
		for (; is_digit(*s); s++)
			v = v * 10 + (*s - '0');
		if (*s == '.' && is_digit(s[1])) {
			for (s++; is_digit(*s); s++)
				v += (*s - '0') * (scale /= 10);
		}
		unit = unit_at(s, &n);
		if (!unit)
			return -EINVAL;
		s += n;
		total += v * (double)unit;
	}
	if (!(total >= 1) || total > LIMIT_NS)
		return -EINVAL;
	*ns = (uint64_t)(total + 0.5);
	return 0;
}

int size_parse(const char *s, uint64_t max, uint64_t *out)
{
	size_t n = strlen(s);
	unsigned shift = 0;
	char digits[24];

	if (n > 2 && !strcmp(s + n - 2, "iB"))
		n -= 2;
	if (n && strchr("kKmMgG", s[n - 1]))
		shift = (s[n - 1] | 0x20) == 'k' ? 10 : (s[n - 1] | 0x20) == 'm' ? 20 : 30;
	if (!shift && s[n])
		return -EINVAL;
	n -= shift != 0;
	if (n >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, s, n);
	digits[n] = 0;
	if (count_parse(digits, max >> shift, out))
		return -EINVAL;
	*out <<= shift;
	return 0;
}

int count_parse(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; is_digit(*s); s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (v > (max - digit) / 10)
			return -EINVAL;
		v = v * 10 + digit;
	}
	if (*s || !v || v > max)
		return -EINVAL;
	*out = v;
	return 0;
}
