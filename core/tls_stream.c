#include "core/tls_stream.h"
#include "core/conn_input.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/tls.h"
#include "core/certainty.h"
#include "core/engine_impl.h"
#include "core/tls_bind.h"
#include "core/tls_info.h"
#include "core/tls_session.h"

#define WAIT_PATIENCE 100000000u /* ns that what was read waits for a write to return */
#define MAX_WAITS 64u
#define SPREAD 20000u	    /* ns between the first octet's time and the last's that count */

/* ---- events */

/* 0: no memory. */
static int begin_session(struct engine *e, struct conn *c)
{
	if (c->session)
		return 1;
	c->session = calloc(1, sizeof(*c->session));
	if (!c->session)
		return 0;
	c->session->conn = c;
	c->session->born = e->now + (uint64_t)e->opt.wall_offset;
	list_append(&e->tls_unbound, &c->session->unbound);
	return 1;
}

static struct conn *stream_of(struct engine *e, uint64_t id, uint8_t lib, uint32_t pid)
{
	struct conn *c = conn_find(&e->conns, id);

	if (!(id & ZC_TLS_STREAM) || !lib || lib > ZC_TLS_GO)
		return NULL;
	if (!c)
		c = conn_new(e, id);
	if (!c || !begin_session(e, c))
		return NULL;
	conn_touch(&e->conns, c, e->now);
	if (c->socket) /* quiet by now, but in use */
		conn_touch(&e->conns, c->socket, e->now);
	c->session->lib = lib;
	if (!c->pid)
		c->pid = pid;
	return c;
}

/*
 * Did this call use its socket later than where the first record of content was? Of what comes from
 * the server that says nothing: tickets, which are no content, come before. Nor does it of
 * libraries that read ahead, in the handshake already; they are part of their programs and there
 * from the start.
 */
static int began_before(const struct conn *c, const struct zc_ev_plain *p)
{
	const struct conn *s = conn_find(&c->engine->conns, p->sock);
	int reads_ahead = c->session->lib == ZC_TLS_GO || c->session->lib == ZC_TLS_BORINGSSL;
	int of_client = s && !reads_ahead && (s->role == ZC_ROLE_SERVER) == (p->dir == ZC_RX);
	uint64_t begin =
		of_client && tls_info_own(s) ? tls_info_own(s)->hs.app_pos[p->dir] : 0;

	return begin && p->ev.flags & ZC_PLAIN_INSIDE && p->wire_len &&
	       (int32_t)(p->wire_seq - (uint32_t)begin) > 0;
}

/* Nothing tells any more where its octets stand. */
static void join_preexisting(struct conn *c)
{
	c->session->fresh = c->session->anchored = 0;
	c->preexisting = 1;
	c->id_hash_valid = 0;
}

#define BEGIN (1ull << 32) /* position of the first octet */

static void begin_half(struct reasm *s)
{
	s->started = s->from_syn = 1;
	s->next = s->proven = s->first = BEGIN;
}

/* What was said there used no socket, as it came with the handshake: only now it is the first. */
static void begin_peer(struct conn *c, struct reasm *peer)
{
	if (!peer->started)
		begin_half(peer);
	else if (peer->first == BEGIN)
		peer->from_syn = 1;
	if (peer->from_syn)
		certainty_opened(c);
}

/* The first octets of a direction: from the beginning, or from somewhere. */
static void begin(struct conn *c, const struct zc_ev_plain *p)
{
	struct reasm *s = &c->half[p->dir].reasm, *peer = &c->half[!p->dir].reasm;
	struct tls_session *t = c->session;

	if (s->next != s->first)
		return;
	if (!s->started)
		t->fresh = !p->seq && ((p->ev.flags & ZC_PLAIN_FRESH) || t->watched);
	if (!t->fresh)
		return;
	if (began_before(c, p)) {
		join_preexisting(c);
		s->started = s->from_syn = 0;
		return;
	}
	if (s->started)
		return;
	c->preexisting = 0;
	begin_half(s);
	begin_peer(c, peer);
	tls_stream_anchor(c);
}

