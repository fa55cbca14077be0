/*
 * brief.c - one short line per span, for eyes
 *
 * When it ended, how, how long it took, what was asked, who asked whom, bytes there and back, and
 * what is wrong with it. On a terminal a line is as wide as that at most: then the bytes go first,
 * the ends next, and what was asked is cut.
 */
#include <stdlib.h>

#include "parsers/attrs.h"
#include "parsers/redact.h"
#include "sinks/format.h"
#include "sinks/network_text.h"
#include "sinks/safe.h"
#include "sinks/sink.h"

#define PIECE_BYTES 512u /* what is longer is cut, on a terminal or not */
#define PIECE_MAX (PIECE_BYTES * SAFE_GROWTH + 16)
#define TIME_COLUMNS 12u
#define STATUS_COLUMNS 3u
#define DURATION_COLUMNS 6u
#define ENDS_LEAST 12u
#define ENDS_MOST 28u
#define SIZES_COLUMNS 15u
#define REQUEST_LEAST 12u

#define COLOR_OFF "\033[0m"
#define COLOR_BOLD "\033[1m"
#define COLOR_FAINT "\033[2m"
#define COLOR_RED "\033[31m"
#define COLOR_GREEN "\033[32m"
#define COLOR_YELLOW "\033[33m"
#define COLOR_CYAN "\033[36m"

struct brief {
	struct sink sink;
	struct out *out;
	struct fmt_clock clock;
	int redact, color;
};

struct piece {
	char text[PIECE_MAX];
	size_t n, width; /* bytes; columns */
};

static void add(struct piece *p, const char *s, size_t n)
{
	if (p->n + n * SAFE_GROWTH > sizeof(p->text)) {
		size_t room = (sizeof(p->text) - p->n) / SAFE_GROWTH;

		n = n < room ? n : room;
	}
	p->n = (size_t)(safe_text(p->text + p->n, s, n) - p->text);
}

static void add_str(struct piece *p, const char *s)
{
	add(p, s, strlen(s));
}

/* UTF-8 of ours passes as it is. */
static void measure(struct piece *p)
{
	p->width = text_width(p->text, p->n);
}

/* ---- what is told */

static void add_path(const struct brief *b, struct piece *p, struct str s)
{
	char public[PIECE_BYTES];
	size_t n = s.n < PIECE_BYTES ? s.n : PIECE_BYTES;

	if (b->redact && may_hold_secret(s.p, s.n)) {
		n = redact_uri(s, public, sizeof(public));
		s.p = public;
		n = n < sizeof(public) ? n : sizeof(public);
	}
	add(p, s.p, n);
	if (s.n > PIECE_BYTES)
		add_str(p, "…");
}

static void tell_request(const struct brief *b, struct piece *p, const struct span *s)
{
	struct str sni = span_attr_str(s, ATTR(tls_sni));

	if (s->protocol->flags & NAME_CONNECTION) {
		add_str(p, "TLS ");
		add(p, sni.p ? sni.p : "-", sni.p ? sni.n : 1);
	} else {
		if (s->method.p && !(s->protocol->flags & NAME_FIXED_METHOD)) {
			add(p, s->method.p, s->method.n < 64 ? s->method.n : 64);
			add_str(p, " ");
		}
		if (s->route.p || s->path.p)
			add_path(b, p, s->route.p ? s->route : s->path);
		else
			add_str(p, "-");
	}
	measure(p);
}

static void add_end(struct piece *p, const struct span *s, int server)
{
	const char *name = server == (s->kind == SPAN_SERVER) ? span_process(s) : s->peer_service;
	char text[FMT_ADDR_MAX + FMT_U64_MAX + 4], *end = text;

	if (name) {
		add(p, name, strlen(name) < 64 ? strlen(name) : 64);
		return;
	}
	if (!s->has_addr) {
		add_str(p, "-");
		return;
	}
	end = fmt_addr(end, server ? s->server_addr : s->client_addr);
	if (server) { /* a client's says nothing */
		*end++ = ':';
		end = fmt_u64(end, s->server_port);
	}
	add(p, text, (size_t)(end - text));
}

