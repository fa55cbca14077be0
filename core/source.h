/*
 * source.h - where events come from: the ring buffer, a recording, a capture file
 *
 * A source hands out events in the order in which it has them, which is almost the order of
 * time: events of different processors may be swapped by some microseconds. The pipeline behind
 * it is the same for all sources.
 */
#ifndef ZC_CORE_SOURCE_H
#define ZC_CORE_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include "bpf/events.h"

struct source;

/* Where files of several hosts are merged, the bits of a pid above these tell the hosts apart. */
#define SOURCE_PID_BITS 24
#define SOURCE_PID_MASK ((1u << SOURCE_PID_BITS) - 1)

/*
 * Receives one event. ev and all that follows it (ev->size octets, aligned to 8) are valid for
 * the call only and have been checked: size covers the kind's struct and its payload.
 */
typedef void (*source_event_fn)(void *ctx, const struct zc_ev *ev);

struct source_stats {
	uint64_t events;      /* handed out */
	uint64_t lost_events; /* lost before they reached us */
	uint64_t lost_bytes;
	uint64_t skipped_bytes; /* not copied since nobody wanted them */
};

struct source_ops {
	/*
	 * Waits up to timeout_ms for events, then hands out what is there (a bounded batch).
	 * Returns the number of events; 0 when none came in time; -ENODATA at the end of a file;
	 * another negative errno on failure, with text from error().
	 */
	int (*poll)(struct source *s, source_event_fn fn, void *ctx, int timeout_ms);

	/* Feedback for one connection; w is copied. May be NULL. Cheap: no system call. */
	void (*want)(struct source *s, const struct zc_policy *w);

	/* FLOW of each open connection is to come with the next events. NULL: it does so anyway */
	void (*count)(struct source *s);

	void (*stats)(struct source *s, struct source_stats *out);

	/* What went wrong, or what ended early ("truncated at byte 4711"); NULL if nothing. */
	const char *(*error)(struct source *s);

	/*
	 * At the end: what of the input could not be used, and what to do about it, in one line.
	 * Returns 0 if there is nothing to tell. May be NULL.
	 */
	int (*unread)(struct source *s, char *text, size_t size);

	void (*free)(struct source *s);
};

/* First member of every source. */
struct source {
	const struct source_ops *ops;
	int64_t wall_offset; /* nanoseconds to add to an event's time to get UNIX time */
	int waits; /* more may come at any time: a pipe, a file that is followed, a live trace */
	int live;            /* 1: time passes by itself; 0: time is that of the last event */
	uint64_t start;      /* source clock: when observation began */
};

#endif
