#include "core/engine_impl.h"

#include <stdlib.h>
#include <string.h>

#include "core/pending_read.h"
#include "core/exchange_link.h"
#include "core/pairing.h"
#include "core/http2_conn.h"
#include "core/tls_stream.h"
#include "core/tls_conn.h"
#include "core/websocket_conn.h"

#define DEFAULT_MAX_CONNS 65536u
#define POOL_LIMIT (64u << 20)
#define TICK 20000000ull	   /* ns */
#define LINGER 20000000ull	   /* ns: events of a connection may follow its CLOSE by this */
#define NOTE_INTERVAL 1000000000ull /* ns between notes about loss */
#define REMIND 64u		   /* segments captured for nothing before that is said again */

static void end_exchanges(struct conn *c, enum conn_end why)
{
	const struct conn_ops *ops = c->ops;

	if (why == CONN_DROPPED)
		pending_read_drop(c);
	else
		pending_read_flush(c, NULL);
	if (ops)
		ops->end(c, why);
}

static void note_conn_lost(struct conn *c)
{
	const struct conn_ops *ops = c->ops;

	c->lost = 1;
	if (ops)
		ops->lost(c);
	pending_read_lost(c);
}

/* ---- struct reasm_sink */

static struct half *half_of(struct reasm *s)
{
	return list_entry(s, struct half, reasm);
}

static size_t take_data(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	size_t used = n;

	if (c->ops && !h->ended)
		used = c->ops->data(c, h, p, n, pos);
	else if (!c->ops && !c->opaque)
		used = protocol_detect(c->engine, c, h, p, n, pos);
	else if (c->opaque)
		c->engine->stats.skipped_bytes += n;
	else
		c->engine->stats.unparsed_bytes += n;
	if (c->opaque)
		policy_nothing(c->engine, c);
	return used;
}

static size_t sink_data(void *ctx, struct reasm *s, const uint8_t *p, size_t n, uint64_t pos)
{
	struct conn *c = ctx;
	struct half *h = half_of(s);
	size_t off;

	c->again = 0;
	off = take_data(c, h, p, n, pos);
	while (c->again && off < n) {
		c->again = 0;
		off += take_data(c, h, p + off, n - off, pos + off);
	}
	return off;
}

static void sink_gap(void *ctx, struct reasm *s, uint64_t pos, uint64_t n, enum reasm_gap why,
		     struct str kept)
{
	struct conn *c = ctx;
	struct half *h = half_of(s);

	if (!c->ops && !c->opaque && kept.n)
		protocol_detect_torn(c, h, kept, pos - kept.n);
	if (c->ops && !h->ended) {
		c->ops->gap(c, h, pos, n, why, kept);
		return;
	}
	if (c->opaque) {
		c->engine->stats.skipped_bytes += n;
		return;
	}
	*(h->cap == POLICY_PEEK ? &c->engine->stats.skipped_bytes : &c->engine->stats.uncaptured_bytes) += n;
	c->engine->stats.unparsed_bytes += kept.n;
	if (!c->ops && !c->opaque)
		policy_unrecognized(c->engine, c, h, n + kept.n);
}

static struct reasm_sink sink_of(struct engine *e, struct conn *c)
{
	return (struct reasm_sink){sink_data, sink_gap, c, &e->pool};
}

/* ---- connections */

/* Order in which directions are worked on: requests before their responses. */
static int first_dir(const struct conn *c)
{
	return c->ops ? c->request_dir : ZC_RX;
}

static void flush_streams(struct engine *e, struct conn *c)
{
	struct reasm_sink k = sink_of(e, c);
	int d;

	if (c->forgotten)
		return;
	tls_stream_flush(e, c);
	d = first_dir(c);
	reasm_flush(&c->half[d].reasm, &k, e->now);
	reasm_flush(&c->half[!d].reasm, &k, e->now);
}

static void destroy_conn(struct engine *e, struct conn *c)
{
	/* what was kept until it would show what it is */
	for (int d = 0; !c->ops && !c->opaque && d < 2; d++)
		e->stats.unparsed_bytes += reasm_kept(&c->half[d].reasm).n;
	exchange_conn_known(e, c);
	tls_stream_drop(c);
	tls_stream_forget(c);
	for (int d = 0; d < 2; d++)
		reasm_release(&c->half[d].reasm, &e->pool);
	tls_conn_free(c);
	conn_remove(&e->conns, c);
}

static void end_half(struct conn *c, int d, uint64_t time)
{
	struct half *h = &c->half[d];
	const struct conn_ops *ops = c->ops;

	if (ops)
		ops->eof(c, h, h->reasm.fin_time && !c->reset ? h->reasm.fin_time : time);
}

/* The socket is gone and so is the time for stragglers. */
static void close_conn(struct engine *e, struct conn *c)
{
	int d;

	flush_streams(e, c);
	/* what was lost since the last segment may have been a response */
	c->resp_gap |= c->lost_end;
	d = first_dir(c);
	end_half(c, d, c->end_time);
	end_half(c, !d, c->end_time);
	end_exchanges(c, c->forgotten ? CONN_DROPPED : CONN_EVICTED);
	destroy_conn(e, c);
}

