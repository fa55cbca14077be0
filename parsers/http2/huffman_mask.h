/*
 * huffman_mask.h - other text of the same size in Huffman code (RFC 7541 section 5.2)
 *
 * A coded string is read in parts, as they come. A symbol can be replaced, where it lies, by
 * another one whose code has the same number of bits. So the string keeps its octets, its length
 * when decoded and its padding, and with them what a table accounts for it (section 4.1).
 *
 * What can be told from the replacement is the length of each symbol's code, and of a symbol that
 * is cut by the end of a part the bits in that part, at most 29 and nearly always less than 8.
 */
#ifndef ZC_PARSERS_HUFFMAN_MASK_H
#define ZC_PARSERS_HUFFMAN_MASK_H

#include <stddef.h>
#include <stdint.h>

/* Between parts. All zero is the state at the beginning of a string. */
struct huffman_mask {
	uint32_t code; /* bits of the symbol that is not complete */
	uint8_t bits;
	uint8_t bad; /* EOS or more than that: not Huffman code, nothing more is read */
};

struct huffman_code {
	size_t end; /* bits of the part up to the symbol's end; the symbol may begin before the part
		     */
	uint32_t code;
	uint8_t bits, octet;
};

/*
 * The next symbols of the part p[0..n), from bit *at on, at most max of them; *at moves on. Fewer
 * than max: the part is read to its end, and what is not complete there is kept in h.
 */
size_t huffman_mask_read(struct huffman_mask *h, const uint8_t *p, size_t n, size_t *at,
			 struct huffman_code *s, size_t max);

/*
 * Overwrites a symbol of the part p. The new one is a letter or a digit if there is any with a code
 * of that length (and, if the symbol began before the part, with the bits that are there).
 */
void huffman_mask_hide(uint8_t *p, const struct huffman_code *s);

#endif
