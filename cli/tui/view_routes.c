/*
 * view_routes.c - rate, errors and durations by route, or by whatever else red.h groups by
 *
 * Where all rows are of databases, those that took the most time come first, as statements of
 * pg_stat_statements; else what comes most often.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tui/tui_impl.h"

enum routes_column {
	COL_KIND,
	COL_METHOD,
	COL_NAME,
	COL_SERVICE,
	COL_RATE,
	COL_TREND,
	COL_ERRORS,
	COL_4XX,
	COL_5XX,
	COL_NOT_OK,
	COL_BROKEN,
	COL_P50,
	COL_P90,
	COL_P99,
	COL_MAX,
	COL_TIME,
	COL_COUNT,
	COL_FLIGHT,
	COL_IN,
	COL_OUT,
	COL_INCOMPLETE,
	COL_DRATE,
	COL_DERRORS,
	COL_DP99,
	COL_ALL,
};

/* Which columns there are depends on the grouping, on whether there is a baseline, on what came. */
#define ROUTES_ONLY 1
#define BASELINE_ONLY 2
#define STATUS_ONLY 4 /* some protocol has statuses of its own */
#define DATABASES_ONLY 8
#define STATEMENT_SHARE 36 /* per cent of the width; a statement is longer than a path */
#define NOT_DATABASES 16 /* not where all is of databases, which have other statuses */

static const struct {
	struct column column;
	int when;
} all_columns[COL_ALL] = {
	[COL_KIND] = {{"KIND", 4, 6, 2, 0, 0, 0}, 0},
	[COL_METHOD] = {{"METHOD", 6, 7, 7, 0, 0, 0}, ROUTES_ONLY},
	[COL_NAME] = {{"ROUTE", 8, 70, 0, 0, 0, 0, 22}, 0},
	[COL_SERVICE] = {{"SERVICE", 8, 30, 2, 0, 0, 0}, ROUTES_ONLY},
	[COL_RATE] = {{"RATE/s", 7, 7, 1, 1, 1, 0}, 0},
	[COL_TREND] = {{"TREND", 8, 30, 9, 0, 1, 1}, 0},
	[COL_ERRORS] = {{"ERR%", 5, 5, 1, 1, 1, 0}, 0},
	[COL_P50] = {{"P50", 6, 7, 6, 1, 1, 0}, 0},
	[COL_P90] = {{"P90", 6, 7, 13, 1, 1, 0}, 0},
	[COL_P99] = {{"P99", 7, 8, 2, 1, 1, 0}, 0},
	[COL_MAX] = {{"MAX", 6, 7, 11, 1, 1, 0}, 0},
	[COL_TIME] = {{"TIME", 6, 7, 5, 1, 1, 0}, DATABASES_ONLY},
	[COL_COUNT] = {{"COUNT", 6, 7, 10, 1, 1, 0}, 0},
	[COL_4XX] = {{"4xx", 4, 6, 4, 1, 1, 0}, NOT_DATABASES},
	[COL_5XX] = {{"5xx", 4, 6, 4, 1, 1, 0}, NOT_DATABASES},
	[COL_NOT_OK] = {{"NOT OK", 6, 6, 14, 1, 1, 0}, STATUS_ONLY},
	[COL_BROKEN] = {{"BROKEN", 6, 6, 17, 1, 1, 0}, 0},
	[COL_FLIGHT] = {{"OPEN", 5, 5, 12, 1, 1, 0}, 0},
	[COL_IN] = {{"IN", 7, 8, 18, 1, 1, 0}, 0},
	[COL_OUT] = {{"OUT", 7, 8, 16, 1, 1, 0}, 0},
	[COL_INCOMPLETE] = {{"INCPL%", 6, 6, 19, 1, 1, 0}, 0},
	[COL_DRATE] = {{"ΔRATE", 7, 8, 3, 1, 1, 0}, BASELINE_ONLY},
	[COL_DERRORS] = {{"ΔERR%", 6, 6, 3, 1, 1, 0}, BASELINE_ONLY},
	[COL_DP99] = {{"ΔP99", 7, 8, 3, 1, 1, 0}, BASELINE_ONLY},
};

