/*
 * overview.c - what is wrong now, where, since when: above the routes
 *
 * Two lines of what comes in at the edge, each request once; a line for what has changed; and who
 * calls whom, the edge first. Figures are of the window, but for the lines of the last five
 * minutes.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tui/tui_impl.h"
#include "core/red_change.h"

#define SLICES ((int)(RED_WINDOW_MAX / RED_COARSE_SECONDS))
#define HOPS 64 /* lines of the tree */
#define DEPTH 8
#define NAME 40	       /* columns of a name in what has changed */
#define STRIP_LEAST 12 /* lines of the view; with fewer there is no strip */
#define TREE_LEAST 16

struct hop {
	const struct red_row *row;
	int depth, last; /* last: nothing follows at its depth under the same parent */
	struct red_counts counts;
	uint64_t p99;
	double rate, share; /* of the time of all requests at the edge; < 0: not known */
};

struct overview {
	struct tui *tui;
	enum span_kind
		kind; /* of what is at the edge: requests, or calls that nobody has asked for */
	struct red_counts counts;
	uint64_t p50, p90, p99; /* SPAN_UNKNOWN: none */
	double rate, seconds;
	unsigned open;
	uint64_t oldest; /* age in nanoseconds */
	unsigned requests[SLICES], errors[SLICES],
		slow[SLICES]; /* the latest last; slow: µs of p99 */
	struct hop hop[HOPS];
	unsigned nhops;
	char change[1024];
};

struct overview *overview_new(struct tui *t)
{
	struct overview *o = calloc(1, sizeof(*o));

	if (o)
		o->tui = t;
	return o;
}

void overview_free(struct overview *o)
{
	free(o);
}

/* ---- the edge */

static const struct red_row *edge_row(const struct red *t, enum span_kind kind)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->rows[i]->kind == kind)
			return t->rows[i];
	return NULL;
}

static void add_slices(struct overview *o, const struct red *t, const struct red_row *r)
{
	struct red_counts c;
	struct hist d;

	hist_init(&d);
	for (int i = 0; i < SLICES; i++) {
		int at = SLICES - 1 - i;

		red_slices(t, r, (unsigned)i, (unsigned)i, &c, &d);
		o->requests[at] = (unsigned)c.count;
		o->errors[at] = (unsigned)(c.errors > c.class[RED_4XX] + c.class[RED_5XX]
						   ? c.errors
						   : c.class[RED_4XX] + c.class[RED_5XX]);
		o->slow[at] = (unsigned)(hist_percentile(&d, 99) / 1000);
	}
	hist_release(&d);
}

static void refresh_edge(struct overview *o)
{
	struct tui *t = o->tui;
	struct red *table = model_red(&t->model, RED_BY_EDGE);
	const struct red_row *r = edge_row(table, SPAN_SERVER);
	struct hist d;

	memset(&o->counts, 0, sizeof(o->counts));
	memset(o->requests, 0, sizeof(o->requests));
	memset(o->errors, 0, sizeof(o->errors));
	memset(o->slow, 0, sizeof(o->slow));
	o->p50 = o->p90 = o->p99 = SPAN_UNKNOWN;
	o->rate = 0;
	r = r ? r : edge_row(table, SPAN_CLIENT);
	o->kind = r ? r->kind : SPAN_SERVER;
	red_advance(table, t->vitals.now);
	o->seconds = (double)red_window_ns(table, t->vitals.now, t->window) / 1e9;
	o->seconds = o->seconds > 1 ? o->seconds : 1;
	if (!r)
		return;
	hist_init(&d);
	red_window(table, r, t->window, &o->counts, &d);
	o->rate = (double)o->counts.count / o->seconds;
	if (d.count) {
		o->p50 = hist_percentile(&d, 50);
		o->p90 = hist_percentile(&d, 90);
		o->p99 = hist_percentile(&d, 99);
	}
	hist_release(&d);
	add_slices(o, table, r);
}

static void look_at_flight(void *overview, const struct span *s)
{
	struct overview *o = overview;
	uint64_t now = o->tui->vitals.moment;

	if (s->kind != o->kind || !red_edge(s))
		return;
	o->open++;
	if (now > s->time_ns && now - s->time_ns > o->oldest)
		o->oldest = now - s->time_ns;
}

