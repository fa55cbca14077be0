#include "core/http1_conn.h"

#include <string.h>
#include <strings.h>

#include "core/pending_read.h"
#include "core/engine_impl.h"
#include "core/exchange_link.h"
#include "core/http2_conn.h"
#include "core/websocket_conn.h"

/* Calls of the parser in a row that consume nothing; ABORT and END are the only ones with a reason. */
#define MAX_IDLE_CALLS 8

/* Why a message ends without its END. */
enum cut {
	CUT_BROKEN, /* what came cannot be understood */
	CUT_GAP,    /* octets of it are missing here */
	CUT_ENDED,  /* the connection ended */
};

static int is_request(const struct conn *c, const struct half *h)
{
	return h == &c->half[c->request_dir];
}

/* ---- the queue */

static void enqueue(struct conn *c, struct exchange *x)
{
	if (c->tail)
		c->tail->next = x;
	else
		c->head = x;
	c->tail = x;
	x->next = NULL;
	c->nqueued++;
	c->engine->stats.in_flight++;
	if (!c->no_io)
		c->no_io = x;
}

/* Takes the oldest out. */
static struct exchange *dequeue(struct conn *c)
{
	struct exchange *x = c->head;

	c->head = x->next;
	if (!c->head)
		c->tail = NULL;
	if (c->no_io == x)
		c->no_io = x->next;
	for (int d = 0; d < 2; d++)
		if (c->half[d].x == x)
			c->half[d].x = NULL;
	x->next = NULL;
	c->nqueued--;
	c->engine->stats.in_flight--;
	return x;
}

/* Both messages are complete, or as complete as they will be; x is in no queue. */
static void complete(struct conn *c, struct exchange *x)
{
	if (pending_read_add(c, x))
		return;
	/* spans of a connection come in order */
	pending_read_flush(c, NULL);
	exchange_emit(c->engine, x);
}

static int is_queued(const struct exchange *x)
{
	return !(x->incomplete & SPAN_REQUEST_NOT_SEEN);
}

/* x is through, if the other message is so as well. */
static void settle(struct conn *c, struct exchange *x)
{
	if (!x->resp_done || !x->req_done)
		return;
	if (is_queued(x))
		dequeue(c);
	if (x->status == 101 && c->upgrade && !c->upgraded)
		c->upgraded = x; /* the end of HTTP/1 follows */
	else
		complete(c, x);
}

/* The oldest request will not get its response from us any more. */
static void drop_oldest(struct conn *c)
{
	struct exchange *x = dequeue(c);

	if (!x->resp_done) {
		x->resp_unsized = 1;
		if (!x->resp_started)
			x->incomplete |= SPAN_RESPONSE_NOT_SEEN;
		if (c->lost)
			x->incomplete |= SPAN_LOST_EVENTS;
	}
	complete(c, x);
}

/* ---- what comes after HTTP/1 */

enum { UPGRADE_NONE, UPGRADE_WEBSOCKET, UPGRADE_H2C };

static int equal(struct str s, const char *lower)
{
	return s.p && s.n == strlen(lower) && !strncasecmp(s.p, lower, s.n);
}

static struct str field_value(struct str fields, const char *lower)
{
	struct str name, value;
	size_t pos = 0;

	while (http1_field_next(fields, &pos, &name, &value))
		if (equal(name, lower))
			return value;
	return (struct str){NULL, 0};
}

static uint8_t upgrade_of(struct str fields)
{
	struct str to = field_value(fields, "upgrade");

	if (equal(to, "websocket"))
		return UPGRADE_WEBSOCKET;
	return equal(to, "h2c") ? UPGRADE_H2C : UPGRADE_NONE;
}

/* ---- requests */

