/* test_engine_loss.c - the engine where something is missing: late starts, gaps, loss */
#include "tests/unit/engine_feed.h"

static void test_late(void)
{
	struct engine_stats st;

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	feed_text(&f, TX, "rest of some body, GET /x HTTP/1.1\r\n\r\n");
	feed_text(&f, RX, GET);
	feed_text(&f, TX, OK5);
	is_u64(f.nspans, 1, "joined in the middle of a body");
	ok(span(0)->incomplete == SPAN_ATTACHED_LATE && span(0)->status == 200,
	   "nothing says yet that the next exchange is one");
	engine__stats(f.e, &st);
	is_u64(st.unparsed_bytes, 38, "what was not understood is counted");
	feed_end(&f);

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	feed_text(&f, RX, "xample.org\r\nA: b\r\n\r\n");
	feed_text(&f, TX, OK5);
	feed_text(&f, RX, GET2);
	feed_text(&f, TX, NO4);
	is_u64(f.nspans, 2, "joined in the middle of a head");
	is_u64(span(0)->incomplete, SPAN_ATTACHED_LATE | SPAN_REQUEST_NOT_SEEN,
	       "the first response has no request");
	ok(span(0)->duration_ns == SPAN_UNKNOWN && span(0)->ttfb_ns == SPAN_UNKNOWN &&
	   span(0)->req_bytes == SPAN_UNKNOWN && span(0)->status == 200, "nor times");
	is_str(f.span[0].path, "(none)", "nor path");
	ok(span(1)->incomplete == SPAN_ATTACHED_LATE && span(1)->status == 404,
	   "the second has one");
	for (int i = 0; i < 20; i++) {
		feed_text(&f, RX, GET2);
		feed_text(&f, TX, NO4);
	}
	ok(span(2)->incomplete && !span(7)->incomplete && !span(21)->incomplete,
	   "certain when the client has waited for many answers");
	feed_end(&f);

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	for (int i = 0; i < 5; i++) {
		f.now += 1100 * MS;
		feed_text(&f, RX, GET);
		feed_text(&f, TX, OK5);
	}
	ok(f.nspans == 5 && span(3)->incomplete && !span(4)->incomplete,
	   "nor sooner behind pauses: there are slow servers");
	feed_end(&f);

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_CLIENT, ZC_OPEN_PREEXISTING);
	feed_text(&f, RX, GET GET);
	feed_text(&f, TX, GET);
	feed_text(&f, RX, OK5);
	ok(f.nspans == 1 && span(0)->kind == SPAN_CLIENT, "content may look like a request");
	feed_end(&f);

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	for (int i = 0; i < 10; i++) {
		feed_octets(&f, RX, "\x96\x03\x01\x02\x00\x01\x00\x01\xfc\x03", 10);
		feed_octets(&f, TX, "\x96\x03\x03\x00\x7a\x02\x00\x00\x76\x03", 10);
	}
	ok(f.nwants == 1 && f.want.quiet, "a protocol that is not known is left alone");
	feed_end(&f);

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	feed_text(&f, RX, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	feed_octets(&f, TX, "\0\0\0\4\0\0\0\0\0", 9);
	ok(f.nspans == 0, "HTTP/2 is not HTTP/1");
	feed_end(&f);
	is_u64(f.nspans, 0, "nor at its end");
}

