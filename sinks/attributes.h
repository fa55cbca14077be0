/*
 * attributes.h - which attributes metrics carry, where it is not what the conventions say
 *
 * Rules are looked at in order, the last that matches decides; without one, a metric has what its
 * row of metrics_defs.c names. Whatever a span has may be added. Patterns are globs; in them and in
 * names a dot and an underscore are alike, so names may be written as Prometheus has them.
 */
#ifndef ZC_SINKS_ATTRIBUTES_H
#define ZC_SINKS_ATTRIBUTES_H

#include <stddef.h>

#define ATTRIBUTE_RULES_MAX 32u
#define ATTRIBUTE_GLOB_MAX 64u

struct attribute_rules {
	unsigned n;
	struct attribute_rule {
		char metric[ATTRIBUTE_GLOB_MAX], attribute[ATTRIBUTE_GLOB_MAX];
		int add; /* else it is taken away */
	} rule[ATTRIBUTE_RULES_MAX];
};

/*
 * Adds the rules of "[METRIC:]+GLOB,-GLOB"; without METRIC they are for all metrics. 0, or -1 with
 * what is wrong in err.
 */
int attributes_parse(struct attribute_rules *r, const char *text, char *err, size_t errlen);

/* Does this metric have this attribute, which it has by_default or not? */
int attributes_wanted(const struct attribute_rules *r, const char *metric, const char *attribute,
		      int by_default);

#endif
