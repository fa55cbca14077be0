#include "parsers/names/names.h"

#include "parsers/names/rows.h"
#include "parsers/str.h"

/* In the order in which they are asked; the first that is certain counts. */
const struct naming *const namings[] = {
	&naming_aws,	 &naming_connect, &naming_gen_ai,
	&naming_elasticsearch, &naming_graphql, &naming_jsonrpc,
};
const unsigned nnamings = sizeof(namings) / sizeof(namings[0]);

/* ---- words */

int names_equal(struct str s, const char *word)
{
	return s.p && s.n == strlen(word) && nocase_equal(s.p, word, s.n);
}

int names_begins(struct str s, const char *word)
{
	size_t n = strlen(word);

	return s.p && s.n >= n && nocase_equal(s.p, word, n);
}

int names_ends(struct str s, const char *word)
{
	size_t n = strlen(word);

	return s.p && s.n >= n && nocase_equal(s.p + s.n - n, word, n);
}

int names_contains(struct str s, const char *word)
{
	return s.p && memmem(s.p, s.n, word, strlen(word));
}

/* ---- heads */

void names_field(struct names_head *h, struct str name, struct str value)
{
#define X(id, word) {word, sizeof(word) - 1},
	static const struct str known[] = {NAMES_FIELDS(X)};
#undef X

	for (unsigned i = 0; i < NAMES_NFIELDS; i++)
		if (name.n == known[i].n && nocase_equal(name.p, known[i].p, name.n)) {
			h->field[i] = value;
			return;
		}
}

/* The media type without its parameters. */
static struct str media_type(struct str s)
{
	const char *end = s.p ? memchr(s.p, ';', s.n) : NULL;

	if (end)
		s.n = (size_t)(end - s.p);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

enum names_form names_form(const struct names_head *h)
{
	struct str type = media_type(h->field[NAMES_CONTENT_TYPE]);
	struct str encoding = h->field[NAMES_CONTENT_ENCODING];

