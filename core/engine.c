#include "core/doubted.h"
#include "core/engine_impl.h"
#include "core/conn_input.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/certainty.h"
#include "core/datagram.h"
#include "core/pending_read.h"
#include "core/exchange_link.h"
#include "core/exchange_same.h"
#include "core/tls_info.h"
#include "core/tls_stream.h"

#define DEFAULT_MAX_CONNS 65536u
#define POOL_LIMIT (64u << 20)
#define TICK 20000000ull	   /* ns */
#define NOTE_INTERVAL 1000000000ull /* ns between notes about loss */

/* ---- connections */

static void destroy_conn(struct engine *e, struct conn *c)
{
	traffic_end(e, c);
	/* what was kept until it would show what it is */
	for (int d = 0; !c->ops && !c->opaque && d < 2; d++)
		e->stats.unparsed_bytes += reasm_kept(&c->half[d].reasm).n;
	exchange_conn_known(e, c);
	tls_stream_drop(c);
	tls_unbound_end(e, c);
	tls_stream_forget(c);
	for (int d = 0; d < 2; d++)
		reasm_release(&c->half[d].reasm, &e->pool);
	tls_info_free(c);
	exchange_free_head(c);
	free(c->session);
	conn_remove(&e->conns, c);
}

/* It has ended at this time: what belongs to it may still come for a while. */
static void schedule_close(struct engine *e, struct conn *c, uint64_t time)
{
	if (conn_close(e, c, time))
		tls_stream_socket_ended(e, c);
}

/* The socket is gone and so is the time for stragglers. */
static void close_conn(struct engine *e, struct conn *c)
{
	int d;

	connect_tell(e, c);
	tls_stream_flush(e, c);
	conn_flush(e, c);
	d = conn_first_dir(c);
	conn_end_half(c, d, c->end_time);
	conn_end_half(c, !d, c->end_time);
	conn_end_exchanges(c, c->forgotten ? CONN_DROPPED : CONN_EVICTED);
	destroy_conn(e, c);
}

static void evict_conn(struct engine *e, struct conn *c)
{
	e->stats.evicted_conns += !c->datagram;
	if (!list_linked(&c->closing) || c->datagram) {
		tls_stream_flush(e, c);
		conn_end_exchanges(c, CONN_EVICTED);
		destroy_conn(e, c);
	} else {
		close_conn(e, c);
	}
}

/* ---- events */

static void start_reasm(struct reasm *s, uint32_t seq)
{
	if (s->started)
		return;
	s->started = s->from_syn = 1;
	s->next = s->proven = s->first = (1ull << 32) + seq;
}

/*
 * Before its first byte, what an end acknowledges is where the other one begins. Where that one was
 * taken to begin later, some of it went by.
 */
static void first_by_ack(struct conn *c, int dir, const struct reasm_seg *g)
{
	const struct reasm *s = &c->half[dir].reasm;
	struct reasm *peer = &c->half[!dir].reasm;

	if (c->preexisting || !(g->syn || (s->from_syn && g->seq == (uint32_t)s->first)))
		return;
	if (!peer->started)
		start_reasm(peer, g->ack);
	else if (!peer->from_syn && (uint32_t)peer->first - g->ack - 1 < REASM_FAR)
		conn_lost(c);
}

/* Without data: what its sender has received went by, and so has what a reset comes behind. */
static void prove_by_numbers(struct conn *c, int dir, const struct reasm_seg *g, int has_ack)
{
	struct reasm *s = &c->half[dir].reasm, *peer = &c->half[!dir].reasm;

	if (c->session || c->opaque)
		return;
	if (s->started && !s->unsettled && g->seq - (uint32_t)s->next < REASM_FAR)
		reasm_prove(s, reasm_pos(s, g->seq), g->time);
	if (has_ack && peer->started && !peer->unsettled &&
	    g->ack - (uint32_t)peer->next < REASM_FAR)
		reasm_prove(peer, reasm_pos(peer, g->ack), g->time);
}

