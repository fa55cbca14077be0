#include "core/plain.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/tls.h"
#include "core/engine_impl.h"
#include "core/exchange_link.h"
#include "core/tls_conn.h"

#define RECORD_MIN 22u	    /* octets that a record has beside its content, at least (RFC 8446) */
#define RECORD_MAX 16384u   /* of content */
#define RECORD_SPARE 256u   /* what it may have beside it: padding, tickets, a last small record */
#define AGREE 2u	    /* pieces of evidence that make a tie, or undo one */
#define PLAIN_PATIENCE 100000000u /* ns that what was read waits for a write to return */
#define PLAIN_MAX_WAITS 64u
#define SPREAD 20000u	    /* ns between the first octet's time and the last's that count */

const char *plain_library(int lib)
{
	switch (lib) {
	case ZC_TLS_OPENSSL: return "openssl";
	case ZC_TLS_BORINGSSL: return "boringssl";
	case ZC_TLS_GNUTLS: return "gnutls";
	case ZC_TLS_GO: return "go";
	default: return NULL;
	}
}

/* ---- identity */

uint32_t plain_seq(const struct conn *c, int dir, uint64_t pos)
{
	if (!c->stream.anchored)
		return (uint32_t)pos;
	return c->stream.anchor[dir] + (uint32_t)pos - (uint32_t)c->half[dir].stream.first;
}

int plain_is_private(const struct conn *c)
{
	return c->stream.lib && !c->stream.anchored;
}

int plain_first(const struct conn *c, uint32_t first[2])
{
	for (int d = 0; d < 2; d++) {
		if (!c->half[d].stream.from_syn && !c->stream.anchored)
			return 0;
		first[d] = c->stream.anchored ? c->stream.anchor[d] : (uint32_t)c->half[d].stream.first;
	}
	return 1;
}

/* Positions of both are counted from the connection's beginning. */
static void anchor(struct conn *c)
{
	const struct conn *s = c->carrier;

	if (c->stream.anchored || c->late || !s->half[0].stream.from_syn || !s->half[1].stream.from_syn)
		return;
	for (int d = 0; d < 2; d++)
		c->stream.anchor[d] = (uint32_t)s->half[d].stream.first;
	c->stream.anchored = 1;
}

/* ---- carriers */

static void untie(struct conn *c)
{
	if (!c->carrier)
		return;
	tls_conn_untwin(c->carrier);
	c->carrier->plain = NULL;
	c->carrier = NULL;
	c->has_addr = 0;
	c->id_hash_valid = 0;
	c->stream.anchored = 0;
}

static void take_over(struct engine *e, struct conn *c, struct conn *s)
{
	memcpy(c->laddr, s->laddr, 16);
	memcpy(c->raddr, s->raddr, 16);
	c->lport = s->lport;
	c->rport = s->rport;
	c->has_addr = s->has_addr;
	c->id_hash_valid = 0;
	c->role = s->role;
	c->late = !c->stream.fresh;
	c->open_time = s->open_time;
	c->established_time = s->established_time;
	if (s->pid) {
		c->pid = s->pid;
		memcpy(c->comm, s->comm, sizeof(c->comm));
	}
	exchange_conn_known(e, s); /* what comes is seen here, and is no blind spot */
}

static void tie(struct engine *e, struct conn *c, struct conn *s)
{
	if (s->plain)
		untie(s->plain);
	untie(c);
	c->carrier = s;
	s->plain = c;
	tls_conn_twin(s);
	take_over(e, c, s);
	anchor(c);
	engine_tied(e, c);
}

/* The socket was used inside the library's call. */
static void tie_fact(struct engine *e, struct conn *c, uint64_t sock)
{
	struct conn *s;

	if (c->carrier && c->carrier->cookie == sock)
		return;
	s = conn_find(&e->conns, sock);
	if (s && !s->stream.lib)
		tie(e, c, s);
}

/* Tied by evidence to s, which evidence about another socket contradicts. */
static void contradict(struct engine *e, struct conn *c)
{
	if (++c->stream.against < AGREE)
		return;
	untie(c);
	c->stream.hopeless = 1;
	engine_tied(e, c);
}

static void tie_evidence(struct engine *e, struct conn *c, uint64_t sock)
{
	struct conn *s;

	if (c->stream.hopeless)
		return;
	if (c->carrier) {
		if (c->carrier->cookie == sock)
			c->stream.against = 0;
		else
			contradict(e, c);
		return;
	}
	if (c->stream.candidate != sock) {
		c->stream.candidate = sock;
		c->stream.agree = 0;
	}
	if (++c->stream.agree < AGREE)
		return;
	s = conn_find(&e->conns, sock);
	if (!s)
		engine_ignore(e, c); /* a socket that is not traced */
	else if (!s->plain && !s->stream.lib)
		tie(e, c, s);
}

