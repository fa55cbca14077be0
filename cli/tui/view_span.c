/*
 * view_span.c - everything about one span: fields, header fields and content, or the octets
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tui/tui_impl.h"
#include "parsers/attrs.h"
#include "parsers/http1/http1.h"
#include "parsers/redact_scan.h"
#include "sinks/format.h"

#define HEX_COLUMNS 16u

enum span_page { PAGE_FIELDS, PAGE_TEXT, PAGE_HEX, PAGE_COUNT };

struct span_view {
	struct view view;
	struct lines lines;
	enum span_page page;
	char *copy; /* of the span: it may leave the ring while it is looked at */
	uint64_t number; /* in the ring; UINT64_MAX: it is not in there */
};

static const struct span *span_of(const struct span_view *v)
{
	return (const struct span *)(const void *)v->copy;
}

/* ---- fields */

static void add_str(struct lines *l, const char *label, struct str s)
{
	if (s.p)
		lines_add(l, STYLE_TEXT, label, s, 1);
}

static void add_cstr(struct lines *l, const char *label, const char *s)
{
	if (s)
		lines_add(l, STYLE_TEXT, label, str_of(s), 1);
}

static void add_duration(struct lines *l, const char *label, uint64_t ns, const char *what)
{
	char buf[FMT_DURATION_MAX + 1];

	if (ns == SPAN_UNKNOWN)
		return;
	*fmt_go_duration(buf, ns) = '\0';
	lines_printf(l, tui_duration_style(ns), label, "%-14s %s", buf, what);
}

static void add_size(struct lines *l, const char *label, uint64_t wire, uint64_t content)
{
	if (wire != SPAN_UNKNOWN && content != SPAN_UNKNOWN)
		lines_printf(l, STYLE_TEXT, label, "%llu bytes, %llu of content",
			     (unsigned long long)wire, (unsigned long long)content);
	else if (wire != SPAN_UNKNOWN)
		lines_printf(l, STYLE_TEXT, label, "%llu bytes", (unsigned long long)wire);
}

static void add_id(struct lines *l, const char *label, const uint8_t *id, size_t n)
{
	char buf[2 * TRACE_ID_LEN];

	lines_add(l, STYLE_TEXT, label, (struct str){buf, (size_t)(fmt_hex(buf, id, n) - buf)}, 0);
}

/* "tls version" for "tls_version", "grpc timeout" for "grpc_timeout_ns". */
static const char *label_of(const struct attr_def *def, char *buf, size_t cap)
{
	size_t n = strlen(def->key);

	if (def->type == ATTR_DURATION)
		n -= 3;
	snprintf(buf, cap, "%.*s", (int)n, def->key);
	for (char *p = buf; (p = strchr(p, '_')); p++)
		*p = ' ';
	return buf;
}

static void add_attr(const struct span_view *v, const struct attr *a, struct lines *l)
{
	char label[48], buf[TEXT_MAX], number[SPAN_TEXT_MAX];
	int redact = v->view.tui->opt.redact, failed = a->def->flags & ATTR_FAILURE;
	const struct span *s = span_of(v);
	struct str text;

	label_of(a->def, label, sizeof(label));
	switch (a->def->type) {
	case ATTR_DURATION: add_duration(l, label, a->n, a->def->help); return;
	case ATTR_SIZE:
		lines_printf(l, STYLE_TEXT, label, "%llu bytes", (unsigned long long)a->n);
		return;
	case ATTR_CODE:
		if (a->def == s->protocol->status)
			failed = span_failed_by_status(s);
		text = attr_text(a, buf);
		if (a->def->name && a->def->name(a->n, buf))
			lines_printf(l, failed ? STYLE_ERROR : STYLE_TEXT, label, "%llu %.*s",
				     (unsigned long long)a->n, (int)text.n, text.p);
		else
			lines_add(l, failed ? STYLE_ERROR : STYLE_TEXT, label, text, 0);
		return;
	default: break;
	}
	text = attr_text(a, number);
	if (a->def->flags & ATTR_SECRET && redact)
		text = str_of(REDACTED);
	else if (a->def->flags & ATTR_URI)
		text = text_redacted(text, 0, redact, buf, sizeof(buf));
	lines_add(l, failed ? STYLE_ERROR : STYLE_TEXT, label, text, 1);
}

