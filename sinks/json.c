/*
 * json.c - one flat object per line, for jq and its like
 *
 * Keys come in the order of the table in the manual; what is not known is absent; a number is
 * never a string. Strings follow json_writer.h, so a line is valid UTF-8 whatever was on the wire.
 */
#include <stdlib.h>

#include "parsers/attrs.h"
#include "sinks/json_fields.h"
#include "sinks/json_quick.h"
#include "sinks/json_writer.h"
#include "sinks/sink.h"

struct json_sink {
	struct sink sink;
	struct json json;
	struct fmt_clock clock;
	struct sink_options opt;
	struct json_fields *fields; /* NULL: no header fields wanted */
	struct json_quick *quick;   /* NULL: lines may have more than it knows */
	/* how the last client's and the last server's were written; n 0: there was none */
	struct addr_text {
		uint8_t addr[16], n;
		char text[FMT_ADDR_MAX + 2];
	} client, server;
};

#define opt_str(j, lit, s)                \
	do {                              \
		if ((s).p)                \
			json_str(j, lit, s); \
	} while (0)
#define opt_cstr(j, lit, s)                \
	do {                               \
		if (s)                     \
			json_cstr(j, lit, s); \
	} while (0)
#define opt_u64(j, lit, v)                 \
	do {                               \
		if ((v) != SPAN_UNKNOWN)   \
			json_u64(j, lit, v); \
	} while (0)

/* A part of the request-target, without its secrets. */
static void put_target(struct json_sink *k, struct str s, int query)
{
	if (k->opt.redact)
		json_redacted(&k->json, s, query);
	else
		json_string(&k->json, s.p, s.n);
}

/* Not inlined: plain HTTP/1 has none. */
__attribute__((noinline)) static void put_attr(struct json_sink *k, const struct attr *a)
{
	struct json *j = &k->json;
	char buf[SPAN_TEXT_MAX];
	struct str word;

	if (a->def->flags & ATTR_SECRET && k->opt.redact)
		return;
	if (a->def->type == ATTR_WORD && !a->def->name(a->n, buf))
		return;
	json_key_n(j, a->def->key, strlen(a->def->key));
	if (a->def->type != ATTR_STRING && a->def->type != ATTR_WORD) {
		json_u64_value(j, a->n);
		return;
	}
	word = attr_text(a, buf);
	if (a->def->flags & ATTR_URI)
		put_target(k, word, 0);
	else
		json_string(j, word.p, word.n);
}

/* Those before `end` in the table, from number i on. Returns the number of the next one. */
static inline unsigned put_attrs(struct json_sink *k, const struct span *s, unsigned i,
				 unsigned end)
{
	for (; i < s->nattrs && s->attr[i].def < attr_defs + end; i++)
		put_attr(k, &s->attr[i]);
	return i;
}

static unsigned put_tls(struct json_sink *k, const struct span *s)
{
	struct json *j = &k->json;

	json_key(j, "tls");
	if (s->tls)
		json_string(j, s->tls, strlen(s->tls));
	else
		out_commit(j->out, FMT_LIT(out_reserve(j->out, 8), "false"));
	return put_attrs(k, s, 0, ATTRS_TLS_END);
}

static unsigned put_request(struct json_sink *k, const struct span *s)
{
	struct json *j = &k->json;
	const char *error = span_error_name(s->error);
	unsigned at;

	json_cstr(j, "protocol", s->protocol->name);
	at = put_tls(k, s);
	if (!s->protocol->operation)
		opt_str(j, "method", s->method);
	opt_str(j, "scheme", s->scheme);
	opt_str(j, "host", s->host);
	if (s->path.p && !s->protocol->target) {
		json_key(j, "path");
		put_target(k, s->path, 0);
	}
	if (s->query.p) {
		json_key(j, "query");
		put_target(k, s->query, 1);
	}
	if (s->route.p) {
		json_key(j, "route");
		put_target(k, s->route, 0);
	}
	if (s->status)
		json_u64(j, "status", (uint64_t)s->status);
	at = put_attrs(k, s, at, ATTRS_OPERATION_END);
	opt_cstr(j, "error", error);
	return put_attrs(k, s, at, ATTRS_ERROR_END);
}

static void put_figures(struct json_sink *k, const struct span *s, unsigned at)
{
	struct json *j = &k->json;

	opt_u64(j, "duration_ns", s->duration_ns);
	opt_u64(j, "inner_ns", s->inner_ns);
	opt_u64(j, "ttfb_ns", s->ttfb_ns);
	opt_u64(j, "queue_ns", s->queue_ns);
	opt_u64(j, "connect_ns", s->connect_ns);
	at = put_attrs(k, s, at, ATTRS_TIMES_END);
	opt_u64(j, "req_bytes", s->req_bytes);
	opt_u64(j, "resp_bytes", s->resp_bytes);
	opt_u64(j, "req_body_bytes", s->req_body_bytes);
	opt_u64(j, "resp_body_bytes", s->resp_body_bytes);
	put_attrs(k, s, at, ATTRS_END);
}

static void put_content(struct json_sink *k, const struct span *s)
{
	struct json *j = &k->json;

	if (k->fields) {
		json_fields_put(k->fields, j, "req_headers", s->req_fields);
		json_fields_put(k->fields, j, "resp_headers", s->resp_fields);
	}
	if (k->opt.body) {
		opt_str(j, "req_body", s->req_body);
		opt_str(j, "resp_body", s->resp_body);
	}
}

