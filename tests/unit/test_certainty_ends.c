/*
 * test_certainty_ends.c - where connections are joined, break off and end: what that proves
 */
#include "tests/unit/certainty_feed.h"

/* Joined between the halves of a request: c waits for the answer before the last one. */
static void test_joined(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	feed_text(&f, RX, "Host: example.org\r\n\r\n");
	feed_text(&f, RX, GET("/1"));
	for (int i = 2; i < 9; i++) {
		feed_text(&f, TX, OK2);
		feed_text(&f, RX, GET("/n"));
	}
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	feed_tick(&f, 50 * MS);
	ok(f.nspans > 5, "exchanges that overlap, of a connection that was joined");
	for (unsigned i = 0; i < f.nspans; i++)
		if (!(span(i)->incomplete & SPAN_ATTACHED_LATE)) {
			ok(0, "none of them is certain");
			break;
		}
	feed_end(&f);

	for (int read = 0; read < 2; read++) {
		struct engine_options o = {.keep_doubted = 1};

		feed_begin(&f, &o);
		feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
		if (read)
			feed_text(&f, TX, "the end of some content");
		for (int i = 0; i < 9; i++) {
			feed_text(&f, RX, GET("/1"));
			feed_text(&f, TX, OK2);
		}
		feed_flag(&f, RX, ZC_TCP_FIN);
		feed_flag(&f, TX, ZC_TCP_FIN);
		feed_close(&f, 0, 0);
		feed_tick(&f, 50 * MS);
		feed_tick(&f, 50 * MS);
		ok(f.nspans == 9 && !span(1)->incomplete &&
			   span(0)->incomplete == (read ? 0u : SPAN_ATTACHED_LATE),
		   "what a connection is joined at may be content, but %s",
		   read ? "not behind an answer" : "not what follows");
		feed_end(&f);
	}

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	conn_find(&f.e->conns, f.conn)->network.at_socket = 1;
	feed_text(&f, RX, GET("/1")); /* nothing has been read yet, of any connection */
	feed_io(&f, RX, 0, 4242);
	feed_text(&f, TX, OK2);
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	feed_tick(&f, 50 * MS);
	ok(f.nspans == 1 && !span(0)->incomplete,
	   "where it is joined by its socket, also the first");
	feed_end(&f);

	/* an answer to the head is lost, then comes what it asked for or the next requests */
	settled();
	feed_text(&f, RX, "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
			  "Content-Length: 76\r\n\r\n");
	lose(TX, "HTTP/1.1 100 Continue\r\n\r\n");
	feed_text(&f, RX, GET("/1"));
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, GET("/2"));
	feed_text(&f, TX, OK2);
	feed_text(&f, RX, GET("/b"));
	feed_text(&f, TX, NO2);
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	feed_tick(&f, 50 * MS);
	for (unsigned i = 0; i < f.nspans; i++)
		if (!strcmp(f.span[i].path, "/1") || !strcmp(f.span[i].path, "/2"))
			ok(span(i)->incomplete & SPAN_LOST_EVENTS,
			   "what may be content, behind an answer that was lost, is in doubt");
	feed_end(&f);
}

/* Joined, and an answer begins in the midst of what it seems to answer: those before it, too. */
static void test_early(void)
{
	struct engine_options o = {.keep_doubted = 1};
	unsigned certain = 0;

	feed_begin(&f, &o);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	feed_text(&f, TX, "the end of some content");
	for (int i = 0; i < 13; i++) {
		feed_text(&f, RX, i == 3 ? "POST /n HTTP/1.1\r\nContent-Length: 4\r\n\r\nab"
					 : GET("/n"));
		feed_text(&f, TX, OK2);
		if (i == 3)
			feed_text(&f, RX, "cd");
	}
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_flag(&f, TX, ZC_TCP_FIN);
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	feed_tick(&f, 50 * MS);
	for (unsigned i = 1; i < f.nspans && i < 4; i++)
		certain += !span(i)->incomplete;
	ok(f.nspans == 13 && !certain, "an answer that is early takes all the proof away (%u)",
	   certain);
	ok(!span(12)->incomplete, "but not for ever");
	feed_end(&f);
}