static struct exchange *begin_request(struct conn *c, struct half *h, const struct http1_event *ev,
				      uint64_t pos)
{
	const struct reasm *resp = &c->half[!c->request_dir].reasm;
	struct exchange *x;
	const struct io_mark *m;

	if (c->nqueued >= HTTP1_CONN_MAX_QUEUE)
		drop_oldest(c);
	/* a request that knows of all the response that we know of, and yet does not wait for it */
	if (c->head && !c->head->resp_done && !c->resp_gap &&
	    (!resp->started || h->reasm.cur_need <= resp->next))
		c->pipelined = 1;
	x = exchange_new(c->engine, c);
	if (!x)
		return NULL;
	c->requested = 1;
	x->req_pos = pos;
	x->req_first = reasm_time(&h->reasm, pos);
	exchange_request(c->engine, x, ev);
	if (ev->flags & HTTP1_UPGRADE)
		x->settings = exchange_text(x, field_value(ev->fields, "http2-settings"));
	enqueue(c, x);
	m = half_io_passing(h, pos);
	if (m) {
		if (c->no_io == x)
			c->no_io = NULL;
		pending_read_set_io(x, m);
	}
	return x;
}

static void end_request(struct conn *c, struct half *h, uint64_t pos)
{
	struct exchange *x = h->x;

	h->in_message = 0;
	h->x = NULL;
	if (!x)
		return;
	x->req_bytes = pos - h->msg_pos;
	x->req_done = 1;
	settle(c, x);
}

static void abort_request(struct conn *c, struct half *h, uint64_t pos, enum cut why)
{
	struct exchange *x = h->x;

	if (!x) {
		h->in_message = 0;
		return;
	}
	if (why == CUT_GAP) {
		x->req_unsized = 1;
		x->incomplete |= SPAN_LOST_EVENTS;
	} else if (why == CUT_BROKEN) {
		x->incomplete |= SPAN_BAD_FRAMING;
		x->error = SPAN_ERR_PROTOCOL;
	}
	end_request(c, h, pos);
}

static void request_event(struct conn *c, struct half *h, const struct http1_event *ev,
			  uint64_t pos)
{
	switch (ev->type) {
	case HTTP1_EV_HEAD:
		h->msg_pos = pos - ev->head_len;
		h->in_message = 1;
		h->unrecognized_bytes = 0;
		h->x = begin_request(c, h, ev, h->msg_pos);
		break;
	case HTTP1_EV_CONTENT:
		if (h->x)
			exchange_content(c->engine, h->x, 0, ev->data, ev->gap);
		break;
	case HTTP1_EV_TRAILERS:
		break;
	case HTTP1_EV_END:
		end_request(c, h, pos);
		break;
	case HTTP1_EV_ABORT:
		abort_request(c, h, pos, CUT_BROKEN);
		break;
	}
}

/* ---- responses */

/* Was this request seen by whoever sent what h delivers now? */
static int was_known(const struct half *h, const struct exchange *x)
{
	return !h->reasm.cur_need || x->req_pos < h->reasm.cur_need;
}

/* The request that a response answers which starts now; NULL: none that is certain. */
static struct exchange *answered(const struct conn *c, const struct half *h)
{
	struct exchange *x = c->head;

	if (!x || x->resp_done || !was_known(h, x))
		return NULL;
	if (!c->resp_gap)
		return x;
	if (c->pipelined && x->next && was_known(h, x->next))
		return NULL;
	while (x->next && was_known(h, x->next))
		x = x->next;
	/* the request of this response may be one that was lost */
	if (c->req_gap > x->req_pos && (!h->reasm.cur_need || c->req_gap < h->reasm.cur_need))
		return NULL;
	return x;
}

static void expect(struct conn *c, struct half *h)
{
	const struct exchange *x = answered(c, h);
	struct str method = {"GET", 3};

	if (x && x->method.off != TEXT_NONE)
		method = (struct str){x->text.p + x->method.off, x->method.len};
	http1_expect(&h->parser, method);
}

/* Like answered(), and ends the requests whose responses were lost. */
static struct exchange *take_answered(struct conn *c, struct half *h)
{
	struct exchange *x = answered(c, h);

	if (!c->resp_gap)
		return x;
	c->resp_gap = 0;
	while (c->head && c->head != x && !c->head->resp_done && was_known(h, c->head))
		drop_oldest(c);
	return x;
}

