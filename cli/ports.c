#include "cli/ports.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "parsers/protocol.h"

#define PID_LIMIT (4u << 20)
#define BLANKS " \t\n"

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

/*
 * The next item of *list as [*p, return value). NULL at the end. Commas separate, and so do blanks,
 * as in what pidof(1) prints.
 */
static const char *item(const char **list, const char **p)
{
	const char *end, *next;

	if (!*list)
		return NULL;
	*p = *list + strspn(*list, BLANKS);
	end = *p + strcspn(*p, "," BLANKS);
	next = end + strspn(end, BLANKS);
	if (*next == ',')
		*list = next + 1;
	else
		*list = *next ? next : NULL;
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

static int is_name(const char *s, const char *name, size_t n)
{
	return strlen(s) == n && !strncasecmp(s, name, n);
}

/*
 * The port that is known by this name; 0: none. Not asked of the system: an answer may take time.
 */
static uint16_t named_port(const char *name, size_t n)
{
	static const struct {
		const char *name;
		uint16_t port;
	} known[] = {
		{ "http", 80 },		{ "https", 443 }, { "domain", 53 }, { "postgres", 5432 },
		{ "amqp", 5672 }, { "mqtt", 1883 }, { "nats", 4222 },
	};

	for (unsigned i = 0; i < nprotocols; i++)
		if (protocols[i]->ports && is_name(protocols[i]->name.name, name, n))
			return protocols[i]->ports[0];
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (is_name(known[i].name, name, n))
			return known[i].port;
	return 0;
}

/*
 * Behind an address that means this host, or none (":8000", "localhost:8000", "[::1]:8000"). NULL:
 * it is another one, which a port does not choose.
 */
static const char *behind_host(const char *start, const char *end)
{
	static const char *const here[] = {"",	    "localhost", "127.0.0.1", "0.0.0.0",
					   "[::1]", "[::]",	 "*"};
	const char *colon = memrchr(start, ':', (size_t)(end - start));

	if (!colon)
		return start;
	for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
		if (strlen(here[i]) == (size_t)(colon - start) &&
		    !memcmp(here[i], start, (size_t)(colon - start)))
			return colon + 1;
	return NULL;
}

static int missing(char *err, size_t errlen, const char *what, const char *example)
{
	return bad(err, errlen, "%s '': one is missing; such as %s, without a comma at either end",
		   what, example);
}

int ports_next(const char **list, struct port_range *out, char *err, size_t errlen)
{
	const char *start, *p, *end = item(list, &start);
	int n;
	long first, last;

	if (!end)
		return 0;
	n = (int)(end - start);
	if (!n)
		return missing(err, errlen, "port", "8000 or 80,443");
	p = behind_host(start, end);
	if (!p)
		return bad(err, errlen, "port '%.*s': a port alone is wanted; choose addresses by "
			   "--filter 'server_addr == ...'", n, start);
	first = last = number(&p, end, 65535);
	if (first < 0 && named_port(p, (size_t)(end - p))) {
		first = last = named_port(p, (size_t)(end - p));
		p = end;
	}
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
	if (end == start)
		return missing(err, errlen, "pid", "4242 or 4242,4243");
	p = start;
	v = number(&p, end, PID_LIMIT);
	if (v <= 0 || p < end)
		return bad(err, errlen, "pid '%.*s': not a process id%s", (int)(end - start), start,
			   *start >= '0' && *start <= '9' ? "" :
			   "; --service and --comm choose by name");
	*out = (uint32_t)v;
	return 1;
}
