/*
 * report_page.c - the page itself: one file, without scripts, that asks for nothing from elsewhere
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "parsers/redact.h"
#include "sinks/format.h"
#include "sinks/html.h"
#include "sinks/report.h"
#include "sinks/safe.h"
#include "sinks/trace_print.h"

#define TREE_DEPTH 8
#define TREE_ROWS 60u

static const char head[] =
	"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
	"'unsafe-inline'\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">"
	"<meta name=\"color-scheme\" content=\"light dark\">\n<style>\n"
	":root{color-scheme:light dark;--bg:#fff;--fg:#1c2024;--dim:#667;--line:#dde;--red:#c62828;"
	"--amber:#a35c00;--blue:#2459a8;--cyan:#00707a;--bar:#9db8e0}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#dde3e8;--dim:#8b96a1;"
	"--line:#2c3238;--red:#ff7b72;--amber:#e3a94f;--blue:#79b0ff;--cyan:#56c8d0;"
	"--bar:#3d5a8a}}\n"
	"body{background:var(--bg);color:var(--fg);font:14px/1.45 system-ui,sans-serif;"
	"margin:1.5rem auto;max-width:80rem;padding:0 1rem}\n"
	"h1{font-size:1.3rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}\n"
	"p{margin:.3rem 0}.f{color:var(--dim)}.b{font-weight:600}.red{color:var(--red)}"
	".amber{color:var(--amber)}.blue{color:var(--blue)}.cyan{color:var(--cyan)}\n"
	"table{border-collapse:collapse;font-size:13px}th,td{text-align:right;padding:.15rem .6rem;"
	"border-bottom:1px solid var(--line);white-space:nowrap}th{color:var(--dim);"
	"font-weight:500}th.l,td.l{text-align:left;font-family:ui-monospace,monospace}\n"
	".w{overflow-x:auto}pre{font:12px/1.25 ui-monospace,monospace;margin:.3rem 0;"
	"overflow-x:auto}\n"
	".strip b{font-size:1.15rem;margin:0 1.2rem 0 .3rem}svg{width:100%;height:56px;"
	"display:block;border-bottom:1px solid var(--line)}\n"
	"summary{cursor:pointer;font-family:ui-monospace,monospace;font-size:13px}\n"
	"</style>\n";

struct page {
	struct report *r;
	struct out *o;
	struct fmt_clock clock;
	double seconds;
};

/* ---- pieces */

static void put_u64(struct out *o, uint64_t v)
{
	out_commit(o, fmt_u64(out_reserve(o, FMT_U64_MAX), v));
}

static void put_duration(struct out *o, uint64_t ns)
{
	out_commit(o, fmt_short_duration(out_reserve(o, FMT_DURATION_MAX), ns));
}

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out_str(o, text);
}

/* To the second; the day, too, if wanted. */
static void put_time(struct page *p, uint64_t ns, int day)
{
	char text[FMT_TIME_MAX];
	size_t n = (size_t)(fmt_time(text, &p->clock, ns) - text);

	if (n >= 19)
		out_bytes(p->o, day ? text : text + 11, day ? 19 : 8);
}

/* A route, without what is secret in it. */
static void put_route(struct page *p, struct str s)
{
	char public[HTML_TEXT_MAX];
	size_t n;

	if (s.p && p->r->redact && may_hold_secret(s.p, s.n)) {
		n = redact_uri(s, public, sizeof(public));
		s = (struct str){ public, n < sizeof(public) ? n : sizeof(public) };
	}
	html_text(p->o, s.p ? s : (struct str){ "-", 1 });
}

static void put_share(struct out *o, uint64_t part, uint64_t whole)
{
	if (!part)
		out_str(o, "0%");
	else
		put(o, "%.3g%%", 100.0 * (double)part / (double)(whole ? whole : part));
}

static void begin_section(struct out *o, const char *title)
{
	put(o, "<h2>%s</h2>\n", title);
}

/* Titles with bars between them; those that begin with '<' stand to the left. */
static void begin_table(struct out *o, const char *titles)
{
	out_str(o, "<div class=\"w\"><table><tr>");
	while (*titles) {
		size_t n = strcspn(titles, "|");

		out_str(o, *titles == '<' ? "<th class=\"l\">" : "<th>");
		out_bytes(o, titles + (*titles == '<'), n - (*titles == '<'));
		out_str(o, "</th>");
		titles += n + (titles[n] == '|');
	}
	out_str(o, "</tr>\n");
}

