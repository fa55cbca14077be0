#include "parsers/http2/hpack_mask.h"

#include <string.h>

#include "parsers/redact_scan.h"
#include "parsers/http2/hpack.h"

#define PIECE 256 /* symbols that are looked at together */

enum state {
	FIELD, /* a representation begins; the initial one */
	NAME_LENGTH,
	NAME,
	VALUE_LENGTH,
	VALUE,
};

/* What a name means for its value. */
enum name { PLAIN, PSEUDO, TARGET, URI, SECRET, UNSEEN }; /* TARGET: :path, :authority */

enum hide { NOTHING, ALL, PARAMETERS };

static enum name meaning(const struct redact_name *a)
{
	int pseudo = !a->cut && a->n && a->b[0] == ':';

	if (redact_name_is_secret_field(a))
		return SECRET;
	if (redact_name_is_uri_field(a))
		return pseudo ? TARGET : URI;
	return pseudo ? PSEUDO : PLAIN;
}

static enum name name_of(const struct hpack_mask *h, uint32_t index)
{
	struct redact_name a = {.n = 0};
	struct str s;

	if (index > HPACK_STATIC_MAX) {
		index -= HPACK_STATIC_MAX + 1;
		if (index >= h->known)
			return UNSEEN;
		return h->table[(h->inserted - 1 - index) % HPACK_MASK_ENTRIES];
	}
	s = hpack_static_name(index);
	for (size_t i = 0; i < s.n; i++)
		redact_name_add(&a, s.p[i]);
	return meaning(&a);
}

static void bad(struct hpack_mask *h)
{
	h->blind = 1;
	h->known = 0;
}

static void field_done(struct hpack_mask *h)
{
	h->state = FIELD;
	if (h->prefix != 6)
		return;
	h->table[h->inserted++ % HPACK_MASK_ENTRIES] = h->name;
	if (h->known < HPACK_MASK_ENTRIES)
		h->known++;
}

static void begin_string(struct hpack_mask *h, enum state state)
{
	h->state = (uint8_t)state;
	h->code = (struct huffman_mask){0};
}

static void name_done(struct hpack_mask *h)
{
	h->name = (uint8_t)meaning(&h->scan.name);
	h->state = VALUE_LENGTH;
}

static void begin_value(struct hpack_mask *h)
{
	begin_string(h, VALUE);
	h->hide = NOTHING;
	if (h->name == SECRET || h->name == UNSEEN ||
	    (h->never && h->name != PSEUDO && h->name != TARGET))
		h->hide = ALL;
	else if (h->name == TARGET || h->name == URI)
		h->hide = PARAMETERS;
	if (h->hide == PARAMETERS)
		redact_scan_uri(&h->scan);
	if (!h->number)
		field_done(h);
}

/* The integer is complete. */
static void number_done(struct hpack_mask *h)
{
	switch (h->state) {
	case FIELD:
		if (h->prefix == 7 && !h->number) {
			bad(h);
		} else if (h->prefix == 6 || h->prefix == 4) {
			h->state = h->number ? VALUE_LENGTH : NAME_LENGTH;
			if (h->number)
				h->name = (uint8_t)name_of(h, h->number);
		}
		break;
	case NAME_LENGTH:
		begin_string(h, NAME);
		redact_name_reset(&h->scan.name);
		if (!h->number)
			name_done(h);
		break;
	default:
		begin_value(h);
		break;
	}
}

/* An octet of a representation outside of its strings. */
static void octet(struct hpack_mask *h, uint8_t c)
{
	unsigned bits = 7;

	if (h->going) {
		uint64_t v = h->number + ((uint64_t)(c & 0x7f) << h->shift);

		h->number = (uint32_t)v;
		h->shift += 7;
		if (v > UINT32_MAX || (c & 0x80 && h->shift > 28)) {
			bad(h);
			return;
		}
		h->going = c >> 7;
	} else {
		if (h->state == FIELD) {
			bits = c & 0x80 ? 7 : c & 0x40 ? 6 : c & 0x20 ? 5 : 4;
			h->prefix = (uint8_t)bits;
			h->never = bits == 4 && c & 0x10;
		} else {
			h->huffman = c >> 7;
		}
		h->number = c & ((1u << bits) - 1);
		h->going = h->number == (1u << bits) - 1;
		h->shift = 0;
	}
	if (!h->going)
		number_done(h);
}

/* n octets of a coded string; last: it ends with them. */
static void coded(struct hpack_mask *h, uint8_t *p, size_t n, int last)
{
	struct huffman_code s[PIECE];
	char text[PIECE];
	size_t at = 0, got;

	do {
		got = huffman_mask_read(&h->code, p, n, &at, s, PIECE);
		for (size_t i = 0; i < got; i++)
			text[i] = (char)s[i].octet;
		for (size_t i = 0; i < got; i++) {
			int more = got == PIECE || !last;

			if (h->state == NAME)
				redact_name_add(&h->scan.name, text[i]);
			else if (h->hide == ALL ||
				 redact_scan_step(&h->scan, text + i, text + got, more))
				huffman_mask_hide(p, &s[i]);
		}
	} while (got == PIECE);
}

static void raw(struct hpack_mask *h, uint8_t *p, size_t n, int last)
{
	for (size_t i = 0; i < n; i++) {
		if (h->state == NAME)
			redact_name_add(&h->scan.name, (char)p[i]);
		else if (h->hide == ALL || redact_scan_step(&h->scan, (const char *)p + i,
							    (const char *)p + n, !last))
			p[i] = 'x';
	}
}

/* Octets of a string; returns how many of them need no more attention. */
static size_t string(struct hpack_mask *h, uint8_t *p, size_t n)
{
	size_t len = n < h->number ? n : h->number;

	h->number -= (uint32_t)len;
	if (h->state == NAME || h->hide != NOTHING) {
		if (h->huffman)
			coded(h, p, len, !h->number);
		else
			raw(h, p, len, !h->number);
	}
	if (h->code.bad) {
		bad(h);
		return 0; /* from somewhere on, nothing of these octets was read */
	}
	if (!h->number && h->state == NAME)
		name_done(h);
	else if (!h->number)
		field_done(h);
	return len;
}

void hpack_mask_feed(struct hpack_mask *h, uint8_t *p, size_t n)
{
	size_t used;

	for (; n && !h->blind; p += used, n -= used) {
		used = 1;
		if (h->state == NAME || h->state == VALUE)
			used = string(h, p, n);
		else
			octet(h, *p);
	}
	memset(p, MASK_BLIND, n);
}

void hpack_mask_end(struct hpack_mask *h)
{
	if (h->state != FIELD || h->going)
		h->known = 0;
	h->state = FIELD;
	h->going = h->blind = 0;
}

void hpack_mask_gap(struct hpack_mask *h)
{
	bad(h);
}
