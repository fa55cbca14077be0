/*
 * fuzz_mask.c - secrets in any octets
 *
 * Input: one octet of mode. Mode 0: field blocks with two octets of length before each; a decoder
 * must find the same fields before and after, with the same names and lengths, every secret hidden,
 * and nothing left to be hidden by a second run. Mode 1: two octets of sizes, then octets of a
 * connection, of one direction or of both in turn, fed in pieces with gaps; each piece lies in a
 * buffer of its own, which nothing may be read or written beyond.
 */
#include <stdlib.h>
#include <string.h>
#include "core/mask_side.h"
#include "parsers/http2/hpack.h"
#include "parsers/http2/hpack_mask.h"
#include "parsers/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT 8192u
#define MAX_FIELDS 256

static uint8_t text[2][4 << 20];

struct fields {
	struct hpack_field f[MAX_FIELDS];
	size_t n;
	enum hpack_status status;
};

static void decode(struct hpack *h, const uint8_t *p, size_t n, int which, struct fields *all)
{
	struct hpack_scratch s = {text[which], sizeof(text[which]), 0};
	size_t pos = 0;

	all->n = 0;
	while ((all->status = hpack_next(h, p, n, &pos, &s, &all->f[all->n])) == HPACK_FIELD &&
	       all->n + 1 < MAX_FIELDS)
		all->n++;
}

/* None of these stands for a hidden octet, raw or coded. */
static int is_hidden(struct str value, struct str was)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == was.p[i] && strchr("acegikmoqsuwy24678", value.p[i]) &&
		    value.p[i])
			return 0;
	return 1;
}

static void compare(const struct fields *was, const struct fields *is)
{
	if (was->status == HPACK_END && (is->status != HPACK_END || is->n != was->n))
		abort();
	for (size_t i = 0; i < was->n && i < is->n; i++) {
		const struct hpack_field *a = &was->f[i], *b = &is->f[i];

		if (a->flags != b->flags || !a->name.p != !b->name.p || !a->value.p != !b->value.p)
			abort();
		if (a->name.p &&
		    (a->name.n != b->name.n || memcmp(a->name.p, b->name.p, a->name.n)))
			abort();
		if (!a->value.p)
			continue;
		if (a->value.n != b->value.n)
			abort();
		if ((!a->name.p || redact_is_secret_field(a->name) ||
		     (a->flags & HPACK_NEVER_INDEXED && a->name.n && a->name.p[0] != ':')) &&
		    !(a->flags & HPACK_INDEXED && !a->value.n) && !is_hidden(b->value, a->value))
			abort();
	}
}

static void blocks(const uint8_t *data, size_t size)
{
	static struct hpack_mask once, twice;
	static struct fields was, is;
	struct hpack *before = hpack_init(malloc(hpack_size(LIMIT)), LIMIT, 1);
	struct hpack *after = hpack_init(malloc(hpack_size(LIMIT)), LIMIT, 1);

	memset(&once, 0, sizeof(once));
	memset(&twice, 0, sizeof(twice));
	for (size_t n, at = 0; at + 2 <= size; at += n) {
		uint8_t *p, *q;

		n = (size_t)data[at] << 8 | data[at + 1];
		at += 2;
		n = n < size - at ? n : size - at;
		p = malloc(n + 1);
		q = malloc(n + 1);
		memcpy(p, data + at, n);
		hpack_mask_feed(&once, p, n);
		hpack_mask_end(&once);
		memcpy(q, p, n);
		hpack_mask_feed(&twice, q, n);
		hpack_mask_end(&twice);
		decode(before, data + at, n, 0, &was);
		decode(after, p, n, 1, &is);
		compare(&was, &is);
		if (was.status == HPACK_END && memcmp(p, q, n))
			abort();
		free(p);
		free(q);
		if (was.status != HPACK_END)
			break;
	}
	free(before);
	free(after);
}

/* Bytes of both directions in turn, with gaps, and again from a copy. */
static void connection(const uint8_t *data, size_t size)
{
	size_t step = 1 + (size_t)data[0], gap = data[1], n;
	struct mask_side side[2] = {{0}}, copy = {0};
	struct mask_conn conn = {0};

	for (size_t at = 2, i = 0; at < size; at += n, i++) {
		unsigned dir = gap & 1 && i & 1;
		struct mask_side none = {.seen = 1};
		struct mask_conn same = conn;
		size_t kept;
		uint8_t *p;

		n = step < size - at ? step : size - at;
		p = malloc(n);
		memcpy(p, data + at, n);
		mask_side_copy(&conn, &copy, &side[dir]);
		mask_side_feed(&same, &copy, &none, dir, p, n);
		mask_side_release(&none);
		memcpy(p, data + at, n);
		kept = mask_side_feed(&conn, &side[dir], &side[!dir], dir, p, n);
		if (kept > n)
			abort();
		if (gap > 1 && i % gap == gap - 1)
			mask_side_gap(&conn, &side[dir], data[at]);
		free(p);
	}
	mask_side_release(&side[0]);
	mask_side_release(&side[1]);
	mask_side_release(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4 || size > 65536)
		return 0;
	if (data[0] & 1)
		connection(data + 1, size - 1);
	else
		blocks(data + 1, size - 1);
	return 0;
}
