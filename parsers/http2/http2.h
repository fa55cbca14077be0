/*
 * http2.h - HTTP/2 connections (RFC 9113) for an observer, who may have joined late
 *
 * One struct http2 per connection, since each end's SETTINGS rule the other's frames. Octets come
 * per direction, 0 or 1; the two may be fed in any interleaving, best in that of their times. Which
 * direction is the client's is told by the caller or found from the preface, from header fields or
 * not at all.
 *
 * The parser knows nothing of streams: it says what each frame says, and the caller, who has the
 * streams anyway, tells requests, responses and trailers apart with what is in the event. No memory
 * grows with the number of streams.
 *
 * Order of events of a stream and direction: HEADERS (interim ones first), DATA*, perhaps HEADERS
 * (trailers); the last one has HTTP2_END_STREAM. RST_STREAM may come at any time.
 *
 * Joined late, or octets missing
 *
 * A gap inside the content of DATA, or in any frame whose head was seen and which is not needed, is
 * harmless. A gap inside a field block ends that block (HTTP2_TRUNCATED: the fields before the gap
 * are given) and begins a new HPACK epoch (see hpack.h). After any other gap the boundaries of
 * frames are lost: HTTP2_EV_LOST, then octets are passed over until frames are recognised by strong
 * evidence, see http2_probe(). Which frames were missed is not known, so after LOST the caller
 * should take every open stream as incomplete.
 *
 * Fields whose name or value lies in an unseen table entry have name.p or value.p == NULL. When the
 * rules for pseudo-header fields (section 8.3: exactly one :method, :scheme and :path unless the
 * method is CONNECT, before all regular fields; exactly one :status, the first field) leave one
 * possibility for an unseen name, it is given and marked HPACK_NAME_INFERRED, now and wherever that
 * entry is used again. This is exact for well-formed messages. An unseen value is never guessed.
 *
 * Bounds: http2_size() octets per connection and one struct http2_scratch for all connections of a
 * thread. The caller keeps at most HTTP2_MAX_KEEP unconsumed octets per direction; field blocks
 * that need more are decoded as far as they are kept (HTTP2_NOT_DECODED, a new epoch).
 */
#ifndef ZC_PARSERS_HTTP2_H
#define ZC_PARSERS_HTTP2_H

#include "parsers/parser.h"
#include "parsers/http2/hpack.h"

#define HTTP2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HTTP2_PREFACE_LEN 24u
#define HTTP2_HEAD_LEN 9u
#define HTTP2_MAX_KEEP 65536u /* frames of one field block, their heads included */
#define HTTP2_MAX_FIELDS 256u /* of one block; more are decoded but left out of the list */
#define HTTP2_NO_DIR 2u	      /* client direction not known */
#define HTTP2_UNKNOWN INT64_MIN

enum http2_event_type {
	HTTP2_EV_PREFACE, /* the client's connection preface: dir is the client's */
	HTTP2_EV_HEADERS, /* HEADERS with all its CONTINUATION frames */
	HTTP2_EV_DATA,
	HTTP2_EV_RST_STREAM,	/* error */
	HTTP2_EV_SETTINGS,	/* payload for http2_setting_next(), or HTTP2_ACK */
	HTTP2_EV_PUSH_PROMISE,	/* as HEADERS of the request; promised is its stream */
	HTTP2_EV_PING,		/* opaque; HTTP2_ACK: the answer */
	HTTP2_EV_GOAWAY,	/* last_stream, error */
	HTTP2_EV_WINDOW_UPDATE, /* increment; stream 0: the connection's */
	HTTP2_EV_LOST,		/* boundaries of frames are lost in this direction */
};

/* Of an event, bit set. */
#define HTTP2_END_STREAM 0x01u /* HEADERS, DATA: the last octet of the stream's direction */
#define HTTP2_ACK 0x02u	       /* SETTINGS, PING */
#define HTTP2_FRAME_END 0x04u  /* DATA: last event of its frame */
#define HTTP2_INTERIM 0x08u    /* HEADERS: a 1xx response; the final one is still to come */
#define HTTP2_TRUNCATED 0x10u  /* HEADERS: a gap cuts the block, fields are missing at its end */
#define HTTP2_NOT_DECODED                                                                          \
	0x20u /* HEADERS: from some field on (perhaps the first) the block is not                  \
		 understood, or is too long */
#define HTTP2_FIELDS_DROPPED 0x40u /* HEADERS: too many or too long; the list is not complete */

/*
 * With NOT_DECODED: the block is longer than can be kept; its first fields are there, and frames of
 * it follow that no event counts.
 */
#define HTTP2_BLOCK_LONG 0x80u

/* DATA: how much of it is padding was not seen; all of it is told as content. */
#define HTTP2_PADDING_UNSEEN 0x100u