/* What only some protocols have: those from `from` on and before `end`. */
static void add_attrs(const struct span_view *v, int from, int end, struct lines *l)
{
	const struct span *s = span_of(v);

	for (unsigned i = 0; i < s->nattrs; i++) {
		ptrdiff_t at = s->attr[i].def - attr_defs;

		if (at >= from && at < end && s->attr[i].def != s->protocol->operation &&
		    s->attr[i].def != s->protocol->target)
			add_attr(v, &s->attr[i], l);
	}
}

/* Who encrypts, and what the handshake told. */
static void add_tls(const struct span_view *v, const struct span *s, struct lines *l)
{
	if (s->protocol->flags & NAME_CONNECTION)
		lines_add(l, STYLE_TEXT, "tls", str_of("by a library that is not known"), 0);
	else
		lines_printf(l, STYLE_TEXT, "tls", "%s", s->tls ? s->tls : "no");
	add_attrs(v, 0, ATTRS_TLS_END, l);
}

static void add_request(const struct span_view *v, const struct span *s, struct lines *l)
{
	const struct tui *t = v->view.tui;
	char buf[TEXT_MAX];
	struct fmt_clock clock = { 0 };
	char time[FMT_TIME_MAX];

	*fmt_time(time, &clock, s->time_ns) = '\0';
	lines_printf(l, STYLE_TEXT, "time", "%s", time);
	lines_printf(l, STYLE_TEXT, "kind", "%s, %s", s->kind == SPAN_CLIENT ? "client" : "server",
		     s->protocol->name);
	add_tls(v, s, l);
	add_str(l, "method", s->method);
	add_str(l, "scheme", s->scheme);
	add_str(l, "host", s->host);
	add_str(l, "path", text_redacted(s->path, 0, t->opt.redact, buf, sizeof(buf)));
	add_str(l, "query", text_redacted(s->query, 1, t->opt.redact, buf, sizeof(buf)));
	add_str(l, "route", text_redacted(s->route, 0, t->opt.redact, buf, sizeof(buf)));
	if (s->status)
		lines_printf(l, tui_status_style(s), "status", "%d", s->status);
	add_attrs(v, ATTRS_TLS_END, ATTRS_OPERATION_END, l);
	if (span_error_name(s->error))
		lines_printf(l, STYLE_ERROR, "error", "%s", span_error_name(s->error));
	add_attrs(v, ATTRS_OPERATION_END, ATTRS_ERROR_END, l);
}

static void add_endpoint(struct lines *l, const char *label, const uint8_t *addr, uint16_t port)
{
	char buf[64];

	lines_add(l, STYLE_TEXT, label, tui_endpoint(buf, addr, port), 0);
}

static void add_whereabouts(const struct span *s, struct lines *l)
{
	if (s->has_addr) {
		add_endpoint(l, "client", s->client_addr, s->client_port);
		add_endpoint(l, "server", s->server_addr, s->server_port);
	}
	add_cstr(l, "peer service", s->peer_service);
	lines_printf(l, STYLE_TEXT, "connection", "%llx, exchange %llu",
		     (unsigned long long)s->conn, (unsigned long long)s->seq);
	if (s->stream_id)
		lines_printf(l, STYLE_TEXT, "stream", "%u", s->stream_id);
	if (s->pid)
		lines_printf(l, STYLE_TEXT, "process", "%u, thread %u", s->pid, s->tid);
	add_cstr(l, "command", s->comm);
	add_cstr(l, "service", s->service);
	add_cstr(l, "runtime", s->runtime);
	add_cstr(l, "container", s->container);
	add_cstr(l, "container name", s->container_name);
	add_id(l, "trace id", s->trace_id, TRACE_ID_LEN);
	add_id(l, "span id", s->span_id, SPAN_ID_LEN);
	if (s->has_parent) {
		add_id(l, "parent", s->parent_id, SPAN_ID_LEN);
		add_cstr(l, "link", s->link);
	}
	for (unsigned bit = 0; bit < SPAN_INCOMPLETE_BITS; bit++)
		if (s->incomplete & 1u << bit)
			lines_printf(l, STYLE_SLOW, "doubtful", "%s", span_incomplete_name(bit));
}

