/*
 * view_alike.c - like traces as one, with how each of their hops scatters; or all, by service
 *
 * A line per hop, under the one that calls it. TIME is the share of the time that the traces took
 * together which this hop worked itself. By service, it is the share of all that worked.
 */
#include <string.h>

#include "cli/tui/model_alike.h"
#include "cli/tui/trace_bar.h"
#include "cli/tui/tui_impl.h"

#define SECOND 1000000000ull

enum alike_column {
	COL_COUNT, COL_ERRORS, COL_NAME, COL_P50, COL_P99, COL_SELF50, COL_SELF99, COL_NETWORK,
	COL_TIME, COL_BAR,
	COL_ALL,
};

static const struct column columns[COL_ALL] = {
	[COL_COUNT] = { "COUNT", 6, 7, 0, 1, 1, 0 },
	[COL_ERRORS] = { "ERR%", 4, 5, 3, 1, 1, 0 },
	[COL_NAME] = { "HOP", 10, 80, 0, 0, 0, 1 },
	[COL_P50] = { "P50", 6, 7, 4, 1, 1, 0 },
	[COL_P99] = { "P99", 7, 8, 0, 1, 1, 0 },
	[COL_SELF50] = { "SELF 50", 7, 8, 5, 1, 1, 0 },
	[COL_SELF99] = { "SELF 99", 7, 8, 2, 1, 1, 0 },
	[COL_NETWORK] = { "NET%", 4, 5, 3, 1, 1, 0 },
	[COL_TIME] = { "TIME", 4, 5, 1, 1, 1, 0 },
	[COL_BAR] = { "", 8, 30, 6, 0, 0, 1 },
};

struct alike_view {
	struct view view;
	struct table table;
	struct traces traces;
	struct alike alike;
	struct trace_colours colours;
	uint32_t rows[ALIKE_HOPS]; /* hops, in the order of the tree */
	uint32_t n;
	int by_service;
};

static const struct alike_hop *hop_at(const struct alike_view *v, uint32_t row)
{
	return &v->alike.hop[v->rows[row]];
}

static const struct alike_hop *root_at(const struct alike_view *v, uint32_t row)
{
	return &v->alike.hop[hop_at(v, row)->root];
}

static void alike_refresh(struct view *view)
{
	struct alike_view *v = (struct alike_view *)view;
	const struct tui *t = view->tui;
	uint64_t since = t->window && t->vitals.now ? t->vitals.now - t->window * SECOND
						    : t->model.from;
	uint64_t kept = model_latest(&t->model);

	v->n = 0;
	/* what is kept for longer is not what is usual */
	if (!traces_build(&v->traces, &t->model.now->ring) &&
	    !alike_build(&v->alike, &v->traces, since > kept ? since : kept, v->by_service))
		for (uint32_t r = v->alike.first; r != TRACE_NONE; r = v->alike.hop[r].next)
			for (uint32_t i = r; i != TRACE_NONE; i = alike_next(&v->alike, i))
				v->rows[v->n++] = i;
	table_refresh(&v->table);
}

static uint32_t row_count(void *ctx)
{
	return ((struct alike_view *)ctx)->n;
}

static uint64_t row_id(void *ctx, uint32_t row)
{
	return hop_at(ctx, row)->key;
}

static uint64_t percentile(const struct hist *h, double p)
{
	return h->count ? hist_percentile(h, p) : SPAN_UNKNOWN;
}

/* Of which the hop's own time is a share. */
static uint64_t whole(const struct alike_view *v, uint32_t row)
{
	return v->by_service ? v->alike.self : root_at(v, row)->total.sum;
}

/* Only like traces as a whole are compared: their hops stay under them. */
static uint64_t weight(const struct alike_view *v, const struct alike_hop *h, int column)
{
	switch (column) {
	case COL_COUNT: return h->count;
	case COL_ERRORS: return h->count ? h->errors * 1000000 / h->count : 0;
	case COL_P50: return percentile(&h->total, 50) + 1;
	case COL_P99: return percentile(&h->total, 99) + 1;
	case COL_SELF50: return percentile(&h->self, 50) + 1;
	case COL_SELF99: return percentile(&h->self, 99) + 1;
	case COL_NETWORK: return h->network;
	default: return v->by_service ? h->self.sum : h->total.sum;
	}
}

static int row_compare(void *ctx, uint32_t x, uint32_t y, int column)
{
	const struct alike_hop *a = root_at(ctx, x), *b = root_at(ctx, y);
	uint64_t p = weight(ctx, a, column), q = weight(ctx, b, column);

	if (a == b)
		return 0;
	return p != q ? (p < q ? -1 : 1) : (a < b ? -1 : 1);
}