/* What is shown of a group, worked out once per refresh. */
struct routes_row {
	struct red_row *group;
	struct red_counts counts;
	double rate, d_rate, d_errors;
	uint64_t p50, p90, p99, max, total; /* SPAN_UNKNOWN: no durations */
	int has_before, has_d_p99;   /* there is something to compare with */
	int64_t d_p99;
};

struct routes {
	struct view view;
	struct table table;
	struct table_ops ops;
	struct column columns[COL_ALL];
	uint8_t ids[COL_ALL]; /* enum routes_column of each */
	struct overview *overview;
	char p99[40]; /* the heading, with the window */
	int brief;    /* without what is above the table */
	struct routes_row *rows;
	uint32_t n, hidden; /* hidden: rows behind the edge */
	int shape;     /* for which columns were chosen; -1: not yet */
	int by_default; /* enum routes_column: what sorts as long as nobody has chosen */
	enum { NO_ROWS, SOME_ROWS, ALL_ROWS } databases; /* which of them are of databases */
};

/* ---- columns */

static int column_index(const struct routes *r, int id)
{
	for (int i = 0; i < r->ops.ncolumns; i++)
		if (r->ids[i] == id)
			return i;
	return TABLE_NATURAL;
}

static int has_column(const struct routes *r, int id, int words)
{
	const struct tui *t = r->view.tui;

	switch (all_columns[id].when) {
	case ROUTES_ONLY:
		return t->by == RED_BY_ROUTE || (id == COL_METHOD && red_by_system(t->by));
	case BASELINE_ONLY: return t->baseline;
	case STATUS_ONLY: return words;
	case DATABASES_ONLY:
		return r->databases != NO_ROWS || (t->opt.sort && !strcmp(t->opt.sort, "time"));
	case NOT_DATABASES: return r->databases != ALL_ROWS;
	default: return 1;
	}
}

static void choose_columns(struct routes *r)
{
	const struct tui *t = r->view.tui;
	int words = t->model.now->ring.words;
	int shape = (int)t->by * 16 + (int)r->databases * 4 + words * 2 + t->baseline;
	int sorted = -1, n = 0;

	if (shape == r->shape)
		return;
	if (r->shape >= 0 && r->table.sort != TABLE_NATURAL)
		sorted = r->ids[r->table.sort];
	for (int id = 0; id < COL_ALL; id++) {
		if (!has_column(r, id, words))
			continue;
		r->columns[n] = all_columns[id].column;
		if (id == COL_NAME)
			r->columns[n].name = red_heading(model_red(&t->model, t->by));
		if (id == COL_NAME && r->databases == ALL_ROWS)
			r->columns[n].share = STATEMENT_SHARE;
		if (id == COL_METHOD && t->by != RED_BY_ROUTE)
			r->columns[n] = (struct column){"SYSTEM", 6, 13, 1, 0, 0, 0, 0};
		r->ids[n++] = (uint8_t)id;
	}
	r->ops.ncolumns = n;
	if (sorted >= 0 && sorted == r->by_default && !r->table.invert)
		sorted = r->by_default = r->databases == ALL_ROWS ? COL_TIME : COL_RATE;
	if (sorted >= 0)
		r->table.sort = column_index(r, sorted);
	if (sorted >= 0 && r->table.sort == TABLE_NATURAL)
		r->table.sort = column_index(r, COL_RATE);
	r->shape = shape;
}

/* ---- rows */

static uint64_t percentile(const struct hist *h, double p)
{
	return h->count ? hist_percentile(h, p) : SPAN_UNKNOWN;
}

static double error_rate(const struct red_counts *s)
{
	return s->count ? 100.0 * (double)s->errors / (double)s->count : 0;
}

static void fill_deltas(const struct red *g, struct routes_row *row)
{
	const struct red_row *r = row->group;
	uint64_t old = percentile(&r->base_durations, 99);
	double before;

	if (!g->since || g->base_since <= g->since)
		return;
	before = (double)(g->base_since - g->since) / 1e9;
	row->has_before = 1;
	row->d_rate = row->rate - (double)r->base.count / (before > 1 ? before : 1);
	row->d_errors = row->counts.count ? error_rate(&row->counts) - error_rate(&r->base) : 0;
	row->has_d_p99 = row->p99 != SPAN_UNKNOWN && old != SPAN_UNKNOWN;
	if (row->has_d_p99)
		row->d_p99 = (int64_t)row->p99 - (int64_t)old;
}

