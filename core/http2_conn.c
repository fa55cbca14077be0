#include "core/http2_conn.h"

#include <stdlib.h>
#include <string.h>

#include "core/pending_read.h"
#include "core/engine_impl.h"
#include "core/exchange_h2.h"
#include "core/exchange_link.h"
#include "core/exchange_same.h"
#include "core/http2_stream.h"
#include "parsers/http1/http1.h"
#include "parsers/http2/http2_protocol.h"
#include "parsers/tls/tls.h"

/* Calls of the parser in a row that consume nothing. */
#define MAX_IDLE_CALLS 8

/* Content of a frame that is worth not to be copied. */
#define LONG_DATA 4096u

/* Octets that may go by without a frame before this was no HTTP/2 after all. */
#define MAX_UNRECOGNIZED (4u << 20)

static void count_bytes(const struct conn *c, struct exchange *x, const struct http2_event *ev)
{
	*(http2_is_response(c, ev->dir) ? &x->resp_bytes : &x->req_bytes) += ev->wire;
}

/* ---- streams */

/* END_STREAM from whoever sent ev; pos: behind it. */
static void end_side(struct conn *c, struct half *h, struct http2_stream *s, unsigned dir,
		     uint64_t pos)
{
	struct exchange *x = s->x;

	if (!http2_is_response(c, dir)) {
		x->req_done = 1;
	} else if (!x->resp_done) {
		http2_stall(&s->stall, 0, h->last_time);
		x->resp_last = h->last_time;
		x->resp_end = pos;
		x->resp_done = 1;
	}
	if (x->req_done && x->resp_done) {
		http2_stream_finish(c, s);
	} else if (x->resp_done) {
		/* no longer for its I/O, but for the rest of the request */
		list_unlink(&x->timer);
		list_append(&c->engine->waiting, &x->timer);
		http2_stream_end_soon(c, s);
	}
}

/* ---- the beginnings */

static struct http2_stream *add_stream(struct conn *c, struct exchange *x)
{
	struct http2_conn *h2 = http2_of(c);
	struct list *l = list_empty(&h2->ending) ? &h2->open : &h2->ending;
	struct http2_stream *s;

	if (h2->nstreams >= HTTP2_CONN_MAX_STREAMS)
		http2_stream_abandon(c, list_entry(l->next, struct http2_stream, node));
	s = http2_stream_add(c, x);
	if (!s)
		exchange_put(c->engine, x);
	else
		http2_flow_open(h2->parser, &s->flow);
	return s;
}

/* When the application read or wrote the request's first octet, if it has. */
static void find_io(struct conn *c, struct half *h, struct exchange *x)
{
	const struct io_mark *m = half_io_passing(h, x->req_pos);

	if (m)
		pending_read_set_io(x, m);
	else
		list_append(&http2_of(c)->no_io, &x->timer);
}

static struct http2_stream *open_request(struct conn *c, struct half *h,
					 const struct http2_event *ev, uint64_t pos)
{
	struct http2_conn *h2 = http2_of(c);
	struct http2_stream *s;
	struct exchange *x;

	if (ev->type == HTTP2_EV_HEADERS && http2_stream_was_closed(h2, ev->stream_id))
		return NULL; /* recognised too late: it is shown already, as not seen */
	x = exchange_new(c->engine, c);
	if (!x)
		return NULL;
	c->requested = 1;
	x->req_pos = pos;
	x->req_first = reasm_time(&h->reasm, pos);
	exchange_h2_request(c->engine, x, ev);
	http2_note_request(h2, x->stream_id, ev->guess);
	s = add_stream(c, x);
	if (!s)
		return NULL;
	/* its answer may be missed, until frames are recognised there */
	if (http2_is_lost(h2->parser, !c->request_dir) || http2_may_have_skipped(c, x))
		http2_stream_miss(c, s, !c->request_dir);
	if (ev->type == HTTP2_EV_PUSH_PROMISE)
		x->req_done = x->io_done = 1; /* the server speaks for the client */
	else
		find_io(c, h, x);
	return s;
}

/* May the request of a response be among what has come, but is not understood yet? */
static int may_follow(const struct conn *c)
{
	return reasm_kept(&c->half[c->request_dir].reasm).n != 0;
}

