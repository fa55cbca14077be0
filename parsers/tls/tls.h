/*
 * tls.h - what can be seen of TLS without keys: records, hellos, alerts (RFC 8446, RFC 5246)
 *
 * One struct tls per direction. It follows records (RFC 8446 section 5.1) and, as long as they are
 * in clear, handshake messages, however they are split over records and segments. SSL 3.0 to
 * TLS 1.3; not the ClientHello in the form of SSL 2.0, and not DTLS.
 *
 * All that is kept between calls is in struct tls, so octets are consumed as they come: at most
 * TLS_MAX_KEEP of them have to be passed again. What the two directions tell together (has the
 * handshake ended, where does application data begin) is in tls_handshake.h.
 *
 * Which records are in clear. Alerts of two octets; CHANGE_CIPHER_SPEC of one; handshake records
 * before the direction's CHANGE_CIPHER_SPEC and, from TLS 1.3 on, all of them, as encrypted ones
 * look like application data. Hence a parser must be told the version that was negotiated in the
 * other direction, with tls_negotiated().
 *
 * Joined late, after a gap, or in garbage it looks for a record header: type 20 to 23, version 3.0
 * to 3.4, a length that such a record can have. The first octet after a gap is taken at its word;
 * elsewhere a header counts only when the message in it or the header after it confirms it.
 */
#ifndef ZC_PARSERS_TLS_H
#define ZC_PARSERS_TLS_H

#include "parsers/parser.h"

/*
 * Octets in a record: the limit of TLS 1.3; and that of TLS 1.2, for records that are known to be.
 */
#define TLS_MAX_RECORD 16640u
#define TLS_MAX_OLD_RECORD 18432u
#define TLS_MAX_KEEP 11u
#define TLS_SNI_MAX 255u
#define TLS_ALPN_MAX 128u

enum tls_content { /* RFC 8446 section 5.1 */
	TLS_CHANGE_CIPHER_SPEC = 20,
	TLS_ALERT = 21,
	TLS_HANDSHAKE = 22,
	TLS_APPLICATION_DATA = 23,
};

enum tls_message { /* RFC 8446 section 4, RFC 5246 section 7.4; those that matter here */
	TLS_CLIENT_HELLO = 1,
	TLS_SERVER_HELLO = 2,
	TLS_CERTIFICATE = 11,
	TLS_SERVER_HELLO_DONE = 14,
};

#define TLS_VERSION_1_3 0x0304

/*
 * A hello. Values of GREASE (RFC 8701) are left out. Where `cut` is set, some of it was not seen or
 * makes no sense; what is set was seen all the same.
 */
struct tls_hello {
	/* client: the highest that it offers; server: the one chosen; 0: unknown */
	uint16_t version;
	uint16_t cipher;  /* server: the suite chosen; 0: unknown */
	uint8_t retry;	  /* server: it is a HelloRetryRequest, section 4.1.4 */
	uint8_t early_data, psk; /* these extensions are there */
	uint8_t cut;
	uint8_t session_len;
	uint8_t session[32]; /* legacy_session_id */
	uint8_t sni_len;     /* client: host_name, RFC 6066; 0: none */
	uint8_t alpn_len;
	char sni[TLS_SNI_MAX];
	/*
	 * RFC 7301: the client's offers, the server's choice (before TLS 1.3, where it is not in
	 * clear), each behind its length; offers that find no room are left out. See
	 * tls_alpn_next().
	 */
	uint8_t alpn[TLS_ALPN_MAX];
};

enum tls_event_type {
	TLS_EV_MESSAGE, /* a handshake message in clear begins */
	TLS_EV_HELLO,	/* a ClientHello or ServerHello is complete, or cut */
	TLS_EV_CCS,	/* CHANGE_CIPHER_SPEC is complete */
	TLS_EV_ALERT,	/* an alert in clear is complete */
	TLS_EV_RECORD,	/* a record whose content is not in clear is complete */
	TLS_EV_LOST,	/* records were missed before what comes next */
};

