/*
 * chrome.c - what is around every view: context at the top, keys at the bottom
 */
#include <stdio.h>
#include <string.h>

#include "cli/tui/tui_impl.h"
#include "sinks/format.h"

#define SMALL 9 /* lines; with fewer, one line at the top must do */

#define STATES 5
#define FILTER_LEAST 12 /* columns */

struct item {
	enum style style;
	char text[64];
	const char *brief; /* of a state, where there is no room for its text; else NULL */
};

int chrome_body_y(const struct screen *s)
{
	return screen__height(s) < SMALL ? 1 : 2;
}

int chrome_body_height(const struct screen *s)
{
	int h = screen__height(s) - chrome_body_y(s) - 1;

	return h > 1 ? h : 1;
}

static void uptime_text(char *buf, size_t n, uint64_t ns)
{
	uint64_t s = ns / 1000000000;

	if (s < 3600)
		snprintf(buf, n, "%u:%02u", (unsigned)(s / 60), (unsigned)(s % 60));
	else
		snprintf(buf, n, "%u:%02u:%02u", (unsigned)(s / 3600), (unsigned)(s / 60 % 60),
			 (unsigned)(s % 60));
}

/* "up 1:23"; of a replay where it is and how fast it goes. */
static void time_item(const struct tui *t, struct item *i)
{
	const struct replay *r = t->from.replay;
	char up[24];

	uptime_text(up, sizeof(up), t->vitals.uptime_ns);
	i->style = STYLE_TEXT;
	if (!r) {
		snprintf(i->text, sizeof(i->text), "up %s", up);
		return;
	}
	snprintf(i->text, sizeof(i->text), "%s %s.%u x%.4g",
		 replay__playing(r) ? "playing" : replay__ended(r) ? "end" : "stopped", up,
		 (unsigned)(t->vitals.uptime_ns / 100000000 % 10), replay__speed(r));
}

/* In order of weight: what does not fit is left out from the end. */
static int context_items(const struct tui *t, struct item *v)
{
	const struct vitals *x = &t->vitals;
	uint64_t lost = x->engine.lost_events > x->source.lost_events ? x->engine.lost_events :
									 x->source.lost_events;
	char buf[32];
	struct str s;
	int n = 0;

	s = tui_count(buf, lost);
	v[n].style = lost ? STYLE_ERROR : STYLE_TEXT;
	snprintf(v[n++].text, sizeof(v->text), "lost %.*s", (int)s.n, s.p);
	time_item(t, &v[n++]);
	s = tui_rate(buf, x->events_rate);
	v[n].style = STYLE_TEXT;
	snprintf(v[n++].text, sizeof(v->text), "%.*s ev/s", (int)s.n, s.p);
	v[n].style = STYLE_TEXT;
	snprintf(v[n++].text, sizeof(v->text), "cpu %4.1f%%", x->cpu);
	v[n].style = STYLE_TEXT;
	snprintf(v[n++].text, sizeof(v->text), "%5.1fMiB", (double)x->rss / (1 << 20));
	v[n].style = STYLE_TEXT;
	snprintf(v[n++].text, sizeof(v->text), "%.20s", t->from.backend ? t->from.backend : "file");
	return n;
}

static void draw_context(const struct tui *t, struct screen *s)
{
	struct item items[8];
	int n = context_items(t, items), width = screen__width(s), used = 0, x;
	int name = screen__put(s, 0, 0, width, STYLE_TITLE, "zctrace ");
	int least = width < 60 ? 0 : 16; /* columns for the target */

	for (int i = 0; i < n; i++) {
		int w = (int)strlen(items[i].text) + 2;

		if (name + least + used + w > width)
			n = i;
		else
			used += w;
	}
	screen__safe(s, 0, name, width - name - used, STYLE_STRONG, CUT_MIDDLE,
		     str_of(t->from.target));
	x = width - used + 2;
	for (int i = n; i-- > 0;) {
		screen__put(s, 0, x, width, items[i].style, items[i].text);
		x += (int)strlen(items[i].text) + 2;
	}
}

