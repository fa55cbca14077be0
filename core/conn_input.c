#include "core/conn_input.h"

#include "core/detect.h"
#include "core/engine_impl.h"
#include "core/exchange_link.h"
#include "core/pending_read.h"
#include "core/policy.h"

#define LINGER 20000000ull /* ns: events of a connection may follow its CLOSE by this */
/* The same of a TLS stream: a call of the library is told when it returns, and its thread may wait
 * for a processor until then. */
#define LINGER_CALL 200000000ull
#define REMIND 64u	   /* segments captured for nothing before that is said again */

/* ---- the life of a connection */

struct conn *conn_new(struct engine *e, uint64_t cookie)
{
	struct conn *c;

	c = conn_add(&e->conns, cookie);
	if (!c)
		return NULL;
	c->engine = e;
	c->used = c->born = e->now;
	c->preexisting = 1; /* until something shows that it is not */
	return c;
}

int conn_close(struct engine *e, struct conn *c, uint64_t time)
{
	if (list_linked(&c->closing))
		return 0;
	c->end_time = time;
	c->expires = e->now + (c->session ? LINGER_CALL : LINGER);
	list_append(c->session ? &e->closing_streams : &e->closing, &c->closing);
	return 1;
}

void conn_end_exchanges(struct conn *c, enum conn_end why)
{
	const struct conn_ops *ops = c->ops;

	if (why == CONN_DROPPED)
		pending_read_drop(c);
	else
		pending_read_flush(c, NULL);
	if (ops)
		ops->end(c, why);
}

void conn_lost(struct conn *c)
{
	const struct conn_ops *ops = c->ops;

	c->lost = 1;
	c->missing = SPAN_LOST_EVENTS;
	if (ops)
		ops->lost(c);
	pending_read_lost(c);
}

/* ---- struct reasm_sink */

static struct half *half_of(struct reasm *s)
{
	return list_entry(s, struct half, reasm);
}

static struct reasm_sink sink_of(struct engine *e, struct conn *c);

static size_t detect(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	struct half *other = &c->half[h == &c->half[ZC_RX]];
	enum probe_result both = protocol_detect_answered(c->engine, c, other, p, n);
	struct reasm_sink k = sink_of(c->engine, c);

	if (both == PROBE_YES) {
		reasm_again(&other->reasm, &k);
		c->again = 0;
	}
	if (c->ops)
		return c->ops->data(c, h, p, n, pos);
	return c->opaque ? n : protocol_detect(c->engine, c, h, p, n, pos, both == PROBE_WAIT);
}

static inline size_t take_data(struct conn *c, struct half *h, const uint8_t *p, size_t n,
			       uint64_t pos)
{
	size_t used = n;

	if (c->ops && !h->ended)
		used = c->ops->data(c, h, p, n, pos);
	else if (!c->ops && !c->opaque)
		used = detect(c, h, p, n, pos);
	else if (c->opaque)
		c->engine->stats.skipped_bytes += n;
	else
		c->engine->stats.unparsed_bytes += n;
	if (c->opaque)
		policy_nothing(c->engine, c);
	return used;
}

/*
 * Looks at bytes in a row that consume none. A protocol that begins, and at once has another one
 * begin, would go on so for ever, where what is kept of the other direction has it begin again.
 */
#define MAX_IDLE_LOOKS 8

static inline size_t take_all(struct conn *c, struct half *h, const uint8_t *p, size_t n,
			      uint64_t pos)
{
	unsigned idle = 0;
	size_t off = 0, used;

	do {
		c->again = 0;
		used = take_data(c, h, p + off, n - off, pos + off);
		off += used;
		idle = used ? 0 : idle + 1;
		if (idle == MAX_IDLE_LOOKS) {
			conn_opaque(c);
			return off + take_data(c, h, p + off, n - off, pos + off);
		}
	} while (c->again && (off < n || c->switching));
	return off;
}

static size_t sink_data(void *ctx, struct reasm *s, const uint8_t *p, size_t n, uint64_t pos)
{
	return take_all(ctx, half_of(s), p, n, pos);
}

static void sink_gap(void *ctx, struct reasm *s, uint64_t pos, uint64_t n, enum reasm_gap why,
		     struct str kept)
{
	struct conn *c = ctx;
	struct half *h = half_of(s);

