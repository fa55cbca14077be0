/*
 * exchange_h2.c - field sections of HTTP/2 into an exchange
 */
#include <string.h>

#include "core/exchange_h2.h"

#include "core/engine_impl.h"
#include "core/exchange_link.h"
#include "core/exchange_same.h"
#include "core/naming.h"
#include "parsers/redact.h"
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

/* May it have fields that are not here? */
static int is_cut(const struct http2_event *ev)
{
	return (ev->flags & (HTTP2_TRUNCATED | HTTP2_NOT_DECODED | HTTP2_FIELDS_DROPPED)) != 0;
}

static void note_doubts(struct exchange *x, const struct http2_event *ev)
{
	if (is_cut(ev))
		x->incomplete |= SPAN_TRUNCATED_HEAD;
	if (ev->flags & HTTP2_TRUNCATED)
		x->incomplete |= conn_missing(x->conn);
}

static void set_target(const struct engine *e, struct exchange *x, const struct http2_event *ev)
{
	x->host = exchange_host(e, x, ev->authority);
	if (ev->path.p) {
		exchange_set_path(x, ev->path);
	} else if (is(ev->method, "CONNECT") && ev->authority.p && !ev->protocol.p &&
		   !ev->path_key && !is_cut(ev)) {
		x->path = x->host;
	} else {
		x->path_key = ev->path_key;
		x->incomplete |= SPAN_PATH_NOT_SEEN;
	}
}

/* Its name may be in an entry from before we looked: then it is known by its value. */
static int is_content_type(const struct hpack_field *f)
{
	return f->value.p &&
	       (is(f->name, "content-type") || (!f->name.p && grpc_kind(f->value) != GRPC_NONE));
}

/* May the kind of content be in a field that was not seen, and be gRPC's? */
static int hides_content_type(const struct exchange *x, const struct http2_event *ev)
{
	int hidden = is_cut(ev);

	if (x->payload || ev->flags & HTTP2_END_STREAM || (ev->method.p && !is(ev->method, "POST")))
		return 0;
	for (size_t i = 0; i < ev->nfields; i++) {
		if (is_content_type(&ev->fields[i]))
			return 0;
		hidden |= !ev->fields[i].name.p;
	}
	return hidden;
}

static void set_grpc(struct exchange *x)
{
	x->protocol = &grpc_name;
	x->maybe_grpc = 0;
}

static void drop_guess(struct exchange *x)
{
	payload_free(x->payload);
	x->payload = NULL;
	x->maybe_grpc = 0;
}

/* Its response is not of gRPC; but of a call with another status than 200, it is a proxy's. */
static void drop_unless_refused(struct exchange *x)
{
	if (x->status != 200)
		x->incomplete |= SPAN_PROTOCOL_INFERRED;
	drop_guess(x);
}

static int hides_name(const struct http2_event *ev)
{
	for (size_t i = 0; i < ev->nfields; i++)
		if (!ev->fields[i].name.p)
			return 1;
	return 0;
}

/* Of the response: that settles what the request's was. */
static void learn_content_type(struct engine *e, struct exchange *x, const struct http2_event *ev)
{
	for (size_t i = 0; i < ev->nfields; i++) {
		const struct str type = ev->fields[i].value;

		if (!is_content_type(&ev->fields[i]))
			continue;
		if (x->maybe_grpc && grpc_kind(type) == GRPC_NATIVE)
			set_grpc(x);
		else if (x->maybe_grpc)
			drop_unless_refused(x);
		exchange_set_content_type(e, x, 1, type);
		return;
	}
	if (x->maybe_grpc && !is_cut(ev) && !hides_name(ev))
		drop_unless_refused(x); /* gRPC's has a type */
}

/* Is all that went one way whole messages of gRPC? */
static int is_whole(const struct payload_dir *d)
{
	return !d->unsound && !grpc_open(&d->grpc);
}

/* What has this form in both directions, and ends in trailers, is hardly anything else than gRPC.
 */
