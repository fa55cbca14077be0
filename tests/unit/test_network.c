/* What the network did to a connection, what that cost its exchanges, and connects that fail. */
#include <errno.h>

#include "core/engine_impl.h"
#include "tests/unit/engine_feed.h"

#define CLIENT_END 77u
#define SERVER_END 78u
#define HALF1 "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf"
#define HALF2 "more"

static uint32_t seqs[2]; /* the first of client and server */

/* One end of 10.0.0.2:40000 -> 10.0.0.1:8000, at a socket; the other one has the same numbers. */
static void open_end(uint64_t conn, int preexisting)
{
	struct zc_ev_open o = {.laddr = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1},
			       .raddr = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2},
			       .lport = 8000, .rport = 40000, .family = 4, .role = ZC_ROLE_SERVER,
			       .pid = 4242, .tid = 4242, .netns = 99, .comm = "server"};

	f.conn = conn;
	o.ev = feed_head(&f, ZC_EV_OPEN, sizeof(o));
	o.ev.flags = preexisting ? ZC_OPEN_PREEXISTING : ZC_OPEN_SEQ;
	o.seq[RX] = seqs[0];
	o.seq[TX] = seqs[1];
	if (conn == CLIENT_END) {
		o.laddr[15] = 2;
		o.raddr[15] = 1;
		o.lport = 40000;
		o.rport = 8000;
		o.role = ZC_ROLE_CLIENT;
		o.seq[RX] = seqs[1];
		o.seq[TX] = seqs[0];
	}
	f.seq[RX] = o.seq[RX];
	f.seq[TX] = o.seq[TX];
	engine__event(f.e, &o.ev);
}

static void release(void)
{
	engine__free(f.e);
	free(f.span);
}

/* A new engine; the spans of the one before have been looked at. */
static void start(void)
{
	if (f.e)
		release();
	feed_begin(&f, NULL);
	seqs[0] = 1000;
	seqs[1] = 5000;
}

static void begin(uint64_t conn)
{
	start();
	open_end(conn, 0);
}

static void retransmit(uint32_t seq, uint64_t sent, uint32_t total, int flags)
{
	struct zc_ev_retransmit r = {.sent = sent, .seq = seq, .len = 10, .total = total,
				     .rtt_us = 250, .dir = TX};

	r.ev = feed_head(&f, ZC_EV_RETRANSMIT, sizeof(r));
	r.ev.flags = (__u16)flags;
	engine__event(f.e, &r.ev);
}

static void window(int dir, int closed)
{
	struct zc_ev_window w = {.dir = (__u8)dir};

	w.ev = feed_head(&f, ZC_EV_WINDOW, sizeof(w));
	w.ev.flags = closed ? ZC_WINDOW_CLOSED : 0;
	engine__event(f.e, &w.ev);
}

static uint64_t net(unsigned i)
{
	return attr_number(span(i), net);
}

static int near(uint64_t got, uint64_t want)
{
	return got + MS > want && got < want + MS;
}

static int none(unsigned i)
{
	return net(i) == SPAN_UNKNOWN && attr_number(span(i), retransmits) == SPAN_UNKNOWN;
}

/* ---- bytes that are sent again */

/* A response of which the first half is lost for 300 ms; next: of another exchange behind it. */
static void lost_half(int flags)
{
	uint32_t seq;
	uint64_t sent;

	feed_text(&f, RX, GET);
	seq = f.seq[TX];
	sent = f.now;
	feed_text(&f, TX, HALF1);
	f.now += 300 * MS;
	retransmit(seq, sent, 1, flags);
	feed_text(&f, TX, HALF2);
}

static void own(void)
{
	begin(SERVER_END);
	lost_half(0);
	feed_text(&f, RX, GET2);
	feed_text(&f, TX, OK5);
	engine__finish(f.e);
	is_u64(f.nspans, 2, "two responses");
	ok(near(net(0), 300 * MS), "a half that was sent again after 300 ms");
	is_u64(attr_number(span(0), retransmits), 1, "once");
	is_u64(attr_number(span(0), rtt), 250 * US, "round-trip time");
	ok(attr_string(span(0), net_evidence), "the other end is not seen: inferred");
	ok(none(1) && !span(1)->incomplete, "the next one has no part in it");
}

