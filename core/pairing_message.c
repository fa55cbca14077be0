#include "core/pairing_impl.h"

#include <stdlib.h>

#include "core/certainty.h"
#include "core/doubted.h"
#include "core/exchange_link.h"
#include "core/keyed.h"
#include "core/pairing.h"
#include "core/pending_read.h"
#include "core/queue.h"
#include "core/withheld.h"
#include "core/wording.h"

/* ---- requests */

/*
 * The request of the response that is being read was not seen; perhaps that has no content whatever
 * its head says (HEAD). So it is if a client that waits for its answers sends the next request, and
 * has received no more than the head.
 */
static void end_headless(struct conn *c, uint64_t need)
{
	struct half *h = &c->half[!c->request_dir];
	struct message m;
	size_t used;

	if (!h->in_message || c->pipelined || need != h->reasm.next ||
	    (h->x && queue_has(h->x) && !h->x->suspect) || !c->protocol->place ||
	    c->protocol->place(c->state, FROM_SERVER) != PLACE_CONTENT)
		return;
	c->protocol->move(c->state, FROM_SERVER, PLACE_END, 0);
	message_init(&m);
	if (c->protocol->next(c->state, FROM_SERVER, (const uint8_t *)"", 0, &used, &m) ==
	    PARSE_EVENT)
		pairing_message(c, h, &m, h->reasm.next);
}

/* The same where that request, sent when all before pos had been received, is known already. */
static void end_by_next(struct conn *c, const struct half *h, uint64_t pos)
{
	if (c->pipelined || !c->protocol->place ||
	    c->protocol->place(c->state, FROM_SERVER) != PLACE_CONTENT)
		return;
	for (const struct exchange *x = c->head; x; x = x->next)
		if (x->need == pos && x != h->x)
			c->protocol->move(c->state, FROM_SERVER, PLACE_END, 0);
}

/* What used the same key before will not be answered any more. */
static __attribute__((noinline)) void begin_keyed(struct conn *c, const struct half *h,
						  struct exchange *x, const struct message *m)
{
	struct exchange *older = m->flags & MESSAGE_ONE_WAY ? NULL : keyed_find(c, m->key, 0);

	x->reversed = x->io_done = (uint8_t)!is_request(c, h);
	if (m->flags & MESSAGE_IF_ASKED)
		x->incomplete |= keyed_unasked(c, h, x->req_first);
	x->key = m->key;
	x->boundary = 1;
	if (older && !older->resp_started) {
		older->incomplete |= older->suspect | (older->silent ? 0 : SPAN_RESPONSE_NOT_SEEN);
		older->one_way |= older->silent;
		older->resp_unsized = older->resp_done = older->req_done = 1;
		queue_settle(c, older);
	}
	keyed_add(c, x);
}

/* Is it a datagram that was sent before, and has no answer yet? */
static int is_sent_again(struct conn *c, const struct message *m)
{
	struct exchange *x = keyed_find(c, m->key, m->form);

	if (!x || x->resp_started)
		return 0;
	x->retries++;
	return 1;
}

static struct exchange *begin_request(struct conn *c, struct half *h, const struct message *m,
				      uint64_t pos)
{
	uint64_t need = reasm_need(&h->reasm, pos);
	struct exchange *x;
	const struct io_mark *io;

	if (c->datagram && is_sent_again(c, m))
		return NULL;
	if (c->nqueued >= PAIRING_MAX_QUEUE && c->head)
		queue_drop_oldest(c);
	end_headless(c, need);
	x = c->early ? queue_take_early(c) : NULL;
	if (!x)
		x = exchange_new(c->engine, c);
	if (!x)
		return NULL;
	x->req_pos = pos;
	x->req_first = reasm_time(&h->reasm, pos);
	if (x->resp_done) /* it was answered early: at once */
		x->resp_first = x->resp_last = x->req_first;
	x->need = need;
	x->found = (m->flags & MESSAGE_FOUND) != 0;
	x->waits = (m->flags & MESSAGE_WAITS) != 0;
	if (c->keyed)
		begin_keyed(c, h, x, m);
	else
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
	x->need_end = h->reasm.cur_need;
	if (x == c->withheld)
		return;
	x->req_done = 1;
	queue_settle(c, x);
}

void pairing_abort_request(struct conn *c, struct half *h, uint64_t pos, enum abort_reason why)
{
	struct exchange *x = h->x;

	if (!x) {
		h->in_message = 0;
		return;
	}
	if (why == ABORT_GAP) {
		x->req_unsized = 1;
		x->incomplete |= conn_missing(c);
	} else if (why == ABORT_BROKEN) {
		x->incomplete |= SPAN_BAD_FRAMING;
		x->error = SPAN_ERR_PROTOCOL;
	} else {
		x->req_cut = x->resp_done;
		if (!reasm_at_end(&h->reasm))
			x->req_unsized = 1; /* more may have been sent */
	}
	end_request(c, h, pos);
}

