/*
 * tls_conn.h - a connection whose octets are TLS: what its handshake tells, and no more
 *
 * Records are followed until the handshake has ended (parsers/tls/tls_handshake.h); from then on
 * nothing is copied. Two kinds of spans come of it, both of protocol "tls":
 *
 * - a failed handshake: from the ClientHello's first octet to the alert that ended it, or to the
 *   end of the connection. Error "handshake" when an alert was seen (what an encrypted one says is
 *   known only where the library that received it reports it), else "reset" or "closed". Where
 *   octets of the handshake were missed, nobody can say that it failed, and there is no such span;
 * - the connection as a whole, when it ends, if its plaintext was never seen
 *   (c->tls_stream) or showed no exchange: its duration, octets on the wire each way, and the
 *   server's name. While it is open it is shown
 *   among the connections, not among the requests in flight.
 *
 * struct tls_conn belongs to its connection and lives as long. It is small; what parsing needs is
 * given back when the handshake is over, and TLS_CONN_MAX_OPENING connections may have it at one
 * time: of more than that, only times and sizes are known.
 */
#ifndef ZC_CORE_TLS_CONN_H
#define ZC_CORE_TLS_CONN_H

#include "core/conn.h"
#include "core/tls_info.h"

#define TLS_CONN_MAX_OPENING 16384u

extern const struct conn_ops tls_conn_ops;

#endif
