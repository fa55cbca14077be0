/*
 * test_http2_mask.c - secrets in HTTP/2, judged by another implementation
 *
 * Random field lists from libnghttp2's deflater, masked, then inflated by libnghttp2: the same
 * fields, the same names, the same lengths, the same table; what is no secret is the same, of what
 * is one nothing is left. Needs libnghttp2; skipped where its header is absent.
 */
#include "tests/unit/tap.h"

#if __has_include(<nghttp2/nghttp2.h>)
#include "parsers/http2/http2.h"
#include "parsers/redact_scan.h"
#include "tests/unit/h2_make.h"
#include "tests/unit/one_way.h"

struct totals {
	unsigned long fields, hidden, partly, kept, wrong, leaks, differ;
};

/* Are `some` octets of a secret, one after another, in the text? */
static int leaks(const char *secret, size_t n, size_t some, const uint8_t *text, size_t len)
{
	for (size_t i = 0; i + some <= n; i++)
		if (memmem(text, len, secret + i, some))
			return 1;
	return 0;
}

/* Octets of a URI that must not be seen: where and how many, one after another. */
static size_t secret_part(const char *uri, size_t *n)
{
	struct redact_scan s;
	size_t len = strlen(uri), at = len;

	redact_scan_uri(&s);
	*n = 0;
	for (size_t i = 0; i < len; i++) {
		if (!redact_scan_step(&s, uri + i, uri + len, 0))
			continue;
		if (!*n)
			at = i;
		*n = i + 1 - at;
	}
	return at;
}

/* loose: more than the secret may be hidden. */
static void check_value(const struct h2_list *l, size_t i, const uint8_t *value, int loose,
			struct totals *t)
{
	const char *want = l->text[i][1];
	size_t n = strlen(want), at = 0, len = n;

	if (l->treat[i] == H2_SCAN)
		at = secret_part(want, &len);
	if (l->treat[i] == H2_KEEP)
		len = 0;
	t->leaks += (unsigned)leaks(want + at, len, 4, value + at, len);
	if (!loose)
		t->differ += memcmp(want, value, at) ||
			     memcmp(want + at + len, value + at + len, n - at - len);
	t->hidden += len && len == n;
	t->partly += len && len < n;
	t->kept += !memcmp(want, value, n);
}

/* Inflates a block and compares. */
static void check_block(nghttp2_hd_inflater *inf, const uint8_t *p, size_t n,
			const struct h2_list *l, int loose, struct totals *t)
{
	size_t i = 0;

	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(inf, &nv, &flags, p, n, 1);

		if (used < 0)
			break;
		p += used;
		n -= (size_t)used;
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT) || i == l->n)
			break;
		t->fields++;
		if (nv.namelen != l->nv[i].namelen || memcmp(nv.name, l->nv[i].name, nv.namelen) ||
		    nv.valuelen != l->nv[i].valuelen ||
		    (l->nv[i].flags & ~nv.flags) & NGHTTP2_NV_FLAG_NO_INDEX)
			t->wrong++;
		else
			/* an authority whose end is not there yet is hidden */
			check_value(l, i, nv.value,
				    loose || !strcmp((const char *)nv.name, ":authority"), t);
		i++;
	}
	t->wrong += n || i != l->n;
	nghttp2_hd_inflate_end_headers(inf);
}

static void put_together(const struct h2_list *l, const uint8_t *octets, uint8_t *to, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < l->npieces; i++) {
		memcpy(to + *n, octets + l->piece[i].at, l->piece[i].n);
		*n += l->piece[i].n;
	}
}

static int outside_blocks_same(const struct traffic *t, const uint8_t *octets)
{
	size_t at = 0;

	for (size_t b = 0; b < t->nblocks; b++) {
		for (size_t i = 0; i < t->block[b].npieces; i++) {
			if (memcmp(t->octets + at, octets + at, t->block[b].piece[i].at - at))
				return 0;
			at = t->block[b].piece[i].at + t->block[b].piece[i].n;
		}
	}
	return !memcmp(t->octets + at, octets + at, t->n - at);
}

static void check_traffic(const struct traffic *t, const uint8_t *octets, int loose,
			  struct totals *all)
{
	static uint8_t block[65536];
	nghttp2_hd_inflater *inf;
	size_t n;

	nghttp2_hd_inflate_new(&inf);
	nghttp2_hd_inflate_change_table_size(inf, 16384);
	for (size_t b = 0; b < t->nblocks; b++) {
		put_together(&t->block[b], octets, block, &n);
		/* an authority that goes on in the next frame is hidden */
		check_block(inf, block, n, &t->block[b], loose || t->block[b].npieces > 1, all);
	}
	all->wrong += nghttp2_hd_inflate_get_dynamic_table_size(inf) != t->table;
	all->wrong += !outside_blocks_same(t, octets);
	nghttp2_hd_inflate_del(inf);
}