/*
 * Behind an answer that only the end of the connection ends, and that its client has seen to begin?
 */
static int is_unanswerable(const struct conn *c, const struct half *h, uint64_t pos)
{
	const struct half *resp = &c->half[!c->request_dir];

	return resp->in_message && resp->x && queue_has(resp->x) && !resp->x->suspect &&
	       reasm_need(&h->reasm, pos) > resp->msg_pos &&
	       pairing_parser_unneeded(c, resp) == UINT64_MAX;
}

/* A connection with a second request will have more, which are like the first two, mostly. */
static void give_memo(struct conn *c)
{
	struct engine *e = c->engine;

	if (!c->protocol->memo || c->memo || e->nmemos >= PAIRING_MAX_MEMOS)
		return;
	c->memo = calloc(1, c->protocol->memo_size);
	e->nmemos += c->memo != NULL;
	c->protocol->memo(c->state, c->memo);
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
	h->mid_line = 0;
	if (c->nexchanges == 2)
		give_memo(c);
}

/* ---- responses */

/* Tells the parser what the response answers that may begin now. */
void pairing_expect_answer(struct conn *c, struct half *h, uint64_t pos)
{
	const struct exchange *x;

	if (c->withheld)
		withheld_answered(c, pos);
	if (!c->protocol->answers)
		return;
	x = certainty_answered(c, h, pos);
	c->protocol->answers(c->state, !x ? 0 : x->suspect ? ANSWER_KNOWN : ANSWER_SURE,
			     x ? x->form : 0);
}

/* The requests before x, whose response at pos has come, will not get theirs. */
static void drop_before(struct conn *c, const struct half *h, const struct exchange *x,
			uint64_t pos)
{
	uint64_t ack = reasm_need(&h->reasm, pos);

	if (!c->resp_gap && (!x || x == c->head))
		return;
	c->resp_gap = 0;
	doubted_break(c);
	while (c->head && c->head != x && (!c->head->resp_done || c->head->one_way) &&
	       (!ack || c->head->req_pos < ack))
		queue_drop_oldest(c);
}

/* What is answered may be the first of them. If there is a second answer, they were requests. */
static __attribute__((noinline)) void end_row(struct conn *c)
{
	for (struct exchange *x = c->head; x; x = x->next)
		x->in_row = 2;
	queue_drop_oldest(c);
}

/* A response whose request was not seen, outside of the queue. */
static struct exchange *orphan_response(struct conn *c, uint64_t pos)
{
	struct exchange *x = exchange_new(c->engine, c);

	if (!x)
		return NULL;
	doubted_break(c);
	x->incomplete = SPAN_REQUEST_NOT_SEEN;
	x->incomplete |= c->doubt;
	if (c->keyed && c->lost)
		x->incomplete |= conn_missing(c);
	if (c->preexisting && !c->requested)
		x->incomplete |= SPAN_ATTACHED_LATE;
	x->req_pos = pos;
	x->req_done = 1;
	x->io_done = 1;
	return x;
}

/*
 * ---- the long exchange of a connection: whoever subscribes is answered beside it, and told more
 */

/*
 * Takes the exchange that is being answered, up to pos so far, out of the queue. If there is one
 * already, it ends.
 */
static void begin_long(struct conn *c, struct half *h, uint64_t pos)
{
	struct exchange *x = h->x;

	h->x = NULL;
	h->in_message = 0;
	if (queue_has(x))
		queue_remove(c, x);
	queue_end_long(c, h->last_time);
	x->resp_done = 0;
	x->resp_end = pos;
	x->counts_notices = x->resp_uncounted = 1;
	c->ongoing = x;
	c->nqueued++;
	c->engine->stats.in_flight++;
}

static void end_long(struct conn *c, struct half *h, uint64_t pos)
{
	if (c->ongoing)
		c->ongoing->resp_end = pos;
	queue_end_long(c, h->last_time);
}

/* A request whose head has not ended is refused: what there is of it becomes an exchange. */
static struct exchange *answered_in_head(struct conn *c, const struct half *resp, uint64_t pos)
{
	struct half *h = &c->half[c->request_dir];
	struct str kept = reasm_kept(&h->reasm);
	uint64_t end = h->reasm.next, used;
	struct message m;