static void fill_row(const struct tui *t, const struct red *g, struct routes_row *row,
		     struct red_row *r)
{
	double seconds = (double)red_window_ns(g, t->vitals.now, t->window) / 1e9;
	struct hist d;

	hist_init(&d);
	memset(row, 0, sizeof(*row));
	row->group = r;
	red_window(g, r, t->window, &row->counts, &d);
	row->rate = (double)row->counts.count / (seconds > 1 ? seconds : 1);
	row->p50 = percentile(&d, 50);
	row->p90 = percentile(&d, 90);
	row->p99 = percentile(&d, 99);
	row->max = d.count ? d.max : SPAN_UNKNOWN;
	row->total = d.count ? d.sum : SPAN_UNKNOWN;
	if (g->base_since)
		fill_deltas(g, row);
	hist_release(&d);
}

static void count_flight(void *groups, const struct span *s)
{
	struct red_row *r = red_find(groups, s);

	if (r)
		r->in_flight++;
}

/* Are there requests that come from outside? Else calls that nobody has asked for are the edge. */
static int has_entries(const struct red *g)
{
	for (unsigned i = 0; i < g->n; i++)
		if (g->rows[i]->edge && g->rows[i]->kind == SPAN_SERVER)
			return 1;
	return 0;
}

/*
 * A request is shown once, where it comes in. What goes on behind that is shown when asked for,
 * where services, their peers or systems are compared, and where a filter says what is wanted.
 */
static int is_wanted(const struct tui *t, const struct red *g, const struct red_row *r)
{
	if (t->hops || t->filter[0] || r->others || t->by == RED_BY_SERVICE ||
	    t->by == RED_BY_PEER || t->by == RED_BY_SYSTEM || red_by_system(t->by))
		return 1;
	return r->edge && (r->kind == SPAN_SERVER || !has_entries(g));
}

static void find_databases(struct routes *r, const struct red *g)
{
	unsigned n = 0, others = g->others != NULL;

	for (unsigned i = 0; i < g->n; i++)
		n += g->rows[i]->database != 0;
	r->databases = !n ? NO_ROWS : n + others < g->n ? SOME_ROWS : ALL_ROWS;
}

/* "P99 1m" */
static void name_window(struct routes *r)
{
	int i = column_index(r, COL_P99);
	char buf[32];
	struct str w = tui_window(r->view.tui, buf);

	snprintf(r->p99, sizeof(r->p99), w.n < 4 ? "P99 %.*s" : "P99", (int)w.n, w.p);
	if (i >= 0)
		r->columns[i].name = r->p99;
}

static void routes_refresh(struct view *v)
{
	struct routes *r = (struct routes *)v;
	struct tui *t = v->tui;
	struct red *g = model_red(&t->model, t->by);

	find_databases(r, g);
	choose_columns(r);
	red_advance(g, t->vitals.now);
	overview_refresh(r->overview);
	if (!t->paused) {
		for (unsigned i = 0; i < g->n; i++)
			g->rows[i]->in_flight = 0;
		tui_flights(t, count_flight, g);
	}
	r->n = r->hidden = 0;
	for (unsigned i = 0; r->rows && i < g->n; i++)
		if (is_wanted(t, g, g->rows[i]))
			fill_row(t, g, &r->rows[r->n++], g->rows[i]);
		else
			r->hidden++;
	table_refresh(&r->table);
	name_window(r);
}

static uint32_t routes_rows(void *ctx)
{
	return ((struct routes *)ctx)->n;
}

static uint64_t routes_id(void *ctx, uint32_t row)
{
	return ((struct routes *)ctx)->rows[row].group->id;
}

/* ---- cells */

