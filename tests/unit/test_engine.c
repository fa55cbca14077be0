/* Events in, spans out: pairing, times, ends and losses. Times are counted in events of 1 us. */
#include <malloc.h>
#include <unistd.h>

#include "core/id.h"
#include "tests/unit/engine_feed.h"
#include "parsers/http1/http1_protocol.h"

static void test_server(void)
{
	struct engine_options o = {.wall_offset = 1000000, .keep_fields = 1, .body_bytes = 4};
	static const uint8_t c[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2};
	struct engine_stats st;

	server(&o);                 /* event 0 */
	feed_text(&f, RX, GET);     /* 1 */
	feed_io(&f, RX, 0, 500);    /* 2 */
	f.now += 5 * US;            /* 3..7 */
	feed_text(&f, TX, OK5);     /* 8 */
	is_u64(f.nspans, 1, "a span as soon as the response is complete");
	is_str(f.span[0].method, "GET", "method");
	is_str(f.span[0].host, "example.org", "host");
	is_str(f.span[0].path, "/a", "path");
	is_str(f.span[0].query, "x=1", "query");
	is_str(f.span[0].scheme, "http", "scheme");
	is_str(f.span[0].fields, "Host: example.org\r\n", "fields when asked for");
	is_str(f.span[0].resp_body, "hell", "the first octets of content when asked for");
	is_u64(span(0)->status, 200, "status");
	is_u64(span(0)->kind, SPAN_SERVER, "kind");
	is_u64(span(0)->protocol, &http11_name, "protocol");
	is_u64(span(0)->error, SPAN_OK, "no error");
	is_u64(span(0)->incomplete, 0, "complete");
	is_u64(span(0)->time_ns, at(1) + 1000000, "wall time of arrival");
	is_u64(span(0)->duration_ns, 7 * US, "duration: arrival to last octet");
	is_u64(span(0)->queue_ns, 1 * US, "queue: arrival to read");
	is_u64(span(0)->inner_ns, 6 * US, "inner: read to last octet");
	is_u64(span(0)->ttfb_ns, 7 * US, "ttfb: arrival to first octet");
	is_u64(span(0)->connect_ns, SPAN_UNKNOWN, "a server does not connect");
	is_u64(span(0)->req_bytes, strlen(GET), "octets of the request");
	is_u64(span(0)->resp_bytes, strlen(OK5), "octets of the response");
	is_u64(span(0)->resp_body_bytes, 5, "octets of content");
	is_u64(span(0)->pid, 500, "process that read the request");
	is_u64(span(0)->tid, 501, "thread that did");
	is_str(f.span[0].comm, "(none)", "of which the name is not known");
	ok(span(0)->has_addr && !memcmp(span(0)->client_addr, c, 16) &&
	   span(0)->client_port == 40000 && span(0)->server_port == 8000, "addresses");
	ok(!span(0)->has_parent && !span(0)->link, "no parent");
	feed_text(&f, RX, GET2);
	feed_text(&f, TX, NO4);
	is_u64(f.nspans, 2, "the next on the same connection");
	is_u64(span(1)->seq, 1, "its ordinal");
	is_u64(span(1)->queue_ns, SPAN_UNKNOWN, "queue is not known if the read was not seen");
	is_u64(span(1)->inner_ns, SPAN_UNKNOWN, "nor is inner");
	is_u64(span(1)->pid, 4242, "the owner's pid instead");
	is_str(f.span[1].comm, "server", "and name");
	is_u64(span(1)->error, SPAN_OK, "404 is no error of a server");
	ok(memcmp(span(0)->trace_id, span(1)->trace_id, 16), "another trace");
	engine__stats(f.e, &st);
	ok(st.spans == 2 && !st.in_flight && st.conns == 1 && !st.unparsed_bytes &&
	   !st.uncaptured_bytes, "statistics");
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	engine__stats(f.e, &st);
	ok(st.conns == 0 && f.nspans == 2, "after CLOSE the connection goes");
	feed_end(&f);
}

