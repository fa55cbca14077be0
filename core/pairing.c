#include "core/pairing.h"

#include <stdlib.h>
#include <string.h>

#include "core/pending_read.h"
#include "core/engine_impl.h"
#include "core/exchange_link.h"
#include "parsers/protocol.h"

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

static enum sender sender_of(const struct conn *c, const struct half *h)
{
	return is_request(c, h) ? FROM_CLIENT : FROM_SERVER;
}

static void release(struct conn *c)
{
	free(c->state);
	c->state = NULL;
}

static uint64_t parser_unneeded(const struct conn *c, const struct half *h)
{
	return c->protocol->unneeded(c->state, sender_of(c, h));
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

/* Requests that get no response are through when they are the oldest. */
static void settle_one_way(struct conn *c)
{
	while (c->head && c->head->one_way && c->head->req_done)
		complete(c, dequeue(c));
}

/* x is through, if the other message is so as well. */
static void settle(struct conn *c, struct exchange *x)
{
	if (!x->resp_done || !x->req_done)
		return;
	if (x->one_way) {
		settle_one_way(c);
		return;
	}
	if (is_queued(x))
		dequeue(c);
	if (x->switches && !c->upgraded)
		c->upgraded = x; /* MESSAGE_SWITCH follows */
	else
		complete(c, x);
	if (c->head && c->head->one_way)
		settle_one_way(c);
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

static struct exchange *take_long(struct conn *c)
{
	struct exchange *x = c->ongoing;

	c->ongoing = NULL;
	if (!x)
		return NULL;
	c->nqueued--;
	c->engine->stats.in_flight--;
	return x;
}

static void end_long(struct conn *c, uint64_t time)
{
	struct exchange *x = take_long(c);

	if (!x)
		return;
	x->resp_done = x->req_done = 1;
	x->resp_last = time;
	complete(c, x);
}

/* ---- requests */

static struct exchange *begin_request(struct conn *c, struct half *h, const struct message *m,
				      uint64_t pos)
{
	const struct reasm *resp = &c->half[!c->request_dir].reasm;
	struct exchange *x;
	const struct io_mark *io;

	if (c->nqueued >= PAIRING_MAX_QUEUE)
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
	exchange_request(c->engine, x, m);
	if (m->flags & MESSAGE_ONE_WAY)
		x->one_way = x->resp_done = x->resp_unsized = 1;
	enqueue(c, x);
	io = half_io_passing(h, pos);
	if (io) {
		x->io_time = io->time;
		x->pid = io->pid;
		x->tid = io->tid;
		x->goroutine = io->goroutine;
		x->io_done = 1;
		if (c->no_io == x)
			c->no_io = NULL;
		exchange_link_io(c->engine, x);
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

static void request_head(struct conn *c, struct half *h, const struct message *m, uint64_t pos)
{
	h->msg_pos = pos;
	h->in_message = 1;
	h->unrecognized_bytes = 0;
	h->x = begin_request(c, h, m, pos);
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
	for (struct exchange *n = x->next; n && was_known(h, n); n = n->next)
		if (!n->one_way)
			x = n;
	/* the request of this response may be one that was lost */
	if (c->req_gap > x->req_pos && (!h->reasm.cur_need || c->req_gap < h->reasm.cur_need))
		return NULL;
	return x;
}

/* Tells the parser what the response answers that may begin now. */
static void expect(struct conn *c, struct half *h)
{
	const struct exchange *x;

	if (!c->protocol->answers || h->in_message || is_request(c, h))
		return;
	x = answered(c, h);
	c->protocol->answers(c->state, x != NULL, x ? x->form : 0);
}

/* Like answered(), and ends the requests whose responses were lost. */
static struct exchange *take_answered(struct conn *c, struct half *h)
{
	struct exchange *x = answered(c, h);

	if (!c->resp_gap)
		return x;
	c->resp_gap = 0;
	while (c->head && c->head != x && (!c->head->resp_done || c->head->one_way) &&
	       was_known(h, c->head))
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

/* ---- the long exchange of a connection: whoever subscribes is answered beside it, and told more */

/* Takes the exchange that is being answered out of the queue. If there is one already, it ends. */
static void begin_long(struct conn *c, struct half *h)
{
	struct exchange *x = h->x;

	h->x = NULL;
	h->in_message = 0;
	if (is_queued(x))
		dequeue(c);
	end_long(c, h->last_time);
	x->resp_done = 0;
	x->counts_notices = 1;
	c->ongoing = x;
	c->nqueued++;
	c->engine->stats.in_flight++;
}

static void response_head(struct conn *c, struct half *h, const struct message *m,
			   uint64_t pos)
{
	struct exchange *x = take_answered(c, h);
	int interim = (m->flags & MESSAGE_INTERIM) != 0;

	h->msg_pos = pos;
	h->in_message = 1;
	h->unrecognized_bytes = 0;
	if (!x && !interim)
		x = orphan_response(c, pos);
	h->x = x;
	if (!x)
		return;
	x->resp_started = 1;
	if (interim)
		return;
	x->resp_first = reasm_time(&h->reasm, pos);
	exchange_response(c->engine, x, m);
	if (m->flags & MESSAGE_LONG)
		begin_long(c, h);
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

static void message_event(struct conn *c, struct half *h, const struct message *m, uint64_t pos)
{
	int request = is_request(c, h);

	switch (m->type) {
	case MESSAGE_HEAD:
		(request ? request_head : response_head)(c, h, m, pos - m->head_len);
		break;
	case MESSAGE_CONTENT:
		if (h->x && (m->data.n || m->gap))
			exchange_content(c->engine, h->x, !request, m->data, m->gap);
		break;
	case MESSAGE_END:
		if (h->x && c->protocol->attrs)
			exchange_end(h->x, m);
		if (m->flags & MESSAGE_LONG)
			end_long(c, h->last_time);
		else if (request)
			end_request(c, h, pos);
		else
			end_response(c, h, pos, (m->flags & MESSAGE_INTERIM) != 0);
		break;
	case MESSAGE_ABORT:
		if (request)
			abort_request(c, h, pos, CUT_BROKEN);
		else
			abort_response(c, h, pos, CUT_BROKEN, 0);
		break;
	case MESSAGE_NOTICE:
		if (c->ongoing && m->flags & MESSAGE_COUNTED)
			exchange_notice(c->ongoing, m);
		break;
	case MESSAGE_SWITCH:
		break;
	}
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
	lone = take_long(c);
	if (lone)
		end_one(c, lone, why);
}

/* ---- octets */

/* This connection speaks something else from here on. Returns how many of the octets it took. */
static size_t switch_protocol(struct conn *c, struct half *h, const struct message *m,
			      const uint8_t *p, size_t n, uint64_t pos)
{
	struct exchange *x = c->upgraded;

	c->upgraded = NULL;
	end_open(c, CONN_EVICTED);
	release(c);
	if (protocol_switch(c, m->name, x))
		return n ? c->ops->data(c, h, p, n, pos) : 0;
	if (x)
		complete(c, x);
	conn_opaque(c);
	c->engine->stats.skipped_bytes += n;
	return n;
}

/* Octets that are no message, or not one that is understood. */
static void pass_over(struct conn *c, struct half *h, size_t n, uint64_t pos)
{
	c->engine->stats.unparsed_bytes += n;
	h->unrecognized_bytes += n;
	note_loss(c, h, pos);
}

/* What was looked at and is not understood: as far as the next line, where something may begin. */
static size_t skip_line(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	const uint8_t *lf = n ? memchr(p, '\n', n) : NULL;
	size_t skipped = lf ? (size_t)(lf - p) + 1 : n;

	pass_over(c, h, skipped, pos);
	return skipped;
}

/*
 * It is another protocol than was thought, or nobody knows where in it we are: what is open ends, and
 * the rest is looked at anew.
 */
static void start_over(struct conn *c)
{
	for (struct exchange *x = c->head; x; x = x->next)
		x->incomplete |= c->lost ? SPAN_LOST_EVENTS : SPAN_BAD_FRAMING;
	end_open(c, CONN_EVICTED);
	release(c);
	for (int d = 0; d < 2; d++) {
		c->half[d].x = NULL;
		c->half[d].in_message = 0;
	}
	c->ops = NULL;
	c->protocol = NULL;
	c->rejoined = 1;
	c->resp_gap = 0;
	c->req_gap = 0;
	c->again = 1;
}

static size_t pairing_data(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	enum sender from = sender_of(c, h);
	struct message m;
	size_t off = 0, used;

	for (int idle = 0; idle <= MAX_IDLE_CALLS;) {
		enum parse_status st;

		expect(c, h);
		message_init(&m);
		st = c->protocol->next(c->state, from, p + off, n - off, &used, &m);
		off += used;
		if (used)
			h->last_time = reasm_time(&h->reasm, pos + off - 1);
		idle = used ? 0 : idle + 1;
		switch (st) {
		case PARSE_EVENT:
			if (m.type == MESSAGE_SWITCH)
				return off + switch_protocol(c, h, &m, p + off, n - off, pos + off);
			message_event(c, h, &m, pos + off);
			break;
		case PARSE_MORE:
			if (!used || off == n)
				return off;
			break;
		case PARSE_BAD:
			/* nothing was consumed: these bytes were looked at */
			if (!off)
				off = skip_line(c, h, p, n, pos);
			start_over(c);
			return off;
		default:
			pass_over(c, h, used, pos + off - used);
			break;
		}
	}
	c->engine->stats.unparsed_bytes += n - off;
	return n;
}

/* ---- gaps */

/* A head was being put together when a gap came: what is known of it becomes an exchange. */
static void torn_head(struct conn *c, struct half *h, const struct message *m, uint64_t pos,
		      uint64_t begin, enum reasm_gap why)
{
	uint32_t bits = SPAN_TRUNCATED_HEAD | (why == REASM_MISSING ? SPAN_LOST_EVENTS : 0);
	int request = is_request(c, h);

	(request ? request_head : response_head)(c, h, m, begin);
	if (h->x)
		h->x->incomplete |= bits;
	if (h->x)
		*(request ? &h->x->req_unsized : &h->x->resp_unsized) = 1;
	if (request)
		end_request(c, h, pos);
	else
		end_response(c, h, pos, (m->flags & MESSAGE_INTERIM) != 0);
}

static void gap_event(struct conn *c, struct half *h, const struct message *m, uint64_t pos,
		      uint64_t used, enum reasm_gap why)
{
	struct engine_stats *stats = &c->engine->stats;

	if (m->type == MESSAGE_ABORT) {
		note_loss(c, h, pos);
		if (is_request(c, h))
			abort_request(c, h, pos, CUT_GAP);
		else
			abort_response(c, h, pos, CUT_GAP, 0);
		return;
	}
	if (m->type == MESSAGE_CONTENT) {
		int wanted = h->x && !exchange_unneeded(c->engine, h->x, !is_request(c, h));

		*(wanted ? &stats->uncaptured_bytes : &stats->skipped_bytes) += used;
		/* where no segment was seen, the time of the last octet is a guess */
		if (why == REASM_MISSING && h->x && !parser_unneeded(c, h))
			h->x->incomplete |= SPAN_LOST_EVENTS;
	}
	message_event(c, h, m, pos + used);
}

static void pairing_gap(struct conn *c, struct half *h, uint64_t pos, uint64_t n, enum reasm_gap why,
			struct str kept)
{
	struct engine_stats *stats = &c->engine->stats;
	struct message m;
	uint64_t used;

	if (why != REASM_TRUNCATED)
		c->lost = 1;
	h->last_time = h->reasm.cur_time;
	/* at most a torn head, an END, an ABORT, content, another END, and the rest */
	for (int i = 0; n && i < MAX_IDLE_CALLS; i++) {
		enum parse_status st;

		expect(c, h);
		message_init(&m);
		st = c->protocol->gap(c->state, sender_of(c, h), kept, n, &used, &m);
		if (st == PARSE_EVENT && m.flags & MESSAGE_TORN) {
			torn_head(c, h, &m, pos, pos - kept.n, why);
			kept.n = 0;
			continue;
		}
		stats->unparsed_bytes += kept.n;
		kept.n = 0;
		if (st == PARSE_EVENT) {
			gap_event(c, h, &m, pos, used, why);
		} else if (st == PARSE_END || st == PARSE_MORE) {
			stats->skipped_bytes += used;
		} else {
			note_loss(c, h, pos);
			stats->uncaptured_bytes += used;
		}
		pos += used;
		n -= used;
	}
	/* an END that is due behind content that was missing does not wait for the next octet */
	if (h->in_message)
		pairing_data(c, h, (const uint8_t *)"", 0, pos);
}

/* ---- the end */

static void end_parser(struct conn *c, struct half *h, uint64_t time)
{
	uint64_t pos = h->reasm.next;
	struct message m;

	h->ended = 1;
	c->engine->stats.unparsed_bytes += reasm_kept(&h->reasm).n;
	for (int i = 0; i < MAX_IDLE_CALLS; i++) {
		message_init(&m);
		if (c->protocol->eof(c->state, sender_of(c, h), &m) != PARSE_EVENT)
			break;
		/* content until close has ended, or just ends here */
		if (h->x && !is_request(c, h) && lossy(c))
			h->x->incomplete |= SPAN_LOST_EVENTS;
		if (m.type != MESSAGE_ABORT)
			message_event(c, h, &m, pos);
		else if (is_request(c, h))
			abort_request(c, h, pos, CUT_ENDED);
		else
			abort_response(c, h, pos, CUT_ENDED, time);
	}
}

static void pairing_eof(struct conn *c, struct half *h, uint64_t time)
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
	end_long(c, time);
}

static void pairing_end(struct conn *c, enum conn_end why)
{
	struct exchange *x = c->upgraded;

	c->upgraded = NULL;
	if (x)
		end_one(c, x, why);
	end_open(c, why);
	release(c);
	conn_opaque(c);
}

/* ---- I/O */

static void pairing_io(struct conn *c, const struct zc_ev_io *io)
{
	if (io->dir != c->request_dir)
		return;
	while (c->no_io && (c->no_io->io_done || io_passes(io, c->no_io->req_pos))) {
		pending_read_set_io(c->no_io, io);
		c->no_io = c->no_io->next;
	}
}

static void pairing_lost(struct conn *c)
{
	/* the I/O that matters may be among what was lost; the next one is later than the truth */
	for (struct exchange *x = c->no_io; x; x = x->next)
		if (!x->io_done) {
			x->io_done = 1;
			x->incomplete |= SPAN_LOST_EVENTS;
		}
}

int pairing_begin(struct conn *c, const struct protocol *protocol, unsigned request_dir)
{
	unsigned joined = 0;

	c->state = calloc(1, protocol->state_size);
	if (!c->state)
		return 0;
	c->ops = &pairing_ops;
	c->protocol = protocol;
	c->request_dir = (uint8_t)request_dir;
	c->id_hash_valid = 0;
	c->half[request_dir].reasm.follows = 0;
	for (unsigned d = 0; d < 2; d++)
		if (c->rejoined || (c->preexisting && !c->half[d].reasm.from_syn))
			joined |= BEGIN_JOINED(sender_of(c, &c->half[d]));
	protocol->begin(c->state, joined);
	return 1;
}

static uint64_t pairing_unneeded(const struct conn *c, const struct half *h)
{
	uint64_t n = parser_unneeded(c, h), m = UINT64_MAX;

	if (n && h->x)
		m = exchange_unneeded(c->engine, h->x, !is_request(c, h));
	return m < n ? m : n;
}

static void pairing_each(const struct conn *c, void (*fn)(void *ctx, struct exchange *x),
			    void *ctx)
{
	for (struct exchange *x = c->head; x; x = x->next)
		if (!x->resp_done)
			fn(ctx, x);
	if (c->ongoing)
		fn(ctx, c->ongoing);
}

const struct conn_ops pairing_ops = {
	.data = pairing_data,
	.gap = pairing_gap,
	.eof = pairing_eof,
	.io = pairing_io,
	.lost = pairing_lost,
	.end = pairing_end,
	.unneeded = pairing_unneeded,
	.each = pairing_each,
};
