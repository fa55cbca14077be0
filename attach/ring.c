/*
 * ring.c - the ring buffer as a source of events
 *
 * The kernel side wakes us only when the ring fills up, so a look costs no more when there are many
 * events than when there are few: we look every few milliseconds while there is traffic, less
 * often when there is none. A look in progress is bounded, so that the caller's clock ticks.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include "attach/attach_priv.h"
#include "attach/ring_map.h"

#define LOOK_NS 5000000ULL	/* between two looks while events come */
#define QUIET_NS 1000000000ULL	/* without an event: from here on the caller's whole timeout */
#define QUIET_LOOK_MS 20
#define BATCH 16384
#define MISSED_NS 200000000ULL /* between two questions to the kernel about runs that it left out */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

/* UNIX time minus monotonic time; the tightest of a few tries. */
static int64_t wall_offset(void)
{
	int64_t best = 0;
	uint64_t width = UINT64_MAX;

	for (int i = 0; i < 8; i++) {
		struct timespec wall;
		uint64_t before = now_ns(), after;

		clock_gettime(CLOCK_REALTIME, &wall);
		after = now_ns();
		if (after - before >= width)
			continue;
		width = after - before;
		best = (int64_t)wall.tv_sec * 1000000000LL + wall.tv_nsec -
		       (int64_t)(before + width / 2);
	}
	return best;
}

static void target(struct attach *a, pid_t pid)
{
	tls_target(a->tls, pid);
}

/* What the kinds must at least be long; the kernel side is ours, a check costs nothing. */
static int ring_event(void *ctx, const void *data, size_t size)
{
	struct attach *a = ctx;
	const struct zc_ev *ev = data;

	if (size < sizeof(*ev) || ev->size > size)
		return 0;
	a->stats.events++;
	if (ev->kind == ZC_EV_PROCESS) {
		tasks_on_process(a, (const struct zc_ev_process *)ev);
		tls_on_process(a->tls, (const struct zc_ev_process *)ev);
	} else if (ev->kind == ZC_EV_OPEN) {
		tls_target_soon(a->tls, (pid_t)((const struct zc_ev_open *)ev)->pid);
	} else if (ev->kind == ZC_EV_OWNER) {
		tls_target_soon(a->tls, (pid_t)((const struct zc_ev_owner *)ev)->pid);
	}
	if (ev->kind == ZC_EV_LISTEN) {
		const struct zc_ev_listen *l = (const struct zc_ev_listen *)ev;

		if (ev->flags) {
			tls_listens(a->tls, (pid_t)l->pid);
			tasks_mark_workers_of(a, (pid_t)l->pid, target);
			tasks_mark_siblings_of(a, (pid_t)l->pid, target);
		}
		attach_note(a, ev->flags ? "listening" : "not-listening",
			    ev->flags ? "port %u is listened on now (%.16s, pid %u)" :
					"port %u is no longer listened on (%.16s, pid %u)",
			    l->port, l->comm, l->pid);
	}
	a->fn(a->fn_ctx, ev);
	return ++a->batch >= BATCH;
}

/* What was to be seen in a run that did not take place is lost as if the ring had been full. */
static void ring_report_losses(struct attach *a, int now)
{
	uint64_t events = a->probes.shared->lost_events, bytes = a->probes.shared->lost_bytes;
	struct zc_ev_lost ev;

	if (now || a->last_read - a->missed_read > MISSED_NS) {
		a->missed_read = a->last_read;
		a->missed = attach_missed(a);
	}
	events += a->missed;

	if (events == a->stats.lost_events)
		return;
	memset(&ev, 0, sizeof(ev));
	ev.ev.kind = ZC_EV_LOST;
	ev.ev.size = sizeof(ev);
	ev.ev.time = now_ns();
	ev.count = events - a->stats.lost_events;
	ev.bytes = bytes - a->stats.lost_bytes;
	a->stats.lost_events = events;
	a->stats.lost_bytes = bytes;
	a->fn(a->fn_ctx, &ev.ev);
}

