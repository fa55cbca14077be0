/*
 * sql_words.h - whether an answer can be that to a statement
 *
 * Servers say what they did (SELECT, INSERT) and how the columns are called. Both stand in the
 * statement, unless all columns were asked for, or their names come from somewhere else.
 */
#ifndef ZC_PARSERS_SQL_WORDS_H
#define ZC_PARSERS_SQL_WORDS_H

#include "parsers/parser.h"

#define SQL_WORDS_MAX 128u

struct sql_words {
	char p[SQL_WORDS_MAX]; /* each in lower case, with a NUL behind it */
	uint8_t n;
};

/* A word of the server's, unless it is one that statements need not have, or there is no room. */
void sql_words_add(struct sql_words *w, const char *p, size_t n);

/*
 * 1: all words stand in the statement of this operation and shape; -1: they cannot be those of its
 * answer; 0: nobody knows.
 */
int sql_words_fit(struct str words, struct str operation, struct str shape);

#endif
