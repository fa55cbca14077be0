/*
 * tls_hello.c - ClientHello and ServerHello (RFC 8446 section 4.1, RFC 5246 section 7.4.1)
 *
 * Field by field: numbers are added up, what is of interest is collected, the rest is counted.
 */
#include <string.h>

#include "parsers/byte_order.h"
#include "parsers/tls/tls.h"

enum step {
	VERSION, RANDOM, SESSION_LEN, SESSION,
	SUITES_LEN, SUITES, METHODS_LEN, METHODS, /* client */
	CIPHER, METHOD,				  /* server */
	EXTS_LEN, EXT_TYPE, EXT_LEN, EXT, REST,
};

enum { SERVER_NAME = 0, ALPN = 16, PRE_SHARED_KEY = 41, EARLY_DATA = 42, SUPPORTED_VERSIONS = 43 };

/* section 4.1.3: SHA-256 of "HelloRetryRequest" in the place of the random */
static const uint8_t retry_random[32] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
	0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
	0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

static void enter(struct tls_hello_state *s, enum step step, uint16_t n)
{
	s->step = (uint8_t)step;
	s->left = n;
	s->value = 0;
	s->ndata = 0;
}

static void give_up(struct tls_hello_state *s, struct tls_hello *h)
{
	h->cut = 1;
	enter(s, REST, 0);
}

/* ---- extensions */

/* RFC 6066 section 3 */
static void take_names(const struct tls_hello_state *s, struct tls_hello *h)
{
	size_t i = 2, n;

	for (; i + 3 <= s->ndata; i += 3 + n) {
		n = be16(s->data + i + 1);
		if (s->data[i] != 0)
			continue;
		if (!n || n > TLS_SNI_MAX || i + 3 + n > s->ndata || memchr(s->data + i + 3, 0, n))
			return;
		memcpy(h->sni, s->data + i + 3, n);
		h->sni_len = (uint8_t)n;
		return;
	}
}

/* RFC 7301 section 3.1 */
static void take_alpn(const struct tls_hello_state *s, struct tls_hello *h)
{
	size_t i = 2, n;

	for (; i < s->ndata; i += 1 + n) {
		n = s->data[i];
		if (!n || i + 1 + n > s->ndata)
			return;
		if (n == 2 && tls_is_grease(be16(s->data + i + 1)))
			continue;
		if (h->alpn_len + 1 + n > TLS_ALPN_MAX)
			return;
		memcpy(h->alpn + h->alpn_len, s->data + i, 1 + n);
		h->alpn_len = (uint8_t)(h->alpn_len + 1 + n);
	}
}

/* section 4.2.1 */
static void take_versions(struct tls_hello_state *s, struct tls_hello *h)
{
	unsigned highest = 0, v;

	if (s->server) {
		if (s->ndata < 2)
			return;
		highest = be16(s->data);
	}
	for (size_t i = 1; !s->server && i + 2 <= s->ndata; i += 2) {
		v = be16(s->data + i);
		if (!tls_is_grease(v) && v > highest)
			highest = v;
	}
	if (!highest)
		return;
	h->version = (uint16_t)highest;
	s->has_versions = 1;
}

static void take_extension(struct tls_hello_state *s, struct tls_hello *h)
{
	switch (s->ext) {
	case SERVER_NAME:
		if (!s->server && !h->sni_len)
			take_names(s, h);
		break;
	case ALPN:
		if (!h->alpn_len)
			take_alpn(s, h);
		break;
	case SUPPORTED_VERSIONS: take_versions(s, h); break;
	case PRE_SHARED_KEY: h->psk = 1; break;
	case EARLY_DATA: h->early_data = 1; break;
	default: break;
	}
}

/* ---- fields */

static void next_extension(struct tls_hello_state *s, struct tls_hello *h)
{
	if (!s->ext_end)
		enter(s, REST, 0);
	else if (s->ext_end < 4)
		give_up(s, h);
	else
		enter(s, EXT_TYPE, 2);
}

