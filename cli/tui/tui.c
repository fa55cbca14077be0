/*
 * tui.c - the life of the dashboard: what comes in, when it is drawn
 */
#include "cli/tui/tui.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cli/filter.h"
#include "cli/tui/tui_impl.h"

#define SECOND 1000000000ull
#define DRAW_GAP (SECOND / 10)	   /* between pictures */
#define DRAW_GAP_KEY (SECOND / 25) /* when a key waits for its answer */
#define KEYS_AT_ONCE 64
#define MESSAGE_NS (4 * SECOND)
#define ASIDE_MAX 65536

static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* ---- views */

struct view *view_new(struct tui *t, const struct view_ops *ops)
{
	struct view *v = calloc(1, ops->size);

	if (!v)
		return NULL;
	v->ops = ops;
	v->tui = t;
	if (ops->init)
		ops->init(v);
	return v;
}

void view_free(struct view *v)
{
	if (!v)
		return;
	if (v->ops->release)
		v->ops->release(v);
	free(v);
}

struct view *tui_view(const struct tui *t)
{
	return t->depth ? t->stack[t->depth - 1] : t->root[t->current];
}

void tui_push(struct tui *t, struct view *v)
{
	if (!v)
		return;
	if (t->depth == TUI_STACK) {
		view_free(v);
		return;
	}
	t->stack[t->depth++] = v;
	t->stale = 1;
}

void tui_pop(struct tui *t)
{
	if (t->depth)
		view_free(t->stack[--t->depth]);
	t->stale = 1;
}

/* ---- for views */

void tui_say(struct tui *t, enum style st, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->message, sizeof(t->message), fmt, ap);
	va_end(ap);
	t->message_style = st;
	t->message_until = monotonic() + MESSAGE_NS;
	t->dirty = 1;
}

int tui_matches(const struct tui *t, const struct span *s)
{
	return !t->model.filter || filter__match(t->model.filter, s);
}

struct flights {
	const struct tui *tui;
	void (*fn)(void *ctx, const struct span *s);
	void *ctx;
	unsigned n;
};

static void pass_flight(void *flights, const struct span *s)
{
	struct flights *f = flights;

	if (f->n >= TUI_FLIGHTS || !tui_matches(f->tui, s))
		return;
	f->n++;
	f->fn(f->ctx, s);
}

void tui_flights(struct tui *t, void (*fn)(void *ctx, const struct span *s), void *ctx)
{
	struct flights f = { t, fn, ctx, 0 };

	engine__in_flight(t->from.engine, pass_flight, &f);
}

/* ---- standard error would spoil the picture */

void stderr_aside(struct tui *t)
{
	fflush(stderr);
	t->aside = dup(STDERR_FILENO);
	t->kept = memfd_create("stderr", MFD_CLOEXEC);
	if (t->aside >= 0 && t->kept >= 0)
		dup2(t->kept, STDERR_FILENO);
}

void stderr_back(struct tui *t)
{
	char buf[4096];
	off_t size;
	ssize_t n;

	if (t->aside < 0)
		return;
	fflush(stderr);
	dup2(t->aside, STDERR_FILENO);
	size = t->kept >= 0 ? lseek(t->kept, 0, SEEK_END) : 0;
	if (size > 0) {
		lseek(t->kept, size > ASIDE_MAX ? size - ASIDE_MAX : 0, SEEK_SET);
		while ((n = read(t->kept, buf, sizeof(buf))) > 0)
			if (write(STDERR_FILENO, buf, (size_t)n) < 0)
				break;
	}
	close(t->aside);
	if (t->kept >= 0)
		close(t->kept);
	t->aside = t->kept = -1;
}

/* ---- life */

struct tui *tui__new(const struct tui_options *o)
{
	struct tui *t = calloc(1, sizeof(*t));
	struct filter_error err;

	if (!t)
		return NULL;
	t->opt = *o;
	t->aside = t->kept = -1;
	t->window = 60;
	t->interval_ns = o->interval_ns ? o->interval_ns : SECOND;
	if (model_init(&t->model)) {
		free(t);
		return NULL;
	}
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
								 &view_conns,	&view_health };

	t->from = *s;
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
	if (*err)
		tui_say(t, STYLE_SLOW, "%s", err);
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

void tui__note(struct tui *t, const struct note *n)
{
	struct tui_note *to = &t->notes[t->nnotes++ % TUI_NOTES];

	to->time_ns = n->time_ns;
	snprintf(to->name, sizeof(to->name), "%s", n->name);
	snprintf(to->text, sizeof(to->text), "%s", n->text ? n->text : "");
}

void tui__restart(struct tui *t, struct engine *e)
{
	t->from.engine = e;
	if (t->paused)
		model_resume(&t->model);
	t->paused = t->baseline = 0;
	model_clear(&t->model);
	memset(t->incomplete, 0, sizeof(t->incomplete));
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
	screen__begin(t->screen);
	v->ops->draw(v, t->screen, chrome_body_y(t->screen), chrome_body_height(t->screen));
	chrome_draw(t);
	screen__end(t->screen);
	t->drawn = now;
	t->draws++;
	t->dirty = 0;
}

static void refresh(struct tui *t, uint64_t now)
{
	struct view *v = tui_view(t);

	if (!t->paused)
		vitals_measure(t);
	if (v->ops->refresh)
		v->ops->refresh(v);
	t->refreshed = now;
	t->ring_first = t->model.now->ring.first;
	t->stale = 0;
	t->dirty = 1;
}

/* Views point at spans and groups of the model, of which the oldest go when others come. */
void tui_freshen(struct tui *t)
{
	if (t->stale || t->ring_first != t->model.now->ring.first)
		refresh(t, monotonic());
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
	prompt_release(&t->filter_prompt);
	prompt_release(&t->time_prompt);
	model_release(&t->model);
	free(t);
}
