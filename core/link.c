#include "core/link.h"

#include <stdlib.h>
#include <string.h>

#include "core/habit.h"
#include "core/list.h"

#define BUCKETS 4096u
#define PROC_BUCKETS 1024u
#define MAX_IDLE 4096u
#define MAX_DEPTH 64 /* of a trace; deeper ones are cut in two */

/* A process is taken for a forwarder after so many calls in a row that repeated a request... */
#define STREAK 16u
#define DISTINCT 4u /* ... of which so many differed */

#define LEAVERS 32u

struct proc {
	struct proc *hash_next;
	struct list lru;
	struct list serving; /* requests that it has read and not answered */
	uint32_t nserving;
	uint32_t pid;
	uint32_t nblind; /* see links__blind */
	uint64_t blind_until;
	uint32_t ncalls;
	uint8_t threads_migrate;
	uint8_t polls; /* a thread that serves requests waits for all of them, and for more */
	/* how it behaved */
	struct habit habit;
	uint32_t streak, ndistinct;
	uint64_t distinct[DISTINCT];
	/* goroutines that have answered a request while none of theirs had called */
	uint32_t leaver[LEAVERS], nleavers;
};

struct link_node {
	struct link_node *hash_next; /* among the ends, or the next free one */
	struct list serving;
	struct proc *proc; /* while in its list */
	struct link_node *parent; /* holds a reference */
	const char *link;
	struct link_place place;
	struct link_head head;
	uint32_t refs;
	uint32_t pid, tid;
	uint64_t goroutine; /* as in zc_ev_io */
	int family;	    /* server: its goroutine, or one that it began, has made a call */
	uint32_t peer_pid;
	uint32_t nserving; /* client: requests in flight in its process when the call began */
	uint32_t ncalls; /* server: calls of its process when it was read */
	uint32_t sleeps;
	uint64_t io_time;
	uint64_t born;
	uint64_t number; /* one for each node, never 0 */
	uint8_t has_sleeps;
	uint8_t called; /* client: counted among the calls of its process */
	uint8_t in_ends, decided, ended;
	uint8_t forwarded; /* server: a call that repeats it has it for a parent */
	uint8_t adopted; /* trace_id is that of a context further down */
	uint8_t shown;	 /* its trace_id was, with a span below it */
	uint8_t span_id[SPAN_ID_LEN], trace_id[TRACE_ID_LEN];
	uint8_t flags;
};

struct links {
	struct link_node *end[BUCKETS];
	struct proc *proc[PROC_BUCKETS];
	struct list lru; /* of processes, oldest first */
	uint32_t nprocs;
	struct link_node *idle;
	uint32_t nidle;
	uint64_t numbers;
	const uint64_t *now;
	uint64_t start;
	unsigned (*traits)(void *ctx, uint32_t pid);
	void *ctx;
};

struct links *links__new(const uint64_t *now, uint64_t start)
{
	struct links *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	list_init(&l->lru);
	l->now = now;
	l->start = start;
	return l;
}

void links__on_process(struct links *l, unsigned (*traits)(void *ctx, uint32_t pid), void *ctx)
{
	l->traits = traits;
	l->ctx = ctx;
}

void links__free(struct links *l)
{
	if (!l)
		return;
	while (!list_empty(&l->lru)) {
		struct proc *p = list_entry(l->lru.next, struct proc, lru);

		list_unlink(&p->lru);
		free(p);
	}
	while (l->idle) {
		struct link_node *n = l->idle;

		l->idle = n->hash_next;
		free(n);
	}
	free(l);
}

/* ---- processes */

static struct proc **proc_slot(struct links *l, uint32_t pid)
{
	return &l->proc[(pid * 0x9e3779b97f4a7c15ull >> 40) % PROC_BUCKETS];
}

static struct proc *proc_find(struct links *l, uint32_t pid)
{
	struct proc *p = *proc_slot(l, pid);

	while (p && p->pid != pid)
		p = p->hash_next;
	return p;
}

/* Forgets the longest unused process that serves nothing now. */
static void proc_evict(struct links *l)
{
	for (struct list *i = l->lru.next; i != &l->lru; i = i->next) {
		struct proc *p = list_entry(i, struct proc, lru), **at;

		if (p->nserving)
			continue;
		for (at = proc_slot(l, p->pid); *at != p;)
			at = &(*at)->hash_next;
		*at = p->hash_next;
		list_unlink(&p->lru);
		free(p);
		l->nprocs--;
		return;
	}
}

