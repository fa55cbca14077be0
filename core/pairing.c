#include "core/pairing.h"
#include "core/detect.h"

#include <stdlib.h>
#include <string.h>

#include "core/certainty.h"
#include "core/engine_impl.h"
#include "core/exchange_link.h"
#include "core/pending_read.h"
#include "core/queue.h"
#include "core/withheld.h"
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

/* ---- requests */

static size_t pairing_data(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos);

/*
 * The request of the response that is being read was not seen; perhaps that has no content whatever
 * its head says (HEAD). So it is if a client that waits for its answers sends the next request, and
 * has received no more than the head.
 */
static void end_headless(struct conn *c, uint64_t need)
{
	struct half *h = &c->half[!c->request_dir];

	if (!h->in_message || c->pipelined || need != h->reasm.next ||
	    (h->x && queue_has(h->x) && !h->x->suspect) || !c->protocol->place ||
	    c->protocol->place(c->state, FROM_SERVER) != PLACE_CONTENT)
		return;
	c->protocol->move(c->state, FROM_SERVER, PLACE_END, 0);
	pairing_data(c, h, (const uint8_t *)"", 0, h->reasm.next);
}

/* The same where that request, sent when all before pos had been received, is known already. */
static void end_by_next(struct conn *c, const struct half *h, uint64_t pos)
{
	if (c->pipelined || !c->protocol->place || c->protocol->place(c->state, FROM_SERVER) != PLACE_CONTENT)
		return;
	for (const struct exchange *x = c->head; x; x = x->next)
		if (x->need == pos && x != h->x)
			c->protocol->move(c->state, FROM_SERVER, PLACE_END, 0);
}

static struct exchange *begin_request(struct conn *c, struct half *h, const struct message *m,
				      uint64_t pos)
{
	uint64_t need = certainty_need(c, h, pos);
	struct exchange *x;
	const struct io_mark *io;

	if (c->nqueued >= PAIRING_MAX_QUEUE)
		queue_drop_oldest(c);
	end_headless(c, need);
	x = exchange_new(c->engine, c);
	if (!x)
		return NULL;
	x->req_pos = pos;
	x->req_first = reasm_time(&h->reasm, pos);
	x->need = need;
	x->found = (m->flags & MESSAGE_FOUND) != 0;
	x->waits = (m->flags & MESSAGE_WAITS) != 0;
	certainty_request(c, h, x);
	c->requested = 1;
	exchange_request(c->engine, x, m);
	if (m->flags & MESSAGE_ONE_WAY)
		x->one_way = x->resp_done = x->resp_unsized = 1;
	queue_add(c, x);
	io = half_io_passing(h, pos);
	if (io) {
		if (c->no_io == x)
			c->no_io = NULL;
		pending_read_set_io(x, io);
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
	x->req_end = pos;
	if (x == c->withheld)
		return;
	x->req_done = 1;
	queue_settle(c, x);
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
		x->incomplete |= conn_missing(c);
	} else if (why == CUT_BROKEN) {
		x->incomplete |= SPAN_BAD_FRAMING;
		x->error = SPAN_ERR_PROTOCOL;
	} else if (!reasm_at_end(&h->reasm)) {
		x->req_unsized = 1; /* more may have been sent */
	}
	end_request(c, h, pos);
}

/* Behind an answer that only the end of the connection ends, and that its client has seen to begin? */
static int is_unanswerable(const struct conn *c, const struct half *h, uint64_t pos)
{
	const struct half *resp = &c->half[!c->request_dir];

	return resp->in_message && resp->x && !resp->x->suspect &&
	       certainty_need(c, h, pos) > resp->msg_pos && parser_unneeded(c, resp) == UINT64_MAX;
}

static void request_head(struct conn *c, struct half *h, const struct message *m, uint64_t pos)
{
	h->msg_pos = pos;
	h->in_message = 1;
	h->unrecognized_bytes = 0;
	if (h->torn) /* there is an exchange of it */
		h->torn = 0;
	else if (!is_unanswerable(c, h, pos))
		h->x = begin_request(c, h, m, pos);
}

