/* test_http2_content.c - gRPC, WebSocket and events in streams; upgrades to HTTP/2 */
#include "tests/unit/h2_feed.h"

#include "parsers/content/grpc.h"
#include "parsers/content/websocket.h"
#include "parsers/http2/http2_protocol.h"

/* A call of which the names of fields lie in entries from before. body: of the request. */
static void late_call(uint32_t stream, const char *body, size_t n, const char *status)
{
	static const uint8_t request[] = {0x83, 0x86, 0xc5, 0xc6}, response[] = {0x88, 0xc6};
	uint8_t trailer[] = {0x0f, 48, 1, (uint8_t)*status};

	frame(&out, 1, END_HEADERS, stream, request, sizeof(request));
	data(END_STREAM, stream, body, n);
	flush(RX);
	frame(&out, 1, END_HEADERS, stream, response, sizeof(response));
	data(0, stream, "\0\0\0\0\3abc", 8);
	frame(&out, 1, END_HEADERS | END_STREAM, stream, trailer, sizeof(trailer));
	flush(TX);
}

static void test_grpc(void)
{
	static const char cancel[4] = {0, 0, 0, 8};
	char msg[105] = {0, 0, 0, 0, 100};

	begin(NULL);
	HEADERS(0, 1, ":method", "POST", ":scheme", "http", ":path", "/pkg.Svc/Do", "content-type",
		"application/grpc+proto", "grpc-timeout", "250m", "te", "trailers");
	data(0, 1, msg, 50);
	flush(RX);
	data(END_STREAM, 1, msg + 50, 55);
	flush(RX);
	HEADERS(0, 1, ":status", "200", "content-type", "application/grpc");
	data(0, 1, msg, 105);
	data(0, 1, msg, 105);
	flush(TX);
	is_u64(f.nspans, 0, "a gRPC span does not end at the first HEADERS");
	HEADERS(END_STREAM, 1, "grpc-status", "5", "grpc-message", "no%20such");
	flush(TX);
	ok(f.nspans == 1 && span(0)->protocol == &grpc_name &&
		   attr_number(span(0), grpc_status) == 5,
	   "but at the trailers, with their status");
	is_str(attr_string(span(0), grpc_message), "no such", "and message");
	is_str(attr_string(span(0), rpc_service), "pkg.Svc", "service");
	is_str(attr_string(span(0), rpc_method), "Do", "method");
	is_str(f.span[0].route, "/pkg.Svc/Do", "route");
	ok(attr_number(span(0), grpc_timeout) == 250 * MS, "deadline");
	ok(attr_number(span(0), req_messages) == 1 && attr_number(span(0), resp_messages) == 2 &&
		   attr_number(span(0), req_message_bytes) == 100 &&
		   attr_number(span(0), resp_message_bytes) == 200,
	   "messages and their octets");
	is_u64(span(0)->error, SPAN_OK, "NOT_FOUND is no fault of the server");

	HEADERS(END_STREAM, 3, ":method", "POST", ":scheme", "http", ":path", "/pkg.Svc/Do",
		"content-type", "application/grpc");
	flush(RX);
	HEADERS(END_STREAM, 3, ":status", "200", "content-type", "application/grpc", "grpc-status",
		"12");
	flush(TX);
	ok(f.nspans == 2 && attr_number(span(1), grpc_status) == 12 &&
		   span(1)->error == SPAN_ERR_STATUS,
	   "trailers-only");
	HEADERS(0, 5, ":method", "POST", ":scheme", "http", ":path", "/pkg.Svc/Stream",
		"content-type", "application/grpc");
	data(0, 5, msg, 105);
	flush(RX);
	frame(&out, 3, 0, 5, cancel, 4);
	flush(RX);
	ok(f.nspans == 3 && span(2)->error == SPAN_ERR_RESET &&
		   attr_number(span(2), grpc_status) == SPAN_UNKNOWN &&
		   attr_number(span(2), req_messages) == 1,
	   "cancelled");
	feed_end(&f);
}

