/*
 * kafka_head.c - the header of a request, and of Produce the number of acknowledgements behind it
 */
#include "parsers/kafka/kafka_impl.h"

#define MAX_CLIENT 256
#define FIXED_HEAD 14u /* size, key, version, correlation id, length of the client's id */

static int is_text(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < ' ' || p[i] == 0x7f)
			return 0;
	return 1;
}

/* Tagged fields of a header, from *at on; they are hardly ever there. */
static int skip_tags(const uint8_t *p, size_t n, size_t *at)
{
	uint32_t tags, v;
	int r = kafka_varint(p + *at, n - *at, &tags);

	if (r <= 0)
		return r;
	*at += (size_t)r;
	if (tags > 16)
		return -1;
	for (uint32_t i = 0; i < 2 * tags; i++) {
		r = kafka_varint(p + *at, n - *at, &v);
		if (r <= 0)
			return r;
		*at += (size_t)r;
		if (!(i & 1))
			continue;
		if (v > 256)
			return -1;
		if (v > n - *at)
			return 0;
		*at += v;
	}
	return 1;
}

/* Acknowledgements are behind the transaction's id. */
static int produce_acks(struct kafka_head *h, const uint8_t *p, size_t n)
{
	size_t at = h->end;
	uint32_t u = 0;
	int len = -1, r = 0;

	if (h->version >= 3 && h->flexible) {
		r = kafka_varint(p + at, n - at, &u);
		if (r <= 0)
			return r;
		len = (int)(u > MAX_CLIENT ? MAX_CLIENT + 1 : u) - 1;
	} else if (h->version >= 3) {
		if (n - at < 2)
			return 0;
		r = 2;
		len = (int16_t)be16(p + at);
	}
	if (len < -1 || len >= MAX_CLIENT)
		return -1;
	at += (size_t)r + (len > 0 ? (size_t)len : 0);
	if (at + 2 > h->size)
		return -1;
	if (n < at + 2)
		return 0;
	h->acks = (int16_t)be16(p + at);
	return h->acks >= -1 && h->acks <= 1 ? 1 : -1;
}

static int client_id(struct kafka_head *h, const uint8_t *p, size_t n)
{
	int len = (int16_t)be16(p + 12);
	size_t room = n < FIXED_HEAD ? 0 : n - FIXED_HEAD;

	if (len < -1 || len > MAX_CLIENT || FIXED_HEAD + (uint32_t)(len < 0 ? 0 : len) > h->size)
		return -1;
	if (len < 0)
		return 1;
	if (!is_text(p + FIXED_HEAD, room < (size_t)len ? room : (size_t)len))
		return -1;
	if (room < (size_t)len)
		return 0;
	h->client = (struct str){(const char *)p + FIXED_HEAD, (size_t)len};
	h->end += (size_t)len;
	return 1;
}

/* The first bytes, as far as they are there: may they be of a request? */
static int may_be(struct kafka_head *h, const uint8_t *p, size_t n)
{
	if (n && p[0] > KAFKA_MAX_SIZE >> 24)
		return 0;
	if (n < 8)
		return n < 6 || (p[4] == 0 && kafka_api_find(p[5]));
	h->size = be32(p) + 4;
	h->api = p[4] ? NULL : kafka_api_find(p[5]);
	h->version = be16(p + 6);
	return h->size >= FIXED_HEAD && h->size <= KAFKA_MAX_SIZE && h->api &&
	       h->version >= h->api->first && h->version <= h->api->last + 8u &&
	       (n < 9 || p[8] < 0x80);
}

int kafka_head_parse(struct kafka_head *h, const uint8_t *p, size_t n)
{
	int r;

	*h = (struct kafka_head){.end = FIXED_HEAD, .acks = 1};
	if (!may_be(h, p, n))
		return -1;
	if (n < FIXED_HEAD)
		return 0;
	h->correlation = be32(p + 8);
	h->flexible = h->version >= h->api->flexible;
	h->known = h->version <= h->api->last;
	r = client_id(h, p, n);
	if (r > 0 && h->flexible)
		r = skip_tags(p, n, &h->end);
	if (r > 0 && h->end > h->size)
		return -1;
	if (r > 0 && h->api->key == KAFKA_PRODUCE && h->known)
		r = produce_acks(h, p, n);
	return r == 0 && n >= h->size ? -1 : r;
}
