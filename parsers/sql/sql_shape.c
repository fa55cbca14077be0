#include "parsers/sql/sql_shape.h"

#include <string.h>

#include "parsers/str.h"

enum keyword {
	K_NONE,
	K_VERB,	 /* that a statement behind WITH may have */
	K_TABLE, /* a table follows */
	K_FROM,	 /* same, unless it is part of an expression */
	K_SKIP,	 /* may stand between that and the table */
	K_DISTINCT,
	K_STDIN,
	K_CONSTANT, /* NULL, TRUE: a literal where a value stands */
	K_SPACED,   /* has a blank in front of a parenthesis */
	K_NO_TABLE, /* what follows is none: INTO OUTFILE */
};

static const struct {
	const char *word;
	enum keyword keyword;
} keywords[] = {
	{"select", K_VERB},	  {"insert", K_VERB},	    {"update", K_VERB},
	{"delete", K_VERB},	  {"merge", K_VERB},	    {"replace", K_VERB},
	{"from", K_FROM},	  {"into", K_TABLE},	    {"join", K_TABLE},
	{"table", K_TABLE},	  {"only", K_SKIP},	    {"lateral", K_SKIP},
	{"if", K_SKIP},		  {"not", K_SKIP},	    {"exists", K_SKIP},
	{"ignore", K_SKIP},	  {"low_priority", K_SKIP}, {"quick", K_SKIP},
	{"distinct", K_DISTINCT}, {"stdin", K_STDIN},	    {"null", K_CONSTANT},
	{"true", K_CONSTANT},	  {"false", K_CONSTANT},    {"default", K_CONSTANT},
	{"in", K_SPACED},	  {"values", K_SPACED},	    {"and", K_SPACED},
	{"or", K_SPACED},	  {"on", K_SPACED},	    {"where", K_SPACED},
	{"as", K_SPACED},	  {"union", K_SPACED},	    {"all", K_SPACED},
	{"any", K_SPACED},	  {"over", K_SPACED},	    {"using", K_SPACED},
	{"by", K_SPACED},	  {"set", K_SPACED},	    {"outfile", K_NO_TABLE},
	{"dumpfile", K_NO_TABLE},
};

static enum keyword keyword_of(const char *p, size_t n)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (strlen(keywords[i].word) == n && nocase_equal(p, keywords[i].word, n))
			return keywords[i].keyword;
	return K_NONE;
}

static int operation_is(const struct sql_shape *s, const char *word)
{
	return s->noperation == strlen(word) && !memcmp(s->operation, word, s->noperation);
}

/* ---- output */

static uint64_t hash_more(uint64_t h, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)p[i]) * 0x100000001b3u;
	return h;
}

static void put(struct sql_shape *s, const char *p, size_t n)
{
	size_t room = SQL_SHAPE_ROOM - s->n, fits = n < room ? n : room;

	if (s->more)
		fits = 0;
	memcpy(s->out + s->n, p, fits);
	s->n = (uint16_t)(s->n + fits);
	if (fits < n)
		s->more = hash_more(s->more ? s->more : 0xcbf29ce484222325u, p + fits, n - fits);
}

static int wants_blank(const struct sql_shape *s, enum sql_token token)
{
	switch (s->last) {
	case SQL_TOKEN_NONE:
	case SQL_TOKEN_OPEN:
	case SQL_TOKEN_DOT:
	case SQL_TOKEN_CAST: return 0;
	case SQL_TOKEN_PREFIX: return s->blank;
	default: break;
	}
	switch (token) {
	case SQL_TOKEN_CLOSE:
	case SQL_TOKEN_DOT:
	case SQL_TOKEN_CAST:
	case SQL_TOKEN_SEMICOLON: return 0;
	case SQL_TOKEN_OPEN: return s->last != SQL_TOKEN_WORD || s->blank || s->keyword != K_NONE;
	default: return 1;
	}
}

/* What stands between the last token and this one. */
static void put_between(struct sql_shape *s, enum sql_token token)
{
	if (s->semicolon) {
		put(s, "; ", 2);
		s->statements++;
		s->last = SQL_TOKEN_NONE;
	} else if (s->comma) {
		put(s, ", ", 2);
	} else if (wants_blank(s, token)) {
		put(s, " ", 1);
	}
	s->comma = s->semicolon = s->blank = 0;
}

/* ---- what a statement does */

