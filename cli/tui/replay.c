#include "cli/tui/replay.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/clock.h"

#define SECOND 1000000000ull
#define MAX_BUSY 20000000ull /* a look at the keys at least this often, in ns */

struct replay {
	struct source source; /* first: we are one */
	struct source *inner;
	replay_rewind_fn rewind;
	void *ctx;

	char *buf; /* events that were taken from inner and not handed out */
	size_t len, cap, at;
	int eof, failed;

	int playing, stepping, stepped;
	double speed;
	uint64_t begin;	   /* source clock: first event; 0: none yet */
	uint64_t position; /* source clock */
	uint64_t last;	   /* last event handed out */
	uint64_t real;	   /* monotonic time at which position was right */
	uint64_t target;   /* jump; 0: none */
	int back;	   /* rewind first */
	char err[200];
};

static uint64_t to_wall(const struct replay *r, uint64_t t)
{
	return t + (uint64_t)r->source.wall_offset;
}

static uint64_t to_source(const struct replay *r, uint64_t t)
{
	return t - (uint64_t)r->source.wall_offset;
}

/* ---- events from the file */

static void keep(void *replay, const struct zc_ev *ev)
{
	struct replay *r = replay;
	size_t need = ((size_t)ev->size + 7) & ~(size_t)7;

	if (r->len + need > r->cap) {
		size_t cap = (r->len + need) * 2;
		char *p = realloc(r->buf, cap);

		if (!p) {
			r->failed = -ENOMEM;
			return;
		}
		r->buf = p;
		r->cap = cap;
	}
	memcpy(r->buf + r->len, ev, ev->size);
	r->len += need;
}

static const struct zc_ev *peek(struct replay *r)
{
	int n;

	while (r->at == r->len && !r->eof && !r->failed) {
		r->at = r->len = 0;
		n = r->inner->ops->poll(r->inner, keep, r, 0);
		r->eof = n == -ENODATA;
		if (n < 0 && n != -ENODATA && n != -EINTR)
			r->failed = n;
		if (!n)
			return NULL; /* a pipe that has nothing now */
	}
	return r->at < r->len ? (const struct zc_ev *)(const void *)(r->buf + r->at) : NULL;
}

static void skip(struct replay *r, const struct zc_ev *ev)
{
	r->at += ((size_t)ev->size + 7) & ~(size_t)7;
}

/* ---- the clock */

static void advance(struct replay *r)
{
	uint64_t now = monotonic();

	if (r->playing && r->begin && !r->stepping)
		r->position += (uint64_t)((double)(now - r->real) * r->speed);
	r->real = now;
}

static void start_over(struct replay *r)
{
	struct source *again = r->rewind ? r->rewind(r->ctx, r->err, sizeof(r->err)) : NULL;

	r->back = 0;
	if (!again) {
		if (!r->rewind)
			snprintf(r->err, sizeof(r->err), "cannot go back in this input");
		r->target = 0;
		return;
	}
	r->inner->ops->free(r->inner);
	r->inner = again;
	r->at = r->len = 0;
	r->eof = r->failed = 0;
	r->position = r->begin;
	r->last = 0;
}

/* Is this event due? When jumping and stepping, everything is until the goal is reached. */
static int is_due(struct replay *r, const struct zc_ev *ev)
{
	if (!r->begin) {
		r->begin = r->position = ev->time;
		r->real = monotonic();
	}
	if (r->stepping)
		return 1;
	return ev->time <= (r->target ? r->target : r->position);
}

static void reached_end(struct replay *r)
{
	r->playing = r->stepping = 0;
	r->target = 0;
	r->position = r->last;
}