/* Sleeps until the next look is due, at most timeout_ms. */
static void ring_pause(struct attach *a, int timeout_ms)
{
	uint64_t now = now_ns(), due = a->last_read + LOOK_NS;
	struct epoll_event ready[1];
	struct timespec t = {0};

	if (now - a->last_event > LOOK_NS) {
		/* nothing came last time */
		int ms = now - a->last_event < QUIET_NS && timeout_ms > QUIET_LOOK_MS
				 ? QUIET_LOOK_MS
				 : timeout_ms;

		t.tv_sec = ms / 1000;
		t.tv_nsec = ms % 1000 * 1000000L;
	} else if (due > now && timeout_ms) {
		t.tv_nsec = (long)(due - now);
	} else {
		return;
	}
	/* only what wakes us ends the wait: it is not enough that there is something in the ring */
	epoll_pwait2(a->epoll_fd, ready, 1, &t, NULL);
}

static int ring_poll(struct source *s, source_event_fn fn, void *ctx, int timeout_ms)
{
	struct attach *a = (struct attach *)s;

	a->fn = fn;
	a->fn_ctx = ctx;
	a->batch = 0;
	ring_pause(a, timeout_ms);
	a->last_read = now_ns();
	/* who begins to listen comes before those that call */
	ring_map_read(a->ring, ring_event, a);
	tls_poll(a->tls);
	if (a->batch)
		a->last_event = now_ns();
	ring_report_losses(a, !timeout_ms);
	if (a->batch >= BATCH)
		a->last_read = 0; /* more is waiting */
	return a->batch;
}

static void ring_policy(struct source *s, const struct zc_policy *w)
{
	struct attach *a = (struct attach *)s;
	struct zc_policy *slot = &a->probes.policies[ZC_POLICY_SLOT(w->conn)];

	/* a reader that sees half of it sees another connection's: everything is wanted then */
	__atomic_store_n(&slot->conn, 0, __ATOMIC_RELEASE);
	slot->dir[0] = w->dir[0];
	slot->dir[1] = w->dir[1];
	slot->quiet = w->quiet;
	slot->frames = w->frames;
	__atomic_store_n(&slot->conn, w->conn, __ATOMIC_RELEASE);
}

static void ring_stats(struct source *s, struct source_stats *out)
{
	*out = ((struct attach *)s)->stats;
}

static const char *ring_error(struct source *s)
{
	const struct attach *a = (struct attach *)s;

	return a->error[0] ? a->error : NULL;
}

static void ring_count(struct source *s)
{
	probes_count((struct attach *)s);
}

static void ring_free(struct source *s)
{
	(void)s; /* attach__free does it */
}

static const struct source_ops ring_ops = {
	.poll = ring_poll,
	.want = ring_policy,
	.count = ring_count,
	.stats = ring_stats,
	.error = ring_error,
	.free = ring_free,
};

static int watch_ring(struct attach *a, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};

	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (a->epoll_fd < 0)
		return -errno;
	return epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

int attach_ring_open(struct attach *a)
{
	int fd = bpf_object__find_map_fd_by_name(a->probes.sock, "zc_ring"), err;

	a->ring = ring_map_open(fd, RING_BYTES);
	if (!a->ring)
		return attach_fail(a, errno, "ring buffer: %s", strerror(errno));
	err = watch_ring(a, fd);
	if (err)
		return attach_fail(a, -err, "epoll: %s", strerror(-err));
	a->source.ops = &ring_ops;
	a->source.live = 1;
	a->source.wall_offset = wall_offset();
	a->source.start = now_ns();
	return 0;
}

void attach_ring_release(struct attach *a)
{
	ring_map_close(a->ring);
	if (a->epoll_fd > 0)
		close(a->epoll_fd);
}
