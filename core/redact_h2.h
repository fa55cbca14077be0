/*
 * redact_h2.h - overwrites the secrets in one direction of an HTTP/2 connection (RFC 9113)
 *
 * Walks the frames, which may be cut anywhere, and gives the field blocks of HEADERS, PUSH_PROMISE
 * and CONTINUATION to redact_hpack.h. Everything else, content included, is left as it is.
 *
 * Missing octets do no harm in frames whose end is known, other than to a field block. Where the
 * boundaries of frames are lost, octets are overwritten with REDACT_BLIND (which cannot be the head
 * of a frame that http2.h takes for one) up to where http2_probe() sees frames again. Of what looks
 * like frames, but is not enough to be sure, the heads are kept and the rest is overwritten: a head
 * that is read one octet too late often looks like another one.
 */
#ifndef ZC_CORE_REDACT_H2_H
#define ZC_CORE_REDACT_H2_H

#include "core/redact_hpack.h"

struct redact_h2 {
	uint8_t certain; /* it is HTTP/2; otherwise it only looks like it so far */

	/* private */
	uint8_t state, flags, in_block, at_start;
	uint8_t nhead, heads;
	uint8_t head[9];
	/* of the frame in hand, octets to come: before its field block, of it, behind it */
	uint32_t lead, block, rest;
	uint32_t open; /* stream whose field block goes on in the next frame; 0: none */
	struct redact_hpack hpack;
};

/*
 * The next octet is the first one of a frame. certain: it is HTTP/2 beyond doubt. at_start: the
 * first one of the direction, which makes SETTINGS proof enough.
 */
void redact_h2_init(struct redact_h2 *h, int certain, int at_start);

/* The same when the next octet may be anywhere. */
void redact_h2_init_lost(struct redact_h2 *h);

/*
 * The next n octets of the direction; secrets among them are overwritten in place. Returns n, or
 * fewer when it turned out that it is not HTTP/2 (never when that is certain): those from there on
 * were not touched.
 */
size_t redact_h2_feed(struct redact_h2 *h, uint8_t *p, size_t n);

/* The next n octets of the direction are missing. Returns 0 if it is not followed any more. */
int redact_h2_gap(struct redact_h2 *h, uint64_t n);

#endif
