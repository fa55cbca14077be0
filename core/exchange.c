#include "core/clear.h"
#include "core/engine_impl.h"
#include "core/exchange_link.h"
#include "core/exchange_same.h"
#include "core/naming.h"
#include "parsers/redact.h"
#include "core/source.h"
#include "parsers/http1/http1.h"
#include "parsers/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_MAX 4096u	       /* exchanges in the free list */

static const struct text no_text = {TEXT_NONE, 0};

/* ---- memory */

struct exchange *exchange_new(struct engine *e, struct conn *c)
{
	struct exchange *x = e->idle;

	if (x) {
		e->idle = x->next;
		e->nidle--;
		clear_words(x, offsetof(struct exchange, method));
	} else {
		x = calloc(1, sizeof(*x));
		if (!x)
			return NULL;
	}
	x->conn = c;
	x->seq = c->nexchanges++;
	x->req_first = x->io_time = x->resp_first = x->resp_last = x->end = SPAN_UNKNOWN;
	x->method = x->scheme = x->host = x->path = x->query = no_text;
	x->req_fields = x->resp_fields = x->grpc_message = x->settings = x->group = no_text;
	x->error_code = x->grpc_status = -1;
	x->grpc_timeout = SPAN_UNKNOWN;
	return x;
}

void exchange_free(struct exchange *x)
{
	free(x->text.p);
	free(x->body[0].p);
	free(x->body[1].p);
	free(x->attr);
	free(x);
}

void exchange_put(struct engine *e, struct exchange *x)
{
	list_unlink(&x->timer);
	exchange_unlink(e, x);
	payload_free(x->payload);
	x->payload = NULL;
	if (x->naming)
		naming_free(e, x);
	if (e->nidle >= IDLE_MAX) {
		exchange_free(x);
		return;
	}
	block_recycle(&x->text);
	block_recycle(&x->body[0]);
	block_recycle(&x->body[1]);
	x->next = e->idle;
	e->idle = x;
	e->nidle++;
}

/* ---- content that is messages */

static int name_is(struct str name, const char *lower, size_t n)
{
	return name.n == n && nocase_equal(name.p, lower, n);
}

/* A field of gRPC's trailers, wherever they stand. */
static void grpc_trailer(struct exchange *x, struct str name, struct str value)
{
	char text[1024];

	if (name_is(name, "grpc-status", 11)) {
		x->grpc_status = grpc_status(value);
	} else if (name_is(name, "grpc-message", 12)) {
		struct str s = {text, grpc_message(value, text, sizeof(text))};

		x->grpc_message = exchange_text(x, s);
	}
}

static void web_trailers(void *ctx, struct str lines)
{
	struct str name, value;
	size_t pos = 0;

	if (((struct exchange *)ctx)->protocol != &grpc_name)
		naming_trailers(ctx, lines);
	else
		while (grpc_trailer_next(lines, &pos, &name, &value))
			grpc_trailer(ctx, name, value);
}

void exchange_count_messages(struct engine *e, struct exchange *x, enum payload_kind kind)
{
	if (!x->payload)
		x->payload = payload_new(&e->pool, kind, web_trailers, x);
}

void exchange_set_content_type(struct engine *e, struct exchange *x, int which, struct str type)
{
	static const enum payload_kind kinds[] = {
		[GRPC_NATIVE] = PAYLOAD_GRPC,
		[GRPC_WEB] = PAYLOAD_GRPC_WEB,
		[GRPC_WEB_TEXT] = PAYLOAD_GRPC_WEB_TEXT,
	};
	enum grpc_kind kind = grpc_kind(type);

	if (kind == GRPC_CONNECT && !which) {
		exchange_count_messages(e, x, PAYLOAD_CONNECT);
	} else if (kind == GRPC_CONNECT) {
		return;
	} else if (kind != GRPC_NONE) {
		x->protocol = &grpc_name;
		exchange_count_messages(e, x, kinds[kind]);
	} else if (which && x->protocol == &grpc_name && x->payload) {
		x->payload->dir[1].unsound = 1; /* an error page of a proxy */
	} else if (which && sse_is_type(type)) {
		exchange_count_messages(e, x, PAYLOAD_EVENTS);
	}
}

/* ---- heads */

struct text exchange_host(const struct engine *e, struct exchange *x, struct str authority)
{
	struct text t = {x->text.len, 0};

	if (!e->opt.redact || !authority.p || !memchr(authority.p, '@', authority.n))
		return exchange_text(x, authority);
	t.len = (uint32_t)redact_uri(authority, NULL, 0);
	if (!block_reserve(&x->text, t.len))
		return no_text;
	redact_uri(authority, x->text.p + t.off, t.len);
	x->text.len += t.len;
	return t;
}

