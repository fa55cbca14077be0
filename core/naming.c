#include "core/naming.h"

#include "core/engine_impl.h"
#include "parsers/http1/http1.h"
#include "parsers/names/names.h"
#include "parsers/str.h"

struct naming_state {
	size_t size;
	struct names names;
};

static struct str str_of(const struct exchange *x, struct text t)
{
	return t.off == TEXT_NONE ? (struct str){NULL, 0}
				  : (struct str){x->text.p + t.off, t.len};
}

/* ---- is it worth it */

/* JSON of any kind, Connect, and what the latter carries. */
static int is_type(struct str type)
{
	return type.n > 12 && nocase_equal(type.p, "application/", 12) &&
	       (names_contains(type, "json") || names_contains(type, "/connect+") ||
		names_contains(type, "/proto"));
}

/* A part of the path begins with an underscore. */
static int has_endpoint(struct str path)
{
	const char *end = path.p + path.n, *at = path.n ? memchr(path.p, '_', path.n) : NULL;

	while (at && (at == path.p || at[-1] != '/'))
		at = memchr(at + 1, '_', (size_t)(end - at - 1));
	return at != NULL;
}

#define QUERY_LEAST 9u /* bytes of a query that may tell: "query={a}" */

int naming_may(const struct exchange *x, struct str type, int hint)
{
	const struct str path = str_of(x, x->path), query = str_of(x, x->query);

	if (hint || (type.n && is_type(type)) || has_endpoint(path))
		return 1;
	if (query.n < QUERY_LEAST)
		return 0;
	return names_contains(path, "graphql") || names_contains(query, "X-Amz-Algorithm=") ||
	       names_contains(query, "connect=v1");
}

/* ---- heads */

static void head_of(const struct exchange *x, struct names_head *h)
{
	memset(h, 0, sizeof(*h));
	h->method = str_of(x, x->method);
	h->path = str_of(x, x->path);
	h->query = str_of(x, x->query);
	h->host = str_of(x, x->host);
	h->status = x->status;
}

static void take_lines(struct names_head *h, struct str fields)
{
	struct str name, value;
	size_t pos = 0;

	while (http1_field_next(fields, &pos, &name, &value))
		names_field(h, name, value);
}

static void take_list(struct names_head *h, const struct http2_event *ev)
{
	for (size_t i = 0; i < ev->nfields; i++)
		if (ev->fields[i].name.p && ev->fields[i].value.p)
			names_field(h, ev->fields[i].name, ev->fields[i].value);
}

static void begin(struct engine *e, struct exchange *x, struct names_head *h)
{
	struct naming_state *n;
	size_t size;

	if (e->pool.used > e->pool.limit / 4)
		return;
	n = pool_get(&e->pool, sizeof(*n), &size);
	if (!n)
		return;
	n->size = size;
	x->naming = n;
	if (!names_begin(&n->names, e->opt.names, h))
		naming_free(e, x);
}

void naming_request(struct engine *e, struct exchange *x, struct str fields)
{
	struct names_head h;

	head_of(x, &h);
	take_lines(&h, fields);
	begin(e, x, &h);
}

void naming_request_h2(struct engine *e, struct exchange *x, const struct http2_event *ev)
{
	struct names_head h;

	head_of(x, &h);
	take_list(&h, ev);
	begin(e, x, &h);
}

void naming_response(struct exchange *x, struct str fields)
{
	struct names_head h;

	if (names_over(&x->naming->names))
		return;
	head_of(x, &h);
	take_lines(&h, fields);
	names_response(&x->naming->names, &h);
}

void naming_response_h2(struct exchange *x, const struct http2_event *ev)
{
	struct names_head h;

	if (names_over(&x->naming->names))
		return;
	head_of(x, &h);
	take_list(&h, ev);
	names_response(&x->naming->names, &h);
}

void naming_free(struct engine *e, struct exchange *x)
{
	pool_put(&e->pool, x->naming, x->naming->size);
	x->naming = NULL;
}

/* ---- content */

void naming_content(struct exchange *x, int which, struct str data, uint64_t gap)
{
	if (gap)
		names_gap(&x->naming->names, which);
	else
		names_content(&x->naming->names, which, (const uint8_t *)data.p, data.n);
}

void naming_trailers(struct exchange *x, struct str json)
{
	if (x->naming)
		names_trailers(&x->naming->names, json);
}

int naming_wants(const struct exchange *x, int which)
{
	return names_wants(&x->naming->names, which);
}

/* ---- what is told */

int naming_failed(const struct exchange *x, enum span_kind kind)
{
	const struct names *n = &x->naming->names;

	return n->failed || (n->refused && kind == SPAN_CLIENT);
}

int naming_attr(const struct exchange *x, unsigned i, struct attr *a)
{
	return names_attr(&x->naming->names, i, a);
}

void naming_route(struct engine *e, const struct exchange *x, struct span *s)
{
	char *out = e->made_route;
	size_t cap = sizeof(e->made_route), n;

	if (!s->route.p || s->route.n + 2 > cap)
		return;
	n = names_group(&x->naming->names, out + s->route.n + 1, cap - s->route.n - 1);
	if (!n)
		return;
	memmove(out, s->route.p, s->route.n); /* it may lie there */
	out[s->route.n] = ' ';
	s->route = (struct str){out, s->route.n + 1 + n};
}
