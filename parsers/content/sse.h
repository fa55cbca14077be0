/*
 * sse.h - counting server-sent events (WHATWG HTML, section 9.2: text/event-stream)
 *
 * An event is dispatched at an empty line, if a data field came since the last one; otherwise what
 * came is discarded. Lines end in LF, CR or CR LF. Lines that begin with a colon are comments,
 * which servers send to keep the connection alive.
 */
#ifndef ZC_PARSERS_SSE_H
#define ZC_PARSERS_SSE_H

#include "parsers/parser.h"

struct sse {
	uint64_t events; /* dispatched */
	uint64_t comments;
	uint8_t matched; /* private from here on */
	uint8_t state, has_data, after_cr;
	uint8_t bom;
	uint8_t pad[3];
};

void sse_init(struct sse *s);

/* Consumes all of p[0..n) and returns the number of events that end in it. */
uint64_t sse_feed(struct sse *s, const uint8_t *p, size_t n);

/*
 * Octets are missing. What is before and behind the gap is not put together: counting goes on with
 * the first line that begins behind it, so events that end within the gap are not counted.
 */
void sse_gap(struct sse *s);

/* text/event-stream, with any parameters? */
int sse_is_type(struct str content_type);

#endif