static int is_wanted(const struct tui *t, struct str name)
{
	for (unsigned i = 0; i < t->opt.nheaders; i++) {
		const char *want = t->opt.headers[i];

		if (!strcmp(want, "*") ||
		    (strlen(want) == name.n && !strncasecmp(want, name.p, name.n)))
			return 1;
	}
	return 0;
}

static void add_fields(const struct span_view *v, struct lines *l, const char *title,
		       struct str rest)
{
	const struct tui *t = v->view.tui;
	struct str name, value;
	size_t pos = 0;
	char label[64], buf[TEXT_MAX];

	if (!rest.p || !t->opt.nheaders)
		return;
	lines_add(l, STYLE_STRONG, NULL, str_of(""), 0);
	lines_add(l, STYLE_STRONG, NULL, str_of(title), 0);
	while (http1_field_next(rest, &pos, &name, &value)) {
		if (!is_wanted(t, name))
			continue;
		snprintf(label, sizeof(label), "%.*s", (int)name.n, name.p);
		if (t->opt.redact && redact_is_secret_field(name))
			value = str_of(REDACTED);
		else if (t->opt.redact && redact_is_uri_field(name))
			value = text_redacted(value, 0, 1, buf, sizeof(buf));
		lines_add(l, STYLE_TEXT, label[0] ? label : " ", value, 1);
	}
}

/* Text that was on the wire, a line each. */
static void add_text(struct lines *l, struct str s)
{
	while (s.n) {
		const char *nl = memchr(s.p, '\n', s.n);
		size_t n = nl ? (size_t)(nl - s.p) : s.n;
		size_t shown = n && s.p[n - 1] == '\r' ? n - 1 : n;

		lines_add(l, STYLE_TEXT, NULL, (struct str){ s.p, shown }, 1);
		n += nl != NULL;
		s.p += n;
		s.n -= n;
	}
}

static void add_body(struct lines *l, const char *title, struct str body)
{
	if (!body.p)
		return;
	lines_add(l, STYLE_STRONG, NULL, str_of(""), 0);
	lines_add(l, STYLE_STRONG, NULL, str_of(title), 0);
	add_text(l, body);
}

static void fill_fields(struct span_view *v)
{
	const struct span *s = span_of(v);
	struct lines *l = &v->lines;

	add_request(v, s, l);
	add_duration(l, "total", s->duration_ns, "from the first byte to the last");
	add_duration(l, "inside", s->inner_ns, "in the process");
	add_duration(l, "first byte", s->ttfb_ns, "until the response began");
	add_duration(l, "queued", s->queue_ns, "until the request was read");
	add_duration(l, "connecting", s->connect_ns, "opening the connection");
	add_attrs(v, ATTRS_ERROR_END, ATTRS_TIMES_END, l);
	add_size(l, "request", s->req_bytes, s->req_body_bytes);
	add_size(l, "response", s->resp_bytes, s->resp_body_bytes);
	add_attrs(v, ATTRS_TIMES_END, ATTRS_END, l);
	add_whereabouts(s, l);
	add_fields(v, l, "request header fields", s->req_fields);
	add_fields(v, l, "response header fields", s->resp_fields);
	if (v->view.tui->opt.body) {
		add_body(l, "request content", s->req_body);
		add_body(l, "response content", s->resp_body);
	}
}

/* ---- octets */

static void put(char *buf, size_t *n, size_t cap, const char *p, size_t len)
{
	if (len > cap - *n)
		len = cap - *n;
	if (len)
		memcpy(buf + *n, p, len);
	*n += len;
}

static void put_str(char *buf, size_t *n, size_t cap, struct str s)
{
	put(buf, n, cap, s.p ? s.p : "", s.p ? s.n : 0);
}

static const char *version(const struct span *s)
{
	return s->protocol->start_line ? s->protocol->start_line : "";
}

/* In place: what is shown keeps its length. */
static void hide_in_uri(char *p, size_t n)
{
	struct redact_scan scan;

	redact_scan_uri(&scan);
	for (size_t i = 0; i < n; i++)
		if (redact_scan_step(&scan, p + i, p + n, 0))
			p[i] = 'x';
}