/* Calls whose heads come again: what is counted is theirs. */
static void test_grpc_again(void)
{
	static const char five[10] = {0, 0, 0, 0, 5};
	unsigned wrong = 0;

	begin(NULL);
	for (uint32_t i = 0; i < 6; i++) {
		HEADERS(0, 2 * i + 1, ":method", "POST", ":scheme", "http", ":path", "/pkg.Svc/Do",
			"content-type", "application/grpc");
		for (uint32_t k = 0; k < i; k++)
			data(0, 2 * i + 1, five, 10);
		data(END_STREAM, 2 * i + 1, five, 10);
		flush(RX);
		HEADERS(0, 2 * i + 1, ":status", "200", "content-type", "application/grpc");
		data(0, 2 * i + 1, five, 10);
		HEADERS(END_STREAM, 2 * i + 1, "grpc-status", i % 2 ? "5" : "0");
		flush(TX);
	}
	is_u64(f.nspans, 6, "calls with the same head");
	for (uint32_t i = 0; i < f.nspans; i++)
		wrong += span(i)->protocol != &grpc_name || span(i)->incomplete ||
			 attr_number(span(i), grpc_status) != (i % 2 ? 5 : 0) ||
			 attr_number(span(i), req_messages) != i + 1 ||
			 attr_number(span(i), req_message_bytes) != 5 * (i + 1) ||
			 attr_number(span(i), resp_messages) != 1 ||
			 strcmp(f.span[i].route, "/pkg.Svc/Do") ||
			 strcmp(attr_string(span(i), rpc_method), "Do");
	is_u64(wrong, 0, "each with its own messages and status");
	feed_end(&f);
}

static void test_grpc_web(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	feed_text(&f, RX,
		  "POST /p.S/M HTTP/1.1\r\nContent-Type: application/grpc-web+proto\r\n"
		  "Content-Length: 7\r\n\r\n");
	feed_octets(&f, RX, "\0\0\0\0\2ab", 7);
	feed_text(&f, TX,
		  "HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web+proto\r\n"
		  "Content-Length: 40\r\n\r\n");
	feed_octets(&f, TX, "\0\0\0\0\1x\x80\0\0\0\x1dgrpc-sta", 19);
	feed_octets(&f, TX, "tus:7\r\ngrpc-message:", 20);
	feed_octets(&f, TX, "n", 1);
	ok(f.nspans == 1 && span(0)->protocol == &grpc_name &&
		   attr_number(span(0), grpc_status) == 7 &&
		   attr_number(span(0), resp_messages) == 1 &&
		   attr_number(span(0), req_messages) == 1,
	   "gRPC-Web over HTTP/1: trailers in the content");
	feed_end(&f);
}

static void test_compressed_trailers(void)
{
	/* "grpc-status: 7\r\n", by gzip */
	static const char end[] =
		"\0\0\0\0\1x\x81\0\0\0\x24"
		"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\x2f\x2a\x48\xd6\x2d\x2e\x49"
		"\x2c\x29\x2d\xb6\x52\x30\xe7\xe5\x02\x00\x78\x7a\x6b\xae\x10\x00\x00\x00";

	for (size_t cut = 1; cut <= sizeof(end) - 1; cut += sizeof(end) - 2) {
		begin(NULL);
		HEADERS(END_STREAM, 1, ":method", "POST", ":scheme", "http", ":path", "/s.S/M",
			"content-type", "application/grpc-web+proto");
		flush(RX);
		HEADERS(0, 1, ":status", "200", "content-type", "application/grpc-web+proto");
		data(0, 1, end, cut);
		data(END_STREAM, 1, end + cut, sizeof(end) - 1 - cut);
		flush(TX);
		ok(f.nspans == 1 && attr_number(span(0), grpc_status) == 7 &&
			   attr_number(span(0), resp_messages) == 1,
		   "gRPC-Web: compressed trailers, cut at %zu", cut);
		feed_end(&f);
	}
}

