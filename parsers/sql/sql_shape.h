/*
 * sql_shape.h - what is alike in statements: their shape, for grouping
 *
 * The shape of a statement is its text with `?` for each literal and parameter, without comments,
 * with one blank where there are several, and without the semicolon at its end. A list of values
 * becomes one `?`, rows that are alike become one row, so IN (1, 2, 3) is IN (?), and VALUES (1,
 * 'a'), (2, 'b') is VALUES (?). Names stay as they are written, but for those of cursors,
 * savepoints and prepared statements that have digits in them, which programs count up: SAVEPOINT
 * ?. A shape that is too long has an ellipsis in its middle.
 *
 * With it comes what the statement does and to which table: its first verb (behind WITH, that of
 * the statement itself), and the first name behind FROM, INTO, UPDATE, JOIN or TABLE. Both are what
 * stands there: no grammar is known, views and functions look like tables.
 *
 * The text may be cut anywhere. No allocation; the state is flat.
 */
#ifndef ZC_PARSERS_SQL_SHAPE_H
#define ZC_PARSERS_SQL_SHAPE_H

#include "parsers/parser.h"
#include "parsers/sql/sql_lex.h"

#define SQL_SHAPE_MAX 480u  /* bytes of a shape */
#define SQL_SHAPE_HEAD 160u /* of them in front of the ellipsis of one that is too long */
#define SQL_SHAPE_ROOM 2048u
#define SQL_MAX_WORD 64u
#define SQL_MAX_NAME 128u /* of a collection: schema.table */
#define SQL_MAX_OPERATION 24u
#define SQL_MAX_GROUPS 16u /* parentheses within one another, that are compared */

enum sql_token { /* private */
		 SQL_TOKEN_NONE,
		 SQL_TOKEN_WORD,
		 SQL_TOKEN_VALUE,
		 SQL_TOKEN_OPEN,
		 SQL_TOKEN_CLOSE,
		 SQL_TOKEN_DOT,
		 SQL_TOKEN_OPERATOR,
		 SQL_TOKEN_CAST,   /* :: */
		 SQL_TOKEN_PREFIX, /* @ */
		 SQL_TOKEN_SEMICOLON,
};

struct sql_group {
	uint16_t start, end; /* what the last one of this depth was: its bytes in `out` */
	uint16_t open;	     /* where the one that is open begins */
	uint16_t before;     /* same, with what parts it from the one before */
	uint8_t is_sibling;  /* it follows one, behind a comma */
	uint8_t is_call;     /* of a function */
};

struct sql_shape {
	struct sql_lex lex;
	uint8_t class;		 /* of the byte before */
	uint8_t last;		 /* enum sql_token in `out` */
	uint8_t comma;		 /* one is due behind it */
	uint8_t blank;		 /* there were blanks since */
	uint8_t semicolon;	 /* one is due, unless nothing follows */
	uint8_t npart;		 /* of the token that is being read */
	uint8_t part_long;	 /* it is longer than that */
	uint8_t before_operator; /* what was in front of `part`, if it is one */
	uint8_t keyword;	 /* of the last word; see sql_shape.c */
	uint8_t wants_table, in_table, is_with, from_function;
	uint8_t to_end; /* parts of it were not seen: nothing is known */
	uint8_t noperation, ncollection;
	uint8_t copies_in; /* COPY ... FROM STDIN: its data follow */
	uint16_t depth, statements;
	uint16_t n;    /* bytes in out */
	uint64_t more; /* hash of what had no room there */
	char part[SQL_MAX_WORD];
	char operation[SQL_MAX_OPERATION]; /* in capitals */
	char collection[SQL_MAX_NAME];	   /* without its quotes */
	struct sql_group group[SQL_MAX_GROUPS];
	char out[SQL_SHAPE_ROOM];
};

void sql_shape_begin(struct sql_shape *s, enum sql_dialect dialect, enum sql_strings strings);
void sql_shape_feed(struct sql_shape *s, const uint8_t *p, size_t n);

/* The statement ends here. Afterwards nothing may be fed; the shape lies in s. */
struct str sql_shape_end(struct sql_shape *s, uint64_t *hash);

static inline struct str sql_shape_operation(const struct sql_shape *s)
{
	return (struct str){s->noperation ? s->operation : NULL, s->noperation};
}

static inline struct str sql_shape_collection(const struct sql_shape *s)
{
	return (struct str){s->ncollection ? s->collection : NULL, s->ncollection};
}

/* Does the text of a statement speak of passwords? Then it is shown by nobody. */
int sql_has_secret(struct str text);

#endif
