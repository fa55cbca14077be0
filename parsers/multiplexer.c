#include "parsers/byte_order.h"
#include "parsers/multiplexer.h"

#define YAMUX_HEADER 12u
#define SMUX_HEADER 8u
#define STREAM_MAX (1u << 24) /* a number beyond it is rather something else */
#define WINDOW_MAX (1u << 24) /* bytes of a frame, or of a window */

/*
 * Version 0, type (data, window, ping, end), flags (SYN, ACK, FIN, RST: one of them or none),
 * stream, length. Pings and ends are of the session, which is stream 0.
 */
static int is_yamux(const uint8_t *p, size_t n)
{
	uint32_t flags, stream;

	if (n < YAMUX_HEADER || p[0] || p[1] > 3 || p[2])
		return 0;
	flags = p[3];
	stream = be32(p + 4);
	if (flags > 8 || (flags & (flags - 1)))
		return 0;
	if (p[1] >= 2)
		return !stream && (p[1] == 2 ? flags == 1 || flags == 2 : !flags && p[11] < 3);
	return stream && stream < STREAM_MAX && be32(p + 8) < WINDOW_MAX;
}

/* Version 1 or 2, SYN, no length, the number of the first stream, little-endian. */
static int is_smux(const uint8_t *p, size_t n)
{
	return n >= SMUX_HEADER && (p[0] == 1 || p[0] == 2) && !p[1] && !p[2] && !p[3] && p[4] &&
	       p[4] < 8 && !p[5] && !p[6] && !p[7];
}

/* A session begins with a stream, or asks whether the other end is there. */
static int begins_yamux(const uint8_t *p, size_t n)
{
	return is_yamux(p, n) && p[3] && (p[1] == 2 || be32(p + 4) <= 2);
}

int multiplexer_header(const uint8_t *p, size_t n, int start)
{
	if (start)
		return begins_yamux(p, n) || is_smux(p, n);
	return n == YAMUX_HEADER && is_yamux(p, n); /* a header is written by itself */
}
