#include "core/datagram.h"

#include <stdlib.h>
#include <string.h>

#include "core/conn_input.h"
#include "core/engine_impl.h"
#include "core/queue.h"

#define CONVERSATION (1ull << 62) /* beside the cookies of sockets */
#define LATEST 16u		  /* datagrams received that are remembered, of each socket */
#define WAYS 4
#define SETS 256

struct received {
	uint64_t conn;
	uint32_t index, end; /* end: sequence number behind it */
};

struct socket {
	uint64_t cookie, used; /* used 0: free */
	uint32_t n;
	struct received latest[LATEST];
};

struct datagrams {
	uint64_t tick;
	struct socket way[SETS][WAYS];
};

static struct socket *set_of(struct datagrams *t, uint64_t cookie)
{
	return t->way[id_mix(0, cookie) % SETS];
}

static struct socket *socket_find(struct datagrams *t, uint64_t cookie)
{
	struct socket *set = set_of(t, cookie);

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].used && set[i].cookie == cookie)
			return &set[i];
	return NULL;
}

static struct socket *socket_of(struct engine *e, uint64_t cookie)
{
	struct socket *s, *set;

	if (!e->datagrams)
		e->datagrams = calloc(1, sizeof(*e->datagrams));
	if (!e->datagrams)
		return NULL;
	s = socket_find(e->datagrams, cookie);
	if (!s) {
		s = set = set_of(e->datagrams, cookie);
		for (unsigned i = 1; i < WAYS; i++)
			if (set[i].used < s->used)
				s = &set[i];
		*s = (struct socket){.cookie = cookie};
	}
	s->used = ++e->datagrams->tick;
	return s;
}

/* ---- conversations */

static uint64_t conversation_id(const struct zc_ev_datagram *d)
{
	uint64_t h = id_mix(id_mix(0, d->ev.conn), d->rport), part;

	for (int i = 0; i < 2; i++) {
		memcpy(&part, d->raddr + 8 * i, 8);
		h = id_mix(h, part);
	}
	return (h & (CONVERSATION - 1)) | CONVERSATION;
}

static void start(struct reasm *s)
{
	s->started = s->from_syn = 1;
	s->next = s->proven = s->first = 1ull << 32;
}

static struct conn *conversation(struct engine *e, const struct zc_ev_datagram *d)
{
	uint64_t id = conversation_id(d);
	struct conn *c = conn_find(&e->conns, id);

	if (c)
		return c;
	c = conn_new(e, id);
	if (!c)
		return NULL;
	c->datagram = c->has_addr = c->opened = 1;
	c->preexisting = 0;
	memcpy(c->laddr, d->laddr, 16);
	memcpy(c->raddr, d->raddr, 16);
	c->lport = d->lport;
	c->rport = d->rport;
	c->role = d->role;
	start(&c->half[0].reasm);
	start(&c->half[1].reasm);
	if (e->opt.on_flow)
		network_meet(e, c);
	return c;
}

/* Who sent it is known with it: the thread that was in the middle of sending. */
static void sent(struct engine *e, struct conn *c, const struct zc_ev_datagram *d)
{
	struct zc_ev_io io = {
		.ev = {ZC_EV_IO, 0, sizeof(io), d->ev.time, c->cookie},
		.pid = d->pid,
		.tid = d->tid,
		.seq = (uint32_t)c->half[ZC_TX].reasm.next,
		.len = d->orig_len,
		.dir = ZC_TX,
	};

	conn_io(e, c, &io);
}

static struct exchange *open_one(const struct conn *c)
{
	struct exchange *x = c->head;

	while (x && x->resp_done)
		x = x->next;
	return x;
}

/* Nobody takes what was asked: the same was said to all of it. */
static void turned_away(struct engine *e, const struct zc_ev_datagram *d)
{
	struct conn *c = conn_find(&e->conns, conversation_id(d));

	for (struct exchange *x; c && (x = open_one(c));) {
		x->error = (uint8_t)connect_error(d->error);
		x->end = d->ev.time;
		x->aborted = x->resp_unsized = x->resp_done = x->req_done = 1;
		queue_settle(c, x);
	}
}

void datagram_take(struct engine *e, const struct zc_ev_datagram *d)
{
	struct conn *c = d->error ? NULL : conversation(e, d);
	struct reasm_seg g = {
		.time = d->ev.time,
		.data = (const uint8_t *)(d + 1),
		.len = d->orig_len,
		.cap_len = d->cap_len,
	};
	struct socket *s;
	struct half *h;

	if (d->error)
		turned_away(e, d);
	if (!c || d->cap_len > d->orig_len || !d->orig_len)
		return;
	conn_touch(&e->conns, c, e->now);
	list_unlink(&c->closing);
	c->expires = e->now + DATAGRAM_PATIENCE;
	list_append(&e->conversations, &c->closing);
	if (d->pid) {
		c->pid = d->pid;
		memcpy(c->comm, d->comm, sizeof(d->comm));
	}
	if (d->lost)
		conn_lost(c);
	if (e->opt.on_flow)
		traffic_datagram(c, d->dir & 1, d->orig_len, d->ev.time);
	h = &c->half[d->dir & 1];
	g.seq = (uint32_t)h->reasm.next;
	conn_segment(e, c, d->dir & 1, &g);
	reasm_drop_kept(&h->reasm, &e->pool);
	if (d->dir == ZC_TX && d->pid)
		sent(e, c, d);
	if (d->dir == ZC_RX && d->index && (s = socket_of(e, d->ev.conn)))
		s->latest[s->n++ % LATEST] =
			(struct received){c->cookie, d->index, (uint32_t)h->reasm.next};
}

/* The socket's owner has read all datagrams up to number io->seq. */
void datagram_io(struct engine *e, const struct zc_ev_io *io)
{
	struct socket *s = e->datagrams ? socket_find(e->datagrams, io->ev.conn) : NULL;

	if (!s || io->dir != ZC_RX)
		return;
	for (uint32_t i = s->n > LATEST ? s->n - LATEST : 0; i < s->n; i++) {
		struct received *r = &s->latest[i % LATEST];
		struct zc_ev_io of = *io;
		struct conn *c;

		if (!r->conn || (int32_t)(io->seq - r->index) < 0)
			continue;
		c = conn_find(&e->conns, r->conn);
		of.ev.conn = r->conn;
		of.seq = r->end;
		r->conn = 0;
		if (c)
			conn_io(e, c, &of);
	}
}

/* ---- time */

static void unanswered(struct conn *c)
{
	for (struct exchange *x = c->head; x; x = x->next)
		if (!x->resp_done) {
			x->error = SPAN_ERR_TIMEOUT;
			x->resp_unsized = x->resp_done = x->req_done = 1;
		}
}

struct conn *datagram_expired(struct engine *e)
{
	struct conn *c;

	if (list_empty(&e->conversations))
		return NULL;
	c = list_entry(e->conversations.next, struct conn, closing);
	if (c->expires > e->now)
		return NULL;
	unanswered(c);
	return c;
}

void datagrams_free(struct datagrams *t)
{
	free(t);
}
