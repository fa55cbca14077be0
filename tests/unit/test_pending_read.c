/*
 * test_pending_read.c - when a client has read the response
 */
#include "tests/unit/feed.h"
#include "tests/unit/tap.h"

#define MS FEED_MS
#define RX ZC_RX
#define TX ZC_TX

#define GET "GET /a?x=1 HTTP/1.1\r\nHost: example.org\r\n\r\n"
#define OK5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static struct feed f;

static const struct span *span(unsigned i)
{
	return &f.span[i].s;
}

static void client(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
}

int main(void)
{
	client();
	feed_text(&f, TX, GET);
	feed_io(&f, TX, 0, 600);
	feed_text(&f, RX, OK5);
	feed_tick(&f, 700 * MS);
	is_u64(f.nspans, 0, "a write was seen: the read will be");
	feed_io(&f, RX, 0, 600);
	ok(f.nspans == 1 && span(0)->duration_ns > 700 * MS && span(0)->inner_ns < MS &&
		   !span(0)->incomplete, "however late");
	feed_text(&f, TX, GET);
	feed_io(&f, TX, 0, 600);
	feed_text(&f, RX, OK5);
	feed_text(&f, TX, GET);
	feed_io(&f, TX, 0, 600);
	ok(f.nspans == 2 && span(1)->incomplete == SPAN_READ_NOT_SEEN &&
		   span(1)->duration_ns == SPAN_UNKNOWN && span(1)->inner_ns < MS,
	   "the next request is written: the read was not seen, nor is the duration known");
	feed_text(&f, RX, OK5);
	feed_tick(&f, 30 * MS);
	is_u64(f.nspans, 3, "of what is read by other ways it is not awaited as long");
	feed_end(&f);

	client();
	feed_text(&f, TX, GET);
	feed_io(&f, TX, 0, 600);
	feed_text(&f, RX, OK5);
	feed_tick(&f, 61000ull * MS);
	ok(f.nspans == 1 && span(0)->incomplete == SPAN_READ_NOT_SEEN,
	   "after a minute it goes without");
	feed_end(&f);
	return tap_done();
}
