/*
 * views.c - what views and keys use: the stack of views, messages, the moment of a refresh
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/filter.h"
#include "cli/tui/tui_impl.h"

#define COUNT_NS 1000000000u
#define MESSAGE_NS 4000000000u
#define ASIDE_MAX 65536

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

static int matches(const struct tui *t, const struct span *s)
{
	return !t->model.filter || filter__match(t->model.filter, s);
}

struct flights {
	const struct tui *tui;
	void (*fn)(void *ctx, const struct span *s);
	void *ctx;
	unsigned n, unseen;
};

static void pass_flight(void *flights, const struct span *s)
{
	struct flights *f = flights;
	const struct tui *t = f->tui;
	struct span named;

	if (!s->peer_service && s->has_addr && t->opt.host_name) {
		named = *s;
		named.peer_service = t->opt.host_name(t->from.ctx, span_peer_addr(s), s->time_ns);
		s = &named;
	}
	if (!matches(t, s))
		return;
	if (f->n == TUI_FLIGHTS) {
		f->unseen++;
		return;
	}
	f->n++;
	f->fn(f->ctx, s);
}

unsigned tui_flights(struct tui *t, void (*fn)(void *ctx, const struct span *s), void *ctx)
{
	struct flights f = { t, fn, ctx, 0, 0 };

	engine__in_flight(t->from.engine, pass_flight, &f);
	return f.unseen;
}

/* What nobody reads is not announced: the kernel has counted it, and tells with the next events. */
void tui_count_traffic(struct tui *t)
{
	struct source *source = t->from.source;

	if (!source || !source->ops->count || t->refreshed < t->counted + COUNT_NS)
		return;
	t->counted = t->refreshed;
	source->ops->count(source);
}

/* ---- what is shown */

/* Heads are kept from now on; a replay shows those of before, too. */
static void want_fields(struct tui *t)
{
	if (t->opt.keep_heads && t->from.ctx)
		t->opt.keep_heads(t->from.ctx, 1, t->body);
	if (t->from.replay && !t->keeps_fields && !t->opt.nheaders)
		replay__again(t->from.replay);
	t->keeps_fields = t->was_playing = 1;
}

void tui_filter(struct tui *t, const char *text, struct filter *f)
{
	snprintf(t->filter, sizeof(t->filter), "%s", text);
	model_filter(&t->model, f);
	if (f && filter__wants_fields(f))
		want_fields(t);
	t->stale = 1;
}

const char *tui_group_field(struct tui *t, const char *name)
{
	struct red_field f;
	const char *why = red_field_set(&f, name);

	if (why)
		return why;
	model_field(&t->model, &f);
	t->by = RED_BY_FIELD;
	if (f.header)
		want_fields(t);
	t->stale = 1;
	return NULL;
}

void tui_resume(struct tui *t)
{
	model_resume(&t->model);
	t->paused = 0;
	t->stale = 1;
}

void tui_between(struct tui *t, uint64_t from, uint64_t to)
{
	struct replay *r = t->from.replay;

	if (t->paused)
		tui_resume(t);
	if (t->baseline) {
		t->baseline = 0;
		model_unmark(&t->model);
	} else if (!t->past_to) {
		t->window_before = t->window;
	}
	if (r && !t->past_to)
		t->past_back = replay__now(r);
	if (r) {
		replay__play(r, 0);
		replay__jump(r, to ? to : t->past_back);
	}
	t->was_playing = r != NULL;
	t->window = to ? 0 : t->window_before;
	t->past_to = to;
	model_between(&t->model, from, to);
	vitals_measure(t);
	t->stale = 1;
}

int tui_columns(struct tui *t, const char *view, const char *names)
{
	unsigned i = 0;

	while (i < t->ncolumns && strcasecmp(t->columns[i].view, view))
		i++;
	if (i == TUI_COLUMNS || strlen(names) >= sizeof(t->columns[i].names))
		return -1;
	if (i == t->ncolumns)
		t->ncolumns++;
	snprintf(t->columns[i].view, sizeof(t->columns[i].view), "%s", view);
	snprintf(t->columns[i].names, sizeof(t->columns[i].names), "%s",
		 strcasecmp(names, "all") ? names : "");
	return 0;
}

void tui_choose_columns(struct tui *t)
{
	struct view *v = tui_view(t);
	struct table *table = v->ops->table ? v->ops->table(v) : NULL;

	for (unsigned i = 0; table && i < t->ncolumns; i++)
		if (!strcasecmp(t->columns[i].view, v->ops->name))
			table->only = t->columns[i].names[0] ? t->columns[i].names : NULL;
}

/* ---- refreshing */

static void refresh(struct tui *t, uint64_t now)
{
	struct view *v = tui_view(t);

	if (!t->paused)
		vitals_measure(t);
	if (now - t->cleared >= TUI_UNDO_NS)
		model_forget(&t->model);
	if (v->ops->refresh)
		v->ops->refresh(v);
	t->refreshed = now;
	t->ring_first = t->model.now->ring.latest.first;
	t->stale = 0;
	t->dirty = 1;
}

/* Views point at spans and groups of the model, of which the oldest go when others come. */
void tui_freshen(struct tui *t)
{
	if (t->stale || t->ring_first != t->model.now->ring.latest.first)
		refresh(t, monotonic());
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
