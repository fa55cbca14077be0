/*
 * habit.h - does a process make calls of its own?
 *
 * That a call is made while a request is in flight says nothing of its cause where the process
 * makes calls by itself, too: health checks, timers, what is left to do after an answer. So what a
 * process does is learned, and a guess has to be earned:
 *
 * - a call with no request in flight is one of its own, and so are others that look like it, and
 *   those of its thread where that is not the one that serves;
 * - if calls had nothing to do with requests, some of them would come while there is none. With n
 *   calls of a kind during a time `busy` with requests, and none in a time `idle` without, that is
 *   as good as n * idle / busy calls that did not come, where HABIT_ENOUGH are wanted; more of a
 *   process that was seen to make others of its own;
 * - a thread that has not slept since it read something is still busy with that, or with what
 *   fell due at the same time: so calls of a kind have to be made like that again and again;
 * - a thread that was begun since by the one that serves the request was begun for it.
 *
 * Where requests are answered without a call, a call may be what is left to do of an earlier one:
 * there nothing is earned before as many pauses between requests have shown no such call.
 *
 * Memory: of HABIT_KINDS kinds of calls, requests and threads a process, what is the oldest and
 * least telling goes first. All times are those of the source.
 */
#ifndef ZC_CORE_HABIT_H
#define ZC_CORE_HABIT_H

#include <stdint.h>

#define HABIT_KINDS 64u
#define HABIT_RUNS 64u
#define HABIT_THREADS 32u
#define HABIT_ENOUGH 4u
#define HABIT_AGAIN 3u
#define HABIT_PAUSE 100000000ull /* ns */

enum habit_what { HABIT_CALL = 1, HABIT_THREAD, HABIT_REQUEST };

struct habit_kind {
	uint32_t key; /* 0: none */
	uint16_t n;   /* calls with a request in flight */
	uint8_t own;  /* call, thread: with none; request: answered without a call */
	/* calls that one request may have caused; of these, by a thread still busy with that */
	uint8_t guessed, ran;
};

/* What a thread has read last. */
struct habit_run {
	uint32_t tid, sleeps;
	uint64_t what;
};

/* A thread that was begun while it was observed. */
struct habit_thread {
	uint64_t time;
	uint32_t tid, by;
};

struct habit {
	uint64_t since; /* observed */
	uint64_t busy, busy_from; /* with requests; 0: it is not now */
	uint64_t idle_from;
	uint32_t pauses; /* that were longer than HABIT_PAUSE */
	uint32_t nown;
	struct habit_kind kind[HABIT_KINDS];
	struct habit_run run[HABIT_RUNS];
	struct habit_thread thread[HABIT_THREADS];
};

/* since: 0: from its first request on; a process that is not up yet makes no calls either. */
void habit_begin(struct habit *h, uint64_t since);

/* What happened up to now does not count: requests may have been there that nobody knows of. */
void habit_restart(struct habit *h, uint64_t now);

/*
 * The first request of several is being served; the last one is not any more. young: by a thread
 * that has only just begun, so that the process may be no older.
 */
void habit_busy(struct habit *h, uint64_t now, int young);
void habit_idle(struct habit *h, uint64_t now);

/* A call, begun at `time`. own: there was no request in flight. */
void habit_call(struct habit *h, uint64_t group, uint32_t tid, int own);

int habit_is_own(const struct habit *h, uint64_t group);

/* A request of this group was answered, and the process had called nobody meanwhile. */
void habit_not_asked(struct habit *h, uint64_t request_group);

/* A thread has read something on behalf of `what`; 0: not known. */
void habit_read(struct habit *h, uint32_t tid, uint32_t sleeps, uint64_t what);

/* Thread `by` has begun thread tid. */
void habit_thread(struct habit *h, uint32_t tid, uint32_t by, uint64_t time);

/* A call that may have been caused by the one request in flight. */
struct habit_guess {
	uint64_t group; /* what makes calls alike */
	uint64_t request_group;
	uint64_t what;	/* as told to habit_read of that request */
	uint32_t tid, reader; /* who calls; who has read the request */
	uint64_t read;	      /* when */
	int has_sleeps;
	uint32_t sleeps;
};

/* Has it been earned? To be asked once for each call. */
int habit_allows(struct habit *h, const struct habit_guess *g, uint64_t now);

#endif
