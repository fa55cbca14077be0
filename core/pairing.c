#include "core/pairing.h"

#include <stdlib.h>
#include <string.h>

#include "core/certainty.h"
#include "core/doubted.h"
#include "core/exchange_link.h"
#include "core/exchange_same.h"
#include "core/keyed.h"
#include "core/pairing_impl.h"
#include "core/pending_read.h"
#include "core/queue.h"
#include "core/withheld.h"

/*
 * Calls of the parser in a row that consume nothing; ABORT and END are the only ones with a reason.
 */
#define MAX_IDLE_CALLS 8

static void release(struct conn *c)
{
	free(c->state);
	c->state = NULL;
	c->engine->nmemos -= c->memo != NULL;
	free(c->memo);
	c->memo = NULL;
	exchange_forget_head(c);
	keyed_release(c);
}

/* ---- octets */

/* This connection speaks something else from here on: see detect.c. */
static void switch_protocol(struct conn *c, const struct protocol_name *to)
{
	if (c->upgraded)
		c->upgraded->incomplete |= c->doubt;
	pairing_end_open(c, CONN_EVICTED);
	release(c);
	c->ops = NULL;
	c->protocol = NULL;
	c->switching = c->again = 1;
	c->switch_waits = 0;
	c->switch_to = to;
}

/* The client goes on with its request before it switches (RFC 9110 section 7.8): until then the
 * rest waits. */
static int switches_later(struct conn *c, const struct message *m)
{
	if (c->upgraded || !c->head || !c->head->switches || c->head->req_done)
		return 0;
	c->switch_waits = 1;
	c->switch_to = m->name;
	return 1;
}

/* Octets that are no message, or not one that is understood, end at pos. */
static void not_understood(struct conn *c, struct half *h, const uint8_t *p, size_t n,
			   uint64_t pos)
{
	c->engine->stats.unparsed_bytes += n;
	h->unrecognized_bytes += n;
	h->mid_line = n && p[n - 1] != '\n';
	if (is_request(c, h))
		certainty_refuse(c, pos - n);
	if (c->withheld && is_request(c, h) && withheld_garbage(c, h, pos))
		withheld_settle(c, pos, 1);
	else
		certainty_lost(c, h, pos, c->doubt ? c->doubt : SPAN_BAD_FRAMING, 0);
}

/* A request that only its server understands, or refuses: an answer to it is due. */
static int is_broken_request(const struct conn *c, const struct half *h, const uint8_t *p, size_t n)
{
	unsigned client = c->request_dir;
	struct probe in = {.p = p, .n = n, .dir = client, .client = client, .start = 1};

	return is_request(c, h) && c->protocol->place && !c->doubt && !c->keyed && !c->head &&
	       c->protocol->probe(&in, &client) == PROBE_YES && client == c->request_dir;
}

/*
 * Something else stands behind each message, in both directions: the heads of frames, which carry
 * them. Those of several connections may be among them, so that nothing of it is told.
 */
static int is_carried(struct conn *c, struct half *h, const uint8_t *p, uint64_t pos)
{
	const struct exchange *x = c->tail;
	uint64_t asked = x && x->req_done ? x->req_end : c->answered_to;

	if (!c->doubt || c->lost || pos != (is_request(c, h) ? asked : c->answer_end))
		return 0;
	h->stray |= *p < '\t' ? 2 : 1;
	return c->half[0].stray && c->half[1].stray && (c->half[0].stray | c->half[1].stray) > 1;
}

/* The parser has passed over n bytes, which end at pos. 0: nothing of all this is its protocol. */
static int pass(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	if (is_carried(c, h, p, pos - n)) {
		doubted_drop(c);
		return 0;
	}
	if (is_broken_request(c, h, p, n))
		c->broken_request = 1;
	not_understood(c, h, p, n, pos);
	return 1;
}

