/*
 * memcached_binary.c - the binary protocol: packets, opcodes, statuses
 */
#include "parsers/attrs.h"
#include "parsers/byte_order.h"
#include "parsers/memcached/memcached_impl.h"

#define QUIET 1u
#define SECRET 2u
#define NO_REPLY 4u
#define MANY 8u /* replies, until one without a key */
#define KEY 16u
#define VALUE_ 32u

#define OPCODE_STAT 0x10

static const struct opcode {
	const char *name;
	uint8_t flags, extras; /* extras of requests */
} opcodes[] = {
	[0x00] = {"get", KEY, 0},
	[0x01] = {"set", KEY | VALUE_, 8},
	[0x02] = {"add", KEY | VALUE_, 8},
	[0x03] = {"replace", KEY | VALUE_, 8},
	[0x04] = {"delete", KEY, 0},
	[0x05] = {"incr", KEY, 20},
	[0x06] = {"decr", KEY, 20},
	[0x07] = {"quit", 0, 0},
	[0x08] = {"flush_all", 0, 4},
	[0x09] = {"get", KEY | QUIET, 0},
	[0x0a] = {"noop", 0, 0},
	[0x0b] = {"version", 0, 0},
	[0x0c] = {"get", KEY, 0},
	[0x0d] = {"get", KEY | QUIET, 0},
	[0x0e] = {"append", KEY | VALUE_, 0},
	[0x0f] = {"prepend", KEY | VALUE_, 0},
	[OPCODE_STAT] = {"stats", MANY, 0},
	[0x11] = {"set", KEY | VALUE_ | QUIET, 8},
	[0x12] = {"add", KEY | VALUE_ | QUIET, 8},
	[0x13] = {"replace", KEY | VALUE_ | QUIET, 8},
	[0x14] = {"delete", KEY | QUIET, 0},
	[0x15] = {"incr", KEY | QUIET, 20},
	[0x16] = {"decr", KEY | QUIET, 20},
	[0x17] = {"quit", NO_REPLY, 0},
	[0x18] = {"flush_all", QUIET, 4},
	[0x19] = {"append", KEY | VALUE_ | QUIET, 0},
	[0x1a] = {"prepend", KEY | VALUE_ | QUIET, 0},
	[0x1b] = {"verbosity", 0, 4},
	[0x1c] = {"touch", KEY, 4},
	[0x1d] = {"gat", KEY, 4},
	[0x1e] = {"gat", KEY | QUIET, 4},
	[0x20] = {"sasl_list_mechs", 0, 0},
	[0x21] = {"sasl_auth", SECRET | VALUE_ | KEY, 0},
	[0x22] = {"sasl_step", SECRET | VALUE_ | KEY, 0},
	[0x23] = {"gat", KEY, 4},
	[0x24] = {"gat", KEY | QUIET, 4},
};

static const struct opcode *opcode_of(uint8_t n)
{
	return n < sizeof(opcodes) / sizeof(opcodes[0]) && opcodes[n].name ? &opcodes[n] : NULL;
}

/* What a request may consist of. flush_all may have no extras. */
static int is_sound(const struct opcode *o, const struct memcached_packet *k)
{
	if (k->magic == BINARY_RESPONSE)
		return k->extras <= 8;
	if (k->extras != o->extras && (k->extras || !(o->extras == 4 && !(o->flags & KEY))))
		return 0;
	if (!k->key_len != !(o->flags & KEY) && k->opcode != OPCODE_STAT)
		return 0;
	return o->flags & VALUE_ || k->body == (uint32_t)k->extras + k->key_len;
}

int memcached_packet(const uint8_t *p, size_t n, uint8_t magic, struct memcached_packet *k)
{
	const struct opcode *o;

	if (n && p[0] != magic)
		return -1;
	if (n < 2)
		return 0;
	o = opcode_of(p[1]);
	if (!o || (n > 5 && p[5]))
		return -1;
	if (n < BINARY_HEADER)
		return 0;
	*k = (struct memcached_packet){
		.magic = magic, .opcode = p[1], .extras = p[4], .key_len = (uint16_t)be16(p + 2),
		.status = (uint16_t)be16(p + 6), .body = be32(p + 8), .opaque = be32(p + 12),
	};
	k->head = BINARY_HEADER + (size_t)k->extras + k->key_len;
	if (k->key_len > MEMCACHED_MAX_KEY || k->body > MEMCACHED_MAX_VALUE ||
	    (uint32_t)k->extras + k->key_len > k->body || !is_sound(o, k))
		return -1;
	if (n < k->head)
		return 0;
	k->key = (struct str){(const char *)p + BINARY_HEADER + k->extras, k->key_len};
	return 1;
}

static void value_follows(struct memcached_side *s, const struct memcached_packet *k)
{
	s->left = k->body - (uint32_t)(k->head - BINARY_HEADER);
	s->tail = 0;
	s->state = s->left ? VALUE : DONE;
}

static enum parse_status refused(struct memcached_side *s, int found)
{
	if (!found)
		return PARSE_MORE;
	s->state = LOST;
	return PARSE_BAD;
}

