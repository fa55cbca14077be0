#include "core/published.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 4
#define SETS 512

struct row {
	uint64_t used; /* 0: free */
	uint8_t trace_id[TRACE_ID_LEN], parent_id[SPAN_ID_LEN];
	struct published p;
	uint8_t several;
};

struct published_table {
	uint64_t tick;
	struct row way[SETS][WAYS];
};

static struct row *set_of(struct published_table *t, const struct traceparent *c)
{
	uint64_t part[3];

	memcpy(part, c->trace_id, TRACE_ID_LEN);
	memcpy(part + 2, c->parent_id, SPAN_ID_LEN);
	return t->way[id_mix(id_mix2(0, part[0], part[1]), part[2]) % SETS];
}

static struct row *find(struct row *set, const struct traceparent *c)
{
	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].used && !memcmp(set[i].trace_id, c->trace_id, TRACE_ID_LEN) &&
		    !memcmp(set[i].parent_id, c->parent_id, SPAN_ID_LEN))
			return &set[i];
	return NULL;
}

void published_add(struct published_table **t, const struct traceparent *context,
		   const struct published *p, int better)
{
	struct row *set, *r;

	if (!*t)
		*t = calloc(1, sizeof(**t));
	if (!*t)
		return;
	set = set_of(*t, context);
	r = find(set, context);
	if (r) {
		r->several |= r->p.exchange != p->exchange;
		if (better)
			r->p = *p;
		r->used = ++(*t)->tick;
		return;
	}
	r = set;
	for (unsigned i = 1; i < WAYS; i++)
		if (set[i].used < r->used)
			r = &set[i];
	*r = (struct row){.used = ++(*t)->tick, .p = *p};
	memcpy(r->trace_id, context->trace_id, TRACE_ID_LEN);
	memcpy(r->parent_id, context->parent_id, SPAN_ID_LEN);
}

const struct published *published_find(struct published_table *t, const struct traceparent *context)
{
	struct row *r = t ? find(set_of(t, context), context) : NULL;

	if (!r || r->several)
		return NULL;
	r->used = ++t->tick;
	return &r->p;
}

void published_free(struct published_table *t)
{
	free(t);
}