/* Is the view none of the past? In a replay, the moment is the end of that. */
static int is_of_now(const struct tui *t)
{
	const struct view_ops *v = tui_view(t)->ops;

	return !t->from.replay && (v == &view_flights || v == &view_conns || v == &view_health);
}

/* What is not as usual: shown at the right of the tabs. */
static int state_items(const struct tui *t, struct item *v)
{
	char buf[32];
	int n = 0;

	if (t->over) {
		v[n].style = STYLE_SLOW;
		v[n].brief = "ENDED";
		snprintf(v[n++].text, sizeof(v->text), "ENDED");
	}
	if (t->paused) {
		v[n].style = STYLE_SLOW;
		v[n].brief = "PAUSED";
		snprintf(v[n++].text, sizeof(v->text), "PAUSED");
	}
	if (t->past_to) {
		struct str w = tui_window(t, buf);

		v[n].style = STYLE_SLOW;
		v[n].brief = is_of_now(t) ? "NOW" : "PAST";
		snprintf(v[n++].text, sizeof(v->text), is_of_now(t) ? "of now, not %.*s" :
			 "PAST %.*s", (int)w.n, w.p);
	}
	if (t->baseline) {
		v[n].style = STYLE_GOOD;
		v[n].brief = "BASE";
		snprintf(v[n++].text, sizeof(v->text), "since baseline");
	}
	if (t->recording) {
		v[n].style = STYLE_ERROR;
		v[n].brief = "REC";
		snprintf(v[n++].text, sizeof(v->text), "REC");
	}
	return n;
}

static int tab_width(const struct tui *t, int i, int brief)
{
	return brief ? 3 : (int)strlen(t->root[i]->ops->name) + 4;
}

/* Names of views give way to what must not be forgotten: that it records, stands still, or filters.
 */
static int tabs_brief(const struct tui *t)
{
	struct item items[STATES];
	int sum = 0, n = state_items(t, items);

	for (int i = 0; i < TUI_ROOTS; i++)
		sum += tab_width(t, i, 0);
	for (int i = 0; i < n; i++)
		sum += (int)strlen(items[i].text) + 1;
	if (t->filter[0])
		sum += FILTER_LEAST;
	return sum > screen__width(t->screen);
}

/* How long ago the span at that position ended. */
static void age_text(const struct tui *t, char *buf, size_t n, uint32_t position)
{
	uint64_t now = t->vitals.moment, end = span_end(ring_span(&t->model.now->ring, position));

	uptime_text(buf, n, now > end ? now - end : 0);
}

/* "kept 2:06, slow or failed 1:20:00" */
static void kept_briefly(const struct tui *t, char *text, size_t cap, uint32_t longer)
{
	char all[32], some[32];

	age_text(t, all, sizeof(all), longer);
	age_text(t, some, sizeof(some), 0);
	snprintf(text, cap, "kept %s, slow or failed %s", all, some);
}

/* "16.4k spans of 2:06": how many from that position on, and how long ago they begin. */
static size_t kept_text(const struct tui *t, char *text, size_t cap, uint32_t first, uint32_t n,
			const char *what)
{
	char count[32], age[32];

	count[tui_count(count, n).n] = '\0';
	age_text(t, age, sizeof(age), first);
	return (size_t)snprintf(text, cap, "%s %s of %s", count, what, age);
}

/* Where spans are listed: how far back they reach. */
static void draw_kept(const struct tui *t, struct screen *s, int y, int x, int end)
{
	const struct view_ops *shown = tui_view(t)->ops;
	const struct span_ring *r = &t->model.now->ring;
	uint32_t longer = ring_longer(r), all = ring_count(r);
	char text[160];
	size_t n;

	if ((shown != &view_spans && shown != &view_traces) || all == longer)
		return;
	n = kept_text(t, text, sizeof(text), longer, all - longer, "spans");
	if (longer) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, ", ");
		kept_text(t, text + n, sizeof(text) - n, 0, longer, "slow or failed");
	}
	if (longer && end - (int)strlen(text) <= x)
		kept_briefly(t, text, sizeof(text), longer);
	if (end - (int)strlen(text) > x)
		screen__put(s, y, end - (int)strlen(text) - (end < screen__width(s)),
			    (int)strlen(text), STYLE_DIM, text);
}

