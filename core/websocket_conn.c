#include "core/websocket_conn.h"

#include "core/engine_impl.h"

static int is_response(const struct conn *c, const struct half *h)
{
	return h != &c->half[c->request_dir];
}

static struct exchange *take(struct conn *c)
{
	struct exchange *x = c->upgraded;

	c->upgraded = NULL;
	if (!x)
		return NULL;
	c->engine->stats.in_flight--;
	c->nqueued--;
	return x;
}

/* Both ends are through, or the connection is. */
static void finish(struct conn *c, uint64_t time)
{
	struct exchange *x = take(c);

	conn_opaque(c);
	if (!x)
		return;
	x->resp_done = 1;
	if (x->payload && payload_closed(x->payload)) {
		x->resp_last = time;
	} else {
		/* what was sent and not seen may have closed it */
		if (reasm_waits(&c->half[ZC_RX].reasm) || reasm_waits(&c->half[ZC_TX].reasm))
			x->incomplete |= conn_missing(c);
		x->aborted = 1;
		x->end = time;
		if (conn_answers_unread(c))
			x->incomplete |= SPAN_READ_NOT_SEEN;
		else if (!(x->incomplete & conn_missing(c)))
			x->error = conn_end_error(c);
	}
	exchange_emit(c->engine, x);
}

static size_t websocket_data(struct conn *c, struct half *h, const uint8_t *p, size_t n,
			     uint64_t pos)
{
	struct exchange *x = c->upgraded;
	int which = is_response(c, h);

	h->last_time = reasm_time(&h->reasm, pos + n - 1);
	*(which ? &x->resp_bytes : &x->req_bytes) += n;
	exchange_content(c->engine, x, which, (struct str){(const char *)p, n}, 0);
	if (x->payload && payload_closed(x->payload))
		finish(c, h->last_time);
	return n;
}

static void websocket_gap(struct conn *c, struct half *h, uint64_t pos, uint64_t n,
			  enum reasm_gap why, struct str kept)
{
	struct engine_stats *stats = &c->engine->stats;
	struct exchange *x = c->upgraded;
	int which = is_response(c, h);

	(void)pos;
	if (!x)
		return;
	if (exchange_unneeded(c->engine, x, which) >= n) {
		stats->skipped_bytes += n;
	} else {
		stats->uncaptured_bytes += n;
		x->incomplete |= conn_missing(c);
	}
	if (why != REASM_TRUNCATED)
		c->lost = 1;
	h->last_time = h->reasm.cur_time;
	*(which ? &x->resp_bytes : &x->req_bytes) += n + kept.n;
	exchange_content(c->engine, x, which, (struct str){NULL, 0}, n + kept.n);
}

static void websocket_eof(struct conn *c, struct half *h, uint64_t time)
{
	h->ended = 1;
	if (is_response(c, h))
		finish(c, time);
}

static void websocket_io(struct conn *c, const struct zc_ev_io *io)
{
	(void)c;
	(void)io;
}

static void websocket_lost(struct conn *c)
{
	if (c->upgraded)
		c->upgraded->incomplete |= SPAN_LOST_EVENTS;
}

static void websocket_end(struct conn *c, enum conn_end why)
{
	struct exchange *x = take(c);

	if (!x)
		return;
	x->incomplete |= SPAN_IN_FLIGHT;
	if (why == CONN_DROPPED)
		exchange_put(c->engine, x);
	else
		exchange_emit(c->engine, x);
}

static uint64_t websocket_unneeded(const struct conn *c, const struct half *h)
{
	return exchange_unneeded(c->engine, c->upgraded, is_response(c, h));
}

static void websocket_each(const struct conn *c, void (*fn)(void *ctx, struct exchange *x),
			   void *ctx)
{
	if (c->upgraded)
		fn(ctx, c->upgraded);
}

static int websocket_upgraded(struct conn *c, struct exchange *x)
{
	if (!x)
		return 0;
	c->ops = &websocket_conn_ops;
	c->upgraded = x;
	c->engine->stats.in_flight++;
	c->nqueued++;
	x->protocol = &websocket_name;
	x->resp_done = 0;
	exchange_count_messages(c->engine, x, PAYLOAD_WEBSOCKET);
	return 1;
}

const struct conn_ops websocket_conn_ops = {
	.name = &websocket_name,
	.upgraded = websocket_upgraded,
	.data = websocket_data,
	.gap = websocket_gap,
	.eof = websocket_eof,
	.io = websocket_io,
	.lost = websocket_lost,
	.end = websocket_end,
	.unneeded = websocket_unneeded,
	.each = websocket_each,
};
