/*
 * h2_make.h - random HTTP/2 traffic of one direction, with secrets, encoded by libnghttp2
 *
 * struct traffic holds the octets, and where each field block lies in them: so a test can put the
 * block together again after the octets have changed, and knows what fields it must have.
 */
#ifndef ZC_TESTS_H2_MAKE_H
#define ZC_TESTS_H2_MAKE_H

#include <nghttp2/nghttp2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define H2_FIELDS 16
#define H2_BLOCKS 40
#define H2_PIECES 8
#define H2_OCTETS (1u << 20)

/* What is to be done with a value. */
enum h2_treat { H2_KEEP, H2_HIDE, H2_SCAN };

struct h2_list {
	nghttp2_nv nv[H2_FIELDS];
	char text[H2_FIELDS][2][256];
	enum h2_treat treat[H2_FIELDS];
	size_t n;
	struct {
		size_t at, n;
	} piece[H2_PIECES];
	size_t npieces;
	size_t frame; /* where the first frame begins */
};

struct traffic {
	uint8_t octets[H2_OCTETS];
	size_t n, nblocks;
	struct h2_list block[H2_BLOCKS];
	size_t table; /* size of the encoder's table at the end */
};

static uint32_t h2_seed = 11;

static uint32_t h2_rnd(uint32_t n)
{
	h2_seed = h2_seed * 1664525u + 1013904223u;
	return (h2_seed >> 8) % n;
}

static const struct {
	const char *name;
	enum h2_treat treat;
} h2_names[] = {
	{"authorization", H2_HIDE},
	{"cookie", H2_HIDE},
	{"set-cookie", H2_HIDE},
	{"proxy-authorization", H2_HIDE},
	{"x-api-key", H2_HIDE},
	{"x-auth-token", H2_HIDE},
	{"my-very-own-field-with-a-long-name-that-ends-with-secret", H2_HIDE},
	{"location", H2_SCAN},
	{"referer", H2_SCAN},
	{"user-agent", H2_KEEP},
	{"content-type", H2_KEEP},
	{"x-request-id", H2_KEEP},
	{"traceparent", H2_KEEP},
	{"grpc-timeout", H2_KEEP},
	{"x-token-count", H2_KEEP},
};

/*
 * Of letters that a hidden value never has, so that nothing of them is there by chance; some with
 * octets that no Huffman coding makes shorter, so that they stay as they are.
 */
static void h2_word(char *out, size_t n)
{
	static const char some[] = "acegikmoqsuwyACEGIKMOQSUWY2468.-_";
	int raw = !h2_rnd(3);

	for (size_t i = 0; i < n; i++)
		out[i] = raw && !h2_rnd(2) ? (char)(0xc4 + h2_rnd(6))
					   : some[h2_rnd(sizeof(some) - 1)];
	out[n] = 0;
}

static void h2_uri(char *out, size_t cap, int absolute)
{
	char a[24], b[80], c[24];

	h2_word(a, 1 + h2_rnd(20));
	h2_word(b, 8 + h2_rnd(60));
	h2_word(c, h2_rnd(10));
	snprintf(out, cap, "%s/p/%s?q=%s&token=%s%s", absolute ? "https://host.example" : "", a, c,
		 b, h2_rnd(2) ? "&z=1" : "");
}

static void h2_field(struct h2_list *l, const char *name, const char *value, enum h2_treat treat,
		     uint8_t flags)
{
	size_t i = l->n++;

	snprintf(l->text[i][0], sizeof(l->text[i][0]), "%s", name);
	snprintf(l->text[i][1], sizeof(l->text[i][1]), "%s", value);
	l->treat[i] = flags && name[0] != ':' ? H2_HIDE : treat;
	l->nv[i] = (nghttp2_nv){.name = (uint8_t *)l->text[i][0],
				.value = (uint8_t *)l->text[i][1],
				.namelen = strlen(l->text[i][0]),
				.valuelen = strlen(l->text[i][1]),
				.flags = flags};
}

static void h2_random_list(struct h2_list *l)
{
	char value[256], name[32];

	l->n = 0;
	h2_uri(value, sizeof(value), 0);
	h2_field(l, ":method", "GET", H2_KEEP, 0);
	h2_field(l, ":scheme", "http", H2_KEEP, 0);
	h2_field(l, ":path", value, H2_SCAN, h2_rnd(4) ? 0 : NGHTTP2_NV_FLAG_NO_INDEX);
	h2_field(l, ":authority", "host.example", H2_KEEP, 0);
	for (size_t n = h2_rnd(H2_FIELDS - 4); n; n--) {
		size_t k = h2_rnd(sizeof(h2_names) / sizeof(*h2_names));
		int other = !h2_rnd(5);

		if (h2_names[k].treat == H2_SCAN)
			h2_uri(value, sizeof(value), 1);
		else
			h2_word(value, h2_rnd(4) ? 8 + h2_rnd(60) : h2_rnd(3));
		snprintf(name, sizeof(name), "x-%u", h2_rnd(300));
		h2_field(l, other ? name : h2_names[k].name, value,
			 other ? H2_KEEP : h2_names[k].treat,
			 h2_rnd(10) ? 0 : NGHTTP2_NV_FLAG_NO_INDEX);
	}
}

