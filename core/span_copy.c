#include "core/span_copy.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/span_field.h"

#define SHORT_MAX 2048u
#define LONGER_MAX 16384u

/* The strings that are no field. */
static const size_t longs[] = {
	offsetof(struct span, req_fields), offsetof(struct span, resp_fields),
	offsetof(struct span, req_body), offsetof(struct span, resp_body),
};
#define NLONGS (sizeof(longs) / sizeof(*longs))

static void *member(struct span *s, size_t offset)
{
	return (char *)s + offset;
}

static const struct str *long_str(const struct span *s, unsigned i)
{
	return (const void *)((const char *)s + longs[i]);
}

size_t span_copy_size(const struct span *s)
{
	size_t n = sizeof(*s) + s->nattrs * sizeof(*s->attr), offset;
	int is_cstr;

	for (unsigned i = 0; field_string(i, &offset, &is_cstr); i++) {
		const void *p = (const char *)s + offset;

		if (!is_cstr)
			n += ((const struct str *)p)->n;
		else if (*(const char *const *)p)
			n += strlen(*(const char *const *)p) + 1;
	}
	for (unsigned i = 0; i < s->nattrs; i++)
		n += s->attr[i].def->type == ATTR_STRING ? s->attr[i].s.n : 0;
	for (unsigned i = 0; i < NLONGS; i++)
		n += long_str(s, i)->n;
	return n;
}

/* Where strings go, and how much of each. */
struct room {
	char *p;
	size_t left, limit;
};

static void copy_str(struct room *r, struct str *s)
{
	if (!s->p)
		return;
	if (s->n > r->limit)
		s->n = r->limit;
	if (s->n > r->left)
		s->n = r->left;
	memcpy(r->p, s->p, s->n);
	s->p = r->p;
	r->p += s->n;
	r->left -= s->n;
}

static void copy_cstr(struct room *r, const char **s)
{
	struct str t = { *s, *s ? strlen(*s) : 0 };

	if (!t.p)
		return;
	if (!r->left) {
		*s = NULL;
		return;
	}
	r->left--; /* for its end */
	copy_str(r, &t);
	*r->p++ = '\0';
	*s = t.p;
}

static void copy_attrs(struct room *r, struct span *to, const struct span *s)
{
	struct attr *attr = (struct attr *)(void *)r->p;
	size_t n = s->nattrs * sizeof(*attr);

	if (!n)
		return;
	memcpy(attr, s->attr, n);
	to->attr = attr;
	r->p += n;
	r->left -= n;
	for (unsigned i = 0; i < s->nattrs; i++)
		if (attr[i].def->type == ATTR_STRING)
			copy_str(r, &attr[i].s);
}

size_t span_copy(void *p, size_t cap, const struct span *s)
{
	int whole = span_copy_size(s) <= cap, is_cstr;
	struct room r = { (char *)p + sizeof(*s), cap - sizeof(*s), whole ? SIZE_MAX : SHORT_MAX };
	struct span *to = p;
	size_t offset;

	*to = *s;
	if (!whole)
		to->alike = to->names = 0;
	copy_attrs(&r, to, s);
	for (unsigned i = 0; field_string(i, &offset, &is_cstr); i++) {
		if (is_cstr)
			copy_cstr(&r, member(to, offset));
		else
			copy_str(&r, member(to, offset));
	}
	r.limit = whole ? SIZE_MAX : LONGER_MAX;
	for (unsigned i = 0; i < NLONGS; i++)
		copy_str(&r, member(to, longs[i]));
	return (size_t)(r.p - (char *)p);
}

struct span *span_dup(const struct span *s)
{
	size_t n = span_copy_size(s);
	struct span *to = malloc(n);

	if (to)
		span_copy(to, n, s);
	return to;
}
