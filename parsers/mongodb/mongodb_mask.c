/*
 * mongodb_mask.c - what a recording may hold: headers, names of fields, lengths; collection and
 * database, and how a command ended
 *
 * Of the document of a message there stay types, names and lengths at its top level, and the
 * values of a few names; all other values, documents within it and what is behind it become 'x'.
 */
#include "parsers/byte_order.h"
#include "parsers/mongodb/mongodb.h"

#define HEADER 16u
#define OP_REPLY 1u
#define OP_QUERY 2004u
#define OP_COMPRESSED 2012u
#define OP_MSG 2013u
#define MAX_NAME 16u

enum where {
	IN_HEADER,
	IN_KEEP,       /* n bytes that stay; behind them `next` */
	IN_COLLECTION, /* of OP_QUERY: a name that ends in a zero */
	IN_KIND,       /* of OP_MSG: what its next section is */
	IN_SEQUENCE,   /* the length of a sequence of documents */
	IN_DOCUMENTS,  /* n bytes of it: hidden */
	IN_TYPE,
	IN_NAME,
	IN_LENGTH, /* of a value */
	IN_VALUE,  /* n bytes */
	IN_REST,   /* of the message: hidden */
};

struct mask { /* flat, for protocol_mask */
	uint8_t lost, where, next, nheader;
	uint8_t type, elements, nname, keeps, at;
	uint8_t header[HEADER];
	uint32_t left, n; /* of the message; of what is there */
	char name[MAX_NAME];
};

static void keep(struct mask *k, uint32_t n, enum where next)
{
	k->where = IN_KEEP;
	k->n = n;
	k->next = next;
}

static int header_byte(struct mask *k, uint8_t c)
{
	uint32_t size;

	k->header[k->nheader++] = c;
	if (k->nheader < HEADER)
		return 1;
	k->nheader = 0;
	size = le32(k->header);
	if (size < HEADER || size > MONGODB_MAX_SIZE)
		return 0;
	k->left = size - HEADER;
	k->elements = 0;
	switch (le32(k->header + 12)) {
	case OP_MSG: keep(k, 4, IN_KIND); break;
	case OP_QUERY: keep(k, 4, IN_COLLECTION); break;
	case OP_REPLY: keep(k, 24, IN_TYPE); break;
	case OP_COMPRESSED: keep(k, 9, IN_REST); break;
	default: return 0;
	}
	if (!k->left)
		k->where = IN_HEADER;
	return 1;
}

static int is_name(const struct mask *k, const char *word)
{
	return k->nname == strlen(word) && !memcmp(k->name, word, k->nname);
}

static int keeps_value(const struct mask *k)
{
	static const char *const names[] = {"$db",  "collection", "ok",
					    "code", "codeName",	  "maxAwaitTimeMS"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_name(k, names[i]))
			return 1;
	return k->elements == 1 && !le32(k->header + 8); /* the command: its collection */
}

/* Bytes of a value of this type; 0xff: a length is before it, 0xfe: it is not known. */
static uint32_t size_of(uint8_t type)
{
	switch (type) {
	case 0x01:
	case 0x09:
	case 0x11:
	case 0x12: return 8;
	case 0x10: return 4;
	case 0x07: return 12;
	case 0x08: return 1;
	case 0x13: return 16;
	case 0x06:
	case 0x0a:
	case 0x7f:
	case 0xff: return 0;
	case 0x02:
	case 0x03:
	case 0x04:
	case 0x05:
	case 0x0d:
	case 0x0e: return 0xff;
	default: return 0xfe;
	}
}

static void begin_value(struct mask *k)
{
	uint32_t n = size_of(k->type);

	if (k->elements < 2)
		k->elements++;
	k->keeps = (uint8_t)keeps_value(k);
	k->at = 0;
	k->n = n == 0xff ? 0 : n;
	k->where = n == 0xff ? IN_LENGTH : n == 0xfe ? IN_REST : n ? IN_VALUE : IN_TYPE;
}

/* The length of a string counts its end, that of a document itself, that of bytes not their kind.
 */
static void end_length(struct mask *k)
{
	int document = k->type == 0x03 || k->type == 0x04;

	if (document && k->n < 4)
		k->n = UINT32_MAX;
	if (k->type != 0x02)
		k->keeps = 0;
	k->n = document ? k->n - 4 : k->type == 0x05 && k->n < UINT32_MAX ? k->n + 1 : k->n;
	k->where = k->n ? IN_VALUE : IN_TYPE;
}

static uint8_t name_byte(struct mask *k, uint8_t c)
{
	if (!c) {
		begin_value(k);
		return c;
	}
	if (k->nname < MAX_NAME)
		k->name[k->nname++] = (char)c;
	else
		k->nname = UINT8_MAX; /* longer than any that matters */
	return c;
}

static uint8_t body_byte(struct mask *k, uint8_t c)
{
	switch (k->where) {
	case IN_KEEP:
		if (!--k->n)
			k->where = k->next;
		return c;
	case IN_COLLECTION:
		if (!c)
			keep(k, 12, IN_TYPE);
		return c;
	case IN_KIND:
		keep(k, 4, IN_TYPE);
		k->at = 0;
		if (c) {
			k->n = 0;
			k->where = c == 1 ? IN_SEQUENCE : IN_REST;
		}
		return c;
	case IN_SEQUENCE:
		k->n |= (uint32_t)c << 8 * k->at;
		if (++k->at == 4) {
			k->where = k->n > 4 ? IN_DOCUMENTS : IN_REST;
			k->n -= 4;
		}
		return c;
	case IN_DOCUMENTS:
		if (!--k->n)
			k->where = IN_KIND;
		return 'x';
	case IN_TYPE:
		k->type = c;
		k->nname = 0;
		k->where = c ? IN_NAME : IN_REST;
		return c;
	case IN_NAME: return k->nname == UINT8_MAX && c ? c : name_byte(k, c);
	case IN_LENGTH:
		k->n |= (uint32_t)c << 8 * k->at;
		if (++k->at == 4)
			end_length(k);
		return c;
	case IN_VALUE:
		c = k->keeps || (k->type == 0x02 && k->n == 1) ? c : 'x';
		if (!--k->n)
			k->where = IN_TYPE;
		return c;
	default: return 'x';
	}
}

static void mask_begin(void *state, enum sender from, unsigned flags)
{
	(void)from;
	(void)flags;
	memset(state, 0, sizeof(struct mask));
}

static size_t mask_feed(void *state, struct mask_shared *both, uint8_t *p, size_t n)
{
	struct mask *k = state;

	(void)both;
	for (size_t i = 0; i < n; i++) {
		if (!k->left) {
			if (k->lost || !header_byte(k, p[i])) {
				k->lost = 1;
				return i;
			}
			continue;
		}
		p[i] = body_byte(k, p[i]);
		if (!--k->left)
			k->where = IN_HEADER;
	}
	return n;
}

static int mask_gap(void *state, struct mask_shared *both, uint64_t n)
{
	struct mask *k = state;

	(void)both;
	if (k->lost || !k->left || n > k->left) {
		k->lost = 1;
		k->left = 0;
		return 0;
	}
	k->left -= (uint32_t)n; /* its length is known: of what follows in it nothing is certain */
	k->where = k->left ? IN_REST : IN_HEADER;
	return 1;
}

const struct protocol_mask mongodb_mask = {
	.state_size = sizeof(struct mask),
	.begin = mask_begin,
	.feed = mask_feed,
	.gap = mask_gap,
};
