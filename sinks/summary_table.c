#include "sinks/summary_table.h"

#include <stdio.h>
#include <stdlib.h>

#include "parsers/redact.h"
#include "sinks/format.h"
#include "sinks/safe.h"
#include "sinks/sink.h"

#define NAME_MAX_BYTES 256
#define CELL_MAX (NAME_MAX_BYTES * SAFE_GROWTH + 8) /* octets of one cell */
#define NAME_COLUMNS 64 /* what a long route is cut to */

enum column {
	COL_ROUTE, COL_METHOD, COL_KIND, COL_SERVICE, COL_COUNT, COL_RATE, COL_ERRORS, COL_4XX,
	COL_5XX, COL_P50, COL_P90, COL_P99, COL_MAX, COL_TIME, COL_BYTES, COL_INCOMPLETE, COL_CALLS,
	COLUMNS
};

/* What is left out first where a terminal is narrow; what is not here stays. */
static const enum column dropped[] = { COL_INCOMPLETE, COL_MAX,	 COL_BYTES, COL_P90,
				       COL_RATE,       COL_P50, COL_TIME, COL_METHOD };

#define ROUTE_COMFORT 16 /* columns */
#define ROUTE_LEAST 8
#define SERVICE_LEAST 7

struct layout {
	size_t width[COLUMNS]; /* 0: not shown */
};

static const struct {
	const char *key; /* of --sort */
	const char *title;
	int text; /* to the left, and ascending */
} columns[COLUMNS] = {
	[COL_ROUTE] = { "route", "ROUTE", 1 },
	[COL_METHOD] = { "method", "METHOD", 1 },
	[COL_KIND] = { "kind", "KIND", 1 },
	[COL_SERVICE] = { "service", "SERVICE", 1 },
	[COL_COUNT] = { "count", "COUNT", 0 },
	[COL_RATE] = { "rate", "RATE", 0 },
	[COL_ERRORS] = { "errors", "ERR%", 0 },
	[COL_4XX] = { "4xx", "4xx", 0 },
	[COL_5XX] = { "5xx", "5xx", 0 },
	[COL_P50] = { "p50", "P50", 0 },
	[COL_P90] = { "p90", "P90", 0 },
	[COL_P99] = { "p99", "P99", 0 },
	[COL_MAX] = { "max", "MAX", 0 },
	[COL_TIME] = { "time", "TIME", 0 },
	[COL_BYTES] = { "bytes", "BYTES", 0 },
	[COL_INCOMPLETE] = { "incomplete", "INC%", 0 },
	[COL_CALLS] = { "calls", "CALLS", 0 },
};

int summary_sort_key(const char *name)
{
	for (int i = 0; i < COLUMNS; i++) {
		if (!strcmp(columns[i].key, name))
			return i;
	}
	return -1;
}

const char *summary_sort_keys(void)
{
	return "count, route, method, kind, service, rate, errors, 4xx, 5xx, p50, p90, p99, max, "
	       "time, bytes, incomplete, calls";
}

static uint64_t duration_of(const struct red_row *r, enum column c)
{
	const struct hist *h = &r->durations;

	if (!h->count)
		return SPAN_UNKNOWN;
	if (c == COL_MAX)
		return h->max;
	if (c == COL_TIME)
		return h->sum;
	return hist_percentile(h, c == COL_P50 ? 50 : c == COL_P90 ? 90 : 99);
}

static struct str or_dash(struct str s)
{
	return s.p ? s : (struct str){ "-", 1 };
}

static struct str text_of(const struct red_row *r, enum column c)
{
	const char *kind = r->kind == SPAN_CLIENT ? "client" : "server";