/* A response whose request was not seen, outside of the queue. */
static struct exchange *orphan_response(struct conn *c, uint64_t pos)
{
	struct exchange *x = exchange_new(c->engine, c);

	if (!x)
		return NULL;
	x->incomplete = SPAN_REQUEST_NOT_SEEN;
	if (c->lost)
		x->incomplete |= SPAN_LOST_EVENTS;
	if (c->preexisting && !c->requested)
		x->incomplete |= SPAN_ATTACHED_LATE;
	x->req_pos = pos;
	x->req_done = 1;
	x->io_done = 1;
	return x;
}

static void begin_response(struct conn *c, struct half *h, const struct http1_event *ev,
			   uint64_t pos)
{
	struct exchange *x = take_answered(c, h);

	h->msg_pos = pos;
	h->in_message = 1;
	h->unrecognized_bytes = 0;
	if (!x && !ev->interim)
		x = orphan_response(c, pos);
	h->x = x;
	if (!x)
		return;
	x->resp_started = 1;
	if (ev->interim)
		return;
	x->resp_first = reasm_time(&h->reasm, pos);
	exchange_response(c->engine, x, ev);
	if (ev->status == 101)
		c->upgrade = upgrade_of(ev->fields);
}

/* The message in h ends before pos. */
static void end_response(struct conn *c, struct half *h, uint64_t pos, int interim)
{
	struct exchange *x = h->x;

	h->in_message = 0;
	h->x = NULL;
	if (!x)
		return;
	x->resp_bytes += pos - h->msg_pos;
	if (interim)
		return;
	x->resp_last = h->last_time;
	x->resp_end = pos;
	x->resp_done = 1;
	settle(c, x);
}

/* Is a response that was not seen perhaps one that we missed? */
static int lossy(const struct conn *c)
{
	return c->resp_gap && c->lost;
}

/* The connection ended before x had its response, or seems to have. */
static void cut_response(struct conn *c, struct exchange *x, uint64_t time)
{
	x->req_done = 1;
	x->resp_done = 1;
	if (lossy(c)) {
		x->resp_unsized = 1;
		x->incomplete |= SPAN_LOST_EVENTS;
		if (!x->resp_started)
			x->incomplete |= SPAN_RESPONSE_NOT_SEEN;
		return;
	}
	x->aborted = 1;
	x->end = time;
	if (!x->error)
		x->error = c->reset ? SPAN_ERR_RESET : SPAN_ERR_CLOSED;
}

static void abort_response(struct conn *c, struct half *h, uint64_t pos, enum cut why,
			   uint64_t time)
{
	struct exchange *x = h->x;

	if (why != CUT_ENDED)
		c->resp_gap = 1;
	if (x) {
		x->resp_unsized = why != CUT_ENDED;
		if (why == CUT_GAP)
			x->incomplete |= SPAN_LOST_EVENTS;
		if (why == CUT_BROKEN) {
			x->incomplete |= SPAN_BAD_FRAMING;
			x->error = SPAN_ERR_PROTOCOL;
		}
		if (why == CUT_ENDED)
			cut_response(c, x, time);
	}
	end_response(c, h, pos, 0);
}

static void response_event(struct conn *c, struct half *h, const struct http1_event *ev,
			   uint64_t pos)
{
	switch (ev->type) {
	case HTTP1_EV_HEAD:
		begin_response(c, h, ev, pos - ev->head_len);
		break;
	case HTTP1_EV_CONTENT:
		if (h->x)
			exchange_content(c->engine, h->x, 1, ev->data, ev->gap);
		break;
	case HTTP1_EV_TRAILERS:
		break;
	case HTTP1_EV_END:
		end_response(c, h, pos, ev->interim);
		break;
	case HTTP1_EV_ABORT:
		abort_response(c, h, pos, CUT_BROKEN, 0);
		break;
	}
}

static void message_event(struct conn *c, struct half *h, const struct http1_event *ev, uint64_t pos)
{
	if (is_request(c, h))
		request_event(c, h, ev, pos);
	else
		response_event(c, h, ev, pos);
}