static void row_cell(void *ctx, uint32_t row, int column, int width, struct cell *c)
{
	const struct alike_hop *h = hop_at(ctx, row);

	(void)width;
	switch (column) {
	case COL_COUNT:
		c->text = tui_count(c->buf, h->count);
		c->style = h->depth ? STYLE_TEXT : STYLE_STRONG;
		break;
	case COL_ERRORS:
		c->text = tui_percent(c->buf, h->errors, h->count);
		c->style = h->errors ? STYLE_ERROR : STYLE_DIM;
		break;
	case COL_P50: c->text = tui_duration(c->buf, percentile(&h->total, 50)); break;
	case COL_P99:
		c->text = tui_duration(c->buf, percentile(&h->total, 99));
		c->style = tui_duration_style(percentile(&h->total, 99));
		break;
	case COL_SELF50: c->text = tui_duration(c->buf, percentile(&h->self, 50)); break;
	case COL_SELF99: c->text = tui_duration(c->buf, percentile(&h->self, 99)); break;
	case COL_NETWORK:
		c->text = tui_percent(c->buf, h->network, whole(ctx, row));
		c->style = h->network ? STYLE_SLOW : STYLE_DIM;
		break;
	case COL_TIME:
		c->text = tui_percent(c->buf, h->self.sum, whole(ctx, row));
		break;
	default: break;
	}
}

static void paint_name(struct alike_view *v, uint32_t row, struct screen *s, int y, int x,
		       int width)
{
	const struct alike_hop *h = hop_at(v, row);
	const struct span *span = h->span;
	struct str route = span->route.p ? span->route : span->path;
	char buf[TEXT_MAX];
	struct tree_name name = {
		.span = span,
		.depth = h->depth,
		.last = h->next == TRACE_NONE,
		.style = (enum style)(STYLE_SERVICE + (int)trace_colour(&v->colours, span)),
		.times = 1,
	};

	if (h->parent != TRACE_NONE)
		name.above = span_process(v->alike.hop[h->parent].span);
	if (!v->by_service) {
		name.method = tui_method(span);
		name.target = text_redacted(route, 0, v->view.tui->opt.redact, buf, sizeof(buf));
	}
	tui_tree_name(s, y, x, width, &name);
}

static void row_paint(void *ctx, uint32_t row, int column, struct screen *s, int y, int x,
		      int width)
{
	struct alike_view *v = ctx;
	const struct alike_hop *h = hop_at(v, row);
	uint64_t all = whole(v, row);

	if (column == COL_NAME)
		paint_name(v, row, s, y, x, width);
	else if (all && h->self.sum)
		screen__bar(s, y, x, width, 0, (double)h->self.sum / (double)all * width, 1,
			    (enum style)(STYLE_SERVICE + (int)trace_colour(&v->colours, h->span)));
}

static void alike_init(struct view *view)
{
	static const struct table_ops ops = { columns,	COL_ALL,   row_count,  row_id,
					      row_cell, row_paint, row_compare };
	struct alike_view *v = (struct alike_view *)view;

	traces_init(&v->traces);
	table_init(&v->table, &ops, v);
	v->table.sort = COL_TIME;
}

static void alike_release_view(struct view *view)
{
	struct alike_view *v = (struct alike_view *)view;

	traces_release(&v->traces);
	alike_release(&v->alike);
	table_release(&v->table);
}

static void alike_draw(struct view *view, struct screen *s, int y, int height)
{
	struct alike_view *v = (struct alike_view *)view;

	table_draw(&v->table, s, y, height);
	if (!v->n && height > 2)
		empty_draw(view->tui->empty, view->tui, s, "traces", y + 2, height - 2);
}

static const struct span *alike_span(struct view *view)
{
	struct alike_view *v = (struct alike_view *)view;
	const struct alike_hop *h;
	uint32_t row;

	if (!table_selected(&v->table, &row))
		return NULL;
	h = hop_at(v, row);
	return h->slowest ? h->slowest : h->span;
}

/* The trace in which this hop took longest. */
static int alike_key(struct view *view, const struct key *k)
{
	struct alike_view *v = (struct alike_view *)view;
	const struct span *s;

	if (k->code == 'a' || k->code == 'e') {
		if (v->by_service == (k->code == 'e')) {
			tui_pop(view->tui); /* v is no more */
			return 1;
		}
		v->by_service = !v->by_service;
		view->tui->stale = 1;
		return 1;
	}
	if (k->code != SK_ENTER && k->code != 'T' &&
	    !(k->code == SK_DOUBLE_CLICK && table_clicked(&v->table, k)))
		return 0;
	s = alike_span(view);
	if (s)
		tui_push(view->tui, view->tui->open_trace(view->tui, s));
	return 1;
}

static struct table *alike_table(struct view *view)
{
	return &((struct alike_view *)view)->table;
}

static const struct view_ops view_alike = {
	.name = "Alike",
	.hints = "Enter:slowest trace  a:alike/each trace  e:services  m:window",
	.size = sizeof(struct alike_view),
	.init = alike_init,
	.release = alike_release_view,
	.refresh = alike_refresh,
	.draw = alike_draw,
	.key = alike_key,
	.table = alike_table,
	.span = alike_span,
};

struct view *view_alike_open(struct tui *t, int by_service)
{
	struct alike_view *v = (struct alike_view *)view_new(t, &view_alike);

	if (v)
		v->by_service = by_service;
	return &v->view;
}
