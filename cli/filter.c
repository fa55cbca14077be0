/*
 * filter.c - runs compiled filters, and shows what is wrong with those that do not compile
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/filter.h"
#include "core/span_field.h"
#include "parsers/http1/http1.h"
#include "cli/filter_program.h"

/*
 * Bounds of one pattern match. PCRE2 counts steps anew for every octet at which a match may begin,
 * so what it may take at each depends on how many there are: some ten milliseconds in all.
 */
#define MATCH_BUDGET 20000000u
#define MATCH_LIMIT_MAX 100000u
#define MATCH_LIMIT_MIN 1000u
#define DEPTH_LIMIT 5000u
#define HEAP_LIMIT_KIB 1024u
#define NEST_LIMIT 100u
#define JIT_STACK_MIN (32u << 10)
#define JIT_STACK_MAX (1u << 20)

struct filter *filter__new(const char *expr, struct filter_error *err)
{
	struct filter *f = calloc(1, sizeof(*f));

	*err = (struct filter_error){ .length = 1, .message = "out of memory" };
	if (!f)
		return NULL;
	f->compile_limits = pcre2_compile_context_create(NULL);
	f->match_limits = pcre2_match_context_create(NULL);
	f->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
	if (!f->compile_limits || !f->match_limits)
		goto failed;
	if (f->stack) /* none without a JIT */
		pcre2_jit_stack_assign(f->match_limits, NULL, f->stack);
	pcre2_set_parens_nest_limit(f->compile_limits, NEST_LIMIT);
	pcre2_set_depth_limit(f->match_limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(f->match_limits, HEAP_LIMIT_KIB);
	if (!filter_parse(f, expr, err))
		return f;
failed:
	filter__free(f);
	return NULL;
}

void filter__free(struct filter *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i < f->ntests; i++) {
		free(f->tests[i].text);
		free(f->tests[i].header);
		pcre2_code_free(f->tests[i].regex);
		pcre2_match_data_free(f->tests[i].match);
	}
	free(f->tests);
	free(f->code);
	pcre2_compile_context_free(f->compile_limits);
	pcre2_match_context_free(f->match_limits);
	pcre2_jit_stack_free(f->stack);
	free(f);
}

int filter__wants_fields(const struct filter *f)
{
	for (unsigned i = 0; i < f->ntests; i++)
		if (f->tests[i].header)
			return 1;
	return 0;
}

uint64_t filter__given_up(const struct filter *f)
{
	return f->given_up;
}

/* 1, 0, or -1 when it was given up. */
static int regex_matches(struct filter *f, const struct test *t, struct str s)
{
	size_t limit = MATCH_BUDGET / (s.n + 1);
	int ret;

	if (limit > MATCH_LIMIT_MAX)
		limit = MATCH_LIMIT_MAX;
	if (limit < MATCH_LIMIT_MIN)
		limit = MATCH_LIMIT_MIN;
	pcre2_set_match_limit(f->match_limits, (uint32_t)limit);
	ret = pcre2_match(t->regex, (PCRE2_SPTR)s.p, s.n, 0, 0, t->match, f->match_limits);
	if (ret >= 0)
		return 1;
	if (ret == PCRE2_ERROR_NOMATCH)
		return 0;
	f->given_up++;
	return -1;
}

static int compare_number(const struct test *t, uint64_t value)
{
	uint64_t v = t->hundreds ? value / 100 : value;
	/* a fraction lies above its whole part */
	int order = v < t->number.whole	  ? -1
		    : v > t->number.whole ? 1
		    : t->number.fraction  ? -1
					  : 0;

	switch (t->op) {
	case OP_EQ: return order == 0;
	case OP_NE: return order != 0;
	case OP_LT: return order < 0;
	case OP_LE: return order <= 0;
	case OP_GT: return order > 0;
	case OP_GE: return order >= 0;
	default: return 0;
	}
}

static int text_of(const struct test *t, const struct span *s, char buf[SPAN_TEXT_MAX],
		   struct str *text)
{
	if (t->header)
		return span_header(s, t->header, text);
	return field_text(t->field, s, buf, text);
}

static int test_text(struct filter *f, const struct test *t, const struct span *s)
{
	int negative = t->op == OP_NE || t->op == OP_NO_MATCH, same;
	char buf[SPAN_TEXT_MAX];
	struct str text;

	if (!text_of(t, s, buf, &text))
		return t->absent != negative;
	if (t->op == OP_MATCH || t->op == OP_NO_MATCH) {
		same = regex_matches(f, t, text);
		return same >= 0 && same != negative;
	}
	same = !t->absent && text.n == t->text_len &&
	       (t->any_case ? !strncasecmp(text.p, t->text, text.n)
			    : !memcmp(text.p, t->text, text.n));
	return same != negative;
}

