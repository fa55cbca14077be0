/* test_http2_loss.c - HTTP/2 through the engine, of which parts are missing */
#include "tests/unit/h2_feed.h"

#include "parsers/content/grpc.h"

static void test_gaps(void)
{
	static char content[20000];
	struct engine_options o = {0};
	static struct buf block;

	begin(&o);
	GET(1, "/big");
	flush(RX);
	OK(0, 1);
	frame(&out, 0, 0, 1, content, 16000);
	feed_segment(&f, TX, ZC_TCP_ACK, f.seq[TX], out.p, (uint32_t)out.n, 0, 100, 0);
	f.seq[TX] += (uint32_t)out.n;
	out.n = 0;
	data(END_STREAM, 1, "x", 1);
	flush(TX);
	ok(f.nspans == 1 && !span(0)->incomplete && span(0)->resp_body_bytes == 16001,
	   "content that is not captured is counted");
	/* a field block in the dynamic table, then a hole in the client's direction */
	block.n = 0;
	put(&block, "\x82\x86", 2);
	line(&block, 0x40, ":path", "/known");
	frame(&out, 1, END_HEADERS | END_STREAM, 3, block.p, block.n);
	flush(RX);
	OK(END_STREAM, 3);
	flush(TX);
	GET(5, "/open");
	flush(RX);
	f.seq[RX] += 500;
	GET(7, "/missed");
	feed_segment(&f, RX, ZC_TCP_ACK, f.seq[RX], out.p, (uint32_t)out.n, 0, (uint32_t)out.n, 3);
	f.seq[RX] += (uint32_t)out.n;
	out.n = 0;
	frame(&out, 1, END_HEADERS | END_STREAM, 9, "\x82\x86\xbe", 3);
	flush(RX);
	for (uint32_t i = 5; i <= 9; i += 2)
		OK(END_STREAM, i);
	flush(TX);
	for (int i = 0; i < 4; i++)
		feed_tick(&f, 20 * MS);
	is_u64(f.nspans, 5, "streams go on behind a hole");
	ok(f.nspans >= 4 && span(2)->stream_id == 5 && span(2)->incomplete & SPAN_LOST_EVENTS,
	   "a stream that was open at a loss is marked");
	for (unsigned i = 0; i < f.nspans; i++)
		if (span(i)->stream_id == 9)
			ok(span(i)->incomplete & (SPAN_PATH_NOT_SEEN | SPAN_REQUEST_NOT_SEEN) &&
				   strcmp(f.span[i].path, "/known"),
			   "no entry from before the loss is used");
	feed_end(&f);
}

/* A part of an interim response's block is lost: nobody knows how many bytes the response had. */
static void test_torn_interim(void)
{
	static const char block[] = "\x48\x03" "103" "\x00\x04" "link" "\x1e"
				    "abcdefghijklmnopqrstuvwxyz1234";

	begin(NULL);
	GET(1, "/a");
	flush(RX);
	frame(&out, 1, 0, 1, block, sizeof(block) - 1);
	frame(&out, 9, END_HEADERS, 1, "\x00\x01" "a" "\x01" "b", 5);
	OK(END_STREAM, 1);
	feed_octets(&f, TX, out.p, 25);
	f.seq[TX] += 10;
	feed_octets(&f, TX, out.p + 35, out.n - 35);
	out.n = 0;
	feed_tick(&f, 3000 * MS);
	feed_close(&f, 0, 0);
	feed_tick(&f, 3000 * MS);
	ok(f.nspans == 1 && span(0)->status == 200 && span(0)->resp_bytes == SPAN_UNKNOWN,
	   "an interim response of which some is lost");
	feed_end(&f);
}

/* What is lost before a head takes nothing from the message; in it, it does. */
static void test_lost_elsewhere(void)
{
	for (int answered = 0; answered < 2; answered++) {
		begin(NULL);
		GET(1, "/a");
		flush(RX);
		if (answered) {
			OK(0, 1);
			flush(TX);
		}
		f.seq[TX] += 40;
		if (answered)
			frame(&out, 1, END_HEADERS | END_STREAM, 1, "\x0f\x0d\x01x", 4);
		else
			OK(END_STREAM, 1);
		GET(3, "/b"); /* so that frames are recognised */
		flush(TX);
		for (int i = 0; i < 120; i++)
			feed_tick(&f, 100 * MS);
		feed_flag(&f, TX, ZC_TCP_FIN);
		ok(f.nspans >= 1 && span(0)->status == 200 && span(0)->resp_bytes == SPAN_UNKNOWN &&
			   !(span(0)->incomplete & SPAN_LOST_EVENTS) == !answered,
		   answered ? "a loss in a response is a doubt"
			    : "a loss before a response is none");
		feed_end(&f);
	}
}

