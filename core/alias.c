#include "core/alias.h"

#include <stdlib.h>
#include <string.h>

#include "core/id.h"

#define WAYS 4
#define SETS 256

struct alias {
	const struct protocol *protocol; /* NULL: free */
	uint64_t used;
	uint8_t nid;
	uint16_t nname;
	char id[ALIAS_MAX_ID], name[ALIAS_MAX_NAME];
};

struct aliases {
	uint64_t tick;
	struct alias way[SETS][WAYS];
};

static struct alias *set_of(struct aliases *t, struct str id)
{
	uint64_t h = 0;

	for (size_t i = 0; i < id.n; i++)
		h = id_mix(h, (uint8_t)id.p[i]);
	return t->way[h % SETS];
}

static int is_it(const struct alias *a, const struct protocol *protocol, struct str id)
{
	return a->protocol == protocol && a->nid == id.n && !memcmp(a->id, id.p, id.n);
}

void alias_set(struct aliases **t, const struct protocol *protocol, struct str id, struct str name)
{
	struct alias *set, *a;

	if (!id.n || id.n > ALIAS_MAX_ID || name.n > ALIAS_MAX_NAME)
		return;
	if (!*t)
		*t = calloc(1, sizeof(**t));
	if (!*t)
		return;
	a = set = set_of(*t, id);
	for (unsigned i = 0; i < WAYS; i++) {
		if (is_it(&set[i], protocol, id)) {
			a = &set[i];
			break;
		}
		if (set[i].used < a->used)
			a = &set[i];
	}
	a->protocol = protocol;
	a->used = ++(*t)->tick;
	a->nid = (uint8_t)id.n;
	a->nname = (uint16_t)name.n;
	memcpy(a->id, id.p, id.n);
	memcpy(a->name, name.p, name.n);
}

struct str alias_get(struct aliases *t, const struct protocol *protocol, struct str id)
{
	struct alias *set;

	if (!t || !id.n || id.n > ALIAS_MAX_ID)
		return (struct str){NULL, 0};
	set = set_of(t, id);
	for (unsigned i = 0; i < WAYS; i++) {
		if (!is_it(&set[i], protocol, id))
			continue;
		set[i].used = ++t->tick;
		return (struct str){set[i].name, set[i].nname};
	}
	return (struct str){NULL, 0};
}

void alias_free(struct aliases *t)
{
	free(t);
}
