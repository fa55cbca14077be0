/*
 * http2_conn.h - HTTP/2 on one connection: frames to streams, streams to exchanges
 *
 * A stream is an exchange: its request and its response need no order to be paired. A span ends
 * when both ends have sent END_STREAM, at RST_STREAM, or with the connection. An exchange whose
 * response is complete while its request is not waits for the rest of it no longer than
 * PENDING_READ_MAX.
 *
 * Octets of an exchange are its frames with their heads, in the direction of the message.
 *
 * Loss. Where the boundaries of frames are lost, frames of any stream may be among what is missing.
 * So every open stream is marked, its octets count as not known in that direction, and if nothing
 * is heard of it for HTTP2_CONN_DOUBT it ends as incomplete. Pairing is never in doubt: a stream
 * has a number. Frames that are found again are a guess, since content may hold some, until more
 * goes by than one frame holds: what contradicts the framing, or the numbers of streams, takes back
 * what they told.
 *
 * Bounds: HTTP2_CONN_MAX_STREAMS per connection, the longest unused one goes; the memory of all
 * parsers together is limited, beyond that a connection is not followed.
 */
#ifndef ZC_CORE_HTTP2_CONN_H
#define ZC_CORE_HTTP2_CONN_H

#include "core/conn.h"

#define HTTP2_CONN_MAX_STREAMS 4096u
#define HTTP2_CONN_DOUBT 5000000000ull	/* ns */
#define HTTP2_CONN_MEMORY (256u << 20) /* octets, of all connections */

extern const struct conn_ops http2_conn_ops;

#endif