static void probe_only(void)
{
	begin(SERVER_END);
	feed_text(&f, RX, GET);
	feed_text(&f, TX, HALF1);
	f.now += 20 * MS;
	retransmit(5000, f.now - 20 * MS, 1, ZC_RETRANSMIT_PROBE);
	feed_text(&f, TX, HALF2);
	engine__finish(f.e);
	is_u64(attr_number(span(0), retransmits), 1, "a probe after 20 ms: sent again");
	is_u64(net(0), SPAN_UNKNOWN, "but nobody holds it for lost");
	ok(!span(0)->incomplete, "so nothing is inferred of it");
}

static void before(void)
{
	begin(SERVER_END);
	feed_text(&f, RX, GET);
	feed_text(&f, TX, OK5);
	f.now += 100 * MS;
	feed_text(&f, RX, GET2);
	retransmit(5000, f.now - 100 * MS, 1, 0);
	f.now += 50 * MS;
	feed_text(&f, TX, OK5);
	engine__finish(f.e);
	ok(none(1), "of a response before: a request that came has not waited for it");
}

static void pipelined(void)
{
	begin(CLIENT_END);
	feed_text(&f, TX, GET);
	feed_text(&f, TX, GET2);
	f.now += 250 * MS;
	retransmit(1000, f.now - 250 * MS, 1, 0);
	feed_text(&f, RX, OK5);
	feed_text(&f, RX, OK5);
	engine__finish(f.e);
	is_u64(f.nspans, 2, "two requests, one behind the other");
	ok(near(net(0), 250 * MS) && near(net(1), 250 * MS),
	   "the second one waited for what was lost of the first: %llu %llu",
	   (unsigned long long)net(0), (unsigned long long)net(1));
	begin(CLIENT_END);
	feed_text(&f, TX, GET);
	feed_text(&f, TX, GET2);
	f.now += 250 * MS;
	retransmit(f.seq[TX] - 3, f.now - 250 * MS, 1, 0);
	feed_text(&f, RX, OK5);
	feed_text(&f, RX, OK5);
	engine__finish(f.e);
	ok(none(0) && near(net(1), 250 * MS), "not the first one for the second");
}

static void twice(void)
{
	begin(SERVER_END);
	feed_text(&f, RX, GET);
	feed_text(&f, TX, HALF1);
	f.now += 300 * MS;
	retransmit(5000, f.now - 300 * MS, 1, 0);
	f.now += 600 * MS;
	retransmit(5000, f.now - 900 * MS, 3, 0);
	feed_text(&f, TX, HALF2);
	engine__finish(f.e);
	ok(near(net(0), 900 * MS), "times that overlap count once: %llu",
	   (unsigned long long)net(0));
	is_u64(attr_number(span(0), retransmits), 3, "as many as the kernel counted");
}

static void since_before(void)
{
	start();
	open_end(SERVER_END, 1);
	feed_text(&f, RX, GET);
	feed_text(&f, TX, HALF1);
	f.now += 300 * MS;
	retransmit(5000, f.now - 300 * MS, 1000, 0);
	feed_text(&f, TX, HALF2);
	engine__finish(f.e);
	is_u64(attr_number(span(0), retransmits), 1,
	       "of a connection that was there before, those since");
}

/* ---- with both ends seen */

static void both_begin(void)
{
	begin(CLIENT_END);
	open_end(SERVER_END, 0);
}

/* The request or its response goes by at one of the ends. */
static void at_end(uint64_t conn, int dir, const char *text)
{
	int request = (conn == CLIENT_END) == (dir == TX);
	uint32_t seq = request ? seqs[0] : seqs[1];

	f.conn = conn;
	f.seq[!dir] = request ? seqs[1] : seqs[0] + (uint32_t)strlen(GET);
	feed_segment(&f, dir, ZC_TCP_ACK, seq, text, (uint32_t)strlen(text), 0,
		     (uint32_t)strlen(text), 0);
}

static void both(int arrived)
{
	uint64_t sent;

	both_begin();
	sent = f.now;
	at_end(CLIENT_END, TX, GET);
	if (arrived)
		at_end(SERVER_END, RX, GET);
	f.now += 300 * MS;
	at_end(CLIENT_END, TX, GET);
	retransmit(seqs[0], sent, 1, 0);
	at_end(SERVER_END, RX, GET);
	at_end(SERVER_END, TX, OK5);
	at_end(CLIENT_END, RX, OK5);
	engine__finish(f.e);
}

static const struct span *by_kind(int server)
{
	for (unsigned i = 0; i < f.nspans; i++)
		if ((span(i)->kind == SPAN_SERVER) == server)
			return span(i);
	return NULL;
}

