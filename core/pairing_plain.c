/*
 * pairing_plain.c - the usual exchange: nothing of its connection is in doubt, no other is open on
 * it, and each of its messages is told at once
 *
 * What pairing_message() does comes down to a few steps then. They are written out here; that the
 * outcome is the same, tests/unit/test_plain.c shows by doing both.
 */
#include "core/certainty.h"
#include "core/doubted.h"
#include "core/exchange_link.h"
#include "core/pairing_impl.h"
#include "core/pending_read.h"
#include "core/queue.h"

#define REQUEST_FLAGS (MESSAGE_FIELDS | MESSAGE_ENDS)
#define RESPONSE_FLAGS (MESSAGE_RESPONSE | MESSAGE_FIELDS | MESSAGE_ENDS)

static int plain_request(struct conn *c, struct half *h, const struct message *m, uint64_t begin,
			 uint64_t end)
{
	struct exchange *x;
	const struct io_mark *io;

	if (m->flags != REQUEST_FLAGS || m->data.n || c->head ||
	    c->half[!c->request_dir].in_message)
		return 0;
	h->msg_pos = begin;
	h->unrecognized_bytes = 0;
	x = exchange_new(c->engine, c);
	if (!x)
		return 1;
	x->req_pos = begin;
	x->req_first = reasm_time(&h->reasm, begin);
	x->need = reasm_need(&h->reasm, begin);
	certainty_plain_request(c, x);
	exchange_request(c->engine, x, m);
	queue_add(c, x);
	io = half_io_passing(h, begin);
	if (io) {
		c->no_io = NULL;
		pending_read_set_io(x, io);
	}
	x->req_bytes = end - begin;
	x->req_end = end;
	x->need_end = h->reasm.cur_need;
	x->req_done = 1;
	return 1;
}

static int plain_response(struct conn *c, struct half *h, const struct message *m, uint64_t begin,
			  uint64_t end)
{
	struct exchange *x = c->head;

	if ((m->flags & ~MESSAGE_UNSIZED) != RESPONSE_FLAGS || !x || x->next || !x->req_done ||
	    x->resp_started || x->suspect || x->tentative || x->one_way ||
	    x != certainty_answered(c, h, begin))
		return 0;
	x->due = !x->found && begin != h->msg_pos;
	h->msg_pos = begin;
	h->unrecognized_bytes = 0;
	x->resp_pos = begin;
	x->resp_started = 1;
	x->resp_first = reasm_time(&h->reasm, begin);
	certainty_response(c, h, x, begin);
	exchange_response(c->engine, x, m);
	if (m->data.n && (x->payload || x->naming || c->engine->opt.body_bytes))
		exchange_content(c->engine, x, 1, m->data, 0);
	else
		x->resp_body_bytes = m->data.n;
	x->resp_bytes += end - begin;
	x->resp_last = h->last_time;
	x->resp_end = end;
	x->resp_done = 1;
	certainty_response_ended(c, h, end, !x->resp_unsized && !x->aborted);
	doubted_pass(c, queue_take(c));
	return 1;
}

int pairing_plain(struct conn *c, struct half *h, const struct message *m, uint64_t pos)
{
	uint64_t begin = pos - m->head_len - m->data.n;

	if (m->type != MESSAGE_HEAD)
		return 0;
	return (is_request(c, h) ? plain_request : plain_response)(c, h, m, begin, pos);
}