static void note_operation(struct sql_shape *s, const char *p, size_t n, enum keyword k)
{
	int with = n == 4 && nocase_equal(p, "with", 4);

	if (s->noperation)
		return;
	if (with && !s->is_with) {
		s->is_with = 1;
		return;
	}
	if (s->is_with && (k != K_VERB || s->depth))
		return;
	n = n < SQL_MAX_OPERATION ? n : SQL_MAX_OPERATION;
	for (size_t i = 0; i < n; i++)
		s->operation[i] = p[i] >= 'a' && p[i] <= 'z' ? (char)(p[i] - 32) : p[i];
	s->noperation = (uint8_t)n;
}

/* Verbs whose table follows without another word. */
static int names_table(const struct sql_shape *s)
{
	return operation_is(s, "UPDATE") || operation_is(s, "TRUNCATE") || operation_is(s, "COPY");
}

static int has_no_table(const struct sql_shape *s)
{
	return operation_is(s, "FETCH") || operation_is(s, "MOVE") || operation_is(s, "SET") ||
	       operation_is(s, "SHOW");
}

static int is_call(const struct sql_shape *s)
{
	return s->depth && s->depth <= SQL_MAX_GROUPS && s->group[s->depth - 1].is_call;
}

static void put_collection(struct sql_shape *s, const char *p, size_t n)
{
	if (n >= 2 && (*p == '"' || *p == '`')) {
		p++;
		n -= 2;
	}
	if (s->ncollection + n > SQL_MAX_NAME)
		n = SQL_MAX_NAME - s->ncollection;
	memcpy(s->collection + s->ncollection, p, n);
	s->ncollection = (uint8_t)(s->ncollection + n);
}

/* A word or name: is it a table, or does one follow? */
static void note_table(struct sql_shape *s, const char *p, size_t n, enum keyword k, int first)
{
	if (s->in_table && s->last == SQL_TOKEN_DOT) {
		put_collection(s, p, n);
		return;
	}
	s->in_table = 0;
	if (s->wants_table && k != K_SKIP && k != K_TABLE && k != K_NONE) {
		s->wants_table = 0;
	} else if (s->wants_table && k == K_NONE) {
		s->wants_table = 0;
		s->in_table = 1;
		put_collection(s, p, n);
		return;
	}
	if (s->ncollection || has_no_table(s))
		return;
	if (k == K_TABLE || (first && names_table(s)) ||
	    (k == K_FROM && s->keyword != K_DISTINCT && !is_call(s))) {
		s->wants_table = 1;
		s->from_function = k == K_FROM || (k == K_TABLE && (*p | 0x20) == 'j');
	}
}

/* ---- tokens */

static void put_value(struct sql_shape *s)
{
	if (s->last == SQL_TOKEN_VALUE && !s->semicolon) { /* one of a list */
		s->comma = 0;
		return;
	}
	put_between(s, SQL_TOKEN_VALUE);
	put(s, "?", 1);
	s->last = SQL_TOKEN_VALUE;
	s->keyword = K_NONE;
	s->wants_table = s->in_table = 0;
}

static int stands_for_value(const struct sql_shape *s)
{
	return s->comma || s->last == SQL_TOKEN_OPEN || s->last == SQL_TOKEN_OPERATOR;
}

/*
 * A cursor, a savepoint or a prepared statement whose name a program has made by counting:
 * `SAVEPOINT s140_x7`. In what declares one, only the name itself is.
 */