/* Joined in the middle of an answer, and then 12 exchanges, one after the other. */
static void joined_in_step(struct engine_options *o)
{
	feed_begin(&f, o);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	feed_text(&f, TX, "the end of some content");
	for (int i = 0; i < 12; i++) {
		feed_text(&f, RX, GET("/n"));
		feed_text(&f, TX, OK2);
	}
}

/* Joined, and what seemed to be in step shows one answer too many, before much was. */
static void test_trial(void)
{
	struct engine_options o = {.keep_doubted = 1};
	unsigned certain = 0;

	joined_in_step(&o);
	feed_text(&f, TX, NO2);
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	feed_tick(&f, 50 * MS);
	for (unsigned i = 0; i < f.nspans; i++)
		certain += !span(i)->incomplete;
	ok(f.nspans == 13 && !certain, "one answer more takes the proof of 12 away (%u)", certain);
	feed_end(&f);

	for (int pause = 0; pause < 2; pause++) {
		joined_in_step(&o);
		if (pause)
			feed_tick(&f, 4000 * MS);
		feed_close(&f, 0, 0);
		feed_tick(&f, 50 * MS);
		feed_tick(&f, 50 * MS);
		certain = 0;
		for (unsigned i = 0; i < f.nspans; i++)
			certain += !span(i)->incomplete;
		ok(f.nspans == 12 && !certain, "one may yet come %s (%u)",
		   pause ? "after a pause" : "where the capture ends", certain);
		feed_end(&f);
	}
}

/*
 * Joined while a client has more than one request under way, and sends the next with each answer:
 * both directions agree about pairs that are wrong by one.
 */
static void test_under_way(void)
{
	for (int alone = 0; alone < 2; alone++) {
		unsigned certain = 0;

		feed_begin(&f, NULL);
		feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
		feed_text(&f, RX, "what follows a head");
		feed_text(&f, TX, "the end of some content");
		feed_text(&f, RX, GET("/1"));
		if (alone)
			feed_text(&f, TX, OK2);
		else
			feed_text(&f, RX, GET("/2"));
		for (int i = 0; i < 6; i++) {
			feed_text(&f, TX, NO2);
			feed_text(&f, RX, GET("/n"));
		}
		feed_close(&f, 0, 0);
		feed_tick(&f, 50 * MS);
		feed_tick(&f, 50 * MS);
		for (unsigned i = 0; i < f.nspans; i++)
			certain += !(span(i)->incomplete & SPAN_ATTACHED_LATE);
		ok(f.nspans > 6 && !certain, "of several under way none is certain, as %s tells",
		   alone ? "an answer alone" : "a request that did not wait");
		feed_end(&f);
	}
}

/*
 * Several requests at once, the next ones when all are answered: if their numbers differ, this is
 * no client that keeps some under way, of which the first answers were not seen.
 */
static void test_rounds(void)
{
	static const char *const rounds[] = {"21312142", "22222222"};

	for (int same = 0; same < 2; same++) {
		unsigned first = 0, last = 0;

		feed_begin(&f, NULL);
		feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
		feed_text(&f, RX, "what follows a head");
		feed_text(&f, TX, "the end of some content");
		for (const char *n = rounds[same]; *n; n++) {
			for (int i = 0; i < *n - '0'; i++)
				feed_text(&f, RX, GET("/n"));
			for (int i = 0; i < *n - '0'; i++)
				feed_text(&f, TX, NO2);
		}
		feed_close(&f, 0, 0);
		feed_tick(&f, 50 * MS);
		feed_tick(&f, 50 * MS);
		for (unsigned i = 0; i < f.nspans; i++)
			*(i < 5 ? &first : &last) += !(span(i)->incomplete & SPAN_ATTACHED_LATE);
		ok(f.nspans == 17 && !first && (same ? !last : last > 1),
		   "a client that waits for several answers is known by rounds%s (%u of %u)",
		   same ? ", if they differ" : "", last, f.nspans);
		feed_end(&f);
	}
}

