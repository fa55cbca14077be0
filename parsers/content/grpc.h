/*
 * grpc.h - gRPC messages in the content of a stream, and what its fields mean
 *
 * Length-prefixed messages: one octet of flags (bit 0: compressed), four of length, then the
 * message. One struct grpc per direction of a stream. In gRPC-Web a frame whose flags have bit 7
 * set carries the trailers as lines "name: value", since browsers cannot see trailer sections.
 * Streams of the Connect protocol are the same, with bit 1 for the last one, whose JSON tells of
 * errors.
 *
 * Messages are counted, not decoded; the content of a message need not be seen.
 */
#ifndef ZC_PARSERS_GRPC_H
#define ZC_PARSERS_GRPC_H

#include "parsers/protocol.h"

extern const struct protocol_name grpc_name;

#define GRPC_HEAD_LEN 5u
#define GRPC_MAX_TRAILERS 16384u /* of gRPC-Web; longer ones are passed over */

enum grpc_event_type {
	GRPC_EV_MESSAGE,  /* one message is complete */
	GRPC_EV_TRAILERS, /* data: the lines of gRPC-Web, the JSON of Connect */
};

struct grpc_event {
	enum grpc_event_type type;
	int compressed;
	uint32_t length; /* of the message, as sent */
	struct str data;
};

struct grpc {
	uint32_t left; /* octets of the message still to come */
	uint32_t length;
	uint8_t head[GRPC_HEAD_LEN];
	uint8_t have; /* octets of the head */
	uint8_t trailers, lost; /* trailers: the flag of what carries them; 0: none does */
	/* for a stream that is still running: */
	uint64_t messages; /* complete */
	uint64_t bytes;   /* of messages, complete or not, without heads */
};

enum grpc_end { GRPC_END_NATIVE, GRPC_END_WEB, GRPC_END_CONNECT };
void grpc_init(struct grpc *g, enum grpc_end end);

/*
 * Consumes content. PARSE_MORE: everything that can be is consumed; only TRAILERS must be kept (at
 * most GRPC_MAX_TRAILERS octets). PARSE_BAD: no gRPC, nothing more will be said of this direction.
 * PARSE_SKIPPED: after a gap that hid where messages begin.
 */
enum parse_status grpc_next(struct grpc *g, const uint8_t *p, size_t n, size_t *used,
			    struct grpc_event *ev);

/*
 * n octets of content are missing, behind what has been consumed (octets kept count as missing).
 * Consumes a part, as *used says; call again with the rest. PARSE_EVENT: a message ended in it.
 */
enum parse_status grpc_gap(struct grpc *g, uint64_t n, uint64_t *used, struct grpc_event *ev);

/* How many of the next octets need not be seen. */
uint64_t grpc_unneeded(const struct grpc *g);

/* Is a message begun and not complete? At the end of the stream: it was cut short. */
int grpc_open(const struct grpc *g);

/*
 * application/grpc, with any suffix (+proto) or parameters: GRPC_NATIVE; application/grpc-web:
 * GRPC_WEB; application/grpc-web-text (base64, for grpc_text): GRPC_WEB_TEXT; application/connect,
 * with a suffix: GRPC_CONNECT, a stream of that; else GRPC_NONE.
 */
enum grpc_kind { GRPC_NONE, GRPC_NATIVE, GRPC_WEB, GRPC_WEB_TEXT, GRPC_CONNECT };
enum grpc_kind grpc_kind(struct str content_type);

/* "/package.Service/Method" into its two parts. 0, or -1 if it is not of this form. */
int grpc_split(struct str path, struct str *service, struct str *method);

/* grpc-timeout ("100m") in nanoseconds, saturating; UINT64_MAX if it is malformed. */
uint64_t grpc_timeout(struct str value);

/* grpc-status: 0 and up, or -1 if it is no number. */
int grpc_status(struct str value);

/* "DEADLINE_EXCEEDED" for 4 and so on; NULL for codes beyond 16. */
const char *grpc_status_name(int status);

/*
 * grpc-message without its percent-encoding, into out[0..cap). Returns the octets written; what
 * does not fit is cut off. A sign that begins no valid escape stands for itself.
 */
size_t grpc_message(struct str value, char *out, size_t cap);

/* Next line of gRPC-Web trailers, *pos from 0: 1 with name and value, 0 at the end. */
int grpc_trailer_next(struct str lines, size_t *pos, struct str *name, struct str *value);

/* Base64 of grpc-web-text, in pieces. Padding may come in the middle, where chunks were joined. */
struct grpc_text {
	uint32_t acc;
	uint8_t have; /* sextets in acc */
	uint8_t pad[3];
};

/* Decodes n octets into out, which has room for n * 3 / 4 + 3. Returns the octets written, or -1.
 */
int64_t grpc_text(struct grpc_text *t, const uint8_t *p, size_t n, uint8_t *out);

#endif
