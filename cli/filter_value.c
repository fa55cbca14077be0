/*
 * filter_value.c - numbers with units, points in time, addresses and prefixes
 */
#include <arpa/inet.h>
#include <string.h>

#include "cli/filter_value.h"
#include "parsers/digits.h"

typedef unsigned __int128 wide;

static const struct {
	const char *name;
	enum filter_units units;
	uint64_t factor;
} unit_table[] = {
	{ "ns", UNITS_TIME, 1 },
	{ "us", UNITS_TIME, 1000 },
	{ "\xc2\xb5s", UNITS_TIME, 1000 }, /* U+00B5, the micro sign */
	{ "\xce\xbcs", UNITS_TIME, 1000 }, /* U+03BC, the Greek letter */
	{ "ms", UNITS_TIME, 1000000 },
	{ "s", UNITS_TIME, 1000000000 },
	{ "m", UNITS_TIME, 60000000000 },
	{ "h", UNITS_TIME, 3600000000000 },
	{ "B", UNITS_SIZE, 1 },
	{ "kB", UNITS_SIZE, 1000 },
	{ "KB", UNITS_SIZE, 1000 },
	{ "MB", UNITS_SIZE, 1000000 },
	{ "GB", UNITS_SIZE, 1000000000 },
	{ "TB", UNITS_SIZE, 1000000000000 },
	{ "KiB", UNITS_SIZE, 1u << 10 },
	{ "MiB", UNITS_SIZE, 1u << 20 },
	{ "GiB", UNITS_SIZE, 1u << 30 },
	{ "TiB", UNITS_SIZE, (uint64_t)1 << 40 },
};

/* Factor of the unit that is n octets at p, or 0. */
static uint64_t unit_factor(const char *p, size_t n, enum filter_units units)
{
	for (size_t i = 0; i < sizeof(unit_table) / sizeof(*unit_table); i++)
		if (unit_table[i].units == units && strlen(unit_table[i].name) == n &&
		    !memcmp(unit_table[i].name, p, n))
			return unit_table[i].factor;
	return 0;
}

/* One number with at most one unit: its length, or 0. */
static size_t component(const char *p, size_t n, enum filter_units units, wide *sum, int *fraction,
			int *had_unit)
{
	wide whole = 0, part = 0, scale = 1;
	uint64_t factor = 1;
	size_t i = 0, unit;

	for (; i < n && is_digit(p[i]); i++)
		if (whole <= UINT64_MAX)
			whole = whole * 10 + (unsigned)(p[i] - '0');
	if (!i)
		return 0;
	if (i + 1 < n && p[i] == '.' && is_digit(p[i + 1])) {
		for (i++; i < n && is_digit(p[i]); i++) {
			if (scale < 1000000000000000000u) {
				scale *= 10;
				part = part * 10 + (unsigned)(p[i] - '0');
			} else if (p[i] != '0') {
				*fraction = 1;
			}
		}
	}
	for (unit = i; i < n && !is_digit(p[i]); i++)
		;
	if (i > unit) {
		factor = unit_factor(p + unit, i - unit, units);
		if (!factor)
			return 0;
	} else if (whole || part) {
		*had_unit = 0;
	}
	*fraction |= part * factor % scale != 0;
	*sum += whole * factor + part * factor / scale;
	return i;
}

int value_number(const char *p, size_t n, enum filter_units units, struct filter_number *out,
		 int *had_unit, const char **why)
{
	static const char *const wrong[] = {
		[UNITS_NONE] = "is not a number",
		[UNITS_TIME] = "is not a duration (as 250ms, 1.5s, 1m30s)",
		[UNITS_SIZE] = "is not a size (as 1500, 10kB, 1.5MiB)",
	};
	int all_units = 1;
	wide sum = 0;
	size_t used;

	out->fraction = 0;
	*why = wrong[units];
	if (!n)
		return -1;
	for (; n; p += used, n -= used) {
		used = component(p, n, units, &sum, &out->fraction, &all_units);
		/* only durations have several components, and then each has its unit */
		if (!used || (used < n && (units != UNITS_TIME || !all_units)))
			return -1;
		if (sum > UINT64_MAX - 1) {
			*why = "is too large";
			return -1;
		}
	}
	out->whole = (uint64_t)sum;
	if (had_unit)
		*had_unit = all_units;
	return 0;
}

