/*
 * test_plain.c - TLS streams: their order, their times, what is wanted of them, their ends
 */
#include "tests/unit/tls_stream_feed.h"
#include "parsers/http2/http2_protocol.h"
#include "parsers/tls/tls_protocol.h"

/* ---- what was read while somebody wrote */

static void test_writing(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	t.writes = 1;
	say(&t, RX, "HTTP/1.1 200 OK\r\nContent-");
	say(&t, RX, "Length: 2\r\n\r\nhi");
	is_u64(conn_of(t.id)->session->nwaits, 2,
	       "what is read waits for the write, and what is read next");
	is_u64(f.nspans, 0, "an answer without a request is none yet");
	say(&t, TX, GET);
	ok(!conn_of(t.id)->session->nwaits && list_empty(&f.e->tls_stream_waiting),
	   "until the write is told");
	ok(f.nspans == 1 && !span(0)->incomplete && span(0)->status == 200,
	   "one exchange, complete");
	is_str(f.span[0].path, "/a", "of that request");

	t.writes = 2;
	say(&t, RX, OK);
	feed_tick(&f, 60 * FEED_MS);
	is_u64(conn_of(t.id)->session->nwaits, 1, "it waits");
	feed_tick(&f, 60 * FEED_MS);
	ok(!conn_of(t.id)->session->nwaits && f.nspans == 2, "not for long");
	say(&t, RX, "HTTP/1.1 204 OK\r\n\r\n");
	is_u64(conn_of(t.id)->session->nwaits, 0,
	       "a write that never came is not waited for again");

	t.writes = 3;
	for (int i = 0; i < 80; i++)
		say(&t, RX, i % 2 ? "HTTP/1.1 204 OK\r\n\r" : "\n");
	ok(conn_of(t.id)->session->nwaits <= 64, "nor in any number");
	close_id(t.id, 0);
	pass();
	ok(!conn_of(t.id) && list_empty(&f.e->tls_stream_waiting),
	   "and not longer than the stream");
	feed_end(&f);

	feed_begin(&f, NULL);
	t = talker(1, 77);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	t.writes = 1;
	say(&t, RX, GET);
	engine__finish(f.e);
	ok(f.nspans == 1 && span(0)->incomplete == SPAN_IN_FLIGHT,
	   "at the end of tracing it is taken");
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
	ok(f.nspans == 1 && !conn_of(t.id)->session->nwaits, "which comes, and both are taken");
	t.writes = 2;
	say(&t, TX, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
	ok(f.nspans == 2 && span(0)->status == 200 && span(1)->status == 404,
	   "each with its own answer");
	is_str(f.span[1].path, "/b", "in order");
	feed_end(&f);
}

#define NO "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"

/* The write that a request waits for was lost: it is taken before the next one, its answer. */
static void test_writing_lost(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	say(&t, RX, GET);
	t.pos[TX] += (uint32_t)strlen(OK);
	t.writes = 1;
	say(&t, RX, GET_B);
	t.writes = 2;
	t.lost = 1;
	say(&t, TX, NO);
	close_id(t.id, 0);
	pass();
	ok(f.nspans == 2 && span(0)->incomplete && span(1)->status == 404,
	   "behind a lost write a request has its own answer");
	is_str(f.span[1].path, "/b", "and is not taken behind it");
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
	ok(!conn_of(t.id) && list_empty(&f.e->tls_stream_waiting),
	   "the stream is evicted while octets of it wait");
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
	is_u64(span(0)->duration_ns, 500 * FEED_US + 9 * FEED_MS,
	       "duration: until its last octet left");
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
	is_u64(span(0)->ttfb_ns, 60 * FEED_US + 6 * FEED_MS,
	       "ttfb: until the answer's first octet arrived");
	is_u64(span(0)->inner_ns, 60 * FEED_US + 7 * FEED_MS, "inner: until its last octet did");
	is_u64(span(0)->duration_ns, 60 * FEED_US + 10 * FEED_MS,
	       "duration: until the application had it");
	feed_end(&f);
}

/* Arrival is not known, or that of an earlier read. */
static void test_times_unknown(void)
{
	struct talker t = talker(1, 77);
	struct zc_ev_plain ev = {.ev = {.conn = ZC_TLS_STREAM | 1, .flags = ZC_PLAIN_INSIDE},
				 .sock = 77,
				 .lib = ZC_TLS_OPENSSL};
	uint64_t now, arrived;

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	f.now += FEED_MS;
	arrived = f.now - 3 * FEED_US;
	t.more = (uint32_t)strlen(GET GET_B) - 20;
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
	ev.wire_seq = t.wire[RX];
	ev.call_time = f.now - 50000 * FEED_MS; /* it waited that long */
	now = f.now;
	feed_plain(&f, ev, GET);
	say(&t, TX, OK);
	ok(f.nspans == 3 && span(2)->time_ns == now && span(2)->queue_ns == 0,
	   "an arrival that is not known is not that of the read before");

	/* another thread has read the socket, and this one, long ago, something else */
	f.now += 60000 * FEED_MS;
	t.pos[RX] += (uint32_t)strlen(GET);
	ev.seq = t.pos[RX];
	ev.wire_time = ev.wire_last = now - FEED_US;
	now = f.now;
	feed_plain(&f, ev, GET);
	say(&t, TX, OK);
	ok(f.nspans == 4 && span(3)->time_ns == now, "octets that were told do not arrive again");
	f.now += 60000 * FEED_MS;
	t.pos[RX] += (uint32_t)strlen(GET);
	t.no_wire = 1;
	now = f.now;
	say(&t, RX, GET);
	t.no_wire = 0;
	say(&t, TX, OK);
	ok(f.nspans == 5 && span(4)->time_ns == now,
	   "nor is there more left of a read than was read");
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
	struct zc_ev_plain ev = {.ev = {.conn = ZC_TLS_STREAM | 1},
				 .sock = 77,
				 .lib = ZC_TLS_OPENSSL,
				 .wire_time = UINT64_MAX - 5,
				 .wire_last = UINT64_MAX - 1,
				 .call_time = UINT64_MAX - 9,
				 .wire_len = 500};

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
	for (int i = 0; i < 3; i++) { /* a client that waits */
		say(&t, RX, GET);
		say(&t, TX, OK);
	}
	pass();
	say(&t, RX, GET);
	say_part(&t, TX, OK, 20, 20);
	t.pos[TX] += 5;
	t.lost = 1;
	say(&t, TX, OK + 25);
	pass();
	say(&t, RX, GET_B);
	say(&t, TX, OK);
	pass();
	ok(f.nspans == 5 && span(3)->incomplete & SPAN_LOST_EVENTS,
	   "a record in the midst of a head was lost");
	ok(!span(4)->incomplete && span(4)->status == 200 && span(4)->has_addr,
	   "the next exchange is whole");
	is_str(f.span[4].path, "/b", "and the right one");
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
		   span(1)->status == 200,
	   "lost within content: sizes are right all the same");
	feed_end(&f);
}