/* Can n octets of plaintext have become, or been, so much ciphertext? */
static int sizes_fit(uint32_t plain, uint32_t wire, int dir)
{
	uint32_t records = plain / RECORD_MAX + 1;

	if (wire < plain + RECORD_MIN)
		return 0;
	/* what was read may hold several messages, what is written is just this */
	return dir == ZC_RX || wire <= plain + records * RECORD_SPARE + plain / 64 * RECORD_MIN;
}

/* ---- events */

static struct conn *stream_of(struct engine *e, uint64_t id, uint8_t lib, uint32_t pid)
{
	struct conn *c = conn_find(&e->conns, id);

	if (!(id & ZC_TLS_STREAM))
		return NULL;
	if (!c)
		c = engine_conn(e, id);
	if (!c)
		return NULL;
	conn_touch(&e->conns, c, e->now);
	c->stream.lib = lib;
	if (!c->pid)
		c->pid = pid;
	return c;
}

/*
 * Did this call use its socket later than where the first record of content was? Of what comes from
 * the server that says nothing: tickets, which are no content, come before.
 */
static int began_before(const struct conn *c, const struct zc_ev_plain *p)
{
	const struct conn *s = conn_find(&c->engine->conns, p->sock);
	int of_client = s && (s->role == ZC_ROLE_SERVER) == (p->dir == ZC_RX);
	uint64_t begin = of_client && s->tls ? s->tls->hs.app_pos[p->dir] : 0;

	return begin && p->ev.flags & ZC_PLAIN_INSIDE && p->wire_len &&
	       (int32_t)(p->wire_seq - (uint32_t)begin) > 0;
}

/* The first octets of a direction: from the beginning, or from somewhere. */
static void begin(struct conn *c, const struct zc_ev_plain *p)
{
	struct stream *s = &c->half[p->dir].stream;
	int request = c->half[!p->dir].stream.started == 0;

	if (s->started)
		return;
	if (request)
		c->stream.fresh = !p->seq && !began_before(c, p) &&
				  ((p->ev.flags & ZC_PLAIN_FRESH) || c->stream.watched);
	if (!c->stream.fresh || p->seq)
		return;
	c->late = 0;
	s->started = s->from_syn = 1;
	s->next = s->proven = s->first = 1ull << 32;
	if (c->carrier)
		anchor(c);
}

static void deliver(struct engine *e, struct conn *c, const struct zc_ev_plain *p, uint64_t time,
		    uint32_t from, uint32_t to)
{
	uint32_t cap = p->cap_off + p->cap_len; /* captured: [cap_off, cap) */
	uint32_t a = p->cap_off > from ? p->cap_off : from, b = cap < to ? cap : to;
	struct stream_seg g = {
		.time = time,
		.seq = p->seq + from,
		.len = to - from,
		.lost = 1, /* a library delivers in order: a hole is one */
	};

	if (a < b) {
		g.data = (const uint8_t *)(p + 1) + (a - p->cap_off);
		g.cap_off = a - from;
		g.cap_len = b - a;
	}
	engine_segment(e, c, p->dir, &g);
}

/*
 * When the first and the last octet went by. Of what was left of an earlier read, its time is the
 * arrival.
 */
static void times_of(struct conn *c, const struct zc_ev_plain *p, uint64_t *first, uint64_t *last)
{
	*first = p->wire_time;
	*last = p->wire_last > p->wire_time ? p->wire_last : p->wire_time;
	if (*first) {
		c->stream.wire_time = p->dir == ZC_RX ? *last : c->stream.wire_time;
		return;
	}
	*first = p->dir == ZC_RX && c->stream.wire_time ? c->stream.wire_time : p->call_time;
	*last = p->dir == ZC_RX ? *first : p->ev.time;
}

static void on_octets(struct engine *e, struct conn *c, const struct zc_ev_plain *p)
{
	uint64_t first, last;

	times_of(c, p, &first, &last);
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
		.ev = {.time = p->dir == ZC_RX ? p->ev.time : p->call_time, .conn = p->ev.conn},
		.pid = p->pid, .tid = p->tid, .seq = p->seq + p->orig_len, .len = p->orig_len,
		.dir = p->dir,
	};

	if (p->lost)
		engine_lost(c);
	begin(c, p);
	if (p->ev.flags & ZC_PLAIN_INSIDE)
		tie_fact(e, c, p->sock);
	else if (p->ev.flags & ZC_PLAIN_BEFORE && sizes_fit(p->orig_len, p->wire_len, ZC_RX))
		tie_evidence(e, c, p->sock);
	on_octets(e, c, p);
	engine_io(e, c, &io);
}