static void evict_conn(struct engine *e, struct conn *c)
{
	e->stats.evicted_conns++;
	if (!list_linked(&c->closing)) {
		tls_stream_flush(e, c);
		end_exchanges(c, CONN_EVICTED);
		destroy_conn(e, c);
	} else {
		close_conn(e, c);
	}
}

static struct conn *new_conn(struct engine *e, uint64_t cookie, uint64_t now)
{
	struct conn *c;

	while (e->conns.count >= e->opt.max_conns)
		evict_conn(e, conn_oldest(&e->conns));
	c = conn_add(&e->conns, cookie);
	if (!c)
		return NULL;
	c->engine = e;
	c->used = now;
	c->preexisting = 1; /* until something shows that it is not */
	return c;
}

static void schedule_burial(struct engine *e, struct conn *c, uint64_t time)
{
	if (list_linked(&c->closing))
		return;
	c->end_time = time;
	c->expires = e->now + LINGER;
	list_append(&e->closing, &c->closing);
	tls_stream_socket_ended(e, c);
}

static void run_streams(struct engine *e, struct conn *c)
{
	struct reasm_sink k = sink_of(e, c);
	int d = first_dir(c), waits;

	waits = reasm_run(&c->half[d].reasm, &c->half[!d].reasm, &k, e->now);
	waits |= reasm_run(&c->half[!d].reasm, &c->half[d].reasm, &k, e->now);
	if (!waits)
		list_unlink(&c->stalled);
	else if (!list_linked(&c->stalled))
		list_append(&e->stalled, &c->stalled);
}

static int stream_waits(const struct reasm *s)
{
	return s->pend || s->proven > s->next;
}

/* After octets or ends have come: what follows from it. */
static void settle_conn(struct engine *e, struct conn *c)
{
	int d;

	if (stream_waits(&c->half[0].reasm) || stream_waits(&c->half[1].reasm))
		run_streams(e, c);
	else if (list_linked(&c->stalled))
		list_unlink(&c->stalled);
	d = first_dir(c);
	if (reasm_at_end(&c->half[d].reasm))
		end_half(c, d, e->now);
	if (reasm_at_end(&c->half[!d].reasm))
		end_half(c, !d, e->now);
	policy_update(e, c);
}

/* ---- events */

static void take_segment(struct engine *e, struct conn *c, int dir, const struct reasm_seg *g)
{
	struct reasm_sink k = sink_of(e, c);

	/* the kernel side has few slots: another connection may have taken this one's */
	if (!c->half[dir].cap && g->cap_len && e->opt.on_policy && ++c->unasked % REMIND == 0)
		policy_send(e, c);
	if (c->opaque) {
		e->stats.skipped_bytes += g->len;
		return;
	}
	reasm_add(&c->half[dir].reasm, &c->half[!dir].reasm, &k, g);
	settle_conn(e, c);
}

static void on_segment(struct engine *e, const struct zc_ev_segment *s)
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
		c = new_conn(e, s->ev.conn, e->now);
		if (!c)
			return;
	}
	conn_touch(&e->conns, c, e->now);
	if (c->forgotten)
		return;
	if (g.syn)
		c->preexisting = 0;
	if (s->lost)
		note_conn_lost(c);
	c->uncopied += g.len - g.cap_len;
	if (g.has_ack) {
		c->half[!dir].ack_hint = g.ack;
		c->half[!dir].hint_valid = 1;
	}
	if (flags & ZC_TCP_RST && !c->reset) {
		c->reset = 1;
		schedule_burial(e, c, g.time);
	}
	if (g.len || g.syn || g.fin)
		take_segment(e, c, dir, &g);
}

static void start_stream(struct reasm *s, uint32_t seq)
{
	if (s->started)
		return;
	s->started = s->from_syn = 1;
	s->next = s->proven = s->first = (1ull << 32) + seq;
}

static void on_open(struct engine *e, const struct zc_ev_open *o)
{
	struct conn *c = conn_find(&e->conns, o->ev.conn);

	if (!o->ev.conn)
		return;
	if (!c)
		c = new_conn(e, o->ev.conn, e->now);
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
	c->open_time = c->preexisting ? 0 : o->ev.time;
	if (o->ev.flags & ZC_OPEN_SEQ)
		for (int d = 0; d < 2; d++)
			start_stream(&c->half[d].reasm, o->seq[d]);
	if (o->pid) {
		c->pid = o->pid;
		memcpy(c->comm, o->comm, sizeof(o->comm));
	}
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

	if (c && !c->established_time)
		c->established_time = ev->time;
}

static void take_io(struct engine *e, struct conn *c, const struct zc_ev_io *io)
{
	const struct conn_ops *ops = c->ops;
	struct half *h = &c->half[io->dir & 1];

	e->io_seen = 1;
	half_io_add(h, io);
	if (c->wait_head)
		pending_read_io(c, io);
	if (ops)
		ops->io(c, io);
	/* what was read has come in; what was written may be still to go out */
	if (io->dir == ZC_RX && h->reasm.started && !c->opaque) {
		reasm_prove(&h->reasm, reasm_pos(&h->reasm, io->seq), io->ev.time);
		if (h->reasm.proven > h->reasm.next)
			settle_conn(e, c);
	}
}