/*
 * Joined within, where only an answer shows what it is: what was told before that answer is what
 * its sender had read, however late it is understood.
 */
static void test_joined_late(void)
{
	static const char query[] = "\11\0\0\0\3select 1", done[] = "\7\0\0\1\0\0\0\2\0\0\0";
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	t.flags = ZC_PLAIN_INSIDE;
	say_part(&t, TX, done, 11, 11); /* whose question was read before */
	for (int i = 0; i < 2; i++) {
		say_part(&t, RX, query, 13, 13);
		say_part(&t, TX, done, 11, 11);
	}
	pass();
	ok(f.nspans == 2 && span(0)->req_bytes == 13 && span(0)->resp_bytes == 11 &&
		   span(1)->req_bytes == 13 && span(1)->resp_bytes == 11,
	   "each query has its own answer, from the first one on");
	feed_end(&f);
}

/* What came with the handshake was read from no socket; the answer uses one, and it is fresh. */
static void test_read_ahead(void)
{
	struct talker t = talker(1, 0);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	t.flags = 0;
	say(&t, RX, GET);
	t.sock = 77;
	t.flags = ZC_PLAIN_INSIDE | ZC_PLAIN_FRESH;
	say(&t, TX, OK);
	say(&t, RX, GET_B);
	say(&t, TX, OK);
	ok(f.nspans == 2 && !span(0)->incomplete && span(0)->status == 200 &&
		   !span(1)->incomplete && span(1)->seq == 1,
	   "what was read ahead is the beginning");
	is_str(f.span[0].path, "/a", "and has its answer");
	feed_end(&f);
}

