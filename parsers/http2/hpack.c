/*
 * hpack.c - see hpack.h for the ideas
 *
 * Memory: the struct, then a ring of entries (capacity / 32 of them at most, since each one takes
 * 32 octets), then one octet per entry for learnt names, then the text. Text is appended; when its
 * end is reached what is alive is moved to the front. Positions are logical, so that moving costs
 * one memmove() and no walk over the entries.
 */
#include <string.h>
#include "parsers/http2/hpack.h"
#include "parsers/http2/hpack_tables.h"

#define LEARNT_CONTRADICTORY 0xff

struct entry {
	int64_t name_id; /* E_NAME_ID: entry whose name it is */
	uint32_t text;	 /* logical position of name (unless static) and value */
	uint32_t size;	 /* in the sense of section 4.1; the least it can be */
	uint16_t nname, nvalue;
	uint8_t flags;
	uint8_t name; /* E_STATIC: index into the static table, from 1 */
	uint8_t pad[2];
};

#define E_STATIC 0x1u	/* name in the static table */
#define E_NAME_ID 0x2u	/* name unseen */
#define E_NO_VALUE 0x4u /* value not kept */

struct hpack {
	int64_t inserted; /* number that the next insertion will get */
	int64_t floor;	  /* entries with smaller numbers are gone for certain */
	uint32_t capacity, slots;
	uint32_t limit;	 /* largest table that the receiver allows */
	uint32_t max;	 /* size of the encoder's table, or the most it can be */
	uint32_t octets; /* sum of the sizes of the entries held */
	uint32_t count;	 /* entries held */
	uint32_t newest; /* slot of the newest entry */
	uint32_t base;	 /* logical position of the first octet of text memory */
	uint32_t end;	 /* logical position behind the last octet of text */
	uint32_t epoch;
	uint32_t changes;
	uint8_t in_fields; /* the block has had a field: no more size updates */
	uint8_t pad[3];
	struct entry entry[];
};

static uint32_t clamp_capacity(uint32_t capacity)
{
	if (capacity < 64)
		return 64;
	return capacity > HPACK_MAX_TABLE ? HPACK_MAX_TABLE : capacity;
}

static uint8_t *learnt(struct hpack *h)
{
	return (uint8_t *)(h->entry + h->slots);
}

static uint8_t *text(struct hpack *h)
{
	return learnt(h) + h->slots;
}

size_t hpack_size(uint32_t capacity)
{
	uint32_t c = clamp_capacity(capacity), slots = c / HPACK_ENTRY;

	return sizeof(struct hpack) + slots * (sizeof(struct entry) + 1) + c;
}

struct hpack *hpack_init(void *mem, uint32_t capacity, int from_start)
{
	struct hpack *h = mem;

	memset(mem, 0, hpack_size(capacity));
	h->capacity = clamp_capacity(capacity);
	h->slots = h->capacity / HPACK_ENTRY;
	h->limit = h->max = from_start ? HPACK_DEFAULT_TABLE : HPACK_ANY_LIMIT;
	h->floor = from_start ? 0 : -(int64_t)(h->max / HPACK_ENTRY);
	return h;
}

void hpack_forget(struct hpack *h)
{
	h->epoch++;
	h->changes++;
	h->inserted = 0;
	h->max = h->limit;
	h->floor = -(int64_t)(h->max / HPACK_ENTRY);
	h->octets = h->count = 0;
	h->base = h->end = 0;
	memset(learnt(h), 0, h->slots);
}

void hpack_limit(struct hpack *h, uint32_t max)
{
	h->limit = max;
}

uint32_t hpack_wanted(const struct hpack *h)
{
	if (h->max == HPACK_ANY_LIMIT || h->max <= h->capacity || h->capacity == HPACK_MAX_TABLE)
		return 0;
	return h->max > HPACK_MAX_TABLE ? HPACK_MAX_TABLE : h->max;
}

uint32_t hpack_epoch(const struct hpack *h)
{
	return h->epoch;
}

uint32_t hpack_changes(const struct hpack *h)
{
	return h->changes;
}

uint32_t hpack_entries(const struct hpack *h)
{
	return h->count;
}

uint32_t hpack_octets(const struct hpack *h)
{
	return h->octets;
}

struct str hpack_static_name(unsigned index)
{
	return (struct str){hpack_static[index - 1].name, hpack_static[index - 1].nname};
}

/* ---- the dynamic table */

/* age 0: the newest */
static struct entry *entry_at(struct hpack *h, uint32_t age)
{
	uint32_t i = h->newest + h->slots - age;