static void on_any_segment(struct engine *e, const struct zc_ev_segment *s)
{
	int dir = s->dir & 1, flags = s->tcp_flags;
	struct reasm_seg g = {
		.time = s->ev.time, .data = (const uint8_t *)(s + 1), .seq = s->seq,
		.len = s->orig_len, .cap_off = s->cap_off, .cap_len = s->cap_len, .ack = s->ack,
		.has_ack = (flags & ZC_TCP_ACK) && !(flags & ZC_TCP_RST),
		.syn = (flags & ZC_TCP_SYN) != 0, .fin = (flags & ZC_TCP_FIN) != 0,
		.lost = dir == ZC_TX && s->lost,
	};
	struct conn *c;

	if (g.cap_off > g.len || g.cap_len > g.len - g.cap_off)
		return;
	if (!s->ev.conn) {
		e->stats.lost_events += s->orig_len != 0;
		return;
	}
	c = conn_find(&e->conns, s->ev.conn);
	if (!c) {
		/* what remains of a connection that is over is not worth one */
		if (!g.len && !g.syn)
			return;
		c = conn_new(e, s->ev.conn);
		if (!c)
			return;
	}
	conn_touch(&e->conns, c, e->now);
	if (c->forgotten)
		return;
	if (s->lib)
		tls_info_library(c, s->lib);
	if (g.syn)
		c->preexisting = 0;
	if (s->lost)
		conn_lost(c);
	c->uncopied += g.len - g.cap_len;
	if (g.has_ack) {
		c->half[!dir].ack_hint = g.ack;
		c->half[!dir].hint_valid = 1;
		first_by_ack(c, dir, &g);
	}
	if (!g.len && !g.syn && !g.fin)
		prove_by_numbers(c, dir, &g, flags & ZC_TCP_ACK);
	if (e->opt.on_flow)
		traffic_segment(c, dir, g.len, g.time);
	if (dir == ZC_TX && g.len)
		network_sent(e, c, g.seq, g.len, g.time);
	if (g.fin && g.len)
		c->network.half_closed |= (uint8_t)(1u << dir);
	if (flags & ZC_TCP_RST && !c->reset) {
		c->reset = 1;
		c->network.reset_time = g.time;
		c->network.reset_dir = (uint8_t)dir;
		schedule_close(e, c, g.time);
	}
	if (g.len || g.syn || g.fin)
		conn_segment(e, c, dir, &g);
	if (c->network.stalled)
		network_left(c, g.time);
}

static inline void on_segment(struct engine *e, const struct zc_ev_segment *s)
{
	struct conn *c = e->opt.no_plain || e->opt.on_flow ? NULL : e->conns.last;

	if (!c || c->cookie != s->ev.conn || e->now >= c->used + CONN_TOUCH || !conn_next(e, c, s))
		on_any_segment(e, s);
}

static void on_open(struct engine *e, const struct zc_ev_open *o)
{
	struct conn *c = conn_find(&e->conns, o->ev.conn);

	if (!o->ev.conn)
		return;
	if (c && list_linked(&c->closing) && !c->forgotten) {
		conn_supersede(&e->conns, c);
		c = NULL;
	}
	if (!c)
		c = conn_new(e, o->ev.conn);
	if (!c)
		return;
	conn_touch(&e->conns, c, e->now);
	memcpy(c->laddr, o->laddr, 16);
	memcpy(c->raddr, o->raddr, 16);
	c->lport = o->lport;
	c->rport = o->rport;
	c->has_addr = 1;
	c->id_hash_valid = 0;
	c->role = o->role;
	c->preexisting = (o->ev.flags & ZC_OPEN_PREEXISTING) != 0;
	if (!c->preexisting)
		certainty_opened(c);
	c->open_time = c->preexisting ? 0 : o->ev.time;
	if (o->ev.flags & ZC_OPEN_SEQ)
		for (int d = 0; d < 2; d++)
			start_reasm(&c->half[d].reasm, o->seq[d]);
	if (o->pid) {
		c->pid = o->pid;
		c->open_tid = o->tid;
		memcpy(c->comm, o->comm, sizeof(o->comm));
	}
	network_open(e, c, o->netns);
	exchange_conn_preexisting(e, c);
	tls_stream_socket_known(e, c);
}

static void on_owner(struct engine *e, const struct zc_ev_owner *o)
{
	struct conn *c = conn_find(&e->conns, o->ev.conn);

	if (!c)
		return;
	c->pid = o->pid;
	memcpy(c->comm, o->comm, sizeof(o->comm));
	exchange_conn_preexisting(e, c);
	tls_stream_socket_known(e, c);
}

static void on_peer(struct engine *e, const struct zc_ev_peer *p)
{
	struct conn *c = conn_find(&e->conns, p->ev.conn);

	if (!c)
		return;
	c->peer_pid = p->pid;
	memcpy(c->peer_comm, p->comm, sizeof(p->comm));
}

static void on_established(struct engine *e, const struct zc_ev *ev)
{
	struct conn *c = conn_find(&e->conns, ev->conn);

	if (!c || c->established_time)
		return;
	c->established_time = ev->time;
	connect_established(e, c);
}