/* A start is looked for: passes over what is known to be before it. Returns how much. */
static size_t pass_over(struct conn *c, struct half *h, const uint8_t *p, size_t n,
			uint64_t pos)
{
	uint64_t due;
	size_t k;

	if (!c->doubt || !n || !c->protocol->place ||
	    c->protocol->place(c->state, sender_of(c, h)) != PLACE_SEEK)
		return 0;
	due = certainty_due(c, h, pos);
	k = due < pos ? 0 : due - pos < n ? (size_t)(due - pos) : n;
	if (k)
		h->mid_line = p[k - 1] != '\n';
	/* no request begins within a line: there its server had more than what it answered */
	if (due >= pos && due - pos == k &&
	    !(is_request(c, h) && (h->mid_line || pairing_begins(c, p + k, n - k) == PROBE_NO))) {
		c->protocol->move(c->state, sender_of(c, h), PLACE_START, 0);
		h->msg_pos = due;
	}
	/* nothing was lost: then the answer before has ended otherwise, if it was that */
	if (k && !c->resp_gap && !is_request(c, h))
		doubted_break(c);
	c->engine->stats.unparsed_bytes += k;
	return k;
}

/* What was looked at and is not understood: as far as the next line, where something may begin. */
static size_t skip_line(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	const uint8_t *lf = n ? memchr(p, '\n', n) : NULL;
	size_t skipped = lf ? (size_t)(lf - p) + 1 : n;

	not_understood(c, h, p, skipped, pos + skipped);
	return skipped;
}

/*
 * It is another protocol than was thought, or nobody knows where in it we are: what is open ends,
 * and the rest is looked at anew.
 */