/* Every cut of both messages: same span, times those of the right segments. */
static void test_cuts(void)
{
	size_t n = strlen(GET), m = strlen(OK5);
	unsigned bad = 0;

	for (size_t i = 1; i < n; i++)
		for (size_t j = 1; j < m; j++) {
			const struct span *s;

			server(NULL);
			feed_octets(&f, RX, GET, i);         /* 1 */
			feed_io(&f, RX, 0, 500);             /* 2 */
			feed_octets(&f, RX, GET + i, n - i); /* 3 */
			feed_io(&f, RX, 0, 501);             /* 4 */
			feed_octets(&f, TX, OK5, j);         /* 5 */
			feed_octets(&f, TX, OK5 + j, m - j); /* 6 */
			s = span(0);
			if (f.nspans != 1 || s->time_ns != at(1) || s->duration_ns != 5 * US ||
			    s->ttfb_ns != 4 * US || s->queue_ns != US || s->pid != 500 ||
			    s->req_bytes != n || s->resp_bytes != m || s->incomplete ||
			    strcmp(f.span[0].path, "/a"))
				bad++;
			feed_end(&f);
		}
	is_u64(bad, 0, "cut in two at every offset of both messages");
	server(NULL);
	for (size_t i = 0; i < n; i++) {
		feed_octets(&f, RX, GET + i, 1);
		feed_io(&f, RX, 0, 500 + (uint32_t)i);
	}
	for (size_t i = 0; i < m; i++)
		feed_octets(&f, TX, OK5 + i, 1);
	is_u64(f.nspans, 1, "octet by octet");
	is_u64(span(0)->queue_ns, US, "the first of many reads counts");
	is_u64(span(0)->pid, 500, "and its process");
	is_u64(span(0)->duration_ns, (2 * n + m - 1) * US, "duration");
	is_u64(span(0)->ttfb_ns, 2 * n * US, "ttfb");
	feed_end(&f);
}

static void test_client(void)
{
	struct zc_ev est;

	client(NULL);               /* 0 */
	est = feed_head(&f, ZC_EV_ESTABLISHED, sizeof(est)); /* 1 */
	engine__event(f.e, &est);
	feed_text(&f, TX, GET);     /* 2 */
	feed_io(&f, TX, 0, 600);    /* 3: the write returns after the segment left */
	feed_text(&f, RX, NO4);     /* 4 */
	is_u64(f.nspans, 0, "a client span waits for the read");
	feed_io(&f, RX, 1, 600);    /* 5: all but one octet */
	is_u64(f.nspans, 0, "of its last octet");
	feed_io(&f, RX, 0, 600);    /* 6 */
	is_u64(f.nspans, 1, "and comes with it");
	is_u64(span(0)->kind, SPAN_CLIENT, "kind");
	is_u64(span(0)->time_ns, at(2), "start: first octet out");
	is_u64(span(0)->duration_ns, 4 * US, "duration: to the read of the last octet");
	is_u64(span(0)->inner_ns, 2 * US, "inner: to its arrival");
	is_u64(span(0)->ttfb_ns, 2 * US, "ttfb: to the arrival of the first");
	is_u64(span(0)->queue_ns, SPAN_UNKNOWN, "a client does not queue");
	is_u64(span(0)->connect_ns, 1 * US, "connect");
	is_u64(span(0)->pid, 600, "process that wrote the request");
	is_u64(span(0)->error, SPAN_ERR_STATUS, "404 is an error of a client");
	ok(span(0)->server_port == 8000 && span(0)->client_port == 40000, "ports");
	feed_text(&f, TX, GET2);
	feed_text(&f, RX, OK5);
	feed_tick(&f, 10 * MS);
	is_u64(f.nspans, 1, "it waits");
	feed_tick(&f, 15 * MS);
	is_u64(f.nspans, 2, "for 20 ms");
	is_u64(span(1)->duration_ns, US, "and ends with the arrival then");
	is_u64(span(1)->connect_ns, SPAN_UNKNOWN, "connected before");
	feed_end(&f);

	client(NULL);
	feed_text(&f, TX, GET);
	feed_text(&f, RX, OK5);
	is_u64(f.nspans, 1, "a source without I/O events is not waited for");
	is_u64(span(0)->duration_ns, span(0)->inner_ns, "duration is to the arrival");
	feed_end(&f);

	client(NULL);
	feed_io(&f, TX, 0, 600); /* of an earlier life */
	feed_text(&f, TX, GET);
	f.seq[RX] += (uint32_t)strlen(OK5);
	feed_io(&f, RX, 0, 600);
	f.seq[RX] -= (uint32_t)strlen(OK5);
	feed_text(&f, RX, OK5);
	is_u64(f.nspans, 1, "a read that overtook the segment is known");
	feed_end(&f);
}

