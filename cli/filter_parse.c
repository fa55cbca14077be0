/*
 * filter_parse.c - expression to program, by recursive descent
 *
 * Every function returns 0, or -1 with the error recorded, and the first error ends it all.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/span_field.h"
#include "cli/filter_program.h"
#include "parsers/digits.h"

struct parser {
	struct filter *f;
	const char *expr;
	size_t pos, len;
	unsigned depth;
	unsigned code_cap, tests_cap;
	int contains, listed; /* the operator is one of the words */
	struct filter_error *err;
};

/* A literal as it stands in the expression, and its octets after escapes were undone. */
struct literal {
	size_t offset, length;
	int quoted;
	char *text; /* owned; lives in the test from the start */
	size_t n;
};

static const char *const op_text[] = {
	[OP_PRESENT] = "", [OP_EQ] = "==", [OP_NE] = "!=",    [OP_LT] = "<",	    [OP_LE] = "<=",
	[OP_GT] = ">",	   [OP_GE] = ">=", [OP_MATCH] = "=~", [OP_NO_MATCH] = "!~",
};

__attribute__((format(printf, 4, 5))) static int fail(struct parser *p, size_t offset,
						      size_t length, const char *fmt, ...)
{
	va_list ap;

	p->err->offset = offset;
	p->err->length = length ? length : 1;
	va_start(ap, fmt);
	vsnprintf(p->err->message, sizeof(p->err->message), fmt, ap);
	va_end(ap);
	for (char *c = p->err->message; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return -1;
}

static int no_memory(struct parser *p)
{
	return fail(p, 0, 1, "out of memory");
}

/* For "%.*s" in messages: words are shown up to 40 octets. */
static int shown(size_t n)
{
	return n < 40 ? (int)n : 40;
}

/* ---- octets to words */

static int is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int is_word(char c)
{
	return c && !is_space(c) && !strchr("\"'()!=<>~&|", c);
}

static void skip_space(struct parser *p)
{
	while (is_space(p->expr[p->pos]))
		p->pos++;
}

/* Length of the word at the current place; 0 if there is none. */
static size_t word_length(const struct parser *p)
{
	size_t n = 0;

	while (is_word(p->expr[p->pos + n]) && !(p->listed && p->expr[p->pos + n] == ','))
		n++;
	return n;
}

static int word_is(const struct parser *p, size_t n, const char *word)
{
	return strlen(word) == n && !strncasecmp(p->expr + p->pos, word, n);
}

/* Takes `word` or `sign` if it comes next. */
static int take(struct parser *p, const char *word, const char *sign)
{
	size_t n;

	skip_space(p);
	n = word_length(p);
	if (!word_is(p, n, word)) {
		n = strlen(sign);
		if (strncmp(p->expr + p->pos, sign, n))
			return 0;
	}
	p->pos += n;
	return 1;
}

/* Is the word at the current place one that connects? Then a value is missing before it. */
static int at_connective(const struct parser *p)
{
	size_t n = word_length(p);

	return word_is(p, n, "and") || word_is(p, n, "or") || word_is(p, n, "not");
}

/* ---- program */

static int emit(struct parser *p, enum opcode code, unsigned arg)
{
	struct filter *f = p->f;

	if (f->ncode == p->code_cap) {
		unsigned cap = p->code_cap ? p->code_cap * 2 : 8;
		struct instruction *grown = realloc(f->code, cap * sizeof(*grown));

		if (!grown)
			return no_memory(p);
		f->code = grown;
		p->code_cap = cap;
	}
	f->code[f->ncode].code = code;
	f->code[f->ncode++].arg = arg;
	return 0;
}

static struct test *new_test(struct parser *p, unsigned field)
{
	struct filter *f = p->f;

	if (f->ntests == p->tests_cap) {
		unsigned cap = p->tests_cap ? p->tests_cap * 2 : 4;
		struct test *grown = realloc(f->tests, cap * sizeof(*grown));

		if (!grown)
			return NULL;
		f->tests = grown;
		p->tests_cap = cap;
	}
	f->tests[f->ntests] = (struct test){ .field = field };
	return &f->tests[f->ntests++];
}

/* ---- literals */

/* The escape behind the backslash at the current place, for strings that are no patterns. */
static int take_escape(struct parser *p, char *out)
{
	static const char from[] = "nrt0\\\"'", to[] = "\n\r\t\0\\\"'";
	const char *e = p->expr + p->pos + 1, *at;

	if (*e == 'x') {
		if (hex_value(e[1]) < 0 || hex_value(e[2]) < 0)
			return fail(p, p->pos, 2, "two hexadecimal digits are missing after \\x");
		*out = (char)(hex_value(e[1]) << 4 | hex_value(e[2]));
		p->pos += 4;
		return 0;
	}
	at = *e ? strchr(from, *e) : NULL;
	if (!at)
		return fail(p, p->pos, *e ? 2 : 1,
			    "an escape is one of \\\" \\' \\\\ \\n \\r \\t \\0 \\xHH");
	*out = to[at - from];
	p->pos += 2;
	return 0;
}

static int take_string(struct parser *p, int pattern, struct literal *lit)
{
	char quote = p->expr[p->pos++], c;

	while ((c = p->expr[p->pos]) != quote) {
		if (!c)
			return fail(p, lit->offset, 1, "the closing %c is missing", quote);
		if (c != '\\') {
			lit->text[lit->n++] = c;
			p->pos++;
		} else if (!pattern) {
			if (take_escape(p, &lit->text[lit->n]))
				return -1;
			lit->n++;
		} else {
			if (p->expr[p->pos + 1] != quote)
				lit->text[lit->n++] = c;
			if (p->expr[++p->pos])
				lit->text[lit->n++] = p->expr[p->pos++];
		}
	}
	p->pos++;
	return 0;
}

/* As it was written. */
static const char *operator_name(const struct parser *p, const struct test *t)
{
	return p->contains ? "contains" : p->listed ? "in" : op_text[t->op];
}

/* The value behind an operator; its text becomes the test's. */
static int take_literal(struct parser *p, struct test *t, struct literal *lit)
{
	int pattern = (t->op == OP_MATCH || t->op == OP_NO_MATCH) && !p->contains;
	size_t n;

	skip_space(p);
	*lit = (struct literal){ .offset = p->pos };
	n = word_length(p);
	lit->quoted = p->expr[p->pos] == '"' || p->expr[p->pos] == '\'';
	if ((!n && !lit->quoted) || at_connective(p))
		return fail(p, p->pos, n, "a value is missing after '%s'", operator_name(p, t));
	t->text = lit->text = malloc(p->len - p->pos + 1);
	if (!t->text)
		return no_memory(p);
	if (lit->quoted) {
		if (take_string(p, pattern, lit))
			return -1;
	} else {
		memcpy(lit->text, p->expr + p->pos, n);
		lit->n = n;
		p->pos += n;
	}
	lit->text[lit->n] = '\0';
	t->text_len = lit->n;
	/* what nobody means otherwise */
	t->any_case = !t->header && !strcmp(span_fields()[t->field].name, "method");
	lit->length = p->pos - lit->offset;
	return 0;
}

static int bad_value(struct parser *p, const struct literal *lit, const char *why)
{
	return fail(p, lit->offset, lit->length, "'%.*s' %s", shown(lit->n), lit->text, why);
}

/* "5xx" */
static int is_class(const char *field, const struct literal *lit)
{
	return !strcmp(field, "status") && lit->n == 3 && lit->text[0] >= '1' &&
	       lit->text[0] <= '5' && !strcasecmp(lit->text + 1, "xx");
}

static int compile_number(struct parser *p, struct test *t, const struct literal *lit)
{
	const struct span_field *field = &span_fields()[t->field];
	enum filter_units units = UNITS_TIME;
	const char *why;
	int had_unit;

	if (field->type == FIELD_NUMBER)
		units = UNITS_NONE;
	else if (field->type == FIELD_SIZE)
		units = UNITS_SIZE;
	if ((t->op == OP_EQ || t->op == OP_NE) && is_class(field->name, lit)) {
		t->hundreds = 1;
		t->number.whole = (uint64_t)(lit->text[0] - '0');
		return 0;
	}
	if (field->type == FIELD_NUMBER &&
	    field_code(t->field, lit->text, lit->n, &t->number.whole))
		return 0; /* NOT_FOUND for 5 */
	if (value_number(lit->text, lit->n, units, &t->number, &had_unit, &why))
		return bad_value(p, lit, why);
	if (field->type == FIELD_DURATION_ALIAS && !had_unit)
		return fail(p, lit->offset, lit->length,
			    "'%s' needs a unit: %.*sms, %.*ss, …", field->name, shown(lit->n),
			    lit->text, shown(lit->n), lit->text);
	return 0;
}

static int compile_regex(struct parser *p, struct test *t, const struct literal *lit)
{
	PCRE2_UCHAR why[100];
	size_t offset = 0;
	int code = 0;

	t->regex = pcre2_compile((PCRE2_SPTR)lit->text, lit->n,
				 p->contains ? PCRE2_LITERAL
					     : PCRE2_NEVER_UTF | PCRE2_NEVER_UCP |
						       PCRE2_NEVER_BACKSLASH_C,
				 &code, &offset, p->f->compile_limits);
	if (!t->regex) {
		pcre2_get_error_message(code, why, sizeof(why));
		offset += lit->offset + (lit->quoted ? 1 : 0);
		if (offset >= lit->offset + lit->length)
			offset = lit->offset + lit->length - 1;
		return fail(p, offset, 1, "pattern: %s", (const char *)why);
	}
	/* without a JIT for this machine the interpreter does it */
	pcre2_jit_compile(t->regex, PCRE2_JIT_COMPLETE);
	t->match = pcre2_match_data_create(1, NULL);
	return t->match ? 0 : no_memory(p);
}

/* A value of a known set: a slip of the pen would otherwise never match, without a word. */
static int compile_choice(struct parser *p, struct test *t, const struct literal *lit)
{
	const char *choice;
	char all[120] = "";
	size_t n = 0;

	for (unsigned i = 0; (choice = field_choice(t->field, i)); i++) {
		if (strlen(choice) == lit->n && !memcmp(choice, lit->text, lit->n))
			return 0;
		if (n < sizeof(all))
			n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "",
					      choice);
	}
	return fail(p, lit->offset, lit->length, "'%s' is one of: %s",
		    span_fields()[t->field].name, all);
}

