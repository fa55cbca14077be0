/*
 * memcached.h - memcached's protocols: text with its meta commands, and binary
 *
 * https://github.com/memcached/memcached/blob/master/doc/protocol.txt; the binary one is in
 * protocol-binary.txt beside it, and deprecated, but spoken. The first byte of a connection tells
 * which. The contract of the functions is that of parsers/protocol.h.
 *
 * A HEAD comes with the whole line, or with header, extras and key; CONTENT is the value, or the
 * values that a `get` brings. Of what may authenticate (SASL; the first `set` of a connection, as
 * the text protocol has it) the length of CONTENT is told, and nothing else.
 *
 * Quiet commands may be answered or not. What is answered tells which of them it is, by opaque or
 * key; those before it were not (MESSAGE_SILENT). A quiet meta command that asks for neither is
 * one-way, and what answers it is a NOTICE.
 *
 * Where bytes are missing that are not within a value, and behind what is not understood, next()
 * returns PARSE_BAD: certainty is to be earned anew, by probing.
 */
#ifndef ZC_PARSERS_MEMCACHED_H
#define ZC_PARSERS_MEMCACHED_H

#include "parsers/protocol.h"

#define MEMCACHED_MAX_LINE 32768u
#define MEMCACHED_MAX_KEY 250u
#define MEMCACHED_MAX_VALUE (1u << 30) /* item sizes are limited to 1 GiB */

struct memcached_side { /* private */
	uint8_t state;
	uint8_t kind; /* of the reply that is being read: enum memcached_reply */
	uint8_t secret, tail;
	uint8_t begun; /* something has come */
	uint32_t rows;
	uint64_t left; /* bytes of the value that are to come, with its line end */
};

struct memcached {
	struct memcached_side side[2];
	uint8_t binary;		/* 0: not known yet, 1: text, 2: binary */
	uint8_t joined, known;	/* known: the request that is answered; */
	uint32_t form;		/* what it was */
};

extern const struct protocol memcached_protocol; /* the row of the table */

#endif