	return &h->entry[i >= h->slots ? i - h->slots : i];
}

static uint32_t stored(const struct entry *e)
{
	return (e->flags & (E_STATIC | E_NAME_ID) ? 0u : e->nname) + e->nvalue;
}

/* No more entries than these can lie behind those held. */
static void raise_floor(struct hpack *h)
{
	int64_t floor = h->inserted - h->count;

	if (h->max > h->octets)
		floor -= (h->max - h->octets) / HPACK_ENTRY;
	if (floor > h->floor)
		h->floor = floor;
}

/* Drops the oldest entries until `more` octets fit in with the rest, or none is left. */
static void evict(struct hpack *h, uint64_t more)
{
	while (h->count && h->octets + more > (h->max < h->capacity ? h->max : h->capacity)) {
		/* dropped by the encoder as well, or only here for want of memory? */
		if (h->octets + more > h->max)
			h->floor = h->inserted - h->count + 1;
		h->octets -= entry_at(h, h->count - 1)->size;
		h->count--;
	}
}

static uint8_t *text_room(struct hpack *h, uint32_t need)
{
	uint32_t live = h->count ? entry_at(h, h->count - 1)->text : h->end;

	if (h->end - h->base + need > h->capacity) {
		memmove(text(h), text(h) + (live - h->base), h->end - live);
		h->base = live;
	}
	return text(h) + (h->end - h->base);
}

/* The newest entry, for which there is room. Returns where its text goes. */
static uint8_t *append(struct hpack *h, const struct entry *e)
{
	uint8_t *to = text_room(h, stored(e));

	h->newest = h->newest + 1 == h->slots ? 0 : h->newest + 1;
	h->entry[h->newest] = *e;
	h->entry[h->newest].text = h->end;
	h->end += stored(e);
	h->octets += e->size;
	h->count++;
	return to;
}

static void insert(struct hpack *h, const struct hpack_field *f, unsigned static_name,
		   uint64_t size)
{
	struct entry e = {.name_id = f->name_id, .size = (uint32_t)size};
	uint8_t *to;

	h->changes++;
	evict(h, size);
	if (size > h->max) {
		/* Section 4.4: the table is empty now. Numbered all the same, see hpack.h. */
		h->inserted++;
		h->floor = h->inserted;
		return;
	}
	h->inserted++;
	if (size > h->capacity) {
		raise_floor(h);
		return;
	}
	if (static_name) {
		e.flags = E_STATIC;
		e.name = (uint8_t)static_name;
	} else if (!f->name.p || f->flags & HPACK_NAME_INFERRED) {
		e.flags = E_NAME_ID;
		if (e.name_id == HPACK_NO_ID)
			e.name_id = h->inserted - 1;
	} else {
		e.nname = (uint16_t)f->name.n;
	}
	if (f->value.p)
		e.nvalue = (uint16_t)f->value.n;
	else
		e.flags |= E_NO_VALUE;
	to = append(h, &e);
	if (!(e.flags & (E_STATIC | E_NAME_ID))) {
		memcpy(to, f->name.p, e.nname);
		to += e.nname;
	}
	if (e.nvalue)
		memcpy(to, f->value.p, e.nvalue);
	raise_floor(h);
}

struct hpack *hpack_move(void *mem, uint32_t capacity, struct hpack *old)
{
	struct hpack *h = hpack_init(mem, capacity, 0);

	h->limit = old->limit;
	h->max = old->max;
	h->epoch = old->epoch;
	h->changes = old->changes + 1;
	h->in_fields = old->in_fields;
	h->floor = old->floor;
	memcpy(learnt(h), learnt(old), h->slots < old->slots ? h->slots : old->slots);
	h->inserted = old->inserted - old->count;
	for (uint32_t age = old->count; age-- > 0;) {
		const struct entry *e = entry_at(old, age);
		uint8_t *to;

		h->inserted++;
		evict(h, e->size);
		if (e->size > h->capacity)
			continue;
		to = append(h, e);
		memcpy(to, text(old) + (e->text - old->base), stored(e));
	}
	return h;
}

void hpack_learn_name(struct hpack *h, int64_t id, unsigned index)
{
	uint8_t *slot;

	if (id >= 0 || id < -(int64_t)h->slots || !index || index > HPACK_STATIC_COUNT)
		return;
	slot = learnt(h) + (-id - 1);
	if (!*slot)
		*slot = (uint8_t)index;
	else if (*slot == LEARNT_CONTRADICTORY ||
		 strcmp(hpack_static[*slot - 1].name, hpack_static[index - 1].name))
		*slot = LEARNT_CONTRADICTORY;
}

