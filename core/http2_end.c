/*
 * http2_end.c - how streams of HTTP/2 end, and what may be missing of them
 */
#include "core/engine_impl.h"
#include "core/exchange_h2.h"
#include "core/http2_conn.h"
#include "core/http2_stream.h"
#include "core/pending_read.h"

/* Frames of s in direction dir may be missing from here on. */
void http2_stream_miss(struct conn *c, struct http2_stream *s, unsigned dir)
{
	struct exchange *x = s->x;
	int which = http2_is_response(c, dir), done = which ? x->resp_done : x->req_done;
	uint8_t what = done || (which && !s->answered) ? HTTP2_MISSED_BEFORE : HTTP2_MISSED_CONTENT;

	if (s->missed[which] < what)
		s->missed[which] = what;
	if (!done || !which) /* behind a request's end its client may still open windows */
		*(which ? &x->resp_uncounted : &x->req_uncounted) = 1;
	if (!s->ending)
		http2_stream_end_soon(c, s);
}

void http2_stream_miss_all(struct conn *c, unsigned dir)
{
	struct http2_conn *h2 = http2_of(c);

	for (struct list *n = h2->ending.next; n != &h2->ending; n = n->next)
		http2_stream_miss(c, list_entry(n, struct http2_stream, node), dir);
	while (!list_empty(&h2->open))
		http2_stream_miss(c, list_entry(h2->open.next, struct http2_stream, node), dir);
}

void http2_stream_doubt(struct conn *c, struct http2_stream *s)
{
	unsigned dir = !c->request_dir;

	http2_stream_miss(c, s, dir);
	s->missed[1] = HTTP2_MISSED_CONTENT;
}

static uint32_t why_missed(const struct conn *c)
{
	return c->lost || http2_of(c)->lost || !c->preexisting ? conn_missing(c)
							       : SPAN_ATTACHED_LATE;
}

void http2_skipped(struct conn *c, const struct half *h, uint64_t time)
{
	struct http2_conn *h2 = http2_of(c);
	unsigned dir = h == &c->half[ZC_TX];

	h2->skipped[dir] = time;
	h2->skipped_need[dir] = reasm_need_at_most(&h->reasm);
}

/* A request may have been seen late, but what was sent before it arrived does not answer it. */
int http2_may_have_skipped(const struct conn *c, const struct exchange *x)
{
	const struct http2_conn *h2 = http2_of(c);
	unsigned dir = !c->request_dir;

	/* what the server promises it says itself, in positions of its own */
	if (h2->skipped_need[dir] && !c->session && x->stream_id & 1)
		return h2->skipped_need[dir] > x->req_pos;
	return h2->skipped[dir] >= x->req_first;
}

int http2_stream_missed(const struct conn *c, struct http2_stream *s)
{
	if (s->missed[1] == HTTP2_MISSED_BEFORE && !s->answered &&
	    !http2_may_have_skipped(c, s->x)) {
		s->missed[1] = 0; /* frames were looked for, and the first bytes were some */
		s->x->resp_uncounted = 0;
	}
	return s->missed[0] || s->missed[1];
}

/* A message of which some may be missing says so. What comes before a head, or behind an end, is no
 * part of it. */
static void tell_missed(const struct conn *c, struct http2_stream *s)
{
	if (!http2_stream_missed(c, s))
		return;
	if (s->missed[0] == HTTP2_MISSED_CONTENT || s->missed[1] == HTTP2_MISSED_CONTENT ||
	    (s->missed[1] && !s->answered))
		s->x->incomplete |= why_missed(c);
}

/* Nothing more is expected of s. */
void http2_stream_finish(struct conn *c, struct http2_stream *s)
{
	struct exchange *x = s->x;

	tell_missed(c, s);
	http2_stream_remove(c, s);
	exchange_h2_end(x);
	if (!pending_read_add(c, x))
		exchange_emit(c->engine, x);
}

/* The stream ended before its response did, in a way that was seen. */
void http2_stream_abort(struct conn *c, struct http2_stream *s, uint64_t time,
			enum span_error error, int64_t code)
{
	struct exchange *x = s->x;

	http2_stall(&s->stall, 0, time);
	if (x->resp_done) {
		x->req_cut = !x->req_done;
		x->req_unsized |= x->req_cut;
	} else {
		x->aborted = 1;
		x->end = time;
		x->error_code = code;
		if (!x->error)
			x->error = (uint8_t)error;
	}
	x->req_done = x->resp_done = 1;
	http2_stream_finish(c, s);
}

/* What becomes of s is not known. */
void http2_stream_abandon(struct conn *c, struct http2_stream *s)
{
	struct exchange *x = s->x;

	if (!x->req_done && !(x->incomplete & SPAN_REQUEST_NOT_SEEN))
		x->req_unsized = 1;
	if (!x->resp_done) {
		x->resp_unsized = 1;
		if (!s->answered)
			x->incomplete |= SPAN_RESPONSE_NOT_SEEN;
		if (http2_stream_missed(c, s))
			x->incomplete |= why_missed(c);
		else if (conn_answers_unread(c))
			x->incomplete |= SPAN_READ_NOT_SEEN;
		else if (s->answered)
			x->incomplete |= SPAN_IN_FLIGHT;
	}
	http2_stream_finish(c, s);
}

void http2_stream_end(struct conn *c, struct http2_stream *s, enum conn_end why)
{
	uint8_t answered = s->answered;
	struct exchange *x = s->x;

	tell_missed(c, s);
	http2_stream_remove(c, s);
	exchange_h2_end(x);
	if (why == CONN_DROPPED) {
		exchange_put(c->engine, x);
		return;
	}
	if (!x->resp_done)
		x->incomplete |=
			why == CONN_FINISHED || answered ? SPAN_IN_FLIGHT : SPAN_RESPONSE_NOT_SEEN;
	exchange_emit(c->engine, x);
}

void http2_stream_reap(struct conn *c)
{
	struct list *ending = &http2_of(c)->ending;

	while (!list_empty(ending)) {
		struct http2_stream *s = list_entry(ending->next, struct http2_stream, node);

		if (s->used + HTTP2_CONN_DOUBT > c->engine->now)
			break;
		http2_stream_abandon(c, s);
	}
}

void http2_stream_expire(struct conn *c, struct exchange *x)
{
	struct http2_stream *s = http2_stream_find(http2_of(c), x->stream_id);

	list_unlink(&x->timer);
	if (s && s->x == x)
		http2_stream_abandon(c, s);
}