/* Exactly n digits at *p, which must be within end. */
static int fixed(const char **p, const char *end, unsigned n, unsigned max, uint64_t *out)
{
	uint64_t v = 0;

	for (; n; n--, (*p)++) {
		if (*p == end || !is_digit(**p))
			return -1;
		v = v * 10 + (unsigned)(**p - '0');
	}
	*out = v;
	return v > max ? -1 : 0;
}

static int literal(const char **p, const char *end, const char *set)
{
	if (*p == end || !strchr(set, **p) || !**p)
		return -1;
	(*p)++;
	return 0;
}

/* Days from 1970-01-01 in the Gregorian calendar; years from March make leap days come last. */
static uint64_t days_of(uint64_t year, uint64_t month, uint64_t day)
{
	uint64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

/* "Z" or "+01:00": seconds to add to get UTC. */
static int zone(const char **p, const char *end, int64_t *shift)
{
	uint64_t h, m;
	int minus;

	*shift = 0;
	if (!literal(p, end, "Zz"))
		return 0;
	minus = *p < end && **p == '-';
	if (literal(p, end, "+-") || fixed(p, end, 2, 23, &h) || literal(p, end, ":") ||
	    fixed(p, end, 2, 59, &m))
		return -1;
	*shift = (int64_t)(h * 3600 + m * 60) * (minus ? 1 : -1);
	return 0;
}

int value_time(const char *p, size_t n, struct filter_number *out, const char **why)
{
	uint64_t year, month, day, h = 0, m = 0, s = 0, ns = 0, unit = 100000000;
	const char *end = p + n;
	int64_t shift = 0, seconds;

	*why = "is not a time (as 2025-12-08T20:44:49Z)";
	if (fixed(&p, end, 4, 2500, &year) || literal(&p, end, "-") ||
	    fixed(&p, end, 2, 12, &month) || literal(&p, end, "-") ||
	    fixed(&p, end, 2, 31, &day) || year < 1970 || !month || !day)
		return -1;
	if (p < end) {
		if (literal(&p, end, "Tt ") || fixed(&p, end, 2, 23, &h) ||
		    literal(&p, end, ":") || fixed(&p, end, 2, 59, &m) ||
		    literal(&p, end, ":") || fixed(&p, end, 2, 60, &s))
			return -1;
		if (!literal(&p, end, "."))
			for (; p < end && is_digit(*p); p++, unit /= 10)
				ns += (unsigned)(*p - '0') * unit;
		if (zone(&p, end, &shift) || p != end)
			return -1;
	}
	seconds = (int64_t)(days_of(year, month, day) * 86400 + h * 3600 + m * 60 + s) + shift;
	if (seconds < 0)
		return -1;
	*out = (struct filter_number){ (uint64_t)seconds * 1000000000 + ns, 0 };
	return 0;
}

int value_prefix(const char *p, size_t n, struct filter_prefix *out, const char **why)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	const char *slash = memchr(p, '/', n), *end = p + n;
	size_t len = slash ? (size_t)(slash - p) : n;
	unsigned max = 32, bits = 0;
	char text[64];

	*why = "is not an address or a prefix (as 10.0.0.0/8)";
	if (len >= sizeof(text) || memchr(p, '\0', n))
		return -1;
	memcpy(text, p, len);
	text[len] = '\0';
	memcpy(out->addr, mapped, sizeof(mapped));
	if (inet_pton(AF_INET, text, out->addr + 12) != 1) {
		if (inet_pton(AF_INET6, text, out->addr) != 1)
			return -1;
		max = 128;
	}
	if (!slash)
		bits = max;
	else if (++slash == end || end - slash > 3)
		return -1;
	for (; slash && slash < end; slash++) {
		if (!is_digit(*slash))
			return -1;
		bits = bits * 10 + (unsigned)(*slash - '0');
	}
	if (bits > max) {
		*why = "has a prefix length beyond that of the address";
		return -1;
	}
	out->bits = bits + 128 - max;
	return 0;
}

int value_prefix_contains(const struct filter_prefix *p, const uint8_t addr[16])
{
	unsigned whole = p->bits / 8, rest = p->bits % 8;

	if (memcmp(p->addr, addr, whole))
		return 0;
	return !rest || !((p->addr[whole] ^ addr[whole]) >> (8 - rest));
}
