/* names_value.c - what rows use: words, heads, and the values that they tell */
#include "parsers/names/names.h"
#include "parsers/str.h"

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

/* Texts are short: memmem(3) would first make a table. */
int names_contains(struct str s, const char *word)
{
	size_t n = strlen(word);

	while (s.n >= n) {
		const char *at = memchr(s.p, *word, s.n - n + 1);

		if (!at)
			return 0;
		if (!memcmp(at, word, n))
			return 1;
		s = (struct str){at + 1, s.n - (size_t)(at + 1 - s.p)};
	}
	return 0;
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

/* ---- values */

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

int names_is_foreign(const struct json_value *v, const char *const *members)
{
	if (!v->path.n || memchr(v->path.p, '.', v->path.n) || memchr(v->path.p, '[', v->path.n))
		return 0;
	for (; *members; members++)
		if (json_at(v, *members))
			return 0;
	return 1;
}

void names_claim(struct names *n)
{
	n->row = n->calling;
}

void names_disclaim(struct names *n)
{
	n->may_be &= ~n->bit;
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
