/*
 * graphql.c - GraphQL over HTTP: the operation's type and name, and whether it failed
 *
 * A request is GraphQL if its document begins as one does, or if a path says so and it names an
 * operation. The response tells errors although its status is 200 (GraphQL specification, section
 * 7.1): with data, execution failed; without, the request was at fault.
 */
#include "parsers/names/rows.h"

static int is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* Without what may stand before a token: blanks, commas, comments. */
static struct str skip_ignored(struct str s)
{
	while (s.n && (memchr(" \t\r\n,", *s.p, 5) || *s.p == '#')) {
		const char *end = *s.p == '#' ? memchr(s.p, '\n', s.n) : s.p;

		if (!end)
			return (struct str){s.p, 0};
		s = names_rest(s, (size_t)(end - s.p) + 1);
	}
	return s;
}

static struct str take_name(struct str *s)
{
	struct str name = {s->p, 0};

	while (name.n < s->n && is_name(s->p[name.n]))
		name.n++;
	*s = skip_ignored(names_rest(*s, name.n));
	return name;
}

/* An operation begins here: "query Name(", "mutation {", "{ field". Its type; NULL: none does. */
static const char *operation(struct str s, struct str *name)
{
	static const char *const types[] = {"query", "mutation", "subscription"};
	struct str word;

	*name = (struct str){NULL, 0};
	s = skip_ignored(s);
	if (s.n && *s.p == '{') {
		s = skip_ignored(names_rest(s, 1));
		return s.n && (is_name(*s.p) || *s.p == '.') ? "query" : NULL;
	}
	word = take_name(&s);
	for (unsigned i = 0; i < 3; i++) {
		if (word.n != strlen(types[i]) || memcmp(word.p, types[i], word.n))
			continue;
		*name = take_name(&s);
		return s.n && memchr("({@", *s.p, 3) ? types[i] : NULL;
	}
	return NULL;
}

struct operation {
	const char *type; /* NULL: not found */
	struct str name;
};

/* Behind a string, of either kind. */
static size_t behind_string(struct str s, size_t at)
{
	int block = s.n - at >= 3 && !memcmp(s.p + at, "\"\"\"", 3);
	const char *end;

	if (block) {
		end = memmem(s.p + at + 3, s.n - at - 3, "\"\"\"", 3);
		return end ? (size_t)(end - s.p) + 3 : s.n;
	}
	for (at++; at < s.n && s.p[at] != '"'; at++)
		at += s.p[at] == '\\';
	return at < s.n ? at + 1 : s.n;
}

/*
 * The operations of a document: how many there are, and that of this name, or the first one if
 * name.n is 0. They begin outside of all braces and parentheses; so do fragments.
 */
static unsigned find_operation(struct str document, struct str name, struct operation *out)
{
	unsigned count = 0, depth = 0, definition = 0;
	struct str found;

	*out = (struct operation){0};
	for (size_t i = 0; i < document.n;) {
		char c = document.p[i];
		struct str rest = names_rest(document, i);
		const char *type = NULL;

		if (c == '#') {
			const char *lf = memchr(rest.p, '\n', rest.n);

			i = lf ? (size_t)(lf - document.p) : document.n;
			continue;
		}
		if (c == '"') {
			i = behind_string(document, i);
			continue;
		}
		if (!depth && !definition && (is_name(c) || c == '{')) {
			type = operation(rest, &found);
			definition = 1;
		}
		if (type && (!count++ || name.n) &&
		    (!name.n || (found.n == name.n && !memcmp(found.p, name.p, name.n))))
			*out = (struct operation){type, found};
		if (c == '{' || c == '(')
			depth++;
		else if ((c == '}' || c == ')') && depth && !--depth && c == '}')
			definition = 0;
		i++;
	}
	return count;
}

/* What is named beside the document counts; that may come before it or behind it. */
static void take_document(struct names *n, struct str document, int cut)
{
	struct str asked = names_held(n, ATTR(graphql_operation));
	struct operation o;
	unsigned count = find_operation(document, asked, &o);

	if (!count && !names_begins(document, "fragment ")) {
		if (!n->row)
			names_disclaim(n);
		return;
	}
	names_claim(n);
	n->word[WORD_GRAPHQL_UNSURE] = (uint8_t)(!asked.n && (cut || count > 1));
	if (!asked.n)
		names_agree(n, ATTR(graphql_operation), o.name);
	if (o.type)
		names_agree(n, ATTR(graphql_type), (struct str){o.type, strlen(o.type)});
}