static void both_ends(void)
{
	both(0);
	is_u64(f.nspans, 2, "both ends are seen");
	ok(near(attr_number(by_kind(0), net), 300 * MS) &&
		   !attr_string(by_kind(0), net_evidence),
	   "a request that did not arrive: a fact");
	both(1);
	ok(attr_number(by_kind(0), net) == SPAN_UNKNOWN &&
		   attr_number(by_kind(0), retransmits) == 1 && !by_kind(0)->incomplete,
	   "one that had arrived was sent again for nothing");
}

/* ---- what does not even leave */

static void unsent(void)
{
	struct zc_ev_io io = {.pid = 600, .tid = 600, .len = 10, .dir = TX};
	uint64_t wrote;

	begin(CLIENT_END);
	f.conn = CLIENT_END;
	wrote = f.now;
	io.ev = feed_head(&f, ZC_EV_IO, sizeof(io));
	io.seq = f.seq[TX] + (uint32_t)strlen(GET);
	engine__event(f.e, &io.ev);
	f.now += 400 * MS;
	feed_text(&f, TX, GET);
	feed_text(&f, RX, OK5);
	feed_io(&f, RX, 0, 600);
	engine__finish(f.e);
	is_u64(f.nspans, 1, "a request that could not leave for 400 ms");
	ok(near(net(0), 400 * MS), "is one that waited for the network: %llu",
	   (unsigned long long)net(0));
	is_u64(span(0)->time_ns, wrote, "since it was written");
}

/* ---- windows */

