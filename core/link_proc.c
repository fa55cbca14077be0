#include "core/link_impl.h"

#include <stdlib.h>
#include <string.h>

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

/* Nothing is known of it. */
static void begin(struct proc *p, uint64_t since)
{
	habit_begin(&p->habit, since);
	p->traits_known = p->threads_migrate = p->threads_keep = p->pool = p->polls = 0;
	p->streak = p->ndistinct = p->nleavers = 0;
	memset(p->leaver, 0, sizeof(p->leaver));
}

/* Made, if need be; NULL: there are too many that serve something, or no memory. */
static struct proc *link_proc_get(struct links *l, uint32_t pid)
{
	struct proc *p = link_proc_find(l, pid), **slot = link_proc_slot(l, pid);

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
	begin(p, l->start);
	list_init(&p->serving);
	list_append(&l->lru, &p->lru);
	p->hash_next = *slot;
	*slot = p;
	l->nprocs++;
	return p;
}

struct proc *link_proc_acts(struct links *l, uint32_t pid)
{
	struct proc *p = link_proc_get(l, pid);
	unsigned traits = 0;

	if (!p || p->traits_known)
		return p;
	p->traits_known = 1;
	if (l->traits)
		traits = l->traits(l->ctx, pid);
	p->threads_migrate = (traits & LINK_THREADS_MIGRATE) != 0;
	p->threads_keep = (traits & LINK_THREADS_KEEP) != 0;
	if (traits & LINK_FORWARDS) {
		p->streak = LINK_STREAK;
		p->ndistinct = LINK_DISTINCT;
	}
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

	if (p)
		begin(p, 0);
}

void links__thread(struct links *l, uint32_t pid, uint32_t tid, uint32_t by, uint64_t time)
{
	struct proc *p = link_proc_find(l, pid);

	if (p)
		habit_thread(&p->habit, tid, by, time);
}

void links__lost(struct links *l)
{
	l->lost = *l->now;
}
