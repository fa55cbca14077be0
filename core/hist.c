/*
 * hist.c - log-linear histogram, see hist.h
 *
 * Block 0 holds the values 0..63 and block b > 0 those from 2^(b+5) up to 2^(b+6) - 1, in buckets
 * of width 2^(b-1). That makes 59 blocks for 64 bits, so the set of blocks in use is one word, and
 * the place of a block in the array is the number of blocks below it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/hist.h"

#define SUB_BITS 6
#define SUB (1u << SUB_BITS)
#define BLOCKS 59u
#define BLOCK_SIZE (SUB * sizeof(uint64_t))

static unsigned block_of(uint64_t value)
{
	return value < SUB ? 0 : 64u - SUB_BITS - (unsigned)__builtin_clzll(value);
}

static unsigned block_shift(unsigned block)
{
	return block ? block - 1 : 0;
}

static unsigned bucket_of(uint64_t value, unsigned block)
{
	return (unsigned)(value >> block_shift(block)) & (SUB - 1);
}

/* Smallest value of a bucket. */
static uint64_t bucket_low(unsigned block, unsigned bucket)
{
	return (uint64_t)((block ? SUB : 0) + bucket) << block_shift(block);
}

/* Largest value of a bucket. */
static uint64_t bucket_high(unsigned block, unsigned bucket)
{
	return bucket_low(block, bucket) + (((uint64_t)1 << block_shift(block)) - 1);
}

static uint64_t bucket_middle(unsigned block, unsigned bucket)
{
	return bucket_low(block, bucket) + ((((uint64_t)1 << block_shift(block)) - 1) >> 1);
}

/* How many bits of v are set; the compiler's own takes a call, where it knows of no instruction. */
static inline unsigned bits_set(uint64_t v)
{
	const uint64_t twos = UINT64_MAX / 3, fours = UINT64_MAX / 5, eights = UINT64_MAX / 17;

	v -= v >> 1 & twos;
	v = (v & fours) + (v >> 2 & fours);
	return (unsigned)(((v + (v >> 4)) & eights) * (UINT64_MAX / 255) >> 56);
}

static unsigned block_rank(const struct hist *h, unsigned block)
{
	return bits_set(h->octaves & (((uint64_t)1 << block) - 1));
}

/* Puts an empty block in its place. Returns -1 when out of memory. */
static int block_insert(struct hist *h, unsigned block, unsigned rank)
{
	unsigned blocks = (unsigned)__builtin_popcountll(h->octaves);
	uint64_t *grown = realloc(h->buckets, (blocks + 1) * BLOCK_SIZE);

	if (!grown)
		return -1;
	h->buckets = grown;
	memmove(grown + (size_t)(rank + 1) * SUB, grown + (size_t)rank * SUB,
		(blocks - rank) * BLOCK_SIZE);
	memset(grown + (size_t)rank * SUB, 0, BLOCK_SIZE);
	h->octaves |= (uint64_t)1 << block;
	return 0;
}

/* Counters of a block; made when absent. NULL: out of memory. */
static uint64_t *block_get(struct hist *h, unsigned block)
{
	if (!h->buckets || block != h->block) {
		unsigned rank = block_rank(h, block);

		if (!(h->octaves >> block & 1) && block_insert(h, block, rank))
			return NULL;
		h->block = block;
		h->rank = rank;
	}
	return h->buckets + (size_t)h->rank * SUB;
}

void hist_init(struct hist *h)
{
	memset(h, 0, sizeof(*h));
}

void hist_release(struct hist *h)
{
	free(h->buckets);
	hist_init(h);
}

void hist_reset(struct hist *h)
{
	if (h->buckets)
		memset(h->buckets, 0, (size_t)__builtin_popcountll(h->octaves) * BLOCK_SIZE);
	h->count = h->sum = h->min = h->max = 0;
}

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void note_range(struct hist *h, uint64_t min, uint64_t max)
{
	if (!h->count || min < h->min)
		h->min = min;
	if (!h->count || max > h->max)
		h->max = max;
}

int hist_add(struct hist *h, uint64_t value)
{
	unsigned block = block_of(value);
	uint64_t *b = block_get(h, block);

	if (!b)
		return -ENOMEM;
	b[bucket_of(value, block)]++;
	note_range(h, value, value);
	h->count++;
	h->sum = add_saturating(h->sum, value);
	return 0;
}

int hist_merge(struct hist *dst, const struct hist *src)
{
	const uint64_t *from = src->buckets;
	uint64_t left;

	if (!src->count)
		return 0;
	/* all memory first, so that a failure leaves no half of src behind */
	for (left = src->octaves; left; left &= left - 1)
		if (!block_get(dst, (unsigned)__builtin_ctzll(left)))
			return -ENOMEM;
	if (dst == src)
		from = dst->buckets;
	for (left = src->octaves; left; left &= left - 1, from += SUB) {
		uint64_t *to = block_get(dst, (unsigned)__builtin_ctzll(left));

		for (unsigned i = 0; i < SUB; i++)
			to[i] += from[i];
	}
	note_range(dst, src->min, src->max);
	dst->sum = add_saturating(dst->sum, src->sum);
	dst->count += src->count;
	return 0;
}