/* A response whose request was not seen. NULL: it is the rest of a stream that is over. */
static struct http2_stream *orphan_response(struct conn *c, const struct http2_event *ev,
					    uint64_t pos)
{
	struct http2_conn *h2 = http2_of(c);
	struct exchange *x;

	if (http2_stream_was_closed(h2, ev->stream_id))
		return NULL;
	x = exchange_new(c->engine, c);
	if (!x)
		return NULL;
	x->protocol = &http2_protocol.name;
	x->stream_id = ev->stream_id;
	x->incomplete = SPAN_REQUEST_NOT_SEEN;
	if (c->preexisting && (!h2->first_request || ev->stream_id < h2->first_request))
		x->incomplete |= SPAN_ATTACHED_LATE;
	else
		x->incomplete |= conn_missing(c);
	x->req_pos = pos;
	x->io_done = 1;
	x->req_done = !may_follow(c);
	return add_stream(c, x);
}

static int is_orphan(const struct http2_stream *s)
{
	return (s->x->incomplete & SPAN_REQUEST_NOT_SEEN) != 0;
}

/* The request of an orphan is seen after all: a stream's number is used once. */
static void adopt(struct conn *c, struct half *h, struct http2_stream *s,
		  const struct http2_event *ev, uint64_t pos)
{
	struct exchange *x = s->x;

	c->requested = 1;
	x->incomplete &= ~(uint32_t)SPAN_REQUEST_NOT_SEEN;
	x->req_done = x->io_done = 0;
	x->req_pos = pos;
	x->req_first = reasm_time(&h->reasm, pos);
	exchange_h2_request(c->engine, x, ev);
	if (x->payload && x->resp_body_bytes) /* it has gone by */
		x->payload->dir[1].gapped = x->payload->dir[1].unsound = 1;
	http2_note_request(http2_of(c), x->stream_id, ev->guess);
	list_unlink(&x->timer);
	find_io(c, h, x);
}

/* ---- flow control */

static void review_stall(struct conn *c, struct http2_stream *s, uint64_t time)
{
	const struct http2 *parser = http2_of(c)->parser;

	if (s->answered && !s->x->resp_done)
		http2_stall(&s->stall, http2_blocked(parser, !c->request_dir, &s->flow), time);
}

/* The connection's window, or the initial one of streams, may have changed. */
static void review_stalls(struct conn *c, uint64_t time, int settings)
{
	struct http2_conn *h2 = http2_of(c);
	int64_t window = http2_window(h2->parser, !c->request_dir, NULL);
	uint8_t closed = window != HTTP2_UNKNOWN && window <= 0;

	if (closed == h2->window_closed && !settings)
		return;
	h2->window_closed = closed;
	for (struct list *n = h2->open.next; n != &h2->open; n = n->next)
		review_stall(c, list_entry(n, struct http2_stream, node), time);
}

/* ---- frames */

/*
 * What the block says by itself is not enough. Names are inferred from what it is: so, if trailers
 * may have come in its place, it stays ambiguous, and is taken for a head without them.
 */
static void classify(struct conn *c, struct http2_stream *s, struct http2_event *ev)
{
	struct http2 *parser = http2_of(c)->parser;

	if (http2_is_response(c, ev->dir)) {
		if (s && s->answered)
			http2_classify(parser, ev, HTTP2_TRAILERS);
		else if (s && !is_orphan(s) && !http2_stream_missed(c, s))
			http2_classify(parser, ev, HTTP2_RESPONSE);
	} else {
		if (s && !is_orphan(s))
			http2_classify(parser, ev, HTTP2_TRAILERS);
		else if (ev->stream_id > http2_of(c)->last_request)
			http2_classify(parser, ev, HTTP2_REQUEST);
	}
}

