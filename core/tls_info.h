/*
 * tls_info.h - what the handshake of a connection has told
 *
 * It belongs to a socket's connection; that of the TLS stream over it asks for it (tls_info_of),
 * and gets it when the socket ends first.
 */
#ifndef ZC_CORE_TLS_INFO_H
#define ZC_CORE_TLS_INFO_H

#include "core/conn.h"
#include "core/exchange_attrs.h"
#include "parsers/tls/tls_handshake.h"

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
	uint8_t in_clear;  /* the ClientHello was answered by something else */
	uint8_t over;	   /* its span, if any, was shown */
	uint64_t first_time; /* of the first octet of which we knew that it is TLS */
	uint64_t last_time;  /* when a direction ended */
	struct tls_wire *wire; /* while the handshake goes on; NULL: nothing more is wanted */
};

/* Of a connection that is TLS itself: its state; NULL: it is not. */
struct tls_conn *tls_info_own(const struct conn *c);

/* Gives back what is known of c, if anything; what parsing the handshake needs, if that goes on. */
void tls_info_free(struct conn *c);
void tls_info_free_wire(struct conn *c);

/* Plaintext of this connection is seen, c->tls_stream: its segments need no announcements. */
void tls_info_bind(struct conn *c);
/* This library shakes hands on c, whether or not plaintext is seen. */
void tls_info_library(struct conn *c, int lib);
/* That plaintext is to be gone. */
void tls_info_unbind(struct conn *c);

/*
 * The library that reads or writes c has reported an error, by its own number. An alert that came
 * encrypted gets its code from that.
 */
void tls_info_fault(struct conn *c, int lib, uint32_t reason);

/* What is known goes from a connection that ends to its plaintext, whose spans are yet to come. */
void tls_info_hand_over(struct conn *from, struct conn *to);

/* Of a connection of TLS, or of a plaintext stream that is tied to one; NULL: not known. */
const struct tls_conn *tls_info_of(const struct conn *c);

/*
 * Why c, which is TLS, is not understood. NULL: it is, or nothing can be said, as where its process
 * is not known. Lives until the next event.
 */
const char *tls_info_unseen(const struct conn *c);

/*
 * Version, cipher, names; of the first exchange the handshake's duration as well, and its alert if
 * it failed. Texts point into t.
 */
void tls_info_attrs(const struct tls_conn *t, int first, struct attr_list *l);

#endif