static void settle_guess(struct exchange *x)
{
	const struct payload *y = x->payload;
	int counted = !x->req_uncounted && !x->resp_uncounted;
	int whole = y && is_whole(&y->dir[0]) && is_whole(&y->dir[1]);
	int gapped = y && (y->dir[0].gapped || y->dir[1].gapped);
	int ended = x->resp_done && !x->aborted;
	/* answered before its end, the request may end anywhere */
	int cut = y && x->req_unsized && !y->dir[0].unsound && is_whole(&y->dir[1]);

	if (ended && x->trailers && counted && whole && y->dir[0].grpc.messages) {
		set_grpc(x);
		x->incomplete |= SPAN_PROTOCOL_INFERRED;
		return;
	}
	if (!ended || (x->trailers && (!counted || whole || gapped || cut)))
		x->incomplete |= SPAN_PROTOCOL_INFERRED; /* it may be all the same */
	drop_unless_refused(x);
	x->grpc_status = -1;
}

void exchange_h2_end(struct exchange *x)
{
	if (x->maybe_grpc)
		settle_guess(x);
	if (x->protocol != &grpc_name)
		return;
	if (x->infers_status)
		x->incomplete |= SPAN_PROTOCOL_INFERRED;
	else if (x->grpc_status < 0 && x->hides_status)
		x->incomplete |= SPAN_STATUS_NOT_SEEN;
}

/*
 * The octets of the head tell nothing: HPACK writes one head in many ways. A request of which a
 * field was not seen is not the same as another.
 */
static void link_head(const struct http2_event *ev, struct link_head *h)
{
	int whole = 1;

	exchange_link_target(ev->method, ev->path, h);
	h->request = h->target;
	for (size_t i = 0; i < ev->nfields; i++) {
		const struct hpack_field *f = &ev->fields[i];

		if (f->name.p && f->value.p)
			exchange_link_field(field_name_of(f->name.p, f->name.n), f->value, h);
		else
			whole = 0;
	}
	if (!whole)
		h->request = 0;
}

static void name_request(struct engine *e, struct exchange *x, const struct http2_event *ev)
{
	struct str type = {NULL, 0};
	int hint = 0;

	for (size_t i = 0; i < ev->nfields; i++) {
		const struct hpack_field *f = &ev->fields[i];

		if (f->value.p && is(f->name, "content-type"))
			type = f->value;
		hint |= f->name.n > 6 && f->name.p && !memcmp(f->name.p, "x-amz-", 6);
	}
	if (x->protocol == &http2_protocol.name && naming_may(x, type, hint))
		naming_request_h2(e, x, ev);
}

static void read_request(struct engine *e, struct exchange *x, const struct http2_event *ev)
{
	if (x->protocol != &grpc_name) /* as its response has told already */
		x->protocol = &http2_protocol.name;
	x->method = exchange_text(x, ev->method);
	x->scheme = exchange_text(x, ev->scheme);
	set_target(e, x, ev);
	if (!ev->method.p) /* in an entry from before we looked */
		x->incomplete |= SPAN_TRUNCATED_HEAD;
	note_doubts(x, ev);
	if (ev->flags & HTTP2_BLOCK_LONG)
		x->req_uncounted = 1;
	for (size_t i = 0; i < ev->nfields; i++) {
		const struct hpack_field *f = &ev->fields[i];

		if (!f->value.p)
			continue;
		if (is_content_type(f))
			exchange_set_content_type(e, x, 0, f->value);
		else if (is(f->name, "grpc-timeout"))
			x->grpc_timeout = grpc_timeout(f->value);
		else if (is(f->name, "traceparent") || (!f->name.p && is_traceparent(f->value)))
			exchange_set_traceparent(x, f->value);
		else if (is(f->name, "host") && x->host.off == TEXT_NONE)
			x->host = exchange_host(e, x, f->value);
	}
	if (is(ev->protocol, "websocket")) { /* no method but CONNECT has such a field */
		x->protocol = &websocket_name;
		exchange_count_messages(e, x, PAYLOAD_WEBSOCKET);
	} else if (!ev->protocol.p && !(ev->flags & HTTP2_END_STREAM) &&
		   (!ev->method.p || (is(ev->method, "CONNECT") && ev->path.p))) {
		x->incomplete |= SPAN_PROTOCOL_INFERRED; /* there may be one that was not seen */
	}
	if (hides_content_type(x, ev)) {
		x->maybe_grpc = 1;
		exchange_count_messages(e, x, PAYLOAD_GRPC);
	}
	if (e->opt.names && ev->type == HTTP2_EV_HEADERS)
		name_request(e, x, ev);
	x->req_fields = keep_fields(e, x, ev);
}