static struct proc *proc_get(struct links *l, uint32_t pid)
{
	struct proc *p = proc_find(l, pid), **slot = proc_slot(l, pid);
	unsigned traits = 0;

	if (p) {
		list_unlink(&p->lru);
		list_append(&l->lru, &p->lru);
		return p;
	}
	if (l->nprocs >= LINK_MAX_PROCS)
		proc_evict(l);
	if (l->nprocs >= LINK_MAX_PROCS)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->pid = pid;
	if (!l->start)
		l->start = *l->now;
	habit_begin(&p->habit, l->start);
	if (l->traits)
		traits = l->traits(l->ctx, pid);
	p->threads_migrate = (traits & LINK_THREADS_MIGRATE) != 0;
	if (traits & LINK_FORWARDS) {
		p->streak = STREAK;
		p->ndistinct = DISTINCT;
	}
	list_init(&p->serving);
	list_append(&l->lru, &p->lru);
	p->hash_next = *slot;
	*slot = p;
	l->nprocs++;
	return p;
}

void links__blind(struct links *l, uint32_t pid, int step, uint64_t time)
{
	struct proc *p = step > 0 ? proc_get(l, pid) : proc_find(l, pid);

	if (!p)
		return;
	habit_restart(&p->habit, time);
	if (step > 0) {
		p->nblind++;
		p->blind_until = time + LINK_BLIND;
	} else if (p->nblind) {
		p->nblind--;
	}
}

/* May it have had requests in flight that nobody knows of when n began? */
static int is_blind(const struct proc *p, const struct link_node *n)
{
	return p->nblind && n->place.time < p->blind_until;
}

void links__process(struct links *l, uint32_t pid, uint64_t time)
{
	struct proc *p = proc_get(l, pid);

	if (!p)
		return;
	habit_begin(&p->habit, time);
	p->polls = 0;
}

static void stop_serving(struct links *l, struct link_node *n)
{
	struct proc *p = n->proc;

	if (!p)
		return;
	list_unlink(&n->serving);
	n->proc = NULL;
	if (n->ncalls == p->ncalls)
		habit_not_asked(&p->habit, n->head.group);
	if (n->goroutine && !n->family)
		p->leaver[p->nleavers++ % LEAVERS] = (uint32_t)n->goroutine;
	if (!--p->nserving)
		habit_idle(&p->habit, *l->now);
}

/* ---- nodes */

static void put(struct links *l, struct link_node *n)
{
	while (n && !--n->refs) {
		struct link_node *parent = n->parent;

		if (l->nidle < MAX_IDLE) {
			n->hash_next = l->idle;
			l->idle = n;
			l->nidle++;
		} else {
			free(n);
		}
		n = parent;
	}
}

static int depth(const struct link_node *n)
{
	int d = 0;

	while (n->parent && d < MAX_DEPTH) {
		n = n->parent;
		d++;
	}
	return d;
}

static int is_ancestor(const struct link_node *a, const struct link_node *n)
{
	for (int i = 0; n && i <= MAX_DEPTH; i++, n = n->parent)
		if (n == a)
			return 1;
	return 0;
}

static struct link_node *root_of(struct link_node *n)
{
	while (n->parent)
		n = n->parent;
	return n;
}

/* The nearest node upwards whose request named its trace; NULL if none did. */
static const struct link_node *named_trace(const struct link_node *n)
{
	while (n && !n->head.has_trace)
		n = n->parent;
	return n;
}

/*
 * A parent whose id is nobody's but ours, and a child that an SDK gave a trace: as long as nothing
 * of the parent's trace has been shown, it is the SDK's.
 */
static void adopt_trace(struct link_node *parent, const struct link_node *child)
{
	const struct link_node *named = named_trace(child);
	struct link_node *root = root_of(parent);

	if (!named || named_trace(parent) || root->adopted || root->shown)
		return;
	root->adopted = 1;
	memcpy(root->trace_id, named->head.context.trace_id, TRACE_ID_LEN);
	root->flags = named->head.context.flags;
}

static int set_parent(struct link_node *n, struct link_node *parent, const char *link)
{
	if (n->parent || is_ancestor(n, parent) || depth(parent) >= MAX_DEPTH)
		return 0;
	adopt_trace(parent, n);
	n->parent = parent;
	n->link = link;
	parent->refs++;
	return 1;
}