static void test_order(void)
{
	uint32_t n = (uint32_t)strlen(GET);

	feed_begin(&f, NULL);
	f.seq[RX] = 0xffffffffu - 10; /* wraps within the first request */
	f.seq[TX] = 0xffffffffu - 50;
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	feed_segment(&f, RX, ZC_TCP_ACK, f.seq[RX] + 20, GET + 20, n - 20, 0, n - 20, 0); /* 1 */
	f.seq[RX] += n;
	feed_io(&f, RX, 0, 500); /* 2 */
	f.seq[RX] -= n;
	feed_segment(&f, RX, ZC_TCP_ACK, f.seq[RX], GET, 25, 0, 25, 0); /* 3 */
	feed_segment(&f, RX, ZC_TCP_ACK, f.seq[RX], GET, n, 0, n, 0);	/* 4 */
	f.seq[RX] += n;
	feed_text(&f, TX, OK5); /* 5 */
	is_u64(f.nspans, 1, "swapped, repeated, overlapping segments, around the wrap");
	is_u64(span(0)->time_ns, at(3), "arrival is that of the first octet");
	is_u64(span(0)->duration_ns, 2 * US, "duration");
	is_u64(span(0)->queue_ns, 0, "a read before its segment: no time between");
	is_u64(span(0)->req_bytes, n, "octets count once");
	is_u64(span(0)->incomplete, 0, "complete");
	for (int i = 0; i < 5; i++) {
		feed_text(&f, RX, GET2);
		feed_text(&f, TX, OK5);
	}
	is_u64(f.nspans, 6, "and on");
	feed_end(&f);

	feed_begin(&f, NULL);
	feed_text(&f, RX, GET);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	f.seq[RX] -= n;
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	f.seq[RX] += n;
	feed_text(&f, TX, OK5);
	ok(f.nspans == 1 && span(0)->has_addr && !span(0)->incomplete, "OPEN may come late");
	feed_end(&f);
}

