/*
 * test_missing.c - what was lost on the way, and what went by and was not captured, are two things
 */
#include "core/reasm.h"
#include "tests/unit/feed.h"
#include "tests/unit/tap.h"

#define GET "GET /a HTTP/1.1\r\nHost: example.org\r\n\r\n"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n"

/* A response of which so much waits behind a hole that there is no room for more. */
static void test_limit(void)
{
	static char content[65001];
	static struct feed f;

	memset(content, 'x', sizeof(content) - 1);
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	feed_text(&f, ZC_RX, GET);
	feed_text(&f, ZC_TX, CHUNKED);
	f.seq[ZC_TX] += 3000;
	for (uint32_t i = 0; i < REASM_PEND_BYTES / (sizeof(content) - 1) + 1; i++)
		feed_text(&f, ZC_TX, content);
	feed_tick(&f, 10 * FEED_MS);
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * FEED_MS);
	feed_tick(&f, 50 * FEED_MS);
	ok(f.nspans == 1 && f.span[0].s.incomplete == SPAN_NOT_CAPTURED,
	   "a hole that is not waited for any longer is no loss");
	feed_end(&f);
}

int main(void)
{
	static struct feed f;

	test_limit();

	for (int lost = 0; lost < 2; lost++) {
		feed_begin(&f, NULL);
		feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
		feed_text(&f, ZC_RX, GET);
		feed_text(&f, ZC_TX, CHUNKED);
		if (lost)
			f.seq[ZC_TX] += 3000;
		else
			feed_cut(&f, ZC_TX, 3000);
		feed_text(&f, ZC_TX, "\r\n0\r\n\r\n");
		feed_flag(&f, ZC_TX, ZC_TCP_FIN);
		feed_close(&f, 0, (uint32_t)lost);
		feed_tick(&f, 3000 * FEED_MS);
		ok(f.nspans == 1 && f.span[0].s.incomplete ==
					    (lost ? SPAN_LOST_EVENTS : SPAN_NOT_CAPTURED) &&
			   f.span[0].s.duration_ns == SPAN_UNKNOWN,
		   "the framing of the content %s", lost ? "was lost" : "was not captured");
		feed_end(&f);
	}
	return tap_done();
}