/* In its own block of memory, so that a step beyond it is seen. */
static void feed(struct one_way *w, const uint8_t *p, size_t n, uint8_t *out)
{
	one_way_feed(w, 0, p, n, out);
}

static struct traffic t;
static uint8_t masked[H2_OCTETS];

/* step: the most that is fed at once; 1: always one; 0: all. */
static void feed_all(size_t step)
{
	struct one_way w = {.conn.content = 1};

	for (size_t at = 0, n; at < t.n; at += n) {
		n = !step ? t.n : step == 1 ? 1 : 1 + h2_rnd((uint32_t)step);
		n = n < t.n - at ? n : t.n - at;
		feed(&w, t.octets + at, n, masked + at);
	}
	one_way_release(&w);
}

static void test_whole(void)
{
	struct totals all = {0}, cut = {0}, single = {0};

	for (int i = 0; i < 40; i++) {
		h2_traffic(&t, 10 + h2_rnd(H2_BLOCKS - 10), i & 1);
		feed_all(0);
		check_traffic(&t, masked, 0, &all);
		feed_all(3000);
		check_traffic(&t, masked, 1, &cut);
		feed_all(1);
		check_traffic(&t, masked, 1, &single);
	}
	printf("# %lu fields, %lu hidden, %lu in part, %lu kept\n", all.fields, all.hidden,
	       all.partly, all.kept);
	ok(all.hidden > 1000 && all.partly > 1000 && all.kept > 1000, "fields of all kinds");
	is_u64(all.wrong, 0, "fed whole: the same fields, names and lengths, the same table");
	is_u64(all.leaks, 0, "fed whole: nothing of a secret is left");
	is_u64(all.differ, 0, "fed whole: everything else is the same");
	is_u64(cut.wrong + cut.leaks, 0, "fed in segments: the same fields, no secrets");
	is_u64(single.wrong, 0, "octet by octet: the same fields");
}

static void test_every_cut(void)
{
	struct totals all = {0};
	struct one_way w = {.conn.content = 1};

	h2_traffic(&t, 3, 0);
	for (size_t at = 0; at <= t.n; at++) {
		feed(&w, t.octets, at, masked);
		feed(&w, t.octets + at, t.n - at, masked + at);
		check_traffic(&t, masked, 1, &all);
		one_way_release(&w);
	}
	is_u64(all.wrong, 0, "cut at every offset: the same fields");
	is_u64(all.leaks, 0, "cut at every offset: nothing of a secret is left");
}

/* ---- joined late, and gaps, judged by the parser that will read the recording */

struct seen {
	unsigned long blocks, fields, leaks, unlike;
};

static int is_secret_seen(const struct traffic *from, size_t first, const struct hpack_field *f)
{
	for (size_t b = first; f->value.p && b < from->nblocks; b++) {
		const struct h2_list *l = &from->block[b];

		for (size_t i = 0; i < l->n; i++) {
			size_t n = strlen(l->text[i][1]), at = 0;

			/* all URIs here begin alike */
			if (strchr(l->text[i][1], '?'))
				at = secret_part(l->text[i][1], &n);
			if (l->treat[i] != H2_KEEP &&
			    leaks(l->text[i][1] + at, n, 8, (const uint8_t *)f->value.p,
				  f->value.n))
				return 1;
		}
	}
	return 0;
}

/* A reader of one direction. */
struct reader {
	struct http2 *h;
	void *mem;
	uint8_t kept[4 * HTTP2_MAX_KEEP];
	size_t nkept;
	unsigned long blocks, fields, secrets;
	unsigned long long names; /* a sum over the names and lengths of all fields */
	size_t first; /* block from which on secrets are looked for */
};

static struct http2_scratch scratch;

static void reader_event(struct reader *r, const struct http2_event *ev)
{
	if (ev->type != HTTP2_EV_HEADERS && ev->type != HTTP2_EV_PUSH_PROMISE)
		return;
	r->blocks++;
	for (size_t i = 0; i < ev->nfields; i++) {
		const struct hpack_field *f = &ev->fields[i];

		r->fields++;
		r->names = r->names * 31 + (f->name.p ? f->name.n : 997) * 131 +
			   (f->value.p ? f->value.n : 991);
		r->secrets += (unsigned)is_secret_seen(&t, r->first, f);
	}
}

static void reader_begin(struct reader *r, int from_start, size_t first)
{
	memset(r, 0, sizeof(*r));
	r->mem = malloc(http2_size(16384));
	r->h = http2_init(r->mem, 16384, 0, from_start);
	r->first = first;
}

