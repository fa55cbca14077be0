/*
 * text.c - one line per span, in the form of OBI's trace printer
 *
 * The left address is always the client's. "as" gives the name of the process at that end where
 * it is known, else the address again.
 *
 * An encrypted connection has the server's name in the place of the path, and behind all else what
 * its handshake told: tls=[1.3 TLS_AES_128_GCM_SHA256 h2].
 */
#include <stdlib.h>

#include "parsers/redact.h"
#include "parsers/attrs.h"
#include "sinks/format.h"
#include "sinks/safe.h"
#include "sinks/sink.h"

struct text {
	struct sink sink;
	struct out *out;
	struct fmt_clock clock;
	int redact, color;
};

/* A path, without the secrets that path parameters may hold. */
static void put_path(struct text *t, struct str s)
{
	struct redact_pieces r;
	struct str piece;

	if (!s.p)
		out_char(t->out, '-');
	if (!s.p || !t->redact || !may_hold_secret(s.p, s.n)) {
		out_safe(t->out, s.p, s.n);
		return;
	}
	redact_pieces_uri(&r, s);
	while (redact_next(&r, &piece))
		out_safe(t->out, piece.p, piece.n);
}

static void out_opt(struct out *o, struct str s)
{
	if (s.p)
		out_safe(o, s.p, s.n);
	else
		out_char(o, '-');
}

static void color(const struct text *t, const char *code)
{
	if (t->color)
		out_str(t->out, code);
}

static const char *status_color(const struct span *s)
{
	return s->error ? "\033[31m" : s->status >= 400 ? "\033[33m" : s->status ? "\033[32m" : "";
}

/* As OBI has it: the code, and where statuses are words, 1 for an error. */
static char *put_status(char *p, const struct span *s)
{
	const struct attr_def *def = s->protocol->status;
	const struct attr *a = def ? span_attr(s, def) : NULL;

	if (def && def->type == ATTR_STRING)
		return fmt_u64(p, s->error != SPAN_OK);
	if (a)
		return fmt_u64(p, a->n);
	if (!def && !(s->protocol->flags & NAME_CONNECTION))
		return fmt_u64(p, (uint64_t)s->status);
	*p++ = '-';
	return p;
}

static void put_head(struct text *t, const struct span *s)
{
	struct out *o = t->out;
	char *p = out_reserve(o, FMT_TIME_MAX + 2 * FMT_DURATION_MAX + 64);
	const char *type = s->protocol->label[s->kind == SPAN_CLIENT];

	p = fmt_time(p, &t->clock, s->time_ns);
	p = FMT_LIT(p, " (");
	p = fmt_go_duration(p, s->duration_ns);
	*p++ = '[';
	p = fmt_go_duration(p, s->inner_ns);
	*p++ = ']';
	p = FMT_LIT(p, ") ");
	p = stpcpy(p, type);
	*p++ = ' ';
	out_commit(o, p);
	color(t, status_color(s));
	out_commit(o, put_status(out_reserve(o, FMT_U64_MAX), s));
	color(t, "\033[0m");
	out_char(o, ' ');
}

/* "[address as name:port]"; a name that is an IPv6 address has brackets of its own. */
static void put_end(struct out *o, const struct span *s, const uint8_t addr[16], uint16_t port,
		    const char *name)
{
	char text[FMT_ADDR_MAX], *p;
	size_t n = 1;

	text[0] = '-';
	if (s->has_addr)
		n = (size_t)(fmt_addr(text, addr) - text);
	p = out_reserve(o, 2 * FMT_ADDR_MAX + 16);
	*p++ = '[';
	p = (char *)memcpy(p, text, n) + n;
	p = FMT_LIT(p, " as ");
	if (!name && s->has_addr && !addr_is_ipv4(addr)) {
		*p++ = '[';
		p = (char *)memcpy(p, text, n) + n;
		*p++ = ']';
	} else if (!name) {
		p = (char *)memcpy(p, text, n) + n;
	}
	out_commit(o, p);
	if (name)
		out_safe(o, name, strlen(name));
	p = out_reserve(o, 8);
	*p++ = ':';
	p = fmt_u64(p, port);
	*p++ = ']';
	out_commit(o, p);
}

static void put_ends(struct out *o, const struct span *s)
{
	const char *own = span_process(s);
	const char *client = s->kind == SPAN_CLIENT ? own : s->peer_service;
	const char *server = s->kind == SPAN_CLIENT ? s->peer_service : own;

	put_end(o, s, s->client_addr, s->client_port, client);
	out_str(o, "->");
	put_end(o, s, s->server_addr, s->server_port, server);
}

static char *put_size(char *p, uint64_t v)
{
	return v == SPAN_UNKNOWN ? FMT_LIT(p, "?") : fmt_u64(p, v);
}

