#include "cli/when.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/duration.h"

#define SECOND 1000000000ull
#define DAY (86400 * SECOND)

/* "14:03" or "14:03:20.5" up to *end. 0 or -1. */
static int parse_clock(const char *s, struct tm *tm, double *seconds, const char **end)
{
	int used = 0;
	char *stop;

	*seconds = 0;
	if (sscanf(s, "%2d:%2d%n", &tm->tm_hour, &tm->tm_min, &used) != 2 || tm->tm_hour < 0 ||
	    tm->tm_hour > 23 || tm->tm_min < 0 || tm->tm_min > 59)
		return -1;
	*end = s + used;
	if (**end != ':')
		return 0;
	if ((*end)[1] < '0' || (*end)[1] > '9')
		return -1;
	*seconds = strtod(*end + 1, &stop);
	*end = stop;
	return *seconds >= 0 && *seconds < 61 ? 0 : -1;
}

/* "2025-12-08" and a clock's time behind T. */
static int parse_date(const char *s, uint64_t *out)
{
	struct tm tm = { .tm_isdst = -1 };
	double seconds;
	const char *end;
	time_t t;
	int used = 0;

	if (sscanf(s, "%4d-%2d-%2dT%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &used) != 3 ||
	    !used || tm.tm_year < 1970 || parse_clock(s + used, &tm, &seconds, &end))
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	if (*end && strcmp(end, "Z"))
		return -1;
	t = *end ? timegm(&tm) : mktime(&tm);
	if (t < 0)
		return -1;
	*out = (uint64_t)t * SECOND + (uint64_t)llround(seconds * (double)SECOND);
	return 0;
}

static int parse_time_of_day(const char *s, uint64_t begin, uint64_t *out)
{
	time_t day = (time_t)(begin / SECOND);
	double seconds;
	const char *end;
	struct tm tm;

	if (!localtime_r(&day, &tm) || parse_clock(s, &tm, &seconds, &end) || *end)
		return -1;
	tm.tm_sec = 0;
	*out = (uint64_t)mktime(&tm) * SECOND + (uint64_t)llround(seconds * (double)SECOND);
	if (*out + DAY / 2 < begin)
		*out += DAY;
	return 0;
}

static int parse_span(const char *s, uint64_t *out)
{
	char *end;
	double seconds;

	if (!duration_parse(s, out))
		return 0;
	seconds = strtod(s, &end);
	if (end == s || *end || !(seconds >= 0) || seconds > 1e9)
		return -1;
	*out = (uint64_t)(seconds * (double)SECOND);
	return 0;
}

int when_parse(const char *s, uint64_t begin, uint64_t now, uint64_t *out)
{
	uint64_t v;

	while (*s == ' ')
		s++;
	if (!strcmp(s, "end")) {
		*out = UINT64_MAX;
		return 0;
	}
	if (strchr(s, 'T'))
		return parse_date(s, out);
	if (strchr(s, ':'))
		return parse_time_of_day(s, begin, out);
	if (*s == '+' || *s == '-') {
		if (parse_span(s + 1, &v))
			return -1;
		*out = *s == '+' ? now + v : now > begin + v ? now - v : begin;
		return 0;
	}
	if (parse_span(s, &v))
		return -1;
	*out = begin + v;
	return 0;
}