/* ---- what was read while somebody wrote */

struct plain_wait {
	struct plain_wait *next;
	struct zc_ev_plain ev; /* its octets follow */
};

static int wait_for_write(struct engine *e, struct conn *c, const struct zc_ev_plain *p)
{
	struct plain_wait *w, **at = &c->stream.waits;

	if (c->stream.nwaits >= PLAIN_MAX_WAITS)
		return 0;
	w = malloc(offsetof(struct plain_wait, ev) + p->ev.size);
	if (!w)
		return 0;
	memcpy(&w->ev, p, p->ev.size);
	w->next = NULL;
	while (*at)
		at = &(*at)->next;
	*at = w;
	c->stream.nwaits++;
	if (!list_linked(&c->stream.waiting))
		list_append(&e->plain_waiting, &c->stream.waiting);
	return 1;
}

static void flush_waits(struct engine *e, struct conn *c)
{
	while (c->stream.waits) {
		struct plain_wait *w = c->stream.waits;

		c->stream.waits = w->next;
		c->stream.nwaits--;
		take(e, c, &w->ev);
		free(w);
	}
	list_unlink(&c->stream.waiting);
}

void plain_tick(struct engine *e)
{
	for (struct list *i = e->plain_waiting.next, *next; i != &e->plain_waiting; i = next) {
		struct conn *c = list_entry(i, struct conn, stream.waiting);

		next = i->next;
		if (c->stream.waits->ev.ev.time + PLAIN_PATIENCE <= e->now)
			flush_waits(e, c);
	}
}

void plain_flush(struct engine *e, struct conn *c)
{
	if (c->stream.waits)
		flush_waits(e, c);
}

void plain_drop(struct conn *c)
{
	while (c->stream.waits) {
		struct plain_wait *w = c->stream.waits;

		c->stream.waits = w->next;
		free(w);
	}
	list_unlink(&c->stream.waiting);
}

void plain_on_data(struct engine *e, const struct zc_ev_plain *p)
{
	struct conn *c;

	if (p->dir > ZC_TX || p->cap_off > p->orig_len || p->cap_len > p->orig_len - p->cap_off)
		return;
	c = stream_of(e, p->ev.conn, p->lib, p->pid);
	if (!c)
		return;
	if (p->dir == ZC_RX && (c->stream.waits || p->ev.flags & ZC_PLAIN_WRITING) &&
	    wait_for_write(e, c, p))
		return;
	if (p->dir == ZC_RX)
		plain_flush(e, c); /* no more may wait: in order all the same */
	take(e, c, p);
	if (p->dir == ZC_TX)
		plain_flush(e, c);
}

void plain_on_tie(struct engine *e, const struct zc_ev_tie *t)
{
	struct conn *c = stream_of(e, t->ev.conn, t->lib, t->pid);

	if (c && t->ev.flags & ZC_PLAIN_FRESH)
		c->stream.watched = 1;
	if (c && (t->dir == ZC_RX || !t->plain_len || sizes_fit(t->plain_len, t->wire_len, ZC_TX)))
		tie_evidence(e, c, t->sock);
}

void plain_on_fault(struct engine *e, const struct zc_ev_fault *f)
{
	const struct conn *c = conn_find(&e->conns, f->ev.conn);
	struct conn *s = f->sock ? conn_find(&e->conns, f->sock) : c ? c->carrier : NULL;

	if (s)
		tls_conn_fault(s, f->lib, f->reason);
}

/* ---- ends */

void plain_carrier_ended(struct engine *e, struct conn *c)
{
	struct conn *p = c->plain;

	if (!p)
		return;
	p->reset |= c->reset;
	for (int d = 0; d < 2; d++)
		if (!p->half[d].fin_time)
			p->half[d].fin_time = c->half[d].fin_time;
	engine_bury(e, p, c->end_time);
}

void plain_forget(struct conn *c)
{
	if (c->carrier) {
		tls_conn_untwin(c->carrier);
		c->carrier->plain = NULL;
	}
	if (c->plain) {
		tls_conn_hand_over(c, c->plain);
		c->plain->carrier = NULL;
	}
	c->carrier = c->plain = NULL;
}