static struct http2_stream *on_response(struct conn *c, struct half *h, struct http2_stream *s,
					const struct http2_event *ev, uint64_t pos)
{
	if (!s && !(ev->flags & HTTP2_INTERIM))
		s = orphan_response(c, ev, pos);
	if (s && ev->flags & HTTP2_INTERIM && ev->flags & (HTTP2_TRUNCATED | HTTP2_BLOCK_LONG))
		s->x->resp_uncounted = 1;
	if (!s || ev->flags & HTTP2_INTERIM)
		return s;
	/* what was taken for the response may have been an interim one whose status was unseen */
	if (s->answered && (ev->flags & HTTP2_END_STREAM || s->x->status)) {
		exchange_h2_trailers(s->x, 1, ev);
		return s;
	}
	http2_stream_missed(c, s);
	s->answered = 1;
	s->x->resp_first = reasm_time(&h->reasm, pos);
	exchange_h2_response(c->engine, s->x, ev);
	return s;
}

/* s begins, and was reset before its request was recognised: the time tells which of the two was
 * first. */
static struct http2_stream *settle_reset(struct conn *c, struct http2_stream *s)
{
	const struct http2_conn *h2 = http2_of(c);
	uint32_t n = h2->nresets < HTTP2_RESETS ? h2->nresets : HTTP2_RESETS;

	for (uint32_t i = 0; i < n; i++)
		if (h2->reset[i].stream_id == s->id) {
			http2_stream_abort(c, s, h2->reset[i].time, SPAN_ERR_RESET,
					   h2->reset[i].error);
			return NULL;
		}
	return s;
}

static void on_headers(struct conn *c, struct half *h, struct http2_event *ev, uint64_t pos)
{
	struct http2_stream *s = http2_stream_find(http2_of(c), ev->stream_id);
	int which = http2_is_response(c, ev->dir), maybe;

	if (ev->kind == HTTP2_AMBIGUOUS)
		classify(c, s, ev);
	maybe = ev->kind == HTTP2_AMBIGUOUS;
	if (which && (ev->kind == HTTP2_RESPONSE || maybe))
		s = on_response(c, h, s, ev, pos - ev->wire);
	else if (!which && (ev->kind == HTTP2_REQUEST || maybe) && !s)
		s = open_request(c, h, ev, pos - ev->wire);
	else if (!which && (ev->kind == HTTP2_REQUEST || maybe) && is_orphan(s))
		adopt(c, h, s, ev, pos - ev->wire);
	else if (s)
		exchange_h2_trailers(s->x, which, ev);
	if (!s)
		return;
	http2_of(c)->whole |= (uint8_t)exchange_reads_content(s->x, which);
	count_bytes(c, s->x, ev);
	if (!s->guess[which])
		s->guess[which] = ev->guess;
	http2_stream_touch(c, s);
	s = settle_reset(c, s);
	if (s && ev->flags & HTTP2_END_STREAM)
		end_side(c, h, s, ev->dir, pos);
}

static void on_data(struct conn *c, struct half *h, const struct http2_event *ev, uint64_t pos)
{
	struct http2_stream *s = http2_stream_find(http2_of(c), ev->stream_id);
	int which = http2_is_response(c, ev->dir);

	http2_of(c)->data_stream[ev->dir] = ev->flags & HTTP2_FRAME_END ? 0 : ev->stream_id;
	if (which)
		review_stalls(c, h->last_time, 0);
	if (!s)
		return;
	count_bytes(c, s->x, ev);
	if (ev->flags & HTTP2_PADDING_UNSEEN)
		*(which ? &s->x->resp_uncounted : &s->x->req_uncounted) = 1;
	exchange_content(c->engine, s->x, which, ev->data, ev->gap);
	if (ev->charged)
		http2_stream_touch(c, s);
	/* its head was among what is missing */
	if (which && !s->answered) {
		http2_stream_miss(c, s, ev->dir);
		s->missed[1] = HTTP2_MISSED_CONTENT;
	}
	if (which) {
		http2_flow_event(&s->flow, ev);
		review_stall(c, s, h->last_time);
	}
	if (ev->flags & HTTP2_END_STREAM)
		end_side(c, h, s, ev->dir, pos);
}

/* Bytes of h wait for more, as nobody knows yet whether they are frames: they may be any. */
static void skip_kept(struct conn *c, struct half *h, uint64_t time)
{
	if (http2_is_lost(http2_of(c)->parser, h == &c->half[ZC_TX]) && reasm_kept(&h->reasm).n)
		http2_skipped(c, h, time);
}