/* The answer to /a was read by a call that had begun before its probe was there. */
static void test_missed(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_CLIENT, ZC_OPEN_PREEXISTING);
	t.flags = ZC_PLAIN_INSIDE;
	say(&t, TX, GET);
	say_part(&t, RX, OK, sizeof(OK) - 1, 0);
	for (int i = 0; i < 6; i++) {
		say(&t, TX, GET_B);
		say(&t, RX, OK);
	}
	close_id(t.id, 0);
	pass();
	ok(f.nspans == 7, "a span of each request");
	for (unsigned i = 0; i < f.nspans; i++) {
		int first = !strcmp(f.span[i].path, "/a");

		ok(first ? span(i)->incomplete && !span(i)->status : span(i)->status == 200,
		   "%s has %s", f.span[i].path, first ? "no answer" : "its own");
	}
	ok(!span(6)->incomplete, "the last one is certain");
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
	ok(f.want.conn == 77 && f.want.quiet && !f.want.dir[RX].cap,
	   "where plaintext is, it is not announced any more");
	say(&t, TX, OK);
	say(&t, RX, GET);
	say(&t, TX, "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
	ok(f.want.conn == t.id && f.want.frames & ZC_POLICY_BOUND && !f.want.quiet,
	   "the kernel side is told that the stream's socket is known");
	is_u64(f.want.dir[TX].skip_to, t.pos[TX] + 10000000, "and to skip long content");
	ok(f.want.dir[TX].cap == ZC_POLICY_ALL && f.want.dir[RX].skip_to == t.pos[RX],
	   "and nothing else");
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
	ok(conn_of(t.id)->opaque && f.want.conn == t.id && f.want.quiet &&
		   !f.want.dir[0].cap && !f.want.dir[1].cap,
	   "plaintext that nobody understands is not wanted");
	close_id(t.id, 0);
	close_id(77, 0);
	pass();
	ok(f.nspans == 1 && span(0)->protocol == &tls_protocol.name &&
		   attr_number(span(0), tls_version) == 0x0304,
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
	ok(conn_of(t.id)->ops == &tls_conn_ops && tls_info_of(conn_of(t.id)) &&
		   tls_info_of(conn_of(77)),
	   "TLS within TLS");
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
	ok(!conn_of(77) && tls_info_of(conn_of(t.id)),
	   "an evicted socket leaves what it knows to its stream");
	say_part(&t, RX, (char *)buf + 4, (uint32_t)n - 4, (uint32_t)n - 4);
	ok(conn_of(t.id)->ops == &tls_conn_ops &&
		   tls_info_of(conn_of(t.id))->hs.state == TLS_OPENING,
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
	ok(f.nspans == 1 && span(0)->protocol == &http2_protocol.name && span(0)->status == 200 &&
		   span(0)->stream_id == 1 && !span(0)->incomplete,
	   "HTTP/2");
	is_str(span(0)->tls, "openssl", "over TLS");
	is_str(f.span[0].scheme, "https", "its scheme as it says");
	engine__stats(f.e, &st);
	ok(!st.unparsed_bytes && !st.uncaptured_bytes, "all of it was understood");
	feed_end(&f);
}

/* ---- ends */

static void test_closed_before_socket(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	say(&t, RX, GET);
	close_id(t.id, 0);
	pass();
	ok(f.nspans == 1 && span(0)->error == SPAN_ERR_CLOSED && span(0)->has_addr &&
		   attr_number(span(0), tls_version) == 0x0304,
	   "a stream that is freed ends its exchange");
	ok(conn_of(77) && !conn_of(77)->tls_stream && !conn_of(t.id), "the socket lives on");
	close_id(77, 0);
	pass();
	is_u64(f.nspans, 1, "and gives no span of its own");
	feed_end(&f);
}

/* A thread that waits for a processor says what it wrote when the socket is long gone. */
static void test_told_late(void)
{
	struct talker t = talker(1, 77);
	struct engine_stats st;

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	say(&t, RX, GET);
	say_part(&t, TX, OK, sizeof(OK) - 3, sizeof(OK) - 3);
	close_id(77, 0);
	feed_tick(&f, 150 * FEED_MS);
	is_u64(f.nspans, 0, "a response that lacks its end waits for it");
	say(&t, TX, "hi");
	pass();
	ok(f.nspans == 1 && !span(0)->error && !span(0)->incomplete,
	   "what is told late belongs to it");
	engine__stats(f.e, &st);
	ok(!st.unparsed_bytes && !st.conns, "and to nothing else");
	feed_end(&f);
}

static void test_socket_closed_first(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	say(&t, RX, GET);
	close_id(77, 0);
	say(&t, TX, OK);
	pass();
	ok(f.nspans == 1 && !span(0)->error && attr_number(span(0), tls_version) == 0x0304 &&
		   span(0)->has_addr,
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
	ok(f.nspans == 1 && !span(0)->error && span(0)->resp_body_bytes == 13,
	   "content until the end is complete");
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
	ok(f.nspans == 0 && !conn_of(t.id),
	   "a socket of somebody else: nothing of its stream is shown");
	feed_end(&f);
	is_u64(f.nspans, 0, "nor at the end");

	feed_begin(&f, NULL);
	t = talker(1, 77);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	close_id(77, ZC_CLOSE_FORGET);
	say(&t, RX, GET);
	say(&t, TX, OK);
	ok(f.nspans == 0 && f.want.conn == t.id && f.want.quiet,
	   "the same where it was forgotten before");
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
	ok(conn_of(77) && !conn_of(77)->tls_stream && !conn_of(t.id), "a stream alone is evicted");
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
	ok(f.nspans == 1 && attr_number(span(0), tls_alert) == 48,
	   "the library says what an encrypted alert was");
	is_str(attr_string(span(0), tls_alert_from), "server", "and it was the other end's");
	feed_end(&f);

	/* through the stream's socket; numbers that are no alert say nothing */
	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	hello(RX, rfc8448_client);
	hello(TX, rfc8448_server);
	record(TX, 23, 674);
	record(RX, 23, 19);
	t.flags = ZC_PLAIN_BEFORE | ZC_PLAIN_ALONE;
	bind(&t, 77, RX, 0, 300);
	bind(&t, 77, TX, 0, 300);
	feed_fault(&f, t.id, 0, ZC_TLS_OPENSSL, 267);
	feed_fault(&f, t.id, t.id, ZC_TLS_OPENSSL, 1042);
	ok(tls_info_of(conn_of(77))->hs.alert == -1,
	   "what is no alert, or no socket, says nothing");
	feed_fault(&f, t.id, 0, ZC_TLS_OPENSSL, 1042);
	close_id(77, 0);
	pass();
	ok(f.nspans == 1 && span(0)->error == SPAN_ERR_HANDSHAKE &&
		   attr_number(span(0), tls_alert) == 42,
	   "a stream's fault is its socket's");
	is_str(span(0)->tls, "openssl", "whose library is known");
	feed_end(&f);
}

/* ---- what no kernel side would send */

static void test_nonsense(void)
{
	struct talker t = talker(1, 0);
	struct zc_ev_plain ev = {.ev = {.conn = 5, .flags = ZC_PLAIN_INSIDE},
				 .sock = 77,
				 .orig_len = 10,
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
	ok(no_socket(&t), "a stream is not its own socket");
	bind(&t, t.id, RX, 0, 100);
	bind(&t, t.id, RX, 0, 100);
	bind(&t, t.id, 7, 0, 100);
	ok(no_socket(&t) && !conn_of(t.id)->quiet, "nor by evidence");
	feed_end(&f);
}

int main(void)
{
	test_writing();
	test_writing_order();
	test_writing_lost();
	test_writing_evicted();
	test_times_server();
	test_times_client();
	test_times_unknown();
	test_times_absurd();
	test_lost();
	test_joined_late();
	test_read_ahead();
	test_missed();
	test_wants();
	test_not_http();
	test_nested();
	test_h2();
	test_closed_before_socket();
	test_socket_closed_first();
	test_told_late();
	test_tied_to_the_dead();
	test_forgotten();
	test_evicted();
	test_fault();
	test_nonsense();
	return tap_done();
}
