/*
 * test_hpack_nghttp2.c - agreement with another implementation
 *
 * Blocks from libnghttp2's deflater, with changes of the table's size, decoded from the start and
 * by a decoder that joins before every block. Needs libnghttp2; skipped where its header is absent.
 */
#include <stdlib.h>
#include "tests/unit/tap.h"
#include "parsers/http2/hpack.h"

#if __has_include(<nghttp2/nghttp2.h>)
#include <nghttp2/nghttp2.h>

#define SESSIONS 240
#define BLOCKS 50 /* 12,000 field lists */
#define MAX_FIELDS 40

static uint8_t scratch_mem[2 * HPACK_FIELD_MAX];
static uint32_t seed = 7;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

struct list {
	nghttp2_nv nv[MAX_FIELDS];
	char text[MAX_FIELDS][2][700];
	size_t n;
};

static const char *const names[] = {
	":method",	 ":path",	":scheme",	":authority",	":status",
	"accept",	 "cookie",	"user-agent",	"content-type", "date",
	"etag",		 "grpc-status", "grpc-timeout", "x-request-id", "te",
	"authorization", "set-cookie",	"via",		"x-empty",	"location",
};

static const char *const values[] = {
	"GET",
	"POST",
	"/",
	"/index.html",
	"http",
	"https",
	"example.com:8080",
	"200",
	"302",
	"",
	"*/*",
	"application/grpc",
	"curl/8.5.0",
	"trailers",
	"1S",
	"session=0123456789abcdef; theme=dark",
};

static void random_value(char *out, size_t cap)
{
	size_t n = rnd(20) ? rnd(40) : rnd((uint32_t)cap - 1);

	/* all octets: every Huffman code is met */
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(rnd(4) ? 32 + rnd(95) : 1 + rnd(255));
	out[n] = 0;
}

static void make_list(struct list *l)
{
	l->n = 1 + rnd(MAX_FIELDS - 1);
	for (size_t i = 0; i < l->n; i++) {
		nghttp2_nv *nv = &l->nv[i];

		if (rnd(10))
			strcpy(l->text[i][0], names[rnd(sizeof(names) / sizeof(names[0]))]);
		else
			snprintf(l->text[i][0], sizeof(l->text[i][0]), "x-%u", rnd(500));
		if (rnd(3))
			strcpy(l->text[i][1], values[rnd(sizeof(values) / sizeof(values[0]))]);
		else
			random_value(l->text[i][1], sizeof(l->text[i][1]));
		nv->name = (uint8_t *)l->text[i][0];
		nv->namelen = strlen(l->text[i][0]);
		nv->value = (uint8_t *)l->text[i][1];
		nv->valuelen = strlen(l->text[i][1]);
		nv->flags = rnd(16) ? NGHTTP2_NV_FLAG_NONE : NGHTTP2_NV_FLAG_NO_INDEX;
	}
}

static int same(struct str s, const uint8_t *p, size_t n)
{
	return s.p && s.n == n && !memcmp(s.p, p, n);
}

struct totals {
	unsigned long blocks, fields, unseen, wrong;
};

/* Decodes the block; everything must be there unless the decoder joined late. */
static void check_block(struct hpack *h, int late, const uint8_t *p, size_t n, const struct list *l,
			struct totals *t)
{
	struct hpack_scratch s = {scratch_mem, sizeof(scratch_mem), 0};
	enum hpack_status st;
	struct hpack_field f;
	size_t pos = 0, i = 0;

	t->blocks++;
	while ((st = hpack_next(h, p, n, &pos, &s, &f)) == HPACK_FIELD && i < l->n) {
		const nghttp2_nv *nv = &l->nv[i++];
		int name = same(f.name, nv->name, nv->namelen);
		int value = same(f.value, nv->value, nv->valuelen);

		t->fields++;
		if (late) {
			/* unseen is an answer, another name or value is none */
			name |= !f.name.p && f.flags & HPACK_NAME_UNSEEN;
			value |= !f.value.p && f.flags & HPACK_VALUE_UNSEEN;
		}
		t->unseen += !f.name.p || !f.value.p;
		t->wrong += !name || !value;
		if (nv->flags & NGHTTP2_NV_FLAG_NO_INDEX && !(f.flags & HPACK_NEVER_INDEXED))
			t->wrong++;
	}
	t->wrong += st != HPACK_END || i != l->n;
}

static void session(struct totals *start, struct totals *late)
{
	static struct list l;
	static uint8_t buf[65536];
	nghttp2_hd_deflater *d;
	struct hpack *h[BLOCKS];

	nghttp2_hd_deflate_new(&d, 16384);
	for (int b = 0; b < BLOCKS; b++) {
		ssize_t n;

		if (!rnd(6)) {
			if (!rnd(3))
				nghttp2_hd_deflate_change_table_size(d, rnd(100));
			nghttp2_hd_deflate_change_table_size(d, rnd(4) ? rnd(2000) : rnd(16385));
		}
		make_list(&l);
		n = nghttp2_hd_deflate_hd(d, buf, sizeof(buf), l.nv, l.n);
		h[b] = hpack_init(malloc(hpack_size(16384)), 16384, !b);
		hpack_limit(h[b], 16384);
		for (int i = 0; i <= b; i++)
			check_block(h[i], i, buf, (size_t)n, &l, i ? late : start);
		if (hpack_octets(h[0]) != nghttp2_hd_deflate_get_dynamic_table_size(d) ||
		    hpack_entries(h[0]) != nghttp2_hd_deflate_get_num_table_entries(d) - 61)
			start->wrong++;
	}
	for (int b = 0; b < BLOCKS; b++)
		free(h[b]);
	nghttp2_hd_deflate_del(d);
}

int main(void)
{
	struct totals start = {0}, late = {0};

	for (int i = 0; i < SESSIONS; i++)
		session(&start, &late);
	is_u64(start.blocks, SESSIONS * BLOCKS, "field lists");
	is_u64(start.wrong, 0, "from the start: every field, the table's size, the entries");
	is_u64(start.unseen, 0, "from the start: nothing unseen");
	is_u64(late.wrong, 0, "joined before every later block: nothing wrong");
	ok(late.unseen && late.unseen < late.fields / 10, "unseen: %lu of %lu fields in %lu blocks",
	   late.unseen, late.fields, late.blocks);
	return tap_done();
}
#else
int main(void)
{
	ok(1, "agreement with libnghttp2 # SKIP nghttp2/nghttp2.h is not installed");
	return tap_done();
}
#endif
