/*
 * show.c - figures and spans as short texts
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/tui/tui_impl.h"
#include "parsers/attrs.h"
#include "sinks/format.h"

static struct str between(const char *from, const char *to)
{
	return (struct str){ from, (size_t)(to - from) };
}

static struct str printed(char *buf, int n)
{
	return (struct str){ buf, n > 0 ? (size_t)n : 0 };
}

struct str tui_duration(char *buf, uint64_t ns)
{
	return between(buf, fmt_short_duration(buf, ns));
}

struct str tui_size(char *buf, uint64_t bytes)
{
	if (bytes == SPAN_UNKNOWN)
		return (struct str){ "-", 1 };
	return between(buf, fmt_size(buf, bytes));
}

struct str tui_count(char *buf, uint64_t n)
{
	if (n < 10000)
		return printed(buf, snprintf(buf, 32, "%llu", (unsigned long long)n));
	if (n < 1000000)
		return printed(buf, snprintf(buf, 32, "%.1fk", (double)n / 1e3));
	if (n < 1000000000)
		return printed(buf, snprintf(buf, 32, "%.2fM", (double)n / 1e6));
	return printed(buf, snprintf(buf, 32, "%.2fG", (double)n / 1e9));
}

struct str tui_rate(char *buf, double rate)
{
	if (rate == 0)
		return (struct str){ "0", 1 };
	if (rate < 99.95)
		return printed(buf, snprintf(buf, 32, "%.1f", rate));
	if (rate < 9999.5)
		return printed(buf, snprintf(buf, 32, "%.0f", rate));
	return printed(buf, snprintf(buf, 32, "%.1fk", rate / 1e3));
}

/* None is told from few: "0" and "<.1". */
struct str tui_percent(char *buf, uint64_t part, uint64_t whole)
{
	double p = whole ? 100.0 * (double)part / (double)whole : 0;

	if (!part)
		return (struct str){ "0", 1 };
	if (p < 0.1)
		return (struct str){ "<.1", 3 };
	return printed(buf, snprintf(buf, 32, p < 99.95 ? "%.1f" : "%.0f", p));
}

struct str tui_clock(char *buf, uint64_t wall_ns)
{
	time_t t = (time_t)(wall_ns / 1000000000);
	struct tm tm = { 0 };

	localtime_r(&t, &tm);
	return printed(buf, snprintf(buf, 32, "%02d:%02d:%02d.%03u", tm.tm_hour, tm.tm_min,
				     tm.tm_sec, (unsigned)(wall_ns / 1000000 % 1000)));
}

struct str tui_window(const struct tui *t, char *buf)
{
	const struct red *r = model_red(&t->model, RED_BY_ROUTE);
	uint64_t since = r->base_since > r->since ? r->base_since : r->since;
	int whole = since == t->model.now->f.all[RED_BY_ROUTE].since;
	char clock[32], end[32];

	if (t->past_to) {
		tui_clock(clock, since > t->model.from ? since : t->model.from);
		tui_clock(end, t->past_to);
		if (t->past_to == UINT64_MAX)
			strcpy(end, "end");
		return printed(buf, snprintf(buf, 32, "%.8s-%.8s", clock, end));
	}
	if (t->window && (whole || t->vitals.now >= since + t->window * 1000000000ull))
		return printed(buf, snprintf(buf, 32, t->window < 60 ? "%us" : "%um",
					     t->window < 60 ? t->window : t->window / 60));
	if (whole)
		return printed(buf, snprintf(buf, 32, "all"));
	tui_clock(clock, since);
	return printed(buf, snprintf(buf, 32, "since %.8s", clock));
}

enum style tui_status_style(const struct span *s)
{
	if (s->error != SPAN_OK || s->status >= 500)
		return STYLE_ERROR;
	return s->status >= 400 || span_failed_by_status(s) ? STYLE_SLOW : STYLE_TEXT;
}

struct str tui_callee(const struct span *s, char *buf)
{
	if (s->kind != SPAN_CLIENT)
		return (struct str){ NULL, 0 };
	if (s->peer_service)
		return str_of(s->peer_service);
	return s->has_addr && span_process(s) ? tui_endpoint(buf, s->server_addr, s->server_port) :
						(struct str){ NULL, 0 };
}

enum style tui_slow_style(const struct tui *t, const struct span *s)
{
	return model_slow(&t->model, s) ? STYLE_SLOW : STYLE_TEXT;
}

