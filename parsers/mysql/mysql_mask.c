/*
 * mysql_mask.c - what a recording may hold of MySQL's protocol
 *
 * A recording is to give the same spans when it is replayed, so there stay: lengths and numbers of
 * all packets, commands, statements without their literals, numbers of statements, how a result
 * ended and the code of an error, the user and the database. Everything else becomes 'x': rows,
 * parameters, passwords and all else of authentication, messages of errors.
 */
#include "parsers/mysql/mysql_impl.h"

#define KEPT_OF_OK 12u

/* mask_shared.word */
#define MAY_COMPRESS 1
#define COMPRESSED 2

enum rule { UNDECIDED, HIDE, KEEP, TEXT, MAY_HAVE_ATTRIBUTES, HANDSHAKE };

struct mask { /* flat, for protocol_mask */
	uint8_t server, rule, nhead, first, begun, lost, head[4];
	uint8_t part, secret; /* of a handshake: its parts; of one: bytes still to hide */
	uint8_t ok;
	uint32_t len, at, keep;
	uint8_t bytes[16]; /* the first ones of this packet */
	struct sql_lex lex;
};

static void mask_begin(void *state, enum sender from, unsigned flags)
{
	struct mask *k = state;

	memset(k, 0, sizeof(*k));
	k->server = from == FROM_SERVER;
	k->begun = !(flags & MASK_START);
	k->first = 1;
}

/* What may stay of a packet of the server, by its first byte. */
static void decide_reply(struct mask *k, uint8_t c)
{
	int result = k->first || k->head[3] == 1;

	k->rule = KEEP;
	k->keep = 1;
	k->ok = 0;
	if (!k->begun && c == 10) {
		k->rule = TEXT; /* the version: up to its NUL */
	} else if (c == 0xff) {
		k->keep = 9;
	} else if ((c == 0xfe && k->len < WHOLE_PACKET) || (c == 0 && result)) {
		k->keep = KEPT_OF_OK;
		k->ok = 1;
	} else if (result && k->len <= 9) {
		k->keep = k->len; /* how many columns */
	}
	/* a file is asked for, or MariaDB tells how far it is: an answer follows */
	k->first = result && (c == 0xfb || c == 0xff);
}

static void decide_request(struct mask *k, uint8_t c)
{
	k->keep = 1;
	k->rule = KEEP;
	if (k->head[3]) {
		k->rule = k->begun || k->len < 32 ? HIDE : HANDSHAKE;
		return;
	}
	switch (c) {
	case COM_QUERY:
	case COM_STMT_PREPARE:
		k->rule = c == COM_QUERY ? MAY_HAVE_ATTRIBUTES : TEXT;
		sql_lex_begin(&k->lex, SQL_MYSQL, SQL_STRINGS_UNKNOWN);
		break;
	case COM_INIT_DB: k->keep = k->len; break;
	case COM_STMT_EXECUTE: k->keep = 10; break;
	case COM_CHANGE_USER: break;
	default: k->keep = 5; break;
	}
}

/* User, what proves it, database. */
static uint8_t handshake_byte(struct mask *k, uint8_t c)
{
	if (k->at < 32)
		return c;
	switch (k->part) {
	case 0: k->part = !c; return c;
	case 1:
		k->secret = c;
		k->part = c ? 2 : 3;
		return c;
	case 2: k->part = --k->secret ? 2 : 3; return 'x';
	case 3: k->part = c ? 3 : 4; return k->bytes[0] & CAP_WITH_DB ? c : 'x';
	default: return 'x';
	}
}

static uint8_t text_byte(struct mask *k, uint8_t c)
{
	if (k->server) {
		if (!c)
			k->rule = HIDE;
		return c;
	}
	if (k->at == 1 && k->rule == MAY_HAVE_ATTRIBUTES && !mysql_has_attributes(&c, 1))
		k->rule = TEXT;
	if (k->at == 0 || (k->rule == MAY_HAVE_ATTRIBUTES && k->at < 3)) {
		if (k->at == 1 && c)
			k->rule = HIDE; /* there are some */
		return c;
	}
	sql_lex_mask(&k->lex, &c, 1);
	return c;
}

static uint8_t body_byte(struct mask *k, uint8_t c)
{
	if (k->at < sizeof(k->bytes))
		k->bytes[k->at] = c;
	if (!k->at && k->rule == UNDECIDED)
		(k->server ? decide_reply : decide_request)(k, c);
	switch (k->rule) {
	case KEEP: return k->at < k->keep ? c : 'x';
	case TEXT:
	case MAY_HAVE_ATTRIBUTES: return text_byte(k, c);
	case HANDSHAKE: return handshake_byte(k, c);
	default: return 'x';
	}
}

/* Does another result follow? */
static int has_more(const struct mask *k)
{
	uint64_t v;
	size_t at = 1;

	if (!k->ok)
		return 0;
	if (k->len == 5)
		return k->bytes[3] & STATUS_MORE_RESULTS;
	if (!mysql_number(k->bytes, KEPT_OF_OK, &at, &v) ||
	    !mysql_number(k->bytes, KEPT_OF_OK, &at, &v) || at >= KEPT_OF_OK)
		return 0;
	return k->bytes[at] & STATUS_MORE_RESULTS;
}

static void end_packet(struct mask *k, struct mask_shared *both)
{
	k->nhead = 0;
	if (k->server) {
		k->first |= has_more(k) != 0;
	} else if (k->rule == HANDSHAKE && k->len >= 32) {
		both->switched = k->len == 32 && le32(k->bytes) & CAP_SSL;
		both->word = le32(k->bytes) & (CAP_COMPRESS | CAP_ZSTD) ? MAY_COMPRESS : 0;
	}
	k->begun = 1;
}

static void end_header(struct mask *k, struct mask_shared *both)
{
	int goes_on = k->len == WHOLE_PACKET && k->head[3];

	k->len = le24(k->head);
	k->at = 0;
	k->rule = goes_on ? HIDE : UNDECIDED;
	k->part = 0;
	if (!k->len)
		end_packet(k, both);
}

static size_t mask_feed(void *state, struct mask_shared *both, uint8_t *p, size_t n)
{
	struct mask *k = state;
	size_t at = 0;

	if (k->lost)
		return 0;
	for (; at < n && !both->switched; at++) {
		if (k->nhead < HEADER) {
			k->head[k->nhead++] = p[at];
			if (k->nhead == HEADER)
				end_header(k, both);
			continue;
		}
		/* what is compressed is not looked into */
		if (both->word && !k->server && !k->head[3])
			both->word = COMPRESSED;
		if (both->word == COMPRESSED) {
			k->lost = 1;
			break;
		}
		p[at] = body_byte(k, p[at]);
		if (++k->at == k->len)
			end_packet(k, both);
	}
	return at;
}

static int mask_gap(void *state, struct mask_shared *both, uint64_t n)
{
	struct mask *k = state;

	if (k->nhead < HEADER || n > k->len - k->at) {
		k->lost = 1;
		return 0;
	}
	k->at += (uint32_t)n;
	k->rule = HIDE;
	k->ok = 0;
	if (k->at >= k->len)
		end_packet(k, both);
	return 1;
}

const struct protocol_mask mysql_mask = {
	.state_size = sizeof(struct mask),
	.begin = mask_begin,
	.feed = mask_feed,
	.gap = mask_gap,
};
