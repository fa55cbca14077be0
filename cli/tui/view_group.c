/*
 * view_group.c - one row of Routes: its durations as histogram and over time, and its spans
 *
 * Histogram and spectrum share the axis of durations, one line per power of two; to the right, the
 * spectrum has a column per second, the latest last.
 */
#include <stdio.h>
#include <string.h>

#include "cli/tui/tui_impl.h"

#define LABEL 8
#define FIGURE 8

struct group_view {
	struct view view;
	struct span_list list;
	enum red_by by;
	uint64_t id;
	struct red_row *group; /* as of the last refresh; NULL: gone */
	struct red_counts counts;
	uint64_t bands[RED_SPECTRUM]; /* how many durations */
	uint64_t p50, p99;
	uint64_t count;
	int large; /* the chart takes all the room */
};

static struct red_row *find(const struct group_view *g)
{
	const struct red *all = model_red(&g->view.tui->model, g->by);

	for (unsigned i = 0; i < all->n; i++)
		if (all->rows[i]->id == g->id)
			return all->rows[i];
	return NULL;
}

static int wants(void *ctx, const struct span *s)
{
	struct group_view *g = ctx;

	return g->group && red_find(model_red(&g->view.tui->model, g->by), s) == g->group;
}

static void group_refresh(struct view *v)
{
	struct group_view *g = (struct group_view *)v;
	struct hist d;

	g->group = find(g);
	if (g->group) {
		hist_init(&d);
		red_advance(model_red(&v->tui->model, g->by), v->tui->vitals.now);
		red_window(model_red(&v->tui->model, g->by), g->group, v->tui->window, &g->counts,
			   &d);
		g->p50 = hist_percentile(&d, 50);
		g->p99 = hist_percentile(&d, 99);
		g->count = d.count;
		red_bands(&d, g->bands);
		hist_release(&d);
	}
	span_list_refresh(&g->list);
}

/* ---- drawing */

static void draw_title(struct group_view *g, struct screen *s, int y)
{
	const struct red_row *r = g->group;
	struct tui *t = g->view.tui;
	char buf[TEXT_MAX], d[3][32];
	int x, width = screen__width(s);
	struct str name;

	if (!r) {
		screen__put(s, y, 0, width, STYLE_DIM, "(no requests of this group now)");
		return;
	}
	x = r->others ? 0 : screen__put(s, y, 0, width, STYLE_DIM,
					r->kind == SPAN_CLIENT ? "client " : "server ");
	if (r->method.p) {
		x += screen__safe(s, y, x, width, STYLE_STRONG, CUT_END, r->method);
		x += 1;
	}
	name = text_redacted(red_row_name(r), 0, t->opt.redact && g->by == RED_BY_ROUTE, buf,
			     sizeof(buf));
	x += screen__safe(s, y, x, width > 60 ? width - x - 52 : width, STYLE_STRONG, CUT_MIDDLE,
			  name);
	if (!g->count || width <= 60)
		return;
	d[0][tui_duration(d[0], g->p50).n] = '\0';
	d[1][tui_duration(d[1], g->p99).n] = '\0';
	d[2][tui_window(t, d[2]).n] = '\0';
	screen__printf(s, y, x + 2, STYLE_TEXT, "%s: %llu requests  %llu errors  p50 %s  p99 %s",
		       d[2], (unsigned long long)g->counts.count,
		       (unsigned long long)g->counts.errors, d[0], d[1]);
}

/* "20µs": whole numbers of a unit, without the zeros that durations have. */
static struct str band_text(char *buf, uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = { { 1000000000, "s" }, { 1000000, "ms" }, { 1000, "µs" } };
	unsigned i = 0;

	while (ns < units[i].ns)
		i++;
	return (struct str){ buf, (size_t)sprintf(buf, "%u%s", (unsigned)(ns / units[i].ns),
						  units[i].name) };
}

/* The upper bound of a row of the spectrum. */
static void row_label(char *buf, size_t n, unsigned row)
{
	char d[32];
	struct str s;

	if (row == RED_SPECTRUM - 1) {
		s = band_text(d, red_band_end(row - 1));
		snprintf(buf, n, "> %.*s", (int)s.n, s.p);
		return;
	}
	s = band_text(d, red_band_end(row));
	snprintf(buf, n, "≤ %.*s", (int)s.n, s.p);
}

static void draw_spectrum(const struct group_view *g, struct screen *s, int y, int x, int width,
			  unsigned row, unsigned rows, unsigned peak)
{
	const struct red *t = model_red(&g->view.tui->model, g->by);
	uint64_t sec = g->view.tui->vitals.now / 1000000000;

	for (int i = 0; i < width; i++) {
		const struct red_interval *e =
			red_interval(t, g->group, sec - (uint64_t)(width - 1 - i));
		unsigned n = 0;

		for (unsigned k = 0; e && k < rows && row + k < RED_SPECTRUM; k++)
			n += e->spectrum[row + k];
		if (n)
			screen__put(s, y, x + i, 1, STYLE_BAR,
				    screen__shade(s, 1 + (peak ? n * 3 / peak : 0)));
	}
}