/* Joined where what may be requests comes in a row. */
static void test_row(void)
{
	for (int answers = 1; answers < 4; answers += 2) {
		feed_begin(&f, NULL);
		feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
		feed_text(&f, RX, GET("/0"));
		feed_text(&f, RX, GET("/1"));
		feed_text(&f, RX, GET("/2"));
		for (int i = 0; i < answers; i++)
			feed_text(&f, TX, i & 1 ? NO2 : OK2);
		over(answers < 2 ? "(none) (none) 200 attached-late request-not-seen"
				 : "(none) (none) 200 attached-late request-not-seen; "
				   "GET /1 404 attached-late; GET /2 200 attached-late",
		     answers < 2 ? "with one answer, they are content"
				 : "with several, they are not");
	}
}

/* What is answered, but no request that we know. */
static void test_broken(void)
{
	server();
	feed_text(&f, RX, GET("/a\001b") GET("/next"));
	feed_text(&f, TX, ANSWER("400", "3", "bad"));
	feed_flag(&f, TX, ZC_TCP_FIN);
	feed_flag(&f, RX, ZC_TCP_FIN);
	over("(none) (none) 400 request-not-seen bad-framing; GET /next 0 closed bad-framing",
	     "an answer to what the server refuses is not that to the next request");

	server();
	feed_text(&f, RX, GET("/a"));
	feed_text(&f, TX, OK2);
	feed_text(&f, RX, GET("/a\001b"));
	feed_text(&f, TX, ANSWER("400", "3", "bad"));
	feed_text(&f, RX, GET("/next"));
	feed_text(&f, TX, OK2);
	over("GET /a 200; (none) (none) 400 request-not-seen bad-framing; "
	     "GET /next 200 bad-framing",
	     "nor is that to the one after it");
}

/* Of each packet the first bytes. */
static void cut(int dir, const char *p, uint32_t n)
{
	uint32_t len = (uint32_t)strlen(p);

	feed_segment(&f, dir, ZC_TCP_ACK, f.seq[dir], p, len, 0, n, 0);
	f.seq[dir] += len;
}

static void test_cut(void)
{
	server();
	for (int i = 0; i < 3; i++) {
		cut(RX, GET("/a"), 14);
		cut(TX, NO2, 14);
	}
	over("GET /a 404 truncated-head; GET /a 404 truncated-head not-captured; "
	     "GET /a 404 truncated-head not-captured",
	     "what is missing of packets is the rest of their heads");
}

static void test_unseen_head(void)
{
	settled();
	lose(RX, "HEAD /h HTTP/1.1\r\n\r\n");
	feed_text(&f, TX, ANSWER("200", "20000", ""));
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, GET("/next"));
	feed_text(&f, TX, NO2);
	over("(none) (none) 200 lost-events request-not-seen; GET /next 404",
	     "who sends the next request had the whole answer, without content");
}