static int compile_tls(struct parser *p, struct test *t, const struct literal *lit)
{
	if (lit->quoted)
		return 0;
	if (!strcmp(lit->text, "true"))
		return bad_value(p, lit, "is no library; 'tls' alone is true for any");
	t->absent = !strcmp(lit->text, "false");
	return 0;
}

static int is_text(enum field_type type)
{
	return type == FIELD_TEXT || type == FIELD_CHOICE || type == FIELD_LIST ||
	       type == FIELD_ADDRESS || type == FIELD_TLS;
}

/* Does the operator make sense for the field? op_at: where it stands. */
static int check_types(struct parser *p, const struct test *t, size_t op_at)
{
	const struct span_field *field = &span_fields()[t->field];
	size_t n = strlen(operator_name(p, t));

	if (is_text(field->type) && t->op >= OP_LT && t->op <= OP_GE)
		return fail(p, op_at, n, "'%s' compares numbers; '%s' is %s", op_text[t->op],
			    t->header ? t->header : field->name,
			    field->type == FIELD_ADDRESS ? "an address" :
			    field->type == FIELD_LIST	  ? "a list" :
							    "text");
	if (!is_text(field->type) && t->op >= OP_MATCH)
		return fail(p, op_at, n, "'%s' compares text; '%s' is a number",
			    operator_name(p, t), field->name);
	return 0;
}