static void test_gaps(void)
{
	struct engine_stats st;
	uint32_t n;

	server(NULL);
	feed_text(&f, RX, GET);
	feed_text(&f, TX, "HTTP/1.1 200 OK\r\nContent-Length: 100005\r\n\r\n12345");
	ok(f.nwants == 1 && f.want.dir[TX].skip_to == f.seq[TX] + 100000 &&
		   f.want.dir[TX].cap == ZC_POLICY_ALL && f.want.dir[RX].cap == ZC_POLICY_ALL &&
		   !f.want.quiet && f.want.dir[RX].skip_to == f.seq[RX],
	   "long content is not wanted");
	feed_cut(&f, TX, 60000);
	feed_cut(&f, TX, 40000 - 1);
	ok(f.nspans == 0 && f.nwants == 1, "it goes by, which is said once");
	feed_text(&f, TX, "!");
	ok(f.nspans == 1 && span(0)->resp_body_bytes == 100005 && !span(0)->incomplete,
	   "a gap in content of known length is harmless");
	is_u64(span(0)->duration_ns, 4 * US, "its end is seen");
	engine__stats(f.e, &st);
	ok(st.skipped_bytes == 99999 && !st.uncaptured_bytes && !st.unparsed_bytes, "and counted");
	feed_text(&f, RX, GET2);
	feed_text(&f, TX, "HTTP/1.1 200 OK\r\n\r\n");
	ok(f.nwants == 2 && f.want.dir[TX].cap == 0 && !f.want.quiet, "nor is content until close");
	feed_cut(&f, TX, 3000);
	feed_flag(&f, TX, ZC_TCP_FIN);
	ok(f.nspans == 2 && span(1)->resp_body_bytes == 3000 && span(1)->duration_ns == 2 * US,
	   "which is measured all the same");
	feed_end(&f);

	server(NULL); /* a request's head is cut short by the capture */
	n = (uint32_t)strlen("GET /a?x=1 HTTP/1.1\r\nHo");
	feed_segment(&f, RX, ZC_TCP_ACK, f.seq[RX], GET, (uint32_t)strlen(GET), 0, n, 0);
	f.seq[RX] += (uint32_t)strlen(GET);
	feed_text(&f, TX, OK5);
	ok(f.nspans == 1 && span(0)->incomplete == SPAN_TRUNCATED_HEAD && span(0)->status == 200,
	   "a head cut short is incomplete");
	is_str(f.span[0].path, "/a", "but what was seen of it is there");
	is_u64(span(0)->req_bytes, SPAN_UNKNOWN, "the size is not known");
	feed_text(&f, RX, GET2);
	feed_text(&f, TX, NO4);
	ok(f.nspans == 2 && !span(1)->incomplete, "the next one is complete");
	feed_segment(&f, RX, ZC_TCP_ACK, f.seq[RX], GET3, (uint32_t)strlen(GET3), 0, 4, 0);
	f.seq[RX] += (uint32_t)strlen(GET3);
	feed_text(&f, TX, OK5);
	ok(f.nspans == 3 && span(2)->incomplete == (SPAN_TRUNCATED_HEAD | SPAN_PATH_NOT_SEEN),
	   "hardly a start line");
	is_str(f.span[2].method, "GET", "gives the method");
	n = (uint32_t)strlen("HTTP/1.1 404 Not Found\r\nCont");
	feed_text(&f, RX, GET);
	feed_segment(&f, TX, ZC_TCP_ACK, f.seq[TX], NO4, (uint32_t)strlen(NO4), 0, n, 0);
	f.seq[TX] += (uint32_t)strlen(NO4);
	ok(f.nspans == 4 && span(3)->status == 404 && span(3)->incomplete == SPAN_TRUNCATED_HEAD &&
		   span(3)->duration_ns == SPAN_UNKNOWN && span(3)->ttfb_ns == US,
	   "response's head cut short");
	feed_end(&f);
}

/* The kernel side compares modulo 2^32, bodies are longer. */
static void test_skip(void)
{
	unsigned bad = 0, wants;

	server(NULL);
	feed_text(&f, RX, GET);
	feed_text(&f, TX, "HTTP/1.1 200 OK\r\nContent-Length: 6442450944\r\n\r\n");
	for (int i = 0; i < 96; i++) {
		int32_t ahead = (int32_t)(f.want.dir[TX].skip_to - f.seq[TX]);

		bad += ahead <= 0 || ahead > 1 << 30;
		feed_cut(&f, TX, 64u << 20);
	}
	is_u64(bad, 0, "during 6 GiB, skip_to is ahead, but never so far as to wrap");
	ok(f.nwants > 5 && f.nwants < 20, "and not told for each segment (%u times)", f.nwants);
	ok(f.nspans == 1 && !span(0)->incomplete && span(0)->resp_body_bytes == 6442450944ull,
	   "the exchange is complete");
	wants = f.nwants;
	for (int i = 0; i < 200000; i++) {
		feed_text(&f, RX, GET);
		feed_text(&f, TX, "HTTP/1.1 200 OK\r\nContent-Length: 16000\r\n\r\n");
		feed_cut(&f, TX, 16000);
		bad += (int32_t)(f.want.dir[TX].skip_to - f.seq[TX]) > 0;
	}
	is_u64(bad, 0, "an old skip_to never comes to lie ahead");
	ok(f.nwants > wants && f.nwants < wants + 8, "since it is renewed");
	feed_end(&f);

	server(NULL);
	for (int i = 0; i < 8 + 63; i++) {
		feed_octets(&f, RX, "\x16\x03\x01", 3);
		feed_octets(&f, TX, "\x16\x03\x03", 3);
	}
	ok(f.nwants == 2 && f.want.quiet,
	   "what is sent all the same is refused again, now and then");
	feed_end(&f);
}

