/*
 * tls_handshake.h - what the two directions of a TLS connection tell together, without keys
 *
 * Takes the events of two struct tls, in the order of cause and effect (what answers comes after
 * what it answers), each with its positions in the stream and with times of any clock.
 *
 * When a direction's handshake has ended. Up to TLS 1.2 this is seen: the first encrypted
 * handshake record after CHANGE_CIPHER_SPEC is Finished. In TLS 1.3 everything after ServerHello
 * looks alike, but Finished has a known length (RFC 8446 section 4.4.4), no record of the client's
 * second flight that may come before it has the same, and alerts are shorter than any message:
 *
 * - the client's second flight is a record of Finished's length, or a few that end with one. If
 *   none of the first three is, the first held all of it (some libraries join messages);
 * - the server's Finished is the record of that length before the client's second flight, or the
 *   only record there is. Where this is not certain, app_pos stays unknown;
 * - early data of the client comes before all this and ends with a record that only
 *   EndOfEarlyData can be; where the server refused them, this does not come.
 *
 * A record as long as an alert where a handshake message was due is an alert: the handshake has
 * failed, and what the alert says is not visible. Of a client that presented a certificate (or
 * none when asked), this holds for the server's first record after that, too. Padding (section
 * 5.4), which nobody is known to use in handshakes, would make all this unknown, not wrong.
 */
#ifndef ZC_PARSERS_TLS_HANDSHAKE_H
#define ZC_PARSERS_TLS_HANDSHAKE_H

#include "parsers/tls/tls.h"

#define TLS_NO_DIR 2u

enum tls_state {
	TLS_OPENING, /* the handshake goes on, for all that is known */
	TLS_OPEN,    /* it is over, or nothing more is to be seen of it */
	TLS_FAILED,  /* an alert has ended it */
};

struct tls_handshake {
	uint8_t state;	    /* enum tls_state */
	uint8_t client;	    /* the direction that carries the ClientHello; TLS_NO_DIR: not known */
	uint8_t client_hello, server_hello; /* were seen */
	uint8_t resumed;
	uint8_t early_data; /* offered */
	uint8_t retried;    /* there was a HelloRetryRequest */
	uint8_t timed;	    /* begin_time and end_time are valid */
	uint8_t alert_dir;  /* who sent an alert, by direction; TLS_NO_DIR: there was none */
	uint8_t alert_level;
	int16_t alert;	    /* its code; -1: none, or it is encrypted */
	uint16_t version;   /* negotiated; 0: not known */
	uint16_t cipher;
	uint64_t begin_time; /* the first octet of the first ClientHello */
	uint64_t end_time;   /* the last octet of the client's last flight; or of the alert */
	uint64_t begin_pos;  /* in the client's direction, where that ClientHello begins */
	uint64_t app_pos[2]; /* where the first record after the handshake begins; 0: not known */

	/* Private. */
	uint8_t ccs[2], done[2], torn[2];
	uint8_t nflight[2];  /* records after ServerHello; client: of its second flight */
	uint8_t nfinished;   /* records of the server that may be its Finished */
	uint8_t hello_done;  /* ServerHelloDone was seen */
	uint8_t eoed;	     /* EndOfEarlyData was seen */
	uint8_t session_len;
	uint8_t session[32];
	uint16_t finished, eoed_len, alert_len; /* lengths of encrypted records; 0: not known */
	uint64_t guess_time, guess_pos; /* end of the client's flight, if of one record */
	uint64_t server_end; /* position behind the server's first encrypted record */
};

void tls_handshake_init(struct tls_handshake *h);

/*
 * An event of direction dir (0 or 1). start: position of the record in which it begins, end: behind
 * what has been consumed; begin, now: the times of that record's first octet and of the last octet
 * consumed. For an event in clear messages, `start` is that of the record where the message began.
 */
void tls_handshake_event(struct tls_handshake *h, unsigned dir, const struct tls_event *ev,
			 uint64_t start, uint64_t end, uint64_t begin, uint64_t now);

/*
 * The connection has ended. If the state is still TLS_OPENING after this, so has the handshake,
 * without an alert that says why.
 */
void tls_handshake_end(struct tls_handshake *h);

#endif
