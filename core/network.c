#include "core/network.h"

#include <stdlib.h>
#include <string.h>

#include "core/engine_impl.h"
#include "core/exchange_attrs.h"
#include "core/id.h"
#include "core/other_end.h"

#define PATIENCE 200000000u /* ns: as long TCP waits at least before it takes bytes for lost */
#define HALF_CLOSE 1000000u /* ns: a FIN as soon after the request belongs to it */

void sent_burst(struct sent *s, uint64_t time)
{
	if (s->n == 1 && !s->before)
		s->before = calloc(1, sizeof(*s->before));
	if (s->n && s->before) {
		s->before->time[(s->n - 1) % SENT_MARKS] = s->time;
		s->before->end[(s->n - 1) % SENT_MARKS] = s->end;
	} else if (s->n) {
		s->n = SENT_MARKS; /* no memory: as if there had been too many to know them */
	}
	s->n++;
	s->time = time;
}

uint64_t sent_time(const struct sent *s, uint32_t seq)
{
	const struct sent_before *b = s->before;
	uint32_t n = s->n < SENT_MARKS ? s->n : SENT_MARKS;

	for (uint32_t i = s->n - n; b && i + 1 < s->n; i++)
		if ((int32_t)(b->end[i % SENT_MARKS] - seq) > 0)
			return b->time[i % SENT_MARKS];
	return s->n && (int32_t)(s->end - seq) > 0 ? s->time : 0;
}

/* ---- the other end */

static int is_loopback(const uint8_t addr[16])
{
	static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff}, v6[16] = {[15] = 1};

	return memcmp(addr, v4, 12) ? !memcmp(addr, v6, 16) : addr[12] == 127;
}

void network_meet(struct engine *e, struct conn *c)
{
	struct conn *other;

	c->network.key = id_connection(c->laddr, c->lport, c->raddr, c->rport) | 1;
	other = e->opt.on_flow ? other_end(e, c) : NULL;
	if (other) {
		other->traffic.both_ends = c->traffic.both_ends = 1;
		other->traffic.peer_pid = c->pid;
		c->traffic.peer_pid = other->pid;
	}
	other_end_add(e, c);
}

void network_open(struct engine *e, struct conn *c, uint32_t netns)
{
	c->network.at_socket = netns != 0;
	c->netns = is_loopback(c->laddr) ? netns : 0;
	network_meet(e, c);
}

/* ---- what it costs */

/* Bytes that were under way for longer than need be. */
struct delay {
	int dir;      /* of the bytes, at this end */
	int has_pos;
	uint64_t pos; /* of the first of them, with has_pos */
	uint64_t from, until;
	uint32_t segments; /* sent again */
	int window; /* they waited for one */
	int receiver; /* this end is to get them; it may have got them just now */
	int inferred; /* nobody saw that they had not arrived */
	int doubtful; /* and nobody holds them for lost */
	int needless; /* they had arrived before */
	int unsent;   /* nobody saw them leave before `until` */
};

static void count_time(struct exchange *x, uint64_t from, uint64_t until, uint64_t *also)
{
	struct exchange_network *n = &x->network;

	if (from < n->until)
		from = n->until;
	if (x->req_first != SPAN_UNKNOWN && from < x->req_first)
		from = x->req_first;
	if (until < from + SENT_BURST) /* events may be swapped by less */
		return;
	n->ns += until - from;
	n->until = until;
	if (also)
		*also += until - from;
}

/* Does a message of x wait for these bytes? Those of a response left after its request had come. */
static int waits_for(const struct exchange *x, const struct delay *d)
{
	int begun = x->resp_first != SPAN_UNKNOWN;

	if (d->dir != x->conn->request_dir)
		return d->window ? begun && !x->resp_done
				 : d->from >= x->req_first &&
					   (!x->resp_done ||
					    x->resp_last + SENT_BURST >= d->until);
	if (!x->req_done || d->window || d->receiver)
		return !x->req_done;
	return d->has_pos && x->req_end ? d->pos < x->req_end : !begun;
}

