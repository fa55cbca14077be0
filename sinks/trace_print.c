#include "sinks/trace_print.h"

#include <stdio.h>
#include <stdlib.h>

#include "parsers/redact.h"
#include "parsers/attrs.h"
#include "sinks/safe.h"
#include "sinks/network_text.h"

#define BAR_MOST 32 /* columns */
#define BAR_LEAST 10
#define WIDE 100   /* columns, for a whole trace id */
#define SHORT_ID 4 /* bytes */
#define DURATION_COLUMNS 8
#define SHOWN_SHARES 5

#define COLOR_CRITICAL "\033[1m"
#define COLOR_ERROR "\033[31m"
#define COLOR_SERVER "\033[36m"
#define COLOR_CLIENT "\033[34m"
#define COLOR_FAINT "\033[2m"
#define COLOR_OFF "\033[0m"

static void color(struct out *o, const struct trace_style *style, const char *code)
{
	if (style->color)
		out_str(o, code);
}

/*
 * A line as wide as the terminal, at most: what was written since `start`, for which room had been
 * made at once, is cut there, but not the colours between.
 */
static void clip_line(struct out *o, const struct trace_style *style, size_t start)
{
	char *p = o->buf + start, *end = o->buf + o->n;
	size_t left = (size_t)o->columns;

	if (!o->columns || o->n <= start)
		return;
	while (p < end) {
		char *escape = memchr(p, '\033', (size_t)(end - p));
		char *stop = escape ? escape : end;
		size_t n = text_cut(p, (size_t)(stop - p), left);

		if (p + n < stop) {
			/* its last column becomes the mark */
			n = text_cut(p, n, left - 1);
			o->n = (size_t)(p + n - o->buf);
			out_str(o, "…");
			color(o, style, COLOR_OFF);
			return;
		}
		left -= text_width(p, n);
		p = stop;
		if (escape)
			p = (char *)memchr(p, 'm', (size_t)(end - p)) + 1;
	}
}

/* Where a line begins. */
static size_t begin_line(struct out *o)
{
	if (o->columns)
		out_reserve(o, OUT_MAX_RESERVE);
	return o->n;
}

/* No more of something than there may be columns for. */
static void put_visible(struct out *o, struct str s)
{
	size_t most = 4 * (size_t)o->columns;

	out_safe(o, s.p, most && s.n > most ? most : s.n);
}

static void put_number(struct out *o, uint64_t v)
{
	out_commit(o, fmt_u64(out_reserve(o, FMT_U64_MAX), v));
}

/* Right-aligned, with as many blanks before it as it leaves. */
static void put_duration(struct out *o, uint64_t ns)
{
	char text[FMT_DURATION_MAX];
	size_t n = (size_t)(fmt_short_duration(text, ns) - text);
	size_t width = text_width(text, n);

	for (; width < DURATION_COLUMNS; width++)
		out_char(o, ' ');
	out_bytes(o, text, n);
}

static void put_short(struct out *o, uint64_t ns)
{
	out_commit(o, fmt_short_duration(out_reserve(o, FMT_DURATION_MAX), ns));
}

/* ---- names */

/* Who serves the request of s: the process, or its address. */
static void tls_stream_name(const struct span *s, char out[TRACE_NAME_MAX])
{
	const char *name = s->kind == SPAN_SERVER ? span_process(s) : s->peer_service;
	char *p = out;

	if (name) {
		size_t n = strlen(name) < TRACE_NAME_MAX - 1 ? strlen(name) : TRACE_NAME_MAX - 1;

		p = (char *)memcpy(p, name, n) + n;
	} else if (s->has_addr) {
		p = fmt_addr(p, s->server_addr);
		*p++ = ':';
		p = fmt_u64(p, s->server_port);
	} else {
		*p++ = '-';
	}
	*p = '\0';
}

enum differ { DIFFER_NOT, DIFFER_PID, DIFFER_ADDR, DIFFER_PORT };

/* Two servers of the same name in one trace: what tells them apart? */
static enum differ difference(const struct span *a, const struct span *b)
{
	if (!a->has_addr || !b->has_addr)
		return DIFFER_NOT;
	if (a->server_port != b->server_port)
		return DIFFER_PORT;
	if (memcmp(a->server_addr, b->server_addr, sizeof(a->server_addr)))
		return DIFFER_ADDR;
	return a->pid != b->pid ? DIFFER_PID : DIFFER_NOT;
}

