/*
 * view_traces.c - traces as waterfalls: who called whom, when, and what the end waited for
 *
 * A line per span, under its parent; bars lie on the time axis of their trace (trace_bar.h). Below
 * stands where the time of the selected trace went. Traces may be folded to their first line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tui/model_trace.h"
#include "cli/tui/trace_bar.h"
#include "cli/tui/tui_impl.h"
#include "core/id.h"
#include "sinks/format.h"
#include "sinks/trace_print.h"

#define FOOT_LEAST 8   /* lines of the view; with fewer there is no critical path below */
#define EXCEPTIONS 256 /* what is folded when its like is not, or the other way round */

enum traces_column {
	COL_TIME, COL_SPANS, COL_ERRORS, COL_TOTAL, COL_NAME, COL_STATUS, COL_LINK, COL_SELF,
	COL_BAR,
	COL_ALL,
};

/* As in span_list.c: statuses are codes, or words, and then the names are of statements, too. */
#define COLUMNS(least, most, share) \
	{ \
		[COL_TIME] = { "START", 12, 12, 5, 0, 1, 0 }, \
		[COL_SPANS] = { "SPANS", 5, 5, 6, 1, 1, 0 }, \
		[COL_ERRORS] = { "ERR", 4, 4, 7, 1, 1, 0 }, \
		[COL_TOTAL] = { "TOTAL", 7, 7, 0, 1, 1, 0 }, \
		[COL_NAME] = { "SPAN", 10, 60, 0, 0, 0, 1, share }, \
		[COL_STATUS] = { "STAT", least, most, 3, 0, 0, 0 }, \
		[COL_LINK] = { "LINK", 11, 11, 4, 0, 0, 0 }, \
		[COL_SELF] = { "SELF", 7, 7, 3, 1, 1, 0 }, \
		[COL_BAR] = { "WATERFALL", 12, 90, 1, 0, 0, 1, 20 }, \
	}

static const struct column columns[COL_ALL] = COLUMNS(4, 8, 0);
static const struct column wide_columns[COL_ALL] = COLUMNS(9, 17, 44);