static int is_counted_name(const struct sql_shape *s)
{
	static const char *const verbs[] = {"CLOSE",   "DEALLOCATE", "FETCH",	  "MOVE",
					    "RELEASE", "ROLLBACK",   "SAVEPOINT", "DECLARE",
					    "EXECUTE", "PREPARE"};
	int digit = 0;

	for (size_t i = 0; i < s->npart; i++)
		digit |= s->part[i] >= '0' && s->part[i] <= '9';
	for (unsigned i = 0; digit && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (operation_is(s, verbs[i]))
			return i < 7 || s->n == s->noperation;
	return 0;
}

static void put_word(struct sql_shape *s, int is_name)
{
	enum keyword k = is_name || s->part_long ? K_NONE : keyword_of(s->part, s->npart);
	int had = s->noperation;

	if ((k == K_CONSTANT && stands_for_value(s)) || (had && is_counted_name(s))) {
		put_value(s);
		return;
	}
	put_between(s, SQL_TOKEN_WORD);
	put(s, s->part, s->npart);
	if (!is_name)
		note_operation(s, s->part, s->npart, k);
	if (k == K_STDIN && operation_is(s, "COPY") && s->keyword == K_FROM)
		s->copies_in = 1;
	note_table(s, s->part, s->npart, k, !had && s->noperation);
	s->last = SQL_TOKEN_WORD;
	s->keyword = (uint8_t)k;
}

/* A sign in front of a number belongs to it. */
static size_t without_sign(const struct sql_shape *s, enum sql_class next)
{
	size_t n = s->npart;
	int alone = s->comma || s->last == SQL_TOKEN_OPEN || s->last == SQL_TOKEN_OPERATOR;

	if (next != SQL_NUMBER || (s->part[n - 1] != '-' && s->part[n - 1] != '+'))
		return n;
	return n > 1 || alone ? n - 1 : n;
}

static void put_operator(struct sql_shape *s, enum sql_class next)
{
	size_t n = without_sign(s, next);
	int cast = n == 2 && !memcmp(s->part, "::", 2);

	s->wants_table = s->in_table = 0;
	if (!n || (n == 1 && s->part[0] == '.' && next == SQL_NUMBER))
		return;
	if (n == 1 && s->part[0] == '?' && s->lex.dialect == SQL_MYSQL) {
		put_value(s);
		return;
	}
	put_between(s, cast ? SQL_TOKEN_CAST : SQL_TOKEN_OPERATOR);
	put(s, s->part, n);
	s->last = cast ? SQL_TOKEN_CAST : SQL_TOKEN_OPERATOR;
	if (s->part[n - 1] == '@' || (n == 1 && s->part[0] == ':'))
		s->last = SQL_TOKEN_PREFIX;
	s->keyword = K_NONE;
}

static struct sql_group *group_at(struct sql_shape *s, unsigned depth)
{
	return depth < SQL_MAX_GROUPS ? &s->group[depth] : NULL;
}

static void open_group(struct sql_shape *s, char c)
{
	struct sql_group *g = group_at(s, s->depth);
	uint16_t before = s->n;
	int sibling = s->last == SQL_TOKEN_CLOSE && s->comma && g && g->end == s->n && !s->more;
	int call = s->last == SQL_TOKEN_WORD && s->keyword == K_NONE && !s->comma;

	if (s->in_table && s->from_function && s->last == SQL_TOKEN_WORD)
		s->ncollection = 0; /* it was a function */
	s->wants_table = s->in_table = 0;
	if (c == '[' && !s->comma)
		s->blank = 0;
	put_between(s, c == '[' && s->last == SQL_TOKEN_WORD ? SQL_TOKEN_DOT : SQL_TOKEN_OPEN);
	if (g) {
		g->before = before;
		g->open = s->n;
		g->is_sibling = (uint8_t)sibling;
		g->is_call = (uint8_t)call;
	}
	put(s, &c, 1);
	s->last = SQL_TOKEN_OPEN;
	s->keyword = K_NONE;
	s->depth++;
	g = group_at(s, s->depth);
	if (g)
		g->start = g->end = 0;
}

static void close_group(struct sql_shape *s, char c)
{
	struct sql_group *g;

	s->in_table = s->wants_table = 0;
	put_between(s, SQL_TOKEN_CLOSE);
	put(s, &c, 1);
	s->last = SQL_TOKEN_CLOSE;
	s->keyword = K_NONE;
	if (s->depth)
		s->depth--;
	g = group_at(s, s->depth);
	if (!g || s->more)
		return;
	if (g->is_sibling && s->n - g->open == g->end - g->start &&
	    !memcmp(s->out + g->open, s->out + g->start, s->n - g->open)) {
		s->n = g->before; /* a row like the one before */
	} else {
		g->start = g->open;
		g->end = s->n;
	}
	g->is_sibling = 0;
}

static void put_mark(struct sql_shape *s, char c)
{
	switch (c) {
	case '(':
	case '[':
	case '{': open_group(s, c); break;
	case ')':
	case ']':
	case '}': close_group(s, c); break;
	case ',':
		s->comma = 1;
		s->in_table = s->wants_table = 0;
		break;
	case ';':
		s->semicolon = s->last != SQL_TOKEN_NONE;
		s->in_table = s->wants_table = 0;
		break;
	default: /* a point */
		put_between(s, SQL_TOKEN_DOT);
		put(s, ".", 1);
		if (s->in_table)
			put_collection(s, ".", 1);
		s->last = SQL_TOKEN_DOT;
	}
}

static int is_operator(char c)
{
	return c != '.' && !memchr("()[]{},;", c, 8);
}

/* ---- bytes to tokens */

static int is_prefix(const struct sql_shape *s)
{
	return s->npart && (s->part[0] == '_' || (s->npart == 1 && strchr("eEnNbBxX", s->part[0])));
}

/* The token before a byte of class `next` is complete. */
static void end_token(struct sql_shape *s, enum sql_class next)
{
	switch (s->class) {
	case SQL_WORD:
		if (next != SQL_DELIM || !is_prefix(s))
			put_word(s, 0);
		break;
	case SQL_NAME: put_word(s, 1); break;
	case SQL_MARK:
		if (s->npart == 1 && s->part[0] == '.') {
			if (next != SQL_NUMBER)
				put_mark(s, '.');
		} else if (s->npart) {
			put_operator(s, next);
		}
		break;
	case SQL_NUMBER:
	case SQL_PARAM: put_value(s); break;
	case SQL_DELIM:
	case SQL_STRING:
		if (next != SQL_DELIM && next != SQL_STRING)
			put_value(s);
		break;
	default: break;
	}
	s->npart = s->part_long = 0;
}

static void add_to_part(struct sql_shape *s, uint8_t c)
{
	if (s->npart < sizeof(s->part))
		s->part[s->npart++] = (char)c;
	else
		s->part_long = 1;
}

static void mark(struct sql_shape *s, uint8_t c)
{
	int dot = s->npart == 1 && s->part[0] == '.';

	if (s->class != SQL_MARK || !is_operator((char)c) || dot)
		end_token(s, SQL_MARK);
	if (is_operator((char)c) || c == '.')
		add_to_part(s, c);
	else
		put_mark(s, (char)c);
}

/* Of strings of one class several may follow each other: they are one value. */
static int goes_on(const struct sql_shape *s, enum sql_class class)
{
	if (class == SQL_DELIM || class == SQL_STRING)
		return s->class == SQL_DELIM || s->class == SQL_STRING || s->class == SQL_PARAM;
	return s->class == class;
}

static void byte(struct sql_shape *s, uint8_t c)
{
	enum sql_class class = sql_lex_byte(&s->lex, c);

	if (class == SQL_COMMENT)
		s->npart = s->npart > s->lex.drop ? (uint8_t)(s->npart - s->lex.drop) : 0;
	if (class == SQL_MARK) {
		mark(s, c);
	} else {
		if (!goes_on(s, class))
			end_token(s, class);
		if (class == SQL_WORD || class == SQL_NAME)
			add_to_part(s, c);
		s->blank |= class == SQL_BLANK || class == SQL_COMMENT;
	}
	s->class = (uint8_t) class;
}

void sql_shape_begin(struct sql_shape *s, enum sql_dialect dialect, enum sql_strings strings)
{
	memset(s, 0, offsetof(struct sql_shape, part));
	s->class = SQL_BLANK;
	s->group[0] = (struct sql_group){0};
	s->statements = 1;
	sql_lex_begin(&s->lex, dialect, strings);
}

void sql_shape_feed(struct sql_shape *s, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		byte(s, p[i]);
}

/* ---- the end */

/* Where a character of UTF-8 begins, at or before i. */
static size_t boundary(const char *p, size_t i)
{
	for (int k = 0; k < 3 && i && ((uint8_t)p[i] & 0xc0) == 0x80; k++)
		i--;
	return i;
}

struct str sql_shape_end(struct sql_shape *s, uint64_t *hash)
{
	static const char more[] = " … ";
	size_t head, tail, from;

	end_token(s, SQL_BLANK);
	*hash = hash_more(s->more ^ 0xcbf29ce484222325u, s->out, s->n);
	if (s->n <= SQL_SHAPE_MAX && !s->more)
		return (struct str){s->out, s->n};
	head = boundary(s->out, SQL_SHAPE_HEAD);
	tail = s->more ? 0 : SQL_SHAPE_MAX - SQL_SHAPE_HEAD - (sizeof(more) - 1);
	if (s->more)
		head = boundary(s->out, SQL_SHAPE_MAX - (sizeof(more) - 1));
	from = s->n - tail;
	while (tail && ((uint8_t)s->out[from] & 0xc0) == 0x80)
		from++;
	memcpy(s->out + head, more, sizeof(more) - 1);
	head += sizeof(more) - 1;
	memmove(s->out + head, s->out + from, tail ? s->n - from : 0);
	s->n = (uint16_t)(head + (tail ? s->n - from : 0));
	return (struct str){s->out, s->n};
}

int sql_has_secret(struct str text)
{
	static const char *const words[] = {"password", "passwd",     "identified",
					    "secret",	"credential", "token",
					    "apikey",	"api_key",    "crypt"};

	for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
		size_t n = strlen(words[k]);

		for (size_t i = 0; i + n <= text.n; i++)
			if ((text.p[i] | 0x20) == words[k][0] &&
			    nocase_equal(text.p + i, words[k], n))
				return 1;
	}
	return 0;
}
