#include "parsers/sql/sql_statements.h"

#include <string.h>

uint64_t sql_statement_name(const uint8_t *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;

	if (!n)
		return SQL_UNNAMED;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h > SQL_UNNAMED ? h : SQL_UNNAMED + 1;
}

static size_t text_size(const struct sql_statement *s)
{
	return (size_t)s->noperation + s->ncollection + s->nshape;
}

static void forget(struct sql_statements *s, struct sql_statement *gone)
{
	size_t n = text_size(gone), behind = gone->off + n;

	memmove(s->text + gone->off, s->text + behind, s->ntexts - behind);
	s->ntexts = (uint16_t)(s->ntexts - n);
	for (unsigned i = 0; i < SQL_STATEMENTS; i++)
		if (s->of[i].name && s->of[i].off >= behind)
			s->of[i].off = (uint16_t)(s->of[i].off - n);
	gone->name = 0;
}

static struct sql_statement *lookup(struct sql_statements *s, uint64_t name)
{
	for (unsigned i = 0; i < SQL_STATEMENTS; i++)
		if (s->of[i].name == name)
			return &s->of[i];
	return NULL;
}

static struct sql_statement *longest_unused(struct sql_statements *s)
{
	struct sql_statement *oldest = NULL;

	for (unsigned i = 0; i < SQL_STATEMENTS; i++)
		if (s->of[i].name && (!oldest || s->tick - s->of[i].used > s->tick - oldest->used))
			oldest = &s->of[i];
	return oldest;
}

static void fill(struct sql_statement *t, char *text, const struct sql_view *v)
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

void sql_statements_put(struct sql_statements *s, uint64_t name, const struct sql_view *v)
{
	size_t n = v->operation.n + v->collection.n + v->shape.n;
	struct sql_statement *t;

	if (name == SQL_UNNAMED) {
		s->unnamed.name = name;
		s->unnamed.id = ++s->ids;
		fill(&s->unnamed, s->unnamed_text, v);
		return;
	}
	t = lookup(s, name);
	if (t)
		forget(s, t);
	while (SQL_STATEMENT_TEXTS - s->ntexts < n)
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

static int view_of(struct sql_statements *s, struct sql_statement *t, struct sql_view *v)
{
	const char *text = t == &s->unnamed ? s->unnamed_text : s->text + t->off;

	t->used = ++s->tick;
	*v = (struct sql_view){
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

int sql_statements_find(struct sql_statements *s, uint64_t name, struct sql_view *v)
{
	struct sql_statement *t = name == SQL_UNNAMED ? &s->unnamed : lookup(s, name);

	return t && t->name && view_of(s, t, v);
}

int sql_statements_find_id(struct sql_statements *s, uint32_t id, struct sql_view *v)
{
	if (!id)
		return 0;
	if (s->unnamed.name && s->unnamed.id == id)
		return view_of(s, &s->unnamed, v);
	for (unsigned i = 0; i < SQL_STATEMENTS; i++)
		if (s->of[i].name && s->of[i].id == id)
			return view_of(s, &s->of[i], v);
	return 0;
}

void sql_statements_forget(struct sql_statements *s)
{
	for (unsigned i = 0; i < SQL_STATEMENTS; i++)
		s->of[i].name = 0;
	s->unnamed.name = 0;
	s->ntexts = 0;
}