static void begin_extension(struct tls_hello_state *s, struct tls_hello *h)
{
	unsigned n = s->value;

	if (s->ext_end < 4 + n) {
		give_up(s, h);
		return;
	}
	s->ext_end -= 4 + n;
	enter(s, EXT, (uint16_t)n);
}

static void begin_extensions(struct tls_hello_state *s, struct tls_hello *h)
{
	s->ext_end = s->value;
	if (s->ext_end > s->end)
		give_up(s, h);
	else
		next_extension(s, h);
}

/* The field that was being read is complete. */
static void advance(struct tls_hello_state *s, struct tls_hello *h)
{
	switch ((enum step)s->step) {
	case VERSION:
		h->version = s->value;
		enter(s, RANDOM, 32);
		break;
	case RANDOM:
		h->retry = s->server && !memcmp(s->data, retry_random, 32);
		enter(s, SESSION_LEN, 1);
		break;
	case SESSION_LEN:
		if (s->value > sizeof(h->session))
			give_up(s, h);
		else
			enter(s, SESSION, s->value);
		break;
	case SESSION:
		memcpy(h->session, s->data, s->ndata);
		h->session_len = (uint8_t)s->ndata;
		enter(s, s->server ? CIPHER : SUITES_LEN, 2);
		break;
	case SUITES_LEN: enter(s, SUITES, s->value); break;
	case SUITES: enter(s, METHODS_LEN, 1); break;
	case METHODS_LEN: enter(s, METHODS, s->value); break;
	case CIPHER:
		h->cipher = s->value;
		enter(s, METHOD, 1);
		break;
	case METHODS:
	case METHOD:
		if (s->end)
			enter(s, EXTS_LEN, 2);
		else
			enter(s, REST, 0);
		break;
	case EXTS_LEN: begin_extensions(s, h); break;
	case EXT_TYPE:
		s->ext = s->value;
		enter(s, EXT_LEN, 2);
		break;
	case EXT_LEN: begin_extension(s, h); break;
	case EXT:
		take_extension(s, h);
		next_extension(s, h);
		break;
	case REST: break;
	}
}

static int is_collected(const struct tls_hello_state *s)
{
	if (s->step == EXT)
		return s->ext == SERVER_NAME || s->ext == ALPN || s->ext == SUPPORTED_VERSIONS;
	return s->step == RANDOM || s->step == SESSION;
}

static void take(struct tls_hello_state *s, const uint8_t *p, size_t n)
{
	size_t room = sizeof(s->data) - s->ndata;

	if (is_collected(s)) {
		if (n > room)
			n = room;
		memcpy(s->data + s->ndata, p, n);
		s->ndata = (uint16_t)(s->ndata + n);
	} else {
		/* of a number at most two octets; of what is counted only, no matter */
		for (; n; n--)
			s->value = (uint16_t)(s->value << 8 | *p++);
	}
}

void tls_hello_begin(struct tls_hello_state *s, struct tls_hello *h, int server, uint32_t length)
{
	memset(s, 0, sizeof(*s));
	memset(h, 0, sizeof(*h));
	s->server = (uint8_t)server;
	s->end = length;
	enter(s, VERSION, 2);
}

void tls_hello_feed(struct tls_hello_state *s, struct tls_hello *h, const uint8_t *p, size_t n)
{
	size_t k;

	while (n && s->step != REST) {
		if (s->left > s->end) {
			give_up(s, h);
			break;
		}
		k = n < s->left ? n : s->left;
		take(s, p, k);
		p += k;
		n -= k;
		s->end -= (uint32_t)k;
		s->left = (uint16_t)(s->left - k);
		while (!s->left && s->step != REST)
			advance(s, h);
	}
	s->end -= (uint32_t)n;
}

void tls_hello_end(struct tls_hello_state *s, struct tls_hello *h)
{
	if (s->step != REST)
		h->cut = 1;
	/* supported_versions, if any, overrides what the head says */
	if (h->cut && !s->has_versions && h->version >= 0x0303)
		h->version = 0;
}
