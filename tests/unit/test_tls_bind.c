/*
 * test_tls_bind.c - TLS streams: which socket is theirs, by fact or by evidence
 */
#include "tests/unit/tls_stream_feed.h"
#include "parsers/http1/http1_protocol.h"

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
	ok(has_socket(&t, 77), "the socket used inside the call is the socket");
	say(&t, TX, OK);
	say(&t, RX, GET_B);
	say(&t, TX, OK);
	is_u64(f.nspans, 2, "two exchanges");
	ok(span(0)->kind == SPAN_SERVER && span(0)->protocol == &http11_name &&
		   !span(0)->incomplete && span(0)->status == 200,
	   "of a server");
	is_str(span(0)->tls, "openssl", "by this library");
	is_str(f.span[0].scheme, "https", "https");
	ok(span(0)->has_addr && span(0)->server_port == 8000 && span(0)->client_port == 40000,
	   "with the socket's addresses");
	is_u64(span(0)->pid, 4242, "and its process");
	is_str(f.span[0].comm, "server", "which has a name");
	ok(attr_number(span(0), tls_version) == 0x0304 &&
		   attr_number(span(0), tls_cipher) == 0x1301,
	   "version and cipher");
	is_str(attr_string(span(0), tls_sni), "server", "the server's name");
	is_u64(attr_number(span(0), handshake), 3 * FEED_US, "handshake, of the first exchange");
	ok(attr_number(span(1), handshake) == SPAN_UNKNOWN &&
		   attr_number(span(1), tls_version) == 0x0304,
	   "and of no other");
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
	engine__event(f.e, &(struct zc_ev){.kind = ZC_EV_ESTABLISHED,
					   .size = sizeof(struct zc_ev),
					   .time = f.now,
					   .conn = 77});
	shake_hands(TX);
	say(&t, TX, GET);
	peer.ev = feed_head(&f, ZC_EV_PEER, sizeof(peer));
	engine__event(f.e, &peer.ev);
	say(&t, RX, OK);
	ok(f.nspans == 1 && span(0)->kind == SPAN_CLIENT && span(0)->connect_ns == 6 * FEED_US,
	   "a client's exchange tells how long connecting took");
	ok(attr_number(span(0), handshake) == 3 * FEED_US, "and the handshake");
	is_u64(span(0)->conn, 77, "it is called by its socket");
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
	ok(has_socket(&b, 77) && !conn_of(a.id)->socket,
	   "a second stream on a socket is its stream now");
	say_part(&a, TX, "HTTP", 4, 4);
	ok(has_socket(&b, 77), "what is still told of the first does not take it back");
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
	ok(has_socket(&a, 77), "tied by evidence");
	say(&b, RX, GET);
	ok(has_socket(&b, 77) && no_socket(&a), "which a fact about another stream proves wrong");
	ok(conn_of(a.id)->session->binding_refuted, "for good");
	bind(&b, 78, RX, 0, 100);
	bind(&b, 78, RX, 0, 100);
	bind(&b, 78, RX, 0, 100);
	ok(has_socket(&b, 77), "no evidence undoes a fact");
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
	ok(no_socket(&t), "one piece of evidence is not enough");
	say(&t, TX, OK);
	ok(f.nspans == 1 && !span(0)->has_addr, "a span without address");
	is_str(span(0)->tls, "openssl", "but of this library");
	say(&t, RX, GET_B);
	ok(has_socket(&t, 77) && f.want.conn == t.id && f.want.frames & ZC_POLICY_BOUND,
	   "two that agree are, and the kernel side knows");
	say(&t, TX, OK);
	ok(f.nspans == 2 && span(1)->has_addr, "and the next span has its address");
	feed_end(&f);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	bind(&t, 77, RX, 0, 300);
	ok(conn_of(t.id) && no_socket(&t), "a handshake's read is one");
	bind(&t, 77, TX, 0, 1000);
	ok(has_socket(&t, 77), "what it sends another");
	feed_end(&f);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	bind(&t, 77, TX, 100, 122);
	bind(&t, 77, TX, 100, 121);
	bind(&t, 77, TX, 100, 2000);
	ok(no_socket(&t), "sizes that do not fit are none");
	bind(&t, 77, TX, 40000, 40000 + 3 * 22);
	ok(has_socket(&t, 77), "sizes that fit are");
	feed_end(&f);
}