static void deliver(struct engine *e, struct conn *c, const struct zc_ev_plain *p, uint64_t time,
		    uint32_t from, uint32_t to)
{
	uint32_t cap = p->cap_off + p->cap_len; /* captured: [cap_off, cap) */
	uint32_t a = p->cap_off > from ? p->cap_off : from, b = cap < to ? cap : to;
	struct reasm_seg g = {
		.time = time,
		.seq = p->seq + from,
		.len = to - from,
		/* whoever wrote it had read what was told before */
		.ack = (uint32_t)c->half[!p->dir].reasm.next,
		.has_ack = c->half[!p->dir].reasm.started,
		.lost = 1, /* a library delivers in order: a hole is one */
	};

	if (a < b) {
		g.data = (const uint8_t *)(p + 1) + (a - p->cap_off);
		g.cap_off = a - from;
		g.cap_len = b - a;
	}
	conn_segment(e, c, p->dir, &g);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When the first and the last octet left; where that is not known, within the call. */
static void times_sent(const struct zc_ev_plain *p, uint64_t *first, uint64_t *last)
{
	uint64_t now = p->ev.time;

	*first = earlier(p->wire_time ? p->wire_time : p->call_time, now);
	*last = earlier(p->wire_time ? p->wire_last : now, now);
}

/*
 * When they arrived: with the octets that the call has read from the socket, or with those of an
 * earlier one, as far as they can have been left of that. Else, if it is not known, they are as new
 * as can be: how long the call has waited for them is not known either. Somebody else may have read
 * the socket for it, so what was told before does not come back.
 */
static void times_arrived(struct conn *c, const struct zc_ev_plain *p, uint64_t *first,
			  uint64_t *last)
{
	struct tls_session *t = c->session;
	int inside = p->ev.flags & ZC_PLAIN_INSIDE;
	int again = inside && t->wire_time && (int32_t)(p->wire_seq - t->wire_end) < 0;
	int has_read = p->wire_len && !again;
	int rest = inside && !has_read && p->orig_len <= t->rest;

	*last = has_read ? (p->wire_last ? p->wire_last : p->wire_time) : rest ? t->wire_time : 0;
	*last = earlier(*last ? *last : p->ev.time, p->ev.time);
	*first = has_read && p->wire_time ? earlier(p->wire_time, *last) : *last;
	if (has_read && inside) {
		t->wire_time = *last;
		t->wire_end = p->wire_seq + p->wire_len;
		t->rest = p->wire_len > p->orig_len ? p->wire_len - p->orig_len : 0;
	} else if (rest) {
		t->rest -= p->orig_len;
	}
}

static void on_bytes(struct engine *e, struct conn *c, const struct zc_ev_plain *p)
{
	uint64_t first, last;

	if (p->dir == ZC_RX)
		times_arrived(c, p, &first, &last);
	else
		times_sent(p, &first, &last);
	if (last > first + SPREAD && p->orig_len > 1) {
		deliver(e, c, p, first, 0, p->orig_len - 1);
		deliver(e, c, p, last, p->orig_len - 1, p->orig_len);
	} else {
		deliver(e, c, p, first, 0, p->orig_len);
	}
}

static void take(struct engine *e, struct conn *c, const struct zc_ev_plain *p)
{
	struct zc_ev_io io = {
		.ev = {.time = p->dir == ZC_RX ? p->ev.time : earlier(p->call_time, p->ev.time),
		       .conn = p->ev.conn},
		.pid = p->pid, .tid = p->tid, .seq = p->seq + p->orig_len, .len = p->orig_len,
		.dir = p->dir, .sleeps = p->sleeps, .age = p->age,
	};

	io.ev.flags = (p->ev.flags & ZC_PLAIN_TASK ? ZC_IO_TASK : 0) |
		      (p->ev.flags & ZC_PLAIN_POLLED ? ZC_IO_POLLED : 0);

	if (p->lost)
		conn_lost(c);
	if (!p->orig_len)
		return; /* a write that failed */
	begin(c, p);
	if (p->ev.flags & ZC_PLAIN_INSIDE)
		tls_bind_fact(e, c, p->sock);
	else if (p->dir == ZC_RX && p->ev.flags & ZC_PLAIN_BEFORE &&
		 tls_stream_sizes_fit(p->orig_len, p->wire_len, ZC_RX))
		tls_bind_evidence(e, c, &(struct tls_stream_piece){
			p->sock, p->orig_len, p->wire_len, (p->ev.flags & ZC_PLAIN_ALONE) != 0});
	on_bytes(e, c, p);
	conn_io(e, c, &io);
}

/* ---- what was read while somebody wrote */

struct tls_stream_wait {
	struct tls_stream_wait *next;
	size_t size;	       /* of this block of the pool */
	struct zc_ev_plain ev; /* its octets follow */
};

static int wait_for_write(struct engine *e, struct conn *c, const struct zc_ev_plain *p)
{
	struct tls_stream_wait *w, **at = &c->session->waits;
	size_t size;

	if (c->session->nwaits >= MAX_WAITS)
		return 0;
	w = pool_get(&e->pool, offsetof(struct tls_stream_wait, ev) + p->ev.size, &size);
	if (!w)
		return 0;
	w->size = size;
	memcpy(&w->ev, p, p->ev.size);
	w->next = NULL;
	while (*at)
		at = &(*at)->next;
	*at = w;
	c->session->nwaits++;
	if (!list_linked(&c->session->waiting))
		list_append(&e->tls_stream_waiting, &c->session->waiting);
	return 1;
}

/* Had a write begun, when p was read, that has not been told yet? */
static int is_early(const struct conn *c, const struct zc_ev_plain *p)
{
	return (int32_t)(p->writes - c->session->writes) > 0;
}

static void take_first(struct engine *e, struct conn *c)
{
	struct tls_stream_wait *w = c->session->waits;

	c->session->waits = w->next;
	c->session->nwaits--;
	take(e, c, &w->ev);
	pool_put(&e->pool, w, w->size);
}

/* Those whose writes have been told. */
static void take_waits(struct engine *e, struct conn *c)
{
	while (c->session->waits && !is_early(c, &c->session->waits->ev))
		take_first(e, c);
	if (!c->session->waits)
		list_unlink(&c->session->waiting);
}

/* A write that failed, or that was lost, is not waited for again. */
static void flush_waits(struct engine *e, struct conn *c)
{
	while (c->session->waits) {
		if (is_early(c, &c->session->waits->ev))
			c->session->writes = c->session->waits->ev.writes;
		take_first(e, c);
	}
	list_unlink(&c->session->waiting);
}

/*
 * Was a write lost that these wait for? Writes are told in their order, so one behind it shows
 * that, and what was read before is taken before it. One that has no number yet may be any.
 */
static void take_unwritten(struct engine *e, struct conn *c, const struct zc_ev_plain *p)
{
	while (c->session->waits) {
		uint32_t n = c->session->waits->ev.writes;

		if (p->writes ? (int32_t)(p->writes - n) <= 0 : !p->lost)
			return;
		if (is_early(c, &c->session->waits->ev))
			c->session->writes = n;
		take_first(e, c);
	}
	list_unlink(&c->session->waiting);
}

void tls_stream_tick(struct engine *e)
{
	for (struct list *i = e->tls_stream_waiting.next, *next; i != &e->tls_stream_waiting;
	     i = next) {
		struct conn *c = list_entry(i, struct tls_session, waiting)->conn;

		next = i->next;
		if (c->session->waits->ev.ev.time + WAIT_PATIENCE <= e->now)
			flush_waits(e, c);
	}
}

void tls_stream_flush(struct engine *e, struct conn *c)
{
	if (c->session && c->session->waits)
		flush_waits(e, c);
}

void tls_stream_drop(struct conn *c)
{
	if (!c->session)
		return;
	while (c->session->waits) {
		struct tls_stream_wait *w = c->session->waits;

		c->session->waits = w->next;
		pool_put(&c->engine->pool, w, w->size);
	}
	list_unlink(&c->session->waiting);
}

void tls_stream_on_data(struct engine *e, const struct zc_ev_plain *p)
{
	struct conn *c;

	if (p->dir > ZC_TX || p->cap_off > p->orig_len || p->cap_len > p->orig_len - p->cap_off)
		return;
	c = stream_of(e, p->ev.conn, p->lib, p->pid);
	if (!c || c->forgotten)
		return;
	if (p->dir == ZC_RX && (c->session->waits || is_early(c, p)) && wait_for_write(e, c, p))
		return;
	if (p->dir == ZC_RX)
		tls_stream_flush(e, c); /* no more may wait: in order all the same */
	else if (c->session->waits)
		take_unwritten(e, c, p);
	take(e, c, p);
	if (p->dir == ZC_TX && is_early(c, p))
		c->session->writes = p->writes;
	if (c->session->waits)
		take_waits(e, c);
}

void tls_stream_on_bind(struct engine *e, const struct zc_ev_bind *t)
{
	struct conn *c = stream_of(e, t->ev.conn, t->lib, t->pid);

	if (c && t->ev.flags & ZC_PLAIN_FRESH)
		c->session->watched = 1;
	if (c && (t->dir == ZC_RX || !t->plain_len ||
		  tls_stream_sizes_fit(t->plain_len, t->wire_len, ZC_TX)))
		tls_bind_evidence(e, c, &(struct tls_stream_piece){
			t->sock, t->plain_len, t->wire_len, (t->ev.flags & ZC_PLAIN_ALONE) != 0});
}

void tls_stream_on_fault(struct engine *e, const struct zc_ev_fault *f)
{
	const struct conn *c = conn_find(&e->conns, f->ev.conn);
	struct conn *s = f->sock ? conn_find(&e->conns, f->sock) : c ? c->socket : NULL;

	if (s && !s->session)
		tls_info_fault(s, f->lib, f->reason);
}