static void tell_ends(struct piece *p, const struct span *s)
{
	add_end(p, s, 0);
	add_str(p, " → ");
	add_end(p, s, 1);
	measure(p);
}

static char *put_bytes(char *p, uint64_t v)
{
	return v == SPAN_UNKNOWN ? FMT_LIT(p, "?") : fmt_size(p, v);
}

static void tell_sizes(struct piece *p, const struct span *s)
{
	char *end = put_bytes(p->text, s->req_bytes);

	*end++ = '/';
	p->n = (size_t)(put_bytes(end, s->resp_bytes) - p->text);
	measure(p);
}

/* Is the status told, and the error, if there is one, beside it? */
static int has_status(const struct span *s, char buf[SPAN_TEXT_MAX], struct str *status)
{
	*status = span_status(s, buf);
	return status->p && (!s->error || s->status || span_failed_by_status(s));
}

static void tell_status(struct piece *p, const struct span *s)
{
	char buf[SPAN_TEXT_MAX];
	struct str status;

	if (has_status(s, buf, &status))
		add(p, status.p, status.n);
	else
		add_str(p, "-");
	measure(p);
}

static void tell_trouble(struct piece *p, const struct span *s)
{
	const char *error = s->error == SPAN_ERR_STATUS ? NULL : span_error_name(s->error);
	const struct attr *reason = s->error ? span_reason(s) : NULL;
	char buf[SPAN_TEXT_MAX], text[NETWORK_TEXT_MAX];
	struct str network = network_text(s, text);

	if (error)
		add_str(p, error);
	if (reason) {
		struct str word = attr_text(reason, buf);

		add_str(p, error ? " " : "");
		add(p, word.p, word.n);
	}
	for (unsigned bit = 0; bit < SPAN_INCOMPLETE_BITS; bit++) {
		if (!(s->incomplete & 1u << bit))
			continue;
		add_str(p, p->n ? " " : "");
		add_str(p, span_incomplete_name(bit));
	}
	if (network.p) {
		add_str(p, p->n ? " " : "");
		add(p, network.p, network.n);
	}
	measure(p);
}

/* ---- the line */

static const char *status_color(const struct span *s)
{
	if (s->error || s->status >= 500)
		return COLOR_RED;
	if (s->status >= 400)
		return COLOR_YELLOW;
	return s->status >= 300 ? COLOR_CYAN : s->status || s->protocol->status ? COLOR_GREEN : "";
}

static void put_blanks(struct out *o, size_t n)
{
	while (n--)
		out_char(o, ' ');
}

/* Within so many columns, filled up to them unless nothing follows. */
static void put_piece(struct brief *b, const char *color, const struct piece *p, size_t columns,
		      int fill)
{
	size_t n = p->n, used = p->width;

	if (b->color)
		out_str(b->out, color);
	if (used > columns) {
		n = text_cut(p->text, p->n, columns - 1);
		used = text_width(p->text, n) + 1;
	}
	out_bytes(b->out, p->text, n);
	if (p->width > columns)
		out_str(b->out, "…");
	if (b->color && *color)
		out_str(b->out, COLOR_OFF);
	if (fill && used < columns)
		put_blanks(b->out, columns - used);
}

static void put_time(struct brief *b, const struct span *s)
{
	char text[FMT_TIME_MAX], *end = fmt_time(text, &b->clock, span_end(s));
	char *clock = memchr(text, ' ', (size_t)(end - text));

	if (b->color)
		out_str(b->out, COLOR_FAINT);
	out_bytes(b->out, clock ? clock + 1 : text, TIME_COLUMNS);
	if (b->color)
		out_str(b->out, COLOR_OFF);
	out_str(b->out, "  ");
}

