/* Several connections in one: nothing of what they carry is taken for the connection's own. */
#include "parsers/http2/http2.h"
#include "parsers/multiplexer.h"
#include "tests/unit/feed.h"
#include "tests/unit/tap.h"

#define RX ZC_RX
#define TX ZC_TX

static struct feed f;

static const char syn[] = {0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0};
static const char ack[] = {0, 1, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0};
static const char data[] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 24};
static const char smux[] = {1, 0, 0, 0, 3, 0, 0, 0};

static int is_header(const void *p, size_t n, int start)
{
	return multiplexer_header(p, n, start);
}

static void test_headers(void)
{
	static const uint8_t kafka[] = {0, 0, 0, 14, 0, 18, 0, 0, 0, 0, 0, 1};
	static const uint8_t settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4};
	static const uint8_t ping[] = {0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7};

	ok(is_header(syn, sizeof(syn), 1) && is_header(ping, sizeof(ping), 1) &&
		   is_header(smux, sizeof(smux), 1),
	   "what sessions begin with");
	ok(is_header(data, sizeof(data), 0) && !is_header(data, sizeof(data), 1),
	   "data is found in the middle, and is no beginning");
	ok(!is_header(syn, sizeof(syn) - 1, 1) && !is_header(syn, 0, 1),
	   "less than a header is none");
	ok(!is_header(kafka, sizeof(kafka), 0) &&
		   !is_header(settings, sizeof(settings), 0) &&
		   !is_header(settings, sizeof(settings), 1),
	   "other protocols' lengths are none");
}

/* preexisting: it was open when tracing began. */
static void test_inside(int open, const char *name)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, open);
	feed_octets(&f, RX, open & ZC_OPEN_PREEXISTING ? data : syn, sizeof(syn));
	feed_octets(&f, TX, ack, sizeof(ack));
	feed_octets(&f, RX, data, sizeof(data));
	feed_text(&f, RX, HTTP2_PREFACE);
	feed_octets(&f, RX, data, sizeof(data));
	feed_text(&f, RX, "GET /inside HTTP/1.1\r\nHost: x\r\n\r\n");
	feed_octets(&f, TX, data, sizeof(data));
	feed_text(&f, TX, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	feed_close(&f, 0, 0);
	feed_tick(&f, 500000000);
	is_u64(f.nspans, 0, name);
	feed_end(&f);
}

int main(void)
{
	test_headers();
	test_inside(ZC_OPEN_SEQ, "nothing inside of a session is a span");
	test_inside(ZC_OPEN_PREEXISTING, "nor of one that was joined");
	return tap_done();
}