enum parse_status memcached_binary_request(struct memcached *d, const uint8_t *p, size_t n,
					   size_t *used, struct message *m)
{
	struct memcached_side *s = &d->side[FROM_CLIENT];
	struct memcached_packet k;
	const struct opcode *o;
	int found = memcached_packet(p, n, BINARY_REQUEST, &k);

	if (found <= 0)
		return refused(s, found);
	o = &opcodes[k.opcode];
	*used = k.head;
	m->type = MESSAGE_HEAD;
	m->head_len = (uint32_t)k.head;
	m->operation = (struct str){o->name, strlen(o->name)};
	if (o->flags & KEY && !(o->flags & SECRET))
		m->target = k.key;
	m->form = (uint32_t)k.opcode << 8 | (memcached_hash(p + 12, 4) << 16);
	if (o->flags & SECRET)
		m->form |= FORM_SECRET;
	if (o->flags & QUIET) {
		m->form |= FORM_QUIET;
		m->flags |= MESSAGE_SILENT;
	}
	if (o->flags & NO_REPLY)
		m->flags |= MESSAGE_ONE_WAY;
	s->secret = (o->flags & SECRET) != 0;
	value_follows(s, &k);
	return PARSE_EVENT;
}

/* Words for what is an error; that a key is not there, or is, is an answer. */
static const char *status_word(uint16_t status)
{
	switch (status) {
	case 0x00:
	case 0x01: /* there is no such key */
	case 0x02: /* there is one */
	case 0x05: /* not stored */
	case 0x21: return NULL; /* authentication goes on */
	case 0x03: return "E2BIG";
	case 0x04: return "EINVAL";
	case 0x06: return "DELTA_BADVAL";
	case 0x07: return "NOT_MY_VBUCKET";
	case 0x20: return "AUTH_ERROR";
	case 0x81: return "UNKNOWN_COMMAND";
	case 0x82: return "ENOMEM";
	case 0x83: return "NOT_SUPPORTED";
	case 0x84: return "EINTERNAL";
	case 0x85: return "EBUSY";
	case 0x86: return "ETMPFAIL";
	default: return "ERROR";
	}
}

static int is_get(uint8_t opcode)
{
	return !strcmp(opcodes[opcode].name, "get") || !strcmp(opcodes[opcode].name, "gat");
}

static void tell_reply(struct memcached *d, const struct memcached_packet *k, struct message *m)
{
	struct memcached_side *s = &d->side[FROM_SERVER];
	const char *word = status_word(k->status);

	s->secret = k->status || !d->known || d->form & FORM_SECRET ||
		    opcodes[k->opcode].flags & SECRET;
	s->rows = is_get(k->opcode) && !k->status;
	s->kind = is_get(k->opcode) && (!k->status || k->status == 1) ? MEMCACHED_GET :
								       MEMCACHED_LINE;
	m->flags |= MESSAGE_RESPONSE;
	if (!word)
		return;
	m->flags |= MESSAGE_FAILED;
	message_text(m, ATTR(db_status), (struct str){word, strlen(word)});
}

/* The answers to `stats`: one packet for each, and one without a key behind them. */
static void stats_follow(struct memcached_side *s, const struct memcached_packet *k)
{
	int more = k->opcode == OPCODE_STAT && k->key_len && !k->status;

	s->kind = MEMCACHED_LINES;
	s->secret = 1;
	s->left = k->body - (uint32_t)(k->head - BINARY_HEADER);
	s->state = s->left || more ? LINES : DONE;
	s->tail = more ? 1 : 0;
}

enum parse_status memcached_binary_reply(struct memcached *d, const uint8_t *p, size_t n,
					 size_t *used, struct message *m)
{
	struct memcached_side *s = &d->side[FROM_SERVER];
	struct memcached_packet k;
	int found = memcached_packet(p, n, BINARY_RESPONSE, &k);

	if (found <= 0)
		return refused(s, found);
	if (s->state == LINES) {
		*used = k.head;
		stats_follow(s, &k);
		return PARSE_MORE;
	}
	m->type = MESSAGE_HEAD;
	if (d->known && d->form & FORM_QUIET &&
	    (FORM_OPCODE(d->form) != k.opcode || FORM_HASH(d->form) != memcached_hash(p + 12, 4))) {
		m->flags = MESSAGE_RESPONSE | MESSAGE_SILENT;
		s->kind = MEMCACHED_NONE;
		s->state = DONE;
		d->known = 0;
		return PARSE_EVENT;
	}
	if (d->known && FORM_OPCODE(d->form) != k.opcode) {
		s->state = LOST; /* it answers something else: nobody knows what */
		return PARSE_BAD;
	}
	*used = k.head;
	m->head_len = (uint32_t)k.head;
	tell_reply(d, &k, m);
	d->known = 0;
	value_follows(s, &k);
	if (k.opcode == OPCODE_STAT)
		stats_follow(s, &k);
	return PARSE_EVENT;
}
