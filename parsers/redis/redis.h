/*
 * redis.h - RESP, the protocol of Redis and of what speaks like it (Valkey, KeyDB, Dragonfly)
 *
 * The Redis serialization protocol, versions 2 and 3: https://redis.io/docs/reference/protocol-spec
 * The contract of the functions is that of parsers/protocol.h.
 *
 * Requests are arrays of bulk strings, or lines (inline commands). A HEAD comes when the name and
 * the arguments behind it are there, as far as the limits below go; it consumes the name alone. The
 * arguments follow as CONTENT, each but the last with its line end. Of commands that may hold
 * secrets there is no CONTENT, neither of the request nor of the reply.
 *
 * Replies are values of any type and depth. CONTENT is what the strings and numbers in them hold,
 * each but the last with its line end. An error anywhere in a reply makes it a failed one: of EXEC,
 * of a script. What a server sends unasked are NOTICEs: the pushes of RESP3, what was published to
 * a subscriber, the lines of MONITOR. They are counted on the exchange of the command that asked
 * for them, which lasts until the last subscription or the connection ends.
 *
 * Where bytes are missing that are not within a string of known length, and behind what is not
 * RESP, next() returns PARSE_BAD: certainty is to be earned anew, by probing.
 */
#ifndef ZC_PARSERS_REDIS_H
#define ZC_PARSERS_REDIS_H

#include "parsers/protocol.h"

#define REDIS_HEAD_ARGS 64u	/* arguments that a HEAD knows, with the name; */
#define REDIS_HEAD_ARG 1024u	/* length of the longest of them, */
#define REDIS_MAX_HEAD 16384u	/* and of all of them */
#define REDIS_MAX_LINE 512u	/* of a longer simple string the rest is not looked at */
#define REDIS_MAX_INLINE 32768u /* a longer inline command is not understood */
#define REDIS_MAX_TEXT 512u	/* of db_query */
#define REDIS_MAX_STREAMED 8u	/* aggregates of unknown length within one another */

struct redis_request { /* private */
	uint8_t state, tail, secret, silent;
	uint64_t args; /* still to come */
	uint64_t left; /* bytes of the argument still to come, its end included */
	char operation[2 * 64 + 1];
	char shape[REDIS_MAX_TEXT];
};

struct redis_reply { /* private */
	uint8_t state, tail;
	uint8_t what; /* the value at top level that is being read */
	uint8_t open; /* HEAD was given, END was not */
	uint8_t failed, over;
	uint8_t long_form;	     /* what asked for messages; 0: nothing */
	uint8_t known, form, secret; /* of the request that is answered, by answers() */
	uint16_t number;
	uint8_t word; /* first word of the value at top level */
	uint8_t nstreamed, ncode;
	uint16_t confirms;		     /* confirmations still to come */
	uint32_t channels, patterns, shards; /* subscribed to */
	uint32_t count;			     /* what the confirmation being read says of that */
	uint32_t together;		     /* what the last one said of channels and patterns */
	int32_t db, next_db; /* the connection's database, that after EXEC; -1: not known, none */
	uint64_t left;	     /* bytes of the string still to come, its end included */
	uint64_t pending;    /* values still to come */
	uint64_t last;	     /* length of the last string */
	uint64_t streamed[REDIS_MAX_STREAMED];
	char code[24], digits[12];
};

struct redis {
	struct redis_request request;
	struct redis_reply reply;
};

extern const struct protocol redis_protocol; /* the row of the table */

#endif