/* Are the bytes of its own messages? Others may only be in front of them. */
static int is_own(const struct exchange *x, const struct delay *d)
{
	return d->dir != x->conn->request_dir || !d->has_pos || d->pos >= x->req_pos;
}

static void delay_one(void *ctx, struct exchange *x)
{
	const struct delay *d = ctx;
	struct exchange_network *n = &x->network;

	if (!waits_for(x, d) || (d->needless && !is_own(x, d)))
		return;
	if (d->unsent && d->dir == x->conn->request_dir && x->req_first <= d->until &&
	    x->req_first + SENT_BURST > d->until && d->from < x->req_first)
		x->req_first = d->from; /* the first attempts did not even leave */
	n->retransmits += d->segments;
	if (d->needless || (d->inferred && d->doubtful && d->until - d->from < PATIENCE))
		return;
	if (!d->window) {
		n->inferred |= d->inferred != 0;
		count_time(x, d->from, d->until, NULL);
	} else {
		n->window_dir = (uint8_t)(1 + !d->dir);
		count_time(x, d->from, d->until, &n->window_ns);
	}
}

/* Of c, or of what it carries. */
static void delay_all(struct conn *c, struct delay *d)
{
	struct conn *k = c->tls_stream ? c->tls_stream : c;

	if (k->ops)
		k->ops->each(k, delay_one, d);
	for (struct exchange *x = k->wait_head; x; x = x->next)
		delay_one(d, x);
}

static int place(const struct conn *c, int dir, uint32_t seq, uint64_t *pos)
{
	const struct reasm *s = &c->half[dir].reasm;

	if (c->tls_stream || !s->started)
		return 0;
	*pos = reasm_pos(s, seq);
	return 1;
}

/* ---- bytes that are sent again */

/* When the application wrote the byte at pos, if it is known. */
static uint64_t written(const struct conn *c, int dir, uint64_t pos)
{
	const struct io_mark *m = half_io_passing(&c->half[dir], pos);

	return m ? m->time : 0;
}

static void find_start(const struct conn *c, int dir, uint32_t seq, struct delay *d)
{
	uint64_t seen = dir == ZC_TX ? sent_time(&c->network.sent, seq) : 0, wrote;

	if (seen && seen < d->from)
		d->from = seen;
	d->unsent = seen && seen + SENT_BURST > d->until;
	wrote = d->unsent && d->has_pos ? written(c, dir, d->pos) : 0;
	if (wrote && wrote < d->from)
		d->from = wrote;
}

/*
 * How many segments they were: the kernel counts all of a connection's life, and not those that did
 * not even leave.
 */
static uint32_t count_segments(struct conn *c, const struct zc_ev_retransmit *r)
{
	uint32_t *n = &c->network.retransmits[r->dir], more = 0;

	if (r->total > *n)
		more = *n || !c->preexisting ? r->total - *n : 1;
	*n += more;
	if (r->total > *n)
		*n = r->total;
	return more;
}

/* Had the bytes arrived before? What is sent again may have arrived by the time that it is told. */
static void ask_other(const struct conn *other, int dir, uint32_t seq, struct delay *d)
{
	const struct half *h = &other->half[dir];

	if (other->tls_stream || other->opaque || !h->reasm.started)
		return;
	d->inferred = 0;
	d->needless = reasm_pos(&h->reasm, seq) < h->reasm.next &&
		      h->last_time + SENT_BURST < d->until;
}

/* Bytes from seq on; in d is all that their end knows. */
static void sent_again(struct engine *e, struct conn *c, int dir, uint32_t seq, struct delay *d)
{
	struct conn *other = other_end(e, c);

	d->dir = dir;
	d->has_pos = place(c, dir, seq, &d->pos);
	find_start(c, dir, seq, d);
	if (other)
		ask_other(other, !dir, seq, d);
	delay_all(c, d);
	if (!other)
		return;
	d->dir = !dir;
	d->unsent = 0;
	d->receiver = 1;
	d->has_pos = place(other, !dir, seq, &d->pos);
	delay_all(other, d);
}

