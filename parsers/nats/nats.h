/*
 * nats.h - the client protocol of NATS
 *
 * https://docs.nats.io/reference/reference-protocols/nats-protocol. The contract of the functions
 * is that of parsers/protocol.h.
 *
 * What is published has no answer, and what the server delivers is a message of its own
 * (`process`). A request is what is published with an inbox to reply to: what is delivered there
 * answers it, by its subject, which is unique. A HEAD comes with the line and the headers behind
 * it; CONTENT is the payload. PING of the client is answered by PONG; the rest of the protocol is
 * no message.
 *
 * Where bytes are missing that are not within a payload, and behind what is not understood, next()
 * returns PARSE_BAD: certainty is to be earned anew, by probing.
 */
#ifndef ZC_PARSERS_NATS_H
#define ZC_PARSERS_NATS_H

#include "parsers/protocol.h"

#define NATS_MAX_LINE 4096u /* servers allow that, but for INFO and CONNECT */
#define NATS_MAX_JSON 32768u
#define NATS_MAX_HEADERS 16384u /* longer ones are not looked into */
#define NATS_MAX_PAYLOAD (64u << 20)

struct nats_side { /* private */
	uint8_t state;
	uint8_t begun;
	uint64_t pings;
	uint64_t left; /* of headers that are not looked into, and payload, with the line end */
	uint64_t skip; /* of that: what is no content, at its beginning */
};

struct nats {
	struct nats_side side[2];
};

extern const struct protocol nats_protocol; /* the row of the table */

#endif