static void put_addr(struct json *j, struct addr_text *last, const uint8_t addr[16])
{
	char *p = out_reserve(j->out, sizeof(last->text));

	if (!last->n || memcmp(last->addr, addr, 16)) {
		char *end = last->text;

		memcpy(last->addr, addr, 16);
		*end++ = '"';
		end = fmt_addr(end, addr);
		*end++ = '"';
		last->n = (uint8_t)(end - last->text);
	}
	memcpy(p, last->text, sizeof(last->text)); /* all that it may be: no call */
	out_commit(j->out, p + last->n);
}

static void put_whereabouts(struct json_sink *k, const struct span *s)
{
	struct json *j = &k->json;

	if (s->has_addr) {
		json_key(j, "client_addr");
		put_addr(j, &k->client, s->client_addr);
		json_u64(j, "client_port", s->client_port);
		json_key(j, "server_addr");
		put_addr(j, &k->server, s->server_addr);
		json_u64(j, "server_port", s->server_port);
	}
	if (s->pid)
		json_u64(j, "pid", s->pid);
	if (s->tid)
		json_u64(j, "tid", s->tid);
	opt_cstr(j, "comm", s->comm);
	opt_cstr(j, "service", s->service);
	opt_cstr(j, "runtime", s->runtime);
	opt_cstr(j, "container", s->container);
	opt_cstr(j, "container_name", s->container_name);
	opt_cstr(j, "resource", s->resource);
	opt_cstr(j, "peer_service", s->peer_service);
	json_u64(j, "conn", s->conn);
	if (s->stream_id)
		json_u64(j, "stream", s->stream_id);
	json_u64(j, "seq", s->seq);
}

static void put_id(struct json *j, const uint8_t *id, size_t n)
{
	char *p = out_reserve(j->out, 2 * n + 2);

	*p++ = '"';
	p = fmt_hex(p, id, n);
	*p++ = '"';
	out_commit(j->out, p);
}

static void put_links(struct json *j, const struct span *s)
{
	json_key(j, "trace_id");
	put_id(j, s->trace_id, TRACE_ID_LEN);
	json_key(j, "span_id");
	put_id(j, s->span_id, SPAN_ID_LEN);
	if (s->has_parent) {
		json_key(j, "parent_span_id");
		put_id(j, s->parent_id, SPAN_ID_LEN);
		opt_cstr(j, "link", s->link);
	}
	if (!s->incomplete)
		return;
	json_key(j, "incomplete");
	json_open(j, '[');
	for (unsigned bit = 0; bit < SPAN_INCOMPLETE_BITS; bit++) {
		const char *name = span_incomplete_name(bit);

		if (s->incomplete & 1u << bit) {
			json_comma(j);
			json_string(j, name, strlen(name));
		}
	}
	json_close(j, ']');
}

static void json_span(struct sink *sink, const struct span *s)
{
	struct json_sink *k = (struct json_sink *)sink;
	struct json *j = &k->json;

	if (k->quick && json_quick_span(k->quick, j->out, s, k->opt.redact))
		return;
	json_begin_line(j, &k->clock, s->time_ns, "span");
	json_cstr(j, "kind", s->kind == SPAN_CLIENT ? "client" : "server");
	put_figures(k, s, put_request(k, s));
	put_content(k, s);
	put_whereabouts(k, s);
	put_links(j, s);
	json_end_line(j);
}

static void json_note(struct sink *sink, const struct note *n)
{
	struct json_sink *k = (struct json_sink *)sink;
	struct json *j = &k->json;

	json_begin_line(j, &k->clock, n->time_ns, "note");
	json_cstr(j, "note", n->name);
	opt_cstr(j, "text", n->text);
	for (int i = 0; i < n->nfields; i++) {
		json_key_n(j, n->field[i].key, strlen(n->field[i].key));
		json_u64_value(j, n->field[i].value);
	}
	json_end_line(j);
}

static void json_finish(struct sink *sink, const struct sink_totals *t)
{
	const struct note end = {
		.name = "end",
		.time_ns = t->time_ns,
		.field = {
			{ "spans", t->spans },
			{ "events", t->events },
			{ "lost_events", t->lost_events },
			{ "uncaptured_bytes", t->uncaptured_bytes },
			{ "unparsed_bytes", t->unparsed_bytes },
		},
		.nfields = 5,
	};

	json_note(sink, &end);
}

static void json_free(struct sink *sink)
{
	struct json_sink *k = (struct json_sink *)sink;

	json_fields_free(k->fields);
	json_quick_free(k->quick);
	free(k);
}

struct sink *sink_json_new(const struct sink_options *o)
{
	static const struct sink_ops ops = {
		.span = json_span,
		.note = json_note,
		.finish = json_finish,
		.free = json_free,
	};
	struct json_sink *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->sink.ops = &ops;
	k->json.out = o->out;
	k->clock.rfc3339 = 1;
	k->opt = *o;
	if (!o->nheaders && !o->body)
		k->quick = json_quick_new();
	if (!o->nheaders)
		return &k->sink;
	k->fields = json_fields_new(o->headers, o->nheaders, o->redact);
	if (!k->fields) {
		free(k);
		return NULL;
	}
	return &k->sink;
}