/* Octets between messages in which there may have been messages. */
static void note_loss(struct conn *c, const struct half *h, uint64_t pos)
{
	if (is_request(c, h))
		c->req_gap = pos;
	else
		c->resp_gap = 1;
}

/* ---- exchanges that end before their time */

/* What has gone by so far of the messages that are being parsed. */
static void count_partial(struct conn *c)
{
	struct half *req = &c->half[c->request_dir], *resp = &c->half[!c->request_dir];

	if (req->x)
		req->x->req_bytes = req->reasm.next - req->msg_pos;
	if (resp->x)
		resp->x->resp_bytes += resp->reasm.next - resp->msg_pos;
}

static void end_one(struct conn *c, struct exchange *x, enum conn_end why)
{
	if (why == CONN_DROPPED) {
		exchange_put(c->engine, x);
		return;
	}
	if (!x->resp_done) {
		if (why == CONN_FINISHED || x->resp_started)
			x->incomplete |= SPAN_IN_FLIGHT;
		else
			x->incomplete |= SPAN_RESPONSE_NOT_SEEN;
	}
	exchange_emit(c->engine, x);
}

/* Ends the exchanges whose messages are not complete. */
static void end_open(struct conn *c, enum conn_end why)
{
	struct half *resp = &c->half[!c->request_dir];
	struct exchange *lone = resp->x && !is_queued(resp->x) ? resp->x : NULL;

	count_partial(c);
	if (lone) {
		resp->x = NULL;
		end_one(c, lone, why);
	}
	while (c->head)
		end_one(c, dequeue(c), why);
}

/* ---- octets */

/* This connection speaks something else from here on. Returns how many of the octets it took. */
static size_t upgrade(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	struct exchange *x = c->upgraded;

	c->upgraded = NULL;
	end_open(c, CONN_EVICTED);
	if (x && c->upgrade == UPGRADE_WEBSOCKET) {
		websocket_conn_begin(c, x);
		return n ? websocket_conn_ops.data(c, h, p, n, pos) : 0;
	}
	if (c->upgrade == UPGRADE_H2C && http2_conn_begin(c, 1, c->request_dir)) {
		if (x)
			http2_conn_upgraded(c, x);
		return n ? http2_conn_ops.data(c, h, p, n, pos) : 0;
	}
	if (x)
		complete(c, x);
	c->protocol = CONN_OPAQUE;
	c->engine->stats.skipped_bytes += n;
	return n;
}

static size_t http1_conn_data(struct conn *c, struct half *h, const uint8_t *p, size_t n,
			      uint64_t pos)
{
	struct http1_event ev;
	size_t off = 0, used;
	int idle = 0;

	for (;;) {
		enum parse_status st;

		if (!h->in_message && !is_request(c, h))
			expect(c, h);
		st = http1_next(&h->parser, p + off, n - off, &used, &ev);
		off += used;
		if (used)
			h->last_time = reasm_time(&h->reasm, pos + off - 1);
		idle = used ? 0 : idle + 1;
		switch (st) {
		case PARSE_EVENT:
			message_event(c, h, &ev, pos + off);
			break;
		case PARSE_MORE:
			if (!used || off == n)
				return off;
			break;
		case PARSE_END:
			return off + upgrade(c, h, p + off, n - off, pos + off);
		case PARSE_SKIPPED:
		case PARSE_BAD:
			c->engine->stats.unparsed_bytes += used;
			h->unrecognized_bytes += used;
			note_loss(c, h, pos + off - used);
			break;
		}
		if (idle > MAX_IDLE_CALLS) {
			c->engine->stats.unparsed_bytes += n - off;
			return n;
		}
	}
}

/* ---- gaps */

/*
 * Parses what there is of a head that is not complete: its complete lines. Returns 1 with *ev
 * pointing into buf, which has room for n + 2 octets.
 */
static int parse_torn_head(struct conn *c, struct half *h, struct str kept, uint8_t *buf,
			   struct http1_event *ev)
{
	const char *lf = memrchr(kept.p, '\n', kept.n);
	int request = is_request(c, h);
	struct http1 parser;
	const char *space;
	size_t n, used;