void network_retransmit(struct engine *e, const struct zc_ev_retransmit *r)
{
	struct conn *c = conn_find(&e->conns, r->ev.conn);
	struct delay d = {.from = r->sent ? r->sent : r->ev.time, .until = r->ev.time,
			  .doubtful = (r->ev.flags & ZC_RETRANSMIT_PROBE) != 0,
			  .needless = (r->ev.flags & ZC_RETRANSMIT_NEEDLESS) != 0,
			  .inferred = !(r->ev.flags &
					(ZC_RETRANSMIT_LOST | ZC_RETRANSMIT_NEEDLESS))};

	if (!c || c->forgotten)
		return;
	if (r->rtt_us)
		c->network.rtt_us = r->rtt_us;
	d.segments = count_segments(c, r);
	if (r->ev.flags & ZC_RETRANSMIT_SYN)
		c->network.syns += d.segments;
	else
		sent_again(e, c, r->dir, r->seq, &d);
}

void network_counts(struct conn_network *n, uint32_t rtt_us, uint32_t min_rtt_us, uint32_t needless,
		    const uint32_t dup_acks[2])
{
	if (rtt_us)
		n->rtt_us = rtt_us;
	if (min_rtt_us)
		n->min_rtt_us = min_rtt_us;
	if (needless)
		n->needless = needless;
	for (int dir = 0; dir < 2; dir++)
		if (dup_acks[dir])
			n->dup_acks[dir] = dup_acks[dir];
}

void network_flow(struct engine *e, const struct zc_ev_flow *f)
{
	struct conn *c = conn_find(&e->conns, f->ev.conn);

	if (!c)
		return;
	network_counts(&c->network, f->rtt_us, f->min_rtt_us, f->needless, f->dup_acks);
	if (e->opt.on_flow)
		traffic_counts(c, (const uint64_t[2]){f->bytes[0], f->bytes[1]},
			       (const uint64_t[2]){f->packets[0], f->packets[1]}, f->ev.time);
}

/* Since when bytes that leave now had been written, while nothing left at all; 0: not for long. */
static uint64_t stalled_since(const struct conn *c, uint32_t seq, uint64_t time)
{
	const struct half_io *io = c->half[ZC_TX].io;
	const struct io_mark *m = io ? &io->mark[(io->n - 1) % CONN_IO_MARKS] : NULL;
	const struct sent *s = &c->network.sent;
	uint64_t since;

	if (!m || (int32_t)(m->seq - seq) <= 0)
		return 0;
	since = m->time;
	if (s->n && s->time > since)
		since = s->time;
	return time > since + PATIENCE ? since : 0;
}

void network_left(struct conn *c, uint64_t time)
{
	struct delay d = {.dir = ZC_TX, .from = c->network.stalled, .until = time, .unsent = 1};

	c->network.stalled = 0;
	delay_all(c, &d);
}

void network_sent(struct engine *e, struct conn *c, uint32_t seq, uint32_t len, uint64_t time)
{
	struct delay d = {.from = time, .until = time, .doubtful = 1, .inferred = 1};

	c->network.stalled = c->network.at_socket ? stalled_since(c, seq, time) : 0;
	if (c->network.stalled && c->ops && c->request_dir != ZC_TX)
		network_left(c, time);
	if (!sent_add(&c->network.sent, seq + len, time) && c->network.at_socket)
		sent_again(e, c, ZC_TX, seq, &d);
}

/* ---- windows */

void network_window(struct engine *e, const struct zc_ev_window *w)
{
	struct conn *c = conn_find(&e->conns, w->ev.conn);
	struct delay d = {.dir = !w->dir, .until = w->ev.time, .window = 1};
	uint64_t *since;

	if (!c || c->forgotten)
		return;
	since = &c->network.closed_since[w->dir];
	d.from = *since;
	if (d.from)
		delay_all(c, &d);
	*since = w->ev.flags & ZC_WINDOW_CLOSED ? w->ev.time : 0;
}

static const struct conn *socket_of(const struct exchange *x)
{
	return x->conn->socket ? x->conn->socket : x->conn;
}

