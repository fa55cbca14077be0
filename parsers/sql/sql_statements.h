/*
 * sql_statements.h - the statements that a connection has prepared, with their shapes
 *
 * Their texts lie one after the other, without room between them: what goes is closed up, and the
 * longest unused goes first. The one without a name, which changes often, has a place of its own.
 */
#ifndef ZC_PARSERS_SQL_STATEMENTS_H
#define ZC_PARSERS_SQL_STATEMENTS_H

#include "parsers/sql/sql_shape.h"

#define SQL_STATEMENTS 96u
#define SQL_STATEMENT_TEXTS 12288u /* bytes of their shapes */
#define SQL_UNNAMED 1u		   /* the name of no bytes */

struct sql_statement { /* private */
	uint64_t name; /* 0: free */
	uint64_t hash;
	uint32_t id, used;
	uint16_t off, nshape;
	uint8_t noperation, ncollection, copies_in;
	uint16_t statements;
};

struct sql_statements { /* private */
	struct sql_statement of[SQL_STATEMENTS], unnamed;
	uint32_t ids, tick;
	uint16_t ntexts;
	char text[SQL_STATEMENT_TEXTS];
	char unnamed_text[SQL_SHAPE_MAX + SQL_MAX_NAME + SQL_MAX_OPERATION];
};

/* What is known of one. Texts lie where they are remembered, until something is put there. */
struct sql_view {
	struct str operation, collection, shape;
	uint64_t hash;
	uint32_t id; /* no other statement of the connection has had it */
	unsigned copies_in, statements;
};

uint64_t sql_statement_name(const uint8_t *p, size_t n); /* a hash of it; never 0 */

void sql_statements_put(struct sql_statements *s, uint64_t name, const struct sql_view *v);
int sql_statements_find(struct sql_statements *s, uint64_t name, struct sql_view *v);
int sql_statements_find_id(struct sql_statements *s, uint32_t id, struct sql_view *v);
void sql_statements_forget(struct sql_statements *s);

#endif
