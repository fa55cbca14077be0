/*
 * fuzz_http2.c - both directions of a connection, any octets, cuts and gaps
 *
 * Input: one octet of mode, then pieces: one octet says the direction (bit 0), whether the piece is
 * a gap (bits 1 to 3 all set; then its length is in the next octet) and the length in units of 4.
 * The octets of a gap are made up. The same is fed in the pieces of the input, and then with each
 * direction's octets in pieces of one; the events must be the same.
 */
#include "tests/unit/h2_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_DIR 200000

/* The octets of a direction that are not consumed yet. */
struct pending {
	uint8_t p[MAX_DIR];
	size_t n;
	int dead; /* after PARSE_BAD */
};

static void consume(struct http2 *h, unsigned dir, struct pending *q, struct h2_log *l)
{
	size_t used = h2_feed(h, dir, q->p, q->n, l);

	q->dead = used == SIZE_MAX;
	if (q->dead)
		return;
	q->n -= used;
	memmove(q->p, q->p + used, q->n);
}

static void feed(struct http2 *h, unsigned dir, struct pending *q, const uint8_t *p, size_t n,
		 size_t step, struct h2_log *l)
{
	while (n && !q->dead) {
		size_t take = n < step ? n : step;

		memcpy(q->p + q->n, p, take);
		q->n += take;
		p += take;
		n -= take;
		consume(h, dir, q, l);
	}
}

static void run(const uint8_t *data, size_t size, size_t step, struct h2_log *l)
{
	static struct pending q[2];
	uint32_t capacity = data[0] & 0x10 ? 4096 : 256;
	void *mem = malloc(http2_size(capacity));
	struct http2 *h = http2_init(mem, capacity, data[0] & 3 & 2 ? HTTP2_NO_DIR : data[0] & 1,
				     data[0] & 4);
	size_t at = 1;

	q[0].n = q[1].n = 0;
	q[0].dead = q[1].dead = 0;
	while (at + 1 < size) {
		unsigned dir = data[at] & 1, gap = (data[at] & 0xe) == 0xe;
		size_t n = gap ? data[at + 1] : (size_t)(data[at] >> 4) * 16 + 4;

		at++;
		if (gap && n) {
			if (!q[dir].dead)
				h2_gap(h, dir, q[dir].p, q[dir].n, n, l);
			q[dir].n = 0;
			at++;
		} else {
			n = n < size - at ? n : size - at;
			feed(h, dir, &q[dir], data + at, n, step, l);
			at += n;
		}
		if (http2_unneeded(h, dir) > 2 * (uint64_t)UINT32_MAX)
			abort();
	}
	h2_flush_skipped(l);
	free(mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct h2_log whole, pieces;

	if (size < 2 || size > 65536)
		return 0;
	whole.n = pieces.n = 0;
	h2_print(&whole, "%s", "");
	h2_print(&pieces, "%s", "");
	whole.content = whole.wire = whole.charged = whole.gap = whole.skipped = 0;
	pieces.content = pieces.wire = pieces.charged = pieces.gap = pieces.skipped = 0;
	run(data, size, SIZE_MAX, &whole);
	run(data, size, 1, &pieces);
	if (whole.n != pieces.n || memcmp(whole.text, pieces.text, whole.n)) {
		fprintf(stderr, "whole:\n%s\npieces:\n%s\n", whole.text, pieces.text);
		abort();
	}
	return 0;
}
