/*
 * mongodb.h - the wire protocol of MongoDB and of what speaks like it (FerretDB, DocumentDB)
 *
 * https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol: OP_MSG, OP_QUERY and
 * OP_REPLY as far as drivers greet servers with them. Of OP_COMPRESSED that it is compressed is
 * told, and nothing else. The contract of the functions is that of parsers/protocol.h.
 *
 * A HEAD comes when MONGODB_PEEK bytes of the message, or all of it, are there; what is told of a
 * command or of an error is looked for in these. CONTENT is what is behind the header, as it is,
 * but none of commands that hold credentials and of their answers.
 *
 * Answers that follow one request (moreToCome) are NOTICEs of its exchange, which lasts until the
 * last one of them.
 */
#ifndef ZC_PARSERS_MONGODB_H
#define ZC_PARSERS_MONGODB_H

#include "parsers/protocol.h"

#define MONGODB_PEEK 4096u
#define MONGODB_MAX_SIZE (64u << 20) /* servers allow 48,000,000 bytes */
#define MONGODB_MAX_TEXT 128u

struct mongodb_side { /* private */
	uint8_t state, secret;
	uint8_t streams, over; /* of a message that is a further answer: it is one; the last one */
	uint32_t left;
	uint32_t size;
	char status[MONGODB_MAX_TEXT];
};

struct mongodb {
	struct mongodb_side side[2];
	uint32_t last;	  /* id of the last answer that said that another one follows */
	uint32_t one_way; /* id of the last request that wants no answer; 0: none */
	uint8_t more;	  /* there is one more answer, see `last` */
};

extern const struct protocol mongodb_protocol; /* the row of the table */
extern const struct protocol_mask mongodb_mask;

#endif