static void on_io(struct engine *e, const struct zc_ev_io *io)
{
	struct conn *c;

	if (io->ev.flags & ZC_IO_DATAGRAM) {
		datagram_io(e, io);
		return;
	}
	c = conn_find(&e->conns, io->ev.conn);
	if (!c || c->forgotten)
		return;
	conn_touch(&e->conns, c, e->now);
	if (io->rtt_us)
		c->network.rtt_us = io->rtt_us;
	if (io->min_rtt_us)
		c->network.min_rtt_us = io->min_rtt_us;
	conn_io(e, c, io);
}

/* Nothing of it is to be shown. */
static void forget(struct conn *c)
{
	conn_end_exchanges(c, CONN_DROPPED);
	c->forgotten = 1;
	conn_opaque(c);
}

/* No answer came any more. Where an end had closed before, that was the end of it. */
static void given_up(struct conn *c, enum span_error error)
{
	if ((error == SPAN_ERR_TIMEOUT || error == SPAN_ERR_UNREACHABLE) &&
	    !c->half[0].reasm.fin_time && !c->half[1].reasm.fin_time)
		c->given_up = (uint8_t)error;
}

#define UNREAD_MIN 33u /* bytes: more than a FIN and what tells that TLS is closed, 31 at most */

static void on_close(struct engine *e, const struct zc_ev_close *ev)
{
	struct conn *c = conn_find(&e->conns, ev->ev.conn);
	uint64_t skipped = ev->skipped[0] + ev->skipped[1];

	if (!c)
		return;
	if (ev->ev.flags & ZC_CLOSE_FORGET) {
		forget(c);
		if (c->tls_stream)
			forget(c->tls_stream);
	} else if (ev->lost) {
		conn_lost(c);
		c->lost_end = 1;
	}
	c->unread = ev->unread >= UNREAD_MIN;
	/* what was not even announced */
	if (skipped > c->uncopied)
		e->stats.skipped_bytes += skipped - c->uncopied;
	network_counts(&c->network, ev->rtt_us, ev->min_rtt_us, ev->needless, ev->dup_acks);
	if (!c->preexisting && ev->retransmits > c->network.retransmits[ZC_TX])
		c->network.retransmits[ZC_TX] = ev->retransmits;
	if (e->opt.on_flow)
		traffic_counts(c, (const uint64_t[2]){ev->bytes[0], ev->bytes[1]},
			       (const uint64_t[2]){ev->packets[0], ev->packets[1]}, ev->ev.time);
	if (ev->ev.flags & ZC_CLOSE_CONNECT)
		connect_failed(e, c, ev->ev.time, ev->error);
	else
		given_up(c, connect_error(ev->error));
	schedule_close(e, c, ev->ev.time);
}

/* Tells what was lost, not more than once a second. */
static void note_lost(struct engine *e, int force)
{
	uint64_t n = e->stats.lost_events - e->lost_reported;
	struct note note = {.name = "lost", .text = "events were lost on the way from the kernel"};

	if (!n || !e->opt.on_note)
		return;
	if (!force && e->lost_reported_time && e->now < e->lost_reported_time + NOTE_INTERVAL)
		return;
	note.time_ns = e->now + (uint64_t)e->opt.wall_offset;
	note.nfields = 3;
	note.field[0].key = "lost_events";
	note.field[0].value = n;
	note.field[1].key = "lost_bytes";
	note.field[1].value = e->lost_bytes - e->lost_reported_bytes;
	note.field[2].key = "lost_events_total";
	note.field[2].value = e->stats.lost_events;
	e->lost_reported = e->stats.lost_events;
	e->lost_reported_bytes = e->lost_bytes;
	e->lost_reported_time = e->now;
	e->opt.on_note(e->opt.ctx, &note);
}

static void backlog_text(const struct zc_ev_backlog *b, char *out, size_t size)
{
	int v4 = IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)b->raddr);
	unsigned long long n = b->overflows;
	char client[INET6_ADDRSTRLEN];

	if (!(b->ev.flags & ZC_BACKLOG_UNANSWERED)) {
		snprintf(out, size,
			 "accept queue of port %u (%.16s, pid %u) is full: %u connections wait, "
			 "the limit is %u; turned away so far: %llu",
			 b->port, b->comm, b->pid, b->waiting, b->limit, n);
		return;
	}
	inet_ntop(v4 ? AF_INET : AF_INET6, b->raddr + (v4 ? 12 : 0), client, sizeof(client));
	if (!b->pid) {
		snprintf(out, size,
			 "port %u: %s%s%s:%u does not complete its handshake; not answered so "
			 "far: %llu",
			 b->port, v4 ? "" : "[", client, v4 ? "" : "]", b->rport, n);
		return;
	}
	snprintf(out, size,
		 "port %u (%.16s, pid %u): %s%s%s:%u does not complete its handshake; %u are under "
		 "way, the limit is %u; not answered so far: %llu",
		 b->port, b->comm, b->pid, v4 ? "" : "[", client, v4 ? "" : "]", b->rport,
		 b->waiting, b->limit, n);
}

