#include "parsers/sql/sql_lex.h"

#include <string.h>

#include "parsers/digits.h"

enum state {
	CODE,
	WORD,
	NUMBER,
	PARAM,
	QUOTED,	    /* in quotes: a string or a name */
	QUOTED_END, /* behind what ends it, unless it is doubled */
	LINE_COMMENT,
	COMMENT,
	COMMENT_BEGUN, /* behind its first two bytes */
	HINT_VERSION,  /* of what MySQL takes for code: its version */
	DOLLAR,	       /* in $tag$ */
	IN_DOLLARS,
	HIDDEN, /* nobody can tell what is a string and what is not */
};

static int is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static int is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || !c;
}

void sql_lex_begin(struct sql_lex *l, enum sql_dialect dialect, enum sql_strings strings)
{
	memset(l, 0, offsetof(struct sql_lex, tag));
	l->dialect = (uint8_t)dialect;
	l->strings = (uint8_t)(dialect == SQL_MYSQL && !strings ? SQL_STRINGS_ESCAPE : strings);
}

static enum sql_class quote(struct sql_lex *l, uint8_t c)
{
	int after_e = l->nword == 1 && (l->prev | 0x20) == 'e';

	l->quote = c;
	l->state = QUOTED;
	l->escapes = after_e ? SQL_STRINGS_ESCAPE : l->strings;
	l->escaped = 0;
	if (c == '`' || (c == '"' && l->dialect != SQL_MYSQL)) {
		l->escapes = SQL_STRINGS_PLAIN;
		return SQL_NAME;
	}
	return SQL_DELIM;
}

static int is_name(const struct sql_lex *l)
{
	return l->quote == '`' || (l->quote == '"' && l->dialect != SQL_MYSQL);
}

static enum sql_class comment(struct sql_lex *l, enum state state, unsigned drop)
{
	l->state = (uint8_t)state;
	l->drop = (uint8_t)drop;
	l->depth = 1;
	return SQL_COMMENT;
}

/* Two marks that begin a comment, or end a hint. */
static int begins_comment(const struct sql_lex *l, uint8_t c)
{
	if (l->prev == '-' && c == '-')
		return l->dialect != SQL_MYSQL;
	if (l->prev == '/' && c == '*')
		return 1;
	return l->hint && l->prev == '*' && c == '/';
}

static enum sql_class two_marks(struct sql_lex *l, uint8_t c)
{
	if (c == '-')
		return comment(l, LINE_COMMENT, 1);
	if (c == '*')
		return comment(l, COMMENT_BEGUN, 1);
	l->hint = 0;
	return comment(l, CODE, 1);
}

static enum sql_class code(struct sql_lex *l, uint8_t c)
{
	int mysql = l->dialect == SQL_MYSQL;

	l->state = CODE;
	if (mysql && is_blank(c) && l->dashes)
		return comment(l, c == '\n' ? CODE : LINE_COMMENT, 2);
	l->dashes = mysql && c == '-' && l->prev == '-';
	if (is_blank(c))
		return SQL_BLANK;
	if (is_letter(c) || (mysql && c == '$')) {
		l->state = WORD;
		l->nword = 0;
		return SQL_WORD;
	}
	if (is_digit(c)) {
		l->state = NUMBER;
		l->hex = 0;
		return SQL_NUMBER;
	}
	if (c == '\'' || c == '"' || (mysql && c == '`'))
		return quote(l, c);
	if (c == '$') {
		l->state = DOLLAR;
		l->ntag = 0;
		return SQL_PARAM;
	}
	if (mysql && c == '#')
		return comment(l, LINE_COMMENT, 0);
	return begins_comment(l, c) ? two_marks(l, c) : SQL_MARK;
}

static enum sql_class word(struct sql_lex *l, uint8_t c)
{
	if (l->nword < 255)
		l->nword++;
	if (is_letter(c) || is_digit(c) || c == '$')
		return SQL_WORD;
	return code(l, c);
}

static enum sql_class number(struct sql_lex *l, uint8_t c)
{
	if (l->prev == '0' && (c | 0x20) == 'x')
		l->hex = 1;
	if (is_letter(c) || is_digit(c) || c == '.' ||
	    ((c == '+' || c == '-') && !l->hex && (l->prev | 0x20) == 'e'))
		return SQL_NUMBER;
	return code(l, c);
}

static enum sql_class quoted(struct sql_lex *l, uint8_t c)
{
	int escaped = l->escaped;

	l->escaped = !escaped && c == '\\' && l->escapes != SQL_STRINGS_PLAIN;
	if (escaped && c == l->quote && l->escapes == SQL_STRINGS_UNKNOWN)
		l->state = HIDDEN;
	if (escaped || l->escaped)
		return SQL_STRING;
	if (c == l->quote)
		l->state = QUOTED_END;
	if (is_name(l))
		return SQL_NAME;
	return c == l->quote ? SQL_DELIM : SQL_STRING;
}