/* What pairs wrongly if one is not careful. */
static void test_loss(void)
{
	uint32_t n;

	server(NULL);
	feed_text(&f, RX, GET);
	feed_text(&f, TX, OK5);
	f.seq[RX] += (uint32_t)strlen(GET2); /* lost */
	feed_text(&f, TX, NO4);		     /* acknowledges it */
	feed_text(&f, RX, GET3);
	feed_text(&f, TX, OK5);
	feed_tick(&f, 15 * MS);
	feed_tick(&f, 15 * MS);
	is_u64(f.nspans, 3, "a request was lost");
	is_u64(span(1)->incomplete, SPAN_REQUEST_NOT_SEEN | SPAN_LOST_EVENTS,
	       "its response stands alone");
	ok(span(1)->status == 404 && span(2)->status == 200 && !strcmp(f.span[2].path, "/c"),
	   "and the next ones pair");
	feed_end(&f);

	server(NULL);
	feed_text(&f, RX, GET);
	f.seq[TX] += (uint32_t)strlen(OK5); /* lost */
	feed_text(&f, RX, GET2);
	n = (uint32_t)strlen(NO4);
	feed_segment(&f, TX, ZC_TCP_ACK, f.seq[TX], NO4, n, 0, n, 1);
	f.seq[TX] += n;
	is_u64(f.nspans, 2, "a response was lost");
	ok((span(0)->incomplete & SPAN_RESPONSE_NOT_SEEN) && !span(0)->status &&
	   !strcmp(f.span[0].path, "/a"), "its request ends without");
	ok(span(1)->status == 404 && !strcmp(f.span[1].path, "/b"), "the next ones pair");
	feed_end(&f);

	server(NULL);
	feed_text(&f, RX, GET);
	f.seq[TX] += (uint32_t)strlen(OK5);  /* lost, */
	f.seq[RX] += (uint32_t)strlen(GET2); /* and the request after it */
	feed_segment(&f, TX, ZC_TCP_ACK, f.seq[TX], NO4, n, 0, n, 2);
	f.seq[TX] += n;
	feed_tick(&f, 15 * MS);
	feed_tick(&f, 15 * MS);
	is_u64(f.nspans, 2, "a response and a request were lost");
	ok(!span(0)->status && (span(0)->incomplete & SPAN_RESPONSE_NOT_SEEN) &&
	   span(1)->status == 404 && (span(1)->incomplete & SPAN_REQUEST_NOT_SEEN),
	   "nothing is paired that does not belong together");
	feed_end(&f);

	server(NULL);
	feed_text(&f, RX, GET GET2 GET3);
	f.seq[TX] += (uint32_t)strlen(OK5);
	feed_segment(&f, TX, ZC_TCP_ACK, f.seq[TX], NO4, n, 0, n, 1);
	is_u64(f.nspans, 2, "a pipelined response was lost");
	ok(span(0)->incomplete & SPAN_RESPONSE_NOT_SEEN && span(1)->incomplete == SPAN_LOST_EVENTS,
	   "most likely the first, and the doubt is said");
	feed_end(&f);

	server(NULL);
	for (int i = 0; i < 3; i++) { /* a client that waits */
		feed_text(&f, RX, GET);
		feed_text(&f, TX, OK5);
	}
	feed_text(&f, RX, GET);
	feed_text(&f, TX, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
	f.seq[TX] += 2000;
	feed_text(&f, TX, "lo\r\n0\r\n\r\n");
	feed_tick(&f, 2001 * MS);
	ok(f.nspans == 4 && (span(3)->incomplete & SPAN_LOST_EVENTS) && span(3)->status == 200 &&
	   span(3)->resp_bytes == SPAN_UNKNOWN && span(3)->duration_ns == SPAN_UNKNOWN,
	   "a gap in chunked framing ends the exchange as incomplete");
	feed_text(&f, RX, GET2);
	feed_text(&f, TX, NO4);
	ok(f.nspans == 5 && !span(4)->incomplete && span(4)->status == 404, "and only that one");
	feed_end(&f);

	server(NULL);
	feed_text(&f, RX, GET);
	n = (uint32_t)strlen(OK5);
	feed_segment(&f, TX, ZC_TCP_ACK, f.seq[TX], OK5, n, 0, n, 1); /* the read was lost */
	f.seq[TX] += n;
	feed_io(&f, RX, 0, 500);
	ok(f.nspans == 1 && span(0)->inner_ns == SPAN_UNKNOWN && span(0)->duration_ns == US &&
	   span(0)->incomplete == SPAN_LOST_EVENTS, "a read that may be lost is not made up");
	feed_end(&f);
}

/* By keys either side may ask: an answer that was lost is not one that did not come. */
static void test_lost_answer(void)
{
	static const char connect[] = "\x10\x0d\0\4MQTT\4\2\0<\0\1a", connack[] = "\x20\2\0\0";
	static const char *const names[] = {"no loss", "an answer lost", "a delivery lost"};

	for (unsigned lost = 0; lost < 3; lost++) {
		struct engine_options o = {.keep_doubted = 1};
		unsigned closed = 0, answered = 0;

		feed_begin(&f, &o);
		feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
		feed_octets(&f, RX, connect, sizeof(connect) - 1);
		feed_octets(&f, TX, connack, sizeof(connack) - 1);
		for (char id = 1; id < 7; id++) {
			char delivery[] = "\x32\6\0\1a\0\1x", puback[] = "\x40\2\0\1";

			delivery[6] = puback[3] = id;
			if (id == 3 && lost == 2)
				f.seq[TX] += 8;
			else
				feed_octets(&f, TX, delivery, 8);
			feed_tick(&f, 50 * MS); /* what is missing does not come */
			if (id == 5) /* two are under way */
				continue;
			if (id == 3 && lost == 1)
				f.seq[RX] += 4;
			else
				feed_octets(&f, RX, puback, 4);
		}
		feed_close(&f, 0, 0);
		feed_tick(&f, 50 * MS);
		feed_tick(&f, 50 * MS);
		for (unsigned i = 1; i < f.nspans; i++) {
			closed += span(i)->error == SPAN_ERR_CLOSED;
			answered += span(i)->resp_bytes == 4;
		}
		is_u64(closed, !lost, names[lost]);
		ok(lost ? answered > 1 : answered == 5, "%s: %u are answered", names[lost],
		   answered);
		feed_end(&f);
	}
}

static void test_lost_note(void)
{
	struct zc_ev_lost l = {.count = 10, .bytes = 1000};
	struct engine_stats st;

	feed_begin(&f, NULL);
	for (int i = 0; i < 5; i++) {
		f.conn = 0;
		l.ev = feed_head(&f, ZC_EV_LOST, sizeof(l));
		engine__event(f.e, &l.ev);
	}
	is_u64(f.nnotes, 1, "loss is told at once, but not for each event");
	is_str(f.note.name, "lost", "by name");
	feed_tick(&f, 1001 * MS);
	ok(f.nnotes == 2 && f.note.field[0].value == 40 && f.note.field[2].value == 50,
	   "and again after a second");
	engine__stats(f.e, &st);
	is_u64(st.lost_events, 50, "all are counted");
	feed_end(&f);
}

/* Of what a subscriber is told, messages are lost: their number is not known. */
static void test_lost_message(void)
{
	static const char message[] = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$3\r\none\r\n";

	for (int lose = 0; lose < 2; lose++) {
		server(NULL);
		feed_text(&f, RX, "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n");
		feed_text(&f, TX, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
		feed_text(&f, TX, message);
		f.seq[TX] += lose ? (uint32_t)sizeof(message) - 1 : 0;
		feed_text(&f, TX, message);
		feed_text(&f, TX, message);
		feed_flag(&f, RX, ZC_TCP_FIN);
		feed_flag(&f, TX, ZC_TCP_FIN);
		feed_close(&f, 0, 0);
		feed_tick(&f, 9000 * MS);
		ok(f.nspans == 1 && !(span(0)->incomplete & SPAN_LOST_EVENTS) == !lose,
		   "messages of a subscription, %s", lose ? "some lost" : "none lost");
		feed_end(&f);
	}
}

int main(void)
{
	test_late();
	test_gaps();
	test_skip();
	test_loss();
	test_lost_answer();
	test_lost_note();
	test_lost_message();
	return tap_done();
}
