/*
 * engine_feed.h - requests and responses for tests of the engine, and its spans
 */
#ifndef ZC_TESTS_ENGINE_FEED_H
#define ZC_TESTS_ENGINE_FEED_H

#include "tests/unit/feed.h"
#include "tests/unit/tap.h"

#define US FEED_US
#define MS FEED_MS
#define RX ZC_RX
#define TX ZC_TX

#define GET "GET /a?x=1 HTTP/1.1\r\nHost: example.org\r\n\r\n"
#define GET2 "GET /b HTTP/1.1\r\nHost: example.org\r\n\r\n"
#define GET3 "GET /c HTTP/1.1\r\nHost: example.org\r\n\r\n"
#define OK5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define NO4 "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"

static struct feed f;

__attribute__((unused)) static const struct span *span(unsigned i)
{
	return &f.span[i].s;
}

__attribute__((unused)) static void server(struct engine_options *o)
{
	feed_begin(&f, o);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
}

__attribute__((unused)) static void client(struct engine_options *o)
{
	feed_begin(&f, o);
	feed_open(&f, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
}

__attribute__((unused)) static uint64_t at(unsigned n) /* time of event n, counted from 0 */
{
	return 1000 * MS + n * US;
}

#endif