/* What a field block is. */
enum http2_kind {
	HTTP2_REQUEST,
	HTTP2_RESPONSE,
	HTTP2_TRAILERS,
	/*
	 * Nothing in the block tells (all that could is unseen, or nothing was decoded). A block
	 * without END_STREAM is never of trailers. The caller may know from the stream, and then
	 * calls http2_classify().
	 */
	HTTP2_AMBIGUOUS,
};

struct http2_event {
	enum http2_event_type type;
	unsigned dir;
	uint32_t flags;
	uint32_t stream_id;
	/*
	 * Not 0: the number of a guess. Frames were found again so shortly before that they may all
	 * lie in the content of one. LOST: so they did. See http2_refute().
	 */
	uint32_t guess;
	/*
	 * Octets on the wire that belong to this event: frames with their heads and padding. Over
	 * the events of a stream they add up to its share of the connection.
	 */
	uint64_t wire;

	/* HEADERS, PUSH_PROMISE */
	enum http2_kind kind;
	uint32_t same; /* not 0: blocks of this direction that have it have the same fields */
	struct hpack_field *fields; /* in order, in the scratch; valid until the next call */
	size_t nfields;
	uint32_t epoch; /* of the unseen ids in fields */
	uint32_t promised;
	struct str method, scheme, authority, path,
		protocol; /* of a request; absent or unseen: NULL */
	int status; /* of a response; 0: unseen. Then it may be interim: another HEADERS follows */
	/*
	 * Request whose path is unseen: the same number for the same unseen path, different ones
	 * for different paths, within the connection and direction. While it is not certain which
	 * of several unseen fields is the path, all those that can be count, so one path may then
	 * have several numbers. 0: the path is known, or there is none (CONNECT, or not decoded).
	 */
	uint64_t path_key;

	/* DATA; an event may be empty (no content, or the end of padding) */
	struct str data;  /* content without padding */
	uint64_t gap;	  /* octets of content that were missing (data is empty then) */
	uint32_t charged; /* octets that count for flow control: the frame's, on its first event */

	uint32_t error;	      /* RST_STREAM, GOAWAY: section 7; others may appear */
	uint32_t last_stream; /* GOAWAY */
	uint32_t increment;   /* WINDOW_UPDATE: may be 0, which is an error */
	uint64_t opaque;      /* PING */
	struct str payload;   /* SETTINGS */
};

/* Working memory of a call; may be shared by all connections of a thread. About 280 KiB. */
struct http2_scratch {
	struct hpack_field field[HTTP2_MAX_FIELDS + 1]; /* the last: of a list that is full */
	uint8_t block[HTTP2_MAX_KEEP];	   /* a field block, put together */
	uint8_t text[3 * HPACK_FIELD_MAX]; /* names and values */
};

struct http2;

/*
 * Octets of memory for a connection; capacity: of each HPACK table, see hpack.h. With
 * HPACK_DEFAULT_TABLE about 15 KiB, so allocate when a probe has said yes.
 */
size_t http2_size(uint32_t capacity);

/*
 * Makes a parser in mem (http2_size() octets, aligned as for malloc), which remains the caller's
 * and is all there is to release. client: direction of the client, or HTTP2_NO_DIR.
 *
 * from_start: the next octet of each direction is its first one in HTTP/2, be it of a connection
 * with prior knowledge, or after the 101 response to an Upgrade: h2c (both directions; stream 1 is
 * then the request that asked for it: give its HTTP2-Settings to http2_upgraded()). Otherwise both
 * directions start out lost.
 */
struct http2 *http2_init(void *mem, uint32_t capacity, unsigned client, int from_start);

/*
 * The same parser in new memory with tables of another capacity, when http2_wanted() asks for it;
 * old is dead afterwards. mem must not overlap the old memory.
 */
struct http2 *http2_move(void *mem, uint32_t capacity, struct http2 *old);

/*
 * Value of the HTTP2-Settings field of the request that was upgraded (RFC 7540 section 3.2.1,
 * base64url): the client's settings, in force at once. The client's direction must be known.
 * Returns 0, or -1 if the value is malformed (then the settings count as not known).
 */
int http2_upgraded(struct http2 *h, struct str settings);

/* Direction of the client: 0, 1 or, as long as it is not known, HTTP2_NO_DIR. */
unsigned http2_client(const struct http2 *h);

/*
 * Do these octets begin with HTTP/2 frames? n may be 0. start: p is the first octet of a direction;
 * then the preface, or one head of a SETTINGS frame, is enough. Otherwise p must be where a frame
 * starts (try the start of each segment), and the evidence must be strong: either HEADERS with a
 * complete field block that has a pseudo-header field of the static table near its start, or
 * several frames one after another that obey the rules of their types for length, flags and stream.
 * PROBE_MORE: consistent so far. No decision takes more than HTTP2_MAX_KEEP octets.
 */