static void start_over(struct conn *c)
{
	uint32_t why = c->lost ? conn_missing(c) : c->doubt ? c->doubt : SPAN_BAD_FRAMING;

	for (struct exchange *x = c->head; x; x = x->next)
		x->incomplete |= why;
	pairing_end_open(c, CONN_EVICTED);
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

/*
 * Who does not say Expect: 100-continue sends all of its content, or closes (RFC 9110 section
 * 10.1.1, RFC 9112 section 9.5). Of who may, the client may have received what answers the request
 * that is being read: not if all that it has received since was seen, and answers others.
 */
static inline int may_be_withheld(const struct conn *c, const struct half *h, uint64_t pos)
{
	uint64_t need;

	if (!h->x || h->x->switches || !withheld_may(h->x))
		return 0;
	if (h->x->status)
		return 1;
	if (h->x->resp_started || !h->x->need)
		return 0;
	need = reasm_need(&h->reasm, pos);
	return need > h->x->need &&
	       (c->doubt || c->session || need > c->half[!c->request_dir].reasm.next);
}

/* How many of the n octets at p, off of which were parsed, may be parsed now. */
static size_t parse_limit(struct conn *c, struct half *h, const uint8_t *p, size_t n, size_t off,
			  uint64_t pos)
{
	if (is_request(c, h))
		return c->withheld || may_be_withheld(c, h, pos + off)
			       ? withheld_limit(c, h, p, n, off, pos)
			       : n;
	if (n > off && c->withheld && !h->in_message)
		withheld_undecided(c, pos + off);
	return n;
}

static void pairing_end(struct conn *c, enum conn_end why);

static size_t pairing_data(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	enum sender from = sender_of(c, h);
	struct message m;
	size_t off = 0, used, end;

	for (int idle = 0; idle <= MAX_IDLE_CALLS;) {
		int plain = pairing_is_plain(c, h);
		enum parse_status st;

		end = n;
		if (!plain) {
			off += pass_over(c, h, p + off, n - off, pos + off);
			end = parse_limit(c, h, p, n, off, pos);
		}
		if (n > off)
			pairing_expect(c, h, pos + off);
		message_init(&m);
		st = c->protocol->next(c->state, from, p + off, end - off, &used, &m);
		off += used;
		if (used)
			h->last_time = reasm_time(&h->reasm, pos + off - 1);
		idle = used ? 0 : idle + 1;
		switch (st) {
		case PARSE_EVENT:
			if (m.type == MESSAGE_SWITCH) {
				if (!switches_later(c, &m))
					switch_protocol(c, m.name);
				return off;
			}
			if (m.type == MESSAGE_END && h->x)
				idle = 0; /* one less waits, even if its answer has no bytes */
			if (!plain || !pairing_plain(c, h, &m, pos + off))
				pairing_message(c, h, &m, pos + off);
			if (c->switch_waits && c->upgraded) {
				switch_protocol(c, c->switch_to);
				return off;
			}
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
			if (pass(c, h, p + off - used, used, pos + off))
				break;
			c->engine->stats.unparsed_bytes += n - off + used;
			pairing_end(c, CONN_DROPPED);
			return n;
		}
	}
	c->engine->stats.unparsed_bytes += n - off;
	return n;
}

/* ---- gaps */

/* Bytes of a message were passed over unseen. If they are its last ones, its end is a guess. */
static void doubt_end(struct conn *c, struct half *h, enum reasm_gap why)
{
	if (why != REASM_TRUNCATED && h->x && !is_request(c, h) && !pairing_parser_unneeded(c, h))
		h->x->incomplete |= conn_missing(c);
}

static void gap_event(struct conn *c, struct half *h, const struct message *m, uint64_t pos,
		      uint64_t used, enum reasm_gap why)
{
	struct engine_stats *stats = &c->engine->stats;

	if (m->type == MESSAGE_ABORT) {
		if (asks(c, h))
			pairing_abort_request(c, h, pos, ABORT_GAP);
		else
			pairing_abort_response(c, h, pos, ABORT_GAP, 0);
		return;
	}
	if (m->type == MESSAGE_CONTENT) {
		int wanted = h->x && !exchange_unneeded(c->engine, h->x, !asks(c, h));

		*(wanted ? &stats->uncaptured_bytes : &stats->skipped_bytes) += used;
		doubt_end(c, h, why);
		if (why != REASM_TRUNCATED)
			h->gap_end = pos + used;
	}
	pairing_message(c, h, m, pos + used);
}

/* Content that may not come at all is missing: perhaps it was another request. */
static void doubt_content(struct conn *c, struct half *h, uint64_t pos, enum reasm_gap why)
{
	struct exchange *x = h->x;

	if (why == REASM_TRUNCATED || !x || !withheld_may(x) || (!x->status && x->resp_started) ||
	    !c->protocol->place || c->protocol->place(c->state, FROM_CLIENT) != PLACE_CONTENT)
		return;
	x->req_unsized = 1;
	x->incomplete |= conn_missing(c);
	c->protocol->move(c->state, FROM_CLIENT, PLACE_END, 0);
	pairing_data(c, h, (const uint8_t *)"", 0, pos);
}

static void pairing_gap(struct conn *c, struct half *h, uint64_t pos, uint64_t n,
			enum reasm_gap why, struct str kept)
{
	struct engine_stats *stats = &c->engine->stats;
	/* in a message of which the beginning was seen, or nobody knows where */
	int begun = c->protocol->place &&
		    c->protocol->place(c->state, sender_of(c, h)) == PLACE_SEEK;
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
	for (int i = 0; n && c->protocol && i < MAX_IDLE_CALLS; i++) {
		enum parse_status st;

		pairing_expect(c, h, pos - kept.n);
		message_init(&m);
		st = c->protocol->gap(c->state, sender_of(c, h), kept, n, &used, &m);
		if (st == PARSE_EVENT && m.flags & MESSAGE_TORN) {
			pairing_torn(c, h, &m, pos, pos - kept.n, why);
			kept.n = 0;
			begun = 1;
			continue;
		}
		stats->unparsed_bytes += kept.n;
		kept.n = 0;
		if (st == PARSE_EVENT) {
			begun |= m.type == MESSAGE_ABORT;
			gap_event(c, h, &m, pos, used, why);
		} else if (st == PARSE_END || st == PARSE_MORE) {
			stats->skipped_bytes += used;
			doubt_end(c, h, why);
		} else {
			certainty_lost(
				c, h, pos + used,
				why == REASM_TRUNCATED ? SPAN_TRUNCATED_HEAD : conn_missing(c), 1);
			if (!begun && is_request(c, h))
				c->unseen = 1;
			else if (!begun)
				c->resp_gap = CONN_GAP_HEAD;
			stats->uncaptured_bytes += used;
		}
		pos += used;
		n -= used;
	}
	if (!c->protocol) /* it ended before them */
		stats->uncaptured_bytes += n;
	/* an END that is due behind content that was missing does not wait for the next octet */
	else if (h->in_message)
		pairing_data(c, h, (const uint8_t *)"", 0, pos);
}

/* ---- the end */

/* n bytes have come of what answers the oldest request, and of its status nothing. */
static void begun_answer(struct conn *c, size_t n)
{
	struct exchange *x = c->head;

	if (!x || x->resp_done || x->suspect)
		return;
	x->incomplete |= SPAN_TRUNCATED_HEAD;
	x->resp_bytes += n;
}

/* A direction ends in the midst of a head: what there is of it counts. */
static void end_in_head(struct conn *c, struct half *h, uint64_t pos, uint64_t time)
{
	struct str kept = reasm_kept(&h->reasm);
	int in_head = c->protocol->place &&
		      c->protocol->place(c->state, sender_of(c, h)) == PLACE_HEAD;
	struct message m;
	uint64_t used;

	message_init(&m);
	if (!kept.n || h->torn || !in_head ||
	    c->protocol->gap(c->state, sender_of(c, h), kept, 1, &used, &m) != PARSE_EVENT ||
	    !(m.flags & MESSAGE_TORN)) {
		c->engine->stats.unparsed_bytes += kept.n;
		if (in_head && kept.n && !is_request(c, h))
			begun_answer(c, kept.n);
		if (in_head || !kept.n || h->in_message || is_request(c, h) ||
		    !c->protocol->place || c->protocol->place(c->state, FROM_SERVER) != PLACE_SEEK)
			return;
		h->unrecognized_bytes += kept.n;
		certainty_lost(c, h, pos, c->doubt ? c->doubt : SPAN_BAD_FRAMING, 0);
		return;
	}
	if (is_request(c, h)) {
		pairing_torn(c, h, &m, pos, pos - kept.n, REASM_TRUNCATED);
		return;
	}
	m.head_len = 0;
	pairing_message(c, h, &m, pos - kept.n);
	if (h->x)
		h->x->incomplete |= SPAN_TRUNCATED_HEAD;
	pairing_abort_response(c, h, pos, ABORT_ENDED, time);
}

/*
 * The end comes when it is open whether the content of a request, or a next request instead, has
 * begun: it is more like the latter.
 */
static __attribute__((noinline)) void end_undecided(struct conn *c, struct half *h)
{
	struct str kept = reasm_kept(&h->reasm);
	uint64_t pos = h->reasm.next - kept.n;

	if (!kept.n || !is_request(c, h) || !h->in_message || c->withheld || !c->protocol->place ||
	    c->protocol->place(c->state, FROM_CLIENT) != PLACE_CONTENT ||
	    !may_be_withheld(c, h, pos))
		return;
	h->x->incomplete |= SPAN_BAD_FRAMING;
	certainty_lost(c, h, pos, SPAN_BAD_FRAMING, 0);
	c->protocol->move(c->state, FROM_CLIENT, PLACE_END, 0);
	pairing_data(c, h, (const uint8_t *)kept.p, kept.n, pos);
}

/* Where bytes are missing at the very end, perhaps more are, or one of them was the FIN. */
static void doubt_last(const struct conn *c, const struct half *h, uint64_t pos)
{
	if (h->x && !is_request(c, h) && (c->lost_end || h->gap_end == pos))
		h->x->incomplete |= SPAN_LOST_EVENTS;
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
	end_undecided(c, h);
	if (!c->protocol)
		return;
	end_in_head(c, h, pos, time);
	/* what only the end would end is not complete (RFC 9112 section 8) */
	if (c->reset && !reasm_at_end(&h->reasm) && h->x && !is_request(c, h) &&
	    pairing_parser_unneeded(c, h) == UINT64_MAX) {
		doubt_last(c, h, pos);
		pairing_abort_response(c, h, pos, ABORT_ENDED, time);
	}
	for (int i = 0; i < MAX_IDLE_CALLS; i++) {
		message_init(&m);
		if (c->protocol->eof(c->state, sender_of(c, h), &m) != PARSE_EVENT)
			break;
		doubt_last(c, h, pos); /* content until close has ended, or just ends here */
		if (m.type != MESSAGE_ABORT)
			pairing_message(c, h, &m, pos);
		else if (asks(c, h))
			pairing_abort_request(c, h, pos, ABORT_ENDED);
		else
			pairing_abort_response(c, h, pos, ABORT_ENDED, time);
	}
}

/* Nothing comes for x any more. */
static void end_exchange(struct conn *c, struct exchange *x, uint64_t time)
{
	x->req_cut |= x->resp_done && !x->req_done;
	x->req_unsized |= !x->req_done;
	if (!x->resp_done)
		pairing_abort(c, x, time);
	queue_remove(c, x);
	queue_complete(c, x);
}

static void pairing_eof(struct conn *c, struct half *h, uint64_t time)
{
	int answers, asks, only = h->in_message && !is_request(c, h);

	if (!h->ended)
		end_parser(c, h, time);
	if (only)
		certainty_closed(c, h->msg_pos);
	answers = c->half[!c->request_dir].ended;
	asks = c->half[c->request_dir].ended;
	if (!answers && !c->keyed)
		return;
	if (c->doubted_head)
		doubted_release(c, certainty_at_end(c));
	pairing_count_partial(c, c->keyed ? h : NULL);
	for (struct exchange *x = c->head, *next; x; x = next) {
		next = x->next;
		if (x->reversed ? asks : answers)
			end_exchange(c, x, time);
	}
	if (answers)
		queue_end_long(c, time);
}

static void pairing_end(struct conn *c, enum conn_end why)
{
	struct exchange *x = c->upgraded;

	c->upgraded = NULL;
	if (x)
		pairing_end_one(c, x, why);
	pairing_end_open(c, why);
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

/* What went by before messages were found, up to pos, may have held some. */
static void doubt_before(struct conn *c, struct half *mine, uint64_t pos)
{
	struct half *other = &c->half[mine == &c->half[0]];
	uint64_t end = other->reasm.next - reasm_kept(&other->reasm).n;

	if (c->lost && end > other->reasm.first + other->lead)
		certainty_behind(c, other, end);
	if (pos > mine->reasm.first + mine->lead || c->lost)
		certainty_behind(c, mine, pos);
}

static int pairing_begin(struct conn *c, const struct conn_begin *b)
{
	const struct protocol *protocol = b->protocol;
	unsigned joined = 0;

	c->state = calloc(1, protocol->state_size);
	if (!c->state ||
	    (protocol->pairing == PAIRING_BY_KEY && !keyed_begin(c, b->half, b->pos))) {
		release(c);
		return 0;
	}
	c->ops = &pairing_ops;
	c->request_dir = (uint8_t)b->client;
	c->id_hash_valid = 0;
	c->half[b->client].reasm.follows = 0;
	for (unsigned d = 0; d < 2; d++) {
		if (c->rejoined || (c->preexisting && !c->half[d].reasm.from_syn))
			joined |= BEGIN_JOINED(sender_of(c, &c->half[d]));
		if (!c->keyed)
			certainty_begin(c, &c->half[d]);
	}
	if (c->datagram)
		joined |= BEGIN_DATAGRAM;
	protocol->begin(c->state, joined);
	if (!c->preexisting)
		doubt_before(c, b->half, b->pos);
	return 1;
}

static uint64_t pairing_unneeded(const struct conn *c, const struct half *h)
{
	uint64_t n = pairing_parser_unneeded(c, h), m = UINT64_MAX;

	if (n && h->x)
		m = exchange_unneeded(c->engine, h->x, !asks(c, h));
	return m < n ? m : n;
}

static void pairing_each(const struct conn *c, void (*fn)(void *ctx, struct exchange *x), void *ctx)
{
	for (struct exchange *x = c->head; x; x = x->next)
		if (!x->resp_done && !queue_doubts(c, x) &&
		    (x->resp_started || !certainty_may_refuse(x)))
			fn(ctx, x);
	if (c->ongoing)
		fn(ctx, c->ongoing);
}

const struct conn_ops pairing_ops = {
	.begin = pairing_begin,
	.data = pairing_data,
	.gap = pairing_gap,
	.eof = pairing_eof,
	.io = pairing_io,
	.lost = pairing_lost,
	.end = pairing_end,
	.unneeded = pairing_unneeded,
	.each = pairing_each,
};
