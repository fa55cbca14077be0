#include "core/connect.h"

#include <errno.h>
#include <string.h>

#include "core/conn_input.h"
#include "core/engine_impl.h"
#include "core/exchange_link.h"

/* ---- probes */

static int is_v4(const uint8_t addr[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(addr, mapped, sizeof(mapped));
}

/* Did the client get to the same port by another address while it tried this one, or instead? */
static int is_probe(const struct conn *c, uint32_t pid, uint16_t port, const uint8_t addr[16])
{
	const struct exchange *x = c->connect;

	if (!c->pid || c->pid != pid || c->rport != port || !memcmp(c->raddr, addr, 16))
		return 0;
	return x->network.ended_by || is_v4(c->raddr) != is_v4(addr);
}

static void drop(struct engine *e, struct conn *c)
{
	exchange_put(e, c->connect);
	c->connect = NULL;
	c->traffic.error = SPAN_OK;
}

void connect_established(struct engine *e, const struct conn *c)
{
	struct connects *k = &e->connects;
	uint32_t i = k->npast++ % CONNECT_PAST;

	k->past[i].time = c->established_time;
	k->past[i].pid = c->pid;
	k->past[i].port = c->rport;
	memcpy(k->past[i].addr, c->raddr, 16);
	for (struct list *n = k->failed.next; n != &k->failed; n = n->next) {
		struct conn *f = list_entry(n, struct conn, closing);

		if (f->connect && is_probe(f, c->pid, c->rport, c->raddr))
			drop(e, f);
	}
}

static int was_overtaken(const struct engine *e, const struct conn *c)
{
	const struct connects *k = &e->connects;

	for (uint32_t i = 0; i < CONNECT_PAST && i < k->npast; i++)
		if (k->past[i].time >= c->open_time &&
		    is_probe(c, k->past[i].pid, k->past[i].port, k->past[i].addr))
			return 1;
	return 0;
}

/* ---- spans */

/* Of one that the client has closed itself after it had to repeat itself, it was its patience. */
static enum span_error error_of(const struct conn *c, uint32_t error)
{
	return error || !c->network.syns ? connect_error(error) : SPAN_ERR_TIMEOUT;
}

enum span_error connect_error(uint32_t error)
{
	switch (error) {
	case ECONNREFUSED: return SPAN_ERR_REFUSED;
	case ETIMEDOUT: return SPAN_ERR_TIMEOUT;
	case EADDRNOTAVAIL: return SPAN_ERR_NO_ADDRESS;
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH: return SPAN_ERR_UNREACHABLE;
	case ECONNRESET: return SPAN_ERR_RESET;
	default: return SPAN_ERR_CLOSED;
	}
}

static struct exchange *make(struct engine *e, struct conn *c, uint64_t time, uint32_t error)
{
	static const struct str group = {"*connect*", 9};
	struct exchange *x = exchange_new(e, c);
	struct io_mark by = {.time = c->open_time, .pid = c->pid, .tid = c->open_tid};
	struct message m;

	if (!x)
		return NULL;
	message_init(&m);
	m.type = MESSAGE_HEAD;
	m.name = &tcp_name;
	m.group = group;
	c->request_dir = ZC_TX;
	x->req_first = c->open_time;
	x->req_pos = c->half[ZC_TX].reasm.next;
	x->end = time;
	x->req_done = x->resp_done = x->io_done = x->aborted = 1;
	x->error = (uint8_t)error_of(c, error);
	x->network.retransmits = c->network.syns;
	x->network.ended_by = error ? 0 : 1 + ZC_TX;
	exchange_request(e, x, &m);
	if (by.tid) {
		x->pid = by.pid;
		x->tid = by.tid;
		exchange_link_io(e, x, &by);
	}
	return x;
}

/* What was seen of its other end is now seen of the one that connects. */
static void turn(struct conn *c)
{
	uint8_t addr[16];
	uint16_t port = c->lport;

	memcpy(addr, c->laddr, 16);
	memcpy(c->laddr, c->raddr, 16);
	memcpy(c->raddr, addr, 16);
	c->lport = c->rport;
	c->rport = port;
	c->role = ZC_ROLE_CLIENT;
	traffic_turn(c);
	c->id_hash_valid = 0;
}

void connect_failed(struct engine *e, struct conn *c, uint64_t time, uint32_t error)
{
	if (c->connect || c->forgotten || !c->open_time)
		return;
	if (c->role == ZC_ROLE_SERVER)
		turn(c);
	c->traffic.error = (uint8_t)error_of(c, error);
	/* one that was turned down before it began only is without a way: see bpf/unrouted.h */
	c->traffic.errnum = time > c->open_time ? (uint8_t)error : 0;
	c->connect = make(e, c, time, error);
	if (!c->connect)
		return;
	if (was_overtaken(e, c)) {
		drop(e, c);
		return;
	}
	if (list_linked(&c->closing))
		list_unlink(&c->closing);
	c->end_time = time;
	c->expires = e->now + CONNECT_HOLD;
	list_append(&e->connects.failed, &c->closing);
}

void connect_tell(struct engine *e, struct conn *c)
{
	struct exchange *x = c->connect;

	c->connect = NULL;
	if (x)
		exchange_emit(e, x);
}

void connect_tick(struct engine *e)
{
	struct list *failed = &e->connects.failed;

	while (!list_empty(failed)) {
		struct conn *c = list_entry(failed->next, struct conn, closing);

		if (c->connect && c->expires > e->now)
			break;
		connect_tell(e, c);
		list_unlink(&c->closing);
		conn_close(e, c, c->end_time);
	}
}
