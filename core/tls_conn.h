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
 * - the connection as a whole, when it ends, if its plaintext was never seen (c->plain) or showed
 *   no exchange: its duration, octets on the wire each way, and the server's name. While it is open
 *   it is shown
 *   among the connections, not among the requests in flight.
 *
 * struct tls_conn belongs to its connection and lives as long. It is small; what parsing needs is
 * given back when the handshake is over, and TLS_CONN_MAX_OPENING connections may have it at one
 * time: of more than that, only times and sizes are known.
 */
#ifndef ZC_CORE_TLS_CONN_H
#define ZC_CORE_TLS_CONN_H

#include "core/conn.h"
#include "core/exchange_attrs.h"
#include "core/span.h"
#include "parsers/tls/tls_handshake.h"

#define TLS_CONN_MAX_OPENING 16384u

struct tls_wire;

struct tls_conn {
	/* directions are ZC_RX and ZC_TX, times the source's, positions the streams' */
	struct tls_handshake hs;
	char sni[256];	   /* "": none, or not seen */
	char alpn[32];	   /* chosen; "": not known, as always with TLS 1.3 */
	uint8_t offered_len; /* of offered */
	uint8_t offered[TLS_ALPN_MAX]; /* by the client, as in struct tls_hello */
	uint8_t lib;	   /* enum zc_tls_lib of its plaintext; 0: that was not seen so far */
	uint8_t spoke;	   /* its plaintext showed an exchange */
	uint8_t over;	   /* its span, if any, was shown */
	uint64_t first_time; /* of the first octet of which we knew that it is TLS */
	uint64_t last_time;  /* when a direction ended */
	struct tls_wire *wire; /* while the handshake goes on; NULL: nothing more is wanted */
};

/* The connection is TLS; time: of the first octet that shows it. 0: no memory. */
int tls_conn_begin(struct conn *c, uint64_t time);

/* Gives back c->tls, if any. */
void tls_conn_free(struct conn *c);

/* Plaintext of this connection is seen, c->plain: its segments need no announcements. */
void tls_conn_bind(struct conn *c);
/* That plaintext is to be gone. */
void tls_conn_unbind(struct conn *c);

/*
 * The library that reads or writes c has reported an error, by its own number. An alert that came
 * encrypted gets its code from that.
 */
void tls_conn_fault(struct conn *c, int lib, uint32_t reason);

/* What is known goes from a connection that ends to its plaintext, whose spans are yet to come. */
void tls_conn_hand_over(struct conn *from, struct conn *to);

/* Of a connection of TLS, or of a plaintext stream that is tied to one; NULL: not known. */
const struct tls_conn *tls_conn_of(const struct conn *c);

/*
 * Version, cipher, names; of the first exchange the handshake's duration as well, and its alert if it
 * failed. Texts point into t.
 */
void tls_conn_attrs(const struct tls_conn *t, int first, struct attr_list *l);

extern const struct conn_ops tls_conn_ops;

#endif