void exchange_h2_request(struct engine *e, struct exchange *x, const struct http2_event *ev)
{
	int fresh = !x->text.len; /* or its response was seen before it */
	struct link_head head;

	x->stream_id = ev->type == HTTP2_EV_PUSH_PROMISE ? ev->promised : ev->stream_id;
	if (!exchange_recall_head(e, x, ev->same, &head)) {
		read_request(e, x, ev);
		link_head(ev, &head);
		exchange_remember_head(x, fresh ? ev->same : 0, &head);
	} else if (x->protocol == &grpc_name) {
		exchange_count_messages(e, x, PAYLOAD_GRPC);
	}
	exchange_link(e, x, &head);
}

/*
 * Of a call whose fields' names lie in entries from before we looked: the one number among them
 * that can be a status. -1: there is none, or more than one.
 */
static int unnamed_status(const struct http2_event *ev)
{
	int status = -1, n = 0;

	for (size_t i = 0; i < ev->nfields; i++) {
		const struct hpack_field *f = &ev->fields[i];
		int v = !f->name.p && f->value.p ? grpc_status(f->value) : -1;

		if (v < 0 || !grpc_status_name(v))
			continue;
		status = v;
		n++;
	}
	return n == 1 ? status : -1;
}

static void pick_trailers(struct exchange *x, const struct http2_event *ev)
{
	char text[1024];
	int named = 0;

	x->trailers = (ev->flags & HTTP2_END_STREAM) != 0;
	/* of a response alone it is not known yet */
	if (!x->maybe_grpc && x->protocol != &grpc_name && !(x->incomplete & SPAN_REQUEST_NOT_SEEN))
		return;
	if (x->trailers)
		x->grpc_status = unnamed_status(ev);
	for (size_t i = 0; i < ev->nfields; i++) {
		const struct hpack_field *f = &ev->fields[i];

		x->hides_status |= !f->name.p;
		if (!f->value.p)
			continue;
		if (is(f->name, "grpc-status")) {
			if (x->maybe_grpc)
				set_grpc(x); /* nobody else has such a field */
			x->grpc_status = grpc_status(f->value);
			named = 1;
		} else if (is(f->name, "grpc-message")) {
			struct str s = {text, grpc_message(f->value, text, sizeof(text))};

			x->grpc_message = exchange_text(x, s);
		}
	}
	x->infers_status = !named && x->grpc_status >= 0;
}

void exchange_h2_response(struct engine *e, struct exchange *x, const struct http2_event *ev)
{
	x->status = (uint16_t)ev->status;
	if (!ev->status)
		x->incomplete |= SPAN_TRUNCATED_HEAD;
	note_doubts(x, ev);
	if (ev->flags & HTTP2_BLOCK_LONG)
		x->resp_uncounted = 1;
	learn_content_type(e, x, ev);
	if (x->naming)
		naming_response_h2(x, ev);
	x->resp_fields = keep_fields(e, x, ev);
	pick_trailers(x, ev);
}

void exchange_h2_trailers(struct exchange *x, int which, const struct http2_event *ev)
{
	note_doubts(x, ev);
	if (which)
		pick_trailers(x, ev);
}
