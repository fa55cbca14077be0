/* options_value.c - what is wrong with an option's value, and which was meant */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/options_impl.h"
#include "core/nearest.h"
#include "parsers/names/names.h"

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

static int add_names(struct options *o, const char *word)
{
	const char *known[33] = { NULL }; /* o->names has so many bits */
	int i, err;

	for (unsigned k = 0; k < nnamings && k < 32; k++)
		known[k] = namings[k]->name;
	err = options_choose(o, "names", word, known, &i);
	if (!err)
		o->names |= 1u << i;
	return err;
}

int options_names(struct options *o, const char *arg)
{
	int err;

	o->names = strcmp(arg, "auto") ? 0 : UINT32_MAX;
	if (!strcmp(arg, "auto") || !strcmp(arg, "off"))
		return 0;
	do {
		char word[64];
		size_t n = strcspn(arg, ",");

		snprintf(word, sizeof(word), "%.*s", n < 64 ? (int)n : 63, arg);
		err = add_names(o, word);
		arg += n;
	} while (!err && *arg++);
	return err;
}
