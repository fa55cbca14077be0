/*
 * websocket.h - WebSocket frames (RFC 6455), one struct per direction
 *
 * After an HTTP/1 101 response with Upgrade: websocket, or in the DATA of an extended CONNECT
 * stream (RFC 8441). Messages are counted; their content need not be seen. Frames with
 * permessage-deflate (RFC 7692) are counted as they are sent.
 *
 * A frame has no magic number, so after a gap that hides a head the direction stays lost.
 */
#ifndef ZC_PARSERS_WEBSOCKET_H
#define ZC_PARSERS_WEBSOCKET_H

#include "parsers/protocol.h"

extern const struct protocol_name websocket_name;

#define WS_MAX_HEAD 14u
#define WS_MAX_CONTROL 125u

enum ws_event_type {
	WS_EV_MESSAGE, /* complete: text or binary, of one or more frames */
	WS_EV_PING,
	WS_EV_PONG,
	WS_EV_CLOSE, /* nothing but control frames of the other side may follow */
};

struct ws_event {
	enum ws_event_type type;
	int binary;	 /* MESSAGE */
	int compressed;	 /* MESSAGE: RSV1 of its first frame */
	uint64_t length; /* MESSAGE: of all its frames; PING, PONG, CLOSE: of the frame */
	uint32_t frames; /* MESSAGE: how many */
	int code;	 /* CLOSE: status code, section 7.4; 1005 (none sent) if there is none */
	char reason[WS_MAX_CONTROL - 2]; /* CLOSE: UTF-8, unmasked, not terminated */
	size_t reason_len;
};

struct ws {
	uint64_t left;	 /* payload of the data frame still to come */
	uint64_t length; /* of the message so far */
	uint32_t frames; /* of the message so far; 0: none is open */
	uint8_t state, fin, binary, compressed;
	/* for a connection that is still open: */
	uint64_t messages; /* complete */
	uint64_t bytes;   /* of data frames' payload, complete or not */
};

void ws_init(struct ws *w);

/*
 * Consumes octets. With PARSE_MORE the caller keeps p + *used and comes again with more: at most
 * WS_MAX_HEAD octets, or a control frame (WS_MAX_HEAD + WS_MAX_CONTROL).
 * PARSE_BAD: no WebSocket (reserved opcode or bit, control frame that is too long or in fragments,
 * CONTINUATION of nothing, length beyond 63 bits); nothing more will be said of this direction.
 * PARSE_SKIPPED: lost after a gap.
 */
enum parse_status ws_next(struct ws *w, const uint8_t *p, size_t n, size_t *used,
			  struct ws_event *ev);

/*
 * n octets are missing behind what has been consumed (octets kept count as missing). Consumes a
 * part, as *used says. PARSE_EVENT: a message ended in it. PARSE_MORE: still within the frame.
 * PARSE_SKIPPED: lost from now on.
 */
enum parse_status ws_gap(struct ws *w, uint64_t n, uint64_t *used, struct ws_event *ev);

/* How many of the next octets need not be seen; UINT64_MAX: none will be understood. */
uint64_t ws_unneeded(const struct ws *w);

/* "going away" for 1001, as registered (section 7.4.1 and after it); NULL: it has no name. */
const char *websocket_close_name(unsigned code);

#endif
