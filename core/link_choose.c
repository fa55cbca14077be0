#include "core/link_impl.h"

#include <string.h>

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

static int fits(const struct links *l, const struct link_node *p, const struct link_node *n,
		unsigned evidence)
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
	/* it may have been answered since, and another one read, where that was lost */
	if (evidence & (BY_GOROUTINE | BY_SPAWNED) && p->io_time <= l->lost)
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
static uint32_t count_fits(const struct links *l, struct proc *proc, const struct link_node *n,
			   unsigned evidence, struct link_node **out)
{
	uint32_t count = 0;

	for (struct list *i = proc->serving.next; i != &proc->serving; i = i->next) {
		struct link_node *p = list_entry(i, struct link_node, serving);

		if (!fits(l, p, n, evidence))
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
static void learn(const struct links *l, struct proc *proc, const struct link_node *n)
{
	struct link_node *p;
	uint32_t count = count_fits(l, proc, n, BY_HEAD, &p);

	if (count > 1 || !n->head.target || (!count && serves_unknown(proc)))
		return;
	if (!count && habit_is_own(&proc->habit, n->head.group))
		return;
	if (!count) {
		proc->streak = proc->ndistinct = 0;
		return;
	}
	if (proc->streak < LINK_STREAK)
		proc->streak++;
	for (uint32_t i = 0; i < proc->ndistinct; i++)
		if (proc->distinct[i] == n->head.target)
			return;
	if (proc->ndistinct < LINK_DISTINCT)
		proc->distinct[proc->ndistinct++] = n->head.target;
}

static int is_forwarder(const struct proc *p)
{
	return p->streak >= LINK_STREAK && p->ndistinct >= LINK_DISTINCT;
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
	if (link_set_parent(n, p, name) && same_request(&n->head, &p->head))
		p->forwarded = 1;
}

/* Is it more than chance that p is the one request in flight, of the thread or of the process? */
static int is_earned(const struct links *l, struct proc *proc, const struct link_node *n,
		     const struct link_node *p, int forwards)
{
	const struct habit_guess g = {
		.group = n->head.group,
		.request_group = p->head.group,
		.what = p->number,
		.tid = n->tid,
		.reader = p->tid,
		.read = p->io_time,
		.has_sleeps = n->has_sleeps && !proc->threads_migrate,
		.sleeps = n->sleeps,
	};

	/* what a proxy does not pass on as it is may be its own, a health check perhaps */
	if (forwards && n->head.target && p->head.target && !same_request(&n->head, &p->head))
		return habit_allows(&proc->habit, &g, *l->now);
	/* a thread that waits for its client alone, or is of a pool, has nothing else to do */
	return (n->tid == p->tid && (!proc->polls || proc->pool) && !proc->threads_migrate) ||
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
	for (unsigned i = 0; i < LINK_LEAVERS; i++)
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
		count = count_fits(l, proc, n, *known | evidence, &p);
		if (count == 1 && (evidence != BY_SPAWNED || !leaves_work(proc, p, n)) &&
		    (evidence != BY_THREAD || is_earned(l, proc, n, p, !(skip & BY_HEAD)))) {
			make_child(n, p, link_name(n, steps[i].link, *known));
			return 1;
		}
		if (evidence == BY_THREAD && count > 1) /* no pool: it serves several at a time */
			proc->threads_keep = proc->pool = 0;
		if (count)
			*known |= evidence;
	}
	return 0;
}

/* May it have had requests in flight that nobody knows of when n began? */
static int is_blind(const struct links *l, const struct proc *p, const struct link_node *n)
{
	return (p->nblind && n->place.time < p->blind_until) ||
	       (l->lost && n->place.time < l->lost + LINK_BLIND);
}

/* A call with no request in flight is one of the process's own. */
static int is_own(const struct proc *proc, const struct link_node *n)
{
	return !proc->nserving && proc->habit.idle_from <= n->place.time;
}

void link_choose_parent(struct links *l, struct link_node *n)
{
	struct proc *proc = link_proc_acts(l, n->pid);
	struct link_node *p = NULL;
	unsigned known = 0, skip = 0;
	int blind;

	if (!proc)
		return;
	blind = is_blind(l, proc, n);
	if (!blind && (proc->nserving || is_own(proc, n)))
		habit_call(&proc->habit, n->head.group, n->tid, !proc->nserving);
	if (!proc->nserving || proc->nserving > LINK_MAX_SERVING)
		return;
	if (proc->threads_migrate || blind || n->goroutine)
		skip |= BY_THREAD;
	if (!is_forwarder(proc))
		skip |= BY_HEAD;
	learn(l, proc, n);
	if (n->goroutine)
		count_family(proc, n);
	if (choose_by_evidence(l, proc, n, skip, &known) || known || blind || n->goroutine)
		return;
	if (n->nserving <= 1 && proc->nserving == 1 && count_fits(l, proc, n, 0, &p) == 1 &&
	    is_earned(l, proc, n, p, !(skip & BY_HEAD)))
		make_child(n, p, "only");
}