	if (!kept.n || !c->protocol->place ||
	    c->protocol->place(c->state, FROM_CLIENT) != PLACE_HEAD ||
	    reasm_need(&resp->reasm, pos) <= end - kept.n)
		return NULL;
	message_init(&m);
	if (c->protocol->gap(c->state, FROM_CLIENT, kept, 1, &used, &m) != PARSE_EVENT)
		return NULL;
	pairing_torn(c, h, &m, end, end - kept.n, REASM_TRUNCATED);
	h->torn = 1;
	return certainty_answered(c, resp, pos);
}

/* Those whose responses may have been lost end when nothing can come for them any more. */
static void give_up_lost(struct conn *c, uint64_t now)
{
	while (c->head && c->head->suspect && c->head->req_done && !c->head->resp_started &&
	       c->head->req_first + KEYED_DOUBT < now)
		queue_drop_oldest(c);
}

/* The response at pos answers those before it, too. */
static __attribute__((noinline)) void answer_all(struct conn *c, const struct half *h,
						 const struct message *m, uint64_t pos)
{
	for (struct exchange *x = c->head, *next; x; x = next) {
		next = x->next;
		if (x->key >= m->key || m->key - x->key > m->size || x->one_way)
			continue;
		x->resp_started = x->resp_done = x->resp_uncounted = 1;
		x->incomplete |= x->suspect; /* it may have been answered before */
		x->resp_first = x->resp_last = h->last_time;
		x->resp_pos = pos;
		x->resp_end = pos + m->head_len;
		exchange_response(c->engine, x, m);
		queue_settle(c, x);
	}
}

/* The request with the response's key; the parser, too, is told of it. */
static __attribute__((noinline)) struct exchange *
answered_by_key(struct conn *c, const struct half *h, const struct message *m, uint64_t pos)
{
	struct exchange *x;

	give_up_lost(c, h->last_time);
	if (m->flags & MESSAGE_ALL)
		answer_all(c, h, m, pos);
	x = keyed_answered(c, h, m, pos);
	if (c->protocol->answers)
		c->protocol->answers(c->state, x != NULL, x ? x->form : 0);
	return x;
}

/*
 * What comes at pos does not answer x, of which that was in doubt, nor, if it seems to follow, what
 * came before it.
 */
static __attribute__((noinline)) void is_other(struct conn *c, struct half *h,
					       const struct exchange *x, uint64_t pos)
{
	int open = h->in_message;

	if (!x || !x->suspect)
		return;
	certainty_lost(c, h, pos, x->suspect, 0);
	for (const struct exchange *y = NULL; !open && y != x && c->head;) {
		y = c->head;
		queue_drop_oldest(c);
	}
}

/* x is answered by its key. */
static __attribute__((noinline)) void settle_doubt(struct conn *c, struct exchange *x)
{
	if (x->suspect && queue_has(x))
		x->incomplete |= keyed_doubt(c, x);
	x->suspect = c->unproven = 0;
}

static void response_head(struct conn *c, struct half *h, const struct message *m,
			   uint64_t pos)
{
	struct exchange *x = c->keyed ? answered_by_key(c, h, m, pos)
				      : certainty_answered(c, h, pos);
	int interim = (m->flags & MESSAGE_INTERIM) != 0;
	int sought = m->flags & MESSAGE_FOUND || pos == h->msg_pos;

	if (m->flags & MESSAGE_OTHER) {
		is_other(c, h, x, pos);
		return;
	}
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
	if (c->doubted_head && certainty_is_bare_end(c, pos))
		doubted_break(c);
	if (!c->keyed)
		drop_before(c, h, x, pos);
	else if (!x || m->flags & MESSAGE_ALL)
		keyed_stray(c, h, m, pos);
	if (!x && !interim && c->head && c->head->in_row)
		end_row(c);
	if (!x && !interim && !(m->flags & MESSAGE_IF_ASKED))
		x = orphan_response(c, pos);
	h->x = x;
	if (!x)
		return;
	if (!x->resp_started) {
		x->resp_pos = pos;
		x->resp_uncounted |= (m->flags & MESSAGE_UNCOUNTED) != 0;
	}
	x->resp_started = 1;
	if (interim) {
		if (x == c->withheld && m->status == 100)
			withheld_settle(c, withheld_pos(c), 1);
		return;
	}
	x->resp_first = reasm_time(&h->reasm, pos);
	x->due = !x->found && !x->beside && !sought && x->resp_pos == c->answer_end;
	if (x == c->withheld && reasm_need(&h->reasm, pos) >= c->withheld_end)
		withheld_settle(c, withheld_pos(c), 1);
	if (c->keyed)
		settle_doubt(c, x);
	else
		certainty_response(c, h, queue_has(x) ? x : NULL, pos);
	if (x->suspect && m->size)
		certainty_bare(c, pos + m->head_len, m->size);
	exchange_response(c->engine, x, m);
	if (m->words.n && queue_has(x))
		wording_response(c, h, x, m, pos);
	if (m->flags & MESSAGE_LONG)
		begin_long(c, h, pos + m->head_len);
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
	if (!c->keyed)
		certainty_response_ended(c, h, pos, !x->resp_unsized && !x->aborted);
	if (c->pipelined)
		certainty_ahead_ended(c, pos);
	queue_settle(c, x);
}