static void test_sizes(void)
{
	struct talker t = talker(1, 77);
	struct zc_ev_plain ev = {
		.ev = {.conn = ZC_TLS_STREAM | 1, .flags = ZC_PLAIN_BEFORE | ZC_PLAIN_ALONE},
		.sock = 77,
		.wire_len = 40,
		.orig_len = 100,
		.lib = ZC_TLS_OPENSSL};

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	for (int i = 0; i < 4; i++, ev.seq += 100)
		feed_plain(&f, ev, NULL);
	ok(no_socket(&t), "more plaintext than was read comes from elsewhere");
	ev.orig_len = UINT32_MAX - 10;
	feed_plain(&f, ev, NULL);
	feed_plain(&f, ev, NULL);
	ok(no_socket(&t), "sizes do not wrap");
	feed_end(&f);
}

static void test_contradiction(void)
{
	struct talker t = talker(1, 77), u = talker(2, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	open_sock(78, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	bind(&t, 77, RX, 0, 300);
	bind(&t, 78, RX, 0, 300);
	bind(&t, 77, RX, 0, 300);
	bind(&t, 77, RX, 0, 300);
	ok(no_socket(&t), "after a contradiction two pieces are not enough");
	bind(&t, 77, RX, 0, 300);
	bind(&t, 77, RX, 0, 300);
	ok(has_socket(&t, 77), "one more for each time");
	bind(&u, 77, RX, 0, 300);
	bind(&u, 77, RX, 0, 300);
	ok(has_socket(&t, 77) && no_socket(&u), "no other stream may have that socket");

	bind(&t, 78, RX, 0, 300);
	bind(&t, 77, RX, 0, 300);
	bind(&t, 78, RX, 0, 300);
	ok(has_socket(&t, 77), "contradictions that evidence outweighs");
	bind(&t, 78, RX, 0, 300);
	ok(no_socket(&t) && f.want.conn == t.id && !(f.want.frames & ZC_POLICY_BOUND),
	   "two in a row undo it, and the kernel side knows");
	ok(conn_of(t.id)->role == ZC_ROLE_UNKNOWN && !conn_of(t.id)->open_time,
	   "nothing that the socket told remains");
	bind(&t, 78, RX, 0, 300);
	bind(&t, 78, RX, 0, 300);
	bind(&t, 78, RX, 0, 300);
	ok(no_socket(&t), "for good");
	t.flags = 0;
	say(&t, RX, GET);
	say(&t, TX, OK);
	ok(f.nspans == 1 && !span(0)->has_addr && attr_number(span(0), handshake) == SPAN_UNKNOWN,
	   "its spans have no address");
	bind(&u, 77, RX, 0, 300);
	ok(has_socket(&u, 77), "the socket is free for another");
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
	bind(&t, 77, RX, 0, 300);
	bind(&t, 77, RX, 0, 300);
	say(&t, RX, GET);
	conn_of(t.id)->used = 0; /* the younger one */
	conn_touch(&f.e->conns, conn_of(t.id), f.now);
	open_sock(78, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	ok(!conn_of(77) && conn_of(t.id) && conn_of(t.id)->has_addr,
	   "a socket that is evicted leaves its address");
	say(&t, TX, OK);
	say(&t, RX, GET_B);
	say(&t, TX, OK);
	ok(f.nspans == 2 && span(0)->has_addr && span(1)->has_addr && span(1)->status == 200,
	   "and its stream goes on");
	feed_end(&f);
}

/* A thread that does with one connection what another's octets are about. */
static void test_busy_thread(void)
{
	struct talker t = talker(1, 0);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	t.flags = 0;
	t.busy = 1;
	say(&t, RX, GET);
	for (int i = 0; i < 10; i++)
		bind(&t, 77, TX, 100, 122);
	ok(no_socket(&t), "lengths that are always the same prove nothing");
	bind(&t, 77, TX, 1000, 1030);
	ok(no_socket(&t), "nor does one that is not exact");
	bind(&t, 77, TX, 1000, 1022);
	ok(has_socket(&t, 77), "different ones, exact to the octet, do");
	feed_end(&f);
}

/* ---- what a socket's end tells of its stream */

static void end_unread(uint32_t unread)
{
	struct zc_ev_close c = {.unread = unread};

	f.conn = 77;
	c.ev = feed_head(&f, ZC_EV_CLOSE, sizeof(c));
	engine__event(f.e, &c.ev);
	pass();
}

/* Two requests, the first of which is answered; then the end, before so many bytes were read. */
static const struct span *ended(int role, uint32_t unread)
{
	struct talker t = talker(1, 77);
	int request = role == ZC_ROLE_CLIENT ? TX : RX;

	feed_begin(&f, NULL);
	open_sock(77, role, ZC_OPEN_SEQ);
	shake_hands(request);
	say(&t, request, GET);
	say(&t, !request, OK);
	say(&t, request, GET_B);
	end_unread(unread);
	engine__finish(f.e);
	return span(1);
}

static void test_unread(void)
{
	const struct span *s = ended(ZC_ROLE_CLIENT, 90);

	ok(f.nspans == 2 && s->incomplete == (SPAN_RESPONSE_NOT_SEEN | SPAN_READ_NOT_SEEN),
	   "of an answer that came and was not read nobody knows");
	ok(!s->error && s->duration_ns == SPAN_UNKNOWN && s->resp_bytes == SPAN_UNKNOWN,
	   "no error, and no time or size");
	ok(!span(0)->incomplete && span(0)->status == 200, "what was read before is whole");
	feed_end(&f);

	s = ended(ZC_ROLE_CLIENT, 32);
	ok(f.nspans == 2 && s->error == SPAN_ERR_CLOSED && !s->incomplete,
	   "what only tells of the end is no answer");
	feed_end(&f);

	s = ended(ZC_ROLE_SERVER, 90);
	ok(f.nspans == 2 && s->error == SPAN_ERR_CLOSED && !s->incomplete,
	   "what a server did not read is no answer either");
	feed_end(&f);
}

static void test_unread_h2(void)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	static const char settings[] = "\0\0\0\4\0\0\0\0\0";
	static const char get[] = "\0\0\3\1\5\0\0\0\1\x82\x87\x84";
	static const char head[] = "\0\0\1\1\4\0\0\0\1\x88"; /* content is to follow */

	for (int answered = 0; answered < 2; answered++) {
		struct talker t = talker(1, 77);
		uint32_t more = answered ? 0 : SPAN_RESPONSE_NOT_SEEN;

		feed_begin(&f, NULL);
		open_sock(77, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
		shake_hands(TX);
		say_part(&t, TX, preface, 33, 33);
		say_part(&t, TX, get, 12, 12);
		say_part(&t, RX, settings, 9, 9);
		if (answered)
			say_part(&t, RX, head, 10, 10);
		end_unread(5000);
		engine__finish(f.e);
		ok(f.nspans == 1 && span(0)->incomplete == (SPAN_READ_NOT_SEEN | more) &&
			   !span(0)->error && span(0)->duration_ns == SPAN_UNKNOWN,
		   "HTTP/2, answered: %d", answered);
		feed_end(&f);
	}
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
	test_busy_thread();
	test_unread();
	test_unread_h2();
	return tap_done();
}