static void on_reset(struct conn *c, struct half *h, const struct http2_event *ev)
{
	struct http2_stream *s = http2_stream_find(http2_of(c), ev->stream_id);

	if (s) {
		skip_kept(c, &c->half[!c->request_dir], h->last_time);
		count_bytes(c, s->x, ev);
		s->x->network.ended_by = (uint8_t)(1 + (h == &c->half[ZC_TX]));
		if (http2_is_response(c, ev->dir) && s->missed[0])
			http2_stream_doubt(c, s); /* its client may have reset it before */
		http2_stream_abort(c, s, h->last_time, SPAN_ERR_RESET, ev->error);
	} else if (http2_is_response(c, ev->dir) && may_follow(c)) {
		http2_of(c)->reset[http2_of(c)->nresets++ % HTTP2_RESETS] =
			(struct http2_reset){h->last_time, ev->stream_id, ev->error};
	}
}

/* Streams of the other end beyond the last one were not worked on and never will be. */
static void on_goaway(struct conn *c, struct half *h, const struct http2_event *ev)
{
	struct list *lists[] = {&http2_of(c)->open, &http2_of(c)->ending};

	if (!http2_is_response(c, ev->dir))
		return;
	for (int i = 0; i < 2; i++)
		for (struct list *n = lists[i]->next, *next; n != lists[i]; n = next) {
			struct http2_stream *s = list_entry(n, struct http2_stream, node);

			next = n->next;
			if (!(s->id & 1) || s->id <= ev->last_stream)
				continue;
			if (ev->guess)
				http2_stream_doubt(c, s);
			else
				http2_stream_abort(c, s, h->last_time, SPAN_ERR_RESET, ev->error);
		}
}

static void on_window(struct conn *c, struct half *h, const struct http2_event *ev)
{
	struct http2_stream *s;

	if (!ev->stream_id) {
		review_stalls(c, h->last_time, 0);
		return;
	}
	s = http2_stream_find(http2_of(c), ev->stream_id);
	if (!s)
		return;
	count_bytes(c, s->x, ev);
	if (http2_is_response(c, ev->dir))
		return;
	http2_flow_event(&s->flow, ev);
	review_stall(c, s, h->last_time);
}

static void on_event(struct conn *c, struct half *h, struct http2_event *ev, uint64_t pos)
{
	unsigned client = http2_client(http2_of(c)->parser);

	h->unrecognized_bytes = 0;
	if (client == HTTP2_NO_DIR) {
		/* as long as nobody knows who asks, there are no streams */
		http2_skipped(c, h, h->last_time);
		return;
	}
	if (client != c->request_dir) {
		c->request_dir = (uint8_t)client;
		c->id_hash_valid = 0;
	}
	if (http2_is_false(c, ev))
		return;
	switch (ev->type) {
	case HTTP2_EV_HEADERS: on_headers(c, h, ev, pos); break;
	case HTTP2_EV_DATA: on_data(c, h, ev, pos); break;
	case HTTP2_EV_RST_STREAM: on_reset(c, h, ev); break;
	case HTTP2_EV_GOAWAY: on_goaway(c, h, ev); break;
	case HTTP2_EV_WINDOW_UPDATE: on_window(c, h, ev); break;
	case HTTP2_EV_SETTINGS: review_stalls(c, h->last_time, 1); break;
	case HTTP2_EV_LOST:
		if (ev->guess)
			http2_take_back(c, ev->dir, ev->guess);
		http2_frames_lost(c, ev->dir);
		break;
	case HTTP2_EV_PUSH_PROMISE:
		if (http2_is_response(c, ev->dir) && !http2_stream_find(http2_of(c), ev->promised))
			open_request(c, h, ev, pos - ev->wire);
		break;
	case HTTP2_EV_PREFACE:
	case HTTP2_EV_PING: break;
	}
}

/* ---- octets */

static void release(struct conn *c)
{
	struct http2_conn *h2 = http2_of(c);

	if (!h2)
		return;
	c->engine->http2_bytes -= h2->bytes;
	free(h2->parser);
	free(h2);
	c->state = NULL;
}

static void http2_end(struct conn *c, enum conn_end why);

