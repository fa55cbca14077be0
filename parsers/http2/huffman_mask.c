#include "parsers/http2/huffman_mask.h"

#include "parsers/http2/hpack_tables.h"

/* The symbol of that code, or -1: it goes on. */
static int symbol_of(uint32_t code, unsigned bits)
{
	uint32_t i = code - huffman_length[bits].first;

	if (code < huffman_length[bits].first || i >= huffman_length[bits].count)
		return -1;
	return huffman_symbol[huffman_length[bits].place + i];
}

size_t huffman_mask_read(struct huffman_mask *h, const uint8_t *p, size_t n, size_t *at,
			   struct huffman_code *s, size_t max)
{
	size_t got = 0, bit = *at;

	while (got < max && bit < 8 * n && !h->bad) {
		int symbol;

		h->code = h->code << 1 | ((uint32_t)p[bit / 8] >> (7 - bit % 8) & 1u);
		h->bits++;
		bit++;
		symbol = symbol_of(h->code, h->bits);
		if (symbol == HUFFMAN_EOS || (symbol < 0 && h->bits == HUFFMAN_LONGEST))
			h->bad = 1;
		if (symbol < 0 || h->bad)
			continue;
		s[got++] = (struct huffman_code){bit, h->code, h->bits, (uint8_t)symbol};
		h->code = h->bits = 0;
	}
	*at = bit;
	return got;
}

static int is_letter_or_digit(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/*
 * The code to stand in for this one, of which the first `told` bits are gone already. Without a
 * letter or a digit it is the last one that fits: the first are those that mean something in a URI.
 */
static uint32_t stand_in(const struct huffman_code *s, unsigned told)
{
	uint32_t first = huffman_length[s->bits].first, best = s->code;

	for (uint32_t i = 0; i < huffman_length[s->bits].count; i++) {
		int symbol = symbol_of(first + i, s->bits);

		if ((first + i) >> (s->bits - told) != s->code >> (s->bits - told) ||
		    symbol == HUFFMAN_EOS)
			continue;
		best = first + i;
		if (is_letter_or_digit(symbol))
			break;
	}
	return best;
}

void huffman_mask_hide(uint8_t *p, const struct huffman_code *s)
{
	unsigned told = s->bits > s->end ? (unsigned)(s->bits - s->end) : 0;
	uint32_t code = stand_in(s, told);

	for (unsigned i = 0; i < s->bits - told; i++) {
		size_t bit = s->end - 1 - i;
		uint8_t mask = (uint8_t)(0x80u >> bit % 8);

		p[bit / 8] = (uint8_t)((p[bit / 8] & ~mask) | (code >> i & 1 ? mask : 0));
	}
}