static void hide_in_fields(char *p, size_t n)
{
	struct str name, value;
	size_t pos = 0;

	while (http1_field_next((struct str){p, n}, &pos, &name, &value)) {
		char *v = p + (value.p - p);

		if (redact_is_secret_field(name))
			memset(v, 'x', value.n);
		else if (redact_is_uri_field(name))
			hide_in_uri(v, value.n);
	}
}

/*
 * The message as far as it was kept: its start line is put together again, the rest is as it was.
 */
static size_t message(const struct span *s, int response, int redact, char *buf, size_t cap)
{
	size_t n = 0, at;

	if (response) {
		put_str(buf, &n, cap, str_of(version(s)));
		if (s->status)
			n += (size_t)snprintf(buf + n, cap - n, " %d", s->status);
	} else {
		put_str(buf, &n, cap, s->method);
		put(buf, &n, cap, " ", 1);
		at = n;
		put_str(buf, &n, cap, s->path);
		if (s->query.p)
			put(buf, &n, cap, "?", 1);
		put_str(buf, &n, cap, s->query);
		if (redact)
			hide_in_uri(buf + at, n - at);
		put(buf, &n, cap, " ", 1);
		put_str(buf, &n, cap, str_of(version(s)));
	}
	put(buf, &n, cap, "\r\n", 2);
	at = n;
	put_str(buf, &n, cap, response ? s->resp_fields : s->req_fields);
	if (redact)
		hide_in_fields(buf + at, n - at);
	if (n >= 2 && buf[n - 1] != '\n')
		put(buf, &n, cap, "\r\n", 2);
	put(buf, &n, cap, "\r\n", 2);
	return n;
}

static void add_hex(struct lines *l, const uint8_t *p, size_t n)
{
	for (size_t at = 0; at < n; at += HEX_COLUMNS) {
		char line[128], *q = line + snprintf(line, sizeof(line), "%06zx ", at);

		for (size_t i = 0; i < HEX_COLUMNS; i++) {
			if (i % 8 == 0)
				*q++ = ' ';
			if (at + i < n)
				q = fmt_hex(q, p + at + i, 1);
			else
				q = FMT_LIT(q, "  ");
			*q++ = ' ';
		}
		*q++ = ' ';
		for (size_t i = at; i < at + HEX_COLUMNS && i < n; i++)
			*q++ = p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '.';
		lines_add(l, STYLE_TEXT, NULL, (struct str){ line, (size_t)(q - line) }, 0);
	}
}

static void add_message(struct span_view *v, int response, char *buf)
{
	const struct span *s = span_of(v);
	const struct str body = response ? s->resp_body : s->req_body;
	struct lines *l = &v->lines;
	size_t n = message(s, response, v->view.tui->opt.redact, buf, RING_RECORD_MAX);

	if (v->view.tui->opt.body)
		put_str(buf, &n, 2 * RING_RECORD_MAX, body);
	if (response)
		lines_add(l, STYLE_TEXT, NULL, str_of(""), 0);
	lines_printf(l, STYLE_STRONG, NULL, "%s, as far as it was kept: %zu bytes",
		     response ? "response" : "request", n);
	if (v->page == PAGE_TEXT)
		add_text(l, (struct str){ buf, n });
	else
		add_hex(l, (uint8_t *)buf, n);
}

static void fill(struct span_view *v)
{
	char *buf;

	lines_clear(&v->lines);
	if (!v->copy)
		return;
	if (v->page == PAGE_FIELDS) {
		fill_fields(v);
		return;
	}
	buf = malloc(2 * RING_RECORD_MAX);
	if (!buf)
		return;
	if (span_of(v)->protocol->flags & NAME_CONNECTION) {
		lines_add(&v->lines, STYLE_DIM, NULL,
			  str_of("(encrypted: there is nothing to show)"), 0);
		free(buf);
		return;
	}
	add_message(v, 0, buf);
	add_message(v, 1, buf);
	if (!v->view.tui->opt.nheaders)
		lines_add(&v->lines, STYLE_DIM, NULL,
			  str_of("(:headers on and :body 4k keep more of what comes)"), 0);
	free(buf);
}

/* ---- the view */

