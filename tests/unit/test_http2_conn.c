/* test_http2_conn.c - HTTP/2 through the engine: from segments to spans */
#include "tests/unit/h2_feed.h"

#include "parsers/http2/http2_protocol.h"

static void test_basic(void)
{
	struct engine_options o = {.keep_fields = 1, .redact = 1};
	size_t req, resp;
	uint64_t t;

	begin(&o);
	HEADERS(END_STREAM, 1, ":method", "GET", ":scheme", "https", ":authority", "host:1",
		":path", "/a/b?c=d", "traceparent",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	req = out.n;
	t = f.now;
	flush(RX);
	feed_io(&f, RX, 0, 99);
	OK(0, 1);
	data(0, 1, "hello", 5);
	resp = out.n;
	flush(TX);
	is_u64(f.nspans, 0, "no span before END_STREAM");
	data(END_STREAM, 1, "world!", 6);
	resp += out.n;
	flush(TX);
	is_u64(f.nspans, 1, "one at END_STREAM");
	is_str(f.span[0].method, "GET", "method");
	is_str(f.span[0].path, "/a/b", "path");
	is_str(f.span[0].query, "c=d", "query");
	is_str(f.span[0].host, "host:1", "host");
	is_str(f.span[0].scheme, "https", "scheme");
	is_str(f.span[0].fields,
	       "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
	       "fields");
	ok(span(0)->protocol == &http2_protocol.name && span(0)->kind == SPAN_SERVER, "h2, server");
	ok(span(0)->status == 200 && span(0)->stream_id == 1 && !span(0)->seq,
	   "status, stream, seq");
	ok(span(0)->req_bytes == req && span(0)->resp_bytes == resp, "octets on the wire");
	ok(!span(0)->req_body_bytes && span(0)->resp_body_bytes == 11, "octets of content");
	ok(span(0)->duration_ns == 3 * FEED_US && span(0)->queue_ns == FEED_US &&
		   span(0)->ttfb_ns == 2 * FEED_US && span(0)->inner_ns == 2 * FEED_US &&
		   span(0)->time_ns == t,
	   "times");
	ok(span(0)->pid == 99 && span(0)->tid == 100, "process and thread that read it");
	ok(span(0)->has_parent && !span(0)->incomplete && !span(0)->error, "parent, complete");
	feed_end(&f);
}

static void test_interleaved(void)
{
	char path[32];
	unsigned wrong = 0;

	begin(NULL);
	for (uint32_t i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		GET(2 * i + 1, path);
	}
	flush(RX); /* all in one segment */
	for (uint32_t i = 300; i-- > 0;)
		OK(0, 2 * i + 1);
	flush(TX);
	for (uint32_t k = 0; k < 300; k++) {
		uint32_t i = k * 7 % 300;

		data(END_STREAM, 2 * i + 1, path, i % 20);
	}
	flush(TX);
	is_u64(f.nspans, 300, "300 streams at a time, answered in another order");
	for (unsigned k = 0; k < 300; k++) {
		uint32_t i = k * 7 % 300;

		snprintf(path, sizeof(path), "/%u", i);
		wrong += strcmp(f.span[k].path, path) || span(k)->stream_id != 2 * i + 1 ||
			 span(k)->resp_body_bytes != i % 20 || span(k)->incomplete;
		for (unsigned j = 0; j < k; j++)
			wrong += !memcmp(span(k)->span_id, span(j)->span_id, SPAN_ID_LEN);
	}
	is_u64(wrong, 0, "each with its own path, content and id");
	feed_end(&f);
}

/* Heads that come again, among others, and with what a table has changed. */
static void test_same(void)
{
	static const char *const path[] = {"/a",  "/a", "/a", "/bb", "/bb",
					   "/bb", "/a", "/x", "/x"};
	const unsigned n = sizeof(path) / sizeof(path[0]);
	unsigned wrong = 0;

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	for (unsigned i = 0; i < 3; i++) { /* an HTTP/1 head that is remembered, too */
		feed_text(&f, RX, "GET /one HTTP/1.1\r\nHost: one\r\n\r\n");
		feed_text(&f, TX, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	}
	feed_text(&f, RX,
		  "GET /up HTTP/1.1\r\nHost: one\r\nConnection: Upgrade, HTTP2-Settings\r\n"
		  "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
	feed_text(&f, TX, "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
	put(&out, HTTP2_PREFACE, HTTP2_PREFACE_LEN);
	frame(&out, 4, 0, 0, NULL, 0);
	flush(RX);
	frame(&out, 4, 0, 0, NULL, 0);
	OK(END_STREAM, 1);
	flush(TX);
	for (unsigned i = 0; i < n; i++) {
		GET(2 * i + 3, path[i]);
		flush(RX);
		OK(0, 2 * i + 3);
		data(END_STREAM, 2 * i + 3, "12345", i % 5);
		flush(TX);
	}
	is_u64(f.nspans, n + 4, "a span of each");
	for (unsigned i = 0; i < n && f.nspans == n + 4; i++)
		wrong += strcmp(f.span[i + 4].path, path[i]) ||
			 strcmp(f.span[i + 4].method, "GET") ||
			 strcmp(f.span[i + 4].host, "h") || span(i + 4)->status != 200 ||
			 span(i + 4)->stream_id != 2 * i + 3 || span(i + 4)->incomplete ||
			 span(i + 4)->protocol != &http2_protocol.name ||
			 span(i + 4)->resp_body_bytes != i % 5;
	is_u64(wrong, 0, "with what it says itself");
	feed_end(&f);
}

/* Whatever way the octets are cut into segments, the spans are the same. */
static void test_cuts(void)
{
	static struct buf req, resp;
	unsigned wrong = 0;

	out.n = 0;
	GET(1, "/x");
	HEADERS(0, 3, ":method", "POST", ":scheme", "http", ":path", "/y");
	data(END_STREAM, 3, "abc", 3);
	req = out;
	out.n = 0;
	HEADERS(0, 3, ":status", "103");
	OK(0, 3);
	OK(END_STREAM, 1);
	data(0, 3, "0123456789", 10);
	HEADERS(END_STREAM, 3, "trailer", "x");
	resp = out;
	out.n = 0;
	for (size_t cut = 1; cut < resp.n; cut++) {
		begin(NULL);
		for (size_t i = 0; i < req.n; i += cut)
			feed_octets(&f, RX, req.p + i, req.n - i < cut ? req.n - i : cut);
		feed_octets(&f, TX, resp.p, cut);
		feed_octets(&f, TX, resp.p + cut, resp.n - cut);
		wrong += f.nspans != 2 || strcmp(f.span[0].path, "/x") ||
			 strcmp(f.span[1].path, "/y") || span(1)->resp_body_bytes != 10 ||
			 span(1)->req_body_bytes != 3 || span(1)->status != 200 ||
			 span(0)->req_bytes + span(1)->req_bytes != req.n ||
			 span(0)->resp_bytes + span(1)->resp_bytes != resp.n;
		feed_end(&f);
	}
	is_u64(wrong, 0, "the same however it is cut");
}

static void test_ends(void)
{
	static const char cancel[4] = {0, 0, 0, 8}, none[4];
	static const char goaway[8] = {0, 0, 0, 5, 0, 0, 0, 2};

	begin(NULL);
	GET(1, "/reset");
	GET(3, "/fine");
	HEADERS(0, 5, ":method", "POST", ":scheme", "http", ":path", "/early");
	GET(7, "/refused");
	GET(9, "/open");
	flush(RX);
	OK(0, 1);
	flush(TX);
	frame(&out, 3, 0, 1, cancel, 4);
	flush(RX);
	is_u64(f.nspans, 1, "RST_STREAM ends a stream");
	ok(span(0)->error == SPAN_ERR_RESET && attr_number(span(0), error_code) == 8 &&
		   span(0)->duration_ns == 2 * FEED_US,
	   "as reset, with its code and time");
	OK(END_STREAM, 1);
	OK(END_STREAM, 3);
	OK(END_STREAM, 5);
	flush(TX);
	is_u64(f.nspans, 2, "what comes late for it is nothing");
	frame(&out, 3, 0, 5, none, 4);
	flush(TX);
	ok(f.nspans == 3 && !span(2)->error && attr_number(span(2), error_code) == SPAN_UNKNOWN &&
		   span(2)->req_bytes == SPAN_UNKNOWN,
	   "a reset behind the whole response is no error");
	is_str(attr_string(span(2), req_cut), "server", "but the content did not come whole");
	frame(&out, 7, 0, 0, goaway, 8);
	flush(TX);
	ok(f.nspans == 5 && span(3)->stream_id == 7 && span(3)->error == SPAN_ERR_RESET &&
		   attr_number(span(3), error_code) == 2,
	   "GOAWAY ends those beyond its last stream");
	GET(11, "/closed");
	flush(RX);
	feed_flag(&f, TX, ZC_TCP_FIN);
	ok(f.nspans == 6 && span(5)->error == SPAN_ERR_CLOSED, "the connection ends the rest");
	feed_end(&f);

	begin(NULL);
	HEADERS(0, 1, ":method", "POST", ":scheme", "http", ":path", "/early");
	flush(RX);
	OK(END_STREAM, 1);
	flush(TX);
	is_u64(f.nspans, 0, "a response before the end of its request");
	feed_tick(&f, 100 * MS);
	ok(f.nspans == 1 && span(0)->status == 200 && span(0)->duration_ns == FEED_US,
	   "does not wait for it long");
	GET(3, "/flight");
	flush(RX);
	engine__finish(f.e);
	ok(f.nspans == 2 && span(1)->incomplete == SPAN_IN_FLIGHT, "in flight at the end");
	feed_end(&f);
}

static void test_late(void)
{
	static struct buf block;
	static const uint8_t again[] = {0x82, 0x86, 0xbe}, other[] = {0x82, 0x86, 0xc0},
			     known[] = {0x82, 0x86, 0xbe};

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	frame(&out, 1, END_HEADERS | END_STREAM, 101, again, sizeof(again));
	flush(RX);
	OK(END_STREAM, 101);
	flush(TX);
	frame(&out, 1, END_HEADERS | END_STREAM, 103, other, sizeof(other));
	flush(RX);
	OK(END_STREAM, 103);
	flush(TX);
	is_u64(f.nspans, 2, "a connection that was open before is recognised");
	ok(span(0)->incomplete == SPAN_PATH_NOT_SEEN && span(1)->incomplete == SPAN_PATH_NOT_SEEN &&
		   !strcmp(f.span[0].path, "(none)"),
	   "its paths are not seen, and that is said");
	is_str(f.span[0].method, "GET", "its methods are");
	ok(!strncmp(f.span[0].route, "*not-seen-", 10) && strcmp(f.span[0].route, f.span[1].route),
	   "two unseen paths have two names (%s, %s)", f.span[0].route, f.span[1].route);
	frame(&out, 1, END_HEADERS | END_STREAM, 105, again, sizeof(again));
	flush(RX);
	OK(END_STREAM, 105);
	flush(TX);
	is_str(f.span[2].route, f.span[0].route, "the same one has the same");
	/* an entry of our own time: :path with incremental indexing */
	block.n = 0;
	put(&block, "\x82\x86", 2);
	line(&block, 0x40, ":path", "/new");
	frame(&out, 1, END_HEADERS | END_STREAM, 107, block.p, block.n);
	frame(&out, 1, END_HEADERS | END_STREAM, 109, known, sizeof(known));
	flush(RX);
	OK(END_STREAM, 107);
	OK(END_STREAM, 109);
	flush(TX);
	ok(f.nspans == 5 && !span(4)->incomplete, "what was inserted since is seen");
	is_str(f.span[4].path, "/new", "exactly");
	feed_end(&f);

	/* joined between request and response */
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	OK(END_STREAM, 9);
	flush(TX);
	ok(f.nspans == 1 && span(0)->incomplete == (SPAN_REQUEST_NOT_SEEN | SPAN_ATTACHED_LATE) &&
		   span(0)->stream_id == 9,
	   "a response alone is shown as such");
	feed_end(&f);
}

/* The head of the first request seen is in two frames: its answer is understood before it is. */
static void test_late_halves(void)
{
	static const uint8_t head[] = {0x82, 0x86, 0xbe};

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	frame(&out, 1, END_STREAM, 101, head, 2);
	frame(&out, 9, END_HEADERS, 101, head + 2, 1);
	flush(RX);
	OK(END_STREAM, 101);
	flush(TX);
	frame(&out, 1, END_HEADERS | END_STREAM, 103, head, sizeof(head));
	flush(RX);
	OK(END_STREAM, 103);
	flush(TX);
	ok(f.nspans == 2 && span(0)->stream_id == 101 && span(0)->status == 200 &&
		   !(span(0)->incomplete & (SPAN_REQUEST_NOT_SEEN | SPAN_RESPONSE_NOT_SEEN)),
	   "two halves of a stream are one exchange");
	is_str(f.span[0].method, "GET", "with the request's head");
	feed_end(&f);
}

static void test_refused(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	put(&out, HTTP2_PREFACE, HTTP2_PREFACE_LEN);
	frame(&out, 4, 0, 0, NULL, 0);
	get(1, "/h2");
	flush(RX);
	feed_text(&f, TX, "HTTP/1.1");
	feed_text(&f, TX, " 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
	ok(f.nspans == 1 && span(0)->status == 400 && span(0)->error == SPAN_ERR_PROTOCOL &&
		   !(span(0)->incomplete & SPAN_LOST_EVENTS),
	   "a preface that is answered in HTTP/1 is refused");
	is_str(f.span[0].path, "/h2", "and what was asked is known");
	feed_end(&f);
}

/* The preface is enough for a server that does not know it: requests come behind its answer. */
static void test_refused_at_once(void)
{
	static const char html[] = "<!DOCTYPE HTML><html><body>Error 505</body></html>";

	for (int asks = 0; asks < 2; asks++) {
		feed_begin(&f, NULL);
		feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
		put(&out, HTTP2_PREFACE, HTTP2_PREFACE_LEN);
		frame(&out, 4, 0, 0, NULL, 0);
		flush(RX);
		feed_text(&f, TX, "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n");
		feed_text(&f, TX, "no");
		if (asks) {
			get(1, "/h2");
			flush(RX);
		}
		feed_close(&f, 0, 0);
		feed_tick(&f, 500000000);
		ok(f.nspans == 1 && span(0)->status == 400 && span(0)->error == SPAN_ERR_PROTOCOL &&
			   span(0)->incomplete == (asks ? 0 : SPAN_REQUEST_NOT_SEEN),
		   asks ? "what is asked behind the refusal is refused" :
			  "a refusal of the preface alone is shown");
		feed_end(&f);
	}
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	put(&out, HTTP2_PREFACE, HTTP2_PREFACE_LEN);
	frame(&out, 4, 0, 0, NULL, 0);
	get(1, "/h2");
	flush(RX);
	feed_text(&f, TX, html);
	feed_close(&f, 0, 0);
	feed_tick(&f, 500000000);
	ok(f.nspans == 1 && !span(0)->status && span(0)->error == SPAN_ERR_PROTOCOL &&
		   span(0)->incomplete == SPAN_BAD_FRAMING,
	   "an answer without a head is one of no protocol, and no silence");
	feed_end(&f);
}

/* A head that is longer than what is kept: its first fields count, its size does not. */
static void test_long_head(void)
{
	static struct buf block;

	begin(NULL);
	block.n = 0;
	put(&block, "\x82\x86\x04\x04/big", 8);
	while (block.n < 66000)
		line(&block, 0x10, "x",
		     "0123456789012345678901234567890123456789012345678901234567890");
	for (size_t at = 0, n; at < block.n; at += n) {
		n = block.n - at < 16384 ? block.n - at : 16384;
		out.n = 0;
		frame(&out, at ? 9 : 1,
		      (at ? 0 : END_STREAM) | (at + n == block.n ? END_HEADERS : 0), 1,
		      block.p + at, n);
		flush(RX);
	}
	OK(END_STREAM, 1);
	flush(TX);
	get(3, "/next");
	flush(RX);
	OK(END_STREAM, 3);
	flush(TX);
	ok(f.nspans == 2 && span(0)->incomplete == SPAN_TRUNCATED_HEAD && span(0)->status == 200 &&
		   span(0)->req_bytes == SPAN_UNKNOWN,
	   "a head that is too long is not lost");
	is_str(f.span[0].path, "/big", "its first fields count");
	is_str(f.span[1].path, "/next", "and what follows is right");
	feed_end(&f);
}

/* A server of HTTP/2 that speaks first, to a client of HTTP/1. */
static void test_mistaken(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	frame(&out, 4, 0, 0, NULL, 0);
	flush(TX);
	feed_text(&f, RX, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
	frame(&out, 7, 0, 0, "\0\0\0\0\0\0\0\1", 8);
	flush(TX);
	feed_flag(&f, TX, ZC_TCP_FIN);
	feed_flag(&f, RX, ZC_TCP_FIN);
	ok(f.nspans == 1 && span(0)->error == SPAN_ERR_PROTOCOL && !strcmp(f.span[0].path, "/x"),
	   "a request in HTTP/1 to a server that has spoken HTTP/2 is shown, as one that it does "
	   "not understand");
	feed_end(&f);
}

/* Neither the preface nor a request in HTTP/1: nothing is understood, and that once. */
static void test_no_preface(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	frame(&out, 4, 0, 0, NULL, 0);
	put(&out, "\0\0\6\4\0\0\0\0\0\0\4", 11);
	flush(TX);
	frame(&out, 4, 1, 0, NULL, 0);
	flush(RX);
	feed_flag(&f, TX, ZC_TCP_FIN);
	feed_flag(&f, RX, ZC_TCP_FIN);
	is_u64(f.nspans, 0, "a connection of HTTP/2 without its preface is left alone");
	feed_end(&f);
}

/* A request that is recognised when its stream has been reset already. */
static void test_reset_first(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	OK(END_STREAM, 1);
	flush(TX);
	frame(&out, 1, END_STREAM, 3, "\x82\x86\x01\x01h", 5);
	flush(RX);
	frame(&out, 3, 0, 3, "\0\0\0\7", 4);
	flush(TX);
	frame(&out, 9, END_HEADERS, 3, "\x04\x02/a", 4);
	GET(5, "/b");
	flush(RX);
	ok(f.nspans == 2 && span(f.nspans - 1)->stream_id == 3 &&
		   span(f.nspans - 1)->error == SPAN_ERR_RESET &&
		   !strcmp(f.span[f.nspans - 1].path, "/a"),
	   "a reset that comes before its request is recognised ends it");
	feed_end(&f);
}

/* A client has the response and cancels it; of that some comes later here, or never. */
static void test_reset_behind(void)
{
	for (int lost = 0; lost < 2; lost++) {
		uint32_t at, n;

		begin(NULL);
		GET(1, "/a");
		flush(RX);
		OK(0, 1);
		flush(TX);
		at = f.seq[TX];
		data(END_STREAM, 1, "hello", 5);
		n = (uint32_t)out.n;
		f.seq[TX] += n;
		out.n = 0;
		frame(&out, 3, 0, 1, "\0\0\0\10", 4);
		flush(RX);
		data(END_STREAM, 1, "hello", 5);
		feed_segment(&f, TX, ZC_TCP_ACK, at, out.p, n - 3u * (unsigned)lost, 0,
			     n - 3u * (unsigned)lost, 0);
		out.n = 0;
		for (int i = 0; i < 4; i++)
			feed_tick(&f, 15 * MS);
		ok(f.nspans == 1 && span(0)->status == 200 && !span(0)->error &&
			   span(0)->resp_body_bytes == 5 && !span(0)->incomplete == !lost,
		   lost ? "nor a part of it that is never seen"
			: "a reset does not overtake the response");
		feed_end(&f);
	}
}

/* The client's own end: its span ends when the application has read. */
static void test_client(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	put(&out, HTTP2_PREFACE, HTTP2_PREFACE_LEN);
	frame(&out, 4, 0, 0, NULL, 0);
	GET(1, "/c");
	GET(3, "/d");
	flush(TX);
	feed_io(&f, TX, 0, 5);
	frame(&out, 4, 0, 0, NULL, 0);
	OK(END_STREAM, 3);
	OK(END_STREAM, 1);
	flush(RX);
	is_u64(f.nspans, 0, "complete, but not read");
	f.now += 3 * MS;
	feed_io(&f, RX, 0, 5);
	ok(f.nspans == 2 && span(0)->kind == SPAN_CLIENT && span(0)->stream_id == 3 &&
		   span(0)->duration_ns > 3 * MS && span(0)->inner_ns < MS && span(0)->pid == 5,
	   "a client's span ends with its read");
	feed_end(&f);
}

/*
 * As long as it is not known which end asks, nothing is said; a guess would be wrong half the time.
 */
static void test_roles(void)
{
	static const char one[4] = {0, 0, 0, 1};

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_UNKNOWN, ZC_OPEN_PREEXISTING);
	for (int i = 0; i < 6; i++)
		frame(&out, 8, 0, 0, one, 4);
	frame(&out, 1, END_HEADERS, 7, "\xbe\xbf", 2);
	flush(RX);
	for (int i = 0; i < 6; i++)
		frame(&out, 8, 0, 0, one, 4);
	frame(&out, 1, END_HEADERS | END_STREAM, 7, "\xbe\xbf", 2);
	flush(TX);
	is_u64(f.nspans, 0, "no span of unknown direction");
	GET(9, "/out");
	flush(TX);
	OK(END_STREAM, 9);
	flush(RX);
	ok(f.nspans == 1 && span(0)->kind == SPAN_CLIENT && !strcmp(f.span[0].path, "/out"),
	   "a request shows who asks");
	feed_end(&f);

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_UNKNOWN, ZC_OPEN_PREEXISTING);
	frame(&out, 4, 1, 0, NULL, 0);
	flush(TX);
	frame(&out, 1, END_HEADERS | END_STREAM, 11, "\xbe", 1);
	flush(RX);
	frame(&out, 1, END_STREAM, 13, "\x82\x86\x84", 3);
	frame(&out, 9, END_HEADERS, 13, "\xbe", 1);
	flush(TX);
	frame(&out, 1, END_HEADERS, 13, "\xbf\xc0", 2);
	frame(&out, 0, END_STREAM, 13, NULL, 0);
	flush(RX);
	GET(15, "/b");
	flush(TX);
	OK(END_STREAM, 15);
	flush(RX);
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * FEED_MS);
	feed_tick(&f, 50 * FEED_MS);
	ok(f.nspans == 2 && span(1)->stream_id == 13 && !span(1)->error &&
		   span(1)->incomplete & SPAN_RESPONSE_NOT_SEEN,
	   "what came before that may have been its answer");
	feed_end(&f);
}

/* What the kernel side is told. */
static void test_want(void)
{
	static char content[16000];

	begin(NULL);
	GET(1, "/big");
	flush(RX);
	OK(0, 1);
	frame(&out, 0, 0, 1, content, sizeof(content));
	out.n -= 8000;
	flush(TX);
	is_u64(f.want.frames, 1u << TX, "of long frames only the heads are wanted");
	feed_cut(&f, TX, 8000);
	HEADERS(0, 3, ":method", "POST", ":scheme", "http", ":path", "/s.S/M", "content-type",
		"application/grpc");
	flush(RX);
	data(0, 1, "x", 1);
	flush(TX);
	is_u64(f.want.frames, 0, "but with gRPC on the connection, all is");
	feed_end(&f);
}

int main(void)
{
	test_basic();
	test_interleaved();
	test_same();
	test_cuts();
	test_ends();
	test_late();
	test_late_halves();
	test_refused();
	test_refused_at_once();
	test_long_head();
	test_mistaken();
	test_no_preface();
	test_reset_first();
	test_reset_behind();
	test_client();
	test_roles();
	test_want();
	return tap_done();
}