static void test_expect(void)
{
	const char *post = "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
			   "100\r\n\r\n";
	char content[101];

	server();
	feed_text(&f, RX, post);
	feed_text(&f, TX, ANSWER("417", "2", "no"));
	feed_text(&f, RX, GET("/b"));
	feed_text(&f, TX, OK2);
	is_u64(span(0)->req_body_bytes, 0, "content that was refused");
	over("POST /a 417; GET /b 200", "is not looked for in the next request");

	memset(content, 'x', sizeof(content));
	memcpy(content, GET("/in"), strlen(GET("/in")));
	content[100] = 0;
	server();
	feed_text(&f, RX, post);
	feed_text(&f, TX, ANSWER("417", "2", "no"));
	feed_text(&f, RX, content);
	feed_text(&f, RX, GET("/b"));
	feed_text(&f, TX, OK2);
	is_u64(span(0)->req_body_bytes, 100, "content that comes all the same");
	over("POST /a 417; GET /b 200", "is none, though it looks like a request");

	server();
	feed_text(&f, RX, post);
	feed_text(&f, TX, ANSWER("417", "2", "no"));
	feed_text(&f, RX, "GET /b");
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_flag(&f, TX, ZC_TCP_FIN);
	feed_tick(&f, 50 * MS);
	is_u64(span(0)->req_body_bytes, 0, "nor in the beginning of one");
	over("POST /a 417 bad-framing; GET /b 0 closed truncated-head bad-framing",
	     "which is in doubt, as it might be content");

	settled();
	feed_text(&f, RX, "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
			  "Content-Length: 76\r\n\r\n");
	feed_text(&f, TX, ANSWER("417", "2", "no"));
	feed_text(&f, RX, GET("/1"));
	feed_text(&f, RX, GET("/2"));
	feed_text(&f, RX, GET("/b"));
	feed_text(&f, TX, OK2);
	over("POST /a 417; GET /b 200", "or like two, of one that waits for its answers");

	server();
	feed_text(&f, RX, "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
			  "Content-Length: 38\r\n\r\n");
	feed_text(&f, TX, ANSWER("417", "2", "no"));
	feed_text(&f, RX, GET("/b"));
	feed_text(&f, RX, GET("/c"));
	feed_text(&f, TX, OK2 NO2);
	feed_tick(&f, 50 * MS);
	ok(f.nspans > 1 && span(0)->incomplete & SPAN_BAD_FRAMING &&
		   span(1)->incomplete & SPAN_BAD_FRAMING,
	   "of who is not known to wait, a request of as many bytes may be content or not");
	feed_end(&f);

	server();
	feed_text(&f, RX, GET("/0"));
	feed_text(&f, RX, "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
			  "Content-Length: 37\r\n\r\n");
	feed_text(&f, TX, OK2 ANSWER("417", "2", "no"));
	feed_text(&f, RX, GET("/b") GET("/c"));
	feed_text(&f, TX, OK2 NO2);
	feed_tick(&f, 50 * MS);
	ok(f.nspans > 1 && span(1)->incomplete & SPAN_BAD_FRAMING,
	   "who pipelines may have sent it or not: a request of a byte more");
	feed_end(&f);
}