	if (r->others)
		return c == COL_ROUTE ? r->name : (struct str){ "", 0 };
	switch (c) {
	case COL_ROUTE:
		return or_dash(r->name);
	case COL_METHOD:
		return or_dash(r->method);
	case COL_KIND:
		return (struct str){ kind, strlen(kind) };
	default:
		return or_dash(r->service);
	}
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* Of one request that makes such calls; 0: no such request is known. */
static double calls_of(const struct red_row *r)
{
	const struct red_counts *n = &r->counts;

	return n->callers ? (double)n->called / (double)n->callers : 0;
}

static double figure_of(const struct red_row *r, enum column c)
{
	const struct red_counts *n = &r->counts;

	switch (c) {
	case COL_ERRORS:
		return share(n->errors, n->count);
	case COL_4XX:
		return (double)n->class[RED_4XX];
	case COL_5XX:
		return (double)n->class[RED_5XX];
	case COL_INCOMPLETE:
		return share(n->incomplete, n->count);
	case COL_BYTES:
		return (double)(n->req_bytes + n->resp_bytes);
	case COL_CALLS:
		return calls_of(r);
	case COL_P50:
	case COL_P90:
	case COL_P99:
	case COL_MAX:
	case COL_TIME:
		return r->durations.count ? (double)duration_of(r, c) : -1;
	default: /* the rate goes with the count, all rows having the same time */
		return (double)n->count;
	}
}

static int compare_text(struct str a, struct str b)
{
	int d = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return d ? d : (a.n > b.n) - (a.n < b.n);
}

static int compare(const void *pa, const void *pb, void *ctx)
{
	const struct red_row *a = *(struct red_row *const *)pa;
	const struct red_row *b = *(struct red_row *const *)pb;
	enum column c = *(const enum column *)ctx;
	int d = a->others - b->others; /* the last one */

	if (d)
		return d;
	if (columns[c].text) {
		d = compare_text(text_of(a, c), text_of(b, c));
	} else {
		double fa = figure_of(a, c), fb = figure_of(b, c);

		d = (fa < fb) - (fa > fb);
	}
	if (!d)
		d = (a->counts.count < b->counts.count) - (a->counts.count > b->counts.count);
	/* the names last, so that equal runs print equal tables */
	for (c = COL_ROUTE; !d && c <= COL_SERVICE; c++)
		d = compare_text(text_of(a, c), text_of(b, c));
	return d;
}

/* As much of a route as may be shown, without what is secret in it. */
static struct str public_route(const struct summary_table *t, struct str route, char *buf)
{
	size_t n;

	if (!t->redact)
		return route;
	n = redact_uri(route, buf, NAME_MAX_BYTES);
	return (struct str){ buf, n < NAME_MAX_BYTES ? n : NAME_MAX_BYTES };
}

/* Safe for a terminal and at most so many columns wide, with an ellipsis where something is cut. */
static char *put_name(char *p, struct str s, size_t columns_wide)
{
	size_t n = s.n < NAME_MAX_BYTES ? s.n : NAME_MAX_BYTES;
	size_t len = (size_t)(safe_text(p, s.p, n) - p);

	if (n == s.n && text_width(p, len) <= columns_wide)
		return p + len;
	return FMT_LIT(p + text_cut(p, len, columns_wide - 1), "…");
}

static char *put_percent(char *p, uint64_t part, uint64_t whole)
{
	double v = share(part, whole);

	if (!part)
		return FMT_LIT(p, "0%");
	if (v < 0.1)
		return FMT_LIT(p, "<0.1%");
	return p + sprintf(p, part == whole ? "%.0f%%" : "%.1f%%", v);
}

static char *put_rate(char *p, uint64_t count, uint64_t elapsed_ns)
{
	double v;

	if (!elapsed_ns)
		return FMT_LIT(p, "-");
	v = (double)count * 1e9 / (double)elapsed_ns;
	return p + sprintf(p, "%.*f/s", v >= 100 ? 0 : v >= 10 ? 1 : 2, v);
}

/* "×37", "×1.3"; what is called once by each is the rule, and said, too. */
static char *put_calls(char *p, double calls)
{
	if (calls == 0)
		return FMT_LIT(p, "-");
	return p + sprintf(p, "×%.*f", calls < 10 && calls != (double)(int)calls ? 1 : 0, calls);
}

/* columns_wide: that a name may take. */
static size_t put_cell(char *buf, const struct summary_table *t, const struct red_row *r,
		       enum column c, size_t columns_wide)
{
	const struct red_counts *n = &r->counts;
	char route[NAME_MAX_BYTES], *p = buf;