/* Does one of the names in the list equal or match? */
static int test_list(struct filter *f, const struct test *t, const struct span *s)
{
	int negative = t->op == OP_NE || t->op == OP_NO_MATCH, found = 0;
	const char *name;

	for (unsigned bit = 0; (name = field_choice(t->field, bit)) && !found; bit++) {
		if (!(s->incomplete >> bit & 1))
			continue;
		if (t->op == OP_MATCH || t->op == OP_NO_MATCH)
			found = regex_matches(f, t, (struct str){ name, strlen(name) });
		else
			found = !strcmp(name, t->text);
	}
	return found >= 0 && found != negative;
}

static int test_address(const struct test *t, const struct span *s)
{
	const uint8_t *addr = field_address(t->field, s);
	int inside = addr && value_prefix_contains(&t->prefix, addr);

	return inside != (t->op == OP_NE);
}

static int run_test(struct filter *f, const struct test *t, const struct span *s)
{
	struct str text;
	uint64_t value;

	if (t->op == OP_ENTRY)
		return s->entry;
	if (t->op == OP_ROOT)
		return !s->parent_here;
	if (t->header)
		return t->op == OP_PRESENT ? span_header(s, t->header, &text) :
					     test_text(f, t, s);
	if (t->op == OP_PRESENT)
		return field_present(t->field, s);
	switch (span_fields()[t->field].type) {
	case FIELD_NUMBER:
	case FIELD_DURATION:
	case FIELD_DURATION_ALIAS:
	case FIELD_SIZE:
	case FIELD_TIME:
		return field_number(t->field, s, &value) ? compare_number(t, value) :
							   t->op == OP_NE;
	case FIELD_LIST:
		return test_list(f, t, s);
	case FIELD_ADDRESS:
		if (t->op == OP_EQ || t->op == OP_NE)
			return test_address(t, s);
		break;
	case FIELD_TEXT:
	case FIELD_CHOICE:
	case FIELD_TLS:
		break;
	}
	return test_text(f, t, s);
}

int filter__match(struct filter *f, const struct span *s)
{
	int truth = 0;

	for (unsigned pc = 0; pc < f->ncode; pc++) {
		const struct instruction *i = &f->code[pc];

		switch (i->code) {
		case TEST:
			truth = run_test(f, &f->tests[i->arg], s);
			break;
		case NOT:
			truth = !truth;
			break;
		case IF:
			if (truth)
				pc = i->arg - 1;
			break;
		case UNLESS:
			if (!truth)
				pc = i->arg - 1;
			break;
		}
	}
	return truth;
}

/* ---- errors */

/* Length of the UTF-8 character at p and its code point; 1 and 0xfffd for what is none. */
static size_t utf8_char(const char *p, size_t n, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t lead = (uint8_t)*p;
	size_t len = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 :
		     lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;

	*code = len == 1 ? lead : lead & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if (i >= n || ((uint8_t)p[i] & 0xc0) != 0x80) {
			len = 0;
			break;
		}
		*code = *code << 6 | ((uint8_t)p[i] & 0x3f);
	}
	if (len && *code >= least[len] && *code <= 0x10ffff && (*code & ~0x7ffu) != 0xd800)
		return len;
	*code = 0xfffd;
	return 1;
}

/* Columns of a character on a terminal: none for marks, two for East Asian wide ones and emoji. */
static unsigned columns(uint32_t c)
{
	static const struct {
		uint32_t first, last;
		unsigned columns;
	} ranges[] = {
		{ 0x300, 0x36f, 0 },	 { 0x1100, 0x115f, 2 },	  { 0x200b, 0x200f, 0 },
		{ 0x20d0, 0x20ff, 0 },	 { 0x2e80, 0xa4cf, 2 },	  { 0xac00, 0xd7a3, 2 },
		{ 0xf900, 0xfaff, 2 },	 { 0xfe00, 0xfe0f, 0 },	  { 0xfe30, 0xfe6f, 2 },
		{ 0xff00, 0xff60, 2 },	 { 0xffe0, 0xffe6, 2 },	  { 0x1f300, 0x1f64f, 2 },
		{ 0x1f900, 0x1f9ff, 2 }, { 0x20000, 0x3fffd, 2 },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return ranges[i].columns;
	return 1;
}

/* Prints text safely; returns the columns that precede the octet at offset. */
static size_t print_safely(FILE *out, const char *text, size_t offset)
{
	size_t n = strlen(text), before = 0, len;
	uint32_t code;

	for (size_t i = 0; i < n; i += len) {
		len = utf8_char(text + i, n - i, &code);
		if (i + len <= offset)
			before += columns(code);
		if (code == '\t' || code == '\n' || code == '\r')
			fputc(' ', out);
		else if (code < ' ' || (code >= 0x7f && code < 0xa0) || code == 0xfffd ||
			 (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
			fputc('?', out);
		else
			fwrite(text + i, 1, len, out);
	}
	return before;
}

void filter_error_print(FILE *out, const char *expr, const struct filter_error *err)
{
	size_t column;

	fputs("filter: ", out);
	print_safely(out, err->message, 0);
	fputs("\n  ", out);
	column = print_safely(out, expr, err->offset);
	fprintf(out, "\n  %*s^\n", (int)column, "");
}