/* The connection ended before x had its response, or seems to have. */
void pairing_abort(struct conn *c, struct exchange *x, uint64_t time)
{
	struct half *h = &c->half[!c->request_dir];
	int begun = x->resp_first != SPAN_UNKNOWN; /* not only an interim response */

	x->req_done = 1;
	x->resp_done = 1;
	if (x->silent && !x->resp_started) {
		x->one_way = x->resp_unsized = 1;
		x->incomplete |= x->suspect;
		return;
	}
	if (x->suspect == SPAN_BAD_FRAMING && !begun && h->unrecognized_bytes) {
		x->resp_bytes = h->unrecognized_bytes;
		h->unrecognized_bytes = 0;
		x->incomplete |= SPAN_BAD_FRAMING;
		x->error = SPAN_ERR_PROTOCOL;
	} else if (x->suspect == SPAN_BAD_FRAMING && !begun && !c->lost && !c->resp_lost) {
		x->incomplete |= SPAN_BAD_FRAMING; /* there are fewer answers than requests */
	} else if ((x->suspect && !begun) || c->lost_end || conn_answers_unread(c)) {
		x->resp_unsized = 1;
		x->incomplete |= x->suspect | (c->lost_end ? SPAN_LOST_EVENTS : 0);
		if (conn_answers_unread(c))
			x->incomplete |= SPAN_READ_NOT_SEEN;
		if (!begun)
			x->incomplete |= SPAN_RESPONSE_NOT_SEEN;
		return;
	}
	x->aborted = 1;
	x->end = time;
	if (!x->error)
		x->error = conn_end_error(c);
}

void pairing_abort_response(struct conn *c, struct half *h, uint64_t pos, enum abort_reason why,
			   uint64_t time)
{
	struct exchange *x = h->x;

	if (why != ABORT_ENDED)
		certainty_lost(c, h, pos, why == ABORT_GAP ? conn_missing(c) : SPAN_BAD_FRAMING,
			       why == ABORT_GAP);
	if (x) {
		x->resp_unsized = why != ABORT_ENDED;
		if (why == ABORT_GAP)
			x->incomplete |= conn_missing(c);
		if (why == ABORT_BROKEN) {
			x->incomplete |= SPAN_BAD_FRAMING;
			x->error = SPAN_ERR_PROTOCOL;
		}
		if (why == ABORT_ENDED)
			pairing_abort(c, x, time);
	}
	end_response(c, h, pos, 0);
}

/* Messages of several keys alternate: back to that of this one, whose bytes nobody can count. */
static void change_message(struct conn *c, struct half *h, uint64_t key)
{
	struct exchange *x = c->head;
	int request = is_request(c, h);

	while (x && (x->key != key || (request == x->reversed ? x->resp_done : x->req_done)))
		x = x->next;
	if (x == h->x)
		return;
	h->x = x;
	if (x && request == x->reversed)
		x->resp_uncounted = 1;
	else if (x)
		x->req_uncounted = 1;
}

/* By keys, either side may ask, and what could answer may be a request of its own. */
static __attribute__((noinline)) int is_asking(struct conn *c, struct half *h,
					       const struct message *m, uint64_t pos)
{
	if (m->flags & MESSAGE_KEYED)
		change_message(c, h, m->key);
	if (m->type != MESSAGE_HEAD)
		return asks(c, h);
	if (!(m->flags & MESSAGE_RESPONSE))
		return 1;
	return m->flags & MESSAGE_IF_ASKED && m->flags & MESSAGE_ONE_WAY &&
	       !keyed_answered(c, h, m, pos);
}