/* ---- who calls whom */

static int is_name(struct str a, struct str b)
{
	return a.p && b.p && a.n == b.n && !memcmp(a.p, b.p, a.n);
}

static void add_hop(struct overview *o, const struct red *t, const struct red_row *r, int depth,
		    uint64_t whole)
{
	struct hop *h = &o->hop[o->nhops++];
	struct hist d;

	hist_init(&d);
	h->row = r;
	h->depth = depth;
	h->last = 1;
	red_window(t, r, o->tui->window, &h->counts, &d);
	h->rate = (double)h->counts.count / o->seconds;
	h->p99 = d.count ? hist_percentile(&d, 99) : SPAN_UNKNOWN;
	h->share = whole ? 100.0 * (double)d.sum / (double)whole : -1;
	h->share = h->share > 100
			   ? 100
			   : h->share; /* to the caller it takes longer than where it is served */
	hist_release(&d);
	for (unsigned i = o->nhops - 1; i-- > 0 && o->hop[i].depth >= depth;)
		if (o->hop[i].depth == depth) {
			o->hop[i].last = 0;
			break;
		}
}

/* The service that a row leads to: that which is called, or of a server's row itself. */
static struct str leads_to(const struct red_row *r)
{
	return r->kind == SPAN_SERVER ? r->service : r->name;
}

/* A service that calls itself, or is called back, is not gone into again. */
static void add_calls(struct overview *o, const struct red *t, struct str caller, int depth,
		      uint64_t whole)
{
	for (unsigned i = 0; i < t->n && depth < DEPTH && o->nhops < HOPS; i++) {
		const struct red_row *r = t->rows[i];
		int again = 0;

		if (r->kind != SPAN_CLIENT || !is_name(r->service, caller))
			continue;
		for (unsigned k = 0; k < o->nhops; k++)
			again |= is_name(leads_to(o->hop[k].row), r->name);
		add_hop(o, t, r, depth, whole);
		if (!again)
			add_calls(o, t, r->name, depth + 1, whole);
	}
}

static int is_called(const struct red *t, const struct red_row *row)
{
	for (unsigned i = 0; i < t->n; i++)
		if ((t->rows[i]->kind == SPAN_SERVER &&
		     is_name(t->rows[i]->service, row->service)) ||
		    (t->rows[i]->kind == SPAN_CLIENT && is_name(t->rows[i]->name, row->service)))
			return 1;
	return 0;
}

static uint64_t time_of(const struct overview *o, const struct red *t)
{
	uint64_t sum = 0;
	struct red_counts c;
	struct hist d;

	hist_init(&d);
	for (unsigned i = 0; i < t->n; i++) {
		if (t->rows[i]->kind != SPAN_SERVER)
			continue;
		red_window(t, t->rows[i], o->tui->window, &c, &d);
		sum += d.sum;
	}
	hist_release(&d);
	return sum;
}

/* a before b: what is asked more often stands above. */
static int is_before(const struct red_row *a, const struct red_row *b)
{
	return a->counts.count != b->counts.count ? a->counts.count > b->counts.count :
						    a->id < b->id;
}

/* The service at the edge that follows on that one; NULL: the first, and there is none. */
static const struct red_row *next_root(const struct red *t, const struct red_row *last)
{
	const struct red_row *best = NULL;

	for (unsigned i = 0; i < t->n; i++) {
		const struct red_row *r = t->rows[i];

		if (r->kind == SPAN_SERVER && r->service.p && (!last || is_before(last, r)) &&
		    (!best || is_before(r, best)))
			best = r;
	}
	return best;
}

static void refresh_hops(struct overview *o)
{
	struct red *t = model_red(&o->tui->model, RED_BY_HOP);
	const struct red_row *root = NULL;
	uint64_t whole;

	o->nhops = 0;
	red_advance(t, o->tui->vitals.now);
	whole = time_of(o, t);
	while (o->nhops < HOPS && (root = next_root(t, root))) {
		add_hop(o, t, root, 0, whole);
		add_calls(o, t, root->service, 1, whole);
	}
	/* services that only call */
	for (unsigned i = 0; i < t->n && o->nhops < HOPS; i++)
		if (t->rows[i]->kind == SPAN_CLIENT && t->rows[i]->service.p &&
		    !is_called(t, t->rows[i]))
			add_hop(o, t, t->rows[i], 0, whole);
}

