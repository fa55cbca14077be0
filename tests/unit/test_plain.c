/*
 * test_plain.c - TLS streams through the engine: their sockets, their times, their ids, their ends
 */
#include "bpf/tls.h"
#include "core/conn.h"
#include "core/engine_impl.h"
#include "core/plain.h"
#include "core/tls_conn.h"
#include "tests/unit/feed.h"
#include "tests/unit/tap.h"
#include "tests/unit/tls_feed.h"

static struct feed f;

#define RX ZC_RX
#define TX ZC_TX
#define span(i) (&f.span[i].s)

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_B "GET /b HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

/* One stream, and what its library is said to have done with which socket. */
struct talker {
	uint64_t id, sock;
	uint16_t flags;
	uint8_t lib;
	uint32_t pos[2], pid, wire_seq, lost;
	uint32_t writes; /* begun before a read, or the number of a write */
	int busy; /* the thread uses other sockets, too */
	uint64_t arrived, arrived_last, began; /* how long before the call returned; 0: default */
	int no_wire; /* no socket was used in this call */
};

static struct talker talker(uint64_t n, uint64_t sock)
{
	return (struct talker){.id = ZC_TLS_STREAM | n, .sock = sock, .lib = ZC_TLS_OPENSSL, .pid = 4242,
			       .flags = ZC_PLAIN_INSIDE | ZC_PLAIN_FRESH};
}

/* n octets, of which the first cap are captured. */
static void say_part(struct talker *t, int dir, const char *p, uint32_t n, uint32_t cap)
{
	struct zc_ev_plain ev = {
		.ev = {.conn = t->id, .flags = t->flags}, .sock = t->sock, .pid = t->pid, .tid = t->pid,
		.seq = t->pos[dir], .orig_len = n, .cap_len = cap, .dir = (__u8)dir, .lib = t->lib,
		.lost = t->lost, .wire_seq = t->wire_seq, .writes = t->writes,
		.call_time = f.now - (t->began ? t->began : 2 * FEED_US),
	};

	if (t->sock && !t->no_wire) {
		ev.wire_len = n + 22;
		ev.wire_time = f.now - (t->arrived ? t->arrived : 3 * FEED_US);
		ev.wire_last = t->arrived_last ? f.now - t->arrived_last : ev.wire_time;
	}
	t->pos[dir] += n;
	t->lost = 0;
	feed_plain(&f, ev, p);
}

static void say(struct talker *t, int dir, const char *text)
{
	say_part(t, dir, text, (uint32_t)strlen(text), (uint32_t)strlen(text));
}

static void tie(struct talker *t, uint64_t sock, int dir, uint32_t plain, uint32_t wire)
{
	uint16_t flags = t->busy ? 0 : ZC_PLAIN_ALONE;

	feed_tie(&f, (struct zc_ev_tie){.ev = {.conn = t->id, .flags = flags}, .sock = sock, .pid = t->pid, .tid = t->pid,
					.plain_len = plain, .wire_len = wire, .dir = (__u8)dir, .lib = t->lib});
}

static void close_id(uint64_t id, int flags)
{
	uint64_t conn = f.conn;

	f.conn = id;
	feed_close(&f, flags, 0);
	f.conn = conn;
}

static void hello(int dir, const char *hex)
{
	uint8_t buf[1024];
	size_t n = talk_hex(hex, buf);

	feed_octets(&f, dir, (const char *)buf, n);
}

static void record(int dir, unsigned type, unsigned len)
{
	char r[5 + 1000] = {(char)type, 3, 3, (char)(len >> 8), (char)len};

	feed_octets(&f, dir, r, 5 + len);
}

static void shake_hands(int client)
{
	hello(client, rfc8448_client);
	hello(!client, rfc8448_server);
	record(!client, 23, 674);
	record(client, 23, 53);
}

static void open_sock(uint64_t conn, int role, int flags)
{
	f.conn = conn;
	feed_open(&f, role, flags);
}

static struct conn *conn_of(uint64_t id)
{
	return conn_find(&f.e->conns, id);
}

static int has_carrier(const struct talker *t, uint64_t sock)
{
	const struct conn *c = conn_of(t->id);

	return c && c->carrier && c->carrier->cookie == sock && c->carrier->plain == c;
}

static int no_carrier(const struct talker *t)
{
	const struct conn *c = conn_of(t->id);

	return c && !c->carrier && !c->has_addr;
}

static void pass(void)
{
	feed_tick(&f, 100 * FEED_MS);
}

/* ---- sockets that are facts */

static void test_inside(void)
{
	struct talker t = talker(1, 77);
	uint64_t opened, shook;

	feed_begin(&f, NULL);
	opened = f.now;
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shook = f.now;
	shake_hands(RX);
	say(&t, RX, GET);
	ok(has_carrier(&t, 77), "the socket used inside the call is the carrier");
	say(&t, TX, OK);
	say(&t, RX, GET_B);
	say(&t, TX, OK);
	is_u64(f.nspans, 2, "two exchanges");
	ok(span(0)->kind == SPAN_SERVER && span(0)->protocol == PROTO_HTTP11 && !span(0)->incomplete &&
		   span(0)->status == 200, "of a server");
	is_str(span(0)->tls, "openssl", "by this library");
	is_str(f.span[0].scheme, "https", "https");
	ok(span(0)->has_addr && span(0)->server_port == 8000 && span(0)->client_port == 40000,
	   "with the socket's addresses");
	is_u64(span(0)->pid, 4242, "and its process");
	is_str(f.span[0].comm, "server", "which has a name");
	ok(span(0)->tls_version == 0x0304 && span(0)->tls_cipher == 0x1301, "version and cipher");
	is_str(span(0)->tls_sni.p, "server", "the server's name");
	is_u64(span(0)->handshake_ns, 3 * FEED_US, "handshake, of the first exchange");
	ok(span(1)->handshake_ns == SPAN_UNKNOWN && span(1)->tls_version == 0x0304, "and of no other");
	ok(conn_of(t.id)->open_time == opened && shook > opened, "open since its socket is");
	close_id(t.id, 0);
	close_id(77, 0);
	pass();
	ok(f.nspans == 2 && f.e->conns.count == 0, "the connection itself gives no span");
	feed_end(&f);
}

