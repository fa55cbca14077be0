/*
 * http2_frames.h - numbers of HTTP/2's frames, RFC 9113
 */
#ifndef ZC_PARSERS_HTTP2_FRAMES_H
#define ZC_PARSERS_HTTP2_FRAMES_H

/* Types of frames, RFC 9113 section 6. */
enum {
	F_DATA,
	F_HEADERS,
	F_PRIORITY,
	F_RST_STREAM,
	F_SETTINGS,
	F_PUSH_PROMISE,
	F_PING,
	F_GOAWAY,
	F_WINDOW_UPDATE,
	F_CONTINUATION,
};

#define FLAG_END_STREAM 0x01u /* ACK in SETTINGS and PING */
#define FLAG_END_HEADERS 0x04u
#define FLAG_PADDED 0x08u
#define FLAG_PRIORITY 0x20u

#endif