/* ---- responses */

/* Tells the parser what the response answers that may begin now. */
static void expect(struct conn *c, struct half *h, uint64_t pos)
{
	const struct exchange *x;

	if (h->in_message || is_request(c, h))
		return;
	if (c->withheld)
		withheld_answered(c, pos);
	if (!c->protocol->answers)
		return;
	x = certainty_answered(c, h, pos);
	c->protocol->answers(c->state, x != NULL, x ? x->form : 0);
}

/* The requests before x, whose response at pos has come, will not get theirs. */
static void drop_before(struct conn *c, const struct half *h, const struct exchange *x, uint64_t pos)
{
	uint64_t ack = certainty_need(c, h, pos);

	if (!c->resp_gap && (!x || x == c->head))
		return;
	c->resp_gap = 0;
	while (c->head && c->head != x && (!c->head->resp_done || c->head->one_way) &&
	       (!ack || c->head->req_pos < ack))
		queue_drop_oldest(c);
}

/* A response whose request was not seen, outside of the queue. */
static struct exchange *orphan_response(struct conn *c, uint64_t pos)
{
	struct exchange *x = exchange_new(c->engine, c);

	if (!x)
		return NULL;
	x->incomplete = SPAN_REQUEST_NOT_SEEN;
	x->incomplete |= c->doubt;
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
	if (queue_has(x))
		queue_take(c);
	queue_end_long(c, h->last_time);
	x->resp_done = 0;
	x->counts_notices = x->resp_uncounted = 1;
	c->ongoing = x;
	c->nqueued++;
	c->engine->stats.in_flight++;
}

static void torn_head(struct conn *c, struct half *h, const struct message *m, uint64_t pos,
		      uint64_t begin, enum reasm_gap why);

/* A request whose head has not ended is refused: what there is of it becomes an exchange. */
static struct exchange *answered_in_head(struct conn *c, const struct half *resp, uint64_t pos)
{
	struct half *h = &c->half[c->request_dir];
	struct str kept = reasm_kept(&h->reasm);
	uint64_t end = h->reasm.next, used;
	struct message m;

	if (!kept.n || !c->protocol->place || c->protocol->place(c->state, FROM_CLIENT) != PLACE_HEAD ||
	    certainty_need(c, resp, pos) <= end - kept.n)
		return NULL;
	message_init(&m);
	if (c->protocol->gap(c->state, FROM_CLIENT, kept, 1, &used, &m) != PARSE_EVENT)
		return NULL;
	torn_head(c, h, &m, end, end - kept.n, REASM_TRUNCATED);
	h->torn = 1;
	return certainty_answered(c, resp, pos);
}

static void response_head(struct conn *c, struct half *h, const struct message *m,
			   uint64_t pos)
{
	struct exchange *x = certainty_answered(c, h, pos);
	int interim = (m->flags & MESSAGE_INTERIM) != 0;

	if (!x && m->status >= 400 && !c->head)
		x = answered_in_head(c, h, pos);
	h->msg_pos = pos;
	if (m->flags & MESSAGE_FOUND && certainty_refuted(c, h, x, pos)) {
		if (c->protocol->move)
			c->protocol->move(c->state, FROM_SERVER, PLACE_SEEK, 0);
		return;
	}
	h->in_message = 1;
	h->unrecognized_bytes = 0;
	drop_before(c, h, x, pos);
	if (!x && !interim)
		x = orphan_response(c, pos);
	h->x = x;
	if (!x)
		return;
	if (!x->resp_started)
		x->resp_pos = pos;
	x->resp_started = 1;
	if (interim)
		return;
	x->resp_first = reasm_time(&h->reasm, pos);
	if (x == c->withheld && certainty_need(c, h, pos) >= c->withheld_end)
		withheld_settle(c, withheld_pos(c), 1);
	certainty_response(c, h, queue_has(x) ? x : NULL, pos);
	exchange_response(c->engine, x, m);
	if (m->flags & MESSAGE_LONG)
		begin_long(c, h);
	else if (!queue_has(x) || x->suspect)
		end_by_next(c, h, pos + m->head_len);
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
	certainty_response_ended(c, h, pos, !x->resp_unsized && !x->aborted);
	queue_settle(c, x);
}