static unsigned spectrum_peak(const struct group_view *g)
{
	unsigned peak = 1;

	for (unsigned i = 0; i < MODEL_SECONDS; i++)
		for (unsigned k = 0; k < RED_SPECTRUM; k++)
			if (g->group->ring[i].spectrum[k] > peak)
				peak = g->group->ring[i].spectrum[k];
	return peak;
}

/* Which rows have something in them: first and one past the last; equal if none. */
static void extent(const struct group_view *g, unsigned *first, unsigned *end)
{
	*first = RED_SPECTRUM;
	*end = 0;
	for (unsigned i = 0; i < RED_SPECTRUM; i++) {
		if (!g->bands[i])
			continue;
		if (*first == RED_SPECTRUM)
			*first = i;
		*end = i + 1;
	}
	if (*first > *end)
		*first = *end;
}

/* Returns the lines used. */
static int draw_chart(const struct group_view *g, struct screen *s, int y, int height)
{
	int width = screen__width(s), time = width >= 60 ? (width - LABEL - FIGURE - 4) / 2 : 0;
	int bar, used = 0;
	unsigned first, end, step = 1, peak;
	uint64_t most = 1;

	time = time > (int)MODEL_SECONDS - 4 ? (int)MODEL_SECONDS - 4 : time;
	bar = width - LABEL - FIGURE - 3 - time;
	extent(g, &first, &end);
	while ((end - first + step - 1) / step + 1 > (unsigned)height && step < RED_SPECTRUM)
		step++;
	for (unsigned i = first; i < end; i++)
		most = g->bands[i] > most ? g->bands[i] : most;
	most *= step;
	peak = spectrum_peak(g);
	screen__fill(s, y, 0, width, STYLE_HEAD, ' ');
	screen__field(s, y, 0, LABEL, STYLE_HEAD, 1, "TOTAL");
	screen__field(s, y, width - time - FIGURE - 1, FIGURE, STYLE_HEAD, 1, "COUNT");
	screen__printf(s, y, width - time, STYLE_HEAD, time ? "LAST %d SECONDS" : "", time);
	for (unsigned i = first; i < end && used + 1 < height; i += step) {
		char label[64], figure[32];
		uint64_t n = 0;

		for (unsigned k = i; k < i + step && k < RED_SPECTRUM; k++)
			n += g->bands[k];
		used++;
		row_label(label, sizeof(label), i + step - 1 < RED_SPECTRUM ? i + step - 1 : i);
		screen__field(s, y + used, 0, LABEL, STYLE_DIM, 1, label);
		if (n)
			screen__bar(s, y + used, LABEL + 1, bar, 0,
				    (double)bar * (double)n / (double)most, 1,
				    red_band_end(i) > TUI_SLOW_NS ? STYLE_SLOW : STYLE_BAR);
		figure[tui_count(figure, n).n] = '\0';
		screen__field(s, y + used, width - time - FIGURE - 1, FIGURE, STYLE_TEXT, 1,
			      figure);
		draw_spectrum(g, s, y + used, width - time, time, i, step, peak);
	}
	return used + 1;
}

static void group_draw(struct view *v, struct screen *s, int y, int height)
{
	struct group_view *g = (struct group_view *)v;
	int chart = g->large ? height - 1 : height / 2 - 1;

	if (height < 4) {
		table_draw(&g->list.table, s, y, height);
		return;
	}
	draw_title(g, s, y);
	y++;
	height--;
	if (g->group && chart >= 4) {
		int used = draw_chart(g, s, y, chart);

		used += used + 1 < height;
		y += used;
		height -= used;
	}
	if (!g->large && height > 0)
		table_draw(&g->list.table, s, y, height);
}

/* ---- the view */

static void group_init(struct view *v)
{
	struct group_view *g = (struct group_view *)v;

	span_list_init(&g->list, v->tui);
	g->list.wants = wants;
	g->list.ctx = g;
}

static void group_release(struct view *v)
{
	span_list_release(&((struct group_view *)v)->list);
}

static int group_key(struct view *v, const struct key *k)
{
	struct group_view *g = (struct group_view *)v;

	if (k->code == 'H') {
		g->large = !g->large;
		return 1;
	}
	return span_list_key(&g->list, k);
}

static struct table *group_table(struct view *v)
{
	return &((struct group_view *)v)->list.table;
}

static unsigned group_save(struct view *v, struct out *o)
{
	return span_list_save(&((struct group_view *)v)->list, o);
}

static const struct span *group_span(struct view *v)
{
	return span_list_selected(&((struct group_view *)v)->list);
}

static const struct view_ops view_group = {
	.name = "Group",
	.hints = "Enter:details  T:trace  F:follow  H:histogram",
	.size = sizeof(struct group_view),
	.init = group_init,
	.release = group_release,
	.refresh = group_refresh,
	.draw = group_draw,
	.key = group_key,
	.table = group_table,
	.span = group_span,
	.save = group_save,
};

struct view *view_group_open(struct tui *t, enum red_by by, uint64_t group_id)
{
	struct view *v = view_new(t, &view_group);

	if (v) {
		((struct group_view *)v)->by = by;
		((struct group_view *)v)->id = group_id;
	}
	return v;
}