	if (encoding.n && !names_equal(encoding, "identity"))
		return NAMES_NOTHING;
	if (names_equal(type, "text/event-stream"))
		return NAMES_EVENTS;
	if (names_equal(type, "application/x-www-form-urlencoded"))
		return NAMES_FORM;
	if (names_begins(type, "application/json") || names_begins(type, "application/x-amz-json") ||
	    (names_begins(type, "application/") && names_ends(type, "+json")))
		return NAMES_JSON;
	return NAMES_NOTHING;
}

int names_begin(struct names *n, uint32_t rows, const struct names_head *h)
{
	memset(n, 0, offsetof(struct names, text));
	memset(&n->json, 0, offsetof(struct json_scan, path));
	for (unsigned i = 0; i < nnamings && !n->row; i++) {
		enum names_may may = NAMES_NO;

		n->calling = namings[i];
		if (rows & 1u << i)
			may = namings[i]->request(n, h);
		if (may != NAMES_NO)
			n->may_be |= 1u << i;
		if (may == NAMES_ONLY)
			break;
	}
	return n->may_be != 0;
}

/* Each row that it may be. */
#define EACH(n, i) (unsigned i = 0; i < nnamings; i++) \
	if ((n)->may_be & 1u << i && (!(n)->row || (n)->row == namings[i]))

void names_response(struct names *n, const struct names_head *h)
{
	if (n->form[0] == NAMES_FORM && n->left[0]) /* its last value has ended */
		names_content(n, 0, (const uint8_t *)"&", 1);
	for EACH(n, i) {
		n->calling = namings[i];
		if (namings[i]->response)
			namings[i]->response(n, h);
	}
}

/* ---- content */

struct call {
	struct names *n;
	int which;
};

static void on_value(void *ctx, const struct json_value *v)
{
	const struct call *c = ctx;

	for EACH(c->n, i) {
		c->n->calling = namings[i];
		if (namings[i]->value)
			namings[i]->value(c->n, c->which, v);
	}
}

/* The data of events, line by line; where a line stands is `line`: so many bytes of "data:". */
enum { LINE_DATA = 5, LINE_OTHER, LINE_UNKNOWN };

static size_t data_line(struct names *n, struct call *c, const uint8_t *p, size_t len)
{
	const uint8_t *lf = memchr(p, '\n', len);
	size_t end = lf ? (size_t)(lf - p) : len;

	if (n->line == LINE_DATA)
		(void)json_scan(&n->json, p, end, on_value, c);
	if (!lf)
		return len;
	n->line = 0;
	return end + 1;
}

static void events(struct names *n, struct call *c, const uint8_t *p, size_t len)
{
	static const char field[] = "data:";

	for (size_t i = 0; i < len;) {
		if (n->line >= LINE_DATA) {
			i += data_line(n, c, p + i, len - i);
		} else if (p[i] == (uint8_t)field[n->line]) {
			n->line++;
			i++;
		} else if ((p[i] == '\n' || p[i] == '\r') && !n->line) {
			json_scan_reset(&n->json); /* an empty line ends an event */
			i++;
		} else {
			n->line = LINE_OTHER;
		}
	}
}

static void scan(struct names *n, struct call *c, const uint8_t *p, size_t len)
{
	if (n->form[c->which] == NAMES_EVENTS)
		events(n, c, p, len);
	else if (n->form[c->which] == NAMES_FORM)
		form_scan(&n->forms, p, len, on_value, c);
	else if (!json_scan(&n->json, p, len, on_value, c))
		n->form[c->which] = NAMES_NOTHING;
}

void names_content(struct names *n, int which, const uint8_t *p, size_t len)
{
	struct call c = {n, which};

	if (which && n->reading == 0) { /* one scanner for both: they follow each other */
		n->form[0] = NAMES_NOTHING;
		memset(&n->json, 0, offsetof(struct json_scan, path));
		n->line = 0;
	}
	n->reading |= which != 0;
	if (which < n->reading || !n->form[which])
		return;
	if (len > n->left[which])
		len = n->left[which];
	if (n->form[which] != NAMES_EVENTS)
		n->left[which] -= (uint32_t)len;
	scan(n, &c, p, len);
	if (!n->left[which])
		names_gap(n, which);
}

void names_gap(struct names *n, int which)
{
	if (!n->form[which])
		return;
	for EACH(n, i) {
		n->calling = namings[i];
		if (namings[i]->gap)
			namings[i]->gap(n, which);
	}
	if (n->form[which] != NAMES_EVENTS || which < n->reading || !n->left[which]) {
		n->form[which] = NAMES_NOTHING;
		return;
	}
	n->line = LINE_UNKNOWN; /* the next line is one again */
	n->json.state = UINT8_MAX; /* but of this event no more is understood */
}

void names_trailers(struct names *n, struct str json)
{
	struct json_scan *s = &n->json;
	struct call c = {n, 1};

	memset(s, 0, offsetof(struct json_scan, path));
	(void)json_scan(s, (const uint8_t *)json.p, json.n, on_value, &c);
}

int names_wants(const struct names *n, int which)
{
	return n->form[which] && (n->wanted || n->row);
}

/* ---- what is told */

static struct names_value *value_of(const struct names *n, const struct attr_def *def,
				    const struct naming *row)
{
	for (unsigned i = 0; i < n->nvalues; i++)
		if (n->value[i].def == def && n->value[i].row == row)
			return (struct names_value *)&n->value[i];
	return NULL;
}

static struct names_value *make_value(struct names *n, const struct attr_def *def,
				      const struct naming *row)
{
	struct names_value *v = value_of(n, def, row);

	if (v || n->nvalues == NAMES_MAX)
		return v;
	v = &n->value[n->nvalues++];
	*v = (struct names_value){.def = def, .row = row};
	return v;
}

/* One that is no longer than what it was before takes no more room. */
static void set_text(struct names *n, struct names_value *v, struct str s)
{
	if (s.n > v->room) {
		v->len = 0;
		if (s.n > NAMES_TEXT_MAX - n->ntext)
			return;
		v->off = n->ntext;
		v->room = (uint32_t)s.n;
		n->ntext += (uint32_t)s.n;
	}
	memcpy(n->text + v->off, s.p, s.n);
	v->len = (uint32_t)s.n;
}

void names_text(struct names *n, const struct attr_def *def, struct str s)
{
	struct names_value *v = s.n ? make_value(n, def, n->calling) : NULL;

	if (v)
		set_text(n, v, s);
}

void names_word(struct names *n, const struct attr_def *def, const char *s)
{
	names_text(n, def, (struct str){s, strlen(s)});
}

void names_number(struct names *n, const struct attr_def *def, uint64_t number)
{
	struct names_value *v = number == UINT64_MAX ? NULL : make_value(n, def, n->calling);

	if (!v)
		return;
	v->n = number;
	v->len = 1;
}

void names_drop(struct names *n, const struct attr_def *def)
{
	struct names_value *v = value_of(n, def, n->calling);

	if (v)
		v->len = 0;
}

static struct str text_of(const struct names *n, const struct names_value *v)
{
	return v && v->len ? (struct str){n->text + v->off, v->len} : (struct str){NULL, 0};
}

struct str names_get(const struct names *n, const struct attr_def *def)
{
	const struct names_value *v = value_of(n, def, n->row ? n->row : n->calling);