/* Counts what the buckets hold and narrows min and max to it. */
static void recount(struct hist *h)
{
	uint64_t low = UINT64_MAX, high = 0, count = 0;
	const uint64_t *b = h->buckets;

	for (uint64_t left = h->octaves; left; left &= left - 1, b += SUB) {
		unsigned block = (unsigned)__builtin_ctzll(left);

		for (unsigned i = 0; i < SUB; i++) {
			if (!b[i])
				continue;
			if (!count)
				low = bucket_low(block, i);
			high = bucket_high(block, i);
			count += b[i];
		}
	}
	h->count = count;
	if (!count) {
		h->min = h->max = h->sum = 0;
		return;
	}
	if (low > h->min)
		h->min = low;
	if (high < h->max)
		h->max = high;
}

void hist_subtract(struct hist *h, const struct hist *base)
{
	const uint64_t *from = base->buckets;

	for (uint64_t left = base->octaves; left; left &= left - 1, from += SUB) {
		unsigned block = (unsigned)__builtin_ctzll(left);
		uint64_t *to;

		if (!(h->octaves >> block & 1))
			continue;
		to = h->buckets + (size_t)block_rank(h, block) * SUB;
		for (unsigned i = 0; i < SUB; i++)
			to[i] -= to[i] < from[i] ? to[i] : from[i];
	}
	h->sum -= h->sum < base->sum ? h->sum : base->sum;
	recount(h);
}

/* ---- packed: how many buckets were passed over, then what is counted in the next one */

static size_t put_number(uint8_t *p, size_t at, uint64_t v)
{
	do {
		if (p)
			p[at] = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
		at++;
		v >>= 7;
	} while (v);
	return at;
}

static const uint8_t *get_number(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	*v = 0;
	for (unsigned shift = 0; p < end && shift < 64; shift += 7) {
		*v |= (uint64_t)(*p & 127) << shift;
		if (!(*p++ & 128))
			return p;
	}
	return NULL;
}

size_t hist_pack(const struct hist *h, const struct hist *base, uint8_t *p)
{
	const uint64_t *b = h->buckets;
	unsigned next = 0;
	size_t n = 0;

	for (uint64_t left = h->octaves; left; left &= left - 1, b += SUB) {
		unsigned block = (unsigned)__builtin_ctzll(left);
		const uint64_t *old =
			base->octaves >> block & 1
				? base->buckets + (size_t)block_rank(base, block) * SUB
				: NULL;

		for (unsigned i = 0; i < SUB; i++) {
			uint64_t before = old ? old[i] : 0;

			if (b[i] <= before)
				continue;
			n = put_number(p, n, block * SUB + i - next);
			n = put_number(p, n, b[i] - before);
			next = block * SUB + i + 1;
		}
	}
	return n;
}

int hist_add_packed(struct hist *h, const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n;
	uint64_t at = 0, skip, count;

	while (p < end) {
		uint64_t *b, middle;

		p = get_number(p, end, &skip);
		p = p ? get_number(p, end, &count) : NULL;
		if (!p || skip >= BLOCKS * SUB || at + skip >= BLOCKS * SUB)
			return 0;
		at += skip;
		b = block_get(h, (unsigned)(at / SUB));
		if (!b)
			return -ENOMEM;
		b[at % SUB] += count;
		middle = bucket_middle((unsigned)(at / SUB), at % SUB);
		note_range(h, middle, middle);
		h->count += count;
		h->sum = count > UINT64_MAX / (middle + 1) ? UINT64_MAX
							   : add_saturating(h->sum, count * middle);
		at++;
	}
	return 0;
}

int hist_copy(struct hist *dst, const struct hist *src)
{
	if (dst == src)
		return 0;
	hist_reset(dst);
	return hist_merge(dst, src);
}

/* Nearest rank, 1..count. The small term keeps 99.9 % of 1000 at 999 in spite of rounding. */
static uint64_t rank_of(uint64_t count, double p)
{
	double exact;
	uint64_t rank;

	if (!(p > 0))
		return 1;
	if (p >= 100)
		return count;
	exact = p * (double)count / 100 * (1 - 1e-12);
	rank = (uint64_t)exact;
	if ((double)rank < exact)
		rank++;
	if (!rank)
		return 1;
	return rank < count ? rank : count;
}

uint64_t hist_percentile(const struct hist *h, double p)
{
	const uint64_t *b = h->buckets;
	uint64_t rank, seen = 0, value;

	if (!h->count)
		return 0;
	rank = rank_of(h->count, p);
	if (rank == 1)
		return h->min;
	if (rank == h->count)
		return h->max;
	for (uint64_t left = h->octaves; left; left &= left - 1, b += SUB) {
		unsigned block = (unsigned)__builtin_ctzll(left);

		for (unsigned i = 0; i < SUB; i++) {
			seen += b[i];
			if (seen < rank)
				continue;
			value = bucket_middle(block, i);
			if (value < h->min)
				return h->min;
			return value < h->max ? value : h->max;
		}
	}
	return h->max;
}

uint64_t hist_above(const struct hist *h, uint64_t value)
{
	const uint64_t *b = h->buckets;
	uint64_t count = 0;

	for (uint64_t left = h->octaves; left; left &= left - 1, b += SUB)
		for (unsigned i = 0; i < SUB; i++)
			if (b[i] && bucket_low((unsigned)__builtin_ctzll(left), i) > value)
				count += b[i];
	return count;
}

void hist_each(const struct hist *h,
	       void (*f)(void *ctx, uint64_t low, uint64_t high, uint64_t n), void *ctx)
{
	const uint64_t *counts = h->buckets;

	for (uint64_t left = h->octaves; left; left &= left - 1, counts += SUB) {
		unsigned block = (unsigned)__builtin_ctzll(left);

		for (unsigned i = 0; i < SUB; i++)
			if (counts[i])
				f(ctx, bucket_low(block, i), bucket_high(block, i), counts[i]);
	}
}
