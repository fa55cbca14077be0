/*
 * fastcgi_mask.c - what a recording may hold: of params those that say what is asked for, of a
 * response its status and type
 *
 * Values of a query become 'x', names in it stay; so do the values of all other params and fields,
 * and what STDIN, STDOUT and STDERR carry.
 */
#include "parsers/byte_order.h"
#include "parsers/fastcgi/fastcgi_impl.h"
#include "parsers/str.h"

struct mask { /* flat, for protocol_mask */
	uint8_t server, lost, nheader;
	uint8_t header[FASTCGI_HEADER];
	uint8_t hides;	 /* of a URI: in the value of a query */
	uint8_t in_head; /* of a response: its CGI header is not over */
	uint8_t nname, named;
	uint8_t mixed;	   /* several responses alternate: none has a header that is told */
	uint16_t id, open; /* whose params, whose response is being read; 0: none */
	uint32_t at, left, padding;
	struct fastcgi_pairs pairs;
	char name[16];
};

static int keeps_value(const struct fastcgi_pairs *k)
{
	static const char *const names[] = {
		"REQUEST_METHOD", "SERVER_PROTOCOL", "SCRIPT_NAME",	 "DOCUMENT_URI",
		"HTTPS",	  "CONTENT_TYPE",    "CONTENT_LENGTH",	 "HTTP_HOST",
		"SERVER_PORT",	  "SERVER_NAME",     "HTTP_TRACEPARENT", "HTTP_X_REQUEST_ID",
		"REQUEST_SCHEME",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (fastcgi_name_is(k, names[i]))
			return 1;
	return 0;
}

static uint8_t uri_byte(struct mask *k, uint8_t c)
{
	if (k->pairs.at == 1 || k->pairs.value_len == 1)
		k->hides = 0;
	if (c == '?' || c == '&' || c == ';' || (c == '/' && k->hides < 2)) {
		k->hides = c == '/' ? 0 : 1;
		return c;
	}
	if (c == '=' && k->hides == 1) {
		k->hides = 2;
		return c;
	}
	return k->hides == 2 ? 'x' : c;
}

static uint8_t param_byte(struct mask *k, uint8_t c)
{
	if (fastcgi_pair_byte(&k->pairs, c) != PAIR_VALUE)
		return c;
	if (fastcgi_name_is(&k->pairs, "REQUEST_URI"))
		return uri_byte(k, c);
	return keeps_value(&k->pairs) ? c : 'x';
}

static uint8_t head_byte(struct mask *k, uint8_t c)
{
	int keeps = (k->nname == 6 && nocase_equal(k->name, "status", 6)) ||
		    (k->nname == 12 && nocase_equal(k->name, "content-type", 12)) ||
		    (k->nname == 14 && nocase_equal(k->name, "content-length", 14));

	if (c == '\n') {
		if (!k->nname && !k->named)
			k->in_head = 0;
		k->nname = k->named = 0;
		return c;
	}
	if (c == '\r')
		return c;
	if (k->named)
		return keeps || c == ' ' ? c : 'x';
	if (c == ':')
		k->named = 1;
	else if (k->nname < sizeof(k->name))
		k->name[k->nname++] = (char)c;
	else
		return 'x'; /* no name is as long: it is none */
	return c;
}

/* Returns 0 where params of several requests alternate within a value. */
static int record_begins(struct mask *k, uint16_t id)
{
	if (k->header[1] == FASTCGI_PARAMS) {
		if (k->pairs.phase && id != k->id)
			return 0;
		k->id = id;
	} else if (k->header[1] == FASTCGI_STDOUT) {
		k->mixed |= k->open && id != k->open;
		k->open = id;
	}
	return 1;
}

static int header_byte(struct mask *k, uint8_t c)
{
	k->header[k->nheader++] = c;
	if (k->nheader < FASTCGI_HEADER)
		return k->header[0] == 1; /* its version; else it was joined somewhere */
	k->nheader = 0;
	if (!fastcgi_is_record(k->header, k->server ? FROM_SERVER : FROM_CLIENT))
		return 0;
	k->left = be16(k->header + 4);
	k->padding = k->header[6];
	return record_begins(k, be16(k->header + 2));
}

static uint8_t content_byte(struct mask *k, uint8_t c)
{
	uint8_t type = k->header[1];

	if (!--k->left && type == FASTCGI_END_REQUEST) {
		k->in_head = 1; /* of the next response */
		k->nname = k->named = 0;
		k->open = 0;
	}
	switch (type) {
	case FASTCGI_PARAMS: return param_byte(k, c);
	case FASTCGI_STDOUT: return k->in_head && !k->mixed ? head_byte(k, c) : 'x';
	case FASTCGI_BEGIN_REQUEST:
	case FASTCGI_END_REQUEST: return c;
	default: return 'x';
	}
}

static void mask_begin(void *state, enum sender from, unsigned flags)
{
	struct mask *k = state;

	(void)flags;
	memset(k, 0, sizeof(*k));
	k->server = from == FROM_SERVER;
	k->in_head = 1;
}

static size_t mask_feed(void *state, struct mask_shared *both, uint8_t *p, size_t n)
{
	struct mask *k = state;

	(void)both;
	for (size_t i = 0; i < n; i++) {
		if (k->lost)
			return i;
		if (k->left) {
			p[i] = content_byte(k, p[i]);
		} else if (k->padding) {
			p[i] = 0;
			k->padding--;
		} else if (!header_byte(k, p[i])) {
			k->lost = 1;
			return i;
		}
	}
	return n;
}

static int mask_gap(void *state, struct mask_shared *both, uint64_t n)
{
	struct mask *k = state;
	int content =
		k->header[1] == FASTCGI_STDIN || (k->header[1] == FASTCGI_STDOUT && !k->in_head);

	(void)both;
	if (k->lost || !content || n > k->left) {
		k->lost = 1;
		return 0;
	}
	k->left -= (uint32_t)n;
	return 1;
}

const struct protocol_mask fastcgi_mask = {
	.state_size = sizeof(struct mask),
	.begin = mask_begin,
	.feed = mask_feed,
	.gap = mask_gap,
};
