/*
 * memcached_mask.c - what a recording may hold: commands, first keys, numbers, and of values the
 * length
 *
 * Of lines there stay the command, its first key, numbers and short flags of meta commands, the
 * first word of an answer. Everything else becomes 'x'; digits of a number that is a value, 1.
 */
#include "parsers/byte_order.h"
#include "parsers/memcached/memcached_impl.h"

#define MAX_NAME 16u
#define MAX_FLAG 33u /* opaques have 32 characters at most */

enum where { AT_START, IN_LINE, IN_VALUE, IN_HEADER, IN_EXTRAS, IN_NOTHING };

struct mask { /* flat, for protocol_mask */
	uint8_t where, server, binary;
	uint8_t in_word, nword; /* bytes of this word */
	uint8_t noname;		/* the first word is no command, or too long */
	uint8_t meta, hides;	/* hides: the word that is being read */
	uint8_t doubt;		/* numbers are hidden: it may be another protocol */
	uint32_t words;		/* that have begun */
	uint8_t key, size;	/* numbers of the words that are the first key, the length */
	uint64_t number, left;	/* of a value */
	char name[MAX_NAME];
	uint8_t header[BINARY_HEADER];
};

static int is_name(const struct mask *k, const char *word)
{
	return k->words && memcached_is((struct str){k->name, strnlen(k->name, MAX_NAME)}, word);
}

/* The first word of a line is over: what follows is this. */
static void end_name(struct mask *k)
{
	struct memcached_line l = {.n = 1, .word = {{k->name, strnlen(k->name, MAX_NAME)}}};

	k->key = k->size = k->meta = 0;
	if (k->server) {
		k->meta = memcached_is_meta(l.word[0]) && !is_name(k, "ME");
		k->key = is_name(k, "VALUE") ? 1 : 0;
		k->size = is_name(k, "VALUE") ? 3 : is_name(k, "VA") ? 1 : 0;
		return;
	}
	memcached_layout(l.word[0], &k->key, &k->size);
	k->meta = l.word[0].n == 2 && l.word[0].p[0] == 'm';
}

static int begins_answer(const char *p, size_t n)
{
	static const char words[] = "VALUE\0END\0STORED\0NOT_STORED\0EXISTS\0NOT_FOUND\0DELETED\0"
				    "TOUCHED\0OK\0ERROR\0CLIENT_ERROR\0SERVER_ERROR\0VERSION\0"
				    "STAT\0RESET\0BUSY\0HD\0VA\0EN\0NF\0NS\0EX\0MN\0ME\0";

	for (const char *w = words; *w; w += strlen(w) + 1)
		if (n <= strlen(w) && !memcmp(w, p, n))
			return 1;
	return 0;
}

static uint8_t name_byte(struct mask *k, uint8_t c)
{
	if (k->nword < MAX_NAME)
		k->name[k->nword] = (char)c;
	if (k->nword >= MAX_NAME - 1)
		k->noname = 1;
	if (!k->server && !k->noname && !memcached_begins(k->name, k->nword + 1u))
		k->noname = 1;
	if (k->server && c >= '0' && c <= '9' && !k->noname) /* what incr answers */
		return c == '0' ? c : '1';
	if (k->server && !k->noname && !begins_answer(k->name, k->nword + 1u))
		k->noname = 1;
	return k->noname ? 'x' : c;
}

/* A byte of a word that is not the first. */
static uint8_t word_byte(struct mask *k, uint8_t c)
{
	unsigned i = k->words - 1;
	int digit = c >= '0' && c <= '9';

	if (k->noname)
		return 'x';
	if (i == k->size && k->size) {
		if (digit && k->number < MEMCACHED_MAX_VALUE * 10ull)
			k->number = k->number * 10 + (uint64_t)(c - '0');
		return digit && !k->doubt ? c : 'x';
	}
	if (i == k->key && k->key)
		return c;
	if (k->meta)
		return k->nword < MAX_FLAG ? c : 'x';
	if (k->key && !k->server && digit && !k->doubt)
		return k->size || is_name(k, "touch") ? c : 'x';
	if (k->server && is_name(k, "VALUE") && digit)
		return c;
	if (!k->server && k->nword < 7 && "noreply"[k->nword] == c && !k->hides)
		return c;
	k->hides = 1;
	return 'x';
}

static void end_line(struct mask *k)
{
	int value = k->size && k->words > k->size && !k->noname;

	k->left = value ? k->number + 2 : 0;
	k->where = value ? IN_VALUE : AT_START;
}