	switch (c) {
	case COL_ROUTE:
		p = put_name(p, public_route(t, text_of(r, c), route), columns_wide);
		break;
	case COL_COUNT:
		p = fmt_u64(p, n->count);
		break;
	case COL_RATE:
		p = put_rate(p, n->count, t->end_ns - t->begin_ns);
		break;
	case COL_ERRORS:
		p = put_percent(p, n->errors, n->count);
		break;
	case COL_4XX:
		p = fmt_u64(p, n->class[RED_4XX]);
		break;
	case COL_5XX:
		p = fmt_u64(p, n->class[RED_5XX]);
		break;
	case COL_INCOMPLETE:
		p = put_percent(p, n->incomplete, n->count);
		break;
	case COL_CALLS:
		p = put_calls(p, calls_of(r));
		break;
	case COL_BYTES:
		p = fmt_size(p, n->req_bytes + n->resp_bytes);
		break;
	case COL_P50:
	case COL_P90:
	case COL_P99:
	case COL_MAX:
	case COL_TIME:
		p = fmt_short_duration(p, duration_of(r, c));
		break;
	default:
		p = put_name(p, text_of(r, c), columns_wide);
	}
	return (size_t)(p - buf);
}

static void put_padding(struct out *o, size_t n)
{
	while (n--)
		out_char(o, ' ');
}

static void put_aligned(struct out *o, enum column c, const char *cell, size_t n, size_t width,
			const char *color)
{
	size_t pad = width - text_width(cell, n);

	if (c)
		put_padding(o, 2);
	if (!columns[c].text)
		put_padding(o, pad);
	out_bytes(o, color, strlen(color));
	out_bytes(o, cell, n);
	if (*color)
		out_bytes(o, "\033[0m", 4);
	if (columns[c].text)
		put_padding(o, pad);
}

/* What went wrong is to be seen first. */
static const char *color_of(const struct red_row *r, enum column c)
{
	const struct red_counts *n = &r->counts;

	if ((c == COL_ERRORS && n->errors) || (c == COL_5XX && n->class[RED_5XX]))
		return "\033[31m";
	return c == COL_4XX && n->class[RED_4XX] ? "\033[33m" : "";
}

static void put_row(struct out *o, const struct summary_table *t, const struct red_row *r,
		    const struct layout *l)
{
	char cell[CELL_MAX];

	for (enum column c = 0; c < COLUMNS; c++)
		if (l->width[c])
			put_aligned(o, c, cell, put_cell(cell, t, r, c, l->width[c]),
				    l->width[c], t->color ? color_of(r, c) : "");
	out_char(o, '\n');
}

static const char *title_of(const struct red *red, enum column c)
{
	if (c == COL_METHOD && red_by_system(red->opt.by))
		return "SYSTEM";
	return c == COL_ROUTE ? red_heading(red) : columns[c].title;
}

/* Rows that are not by route have no one service, and no method but where it is the system. */
static int has_column(const struct red *red, enum column c)
{
	enum red_by by = red->opt.by;

	return by == RED_BY_ROUTE || (c != COL_SERVICE && (c != COL_METHOD || red_by_system(by)));
}

static void put_titles(struct out *o, const struct summary_table *t, const struct layout *l)
{
	for (enum column c = 0; c < COLUMNS; c++)
		if (l->width[c])
			put_aligned(o, c, title_of(t->red, c), strlen(title_of(t->red, c)),
				    l->width[c], t->color ? "\033[1m" : "");
	out_char(o, '\n');
}

/* ---- which columns, and how wide */

static void widen(const struct summary_table *t, const struct red_row *r, struct layout *l)
{
	char cell[CELL_MAX];

	for (enum column c = 0; c < COLUMNS; c++) {
		size_t w = text_width(cell, put_cell(cell, t, r, c, NAME_COLUMNS));

		if (w > l->width[c])
			l->width[c] = w;
	}
}

static size_t total_width(const struct layout *l)
{
	size_t sum = 0;

	for (enum column c = 0; c < COLUMNS; c++)
		sum += l->width[c] ? l->width[c] + 2 : 0;
	return sum - 2;
}

static void shrink(struct layout *l, enum column c, size_t least, size_t width)
{
	size_t total = total_width(l), excess = total > width ? total - width : 0;
	size_t spare = l->width[c] > least ? l->width[c] - least : 0;

	l->width[c] -= excess < spare ? excess : spare;
}

static void fit(struct layout *l, size_t width)
{
	for (size_t i = 0; i < sizeof(dropped) / sizeof(*dropped) && total_width(l) > width; i++)
		l->width[dropped[i]] = 0;
	shrink(l, COL_ROUTE, ROUTE_COMFORT, width);
	shrink(l, COL_SERVICE, SERVICE_LEAST, width);
	shrink(l, COL_ROUTE, ROUTE_LEAST, width);
}

static void lay_out(const struct summary_table *t, struct red_row **rows, unsigned n,
		    struct layout *l)
{
	uint64_t refused = 0, failed = 0, again = 0;
	int databases = t->sort == COL_TIME;

