/*
 * link_impl.h - what the parts of link.h share: nodes, which grow into trees, and the processes
 * that serve and call
 */
#ifndef ZC_CORE_LINK_IMPL_H
#define ZC_CORE_LINK_IMPL_H

#include "core/habit.h"
#include "core/link.h"
#include "core/list.h"

#define LINK_BUCKETS 4096u
#define LINK_PROC_BUCKETS 1024u

/* A process is taken for a forwarder after so many calls in a row that repeated a request... */
#define LINK_STREAK 16u
#define LINK_DISTINCT 4u /* ... of which so many differed */

#define LINK_LEAVERS 32u

struct proc {
	struct proc *hash_next;
	struct list lru;
	struct list serving; /* requests that it has read and not answered */
	uint32_t nserving;
	uint32_t pid;
	uint32_t nblind; /* see links__blind */
	uint64_t blind_until;
	uint32_t ncalls;
	uint8_t traits_known, threads_migrate, threads_keep;
	uint8_t pool; /* threads that keep to one request at a time */
	uint8_t polls; /* a thread that serves requests waits for all of them, and for more */
	/* how it behaved */
	struct habit habit;
	uint32_t streak, ndistinct;
	uint64_t distinct[LINK_DISTINCT];
	/* goroutines that have answered a request while none of theirs had called */
	uint32_t leaver[LINK_LEAVERS], nleavers;
};

struct link_node {
	struct link_node *hash_next; /* among the ends, or the next free one */
	struct list serving;
	struct proc *proc; /* while in its list */
	struct link_node *parent; /* holds a reference */
	const char *link;
	uint32_t refs;
	uint32_t pid, tid;
	uint64_t goroutine; /* as in zc_ev_io */
	int family;	    /* server: its goroutine, or one that it began, has made a call */
	uint32_t peer_pid;
	uint32_t nserving; /* client: requests in flight in its process when the call began */
	uint32_t ncalls; /* server: calls of its process when it was read */
	uint32_t sleeps;
	uint64_t io_time;
	uint64_t number; /* one for each node, never 0 */
	uint8_t has_sleeps;
	uint8_t called; /* client: counted among the calls of its process */
	uint8_t in_ends, decided, ended;
	uint8_t forwarded; /* server: a call that repeats it has it for a parent */
	uint8_t adopted; /* its trace's id is that of a context further down */
	uint8_t has_sender; /* as in links__received() */
	uint8_t sender[SPAN_ID_LEN];
	uint32_t sender_pid;
	uint8_t shown;	 /* its trace's id was, with a span below it */
	uint8_t trace_id[TRACE_ID_LEN]; /* if adopted */
	uint8_t flags;
	/* a new node is cleared up to here, and filled from here on */
	struct link_place place;
	struct link_head head;
};

struct links {
	struct link_node *end[LINK_BUCKETS];
	struct proc *proc[LINK_PROC_BUCKETS];
	struct list lru; /* of processes, oldest first */
	uint32_t nprocs;
	struct link_node *idle;
	uint32_t nidle;
	uint64_t numbers;
	const uint64_t *now;
	uint64_t start;
	uint64_t lost; /* when events were lost last; 0: never */
	unsigned (*traits)(void *ctx, uint32_t pid);
	void *ctx;
};

/* ---- link_proc.c: processes */

static inline struct proc **link_proc_slot(struct links *l, uint32_t pid)
{
	return &l->proc[(pid * 0x9e3779b97f4a7c15ull >> 40) % LINK_PROC_BUCKETS];
}

static inline struct proc *link_proc_find(struct links *l, uint32_t pid)
{
	struct proc *p = *link_proc_slot(l, pid);

	while (p && p->pid != pid)
		p = p->hash_next;
	return p;
}

/* The same, of one that has read or written something: its name, and so its traits, are known. */
struct proc *link_proc_acts(struct links *l, uint32_t pid);

/* ---- link_tree.c: what caused what */

/* Nobody refers to n any more. */
void link_release(struct links *l, struct link_node *n);

static inline struct link_node *link_root(struct link_node *n)
{
	while (n->parent)
		n = n->parent;
	return n;
}

/* The nearest node upwards whose request named its trace; NULL if none did. */
static inline const struct link_node *link_named_trace(const struct link_node *n)
{
	while (n && !n->head.has_trace)
		n = n->parent;
	return n;
}

/* 0: it has one, or is above it, or the tree would be too deep. */
int link_set_parent(struct link_node *n, struct link_node *parent, const char *link);

/* ---- link_choose.c: who made a call */

/* n: a client's end of a known process, without a parent so far. */
void link_choose_parent(struct links *l, struct link_node *n);

#endif
