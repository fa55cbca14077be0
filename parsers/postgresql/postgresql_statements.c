/*
 * postgresql_statements.c - the statements that a connection has prepared
 *
 * Their texts lie one after the other, without room between them: what goes is closed up. The
 * unnamed one, which changes with each query, has a place of its own.
 */
#include "parsers/postgresql/postgresql_impl.h"

uint64_t postgresql_name(const uint8_t *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;

	if (!n)
		return UNNAMED;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h > UNNAMED ? h : UNNAMED + 1;
}

static size_t text_size(const struct postgresql_statement *s)
{
	return (size_t)s->noperation + s->ncollection + s->nshape;
}

static void forget(struct postgresql_statements *s, struct postgresql_statement *gone)
{
	size_t n = text_size(gone), behind = gone->off + n;

	memmove(s->text + gone->off, s->text + behind, s->ntexts - behind);
	s->ntexts = (uint16_t)(s->ntexts - n);
	for (unsigned i = 0; i < POSTGRESQL_STATEMENTS; i++)
		if (s->of[i].name && s->of[i].off >= behind)
			s->of[i].off = (uint16_t)(s->of[i].off - n);
	gone->name = 0;
}

static struct postgresql_statement *lookup(struct postgresql_statements *s, uint64_t name)
{
	for (unsigned i = 0; i < POSTGRESQL_STATEMENTS; i++)
		if (s->of[i].name == name)
			return &s->of[i];
	return NULL;
}

static struct postgresql_statement *longest_unused(struct postgresql_statements *s)
{
	struct postgresql_statement *oldest = NULL;

	for (unsigned i = 0; i < POSTGRESQL_STATEMENTS; i++)
		if (s->of[i].name && (!oldest || s->tick - s->of[i].used > s->tick - oldest->used))
			oldest = &s->of[i];
	return oldest;
}

static void fill(struct postgresql_statement *t, char *text, const struct view *v)
{
	t->hash = v->hash;
	t->noperation = (uint8_t)v->operation.n;
	t->ncollection = (uint8_t)v->collection.n;
	t->nshape = (uint16_t)v->shape.n;
	t->copies_in = (uint8_t)v->copies_in;
	t->statements = (uint16_t)v->statements;
	memcpy(text, v->operation.p ? v->operation.p : "", v->operation.n);
	memcpy(text + v->operation.n, v->collection.p ? v->collection.p : "", v->collection.n);
	memcpy(text + v->operation.n + v->collection.n, v->shape.p, v->shape.n);
}

void postgresql_prepare(struct postgresql_statements *s, uint64_t name, const struct view *v)
{
	size_t n = v->operation.n + v->collection.n + v->shape.n;
	struct postgresql_statement *t;

	if (name == UNNAMED) {
		s->unnamed.name = name;
		s->unnamed.id = ++s->ids;
		fill(&s->unnamed, s->unnamed_text, v);
		return;
	}
	t = lookup(s, name);
	if (t)
		forget(s, t);
	while (POSTGRESQL_TEXTS - s->ntexts < n)
		forget(s, longest_unused(s));
	t = lookup(s, 0);
	if (!t) {
		t = longest_unused(s);
		forget(s, t);
	}
	t->name = name;
	t->id = ++s->ids;
	t->used = ++s->tick;
	t->off = s->ntexts;
	fill(t, s->text + t->off, v);
	s->ntexts = (uint16_t)(s->ntexts + n);
}

static int view_of(struct postgresql_statements *s, struct postgresql_statement *t, struct view *v)
{
	const char *text = t == &s->unnamed ? s->unnamed_text : s->text + t->off;

	t->used = ++s->tick;
	*v = (struct view){
		.operation = {t->noperation ? text : NULL, t->noperation},
		.collection = {t->ncollection ? text + t->noperation : NULL, t->ncollection},
		.shape = {text + t->noperation + t->ncollection, t->nshape},
		.hash = t->hash,
		.id = t->id,
		.copies_in = t->copies_in,
		.statements = t->statements,
	};
	return 1;
}

int postgresql_find(struct postgresql_statements *s, uint64_t name, struct view *v)
{
	struct postgresql_statement *t = name == UNNAMED ? &s->unnamed : lookup(s, name);

	return t && t->name && view_of(s, t, v);
}

int postgresql_find_id(struct postgresql_statements *s, uint32_t id, struct view *v)
{
	if (!id)
		return 0;
	if (s->unnamed.name && s->unnamed.id == id)
		return view_of(s, &s->unnamed, v);
	for (unsigned i = 0; i < POSTGRESQL_STATEMENTS; i++)
		if (s->of[i].name && s->of[i].id == id)
			return view_of(s, &s->of[i], v);
	return 0;
}

void postgresql_bind(struct postgresql_statements *s, uint64_t portal, uint64_t name)
{
	struct postgresql_portal *p = &s->portal[0]; /* the unnamed one's */
	struct view v;

	if (!postgresql_find(s, name, &v))
		v.id = 0;
	if (portal != UNNAMED) {
		p = &s->portal[1];
		for (unsigned i = 1; i < POSTGRESQL_PORTALS; i++) {
			if (s->portal[i].name == portal) {
				p = &s->portal[i];
				break;
			}
			if (s->tick - s->portal[i].used > s->tick - p->used)
				p = &s->portal[i];
		}
	}
	/* it outlives the unnamed statement, so it has one of its own */
	if (portal != UNNAMED && v.id && name == UNNAMED) {
		postgresql_prepare(s, portal ^ 0x8000000000000000u, &v);
		v.id = s->ids;
	}
	*p = (struct postgresql_portal){portal, v.id, ++s->tick};
}

uint32_t postgresql_portal(struct postgresql_statements *s, uint64_t portal)
{
	for (unsigned i = 0; i < POSTGRESQL_PORTALS; i++) {
		if (s->portal[i].name == portal) {
			s->portal[i].used = ++s->tick;
			return s->portal[i].id;
		}
	}
	return 0;
}

void postgresql_forget(struct postgresql_statements *s)
{
	for (unsigned i = 0; i < POSTGRESQL_STATEMENTS; i++)
		s->of[i].name = 0;
	for (unsigned i = 0; i < POSTGRESQL_PORTALS; i++)
		s->portal[i].name = 0;
	s->unnamed.name = 0;
	s->ntexts = 0;
}
