#include "core/red_field.h"

#include <string.h>
#include <strings.h>

#include "parsers/attrs.h"
#include "parsers/redact.h"

#define HEADER "header."
#define NAME "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

/* Of each request another one, or secret unless something else is asked for. */
static int is_of_each(const char *name)
{
	static const char *const names[] = {
		"path",	     "query",	 "trace_id",   "span_id", "parent_span_id", "time",
		"db_query",  "db_statement", "db_error", "grpc_message", "dns_answers",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcasecmp(name, names[i]))
			return 1;
	for (size_t i = 0; i < ATTRS_END; i++)
		if (attr_defs[i].flags & ATTR_SECRET && !strcasecmp(name, attr_defs[i].key))
			return 1;
	return 0;
}

static int makes_groups(enum field_type t)
{
	return t == FIELD_TEXT || t == FIELD_CHOICE || t == FIELD_TLS || t == FIELD_ADDRESS;
}

const char *red_field_set(struct red_field *f, const char *name)
{
	struct red_field new = { .header = NULL };
	size_t n = strlen(name);
	int field;

	if (!n || n >= RED_FIELD_NAME)
		return "there is no such field";
	memcpy(new.name, name, n + 1);
	if (!strncasecmp(name, HEADER, strlen(HEADER))) {
		struct str header = { new.name + strlen(HEADER), n - strlen(HEADER) };

		if (!header.n || strspn(header.p, NAME) < header.n)
			return "a header field is named behind header.";
		if (redact_is_secret_field(header) || redact_is_uri_field(header))
			return "its values may be secret";
		*f = new;
		f->header = f->name + strlen(HEADER);
		return NULL;
	}
	field = field_find(name, n);
	if (field < 0)
		return "there is no such field";
	if (is_of_each(name) || !makes_groups(span_fields()[field].type))
		return "its values make no groups";
	*f = new;
	f->field = (unsigned)field;
	return NULL;
}

int red_field_value(const struct red_field *f, const struct span *s, char buf[SPAN_TEXT_MAX],
		    struct str *value)
{
	if (f->header)
		return span_header(s, f->header, value);
	return field_text(f->field, s, buf, value);
}
