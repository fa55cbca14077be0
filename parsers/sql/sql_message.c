#include "parsers/sql/sql_message.h"

#include "parsers/attrs.h"

void sql_view_of(const struct sql_shape *s, uint64_t hash, struct sql_view *v)
{
	*v = (struct sql_view){
		.operation = s->n ? sql_shape_operation(s) : (struct str){"EMPTY", 5},
		.collection = sql_shape_collection(s),
		.shape = {s->out, s->n},
		.hash = hash,
		.copies_in = s->copies_in,
		.statements = s->statements,
	};
}

void sql_tell(const struct sql_view *v, char digits[SQL_HASH_DIGITS], struct message *m)
{
	m->operation = v->operation;
	m->target = v->collection;
	m->group = v->shape.n ? v->shape : v->operation; /* comments, or nothing at all */
	message_text(m, ATTR(db_query), v->shape);
	for (unsigned i = 0; i < SQL_HASH_DIGITS; i++)
		digits[i] = "0123456789abcdef"[v->hash >> (60 - 4 * i) & 15];
	message_text(m, ATTR(db_query_shape), (struct str){digits, SQL_HASH_DIGITS});
	if (v->statements > 1)
		message_number(m, ATTR(db_batch_size), v->statements);
}

void sql_tell_text(const uint8_t *p, size_t n, struct message *m)
{
	struct str text = {(const char *)p, n};

	if (!sql_has_secret(text))
		message_text(m, ATTR(db_statement), text);
}
