/* options_value.c - what is wrong with an option's value, and which was meant */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/options_impl.h"
#include "core/nearest.h"

int wrong(struct options *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(o->error, sizeof(o->error), fmt, ap);
	va_end(ap);
	return EINVAL;
}

void options_suggest(struct options *o, const char *s, size_t n, const char *const *names,
		     const char *prefix)
{
	unsigned best = nearest_limit(n);
	const char *nearest = NULL;
	size_t used = strlen(o->error);

	for (; *names; names++)
		if (name_is_nearer(s, n, *names, &best))
			nearest = *names;
	if (nearest)
		snprintf(o->error + used, sizeof(o->error) - used, "; did you mean %s%s?", prefix,
			 nearest);
}

int options_choose(struct options *o, const char *what, const char *arg,
		   const char *const *names, int *out)
{
	size_t used;

	for (int i = 0; names[i]; i++) {
		if (!strcasecmp(names[i], arg)) {
			*out = i;
			return 0;
		}
	}
	wrong(o, "%s '%.64s': must be one of", what, arg);
	used = strlen(o->error);
	for (int i = 0; names[i] && used < sizeof(o->error); i++)
		used += (size_t)snprintf(o->error + used, sizeof(o->error) - used, "%s %s",
					 i ? "," : "", names[i]);
	options_suggest(o, arg, strlen(arg), names, "");
	return EINVAL;
}