/* ---- the two ends of a connection */

static struct link_node **end_slot(struct links *l, const struct link_place *p)
{
	uint64_t key = (uint64_t)p->stream_id << 32 | p->seq;

	return &l->end[(key * 0x9e3779b97f4a7c15ull >> 40) % BUCKETS];
}

static int other_end(const struct link_place *a, const struct link_place *b)
{
	if (a->kind == b->kind || a->seq != b->seq || a->stream_id != b->stream_id)
		return 0;
	if (a->has_first && b->has_first)
		return a->first[0] == b->first[0] && a->first[1] == b->first[1];
	if (a->connection == b->connection)
		return 1;
	return a->has_ack && b->has_ack && a->ack == b->ack;
}

/* The one exchange at the other end; NULL if there is none, or more than one. */
static struct link_node *find_other_end(struct links *l, const struct link_node *n)
{
	struct link_node *found = NULL;

	for (struct link_node *m = *end_slot(l, &n->place); m; m = m->hash_next) {
		if (!other_end(&n->place, &m->place))
			continue;
		if (found)
			return NULL;
		found = m;
	}
	return found;
}

static void tell_peers(struct link_node *client, struct link_node *server)
{
	if (client->pid)
		server->peer_pid = client->pid;
	if (server->pid)
		client->peer_pid = server->pid;
}

static void meet_other_end(struct links *l, struct link_node *n)
{
	struct link_node *m = find_other_end(l, n);
	struct link_node *client = n->place.kind == SPAN_CLIENT ? n : m;
	struct link_node *server = n->place.kind == SPAN_CLIENT ? m : n;

	if (m && set_parent(server, client, "socket"))
		tell_peers(client, server);
}

static void leave_ends(struct links *l, struct link_node *n)
{
	struct link_node **at = end_slot(l, &n->place);

	if (!n->in_ends)
		return;
	while (*at != n)
		at = &(*at)->hash_next;
	*at = n->hash_next;
	n->in_ends = 0;
}

/* ---- who made this call */

enum evidence {
	BY_CONTEXT = 1, /* context and its parent are the same: forwarded as it came */
	BY_TRACE = 2,
	BY_REQUEST_ID = 4,
	BY_BYTES = 8,
	BY_THREAD = 16,
	BY_HEAD = 32,
	BY_MARKS = 64,
	BY_TURN = 128, /* it has not been forwarded yet */
	BY_GOROUTINE = 256,
	BY_SPAWNED = 512, /* a goroutine that it has begun */
};

static int same_trace(const struct link_node *a, const struct link_node *b)
{
	return a->head.has_trace && b->head.has_trace &&
	       !memcmp(a->head.context.trace_id, b->head.context.trace_id, TRACE_ID_LEN);
}

/* May request p have caused call n at all? It was read before, and belongs to no other trace. */
static int possible(const struct link_node *p, const struct link_node *n)
{
	if (p->io_time > n->place.time)
		return 0;
	return !n->head.has_trace || !p->head.has_trace || same_trace(p, n);
}

static int same_request(const struct link_head *a, const struct link_head *b)
{
	if (a->request && b->request)
		return a->request == b->request;
	return a->target && a->target == b->target;
}

static int same_goroutine(const struct link_node *p, const struct link_node *n)
{
	return n->goroutine && (uint32_t)p->goroutine == (uint32_t)n->goroutine;
}

/* Is the call made by a goroutine that the one that serves p has begun? */
static int is_spawned(const struct link_node *p, const struct link_node *n)
{
	return n->goroutine >> 32 && (uint32_t)p->goroutine == n->goroutine >> 32;
}