void network_settle(struct exchange *x, uint64_t now)
{
	const struct conn *c = socket_of(x);
	uint64_t end = x->aborted && x->end < now ? x->end : now;

	if (x->resp_done && !x->aborted)
		return;
	for (int dir = 0; dir < 2; dir++) {
		uint64_t since = c->network.closed_since[dir];

		if (!since)
			continue;
		if (dir != x->conn->request_dir ? !x->req_done || x->req_unsized
						  : x->resp_first != SPAN_UNKNOWN) {
			x->network.window_dir = (uint8_t)(1 + dir);
			count_time(x, since, end, &x->network.window_ns);
		}
	}
}

/* ---- what spans tell */

static struct str side(const struct exchange *x, int dir)
{
	return dir == x->conn->request_dir ? (struct str){"client", 6} : (struct str){"server", 6};
}

/* Who sent the first FIN or RST: 1 + its direction, and when. 0: nobody. */
static int first_to_end(const struct conn *c, uint64_t *time)
{
	int by = 0;

	for (int dir = 0; dir < 2; dir++) {
		uint64_t fin = c->half[dir].reasm.fin_time;

		if (fin && (!by || fin < *time)) {
			by = 1 + dir;
			*time = fin;
		}
	}
	if (c->network.reset_time && (!by || c->network.reset_time < *time)) {
		by = 1 + c->network.reset_dir;
		*time = c->network.reset_time;
	}
	return by;
}

/*
 * Who closed the connection before the response was complete. Where it was sent to its end all the
 * same, the client had closed; one that does so together with its request waits for the response.
 */
static int closed_by(const struct exchange *x, const struct conn *c)
{
	uint64_t time = 0;
	int by = x->network.ended_by ? x->network.ended_by : first_to_end(c, &time);

	if (!by || x->error == SPAN_ERR_REFUSED || x->counts_notices || c->given_up)
		return 0;
	if (x->protocol->flags & NAME_CONNECTION && x->error != SPAN_ERR_RESET &&
	    x->error != SPAN_ERR_CLOSED)
		return 0; /* each of them ends */
	if (x->aborted || x->network.ended_by)
		return by;
	if (by - 1 != x->conn->request_dir || !x->resp_done || x->resp_last == SPAN_UNKNOWN ||
	    time >= x->resp_last || x->req_first == SPAN_UNKNOWN ||
	    time < x->req_first + HALF_CLOSE ||
	    c->network.half_closed & 1u << (by - 1))
		return 0;
	return by;
}

/* What it cost x, which most exchanges have nothing of. */
static void cost_attrs(const struct exchange *x, struct attr_list *l)
{
	const struct exchange_network *n = &x->network;

	if (n->retransmits)
		attr_list_number(l, ATTR(retransmits), n->retransmits);
	if (n->ns)
		attr_list_number(l, ATTR(net), n->ns);
	if (n->inferred && n->ns > n->window_ns)
		attr_list_text(l, ATTR(net_evidence), (struct str){"inferred", 8});
	if (n->window_ns)
		attr_list_number(l, ATTR(window), n->window_ns);
	if (n->window_dir)
		attr_list_text(l, ATTR(window_by), side(x, n->window_dir - 1));
}

void network_attrs(const struct exchange *x, struct attr_list *l)
{
	const struct exchange_network *n = &x->network;
	const struct conn *c = socket_of(x);
	int by = closed_by(x, c), reset = 0;

	if (x->error == SPAN_ERR_RESET)
		reset = n->ended_by ? n->ended_by
			: c->network.reset_time ? 1 + c->network.reset_dir : 0;
	if (reset)
		attr_list_text(l, ATTR(reset_by), side(x, reset - 1));
	if (by)
		attr_list_text(l, ATTR(closed_by), side(x, by - 1));
	if (c->network.rtt_us)
		attr_list_number(l, ATTR(rtt), c->network.rtt_us * 1000ull);
	if (n->ns | n->retransmits | n->window_dir)
		cost_attrs(x, l);
}
