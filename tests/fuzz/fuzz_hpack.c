/*
 * fuzz_hpack.c - field blocks of any octets, against libnghttp2's inflater
 *
 * Input: one octet of mode, then blocks with two octets of length before each. A decoder from the
 * start must agree with the inflater on every field and on the table, until the inflater gives up.
 * Decoders with little memory and decoders that joined before a later block must never contradict
 * it.
 */
#include <stdlib.h>
#include <string.h>
#include "parsers/http2/hpack.h"

#if __has_include(<nghttp2/nghttp2.h>)
#include <nghttp2/nghttp2.h>
#define HAVE_PEER 1
#else
#define HAVE_PEER 0
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_FIELDS 512
#define LIMIT 8192u
#define JOINERS 4

/* room for every string of a block whose fields are compared */
static uint8_t scratch_mem[8 << 20], other_mem[8 << 20];

/* What a decoder made of a block. */
struct result {
	struct hpack_field f[MAX_FIELDS];
	size_t n;
	enum hpack_status status;
};

static void decode(struct hpack *h, const uint8_t *p, size_t n, struct result *r,
		   struct hpack_scratch *s)
{
	size_t pos = 0;

	r->n = 0;
	while ((r->status = hpack_next(h, p, n, &pos, s, &r->f[r->n])) == HPACK_FIELD) {
		if (s->used > s->n || pos > n)
			abort();
		if (r->n + 1 < MAX_FIELDS)
			r->n++;
		/* the last fields share what is left: left out, not overwritten */
		if (r->n + 1 == MAX_FIELDS)
			s->used = s->n - 2 * HPACK_FIELD_MAX;
	}
	if (r->status == HPACK_END && pos != n)
		abort();
	if (hpack_octets(h) > LIMIT || hpack_entries(h) > LIMIT / HPACK_ENTRY)
		abort();
}

static int differ(struct str a, struct str b)
{
	return a.n != b.n || (a.n && memcmp(a.p, b.p, a.n));
}

/* Whatever the one that saw less says must be what the other one saw. */
static void compare(const struct result *all, const struct result *less)
{
	for (size_t i = 0; i < all->n && i < less->n; i++) {
		const struct hpack_field *a = &all->f[i], *b = &less->f[i];

		if (a->flags & HPACK_TOO_LONG || b->flags & HPACK_TOO_LONG)
			continue;
		if (a->name.p && b->name.p && differ(a->name, b->name))
			abort();
		if (a->value.p && b->value.p && differ(a->value, b->value))
			abort();
	}
	/* a correct block is correct for everyone */
	if (all->status == HPACK_END && (less->status != HPACK_END || less->n != all->n))
		abort();
}

#if HAVE_PEER
/* The inflater's fields of the block must be ours. Returns 0, or -1 when it gave up. */
static int compare_peer(nghttp2_hd_inflater *inf, const uint8_t *p, size_t n,
			const struct result *r)
{
	uint8_t *in = (uint8_t *)(uintptr_t)p;
	size_t i = 0;

	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(inf, &nv, &flags, in, n, 1);

		if (used < 0) {
			/* it looks at a string's length before the rest is there, and is stricter
			 * there */
			if (r->status == HPACK_END && r->n + 1 < MAX_FIELDS)
				abort();
			return -1;
		}
		in += used;
		n -= (size_t)used;
		if (flags & NGHTTP2_HD_INFLATE_EMIT) {
			const struct hpack_field *f = &r->f[i];

			if (i + 1 >= MAX_FIELDS)
				return -1;
			if (i++ >= r->n)
				abort();
			if (f->flags & HPACK_TOO_LONG)
				continue;
			if (differ(f->name, (struct str){(char *)nv.name, nv.namelen}) ||
			    differ(f->value, (struct str){(char *)nv.value, nv.valuelen}))
				abort();
			if (!(nv.flags & NGHTTP2_NV_FLAG_NO_INDEX) !=
			    !(f->flags & HPACK_NEVER_INDEXED))
				abort();
		}
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
		if (!used && !(flags & NGHTTP2_HD_INFLATE_EMIT))
			return -1;
	}
	if (i != r->n || r->status != HPACK_END)
		abort();
	nghttp2_hd_inflate_end_headers(inf);
	return 0;
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result all, less;
	struct hpack *h[JOINERS] = {0}, *small;
	int joined = 0, from_start;
#if HAVE_PEER
	nghttp2_hd_inflater *inf;
	int peer_alive;
#endif

	if (size < 1)
		return 0;
	from_start = data[0] & 1;
	h[joined++] = hpack_init(malloc(hpack_size(LIMIT)), LIMIT, from_start);
	small = hpack_init(malloc(hpack_size(64u + data[0])), 64u + data[0], from_start);
	hpack_limit(h[0], LIMIT);
	hpack_limit(small, LIMIT);
#if HAVE_PEER
	nghttp2_hd_inflate_new(&inf);
	nghttp2_hd_inflate_change_table_size(inf, LIMIT);
	peer_alive = from_start;
#endif
	for (size_t at = 1; at + 2 <= size;) {
		struct hpack_scratch s = {scratch_mem, sizeof(scratch_mem), 0};
		struct hpack_scratch s2 = {other_mem, sizeof(other_mem), 0};
		size_t n = (size_t)data[at] << 8 | data[at + 1];

		at += 2;
		n = n > size - at ? size - at : n;
		decode(h[0], data + at, n, &all, &s);
		decode(small, data + at, n, &less, &s2);
		compare(&all, &less);
		for (int i = 1; i < joined; i++) {
			s2.used = 0;
			decode(h[i], data + at, n, &less, &s2);
			compare(&all, &less);
		}
		hpack_plausible(data + at, n);
#if HAVE_PEER
		if (peer_alive && compare_peer(inf, data + at, n, &all))
			peer_alive = 0;
#endif
		if (all.status != HPACK_END)
			break;
		if (joined < JOINERS) {
			h[joined] = hpack_init(malloc(hpack_size(LIMIT)), LIMIT, 0);
			hpack_limit(h[joined++], LIMIT);
		}
		at += n;
	}
	while (joined)
		free(h[--joined]);
	free(small);
#if HAVE_PEER
	nghttp2_hd_inflate_del(inf);
#endif
	return 0;
}