static int fits(const struct link_node *p, const struct link_node *n, unsigned evidence)
{
	const struct link_head *a = &p->head, *b = &n->head;

	if (evidence & BY_CONTEXT &&
	    (!same_trace(p, n) || !a->has_parent || !b->has_parent ||
	     memcmp(a->context.parent_id, b->context.parent_id, SPAN_ID_LEN)))
		return 0;
	if (evidence & BY_TRACE && !same_trace(p, n))
		return 0;
	if (evidence & BY_REQUEST_ID && (!b->request_id || a->request_id != b->request_id))
		return 0;
	if (evidence & BY_BYTES && (!b->bytes || a->bytes != b->bytes))
		return 0;
	if (evidence & BY_GOROUTINE && !same_goroutine(p, n))
		return 0;
	if (evidence & BY_SPAWNED && !is_spawned(p, n))
		return 0;
	if (evidence & BY_THREAD && (!n->tid || p->tid != n->tid))
		return 0;
	if (evidence & BY_HEAD && !same_request(a, b))
		return 0;
	if (evidence & BY_MARKS && b->marks <= a->marks)
		return 0;
	if (evidence & BY_TURN && p->forwarded)
		return 0;
	return possible(p, n);
}

/* How many requests fit; one of them in *out. */
static uint32_t count_fits(struct proc *proc, const struct link_node *n, unsigned evidence,
			   struct link_node **out)
{
	uint32_t count = 0;

	for (struct list *i = proc->serving.next; i != &proc->serving; i = i->next) {
		struct link_node *p = list_entry(i, struct link_node, serving);

		if (!fits(p, n, evidence))
			continue;
		*out = p;
		count++;
	}
	return count;
}

/* Is there a request in flight of which it is not known what was asked for? */
static int serves_unknown(const struct proc *proc)
{
	for (const struct list *i = proc->serving.next; i != &proc->serving; i = i->next)
		if (!list_entry(i, struct link_node, serving)->head.target)
			return 1;
	return 0;
}

/*
 * Learns whether the process is a forwarder: does this call repeat one of the requests in flight?
 */
static void learn(struct proc *proc, const struct link_node *n)
{
	struct link_node *p;
	uint32_t count = count_fits(proc, n, BY_HEAD, &p);

	if (count > 1 || !n->head.target || (!count && serves_unknown(proc)))
		return;
	if (!count && habit_is_own(&proc->habit, n->head.group))
		return;
	if (!count) {
		proc->streak = proc->ndistinct = 0;
		return;
	}
	if (proc->streak < STREAK)
		proc->streak++;
	for (uint32_t i = 0; i < proc->ndistinct; i++)
		if (proc->distinct[i] == n->head.target)
			return;
	if (proc->ndistinct < DISTINCT)
		proc->distinct[proc->ndistinct++] = n->head.target;
}

static int is_forwarder(const struct proc *p)
{
	return p->streak >= STREAK && p->ndistinct >= DISTINCT;
}

static const char *link_name(const struct link_node *n, const char *name, unsigned known)
{
	if (name)
		return name;
	if (known & (BY_BYTES | BY_HEAD)) /* of several that it repeats, one whose turn it is */
		return known & BY_BYTES ? "payload" : "head";
	return n->head.how;
}

static void make_child(struct link_node *n, struct link_node *p, const char *name)
{
	if (set_parent(n, p, name) && same_request(&n->head, &p->head))
		p->forwarded = 1;
}

/* Is it more than chance that p is the one request in flight, of the thread or of the process? */
static int is_earned(const struct links *l, const struct proc *proc, const struct link_node *n,
		     const struct link_node *p, int forwards)
{
	const struct habit_guess g = {
		.group = n->head.group,
		.request_group = p->head.group,
		.what = p->number,
		.tid = n->tid,
		.other_thread = n->tid != p->tid,
		.new_thread = n->born > p->io_time,
		.has_sleeps = n->has_sleeps && !proc->threads_migrate,
		.sleeps = n->sleeps,
	};

	/* what a proxy does not pass on as it is may be its own, a health check perhaps */
	if (forwards && n->head.target && p->head.target && !same_request(&n->head, &p->head))
		return habit_allows(&proc->habit, &g, *l->now);
	/* a thread that waits for nobody but its client has nothing else to do */
	return (n->tid == p->tid && !proc->polls && !proc->threads_migrate) ||
	       habit_allows(&proc->habit, &g, *l->now);
}

/*
 * A goroutine may outlive the request for which it was begun, and the next one on that connection
 * is no cause of its calls. So none is linked where a request was answered before its goroutines
 * had called.
 */
static int leaves_work(const struct proc *proc, const struct link_node *p,
		       const struct link_node *n)
{
	for (unsigned i = 0; i < LEAVERS; i++)
		if (proc->leaver[i] == (uint32_t)p->goroutine)
			return 1;
	return habit_is_own(&proc->habit, n->head.group);
}