static uint8_t line_byte(struct mask *k, uint8_t c)
{
	if (c == ' ' || c == '\r' || c == '\n') {
		if (k->in_word && k->words == 1)
			end_name(k);
		k->in_word = 0;
		if (c == '\n')
			end_line(k);
		return c;
	}
	if (!k->in_word) {
		k->in_word = 1;
		k->nword = 0;
		k->hides = 0;
		k->words++;
		k->number = k->words - 1 == k->size ? 0 : k->number;
	}
	c = k->words == 1 ? name_byte(k, c) : word_byte(k, c);
	if (k->nword < UINT8_MAX)
		k->nword++;
	return c;
}

static void begin_line(struct mask *k)
{
	memset(k->name, 0, sizeof(k->name));
	k->words = k->in_word = k->noname = k->key = k->size = k->meta = 0;
	k->number = 0;
	k->where = IN_LINE;
}

/* ---- packets: the header stays, the key of a request, nothing else */

static uint32_t body_of(const struct mask *k)
{
	return be32(k->header + 8);
}

static int end_header(struct mask *k)
{
	struct memcached_packet packet;

	if (memcached_packet(k->header, BINARY_HEADER, k->server ? BINARY_RESPONSE : BINARY_REQUEST,
			     &packet) < 0)
		return 0;
	k->left = body_of(k);
	k->number = k->header[4]; /* extras before the key */
	k->where = k->left ? IN_EXTRAS : AT_START;
	return 1;
}

/* What stays: keys of requests, but those of SASL; extras are numbers that may be values. */
static uint8_t body_byte(struct mask *k, uint8_t c)
{
	uint32_t at = body_of(k) - (uint32_t)k->left, key_len;

	key_len = be16(k->header + 2);
	if (!--k->left)
		k->where = AT_START;
	if (at < k->header[4])
		return k->header[1] == 0x05 || k->header[1] == 0x06 ? 1 : c;
	if (!k->server && at < k->header[4] + key_len && k->header[1] < 0x20)
		return c;
	return 'x';
}

/* ---- the interface */

/* Returns 0 if it is not memcached. */
static int mask_byte(struct mask *k, uint8_t *p)
{
	switch (k->where) {
	case AT_START:
		if (*p == (k->server ? BINARY_RESPONSE : BINARY_REQUEST)) {
			k->where = IN_HEADER;
			k->nword = 1;
			k->header[0] = *p;
			return 1;
		}
		begin_line(k);
		*p = line_byte(k, *p);
		return k->where == IN_LINE || k->words;
	case IN_LINE: *p = line_byte(k, *p); return 1;
	case IN_VALUE:
		if (k->left > 2)
			*p = 'x';
		if (!--k->left)
			k->where = AT_START;
		return 1;
	case IN_HEADER:
		k->header[k->nword++] = *p;
		return k->nword < BINARY_HEADER || end_header(k);
	case IN_EXTRAS: *p = body_byte(k, *p); return 1;
	default: return 0;
	}
}

static void mask_begin(void *state, enum sender from, unsigned flags)
{
	struct mask *k = state;

	memset(k, 0, sizeof(*k));
	k->doubt = (flags & MASK_DOUBT) != 0;
	k->server = from == FROM_SERVER;
}

static size_t mask_feed(void *state, struct mask_shared *both, uint8_t *p, size_t n)
{
	struct mask *k = state;
	size_t at = 0;

	(void)both;
	while (at < n) {
		if (k->where == IN_VALUE && k->left > 3) { /* the bulk of it goes by fast */
			size_t some = n - at < k->left - 3 ? n - at : (size_t)k->left - 3;

			memset(p + at, 'x', some);
			k->left -= some;
			at += some;
			continue;
		}
		if (!mask_byte(k, p + at)) {
			k->where = IN_NOTHING;
			break;
		}
		at++;
	}
	return at;
}

static int mask_gap(void *state, struct mask_shared *both, uint64_t n)
{
	struct mask *k = state;

	(void)both;
	if ((k->where != IN_VALUE && k->where != IN_EXTRAS) || n > k->left) {
		k->where = IN_NOTHING;
		return 0;
	}
	k->left -= n;
	if (!k->left)
		k->where = AT_START;
	return 1;
}

const struct protocol_mask memcached_mask = {
	.state_size = sizeof(struct mask),
	.begin = mask_begin,
	.feed = mask_feed,
	.gap = mask_gap,
};
