/*
 * vitals.c - rates, and what the program itself costs
 */
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/tui/tui_impl.h"

#define SECOND 1000000000ull

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Of a replay the rate is the average so far: its clock may stand still or run fast. */
static void set_rates(struct tui *t, uint64_t now)
{
	struct vitals *v = &t->vitals;
	double seconds = (double)(now - t->measured) / (double)SECOND;
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	double base = (double)v->uptime_ns / (double)SECOND;

	if (t->measured && seconds > 0)
		v->cpu = 100.0 * (double)(cpu - t->last_cpu) / (double)SECOND / seconds;
	if (t->from.replay) {
		v->events_rate = base > 0 ? (double)v->engine.events / base : 0;
	} else if (t->measured && seconds > 0) {
		v->events_rate = (double)(v->engine.events - t->last_events) / seconds;
	}
	t->last_cpu = cpu;
	t->last_events = v->engine.events;
	t->measured = now;
}

void vitals_watch(struct tui *t, int shown)
{
	if (!t->from.attach || shown == (t->measuring != 0))
		return;
	t->measuring = attach__measure(t->from.attach, shown);
	if (shown && !t->measuring)
		t->measuring = 1;
}

void vitals_measure(struct tui *t)
{
	struct vitals *v = &t->vitals;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct stats_before all = *t->from.before;

	engine__stats(t->from.engine, &v->engine);
	if (t->from.source)
		t->from.source->ops->stats(t->from.source, &v->source);
	stats_add(&all, &v->engine, &v->source);
	v->engine = all.engine;
	v->source = all.source;
	if (t->from.replay) {
		v->now = replay__now(t->from.replay);
		v->uptime_ns = v->now - replay__begin(t->from.replay);
	} else {
		v->now = wall_clock();
		v->uptime_ns = now - t->opened;
	}
	v->moment = v->now;
	if (t->past_to && v->now > t->past_to)
		v->now = t->past_to;
	if (!t->measured || now - t->measured >= SECOND / 4)
		set_rates(t, now);
	v->rss = resident();
}
