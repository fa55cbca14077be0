#include "core/tls_conn.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/tls.h"
#include "core/engine_impl.h"
#include "core/tls_info.h"
#include "core/tls_session.h"
#include "core/tls_unbound.h"
#include "parsers/tls/tls_protocol.h"

/* One direction of a handshake that goes on. */
struct way {
	struct tls parser;
	/* where and when the current record began, and the one in which the current message did */
	uint64_t record_pos, record_time, message_pos, message_time;
};

struct tls_wire {
	struct way way[2];
};

static struct tls_conn *of(const struct conn *c)
{
	return c->state;
}

static unsigned dir_of(const struct conn *c, const struct half *h)
{
	return h == &c->half[ZC_TX];
}

/* ---- spans */

static uint64_t bytes(const struct half *h)
{
	return h->reasm.started ? h->reasm.next - h->reasm.first - h->lead : 0;
}

/* A span from start to end, of what is known by now. */
static void emit(struct conn *c, uint64_t start, uint64_t end, enum span_error error,
		 uint32_t incomplete)
{
	const struct half *req = &c->half[c->request_dir], *resp = &c->half[!c->request_dir];
	struct tls_conn *t = of(c);
	struct exchange *x = exchange_new(c->engine, c);

	t->over = 1;
	if (!x)
		return;
	x->protocol = &tls_protocol.name;
	x->error = (uint8_t)error;
	x->incomplete = incomplete;
	x->req_pos = t->hs.client_hello ? t->hs.begin_pos : req->reasm.first + req->lead;
	x->req_first = start;
	x->req_bytes = bytes(req);
	x->resp_bytes = bytes(resp);
	x->req_done = x->resp_done = x->io_done = 1;
	x->aborted = !(incomplete & SPAN_IN_FLIGHT);
	x->end = end;
	if (t->sni[0])
		x->host = exchange_text(x, (struct str){t->sni, strlen(t->sni)});
	exchange_emit(c->engine, x);
}

static void emit_failed(struct conn *c, uint64_t end, enum span_error error)
{
	emit(c, of(c)->hs.begin_time, end, error, 0);
}

static void emit_whole(struct conn *c, uint64_t end, uint32_t incomplete)
{
	struct tls_conn *t = of(c);

	if (t->over || t->spoke || (c->tls_stream && c->tls_stream->nexchanges))
		return;
	if (!c->tls_stream && tls_unbound_take(c->engine, c)) {
		t->over = 1;
		return;
	}
	if (c->preexisting)
		incomplete |= SPAN_ATTACHED_LATE;
	if (c->lost)
		incomplete |= SPAN_LOST_EVENTS;
	emit(c, c->open_time ? c->open_time : t->first_time, end,
	     t->hs.state == TLS_FAILED ? SPAN_ERR_HANDSHAKE : SPAN_OK, incomplete);
}

/* ---- the handshake */

/*
 * It has ended in one way or another: nothing more is needed. If it has failed, a span follows at
 * the connection's end: the library may tell what an encrypted alert says, and that it is the one.
 */
static void end_handshake(struct conn *c)
{
	const struct engine_options *o = &c->engine->opt;

	/* by the time of its span, its process may have ended */
	if (o->tls_unseen && c->pid && !of(c)->lib && !c->tls_stream)
		o->tls_unseen(o->ctx, c->pid);
	tls_info_free_wire(c);
	c->half[0].reasm.follows = c->half[1].reasm.follows = 0;
}

/* A text for people; one with NUL is none. */
static void copy_name(char *to, size_t size, struct str s)
{
	if (s.n >= size || memchr(s.p, 0, s.n))
		return;
	memcpy(to, s.p, s.n);
	to[s.n] = '\0';
}

static void take_hello(struct conn *c, const struct tls_event *ev)
{
	struct tls_conn *t = of(c);
	const struct tls_hello *h = ev->hello;
	struct str name;
	size_t pos = 0;

	if (ev->message == TLS_CLIENT_HELLO && !t->hs.client_hello) {
		copy_name(t->sni, sizeof(t->sni), (struct str){h->sni, h->sni_len});
		memcpy(t->offered, h->alpn, h->alpn_len);
		t->offered_len = h->alpn_len;
	} else if (ev->message == TLS_SERVER_HELLO && !h->retry && tls_alpn_next(h, &pos, &name)) {
		copy_name(t->alpn, sizeof(t->alpn), name);
	}
}

