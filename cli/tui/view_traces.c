/*
 * view_traces.c - traces as waterfalls: who called whom, when, and what the end waited for
 *
 * A line per span, under its parent; bars lie on the time axis of their trace. What lies on the
 * critical path has a full bar, the rest a light one. Traces may be folded to their first line.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/tui/model_trace.h"
#include "cli/tui/tui_impl.h"

#define EXCEPTIONS 256 /* traces that are folded when the others are not, or the other way round */

enum traces_column {
	COL_TIME, COL_SPANS, COL_ERRORS, COL_TOTAL, COL_NAME, COL_STATUS, COL_LINK, COL_BAR,
	COL_ALL,
};

/* As in span_list.c: statuses are codes, or words. */
#define COLUMNS(least, most) \
	{ \
		[COL_TIME] = { "START", 12, 12, 5, 0, 1, 0 }, \
		[COL_SPANS] = { "SPANS", 5, 5, 6, 1, 1, 0 }, \
		[COL_ERRORS] = { "ERR", 4, 4, 7, 1, 1, 0 }, \
		[COL_TOTAL] = { "TOTAL", 7, 7, 0, 1, 1, 0 }, \
		[COL_NAME] = { "SPAN", 10, 60, 0, 0, 0, 1 }, \
		[COL_STATUS] = { "STAT", least, most, 4, 0, 0, 0 }, \
		[COL_LINK] = { "LINK", 11, 11, 3, 0, 0, 0 }, \
		[COL_BAR] = { "WATERFALL", 12, 90, 1, 0, 0, 1 }, \
	}

static const struct column columns[COL_ALL] = COLUMNS(4, 8);
static const struct column wide_columns[COL_ALL] = COLUMNS(9, 17);

struct traces_view {
	struct view view;
	struct table table;
	struct traces traces;
	uint32_t *rows; /* nodes */
	uint32_t n;
	int folded; /* all but the exceptions */
	uint64_t exception[EXCEPTIONS];
	unsigned nexceptions; /* that were made; the last EXCEPTIONS are remembered */
};

static const struct trace_node *node_at(const struct traces_view *v, uint32_t row)
{
	return &v->traces.node[v->rows[row]];
}

static const struct trace *trace_at(const struct traces_view *v, uint32_t row)
{
	return &v->traces.trace[node_at(v, row)->trace];
}

static int is_first(const struct traces_view *v, uint32_t row)
{
	return v->rows[row] == trace_at(v, row)->root;
}

/* ---- folding */

static unsigned exceptions(const struct traces_view *v)
{
	return v->nexceptions < EXCEPTIONS ? v->nexceptions : EXCEPTIONS;
}

static int is_folded(const struct traces_view *v, uint64_t key)
{
	for (unsigned i = 0; i < exceptions(v); i++)
		if (v->exception[i] == key)
			return !v->folded;
	return v->folded;
}

static void set_folded(struct traces_view *v, uint64_t key, int folded)
{
	if (is_folded(v, key) == folded)
		return;
	for (unsigned i = 0; i < exceptions(v); i++)
		if (v->exception[i] == key) {
			v->exception[i] = 0;
			return;
		}
	v->exception[v->nexceptions++ % EXCEPTIONS] = key;
}

/* ---- rows */

static void add_trace(struct traces_view *v, const struct trace *t)
{
	if (!t->shown)
		return;
	v->rows[v->n++] = t->root;
	if (is_folded(v, t->key))
		return;
	for (uint32_t i = t->root; (i = traces_next(&v->traces, i, 0)) != TRACE_NONE;)
		v->rows[v->n++] = i;
}

static void traces_refresh(struct view *view)
{
	struct traces_view *v = (struct traces_view *)view;

	v->n = 0;
	if (v->rows && !traces_build(&v->traces, &view->tui->model.now->ring))
		for (uint32_t i = 0; i < v->traces.n; i++)
			add_trace(v, &v->traces.trace[i]);
	table_refresh(&v->table);
}

static uint32_t row_count(void *ctx)
{
	return ((struct traces_view *)ctx)->n;
}

static uint64_t row_id(void *ctx, uint32_t row)
{
	return node_at(ctx, row)->number;
}