static void put_sizes(struct out *o, const struct span *s)
{
	const char *own = s->service ? s->service : s->comm;
	char *p = out_reserve(o, 2 * FMT_U64_MAX + 64);

	p = FMT_LIT(p, " contentLen:");
	p = put_size(p, s->req_bytes);
	p = FMT_LIT(p, "B responseLen:");
	p = put_size(p, s->resp_bytes);
	p = FMT_LIT(p, "B svc=[");
	out_commit(o, p);
	own = own ? own : "-";
	out_safe(o, own, strlen(own));
	out_char(o, ' ');
	out_str(o, s->runtime ? s->runtime : own[0] == '-' && !own[1] ? "-" : "generic");
}

static void put_ids(struct out *o, const struct span *s)
{
	static const uint8_t none[SPAN_ID_LEN];
	char *p = out_reserve(o, 128);

	p = FMT_LIT(p, "] traceparent=[00-");
	p = fmt_hex(p, s->trace_id, TRACE_ID_LEN);
	*p++ = '-';
	p = fmt_hex(p, s->span_id, SPAN_ID_LEN);
	*p++ = '[';
	p = fmt_hex(p, s->has_parent ? s->parent_id : none, SPAN_ID_LEN);
	p = FMT_LIT(p, "]-");
	p = fmt_hex(p, &s->trace_flags, 1);
	*p++ = ']';
	out_commit(o, p);
}

static void put_word(struct out *o, const struct attr *a)
{
	char buf[SPAN_TEXT_MAX];
	struct str word = attr_text(a, buf);

	out_safe(o, word.p, word.n);
}

/* What the handshake told. */
static void put_tls(struct out *o, const struct span *s)
{
	const struct attr *version = span_attr(s, ATTR(tls_version));
	const struct attr *cipher = span_attr(s, ATTR(tls_cipher));
	const struct attr *alpn = span_attr(s, ATTR(tls_alpn));
	const struct attr *alert = span_attr(s, ATTR(tls_alert));
	const struct attr *from = span_attr(s, ATTR(tls_alert_from));
	const struct attr *unseen = span_attr(s, ATTR(tls_unseen));
	char buf[ATTR_NAME_MAX];

	out_str(o, " tls=[");
	if (version && version->def->name(version->n, buf))
		put_word(o, version);
	else
		out_char(o, '-');
	for (const struct attr *a = cipher ? cipher : alpn; a; a = a == cipher ? alpn : NULL) {
		out_char(o, ' ');
		put_word(o, a);
	}
	out_char(o, ']');
	if (unseen) {
		out_str(o, " unseen=[");
		put_word(o, unseen);
		out_char(o, ']');
	}
	if (!from)
		return;
	out_str(o, " alert=");
	if (alert)
		put_word(o, alert);
	else
		out_char(o, '?');
	out_str(o, " alert_from=");
	put_word(o, from);
}

/* Attributes that are worth a place in the line: " key=value". */
static void put_attrs(struct out *o, const struct span *s)
{
	for (unsigned i = 0; i < s->nattrs; i++) {
		if (!(s->attr[i].def->flags & ATTR_IN_LINE))
			continue;
		out_char(o, ' ');
		out_str(o, s->attr[i].def->key);
		out_char(o, '=');
		put_word(o, &s->attr[i]);
	}
}

static void put_doubts(struct text *t, const struct span *s)
{
	struct out *o = t->out;
	const char *error = span_error_name(s->error);
	const char *before = " incomplete=[";

	/* the status code is in the line already, and the line as its readers know it */
	if (error && s->error != SPAN_ERR_STATUS) {
		color(t, "\033[31m");
		out_str(o, " error=");
		out_str(o, error);
		color(t, "\033[0m");
	}
	if (!s->incomplete)
		return;
	for (unsigned bit = 0; bit < SPAN_INCOMPLETE_BITS; bit++) {
		if (!(s->incomplete & 1u << bit))
			continue;
		out_str(o, before);
		out_str(o, span_incomplete_name(bit));
		before = ",";
	}
	out_char(o, ']');
}

static void text_span(struct sink *k, const struct span *s)
{
	struct text *t = (struct text *)k;
	struct out *o = t->out;
	int encrypted = (s->protocol->flags & NAME_CONNECTION) != 0;

	put_head(t, s);
	if (!(s->protocol->flags & (NAME_FIXED_METHOD | NAME_CONNECTION)))
		out_opt(o, s->method);
	out_char(o, ' ');
	put_path(t, encrypted ? span_attr_str(s, ATTR(tls_sni)) : s->path);
	out_char(o, '(');
	put_path(t, encrypted ? (struct str){ "*encrypted*", 11 } : s->route);
	out_str(o, ") ");
	put_ends(o, s);
	put_sizes(o, s);
	put_ids(o, s);
	if (encrypted)
		put_tls(o, s);
	put_attrs(o, s);
	put_doubts(t, s);
	out_char(o, '\n');
}

static void text_free(struct sink *k)
{
	free(k);
}

struct sink *sink_text_new(const struct sink_options *o)
{
	static const struct sink_ops ops = {
		.span = text_span,
		.free = text_free,
	};
	struct text *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->sink.ops = &ops;
	t->out = o->out;
	t->redact = o->redact;
	t->color = o->color;
	return &t->sink;
}