void exchange_set_traceparent(struct exchange *x, struct str value)
{
	x->has_traceparent = id_parse_traceparent(value, &x->traceparent) != 0;
	if (x->traceparents < 2)
		x->traceparents++;
}

/* A field of a request, for what every span needs, and its place in a trace. */
static void take_field(struct engine *e, struct exchange *x, enum field_name name, struct str value,
		       struct link_head *head)
{
	switch (name) {
	case FIELD_HOST:
		if (x->host.off == TEXT_NONE)
			x->host = exchange_host(e, x, value);
		break;
	case FIELD_TRACEPARENT: exchange_set_traceparent(x, value); break;
	case FIELD_GRPC_TIMEOUT: x->grpc_timeout = grpc_timeout(value); break;
	case FIELD_HTTP2_SETTINGS: /* of a request to upgrade */
		x->settings = exchange_text(x, value);
		break;
	case FIELD_CONTENT_TYPE: exchange_set_content_type(e, x, 0, value); /* fall through */
	default: exchange_link_field(name, value, head); break;
	}
}

/* Those that the parser has noted, or else one pass over all lines. */
static void pick_fields(struct engine *e, struct exchange *x, const struct message *m,
			struct link_head *head)
{
	const struct field_notes *notes = m->notes;
	struct str name, value, type = {NULL, 0};
	size_t pos = 0;
	int hint = 0;

	for (unsigned i = 0; notes && i < notes->n; i++) {
		const struct field_note *f = &notes->at[i];

		value = (struct str){m->fields.p + f->off, f->len};
		take_field(e, x, f->name, value, head);
		if (f->name == FIELD_CONTENT_TYPE)
			type = value;
		hint |= f->name == FIELD_AMZ_DATE;
	}
	while (!notes && http1_field_next(m->fields, &pos, &name, &value)) {
		enum field_name known = field_name_of(name.p, name.n);

		take_field(e, x, known, value, head);
		if (known == FIELD_CONTENT_TYPE)
			type = value;
		hint |= known == FIELD_AMZ_DATE;
	}
	if (e->opt.names && naming_may(x, type, hint))
		naming_request(e, x, m->fields);
}

/* Only content whose length is not announced can be a stream of events, or end in trailers. */
static void pick_response_fields(struct engine *e, struct exchange *x, struct str fields)
{
	struct str name, value;
	size_t pos = 0;

	while (http1_field_next(fields, &pos, &name, &value)) {
		if (name.n == 12 && name_is(name, "content-type", 12))
			exchange_set_content_type(e, x, 1, value);
		else if (x->protocol == &grpc_name)
			grpc_trailer(x, name, value);
	}
}

static struct text slice(struct text t, size_t from, size_t to)
{
	return (struct text){t.off + (uint32_t)from, (uint32_t)(to - from)};
}

static void split_query(struct exchange *x, struct text t, const char *p)
{
	const char *mark = memchr(p, '?', t.len);
	size_t n = mark ? (size_t)(mark - p) : t.len;

	x->path = n ? slice(t, 0, n) : block_put(&x->text, "/", 1);
	if (mark)
		x->query = slice(t, n + 1, t.len);
}

void exchange_set_path(struct exchange *x, struct str target)
{
	struct text t = exchange_text(x, target);

	if (t.off == TEXT_NONE || !target.n)
		x->incomplete |= SPAN_PATH_NOT_SEEN;
	else
		split_query(x, t, target.p);
}

static void set_target(const struct engine *e, struct exchange *x, const struct message *m)
{
	if (m->scheme.p)
		x->scheme = exchange_text(x, m->scheme);
	if (m->host.p)
		x->host = exchange_host(e, x, m->host);
	if (m->target.p && m->target.p == m->host.p)
		x->path = x->host; /* CONNECT */
	else
		x->path = exchange_text(x, m->target);
	if (m->query.p)
		x->query = exchange_text(x, m->query);
	/* a protocol's own target may be absent; a path is not */
	if (x->path.off == TEXT_NONE && !x->protocol->target &&
	    m->flags & (MESSAGE_FIELDS | MESSAGE_TORN))
		x->incomplete |= SPAN_PATH_NOT_SEEN;
}

static struct text keep_fields(const struct engine *e, struct exchange *x, struct str fields)
{
	size_t n = fields.n;

