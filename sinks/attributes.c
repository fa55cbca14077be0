#include "sinks/attributes.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

/* As much of s as ends at n, with dots for underscores. 0, or -1: it is too long, or empty. */
static int plain(char out[ATTRIBUTE_GLOB_MAX], const char *s, size_t n)
{
	if (!n || n >= ATTRIBUTE_GLOB_MAX)
		return -1;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(s[i] == '_' ? '.' : s[i]);
	out[n] = '\0';
	return 0;
}

static int add_rule(struct attribute_rules *r, const char *metric, const char *p, size_t n,
		    char *err, size_t errlen)
{
	struct attribute_rule *rule = &r->rule[r->n];

	if (r->n == ATTRIBUTE_RULES_MAX) {
		snprintf(err, errlen, "more than %u rules", ATTRIBUTE_RULES_MAX);
		return -1;
	}
	if (!n || (*p != '+' && *p != '-')) {
		snprintf(err, errlen, "'%.*s': +NAME adds an attribute, -NAME takes it away",
			 (int)(n < 64 ? n : 64), p);
		return -1;
	}
	if (plain(rule->attribute, p + 1, n - 1)) {
		snprintf(err, errlen, "'%.*s': a name of 1 to %u bytes", (int)(n < 64 ? n : 64), p,
			 ATTRIBUTE_GLOB_MAX - 1);
		return -1;
	}
	memcpy(rule->metric, metric, sizeof(rule->metric));
	rule->add = *p == '+';
	r->n++;
	return 0;
}

int attributes_parse(struct attribute_rules *r, const char *text, char *err, size_t errlen)
{
	const char *colon = strchr(text, ':');
	char metric[ATTRIBUTE_GLOB_MAX] = "*";

	if (colon && plain(metric, text, (size_t)(colon - text))) {
		snprintf(err, errlen, "'%.64s': the name of a metric before the colon", text);
		return -1;
	}
	for (const char *p = colon ? colon + 1 : text;; p++) {
		size_t n = strcspn(p, ",");

		if (add_rule(r, metric, p, n, err, errlen))
			return -1;
		p += n;
		if (!*p)
			return 0;
	}
}

int attributes_wanted(const struct attribute_rules *r, const char *metric, const char *attribute,
		      int by_default)
{
	char m[ATTRIBUTE_GLOB_MAX], a[ATTRIBUTE_GLOB_MAX];

	if (!r->n || plain(m, metric, strlen(metric)) || plain(a, attribute, strlen(attribute)))
		return by_default;
	for (unsigned i = r->n; i--;)
		if (!fnmatch(r->rule[i].attribute, a, 0) && !fnmatch(r->rule[i].metric, m, 0))
			return r->rule[i].add;
	return by_default;
}