/* The octets before pos, the last of which came at `now`, are an event. */
static void on_event(struct conn *c, unsigned dir, const struct tls_event *ev, uint64_t pos,
		     uint64_t now)
{
	struct tls_conn *t = of(c);
	struct way *w = &t->wire->way[dir];
	int in_message = ev->type == TLS_EV_HELLO || ev->type == TLS_EV_MESSAGE;

	if (ev->type == TLS_EV_MESSAGE) {
		w->message_pos = w->record_pos;
		w->message_time = w->record_time;
	}
	if (ev->type == TLS_EV_HELLO)
		take_hello(c, ev);
	tls_handshake_event(&t->hs, dir, ev, in_message ? w->message_pos : w->record_pos, pos,
			    in_message ? w->message_time : w->record_time, now);
	if (ev->type == TLS_EV_HELLO) {
		for (int d = 0; d < 2; d++)
			tls_negotiated(&t->wire->way[d].parser, t->hs.version);
		if (t->hs.client != TLS_NO_DIR && t->hs.client != c->request_dir) {
			c->request_dir = t->hs.client;
			c->id_hash_valid = 0;
		}
	}
	if (t->hs.state != TLS_OPENING)
		end_handshake(c);
}

/* ---- octets */

static size_t tls_data(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	struct engine_stats *stats = &c->engine->stats;
	unsigned dir = dir_of(c, h);
	size_t off = 0, used;

	while (of(c)->wire) {
		struct way *w = &of(c)->wire->way[dir];
		struct tls_event ev;
		enum parse_status st;

		if (tls_at_record(&w->parser)) {
			w->record_pos = pos + off;
			w->record_time = reasm_time(&h->reasm, pos + off);
		}
		st = tls_next(&w->parser, p + off, n - off, &used, &ev);
		off += used;
		if (used)
			h->last_time = reasm_time(&h->reasm, pos + off - 1);
		if (st == PARSE_SKIPPED) {
			stats->unparsed_bytes += used;
			of(c)->in_clear |= used &&
							  dir != of(c)->hs.client &&
							  !of(c)->hs.server_hello;
		} else if (st == PARSE_EVENT) {
			on_event(c, dir, &ev, pos + off, h->last_time);
		} else if (!used) {
			return off;
		}
	}
	if (off < n)
		h->last_time = reasm_time(&h->reasm, pos + n - 1);
	stats->skipped_bytes += n - off;
	return n;
}

static void tls_missing(struct conn *c, struct half *h, uint64_t pos, uint64_t n,
			enum reasm_gap why, struct str kept)
{
	struct engine_stats *stats = &c->engine->stats;
	unsigned dir = dir_of(c, h);
	uint64_t used;

	stats->unparsed_bytes += kept.n;
	h->last_time = h->reasm.cur_time;
	if (why != REASM_TRUNCATED)
		c->lost = 1;
	while (n && of(c)->wire) {
		struct way *w = &of(c)->wire->way[dir];
		int needed = !tls_unneeded(&w->parser);
		struct tls_event ev;
		enum parse_status st = tls_gap(&w->parser, n, &used, &ev);

		*(needed ? &stats->uncaptured_bytes : &stats->skipped_bytes) += used;
		pos += used;
		n -= used;
		if (st == PARSE_EVENT)
			on_event(c, dir, &ev, pos, h->last_time);
	}
	stats->skipped_bytes += n;
}

/* ---- the end */

static void finish(struct conn *c, uint64_t time)
{
	struct tls_conn *t = of(c);
	struct tls_handshake *hs = &t->hs;

	if (t->wire)
		tls_handshake_end(hs);
	if (hs->state == TLS_FAILED && hs->client_hello && !t->over)
		emit_failed(c, hs->end_time, SPAN_ERR_HANDSHAKE);
	else if (hs->state == TLS_OPENING && t->wire && hs->client_hello && !c->lost && !t->over)
		emit_failed(c, time, hs->alert_dir != TLS_NO_DIR ? SPAN_ERR_HANDSHAKE
				     : t->in_clear		 ? SPAN_ERR_PROTOCOL
								 : conn_end_error(c));
	else
		emit_whole(c, time, 0);
	tls_info_free_wire(c);
	t->over = 1;
}