static void end_table(struct out *o)
{
	out_str(o, "</table></div>\n");
}

static void cell(struct out *o, const char *class)
{
	put(o, *class ? "<td class=\"%s\">" : "<td>", class);
}

static void end_cell(struct out *o)
{
	out_str(o, "</td>");
}

static void cell_u64(struct out *o, const char *class, uint64_t v)
{
	cell(o, v ? class : "");
	put_u64(o, v);
	end_cell(o);
}

static void cell_duration(struct out *o, uint64_t ns)
{
	cell(o, "");
	put_duration(o, ns);
	end_cell(o);
}

/* COUNT, rate, ERR%, 4xx, 5xx, P50, P90, P99, MAX of a row. */
#define FIGURES "COUNT|/s|ERR%|4xx|5xx|P50|P90|P99|MAX"

static void put_figures(struct page *p, const struct red_row *r)
{
	static const double at[] = { 50, 90, 99 };
	struct out *o = p->o;

	cell_u64(o, "", r->counts.count);
	cell(o, "");
	put(o, "%.3g", (double)r->counts.count / p->seconds);
	end_cell(o);
	cell(o, r->counts.errors ? "red" : "");
	put_share(o, r->counts.errors, r->counts.count);
	end_cell(o);
	cell_u64(o, "amber", r->counts.class[RED_4XX]);
	cell_u64(o, "red", r->counts.class[RED_5XX]);
	for (int i = 0; i < 3; i++)
		cell_duration(o, r->durations.count ? hist_percentile(&r->durations, at[i]) :
						      SPAN_UNKNOWN);
	cell_duration(o, r->durations.count ? r->durations.max : SPAN_UNKNOWN);
}

/* ---- the beginning */

static void put_heading(struct page *p, const struct sink_totals *t)
{
	time_t end = (time_t)(p->r->end / 1000000000);
	char zone[16] = "";
	struct tm tm;

	if (localtime_r(&end, &tm))
		strftime(zone, sizeof(zone), "%z", &tm);
	out_str(p->o, "<title>zctrace: ");
	html_cstr(p->o, t->what);
	out_str(p->o, "</title></head><body>\n<h1>zctrace: ");
	html_cstr(p->o, t->what);
	out_str(p->o, "</h1>\n<p class=\"f\">");
	if (p->r->spans) {
		put_time(p, p->r->begin, 1);
		out_str(p->o, " to ");
		put_time(p, p->r->end, 1);
		put(p->o, " (UTC%s), ", zone);
		put_duration(p->o, p->r->end - p->r->begin);
		out_str(p->o, "; ");
	}
	put_u64(p->o, p->r->spans);
	out_str(p->o, " spans");
	if (t->filter) {
		out_str(p->o, "; only what matches <span class=\"b\">");
		html_cstr(p->o, t->filter);
		out_str(p->o, "</span>");
	}
	out_str(p->o, "</p>\n");
}

static void put_classes(struct out *o, const struct red_counts *c)
{
	static const struct {
		const char *name, *class;
	} known[RED_CLASSES] = {
		[RED_4XX] = { "4xx", "amber" }, [RED_5XX] = { "5xx", "red" },
		[RED_STATUS] = { "not ok", "red" }, [RED_FAILED] = { "without answer", "red" },
		[RED_PROTOCOL] = { "not understood", "red" },
	};

	for (int i = 0; i < RED_CLASSES; i++)
		if (c->class[i])
			put(o, " %s <b class=\"%s\">%llu</b>", known[i].name, known[i].class,
			    (unsigned long long)c->class[i]);
}