struct traces_view {
	struct view view;
	struct table table;
	struct traces traces;
	struct trace_colours colours;
	struct column columns[COL_ALL]; /* the heading of bars has a scale */
	struct table_ops ops;
	char scale[200];
	struct trace_tree *tree; /* of the selected trace */
	char path[1024];	 /* where its time went */
	uint32_t *rows;		 /* nodes; room for `cap` of them */
	uint32_t cap;
	int alone;		 /* one trace only, that of this id */
	uint8_t id[TRACE_ID_LEN];
	uint32_t n;
	int folded; /* all traces but the exceptions; calls that are alike are, but for those */
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

static int is_exception(const struct traces_view *v, uint64_t key)
{
	for (unsigned i = 0; i < exceptions(v); i++)
		if (v->exception[i] == key)
			return 1;
	return 0;
}

static int is_folded(const struct traces_view *v, uint64_t key)
{
	return v->folded != is_exception(v, key);
}

/* Of calls that are alike: names no trace. */
static uint64_t calls_key(const struct traces_view *v, uint32_t node)
{
	return id_mix(v->traces.node[v->traces.node[node].first].number, 'x');
}

/* Is the node one of calls that are shown as one line? */
static int is_one_of(const struct traces_view *v, uint32_t node)
{
	return v->traces.node[node].first != TRACE_NONE && !is_exception(v, calls_key(v, node));
}

static void set_exception(struct traces_view *v, uint64_t key, int exception)
{
	if (is_exception(v, key) == exception)
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
	const struct span *s = v->traces.node[t->root].span;
	int one = 0;

	if (v->alone ? memcmp(s->trace_id, v->id, TRACE_ID_LEN) != 0 : !t->shown)
		return;
	v->rows[v->n++] = t->root;
	if (is_folded(v, t->key))
		return;
	for (uint32_t i = t->root; (i = traces_next(&v->traces, i, one)) != TRACE_NONE;) {
		one = is_one_of(v, i);
		if (!one || v->traces.node[i].first == i)
			v->rows[v->n++] = i;
	}
}

static int make_room(struct traces_view *v, uint32_t spans)
{
	uint32_t *rows;

	if (spans <= v->cap)
		return 0;
	rows = reallocarray(v->rows, 2 * (size_t)spans, sizeof(*rows));
	if (!rows)
		return -1;
	v->rows = rows;
	v->cap = 2 * spans;
	return 0;
}

static void traces_refresh(struct view *view)
{
	struct traces_view *v = (struct traces_view *)view;

	v->n = 0;
	if (!make_room(v, ring_count(&view->tui->model.now->ring)) &&
	    !traces_build(&v->traces, &view->tui->model.now->ring))
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

/* How many calls the row stands for. */
static uint32_t times(const struct traces_view *v, uint32_t row)
{
	return is_one_of(v, v->rows[row]) ? node_at(v, row)->times : 1;
}

static uint64_t add(uint64_t sum, uint64_t ns)
{
	return ns == SPAN_UNKNOWN ? sum : sum == SPAN_UNKNOWN ? ns : sum + ns;
}

/* The time of all calls that the row stands for, or the part of it that was their own. */
static uint64_t time_of(const struct traces_view *v, uint32_t row, int own)
{
	uint32_t i = v->rows[row];
	int one = is_one_of(v, i);
	uint64_t sum = SPAN_UNKNOWN;

	for (; i != TRACE_NONE; i = one ? traces_next_alike(&v->traces, i) : TRACE_NONE)
		sum = add(sum, own ? traces_self(&v->traces, i) :
				     v->traces.node[i].span->duration_ns);
	return sum;
}

static uint64_t end_of(const struct traces_view *v, uint32_t row)
{
	uint64_t end = 0;

	for (uint32_t i = v->rows[row]; i != TRACE_NONE; i = traces_next_alike(&v->traces, i))
		if (span_end(v->traces.node[i].span) > end)
			end = span_end(v->traces.node[i].span);
	return end;
}

static void row_cell(void *ctx, uint32_t row, int column, int width, struct cell *c)
{
	const struct traces_view *v = ctx;
	const struct trace *t = trace_at(v, row);
	const struct span *s = node_at(v, row)->span;
	uint64_t total = is_first(v, row) ? t->end - t->start : time_of(v, row, 0);

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
		c->style = tui_slow_style(v->view.tui, s);
		if (c->style == STYLE_TEXT && is_first(v, row))
			c->style = STYLE_STRONG;
		break;
	case COL_STATUS:
		c->text = tui_status(c->buf, s);
		c->style = tui_status_style(s);
		break;
	case COL_SELF:
		c->text = tui_duration(c->buf, time_of(v, row, 1));
		c->style = node_at(v, row)->critical ? STYLE_STRONG : STYLE_DIM;
		break;
	case COL_LINK:
		c->text = str_of(s->has_parent ? (s->link ? s->link : "?") : "");
		c->style = STYLE_DIM;
		c->foreign = 1;
		break;
	default: break;
	}
}

static enum style colour_of(struct traces_view *v, const struct span *s)
{
	return (enum style)(STYLE_SERVICE + (int)trace_colour(&v->colours, s));
}

static int is_last(const struct traces_view *v, uint32_t node)
{
	uint32_t i = v->traces.node[node].next;

	while (i != TRACE_NONE && is_one_of(v, i) && v->traces.node[i].first != i)
		i = v->traces.node[i].next;
	return i == TRACE_NONE;
}

static void paint_name(struct traces_view *v, uint32_t row, struct screen *s, int y, int x,
		       int width)
{
	const struct trace_node *n = node_at(v, row);
	const struct trace *t = trace_at(v, row);
	const struct span *span = n->span, *above = NULL;
	char buf[TEXT_MAX];
	struct tree_name name = {
		.span = span,
		.depth = n->depth,
		.last = is_last(v, v->rows[row]),
		.style = colour_of(v, span),
		.method = tui_method(span),
		.times = times(v, row),
	};

	if (is_first(v, row))
		screen__put(s, y, x, width, STYLE_KEY,
			    t->nodes == 1 ? "  " : is_folded(v, t->key) ? "▸ " : "▾ ");
	if (n->parent != TRACE_NONE)
		above = v->traces.node[n->parent].span;
	name.above = above ? span_process(above) : NULL;
	name.target = name.times > 1 && span->route.p ?
		text_redacted(span->route, 0, v->view.tui->opt.redact, buf, sizeof(buf)) :
		tui_target(v->view.tui, span, buf, sizeof(buf));
	tui_tree_name(s, y, x + 2, width - 2, &name);
}

static void paint_bar(struct traces_view *v, uint32_t row, struct screen *s, int y, int x,
		      int width)
{
	const struct trace *t = trace_at(v, row);

	if (t->nodes > 1 && is_first(v, row) && is_folded(v, t->key))
		trace_stack(&v->traces, v->rows[row], &v->colours, s, y, x, width);
	else if (times(v, row) > 1)
		trace_bar_calls(&v->traces, v->rows[row], end_of(v, row),
				colour_of(v, node_at(v, row)->span), s, y, x, width);
	else
		trace_bar(&v->traces, v->rows[row], node_at(v, row)->span->error != SPAN_OK ?
			  STYLE_ERROR : colour_of(v, node_at(v, row)->span), s, y, x, width);
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

static void view_init(struct view *view)
{
	struct traces_view *v = (struct traces_view *)view;

	traces_init(&v->traces);
	v->tree = malloc(sizeof(*v->tree));
	memcpy(v->columns, columns, sizeof(columns));
	v->ops = (struct table_ops){ v->columns, COL_ALL,   row_count, row_id,
				     row_cell,	 row_paint, row_compare };
	table_init(&v->table, &v->ops, v);
	v->table.sort = COL_TOTAL;
}

static void view_release(struct view *view)
{
	struct traces_view *v = (struct traces_view *)view;

	traces_release(&v->traces);
	table_release(&v->table);
	free(v->tree);
	free(v->rows);
}

/* Each trace has its own axis, from its beginning to its end. */
static void name_scale(struct traces_view *v)
{
	int width = v->table.width[COL_BAR], half;

	v->columns[COL_BAR].name = "WATERFALL";
	if (width < 28 || width >= (int)sizeof(v->scale))
		return;
	half = width / 2 - 2;
	snprintf(v->scale, sizeof(v->scale), "%-*s%-8s%*s", half, "WATERFALL", "50%",
		 width - half - 8, "100%");
	v->columns[COL_BAR].name = v->scale;
}

static int add_text(char *buf, size_t cap, size_t *n, const char *text)
{
	*n += (size_t)snprintf(buf + *n, cap - *n, "%s", text);
	return *n < cap - 64;
}

/* Where the time of the trace went, the largest part first, in the words of -o waterfall. */
static void tell_path(struct traces_view *v, const struct trace *t)
{
	struct span *spans[TRACE_MAX_SPANS];
	struct trace_share share[TRACE_SHARES];
	size_t n = 0, all;
	int count = 0, shares;

	v->path[0] = '\0';
	for (uint32_t i = t->root; v->tree && i != TRACE_NONE && count < TRACE_MAX_SPANS;
	     i = traces_next(&v->traces, i, 0))
		spans[count++] = (struct span *)v->traces.node[i].span;
	if (!count)
		return;
	trace_tree_build(v->tree, spans, count);
	shares = trace_shares(v->tree, share);
	all = v->tree->row[v->tree->longest].end - v->tree->row[v->tree->longest].start;
	/* what is less than one per cent is left out */
	for (int i = 0; i < shares && all && (!i || share[i].ns * 100 >= all); i++) {
		char part[2 * TRACE_NAME_MAX], took[32];

		took[tui_duration(took, share[i].ns).n] = '\0';
		snprintf(part, sizeof(part), "%s%s%.95s %s (%llu%%)", i ? ", " : "", share[i].what,
			 share[i].name, took,
			 (unsigned long long)((share[i].ns * 100 + all / 2) / all));
		if (!add_text(v->path, sizeof(v->path), &n, part))
			break;
	}
}

static void draw_path(struct traces_view *v, struct screen *s, int y)
{
	uint32_t row;
	int x;

	if (!table_selected(&v->table, &row))
		return;
	tell_path(v, trace_at(v, row));
	x = screen__put(s, y, 0, screen__width(s), STYLE_STRONG, "critical path: ");
	screen__safe(s, y, x, screen__width(s) - x, STYLE_TEXT, CUT_END, str_of(v->path));
}

static void view_draw(struct view *view, struct screen *s, int y, int height)
{
	struct traces_view *v = (struct traces_view *)view;

	int foot = height >= FOOT_LEAST && v->n > 0, width = v->table.width[COL_BAR];

	memcpy(v->columns, view->tui->model.now->ring.words ? wide_columns : columns,
	       sizeof(v->columns));
	name_scale(v);
	table_draw(&v->table, s, y, height - foot);
	if (v->table.width[COL_BAR] != width) {
		name_scale(v);
		table_draw(&v->table, s, y, height - foot);
	}
	if (foot)
		draw_path(v, s, y + height - 1);
	if (!v->n && height > 2)
		empty_draw(view->tui->empty, view->tui, s, "traces", y + 2, height - 2);
}

/* Folds (1), unfolds (0) or does the other (-1): calls that are alike, or else the trace. */
static void fold_selected(struct traces_view *v, int folded)
{
	const struct trace_node *n;
	const struct trace *t;
	uint32_t row;

	if (!table_selected(&v->table, &row))
		return;
	t = trace_at(v, row);
	n = node_at(v, row);
	v->view.tui->stale = 1;
	if (n->first != TRACE_NONE && folded != is_one_of(v, v->rows[row])) {
		set_exception(v, calls_key(v, v->rows[row]), is_one_of(v, v->rows[row]));
		/* the line that is left is the one to stay on */
		table_select(&v->table, v->traces.node[n->first].number);
		return;
	}
	if (folded != is_folded(v, t->key))
		set_exception(v, t->key, !is_exception(v, t->key));
	if (is_folded(v, t->key))
		table_select(&v->table, v->traces.node[t->root].number);
}

/* A line opens its span; one that stands for several unfolds. */
static void enter(struct traces_view *v)
{
	uint32_t row;

	if (!table_selected(&v->table, &row))
		return;
	if (times(v, row) > 1 ||
	    (trace_at(v, row)->nodes > 1 && is_folded(v, trace_at(v, row)->key)))
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
	case 'a':
	case 'e':
		if (!v->alone)
			tui_push(view->tui, view_alike_open(view->tui, k->code == 'e'));
		return 1;
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

static const struct span *view_selected(struct view *view)
{
	struct traces_view *v = (struct traces_view *)view;
	uint32_t row;

	return table_selected(&v->table, &row) ? node_at(v, row)->span : NULL;
}

const struct view_ops view_traces = {
	.name = "Traces",
	.hints = "Enter:details  a:alike  e:services  x:fold  z:fold all  l:latest/slowest",
	.size = sizeof(struct traces_view),
	.init = view_init,
	.release = view_release,
	.refresh = traces_refresh,
	.draw = view_draw,
	.key = view_key,
	.table = view_table,
	.span = view_selected,
	.save = view_save,
};

struct view *view_trace_open(struct tui *t, const struct span *s)
{
	struct traces_view *v = (struct traces_view *)view_new(t, &view_traces);

	if (!v)
		return NULL;
	v->alone = 1;
	memcpy(v->id, s->trace_id, TRACE_ID_LEN);
	return &v->view;
}