static void count_family(const struct proc *proc, const struct link_node *n)
{
	for (struct list *i = proc->serving.next; i != &proc->serving; i = i->next) {
		struct link_node *p = list_entry(i, struct link_node, serving);

		p->family |= same_goroutine(p, n) || is_spawned(p, n);
	}
}

/*
 * Evidence in the heads, and who makes the call. 1: decided. What fits several is left in *known.
 */
static int choose_by_evidence(struct links *l, struct proc *proc, struct link_node *n,
			      unsigned skip, unsigned *known)
{
	static const struct {
		unsigned evidence;
		const char *link; /* NULL: that of the context */
	} steps[] = {
		{ BY_CONTEXT, NULL }, { BY_TRACE, NULL }, { BY_REQUEST_ID, "request-id" },
		{ BY_BYTES, "payload" }, { BY_GOROUTINE, "goroutine" },
		{ BY_SPAWNED, "goroutine" }, { BY_THREAD, "thread" },
		{ BY_HEAD | BY_MARKS, "head" }, { BY_HEAD, "head" }, { BY_TURN, NULL },
	};
	struct link_node *p = NULL;

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		unsigned evidence = steps[i].evidence;
		uint32_t count;

		if (evidence == (skip & evidence) ||
		    (evidence == BY_TURN && !(*known & (BY_BYTES | BY_HEAD))))
			continue;
		count = count_fits(proc, n, *known | evidence, &p);
		if (count == 1 && (evidence != BY_SPAWNED || !leaves_work(proc, p, n)) &&
		    (evidence != BY_THREAD || is_earned(l, proc, n, p, !(skip & BY_HEAD)))) {
			make_child(n, p, link_name(n, steps[i].link, *known));
			return 1;
		}
		if (count)
			*known |= evidence;
	}
	return 0;
}

/* A call with no request in flight is one of the process's own. */
static int is_own(const struct proc *proc, const struct link_node *n)
{
	return !proc->nserving && proc->habit.idle_from <= n->place.time;
}

static void choose_parent(struct links *l, struct link_node *n)
{
	struct proc *proc = proc_get(l, n->pid);
	struct link_node *p = NULL;
	unsigned known = 0, skip = 0;
	int blind;

	if (!proc)
		return;
	blind = is_blind(proc, n);
	if (!blind && (proc->nserving || is_own(proc, n)))
		habit_call(&proc->habit, n->head.group, n->tid, !proc->nserving);
	if (!proc->nserving || proc->nserving > LINK_MAX_SERVING)
		return;
	if (proc->threads_migrate || blind || n->goroutine)
		skip |= BY_THREAD;
	if (!is_forwarder(proc))
		skip |= BY_HEAD;
	learn(proc, n);
	if (n->goroutine)
		count_family(proc, n);
	if (choose_by_evidence(l, proc, n, skip, &known) || known || blind || n->goroutine)
		return;
	if (n->nserving <= 1 && proc->nserving == 1 && count_fits(proc, n, 0, &p) == 1 &&
	    is_earned(l, proc, n, p, !(skip & BY_HEAD)))
		make_child(n, p, "only");
}

static void decide(struct links *l, struct link_node *n)
{
	if (n->decided)
		return;
	n->decided = 1;
	if (n->place.kind == SPAN_CLIENT && n->pid && !n->parent)
		choose_parent(l, n);
}

static void count_call(struct links *l, struct link_node *n)
{
	struct proc *proc = n->called || !n->pid ? NULL : proc_find(l, n->pid);

	if (!proc)
		return;
	n->called = 1;
	n->nserving = proc->nserving;
	proc->ncalls++;
}

/* ---- the life of an exchange */

struct link_node *links__begin(struct links *l, const struct link_place *p,
			       const struct link_head *h)
{
	struct link_node *n = l->idle, **slot = end_slot(l, p);

	if (n) {
		l->idle = n->hash_next;
		l->nidle--;
	} else {
		n = malloc(sizeof(*n));
		if (!n)
			return NULL;
	}
	memset(n, 0, sizeof(*n));
	n->refs = 1;
	n->place = *p;
	n->head = *h;
	n->pid = p->pid;
	n->number = ++l->numbers;
	id_derive_span(p->connection, p->seq, p->stream_id, p->kind, n->span_id);
	if (h->has_trace) {
		memcpy(n->trace_id, h->context.trace_id, TRACE_ID_LEN);
		n->flags = h->context.flags;
	} else {
		id_derive_trace(p->connection, p->seq, p->stream_id, n->trace_id);
		n->flags = 1; /* sampled: it was recorded */
	}
	meet_other_end(l, n);
	n->hash_next = *slot;
	*slot = n;
	n->in_ends = 1;
	if (p->kind == SPAN_CLIENT)
		count_call(l, n);
	return n;
}