/* ---- what has changed */

/* The hop that is furthest from the edge of those that changed as well. */
static const struct hop *changed_hop(const struct overview *o, enum red_change_kind kind)
{
	struct red *t = model_red(&o->tui->model, RED_BY_HOP);
	const struct hop *found = NULL;
	struct red_change c;

	for (unsigned i = 0; i < o->nhops; i++)
		if (o->hop[i].row->kind == SPAN_CLIENT &&
		    (!found || o->hop[i].depth > found->depth) &&
		    red_change(t, o->hop[i].row, &c) && c.kind == kind)
			found = &o->hop[i];
	return found;
}

struct name {
	char text[4 * NAME + 4];
};

static struct name name_of(const struct tui *t, struct str s, int is_path)
{
	char safe[TEXT_MAX];
	struct name n = {""};

	if (s.p)
		(void)text_fit(n.text, sizeof(n.text),
			       text_redacted(s, 0, is_path && t->opt.redact, safe, sizeof(safe)),
			       NAME, CUT_MIDDLE, screen__ascii(t->screen));
	return n;
}

static void tell_size(char *buf, size_t cap, const struct red_change *c, const char *arrow,
		      const char *times)
{
	char a[32], b[32];

	if (c->kind != RED_SLOWER) {
		snprintf(buf, cap, "%.3g%% %s %.3g%%", 100 * c->before, arrow, 100 * c->after);
		return;
	}
	a[tui_duration(a, (uint64_t)c->before).n] = '\0';
	b[tui_duration(b, (uint64_t)c->after).n] = '\0';
	snprintf(buf, cap, "%s%.3g (%s %s %s)", times, c->before > 0 ? c->after / c->before : 0, a,
		 arrow, b);
}

static void tell_change(struct overview *o, const struct red_row *r, const struct red_change *c)
{
	static const char *const what[] = {"p99", "errors", "4xx"};
	int ascii = screen__ascii(o->tui->screen);
	const char *arrow = ascii ? "->" : "→";
	const struct hop *hop = changed_hop(o, c->kind);
	struct name method = name_of(o->tui, r->method, 0),
		    route = name_of(o->tui, red_row_name(r), 1);
	char clock[32], size[128], in[sizeof(struct name) * 2 + 16] = "";

	if (hop)
		snprintf(in, sizeof(in), ", in %s %s %s",
			 name_of(o->tui, hop->row->service, 0).text, arrow,
			 name_of(o->tui, hop->row->name, 0).text);
	tui_clock(clock, c->since);
	tell_size(size, sizeof(size), c, arrow, ascii ? "x" : "×");
	snprintf(o->change, sizeof(o->change),
		 "%s of %s %s %s since %.8s%s; %llu requests, %llu before", what[c->kind],
		 method.text, route.text, size, clock, in, (unsigned long long)c->nafter,
		 (unsigned long long)c->nbefore);
}

/* Of all that changed, what costs the most: failures before slowness, then by the time lost. */
static void refresh_change(struct overview *o)
{
	struct red *t = model_red(&o->tui->model, RED_BY_ROUTE);
	const struct red_row *worst = NULL;
	struct red_change most = {0}, c;
	double weight, heaviest = 0;

	o->change[0] = '\0';
	for (unsigned i = 0; i < t->n; i++) {
		if (!red_change(t, t->rows[i], &c))
			continue;
		weight = (c.after - c.before) * (double)c.nafter;
		if (c.kind != RED_SLOWER)
			weight *= c.kind == RED_FAILING ? 1e18 : 1e12;
		if (t->rows[i]->kind == SPAN_SERVER)
			weight *= 1.001;
		if (weight <= heaviest)
			continue;
		heaviest = weight;
		worst = t->rows[i];
		most = c;
	}
	if (worst)
		tell_change(o, worst, &most);
}

