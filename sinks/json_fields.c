#include "sinks/json_fields.h"

#include <stdlib.h>
#include <strings.h>

#include "parsers/redact.h"
#include "parsers/http1/http1.h"
#include "sinks/safe.h"

struct field {
	struct str name, value;
	uint32_t hash;
	int next; /* with the same name: index, or -1 */
	int last; /* in the first of a name: the last of that name; in others -1 */
};

struct json_fields {
	const char *const *names;
	unsigned nnames;
	int all, redact;
	int count;
	uint64_t omitted;
	struct field field[JSON_FIELDS_MAX];
};

struct json_fields *json_fields_new(const char *const *names, unsigned n, int redact)
{
	struct json_fields *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->names = names;
	f->nnames = n;
	f->redact = redact;
	for (unsigned i = 0; i < n; i++)
		f->all |= !strcmp(names[i], "*");
	return f;
}

void json_fields_free(struct json_fields *f)
{
	free(f);
}

static int same_name(struct str a, struct str b)
{
	return a.n == b.n && !strncasecmp(a.p, b.p, a.n);
}

static int wanted(const struct json_fields *f, struct str name)
{
	for (unsigned i = 0; !f->all && i < f->nnames; i++) {
		if (same_name(name, (struct str){ f->names[i], strlen(f->names[i]) }))
			return 1;
	}
	return f->all;
}

static uint32_t hash_name(struct str name)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ ((unsigned char)name.p[i] | 0x20u)) * 16777619u;
	return h;
}

/* Appends, and links with an earlier field of that name. */
static void collect(struct json_fields *f, struct str name, struct str value)
{
	struct field *new = &f->field[f->count];

	*new = (struct field){ name, value, hash_name(name), -1, f->count };
	for (int i = 0; i < f->count; i++) {
		struct field *first = &f->field[i];

		if (first->last < 0 || first->hash != new->hash || !same_name(first->name, name))
			continue;
		f->field[first->last].next = f->count;
		first->last = f->count;
		new->last = -1;
		break;
	}
	f->count++;
}

void json_redacted(struct json *j, struct str s, int query)
{
	struct redact_pieces r;
	struct str piece;

	if (!may_hold_secret(s.p, s.n)) {
		json_string(j, s.p, s.n);
		return;
	}
	if (query)
		redact_pieces_query(&r, s);
	else
		redact_pieces_uri(&r, s);
	json_quote(j);
	while (redact_next(&r, &piece))
		json_piece(j, piece.p, piece.n);
	json_quote(j);
}

static void put_value(const struct json_fields *f, struct json *j, const struct field *field)
{
	if (f->redact && redact_is_secret_field(field->name))
		json_string(j, REDACTED, sizeof(REDACTED) - 1);
	else if (f->redact && redact_is_uri_field(field->name))
		json_redacted(j, field->value, 0);
	else
		json_string(j, field->value.p, field->value.n);
}

static void put_name(struct json *j, struct str name)
{
	char lower[128];

	json_comma(j);
	json_quote(j);
	while (name.n) {
		size_t n = name.n < sizeof(lower) ? name.n : sizeof(lower);

		for (size_t i = 0; i < n; i++)
			lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] | 0x20 :
										 name.p[i]);
		json_piece(j, lower, n);
		name.p += n;
		name.n -= n;
	}
	json_quote(j);
	out_char(j->out, ':');
}

static void put_field(const struct json_fields *f, struct json *j, const struct field *field)
{
	put_name(j, field->name);
	if (field->next < 0) {
		put_value(f, j, field);
		return;
	}
	json_open(j, '[');
	for (int i = (int)(field - f->field); i >= 0; i = f->field[i].next) {
		json_comma(j);
		put_value(f, j, &f->field[i]);
	}
	json_close(j, ']');
}

void json_fields_put(struct json_fields *f, struct json *j, const char *key, struct str lines)
{
	struct str name, value;
	size_t pos = 0;

	f->count = 0;
	f->omitted = 0;
	while (lines.p && http1_field_next(lines, &pos, &name, &value)) {
		if (!wanted(f, name))
			continue;
		if (f->count < JSON_FIELDS_MAX)
			collect(f, name, value);
		else
			f->omitted++;
	}
	if (!f->count)
		return;
	json_key_n(j, key, strlen(key));
	json_open(j, '{');
	for (int i = 0; i < f->count; i++) {
		if (f->field[i].last >= 0)
			put_field(f, j, &f->field[i]);
	}
	if (f->omitted)
		json_u64(j, "", f->omitted);
	json_close(j, '}');
}
