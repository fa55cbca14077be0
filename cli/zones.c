#include "cli/zones.h"

#include <stdlib.h>
#include <string.h>

#define ZONES_MAX 256u

/* The name of a zone that is there already, else a copy; NULL: out of memory. */
static const char *name_of(const struct zones *z, const char *text, size_t n)
{
	for (unsigned i = 0; i < z->n; i++)
		if (strlen(z->v[i].name) == n && !memcmp(z->v[i].name, text, n))
			return z->v[i].name;
	return strndup(text, n);
}

const char *zones_add(struct zones *z, const char *text)
{
	const char *cidr = strrchr(text, '='), *why;
	struct zone new, *v;

	if (!cidr || cidr == text)
		return "it has the form NAME=CIDR, as backend=10.1.0.0/16";
	if (z->n == ZONES_MAX)
		return "more than 256 prefixes";
	if (value_prefix(cidr + 1, strlen(cidr + 1), &new.prefix, &why))
		return why;
	v = reallocarray(z->v, z->n + 1, sizeof(*v));
	if (!v)
		return "out of memory";
	z->v = v;
	new.name = name_of(z, text, (size_t)(cidr - text));
	if (!new.name)
		return "out of memory";
	z->v[z->n++] = new;
	return NULL;
}

const char *zones_name(const struct zones *z, const uint8_t addr[16])
{
	const struct zone *best = NULL;

	for (const struct zone *v = z->v; v < z->v + z->n; v++)
		if (value_prefix_contains(&v->prefix, addr) &&
		    (!best || v->prefix.bits > best->prefix.bits))
			best = v;
	return best ? best->name : NULL;
}

void zones_release(struct zones *z)
{
	while (z->n) {
		const char *name = z->v[--z->n].name;
		unsigned i = 0;

		while (i < z->n && z->v[i].name != name)
			i++;
		if (i == z->n)
			free((char *)(uintptr_t)name);
	}
	free(z->v);
	z->v = NULL;
}
