/*
 * postgresql_portals.c - which statement a portal executes
 */
#include "parsers/postgresql/postgresql_impl.h"

void postgresql_bind(struct postgresql *s, uint64_t portal, uint64_t name)
{
	struct postgresql_portal *p = &s->portal[0]; /* the unnamed one's */
	struct sql_view v;

	if (!sql_statements_find(&s->statements, name, &v))
		v.id = 0;
	if (portal != SQL_UNNAMED) {
		p = &s->portal[1];
		for (unsigned i = 1; i < POSTGRESQL_PORTALS; i++) {
			if (s->portal[i].name == portal) {
				p = &s->portal[i];
				break;
			}
			if (s->statements.tick - s->portal[i].used > s->statements.tick - p->used)
				p = &s->portal[i];
		}
	}
	/* it outlives the unnamed statement, so it has one of its own */
	if (portal != SQL_UNNAMED && v.id && name == SQL_UNNAMED) {
		sql_statements_put(&s->statements, portal ^ 0x8000000000000000u, &v);
		v.id = s->statements.ids;
	}
	*p = (struct postgresql_portal){portal, v.id, ++s->statements.tick};
}

uint32_t postgresql_portal(struct postgresql *s, uint64_t portal)
{
	for (unsigned i = 0; i < POSTGRESQL_PORTALS; i++) {
		if (s->portal[i].name == portal) {
			s->portal[i].used = ++s->statements.tick;
			return s->portal[i].id;
		}
	}
	return 0;
}

void postgresql_forget(struct postgresql *s)
{
	sql_statements_forget(&s->statements);
	for (unsigned i = 0; i < POSTGRESQL_PORTALS; i++)
		s->portal[i].name = 0;
}