static void test_no_expect(void)
{
	server();
	feed_text(&f, RX, GET("/0"));
	feed_text(&f, TX, OK2);
	feed_text(&f, RX, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 78\r\n\r\n");
	feed_text(&f, TX, "HTTP/1.1 200 OK\r\nContent-Length: 78\r\n\r\n");
	for (int i = 0; i < 2; i++) {
		feed_text(&f, RX, GET("/in"));
		feed_text(&f, TX, OK2);
	}
	feed_text(&f, RX, GET("/b"));
	feed_text(&f, TX, NO2);
	over("GET /0 200; POST /a 200; GET /b 404",
	     "content is not taken for requests, whatever it looks like, where nobody said Expect");
}

/* What a client that waits for "100 Continue" received before is lost; what asks for it is not. */
static void test_expect_behind_loss(void)
{
	const char *post = "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
			   "30\r\n\r\n";

	capture();
	feed_text(&f, RX, GET("/0"));
	feed_text(&f, TX, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
	lose(TX, "0\r\n\r\n");
	feed_text(&f, RX, GET("/1"));
	feed_text(&f, TX, OK2);
	feed_text(&f, RX, post);
	feed_text(&f, TX, "HTTP/1.1 100 Continue\r\n\r\n");
	feed_text(&f, RX, "POST /content HTTP/1.1\r\nHost: ");
	feed_text(&f, TX, NO2);
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, GET("/b"));
	feed_text(&f, TX, OK2);
	over("GET /0 200 lost-events; GET /1 200; POST /a 404; GET /b 200",
	     "content that was asked for is none, though it looks like a request");
}

static void test_ends(void)
{
	server();
	feed_text(&f, RX, GET("/a"));
	lose(TX, OK2);
	feed_flag(&f, RX, ZC_TCP_RST);
	over("GET /a 0 lost-events response-not-seen",
	     "a reset acknowledges an answer that was not seen");

	server();
	feed_text(&f, RX, GET("/a"));
	lose(TX, OK2);
	feed_flag(&f, TX, ZC_TCP_RST);
	over("GET /a 0 lost-events response-not-seen", "or has a number behind it");

	server();
	feed_text(&f, RX, GET("/a"));
	feed_text(&f, TX, "HTTP/1.1 200 X\r\n\r\nsome");
	feed_flag(&f, TX, ZC_TCP_RST);
	over("GET /a 200 reset", "content until close that ends in a reset is cut");

	server();
	feed_text(&f, RX, GET("/a"));
	feed_text(&f, TX, "HTTP/1.1 200 X\r\n\r\nsome");
	lose(TX, "."); /* or FIN */
	feed_flag(&f, RX, ZC_TCP_RST);
	over("GET /a 200 reset lost-events", "perhaps, where the reset acknowledges what was lost");

	server();
	feed_text(&f, RX, GET("/a"));
	feed_text(&f, TX, "<html>hi</html>");
	feed_flag(&f, TX, ZC_TCP_FIN);
	is_u64(span(0)->resp_bytes, 15, "an answer that is not understood has a size");
	over("GET /a 0 protocol bad-framing", "and its own word");

	server();
	feed_text(&f, RX, GET("/a"));
	feed_text(&f, TX, "HTTP/1.1 503 X\r\nServer: x\r\nConten");
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("GET /a 503 closed truncated-head", "a response's head cut by the end");

	server();
	feed_text(&f, RX, GET("/a"));
	feed_text(&f, TX, "HTTP/1.");
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("GET /a 0 closed truncated-head", "or before it says anything");

	server();
	feed_text(&f, RX, "GET /slow HTTP/1.1\r\nHost: exam");
	feed_text(&f, TX, ANSWER("408", "2", "no"));
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("GET /slow 408 truncated-head", "a request's head, answered before its end");

	server();
	feed_text(&f, RX, "GET /slow HTTP/1.1\r\nHost: exam");
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("GET /slow 0 closed truncated-head", "or not answered");
}

static void test_behind(void)
{
	server();
	feed_text(&f, RX, "REQMOD icap://h/ ICAP/1.0\r\nHost: h\r\n\r\n");
	feed_text(&f, RX, GET("/carried"));
	feed_text(&f, TX, "ICAP/1.0 204 No Content\r\n\r\n");
	over("", "what another protocol carries is not shown");

	server();
	feed_text(&f, RX, "PROXIED h\r\n" GET("/first"));
	feed_text(&f, TX, OK2);
	feed_text(&f, RX, GET("/next"));
	feed_text(&f, TX, NO2);
	over("(none) (none) 200 request-not-seen; GET /next 404",
	     "what came before a response may have been its request");

	server();
	feed_text(&f, RX, GET("/attach"));
	feed_text(&f, TX, "HTTP/1.1 200 X\r\n\r\n$ ");
	feed_text(&f, RX, GET("/typed"));
	feed_text(&f, TX, "sh: GET: not found\n");
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("GET /attach 200", "nor what follows an answer until close");
}

/* The frames of a multiplexer, in which several connections are carried: their heads alone. */
static void frame(int dir, char type, char flags, char length)
{
	const char head[12] = {0, type, 0, flags, 0, 0, 0, 1, 0, 0, 0, length};

	feed_octets(&f, dir, head, sizeof(head));
}

static void test_carried(void)
{
	struct engine_options o = {.keep_doubted = 1};

	for (int at = 0; at < 3; at++) {
		feed_begin(&f, &o);
		feed_open(&f, ZC_ROLE_SERVER, at < 2 ? ZC_OPEN_PREEXISTING : ZC_OPEN_SEQ);
		for (int i = 0; i < 4; i++) {
			if (i || at != 1) {
				frame(RX, 0, 1, sizeof(GET("/1")) - 1);
				feed_text(&f, RX, GET("/1"));
				frame(TX, 0, 2, sizeof(OK2) - 1);
			}
			feed_text(&f, TX, OK2);
			frame(TX, 1, 4, 0);
			frame(RX, 1, 4, 0);
		}
		feed_tick(&f, 5000 * MS);
		over("", at == 0   ? "what frames carry is not told: joined at a request"
			 : at == 1 ? "or at an answer"
				   : "or from the beginning");
	}
}

int main(void)
{
	test_joined();
	test_early();
	test_trial();
	test_under_way();
	test_rounds();
	test_row();
	test_broken();
	test_cut();
	test_unseen_head();
	test_expect();
	test_no_expect();
	test_expect_behind_loss();
	test_ends();
	test_behind();
	test_carried();
	return tap_done();
}