/* A line for what is asked from outside, and for calls that nothing seen here has caused. */
static void put_strip(struct page *p)
{
	static const double at[] = { 50, 90, 99 };
	struct out *o = p->o;

	for (unsigned i = 0; i < p->r->edge.n; i++) {
		const struct red_row *r = p->r->edge.rows[i];

		put(o, "<p class=\"strip\">%s <b>%llu</b>", r->kind == SPAN_SERVER ?
		    "requests at the edge" : "calls by themselves",
		    (unsigned long long)r->counts.count);
		put(o, " per second <b>%.3g</b>", (double)r->counts.count / p->seconds);
		put_classes(o, &r->counts);
		for (int k = 0; r->durations.count && k < 3; k++) {
			put(o, " p%g <b>", at[k]);
			put_duration(o, hist_percentile(&r->durations, at[k]));
			out_str(o, "</b>");
		}
		out_str(o, "</p>\n");
	}
	if (!p->r->open)
		return;
	out_str(o, "<p class=\"red\">");
	put_u64(o, p->r->open);
	out_str(o, " had no answer yet when this ended, the oldest since ");
	put_time(p, p->r->open_since, 0);
	out_str(o, "</p>\n");
}

/* ---- over time */

static uint64_t slot_p99(const struct report_slot *s)
{
	uint64_t n = 0, seen = 0;
	unsigned b = 0;

	for (unsigned i = 0; i < RED_SPECTRUM; i++)
		n += s->spectrum[i];
	if (!n)
		return 0;
	for (; b < RED_SPECTRUM - 1; b++) {
		seen += s->spectrum[b];
		if (seen * 100 >= n * 99)
			break;
	}
	return b + 1;
}

static void put_rect(struct out *o, unsigned x, double from, double height, const char *color)
{
	if (height > 0)
		put(o, "<rect x=\"%u\" width=\"9\" y=\"%.2f\" height=\"%.2f\" "
		    "style=\"fill:var(--%s)\"/>", 10 * x, 50 - from - height, height, color);
}

static void put_tip(struct page *p, unsigned i)
{
	const struct report_slot *s = &p->r->slot[i];
	uint64_t band = slot_p99(s), end = band ? red_band_end((unsigned)band - 1) : 0;

	out_str(p->o, "<title>");
	put_time(p, p->r->slot_begin + i * p->r->slot_ns, 0);
	put(p->o, ": %.3g/s, %u errors, %u 4xx", (double)s->n * 1e9 / (double)p->r->slot_ns,
	    s->errors, s->refused);
	if (band) {
		out_str(p->o, end == UINT64_MAX ? ", p99 above " : ", p99 up to ");
		put_duration(p->o, end == UINT64_MAX ? red_band_end(RED_SPECTRUM - 2) : end);
	}
	out_str(p->o, "</title>");
}

static void put_chart(struct page *p, unsigned n, uint32_t most, int durations)
{
	put(p->o, "<svg viewBox=\"0 0 %u 50\" preserveAspectRatio=\"none\" role=\"img\">", 10 * n);
	for (unsigned i = 0; i < n; i++) {
		const struct report_slot *s = &p->r->slot[i];
		double scale = 50.0 / (double)most, bad = s->errors * scale;

		out_str(p->o, "<g>");
		put_tip(p, i);
		if (durations) {
			put_rect(p->o, i, 0, (double)slot_p99(s) * 50 / RED_SPECTRUM, "blue");
		} else {
			put_rect(p->o, i, 0, bad, "red");
			put_rect(p->o, i, bad, s->refused * scale, "amber");
			put_rect(p->o, i, bad + s->refused * scale,
				 (s->n - s->errors - s->refused) * scale, "bar");
		}
		out_str(p->o, "</g>");
	}
	out_str(p->o, "</svg>\n");
}

static void put_charts(struct page *p)
{
	const struct report *r = p->r;
	uint32_t most = 1;
	unsigned n = 0;

	for (unsigned i = 0; i < REPORT_SLOTS; i++) {
		n = r->slot[i].n ? i + 1 : n;
		most = r->slot[i].n > most ? r->slot[i].n : most;
	}
	if (n < 2)
		return;
	begin_section(p->o, "Over time");
	put(p->o, "<p class=\"f\">requests, at most %.3g/s; red: errors, amber: 4xx; ",
	    (double)most * 1e9 / (double)r->slot_ns);
	put_duration(p->o, r->slot_ns);
	out_str(p->o, " each</p>\n");
	put_chart(p, n, most, 0);
	out_str(p->o, "<p class=\"f\">p99, logarithmic, 20µs to 20s and longer</p>\n");
	put_chart(p, n, most, 1);
}

/* ---- what changed */