	if (lf) {
		n = (size_t)(lf - kept.p) + 1;
		memcpy(buf, kept.p, n);
		memcpy(buf + n, "\r\n", 2);
		http1_init(&parser, request ? HTTP1_REQUEST : HTTP1_RESPONSE);
		while (http1_next(&parser, buf, n + 2, &used, ev) == PARSE_MORE && used) {
			buf += used;
			n -= used;
		}
		return ev->type == HTTP1_EV_HEAD && ev->head_len;
	}
	space = memchr(kept.p, ' ', kept.n);
	if (!request || !space ||
	    http1_probe((const uint8_t *)kept.p, kept.n, HTTP1_REQUEST) == PROBE_NO)
		return 0;
	ev->minor = 1;
	ev->method = (struct str){kept.p, (size_t)(space - kept.p)};
	return 1;
}

/* A head was being put together when a gap came: what is known of it becomes an exchange. */
static void torn_head(struct conn *c, struct half *h, uint64_t pos, enum reasm_gap why,
		      struct str kept)
{
	uint32_t bits = SPAN_TRUNCATED_HEAD | (why == REASM_MISSING ? SPAN_LOST_EVENTS : 0);
	struct http1_event ev = {0};
	size_t size;
	uint8_t *buf = pool_get(&c->engine->pool, kept.n + 2, &size);

	if (!buf)
		return;
	if (!is_request(c, h))
		expect(c, h);
	if (!parse_torn_head(c, h, kept, buf, &ev)) {
		pool_put(&c->engine->pool, buf, size);
		return;
	}
	if (is_request(c, h)) {
		h->x = begin_request(c, h, &ev, pos - kept.n);
		if (h->x) {
			h->x->incomplete |= bits;
			h->x->req_unsized = 1;
		}
		end_request(c, h, pos);
	} else {
		begin_response(c, h, &ev, pos - kept.n);
		if (h->x) {
			h->x->incomplete |= bits;
			h->x->resp_unsized = 1;
		}
		end_response(c, h, pos, ev.interim);
	}
	pool_put(&c->engine->pool, buf, size);
}

static void gap_event(struct conn *c, struct half *h, struct http1_event *ev, uint64_t pos,
		      uint64_t used, enum reasm_gap why)
{
	struct engine_stats *stats = &c->engine->stats;

	if (ev->type == HTTP1_EV_ABORT) {
		note_loss(c, h, pos);
		if (is_request(c, h))
			abort_request(c, h, pos, CUT_GAP);
		else
			abort_response(c, h, pos, CUT_GAP, 0);
		return;
	}
	if (ev->type == HTTP1_EV_CONTENT) {
		int wanted = h->x && !exchange_unneeded(c->engine, h->x, !is_request(c, h));

		*(wanted ? &stats->uncaptured_bytes : &stats->skipped_bytes) += used;
		/* where no segment was seen, the time of the last octet is a guess */
		if (why == REASM_MISSING && h->x && !http1_unneeded(&h->parser))
			h->x->incomplete |= SPAN_LOST_EVENTS;
	}
	message_event(c, h, ev, pos + used);
}

static void http1_conn_gap(struct conn *c, struct half *h, uint64_t pos, uint64_t n,
			   enum reasm_gap why, struct str kept)
{
	struct engine_stats *stats = &c->engine->stats;
	struct http1_event ev;
	uint64_t used;

	if (why != REASM_TRUNCATED)
		c->lost = 1;
	h->last_time = h->reasm.cur_time;
	if (kept.n && !h->in_message)
		torn_head(c, h, pos, why, kept);
	else
		stats->unparsed_bytes += kept.n;
	/* at most an END, an ABORT, content, another END, and the rest */
	for (int i = 0; n && i < MAX_IDLE_CALLS; i++) {
		switch (http1_gap(&h->parser, n, &used, &ev)) {
		case PARSE_EVENT:
			gap_event(c, h, &ev, pos, used, why);
			break;
		case PARSE_END:
			stats->skipped_bytes += used;
			break;
		default:
			note_loss(c, h, pos);
			stats->uncaptured_bytes += used;
			break;
		}
		pos += used;
		n -= used;
	}
	/* an END that is due behind content that was missing does not wait for the next octet */
	if (c->protocol == CONN_HTTP1 && h->in_message)
		http1_conn_data(c, h, (const uint8_t *)"", 0, pos);
}

