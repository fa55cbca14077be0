/*
 * json.c - one flat object per line, for jq and its like
 *
 * Keys come in the order of the table in the manual; what is not known is absent; a number is
 * never a string. Strings follow json_writer.h, so a line is valid UTF-8 whatever was on the wire.
 */
#include <stdlib.h>

#include "parsers/tls/tls_names.h"
#include "sinks/json_fields.h"
#include "sinks/json_writer.h"
#include "sinks/sink.h"

struct json_sink {
	struct sink sink;
	struct json json;
	struct fmt_clock clock;
	struct sink_options opt;
	struct json_fields *fields; /* NULL: no header fields wanted */
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

static void put_time(struct json_sink *k, const char *type, size_t type_len, uint64_t time_ns)
{
	struct out *o = k->json.out;
	char *p = out_reserve(o, FMT_TIME_MAX + 64);

	p = FMT_LIT(p, "{\"time\":\"");
	p = fmt_time(p, &k->clock, time_ns);
	p = FMT_LIT(p, "\",\"type\":\"");
	p = (char *)memcpy(p, type, type_len) + type_len;
	*p++ = '"';
	out_commit(o, p);
	k->json.more = 1;
}

/* A part of the request-target, without its secrets. */
static void put_target(struct json_sink *k, struct str s, int query)
{
	if (k->opt.redact)
		json_redacted(&k->json, s, query);
	else
		json_string(&k->json, s.p, s.n);
}

static void put_rpc(struct json *j, const struct span *s)
{
	if (s->has_grpc_status)
		json_u64(j, "grpc_status", s->grpc_status);
	opt_str(j, "grpc_message", s->grpc_message);
	opt_str(j, "rpc_service", s->rpc_service);
	opt_str(j, "rpc_method", s->rpc_method);
	if (s->close_code)
		json_u64(j, "close_code", (uint64_t)s->close_code);
}

static void put_tls(struct json *j, const struct span *s)
{
	const char *version = tls_version_name((unsigned)s->tls_version);
	char buf[8];

	json_key(j, "tls");
	if (s->tls)
		json_string(j, s->tls, strlen(s->tls));
	else
		out_commit(j->out, FMT_LIT(out_reserve(j->out, 8), "false"));
	opt_cstr(j, "tls_version", version);
	if (s->tls_cipher)
		json_cstr(j, "tls_cipher", tls_cipher_name(s->tls_cipher, buf));
	opt_str(j, "tls_sni", s->tls_sni);
	opt_str(j, "tls_alpn", s->tls_alpn);
	if (s->tls_alert_from && s->tls_alert >= 0)
		json_cstr(j, "tls_alert", tls_alert_name((unsigned)s->tls_alert, buf));
	opt_cstr(j, "tls_alert_from", s->tls_alert_from);
}

static void put_request(struct json_sink *k, const struct span *s)
{
	struct json *j = &k->json;
	const char *error = span_error_name(s->error);

	json_cstr(j, "protocol", s->protocol->name);
	put_tls(j, s);
	opt_str(j, "method", s->method);
	opt_str(j, "scheme", s->scheme);
	opt_str(j, "host", s->host);
	if (s->path.p) {
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
	put_rpc(j, s);
	opt_cstr(j, "error", error);
	if (s->has_error_code)
		json_u64(j, "error_code", s->error_code);
}

static void put_figures(struct json *j, const struct span *s)
{
	opt_u64(j, "duration_ns", s->duration_ns);
	opt_u64(j, "inner_ns", s->inner_ns);
	opt_u64(j, "ttfb_ns", s->ttfb_ns);
	opt_u64(j, "queue_ns", s->queue_ns);
	opt_u64(j, "connect_ns", s->connect_ns);
	opt_u64(j, "handshake_ns", s->handshake_ns);
	if (s->stall_ns)
		json_u64(j, "stall_ns", s->stall_ns);
	if (s->grpc_timeout_ns)
		json_u64(j, "grpc_timeout_ns", s->grpc_timeout_ns);
	opt_u64(j, "req_bytes", s->req_bytes);
	opt_u64(j, "resp_bytes", s->resp_bytes);
	opt_u64(j, "req_body_bytes", s->req_body_bytes);
	opt_u64(j, "resp_body_bytes", s->resp_body_bytes);
	if (!s->has_messages)
		return;
	opt_u64(j, "req_messages", s->req_messages);
	opt_u64(j, "resp_messages", s->resp_messages);
	opt_u64(j, "req_message_bytes", s->req_message_bytes);
	opt_u64(j, "resp_message_bytes", s->resp_message_bytes);
	opt_u64(j, "pings", s->pings);
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

static void put_addr(struct json *j, const uint8_t addr[16])
{
	char *p = out_reserve(j->out, FMT_ADDR_MAX + 2);

	*p++ = '"';
	p = fmt_addr(p, addr);
	*p++ = '"';
	out_commit(j->out, p);
}

static void put_whereabouts(struct json *j, const struct span *s)
{
	if (s->has_addr) {
		json_key(j, "client_addr");
		put_addr(j, s->client_addr);
		json_u64(j, "client_port", s->client_port);
		json_key(j, "server_addr");
		put_addr(j, s->server_addr);
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
	opt_cstr(j, "peer_service", s->peer_service);
	json_u64(j, "conn", s->conn);
	if (s->stream)
		json_u64(j, "stream", s->stream);
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

	put_time(k, "span", 4, s->time_ns);
	json_cstr(j, "kind", s->kind == SPAN_CLIENT ? "client" : "server");
	put_request(k, s);
	put_figures(j, s);
	put_content(k, s);
	put_whereabouts(j, s);
	put_links(j, s);
	json_end_line(j);
}

static void json_note(struct sink *sink, const struct note *n)
{
	struct json_sink *k = (struct json_sink *)sink;
	struct json *j = &k->json;

	put_time(k, "note", 4, n->time_ns);
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
	if (!o->nheaders)
		return &k->sink;
	k->fields = json_fields_new(o->headers, o->nheaders, o->redact);
	if (!k->fields) {
		free(k);
		return NULL;
	}
	return &k->sink;
}