static void reader_feed(struct reader *r, const uint8_t *p, size_t n)
{
	struct http2_event ev;
	enum parse_status st;
	size_t used;

	memcpy(r->kept + r->nkept, p, n);
	r->nkept += n;
	do {
		st = http2_next(r->h, 0, r->kept, r->nkept, &scratch, &used, &ev);
		if (st == PARSE_EVENT)
			reader_event(r, &ev);
		r->nkept -= used;
		memmove(r->kept, r->kept + used, r->nkept);
	} while (st == PARSE_EVENT || (used && r->nkept));
}

static void reader_gap(struct reader *r, uint64_t n)
{
	struct http2_event ev;
	uint64_t used, left = r->nkept + n;
	size_t kept = r->nkept;

	while (left) {
		if (http2_gap(r->h, 0, r->kept, kept, left - kept, &scratch, &used, &ev) ==
		    PARSE_EVENT)
			reader_event(r, &ev);
		left -= used;
		kept = 0;
	}
	r->nkept = 0;
}

static void compare_readers(const struct reader *plain, const struct reader *safe, struct seen *s)
{
	s->blocks += safe->blocks;
	s->fields += safe->fields;
	s->leaks += safe->secrets;
	s->unlike += plain->blocks != safe->blocks || plain->fields != safe->fields ||
		     plain->names != safe->names;
}

static void test_late(void)
{
	static struct reader plain, safe;
	struct seen s = {0};

	for (int i = 0; i < 100; i++) {
		struct one_way w = {.conn.content = 1};
		size_t first = 1 + h2_rnd(8), at;

		h2_traffic(&t, 14, 0);
		at = t.block[first].frame;
		/* else nobody takes it for HTTP/2 */
		if (http2_probe(t.octets + at, t.n - at, 0) != PROBE_YES)
			continue;
		feed(&w, t.octets + at, t.n - at, masked);
		reader_begin(&plain, 0, first);
		reader_begin(&safe, 0, first);
		reader_feed(&plain, t.octets + at, t.n - at);
		reader_feed(&safe, masked, t.n - at);
		compare_readers(&plain, &safe, &s);
		free(plain.mem);
		free(safe.mem);
		one_way_release(&w);
	}
	ok(s.blocks > 100 * 6 && s.fields > 5000, "joined late: %lu blocks, %lu fields", s.blocks,
	   s.fields);
	is_u64(s.unlike, 0, "joined late: a reader finds the same fields and lengths");
	is_u64(s.leaks, 0, "joined late: and no secrets");
}

/* One gap of any length anywhere; what follows it comes in one piece for each block. */
static void one_gap(size_t from, size_t to, struct seen *s)
{
	static struct reader plain, safe;
	struct one_way w = {.conn.content = 1};
	size_t at = to, end;

	reader_begin(&plain, 1, 0);
	reader_begin(&safe, 1, 0);
	feed(&w, t.octets, from, masked);
	reader_feed(&plain, t.octets, from);
	reader_feed(&safe, masked, from);
	mask_side_gap(&w.conn, &w.side[0], to - from);
	reader_gap(&plain, to - from);
	reader_gap(&safe, to - from);
	for (size_t b = 0; b <= t.nblocks; b++, at = end) {
		end = b < t.nblocks ? t.block[b].frame : t.n;
		end = end < at ? at : end;
		if (end == at)
			continue;
		feed(&w, t.octets + at, end - at, masked + at);
		reader_feed(&plain, t.octets + at, end - at);
		reader_feed(&safe, masked + at, end - at);
	}
	compare_readers(&plain, &safe, s);
	free(plain.mem);
	free(safe.mem);
	one_way_release(&w);
}

static void test_gaps(void)
{
	struct seen s = {0};
	unsigned long n = 0;

	for (int i = 0; i < 2; i++) {
		h2_traffic(&t, 8, i & 1);
		for (size_t from = 24; from < t.n; from += 1 + h2_rnd(9), n++) {
			size_t to = from + 1 + h2_rnd(h2_rnd(2) ? 8 : 1000);

			one_gap(from, to < t.n ? to : t.n, &s);
		}
	}
	is_u64(s.leaks, 0, "gaps: a reader finds no secrets");
	/* frames that a reader is sure of only later are hidden */
	ok(s.unlike < n / 10, "gaps: and the same fields and lengths, but for %lu of %lu", s.unlike,
	   n);
}

int main(void)
{
	test_whole();
	test_every_cut();
	test_late();
	test_gaps();
	return tap_done();
}
#else
int main(void)
{
	ok(1, "secrets in HTTP/2 # SKIP nghttp2/nghttp2.h is not installed");
	return tap_done();
}
#endif
