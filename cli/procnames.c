#include "cli/procnames.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/procread.h"

#define WAYS 4
#define SETS 1024
#define RECHECK_NS 1000000000u
#define TLS_RECHECK_NS 10000000000u

struct entry {
	struct proc_identity identity;
	uint64_t checked; /* time of the event by which identity was compared */
	uint64_t used;	  /* tick of the last use; 0: free */
	uint64_t tls_asked; /* time by which tls_unseen was looked for; 0: never */
	uint32_t parent;  /* it is called what this is until it is looked at; 0: it was */
	struct zc_ev_names names;
};

struct procnames {
	int live;
	int refused, told; /* may names of some process not be read? was it told? */
	void (*on_names)(void *ctx, const struct zc_ev *ev);
	void *ctx;
	uint64_t tick;
	uint64_t changes; /* of names, of any process */
	struct entry entry[SETS][WAYS];
};

struct procnames *procnames__new(int live, void (*on_names)(void *ctx, const struct zc_ev *ev),
				 void *ctx)
{
	struct procnames *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->live = live;
	p->on_names = on_names;
	p->ctx = ctx;
	return p;
}

void procnames__free(struct procnames *p)
{
	free(p);
}

static struct entry *find(struct procnames *p, uint32_t pid)
{
	struct entry *set = p->entry[pid % SETS];

	for (int i = 0; i < WAYS; i++) {
		if (set[i].used && set[i].names.pid == pid) {
			set[i].used = ++p->tick;
			return &set[i];
		}
	}
	return NULL;
}

/* A place for that pid; whoever had it is forgotten. */
static struct entry *place(struct procnames *p, uint32_t pid)
{
	struct entry *set = p->entry[pid % SETS], *oldest = set;