/*
 * Who is turned away sees a slow or a failed connect, and this end nothing; as little of who never
 * completes a handshake.
 */
static void on_backlog(struct engine *e, const struct zc_ev_backlog *b)
{
	int unanswered = (b->ev.flags & ZC_BACKLOG_UNANSWERED) != 0;
	char text[240];
	struct note note = {
		.name = unanswered ? "handshakes-not-completed" : "accept-queue-full",
		.text = text,
		.time_ns = b->ev.time + (uint64_t)e->opt.wall_offset,
		.field = {{"port", b->port},
			  {"pid", b->pid},
			  {"waiting", b->waiting},
			  {"limit", b->limit},
			  {unanswered ? "unanswered" : "overflows", b->overflows}},
		.nfields = 5,
	};

	if (!b->pid) { /* a capture knows no more */
		note.field[1] = note.field[4];
		note.nfields = 2;
	}
	backlog_text(b, text, sizeof(text));
	if (e->opt.on_note)
		e->opt.on_note(e->opt.ctx, &note);
}

static void on_process(struct engine *e, const struct zc_ev_process *p)
{
	if (p->what == ZC_PROC_FORK || p->what == ZC_PROC_EXEC)
		links__process(e->links, p->pid);
}

static void on_thread(struct engine *e, const struct zc_ev_thread *t)
{
	links__thread(e->links, t->pid, t->tid, t->by, t->ev.time);
}

static void on_lost(struct engine *e, const struct zc_ev_lost *l)
{
	e->stats.lost_events += l->count;
	e->lost_bytes += l->bytes;
	links__lost(e->links);
	note_lost(e, 0);
}

/* ---- time */

static void run_stalled(struct engine *e)
{
	struct list *n = e->stalled.next, *next;

	for (; n != &e->stalled; n = next) {
		next = n->next;
		conn_settle(e, list_entry(n, struct conn, stalled));
	}
}

static void expire(struct conn *c, struct exchange *x)
{
	if (c->ops && c->ops->expire)
		c->ops->expire(c, x);
	else
		list_unlink(&x->timer);
}

static void close_expired(struct engine *e, struct list *closing)
{
	while (!list_empty(closing)) {
		struct conn *c = list_entry(closing->next, struct conn, closing);

		if (c->expires > e->now)
			break;
		close_conn(e, c);
	}
}

static void tick(struct engine *e)
{
	struct conn *c;

	e->ticked = e->now;
	if (!list_empty(&e->stalled))
		run_stalled(e);
	if (!list_empty(&e->tls_stream_waiting))
		tls_stream_tick(e);
	connect_tick(e);
	close_expired(e, &e->closing);
	close_expired(e, &e->closing_streams);
	while (!list_empty(&e->waiting)) {
		struct exchange *x = list_entry(e->waiting.next, struct exchange, timer);

		if (x->resp_last + PENDING_READ_MAX > e->now)
			break;
		if (x->req_done)
			pending_read_flush(x->conn, x);
		else
			expire(x->conn, x);
	}
	while ((c = datagram_expired(e)))
		evict_conn(e, c);
	pending_read_tick(e);
	doubted_tick(e, certainty_at_rest);
	exchange_release_held(e, 0);
	note_lost(e, 0);
}

/* Less frequent events, and kinds that are for others: listeners and names. */
static void on_other(struct engine *e, const struct zc_ev *ev)
{
	const void *p = ev;

	e->changes++;
	switch (ev->kind) {
	case ZC_EV_OPEN: on_open(e, p); break;
	case ZC_EV_ESTABLISHED: on_established(e, ev); break;
	case ZC_EV_CLOSE: on_close(e, p); break;
	case ZC_EV_OWNER: on_owner(e, p); break;
	case ZC_EV_PEER: on_peer(e, p); break;
	case ZC_EV_LOST: on_lost(e, p); break;
	case ZC_EV_PLAIN: tls_stream_on_data(e, p); break;
	case ZC_EV_BIND: tls_stream_on_bind(e, p); break;
	case ZC_EV_FAULT: tls_stream_on_fault(e, p); break;
	case ZC_EV_PROCESS: on_process(e, p); break;
	case ZC_EV_THREAD: on_thread(e, p); break;
	case ZC_EV_BACKLOG: on_backlog(e, p); break;
	case ZC_EV_DATAGRAM: datagram_take(e, p); break;
	case ZC_EV_RETRANSMIT: network_retransmit(e, p); break;
	case ZC_EV_WINDOW: network_window(e, p); break;
	case ZC_EV_FLOW: network_flow(e, p); break;
	}
}