/* It is something else. */
static void give_up(struct conn *c, size_t n)
{
	c->engine->stats.unparsed_bytes += n;
	http2_end(c, CONN_EVICTED);
	conn_opaque(c);
}

/* A client that does not know HTTP/2 has begun: in HTTP/1, or TLS. */
static int is_other_client(const struct conn *c, unsigned dir, const uint8_t *p, size_t n)
{
	return !http2_is_response(c, dir) && !c->mistaken &&
	       (http1_probe(p, n, HTTP1_REQUEST) == PROBE_YES || tls_probe(p, n, 1) == PROBE_YES);
}

/* The server spoke first, and its client answers in something else: that is looked at anew. */
static void mistaken(struct conn *c)
{
	http2_end(c, CONN_EVICTED);
	c->mistaken = 1;
	c->ops = NULL;
	c->protocol = NULL;
	c->again = 1;
}

/* The encoder in dir uses a larger table than we have. */
static void enlarge(struct conn *c, unsigned dir)
{
	struct http2_conn *h2 = http2_of(c);
	uint32_t capacity = http2_wanted(h2->parser, dir);
	size_t size = http2_size(capacity);
	struct http2 *old;
	void *mem;

	if (size <= h2->bytes || c->engine->http2_bytes + size > HTTP2_CONN_MEMORY)
		return;
	mem = malloc(size);
	if (!mem)
		return;
	c->engine->http2_bytes += size - h2->bytes;
	h2->bytes = size;
	old = h2->parser;
	h2->parser = http2_move(mem, capacity, old);
	free(old);
}

/* From the first long DATA frame on, and as long as nobody looks into content. */
static void review_frames(const struct conn *c, struct half *h, unsigned dir)
{
	const struct http2_conn *h2 = http2_of(c);

	if (h2->whole || c->engine->opt.body_bytes)
		h->frames = 0;
	else if (!h->frames)
		h->frames = http2_unneeded(h2->parser, dir) >= LONG_DATA;
}

static size_t http2_data(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	unsigned dir = h == &c->half[ZC_TX];
	struct http2_conn *h2 = http2_of(c);
	struct http2_event ev;
	size_t off = 0, used;

	if (http2_is_response(c, dir)) {
		enum probe_result other =
			h2->is_refused ? PROBE_YES : http2_is_refusal(c, h, p, n, pos);

		if (other == PROBE_MORE)
			return 0;
		if (other == PROBE_YES && n)
			http2_refuse(c, h, p, n, pos);
		if (other == PROBE_YES)
			return n;
	}
	for (int idle = 0; idle <= MAX_IDLE_CALLS;) {
		enum parse_status st = http2_next(h2->parser, dir, p + off, n - off,
						  c->engine->scratch, &used, &ev);

		off += used;
		idle = used ? 0 : idle + 1;
		if (used)
			h->last_time = reasm_time(&h->reasm, pos + off - 1);
		if (st == PARSE_EVENT) {
			on_event(c, h, &ev, pos + off);
			if (ev.type == HTTP2_EV_HEADERS && http2_wanted(h2->parser, dir))
				enlarge(c, dir);
		} else if (st == PARSE_MORE && (!used || off == n)) {
			break;
		} else if (st == PARSE_SKIPPED) {
			c->engine->stats.unparsed_bytes += used;
			h->unrecognized_bytes += used;
			if (used)
				http2_skipped(c, h, h->last_time);
			if (!used || off == n)
				break;
		} else if (st == PARSE_BAD && !off && is_other_client(c, dir, p, n)) {
			mistaken(c);
			return 0;
		} else if (st == PARSE_BAD || st == PARSE_END) {
			give_up(c, n - off);
			return n;
		}
	}
	if (h->unrecognized_bytes > MAX_UNRECOGNIZED) {
		give_up(c, n - off);
		return n;
	}
	review_frames(c, h, dir);
	if (h2->is_refused)
		http2_refuse_all(c);
	if (!list_empty(&h2->ending))
		http2_stream_reap(c);
	return off;
}

/* ---- gaps */

static void gap_event(struct conn *c, struct half *h, struct http2_event *ev, uint64_t pos,
		      enum reasm_gap why)
{
	struct engine_stats *stats = &c->engine->stats;