/* ---- integers and strings, section 5 */

/* One whose prefix is full: what is behind it at p[*pos]. */
static enum hpack_status get_long_int(const uint8_t *p, size_t n, size_t *pos, uint32_t *value)
{
	size_t i = *pos + 1;
	uint64_t v = *value;

	for (unsigned shift = 0;; shift += 7) {
		if (shift > 28)
			return HPACK_BAD;
		if (i >= n)
			return HPACK_MORE;
		v += (uint64_t)(p[i] & 0x7f) << shift;
		if (v > UINT32_MAX)
			return HPACK_BAD;
		if (!(p[i++] & 0x80))
			break;
	}
	*pos = i;
	*value = (uint32_t)v;
	return HPACK_FIELD;
}

/*
 * Integer with a prefix of `bits` bits at p[*pos]. Beyond 32 bits, or with more bytes than 32 bits
 * can need, it is bad.
 */
static inline enum hpack_status get_int(const uint8_t *p, size_t n, size_t *pos, unsigned bits,
					uint32_t *value)
{
	uint32_t mask = (1u << bits) - 1;

	if (*pos >= n)
		return HPACK_MORE;
	*value = p[*pos] & mask;
	if (*value == mask)
		return get_long_int(p, n, pos, value);
	++*pos;
	return HPACK_FIELD;
}

/* A code longer than HUFFMAN_FAST bits. 0: the bits end before it does. -1: EOS. */
static int long_code(uint64_t acc, unsigned bits, unsigned *octet)
{
	for (unsigned n = HUFFMAN_FAST + 1; n <= HUFFMAN_LONGEST && n <= bits; n++) {
		uint32_t code = (uint32_t)(acc >> (bits - n)) & ((1u << n) - 1);
		uint32_t i = code - huffman_length[n].first;

		if (code < huffman_length[n].first || i >= huffman_length[n].count)
			continue;
		*octet = huffman_symbol[huffman_length[n].place + i];
		return *octet == HUFFMAN_EOS ? -1 : (int)n;
	}
	return 0;
}

/*
 * Huffman code, section 5.2: decodes src[0..n) into dst, which has room for cap octets (NULL: only
 * counts). Returns the length, which may be larger than cap (then dst holds the first cap octets),
 * or -1. At most n * 8 / 5 octets come out.
 */
static int64_t huffman(const uint8_t *src, size_t n, uint8_t *dst, size_t cap)
{
	const uint8_t *end = src + n;
	unsigned bits = 0, octet;
	uint64_t acc = 0;
	size_t out = 0;
	int used;

	for (;;) {
		uint32_t next;

		while (bits <= 56 && src < end) {
			acc = acc << 8 | *src++;
			bits += 8;
		}
		if (bits >= HUFFMAN_FAST)
			next = (uint32_t)(acc >> (bits - HUFFMAN_FAST));
		else
			next = (uint32_t)((acc + 1) << (HUFFMAN_FAST - bits)) - 1;
		next &= (1u << HUFFMAN_FAST) - 1;
		used = huffman_fast[next].bits;
		octet = huffman_fast[next].octet;
		if (!used)
			used = long_code(acc, bits, &octet);
		if (used < 0)
			return -1;
		if (!used || (unsigned)used > bits)
			break;
		bits -= (unsigned)used;
		if (dst && out < cap)
			dst[out] = (uint8_t)octet;
		out++;
	}
	/* what is left is padding: the beginning of EOS, shorter than an octet */
	if (bits > 7 || (acc & ((1u << bits) - 1)) != (1u << bits) - 1)
		return -1;
	return (int64_t)out;
}

/* A string literal: where it lies, and how long it is when decoded. */
struct literal {
	const uint8_t *p;
	size_t n, length;
	int huffman;
};

static enum hpack_status get_literal(const uint8_t *p, size_t n, size_t *pos, struct literal *l)
{
	enum hpack_status st;
	uint32_t length;

	if (*pos >= n)
		return HPACK_MORE;
	l->huffman = p[*pos] >> 7;
	st = get_int(p, n, pos, 7, &length);
	if (st != HPACK_FIELD)
		return st;
	if (length > n - *pos)
		return HPACK_MORE;
	l->p = p + *pos;
	l->n = l->length = length;
	*pos += length;
	return HPACK_FIELD;
}

/* The decoded literal; p is NULL if there is no room. */
static enum hpack_status read_literal(struct literal *l, struct hpack_scratch *s, struct str *out)
{
	size_t room = s->n - s->used;
	int64_t length;