enum probe_result http2_probe(const uint8_t *p, size_t n, int start);

/*
 * Consumes octets of direction dir and says what they are. With PARSE_MORE the caller keeps
 * p + *used and calls again with more behind them; it never needs to keep more than HTTP2_MAX_KEEP
 * octets. Content of DATA is never kept.
 * PARSE_SKIPPED: while lost, octets that are not recognised.
 * PARSE_BAD: the client's direction does not begin with the preface.
 */
enum parse_status http2_next(struct http2 *h, unsigned dir, const uint8_t *p, size_t n,
			     struct http2_scratch *s, size_t *used, struct http2_event *ev);

/*
 * Behind the `kept` octets at p, which were not consumed, n octets of this direction are missing
 * (n > 0). Consumes all or a part of kept + n, as *used says, the kept octets always as a whole;
 * while anything is left of n, call again with kept == 0. PARSE_EVENT: DATA whose gap says how much
 * content was missing, HEADERS with HTTP2_TRUNCATED, or LOST. PARSE_MORE: nothing to say.
 * PARSE_SKIPPED: lost already.
 */
enum parse_status http2_gap(struct http2 *h, unsigned dir, const uint8_t *p, size_t kept,
			    uint64_t n, struct http2_scratch *s, uint64_t *used,
			    struct http2_event *ev);

/*
 * How many of the next octets the parser does not need to see (content of DATA, padding, frames
 * that say nothing here): they may be passed to http2_gap() unseen, and no boundary is lost. A
 * caller that wants to look into the content (gRPC) takes the smaller of this and what it can do
 * without.
 */
uint64_t http2_unneeded(const struct http2 *h, unsigned dir);

/* Are the boundaries of frames lost in this direction? */
int http2_is_lost(const struct http2 *h, unsigned dir);

/* The caller knows that this direction's guess was wrong: boundaries are lost, as with LOST. */
void http2_refute(struct http2 *h, unsigned dir);

/* Does the encoder of dir use a larger table than the capacity? 0, or the capacity it would take.
 */
uint32_t http2_wanted(const struct http2 *h, unsigned dir);

/*
 * For HTTP2_AMBIGUOUS, before the next call: the caller knows from the stream that this block is of
 * that kind. Infers what can be inferred and fills the event.
 */
void http2_classify(struct http2 *h, struct http2_event *ev, enum http2_kind kind);

/*
 * Next setting of the payload of SETTINGS, starting with *pos == 0: 1, or 0 at the end.
 * Identifiers: RFC 9113 section 6.5.2; 8 is SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441).
 */
int http2_setting_next(struct str payload, size_t *pos, uint16_t *id, uint32_t *value);

/* "CANCEL" for 8 and so on, section 7; NULL for codes that are not defined there. */
const char *http2_error_name(uint32_t code);

/*
 * Flow control (section 5.2), for the time in which a sender stood still for want of window.
 *
 * The parser follows the windows of the connection; those of streams are followed in one struct
 * http2_flow per stream and sending direction, which the caller keeps in its stream. Window sizes
 * are known while both directions have been seen from the start without LOST, for streams also
 * when a SETTINGS was seen since; otherwise they are HTTP2_UNKNOWN, and nothing is said of stalls.
 *
 * Use: http2_flow_open() at the first HEADERS of the stream, for each direction that will send;
 * http2_flow_event() for each DATA (sending direction) and WINDOW_UPDATE (from the other end) of
 * the stream; after each of these, and for every sending stream when a WINDOW_UPDATE with stream 0
 * or a SETTINGS comes, or when a DATA leaves the connection's window at 0: http2_stall(&stall,
 * http2_blocked(h, dir, &flow), time).
 */
struct http2_flow {
	int64_t credit;	 /* window minus the initial window in force */
	uint32_t losses; /* of the connection when the stream began */
	uint32_t pad;
};

struct http2_stall {
	uint64_t since; /* 0: not blocked now */
	uint64_t total;
};

void http2_flow_open(const struct http2 *h, struct http2_flow *f);
void http2_flow_event(struct http2_flow *f, const struct http2_event *ev);

/* Octets that the sender in dir may still send: on the connection (f NULL) or the stream alone. */
int64_t http2_window(const struct http2 *h, unsigned dir, const struct http2_flow *f);

/* Is there no window left, of the stream or of the connection? 1, 0; -1: not known. */
int http2_blocked(const struct http2 *h, unsigned dir, const struct http2_flow *f);

/* Adds up the time spent blocked; now > 0. Call with blocked == 0 when the stream ends. */
void http2_stall(struct http2_stall *s, int blocked, uint64_t now);

#endif