	if (!c->ops && !c->opaque && kept.n)
		protocol_detect_torn(c, h, kept, pos - kept.n);
	h->mid_line = 0;
	if (c->ops && !h->ended) {
		c->again = 0;
		c->missing = why == REASM_MISSING ? SPAN_LOST_EVENTS : SPAN_NOT_CAPTURED;
		c->ops->gap(c, h, pos, n, why, kept);
		if (c->again)
			take_data(c, h, (const uint8_t *)"", 0, pos + n);
		return;
	}
	if (c->opaque) {
		c->engine->stats.skipped_bytes += n;
		return;
	}
	*(h->cap == POLICY_PEEK ? &c->engine->stats.skipped_bytes
				: &c->engine->stats.uncaptured_bytes) += n;
	c->engine->stats.unparsed_bytes += kept.n;
	if (!c->ops && !c->opaque) {
		/* there may have been messages, but for what nobody wanted to see */
		if (why != REASM_TRUNCATED || h->cap != POLICY_PEEK)
			c->lost = 1;
		if (why == REASM_TRUNCATED)
			c->missing = SPAN_NOT_CAPTURED;
		policy_unrecognized(c->engine, c, h, n + kept.n);
	}
}

static struct reasm_sink sink_of(struct engine *e, struct conn *c)
{
	return (struct reasm_sink){sink_data, sink_gap, c, &e->pool};
}

/* ---- what comes */

/* Order in which directions are worked on: requests before their responses. */
int conn_first_dir(const struct conn *c)
{
	return c->ops ? c->request_dir : ZC_RX;
}

void conn_flush(struct engine *e, struct conn *c)
{
	struct reasm_sink k = sink_of(e, c);
	struct reasm *s, *peer;
	uint64_t before;

	if (c->forgotten)
		return;
	s = &c->half[conn_first_dir(c)].reasm;
	peer = &c->half[!conn_first_dir(c)].reasm;
	do {
		before = s->next + peer->next;
		reasm_flush(s, peer, &k, e->now);
		reasm_flush(peer, s, &k, e->now);
	} while (s->next + peer->next != before);
	reasm_flush(s, NULL, &k, e->now);
	reasm_flush(peer, NULL, &k, e->now);
}

void conn_end_half(struct conn *c, int d, uint64_t time)
{
	struct half *h = &c->half[d];
	const struct conn_ops *ops = c->ops;

	if (ops)
		ops->eof(c, h, h->reasm.fin_time && !c->reset ? h->reasm.fin_time : time);
}

static void run_streams(struct engine *e, struct conn *c)
{
	struct reasm_sink k = sink_of(e, c);
	int d = conn_first_dir(c), waits;

	if (reasm_is_ahead(&c->half[d].reasm, &c->half[!d].reasm))
		d = !d;
	waits = reasm_run(&c->half[d].reasm, &c->half[!d].reasm, &k, e->now);
	waits |= reasm_run(&c->half[!d].reasm, &c->half[d].reasm, &k, e->now);
	if (!waits)
		list_unlink(&c->stalled);
	else if (!list_linked(&c->stalled))
		list_append(&e->stalled, &c->stalled);
}

/* After octets or ends have come: what follows from it. */
void conn_settle(struct engine *e, struct conn *c)
{
	int d;

	if (reasm_waits(&c->half[0].reasm) || reasm_waits(&c->half[1].reasm))
		run_streams(e, c);
	else if (list_linked(&c->stalled))
		list_unlink(&c->stalled);
	d = conn_first_dir(c);
	if (reasm_at_end(&c->half[d].reasm))
		conn_end_half(c, d, e->now);
	if (reasm_at_end(&c->half[!d].reasm))
		conn_end_half(c, !d, e->now);
	if (e->opt.on_policy || policy_peeks(c))
		policy_update(e, c);
}