/* The connection ended before x had its response, or seems to have. */
static void cut_response(struct conn *c, struct exchange *x, uint64_t time)
{
	struct half *h = &c->half[!c->request_dir];
	int begun = x->resp_first != SPAN_UNKNOWN; /* not only an interim response */

	x->req_done = 1;
	x->resp_done = 1;
	if (x->suspect == SPAN_BAD_FRAMING && !begun && h->unrecognized_bytes) {
		x->resp_bytes = h->unrecognized_bytes;
		h->unrecognized_bytes = 0;
		x->incomplete |= SPAN_BAD_FRAMING;
		x->error = SPAN_ERR_PROTOCOL;
	} else if ((x->suspect && !begun) || c->lost_end) {
		x->resp_unsized = 1;
		x->incomplete |= x->suspect | (c->lost_end ? SPAN_LOST_EVENTS : 0);
		if (!begun)
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
		certainty_lost(c, h, pos, why == CUT_GAP ? conn_missing(c) : SPAN_BAD_FRAMING,
			       why == CUT_GAP);
	if (x) {
		x->resp_unsized = why != CUT_ENDED;
		if (why == CUT_GAP)
			x->incomplete |= conn_missing(c);
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
			queue_end_long(c, h->last_time);
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
	if (why == CONN_DROPPED || queue_doubts(c, x)) {
		exchange_put(c->engine, x);
		return;
	}
	if (!x->resp_done) {
		if (why == CONN_FINISHED || x->resp_started)
			x->incomplete |= SPAN_IN_FLIGHT;
		else
			x->incomplete |= SPAN_RESPONSE_NOT_SEEN;
	} else if (!x->req_done) {
		x->incomplete |= SPAN_IN_FLIGHT;
	}
	exchange_emit(c->engine, x);
}

/* Ends the exchanges whose messages are not complete. */
static void end_open(struct conn *c, enum conn_end why)
{
	struct half *resp = &c->half[!c->request_dir];
	struct exchange *lone = resp->x && !queue_has(resp->x) ? resp->x : NULL;

	count_partial(c);
	if (lone) {
		resp->x = NULL;
		end_one(c, lone, why);
	}
	while (c->head)
		end_one(c, queue_take(c), why);
	lone = queue_take_long(c);
	if (lone)
		end_one(c, lone, why);
}

/* ---- octets */

/* This connection speaks something else from here on: see detect.c. */
static void switch_protocol(struct conn *c, const struct message *m)
{
	if (c->upgraded)
		c->upgraded->incomplete |= c->doubt;
	end_open(c, CONN_EVICTED);
	release(c);
	c->ops = NULL;
	c->protocol = NULL;
	c->switching = c->again = 1;
	c->switch_to = m->name;
}

/* Octets that are no message, or not one that is understood, end at pos. */
static void not_understood(struct conn *c, struct half *h, size_t n, uint64_t pos)
{
	c->engine->stats.unparsed_bytes += n;
	h->unrecognized_bytes += n;
	if (c->withheld && is_request(c, h) && withheld_garbage(c, h, pos))
		withheld_settle(c, pos, 1);
	else
		certainty_lost(c, h, pos, c->doubt ? c->doubt : SPAN_BAD_FRAMING, 0);
}

/* A start is looked for: passes over what is known to be before it. Returns how much. */
static size_t pass_over(struct conn *c, struct half *h, uint64_t pos, size_t n)
{
	uint64_t due;
	size_t k;

	if (!c->doubt || !n || !c->protocol->place ||
	    c->protocol->place(c->state, sender_of(c, h)) != PLACE_SEEK)
		return 0;
	due = certainty_due(c, h, pos);
	k = due < pos ? 0 : due - pos < n ? (size_t)(due - pos) : n;
	if (due >= pos && due - pos == k)
		c->protocol->move(c->state, sender_of(c, h), PLACE_START, 0);
	c->engine->stats.unparsed_bytes += k;
	return k;
}

/* What was looked at and is not understood: as far as the next line, where something may begin. */
static size_t skip_line(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	const uint8_t *lf = n ? memchr(p, '\n', n) : NULL;
	size_t skipped = lf ? (size_t)(lf - p) + 1 : n;

	not_understood(c, h, skipped, pos + skipped);
	return skipped;
}

/*
 * It is another protocol than was thought, or nobody knows where in it we are: what is open ends, and
 * the rest is looked at anew.
 */
static void start_over(struct conn *c)
{
	uint32_t why = c->lost ? conn_missing(c) : c->doubt ? c->doubt : SPAN_BAD_FRAMING;

	for (struct exchange *x = c->head; x; x = x->next)
		x->incomplete |= why;
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

/* Its client has received something since it sent the head of the request that is being read. */
static int may_be_withheld(const struct conn *c, const struct half *h, uint64_t pos)
{
	return h->x && (h->x->status || (h->x->waits && !h->x->resp_started && h->x->need &&
					 certainty_need(c, h, pos) > h->x->need));
}

static size_t pairing_data(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	enum sender from = sender_of(c, h);
	struct message m;
	size_t off = 0, used, end;

	for (int idle = 0; idle <= MAX_IDLE_CALLS;) {
		enum parse_status st;

		off += pass_over(c, h, pos + off, n - off);
		end = n;
		if (from == FROM_CLIENT && (c->withheld || may_be_withheld(c, h, pos + off)))
			end = withheld_limit(c, h, p, n, off, pos);
		if (n > off)
			expect(c, h, pos + off);
		message_init(&m);
		st = c->protocol->next(c->state, from, p + off, end - off, &used, &m);
		off += used;
		if (used)
			h->last_time = reasm_time(&h->reasm, pos + off - 1);
		idle = used ? 0 : idle + 1;
		switch (st) {
		case PARSE_EVENT:
			if (m.type == MESSAGE_SWITCH) {
				switch_protocol(c, &m);
				return off;
			}
			message_event(c, h, &m, pos + off);
			if (off == n && !h->in_message && !(m.flags & MESSAGE_UPGRADE))
				return off; /* nothing is due without another byte */
			break;
		case PARSE_MORE:
			if (off == n || (!used && (end == n || end == off)))
				return off;
			if (used)
				break;
			used = withheld_in_head(c, p, n, off, pos);
			if (used == n)
				return off;
			off = used;
			break;
		case PARSE_BAD:
			/* nothing was consumed: these bytes were looked at */
			if (!off)
				off = skip_line(c, h, p, n, pos);
			start_over(c);
			return off;
		default:
			not_understood(c, h, used, pos + off);
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

/* Content that may not come at all is missing: perhaps it was another request. */
static void doubt_content(struct conn *c, struct half *h, uint64_t pos, enum reasm_gap why)
{
	struct exchange *x = h->x;

	if (why == REASM_TRUNCATED || !x || !(x->status || (x->waits && !x->resp_started)) ||
	    !c->protocol->place || c->protocol->place(c->state, FROM_CLIENT) != PLACE_CONTENT)
		return;
	x->req_unsized = 1;
	x->incomplete |= SPAN_LOST_EVENTS;
	c->protocol->move(c->state, FROM_CLIENT, PLACE_END, 0);
	pairing_data(c, h, (const uint8_t *)"", 0, pos);
}

static void pairing_gap(struct conn *c, struct half *h, uint64_t pos, uint64_t n, enum reasm_gap why,
			struct str kept)
{
	struct engine_stats *stats = &c->engine->stats;
	struct message m;
	uint64_t used;

	if (why != REASM_TRUNCATED)
		c->lost = 1;
	if (c->withheld && is_request(c, h)) {
		withheld_doubt(c, conn_missing(c));
		withheld_settle(c, pos, 0);
	}
	h->last_time = h->reasm.cur_time;
	if (is_request(c, h))
		doubt_content(c, h, pos, why);
	/* at most a torn head, an END, an ABORT, content, another END, and the rest */
	for (int i = 0; n && i < MAX_IDLE_CALLS; i++) {
		enum parse_status st;

		expect(c, h, pos - kept.n);
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
			certainty_lost(c, h, pos + used, why == REASM_TRUNCATED ? SPAN_TRUNCATED_HEAD : SPAN_LOST_EVENTS, 1);
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

/* A direction ends in the midst of a head: what there is of it counts. */
static void end_in_head(struct conn *c, struct half *h, uint64_t pos, uint64_t time)
{
	struct str kept = reasm_kept(&h->reasm);
	struct message m;
	uint64_t used;

	message_init(&m);
	if (!kept.n || h->torn || !c->protocol->place ||
	    c->protocol->place(c->state, sender_of(c, h)) != PLACE_HEAD ||
	    c->protocol->gap(c->state, sender_of(c, h), kept, 1, &used, &m) != PARSE_EVENT) {
		c->engine->stats.unparsed_bytes += kept.n;
		if (!kept.n || h->in_message || is_request(c, h) || !c->protocol->place ||
		    c->protocol->place(c->state, FROM_SERVER) != PLACE_SEEK)
			return;
		h->unrecognized_bytes += kept.n;
		certainty_lost(c, h, pos, c->doubt ? c->doubt : SPAN_BAD_FRAMING, 0);
		return;
	}
	if (is_request(c, h)) {
		torn_head(c, h, &m, pos, pos - kept.n, REASM_TRUNCATED);
		return;
	}
	response_head(c, h, &m, pos - kept.n);
	if (h->x)
		h->x->incomplete |= SPAN_TRUNCATED_HEAD;
	abort_response(c, h, pos, CUT_ENDED, time);
}

static void end_parser(struct conn *c, struct half *h, uint64_t time)
{
	uint64_t pos = h->reasm.next;
	struct message m;

	h->ended = 1;
	if (c->withheld)
		withheld_end(c, pos);
	if (h->x && !queue_has(h->x) && c->protocol->move &&
	    c->protocol->place(c->state, FROM_SERVER) == PLACE_CONTENT)
		c->protocol->move(c->state, FROM_SERVER, PLACE_END, 0); /* it may have none */
	end_in_head(c, h, pos, time);
	/* what only the end would end is not complete (RFC 9112 section 8) */
	if (c->reset && !reasm_at_end(&h->reasm) && h->x && !is_request(c, h) &&
	    parser_unneeded(c, h) == UINT64_MAX)
		abort_response(c, h, pos, CUT_ENDED, time);
	for (int i = 0; i < MAX_IDLE_CALLS; i++) {
		message_init(&m);
		if (c->protocol->eof(c->state, sender_of(c, h), &m) != PARSE_EVENT)
			break;
		/* content until close has ended, or just ends here */
		if (h->x && !is_request(c, h) && c->lost_end)
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
	if (!c->half[!c->request_dir].ended)
		return;
	count_partial(c);
	while (c->head) {
		c->head->req_unsized |= !c->head->req_done;
		if (!c->head->resp_done)
			cut_response(c, c->head, time);
		queue_complete(c, queue_take(c));
	}
	queue_end_long(c, time);
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
	const struct io_mark m = io_mark_of(io);

	if (io->dir != c->request_dir)
		return;
	while (c->no_io && (c->no_io->io_done || io_passes(io, c->no_io->req_pos))) {
		pending_read_set_io(c->no_io, &m);
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
	for (unsigned d = 0; d < 2; d++) {
		if (c->rejoined || (c->preexisting && !c->half[d].reasm.from_syn))
			joined |= BEGIN_JOINED(sender_of(c, &c->half[d]));
		certainty_begin(c, &c->half[d]);
	}
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
		if (!x->resp_done && !queue_doubts(c, x))
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