	return text_of(n, v);
}

void names_hold(struct names *n, const struct attr_def *def, struct str s)
{
	struct names_value *v = s.n ? make_value(n, def, NULL) : NULL;

	if (v)
		set_text(n, v, s);
}

struct str names_held(const struct names *n, const struct attr_def *def)
{
	return text_of(n, value_of(n, def, NULL));
}

void names_let_go(struct names *n)
{
	for (unsigned i = 0; i < n->nvalues; i++)
		if (!n->value[i].row)
			n->value[i].len = 0;
}

void names_agree(struct names *n, const struct attr_def *def, struct str s)
{
	const struct names_value *v = value_of(n, def, n->calling);

	if (!s.n)
		return;
	if (!v)
		names_text(n, def, s);
	else if (v->len != s.n || memcmp(n->text + v->off, s.p, s.n))
		names_drop(n, def);
}

struct str names_string(const struct json_value *v)
{
	return v->type == JSON_STRING && !v->cut ? v->text : (struct str){NULL, 0};
}

void names_claim(struct names *n)
{
	n->row = n->calling;
	for (unsigned i = 0; i < nnamings; i++)
		if (namings[i] == n->row)
			n->may_be = 1u << i;
}

void names_disclaim(struct names *n)
{
	for (unsigned i = 0; i < nnamings; i++)
		if (namings[i] == n->calling)
			n->may_be &= ~(1u << i);
	if (!n->may_be)
		n->form[0] = n->form[1] = NAMES_NOTHING;
}

void names_read(struct names *n, int which, enum names_form form, uint32_t limit, int wanted)
{
	n->form[which] = (uint8_t)form;
	if (n->left[which] < limit)
		n->left[which] = limit;
	n->wanted |= (uint8_t)wanted;
}

int names_attr(const struct names *n, unsigned i, struct attr *a)
{
	for (unsigned k = 0; n->row && k < n->nvalues; k++) {
		const struct names_value *v = &n->value[k];

		if (v->row != n->row || !v->len || i--)
			continue;
		*a = (struct attr){.def = v->def};
		if (v->def->type == ATTR_STRING)
			a->s = (struct str){n->text + v->off, v->len};
		else
			a->n = v->n;
		return 1;
	}
	return 0;
}

size_t names_group(const struct names *n, char *out, size_t cap)
{
	size_t len = 0;

	for (unsigned i = 0; n->row && i < 3 && n->row->group[i]; i++) {
		struct str s = names_get(n, n->row->group[i]);

		if (!s.n || len + s.n + 1 > cap)
			continue;
		if (len)
			out[len++] = ' ';
		memcpy(out + len, s.p, s.n);
		len += s.n;
	}
	return len;
}
