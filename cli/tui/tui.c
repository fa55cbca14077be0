/*
 * tui.c - the life of the dashboard: what comes in, when it is drawn
 */
#include "cli/tui/tui.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/filter.h"
#include "cli/tui/config.h"
#include "cli/tui/tui_impl.h"

#define SECOND 1000000000ull
#define DRAW_GAP (SECOND / 10)	   /* between pictures */
#define DRAW_GAP_KEY (SECOND / 25) /* when a key waits for its answer */
#define KEYS_AT_ONCE 64

/* ---- life */

/* What the command line says counts more than what the configuration does. */
static void configure(struct tui *t, const struct tui_options *o)
{
	config_read(t, t->config_error, sizeof(t->config_error));
	if (t->opt.group >= 0)
		t->by = (enum red_by)t->opt.group;
	if (t->opt.group == RED_BY_FIELD)
		(void)tui_group_field(t, o->group_field);
	t->interval_ns = o->interval_ns ? o->interval_ns : t->interval_ns;
	t->opt.no_mouse |= o->no_mouse;
	if (o->nheaders) {
		t->opt.headers = o->headers;
		t->opt.nheaders = o->nheaders;
	}
	if (o->body) {
		t->opt.body = 1;
		t->body = o->body_bytes;
	}
}

struct tui *tui__new(const struct tui_options *o)
{
	struct tui *t = calloc(1, sizeof(*t));
	struct filter_error err;

	if (!t)
		return NULL;
	t->opt = *o;
	t->body = o->body_bytes;
	t->aside = t->kept = -1;
	t->window = TUI_WINDOW;
	t->empty = empty_new();
	t->interval_ns = TUI_INTERVAL_NS;
	if (model_init(&t->model)) {
		free(t);
		return NULL;
	}
	(void)model_keep(&t->model, o->memory, o->keep);
	configure(t, o);
	if (o->filter) {
		snprintf(t->filter, sizeof(t->filter), "%s", o->filter);
		model_filter(&t->model, filter__new(t->filter, &err));
	}
	if (o->recording) {
		t->recording = 1;
		snprintf(t->recording_path, sizeof(t->recording_path), "%s", o->recording);
	}
	return t;
}

int tui__open(struct tui *t, const struct tui_sources *s, char *err, size_t errlen)
{
	static const struct view_ops *const roots[TUI_ROOTS] = { &view_routes,	&view_spans,
								 &view_traces,	&view_flights,
								 &view_conns,	&view_health,
								 &view_network };

	t->from = *s;
	if (t->opt.keep_heads && (t->opt.nheaders || t->keeps_fields || t->body))
		t->opt.keep_heads(s->ctx, t->opt.nheaders > 0 || t->keeps_fields, t->body);
	t->open_trace = view_trace_open;
	for (int i = 0; i < TUI_ROOTS; i++) {
		t->root[i] = view_new(t, roots[i]);
		if (!t->root[i]) {
			snprintf(err, errlen, "out of memory");
			return -1;
		}
	}
	t->screen = screen__new(t->opt.color, err, errlen);
	if (!t->screen)
		return -1;
	screen__theme(t->screen, t->opt.theme);
	screen__mouse(t->screen, !t->opt.no_mouse);
	if (*err || t->config_error[0])
		tui_say(t, STYLE_SLOW, "%s", *err ? err : t->config_error);
	stderr_aside(t);
	t->opened = monotonic();
	t->stale = 1;
	return 0;
}

void tui__span(struct tui *t, const struct span *s)
{
	model_span(&t->model, s);
	for (unsigned bit = 0; s->incomplete >> bit; bit++)
		if (bit < SPAN_INCOMPLETE_BITS && s->incomplete >> bit & 1)
			t->incomplete[bit]++;
	if (t->from.replay)
		replay__span(t->from.replay);
}

