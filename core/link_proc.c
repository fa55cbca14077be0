#include "core/link_impl.h"

#include <stdlib.h>

static struct proc **proc_slot(struct links *l, uint32_t pid)
{
	return &l->proc[(pid * 0x9e3779b97f4a7c15ull >> 40) % LINK_PROC_BUCKETS];
}

struct proc *link_proc_find(struct links *l, uint32_t pid)
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

struct proc *link_proc_get(struct links *l, uint32_t pid)
{
	struct proc *p = link_proc_find(l, pid), **slot = proc_slot(l, pid);
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
		p->streak = LINK_STREAK;
		p->ndistinct = LINK_DISTINCT;
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
	struct proc *p = step > 0 ? link_proc_get(l, pid) : link_proc_find(l, pid);

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
void links__process(struct links *l, uint32_t pid, uint64_t time)
{
	struct proc *p = link_proc_get(l, pid);

	if (!p)
		return;
	habit_begin(&p->habit, time);
	p->polls = 0;
}

void link_stop_serving(struct links *l, struct link_node *n)
{
	struct proc *p = n->proc;

	if (!p)
		return;
	list_unlink(&n->serving);
	n->proc = NULL;
	if (n->ncalls == p->ncalls)
		habit_not_asked(&p->habit, n->head.group);
	if (n->goroutine && !n->family)
		p->leaver[p->nleavers++ % LINK_LEAVERS] = (uint32_t)n->goroutine;
	if (!--p->nserving)
		habit_idle(&p->habit, *l->now);
}

void link_count_call(struct links *l, struct link_node *n)
{
	struct proc *proc = n->called || !n->pid ? NULL : link_proc_find(l, n->pid);

	if (!proc)
		return;
	n->called = 1;
	n->nserving = proc->nserving;
	proc->ncalls++;
}