static void put_duration(struct brief *b, uint64_t ns)
{
	char text[FMT_DURATION_MAX];
	size_t n = (size_t)(fmt_short_duration(text, ns) - text), width = text_width(text, n);

	put_blanks(b->out, width < DURATION_COLUMNS ? DURATION_COLUMNS - width : 0);
	out_bytes(b->out, text, n);
	out_str(b->out, "  ");
}

struct room {
	size_t request, ends, sizes, trouble; /* columns; 0: left out */
};

/* What is told beside the request, in so many columns. */
static struct room share_out(size_t columns, const struct piece *trouble)
{
	struct room r = { 0 };
	size_t left = columns > REQUEST_LEAST ? columns - REQUEST_LEAST : 0;

	r.trouble = trouble->width && left > 2 ? trouble->width : 0;
	if (r.trouble > left - 2 && r.trouble)
		r.trouble = left - 2;
	left -= r.trouble ? r.trouble + 2 : 0;
	if (left >= ENDS_LEAST + 2) {
		r.ends = columns / 3 < ENDS_LEAST ? ENDS_LEAST :
			 columns / 3 > ENDS_MOST ? ENDS_MOST : columns / 3;
		r.ends = r.ends > left - 2 ? left - 2 : r.ends;
		left -= r.ends + 2;
	}
	if (r.ends && left >= SIZES_COLUMNS + 2) {
		r.sizes = SIZES_COLUMNS;
		left -= r.sizes + 2;
	}
	r.request = columns > REQUEST_LEAST ? REQUEST_LEAST + left : columns;
	return r;
}

static void put_rest(struct brief *b, const struct span *s, size_t columns)
{
	struct piece request = { .n = 0 }, ends = { .n = 0 }, sizes = { .n = 0 },
		     trouble = { .n = 0 };
	struct room r = { SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX };
	int fill = columns != SIZE_MAX;

	tell_request(b, &request, s);
	tell_trouble(&trouble, s);
	if (fill)
		r = share_out(columns, &trouble);
	put_piece(b, COLOR_BOLD, &request, r.request, fill && (r.ends || r.trouble));
	if (r.ends) {
		tell_ends(&ends, s);
		out_str(b->out, "  ");
		put_piece(b, "", &ends, r.ends, fill && (r.sizes || r.trouble));
	}
	if (r.sizes) {
		tell_sizes(&sizes, s);
		out_str(b->out, "  ");
		put_piece(b, COLOR_FAINT, &sizes, r.sizes, fill && r.trouble);
	}
	if (r.trouble && trouble.n) {
		out_str(b->out, "  ");
		put_piece(b, s->error ? COLOR_RED : COLOR_YELLOW, &trouble, r.trouble, 0);
	}
}

static void brief_span(struct sink *k, const struct span *s)
{
	struct brief *b = (struct brief *)k;
	struct piece status = { .n = 0 };
	size_t used = TIME_COLUMNS + 2 + DURATION_COLUMNS + 3, columns = (size_t)b->out->columns;

	tell_status(&status, s);
	used += status.width < STATUS_COLUMNS ? STATUS_COLUMNS : status.width;
	if (!columns)
		columns = SIZE_MAX;
	else
		columns = columns > used + 1 ? columns - used : 1;
	put_time(b, s);
	put_piece(b, status_color(s), &status, status.width, 0);
	put_blanks(b->out, status.width < STATUS_COLUMNS ? STATUS_COLUMNS - status.width : 0);
	out_char(b->out, ' ');
	put_duration(b, s->duration_ns);
	put_rest(b, s, columns);
	out_char(b->out, '\n');
}

static void brief_free(struct sink *k)
{
	free(k);
}

struct sink *sink_brief_new(const struct sink_options *o)
{
	static const struct sink_ops ops = {
		.span = brief_span,
		.free = brief_free,
	};
	struct brief *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->sink.ops = &ops;
	b->out = o->out;
	b->redact = o->redact;
	b->color = o->color;
	return &b->sink;
}