static int by_begin(const void *a, const void *b)
{
	const struct report_change *x = a, *y = b;

	return (x->c.since > y->c.since) - (x->c.since < y->c.since);
}

static void put_changes(struct page *p)
{
	static const char *const what[] = { "p99", "errors", "4xx" };
	struct out *o = p->o;

	if (!p->r->nchanges)
		return;
	qsort(p->r->change, p->r->nchanges, sizeof(*p->r->change), by_begin);
	begin_section(o, "What changed");
	begin_table(o, "<SINCE|<WHAT|BEFORE|AFTER|REQUESTS BEFORE|AFTER");
	for (unsigned i = 0; i < p->r->nchanges; i++) {
		const struct report_change *c = &p->r->change[i];

		out_str(o, "<tr><td class=\"l\">");
		put_time(p, c->c.since, 0);
		put(o, "</td><td class=\"l\">%s of ", what[c->c.kind]);
		put_route(p, (struct str){ c->what, strlen(c->what) });
		end_cell(o);
		if (c->c.kind == RED_SLOWER) {
			cell_duration(o, (uint64_t)c->c.before);
			cell_duration(o, (uint64_t)c->c.after);
		} else {
			put(o, "<td>%.3g%%</td><td class=\"red\">%.3g%%</td>", 100 * c->c.before,
			    100 * c->c.after);
		}
		cell_u64(o, "", c->c.nbefore);
		cell_u64(o, "", c->c.nafter);
		out_str(o, "</tr>\n");
	}
	end_table(o);
	out_str(o, "<p class=\"f\">compared with the five minutes before, where there is more than "
		   "chance</p>\n");
}

/* ---- who calls whom */

struct walk {
	struct page *p;
	const struct red_row *shown[TREE_ROWS];
	unsigned n;
	uint64_t whole;
};

static int is_name(struct str a, struct str b)
{
	return a.p && b.p && a.n == b.n && !memcmp(a.p, b.p, a.n);
}

/* The service that a row leads to: that which is called, or of a server's row itself. */
static struct str leads_to(const struct red_row *r)
{
	return r->kind == SPAN_SERVER ? r->service : r->name;
}

static void put_hop(struct walk *w, const struct red_row *r, int depth)
{
	struct out *o = w->p->o;
	double share = w->whole ? 100.0 * (double)r->durations.sum / (double)w->whole : 0;

	w->shown[w->n++] = r;
	out_str(o, "<tr><td class=\"l\">");
	for (int i = 0; i < depth; i++)
		out_str(o, i < depth - 1 ? "&nbsp;&nbsp;" : "└ ");
	html_text(o, leads_to(r).p ? leads_to(r) : (struct str){ "-", 1 });
	out_str(o, "</td>");
	put_figures(w->p, r);
	put(o, "<td>%.0f%%</td></tr>\n", share > 100 ? 100 : share);
}

static int by_count(const void *a, const void *b)
{
	const struct red_row *x = *(struct red_row *const *)a, *y = *(struct red_row *const *)b;

	if (x->counts.count != y->counts.count)
		return x->counts.count < y->counts.count ? 1 : -1;
	return (x->id > y->id) - (x->id < y->id);
}

/* A service that calls itself, or is called back, is not gone into again. */
static void put_calls(struct walk *w, const struct red *t, struct str caller, int depth)
{
	for (unsigned i = 0; i < t->n && depth < TREE_DEPTH && w->n < TREE_ROWS; i++) {
		const struct red_row *r = t->rows[i];
		int again = 0;

		if (r->kind != SPAN_CLIENT || !is_name(r->service, caller))
			continue;
		for (unsigned k = 0; k < w->n; k++)
			again |= is_name(leads_to(w->shown[k]), r->name);
		put_hop(w, r, depth);
		if (!again)
			put_calls(w, t, r->name, depth + 1);
	}
}

static int is_shown(const struct walk *w, const struct red_row *r)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->shown[i] == r)
			return 1;
	return 0;
}

