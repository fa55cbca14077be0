/*
 * redact_wire.h - overwrites the secrets in one direction of a connection, whatever it speaks
 *
 * HTTP/1 (redact_head in redact.h) until the octets are those of HTTP/2 (redact_h2.h): the
 * connection preface, SETTINGS at the start or behind a 101 response to an upgrade to h2c (RFC 7540
 * section 3.2) whose head lies in one call, or, joined late, frames: beyond doubt, or at the start
 * of a call. What may be either is treated as HTTP/2 until it proves not to be.
 *
 * Records of TLS stay as they are: what is secret in them is encrypted. What is none of these is
 * hidden from its first byte to the last, so that a recording tells its length alone: of a
 * connection joined in the middle, that is all up to the first message that is recognised; of a
 * tunnel, what is not recognised anew.
 *
 * The octets keep their number and places. They may be cut anywhere between calls; calls should
 * begin where segments do. A request whose start-line is cut is recognised by a method that
 * everybody knows, as far as the beginning of its target.
 */
#ifndef ZC_CORE_REDACT_WIRE_H
#define ZC_CORE_REDACT_WIRE_H

#include "core/redact.h"
#include "core/redact_h2.h"

/* All zero is the state before the first octet of the direction. */
struct redact_wire { /* private */
	uint8_t kind, http1, peer_http2, preface;
	uint8_t tunnel;	      /* HTTP/1: the other direction asked for one */
	uint8_t nprefix;
	/* what may be the beginning of a start-line; or of a TLS record, its head */
	uint8_t prefix[24];
	uint32_t left;	      /* TLS: of the record */
	struct redact_head head;
	struct redact_h2 *h2; /* owned; allocated once */
};

/*
 * The next n octets; secrets are overwritten. Without memory for HTTP/2, all that follow are.
 * Returns how many of them were understood; 0: nothing is left to be seen.
 */
size_t redact_wire_feed(struct redact_wire *w, uint8_t *p, size_t n);

/* The next n octets are missing. */
void redact_wire_gap(struct redact_wire *w, uint64_t n);

/* Is it HTTP or TLS, for all that was seen? */
int redact_wire_is_known(const struct redact_wire *w);

/* Is it HTTP/2 beyond doubt? */
int redact_wire_is_http2(const struct redact_wire *w);

/* The other direction is: so this one is no longer taken for HTTP/1. */
void redact_wire_peer_is_http2(struct redact_wire *w);

/* Is it TLS? The other direction is: so this one, if it has not begun, begins with a record. */
int redact_wire_is_tls(const struct redact_wire *w);
void redact_wire_peer_is_tls(struct redact_wire *w);

/*
 * The other direction asked for a tunnel: what its 2xx response is followed by is another protocol.
 */
int redact_wire_asked_tunnel(const struct redact_wire *w);
void redact_wire_peer_asked_tunnel(struct redact_wire *w);

/* to becomes what from is. Both are initialised. */
void redact_wire_copy(struct redact_wire *to, const struct redact_wire *from);

/* The same protocol as from, at some other place. */
void redact_wire_elsewhere(struct redact_wire *to, const struct redact_wire *from);

/* Frees what it holds; the state is that before the first octet. */
void redact_wire_release(struct redact_wire *w);

#endif