/* The name of a server's span, with what makes it differ from others that are called the same. */
static void server_name(const struct trace_tree *t, const struct span *s, char out[TRACE_NAME_MAX])
{
	enum differ differ = DIFFER_NOT;
	char other[TRACE_NAME_MAX], *p;

	tls_stream_name(s, out);
	for (int i = 0; i < t->n; i++) {
		const struct span *o = t->row[i].span;
		enum differ d;

		if (o == s || o->kind != SPAN_SERVER)
			continue;
		d = difference(s, o);
		if (d <= differ)
			continue;
		tls_stream_name(o, other);
		differ = strcmp(out, other) ? differ : d;
	}
	p = out + strlen(out);
	if (differ == DIFFER_NOT || !span_process(s) || p > out + TRACE_NAME_MAX - FMT_ADDR_MAX - 4)
		return;
	*p++ = differ == DIFFER_PORT ? ':' : differ == DIFFER_ADDR ? '@' : '#';
	p = differ == DIFFER_ADDR ? fmt_addr(p, s->server_addr)
				  : fmt_u64(p, differ == DIFFER_PORT ? s->server_port : s->pid);
	*p = '\0';
}

/* Who serves the request of this row: seen by the server itself, if it was. */
static void name_server(const struct trace_tree *t, const struct trace_row *r,
			char out[TRACE_NAME_MAX])
{
	const struct span *child = r->child >= 0 ? t->row[r->child].span : NULL;

	if (r->span->kind == SPAN_SERVER)
		server_name(t, r->span, out);
	else if (child && child->kind == SPAN_SERVER && span_process(child))
		server_name(t, child, out);
	else
		tls_stream_name(r->span, out);
}

/* Who makes the call of this row: by the name of the request that it serves. */
static void name_client(const struct trace_tree *t, const struct trace_row *r,
			char out[TRACE_NAME_MAX])
{
	const struct span *parent = r->parent >= 0 ? t->row[r->parent].span : NULL;
	const char *own = span_process(r->span);

	if (parent && parent->kind == SPAN_SERVER && parent->pid && parent->pid == r->span->pid)
		server_name(t, parent, out);
	else
		snprintf(out, TRACE_NAME_MAX, "%s", own ? own : "-");
}

static void put_name(struct out *o, const struct trace_tree *t, const struct trace_row *r)
{
	char name[TRACE_NAME_MAX];

	if (r->span->kind == SPAN_CLIENT) {
		name_client(t, r, name);
		out_safe(o, name, strlen(name));
		out_str(o, " → ");
	}
	name_server(t, r, name);
	out_safe(o, name, strlen(name));
}

static void put_path(struct out *o, const struct trace_style *style, const struct span *s)
{
	struct redact_pieces r;
	struct str piece;

	if (!s->path.p) {
		out_char(o, '-');
		return;
	}
	if (!style->redact || !may_hold_secret(s->path.p, s->path.n)) {
		put_visible(o, s->path);
		return;
	}
	redact_pieces_uri(&r, s->path);
	while (redact_next(&r, &piece))
		put_visible(o, piece);
}

static void out_opt(struct out *o, struct str s)
{
	out_safe(o, s.p ? s.p : "-", s.p ? s.n : 1);
}

static void put_request(struct out *o, const struct trace_style *style, const struct span *s)
{
	char buf[SPAN_TEXT_MAX];
	struct str status;

	if (s->method.p && !(s->protocol->flags & NAME_FIXED_METHOD)) {
		put_visible(o, s->method);
		out_char(o, ' ');
	}
	if (s->protocol->flags & NAME_CONNECTION) {
		out_str(o, "TLS ");
		out_opt(o, span_attr_str(s, ATTR(tls_sni)));
		return;
	}
	put_path(o, style, s);
	if (!s->status && !s->protocol->status)
		return;
	status = span_status(s, buf);
	if (!status.p || (s->error && !s->status && !span_failed_by_status(s)))
		return; /* the error follows */
	out_char(o, ' ');
	out_safe(o, status.p, status.n);
	if (span_attr(s, ATTR(dns_truncated)))
		out_str(o, " truncated"); /* asked again by TCP */
}

/* Calls that are alike: what they have in common, and how many there are. */
static void put_calls(struct out *o, const struct trace_style *style, const struct trace_row *r)
{
	const struct span *s = r->span;
	struct span alike = *s;

	alike.path = s->route.p ? s->route : s->path;
	if (s->method.p && !(s->protocol->flags & NAME_FIXED_METHOD) &&
	    !fmt_begins_with_word(alike.path, s->method)) {
		put_visible(o, s->method);
		out_char(o, ' ');
	}
	put_path(o, style, &alike);
	color(o, style, COLOR_CRITICAL);
	out_str(o, " ×");
	put_number(o, (uint64_t)r->times);
	color(o, style, COLOR_OFF);
}

/* ---- rows */

static int bar_columns(const struct out *o)
{
	int n = o->columns / 4;

	return !o->columns || n > BAR_MOST ? BAR_MOST : n < BAR_LEAST ? BAR_LEAST : n;
}

