/*
 * sql_lex.h - what the bytes of a statement are, one at a time
 *
 * For PostgreSQL (manual, section 4.1) and MySQL (manual, section 11.1). Any bytes are accepted,
 * cut anywhere; nothing is looked at twice. What a byte is may show only behind it: see `drop`.
 */
#ifndef ZC_PARSERS_SQL_LEX_H
#define ZC_PARSERS_SQL_LEX_H

#include <stddef.h>
#include <stdint.h>

enum sql_dialect {
	SQL_POSTGRESQL,
	SQL_MYSQL,
};

/* Is a backslash in '...' an escape? (PostgreSQL: standard_conforming_strings) */
enum sql_strings {
	SQL_STRINGS_UNKNOWN, /* where it would matter, the rest of the statement counts as a string
			      */
	SQL_STRINGS_PLAIN,
	SQL_STRINGS_ESCAPE,
};

enum sql_class {
	SQL_BLANK,
	SQL_WORD, /* of a keyword or a name */
	SQL_NAME, /* of a name in quotes, these included */
	SQL_NUMBER,
	SQL_PARAM,  /* $1 */
	SQL_DELIM,  /* begins or ends a string */
	SQL_STRING, /* is in one */
	SQL_COMMENT,
	SQL_MARK, /* of an operator, or punctuation */
};

#define SQL_MAX_TAG 63u /* of a string in dollars; a longer one is not taken for one */

struct sql_lex {
	uint8_t dialect, state;
	uint8_t strings; /* enum sql_strings */
	uint8_t prev;	 /* the byte before, unless it is used up */
	uint8_t used_up;
	uint8_t quote, escapes, escaped, hex, dashes;
	uint8_t depth; /* of comments */
	uint8_t hint;  /* within what MySQL takes for code although it looks like a comment */
	uint8_t nword; /* length of the word that has just been read, at most 255 */
	uint8_t ntag, matched;
	uint8_t drop; /* so many marks before this byte belong to the comment that it begins */
	char tag[SQL_MAX_TAG + 1];
};

void sql_lex_begin(struct sql_lex *l, enum sql_dialect dialect, enum sql_strings strings);

enum sql_class sql_lex_byte(struct sql_lex *l, uint8_t c);

/*
 * Overwrites in place what must not be recorded of a statement: the content of strings and
 * comments, and numbers. What is left has the same shape.
 */
void sql_lex_mask(struct sql_lex *l, uint8_t *p, size_t n);

#endif