static int hand_out(struct replay *r, source_event_fn fn, void *ctx)
{
	uint64_t until = monotonic() + MAX_BUSY;
	const struct zc_ev *ev;
	int n = 0;

	r->stepped = 0;
	while ((ev = peek(r)) && is_due(r, ev)) {
		if (ev->time > r->last)
			r->last = ev->time;
		if (r->stepping || r->target)
			r->position = r->last;
		skip(r, ev); /* its octets stay until the next peek */
		fn(ctx, ev);
		n++;
		if (r->stepping && r->stepped) {
			r->stepping = r->playing = 0;
			break;
		}
		if (!(n & 63) && monotonic() > until)
			return n;
	}
	if (r->target && ev && !is_due(r, ev)) {
		r->position = r->target;
		r->target = 0;
	}
	if (!ev && r->eof)
		reached_end(r);
	return n;
}

/* Nothing is due: waits for a key or for the next event. */
static void wait_for_key(const struct replay *r, int timeout_ms)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	(void)r;
	(void)poll(&p, 1, timeout_ms < 10 ? timeout_ms : 10);
}

static int replay_poll(struct source *s, source_event_fn fn, void *ctx, int timeout_ms)
{
	struct replay *r = (struct replay *)s;
	int n;

	if (r->back)
		start_over(r);
	advance(r);
	n = r->playing || r->stepping || r->target || !r->begin ? hand_out(r, fn, ctx) : 0;
	if (r->failed)
		return r->failed;
	if (!n)
		wait_for_key(r, timeout_ms);
	return n;
}

static void replay_stats(struct source *s, struct source_stats *out)
{
	struct replay *r = (struct replay *)s;

	r->inner->ops->stats(r->inner, out);
}

static const char *replay_source_error(struct source *s)
{
	struct replay *r = (struct replay *)s;

	return r->inner->ops->error(r->inner);
}

static void replay_free(struct source *s)
{
	struct replay *r = (struct replay *)s;

	r->inner->ops->free(r->inner);
	free(r->buf);
	free(r);
}

struct replay *replay__new(struct source *inner, replay_rewind_fn rewind, void *ctx)
{
	static const struct source_ops ops = {
		.poll = replay_poll,
		.stats = replay_stats,
		.error = replay_source_error,
		.free = replay_free,
	};
	struct replay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->source = *inner;
	r->source.ops = &ops;
	r->source.live = 0;
	r->inner = inner;
	r->rewind = rewind;
	r->ctx = ctx;
	r->playing = 1;
	r->speed = 1;
	return r;
}

struct source *replay__source(struct replay *r)
{
	return &r->source;
}

uint64_t replay__now(const struct replay *r)
{
	return r->begin ? to_wall(r, r->position) : 0;
}

uint64_t replay__begin(const struct replay *r)
{
	return r->begin ? to_wall(r, r->begin) : 0;
}

int replay__playing(const struct replay *r)
{
	return r->playing || r->stepping || r->target;
}

int replay__ended(const struct replay *r)
{
	return r->eof && r->at == r->len;
}

double replay__speed(const struct replay *r)
{
	return r->speed;
}

const char *replay__error(const struct replay *r)
{
	return r->err[0] ? r->err : NULL;
}

void replay__play(struct replay *r, int play)
{
	advance(r);
	r->playing = play;
	r->stepping = 0;
}

void replay__set_speed(struct replay *r, double factor)
{
	advance(r);
	if (factor >= 1.0 / 64 && factor <= 1024)
		r->speed = factor;
}

void replay__step(struct replay *r)
{
	r->stepping = 1;
}

void replay__span(struct replay *r)
{
	r->stepped = 1;
}

void replay__jump(struct replay *r, uint64_t time)
{
	if (!r->begin)
		return;
	time = time == UINT64_MAX ? time : to_source(r, time);
	if (time < r->begin)
		time = r->begin;
	r->err[0] = '\0';
	r->stepping = 0;
	r->target = time;
	r->back = time < r->position && time < r->last;
}

void replay__again(struct replay *r)
{
	if (!r->begin)
		return;
	r->err[0] = '\0';
	r->stepping = 0;
	r->target = replay__ended(r) ? UINT64_MAX : r->position;
	r->back = 1;
}