static int column_of(const struct trace_tree *t, uint64_t time, int columns)
{
	uint64_t all = t->end - t->start;

	return all ? (int)((double)(time - t->start) * columns / (double)all) : 0;
}

static void put_bar(struct out *o, const struct trace_style *style, const struct trace_tree *t,
		    const struct trace_row *r)
{
	int bar = bar_columns(o), from = column_of(t, r->start, bar);
	int to = column_of(t, r->times ? r->until : r->end, bar);
	const struct span *s = r->span;

	if (from >= bar)
		from = bar - 1;
	if (to <= from)
		to = from + 1;
	out_str(o, "  ");
	for (int i = 0; i < from; i++)
		out_char(o, ' ');
	color(o, style,
	      s->error		       ? COLOR_ERROR
	      : s->kind == SPAN_SERVER ? COLOR_SERVER
				       : COLOR_CLIENT);
	for (int i = from; i < to; i++)
		out_str(o, r->critical ? "█" : "▒");
	color(o, style, COLOR_OFF);
	for (int i = to; i < bar; i++)
		out_char(o, ' ');
	out_str(o, "  ");
}

/* The next sibling that is shown, or -1. */
static int next_shown(const struct trace_tree *t, int i)
{
	do
		i = t->row[i].sibling;
	while (i >= 0 && t->row[i].hidden);
	return i;
}

static int first_shown(const struct trace_tree *t, int i)
{
	int child = t->row[i].child;

	return child >= 0 && t->row[child].hidden ? next_shown(t, child) : child;
}

/* The branches above and left of row i, from the root's side. */
static void put_branches(struct out *o, const struct trace_tree *t, int i)
{
	char last[TRACE_MAX_SPANS];
	int n = 0;

	for (int at = i; t->row[at].parent >= 0; at = t->row[at].parent)
		last[n++] = next_shown(t, at) < 0;
	while (n--)
		out_str(o, n ? (last[n] ? "   " : "│  ") : (last[n] ? "└─ " : "├─ "));
}

static void put_doubts(struct out *o, const struct trace_style *style, const struct span *s)
{
	const char *error = span_error_name(s->error);
	const struct attr *reason = error ? span_reason(s) : NULL;
	char buf[SPAN_TEXT_MAX];

	if (error) {
		color(o, style, COLOR_ERROR);
		out_str(o, " error=");
		out_str(o, error);
		if (reason) {
			struct str word = attr_text(reason, buf);

			out_char(o, ' ');
			out_safe(o, word.p, word.n);
		}
		color(o, style, COLOR_OFF);
	}
	for (unsigned bit = 0; bit < SPAN_INCOMPLETE_BITS; bit++) {
		if (!(s->incomplete & 1u << bit))
			continue;
		out_char(o, ' ');
		out_str(o, span_incomplete_name(bit));
	}
}

/* What is not in self. */
static void put_network(struct out *o, const struct trace_style *style, const struct span *s)
{
	char buf[NETWORK_TEXT_MAX];
	struct str text = network_text(s, buf);

	if (!text.p)
		return;
	color(o, style, COLOR_CRITICAL);
	out_char(o, ' ');
	out_bytes(o, text.p, text.n);
	color(o, style, COLOR_OFF);
}

static void put_row(struct out *o, const struct trace_style *style, const struct trace_tree *t,
		    int i)
{
	const struct trace_row *r = &t->row[i];
	const struct span *s = r->span;
	size_t line = begin_line(o);

	put_duration(o, r->start - t->start);
	put_duration(o, r->times ? r->total : s->duration_ns);
	if (r->critical)
		put_duration(o, r->times ? r->total_self : r->self);
	else
		out_str(o, "       ·");
	put_bar(o, style, t, r);
	put_branches(o, t, i);
	if (r->critical)
		color(o, style, COLOR_CRITICAL);
	put_name(o, t, r);
	color(o, style, COLOR_OFF);
	out_char(o, ' ');
	if (r->times) {
		put_calls(o, style, r);
	} else {
		put_request(o, style, s);
		put_network(o, style, s);
	}
	put_doubts(o, style, s);
	if (s->has_parent && s->link) {
		color(o, style, COLOR_FAINT);
		out_str(o, r->parent >= 0 ? " (" : " (parent not seen, ");
		out_str(o, s->link);
		out_char(o, ')');
		color(o, style, COLOR_OFF);
	}
	clip_line(o, style, line);
	out_char(o, '\n');
}

/* Depth first, without recursion. */
static void put_rows(struct out *o, const struct trace_style *style, const struct trace_tree *t)
{
	int i = t->root;

	while (i >= 0) {
		put_row(o, style, t, i);
		if (first_shown(t, i) >= 0) {
			i = first_shown(t, i);
			continue;
		}
		while (i >= 0 && next_shown(t, i) < 0)
			i = t->row[i].parent;
		if (i >= 0)
			i = next_shown(t, i);
	}
}