static int compile_value(struct parser *p, struct test *t, const struct literal *lit)
{
	const char *why;

	if (t->op == OP_MATCH || t->op == OP_NO_MATCH)
		return compile_regex(p, t, lit);
	switch (span_fields()[t->field].type) {
	case FIELD_NUMBER:
	case FIELD_DURATION:
	case FIELD_DURATION_ALIAS:
	case FIELD_SIZE:
		return compile_number(p, t, lit);
	case FIELD_TIME:
		return value_time(lit->text, lit->n, &t->number, &why) ? bad_value(p, lit, why) : 0;
	case FIELD_ADDRESS:
		return value_prefix(lit->text, lit->n, &t->prefix, &why) ? bad_value(p, lit, why) :
									   0;
	case FIELD_CHOICE:
	case FIELD_LIST:
		return compile_choice(p, t, lit);
	case FIELD_TLS:
		return compile_tls(p, t, lit);
	case FIELD_TEXT:
		break;
	}
	return 0;
}

/* ---- grammar */

/* The operator at the current place, if any: 0 and *op (OP_PRESENT: none). */
static int take_sign(struct parser *p, enum test_op *op)
{
	/* the longer ones first */
	static const enum test_op order[] = { OP_EQ,	OP_NE,	     OP_LE, OP_GE,
					      OP_MATCH, OP_NO_MATCH, OP_LT, OP_GT };
	const char *at = p->expr + p->pos;

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		size_t n = strlen(op_text[order[i]]);

		if (!strncmp(at, op_text[order[i]], n)) {
			*op = order[i];
			p->pos += n;
			return 0;
		}
	}
	*op = OP_PRESENT;
	if (*at == '=')
		return fail(p, p->pos, 1, "use == to compare");
	if (*at == '~')
		return fail(p, p->pos, 1, "use =~ to compare with a pattern");
	return 0;
}