void engine__event(struct engine *e, const struct zc_ev *ev)
{
	e->stats.events++;
	if (ev->time > e->now)
		e->now = ev->time;
	if (ev->kind == ZC_EV_SEGMENT)
		on_segment(e, (const struct zc_ev_segment *)ev);
	else if (ev->kind == ZC_EV_IO)
		on_io(e, (const struct zc_ev_io *)ev);
	else
		on_other(e, ev);
	while (e->conns.count > e->opt.max_conns)
		evict_conn(e, conn_oldest(&e->conns));
	if (e->now >= e->ticked + TICK)
		tick(e);
}

void engine__tick(struct engine *e, uint64_t now)
{
	if (now > e->now)
		e->now = now;
	tick(e);
}

/* ---- life */

struct engine *engine__new(const struct engine_options *o)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->links = links__new(&e->now, o->start);
	if (!e->links || conn_table_init(&e->conns)) {
		links__free(e->links);
		free(e);
		return NULL;
	}
	e->opt = *o;
	links__on_process(e->links, exchange_traits, e);
	if (!e->opt.max_conns)
		e->opt.max_conns = DEFAULT_MAX_CONNS;
	pool_init(&e->pool, POOL_LIMIT);
	list_init(&e->waiting);
	list_init(&e->reading);
	list_init(&e->overtaken);
	list_init(&e->stalled);
	list_init(&e->closing);
	list_init(&e->closing_streams);
	list_init(&e->doubted);
	list_init(&e->connects.failed);
	list_init(&e->conversations);
	list_init(&e->tls_stream_waiting);
	list_init(&e->tls_unbound);
	list_init(&e->held);
	return e;
}

void engine__finish(struct engine *e)
{
	struct conn *c;

	while ((c = conn_oldest(&e->conns))) {
		if (list_linked(&c->closing) && !c->datagram) {
			close_conn(e, c);
			continue;
		}
		tls_stream_flush(e, c);
		conn_flush(e, c);
		conn_settle(e, c);
		conn_end_exchanges(c, CONN_FINISHED);
		destroy_conn(e, c);
	}
	exchange_release_held(e, 1);
	note_lost(e, 1);
}

void engine__stats(const struct engine *e, struct engine_stats *out)
{
	*out = e->stats;
	out->conns = e->conns.count;
}

void engine__keep(struct engine *e, int fields, uint32_t body_bytes)
{
	e->opt.keep_fields = fields;
	e->opt.body_bytes = body_bytes;
}

void engine__names(struct engine *e, uint32_t names)
{
	e->opt.names = names;
}

void engine__free(struct engine *e)
{
	struct conn *c;

	if (!e)
		return;
	e->opt.on_flow = NULL;
	while ((c = conn_oldest(&e->conns))) {
		conn_end_exchanges(c, CONN_DROPPED);
		if (c->connect)
			exchange_put(e, c->connect);
		destroy_conn(e, c);
	}
	exchange_drop_held(e);
	while (e->idle) {
		struct exchange *x = e->idle;

		e->idle = x->next;
		exchange_free(x);
	}
	alias_free(e->aliases);
	datagrams_free(e->datagrams);
	published_free(e->published);
	free(e->scratch);
	free(e->pairs);
	conn_table_release(&e->conns);
	pool_release(&e->pool);
	links__free(e->links);
	free(e);
}

struct show {
	struct engine *e;
	void (*fn)(void *ctx, const struct span *s);
	void *ctx;
};

static void show_in_flight(void *ctx, struct exchange *x)
{
	struct show *show = ctx;
	uint32_t incomplete = x->incomplete;
	struct span s;

	x->incomplete |= SPAN_IN_FLIGHT;
	exchange_span(show->e, x, show->e->now, &s);
	x->incomplete = incomplete;
	s.peer_service = exchange_peer(show->e, x);
	show->fn(show->ctx, &s);
}

void engine__in_flight(struct engine *e, void (*fn)(void *ctx, const struct span *s), void *ctx)
{
	struct show show = {e, fn, ctx};

	for (struct list *n = e->conns.lru.next; n != &e->conns.lru; n = n->next) {
		const struct conn *c = list_entry(n, struct conn, lru);
		const struct conn_ops *ops = c->ops;

		if (ops)
			ops->each(c, show_in_flight, &show);
	}
}