	*out = (struct str){(const char *)l->p, l->n};
	if (!l->huffman)
		return HPACK_FIELD;
	length = huffman(l->p, l->n, s->p + s->used, room);
	if (length < 0)
		return HPACK_BAD;
	l->length = (size_t)length;
	*out = (struct str){NULL, 0};
	if (l->length <= room) {
		*out = (struct str){(const char *)s->p + s->used, l->length};
		s->used += l->length;
	}
	return HPACK_FIELD;
}

/* ---- representations, section 6 */

static struct str copy_text(struct hpack *h, uint32_t at, uint32_t n, struct hpack_scratch *s)
{
	struct str out = {NULL, 0};

	if (n <= s->n - s->used) {
		out = (struct str){(const char *)s->p + s->used, n};
		memcpy(s->p + s->used, text(h) + (at - h->base), n);
		s->used += n;
	}
	return out;
}

/* The name is that of an entry out of sight; perhaps it has been learnt. */
static void unseen_name(struct hpack *h, int64_t id, struct hpack_field *f)
{
	uint8_t known = 0;

	f->name_id = id;
	if (id < 0 && id >= -(int64_t)h->slots)
		known = learnt(h)[-id - 1];
	if (known && known != LEARNT_CONTRADICTORY) {
		f->name = hpack_static_name(known);
		f->flags |= HPACK_NAME_INFERRED;
	} else {
		f->flags |= HPACK_NAME_UNSEEN;
	}
}

/*
 * Name, and value if asked for, of entry `index` of both tables. *static_name is the index when the
 * name is in the static table. *nname is the length of the name, if only the least it can have.
 */
static enum hpack_status look_up(struct hpack *h, uint32_t index, int with_value,
				 struct hpack_scratch *s, struct hpack_field *f,
				 unsigned *static_name, size_t *nname)
{
	const struct entry *e;
	uint32_t at;

	if (!index)
		return HPACK_BAD;
	if (index <= HPACK_STATIC_COUNT) {
		*static_name = index;
		f->name = hpack_static_name(index);
		*nname = f->name.n;
		if (with_value)
			f->value = (struct str){hpack_static[index - 1].value,
						hpack_static[index - 1].nvalue};
		return HPACK_FIELD;
	}
	index -= HPACK_STATIC_COUNT + 1; /* the age, now */
	if (h->inserted - 1 - (int64_t)index < h->floor)
		return HPACK_BAD;
	if (with_value)
		f->id = h->inserted - 1 - index;
	if (index >= h->count) {
		unseen_name(h, h->inserted - 1 - index, f);
		if (with_value)
			f->flags |= HPACK_VALUE_UNSEEN;
		return HPACK_FIELD;
	}
	e = entry_at(h, index);
	at = e->text;
	if (e->flags & E_STATIC) {
		*static_name = e->name;
		f->name = hpack_static_name(e->name);
		*nname = f->name.n;
	} else if (e->flags & E_NAME_ID) {
		unseen_name(h, e->name_id, f);
	} else {
		*nname = e->nname;
		f->name = copy_text(h, at, e->nname, s);
		if (!f->name.p)
			f->flags |= HPACK_TOO_LONG;
		at += e->nname;
	}
	if (with_value && e->flags & E_NO_VALUE) {
		f->flags |= HPACK_VALUE_UNSEEN;
	} else if (with_value) {
		f->value = copy_text(h, at, e->nvalue, s);
		if (!f->value.p)
			f->flags |= HPACK_TOO_LONG;
	}
	return HPACK_FIELD;
}

static enum hpack_status next_literal(struct hpack *h, const uint8_t *p, size_t n, size_t *pos,
				      struct hpack_scratch *s, struct hpack_field *f, unsigned bits)
{
	struct literal name = {0}, value;
	unsigned static_name = 0;
	enum hpack_status st;
	uint32_t index;
	size_t nname = 0;

	st = get_int(p, n, pos, bits, &index);
	if (st == HPACK_FIELD && !index)
		st = get_literal(p, n, pos, &name);
	if (st == HPACK_FIELD)
		st = get_literal(p, n, pos, &value);
	if (st != HPACK_FIELD)
		return st;
	if (index) {
		st = look_up(h, index, 0, s, f, &static_name, &nname);
	} else {
		st = read_literal(&name, s, &f->name);
		nname = name.length;
	}
	if (st == HPACK_FIELD)
		st = read_literal(&value, s, &f->value);
	if (st != HPACK_FIELD)
		return st;
	if ((!f->name.p && !(f->flags & HPACK_NAME_UNSEEN)) || !f->value.p)
		f->flags |= HPACK_TOO_LONG;
	if (bits == 6) {
		f->flags |= HPACK_INSERTED;
		f->id = h->inserted;
		insert(h, f, static_name, (uint64_t)HPACK_ENTRY + nname + value.length);
	}
	return HPACK_FIELD;
}