/* Only traces are compared: the lines of one stay together, in the order of the tree. */
static int row_compare(void *ctx, uint32_t x, uint32_t y, int column)
{
	const struct trace *a = trace_at(ctx, x), *b = trace_at(ctx, y);
	uint64_t p = a->start, q = b->start;

	if (a == b)
		return 0;
	if (column == COL_TOTAL || column == COL_BAR) {
		p = a->end - a->start;
		q = b->end - b->start;
	} else if (column == COL_SPANS) {
		p = a->nodes;
		q = b->nodes;
	} else if (column == COL_ERRORS) {
		p = a->errors;
		q = b->errors;
	}
	if (p != q)
		return p < q ? -1 : 1;
	return a < b ? -1 : 1;
}

/* ---- cells */

static void row_cell(void *ctx, uint32_t row, int column, int width, struct cell *c)
{
	const struct traces_view *v = ctx;
	const struct trace *t = trace_at(v, row);
	const struct span *s = node_at(v, row)->span;
	uint64_t total = is_first(v, row) ? t->end - t->start : s->duration_ns;

	(void)width;
	switch (column) {
	case COL_TIME:
		if (is_first(v, row))
			c->text = tui_clock(c->buf, t->start);
		c->style = STYLE_DIM;
		break;
	case COL_SPANS:
		if (is_first(v, row))
			c->text = tui_count(c->buf, t->nodes);
		break;
	case COL_ERRORS:
		if (is_first(v, row))
			c->text = tui_count(c->buf, t->errors);
		c->style = t->errors ? STYLE_ERROR : STYLE_DIM;
		break;
	case COL_TOTAL:
		c->text = tui_duration(c->buf, total);
		c->style = total >= TUI_SLOW_NS ? STYLE_SLOW :
			   is_first(v, row)	? STYLE_STRONG :
						  STYLE_TEXT;
		break;
	case COL_STATUS:
		c->text = tui_status(c->buf, s);
		c->style = tui_status_style(s);
		break;
	case COL_LINK:
		c->text = str_of(s->has_parent ? (s->link ? s->link : "?") : "");
		c->style = STYLE_DIM;
		c->foreign = 1;
		break;
	default: break;
	}
}

static void paint_name(const struct traces_view *v, uint32_t row, struct screen *s, int y, int x,
		       int width)
{
	const struct trace_node *n = node_at(v, row);
	const struct trace *t = trace_at(v, row);
	const struct span *span = n->span;
	const char *who = span_process(span);
	char buf[TEXT_MAX];
	int at = x, end = x + width, depth = n->depth;

	if (is_first(v, row))
		at += screen__put(s, y, at, width, STYLE_KEY,
				  t->nodes == 1 ? "  " : is_folded(v, t->key) ? "▸ " : "▾ ");
	else
		at += 2;
	/* deep trees must leave room for the name */
	if (2 * depth > width / 2)
		depth = width / 4;
	at += 2 * (depth > 0 ? depth - 1 : 0);
	if (depth)
		at += screen__put(s, y, at, end - at, STYLE_DIM,
				  n->next == TRACE_NONE ? "└ " : "├ ");
	if (who) {
		at += screen__safe(s, y, at, end - at, span->kind == SPAN_CLIENT ? STYLE_CLIENT :
										    STYLE_STRONG,
				   CUT_END, str_of(who)) + 1;
	}
	at += screen__safe(s, y, at, end - at, STYLE_TEXT, CUT_END,
			   tui_method(span)) + 1;
	screen__safe(s, y, at, end - at, STYLE_TEXT, CUT_MIDDLE,
		     tui_target(v->view.tui, span, buf, sizeof(buf)));
}

static void paint_bar(const struct traces_view *v, uint32_t row, struct screen *s, int y, int x,
		      int width)
{
	const struct trace_node *n = node_at(v, row);
	const struct trace *t = trace_at(v, row);
	double whole = t->end > t->start ? (double)(t->end - t->start) : 1;
	double from = (double)(n->span->time_ns - t->start) / whole * width;
	double to = (double)(span_end(n->span) - t->start) / whole * width;
	enum style st = n->span->error != SPAN_OK ? STYLE_ERROR :
			n->critical		  ? STYLE_BAR :
						    STYLE_DIM;

	screen__bar(s, y, x, width, from, to, n->critical, st);
}