static void put_services(struct page *p)
{
	struct red *t = &p->r->hops;
	struct walk w = { .p = p };

	if (!t->n)
		return;
	qsort(t->rows, t->n, sizeof(*t->rows), by_count);
	for (unsigned i = 0; i < t->n; i++)
		if (t->rows[i]->kind == SPAN_SERVER)
			w.whole += t->rows[i]->durations.sum;
	begin_section(p->o, "Who calls whom");
	begin_table(p->o, "<SERVICE|" FIGURES "|TIME");
	for (unsigned i = 0; i < t->n && w.n < TREE_ROWS; i++)
		if (t->rows[i]->kind == SPAN_SERVER) {
			put_hop(&w, t->rows[i], 0);
			put_calls(&w, t, t->rows[i]->service, 1);
		}
	/* callers that nobody asks here */
	for (unsigned i = 0; i < t->n && w.n < TREE_ROWS; i++)
		if (!is_shown(&w, t->rows[i]))
			put_hop(&w, t->rows[i], 1);
	end_table(p->o);
}

/* ---- routes */

static void put_routes(struct page *p)
{
	struct red *t = &p->r->routes;
	struct out *o = p->o;

	if (!t->n)
		return;
	qsort(t->rows, t->n, sizeof(*t->rows), by_count);
	begin_section(o, "Routes");
	begin_table(o, "<KIND|<METHOD|<ROUTE|<SERVICE|" FIGURES);
	for (unsigned i = 0; i < t->n && i < REPORT_ROWS; i++) {
		const struct red_row *r = t->rows[i];

		put(o, "<tr><td class=\"l\">%s</td><td class=\"l\">",
		    r->kind == SPAN_CLIENT ? "client" : r->edge ? "server" : "hop");
		html_text(o, r->method.p ? r->method : (struct str){ "-", 1 });
		out_str(o, "</td><td class=\"l\">");
		put_route(p, r->name);
		out_str(o, "</td><td class=\"l\">");
		html_text(o, r->service.p ? r->service : (struct str){ "-", 1 });
		end_cell(o);
		put_figures(p, r);
		out_str(o, "</tr>\n");
	}
	end_table(o);
	if (t->n > REPORT_ROWS)
		put(o, "<p class=\"f\">and %u more, that were asked less</p>\n",
		    t->n - REPORT_ROWS);
}

/* ---- traces */

static void put_label(struct page *p, const struct trace *t)
{
	const struct trace_tree *tree = &p->r->tree;
	const struct span *s = tree->row[tree->longest >= 0 ? tree->longest : 0].span;
	const char *process = span_process(s);
	char buf[SPAN_TEXT_MAX];
	struct str status = span_status(s, buf);

	put_time(p, tree->start, 0);
	out_str(p->o, " <span class=\"b\">");
	put_duration(p->o, t->took ? t->took : SPAN_UNKNOWN);
	put(p->o, "</span> <span class=\"%s\">", t->failed ? "red" : "");
	html_text(p->o, status.p ? status : (struct str){ "-", 1 });
	out_str(p->o, "</span> ");
	if (process) {
		html_cstr(p->o, process);
		out_char(p->o, ' ');
	}
	if (s->method.p) {
		html_text(p->o, s->method);
		out_char(p->o, ' ');
	}
	put_route(p, s->route.p ? s->route : s->path);
}

static void put_trace(struct page *p, struct out *text, const struct trace *t, int open)
{
	struct trace_style style = { .redact = p->r->redact, .color = 1 };
	unsigned more;

	trace_tree_build(&p->r->tree, t->span, t->n);
	trace_tree_fold(&p->r->tree);
	text->n = 0;
	trace_print(text, &style, &p->r->tree, t->more, t->unfinished);
	out_str(p->o, open ? "<details open><summary>" : "<details><summary>");
	put_label(p, t);
	out_str(p->o, "</summary><pre>");
	more = html_terminal(p->o, text->buf, text->n, REPORT_TRACE_LINES);
	out_str(p->o, "</pre>");
	if (more)
		put(p->o, "<p class=\"f\">and %u lines more</p>", more);
	out_str(p->o, "</details>\n");
}

static void put_traces(struct page *p, const char *title, const struct trace_rank *rank)
{
	struct out text;

	if (!rank->n || out_init_memory(&text))
		return;
	text.columns = REPORT_TRACE_COLUMNS;
	begin_section(p->o, title);
	for (unsigned i = 0; i < rank->n; i++)
		put_trace(p, &text, rank->v[i], !i);
	out_release(&text);
}

