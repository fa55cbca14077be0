/*
 * names_feed.h - a conversation of HTTP, written as text, for names, and what they tell of it
 */
#ifndef ZC_TESTS_UNIT_NAMES_FEED_H
#define ZC_TESTS_UNIT_NAMES_FEED_H

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "parsers/http1/http1.h"
#include "parsers/names/names.h"

static inline struct str until(struct str *s, const char *end)
{
	const char *at = memmem(s->p, s->n, end, strlen(end));
	struct str one = {s->p, at ? (size_t)(at - s->p) : s->n};
	size_t n = at ? one.n + strlen(end) : s->n;

	*s = (struct str){s->p + n, s->n - n};
	return one;
}

/* The head of text; its content is left there. */
static inline void head_of(struct str *text, struct names_head *h)
{
	struct str head = until(text, "\r\n\r\n"), line = until(&head, "\r\n"), name, value;
	struct str fields = {head.p, head.n + 2}; /* its last line ends, too */
	size_t pos = 0;

	if (line.n > 5 && !memcmp(line.p, "HTTP/", 5)) {
		h->status = line.n > 11 ? atoi(line.p + 9) : 0;
	} else {
		h->method = until(&line, " ");
		line = until(&line, " ");
		h->path = until(&line, "?");
		h->query = line;
	}
	memset(h->field, 0, sizeof(h->field));
	while (head.n && http1_field_next(fields, &pos, &name, &value)) {
		if (name.n == 4 && !strncasecmp(name.p, "host", 4))
			h->host = value;
		names_field(h, name, value);
	}
}

/* Copies end where they should: what is read beyond is found by the sanitizers. */
static inline void give(struct names *n, int which, struct str s)
{
	uint8_t *p = calloc(1, s.n + !s.n);

	memcpy(p, s.p, s.n);
	names_content(n, which, p, s.n);
	free(p);
}

/* "attr=value … failed (group)" */
static inline void names_log(const struct names *n, char *log, size_t cap)
{
	char group[256];
	struct attr a;
	size_t len = 0, in_group;

	*log = '\0';
	for (unsigned i = 0; names_attr(n, i, &a) && len < cap; i++)
		len += (size_t)(a.def->type == ATTR_STRING ?
					snprintf(log + len, cap - len, "%s=%.*s ", a.def->key,
						 (int)a.s.n, a.s.p) :
					snprintf(log + len, cap - len, "%s=%llu ", a.def->key,
						 (unsigned long long)a.n));
	if (len < cap)
		len += (size_t)snprintf(log + len, cap - len, "%s%s", n->failed ? "failed " : "",
					n->refused ? "refused " : "");
	in_group = names_group(n, group, sizeof(group));
	if (in_group && len < cap)
		snprintf(log + len, cap - len, "(%.*s)", (int)in_group, group);
}

#endif