	if (ev->type == HTTP2_EV_DATA) {
		struct http2_stream *s = http2_stream_find(http2_of(c), ev->stream_id);
		int wanted =
			s && !exchange_unneeded(c->engine, s->x, http2_is_response(c, ev->dir));

		*(wanted ? &stats->uncaptured_bytes : &stats->skipped_bytes) += ev->gap;
		/* where no segment was seen, the time of the last octet is a guess */
		if (s && why != REASM_TRUNCATED && ev->flags & HTTP2_END_STREAM)
			s->x->incomplete |= conn_missing(c);
	}
	on_event(c, h, ev, pos);
}

static void http2_gap_seen(struct conn *c, struct half *h, uint64_t pos, uint64_t n,
			   enum reasm_gap why, struct str kept)
{
	unsigned dir = h == &c->half[ZC_TX];
	const uint8_t *p = (const uint8_t *)kept.p;
	size_t nkept = kept.n;
	struct http2_event ev;
	uint64_t used;

	if (why != REASM_TRUNCATED)
		c->lost = 1;
	h->last_time = h->reasm.cur_time;
	pos -= nkept;
	for (int i = 0; n; i++) {
		enum parse_status st = http2_gap(http2_of(c)->parser, dir, p, nkept, n,
						 c->engine->scratch, &used, &ev);

		if (used < nkept || used - nkept > n || (!used && i > MAX_IDLE_CALLS))
			break;
		n -= used - nkept;
		pos += used;
		nkept = 0;
		if (st == PARSE_EVENT)
			gap_event(c, h, &ev, pos, why);
		else if (st == PARSE_SKIPPED)
			http2_skipped(c, h, h->last_time);
		if (st != PARSE_EVENT || ev.type != HTTP2_EV_DATA)
			c->engine->stats.uncaptured_bytes += used;
	}
}

/* ---- the end */

static void http2_eof(struct conn *c, struct half *h, uint64_t time)
{
	struct http2_conn *h2 = http2_of(c);
	struct list *lists[] = {&h2->open, &h2->ending};
	unsigned dir = h == &c->half[ZC_TX];
	const struct reasm *request = &c->half[!dir].reasm;

	h->ended = 1;
	if (!http2_is_response(c, dir))
		return;
	skip_kept(c, h, time);
	if (reasm_waits(request)) /* a reset may be on its way to us */
		http2_stream_miss_all(c, !dir);
	for (int i = 0; i < 2; i++)
		while (!list_empty(lists[i])) {
			struct http2_stream *s =
				list_entry(lists[i]->next, struct http2_stream, node);

			if (!s->x->resp_done &&
			    (http2_stream_missed(c, s) || conn_answers_unread(c)))
				http2_stream_abandon(c, s);
			else
				http2_stream_abort(c, s, time, conn_end_error(c), -1);
		}
}

static void http2_end(struct conn *c, enum conn_end why)
{
	struct http2_conn *h2 = http2_of(c);
	struct list *lists[] = {&h2->ending, &h2->open};

	for (int i = 0; i < 2; i++)
		while (!list_empty(lists[i]))
			http2_stream_end(c, list_entry(lists[i]->next, struct http2_stream, node),
					 why);
	if (why != CONN_DROPPED)
		http2_refused_end(c);
	release(c);
}

/* ---- I/O */

static void http2_io(struct conn *c, const struct zc_ev_io *io)
{
	struct list *l = &http2_of(c)->no_io;
	const struct io_mark m = io_mark_of(io);

	if (io->dir != c->request_dir)
		return;
	while (!list_empty(l)) {
		struct exchange *x = list_entry(l->next, struct exchange, timer);

		if (!io_passes(io, x->req_pos))
			break;
		list_unlink(&x->timer);
		pending_read_set_io(x, &m);
	}
}

static void http2_lost(struct conn *c)
{
	struct list *l = &http2_of(c)->no_io;

	/* the I/O that matters may be among what was lost; the next one is later than the truth */
	while (!list_empty(l)) {
		struct exchange *x = list_entry(l->next, struct exchange, timer);

		list_unlink(&x->timer);
		x->io_done = 1;
		x->incomplete |= SPAN_LOST_EVENTS;
	}
}