static void test_inside_client(void)
{
	struct talker t = talker(1, 77);
	struct zc_ev_peer peer = {.pid = 99, .comm = "upstream"};

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	f.now += 5 * FEED_US;
	engine__event(f.e, &(struct zc_ev){.kind = ZC_EV_ESTABLISHED, .size = sizeof(struct zc_ev),
					   .time = f.now, .conn = 77});
	shake_hands(TX);
	say(&t, TX, GET);
	peer.ev = feed_head(&f, ZC_EV_PEER, sizeof(peer));
	engine__event(f.e, &peer.ev);
	say(&t, RX, OK);
	ok(f.nspans == 1 && span(0)->kind == SPAN_CLIENT && span(0)->connect_ns == 6 * FEED_US,
	   "a client's exchange tells how long connecting took");
	ok(span(0)->handshake_ns == 3 * FEED_US, "and the handshake");
	is_str(f.span[0].peer, "upstream", "and who is at the other end of its socket");
	feed_end(&f);
}

/* Two objects of a library, one after the other, on the same socket. */
static void test_successor(void)
{
	struct talker a = talker(1, 77), b = talker(2, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	say(&a, RX, GET);
	say(&b, RX, GET_B);
	ok(has_carrier(&b, 77) && !conn_of(a.id)->carrier, "a second stream on a socket is its stream now");
	say_part(&a, TX, "HTTP", 4, 4);
	ok(has_carrier(&b, 77), "what is still told of the first does not take it back");
	pass();
	ok(f.nspans == 1 && span(0)->has_addr && span(0)->error == SPAN_ERR_CLOSED,
	   "the first has ended; its address was a fact, and stays");
	is_str(f.span[0].path, "/a", "what was in flight there");
	say(&b, TX, OK);
	ok(f.nspans == 2 && span(1)->has_addr && !span(1)->error, "the second goes on");
	feed_end(&f);
}

static void test_fact_over_evidence(void)
{
	struct talker a = talker(1, 77), b = talker(2, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	a.flags = ZC_PLAIN_BEFORE | ZC_PLAIN_ALONE;
	say(&a, RX, GET);
	say(&a, TX, OK);
	say(&a, RX, GET);
	ok(has_carrier(&a, 77), "tied by evidence");
	say(&b, RX, GET);
	ok(has_carrier(&b, 77) && no_carrier(&a), "which a fact about another stream proves wrong");
	ok(conn_of(a.id)->stream.hopeless, "for good");
	tie(&b, 78, RX, 0, 100);
	tie(&b, 78, RX, 0, 100);
	tie(&b, 78, RX, 0, 100);
	ok(has_carrier(&b, 77), "no evidence undoes a fact");
	feed_end(&f);
}

/* ---- sockets by evidence */

static void test_evidence(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	t.flags = ZC_PLAIN_BEFORE | ZC_PLAIN_ALONE;
	say(&t, RX, GET);
	ok(no_carrier(&t), "one piece of evidence is not enough");
	say(&t, TX, OK);
	ok(f.nspans == 1 && !span(0)->has_addr, "a span without address");
	is_str(span(0)->tls, "openssl", "but of this library");
	say(&t, RX, GET_B);
	ok(has_carrier(&t, 77) && f.want.conn == t.id && f.want.frames & ZC_POLICY_TIED,
	   "two that agree are, and the kernel side knows");
	say(&t, TX, OK);
	ok(f.nspans == 2 && span(1)->has_addr, "and the next span has its address");
	feed_end(&f);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	tie(&t, 77, RX, 0, 300);
	ok(conn_of(t.id) && no_carrier(&t), "a handshake's read is one");
	tie(&t, 77, TX, 0, 1000);
	ok(has_carrier(&t, 77), "what it sends another");
	feed_end(&f);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	tie(&t, 77, TX, 100, 122);
	tie(&t, 77, TX, 100, 121);
	tie(&t, 77, TX, 100, 2000);
	ok(no_carrier(&t), "sizes that do not fit are none");
	tie(&t, 77, TX, 40000, 40000 + 3 * 22);
	ok(has_carrier(&t, 77), "sizes that fit are");
	feed_end(&f);
}

static void test_sizes(void)
{
	struct talker t = talker(1, 77);
	struct zc_ev_plain ev = {.ev = {.conn = ZC_TLS_STREAM | 1, .flags = ZC_PLAIN_BEFORE | ZC_PLAIN_ALONE}, .sock = 77,
				 .wire_len = 40, .orig_len = 100, .lib = ZC_TLS_OPENSSL};

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	for (int i = 0; i < 4; i++, ev.seq += 100)
		feed_plain(&f, ev, NULL);
	ok(no_carrier(&t), "more plaintext than was read comes from elsewhere");
	ev.orig_len = UINT32_MAX - 10;
	feed_plain(&f, ev, NULL);
	feed_plain(&f, ev, NULL);
	ok(no_carrier(&t), "sizes do not wrap");
	feed_end(&f);
}

static void test_contradiction(void)
{
	struct talker t = talker(1, 77), u = talker(2, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	open_sock(78, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	tie(&t, 77, RX, 0, 300);
	tie(&t, 78, RX, 0, 300);
	tie(&t, 77, RX, 0, 300);
	tie(&t, 77, RX, 0, 300);
	ok(no_carrier(&t), "after a contradiction two pieces are not enough");
	tie(&t, 77, RX, 0, 300);
	tie(&t, 77, RX, 0, 300);
	ok(has_carrier(&t, 77), "one more for each time");
	tie(&u, 77, RX, 0, 300);
	tie(&u, 77, RX, 0, 300);
	ok(has_carrier(&t, 77) && no_carrier(&u), "no other stream may have that socket");

	tie(&t, 78, RX, 0, 300);
	tie(&t, 77, RX, 0, 300);
	tie(&t, 78, RX, 0, 300);
	ok(has_carrier(&t, 77), "contradictions that evidence outweighs");
	tie(&t, 78, RX, 0, 300);
	ok(no_carrier(&t) && f.want.conn == t.id && !(f.want.frames & ZC_POLICY_TIED),
	   "two in a row undo it, and the kernel side knows");
	ok(conn_of(t.id)->role == ZC_ROLE_UNKNOWN && !conn_of(t.id)->open_time,
	   "nothing that the socket told remains");
	tie(&t, 78, RX, 0, 300);
	tie(&t, 78, RX, 0, 300);
	tie(&t, 78, RX, 0, 300);
	ok(no_carrier(&t), "for good");
	t.flags = 0;
	say(&t, RX, GET);
	say(&t, TX, OK);
	ok(f.nspans == 1 && !span(0)->has_addr && span(0)->handshake_ns == SPAN_UNKNOWN,
	   "its spans have no address");
	tie(&u, 77, RX, 0, 300);
	ok(has_carrier(&u, 77), "the socket is free for another");
	feed_end(&f);
}

static void test_not_traced(void)
{
	struct talker t = talker(1, 500);

	feed_begin(&f, NULL);
	t.flags = ZC_PLAIN_BEFORE | ZC_PLAIN_ALONE;
	say(&t, RX, GET);
	say(&t, TX, OK);
	is_u64(f.nspans, 1, "one piece of evidence of a socket that is not traced");
	say(&t, RX, GET_B);
	ok(f.want.conn == t.id && f.want.quiet && !f.want.dir[0].cap && !f.want.dir[1].cap,
	   "two: nothing of its stream is wanted");
	say(&t, TX, OK);
	close_id(t.id, 0);
	pass();
	is_u64(f.nspans, 1, "nor shown");
	feed_end(&f);
}

static void test_lost_sight(void)
{
	struct engine_options o = {.max_conns = 2};
	struct talker t = talker(1, 77);

	feed_begin(&f, &o);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	t.flags = ZC_PLAIN_BEFORE | ZC_PLAIN_ALONE;
	tie(&t, 77, RX, 0, 300);
	tie(&t, 77, RX, 0, 300);
	say(&t, RX, GET);
	conn_of(t.id)->used = 0; /* the younger one */
	conn_touch(&f.e->conns, conn_of(t.id), f.now);
	open_sock(78, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	ok(!conn_of(77) && conn_of(t.id) && conn_of(t.id)->has_addr, "a carrier that is evicted leaves its address");
	say(&t, TX, OK);
	say(&t, RX, GET_B);
	say(&t, TX, OK);
	ok(f.nspans == 2 && span(0)->has_addr && span(1)->has_addr && span(1)->status == 200,
	   "and its stream goes on");
	feed_end(&f);
}

/* ---- positions and identity */

/* Both ends of one connection, the client's first. */
static void open_both(int flags)
{
	uint32_t seq = f.seq[0];

	open_sock(77, ZC_ROLE_SERVER, flags);
	f.seq[0] = f.seq[1];
	f.seq[1] = seq;
	open_sock(88, ZC_ROLE_CLIENT, flags);
}

static void exchange(struct talker *client, struct talker *server, const char *request)
{
	say(client, TX, request);
	say(server, RX, request);
	say(server, TX, OK);
	say(client, RX, OK);
}

static const struct span *find_span(enum span_kind kind, const char *path)
{
	for (unsigned i = 0; i < f.nspans; i++)
		if (span(i)->kind == kind && !strcmp(f.span[i].path, path))
			return span(i);
	return NULL;
}

static int linked(const char *path)
{
	const struct span *c = find_span(SPAN_CLIENT, path), *s = find_span(SPAN_SERVER, path);

	return c && s && s->has_parent && !memcmp(s->parent_id, c->span_id, SPAN_ID_LEN) &&
	       !memcmp(s->trace_id, c->trace_id, TRACE_ID_LEN) && !strcmp(s->link, "socket");
}

static void test_ends_meet(void)
{
	struct talker server = talker(1, 77), client = talker(2, 88);
	uint8_t first[SPAN_ID_LEN];

	feed_begin(&f, NULL);
	open_both(ZC_OPEN_SEQ);
	client.pid = 5555;
	client.lib = ZC_TLS_GNUTLS;
	exchange(&client, &server, GET);
	exchange(&client, &server, GET_B);
	pass();
	is_u64(f.nspans, 4, "both ends of two exchanges");
	ok(linked("/a") && linked("/b"), "the ends of each are linked by their socket");
	ok(memcmp(span(0)->span_id, span(2)->span_id, SPAN_ID_LEN) != 0, "each has its own ids");
	memcpy(first, find_span(SPAN_SERVER, "/b")->span_id, SPAN_ID_LEN);
	feed_end(&f);

	/* the server's end alone, and other numbers of streams: the same names */
	feed_begin(&f, NULL);
	f.now += 5 * FEED_MS;
	server = talker(9, 77);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	say(&server, RX, GET);
	say(&server, TX, OK);
	say(&server, RX, GET_B);
	say(&server, TX, OK);
	ok(!memcmp(find_span(SPAN_SERVER, "/b")->span_id, first, SPAN_ID_LEN),
	   "an exchange is called the same wherever it is seen");
	feed_end(&f);
}

/* The client's write returns when all is over at the server. */
static void test_client_late(void)
{
	struct talker server = talker(1, 77), client = talker(2, 88);
	unsigned before;

	feed_begin(&f, NULL);
	open_both(ZC_OPEN_SEQ);
	exchange(&client, &server, GET);
	say(&server, RX, GET_B);
	before = f.nspans;
	say(&server, TX, OK);
	is_u64(f.nspans, before, "a server's span waits for the client's end");
	say(&client, TX, GET_B);
	say(&client, RX, OK);
	pass();
	ok(f.nspans == 4 && linked("/b"), "and is linked to it");

	say(&server, RX, GET_B);
	say(&server, TX, OK);
	feed_tick(&f, 30 * FEED_MS);
	is_u64(f.nspans, 4, "it waits");
	feed_tick(&f, 25 * FEED_MS);
	ok(f.nspans == 5 && !span(4)->has_parent, "but 50 ms at most; then it is shown");
	feed_end(&f);
}

static void test_joined_late(void)
{
	struct talker server = talker(1, 77), client = talker(2, 88);

	feed_begin(&f, NULL);
	open_both(ZC_OPEN_SEQ);
	client.flags = server.flags = ZC_PLAIN_INSIDE; /* not from their beginning */
	exchange(&client, &server, GET);
	pass();
	ok(f.nspans == 2 && !find_span(SPAN_SERVER, "/a")->has_parent, "joined late: no link");
	ok(memcmp(span(0)->trace_id, span(1)->trace_id, TRACE_ID_LEN) != 0, "no common trace");
	ok(span(0)->has_addr && span(1)->has_addr, "addresses all the same");
	feed_end(&f);

	/* one end knows its positions, the other does not */
	feed_begin(&f, NULL);
	open_both(ZC_OPEN_SEQ);
	server = talker(1, 77);
	client = talker(2, 88);
	client.flags = ZC_PLAIN_INSIDE;
	exchange(&client, &server, GET);
	pass();
	ok(f.nspans == 2 && !find_span(SPAN_SERVER, "/a")->has_parent, "one end joined late: no link");
	feed_end(&f);

	/* streams of which no socket is known begin alike */
	feed_begin(&f, NULL);
	server = talker(1, 0);
	client = talker(2, 0);
	server.flags = client.flags = ZC_PLAIN_FRESH;
	exchange(&client, &server, GET);
	exchange(&client, &server, GET_B);
	pass();
	ok(f.nspans == 4 && !linked("/a") && !linked("/b"),
	   "no socket known: no link, though both begin at position 0");
	ok(memcmp(find_span(SPAN_CLIENT, "/b")->trace_id, find_span(SPAN_SERVER, "/b")->trace_id, TRACE_ID_LEN) != 0,
	   "and no common id");
	feed_end(&f);
}

/* Streams are numbered from 1 on by each run, on each host. */
static void test_private_ids(void)
{
	struct talker t;
	uint8_t trace[TRACE_ID_LEN], id[SPAN_ID_LEN];

	for (int run = 0; run < 3; run++) {
		struct engine_options o = {.wall_offset = run < 2 ? 1000 : 2000};

		feed_begin(&f, &o);
		t = talker(1, 0);
		t.flags = 0;
		say(&t, RX, GET);
		say(&t, TX, OK);
		if (run) {
			ok(!memcmp(trace, span(0)->trace_id, TRACE_ID_LEN) == (run == 1) &&
				   !memcmp(id, span(0)->span_id, SPAN_ID_LEN) == (run == 1),
			   run == 1 ? "the same in a replay" : "another in another run");
		} else {
			memcpy(trace, span(0)->trace_id, TRACE_ID_LEN);
			memcpy(id, span(0)->span_id, SPAN_ID_LEN);
		}
		feed_end(&f);
	}
}

/* A stream that is met with a position, and one whose first octets were lost on the way. */
static void test_first_lost(void)
{
	struct talker server = talker(1, 77), client = talker(2, 88);
	int wrong = 0;

	feed_begin(&f, NULL);
	open_both(ZC_OPEN_SEQ);
	client.pos[TX] = 100;
	client.lost = 1;
	exchange(&client, &server, GET);
	pass();
	ok(f.nspans == 2 && !find_span(SPAN_SERVER, "/a")->has_parent, "the first octets were lost: no link");
	feed_end(&f);

	/* of the answers */
	feed_begin(&f, NULL);
	server = talker(1, 77);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	say(&server, RX, GET);
	server.pos[TX] += (uint32_t)strlen(OK);
	server.lost = 1;
	say(&server, RX, GET);
	say(&server, TX, OK);
	say(&server, RX, GET_B);
	say(&server, TX, OK);
	pass();
	for (unsigned i = 0; i < f.nspans; i++)
		wrong += !strcmp(f.span[i].path, "/a") && (span(i)->status || !span(i)->incomplete);
	ok(f.nspans == 4 && !wrong, "the first answer was lost: nobody knows which request the next one answers");
	ok(find_span(SPAN_SERVER, "/b") && !find_span(SPAN_SERVER, "/b")->incomplete &&
		   find_span(SPAN_SERVER, "/b")->status == 200, "after that all is well");
	feed_end(&f);
}

/* What shows that content had gone by before the first call that was seen. */
static void test_began_before(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	t.wire_seq = f.seq[RX] + 500; /* where content began, and 500 octets more */
	say(&t, RX, GET);
	ok(!conn_of(t.id)->stream.anchored && conn_of(t.id)->late, "requests had been read before: joined late");
	feed_end(&f);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	t = talker(1, 77);
	t.wire_seq = f.seq[TX] + 500; /* tickets came first */
	say(&t, TX, "\0\0\0\4\0\0\0\0\0");
	ok(!conn_of(t.id)->late && conn_of(t.id)->stream.anchored, "a server that speaks first has sent tickets");
	t.wire_seq = f.seq[RX];
	say(&t, RX, GET);
	ok(conn_of(t.id)->stream.anchored, "its requests are seen from their beginning");
	feed_end(&f);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	shake_hands(TX);
	t = talker(1, 77);
	t.wire_seq = f.seq[RX];
	say(&t, RX, OK);
	t.wire_seq = f.seq[TX] + 100;
	say(&t, TX, GET);
	ok(!conn_of(t.id)->stream.anchored && conn_of(t.id)->late,
	   "a client whose first request was written before: joined late");
	feed_end(&f);
}

/* A connection begins in clear, is a tunnel then, and carries TLS. */
static void test_tunnel(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	feed_text(&f, TX, "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n");
	feed_io(&f, TX, 0, 4242);
	feed_text(&f, RX, "HTTP/1.1 200 OK\r\n\r\n");
	feed_io(&f, RX, 0, 4242);
	say(&t, TX, GET);
	say(&t, RX, OK);
	ok(f.nspans == 2 && span(1)->has_addr, "an exchange in clear, and one in the tunnel");
	ok(!span(0)->tls, "the first without TLS");
	is_str(f.span[0].scheme, "http", "and so is its scheme");
	ok(memcmp(span(0)->span_id, span(1)->span_id, SPAN_ID_LEN) &&
		   memcmp(span(0)->trace_id, span(1)->trace_id, TRACE_ID_LEN), "each has ids of its own");
	feed_end(&f);
}

/* ---- what was read while somebody wrote */

static void test_writing(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	t.writes = 1;
	say(&t, RX, "HTTP/1.1 200 OK\r\nContent-");
	say(&t, RX, "Length: 2\r\n\r\nhi");
	is_u64(conn_of(t.id)->stream.nwaits, 2, "what is read waits for the write, and what is read next");
	is_u64(f.nspans, 0, "an answer without a request is none yet");
	say(&t, TX, GET);
	ok(!conn_of(t.id)->stream.nwaits && list_empty(&f.e->plain_waiting), "until the write is told");
	ok(f.nspans == 1 && !span(0)->incomplete && span(0)->status == 200, "one exchange, complete");
	is_str(f.span[0].path, "/a", "of that request");

	t.writes = 2;
	say(&t, RX, OK);
	feed_tick(&f, 60 * FEED_MS);
	is_u64(conn_of(t.id)->stream.nwaits, 1, "it waits");
	feed_tick(&f, 60 * FEED_MS);
	ok(!conn_of(t.id)->stream.nwaits && f.nspans == 2, "not for long");
	say(&t, RX, "HTTP/1.1 204 OK\r\n\r\n");
	is_u64(conn_of(t.id)->stream.nwaits, 0, "a write that never came is not waited for again");

	t.writes = 3;
	for (int i = 0; i < 80; i++)
		say(&t, RX, i % 2 ? "HTTP/1.1 204 OK\r\n\r" : "\n");
	ok(conn_of(t.id)->stream.nwaits <= 64, "nor in any number");
	close_id(t.id, 0);
	feed_tick(&f, 30 * FEED_MS);
	ok(!conn_of(t.id) && list_empty(&f.e->plain_waiting), "and not longer than the stream");
	feed_end(&f);

	feed_begin(&f, NULL);
	t = talker(1, 77);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	t.writes = 1;
	say(&t, RX, GET);
	engine__finish(f.e);
	ok(f.nspans == 1 && span(0)->incomplete == SPAN_IN_FLIGHT, "at the end of tracing it is taken");
	say(&t, RX, GET);
	engine__free(f.e);
	free(f.span);
	ok(1, "an engine that is thrown away frees what waits");
}

/* An answer that was written meanwhile must not push aside the request that it answers. */
static void test_writing_order(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	say(&t, RX, GET);
	t.writes = 1;
	say(&t, RX, GET_B); /* read after the first answer had begun */
	is_u64(f.nspans, 0, "the second request waits for the first answer");
	say(&t, TX, OK);
	ok(f.nspans == 1 && !conn_of(t.id)->stream.nwaits, "which comes, and both are taken");
	t.writes = 2;
	say(&t, TX, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
	ok(f.nspans == 2 && span(0)->status == 200 && span(1)->status == 404, "each with its own answer");
	is_str(f.span[1].path, "/b", "in order");
	feed_end(&f);
}

/* A thread that does with one connection what another's octets are about. */
static void test_busy_thread(void)
{
	struct talker t = talker(1, 0);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_LATE);
	t.flags = 0;
	t.busy = 1;
	say(&t, RX, GET);
	for (int i = 0; i < 10; i++)
		tie(&t, 77, TX, 100, 122);
	ok(no_carrier(&t), "lengths that are always the same prove nothing");
	tie(&t, 77, TX, 1000, 1030);
	ok(no_carrier(&t), "nor does one that is not exact");
	tie(&t, 77, TX, 1000, 1022);
	ok(has_carrier(&t, 77), "different ones, exact to the octet, do");
	feed_end(&f);
}

static void test_writing_evicted(void)
{
	struct engine_options o = {.max_conns = 2};
	struct talker t = talker(1, 77);

	feed_begin(&f, &o);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	t.writes = 1;
	say(&t, RX, GET);
	f.now += 20 * FEED_MS;
	open_sock(78, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	open_sock(79, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	ok(!conn_of(t.id) && list_empty(&f.e->plain_waiting), "the stream is evicted while octets of it wait");
	ok(f.nspans == 1 && span(0)->incomplete & SPAN_RESPONSE_NOT_SEEN, "they are taken before");
	feed_end(&f);
}

/* ---- times */

static void test_times_server(void)
{
	struct talker t = talker(1, 77);
	char big[3000] = "HTTP/1.1 200 OK\r\nContent-Length: 2960\r\n\r\n";
	uint64_t now;

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	f.now += FEED_MS;
	t.arrived = 500 * FEED_US;
	now = f.now;
	say(&t, RX, GET);
	f.now = now + 10 * FEED_MS;
	t.arrived = 2 * FEED_MS;
	t.arrived_last = 1 * FEED_MS; /* leaves over a millisecond */
	t.began = 3 * FEED_MS;
	memset(big + strlen(big), 'x', sizeof(big) - strlen(big));
	say_part(&t, TX, big, 41 + 2960, 500);
	is_u64(f.nspans, 1, "a large answer, told at once when all of it was written");
	is_u64(span(0)->time_ns, now - 500 * FEED_US, "it begins when the request arrived");
	is_u64(span(0)->queue_ns, 500 * FEED_US, "queue: until the library had read it");
	is_u64(span(0)->ttfb_ns, 500 * FEED_US + 8 * FEED_MS, "ttfb: until its first octet left");
	is_u64(span(0)->duration_ns, 500 * FEED_US + 9 * FEED_MS, "duration: until its last octet left");
	is_u64(span(0)->inner_ns, 9 * FEED_MS, "inner: from the read on");
	feed_end(&f);
}

static void test_times_client(void)
{
	struct talker t = talker(1, 77);
	uint64_t now;

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	f.now += FEED_MS;
	now = f.now;
	t.began = 100 * FEED_US;
	t.arrived = 60 * FEED_US; /* it left */
	say(&t, TX, GET);
	f.now = now + 10 * FEED_MS;
	t.arrived = 4 * FEED_MS;
	t.arrived_last = 3 * FEED_MS;
	say(&t, RX, OK);
	is_u64(f.nspans, 1, "a call");
	is_u64(span(0)->time_ns, now - 60 * FEED_US, "it begins when its first octet left");
	is_u64(span(0)->ttfb_ns, 60 * FEED_US + 6 * FEED_MS, "ttfb: until the answer's first octet arrived");
	is_u64(span(0)->inner_ns, 60 * FEED_US + 7 * FEED_MS, "inner: until its last octet did");
	is_u64(span(0)->duration_ns, 60 * FEED_US + 10 * FEED_MS, "duration: until the application had it");
	feed_end(&f);
}

/* Arrival is not known, or that of an earlier read. */
static void test_times_unknown(void)
{
	struct talker t = talker(1, 77);
	struct zc_ev_plain ev = {.ev = {.conn = ZC_TLS_STREAM | 1, .flags = ZC_PLAIN_INSIDE}, .sock = 77,
				 .lib = ZC_TLS_OPENSSL};
	uint64_t now, arrived;

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	f.now += FEED_MS;
	arrived = f.now - 3 * FEED_US;
	say_part(&t, RX, GET GET_B, 20, 20);
	f.now += FEED_MS;
	t.no_wire = 1;
	t.began = FEED_US;
	now = f.now;
	say(&t, RX, &GET GET_B[20]);
	is_u64(f.nspans, 0, "two requests in one read from the socket");
	t.no_wire = 0;
	t.began = 0;
	say(&t, TX, OK OK);
	is_u64(span(1)->time_ns, arrived, "what was left of a read had arrived with that");
	is_u64(span(1)->queue_ns, now - arrived, "and waited");

	f.now += 60000 * FEED_MS;
	ev.seq = t.pos[RX];
	ev.orig_len = ev.cap_len = (uint32_t)strlen(GET);
	ev.wire_len = ev.orig_len + 22;
	ev.call_time = f.now - 50000 * FEED_MS; /* it waited that long */
	now = f.now;
	feed_plain(&f, ev, GET);
	say(&t, TX, OK);
	ok(f.nspans == 3 && span(2)->time_ns == now && span(2)->queue_ns == 0,
	   "an arrival that is not known is not that of the read before");
	feed_end(&f);

	/* nothing of any socket is known: a call may have waited */
	feed_begin(&f, NULL);
	t = talker(1, 0);
	t.flags = 0;
	t.began = 50000 * FEED_MS;
	now = f.now += 60000 * FEED_MS;
	say(&t, RX, GET);
	t.began = 100;
	say(&t, TX, OK);
	ok(f.nspans == 1 && span(0)->time_ns == now && span(0)->duration_ns <= FEED_US,
	   "without a socket, what was read came when the call returned");
	feed_end(&f);
}

/* Times come from elsewhere: a damaged file must not make a span that ends in the future. */
static void test_times_absurd(void)
{
	struct zc_ev_plain ev = {.ev = {.conn = ZC_TLS_STREAM | 1}, .sock = 77, .lib = ZC_TLS_OPENSSL,
				 .wire_time = UINT64_MAX - 5, .wire_last = UINT64_MAX - 1,
				 .call_time = UINT64_MAX - 9, .wire_len = 500};

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	ev.ev.flags = ZC_PLAIN_INSIDE;
	ev.orig_len = ev.cap_len = (uint32_t)strlen(GET);
	feed_plain(&f, ev, GET);
	ev.dir = TX;
	ev.orig_len = ev.cap_len = (uint32_t)strlen(OK);
	feed_plain(&f, ev, OK);
	ok(f.nspans == 1 && span(0)->duration_ns == FEED_US, "no octet went by after it was told");
	feed_end(&f);
}

/* ---- loss */

static void test_lost(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	say(&t, RX, GET);
	say_part(&t, TX, OK, 20, 20);
	t.pos[TX] += 5;
	t.lost = 1;
	say(&t, TX, OK + 25);
	pass();
	say(&t, RX, GET_B);
	say(&t, TX, OK);
	pass();
	ok(f.nspans == 2 && span(0)->incomplete & SPAN_LOST_EVENTS, "a record in the midst of a head was lost");
	ok(!span(1)->incomplete && span(1)->status == 200 && span(1)->has_addr, "the next exchange is whole");
	is_str(f.span[1].path, "/b", "and the right one");
	feed_end(&f);

	feed_begin(&f, NULL);
	t = talker(1, 77);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	say(&t, RX, GET);
	say(&t, TX, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
	t.pos[TX] += 600;
	t.lost = 1;
	say_part(&t, TX, NULL, 400, 0);
	say(&t, RX, GET_B);
	say(&t, TX, OK);
	ok(f.nspans == 2 && span(0)->resp_body_bytes == 1000 && !span(1)->incomplete &&
		   span(1)->status == 200, "lost within content: sizes are right all the same");
	feed_end(&f);
}

/* ---- what is wanted */

static void test_wants(void)
{
	struct talker t = talker(1, 77);
	uint32_t head;

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	ok(f.want.conn == 77 && !f.want.quiet && !f.want.dir[RX].cap, "ciphertext is not wanted");
	say(&t, RX, GET);
	feed_cut(&f, TX, 100);
	ok(f.want.conn == 77 && f.want.quiet && !f.want.dir[RX].cap, "where plaintext is, it is not announced any more");
	say(&t, TX, OK);
	say(&t, RX, GET);
	say(&t, TX, "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
	ok(f.want.conn == t.id && f.want.frames & ZC_POLICY_TIED && !f.want.quiet,
	   "the kernel side is told that the stream's socket is known");
	is_u64(f.want.dir[TX].skip_to, t.pos[TX] + 10000000, "and to skip long content");
	ok(f.want.dir[TX].cap == ZC_WANT_ALL && f.want.dir[RX].skip_to == t.pos[RX], "and nothing else");
	feed_end(&f);

	feed_begin(&f, NULL);
	t = talker(1, 77);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	say(&t, RX, "POST /a HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n");
	head = t.pos[RX];
	ok(f.want.conn == t.id && f.want.dir[RX].skip_to == head + 10000000,
	   "also of a request, before anything of the answer is there");
	feed_end(&f);
}

static void test_not_http(void)
{
	struct talker t = talker(1, 77);
	struct engine_stats st;

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	for (int i = 0; i < 10; i++) {
		say(&t, RX, "\x30\x0c\x02\x01\x01 anything");
		say(&t, TX, "\x30\x0c\x02\x01\x01 else");
	}
	ok(conn_of(t.id)->protocol == CONN_OPAQUE && f.want.conn == t.id && f.want.quiet &&
		   !f.want.dir[0].cap && !f.want.dir[1].cap, "plaintext that nobody understands is not wanted");
	close_id(t.id, 0);
	close_id(77, 0);
	pass();
	ok(f.nspans == 1 && span(0)->protocol == PROTO_TLS && span(0)->tls_version == 0x0304,
	   "the connection is shown as a whole");
	is_str(span(0)->tls, "openssl", "with its library");
	engine__stats(f.e, &st);
	is_u64(st.conns, 0, "nothing remains");
	feed_end(&f);
}

/* TLS within TLS: what the outer library carries is ciphertext of an inner one. */
static void test_nested(void)
{
	struct engine_options o = {.max_conns = 2};
	struct talker t = talker(1, 77);
	uint8_t buf[1024];
	size_t n = talk_hex(rfc8448_client, buf);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	say_part(&t, RX, (char *)buf, (uint32_t)n, (uint32_t)n);
	n = talk_hex(rfc8448_server, buf);
	say_part(&t, TX, (char *)buf, (uint32_t)n, (uint32_t)n);
	ok(conn_of(t.id)->protocol == CONN_TLS && conn_of(t.id)->tls && conn_of(77)->tls, "TLS within TLS");
	close_id(77, 0);
	pass();
	ok(f.e->conns.count == 0, "both end");
	feed_end(&f);

	feed_begin(&f, &o);
	t = talker(1, 77);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	say_part(&t, RX, (char *)buf, 4, 4);
	conn_of(t.id)->used = 0; /* the younger one */
	conn_touch(&f.e->conns, conn_of(t.id), f.now);
	open_sock(78, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	ok(!conn_of(77) && conn_of(t.id)->tls, "an evicted carrier leaves what it knows to its stream");
	say_part(&t, RX, (char *)buf + 4, (uint32_t)n - 4, (uint32_t)n - 4);
	ok(conn_of(t.id)->protocol == CONN_TLS && conn_of(t.id)->tls->hs.state == TLS_OPENING,
	   "which turns out to be TLS itself");
	feed_end(&f);
}

static void test_h2(void)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	static const char settings[] = "\0\0\0\4\0\0\0\0\0";
	/* HEADERS, END_STREAM | END_HEADERS: GET, https, /, then :status 200 */
	static const char get[] = "\0\0\3\1\5\0\0\0\1\x82\x87\x84";
	static const char answer[] = "\0\0\1\1\5\0\0\0\1\x88";
	struct talker t = talker(1, 77);
	struct engine_stats st;

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	t.wire_seq = f.seq[TX] + 300;
	say_part(&t, TX, settings, 9, 9); /* a server may be faster with its own */
	t.wire_seq = f.seq[RX];
	say_part(&t, RX, preface, 33, 33);
	say_part(&t, RX, get, 12, 12);
	say_part(&t, TX, answer, 10, 10);
	ok(f.nspans == 1 && span(0)->protocol == PROTO_H2 && span(0)->status == 200 &&
		   span(0)->stream == 1 && !span(0)->incomplete, "HTTP/2");
	is_str(span(0)->tls, "openssl", "over TLS");
	is_str(f.span[0].scheme, "https", "its scheme as it says");
	engine__stats(f.e, &st);
	ok(!st.unparsed_bytes && !st.uncaptured_bytes, "all of it was understood");
	feed_end(&f);
}

/* ---- ends */

static void test_closed_before_carrier(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	say(&t, RX, GET);
	close_id(t.id, 0);
	feed_tick(&f, 30 * FEED_MS);
	ok(f.nspans == 1 && span(0)->error == SPAN_ERR_CLOSED && span(0)->has_addr &&
		   span(0)->tls_version == 0x0304, "a stream that is freed ends its exchange");
	ok(conn_of(77) && !conn_of(77)->plain && !conn_of(t.id), "the socket lives on");
	close_id(77, 0);
	pass();
	is_u64(f.nspans, 1, "and gives no span of its own");
	feed_end(&f);
}

static void test_carrier_closed_first(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	say(&t, RX, GET);
	close_id(77, 0);
	say(&t, TX, OK);
	pass();
	ok(f.nspans == 1 && !span(0)->error && span(0)->tls_version == 0x0304 && span(0)->has_addr,
	   "the last write is told after its socket's end");
	ok(!conn_of(t.id) && !conn_of(77), "then its stream is over");
	close_id(t.id, 0);
	ok(!conn_of(t.id), "its own end is no news");
	feed_end(&f);

	feed_begin(&f, NULL);
	t = talker(1, 77);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	say(&t, RX, GET);
	feed_flag(&f, RX, ZC_TCP_RST);
	pass();
	ok(f.nspans == 1 && span(0)->error == SPAN_ERR_RESET, "a reset is the exchange's error");
	feed_end(&f);

	/* content that ends with the connection */
	feed_begin(&f, NULL);
	t = talker(1, 77);
	open_sock(77, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	say(&t, TX, GET);
	say(&t, RX, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_flag(&f, TX, ZC_TCP_FIN);
	close_id(77, 0);
	pass();
	ok(f.nspans == 1 && !span(0)->error && span(0)->resp_body_bytes == 13, "content until the end is complete");
	feed_end(&f);
}

/* Its first octets are told when the socket is through already. */
static void test_tied_to_the_dead(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	feed_flag(&f, RX, ZC_TCP_RST);
	say(&t, RX, GET);
	pass();
	ok(f.nspans == 1 && span(0)->error == SPAN_ERR_RESET && span(0)->has_addr && !conn_of(t.id),
	   "a stream of a socket that has ended ends");
	feed_end(&f);
}

static void test_forgotten(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	say(&t, RX, GET);
	close_id(77, ZC_CLOSE_FORGET);
	say(&t, TX, OK);
	say(&t, RX, GET);
	pass();
	ok(f.nspans == 0 && !conn_of(t.id), "a socket of somebody else: nothing of its stream is shown");
	feed_end(&f);
	is_u64(f.nspans, 0, "nor at the end");

	feed_begin(&f, NULL);
	t = talker(1, 77);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	close_id(77, ZC_CLOSE_FORGET);
	say(&t, RX, GET);
	say(&t, TX, OK);
	ok(f.nspans == 0 && f.want.conn == t.id && f.want.quiet, "the same where it was forgotten before");
	feed_end(&f);
}

static void test_evicted(void)
{
	struct engine_options o = {.max_conns = 2};
	struct talker t = talker(1, 77);

	feed_begin(&f, &o);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	say(&t, RX, GET);
	f.now += 20 * FEED_MS;
	say(&t, TX, OK);
	ok(conn_of(77)->used == conn_of(t.id)->used, "who uses a stream uses its socket");
	f.now += 20 * FEED_MS;
	open_sock(78, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	f.now += 20 * FEED_MS;
	open_sock(79, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	ok(!conn_of(77) && !conn_of(t.id), "both are evicted");
	say(&t, RX, GET_B);
	say(&t, TX, OK);
	pass();
	ok(f.nspans == 2 && !span(1)->has_addr && !strcmp(f.span[1].path, "/b"),
	   "a stream that is met again goes on, without address");
	feed_end(&f);

	/* the stream goes, the socket stays */
	feed_begin(&f, &o);
	t = talker(1, 77);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	say(&t, RX, GET);
	f.now += 20 * FEED_MS;
	feed_cut(&f, TX, 100);
	f.conn = 77;
	feed_cut(&f, TX, 100);
	f.now += 20 * FEED_MS;
	open_sock(78, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	ok(conn_of(77) && !conn_of(77)->plain && !conn_of(t.id), "a stream alone is evicted");
	close_id(77, 0);
	pass();
	feed_end(&f);
}

/* ---- what the library reports */

static void test_fault(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	hello(TX, rfc8448_client);
	hello(RX, rfc8448_server);
	record(RX, 23, 674);
	record(TX, 23, 53);
	record(RX, 23, 19); /* an alert, encrypted: it could be a ticket */
	feed_fault(&f, t.id, 77, ZC_TLS_OPENSSL, 1048);
	close_id(77, 0);
	pass();
	ok(f.nspans == 1 && span(0)->tls_alert == 48, "the library says what an encrypted alert was");
	is_str(span(0)->tls_alert_from, "server", "and it was the other end's");
	feed_end(&f);

	/* through the stream's carrier; numbers that are no alert say nothing */
	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	hello(RX, rfc8448_client);
	hello(TX, rfc8448_server);
	record(TX, 23, 674);
	record(RX, 23, 19);
	t.flags = ZC_PLAIN_BEFORE | ZC_PLAIN_ALONE;
	tie(&t, 77, RX, 0, 300);
	tie(&t, 77, TX, 0, 300);
	feed_fault(&f, t.id, 0, ZC_TLS_OPENSSL, 267);
	feed_fault(&f, t.id, t.id, ZC_TLS_OPENSSL, 1042);
	ok(conn_of(77)->tls->hs.alert == -1, "what is no alert, or no socket, says nothing");
	feed_fault(&f, t.id, 0, ZC_TLS_OPENSSL, 1042);
	close_id(77, 0);
	pass();
	ok(f.nspans == 1 && span(0)->error == SPAN_ERR_HANDSHAKE && span(0)->tls_alert == 42,
	   "a stream's fault is its carrier's");
	is_str(span(0)->tls, "openssl", "whose library is known");
	feed_end(&f);
}

/* ---- what no kernel side would send */

static void test_nonsense(void)
{
	struct talker t = talker(1, 0);
	struct zc_ev_plain ev = {.ev = {.conn = 5, .flags = ZC_PLAIN_INSIDE}, .sock = 77, .orig_len = 10,
				 .lib = ZC_TLS_OPENSSL};

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	feed_plain(&f, ev, NULL);
	ok(!conn_of(5), "a stream's id has its bit");
	ev.ev.conn = t.id;
	ev.lib = 0;
	feed_plain(&f, ev, NULL);
	ev.lib = 200;
	feed_plain(&f, ev, NULL);
	ok(!conn_of(t.id), "a library has a number");
	t.sock = t.id;
	say(&t, RX, GET);
	ok(no_carrier(&t), "a stream is not its own socket");
	tie(&t, t.id, RX, 0, 100);
	tie(&t, t.id, RX, 0, 100);
	tie(&t, t.id, 7, 0, 100);
	ok(no_carrier(&t) && !conn_of(t.id)->quiet, "nor by evidence");
	feed_end(&f);
}

int main(void)
{
	test_inside();
	test_inside_client();
	test_successor();
	test_fact_over_evidence();
	test_evidence();
	test_sizes();
	test_contradiction();
	test_not_traced();
	test_lost_sight();
	test_ends_meet();
	test_client_late();
	test_joined_late();
	test_private_ids();
	test_first_lost();
	test_began_before();
	test_tunnel();
	test_writing();
	test_writing_order();
	test_busy_thread();
	test_writing_evicted();
	test_times_server();
	test_times_client();
	test_times_unknown();
	test_times_absurd();
	test_lost();
	test_wants();
	test_not_http();
	test_nested();
	test_h2();
	test_closed_before_carrier();
	test_carrier_closed_first();
	test_tied_to_the_dead();
	test_forgotten();
	test_evicted();
	test_fault();
	test_nonsense();
	return tap_done();
}