static void h2_head(struct traffic *t, size_t length, uint8_t type, uint8_t flags, uint32_t stream)
{
	const uint8_t head[] = {
		(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length, type, flags, 0, 0,
		(uint8_t)(stream >> 8),	 (uint8_t)stream};

	memcpy(t->octets + t->n, head, sizeof(head));
	t->n += sizeof(head);
}

static void h2_fill(struct traffic *t, size_t n, uint8_t octet)
{
	memset(t->octets + t->n, octet, n);
	t->n += n;
}

/* Frames that are no concern of ours. */
static void h2_other(struct traffic *t, uint32_t stream)
{
	uint32_t n;

	switch (h2_rnd(5)) {
	case 0:
		n = h2_rnd(3000);
		h2_head(t, n, 0, 0, stream);
		h2_fill(t, n, 'd');
		break;
	case 1:
		h2_head(t, 8, 6, 0, 0);
		h2_fill(t, 8, 1);
		break;
	case 2:
		h2_head(t, 4, 8, 0, 0);
		h2_fill(t, 4, 1);
		break;
	case 3:
		h2_head(t, 5, 2, 0, stream);
		h2_fill(t, 5, 1);
		break;
	default: break;
	}
}

/* A field block as HEADERS or PUSH_PROMISE and perhaps CONTINUATION, with padding or without. */
static void h2_frames(struct traffic *t, struct h2_list *l, const uint8_t *p, size_t n,
		      uint32_t stream)
{
	int push = !h2_rnd(8), padded = !h2_rnd(3), priority = !push && !h2_rnd(3);
	size_t lead = push ? 4 : priority ? 5 : 0, pad = padded ? h2_rnd(20) : 0;

	l->npieces = 0;
	l->frame = t->n;
	for (size_t part, i = 0; !i || n; i++, p += part, n -= part) {
		part = i + 1 < H2_PIECES && !h2_rnd(3) ? h2_rnd((uint32_t)n + 1) : n;
		if (!i) {
			h2_head(t, lead + pad + (size_t)padded + part, push ? 5 : 1,
				(uint8_t)((part == n ? 4 : 0) | (padded ? 8 : 0) |
					  (priority ? 0x20 : 0)),
				stream);
			if (padded)
				h2_fill(t, 1, (uint8_t)pad);
			h2_fill(t, lead, 2);
		} else {
			h2_head(t, part, 9, part == n ? 4 : 0, stream);
		}
		l->piece[i].at = t->n;
		l->piece[i].n = part;
		l->npieces = i + 1;
		memcpy(t->octets + t->n, p, part);
		t->n += part;
		if (!i)
			h2_fill(t, pad, 0);
		if (part == n)
			break;
	}
}

/* from_start: with the preface, or as a server, with SETTINGS first. */
static void h2_traffic(struct traffic *t, size_t nblocks, int server)
{
	static uint8_t buf[65536];
	nghttp2_hd_deflater *d;

	t->n = 0;
	t->nblocks = nblocks;
	nghttp2_hd_deflate_new(&d, 16384);
	if (!server) {
		memcpy(t->octets, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
		t->n = NGHTTP2_CLIENT_MAGIC_LEN;
	}
	h2_head(t, 6, 4, 0, 0);
	h2_fill(t, 6, 1);
	for (size_t b = 0; b < nblocks; b++) {
		struct h2_list *l = &t->block[b];
		ssize_t n;

		if (!h2_rnd(6))
			nghttp2_hd_deflate_change_table_size(d, h2_rnd(3) ? h2_rnd(16385)
									  : h2_rnd(100));
		h2_random_list(l);
		n = nghttp2_hd_deflate_hd(d, buf, sizeof(buf), l->nv, l->n);
		h2_frames(t, l, buf, (size_t)n, 2 * (uint32_t)b + 1);
		while (h2_rnd(2))
			h2_other(t, 2 * (uint32_t)b + 1);
	}
	t->table = nghttp2_hd_deflate_get_dynamic_table_size(d);
	nghttp2_hd_deflate_del(d);
}

#endif