static void windows(void)
{
	begin(SERVER_END);
	feed_text(&f, RX, GET);
	feed_text(&f, TX, HALF1);
	window(RX, 1);
	f.now += 500 * MS;
	window(RX, 0);
	feed_text(&f, TX, HALF2);
	feed_text(&f, RX, GET2);
	window(RX, 1);
	f.now += 500 * MS;
	window(RX, 0);
	feed_text(&f, TX, OK5);
	engine__finish(f.e);
	ok(near(attr_number(span(0), window), 500 * MS) && net(0) == attr_number(span(0), window),
	   "a client that does not read for 500 ms");
	is_str(attr_string(span(0), window_by), "client", "is told");
	ok(attr_number(span(1), window) == SPAN_UNKNOWN && !attr_string(span(1), window_by),
	   "nothing was to be sent in the meantime: nobody waited");

	begin(CLIENT_END);
	feed_text(&f, TX, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf");
	window(RX, 1);
	f.now += 700 * MS;
	window(RX, 0);
	feed_text(&f, TX, HALF2);
	feed_text(&f, RX, OK5);
	engine__finish(f.e);
	ok(near(attr_number(span(0), window), 700 * MS), "a server that does not read");
	is_str(attr_string(span(0), window_by), "server", "is told");

	begin(CLIENT_END);
	feed_text(&f, TX, GET);
	feed_text(&f, RX, HALF1);
	window(TX, 1);
	f.now += 200 * MS;
	engine__finish(f.e);
	ok(near(attr_number(span(0), window), 200 * MS) || span(0)->incomplete & SPAN_IN_FLIGHT,
	   "in flight");
	is_str(attr_string(span(0), window_by), "client", "a window that stays closed");
}

/* ---- ends */

/* A client's request without an answer, until the kernel gives the connection up; flag: before. */
static void give_up(int flag, uint32_t error)
{
	struct zc_ev_close c = {.error = error};

	begin(CLIENT_END);
	feed_text(&f, TX, GET);
	f.now += 100 * MS;
	if (flag)
		feed_flag(&f, TX, flag);
	c.ev = feed_head(&f, ZC_EV_CLOSE, sizeof(c));
	engine__event(f.e, &c.ev);
	engine__finish(f.e);
	is_u64(f.nspans, 1, "a request that nobody answers");
}

static void gives_up(void)
{
	give_up(0, ETIMEDOUT);
	is_str(span_error_name(span(0)->error), "timeout", "nobody acknowledged it");
	ok(!attr_string(span(0), closed_by), "neither end closed it");
	give_up(ZC_TCP_RST, ETIMEDOUT);
	is_str(span_error_name(span(0)->error), "timeout", "keep-alive ends in a reset");
	ok(!attr_string(span(0), closed_by) && !attr_string(span(0), reset_by),
	   "which is none of the client's");
	give_up(0, EHOSTUNREACH);
	is_str(span_error_name(span(0)->error), "unreachable", "ICMP says so");
	give_up(ZC_TCP_FIN, ETIMEDOUT);
	is_str(span_error_name(span(0)->error), "closed", "closed before, by the client");
	is_str(attr_string(span(0), closed_by), "client", "which gave up");
	give_up(ZC_TCP_RST, 0);
	is_str(span_error_name(span(0)->error), "reset", "without an error it is a reset");
}

static void ends(void)
{
	begin(SERVER_END);
	feed_text(&f, RX, GET);
	feed_flag(&f, RX, ZC_TCP_RST);
	feed_tick(&f, 100 * MS);
	engine__finish(f.e);
	is_str(span_error_name(span(0)->error), "reset", "reset");
	is_str(attr_string(span(0), reset_by), "client", "by the client");
	is_str(attr_string(span(0), closed_by), "client", "which closed it");

	begin(CLIENT_END);
	feed_text(&f, TX, GET);
	feed_flag(&f, RX, ZC_TCP_RST);
	feed_tick(&f, 100 * MS);
	engine__finish(f.e);
	is_str(attr_string(span(0), reset_by), "server", "by the server");

	begin(SERVER_END);
	feed_text(&f, RX, GET);
	f.now += 100 * MS;
	feed_flag(&f, RX, ZC_TCP_FIN);
	f.now += 100 * MS;
	feed_text(&f, TX, OK5);
	engine__finish(f.e);
	is_str(attr_string(span(0), closed_by), "client", "gave up before the response");

	begin(SERVER_END);
	feed_segment(&f, RX, ZC_TCP_ACK | ZC_TCP_FIN, f.seq[RX], GET, (uint32_t)strlen(GET), 0,
		     (uint32_t)strlen(GET), 0);
	f.now += 100 * MS;
	f.seq[RX] += (uint32_t)strlen(GET) + 1;
	feed_text(&f, TX, OK5);
	engine__finish(f.e);
	ok(f.nspans == 1 && !attr_string(span(0), closed_by),
	   "one that closes its half with its request waits for the response");
}

/* ---- connects that fail */

/* An attempt of pid to this last byte of address and port, begun now. */
static void attempt(uint64_t conn, int v6, uint8_t addr, uint16_t port)
{
	struct zc_ev_open o = {.laddr = {[15] = 9}, .raddr = {[15] = addr}, .lport = 40000,
			       .rport = port, .family = v6 ? 6 : 4, .role = ZC_ROLE_CLIENT,
			       .pid = 600, .tid = 601, .netns = 99, .comm = "client"};

	f.conn = conn;
	if (!v6)
		o.raddr[10] = o.raddr[11] = o.laddr[10] = o.laddr[11] = 0xff;
	o.ev = feed_head(&f, ZC_EV_OPEN, sizeof(o));
	engine__event(f.e, &o.ev);
}

static void fails(uint64_t conn, uint32_t error)
{
	struct zc_ev_close c = {.error = error};

	f.conn = conn;
	c.ev = feed_head(&f, ZC_EV_CLOSE, sizeof(c));
	c.ev.flags = ZC_CLOSE_CONNECT;
	engine__event(f.e, &c.ev);
}

static void succeeds(uint64_t conn)
{
	struct zc_ev ev;

	f.conn = conn;
	ev = feed_head(&f, ZC_EV_ESTABLISHED, sizeof(ev));
	engine__event(f.e, &ev);
}

static void one_socket(void)
{
	start();
	attempt(10, 0, 1, 80);
	fails(10, ECONNREFUSED);
	attempt(10, 0, 1, 81);
	fails(10, ENETUNREACH);
	attempt(10, 0, 1, 82);
	succeeds(10);
	feed_tick(&f, 400 * MS);
	ok(f.nspans == 2 && span(0)->server_port == 80 && span(1)->server_port == 81,
	   "a socket that tries again: each that failed is a span");
	f.conn = 10;
	feed_text(&f, TX, GET);
	feed_text(&f, RX, OK5);
	engine__finish(f.e);
	ok(f.nspans == 3 && span(2)->server_port == 82 && span(2)->status == 200,
	   "and what it carries in the end is seen");
}

static void errors(void)
{
	static const struct {
		uint32_t error;
		const char *word;
	} kind[] = {
		{ECONNREFUSED, "refused"}, {ETIMEDOUT, "timeout"}, {ENETUNREACH, "unreachable"},
		{EHOSTUNREACH, "unreachable"}, {ENETDOWN, "unreachable"}, {ECONNRESET, "reset"},
		{EADDRNOTAVAIL, "no-address"}, {EPERM, "closed"}, {0, "closed"},
	};

	start();
	for (unsigned i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
		attempt(10 + i, 0, (uint8_t)(i + 1), 80);
		f.now += 5 * MS;
		fails(10 + i, kind[i].error);
	}
	is_u64(f.nspans, 0, "they are held a moment");
	feed_tick(&f, 400 * MS);
	is_u64(f.nspans, sizeof(kind) / sizeof(kind[0]), "each is a span");
	for (unsigned i = 0; i < sizeof(kind) / sizeof(kind[0]) && i < f.nspans; i++) {
		is_str(span_error_name(span(i)->error), kind[i].word, "its error");
		ok(span(i)->kind == SPAN_CLIENT && near(span(i)->duration_ns, 5 * MS) &&
			   span(i)->pid == 600, "whose it is, and how long it took");
	}
	engine__finish(f.e);
}

/* The kernel's error is one of a connect that it began. */
static void turned_down(void)
{
	struct zc_ev_close c = {.error = ENETUNREACH};

	start();
	attempt(10, 0, 1, 80);
	c.ev = feed_head(&f, ZC_EV_CLOSE, sizeof(c));
	c.ev.flags = ZC_CLOSE_CONNECT;
	c.ev.time = conn_find(&f.e->conns, 10)->open_time;
	engine__event(f.e, &c.ev);
	attempt(11, 0, 1, 80);
	f.now += 5 * MS;
	fails(11, ENETUNREACH);
	is_u64(conn_find(&f.e->conns, 10)->traffic.errnum, 0, "turned down: nobody knows why");
	is_u64(conn_find(&f.e->conns, 11)->traffic.errnum, ENETUNREACH, "by ICMP: what it said");
	engine__finish(f.e);
	ok(f.nspans == 2 && span(0)->error == SPAN_ERR_UNREACHABLE &&
		   span(1)->error == SPAN_ERR_UNREACHABLE, "unreachable, both");
}

static void accept_queue(void)
{
	struct zc_ev_backlog b = {.pid = 600, .port = 80, .waiting = 129, .limit = 128,
				  .overflows = 37, .comm = "backend"};

	start();
	b.ev = feed_head(&f, ZC_EV_BACKLOG, sizeof(b));
	engine__event(f.e, &b.ev);
	is_u64(f.nnotes, 1, "a full accept queue is noted");
	is_str(f.note.name, "accept-queue-full", "by its name");
	b.ev.flags = ZC_BACKLOG_UNANSWERED;
	memcpy(b.raddr, (uint8_t[16]){[10] = 0xff, 0xff, 192, 0, 2, 7}, 16);
	b.rport = 4000;
	engine__event(f.e, &b.ev);
	is_u64(f.nnotes, 2, "so is who does not complete a handshake");
	is_str(f.note.name, "handshakes-not-completed", "by another name");
	is_u64(f.note.field[0].value, 80, "port");
	is_u64(f.note.field[4].value, 37, "turned away");
	engine__finish(f.e);
}

static void patience(void)
{
	start();
	attempt(10, 0, 1, 80);
	for (uint32_t i = 1; i <= 2; i++) {
		f.now += 1000 * MS;
		retransmit(1000, 0, i, ZC_RETRANSMIT_SYN);
	}
	fails(10, 0);
	engine__finish(f.e);
	ok(f.nspans == 1 && span(0)->error == SPAN_ERR_TIMEOUT &&
		   attr_number(span(0), retransmits) == 2, "given up after SYNs sent again");
	is_str(attr_string(span(0), closed_by), "client", "by the client's patience");
}

static void probes(void)
{
	start();
	attempt(10, 1, 1, 80);
	fails(10, ECONNREFUSED);
	attempt(11, 0, 2, 80);
	succeeds(11);
	feed_tick(&f, 400 * MS);
	is_u64(f.nspans, 0, "refused by IPv6, established by IPv4: no error");
	attempt(12, 0, 3, 81);
	f.now += 250 * MS;
	attempt(13, 0, 4, 81);
	succeeds(13);
	fails(12, 0);
	feed_tick(&f, 400 * MS);
	is_u64(f.nspans, 0, "the slower one of two, closed by the client");
	attempt(14, 0, 5, 82);
	fails(14, ECONNREFUSED);
	attempt(15, 0, 6, 82);
	succeeds(15);
	feed_tick(&f, 400 * MS);
	is_u64(f.nspans, 1, "an address that refuses is an error, though another one answers");
	engine__finish(f.e);
}

int main(void)
{
	own();
	probe_only();
	before();
	pipelined();
	twice();
	since_before();
	both_ends();
	unsent();
	windows();
	ends();
	gives_up();
	errors();
	one_socket();
	turned_down();
	accept_queue();
	patience();
	probes();
	release();
	return tap_done();
}