static void test_pipelining(void)
{
	server(NULL);
	feed_text(&f, RX, GET GET2 GET3);
	feed_io(&f, RX, 0, 500);
	feed_text(&f, TX, OK5 NO4);
	is_u64(f.nspans, 2, "two of three");
	feed_text(&f, TX, OK5);
	is_u64(f.nspans, 3, "and the third");
	is_str(f.span[0].path, "/a", "in order: first");
	is_str(f.span[1].path, "/b", "second");
	is_u64(span(1)->status, 404, "its status");
	is_str(f.span[2].path, "/c", "third");
	ok(span(0)->pid == 500 && span(1)->pid == 500 && span(2)->pid == 500, "all read at once");
	is_u64(span(2)->req_bytes, strlen(GET3), "octets of the third alone");
	feed_end(&f);

	server(NULL);
	for (int i = 0; i < 1100; i++)
		feed_text(&f, RX, GET);
	ok(f.nspans == 76 && span(0)->incomplete == SPAN_RESPONSE_NOT_SEEN,
	   "no more than 1024 requests stay open");
	feed_end(&f);
	/* 1024 more came at the end, as in flight */

	server(NULL);
	feed_text(&f, RX, GET);
	feed_text(&f, TX, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
	for (int i = 0; i < 1024; i++)
		feed_text(&f, RX, GET);
	ok(f.nspans == 1 && span(0)->incomplete == SPAN_NOT_CAPTURED &&
	   span(0)->duration_ns == SPAN_UNKNOWN, "one whose response had begun says so");
	feed_end(&f);
}

/* Answers belong to requests in order, whatever comes first. */
static void test_answered_before(void)
{
	server(NULL);
	feed_text(&f, TX, OK5);
	is_u64(f.nspans, 0, "an answer before its request waits for it");
	feed_text(&f, RX, GET);
	feed_text(&f, RX, GET2);
	feed_text(&f, TX, NO4);
	is_u64(f.nspans, 2, "and the rest goes on in order");
	ok(span(0)->status == 200 && !span(0)->incomplete && !span(0)->error, "early: status");
	is_str(f.span[0].path, "/a", "early: path");
	ok(!span(0)->duration_ns && span(0)->resp_bytes == strlen(OK5), "early: at once");
	is_str(f.span[1].path, "/b", "next: path");
	is_u64(span(1)->status, 404, "next: status");
	feed_end(&f);

	server(NULL);
	feed_text(&f, RX, GET);
	feed_text(&f, TX, OK5);
	feed_text(&f, TX, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
	ok(f.nspans == 2 && span(1)->status == 408 &&
		   span(1)->incomplete == SPAN_REQUEST_NOT_SEEN,
	   "a server that gives up an idle connection says so");
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	is_u64(f.nspans, 2, "once");
	feed_end(&f);

	server(NULL);
	feed_text(&f, RX, GET);
	feed_text(&f, TX, OK5);
	feed_text(&f, TX, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
	feed_text(&f, RX, GET2);
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	ok(f.nspans == 3 && span(1)->status == 408 &&
		   span(1)->incomplete == SPAN_REQUEST_NOT_SEEN && !span(2)->status &&
		   span(2)->error == SPAN_ERR_CLOSED,
	   "and answers nothing that crosses it");
	feed_end(&f);

	server(NULL);
	feed_text(&f, TX, OK5);
	feed_text(&f, TX, NO4);
	feed_text(&f, RX, GET GET2);
	ok(f.nspans == 2 && span(0)->status == 200 && span(1)->status == 404,
	   "two early answers, in order");
	feed_end(&f);

	server(NULL);
	for (int i = 0; i < 1025; i++)
		feed_text(&f, TX, OK5);
	ok(f.nspans && span(0)->incomplete == SPAN_REQUEST_NOT_SEEN, "no more than 1024 are kept");
	feed_end(&f);

	server(NULL);
	feed_text(&f, TX, OK5);
	f.seq[RX] += 300; /* lost: perhaps what it answers */
	feed_text(&f, RX, GET);
	feed_text(&f, TX, NO4);
	feed_tick(&f, 500 * MS);
	ok(f.nspans >= 1 && span(0)->incomplete & SPAN_REQUEST_NOT_SEEN,
	   "an early answer before a gap is not the next one's");
	feed_end(&f);
}

static void test_long_line(void)
{
	char *line = malloc(100000);

	memset(line, 'c', 100000);
	memcpy(line, "GET /q?", 7);
	strcpy(line + 99980, " HTTP/1.1\r\n\r\n");
	server(NULL);
	feed_text(&f, RX, line);
	feed_text(&f, TX, OK5);
	feed_text(&f, RX, GET2);
	feed_text(&f, TX, OK5);
	is_u64(f.nspans, 2, "a first request line that is longer than what is kept");
	is_str(f.span[0].path, "/q", "long: path");
	is_u64(span(0)->status, 200, "long: status");
	ok(span(1)->status == 200 && !span(1)->incomplete, "long: what follows is whole");
	feed_end(&f);
	free(line);
}

static void cut_uploads(void)
{
	server(NULL);
	feed_text(&f, RX, "POST /whole HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234");
	feed_text(&f, TX, "HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n");
	feed_text(&f, RX, "56789");
	ok(f.nspans == 1 && !attr_string(span(0), req_cut), "content that comes whole is not cut");
	feed_text(&f, RX, "POST /cut HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234");
	feed_text(&f, TX, "HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n");
	feed_flag(&f, TX, ZC_TCP_FIN);
	feed_flag(&f, RX, ZC_TCP_FIN);
	ok(f.nspans == 2 && span(1)->status == 413 && !span(1)->incomplete, "answered early");
	is_str(attr_string(span(1), req_cut), "server", "and closed before it came whole");
	feed_end(&f);
}

static void test_semantics(void)
{
	struct engine_stats st;

	server(NULL);
	/* 1 */
	feed_text(&f, RX, "POST /up HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	feed_text(&f, TX, "HTTP/1.1 100 Continue\r\n\r\n"); /* 2 */
	feed_text(&f, RX, "abc"); /* 3 */
	is_u64(f.nspans, 0, "an interim response does not end the exchange");
	feed_text(&f, TX, "HTTP/1.1 204 No Content\r\n\r\n"); /* 4 */
	is_u64(f.nspans, 1, "the final one does");
	is_u64(span(0)->status, 204, "with its status");
	is_u64(span(0)->resp_bytes, 25 + 27, "interim octets belong to it");
	is_u64(span(0)->req_body_bytes, 3, "content of the request");
	is_u64(span(0)->ttfb_ns, 3 * US, "ttfb is that of the final response");
	feed_text(&f, RX, "HEAD /h HTTP/1.0\r\n\r\n");
	feed_text(&f, TX, "HTTP/1.0 200 OK\r\nContent-Length: 500\r\n\r\n");
	is_u64(f.nspans, 2, "HEAD has no content");
	is_u64(span(1)->protocol, &http10_name, "HTTP/1.0");
	feed_text(&f, RX, "GET http://h:81?q HTTP/1.1\r\nHost: other\r\n\r\n");
	feed_text(&f, TX, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
	is_str(f.span[2].host, "h:81", "absolute-form: host");
	is_str(f.span[2].path, "/", "path");
	is_str(f.span[2].query, "q", "query");
	feed_text(&f, RX, "OPTIONS * HTTP/1.1\r\n\r\n");
	feed_text(&f, TX, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
	is_str(f.span[3].path, "*", "asterisk-form");
	is_str(f.span[3].host, "(none)", "no host");
	is_u64(span(3)->error, SPAN_ERR_STATUS, "500 is an error of a server");
	feed_text(&f, RX, "POST /early HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234");
	feed_text(&f, TX, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
	is_u64(f.nspans, 4, "a response before the end of its request");
	feed_text(&f, RX, "56789");
	is_u64(f.nspans, 5, "waits for it");
	ok(span(4)->req_body_bytes == 10 && span(4)->duration_ns == US, "to count it");
	feed_text(&f, RX, "GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n");
	feed_text(&f, TX, "HTTP/1.1 101 Switching\r\nUpgrade: other\r\n\r\n\x81\x02hi");
	is_u64(f.nspans, 6, "101 ends the last exchange");
	is_u64(span(5)->status, 101, "status");
	ok(f.want.quiet && !f.want.dir[0].cap && !f.want.dir[1].cap && f.want.conn == 77,
	   "and nothing more is wanted");
	feed_text(&f, RX, GET);
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	is_u64(f.nspans, 6, "what follows is not HTTP");
	engine__stats(f.e, &st);
	ok(st.unparsed_bytes == 0 && st.skipped_bytes == strlen(GET) + 4, "but counted");
	feed_end(&f);

	server(NULL);
	feed_text(&f, RX, "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n");
	feed_text(&f, TX, "HTTP/1.1 200 OK\r\n\r\n");
	ok(f.nspans == 1 && !f.want.quiet, "CONNECT");
	is_str(f.span[0].path, "h:443", "authority-form");
	feed_text(&f, RX, GET);
	feed_text(&f, TX, OK5);
	ok(f.nspans == 2 && span(1)->status == 200, "what is in its tunnel");
	ok(span(1)->has_parent && !memcmp(span(1)->parent_id, span(0)->span_id, SPAN_ID_LEN),
	   "is linked");
	feed_end(&f);
}

static void test_ends(void)
{
	server(NULL);
	feed_text(&f, RX, GET);				   /* 1 */
	feed_text(&f, TX, "HTTP/1.1 200 OK\r\n\r\nsome"); /* 2 */
	feed_text(&f, TX, "more");			   /* 3 */
	f.now += MS;
	feed_flag(&f, TX, ZC_TCP_FIN);
	is_u64(f.nspans, 1, "content until close ends with FIN");
	ok(span(0)->error == SPAN_OK && span(0)->duration_ns == 2 * US &&
	   span(0)->resp_body_bytes == 8, "its last octet counts, not FIN");
	feed_end(&f);

	server(NULL);
	feed_text(&f, RX, GET); /* 1 */
	feed_flag(&f, RX, ZC_TCP_FIN);
	is_u64(f.nspans, 0, "a client may close its half");
	feed_text(&f, TX, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome"); /* 3 */
	feed_flag(&f, TX, ZC_TCP_FIN);					      /* 4 */
	is_u64(f.nspans, 1, "a response cut short");
	ok(span(0)->error == SPAN_ERR_CLOSED && span(0)->status == 200 && !span(0)->incomplete,
	   "is an error: closed");
	is_u64(span(0)->duration_ns, 3 * US, "until the end");
	feed_end(&f);

	server(NULL);
	feed_text(&f, RX, GET); /* 1 */
	feed_io(&f, RX, 0, 9);
	feed_flag(&f, RX, ZC_TCP_RST); /* 3 */
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	is_u64(f.nspans, 1, "reset");
	ok(span(0)->error == SPAN_ERR_RESET && !span(0)->incomplete && !span(0)->status, "error");
	ok(span(0)->duration_ns == 2 * US && span(0)->inner_ns == US, "times");
	is_u64(span(0)->resp_bytes, 0, "nothing was answered");
	feed_end(&f);

	server(NULL);
	feed_text(&f, RX, GET);
	feed_close(&f, 0, 0);
	feed_text(&f, TX, OK5); /* swapped with CLOSE */
	feed_tick(&f, 50 * MS);
	ok(f.nspans == 1 && span(0)->status == 200 && !span(0)->error,
	   "a segment that CLOSE overtook still counts");
	feed_end(&f);

	server(NULL);
	feed_text(&f, RX, GET);
	feed_close(&f, 0, 2);
	feed_tick(&f, 50 * MS);
	ok(f.nspans == 1 && span(0)->error == SPAN_OK &&
	   span(0)->incomplete == (SPAN_RESPONSE_NOT_SEEN | SPAN_LOST_EVENTS),
	   "events lost before CLOSE: the response may have been among them");
	is_u64(span(0)->duration_ns, SPAN_UNKNOWN, "duration is not known then");
	feed_end(&f);

	server(NULL);
	feed_text(&f, RX, GET);
	feed_close(&f, ZC_CLOSE_FORGET, 0);
	feed_text(&f, TX, OK5);
	feed_tick(&f, 50 * MS);
	is_u64(f.nspans, 0, "a connection retracted leaves no span");
	feed_end(&f);

	server(NULL);
	feed_text(&f, RX, GET);
	f.now += 99 * US;
	feed_tick(&f, 0);
	engine__finish(f.e);
	ok(f.nspans == 1 && span(0)->incomplete == SPAN_IN_FLIGHT &&
		   span(0)->duration_ns == SPAN_UNKNOWN,
	   "the end of tracing shows what is in flight, and since when");
	feed_end(&f);
}

/* After the server has agreed to something else, what the client sends next is no request. */
static void test_switched(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	feed_text(&f, RX,
		  "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
	feed_text(&f, TX, "HTTP/1.1 101 Switching\r\nUpgrade: echo\r\n\r\n");
	feed_text(&f, RX, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n");
	feed_text(&f, TX, "none");
	ok(f.nspans == 1 && span(0)->status == 101,
	   "nothing follows an upgrade to what is not known");
	feed_end(&f);
	is_u64(f.nspans, 1, "nor at its end");
}

static void test_traceparent(void)
{
	static const char tp[] = "GET / HTTP/1.1\r\nTraceParent: "
				 "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n";
	static const struct {
		const char *v;
		int valid;
	} cases[] = {
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 1},
		{"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", 1},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", 0},
		{"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more", 0},
		{"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 0},
		{"00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 0},
		{"00-00000000000000000000000000000000-00f067aa0ba902b7-01", 0},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", 0},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", 0},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736x00f067aa0ba902b7-01", 0},
		{"", 0},
	};
	uint8_t server_trace[16], server_span[8];
	struct traceparent t;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_u64(id_parse_traceparent((struct str){cases[i].v, strlen(cases[i].v)}, &t),
		       cases[i].valid, cases[i].v[0] ? cases[i].v : "(empty)");
	server(NULL);
	feed_text(&f, RX, tp);
	feed_text(&f, TX, OK5);
	ok(span(0)->trace_id[0] == 0x4b && span(0)->trace_id[15] == 0x36,
	   "trace id from the field");
	ok(span(0)->has_parent && span(0)->parent_id[7] == 0xb7, "its id is the parent");
	is_str(span(0)->link, "traceparent", "link");
	ok(span(0)->span_id[7] != 0xb7, "the span has its own");
	feed_text(&f, RX, GET);
	feed_text(&f, TX, OK5);
	memcpy(server_trace, span(1)->trace_id, 16);
	memcpy(server_span, span(1)->span_id, 8);
	feed_end(&f);

	feed_begin(&f, NULL); /* the other end of the same */
	f.seq[TX] = 1000 + (uint32_t)strlen(tp);
	f.seq[RX] = 5000 + (uint32_t)strlen(OK5);
	feed_open(&f, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	feed_text(&f, TX, GET);
	feed_text(&f, RX, OK5);
	ok(f.nspans == 1 && !memcmp(span(0)->trace_id, server_trace, 16),
	   "both ends of an exchange derive one trace id");
	ok(memcmp(span(0)->span_id, server_span, 8), "but span ids of their own");
	feed_end(&f);
}

/* Octets in use; 0 under a sanitizer, whose heap does not tell. */
static size_t heap(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static void test_many(void)
{
	struct engine_options o = {.max_conns = 1000};
	struct engine_stats st;
	size_t before, warm = 0, after;

	feed_begin(&f, &o);
	for (f.conn = 1; f.conn <= 10000; f.conn++) {
		feed_open(&f, ZC_ROLE_SERVER, 0);
		feed_text(&f, RX, GET);
		if (f.conn % 2)
			feed_text(&f, TX, OK5);
	}
	engine__stats(f.e, &st);
	ok(st.conns == 1000 && st.evicted_conns == 9000, "no more connections than allowed");
	is_u64(f.nspans, 5000 + 4500, "what was in flight on the others is shown");
	is_u64(st.in_flight, 500, "in flight");
	ok(span(501)->incomplete + span(502)->incomplete == SPAN_RESPONSE_NOT_SEEN,
	   "as incomplete");
	feed_end(&f);

	feed_begin(&f, NULL);
	before = heap();
	for (int i = 0; i < 101 * 1000; i++) {
		uint32_t turn = (uint32_t)i / 1000;

		f.conn = 1 + (uint64_t)i % 1000;
		f.seq[RX] = 1000 + turn * (uint32_t)strlen(GET);
		f.seq[TX] = 5000 + turn * (uint32_t)strlen(OK5);
		if (!turn)
			feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
		feed_text(&f, RX, GET);
		feed_text(&f, TX, OK5);
		if (i == 3999) /* the second request has brought a memo, and the third is in it */
			warm = heap();
	}
	ok(warm - before < 4u << 20, "1,000 idle connections cost %zu octets", warm - before);
	after = heap();
	ok(after <= warm, "100,000 exchanges later no more (%zd)", (ssize_t)(after - warm));
	is_u64(f.nspans, 101000, "and each has its span");
	feed_end(&f);
}

/* What a span's numbers promise of its strings: see struct span. */
static void test_alike(void)
{
	struct zc_ev_owner owner = {.pid = 4242, .tid = 4242, .comm = "renamed"};

	server(NULL);
	for (unsigned i = 0; i < 6; i++) {
		feed_text(&f, RX, i < 5 ? GET : "GET /other HTTP/1.1\r\nHost: h\r\n\r\n");
		feed_io(&f, RX, 0, 4242);
		feed_text(&f, TX, OK5);
	}
	owner.ev = feed_head(&f, ZC_EV_OWNER, sizeof(owner));
	engine__event(f.e, &owner.ev);
	for (unsigned i = 0; i < 2; i++) {
		feed_text(&f, RX, GET);
		feed_io(&f, RX, 0, 4242);
		feed_text(&f, TX, OK5);
	}
	is_u64(f.nspans, 8, "eight exchanges");
	ok(span(4)->alike && span(4)->alike == span(3)->alike, "the same head comes again");
	ok(span(5)->alike != span(4)->alike && span(6)->alike != span(4)->alike,
	   "and another one, and is another one then");
	ok(span(0)->names && span(0)->names == span(5)->names, "the process has the same names");
	is_str(f.span[6].comm, "renamed", "until it is called otherwise");
	ok(span(6)->names != span(5)->names && span(6)->names == span(7)->names,
	   "and then the same again");
	feed_end(&f);
}

static void count_in_flight(void *ctx, const struct span *s)
{
	if (s->incomplete == SPAN_IN_FLIGHT && s->duration_ns == 10 * MS + US && s->path.n == 2)
		++*(unsigned *)ctx;
}

static void test_in_flight(void)
{
	unsigned n = 0;

	server(NULL);
	feed_text(&f, RX, GET);
	feed_tick(&f, 10 * MS);
	engine__in_flight(f.e, count_in_flight, &n);
	is_u64(n, 1, "a request without response is in flight, with its age");
	feed_text(&f, TX, OK5);
	engine__in_flight(f.e, count_in_flight, &n);
	ok(n == 1 && !span(0)->incomplete, "until the response is there");
	feed_end(&f);
}

/* What asks for TLS is kept, as its end is missing; each look at it begins the same again. */
static void test_switches_without_end(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	feed_text(&f, TX, "INFO {\"server_id\":\"x\",\"version\":\"2\"");
	alarm(10);
	feed_octets(&f, RX, "\x16\3\1\0\6\1\0\0\2\3\3", 11);
	alarm(0);
	is_u64(f.nspans, 0, "a protocol that gives way as often as it begins");
	feed_end(&f);
}

int main(void)
{
	test_server();
	test_cuts();
	test_client();
	test_order();
	test_pipelining();
	test_answered_before();
	test_long_line();
	cut_uploads();
	test_semantics();
	test_ends();
	test_switched();
	test_traceparent();
	test_many();
	test_alike();
	test_in_flight();
	test_switches_without_end();
	return tap_done();
}