/* ---- the end */

static void end_parser(struct conn *c, struct half *h, uint64_t time)
{
	uint64_t pos = h->reasm.next;
	struct http1_event ev;

	h->ended = 1;
	c->engine->stats.unparsed_bytes += reasm_kept(&h->reasm).n;
	for (int i = 0; i < MAX_IDLE_CALLS && http1_eof(&h->parser, &ev) == PARSE_EVENT; i++) {
		/* content until close has ended, or just ends here */
		if (h->x && !is_request(c, h) && lossy(c))
			h->x->incomplete |= SPAN_LOST_EVENTS;
		if (ev.type != HTTP1_EV_ABORT)
			message_event(c, h, &ev, pos);
		else if (is_request(c, h))
			abort_request(c, h, pos, CUT_ENDED);
		else
			abort_response(c, h, pos, CUT_ENDED, time);
	}
}

static void http1_conn_eof(struct conn *c, struct half *h, uint64_t time)
{
	if (!h->ended)
		end_parser(c, h, time);
	if (is_request(c, h))
		return;
	count_partial(c);
	while (c->head) {
		if (!c->head->resp_done)
			cut_response(c, c->head, time);
		complete(c, dequeue(c));
	}
}

static void http1_conn_end(struct conn *c, enum conn_end why)
{
	struct exchange *x = c->upgraded;

	c->upgraded = NULL;
	if (x)
		end_one(c, x, why);
	end_open(c, why);
}

/* ---- I/O */

static void http1_conn_io(struct conn *c, const struct zc_ev_io *io)
{
	const struct io_mark m = io_mark_of(io);

	if (io->dir != c->request_dir)
		return;
	while (c->no_io && (c->no_io->io_done || io_passes(io, c->no_io->req_pos))) {
		pending_read_set_io(c->no_io, &m);
		c->no_io = c->no_io->next;
	}
}

static void http1_conn_lost(struct conn *c)
{
	/* the I/O that matters may be among what was lost; the next one is later than the truth */
	for (struct exchange *x = c->no_io; x; x = x->next)
		if (!x->io_done) {
			x->io_done = 1;
			x->incomplete |= SPAN_LOST_EVENTS;
		}
}

void http1_conn_begin(struct conn *c, int request_dir)
{
	c->protocol = CONN_HTTP1;
	c->request_dir = (uint8_t)request_dir;
	c->id_hash_valid = 0;
	c->half[request_dir].reasm.follows = 0;
	for (int d = 0; d < 2; d++) {
		struct half *h = &c->half[d];
		struct http1_event ev;
		uint64_t used;

		http1_init(&h->parser, d == request_dir ? HTTP1_REQUEST : HTTP1_RESPONSE);
		/* joined somewhere: the parser must find a start, not expect one */
		if (c->preexisting && !h->reasm.from_syn)
			http1_gap(&h->parser, 1, &used, &ev);
	}
}

static uint64_t http1_conn_unneeded(const struct conn *c, const struct half *h)
{
	uint64_t n = http1_unneeded(&h->parser), m = UINT64_MAX;

	if (n && h->x)
		m = exchange_unneeded(c->engine, h->x, !is_request(c, h));
	return m < n ? m : n;
}

static void http1_conn_each(const struct conn *c, void (*fn)(void *ctx, struct exchange *x),
			    void *ctx)
{
	for (struct exchange *x = c->head; x; x = x->next)
		if (!x->resp_done)
			fn(ctx, x);
}

const struct conn_ops http1_conn_ops = {
	.name = "http/1.1",
	.data = http1_conn_data,
	.gap = http1_conn_gap,
	.eof = http1_conn_eof,
	.io = http1_conn_io,
	.lost = http1_conn_lost,
	.end = http1_conn_end,
	.unneeded = http1_conn_unneeded,
	.each = http1_conn_each,
};