static void span_release(struct view *view)
{
	struct span_view *v = (struct span_view *)view;

	lines_release(&v->lines);
	free(v->copy);
}

static void span_draw(struct view *view, struct screen *s, int y, int height)
{
	struct span_view *v = (struct span_view *)view;
	char buf[TEXT_MAX], status[SPAN_TEXT_MAX];
	const struct span *span = span_of(v);
	int x, width = screen__width(s);

	if (height < 4 || !v->copy) {
		lines_draw(&v->lines, s, y, height);
		return;
	}
	x = screen__safe(s, y, 0, width, STYLE_STRONG, CUT_END,
			 tui_method(span)) + 1;
	x += screen__safe(s, y, x, width > 24 ? width - x - 16 : width, STYLE_STRONG, CUT_MIDDLE,
			  tui_target(view->tui, span, buf, sizeof(buf))) + 2;
	x += screen__safe(s, y, x, width, tui_status_style(span), CUT_END,
			  tui_status(status, span)) + 2;
	screen__safe(s, y, x, width, tui_slow_style(view->tui, span), CUT_END,
		     tui_duration(buf, span->duration_ns));
	screen__fill(s, y + 1, 0, width, STYLE_DIM, '-');
	lines_draw(&v->lines, s, y + 2, height - 2);
}

/* The next span that is shown, in the order in which they came. */
static void go_on(struct span_view *v, int step)
{
	const struct span_ring *r = &v->view.tui->model.now->ring;
	uint32_t i = ring_find(r, v->number), n = ring_count(r);

	do
		i = i == RING_NONE ? i : i + (uint32_t)step;
	while (i < n && !ring_slot(r, i)->shown);
	if (i >= n || !v->copy) {
		tui_say(v->view.tui, STYLE_TEXT, "there is no other one");
		return;
	}
	v->number = ring_slot(r, i)->number;
	(void)span_copy(v->copy, RING_RECORD_MAX, ring_span(r, i));
	v->lines.top = 0;
	fill(v);
}

static int span_key(struct view *view, const struct key *k)
{
	struct span_view *v = (struct span_view *)view;

	if (k->code == 'n' || k->code == 'N') {
		go_on(v, k->code == 'n' ? 1 : -1);
		return 1;
	}
	if (k->code == 'T' && v->copy) {
		tui_push(view->tui, view->tui->open_trace(view->tui, span_of(v)));
		return 1;
	}

	switch (k->code) {
	case 'v':
	case 'x':
	case SK_RIGHT:
	case SK_ENTER: v->page = (enum span_page)((v->page + 1u) % PAGE_COUNT); break;
	case SK_LEFT: v->page = (enum span_page)((v->page + PAGE_COUNT - 1u) % PAGE_COUNT); break;
	default: return lines_key(&v->lines, k);
	}
	v->lines.top = 0;
	fill(v);
	return 1;
}

static unsigned span_save(struct view *view, struct out *o)
{
	struct span_view *v = (struct span_view *)view;
	struct sink *k = tui_json_sink(view->tui, o);

	if (!k || !v->copy)
		return 0;
	k->ops->span(k, span_of(v));
	k->ops->free(k);
	return 1;
}

static const struct span *span_shown(struct view *view)
{
	return span_of((struct span_view *)view);
}

static const struct view_ops view_span = {
	.name = "Span",
	.hints = "T:trace  n:next  N:previous  v:fields/text/hex",
	.size = sizeof(struct span_view),
	.release = span_release,
	.draw = span_draw,
	.key = span_key,
	.span = span_shown,
	.save = span_save,
};

struct view *view_span_open(struct tui *t, const struct span *s)
{
	struct span_view *v = (struct span_view *)view_new(t, &view_span);
	const struct span_ring *r = &t->model.now->ring;

	if (!v)
		return NULL;
	v->number = UINT64_MAX;
	for (uint32_t i = 0; i < ring_count(r); i++)
		if (ring_span(r, i) == s)
			v->number = ring_slot(r, i)->number;
	v->copy = aligned_alloc(16, RING_RECORD_MAX);
	if (v->copy)
		(void)span_copy(v->copy, RING_RECORD_MAX, s);
	fill(v);
	return &v->view;
}