void pairing_message(struct conn *c, struct half *h, const struct message *m, uint64_t pos)
{
	uint64_t begin = pos - m->head_len - m->data.n; /* of a HEAD */
	int request = c->keyed ? is_asking(c, h, m, begin) : is_request(c, h);

	switch (m->type) {
	case MESSAGE_HEAD:
		(request ? request_head : response_head)(c, h, m, begin);
		if (!m->data.n)
			break;
		/* fall through */
	case MESSAGE_CONTENT:
		if (h->x && (m->data.n || m->gap))
			exchange_content(c->engine, h->x, !request, m->data, m->gap);
		break;
	case MESSAGE_END:
		if (h->x && c->protocol->attrs)
			exchange_end(h->x, !request, m);
		if (m->flags & MESSAGE_OTHER)
			is_other(c, h, h->x, pos);
		else if (!request && m->words.n && h->x && queue_has(h->x))
			wording_response(c, h, h->x, m, pos);
		if (m->flags & MESSAGE_LONG)
			end_long(c, h, pos);
		else if (request)
			end_request(c, h, pos);
		else
			end_response(c, h, pos, (m->flags & MESSAGE_INTERIM) != 0);
		break;
	case MESSAGE_ABORT:
		if (request)
			pairing_abort_request(c, h, pos, ABORT_BROKEN);
		else
			pairing_abort_response(c, h, pos, ABORT_BROKEN, 0);
		break;
	case MESSAGE_NOTICE:
		if (m->flags & MESSAGE_NAMES)
			exchange_names(c->engine, c, m);
		if (c->ongoing && m->flags & MESSAGE_COUNTED) {
			exchange_notice(c->ongoing, m);
			c->ongoing->resp_end = pos;
		}
		break;
	case MESSAGE_SWITCH:
		break;
	}
	if (!(m->flags & MESSAGE_ENDS) || !h->in_message)
		return;
	if (request)
		end_request(c, h, pos);
	else
		end_response(c, h, pos, (m->flags & MESSAGE_INTERIM) != 0);
}

/* ---- exchanges that end before their time */

void pairing_count_partial(struct conn *c, const struct half *ended)
{
	for (int d = 0; d < 2; d++) {
		const struct half *h = &c->half[d];

		if (h->x && asks(c, h))
			h->x->req_bytes = h->reasm.next - h->msg_pos;
		else if (h->x && (!ended || h == ended))
			h->x->resp_bytes += h->reasm.next - h->msg_pos;
	}
}

/* Answered in place of being told to go on, and its content has not begun for a while. */
static int is_refused(const struct conn *c, const struct exchange *x)
{
	const struct half *h = &c->half[c->request_dir];

	return x->waits && x->resp_done && c->protocol->place &&
	       c->protocol->place(c->state, FROM_CLIENT) == PLACE_CONTENT &&
	       !reasm_kept(&h->reasm).n && c->engine->now > x->resp_last + CERTAINTY_PAUSE;
}

void pairing_end_one(struct conn *c, struct exchange *x, enum conn_end why)
{
	if (why == CONN_DROPPED || queue_doubts(c, x)) {
		exchange_put(c->engine, x);
		return;
	}
	if (!x->resp_done && x->silent && !x->resp_started) {
		x->one_way = x->resp_done = x->resp_unsized = 1;
		x->incomplete |= x->suspect;
	} else if (!x->resp_done) {
		if (why == CONN_FINISHED || x->resp_started)
			x->incomplete |= SPAN_IN_FLIGHT;
		else
			x->incomplete |= SPAN_RESPONSE_NOT_SEEN;
	} else if (!x->req_done && is_refused(c, x)) {
		x->req_unsized = 1; /* whatever comes of it yet */
	} else if (!x->req_done) {
		x->incomplete |= SPAN_IN_FLIGHT;
	}
	exchange_emit(c->engine, x);
}

/* Ends the exchanges whose messages are not complete. */
void pairing_end_open(struct conn *c, enum conn_end why)
{
	struct half *resp = &c->half[!c->request_dir];
	struct exchange *orphan = resp->x && !queue_has(resp->x) ? resp->x : NULL;

	pairing_count_partial(c, NULL);
	if (c->doubted_head)
		doubted_release(c, DOUBTED_NONE);
	while (c->early)
		pairing_end_one(c, queue_pop_early(c), why);
	if (orphan) {
		resp->x = NULL;
		pairing_end_one(c, orphan, why);
	}
	while (c->head)
		pairing_end_one(c, queue_take(c), why);
	orphan = queue_take_long(c);
	if (orphan)
		pairing_end_one(c, orphan, why);
}

/* A head was being put together when a gap came: what is known of it becomes an exchange. */
void pairing_torn(struct conn *c, struct half *h, const struct message *m, uint64_t pos,
		      uint64_t begin, enum reasm_gap why)
{
	uint32_t bits = SPAN_TRUNCATED_HEAD | (why == REASM_TRUNCATED ? 0 : conn_missing(c));
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
