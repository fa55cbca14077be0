/*
 * http2_refused.c - a server that does not know HTTP/2, and answers the preface in something else
 *
 * Most answer in HTTP/1, some in HTML without a head (HTTP/0.9). The preface alone is enough for
 * them, so that requests may come behind their answer, or none at all.
 */
#include <string.h>

#include "core/engine_impl.h"
#include "core/http2_conn.h"
#include "core/http2_stream.h"
#include "parsers/http1/http1.h"
#include "parsers/http2/http2_protocol.h"

#define FRAME_HEAD 9u
#define SETTINGS 4u

enum probe_result http2_is_refusal(const struct conn *c, const struct half *h, const uint8_t *p,
				   size_t n, uint64_t pos)
{
	if (!n || pos != h->reasm.first)
		return PROBE_NO;
	if (!memcmp(p, "HTTP/1.", n < 7 ? n : 7))
		return n < 12 ? PROBE_MORE : http1_probe(p, n, HTTP1_RESPONSE);
	/* RFC 9113, section 3.4: a server's first frame is SETTINGS, of the connection */
	if (c->session || !h->reasm.from_syn || n < FRAME_HEAD)
		return PROBE_NO;
	return p[3] != SETTINGS || p[5] || p[6] || p[7] || p[8] ? PROBE_YES : PROBE_NO;
}

static unsigned status_of(const uint8_t *p)
{
	return memcmp(p, "HTTP/1.", 7) ? 0
				       : (p[9] - '0') * 100u + (p[10] - '0') * 10u + (p[11] - '0');
}

static void fill(const struct http2_conn *h2, struct exchange *x)
{
	x->status = h2->refused.status;
	x->resp_first = h2->refused.first;
	x->resp_bytes = h2->refused.bytes;
	x->resp_uncounted = 1;
	x->error = SPAN_ERR_PROTOCOL;
	if (!x->status)
		x->incomplete |= SPAN_BAD_FRAMING;
}

void http2_refuse_all(struct conn *c)
{
	struct http2_conn *h2 = http2_of(c);
	struct list *lists[] = {&h2->open, &h2->ending};

	for (int i = 0; i < 2; i++)
		while (!list_empty(lists[i])) {
			struct http2_stream *s =
				list_entry(lists[i]->next, struct http2_stream, node);

			fill(h2, s->x);
			http2_stream_abort(c, s, h2->refused.last, SPAN_ERR_PROTOCOL, -1);
		}
}

void http2_refuse(struct conn *c, const struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	struct http2_conn *h2 = http2_of(c);

	c->engine->stats.unparsed_bytes += n;
	if (!h2->is_refused) {
		h2->is_refused = 1;
		h2->refused.status = (uint16_t)status_of(p);
		h2->refused.first = reasm_time(&h->reasm, pos);
	}
	h2->refused.bytes += n;
	h2->refused.last = reasm_time(&h->reasm, pos + n - 1);
	http2_refuse_all(c);
}

void http2_refused_end(struct conn *c)
{
	struct http2_conn *h2 = http2_of(c);
	const struct half *req = &c->half[c->request_dir];
	struct exchange *x;

	if (!h2->is_refused || c->nexchanges)
		return;
	x = exchange_new(c->engine, c);
	if (!x)
		return;
	x->protocol = &http2_protocol.name;
	x->incomplete = SPAN_REQUEST_NOT_SEEN;
	x->req_pos = req->reasm.first;
	fill(h2, x);
	x->req_done = x->resp_done = x->io_done = x->aborted = 1;
	x->end = h2->refused.last;
	exchange_emit(c->engine, x);
}
