#include "core/clear.h"
#include "core/link_impl.h"
#include "core/source.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- the two ends of a connection */

static struct link_node **end_slot(struct links *l, const struct link_place *p)
{
	uint64_t key = (uint64_t)p->stream_id << 32 | p->seq;

	return &l->end[(key * 0x9e3779b97f4a7c15ull >> 40) % LINK_BUCKETS];
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

/* The one exchange at the other end, of a slot; NULL if there is none, or more than one. */
static struct link_node *find_other_end(struct link_node *first, const struct link_node *n)
{
	struct link_node *found = NULL;

	for (struct link_node *m = first; m; m = m->hash_next) {
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

static void meet_other_end(struct link_node *first, struct link_node *n)
{
	struct link_node *m = find_other_end(first, n);
	struct link_node *client = n->place.kind == SPAN_CLIENT ? n : m;
	struct link_node *server = n->place.kind == SPAN_CLIENT ? m : n;

	if (m && link_set_parent(server, client, "socket"))
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

/* ---- the life of an exchange */

static void count_call(struct links *l, struct link_node *n)
{
	struct proc *proc = n->called || !n->pid ? NULL : link_proc_find(l, n->pid);

	if (!proc)
		return;
	n->called = 1;
	n->nserving = proc->nserving;
	proc->ncalls++;
}

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
	clear_words(n, offsetof(struct link_node, place));
	n->refs = 1;
	n->place = *p;
	n->head = *h;
	n->pid = p->pid;
	n->number = ++l->numbers;
	n->flags = h->has_trace ? h->context.flags : 1; /* sampled: it was recorded */
	meet_other_end(*slot, n);
	n->hash_next = *slot;
	*slot = n;
	n->in_ends = 1;
	if (p->kind == SPAN_CLIENT)
		count_call(l, n);
	return n;
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
		p->leaver[p->nleavers++ % LINK_LEAVERS] = (uint32_t)n->goroutine;
	if (!--p->nserving)
		habit_idle(&p->habit, *l->now);
}

static void decide(struct links *l, struct link_node *n)
{
	if (n->decided)
		return;
	n->decided = 1;
	if (n->place.kind == SPAN_CLIENT && n->pid && !n->parent)
		link_choose_parent(l, n);
}

static void serve(struct links *l, struct link_node *n, const struct link_io *io)
{
	struct proc *proc = link_proc_acts(l, io->pid);

	if (n->parent)
		tell_peers(n->parent, n);
	if (!proc)
		return;
	n->proc = proc;
	n->ncalls = proc->ncalls;
	proc->threads_migrate |= io->moved && !proc->threads_keep;
	proc->pool |= io->moved && proc->threads_keep;
	proc->polls |= io->polled != 0;
	if (!proc->nserving++)
		habit_busy(&proc->habit, io->time, io->young);
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
	if (n->place.kind == SPAN_CLIENT) {
		count_call(l, n);
		decide(l, n);
	} else {
		serve(l, n, io);
	}
}

void links__read(struct links *l, struct link_node *n, const struct link_io *io)
{
	struct proc *proc = io->has_sleeps ? link_proc_find(l, io->pid) : NULL;

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
	link_root(n)->shown = 1;
}

void links__put(struct links *l, struct link_node *n)
{
	if (!n)
		return;
	links__end(l, n);
	leave_ends(l, n);
	if (!--n->refs)
		link_release(l, n);
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

/* Ids are worked out where they are shown. */
static inline void span_id(const struct link_node *n, uint8_t out[SPAN_ID_LEN])
{
	const struct link_place *p = &n->place;

	id_derive_span(p->connection, p->seq, p->stream_id, p->kind, out);
}

static inline void trace_id(const struct link_node *n, uint8_t out[TRACE_ID_LEN])
{
	const struct link_place *p = &n->place;

	if (n->adopted)
		memcpy(out, n->trace_id, TRACE_ID_LEN);
	else if (n->head.has_trace)
		memcpy(out, n->head.context.trace_id, TRACE_ID_LEN);
	else
		id_derive_trace(p->connection, p->seq, p->stream_id, out);
}

/* The node that the trace of n is named by. */
static inline const struct link_node *trace_of(const struct link_node *n)
{
	const struct link_node *from = link_named_trace(n);

	if (!from)
		for (from = n; from->parent;)
			from = from->parent;
	return from;
}

static inline void set_parent(const struct link_node *n, const struct link_node *from,
			      struct span *s)
{
	s->trace_flags = from->flags;
	s->trace_given = from->head.has_trace || from->adopted;
	s->has_parent = n->parent || n->head.has_parent;
	s->has_told_parent = n->head.has_parent;
	memcpy(s->told_parent, n->head.context.parent_id, SPAN_ID_LEN);
	s->parent_here = n->parent != NULL;
	s->entry = is_entry(n);
	s->link = NULL;
	if (n->parent) {
		span_id(n->parent, s->parent_id);
		s->link = n->link;
	} else if (n->head.has_parent) {
		memcpy(s->parent_id, n->has_sender ? n->sender : n->head.context.parent_id,
		       SPAN_ID_LEN);
		s->sender_pid = n->sender_pid & SOURCE_PID_MASK;
		s->link = n->head.how;
	}
}

void links__ids(const struct link_node *n, struct span *s)
{
	const struct link_node *from = trace_of(n);

	span_id(n, s->span_id);
	trace_id(from, s->trace_id);
	set_parent(n, from, s);
}

void links__parent(const struct link_node *n, struct span *s)
{
	set_parent(n, trace_of(n), s);
}

int links__open(const struct link_node *n)
{
	for (; n; n = n->parent)
		if (awaits(n) || (n->place.kind == SPAN_CLIENT && !n->decided && !n->parent))
			return 1;
	return 0;
}

void links__received(struct link_node *n, const struct traceparent *context,
		     const uint8_t sender[SPAN_ID_LEN], uint32_t pid)
{
	if (n && n->place.kind == SPAN_SERVER && n->parent)
		n = n->parent;
	if (!n || n->parent || n->head.has_trace || n->adopted || n->shown)
		return;
	n->head.has_trace = n->head.has_parent = 1;
	n->head.context = *context;
	n->head.how = "traceparent";
	n->flags = context->flags;
	n->has_sender = sender != NULL;
	if (!sender)
		return;
	memcpy(n->sender, sender, SPAN_ID_LEN);
	n->sender_pid = pid;
}

uint64_t links__sender(const struct link_node *n, uint32_t *pid, uint8_t id[SPAN_ID_LEN])
{
	if (!n)
		return 0;
	if (n->place.kind == SPAN_SERVER && n->parent)
		n = n->parent;
	*pid = n->place.kind == SPAN_CLIENT ? n->pid : n->peer_pid;
	span_id(n, id);
	return id_mix2(n->place.connection, n->place.seq, n->place.stream_id) | 1;
}

uint32_t links__peer(const struct link_node *n)
{
	return n ? n->peer_pid : 0;
}