enum style tui_duration_style(uint64_t ns)
{
	return ns != SPAN_UNKNOWN && ns >= TUI_SLOW_NS ? STYLE_SLOW : STYLE_TEXT;
}

struct str tui_method(const struct span *s)
{
	if (s->method.p)
		return s->method;
	return str_of(s->protocol->flags & NAME_CONNECTION ? "TLS" : "-");
}

/* A status, or why there is none: a reason says more than "reset". */
struct str tui_status(char *buf, const struct span *s)
{
	struct str status = span_status(s, buf);
	const struct attr *reason = span_reason(s);

	if (reason && reason->def->type != ATTR_STRING && s->status <= 0)
		return attr_text(reason, buf);
	return status.p ? status : str_of("-");
}

struct str tui_endpoint(char *buf, const uint8_t addr[16], uint16_t port)
{
	char *p = buf;
	int v6 = !addr_is_ipv4(addr);

	if (v6)
		*p++ = '[';
	p = fmt_addr(p, addr);
	if (v6)
		*p++ = ']';
	*p++ = ':';
	return between(buf, fmt_u64(p, port));
}

static size_t append(char *buf, size_t cap, size_t n, struct str s)
{
	size_t room = cap - n;

	if (s.n > room)
		s.n = room;
	if (s.p)
		memcpy(buf + n, s.p, s.n);
	return n + (s.p ? s.n : 0);
}

struct str tui_target(const struct tui *t, const struct span *s, char *buf, size_t cap)
{
	char part[TEXT_MAX];
	size_t n = 0;

	if (!s->path.p && s->protocol->flags & NAME_CONNECTION && span_attr(s, ATTR(tls_sni)))
		return span_attr_str(s, ATTR(tls_sni));
	if (!s->path.p)
		return (struct str){ "-", 1 };
	n = append(buf, cap, n, text_redacted(s->path, 0, t->opt.redact, part, sizeof(part)));
	if (s->query.p) {
		n = append(buf, cap, n, (struct str){ "?", 1 });
		n = append(buf, cap, n,
			   text_redacted(s->query, 1, t->opt.redact, part, sizeof(part)));
	}
	return (struct str){ buf, n };
}

#define NARROW 40 /* columns: with fewer, what is asked is worth more than who asks */

static int put_who(struct screen *s, int y, int x, int end, const struct tree_name *n)
{
	const char *who = span_process(n->span), *arrow = screen__ascii(s) ? " -> " : " → ";
	char peer[64];
	struct str called = tui_callee(n->span, peer);
	int at = x;

	if (called.p && end - x < NARROW && who && n->above && !strcmp(who, n->above))
		arrow++;
	else if (who || !n->method.p)
		at += screen__safe(s, y, at, end - at, n->style, CUT_END, str_of(who ? who : "-"));
	if (called.p) {
		at += screen__put(s, y, at, end - at, STYLE_DIM, arrow);
		at += screen__safe(s, y, at, end - at, STYLE_TEXT, CUT_END, called);
	}
	return at;
}

void tui_tree_name(struct screen *s, int y, int x, int width, const struct tree_name *n)
{
	int at = x, end = x + width, depth = n->depth, who, behind;
	char calls[24] = "";

	/* deep trees must leave room for the name */
	if (2 * depth > width / 2)
		depth = width / 4;
	at += 2 * (depth > 0 ? depth - 1 : 0);
	if (depth)
		at += screen__put(s, y, at, end - at, STYLE_DIM, n->last ? "└ " : "├ ");
	who = put_who(s, y, at, end, n);
	at = who > at ? who + 1 : at;
	if (n->times > 1)
		snprintf(calls, sizeof(calls), " ×%u", n->times);
	behind = (int)text_width(calls, strlen(calls));
	if (n->method.p && !fmt_begins_with_word(n->target, n->method))
		at += screen__safe(s, y, at, end - behind - at, STYLE_TEXT, CUT_END, n->method) + 1;
	if (n->target.p)
		at += screen__safe(s, y, at, end - behind - at, STYLE_TEXT, CUT_MIDDLE, n->target);
	screen__put(s, y, at, end - at, STYLE_STRONG, calls);
}

int tui_unseen(struct screen *s, int y, int height, unsigned unseen)
{
	char text[64];

	if (!unseen || height < 3)
		return height;
	snprintf(text, sizeof(text), "%u more are not looked at", unseen);
	screen__put(s, y + height - 1, 0, screen__width(s), STYLE_SLOW, text);
	return height - 1;
}
