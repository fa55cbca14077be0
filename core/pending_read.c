#include "core/pending_read.h"

#include "core/engine_impl.h"
#include "core/exchange_link.h"

static struct exchange *take_first(struct conn *c)
{
	struct exchange *x = c->wait_head;

	c->engine->nreading--;
	c->wait_head = x->next;
	if (!c->wait_head)
		c->wait_tail = NULL;
	return x;
}

int pending_read_add(struct conn *c, struct exchange *x)
{
	const struct io_mark *m;

	if (c->request_dir != ZC_TX || x->reversed || !c->engine->io_seen || x->aborted ||
	    !x->resp_done || x->resp_unsized || x->incomplete & SPAN_LOST_EVENTS)
		return 0;
	m = half_io_passing(&c->half[!c->request_dir], x->resp_end - 1);
	if (m) {
		x->end = m->time;
		exchange_link_read(c->engine, x, m);
		return 0;
	}
	if (c->wait_tail)
		c->wait_tail->next = x;
	else
		c->wait_head = x;
	c->wait_tail = x;
	x->next = NULL;
	list_unlink(&x->timer);
	/* where its write was not seen, nor will be its read */
	list_append(c->bypassed || !x->io_done ? &c->engine->waiting : &c->engine->reading,
		    &x->timer);
	c->engine->nreading++;
	return 1;
}

void pending_read_flush(struct conn *c, struct exchange *x)
{
	/* the list is in order of completion, so what comes before x has waited as long */
	while (c->wait_head) {
		struct exchange *first = take_first(c);

		if (first->io_done)
			first->incomplete |= SPAN_READ_NOT_SEEN;
		exchange_emit(c->engine, first);
		if (first == x)
			return;
	}
}

void pending_read_set_io(struct exchange *x, const struct io_mark *m)
{
	if (x->io_done)
		return;
	x->io_time = m->time;
	x->pid = m->pid;
	x->tid = m->tid;
	x->io_done = 1;
	exchange_link_io(x->conn->engine, x, m);
}

/*
 * The application has written on behind the request that waits first, with its response there: it
 * has read it by other ways than those that are seen (splice), or does not care for it.
 */
static int is_next_request(const struct conn *c, const struct zc_ev_io *io)
{
	const struct exchange *x = c->wait_head;

	/* with requests in any order, what was written may be behind another one */
	if (!x || (c->protocol && c->protocol->pairing == PAIRING_BY_KEY))
		return 0;
	return io->ev.time > x->resp_last && io_passes(io, x->req_pos + x->req_bytes);
}

void pending_read_tick(struct engine *e)
{
	while (!list_empty(&e->reading)) {
		struct exchange *x = list_entry(e->reading.next, struct exchange, timer);

		if (e->nreading <= PENDING_READ_COUNT && x->resp_last + PENDING_READ_LATE > e->now)
			break;
		pending_read_flush(x->conn, x);
	}
}

void pending_read_io(struct conn *c, const struct zc_ev_io *io)
{
	const struct io_mark m = io_mark_of(io);
	struct exchange *x;

	if (io->dir == c->request_dir) {
		for (x = c->wait_head; x; x = x->next)
			if (io_passes(io, x->req_pos))
				pending_read_set_io(x, &m);
		if (is_next_request(c, io)) {
			c->bypassed = 1;
			pending_read_flush(c, NULL);
		}
		return;
	}
	c->bypassed = 0;
	while (c->wait_head && io_passes(io, c->wait_head->resp_end - 1)) {
		x = take_first(c);
		x->end = io->ev.time;
		exchange_link_read(c->engine, x, &m);
		exchange_emit(c->engine, x);
	}
}

void pending_read_lost(struct conn *c)
{
	for (struct exchange *x = c->wait_head; x; x = x->next)
		x->incomplete |= SPAN_LOST_EVENTS;
	pending_read_flush(c, NULL);
}

void pending_read_drop(struct conn *c)
{
	while (c->wait_head)
		exchange_put(c->engine, take_first(c));
}