static void row_paint(void *ctx, uint32_t row, int column, struct screen *s, int y, int x,
		      int width)
{
	if (column == COL_NAME)
		paint_name(ctx, row, s, y, x, width);
	else
		paint_bar(ctx, row, s, y, x, width);
}

/* ---- the view */

static const struct table_ops traces_ops = { columns,  COL_ALL,	  row_count, row_id,
					     row_cell, row_paint, row_compare };
static const struct table_ops wide_ops = { wide_columns, COL_ALL,   row_count, row_id,
					   row_cell,	 row_paint, row_compare };

static void view_init(struct view *view)
{
	struct traces_view *v = (struct traces_view *)view;

	traces_init(&v->traces);
	v->rows = calloc(RING_SPANS, sizeof(*v->rows));
	table_init(&v->table, &traces_ops, v);
	v->table.sort = COL_TOTAL;
}

static void view_release(struct view *view)
{
	struct traces_view *v = (struct traces_view *)view;

	traces_release(&v->traces);
	table_release(&v->table);
	free(v->rows);
}

static void view_draw(struct view *view, struct screen *s, int y, int height)
{
	struct traces_view *v = (struct traces_view *)view;

	v->table.ops = view->tui->model.now->ring.words ? &wide_ops : &traces_ops;
	table_draw(&v->table, s, y, height);
	if (!v->n && height > 2)
		screen__put(s, y + 2, 2, screen__width(s), STYLE_STRONG, "No traces so far.");
}

static void fold_selected(struct traces_view *v, int folded)
{
	const struct trace *t;
	uint32_t row;

	if (!table_selected(&v->table, &row))
		return;
	t = trace_at(v, row);
	set_folded(v, t->key, folded < 0 ? !is_folded(v, t->key) : folded);
	/* the line that is left is the one to stay on */
	if (is_folded(v, t->key))
		table_select(&v->table, v->traces.node[t->root].number);
	v->view.tui->stale = 1;
}

/* A line opens its span; the first line of a folded trace unfolds it. */
static void enter(struct traces_view *v)
{
	uint32_t row;

	if (!table_selected(&v->table, &row))
		return;
	if (trace_at(v, row)->nodes > 1 && is_folded(v, trace_at(v, row)->key))
		fold_selected(v, 0);
	else
		tui_push(v->view.tui, view_span_open(v->view.tui, node_at(v, row)->span));
}

static int view_key(struct view *view, const struct key *k)
{
	struct traces_view *v = (struct traces_view *)view;

	switch (k->code) {
	case SK_ENTER: enter(v); return 1;
	case SK_DOUBLE_CLICK:
		if (!table_clicked(&v->table, k))
			return 0;
		enter(v);
		return 1;
	case SK_LEFT: fold_selected(v, 1); return 1;
	case SK_RIGHT: fold_selected(v, 0); return 1;
	case 'x': fold_selected(v, -1); return 1;
	case 'z':
		v->folded = !v->folded;
		v->nexceptions = 0;
		view->tui->stale = 1;
		return 1;
	case 'l':
		v->table.sort = v->table.sort == COL_TIME ? COL_TOTAL : COL_TIME;
		v->table.invert = 0;
		tui_say(view->tui, STYLE_TEXT, v->table.sort == COL_TIME ? "the latest first" :
									   "the slowest first");
		table_refresh(&v->table);
		return 1;
	default: return 0;
	}
}

static struct table *view_table(struct view *view)
{
	return &((struct traces_view *)view)->table;
}

static unsigned view_save(struct view *view, struct out *o)
{
	struct traces_view *v = (struct traces_view *)view;
	struct sink *k = tui_json_sink(view->tui, o);

	if (!k)
		return 0;
	for (uint32_t i = 0; i < v->table.n; i++)
		k->ops->span(k, node_at(v, v->table.order[i])->span);
	k->ops->free(k);
	return v->table.n;
}

const struct view_ops view_traces = {
	.name = "Traces",
	.hints = "Enter:details  x:fold  z:fold all  l:latest/slowest",
	.size = sizeof(struct traces_view),
	.init = view_init,
	.release = view_release,
	.refresh = traces_refresh,
	.draw = view_draw,
	.key = view_key,
	.table = view_table,
	.save = view_save,
};