static struct str signed_text(struct cell *c, double v, const char *unit)
{
	snprintf(c->buf, sizeof(c->buf), fabs(v) < 99.95 ? "%+.1f%s" : "%+.0f%s", v, unit);
	return str_of(c->buf);
}

static void delta_cell(const struct routes_row *row, int id, struct cell *c)
{
	double v = id == COL_DRATE ? row->d_rate : id == COL_DERRORS ? row->d_errors :
								       (double)row->d_p99;

	if (!row->has_before || (id == COL_DP99 && !row->has_d_p99) ||
	    (id == COL_DERRORS && !row->counts.count)) {
		c->text = str_of("-");
		c->style = STYLE_DIM;
		return;
	}
	if (id == COL_DP99) {
		c->buf[0] = row->d_p99 < 0 ? '-' : '+';
		c->text = tui_duration(c->buf + 1, (uint64_t)llabs(row->d_p99));
		c->text = (struct str){ c->buf, c->text.n + 1 };
	} else {
		c->text = signed_text(c, v, "");
	}
	if (fabs(v) < 0.05)
		c->style = STYLE_DIM;
	else if (id != COL_DRATE)
		c->style = v > 0 ? STYLE_ERROR : STYLE_GOOD;
}

static void duration_cell(struct cell *c, uint64_t ns)
{
	c->text = tui_duration(c->buf, ns);
	c->style = tui_duration_style(ns);
}

/* Nothing is worth less attention than something. */
static void count_cell(struct cell *c, uint64_t n, enum style st)
{
	c->text = tui_count(c->buf, n);
	c->style = n ? st : STYLE_DIM;
}

static void name_cell(const struct tui *t, const struct red_row *g, struct cell *c)
{
	c->text = text_redacted(red_row_name(g), 0, t->opt.redact && t->by == RED_BY_ROUTE, c->buf,
				sizeof(c->buf));
	c->foreign = c->middle = 1;
}

/* Two rows are not to look alike where there is no room for a column of methods. */
static void add_method(const struct routes *r, const struct red_row *g, struct cell *c)
{
	int i = column_index(r, COL_METHOD);
	char name[sizeof(c->buf)];
	size_t n = c->text.n < sizeof(name) ? c->text.n : sizeof(name);

	if (i < 0 || r->table.width[i] || !g->method.p ||
	    fmt_begins_with_word(c->text, g->method))
		return;
	memcpy(name, c->text.p, n);
	n = (size_t)snprintf(c->buf, sizeof(c->buf), "%.*s %.*s",
			     (int)(g->method.n < 16 ? g->method.n : 16), g->method.p, (int)n, name);
	c->text = (struct str){c->buf, n < sizeof(c->buf) ? n : sizeof(c->buf) - 1};
}

static void figure_cell(const struct routes_row *row, int id, struct cell *c)
{
	const struct red_counts *s = &row->counts;

	switch (id) {
	case COL_RATE:
		c->text = tui_rate(c->buf, row->rate);
		c->style = row->rate > 0 ? STYLE_STRONG : STYLE_DIM;
		break;
	case COL_ERRORS:
		c->text = tui_percent(c->buf, s->errors, s->count);
		c->style = s->errors ? STYLE_ERROR : STYLE_DIM;
		break;
	case COL_P50: duration_cell(c, row->p50); break;
	case COL_P90: duration_cell(c, row->p90); break;
	case COL_P99: duration_cell(c, row->p99); break;
	case COL_MAX: duration_cell(c, row->max); break;
	case COL_TIME: c->text = tui_duration(c->buf, row->total); break;
	case COL_COUNT: count_cell(c, s->count, STYLE_TEXT); break;
	case COL_4XX: count_cell(c, s->class[RED_4XX], STYLE_SLOW); break;
	case COL_5XX: count_cell(c, s->class[RED_5XX], STYLE_ERROR); break;
	case COL_NOT_OK: count_cell(c, s->class[RED_STATUS], STYLE_ERROR); break;
	case COL_BROKEN:
		count_cell(c, s->class[RED_FAILED] + s->class[RED_PROTOCOL], STYLE_ERROR);
		break;
	case COL_FLIGHT: count_cell(c, row->group->in_flight, STYLE_STRONG); break;
	case COL_IN: c->text = tui_size(c->buf, s->req_bytes); break;
	case COL_OUT: c->text = tui_size(c->buf, s->resp_bytes); break;
	case COL_INCOMPLETE:
		c->text = tui_percent(c->buf, s->incomplete, s->count);
		c->style = s->incomplete ? STYLE_SLOW : STYLE_DIM;
		break;
	default: delta_cell(row, id, c); break;
	}
}