struct tls_event {
	enum tls_event_type type;
	uint8_t message;      /* MESSAGE, HELLO: enum tls_message */
	uint8_t content;      /* RECORD: enum tls_content */
	uint8_t level, alert; /* ALERT, RFC 8446 section 6 */
	uint16_t length;      /* RECORD: octets in it, without its header of five */
	const struct tls_hello *hello; /* HELLO */
};

struct tls_hello_state {
	uint8_t step, server;
	uint8_t has_versions; /* the extension supported_versions was there */
	uint16_t left;	      /* octets of the field that is being read */
	uint32_t end;	      /* octets of the message that are left, */
	uint32_t ext_end;     /* and of its extensions */
	uint16_t value, ext;
	uint16_t ndata;
	uint8_t data[320]; /* of the random, or of an extension that is of interest */
};

struct tls {
	/* Private. No pointers; may be copied while no call is running. */
	uint8_t state, content;
	uint8_t ccs;	 /* CHANGE_CIPHER_SPEC was seen */
	uint8_t fresh;	 /* lost: the next octet is the first after a gap */
	uint8_t guessed; /* nothing confirms that a record was where we found one */
	uint8_t torn;	 /* it is not known where in a handshake message we are */
	uint8_t nmsg;	 /* octets of the message's header in msg */
	uint8_t msg[4];
	uint8_t alert[2];
	uint16_t version; /* negotiated; 0: not known */
	uint16_t length;  /* of the record */
	uint16_t left;	  /* octets of it still to come */
	uint32_t msg_left; /* octets of the message still to come */
	struct tls_hello_state hs;
	struct tls_hello hello;
};

void tls_init(struct tls *t);

/*
 * Is this TLS? `start`: a hello is due. Else any record will do, and if it ends before p + n does,
 * another one must follow it. PROBE_MORE only for fewer than TLS_MAX_KEEP octets.
 */
enum probe_result tls_probe(const uint8_t *p, size_t n, int start);

/*
 * Consumes octets from p and says what they are. Call it until it returns PARSE_MORE with nothing
 * consumed or nothing left; an event may consume nothing. PARSE_SKIPPED: octets that are no
 * record. PARSE_END and PARSE_BAD are not returned.
 */
enum parse_status tls_next(struct tls *t, const uint8_t *p, size_t n, size_t *used,
			   struct tls_event *ev);

/*
 * n octets of this direction are missing, those that tls_next() left unconsumed apart, which the
 * caller drops. Call again with the rest until *used adds up to n: PARSE_EVENT as above,
 * PARSE_MORE or PARSE_SKIPPED without one.
 */
enum parse_status tls_gap(struct tls *t, uint64_t n, uint64_t *used, struct tls_event *ev);

/* The direction has ended: PARSE_EVENT with a hello that is cut, or PARSE_END. */
enum parse_status tls_eof(struct tls *t, struct tls_event *ev);

/* The handshake's version became known. */
void tls_negotiated(struct tls *t, uint16_t version);

/* How many of the next octets the parser does not need to see: they may be passed to tls_gap(). */
uint64_t tls_unneeded(const struct tls *t);

/* Is the next octet the first of a record? */
int tls_at_record(const struct tls *t);

/* The next name of a list as in struct tls_hello; 0 at its end. Start with *pos == 0. */
int tls_alpn_next(const struct tls_hello *h, size_t *pos, struct str *name);

/* RFC 8701: 0x0a0a, 0x1a1a, … 0xfafa */
static inline int tls_is_grease(unsigned v)
{
	return (v & 0x0f0f) == 0x0a0a && (v >> 8 & 0xff) == (v & 0xff);
}

/* ---- tls_hello.c, for tls.c: the body of a hello, in any pieces */

void tls_hello_begin(struct tls_hello_state *s, struct tls_hello *h, int server, uint32_t length);
void tls_hello_feed(struct tls_hello_state *s, struct tls_hello *h, const uint8_t *p, size_t n);
void tls_hello_end(struct tls_hello_state *s, struct tls_hello *h); /* complete, or cut here */

#endif