static void draw_tabs(const struct tui *t, struct screen *s, int y)
{
	int x = 0, brief = tabs_brief(t), width = screen__width(s), n, at;
	struct item items[STATES];
	char text[40], filter[PROMPT_MAX + 8];

	for (int i = 0; i < TUI_ROOTS; i++) {
		enum style st = i == t->current ? STYLE_TAB : STYLE_DIM;

		if (brief)
			snprintf(text, sizeof(text), " %d ", i + 1);
		else
			snprintf(text, sizeof(text), " %d %s ", i + 1, t->root[i]->ops->name);
		screen__put(s, y, x, width, st, text);
		x += tab_width(t, i, brief);
	}
	if (brief)
		x += screen__put(s, y, x + 1, width, STYLE_STRONG, tui_view(t)->ops->name) + 1;
	n = state_items(t, items);
	at = width;
	for (int i = 0; i < n; i++) {
		at -= (int)strlen(items[i].text) + (i > 0);
		if (at > x)
			screen__put(s, y, at, width, items[i].style, items[i].text);
	}
	if (!t->filter[0])
		draw_kept(t, s, y, x, at);
	if (!t->filter[0] || at - x < 8)
		return;
	snprintf(filter, sizeof(filter), "/%s", t->filter);
	screen__safe(s, y, x + 1, at - x - 2, STYLE_KEY, CUT_MIDDLE, str_of(filter));
}

/* All in one line: the view, and what must not be overlooked. */
static void draw_small(const struct tui *t, struct screen *s)
{
	struct item items[STATES + 8] = {0};
	int width = screen__width(s), at = width, n = state_items(t, items);
	const char *name = tui_view(t)->ops->name;

	if (t->filter[0])
		items[n++] = (struct item){ STYLE_KEY, "filtered", "/" };
	if (n < 2) {
		context_items(t, items + n);
		n++;
	}
	for (int i = 0; i < n; i++) {
		const char *text = items[i].text;

		if (items[i].brief && at - (int)strlen(text) - 1 <= (int)strlen(name))
			text = items[i].brief;
		if (at - (int)strlen(text) - 1 <= (int)strlen(name))
			break;
		at -= (int)strlen(text) + 1;
		screen__put(s, 0, at + 1, width, items[i].style, text);
	}
	screen__field(s, 0, 0, at < width ? at : width, STYLE_TAB, 0, name);
}

/* "Enter:spans  o:group": the keys stand out. What finds no room is left in *rest. */
static int draw_as_many(struct screen *s, int y, int x, const char **rest)
{
	while (**rest) {
		const char *hints = *rest;
		const char *colon = strchr(hints + 1, ':'), *end = strstr(hints, "  ");
		char text[64];
		int w;

		if (!end)
			end = hints + strlen(hints);
		w = (int)text_width(hints, (size_t)(end - hints)) + 2;
		if (x + w - 2 > screen__width(s) || !colon)
			return x;
		snprintf(text, sizeof(text), "%.*s", (int)(colon - hints), hints);
		x += screen__put(s, y, x, w, STYLE_KEY, text) + 1;
		snprintf(text, sizeof(text), "%.*s", (int)(end - colon - 1), colon + 1);
		x += screen__put(s, y, x, w, STYLE_TEXT, text) + 2;
		*rest = *end ? end + 2 : end;
	}
	return x;
}

static int draw_hints(struct screen *s, int y, int x, const char *hints)
{
	return draw_as_many(s, y, x, &hints);
}