static void test_websocket(void)
{
	unsigned in_flight;
	struct engine_stats st;

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	feed_text(&f, RX, "GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
	feed_text(&f, TX, "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
	is_u64(f.nspans, 0, "a WebSocket goes on after 101");
	feed_octets(&f, TX, "\x81\x02hi\x89", 5);
	feed_octets(&f, TX, "\x00", 1);
	feed_octets(&f, RX, "\x82\x83\0\0\0\0abc", 9);
	engine__stats(f.e, &st);
	in_flight = st.in_flight;
	feed_octets(&f, RX, "\x88\x82\0\0\0\0\x03\xe9", 8);
	is_u64(in_flight, 1, "in flight");
	feed_octets(&f, TX, "\x88\x02\x03\xe9", 4);
	ok(f.nspans == 1 && span(0)->protocol == &websocket_name && span(0)->status == 101,
	   "until both ends have closed");
	ok(attr_number(span(0), req_messages) == 1 && attr_number(span(0), resp_messages) == 1 &&
		   attr_number(span(0), pings) == 1 &&
		   attr_number(span(0), req_message_bytes) == 3 &&
		   attr_number(span(0), resp_message_bytes) == 2,
	   "messages, octets, pings");
	ok(attr_number(span(0), close_code) == 1001 && !span(0)->error, "close code");
	feed_end(&f);

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	feed_text(&f, RX, "GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
	feed_text(&f, TX, "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
	feed_octets(&f, TX, "\x88\x02\x03\xe9", 4);
	f.seq[RX] += 8; /* a close, too */
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_flag(&f, TX, ZC_TCP_FIN);
	engine__finish(f.e);
	ok(f.nspans == 1 && !span(0)->error && span(0)->incomplete & SPAN_LOST_EVENTS,
	   "what was lost may have closed it");
	feed_end(&f);

	begin(NULL);
	HEADERS(0, 1, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path",
		"/chat", ":authority", "h");
	flush(RX);
	OK(0, 1);
	data(0, 1, "\x81\x02hi", 4);
	data(END_STREAM, 1, "\x88\x02\x03\xe8", 4);
	flush(TX);
	data(END_STREAM, 1, "\x88\x82\0\0\0\0\x03\xe8", 8);
	flush(RX);
	ok(f.nspans == 1 && span(0)->protocol == &websocket_name &&
		   attr_number(span(0), close_code) == 1000 &&
		   attr_number(span(0), resp_messages) == 1 && !strcmp(f.span[0].path, "/chat"),
	   "extended CONNECT");
	feed_end(&f);
}

static void test_events(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	feed_text(&f, RX, "GET /ev HTTP/1.1\r\nHost: h\r\n\r\n");
	feed_text(&f, TX, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
	feed_text(&f, TX, "data: 1\n\ndata: 2\n");
	feed_text(&f, TX, "\n: comment\n\n");
	feed_flag(&f, TX, ZC_TCP_FIN);
	ok(f.nspans == 1 && attr_number(span(0), resp_messages) == 2,
	   "server-sent events are counted");
	feed_end(&f);

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	feed_text(&f, RX, "GET /ev HTTP/1.1\r\nHost: h\r\n\r\n");
	feed_text(&f, TX, "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n"
			  "Content-Type: text/event-stream\r\n\r\ndata: 1\n\n");
	f.seq[TX] += 9;
	feed_text(&f, TX, "data: 3\n\ndo:");
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	feed_tick(&f, 50 * MS);
	ok(f.nspans == 1 && span(0)->resp_body_bytes == 30 &&
		   attr_number(span(0), resp_messages) == SPAN_UNKNOWN,
	   "but not if some may be missing");
	feed_end(&f);
}

static void test_stall(void)
{
	static char content[16384];
	static const char plus[4] = {0, 0, 0x40, 0};

	begin(NULL);
	GET(1, "/s");
	flush(RX);
	OK(0, 1);
	flush(TX);
	for (size_t left = 65535; left;) {
		size_t n = left < sizeof(content) ? left : sizeof(content);

		data(0, 1, content, n);
		flush(TX);
		left -= n;
	}
	f.now += 7 * MS;
	frame(&out, 8, 0, 0, plus, 4);
	frame(&out, 8, 0, 1, plus, 4);
	flush(RX);
	data(END_STREAM, 1, "x", 1);
	flush(TX);
	ok(f.nspans == 1 && attr_number(span(0), stall) >= 7 * MS &&
		   attr_number(span(0), stall) < 8 * MS,
	   "time without window is told");
	feed_end(&f);
}

/* Base64, cut anywhere. */
static void test_grpc_web_text(void)
{
	/* a message "x", then trailers "grpc-status:3\r\n" */
	static const char text[] = "AAAAAAF4gAAAAA9ncnBjLXN0YXR1czozDQo=";
	unsigned wrong = 0;

	for (size_t cut = 1; cut < strlen(text); cut++) {
		begin(NULL);
		HEADERS(END_STREAM, 1, ":method", "POST", ":scheme", "http", ":path", "/s.S/M",
			"content-type", "application/grpc-web-text");
		flush(RX);
		HEADERS(0, 1, ":status", "200", "content-type", "application/grpc-web-text");
		data(0, 1, text, cut);
		data(END_STREAM, 1, text + cut, strlen(text) - cut);
		flush(TX);
		wrong += f.nspans != 1 || attr_number(span(0), grpc_status) != 3 ||
			 attr_number(span(0), resp_messages) != 1;
		feed_end(&f);
	}
	is_u64(wrong, 0, "gRPC-Web in base64, over HTTP/2");
}

static void test_late_grpc(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	late_call(101, "\0\0\0\0\2hi", 7, "5");
	late_call(103, "{\"a\":1}", 7, "5");
	late_call(105, "\0\0\0\0\5hi", 7, "0");
	ok(f.nspans == 3, "three calls on a connection that was open before");
	ok(span(0)->protocol == &grpc_name && attr_number(span(0), grpc_status) == 5 &&
		   span(0)->incomplete & SPAN_PROTOCOL_INFERRED &&
		   attr_number(span(0), req_messages) == 1 &&
		   attr_number(span(0), resp_messages) == 1,
	   "gRPC by its framing and trailers, its status by its value, and that is said");
	ok(span(1)->protocol == &http2_protocol.name &&
		   attr_number(span(1), resp_messages) == SPAN_UNKNOWN &&
		   attr_number(span(1), grpc_status) == SPAN_UNKNOWN &&
		   !(span(1)->incomplete & SPAN_PROTOCOL_INFERRED),
	   "other content is not");
	ok(span(2)->protocol == &http2_protocol.name &&
		   attr_number(span(2), resp_messages) == SPAN_UNKNOWN,
	   "nor is what breaks off in a message");
	/* refused in the middle of a message */
	frame(&out, 1, END_HEADERS, 107, "\x83\x86\xc5\xc6", 4);
	data(0, 107, "\0\0\0\0\5hi", 7);
	flush(RX);
	frame(&out, 1, END_HEADERS | END_STREAM, 107, "\x88\xc6\x0f\x30\x01" "5", 6);
	flush(TX);
	feed_flag(&f, TX, ZC_TCP_FIN);
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * FEED_MS);
	feed_tick(&f, 50 * FEED_MS);
	ok(f.nspans == 4 && span(3)->status == 200 && span(3)->incomplete & SPAN_PROTOCOL_INFERRED,
	   "a call that is refused before its message ends may be one");
	feed_end(&f);
}

/* A call whose head is recognised when its answer has come: its kind lies in an unseen entry. */
static void test_late_head(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	OK(END_STREAM, 1);
	flush(TX);
	frame(&out, 1, 0, 3, "\x83\x86\x01\x01h", 5);
	flush(RX);
	HEADERS(0, 3, ":status", "200", "content-type", "application/grpc");
	flush(TX);
	frame(&out, 9, END_HEADERS, 3, "\x04\x02/a\xc5", 5);
	data(END_STREAM, 3, "\0\0\0\0\2hi", 7);
	GET(5, "/b");
	flush(RX);
	HEADERS(END_STREAM, 3, "grpc-status", "5");
	flush(TX);
	ok(f.nspans == 2 && span(1)->protocol == &grpc_name && !strcmp(f.span[1].path, "/a") &&
		   attr_number(span(1), grpc_status) == 5,
	   "what a response tells before its request is recognised counts");
	feed_end(&f);
}

static void test_upgrade(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	feed_text(&f, RX,
		  "GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n"
		  "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
	feed_text(&f, TX, "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
	put(&out, HTTP2_PREFACE, HTTP2_PREFACE_LEN);
	frame(&out, 4, 0, 0, NULL, 0);
	GET(3, "/next");
	flush(RX);
	frame(&out, 4, 0, 0, NULL, 0);
	OK(END_STREAM, 1);
	OK(END_STREAM, 3);
	flush(TX);
	ok(f.nspans == 2 && span(0)->stream_id == 1 && span(0)->status == 200 &&
		   span(0)->protocol == &http2_protocol.name && !strcmp(f.span[0].path, "/up"),
	   "Upgrade: h2c makes stream 1 of the request");
	ok(span(1)->stream_id == 3 && !strcmp(f.span[1].path, "/next"), "and then it is HTTP/2");
	feed_end(&f);
}

/* The 101 comes before the content has: what the server sends then waits for the client's switch.
 */
static void test_early_upgrade(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	feed_text(&f, RX,
		  "POST /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n"
		  "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: "
		  "10\r\n\r\n123");
	put(&out, "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 53);
	frame(&out, 4, 0, 0, NULL, 0);
	flush(TX);
	put(&out, "4567890" HTTP2_PREFACE, 7 + HTTP2_PREFACE_LEN);
	frame(&out, 4, 0, 0, NULL, 0);
	GET(3, "/next");
	flush(RX);
	OK(END_STREAM, 1);
	OK(END_STREAM, 3);
	flush(TX);
	ok(f.nspans == 2 && span(0)->stream_id == 1 && span(0)->status == 200 &&
		   span(0)->req_body_bytes == 10 && !span(0)->incomplete,
	   "an upgrade that is agreed to early waits for the request's content");
	ok(span(1)->stream_id == 3 && span(1)->status == 200 && !span(1)->incomplete,
	   "and then it is HTTP/2, too");
	feed_end(&f);
}

int main(void)
{
	test_grpc();
	test_grpc_again();
	test_grpc_web();
	test_compressed_trailers();
	test_websocket();
	test_events();
	test_stall();
	test_grpc_web_text();
	test_late_grpc();
	test_late_head();
	test_upgrade();
	test_early_upgrade();
	return tap_done();
}
