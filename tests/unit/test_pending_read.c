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

#define SUBSCRIBE "*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n"
#define SUBSCRIBED                                                                                 \
	"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"                                              \
	"*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
#define MESSAGE "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n"
#define UNSUBSCRIBE "*1\r\n$11\r\nUNSUBSCRIBE\r\n"
#define UNSUBSCRIBED                                                                               \
	"*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n"                                            \
	"*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n"
#define PING "*1\r\n$4\r\nPING\r\n"

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

static void ask(void)
{
	feed_text(&f, TX, GET);
	feed_io(&f, TX, 0, 600);
}

static unsigned unread(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f.nspans; i++)
		n += (span(i)->incomplete & SPAN_READ_NOT_SEEN) != 0;
	return n;
}

/* A key that there is not gets no answer, which shows while that of the one before is not read. */
static void quiet_ones(void)
{
	client();
	feed_text(&f, TX, "mg a v k q\r\nmg b v k q\r\nmn\r\n");
	feed_io(&f, TX, 0, 600);
	feed_text(&f, RX, "VA 2 ka\r\nab\r\nMN\r\n");
	feed_tick(&f, 50 * MS);
	is_u64(f.nspans, 0, "what has no answer waits for what came before it");
	feed_io(&f, RX, 0, 600);
	ok(f.nspans == 3 && unread() == 0 && span(0)->duration_ns > 50 * MS,
	   "which has been read, %u spans, %u unread", f.nspans, unread());
	ok(span(1)->duration_ns == SPAN_UNKNOWN && span(2)->duration_ns > 50 * MS,
	   "and then is shown, in order");
	feed_end(&f);
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
	feed_end(&f);

	client();
	ask();
	feed_text(&f, RX, OK5);
	ask();
	is_u64(f.nspans, 0, "the next request is written: who serves many may read later");
	feed_text(&f, RX, OK5);
	feed_tick(&f, 300 * MS);
	ask();
	feed_io(&f, RX, 0, 600);
	ok(f.nspans == 2 && !span(0)->incomplete && !span(1)->incomplete &&
		   span(0)->duration_ns > 300 * MS,
	   "and reads both at once");
	feed_text(&f, RX, OK5);
	feed_io(&f, RX, 0, 600);
	ok(f.nspans == 3 && !span(2)->incomplete, "and the third");
	ask();
	feed_text(&f, RX, OK5);
	ask();
	feed_tick(&f, 1100 * MS);
	ok(f.nspans == 4 && span(3)->incomplete == SPAN_READ_NOT_SEEN &&
		   span(3)->duration_ns == SPAN_UNKNOWN && span(3)->inner_ns < MS,
	   "after a second it was not seen, nor is the duration known");
	feed_text(&f, RX, OK5);
	feed_tick(&f, 30 * MS);
	is_u64(f.nspans, 5, "of what is read by other ways it is not awaited as long");
	feed_end(&f);

	client();
	ask();
	feed_text(&f, RX, OK5);
	ask();
	feed_text(&f, RX, OK5);
	f.done[RX] = f.seq[RX] - 10;
	feed_io(&f, RX, 0, 600);
	ok(f.nspans == 2 && span(0)->incomplete == SPAN_READ_NOT_SEEN && !span(1)->incomplete,
	   "a read that begins behind a response has not read it");
	feed_end(&f);

	quiet_ones();

	client();
	for (int i = 0; i < 5; i++) {
		f.seq[TX] += (uint32_t)sizeof(GET) - 1;
		feed_io(&f, TX, 0, 600);
	}
	f.seq[TX] -= 5 * ((uint32_t)sizeof(GET) - 1);
	for (int i = 0; i < 5; i++)
		feed_text(&f, TX, GET);
	for (int i = 0; i < 5; i++)
		feed_text(&f, RX, OK5);
	feed_tick(&f, 50 * MS);
	feed_io(&f, RX, 0, 600);
	ok(f.nspans == 5 && span(0)->pid == 600 && span(4)->pid == 600, "five writes in a segment");
	for (unsigned i = 0; i < 5; i++)
		ok(!span(i)->incomplete && span(i)->duration_ns > 50 * MS, "and one read: %u", i);
	feed_end(&f);

	client();
	feed_text(&f, TX, SUBSCRIBE);
	feed_io(&f, TX, 0, 600);
	for (int i = 0; i < 4; i++) {
		feed_tick(&f, 100 * MS);
		feed_text(&f, RX, i ? MESSAGE : SUBSCRIBED);
		feed_io(&f, RX, 0, 600);
	}
	feed_text(&f, TX, UNSUBSCRIBE);
	feed_io(&f, TX, 0, 600);
	feed_text(&f, RX, UNSUBSCRIBED);
	feed_tick(&f, 100 * MS);
	feed_io(&f, RX, 0, 600);
	for (int i = 0; i < 3; i++) {
		feed_text(&f, TX, PING);
		feed_io(&f, TX, 0, 600);
		feed_text(&f, RX, "+PONG\r\n");
		feed_tick(&f, 100 * MS);
		feed_io(&f, RX, 0, 600);
	}
	ok(f.nspans == 5 && span(1)->duration_ns >= 500 * MS && !span(1)->incomplete &&
		   span(1)->duration_ns > span(1)->inner_ns + 90 * MS,
	   "a subscription lasts until its last message is read");
	for (unsigned i = 0; i < f.nspans; i++)
		ok(!span(i)->incomplete && span(i)->duration_ns > 90 * MS,
		   "what is asked beside or behind it is read, too");
	feed_end(&f);

	client();
	feed_text(&f, TX, SUBSCRIBE);
	feed_io(&f, TX, 0, 600);
	feed_text(&f, RX, SUBSCRIBED);
	feed_io(&f, RX, 0, 600);
	feed_tick(&f, 500 * MS);
	feed_text(&f, RX, MESSAGE);
	feed_tick(&f, 100 * MS);
	feed_io(&f, RX, 0, 600);
	feed_close(&f, 0, 0);
	feed_tick(&f, 1000 * MS);
	ok(f.nspans == 1 && !span(0)->incomplete && span(0)->duration_ns >= 600 * MS &&
		   span(0)->inner_ns < 510 * MS,
	   "and one that the end of its connection ends, as long");
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
