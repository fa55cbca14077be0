/*
 * json_mask.h - overwrites what is in a JSON text (RFC 8259), but for what parsers/names reads
 *
 * Byte by byte, so that it may be cut anywhere. The text stays JSON of the same length: digits
 * become '0', other characters of strings 'x', escapes, punctuation and blanks stay, and so do
 * true, false and null. Names of members stay if they are words that names rest on, as far as they
 * begin as one of these does. Values stay at the paths of a table: of identifiers what may be one,
 * of a GraphQL document its operations with their names and its punctuation, numbers of tokens.
 * What follows a text is another one. What is no JSON becomes 'x' from there on.
 */
#ifndef ZC_PARSERS_JSON_MASK_H
#define ZC_PARSERS_JSON_MASK_H

#include "parsers/content/word_match.h"

#define JSON_MASK_DEPTH 64u   /* beyond it nothing more stays */
#define JSON_MASK_TRACKED 8u  /* deeper values are hidden */

/* Private. All zero is the state at the beginning. */
struct json_mask {
	uint64_t arrays;    /* bit by depth: it is one */
	uint8_t state, depth;
	uint8_t escape;	    /* of a string: 1 behind a backslash, then the digits to come + 1 */
	uint8_t keep;	    /* of the value in hand */
	struct word_match read;
	uint8_t named;	    /* a method of MCP's was read: what it names stays */
	uint8_t graph, nested; /* where in a document */
	uint16_t nkept;
	uint8_t path[JSON_MASK_TRACKED]; /* by depth: the word that leads on; WORD_NONE: another */
};

/* What is to stand for the next byte. */
uint8_t json_mask(struct json_mask *j, uint8_t c);

#endif