static void routes_cell(void *ctx, uint32_t i, int column, int width, struct cell *c)
{
	struct routes *r = ctx;
	const struct routes_row *row = &r->rows[i];
	const struct red_row *g = row->group;

	(void)width;
	switch (r->ids[column]) {
	case COL_KIND:
		c->text = str_of(g->kind == SPAN_CLIENT ? (width < 6 ? "clnt" : "client")
				 : !g->edge		? "hop"
				 : width < 6		? "serv"
							: "server");
		c->style = g->kind == SPAN_CLIENT ? STYLE_CLIENT
			   : g->edge		  ? STYLE_STRONG
						  : STYLE_DIM;
		break;
	case COL_METHOD:
		c->text = g->method.p ? g->method : str_of("-");
		c->foreign = 1;
		break;
	case COL_NAME:
		name_cell(r->view.tui, g, c);
		add_method(r, g, c);
		break;
	case COL_SERVICE:
		c->text = g->service.p ? g->service : str_of("-");
		c->foreign = 1;
		break;
	default: figure_cell(row, r->ids[column], c); break;
	}
}

static void routes_paint(void *ctx, uint32_t i, int column, struct screen *s, int y, int x,
			 int width)
{
	struct routes *r = ctx;
	const struct red *t = model_red(&r->view.tui->model, r->view.tui->by);
	const struct red_row *g = r->rows[i].group;
	uint64_t sec = r->view.tui->vitals.now / 1000000000;
	unsigned peak = 1;

	(void)column;
	for (int k = 0; k < width; k++) {
		const struct red_interval *e = red_interval(t, g, sec - (uint64_t)k);

		peak = e && e->count > peak ? e->count : peak;
	}
	for (int k = 0; k < width; k++) {
		const struct red_interval *e = red_interval(t, g, sec - (uint64_t)(width - 1 - k));
		unsigned n = e ? e->count : 0;

		screen__spark(s, y, x + k, &n, 1, peak,
			      e && e->errors * 10 > e->count ? STYLE_ERROR : STYLE_BAR);
	}
}

/* ---- order */

static int three_way(double a, double b)
{
	return (a > b) - (a < b);
}