	for (enum column c = 0; c < COLUMNS; c++)
		l->width[c] = strlen(title_of(t->red, c));
	for (unsigned i = 0; i < n; i++) {
		widen(t, rows[i], l);
		refused += rows[i]->counts.class[RED_4XX];
		failed += rows[i]->counts.class[RED_5XX];
		again += rows[i]->counts.called - rows[i]->counts.callers;
		databases |= rows[i]->database;
	}
	if (!databases) /* whose statements are told by the time that they take in all */
		l->width[COL_TIME] = 0;
	for (enum column c = 0; c < COLUMNS; c++)
		if (!has_column(t->red, c))
			l->width[c] = 0;
	if (!again) /* nothing is called twice by one request */
		l->width[COL_CALLS] = 0;
	if (!refused && !failed)
		l->width[COL_4XX] = l->width[COL_5XX] = 0;
	if (t->width)
		fit(l, (size_t)t->width);
}

/* ---- rows */

/* The row of the same names at the edge. */
static struct red_row *twin(const struct red *red, const struct red_row *r)
{
	for (unsigned i = 0; !r->edge && !r->others && i < red->n; i++) {
		struct red_row *e = red->rows[i];

		if (e->edge && e->kind == r->kind &&
		    !compare_text(text_of(e, COL_ROUTE), text_of(r, COL_ROUTE)) &&
		    !compare_text(text_of(e, COL_METHOD), text_of(r, COL_METHOD)) &&
		    !compare_text(text_of(e, COL_SERVICE), text_of(r, COL_SERVICE)))
			return e;
	}
	return NULL;
}

static void add_row(struct red_row *to, const struct red_row *r)
{
	red_counts_add(&to->counts, &r->counts);
	(void)hist_merge(&to->durations, &r->durations);
}

/* All that came in from outside; 0: that is one row, or not known. */
static int add_up_edge(const struct red *red, struct red_row *sum)
{
	int n = 0;

	for (unsigned i = 0; i < red->n; i++)
		if (red->rows[i]->edge && red->rows[i]->kind == SPAN_SERVER) {
			add_row(sum, red->rows[i]);
			n++;
		}
	return n > 1 && !red->others;
}

/* Returns how many rows there are. */
static unsigned take_rows(const struct red *red, struct red_row **rows)
{
	unsigned n = 0;

	for (unsigned i = 0; i < red->n; i++) {
		struct red_row *same = twin(red, red->rows[i]);

		if (same)
			add_row(same, red->rows[i]);
		else
			rows[n++] = red->rows[i];
	}
	return n;
}

/* ---- forms for other programs */

/* RFC 4180; what a spreadsheet would take for a formula is made text. */
static void put_quoted(struct out *o, struct str s)
{
	char safe[CELL_MAX];
	size_t n = s.n < NAME_MAX_BYTES ? s.n : NAME_MAX_BYTES;

	n = (size_t)(safe_text(safe, s.p, n) - safe);
	out_char(o, '"');
	if (n && memchr("=+-@", *safe, 4))
		out_char(o, '\'');
	for (size_t i = 0; i < n; i++) {
		if (safe[i] == '"')
			out_char(o, '"');
		out_char(o, safe[i]);
	}
	out_char(o, '"');
}

static void put_figure(struct out *o, uint64_t v)
{
	out_char(o, ',');
	if (v != SPAN_UNKNOWN)
		out_commit(o, fmt_u64(out_reserve(o, FMT_U64_MAX), v));
}

/* Is that column the first one, as all rows are by it? */
static int is_group(const struct red *red, enum column c)
{
	return !strcmp(red_column(red), columns[c].key);
}

static void put_csv_name(struct out *o, const struct red_row *r, enum column c)
{
	struct str kind = text_of(r, COL_KIND);

	if (c == COL_KIND)
		out_bytes(o, kind.p, kind.n);
	else
		put_quoted(o, c == COL_METHOD ? r->method : r->service);
}

static void put_csv_row(struct out *o, const struct summary_table *t, const struct red_row *r)
{
	const struct red_counts *n = &r->counts;
	struct fmt_clock utc = { .rfc3339 = 1 };
	char route[NAME_MAX_BYTES];

	out_commit(o, fmt_time(out_reserve(o, FMT_TIME_MAX), &utc, t->begin_ns));
	out_char(o, ',');
	out_commit(o, fmt_time(out_reserve(o, FMT_TIME_MAX), &utc, t->end_ns));
	out_char(o, ',');
	put_quoted(o, public_route(t, r->name, route));
	for (enum column c = COL_METHOD; c <= COL_SERVICE; c++)
		if (!is_group(t->red, c)) {
			out_char(o, ',');
			put_csv_name(o, r, c);
		}
	put_figure(o, n->count);
	put_figure(o, n->errors);
	put_figure(o, n->class[RED_4XX]);
	put_figure(o, n->class[RED_5XX]);
	for (enum column c = COL_P50; c <= COL_MAX; c++)
		put_figure(o, duration_of(r, c));
	put_figure(o, n->req_bytes + n->resp_bytes);
	put_figure(o, n->incomplete);
	put_figure(o, n->called);
	put_figure(o, n->callers);
	put_figure(o, duration_of(r, COL_TIME));
	out_str(o, "\r\n");
}

static void put_csv_titles(struct out *o, const struct red *red)
{
	out_str(o, "start,end,");
	out_str(o, red_column(red));
	for (enum column c = COL_METHOD; c <= COL_SERVICE; c++)
		if (!is_group(red, c)) {
			out_char(o, ',');
			out_str(o, columns[c].key);
		}
	out_str(o, ",count,errors,4xx,5xx,p50_ns,p90_ns,p99_ns,max_ns,bytes,incomplete,calls,"
		   "callers,total_ns\r\n");
}

static void put_csv(struct out *o, const struct summary_table *t, struct red_row **rows, unsigned n)
{
	if (!t->again)
		put_csv_titles(o, t->red);
	for (unsigned i = 0; i < n; i++)
		put_csv_row(o, t, rows[i]);
}

/* A cell of Markdown is one line, and says what it says: nothing in it is markup. */
static void put_markdown_cell(struct out *o, const char *cell, size_t n)
{
	out_str(o, " ");
	for (size_t i = 0; i < n; i++) {
		if (memchr("|`*_<>[]~&", cell[i], 10))
			out_char(o, '\\');
		out_char(o, cell[i]);
	}
	out_str(o, " |");
}

static void put_markdown(struct out *o, const struct summary_table *t, struct red_row **rows,
			 unsigned n)
{
	char cell[CELL_MAX];

	out_char(o, '|');
	for (enum column c = 0; c < COLUMNS; c++)
		if (has_column(t->red, c))
			put_markdown_cell(o, title_of(t->red, c),
					  strlen(title_of(t->red, c)));
	out_str(o, "\n|");
	for (enum column c = 0; c < COLUMNS; c++)
		if (has_column(t->red, c))
			out_str(o, columns[c].text ? " --- |" : " ---: |");
	out_char(o, '\n');
	for (unsigned i = 0; i < n; i++) {
		out_char(o, '|');
		for (enum column c = 0; c < COLUMNS; c++)
			if (has_column(t->red, c))
				put_markdown_cell(o, cell,
						  put_cell(cell, t, rows[i], c, NAME_COLUMNS));
		out_char(o, '\n');
	}
}

static void put_aligned_table(struct out *o, const struct summary_table *t, struct red_row **rows,
			      unsigned n)
{
	struct layout l;

	lay_out(t, rows, n, &l);
	put_titles(o, t, &l);
	for (unsigned i = 0; i < n; i++)
		put_row(o, t, rows[i], &l);
}

/* Statements, and whatever else is asked of databases, by the time that they take in all. */
static enum column order_of(const struct summary_table *t, struct red_row **rows, unsigned n)
{
	if (t->sort >= 0)
		return (enum column)t->sort;
	for (unsigned i = 0; i < n; i++)
		if (!rows[i]->database && !rows[i]->others)
			return COL_COUNT;
	return COL_TIME;
}

void summary_table_put(const struct summary_table *t, struct out *o)
{
	struct red_row **rows = calloc(t->red->n + 1, sizeof(struct red_row *));
	struct red_row sum = { .others = 1, .name = { "(at the edge)", 13 } };
	int total = add_up_edge(t->red, &sum);
	unsigned n = rows ? take_rows(t->red, rows) : 0;
	enum column by = order_of(t, rows, n);

	if (rows)
		qsort_r(rows, n, sizeof(*rows), compare, &by);
	if (rows && total && (t->form == SUMMARY_TABLE ? t->width : t->form == SUMMARY_MARKDOWN))
		rows[n++] = &sum;
	if (t->form == SUMMARY_CSV)
		put_csv(o, t, rows, n);
	else if (t->form == SUMMARY_MARKDOWN)
		put_markdown(o, t, rows, n);
	else
		put_aligned_table(o, t, rows, n);
	hist_release(&sum.durations);
	free(rows);
}
