/*
 * http2_guess.c - frames that were found again are a guess, until more than one frame can hold goes
 * by: they may lie in content, which may be anything. What comes then, or what the other end says,
 * may show that they were none. What they said is taken back as far as it is not shown yet.
 */
#include "core/engine_impl.h"
#include "core/http2_conn.h"
#include "core/http2_stream.h"

void http2_note_request(struct http2_conn *h2, uint32_t id, uint32_t guess)
{
	if (guess && guess != h2->guess)
		h2->requested_before = h2->requested;
	h2->guess = guess;
	if (id & 1 && h2->requested < id)
		h2->requested = id;
	if (!h2->first_request)
		h2->first_request = id;
	if (h2->last_request == UINT32_MAX || h2->last_request < id)
		h2->last_request = id;
}

void http2_frames_lost(struct conn *c, unsigned dir)
{
	struct http2_conn *h2 = http2_of(c);

	h2->lost = 1;
	if (!http2_is_response(c, dir)) {
		h2->last_request = UINT32_MAX;
		h2->all_requests = 0;
	}
	http2_skipped(c, &c->half[dir], c->half[dir].last_time);
	h2->data_stream[dir] = 0;
	http2_stream_miss_all(c, dir);
}

/* A response, if it is one, on a stream that its client has not begun. */
static int is_unasked(const struct conn *c, uint32_t id)
{
	const struct http2_conn *h2 = http2_of(c);

	if (!(id & 1) || http2_stream_was_closed(h2, id))
		return 0;
	return (h2->all_requests ||
		(h2->last_request != UINT32_MAX && id > h2->last_request)) &&
	       !http2_is_lost(h2->parser, c->request_dir) &&
	       !reasm_kept(&c->half[c->request_dir].reasm).n;
}

static int bad_request(const struct conn *c, const struct http2_stream *s,
		       const struct http2_event *ev)
{
	int known = s && !(s->x->incomplete & SPAN_REQUEST_NOT_SEEN);

	if (!(ev->stream_id & 1) || (known && s->x->req_done))
		return 1;
	if (ev->type == HTTP2_EV_DATA)
		return ev->stream_id > http2_of(c)->requested;
	if (ev->kind == HTTP2_REQUEST)
		return known || (!s && ev->stream_id <= http2_of(c)->requested);
	return known && !(ev->flags & HTTP2_END_STREAM);
}

static int bad_response(const struct conn *c, const struct http2_stream *s,
			const struct http2_event *ev)
{
	if (!s)
		return is_unasked(c, ev->stream_id);
	if (s->x->resp_done)
		return 1;
	return ev->type == HTTP2_EV_HEADERS && ev->kind == HTTP2_RESPONSE && s->answered &&
	       s->x->status && ev->status;
}

/* Does what a guess says contradict what is known, so that it was wrong? */
static int contradicts(const struct conn *c, const struct http2_stream *s,
		      const struct http2_event *ev)
{
	if (ev->type == HTTP2_EV_HEADERS && ev->flags & HTTP2_NOT_DECODED &&
	    !(ev->flags & HTTP2_BLOCK_LONG))
		return 1;
	return http2_is_response(c, ev->dir) ? bad_response(c, s, ev) : bad_request(c, s, ev);
}

/* Its request was none: it has not been. */
static void forget(struct conn *c, struct http2_stream *s)
{
	struct http2_conn *h2 = http2_of(c);
	uint32_t last = h2->last_closed;

	http2_stream_end(c, s, CONN_DROPPED);
	h2->nclosed--;
	h2->last_closed = last;
	h2->closed[h2->nclosed % HTTP2_CLOSED] = 0;
}

static void take_back(struct conn *c, struct http2_stream *s, unsigned which)
{
	struct exchange *x = s->x;

	s->guess[which] = 0;
	if ((!which && !s->answered) || (which && x->incomplete & SPAN_REQUEST_NOT_SEEN)) {
		forget(c, s);
		return;
	}
	s->missed[which] = HTTP2_MISSED_CONTENT;
	if (!which || x->resp_done)
		return;
	s->answered = 0;
	x->status = 0;
	x->resp_first = SPAN_UNKNOWN;
	x->resp_fields = (struct text){TEXT_NONE, 0};
}

void http2_take_back(struct conn *c, unsigned dir, uint32_t guess)
{
	struct http2_conn *h2 = http2_of(c);
	struct list *lists[] = {&h2->open, &h2->ending};
	unsigned which = http2_is_response(c, dir) ? 1 : 0;

	if (!which)
		h2->requested = h2->requested_before;
	for (int i = 0; i < 2; i++)
		for (struct list *n = lists[i]->next, *next; n != lists[i]; n = next) {
			struct http2_stream *s = list_entry(n, struct http2_stream, node);

			next = n->next;
			if (s->guess[which] == guess)
				take_back(c, s, which);
		}
}

int http2_is_false(struct conn *c, const struct http2_event *ev)
{
	if (!ev->guess || (ev->type != HTTP2_EV_HEADERS && ev->type != HTTP2_EV_DATA))
		return 0;
	if (!contradicts(c, http2_stream_find(http2_of(c), ev->stream_id), ev))
		return 0;
	http2_refute(http2_of(c)->parser, ev->dir);
	http2_take_back(c, ev->dir, ev->guess);
	http2_frames_lost(c, ev->dir);
	return 1;
}