static int compare_str(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* What is not known comes before everything. */
static double known(uint64_t v)
{
	return v == SPAN_UNKNOWN ? -1 : (double)v;
}

static double figure(const struct routes_row *r, int id)
{
	const struct red_counts *s = &r->counts;

	switch (id) {
	case COL_RATE:
	case COL_TREND: return (double)(uint64_t)(10 * r->rate + 0.5);
	case COL_ERRORS: return error_rate(s);
	case COL_P50: return known(r->p50);
	case COL_P90: return known(r->p90);
	case COL_P99: return known(r->p99);
	case COL_MAX: return known(r->max);
	case COL_TIME: return known(r->total);
	case COL_COUNT: return (double)s->count;
	case COL_4XX: return (double)s->class[RED_4XX];
	case COL_5XX: return (double)s->class[RED_5XX];
	case COL_NOT_OK: return (double)s->class[RED_STATUS];
	case COL_BROKEN: return (double)(s->class[RED_FAILED] + s->class[RED_PROTOCOL]);
	case COL_FLIGHT: return r->group->in_flight;
	case COL_IN: return (double)s->req_bytes;
	case COL_OUT: return (double)s->resp_bytes;
	case COL_INCOMPLETE: return s->count ? (double)s->incomplete / (double)s->count : 0;
	case COL_DRATE: return r->d_rate;
	case COL_DERRORS: return r->d_errors;
	case COL_DP99: return (double)r->d_p99;
	default: return 0;
	}
}

static int compare_column(const struct routes *r, const struct routes_row *a,
			  const struct routes_row *b, int column)
{
	switch (r->ids[column]) {
	case COL_KIND: return (int)a->group->kind - (int)b->group->kind;
	case COL_METHOD: return compare_str(a->group->method, b->group->method);
	case COL_NAME: return compare_str(a->group->name, b->group->name);
	case COL_SERVICE: return compare_str(a->group->service, b->group->service);
	default: return three_way(figure(a, r->ids[column]), figure(b, r->ids[column]));
	}
}

/*
 * Rows that are alike stay where they are: by name, and of the hops of one request the outer one
 * first, which takes the longest.
 */
static int routes_compare(void *ctx, uint32_t x, uint32_t y, int column)
{
	const struct routes *r = ctx;
	const struct routes_row *a = &r->rows[x], *b = &r->rows[y];
	int down = r->columns[column].descends != r->table.invert;
	int c = compare_column(r, a, b, column), tie = 0;

	if (c)
		return c;
	tie = compare_str(a->group->name, b->group->name);
	if (!tie)
		tie = compare_str(a->group->method, b->group->method);
	if (!tie)
		tie = -three_way(known(a->p50), known(b->p50));
	if (!tie)
		tie = -three_way(known(a->max), known(b->max));
	return down ? -tie : tie;
}

/* ---- the view */

/* The names of --sort are those of the summary. */
static int sort_named(const struct routes *r, const char *name)
{
	static const struct {
		const char *name;
		int id;
	} map[] = { { "count", COL_COUNT }, { "route", COL_NAME }, { "method", COL_METHOD },
		    { "kind", COL_KIND }, { "service", COL_SERVICE }, { "rate", COL_RATE },
		    { "errors", COL_ERRORS }, { "4xx", COL_4XX }, { "5xx", COL_5XX },
		    { "p50", COL_P50 }, { "p90", COL_P90 },
		    { "p99", COL_P99 }, { "max", COL_MAX }, { "time", COL_TIME },
		    { "bytes", COL_OUT },
		    { "incomplete", COL_INCOMPLETE } };

	for (size_t i = 0; name && i < sizeof(map) / sizeof(*map); i++)
		if (!strcmp(map[i].name, name))
			return column_index(r, map[i].id);
	return column_index(r, COL_RATE);
}

static void routes_init(struct view *v)
{
	struct routes *r = (struct routes *)v;

	r->shape = -1;
	r->rows = calloc(MODEL_ROWS + 1, sizeof(*r->rows));
	r->ops = (struct table_ops){ r->columns,  0,		routes_rows,	routes_id,
				     routes_cell, routes_paint, routes_compare };
	r->overview = overview_new(v->tui);
	table_init(&r->table, &r->ops, r);
	choose_columns(r);
	r->table.sort = sort_named(r, v->tui->opt.sort);
	r->by_default = v->tui->opt.sort ? -1 : COL_RATE;
}

static void routes_release(struct view *v)
{
	struct routes *r = (struct routes *)v;

	table_release(&r->table);
	overview_free(r->overview);
	free(r->rows);
}

static void routes_draw(struct view *v, struct screen *s, int y, int height)
{
	struct routes *r = (struct routes *)v;

	if (!r->brief) {
		int used = overview_draw(r->overview, s, y, height);

		y += used;
		height -= used;
	}
	table_draw(&r->table, s, y, height);
	if (r->n && r->hidden && (int)r->n + 2 < height)
		screen__printf(s, y + 1 + (int)r->n, 0, STYLE_DIM, "%u more behind the edge: e",
			       r->hidden);
	if (r->n || height < 3)
		return;
	empty_draw(v->tui->empty, v->tui, s, "requests", y + 2, height - 2);
}

static void open_selected(struct routes *r)
{
	uint32_t row;

	if (table_selected(&r->table, &row))
		tui_push(r->view.tui, view_group_open(r->view.tui, r->view.tui->by,
						      r->rows[row].group->id));
}

static int take_group(struct tui *t, int key)
{
	if (key == 'f') {
		prompt_open(&t->command_prompt, ":", "group ");
		return 1;
	}
	if (key < '1' || key >= '1' + RED_BY_COUNT)
		return 0;
	t->by = (enum red_by)(key - '1');
	tui_say(t, STYLE_TEXT, "by %s", red_by_name(t->by));
	t->stale = 1;
	return 1;
}

/* The grouping before this one that has rows, as a key of the menu; this one: there is no other. */
static int group_with_rows(const struct tui *t)
{
	int by = (int)t->by;

	for (int i = 0; i < RED_BY_COUNT; i++) {
		by = (by + RED_BY_COUNT - 1) % RED_BY_COUNT;
		if (model_red(&t->model, (enum red_by)by)->n)
			break;
	}
	return '1' + by;
}

static const struct menu group_menu = {
	"group by  ",
	"1:route  2:service  3:host  4:peer  5:status  6:client  7:system  8:collection  "
	"9:destination  f:field",
	take_group,
};

static int routes_key(struct view *v, const struct key *k)
{
	struct routes *r = (struct routes *)v;
	struct tui *t = v->tui;

	switch (k->code) {
	case 'o':
		t->menu = &group_menu;
		return 1;
	case 'O':
		return take_group(t, group_with_rows(t));
	case 'e':
		t->hops = !t->hops;
		tui_say(t, STYLE_TEXT,
			t->hops ? "each hop of a request" : "each request once, at the edge");
		t->stale = 1;
		return 1;
	case 'v': r->brief = !r->brief; return 1;
	case SK_DOUBLE_CLICK:
		if (!table_clicked(&r->table, k))
			return 0;
		open_selected(r);
		return 1;
	case SK_ENTER: open_selected(r); return 1;
	default: return 0;
	}
}

static struct table *routes_table(struct view *v)
{
	return &((struct routes *)v)->table;
}

static void save_row(const struct tui *t, const struct routes_row *row, struct json *j)
{
	const struct red_row *g = row->group;
	struct cell c;
	char buf[33];

	json_open(j, '{');
	json_cstr(j, "type", "group");
	json_cstr(j, "by", red_by_name(t->by));
	json_cstr(j, "kind", g->kind == SPAN_CLIENT ? "client" : "server");
	if (g->method.p)
		json_str(j, "method", g->method);
	name_cell(t, g, &c);
	json_str(j, "name", c.text);
	if (g->service.p)
		json_str(j, "service", g->service);
	buf[tui_window(t, buf).n] = '\0';
	json_cstr(j, "window", buf);
	json_u64(j, "count", row->counts.count);
	json_u64(j, "errors", row->counts.errors);
	json_u64(j, "status_4xx", row->counts.class[RED_4XX]);
	json_u64(j, "status_5xx", row->counts.class[RED_5XX]);
	if (t->model.now->ring.words)
		json_u64(j, "status_not_ok", row->counts.class[RED_STATUS]);
	json_u64(j, "incomplete", row->counts.incomplete);
	json_u64(j, "in_flight", g->in_flight);
	json_u64(j, "req_bytes", row->counts.req_bytes);
	json_u64(j, "resp_bytes", row->counts.resp_bytes);
	if (row->p50 != SPAN_UNKNOWN) {
		json_u64(j, "p50_ns", row->p50);
		json_u64(j, "p90_ns", row->p90);
		json_u64(j, "p99_ns", row->p99);
		json_u64(j, "max_ns", row->max);
		json_u64(j, "total_ns", row->total);
	}
	json_end_line(j);
}

static unsigned routes_save(struct view *v, struct out *o)
{
	struct routes *r = (struct routes *)v;
	struct json j = { o, 0 };

	for (uint32_t i = 0; i < r->table.n; i++)
		save_row(v->tui, &r->rows[r->table.order[i]], &j);
	return r->table.n;
}

const struct view_ops view_routes = {
	.name = "Routes",
	.hints = "Enter:spans  e:hops  o:group by  m:window",
	.size = sizeof(struct routes),
	.init = routes_init,
	.release = routes_release,
	.refresh = routes_refresh,
	.draw = routes_draw,
	.key = routes_key,
	.table = routes_table,
	.save = routes_save,
};
