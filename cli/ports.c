#include "cli/ports.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PID_LIMIT (4u << 20)

/* Digits at *p, before end, as a number no greater than max; -1 if there is none such. */
static long number(const char **p, const char *end, long max)
{
	long v = 0;

	if (*p == end || **p < '0' || **p > '9')
		return -1;
	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
		v = v * 10 + (**p - '0');
		if (v > max)
			return -1;
	}
	return v;
}

/* The next item of *list as [*p, return value). NULL at the end. */
static const char *item(const char **list, const char **p)
{
	const char *end;

	if (!*list)
		return NULL;
	*p = *list;
	end = strchrnul(*p, ',');
	*list = *end ? end + 1 : NULL;
	return end;
}

__attribute__((format(printf, 3, 4))) static int bad(char *err, size_t errlen, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int ports_next(const char **list, struct port_range *out, char *err, size_t errlen)
{
	const char *start, *p, *end = item(list, &start);
	int n;
	long first, last;

	if (!end)
		return 0;
	n = (int)(end - start);
	p = start;
	first = last = number(&p, end, 65535);
	if (first >= 0 && p < end && *p == '-') {
		p++;
		last = number(&p, end, 65535);
	}
	if (first < 0 || last < 0 || p < end)
		return bad(err, errlen, "port '%.*s': not a port (1-65535) or a range such as "
			   "8000-9000", n, start);
	if (!first)
		return bad(err, errlen, "port '%.*s': ports begin with 1", n, start);
	if (first > last)
		return bad(err, errlen, "port '%.*s': the range ends before it begins", n, start);
	out->first = (uint16_t)first;
	out->last = (uint16_t)last;
	return 1;
}

int pids_next(const char **list, uint32_t *out, char *err, size_t errlen)
{
	const char *start, *p, *end = item(list, &start);
	long v;

	if (!end)
		return 0;
	p = start;
	v = number(&p, end, PID_LIMIT);
	if (v <= 0 || p < end)
		return bad(err, errlen, "pid '%.*s': not a process id", (int)(end - start), start);
	*out = (uint32_t)v;
	return 1;
}