/* Frames are missing in a response whose request is seen behind it, as captures may have it. */
static void test_lost_before_request(void)
{
	struct buf request;
	uint32_t at, sent;

	begin(NULL);
	GET(1, "/a");
	flush(RX);
	OK(END_STREAM, 1);
	flush(TX);
	at = f.seq[RX];
	sent = f.seq[TX];
	GET(3, "/b");
	request = out;
	out.n = 0;
	f.seq[RX] += (uint32_t)request.n;
	f.seq[TX] += 24; /* an interim response */
	OK(0, 3);
	data(END_STREAM, 3, "hello", 5);
	flush(TX);
	sent ^= f.seq[TX];
	f.seq[TX] ^= sent;
	feed_segment(&f, RX, ZC_TCP_ACK, at, request.p, (uint32_t)request.n, 0,
		     (uint32_t)request.n, 0);
	f.seq[TX] ^= sent;
	feed_flag(&f, RX, 0);
	feed_tick(&f, 15 * MS);
	GET(5, "/c"); /* so that frames are recognised */
	flush(RX);
	OK(END_STREAM, 5);
	flush(TX);
	feed_tick(&f, 15 * MS);
	ok(f.nspans >= 2 && span(1)->stream_id == 3 && span(1)->status == 200 &&
		   span(1)->resp_bytes == SPAN_UNKNOWN,
	   "what was seen late was sent before, and of its answer some may be missing");
	feed_end(&f);
}

/* Nor is it known of a stream that is in doubt already whether a reset of it was lost. */
static void test_lost_at_end(void)
{
	begin(NULL);
	GET(1, "/a");
	flush(RX);
	f.seq[TX] += 40;
	OK(0, 1);
	flush(TX);
	feed_flag(&f, RX, 0);
	feed_tick(&f, 15 * MS);
	GET(3, "/b");
	flush(RX);
	f.seq[RX] += 13;
	feed_flag(&f, TX, ZC_TCP_FIN);
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_tick(&f, 15 * MS);
	feed_tick(&f, 15 * MS);
	ok(f.nspans == 2 && !span(1)->error && span(1)->incomplete & SPAN_RESPONSE_NOT_SEEN,
	   "it was reset perhaps, and not closed");
	feed_end(&f);
}

static void test_padding_lost(void)
{
	begin(NULL);
	GET(1, "/a");
	flush(RX);
	OK(0, 1);
	frame(&out, 0, 8, 1, "", 0);
	out.p[out.n - 7] = 10; /* length */
	flush(TX);
	f.seq[TX] += 10;
	feed_flag(&f, RX, 0);
	data(END_STREAM, 1, "hello", 5);
	flush(TX);
	feed_tick(&f, 15 * MS);
	ok(f.nspans == 1 && span(0)->status == 200 && span(0)->resp_body_bytes == SPAN_UNKNOWN,
	   "nobody knows how much of it was padding");
	feed_end(&f);
}

static void test_status_not_seen(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	frame(&out, 1, END_HEADERS, 101, "\x83\x86\x04\x04/s/M\x0f\x10\x10" "application/grpc", 27);
	data(END_STREAM, 101, "\0\0\0\0\2hi", 7);
	flush(RX);
	OK(0, 101);
	data(0, 101, "\0\0\0\0\3abc", 8);
	frame(&out, 1, END_HEADERS | END_STREAM, 101, "\xc7", 1);
	flush(TX);
	ok(f.nspans == 1 && span(0)->protocol == &grpc_name &&
		   span(0)->incomplete & SPAN_STATUS_NOT_SEEN &&
		   attr_number(span(0), grpc_status) == SPAN_UNKNOWN,
	   "a call whose status was told before says so");
	feed_end(&f);
}

int main(void)
{
	test_gaps();
	test_torn_interim();
	test_lost_elsewhere();
	test_lost_before_request();
	test_lost_at_end();
	test_padding_lost();
	test_status_not_seen();
	return tap_done();
}