void overview_refresh(struct overview *o)
{
	if (!o || !o->tui->screen || screen__height(o->tui->screen) < STRIP_LEAST)
		return;
	refresh_edge(o);
	refresh_hops(o);
	refresh_change(o);
	if (o->tui->paused)
		return;
	o->open = 0;
	o->oldest = 0;
	tui_flights(o->tui, look_at_flight, o);
}

/* ---- drawing */

struct pen {
	struct screen *s;
	int y, x;
};

/* One item, if it fits whole. */
__attribute__((format(printf, 3, 4))) static void item(struct pen *p, enum style st,
						       const char *fmt, ...)
{
	char buf[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (p->x + (int)text_width(buf, strlen(buf)) > screen__width(p->s)) {
		p->x = screen__width(p->s);
		return;
	}
	p->x += screen__put(p->s, p->y, p->x, screen__width(p->s), st, buf) + 2;
}

static void rate_item(const struct overview *o, struct pen *p, enum style st, const char *name,
		      uint64_t n)
{
	char buf[32];
	struct str s = tui_rate(buf, (double)n / o->seconds);

	if (n)
		item(p, st, "%s %.*s/s", name, (int)s.n, s.p);
}

static void duration_item(struct pen *p, const char *name, uint64_t ns)
{
	char buf[32];
	struct str s = tui_duration(buf, ns);

	if (ns != SPAN_UNKNOWN)
		item(p, tui_duration_style(ns), "%s %.*s", name, (int)s.n, s.p);
}

static void draw_figures(const struct overview *o, struct screen *s, int y)
{
	const struct red_counts *c = &o->counts;
	struct pen p = {s, y, 0};
	char buf[32];
	struct str t = tui_window(o->tui, buf);

	item(&p, STYLE_KEY, "%s%.*s", t.n < 4 ? "last " : "", (int)t.n, t.p);
	t = tui_rate(buf, o->rate);
	item(&p, STYLE_STRONG, "%.*s %s/s", (int)t.n, t.p,
	     o->kind == SPAN_SERVER ? "req" : "calls");
	rate_item(o, &p, STYLE_ERROR, "5xx", c->class[RED_5XX]);
	rate_item(o, &p, STYLE_SLOW, "4xx", c->class[RED_4XX]);
	rate_item(o, &p, STYLE_ERROR, "not ok", c->class[RED_STATUS]);
	rate_item(o, &p, STYLE_ERROR, "failed", c->class[RED_FAILED] + c->class[RED_PROTOCOL]);
	duration_item(&p, "p50", o->p50);
	if (screen__width(s) >= 100)
		duration_item(&p, "p90", o->p90);
	duration_item(&p, "p99", o->p99);
	if (!o->open)
		return;
	t = tui_duration(buf, o->oldest);
	item(&p, o->oldest >= TUI_SLOW_NS ? STYLE_SLOW : STYLE_TEXT, "%u open, oldest %.*s",
	     o->open, (int)t.n, t.p);
}

/* "req/s ▁▂▃▅ 45": the figure is the tallest column's. */
static void draw_line(const struct overview *o, struct pen *p, const char *name, const unsigned *v,
		      int n, enum style st, int is_time)
{
	unsigned peak = 0;
	char buf[32];
	struct str t;

	(void)o;
	for (int i = 0; i < n; i++)
		peak = v[SLICES - n + i] > peak ? v[SLICES - n + i] : peak;
	t = is_time ? tui_duration(buf, peak * 1000ull)
		    : tui_rate(buf, (double)peak / RED_COARSE_SECONDS);
	p->x += screen__put(p->s, p->y, p->x, screen__width(p->s), STYLE_DIM, name) + 1;
	for (int i = 0; i < n; i++)
		screen__spark(p->s, p->y, p->x + i, &v[SLICES - n + i], 1, peak ? peak : 1, st);
	p->x += n;
	screen__printf(p->s, p->y, p->x, STYLE_DIM, " %s%.*s", screen__ascii(p->s) ? "<=" : "≤",
		       (int)t.n, t.p);
	p->x += 2 + (int)t.n + 2;
}

static void draw_lines(const struct overview *o, struct screen *s, int y)
{
	struct pen p = {s, y, 0};
	int width = screen__width(s), n = (width - 52) / 3;

	n = n > SLICES ? SLICES : n;
	if (n < 6)
		return;
	draw_line(o, &p, o->kind == SPAN_SERVER ? "req/s" : "calls/s", o->requests, n, STYLE_BAR,
		  0);
	draw_line(o, &p, "errors/s", o->errors, n, STYLE_ERROR, 0);
	draw_line(o, &p, "p99", o->slow, n, STYLE_BAR, 1);
	item(&p, STYLE_DIM, "%us each", RED_COARSE_SECONDS);
}

static void draw_hop(const struct hop *h, const struct overview *o, struct screen *s, int y)
{
	int width = screen__width(s), figures = width >= 60 ? 48 : 18, x = 0, end = width - figures;
	char buf[32];
	struct str t;

	x += 2 * (h->depth > 0 ? h->depth - 1 : 0);
	if (h->depth)
		x += screen__put(s, y, x, end - x, STYLE_DIM, h->last ? "└ " : "├ ");
	if (!h->depth && h->row->kind == SPAN_CLIENT) {
		x += screen__safe(s, y, x, end - x, STYLE_STRONG, CUT_END, h->row->service);
		x += screen__put(s, y, x, end - x, STYLE_DIM, screen__ascii(s) ? " -> " : " → ");
	}
	t = leads_to(h->row);
	screen__safe(s, y, x, end - x, h->depth ? STYLE_TEXT : STYLE_STRONG, CUT_MIDDLE,
		     t.p ? t : str_of("?"));
	(void)o;
	x = end;
	t = tui_rate(buf, h->rate);
	screen__printf(s, y, x, STYLE_STRONG, "%8.*s", (int)t.n, t.p);
	t = tui_percent(buf, h->counts.errors, h->counts.count);
	screen__printf(s, y, x + 9, h->counts.errors ? STYLE_ERROR : STYLE_DIM, "%6.*s", (int)t.n,
		       t.p);
	if (figures < 48)
		return;
	t = tui_count(buf, h->counts.class[RED_4XX]);
	screen__printf(s, y, x + 16, h->counts.class[RED_4XX] ? STYLE_SLOW : STYLE_DIM, "%6.*s",
		       (int)t.n, t.p);
	t = tui_duration(buf, h->p99);
	screen__printf(s, y, x + 24, tui_duration_style(h->p99), "%7.*s", (int)t.n, t.p);
	if (h->share < 0)
		return;
	screen__printf(s, y, x + 32, STYLE_TEXT, "%4.0f%%", h->share);
	screen__bar(s, y, x + 38, 10, 0, h->share / 10, 1, STYLE_BAR);
}

static int draw_tree(const struct overview *o, struct screen *s, int y, int height)
{
	int width = screen__width(s), n = (int)o->nhops, x = width - (width >= 60 ? 48 : 18);

	if (n < 2 || height < 3)
		return 0;
	if (n > height - 1)
		n = height - 1;
	screen__fill(s, y, 0, width, STYLE_HEAD, ' ');
	screen__put(s, y, 0, width, STYLE_HEAD, "WHO CALLS WHOM");
	screen__put(s, y, x, width, STYLE_HEAD, "  RATE/s   ERR%");
	if (width >= 60)
		screen__put(s, y, x + 15, width, STYLE_HEAD, "     4xx     P99 TIME");
	for (int i = 0; i < n; i++)
		draw_hop(&o->hop[i], o, s, y + 1 + i);
	if (n < (int)o->nhops)
		screen__printf(s, y, 15, STYLE_HEAD, "(%d of %u)", n, o->nhops);
	return n + 1;
}

int overview_draw(const struct overview *o, struct screen *s, int y, int height)
{
	int used = 2;

	if (!o || height < STRIP_LEAST || (!o->counts.count && !o->nhops && !o->open))
		return 0;
	draw_figures(o, s, y);
	draw_lines(o, s, y + 1);
	if (o->change[0]) {
		screen__put(s, y + used, 0, screen__width(s), STYLE_SLOW,
			    screen__ascii(s) ? "! " : "▲ ");
		screen__put(s, y + used, 2, screen__width(s) - 2, STYLE_SLOW, o->change);
		used++;
	}
	if (height >= TREE_LEAST)
		used += draw_tree(o, s, y + used, height / 3);
	return used;
}
