#include "core/traffic.h"

#include <stdlib.h>

#include "core/conn_id.h"
#include "core/engine_impl.h"
#include "core/other_end.h"
#include "core/source.h"

void traffic_segment(struct conn *c, int dir, uint32_t len, uint64_t time)
{
	c->traffic.segments[dir] += len;
	if (time > c->traffic.last)
		c->traffic.last = time;
}

void traffic_datagram(struct conn *c, int dir, uint32_t len, uint64_t time)
{
	traffic_segment(c, dir, len, time);
	c->traffic.packets[dir]++;
}

/* What a socket has not sent itself: its listener had answered the SYN before it was there. */
static unsigned sent_by_listener(const struct conn *c, int dir)
{
	return dir == ZC_TX && c->role == ZC_ROLE_SERVER && c->network.at_socket;
}

void traffic_counts(struct conn *c, const uint64_t bytes[2], const uint64_t packets[2],
		    uint64_t time)
{
	struct traffic *t = &c->traffic;
	int more = 0;

	for (int dir = 0; dir < 2; dir++) {
		more |= bytes[dir] > traffic_bytes(t, dir);
		t->bytes[dir] = bytes[dir];
		/* a socket counts all of its life */
		if (packets[dir] && !(c->preexisting && c->network.at_socket))
			t->packets[dir] = packets[dir] + sent_by_listener(c, dir);
	}
	if (more && time > t->last)
		t->last = time;
}

void traffic_turn(struct conn *c)
{
	struct traffic *t = &c->traffic, old = *t;
	struct traffic_told told = old.told ? *old.told : (struct traffic_told){0};

	for (int dir = 0; dir < 2; dir++) {
		t->bytes[dir] = old.bytes[!dir];
		t->packets[dir] = old.packets[!dir];
		t->segments[dir] = old.segments[!dir];
		if (!t->told)
			continue;
		t->told->bytes[dir] = told.bytes[!dir];
		t->told->packets[dir] = told.packets[!dir];
	}
}

/* ---- telling */

/* Its last line comes soon; conversations of datagrams use the list in another way. */
static int is_closing(const struct conn *c)
{
	return list_linked(&c->closing) && !c->datagram;
}

static const char *state_of(const struct conn *c)
{
	if (c->traffic.error)
		return "failed";
	if (c->reset)
		return "reset";
	return is_closing(c) ? "closed" : "open";
}

/* At which end is a guess where no request was seen: both ends are to make the same one. */
static int is_server_end(const struct conn *c)
{
	int server = engine_conn_role(c);

	return server < 0 ? c->lport < c->rport : server;
}

static void fill_ends(const struct conn *c, struct engine_flow *f)
{
	int server = is_server_end(c);

	f->is_server = engine_conn_role(c);
	f->at_server = server;
	f->twin = c->traffic.both_ends && !server;
	f->client_addr = server ? c->raddr : c->laddr;
	f->client_port = server ? c->rport : c->lport;
	f->server_addr = server ? c->laddr : c->raddr;
	f->server_port = server ? c->lport : c->rport;
}

/* Also when nothing of it is read any more. */
static const char *protocol_of(const struct conn *c)
{
	if (c->tls_stream && (c->tls_stream->ops || c->tls_stream->protocol))
		c = c->tls_stream;
	if (c->ops)
		return engine_conn_protocol(c);
	return c->protocol ? c->protocol->name.name : NULL;
}

