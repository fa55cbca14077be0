/*
 * nats_mask.c - what a recording may hold: operations, subjects, sizes
 *
 * What clients and servers say of themselves becomes 'x', but for what recognises them, and so do
 * payloads. Of headers there stay the status, the names, and the value of traceparent.
 */
#include "parsers/nats/nats_impl.h"

enum where { IN_LINE, IN_HEADERS, IN_PAYLOAD, IN_NOTHING };

#define MAX_NAME 12u

struct mask { /* flat, for protocol_mask */
	uint8_t where, server;
	uint8_t op;	       /* enum nats_op */
	uint8_t nname, named;  /* named: the name is over */
	uint8_t hides, status; /* status: in the first line of headers */
	uint32_t at;	       /* bytes of this line */
	uint32_t words, in_word;
	uint64_t number, before; /* of the latest word, and of the one before it */
	uint64_t headers, left;	 /* of what follows the line */
	char name[MAX_NAME + 1];
};

static uint8_t hidden(uint8_t c)
{
	return c == '\r' || c == '\n' ? c : 'x';
}

static uint8_t name_byte(struct mask *k, uint8_t c)
{
	if (c <= ' ') {
		k->named = 1;
		k->op = (uint8_t)nats_op_of(k->name, k->nname,
					    k->server ? FROM_SERVER : FROM_CLIENT);
		return c;
	}
	if (k->nname < MAX_NAME)
		k->name[k->nname++] = (char)c;
	return nats_op_begins(k->name, k->nname) ? c : 'x';
}

static uint8_t word_byte(struct mask *k, uint8_t c)
{
	if (c == ' ' || c == '\t') {
		k->in_word = 0;
		return c;
	}
	if (!k->in_word) {
		k->in_word = 1;
		k->before = k->number;
		k->number = 0;
		k->words++;
	}
	if (c >= '0' && c <= '9' && k->number < NATS_MAX_PAYLOAD * 10ull)
		k->number = k->number * 10 + (uint64_t)(c - '0');
	return c;
}

/* What recognises INFO and CONNECT stays. */
static uint8_t json_byte(const struct mask *k, uint8_t c)
{
	static const char info[] = "INFO {\"server_id\":\"", connect[] = "CONNECT {\"";
	const char *head = k->op == NATS_INFO ? info : connect;

	return k->at < strlen(head) && head[k->at] == (char)c ? c : hidden(c);
}

static uint8_t rest_byte(struct mask *k, uint8_t c)
{
	switch (k->op) {
	case NATS_NONE: return hidden(c);
	case NATS_INFO:
	case NATS_CONNECT: return json_byte(k, c);
	case NATS_ERR: /* words, up to a name */
		k->hides |= c == '"' || (c >= '0' && c <= '9');
		return k->hides ? (c == '"' ? c : hidden(c)) : c;
	default: return word_byte(k, c);
	}
}

static void begin_line(struct mask *k)
{
	k->op = NATS_NONE;
	k->nname = k->named = k->hides = 0;
	k->at = k->words = k->in_word = 0;
	k->number = k->before = 0;
	k->where = IN_LINE;
}

static void end_line(struct mask *k)
{
	int headers = k->op == NATS_HPUB || k->op == NATS_HMSG;

	if (!headers && k->op != NATS_PUB && k->op != NATS_MSG) {
		begin_line(k);
		return;
	}
	k->left = k->number + 2;
	k->headers = headers && k->before <= k->number ? k->before : 0;
	k->where = k->headers ? IN_HEADERS : IN_PAYLOAD;
	k->nname = k->named = 0;
	k->status = 1;
}

static uint8_t line_byte(struct mask *k, uint8_t c)
{
	uint8_t out = k->named ? rest_byte(k, c) : name_byte(k, c);

	k->at++;
	if (c == '\n') {
		end_line(k);
		return c;
	}
	return c == '\r' ? c : out;
}

static uint8_t header_byte(struct mask *k, uint8_t c)
{
	int keeps = k->nname == 11 && !memcmp(k->name, "traceparent", 11);

	if (c == '\n') {
		k->nname = k->named = k->status = 0;
		return c;
	}
	if (c == '\r' || k->status)
		return c;
	if (k->named)
		return keeps || c == ' ' ? c : 'x';
	if (c == ':')
		k->named = 1;
	else if (k->nname < MAX_NAME)
		k->name[k->nname++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	return c;
}

/* ---- the interface */

static void mask_begin(void *state, enum sender from, unsigned flags)
{
	struct mask *k = state;

	(void)flags;
	memset(k, 0, sizeof(*k));
	k->server = from == FROM_SERVER;
}

static void mask_byte(struct mask *k, uint8_t *p)
{
	if (k->where == IN_LINE) {
		*p = line_byte(k, *p);
		return;
	}
	if (k->where == IN_HEADERS) {
		*p = header_byte(k, *p);
		if (!--k->headers)
			k->where = IN_PAYLOAD;
	} else if (k->left > 2) {
		*p = 'x';
	}
	if (!--k->left)
		begin_line(k);
}

static size_t mask_feed(void *state, struct mask_shared *both, uint8_t *p, size_t n)
{
	struct mask *k = state;

	if (k->where == IN_LINE && !k->at && !k->server && n && p[0] == 0x16 && both->word) {
		both->switched = 1; /* TLS, behind INFO */
		return 0;
	}
	if (k->server)
		both->word = 1;
	if (k->where == IN_NOTHING)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (k->where == IN_LINE && !k->at && !nats_op_begins((char *)p + i, 1)) {
			k->where = IN_NOTHING;
			return i;
		}
		mask_byte(k, p + i);
	}
	return n;
}

static int mask_gap(void *state, struct mask_shared *both, uint64_t n)
{
	struct mask *k = state;

	(void)both;
	if (k->where != IN_PAYLOAD || n > k->left) {
		k->where = IN_NOTHING;
		return 0;
	}
	k->left -= n;
	if (!k->left)
		begin_line(k);
	return 1;
}

const struct protocol_mask nats_mask = {
	.state_size = sizeof(struct mask),
	.begin = mask_begin,
	.feed = mask_feed,
	.gap = mask_gap,
};