static void on_io(struct engine *e, const struct zc_ev_io *io)
{
	struct conn *c = conn_find(&e->conns, io->ev.conn);

	if (!c || c->forgotten)
		return;
	conn_touch(&e->conns, c, e->now);
	take_io(e, c, io);
}

/* Nothing of it is to be shown. */
static void forget(struct conn *c)
{
	end_exchanges(c, CONN_DROPPED);
	c->forgotten = 1;
	conn_opaque(c);
}

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
		note_conn_lost(c);
		c->lost_end = 1;
	}
	/* what was not even announced */
	if (skipped > c->uncopied)
		e->stats.skipped_bytes += skipped - c->uncopied;
	schedule_burial(e, c, ev->ev.time);
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

static void on_lost(struct engine *e, const struct zc_ev_lost *l)
{
	e->stats.lost_events += l->count;
	e->lost_bytes += l->bytes;
	note_lost(e, 0);
}

/* ---- for tls_stream.c */

struct conn *engine_conn(struct engine *e, uint64_t id)
{
	return new_conn(e, id, e->now);
}

void engine_segment(struct engine *e, struct conn *c, int dir, const struct reasm_seg *g)
{
	c->uncopied += g->len - g->cap_len;
	take_segment(e, c, dir, g);
}

void engine_io(struct engine *e, struct conn *c, const struct zc_ev_io *io)
{
	take_io(e, c, io);
}

void engine_lost(struct conn *c)
{
	note_conn_lost(c);
}

void engine_close(struct engine *e, struct conn *c, uint64_t time)
{
	schedule_burial(e, c, time);
}

void engine_bound(struct engine *e, struct conn *c)
{
	if (e->opt.on_policy)
		policy_send(e, c);
	if (c->socket)
		policy_update(e, c->socket);
}

void engine_ignore(struct engine *e, struct conn *c)
{
	end_exchanges(c, CONN_DROPPED);
	policy_nothing(e, c);
}

/* ---- time */

static void run_stalled(struct engine *e)
{
	struct list *n = e->stalled.next, *next;

	for (; n != &e->stalled; n = next) {
		next = n->next;
		settle_conn(e, list_entry(n, struct conn, stalled));
	}
}

static void tick(struct engine *e)
{
	e->ticked = e->now;
	if (!list_empty(&e->stalled))
		run_stalled(e);
	if (!list_empty(&e->tls_stream_waiting))
		tls_stream_tick(e);
	while (!list_empty(&e->closing)) {
		struct conn *c = list_entry(e->closing.next, struct conn, closing);

		if (c->expires > e->now)
			break;
		close_conn(e, c);
	}
	while (!list_empty(&e->waiting)) {
		struct exchange *x = list_entry(e->waiting.next, struct exchange, timer);

		if (x->resp_last + PENDING_READ_MAX > e->now)
			break;
		if (x->req_done)
			pending_read_flush(x->conn, x);
		else
			http2_conn_expire(x->conn, x);
	}
	exchange_release_held(e, 0);
	note_lost(e, 0);
}

void engine__event(struct engine *e, const struct zc_ev *ev)
{
	const void *p = ev;

	e->stats.events++;
	if (ev->time > e->now)
		e->now = ev->time;
	switch (ev->kind) {
	case ZC_EV_SEGMENT: on_segment(e, p); break;
	case ZC_EV_IO: on_io(e, p); break;
	case ZC_EV_OPEN: on_open(e, p); break;
	case ZC_EV_ESTABLISHED: on_established(e, ev); break;
	case ZC_EV_CLOSE: on_close(e, p); break;
	case ZC_EV_OWNER: on_owner(e, p); break;
	case ZC_EV_PEER: on_peer(e, p); break;
	case ZC_EV_LOST: on_lost(e, p); break;
	case ZC_EV_PLAIN: tls_stream_on_data(e, p); break;
	case ZC_EV_BIND: tls_stream_on_bind(e, p); break;
	case ZC_EV_FAULT: tls_stream_on_fault(e, p); break;
	default: break; /* processes and listeners are for others */
	}
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
	e->links = links__new();
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
	list_init(&e->stalled);
	list_init(&e->closing);
	list_init(&e->tls_stream_waiting);
	list_init(&e->held);
	return e;
}

void engine__finish(struct engine *e)
{
	struct conn *c;

	while ((c = conn_oldest(&e->conns))) {
		if (list_linked(&c->closing)) {
			close_conn(e, c);
			continue;
		}
		flush_streams(e, c);
		settle_conn(e, c);
		end_exchanges(c, CONN_FINISHED);
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

void engine__free(struct engine *e)
{
	struct conn *c;

	if (!e)
		return;
	while ((c = conn_oldest(&e->conns))) {
		end_exchanges(c, CONN_DROPPED);
		destroy_conn(e, c);
	}
	exchange_drop_held(e);
	while (e->idle) {
		struct exchange *x = e->idle;

		e->idle = x->next;
		exchange_free(x);
	}
	free(e->scratch);
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