/* ---- the network, and what is in doubt */

static void put_network(struct page *p)
{
	struct out *o = p->o;

	if (!p->r->npeers)
		return;
	begin_section(o, "The network, and requests without an answer");
	begin_table(o, "<FROM|<TO|SPANS|SENT AGAIN|NETWORK|NOT READ|TIMEOUT|RESET|CLOSED|REFUSED|"
		    "UNREACHABLE|NO ADDRESS|HANDSHAKE");
	for (unsigned i = 0; i < p->r->npeers; i++) {
		const struct report_peer *n = &p->r->peer[i];
		static const enum span_error errors[] = {
			SPAN_ERR_TIMEOUT,    SPAN_ERR_RESET,	   SPAN_ERR_CLOSED,
			SPAN_ERR_REFUSED,    SPAN_ERR_UNREACHABLE, SPAN_ERR_NO_ADDRESS,
			SPAN_ERR_HANDSHAKE };

		out_str(o, "<tr><td class=\"l\">");
		html_cstr(o, n->who);
		out_str(o, "</td><td class=\"l\">");
		html_cstr(o, n->whom);
		end_cell(o);
		cell_u64(o, "", n->spans);
		cell_u64(o, "amber", n->again);
		cell_duration(o, n->net_ns);
		cell_duration(o, n->window_ns);
		for (size_t k = 0; k < sizeof(errors) / sizeof(*errors); k++)
			cell_u64(o, "red", n->failed[errors[k]]);
		out_str(o, "</tr>\n");
	}
	end_table(o);
	if (p->r->peers_more)
		put(o, "<p class=\"f\">and %llu spans of others</p>\n",
		    (unsigned long long)p->r->peers_more);
}

static void put_counted(struct out *o, uint64_t n, const char *what)
{
	put(o, "<li class=\"%s\">%llu %s</li>\n", n ? "amber" : "f", (unsigned long long)n, what);
}

static void put_doubts(struct page *p, const struct sink_totals *t)
{
	struct out *o = p->o;

	begin_section(o, "What could not be seen");
	out_str(o, "<ul>\n");
	put_counted(o, t->lost_events, "events lost");
	put_counted(o, t->uncaptured_bytes, "bytes not captured");
	put_counted(o, t->unparsed_bytes, "bytes not understood");
	put_counted(o, p->r->doubtful, "spans in doubt");
	for (unsigned bit = 0; bit < SPAN_INCOMPLETE_BITS; bit++)
		if (p->r->incomplete[bit])
			put_counted(o, p->r->incomplete[bit], span_incomplete_name(bit));
	out_str(o, "</ul>\n");
	if (p->r->nnotes)
		out_str(o, "<ul>\n");
	for (unsigned i = 0; i < p->r->nnotes; i++) {
		const struct report_note *n = &p->r->note[i];

		out_str(o, "<li>");
		if (n->time_ns)
			put_time(p, n->time_ns, 0);
		out_char(o, ' ');
		html_cstr(o, n->text[0] ? n->text : n->name);
		if (n->times > 1)
			put(o, " (%llu times)", (unsigned long long)n->times);
		out_str(o, "</li>\n");
	}
	if (p->r->nnotes)
		out_str(o, "</ul>\n");
	if (p->r->notes_more)
		put(o, "<p class=\"f\">and %llu notes more</p>\n",
		    (unsigned long long)p->r->notes_more);
}

void report_page(struct report *r, const struct sink_totals *t)
{
	struct page p = { .r = r, .o = r->out };

	p.seconds = r->end > r->begin ? (double)(r->end - r->begin) / 1e9 : 1;
	out_str(p.o, head);
	put_heading(&p, t);
	put_strip(&p);
	put_changes(&p);
	put_charts(&p);
	put_services(&p);
	put_routes(&p);
	put_traces(&p, "Failed, one of each kind", &r->failed);
	put_traces(&p, "The slowest", &r->slowest);
	put_network(&p);
	put_doubts(&p, t);
	out_str(p.o, "<p class=\"f\">An error is a 5xx of a server, a 4xx or 5xx that a client "
		     "got, no answer, or a protocol's own failure. Times are this host's.</p>\n"
		     "</body></html>\n");
}