static int take_operator(struct parser *p, enum test_op *op)
{
	/* words are operators, too */
	if (word_is(p, word_length(p), "contains")) {
		p->pos += strlen("contains");
		p->contains = 1;
		*op = OP_MATCH;
		return 0;
	}
	if (word_is(p, word_length(p), "in")) {
		p->pos += strlen("in");
		p->listed = 1;
		*op = OP_EQ;
		return 0;
	}
	return take_sign(p, op);
}

/* What others call it; NULL: nobody does. */
static const char *synonym(const char *name, size_t n)
{
	static const char *const words[][2] = {
		{"url", "path"},	 {"uri", "path"},	    {"latency", "duration"},
		{"elapsed", "duration"}, {"code", "status"},	    {"status_code", "status"},
		{"ip", "client_addr"},	 {"client", "client_addr"}, {"client_ip", "client_addr"},
		{"server", "service"},	 {"svc", "service"},	    {"process", "comm"},
		{"size", "resp_bytes"},	 {"bytes", "resp_bytes"},   {"peer", "peer_service"},
		{"trace", "trace_id"},	 {"type", "kind"},	    {"proto", "protocol"},
		{"port", "server_port"}, {"verb", "method"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i][0]) == n && !memcmp(words[i][0], name, n))
			return words[i][1];
	return NULL;
}

/* Header fields that are asked for as if they were fields of a span. */
static const char *header_of(const char *name, size_t n)
{
	static const char *const names[] = {"user-agent",   "referer", "cookie", "accept",
					    "content-type", "origin",  "x-request-id"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t at = 0;

		while (at < n && (name[at] == names[i][at] ||
				  (name[at] == '_' && names[i][at] == '-')))
			at++;
		if (at == n && !names[i][n])
			return names[i];
	}
	return NULL;
}

static int unknown_field(struct parser *p, size_t n)
{
	const char *name = p->expr + p->pos, *other = synonym(name, n);
	int near = other ? field_find(other, strlen(other)) : field_nearest(name, n);

	if (near < 0 && header_of(name, n))
		return fail(p, p->pos, n, "there is no field '%.*s'; did you mean 'header.%s'?",
			    shown(n), name, header_of(name, n));
	if (near < 0)
		return fail(p, p->pos, n, "there is no field '%.*s'", shown(n), name);
	return fail(p, p->pos, n, "there is no field '%.*s'; did you mean '%s'?", shown(n), name,
		    span_fields()[near].name);
}

/* Words that are true or false by themselves, and no keys of JSON. 1: there is one here. */
static int take_word(struct parser *p, size_t n, enum test_op *op)
{
	static const struct {
		const char *word;
		enum test_op op;
	} words[] = {{"entry", OP_ENTRY}, {"root", OP_ROOT}};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (n == strlen(words[i].word) && !memcmp(p->expr + p->pos, words[i].word, n)) {
			*op = words[i].op;
			p->pos += n;
			return 1;
		}
	return 0;
}

#define HEADER "header."

/* The name behind "header."; NULL: it is another field. */
static const char *header_name(const char *word, size_t n, size_t *len)
{
	*len = n - strlen(HEADER);
	return n > strlen(HEADER) && !memcmp(word, HEADER, strlen(HEADER)) ? word + strlen(HEADER) :
									   NULL;
}

static struct test *new_test_of(struct parser *p, unsigned field, const char *header, size_t n)
{
	struct test *t = new_test(p, field);

	if (t && header)
		t->header = strndup(header, n);
	return t && header && !t->header ? NULL : t;
}

/* "in (500, 502)": the first of them that is equal decides. */
static int parse_list(struct parser *p, unsigned field, const char *header, size_t header_n)
{
	unsigned pending = UINT32_MAX, before;
	struct literal lit;
	struct test *t;

	skip_space(p);
	if (p->expr[p->pos] != '(')
		return fail(p, p->pos, word_length(p), "'in' wants a list: in (500, 502)");
	do {
		p->pos++;
		t = new_test_of(p, field, header, header_n);
		if (!t)
			return no_memory(p);
		t->op = OP_EQ;
		if (take_literal(p, t, &lit) || compile_value(p, t, &lit) ||
		    emit(p, TEST, p->f->ntests - 1) || emit(p, IF, pending))
			return -1;
		pending = p->f->ncode - 1;
		skip_space(p);
	} while (p->expr[p->pos] == ',');
	if (p->expr[p->pos] != ')')
		return fail(p, p->pos, 1, "expected ',' or ')' here");
	p->pos++;
	for (; pending != UINT32_MAX; pending = before) {
		before = p->f->code[pending].arg;
		p->f->code[pending].arg = p->f->ncode;
	}
	return 0;
}