/* ---- where the time went */

static void add_share(struct trace_share *shares, int *n, const char *what, const char *name,
		      uint64_t ns)
{
	int i = 0;

	if (!ns)
		return;
	while (i < *n && (strcmp(shares[i].what, what) || strcmp(shares[i].name, name)))
		i++;
	if (i == TRACE_SHARES)
		return;
	if (i == *n) {
		shares[i].what = what;
		shares[i].ns = 0;
		memcpy(shares[i].name, name, strlen(name) + 1);
		(*n)++;
	}
	shares[i].ns += ns;
}

static int by_share(const void *a, const void *b)
{
	const struct trace_share *x = a, *y = b;

	return x->ns < y->ns ? 1 : x->ns > y->ns ? -1 : 0;
}

int trace_shares(const struct trace_tree *t, struct trace_share *shares)
{
	int n = 0;

	for (int i = 0; i < t->n; i++) {
		const struct trace_row *r = &t->row[i];
		const struct span *s = r->span;
		char name[TRACE_NAME_MAX];
		uint64_t queue = 0;

		if (!r->critical)
			continue;
		name_server(t, r, name);
		add_share(shares, &n,
			  span_attr(s, ATTR(window)) ? "network: closed window, "
						     : "network: retransmissions to ",
			  name, r->network);
		if (s->kind == SPAN_CLIENT) {
			add_share(shares, &n, r->child >= 0 ? "network to " : "", name, r->self);
			continue;
		}
		if (s->queue_ns != SPAN_UNKNOWN)
			queue = s->queue_ns < r->self ? s->queue_ns : r->self;
		add_share(shares, &n, "queue of ", name, queue);
		add_share(shares, &n, "", name, r->self - queue);
	}
	qsort(shares, (size_t)n, sizeof(*shares), by_share);
	return n;
}

static void put_shares(struct out *o, const struct trace_style *style, const struct trace_tree *t)
{
	const struct trace_row *root = &t->row[t->longest];
	uint64_t all = root->end - root->start;
	struct trace_share shares[TRACE_SHARES];
	int n = trace_shares(t, shares);
	size_t line;

	if (!n || !all)
		return;
	line = begin_line(o);
	color(o, style, COLOR_CRITICAL);
	out_str(o, "  critical path:");
	color(o, style, COLOR_OFF);
	for (int i = 0; i < n && i < SHOWN_SHARES; i++) {
		out_str(o, i ? ", " : " ");
		out_str(o, shares[i].what);
		out_safe(o, shares[i].name, strlen(shares[i].name));
		out_char(o, ' ');
		put_short(o, shares[i].ns);
		out_str(o, " (");
		put_number(o, (shares[i].ns * 100 + all / 2) / all);
		out_str(o, "%)");
	}
	clip_line(o, style, line);
	out_char(o, '\n');
}

/* ---- the trace */

static void put_title(struct out *o, struct trace_style *style, const struct trace_tree *t,
		      unsigned more, int unfinished)
{
	unsigned errors = 0;
	size_t line = begin_line(o);

	for (int i = 0; i < t->n; i++)
		errors += t->row[i].span->error != SPAN_OK;
	color(o, style, COLOR_CRITICAL);
	out_commit(o, fmt_time(out_reserve(o, FMT_TIME_MAX), &style->clock, t->start));
	out_str(o, "  trace ");
	out_commit(o, fmt_hex(out_reserve(o, 2 * TRACE_ID_LEN), t->row[0].span->trace_id,
			      o->columns && o->columns < WIDE ? SHORT_ID : TRACE_ID_LEN));
	out_str(o, "  ");
	put_short(o, t->end - t->start);
	out_str(o, ", ");
	put_number(o, (uint64_t)t->n + more);
	out_str(o, t->n + (int)more == 1 ? " span" : " spans");
	if (errors) {
		out_str(o, ", ");
		put_number(o, errors);
		out_str(o, errors == 1 ? " error" : " errors");
	}
	if (unfinished)
		out_str(o, ", not finished");
	color(o, style, COLOR_OFF);
	clip_line(o, style, line);
	out_char(o, '\n');
	color(o, style, COLOR_FAINT);
	out_str(o, "   start    took    self\n");
	color(o, style, COLOR_OFF);
}

void trace_print(struct out *o, struct trace_style *style, const struct trace_tree *t,
		 unsigned more, int unfinished)
{
	if (!t->n)
		return;
	put_title(o, style, t, more, unfinished);
	put_rows(o, style, t);
	if (more) {
		out_str(o, "  and ");
		put_number(o, more);
		out_str(o, " more\n");
	}
	put_shares(o, style, t);
	out_char(o, '\n');
}