void conn_segment(struct engine *e, struct conn *c, int dir, const struct reasm_seg *g)
{
	struct reasm_sink k = sink_of(e, c);

	/* the kernel side has few slots: another connection may have taken this one's */
	if (!c->half[dir].cap && g->cap_len && e->opt.on_policy && !c->datagram &&
	    ++c->unasked % REMIND == 0)
		policy_send(e, c);
	if (c->opaque) {
		e->stats.skipped_bytes += g->len;
		return;
	}
	/* what has waited for long enough comes first, requests before what answers them */
	if (list_linked(&c->stalled))
		run_streams(e, c);
	reasm_add(&c->half[dir].reasm, &c->half[!dir].reasm, &k, g);
	conn_settle(e, c);
}

/*
 * Is s the next of its direction, whole, and does nothing wait in either of them? Its sender had
 * received what was delivered, no more and no less.
 */
static inline int is_next(const struct conn *c, const struct zc_ev_segment *s)
{
	const unsigned flags = ZC_TCP_ACK | ZC_TCP_SYN | ZC_TCP_FIN | ZC_TCP_RST;
	const struct half *h = &c->half[s->dir & 1];
	const struct reasm *r = &h->reasm, *peer = &c->half[!(s->dir & 1)].reasm;

	return (s->tcp_flags & flags) == ZC_TCP_ACK && s->orig_len && s->cap_len == s->orig_len &&
	       !(s->cap_off | s->lost | s->lib) && c->ops &&
	       !list_linked(&c->stalled) && h->cap && !h->ended && !r->keep &&
	       reasm_goes_on(r, s->seq, s->orig_len) && reasm_goes_on(peer, s->ack, 0);
}

int conn_next(struct engine *e, struct conn *c, const struct zc_ev_segment *s)
{
	const uint8_t *p = (const uint8_t *)(s + 1);
	int dir = s->dir & 1;
	struct half *h = &c->half[dir];
	uint64_t pos = h->reasm.next;
	size_t used;

	if (!is_next(c, s))
		return 0;
	c->half[!dir].ack_hint = s->ack;
	c->half[!dir].hint_valid = 1;
	if (dir == ZC_TX)
		network_sent(e, c, s->seq, s->orig_len, s->ev.time);
	reasm_come(&h->reasm, s->ev.time, c->half[!dir].reasm.next);
	h->reasm.next += s->orig_len;
	used = take_all(c, h, p, s->orig_len, pos);
	if (used < s->orig_len) {
		const struct reasm_sink k = sink_of(e, c);

		reasm_left(&h->reasm, &k, p + used, s->orig_len - used);
	}
	if (e->opt.on_policy || policy_peeks(c))
		policy_update(e, c);
	if (c->network.stalled)
		network_left(c, s->ev.time);
	return 1;
}

/* The exchange of whose message more is read than its first octet, which is enough for all else. */
static const struct exchange *being_read(const struct conn *c)
{
	const struct exchange *x = c->request_dir == ZC_RX ? c->tail : c->head;

	return x && x->io_done && !x->resp_done ? x : NULL;
}

static void note_read(struct conn *c, const struct exchange *x, const struct zc_ev_io *io)
{
	const struct io_mark m = io_mark_of(io);

	exchange_link_read(c->engine, x, &m);
}

void conn_io(struct engine *e, struct conn *c, const struct zc_ev_io *io)
{
	const struct conn_ops *ops = c->ops;
	struct half *h = &c->half[io->dir & 1];
	const struct exchange *x;

	e->io_seen = 1;
	half_io_add(h, io);
	if (c->wait_head)
		pending_read_io(c, io);
	x = being_read(c); /* of what begins to be read with this, ops tell */
	if (ops)
		ops->io(c, io);
	if (io->dir == ZC_RX && !c->opaque && x && x == being_read(c))
		note_read(c, x, io);
	/* what was read has come in; what was written may be still to go out */
	if (io->dir == ZC_RX && h->reasm.started && !c->opaque) {
		reasm_prove(&h->reasm, reasm_pos(&h->reasm, io->seq), io->ev.time);
		if (h->reasm.proven > h->reasm.next)
			conn_settle(e, c);
	}
}

void conn_bound(struct engine *e, struct conn *c)
{
	policy_send(e, c);
	if (c->socket)
		policy_update(e, c->socket);
}

void conn_ignore(struct engine *e, struct conn *c)
{
	conn_end_exchanges(c, CONN_DROPPED);
	policy_nothing(e, c);
}