static enum sql_class quoted_end(struct sql_lex *l, uint8_t c)
{
	if (c != l->quote) {
		l->nword = 0;
		return code(l, c);
	}
	l->state = QUOTED;
	return is_name(l) ? SQL_NAME : SQL_DELIM;
}

static enum sql_class in_comment(struct sql_lex *l, uint8_t c)
{
	if (l->prev == '*' && c == '/' && !--l->depth)
		l->state = CODE;
	else if (l->prev == '/' && c == '*' && l->dialect == SQL_POSTGRESQL && l->depth < 255)
		l->depth++;
	else
		return SQL_COMMENT;
	l->used_up = 1;
	return SQL_COMMENT;
}

static enum sql_class comment_begun(struct sql_lex *l, uint8_t c)
{
	l->state = COMMENT;
	if (l->dialect == SQL_MYSQL && (c == '!' || c == 'M') && !l->hint) {
		l->state = HINT_VERSION;
		l->hint = 1;
		return SQL_COMMENT;
	}
	l->prev = 0; /* of what began it */
	return in_comment(l, c);
}

static enum sql_class hint_version(struct sql_lex *l, uint8_t c)
{
	if (l->prev == 'M' && c != '!') {
		l->hint = 0;
		l->state = COMMENT;
		return in_comment(l, c);
	}
	if (is_digit(c) || c == '!')
		return SQL_COMMENT;
	l->prev = 0;
	return code(l, c);
}

static enum sql_class dollar(struct sql_lex *l, uint8_t c)
{
	if (!l->ntag && is_digit(c)) {
		l->state = PARAM;
		return SQL_PARAM;
	}
	if (c == '$') {
		l->state = IN_DOLLARS;
		l->matched = 0;
		return SQL_DELIM;
	}
	if ((is_letter(c) || is_digit(c)) && l->ntag < SQL_MAX_TAG) {
		l->tag[l->ntag++] = (char)c;
		return SQL_DELIM;
	}
	l->nword = 0;
	return code(l, c);
}

/* matched: how much of $tag$ is there. */
static enum sql_class in_dollars(struct sql_lex *l, uint8_t c)
{
	if (l->matched && l->matched <= l->ntag && c == (uint8_t)l->tag[l->matched - 1]) {
		l->matched++;
		return SQL_DELIM;
	}
	if (c != '$') {
		l->matched = 0;
		return SQL_STRING;
	}
	if (l->matched == l->ntag + 1u) {
		l->state = QUOTED_END;
		l->quote = 0;
		l->matched = 0;
	} else {
		l->matched = 1;
	}
	return SQL_DELIM;
}

static enum sql_class step(struct sql_lex *l, uint8_t c)
{
	switch (l->state) {
	case WORD: return word(l, c);
	case NUMBER: return number(l, c);
	case PARAM: l->nword = 0; return is_digit(c) ? SQL_PARAM : code(l, c);
	case QUOTED: return quoted(l, c);
	case QUOTED_END: return quoted_end(l, c);
	case LINE_COMMENT:
		if (c == '\n' || c == '\r')
			l->state = CODE;
		return SQL_COMMENT;
	case COMMENT: return in_comment(l, c);
	case COMMENT_BEGUN: return comment_begun(l, c);
	case HINT_VERSION: return hint_version(l, c);
	case DOLLAR: return dollar(l, c);
	case IN_DOLLARS: return in_dollars(l, c);
	case HIDDEN: return SQL_STRING;
	default: l->nword = 0; return code(l, c);
	}
}

enum sql_class sql_lex_byte(struct sql_lex *l, uint8_t c)
{
	enum sql_class class;

	l->drop = l->used_up = 0;
	class = step(l, c);
	l->prev = l->used_up ? 0 : c;
	return class;
}

/* ---- masking */

static uint8_t masked_digit(const struct sql_lex *l, int first, uint8_t c)
{
	if (is_digit(c))
		return first && c == '0' ? c : '1';
	if (l->hex)
		return (c | 0x20) == 'x' ? c : '1';
	return is_letter(c) && !memchr("eExXbBoO_", c, 9) ? '1' : c;
}

static int is_in_comment(const struct sql_lex *l)
{
	return l->state == LINE_COMMENT || l->state == COMMENT || l->state == COMMENT_BEGUN;
}

void sql_lex_mask(struct sql_lex *l, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int first = l->state != NUMBER, inside = is_in_comment(l);

		switch (sql_lex_byte(l, p[i])) {
		case SQL_NUMBER: p[i] = masked_digit(l, first, p[i]); break;
		/* a tag of dollars may have an x in it */
		case SQL_STRING: p[i] = l->state == IN_DOLLARS ? '.' : 'x'; break;
		case SQL_COMMENT:
			if (inside && is_in_comment(l) && p[i] != '*' && p[i] != '/')
				p[i] = 'x';
			break;
		default: break;
		}
	}
}