static void tls_end_half(struct conn *c, struct half *h, uint64_t time)
{
	unsigned dir = dir_of(c, h);
	struct tls_event ev;

	if (!h->ended && of(c)->wire &&
	    tls_eof(&of(c)->wire->way[dir].parser, &ev) == PARSE_EVENT)
		on_event(c, dir, &ev, h->reasm.next, h->last_time);
	h->ended = 1;
	if (of(c)->last_time < time)
		of(c)->last_time = time;
	if (c->half[0].ended && c->half[1].ended && !of(c)->over)
		finish(c, of(c)->last_time);
}

static void tls_end(struct conn *c, enum conn_end why)
{
	const struct tls_conn *t = of(c);
	const struct tls_handshake *hs = &t->hs;

	if (why != CONN_DROPPED && hs->state == TLS_FAILED && hs->client_hello && !t->over)
		emit_failed(c, hs->end_time, SPAN_ERR_HANDSHAKE);
	else if (why != CONN_DROPPED)
		emit_whole(c, 0, SPAN_IN_FLIGHT);
	tls_info_free_wire(c);
	of(c)->over = 1;
}

/* ---- */

static void tls_io(struct conn *c, const struct zc_ev_io *io)
{
	(void)c;
	(void)io;
}

static void tls_lost(struct conn *c)
{
	(void)c; /* what matters of it shows as a gap */
}

static uint64_t tls_not_needed(const struct conn *c, const struct half *h)
{
	return of(c)->wire
		       ? tls_unneeded(&of(c)->wire->way[dir_of(c, h)].parser)
		       : UINT64_MAX;
}

static int tls_quiet(struct conn *c)
{
	/* without exchanges it may be of a protocol that is not known; then the octets count */
	if (of(c)->wire || !c->tls_stream->nexchanges)
		return 0;
	tls_info_bind(c);
	return 1;
}

static void tls_each(const struct conn *c, void (*fn)(void *ctx, struct exchange *x), void *ctx)
{
	(void)c;
	(void)fn;
	(void)ctx;
}

static int tls_begin(struct conn *c, const struct conn_begin *b)
{
	struct tls_conn *t = calloc(1, sizeof(*t));
	struct tls_event ev;
	uint64_t used;

	if (!t)
		return 0;
	c->state = t;
	t->lib = c->tls_stream ? c->tls_stream->session->lib : 0;
	c->ops = &tls_conn_ops;
	c->request_dir = c->role == ZC_ROLE_CLIENT ? ZC_TX : ZC_RX;
	c->id_hash_valid = 0;
	t->first_time = reasm_time(&b->half->reasm, b->pos);
	t->in_clear = c->mistaken; /* what the server said first was no TLS */
	c->engine->tls_clients |= c->role == ZC_ROLE_CLIENT;
	tls_handshake_init(&t->hs);
	if (c->engine->tls_opening < TLS_CONN_MAX_OPENING)
		t->wire = calloc(1, sizeof(*t->wire));
	if (!t->wire)
		return 1;
	c->engine->tls_opening++;
	for (int d = 0; d < 2; d++) {
		tls_init(&t->wire->way[d].parser);
		/* joined somewhere: the parser must find a record, not expect one */
		if (c->preexisting &&
		    tls_gap(&t->wire->way[d].parser, 1, &used, &ev) == PARSE_EVENT)
			tls_gap(&t->wire->way[d].parser, 1, &used, &ev);
	}
	return 1;
}

const struct conn_ops tls_conn_ops = {
	.name = &tls_protocol.name,
	.begin = tls_begin,
	.data = tls_data,
	.gap = tls_missing,
	.eof = tls_end_half,
	.io = tls_io,
	.lost = tls_lost,
	.end = tls_end,
	.unneeded = tls_not_needed,
	.quiet = tls_quiet,
	.each = tls_each,
};
