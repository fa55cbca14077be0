/*
 * exchange_h2.c - field sections of HTTP/2 into an exchange
 */
#include <string.h>

#include "core/engine_impl.h"
#include "core/exchange_link.h"
#include "core/redact.h"
#include "parsers/http2/http2_protocol.h"

static int is(struct str s, const char *lower)
{
	size_t n = strlen(lower);

	return s.p && s.n == n && !memcmp(s.p, lower, n);
}

/* A field whose name is in an entry from before we looked, but whose value is of no other. */
static int is_traceparent(struct str value)
{
	struct traceparent t;

	return value.n == TRACEPARENT_LEN && id_parse_traceparent(value, &t);
}

/* Field lines as HTTP/1 has them, for http1_field_next(). */
static struct text keep_fields(const struct engine *e, struct exchange *x,
			       const struct http2_event *ev)
{
	struct text all = {TEXT_NONE, 0};

	for (size_t i = 0; e->opt.keep_fields && i < ev->nfields; i++) {
		const struct hpack_field *f = &ev->fields[i];
		struct str value = f->value;
		const struct str part[] = {f->name, {": ", 2}, value, {"\r\n", 2}};
		uint32_t from = x->text.len;

		if (!f->name.p || !f->name.n || f->name.p[0] == ':' || !value.p)
			continue;
		if (all.len + f->name.n + value.n + 4 > EXCHANGE_MAX_FIELDS) {
			x->incomplete |= SPAN_TRUNCATED_HEAD;
			break;
		}
		for (size_t k = 0; k < 4; k++) {
			int secret = k == 2 && e->opt.redact && f->flags & HPACK_NEVER_INDEXED;

			if (exchange_text(x, secret ? (struct str){REDACTED, sizeof(REDACTED) - 1}
						    : part[k])
				    .off == TEXT_NONE) {
				x->text.len = from;
				return all;
			}
		}
		if (all.off == TEXT_NONE)
			all.off = from;
		all.len = x->text.len - all.off;
	}
	return all;
}

static void note_doubts(struct exchange *x, const struct http2_event *ev)
{
	if (ev->flags & (HTTP2_TRUNCATED | HTTP2_NOT_DECODED | HTTP2_FIELDS_DROPPED))
		x->incomplete |= SPAN_TRUNCATED_HEAD;
	if (ev->flags & HTTP2_TRUNCATED)
		x->incomplete |= conn_missing(x->conn);
}

static void set_target(const struct engine *e, struct exchange *x, const struct http2_event *ev)
{
	x->host = exchange_host(e, x, ev->authority);
	if (ev->path.p) {
		exchange_set_path(x, ev->path);
	} else if (is(ev->method, "CONNECT") && !ev->protocol.p && !ev->path_key) {
		x->path = x->host;
	} else {
		x->path_key = ev->path_key;
		x->incomplete |= SPAN_PATH_NOT_SEEN;
	}
}

void exchange_h2_request(struct engine *e, struct exchange *x, const struct http2_event *ev)
{
	x->protocol = &http2_protocol.name;
	x->stream = ev->type == HTTP2_EV_PUSH_PROMISE ? ev->promised : ev->stream;
	x->method = exchange_text(x, ev->method);
	x->scheme = exchange_text(x, ev->scheme);
	set_target(e, x, ev);
	if (!ev->method.p) /* in an entry from before we looked */
		x->incomplete |= SPAN_TRUNCATED_HEAD;
	note_doubts(x, ev);
	for (size_t i = 0; i < ev->nfields; i++) {
		const struct hpack_field *f = &ev->fields[i];

		if (!f->value.p)
			continue;
		if (is(f->name, "content-type"))
			exchange_set_content_type(e, x, 0, f->value);
		else if (is(f->name, "grpc-timeout"))
			x->grpc_timeout = grpc_timeout(f->value);
		else if (is(f->name, "traceparent") || (!f->name.p && is_traceparent(f->value)))
			exchange_set_traceparent(x, f->value);
		else if (is(f->name, "host") && x->host.off == TEXT_NONE)
			x->host = exchange_host(e, x, f->value);
	}
	if (is(ev->method, "CONNECT") && is(ev->protocol, "websocket")) {
		x->protocol = &websocket_name;
		exchange_count_messages(e, x, PAYLOAD_WEBSOCKET);
	}
	x->req_fields = keep_fields(e, x, ev);
	exchange_link_h2(e, x, ev);
}

static void pick_trailers(struct exchange *x, const struct http2_event *ev)
{
	char text[1024];

	if (x->protocol != &grpc_name)
		return;
	for (size_t i = 0; i < ev->nfields; i++) {
		const struct hpack_field *f = &ev->fields[i];

		if (!f->value.p)
			continue;
		if (is(f->name, "grpc-status")) {
			x->grpc_status = grpc_status(f->value);
		} else if (is(f->name, "grpc-message")) {
			struct str s = {text, grpc_message(f->value, text, sizeof(text))};

			x->grpc_message = exchange_text(x, s);
		}
	}
}

void exchange_h2_response(struct engine *e, struct exchange *x, const struct http2_event *ev)
{
	x->status = (uint16_t)ev->status;
	if (!ev->status)
		x->incomplete |= SPAN_TRUNCATED_HEAD;
	note_doubts(x, ev);
	for (size_t i = 0; i < ev->nfields; i++)
		if (is(ev->fields[i].name, "content-type") && ev->fields[i].value.p)
			exchange_set_content_type(e, x, 1, ev->fields[i].value);
	x->resp_fields = keep_fields(e, x, ev);
	pick_trailers(x, ev);
}

void exchange_h2_trailers(struct exchange *x, int which, const struct http2_event *ev)
{
	note_doubts(x, ev);
	if (which)
		pick_trailers(x, ev);
}
