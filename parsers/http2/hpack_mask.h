/*
 * hpack_mask.h - overwrites the secrets in field blocks of HTTP/2 (HPACK, RFC 7541)
 *
 * One struct hpack_mask follows one direction of a connection. A block may be cut anywhere. Not
 * a decoder: representations are walked octet by octet, and values that are secret are overwritten
 * where they stand, with as many octets that decode to as many, so that whoever decodes the result
 * finds the same fields, the same names and a table of the same size. Raw literals become 'x',
 * coded ones what huffman_mask.h makes of them. A field that is inserted into the table is hidden
 * there; later references to it give the hidden value.
 *
 * Hidden are the values
 * - of the fields that redact.h says are secret;
 * - of literals that are never to be indexed (section 7.1.3), pseudo-header fields apart: what is
 *   shown live treats them so;
 * - of literals whose name is in a table entry that was not seen: better too much than too little.
 *   There is no exception for pseudo-header fields, whose names encoders take from the static
 * table;
 * - of parameters, and userinfo, in :path and in the fields that redact.h says are URIs.
 *
 * Of the dynamic table only what its names mean is kept, in order of insertion. Sizes and evictions
 * need not be followed: indices count from the newest entry, so what was evicted only lies behind
 * what a correct encoder can refer to, and an entry too large for the table (section 4.4) leaves
 * nothing behind it to be counted wrongly. Names beyond HPACK_MASK_ENTRIES count as not seen;
 * a table of 16 KiB never has more.
 *
 * Where octets are missing, or the block is not HPACK, it is not known where representations begin.
 * Then the rest of the block becomes octets of 0x80: an indexed field with index 0, which is an
 * error (section 6.1), so that no decoder takes the rest for fields or believes that it knows the
 * table.
 */
#ifndef ZC_PARSERS_HPACK_MASK_H
#define ZC_PARSERS_HPACK_MASK_H

#include "parsers/redact.h"
#include "parsers/http2/huffman_mask.h"

#define HPACK_MASK_ENTRIES 512u /* a power of two */
#define MASK_BLIND 0x80		/* what stands for octets that were not understood */

/* Private; about 700 octets, no pointers. All zero is the state at the beginning. */
struct hpack_mask {
	uint8_t state, going, prefix, shift;
	uint8_t never, huffman, name, hide;
	uint8_t blind;
	uint32_t number; /* the integer in hand, then octets of the string that are to come */
	struct huffman_mask code;
	struct redact_scan scan;
	uint32_t inserted,
		known; /* entries since the beginning, and those of which the name is kept */
	uint8_t table[HPACK_MASK_ENTRIES];
};

/* The next n octets of a field block. */
void hpack_mask_feed(struct hpack_mask *h, uint8_t *p, size_t n);

/* The block is at its end (END_HEADERS). */
void hpack_mask_end(struct hpack_mask *h);

/* Octets of the block are missing here; what was in the table may be anything. */
void hpack_mask_gap(struct hpack_mask *h);

#endif