/* ---- the beginning */

static int http2_begin(struct conn *c, const struct conn_begin *b)
{
	struct engine *e = c->engine;
	size_t size = http2_size(HPACK_DEFAULT_TABLE);
	struct http2_conn *h2;
	void *mem;

	if (!e->scratch)
		e->scratch = malloc(sizeof(*e->scratch));
	if (!e->scratch || e->http2_bytes + size > HTTP2_CONN_MEMORY)
		return 0;
	h2 = calloc(1, sizeof(*h2));
	mem = malloc(size);
	if (!h2 || !mem) {
		free(h2);
		free(mem);
		return 0;
	}
	e->http2_bytes += size;
	h2->bytes = size;
	h2->parser = http2_init(mem, HPACK_DEFAULT_TABLE, b->client, b->start);
	list_init(&h2->open);
	list_init(&h2->ending);
	list_init(&h2->no_io);
	h2->last_request = b->start ? 0 : UINT32_MAX;
	h2->all_requests = b->start != 0;
	c->state = h2;
	exchange_forget_head(c); /* its parser numbers heads anew */
	for (int d = 0; d < 2 && !b->start; d++) {
		const struct reasm *r = &c->half[d].reasm;

		if (r->next - reasm_kept(r).n > r->first)
			http2_skipped(c, &c->half[d], e->now); /* nobody knew what it was */
	}
	c->ops = &http2_conn_ops;
	c->id_hash_valid = 0;
	if (b->client != HTTP2_NO_DIR)
		c->request_dir = (uint8_t)b->client;
	/* a response overtakes no request, and what cancels it does not overtake the response */
	c->half[0].reasm.follows = c->half[1].reasm.follows = 1;
	return 1;
}

/* Stream 1 is the request x, which was answered with 101. */
static int http2_was_agreed(struct conn *c, struct exchange *x)
{
	const struct conn_begin b = {.client = c->request_dir, .start = 1};

	if (!http2_begin(c, &b))
		return 0;
	c->protocol = &http2_protocol;
	if (!x)
		return 1;
	if (x->settings.off != TEXT_NONE)
		http2_upgraded(http2_of(c)->parser,
			       (struct str){x->text.p + x->settings.off, x->settings.len});
	x->protocol = &http2_protocol.name;
	x->stream_id = 1;
	x->status = 0;
	x->resp_done = 0;
	x->resp_first = x->resp_last = SPAN_UNKNOWN;
	http2_of(c)->first_request = 1;
	add_stream(c, x);
	return 1;
}

static uint64_t http2_unneeded_of(const struct conn *c, const struct half *h)
{
	unsigned dir = h == &c->half[ZC_TX];
	const struct http2_conn *h2 = http2_of(c);
	uint64_t n = http2_unneeded(h2->parser, dir), m;
	const struct http2_stream *s;

	if (!n || !h2->data_stream[dir])
		return n;
	s = http2_stream_find(h2, h2->data_stream[dir]);
	m = s ? exchange_unneeded(c->engine, s->x, http2_is_response(c, dir)) : UINT64_MAX;
	return m < n ? m : n;
}

static void http2_each(const struct conn *c, void (*fn)(void *ctx, struct exchange *x), void *ctx)
{
	const struct http2_conn *h2 = http2_of(c);
	const struct list *lists[] = {&h2->open, &h2->ending};

	for (int i = 0; i < 2; i++)
		for (const struct list *n = lists[i]->next; n != lists[i]; n = n->next) {
			const struct http2_stream *s = list_entry(n, struct http2_stream, node);

			if (!s->x->resp_done)
				fn(ctx, s->x);
		}
}

const struct conn_ops http2_conn_ops = {
	.name = &http2_protocol.name,
	.begin = http2_begin,
	.upgraded = http2_was_agreed,
	.data = http2_data,
	.gap = http2_gap_seen,
	.eof = http2_eof,
	.io = http2_io,
	.lost = http2_lost,
	.end = http2_end,
	.unneeded = http2_unneeded_of,
	.expire = http2_stream_expire,
	.each = http2_each,
};
