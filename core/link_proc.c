#include "core/link_impl.h"

#include <stdlib.h>

/* Forgets the longest unused process that serves nothing now. */
static void proc_evict(struct links *l)
{
	for (struct list *i = l->lru.next; i != &l->lru; i = i->next) {
		struct proc *p = list_entry(i, struct proc, lru), **at;

		if (p->nserving)
			continue;
		for (at = link_proc_slot(l, p->pid); *at != p;)
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
	struct proc *p = link_proc_find(l, pid), **slot = link_proc_slot(l, pid);
	unsigned traits = 0;

	if (p) {
		if (l->lru.prev != &p->lru) {
			list_unlink(&p->lru);
			list_append(&l->lru, &p->lru);
		}
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
	p->threads_keep = (traits & LINK_THREADS_KEEP) != 0;
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

void links__process(struct links *l, uint32_t pid)
{
	struct proc *p = link_proc_get(l, pid);

	if (!p)
		return;
	habit_begin(&p->habit, 0);
	p->polls = p->pool = 0;
}