/* On a second line, above it, where one is too narrow. */
static void draw_menu(const struct menu *m, struct screen *s, int y)
{
	const char *rest = m->hints;
	int width = screen__width(s), x = (int)strlen(m->title);

	if (x + (int)strlen(rest) > width && y > 1) {
		screen__fill(s, --y, 0, width, STYLE_TEXT, ' ');
		screen__put(s, y, 0, width, STYLE_STRONG, m->title);
		draw_as_many(s, y++, x, &rest);
	} else {
		screen__put(s, y, 0, width, STYLE_STRONG, m->title);
	}
	draw_hints(s, y, x, rest);
}

/* All columns, on as many lines as they take; s NULL: only counts these. */
static int draw_columns(const struct table *table, struct screen *s, int width, int y)
{
	int x = 9, lines = 1;

	for (int c = 0; c < table->ops->ncolumns; c++) {
		char hint[80];
		int w = snprintf(hint, sizeof(hint), "%c:%s", c < 9 ? '1' + c : 'a' + c - 9,
				 table->ops->columns[c].name);

		w = (int)text_width(hint, (size_t)w);
		if (x + w > width && x > 0) {
			x = 0;
			lines++;
		}
		if (s && !x)
			screen__fill(s, y + lines - 1, 0, width, STYLE_TEXT, ' ');
		x = s ? draw_hints(s, y + lines - 1, x, hint) : x + w + 2;
	}
	return lines;
}

static void draw_choice(const struct tui *t, struct screen *s, int y)
{
	struct view *v = tui_view(t);
	const struct table *table = v->ops->table(v);
	int width = screen__width(s);

	y -= draw_columns(table, NULL, width, 0) - 1;
	y = y < 1 ? 1 : y;
	screen__fill(s, y, 0, width, STYLE_TEXT, ' ');
	screen__put(s, y, 0, width, STYLE_STRONG, "sort by  ");
	(void)draw_columns(table, s, width, y);
}

static void draw_foot(struct tui *t, struct screen *s)
{
	int y = screen__height(s) - 1, x;

	if (t->filter_prompt.active) {
		prompt_draw(&t->filter_prompt, s, y);
		return;
	}
	if (t->command_prompt.active) {
		prompt_draw(&t->command_prompt, s, y);
		return;
	}
	if (t->time_prompt.active) {
		prompt_draw(&t->time_prompt, s, y);
		return;
	}
	if (t->choosing) {
		draw_choice(t, s, y);
		return;
	}
	if (t->menu) {
		draw_menu(t->menu, s, y);
		return;
	}
	if (t->message[0]) {
		screen__put(s, y, 0, screen__width(s), t->message_style, t->message);
		return;
	}
	if (t->over) {
		x = screen__put(s, y, 0, screen__width(s), STYLE_SLOW,
				"What was traced has ended.  ");
		x = draw_hints(s, y, x, "q:quit  w:save  ?:help");
		draw_hints(s, y, x + 2, tui_view(t)->ops->hints);
		return;
	}
	x = draw_hints(s, y, 0, tui_view(t)->ops->hints);
	if (t->depth)
		x = draw_hints(s, y, x, "Esc:back");
	if (t->from.replay)
		x = draw_hints(s, y, x, "p:play/stop  .:step  []:speed  t:time");
	else
		x = draw_hints(s, y, x, "p:pause");
	draw_hints(s, y, x,
		   "?:help  q:quit  /:filter  b:baseline  s:sort  y:copy  w:save  ::options");
}

int chrome_tab_at(const struct tui *t, const struct key *k)
{
	int x = 0;

	if (chrome_body_y(t->screen) != 2 || k->y != 1 || k->code != SK_CLICK)
		return -1;
	for (int i = 0; i < TUI_ROOTS; i++) {
		int w = tab_width(t, i, tabs_brief(t));

		if (k->x >= x && k->x < x + w)
			return i;
		x += w;
	}
	return -1;
}

void chrome_draw(struct tui *t)
{
	struct screen *s = t->screen;

	if (chrome_body_y(s) == 1) {
		draw_small(t, s);
	} else {
		draw_context(t, s);
		draw_tabs(t, s, 1);
	}
	draw_foot(t, s);
}
