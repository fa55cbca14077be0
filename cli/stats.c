#include "cli/stats.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define SECOND_NS 1000000000u

static uint64_t time_ns(struct timeval t)
{
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_usec * 1000;
}

static uint64_t cpu_time(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return time_ns(u.ru_utime) + time_ns(u.ru_stime);
}

static double resident_mib(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long pages = 0;

	if (f) {
		if (fscanf(f, "%*d %ld", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

void stats_add(struct stats_before *to, const struct engine_stats *e,
	       const struct source_stats *s)
{
	to->engine.events += e->events;
	to->engine.spans += e->spans;
	to->engine.lost_events += e->lost_events;
	to->engine.uncaptured_bytes += e->uncaptured_bytes;
	to->engine.skipped_bytes += e->skipped_bytes;
	to->engine.unparsed_bytes += e->unparsed_bytes;
	to->engine.evicted_conns += e->evicted_conns;
	to->engine.conns = e->conns;
	to->engine.in_flight = e->in_flight;
	to->source.events += s->events;
	to->source.lost_events += s->lost_events;
	to->source.lost_bytes += s->lost_bytes;
	to->source.skipped_bytes += s->skipped_bytes;
}

void stats_tick(struct stats *s, uint64_t now, const struct engine *e, struct source *src)
{
	double seconds = (double)(now - s->printed) / SECOND_NS;
	struct source_stats from = { 0 };
	struct engine_stats is;
	uint64_t cpu;

	if (s->printed && now - s->printed < SECOND_NS)
		return;
	cpu = cpu_time();
	engine__stats(e, &is);
	src->ops->stats(src, &from);
	if (s->printed)
		fprintf(stderr, "zctrace: stats: %.0f events/s, %.0f spans/s, %u connections, "
			"%u in flight, %llu lost, %llu bytes skipped, %.1f %% CPU, %.1f MiB\n",
			(double)(is.events - s->engine.events) / seconds,
			(double)(is.spans - s->engine.spans) / seconds, is.conns, is.in_flight,
			(unsigned long long)(is.lost_events > from.lost_events ? is.lost_events :
										 from.lost_events),
			(unsigned long long)is.skipped_bytes,
			(double)(cpu - s->cpu_ns) / 1e7 / seconds, resident_mib());
	s->printed = now;
	s->cpu_ns = cpu;
	s->engine = is;
}