void tui__between(struct tui *t, uint64_t from, uint64_t to)
{
	if (t->given_between)
		return;
	t->given_between = 1;
	tui_between(t, from, to);
	t->past_back = UINT64_MAX; /* from there to the end */
}

void tui__note(struct tui *t, const struct note *n)
{
	struct tui_note *to = &t->notes[t->nnotes++ % TUI_NOTES];

	to->time_ns = n->time_ns;
	snprintf(to->name, sizeof(to->name), "%s", n->name);
	snprintf(to->text, sizeof(to->text), "%s", n->text ? n->text : "");
}

void tui__flow(struct tui *t, const struct engine_flow *f)
{
	model_flow(&t->model, f);
	t->stale |= t->from.replay && !replay__playing(t->from.replay);
}

void tui__restart(struct tui *t, struct engine *e)
{
	t->from.engine = e;
	if (t->paused)
		model_resume(&t->model);
	t->paused = t->baseline = 0;
	model_reset(&t->model);
	memset(t->incomplete, 0, sizeof(t->incomplete));
	t->stale = 1;
}

void tui__reopened(struct tui *t, const struct tui_sources *s)
{
	t->from = *s;
	t->measuring = t->over = 0;
	t->stale = 1;
}

void tui__over(struct tui *t)
{
	t->dirty |= !t->over;
	t->over = 1;
}

/* ---- the picture */

static void draw(struct tui *t, uint64_t now)
{
	struct view *v = tui_view(t);

	if (t->message[0] && now >= t->message_until)
		t->message[0] = '\0';
	tui_choose_columns(t);
	screen__begin(t->screen);
	v->ops->draw(v, t->screen, chrome_body_y(t->screen), chrome_body_height(t->screen));
	chrome_draw(t);
	screen__end(t->screen);
	t->drawn = now;
	t->draws++;
	t->dirty = 0;
}

/* Has the replay come to rest somewhere else? Then the picture must not wait for the interval. */
static void watch_replay(struct tui *t)
{
	struct replay *r = t->from.replay;
	int playing;

	if (!r)
		return;
	playing = replay__playing(r);
	if (!playing && (t->was_playing || replay__now(r) != t->shown_position)) {
		t->shown_position = replay__now(r);
		t->stale = 1;
	}
	if (replay__error(r) && t->was_playing && !playing)
		tui_say(t, STYLE_ERROR, "%s", replay__error(r));
	t->was_playing = playing;
}

int tui__step(struct tui *t)
{
	uint64_t now = monotonic();
	int keys = 0;
	struct key k;

	while (keys < KEYS_AT_ONCE && (k = screen__key(t->screen)).code != KEY_NONE) {
		keys++;
		t->dirty = 1;
		keys_handle(t, &k);
	}
	vitals_watch(t, tui_view(t)->ops == &view_health);
	watch_replay(t);
	if (t->message[0] && now >= t->message_until)
		t->dirty = 1;
	if (!t->paused && now - t->refreshed >= t->interval_ns &&
	    (!t->from.replay || replay__playing(t->from.replay)))
		t->stale = 1;
	if (!t->dirty && !t->stale)
		return t->quit;
	if (now - t->drawn < (t->dirty ? DRAW_GAP_KEY : DRAW_GAP))
		return t->quit;
	tui_freshen(t);
	draw(t, now);
	return t->quit;
}

void tui__close(struct tui *t)
{
	vitals_watch(t, 0);
	screen__free(t->screen);
	t->screen = NULL;
	stderr_back(t);
}

void tui__free(struct tui *t)
{
	if (!t)
		return;
	tui__close(t);
	while (t->depth)
		tui_pop(t);
	for (int i = 0; i < TUI_ROOTS; i++)
		view_free(t->root[i]);
	empty_free(t->empty);
	prompt_release(&t->filter_prompt);
	prompt_release(&t->time_prompt);
	prompt_release(&t->command_prompt);
	model_release(&t->model);
	free(t);
}