	for (int i = 1; i < WAYS; i++) {
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	memset(oldest, 0, sizeof(*oldest));
	p->changes++;
	oldest->used = ++p->tick;
	oldest->names.pid = pid;
	return oldest;
}

static void forget(struct procnames *p, uint32_t pid)
{
	struct entry *e = find(p, pid);

	if (!e)
		return;
	e->used = 0;
	p->changes++;
}

/* It was forked: what its parent is called is kept, as it may have ended before it can be asked. */
static void inherit(struct procnames *p, uint32_t pid, uint32_t parent)
{
	const struct entry *from = find(p, parent);
	struct zc_ev_names names = { 0 };
	struct entry *e;

	if (from)
		names = from->names;
	if (from && from->parent)
		parent = from->parent; /* of the same program, and nobody has asked for it yet */
	forget(p, pid);
	e = place(p, pid);
	e->names = names;
	e->names.pid = pid;
	e->parent = parent;
	p->changes++;
}

static void mention(struct procnames *p, uint32_t pid, uint64_t time, int may_be_new);

/* It has ended, and has been what its parent is. */
static void adopt_parents(struct procnames *p, uint32_t pid, uint32_t parent, uint64_t time)
{
	struct entry *e;

	if (!find(p, parent))
		mention(p, parent, time, 0);
	inherit(p, pid, parent);
	e = find(p, pid);
	e->parent = 0;
	e->checked = time;
	e->names.ev = (struct zc_ev){ .kind = ZC_EV_NAMES, .size = sizeof(e->names), .time = time };
	if (p->on_names)
		p->on_names(p->ctx, &e->names.ev);
}

/* 0: it could not be asked, and is called nothing. */
static int look_up(struct procnames *p, struct entry *e, uint64_t time)
{
	struct zc_ev_names names = {
		.ev = { .kind = ZC_EV_NAMES, .size = sizeof(names), .time = time },
		.pid = e->names.pid,
	};
	int err = proc_names_read(names.pid, &names), asked = !err;

	p->refused |= err == -EACCES;
	if (!asked)
		names = (struct zc_ev_names){ .pid = names.pid };
	e->names = names;
	p->changes++;
	e->tls_asked = 0;
	if (asked && p->on_names)
		p->on_names(p->ctx, &e->names.ev);
	return asked;
}

int procnames__refused(struct procnames *p)
{
	int first = p->refused && !p->told;

	p->told |= first;
	return first;
}

/* may_be_new: the event tells of a connection, a rare enough occasion for a closer look. */
static void mention(struct procnames *p, uint32_t pid, uint64_t time, int may_be_new)
{
	struct proc_identity now;
	uint32_t parent;
	struct entry *e;
	int err;

	if (!pid || !p->live)
		return;
	e = find(p, pid);
	if (e && !e->parent && (!may_be_new || time - e->checked < RECHECK_NS))
		return;
	err = proc_identity_read(pid, &now);
	if (e && e->parent && !now.inode) {
		adopt_parents(p, pid, e->parent, time);
		return;
	}
	if (err && e)
		return;
	if (e && !memcmp(&e->identity, &now, sizeof(now))) {
		e->checked = time;
		return;
	}
	if (!e)
		e = place(p, pid);
	parent = e->parent;
	e->identity = now;
	e->checked = time;
	e->parent = 0;
	if (!look_up(p, e, time) && parent)
		adopt_parents(p, pid, parent, time);
}

static void adopt(struct procnames *p, const struct zc_ev_names *ev)
{
	struct entry *e = find(p, ev->pid);

	if (!e)
		e = place(p, ev->pid);
	e->names = *ev;
	p->changes++;
	e->names.service[sizeof(ev->service) - 1] = '\0';
	e->names.runtime[sizeof(ev->runtime) - 1] = '\0';
	e->names.container[sizeof(ev->container) - 1] = '\0';
	e->names.container_name[sizeof(ev->container_name) - 1] = '\0';
	e->names.resource[sizeof(ev->resource) - 1] = '\0';
	e->names.tls_unseen[sizeof(ev->tls_unseen) - 1] = '\0';
}

static void on_process(struct procnames *p, const struct zc_ev_process *ev)
{
	if (ev->what == ZC_PROC_FORK)
		inherit(p, ev->pid, ev->ppid);
	else if (ev->what == ZC_PROC_EXEC)
		forget(p, ev->pid);
}

void procnames__see(struct procnames *p, const struct zc_ev *ev)
{
	switch (ev->kind) {
	case ZC_EV_IO:
		mention(p, ((const struct zc_ev_io *)ev)->pid, ev->time, 0);
		break;
	case ZC_EV_OPEN:
		mention(p, ((const struct zc_ev_open *)ev)->pid, ev->time, 1);
		break;
	case ZC_EV_OWNER:
		mention(p, ((const struct zc_ev_owner *)ev)->pid, ev->time, 1);
		break;
	case ZC_EV_PEER:
		mention(p, ((const struct zc_ev_peer *)ev)->pid, ev->time, 1);
		break;
	case ZC_EV_PROCESS:
		/* a renamed process is the same one; one that ended may have spans to come */
		if (p->live)
			on_process(p, (const struct zc_ev_process *)ev);
		break;
	case ZC_EV_NAMES:
		adopt(p, (const struct zc_ev_names *)ev);
		break;
	}
}

int procnames__asks_tls(struct procnames *p, uint32_t pid, uint64_t now)
{
	const struct entry *e = p->live ? find(p, pid) : NULL;

	return e && (!e->tls_asked || now - e->tls_asked >= TLS_RECHECK_NS);
}

void procnames__tls_told(struct procnames *p, uint32_t pid, uint64_t now, const char *why)
{
	struct entry *e = find(p, pid);

	if (!e)
		return;
	e->tls_asked = now;
	if (!strcmp(e->names.tls_unseen, why))
		return;
	snprintf(e->names.tls_unseen, sizeof(e->names.tls_unseen), "%s", why);
	e->names.ev = (struct zc_ev){ .kind = ZC_EV_NAMES, .size = sizeof(e->names), .time = now };
	if (p->on_names)
		p->on_names(p->ctx, &e->names.ev);
}

static const char *or_null(const char *s)
{
	return *s ? s : NULL;
}

void procnames__get(struct procnames *p, uint32_t pid, struct process_names *out)
{
	const struct entry *e = find(p, pid);

	*out = (struct process_names){ .changes = p->changes };
	if (!e)
		return;
	out->service = or_null(e->names.service);
	out->runtime = or_null(e->names.runtime);
	out->container = or_null(e->names.container);
	out->container_name = or_null(e->names.container_name);
	out->resource = or_null(e->names.resource);
	out->tls_unseen = or_null(e->names.tls_unseen);
}
