/*
 * sql_message.h - what messages tell of a statement, for each protocol that carries SQL
 */
#ifndef ZC_PARSERS_SQL_MESSAGE_H
#define ZC_PARSERS_SQL_MESSAGE_H

#include "parsers/protocol.h"
#include "parsers/sql/sql_statements.h"

#define SQL_HASH_DIGITS 16u

/* The statement whose text has ended in s. Texts lie there. */
void sql_view_of(const struct sql_shape *s, uint64_t hash, struct sql_view *v);

/* Operation, table, shape and its hash, whose digits are made in `digits`. */
void sql_tell(const struct sql_view *v, char digits[SQL_HASH_DIGITS], struct message *m);

/* The text as it is, for those who may see it, unless it speaks of passwords. */
void sql_tell_text(const uint8_t *p, size_t n, struct message *m);

#endif
