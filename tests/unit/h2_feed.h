/*
 * h2_feed.h - frames of HTTP/2 by hand for the engine, and its spans
 */
#ifndef ZC_TESTS_H2_FEED_H
#define ZC_TESTS_H2_FEED_H

#include "parsers/http2/http2.h"
#include "tests/unit/feed.h"
#include "tests/unit/tap.h"

#define RX ZC_RX
#define TX ZC_TX
#define MS FEED_MS

static struct feed f;

/* ---- frames by hand; field lines are literals, so that they need no state */

struct buf {
	char p[70000];
	size_t n;
};

__attribute__((unused)) static void put(struct buf *b, const void *p, size_t n)
{
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
}

__attribute__((unused)) static void frame(struct buf *b, int type, int flags, uint32_t stream,
					  const void *p, size_t n)
{
	uint8_t head[9] = {(uint8_t)(n >> 16),	    (uint8_t)(n >> 8),	    (uint8_t)n,
			   (uint8_t)type,	    (uint8_t)flags,	    (uint8_t)(stream >> 24),
			   (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};

	put(b, head, 9);
	put(b, p, n);
}

/* how: 0x00 literal without indexing, 0x40 with, 0x10 never indexed */
__attribute__((unused)) static void line(struct buf *b, int how, const char *name,
					 const char *value)
{
	uint8_t c = (uint8_t)how;

	put(b, &c, 1);
	c = (uint8_t)strlen(name);
	put(b, &c, 1);
	put(b, name, c);
	c = (uint8_t)strlen(value);
	put(b, &c, 1);
	put(b, value, c);
}

static struct buf out;

#define END_STREAM 1
#define END_HEADERS 4

__attribute__((unused)) static void flush(int dir)
{
	feed_octets(&f, dir, out.p, out.n);
	out.n = 0;
}

/* A HEADERS frame with names and values in pairs, up to NULL. */
__attribute__((unused)) static void headers(int flags, uint32_t stream, const char *const *lines)
{
	static struct buf block;

	block.n = 0;
	for (; *lines; lines += 2)
		line(&block, 0, lines[0], lines[1]);
	frame(&out, 1, flags | END_HEADERS, stream, block.p, block.n);
}

#define HEADERS(flags, stream, ...) headers(flags, stream, (const char *const[]){__VA_ARGS__, NULL})

/* As encoders do it: names and common values from the static table. */
__attribute__((unused)) static void get(uint32_t stream, const char *path)
{
	char block[64] = {(char)0x82, (char)0x86, 0x01, 1, 'h', 0x04, (char)strlen(path)};

	memcpy(block + 7, path, strlen(path));
	frame(&out, 1, END_STREAM | END_HEADERS, stream, block, 7 + strlen(path));
}

#define GET(stream, path) get(stream, path)
#define OK(flags, stream) frame(&out, 1, (flags) | END_HEADERS, stream, "\x88", 1)

__attribute__((unused)) static void data(int flags, uint32_t stream, const char *p, size_t n)
{
	frame(&out, 0, flags, stream, p, n);
}

__attribute__((unused)) static void begin(struct engine_options *o)
{
	feed_begin(&f, o);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	put(&out, HTTP2_PREFACE, HTTP2_PREFACE_LEN);
	frame(&out, 4, 0, 0, NULL, 0);
	flush(RX);
	frame(&out, 4, 0, 0, NULL, 0);
	flush(TX);
}

__attribute__((unused)) static const struct span *span(unsigned i)
{
	return &f.span[i].s;
}

#endif