/* The operation is named; behind the document, that may be another one than the first. */
static void take_name_beside(struct names *n, struct str name)
{
	struct str before = names_get(n, ATTR(graphql_operation));

	names_hold(n, ATTR(graphql_operation), name);
	if (n->word[WORD_GRAPHQL_UNSURE] &&
	    (before.n != name.n || memcmp(before.p, name.p, name.n))) {
		names_text(n, ATTR(graphql_operation), name);
		names_drop(n, ATTR(graphql_type));
	} else {
		names_agree(n, ATTR(graphql_operation), name);
	}
	n->word[WORD_GRAPHQL_UNSURE] = 0;
}

/* Of a request by GET both are in the query, which is written as forms are. */
static int of_query(void *ctx, const struct json_value *v)
{
	if (json_at(v, "query"))
		take_document(ctx, v->text, v->cut);
	else if (json_at(v, "operationName") && names_string(v).n)
		take_name_beside(ctx, v->text);
	return 1;
}

static enum names_may request(struct names *n, const struct names_head *h)
{
	int named = names_contains(h->path, "graphql");
	struct str type = h->field[NAMES_CONTENT_TYPE];
	struct form_scan scan;

	if (names_is_post(h) && h->form == NAMES_JSON &&
	    (named || names_begins(type, "application/json"))) {
		names_read(n, 0, NAMES_JSON, named ? NAMES_LOOK : NAMES_GLANCE, named);
		n->word[WORD_GRAPHQL_NAMED] = (uint8_t)named;
		return NAMES_MAYBE;
	}
	if (!named || !names_equal(h->method, "get") || !h->query.n)
		return NAMES_NO;
	memset(&scan, 0, sizeof(scan));
	form_scan(&scan, (const uint8_t *)h->query.p, h->query.n, of_query, n);
	form_scan(&scan, (const uint8_t *)"&", 1, of_query, n); /* the last one ends */
	return n->row ? NAMES_ONLY : NAMES_NO;
}

static void response(struct names *n, const struct names_head *h)
{
	enum names_form form = (enum names_form)h->form;

	if (n->row && form == NAMES_JSON)
		names_read(n, 1, form, NAMES_LOOK, 1);
}

static void of_request(struct names *n, const struct json_value *v, const char *name)
{
	static const char *const members[] = {"query", "variables", "operationName", "extensions",
					      NULL};
	struct json_value one = *v;

	one.path = (struct str){name, (size_t)(v->path.p + v->path.n - name)};
	if (json_at(&one, "query")) {
		if (v->type == JSON_STRING)
			take_document(n, v->text, v->cut);
		else if (!n->row)
			names_disclaim(n); /* another one's, as Elasticsearch's */
	} else if (json_at(&one, "operationName") && names_string(v).n) {
		take_name_beside(n, v->text);
		if (n->word[WORD_GRAPHQL_NAMED])
			names_claim(n);
	} else if (json_at(&one, "extensions.persistedQuery") && v->type == JSON_OBJECT) {
		names_claim(n);
	} else if (!n->row && !n->word[WORD_GRAPHQL_NAMED] && names_is_foreign(&one, members)) {
		names_disclaim(n); /* most content shows it by its first member */
	} else if (v->type == JSON_END) {
		names_let_go(n);
		n->word[WORD_GRAPHQL_UNSURE] = 0;
	}
}

static void of_response(struct names *n, const struct json_value *v)
{
	if (json_at(v, "data"))
		n->word[WORD_GRAPHQL_DATA] = 1;
	else if (json_at(v, "errors[]"))
		n->word[WORD_GRAPHQL_ERRORS] = 1;
	else if (json_at(v, "errors[].extensions.code") && !names_get(n, ATTR(content_error)).n)
		names_text(n, ATTR(content_error), names_string(v));
	if (v->type != JSON_END || v->path.n || !n->word[WORD_GRAPHQL_ERRORS])
		return;
	*(n->word[WORD_GRAPHQL_DATA] ? &n->failed : &n->refused) = 1;
	if (!names_get(n, ATTR(content_error)).n)
		names_word(n, ATTR(content_error), "graphql");
}

/* What is missing may name an operation, or be another one of a batch. */
static void gap(struct names *n, int which)
{
	if (which || !n->word[WORD_GRAPHQL_UNSURE])
		return;
	names_drop(n, ATTR(graphql_operation));
	names_drop(n, ATTR(graphql_type));
}

static void value(struct names *n, int which, const struct json_value *v)
{
	int batch = names_begins(v->path, "[]"), member = names_begins(v->path, "[].");

	if (which) {
		of_response(n, v);
		return;
	}
	of_request(n, v, v->path.p + (member ? 3 : 0));
	n->word[WORD_GRAPHQL_UNSURE] |= (uint8_t)batch;
}

const struct naming naming_graphql = {
	.name = "graphql",
	.request = request,
	.response = response,
	.value = value,
	.gap = gap,
	.group = {ATTR(graphql_type), ATTR(graphql_operation)},
};