static void serve(struct links *l, struct link_node *n, const struct link_io *io)
{
	struct proc *proc = proc_get(l, io->pid);

	if (n->parent)
		tell_peers(n->parent, n);
	if (!proc)
		return;
	n->proc = proc;
	n->ncalls = proc->ncalls;
	proc->threads_migrate |= io->moved != 0;
	proc->polls |= io->polled != 0;
	if (!proc->nserving++)
		habit_busy(&proc->habit, io->time);
	list_append(&proc->serving, &n->serving);
	links__read(l, n, io);
}

void links__io(struct links *l, struct link_node *n, const struct link_io *io)
{
	if (!n || n->ended || n->decided || n->proc || !io->pid)
		return;
	if (n->pid != io->pid)
		n->nserving = 0; /* was that of another process */
	n->pid = io->pid;
	n->tid = io->tid;
	n->goroutine = io->goroutine;
	n->io_time = io->time;
	n->has_sleeps = io->has_sleeps != 0;
	n->sleeps = io->sleeps;
	n->born = io->born;
	if (n->place.kind == SPAN_CLIENT) {
		count_call(l, n);
		decide(l, n);
	} else {
		serve(l, n, io);
	}
}

void links__read(struct links *l, struct link_node *n, const struct link_io *io)
{
	struct proc *proc = io->has_sleeps ? proc_find(l, io->pid) : NULL;

	/* the first octet may have been read ahead by a goroutine that does not serve */
	if (n && n->proc && n->place.kind == SPAN_SERVER && !n->goroutine && n->pid == io->pid)
		n->goroutine = io->goroutine;
	if (n && n->place.kind == SPAN_CLIENT)
		n = n->parent;
	if (proc)
		habit_read(&proc->habit, io->tid, io->sleeps, n && n->proc == proc ? n->number : 0);
}

static int awaits(const struct link_node *n)
{
	return n->place.awaits && !n->parent;
}

void links__end(struct links *l, struct link_node *n)
{
	if (!n || n->ended)
		return;
	decide(l, n);
	stop_serving(l, n);
	if (!awaits(n))
		leave_ends(l, n);
	n->ended = 1;
	root_of(n)->shown = 1;
}

void links__put(struct links *l, struct link_node *n)
{
	if (!n)
		return;
	links__end(l, n);
	leave_ends(l, n);
	put(l, n);
}

/* No request that is seen here has led to this one: it comes from outside. */
static int is_entry(const struct link_node *n)
{
	if (n->place.kind != SPAN_SERVER)
		return 0;
	for (n = n->parent; n; n = n->parent)
		if (n->place.kind == SPAN_SERVER)
			return 0;
	return 1;
}

void links__ids(const struct link_node *n, struct span *s)
{
	const struct link_node *from = named_trace(n);

	if (!from)
		for (from = n; from->parent;)
			from = from->parent;
	memcpy(s->span_id, n->span_id, SPAN_ID_LEN);
	memcpy(s->trace_id, from->trace_id, TRACE_ID_LEN);
	s->trace_flags = from->flags;
	s->trace_given = from->head.has_trace || from->adopted;
	s->has_parent = n->parent || n->head.has_parent;
	s->parent_here = n->parent != NULL;
	s->entry = is_entry(n);
	s->link = NULL;
	if (n->parent) {
		memcpy(s->parent_id, n->parent->span_id, SPAN_ID_LEN);
		s->link = n->link;
	} else if (n->head.has_parent) {
		memcpy(s->parent_id, n->head.context.parent_id, SPAN_ID_LEN);
		s->link = n->head.how;
	}
}

int links__open(const struct link_node *n)
{
	for (; n; n = n->parent)
		if (awaits(n) || (n->place.kind == SPAN_CLIENT && !n->decided && !n->parent))
			return 1;
	return 0;
}

uint32_t links__peer(const struct link_node *n)
{
	return n ? n->peer_pid : 0;
}