	if (!e->opt.keep_fields || !fields.p)
		return no_text;
	if (n > EXCHANGE_MAX_FIELDS) {
		n = EXCHANGE_MAX_FIELDS;
		x->incomplete |= SPAN_TRUNCATED_HEAD;
	}
	return block_put(&x->text, fields.p, n);
}

static void note_flags(struct exchange *x, const struct message *m)
{
	if (m->flags & MESSAGE_BAD)
		x->incomplete |= SPAN_BAD_FRAMING;
	if (m->flags & MESSAGE_TRUNCATED)
		x->incomplete |= SPAN_TRUNCATED_HEAD;
	if (m->flags & MESSAGE_UNSEEN)
		x->incomplete |= SPAN_STATEMENT_NOT_SEEN;
}

static struct exchange_attr *attr_of(struct exchange *x, const struct attr_def *def)
{
	for (uint32_t i = 0; i < x->nattrs; i++)
		if (x->attr[i].def == def)
			return &x->attr[i];
	if (!x->attr)
		x->attr = calloc(EXCHANGE_ATTRS, sizeof(*x->attr));
	if (!x->attr || x->nattrs >= EXCHANGE_ATTRS)
		return NULL;
	x->attr[x->nattrs].def = def;
	return &x->attr[x->nattrs++];
}

/* Its first part may be an id, and that may have a name. */
static struct text put_target(struct exchange *x, const struct message *m)
{
	const char *comma = memchr(m->target.p, ',', m->target.n);
	struct str id = {m->target.p, comma ? (size_t)(comma - m->target.p) : m->target.n};
	struct str name = alias_get(x->conn->engine->aliases, x->conn->protocol, id);
	struct text t, rest;

	if (!name.p)
		return exchange_text(x, m->target);
	t = exchange_text(x, name);
	rest = exchange_text(x, (struct str){m->target.p + id.n, m->target.n - id.n});
	if (t.off != TEXT_NONE && rest.off != TEXT_NONE)
		t.len += rest.len;
	return t;
}

/* Does m carry what most messages do not? */
static int carries_more(const struct message *m)
{
	const uint32_t flags = MESSAGE_FAILED | MESSAGE_REFUSED | MESSAGE_SILENT;

	return m->nattrs || m->group.p || m->flags & flags;
}

/* What any message may carry. Of an attribute that comes again, the later value counts. */
static void take_message(struct exchange *x, const struct message *m)
{
	int redact = x->conn->engine->opt.redact;

	/* of what only may be a request of its own the names are not those of this one */
	if (m->group.p && !(m->flags & MESSAGE_IF_ASKED && x->resp_started))
		x->group = m->group.p == m->target.p ? x->path : exchange_text(x, m->group);
	for (unsigned i = 0; i < m->nattrs; i++) {
		const struct attr *from = &m->attr[i];
		struct exchange_attr *a;

		if (from->def->flags & ATTR_SECRET && redact)
			continue;
		a = attr_of(x, from->def);
		if (a && a->def->type != ATTR_STRING)
			a->n = from->n;
		else if (a)
			a->s = from->s.p == m->group.p ? x->group : exchange_text(x, from->s);
	}
	x->failed |= (m->flags & MESSAGE_FAILED) != 0;
	x->refused |= (m->flags & MESSAGE_REFUSED) != 0;
	if (m->flags & MESSAGE_SILENT && x->resp_started)
		x->one_way = x->resp_unsized = 1;
	else if (m->flags & MESSAGE_SILENT)
		x->silent = 1;
}

/* What it answers with has a trace context of its own. */
static void note_received(struct exchange *x, struct str context)
{
	struct engine *e = x->conn->engine;
	const struct published *of;
	struct traceparent t;

	if (!context.p || !id_parse_traceparent(context, &t))
		return;
	of = published_find(e->published, &t);
	links__received(x->node, &t, of ? of->span_id : NULL, of ? of->pid : 0);
}

void exchange_end(struct exchange *x, int which, const struct message *m)
{
	if (m->flags & MESSAGE_UNCOUNTED)
		*(which ? &x->resp_body_bytes : &x->req_body_bytes) = SPAN_UNKNOWN;
	if (m->operation.p)
		x->method = exchange_text(x, m->operation);
	if (m->target.p)
		x->path = m->flags & MESSAGE_BY_ID ? put_target(x, m) : exchange_text(x, m->target);
	if (m->status)
		x->status = (uint16_t)m->status;
	note_flags(x, m);
	take_message(x, m);
	note_received(x, m->context);
}