static int parse_comparison(struct parser *p)
{
	size_t n = word_length(p), op_at, header_n;
	const char *header;
	enum test_op word, op = OP_PRESENT;
	struct literal lit;
	struct test *t;
	int field;

	if (!n && !p->expr[p->pos])
		return fail(p, p->pos, 1, "an expression is missing at the end");
	if (!n || at_connective(p))
		return fail(p, p->pos, n, "a field is missing before '%.*s'", n ? shown(n) : 1,
			    p->expr + p->pos);
	if (take_word(p, n, &word)) {
		t = new_test(p, 0);
		if (!t)
			return no_memory(p);
		t->op = word;
		return emit(p, TEST, p->f->ntests - 1);
	}
	header = header_name(p->expr + p->pos, n, &header_n);
	/* it is text as that one is */
	field = header ? field_find("host", 4) : field_find(p->expr + p->pos, n);
	if (field < 0)
		return unknown_field(p, n);
	p->pos += n;
	p->contains = p->listed = 0;
	skip_space(p);
	op_at = p->pos;
	if (take_operator(p, &op))
		return -1;
	if (p->listed) {
		int err = parse_list(p, (unsigned)field, header, header_n);

		p->listed = 0;
		return err;
	}
	t = new_test_of(p, (unsigned)field, header, header_n);
	if (!t)
		return no_memory(p);
	t->op = op;
	if (t->op != OP_PRESENT &&
	    (check_types(p, t, op_at) || take_literal(p, t, &lit) || compile_value(p, t, &lit)))
		return -1;
	return emit(p, TEST, p->f->ntests - 1);
}

static int parse_or(struct parser *p);

static int parse_group(struct parser *p, size_t open)
{
	if (parse_or(p))
		return -1;
	skip_space(p);
	if (p->expr[p->pos] == ')') {
		p->pos++;
		return 0;
	}
	if (p->expr[p->pos])
		return fail(p, p->pos, word_length(p),
			    "expected an operator, 'and', 'or' or ')' here");
	return fail(p, open, 1, "the closing ')' is missing");
}

static int parse_factor(struct parser *p)
{
	size_t start;
	int ret;

	skip_space(p);
	start = p->pos;
	if (p->depth >= FILTER_MAX_DEPTH)
		return fail(p, start, 1, "nested more than %u deep", FILTER_MAX_DEPTH);
	p->depth++;
	if (take(p, "not", "!"))
		ret = parse_factor(p) || emit(p, NOT, 0) ? -1 : 0;
	else if (p->expr[p->pos] == '(')
		ret = (p->pos++, parse_group(p, start));
	else
		ret = parse_comparison(p);
	p->depth--;
	return ret;
}

/*
 * Operands with the same connective between them. After each but the last comes a jump to the end,
 * whose place is known only there: until then each holds the place of the one before.
 */
static int parse_chain(struct parser *p, int (*operand)(struct parser *), const char *word,
		       const char *sign, enum opcode jump)
{
	unsigned pending = UINT32_MAX, before;

	if (operand(p))
		return -1;
	while (take(p, word, sign)) {
		if (emit(p, jump, pending))
			return -1;
		pending = p->f->ncode - 1;
		if (operand(p))
			return -1;
	}
	for (; pending != UINT32_MAX; pending = before) {
		before = p->f->code[pending].arg;
		p->f->code[pending].arg = p->f->ncode;
	}
	return 0;
}

static int parse_and(struct parser *p)
{
	return parse_chain(p, parse_factor, "and", "&&", UNLESS);
}

static int parse_or(struct parser *p)
{
	return parse_chain(p, parse_and, "or", "||", IF);
}

int filter_parse(struct filter *f, const char *expr, struct filter_error *err)
{
	struct parser p = { .f = f, .expr = expr, .len = strlen(expr), .err = err };

	if (p.len > FILTER_MAX_LENGTH)
		return fail(&p, FILTER_MAX_LENGTH, 1, "longer than %u bytes", FILTER_MAX_LENGTH);
	if (parse_or(&p))
		return -1;
	skip_space(&p);
	if (!expr[p.pos])
		return 0;
	if (expr[p.pos] == ')')
		return fail(&p, p.pos, 1, "')' without '(' before it");
	if (expr[p.pos] == '&' || expr[p.pos] == '|')
		return fail(&p, p.pos, 1, "'%c%c' connects", expr[p.pos], expr[p.pos]);
	return fail(&p, p.pos, word_length(&p), "expected an operator, 'and' or 'or' here");
}