static void fill_counts(const struct engine *e, const struct conn *c, struct engine_flow *f)
{
	const struct traffic *t = &c->traffic;
	struct traffic_told told = t->told ? *t->told : (struct traffic_told){.time = c->born};
	int to_server = f->at_server ? ZC_RX : ZC_TX;
	uint64_t until = f->last ? t->last : e->now;

	for (int dir = 0; dir < 2; dir++) {
		int i = dir != to_server;

		f->bytes[i] = traffic_bytes(t, dir);
		f->packets[i] = t->packets[dir];
		f->dup_acks[i] = c->network.dup_acks[dir];
		f->interval_bytes[i] = f->bytes[i] - told.bytes[dir];
		f->interval_packets[i] = (uint32_t)t->packets[dir] - told.packets[dir];
	}
	f->interval_ns = until > told.time ? until - told.time : 0;
	f->rtt_ns = c->network.rtt_us * 1000ull;
	f->min_rtt_ns = c->network.min_rtt_us * 1000ull;
	if (f->rtt_ns && f->rtt_ns < f->min_rtt_ns)
		f->min_rtt_ns = f->rtt_ns; /* it is told more often */
	f->needless = c->network.needless;
	f->retransmits = c->network.retransmits[0] + c->network.retransmits[1];
	f->interval_retransmits = f->retransmits - told.retransmits;
	f->interval_failed = t->error && !told.error;
}

static void fill_names(struct engine *e, struct conn *c, struct engine_flow *f)
{
	const struct conn *other = c->traffic.both_ends ? other_end(e, c) : NULL;
	struct process_names names = {0};
	uint32_t peer;

	if (other && other->pid)
		c->traffic.peer_pid = other->pid;
	peer = c->traffic.peer_pid ? c->traffic.peer_pid : c->peer_pid;
	f->pid = c->pid & SOURCE_PID_MASK;
	f->comm = c->comm[0] ? c->comm : NULL;
	f->peer_pid = peer & SOURCE_PID_MASK;
	f->peer_comm = c->peer_comm[0] ? c->peer_comm : NULL;
	if (!e->opt.process_names)
		return;
	if (c->pid)
		e->opt.process_names(e->opt.ctx, c->pid, &f->names);
	if (peer)
		e->opt.process_names(e->opt.ctx, peer, &names);
	f->peer_service = names.container_name ? names.container_name : names.service;
}

static void note_told(struct traffic *t, uint32_t retransmits, uint64_t now)
{
	if (!t->told)
		t->told = calloc(1, sizeof(*t->told));
	if (!t->told)
		return; /* it is told as a whole again */
	for (int dir = 0; dir < 2; dir++) {
		t->told->bytes[dir] = traffic_bytes(t, dir);
		t->told->packets[dir] = (uint32_t)t->packets[dir];
	}
	t->told->retransmits = retransmits;
	t->told->error = t->error;
	t->told->time = now;
}

static void tell(struct engine *e, struct conn *c, int last)
{
	uint64_t offset = (uint64_t)e->opt.wall_offset;
	struct traffic *t = &c->traffic;
	struct engine_flow f = {
		.conn = conn_id_shown(c),
		.protocol = protocol_of(c),
		.datagram = c->datagram,
		.state = state_of(c),
		.error = (enum span_error)t->error,
		.errnum = t->errnum,
		.first = !t->told,
		.last = last,
		.both_ends = t->both_ends,
		.preexisting = c->preexisting,
		.first_ns = (c->open_time ? c->open_time : c->born) + offset,
		.last_ns = (t->last ? t->last : c->born) + offset,
		.time_ns = e->now + offset,
	};

	fill_ends(c, &f);
	fill_counts(e, c, &f);
	fill_names(e, c, &f);
	e->opt.on_flow(e->opt.ctx, &f);
	note_told(t, f.retransmits, e->now);
}

/* A TLS library's object is no connection; its socket is. */
static int is_flow(const struct engine *e, const struct conn *c)
{
	return e->opt.on_flow && !c->session && !c->forgotten && c->has_addr;
}

void traffic_end(struct engine *e, struct conn *c)
{
	if (is_flow(e, c))
		tell(e, c, 1);
}

void engine__flows(struct engine *e, int ending)
{
	for (struct list *n = e->conns.lru.next; n != &e->conns.lru; n = n->next) {
		struct conn *c = list_entry(n, struct conn, lru);
		const struct traffic *t = &c->traffic;

		if (c->connect || (is_closing(c) && !ending)) /* it may have been no failure */
			continue;
		if (is_flow(e, c) && (!t->told || t->last > t->told->time))
			tell(e, c, 0);
	}
}