void exchange_names(struct engine *e, const struct conn *c, const struct message *m)
{
	alias_set(&e->aliases, c->protocol, m->operation, m->target);
}

void exchange_notice(struct exchange *x, const struct message *m)
{
	x->notices++;
	x->notice_bytes += m->size;
}

/* Is nothing made of its head but strings, and what link.h is told? */
static int can_come_again(const struct exchange *x, const struct message *m)
{
	return !x->payload && !m->nattrs && !m->group.p &&
	       !(m->flags & ~(MESSAGE_FIELDS | MESSAGE_ENDS));
}

/* A message with a trace context is handed on: see published.h. */
static void note_message(struct engine *e, struct exchange *x)
{
	const struct published *of;
	struct published p;

	if (x->protocol->target != ATTR(messaging_destination) || x->traceparents != 1 ||
	    !x->has_traceparent)
		return;
	if (!x->reversed) {
		p.exchange = links__sender(x->node, &p.pid, p.span_id);
		if (p.exchange)
			published_add(&e->published, &x->traceparent, &p,
				      x->conn->request_dir == ZC_TX);
		return;
	}
	of = published_find(e->published, &x->traceparent);
	if (!of)
		return;
	x->has_sender = 1;
	x->sender_pid = of->pid;
	memcpy(x->sender_id, of->span_id, SPAN_ID_LEN);
}

void exchange_request(struct engine *e, struct exchange *x, const struct message *m)
{
	struct link_head head;

	if (exchange_recall_head(e, x, m->same, &head)) {
		exchange_link(e, x, &head);
		return;
	}
	exchange_link_head(m, &head);
	x->protocol = m->name ? m->name : &x->conn->protocol->name;
	x->form = m->form;
	x->method = exchange_text(x, m->operation);
	set_target(e, x, m);
	if (carries_more(m))
		take_message(x, m);
	if (m->flags & MESSAGE_FIELDS)
		pick_fields(e, x, m, &head);
	if (m->context.p)
		exchange_set_traceparent(x, m->context);
	x->req_fields = keep_fields(e, x, m->fields);
	x->req_uncounted |= (m->flags & MESSAGE_UNCOUNTED) != 0;
	note_flags(x, m);
	exchange_remember_head(x, can_come_again(x, m) ? m->same : 0, &head);
	if (!x->reversed)
		exchange_link(e, x, &head);
	note_message(e, x);
}

void exchange_response(struct engine *e, struct exchange *x, const struct message *m)
{
	x->status = (uint16_t)m->status;
	x->switches = (m->flags & MESSAGE_UPGRADE) != 0;
	if (carries_more(m))
		take_message(x, m);
	if (x->incomplete & SPAN_REQUEST_NOT_SEEN)
		x->protocol = m->name ? m->name : &x->conn->protocol->name;
	if (m->flags & MESSAGE_UNSIZED || x->protocol == &grpc_name)
		pick_response_fields(e, x, m->fields);
	if (x->naming)
		naming_response(x, m->fields);
	x->resp_fields = keep_fields(e, x, m->fields);
	note_flags(x, m);
	note_received(x, m->context);
}

/* Is more content wanted for the span than has been kept? */
static int exchange_wants_content(const struct engine *e, const struct exchange *x, int which)
{
	return x->body[which].len < e->opt.body_bytes && !(x->incomplete & SPAN_BODY_NOT_SEEN);
}

void exchange_content(struct engine *e, struct exchange *x, int which, struct str data,
		      uint64_t gap)
{
	*(which ? &x->resp_body_bytes : &x->req_body_bytes) += data.n + gap;
	if (x->payload && gap)
		payload_gap(x->payload, which, gap);
	else if (x->payload)
		payload_data(x->payload, which, (const uint8_t *)data.p, data.n);
	if (x->naming)
		naming_content(x, which, data, gap);
	if (!e->opt.body_bytes || !exchange_wants_content(e, x, which))
		return;
	if (gap) {
		x->incomplete |= SPAN_BODY_NOT_SEEN;
	} else if (data.n) {
		size_t room = e->opt.body_bytes - x->body[which].len;

		block_put(&x->body[which], data.p, data.n < room ? data.n : room);
	}
}

int exchange_reads_content(const struct exchange *x, int which)
{
	return x->payload != NULL || (x->naming && naming_wants(x, which));
}

uint64_t exchange_unneeded(const struct engine *e, const struct exchange *x, int which)
{
	if (exchange_wants_content(e, x, which) || (x->naming && naming_wants(x, which)))
		return 0;
	return x->payload ? payload_unneeded(x->payload, which) : UINT64_MAX;
}
