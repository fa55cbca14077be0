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

/* A request that gets no response: there is nothing to read. */
static int has_read(const struct exchange *x)
{
	return !x->one_way;
}

static void append(struct conn *c, struct exchange *x)
{
	if (c->wait_tail)
		c->wait_tail->next = x;
	else
		c->wait_head = x;
	c->wait_tail = x;
	x->next = NULL;
	list_unlink(&x->timer);
	c->engine->nreading++;
}

/* What was done meanwhile, and waited for its turn only: never the first of those that wait. */
__attribute__((noinline)) static void emit_behind(struct conn *c)
{
	while (c->wait_head && !has_read(c->wait_head))
		exchange_emit(c->engine, take_first(c));
}

int pending_read_add(struct conn *c, struct exchange *x)
{
	const struct io_mark *m;
	int alone = !c->wait_head || !c->wait_head->io_done;

	if (c->wait_head && !has_read(x) && !x->aborted && !(x->incomplete & SPAN_LOST_EVENTS)) {
		append(c, x);
		return 1;
	}
	if (c->request_dir != ZC_TX || x->reversed || !c->engine->io_seen || x->aborted ||
	    !x->resp_done || x->resp_unsized || x->incomplete & SPAN_LOST_EVENTS)
		return 0;
	m = half_io_passing(&c->half[!c->request_dir], x->resp_end - 1);
	if (m) {
		x->end = m->time;
		exchange_link_read(c->engine, x, m);
		return 0;
	}
	append(c, x);
	/* where its write was not seen, nor will be its read, but for one among others */
	alone &= !x->io_done;
	list_append(c->bypassed || alone ? &c->engine->waiting : &c->engine->reading, &x->timer);
	return 1;
}

void pending_read_flush(struct conn *c, struct exchange *x)
{
	/* the list is in order of completion, so what comes before x has waited as long */
	while (c->wait_head) {
		struct exchange *first = take_first(c);

		if (first->io_done && has_read(first))
			first->incomplete |= SPAN_READ_NOT_SEEN;
		exchange_emit(c->engine, first);
		if (first == x) {
			emit_behind(c);
			return;
		}
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
 * The application has written on behind the request that waits first, with its response there. It
 * has read it by other ways than those that are seen (splice), or does not care for it; or it has
 * another one to ask before it comes to read, as what serves many on one thread does.
 */
static int is_overtaken(const struct conn *c, const struct zc_ev_io *io)
{
	const struct exchange *x = c->wait_head;

	/* with requests in any order, what was written may be behind another one */
	if (!x || x->overtaken || c->bypassed || !x->io_done ||
	    (c->protocol && c->protocol->pairing == PAIRING_BY_KEY))
		return 0;
	return io->ev.time > x->resp_last && io_passes(io, x->req_pos + x->req_bytes);
}

static void overtake(struct engine *e, struct exchange *x)
{
	x->overtaken = e->now;
	list_unlink(&x->timer);
	list_append(&e->overtaken, &x->timer);
}

/* It would have been read by now. So would be what had come before the request that overtook it. */
static void give_up(struct conn *c, uint64_t overtaken)
{
	c->bypassed = 1;
	while (c->wait_head && c->wait_head->resp_last < overtaken)
		pending_read_flush(c, c->wait_head);
}

void pending_read_tick(struct engine *e)
{
	while (!list_empty(&e->overtaken)) {
		struct exchange *x = list_entry(e->overtaken.next, struct exchange, timer);

		if (e->nreading <= PENDING_READ_COUNT &&
		    x->overtaken + PENDING_READ_BEHIND > e->now)
			break;
		give_up(x->conn, x->overtaken);
	}
	while (!list_empty(&e->reading)) {
		struct exchange *x = list_entry(e->reading.next, struct exchange, timer);

		if (e->nreading <= PENDING_READ_COUNT && x->resp_last + PENDING_READ_LATE > e->now)
			break;
		pending_read_flush(x->conn, x);
	}
}

/* Did this read begin behind the response of x? It was read otherwise, then. */
static int begins_behind(const struct zc_ev_io *io, const struct exchange *x)
{
	return io->len && (int32_t)(io->seq - io->len - (uint32_t)x->resp_end) >= 0;
}

static void written(struct conn *c, const struct zc_ev_io *io)
{
	const struct io_mark m = io_mark_of(io);

	for (struct exchange *x = c->wait_head; x; x = x->next)
		if (has_read(x) && io_passes(io, x->req_pos))
			pending_read_set_io(x, &m);
	if (is_overtaken(c, io))
		overtake(c->engine, c->wait_head);
}

void pending_read_io(struct conn *c, const struct zc_ev_io *io)
{
	const struct io_mark m = io_mark_of(io);
	struct exchange *x;

	if (io->dir == c->request_dir) {
		written(c, io);
		return;
	}
	c->bypassed = 0;
	while (c->wait_head && begins_behind(io, c->wait_head)) {
		c->bypassed = 1;
		pending_read_flush(c, c->wait_head);
	}
	while (c->wait_head && io_passes(io, c->wait_head->resp_end - 1)) {
		c->bypassed = 0;
		x = take_first(c);
		x->end = io->ev.time;
		exchange_link_read(c->engine, x, &m);
		exchange_emit(c->engine, x);
		emit_behind(c);
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