static enum hpack_status size_update(struct hpack *h, const uint8_t *p, size_t n, size_t *pos)
{
	enum hpack_status st;
	uint32_t size;

	if (h->in_fields)
		return HPACK_BAD;
	st = get_int(p, n, pos, 5, &size);
	if (st != HPACK_FIELD)
		return st;
	if (size > h->limit)
		return HPACK_BAD;
	h->max = size;
	h->changes++;
	evict(h, 0);
	raise_floor(h);
	return HPACK_FIELD;
}

enum hpack_status hpack_next(struct hpack *h, const uint8_t *p, size_t n, size_t *pos,
			     struct hpack_scratch *s, struct hpack_field *f)
{
	enum hpack_status st;
	unsigned static_name;
	size_t at, nname;
	uint32_t index;

	if (!*pos)
		h->in_fields = 0;
	while (*pos < n && p[*pos] >> 5 == 1) {
		at = *pos;
		st = size_update(h, p, n, &at);
		if (st != HPACK_FIELD)
			return st;
		*pos = at;
	}
	if (*pos >= n)
		return HPACK_END;
	*f = (struct hpack_field){.id = HPACK_NO_ID, .name_id = HPACK_NO_ID};
	at = *pos;
	if (p[at] & 0x80) {
		f->flags = HPACK_INDEXED;
		st = get_int(p, n, &at, 7, &index);
		if (st == HPACK_FIELD)
			st = look_up(h, index, 1, s, f, &static_name, &nname);
	} else if (p[at] & 0x40) {
		st = next_literal(h, p, n, &at, s, f, 6);
	} else {
		f->flags = p[at] & 0x10 ? HPACK_NEVER_INDEXED : 0;
		st = next_literal(h, p, n, &at, s, f, 4);
	}
	if (st == HPACK_FIELD) {
		*pos = at;
		h->in_fields = 1;
	}
	return st;
}

/* ---- without state */

/* Names are in lower case and visible, values have no control characters, RFC 9113 section 8.2.1.
 */
static int plausible_literal(const uint8_t *p, size_t n, size_t *pos, int is_name, size_t *length)
{
	struct literal l;

	if (get_literal(p, n, pos, &l) != HPACK_FIELD)
		return 0;
	*length = l.n;
	if (l.huffman)
		return huffman(l.p, l.n, NULL, 0) >= is_name;
	for (size_t i = 0; i < l.n; i++)
		if (is_name ? l.p[i] <= ' ' || l.p[i] >= 127 || (l.p[i] >= 'A' && l.p[i] <= 'Z')
			    : (l.p[i] < ' ' && l.p[i] != '\t') || l.p[i] == 127)
			return 0;
	return l.n || !is_name;
}

/* Hardly any encoder spells them out, but it is allowed to. */
static int is_pseudo_name(const uint8_t *p, size_t n)
{
	static const char *const names[] = {"\7:method", "\7:scheme", "\5:path",
					    "\12:authority", "\7:status"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = 1 + (size_t)names[i][0];

		if (n >= len && !memcmp(p, names[i], len))
			return 1;
	}
	return 0;
}

int hpack_plausible(const uint8_t *p, size_t n)
{
	unsigned fields = 0, pseudo = 0;
	size_t pos = 0, length = 1, name;
	uint32_t v;

	while (pos < n) {
		uint8_t c = p[pos];
		unsigned bits = c & 0x80 ? 7 : c & 0x40 ? 6 : c & 0x20 ? 5 : 4;

		if (get_int(p, n, &pos, bits, &v) != HPACK_FIELD)
			return 0;
		if (bits == 5) {
			if (fields)
				return 0;
			continue;
		}
		if (bits == 7 && !v)
			return 0;
		name = pos;
		if (bits != 7 && ((!v && !plausible_literal(p, n, &pos, 1, &length)) ||
				  !plausible_literal(p, n, &pos, 0, &length)))
			return 0;
		if (bits != 7 && !v && fields < 4 && length)
			pseudo |= (unsigned)is_pseudo_name(p + name, n - name);
		/* entries 1 to 14 are the pseudo-header fields, which are never empty */
		if (fields++ < 4 && v >= 1 && v <= 14 && length)
			pseudo = 1;
	}
	return fields ? 1 + (int)pseudo : 0;
}
