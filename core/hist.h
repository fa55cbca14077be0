/*
 * hist.h - distribution of durations, log-linear, for percentiles
 *
 * Every octave (the values from one power of two to the next) is cut into 64 buckets of equal
 * width, and values below 128 have a bucket each. A percentile is the middle of the bucket that
 * holds the value of that rank, so it differs from the exact value of the same rank by at most
 *
 *     (width / 2) / lower bound of the bucket  <=  1/128  <  0.8 %
 *
 * over the whole range of uint64_t: nothing saturates. The unit is the caller's (nanoseconds in
 * this program). An octave takes memory only when a value falls into it: 512 octets for each
 * octave seen; durations of one route usually span five to ten.
 */
#ifndef ZC_CORE_HIST_H
#define ZC_CORE_HIST_H

#include <stddef.h>
#include <stdint.h>

/* Embedded; all zero is an empty histogram. Private but for count, sum, min and max. */
struct hist {
	uint64_t count;
	uint64_t sum;	   /* stays at UINT64_MAX when it would go beyond */
	uint64_t min, max; /* exact; meaningless when count == 0 */
	uint64_t octaves;  /* bit b: block b is present */
	uint64_t *buckets; /* present blocks in ascending order, 64 counters each */
	uint32_t block, rank; /* of buckets: the latest value's block and its place there */
};

void hist_init(struct hist *h);
void hist_release(struct hist *h); /* frees; h is empty afterwards and may be used again */
void hist_reset(struct hist *h);   /* empties; keeps the memory */

/* Counts one value. 0, or -ENOMEM: h is unchanged. Allocates only when an octave is new. */
int hist_add(struct hist *h, uint64_t value);

/* Adds all values of src to dst. 0, or -ENOMEM: dst is unchanged in its values. */
int hist_merge(struct hist *dst, const struct hist *src);

/*
 * Takes the values of base, an earlier copy of h, out of h: what came since then is left. Minimum
 * and maximum of what is left are known to the bucket only (same bound of error), and never lie
 * outside those of h. Counters that base has more of than h become zero.
 */
void hist_subtract(struct hist *h, const struct hist *base);

/* Makes dst, which is initialised, equal to src. 0, or -ENOMEM: dst is empty. */
int hist_copy(struct hist *dst, const struct hist *src);

/*
 * What h has more than base, an earlier copy of it, in few octets: two or three for each bucket
 * that differs. Returns how many; p: NULL, or room for them.
 */
size_t hist_pack(const struct hist *h, const struct hist *base, uint8_t *p);

/*
 * Adds what hist_pack wrote. Minimum, maximum and sum are those of the buckets' middles: within the
 * error above. 0, or -ENOMEM: a part of it was added. n octets that hist_pack did not write are
 * safe.
 */
int hist_add_packed(struct hist *h, const uint8_t *p, size_t n);

/*
 * The value at or below which p per cent of all values lie (nearest rank; p is brought into
 * 0..100), within the error above; never below min nor above max. 0 when h is empty.
 */
uint64_t hist_percentile(const struct hist *h, double p);

/* Calls f for each bucket that holds something, in ascending order: n values from low to high. */
void hist_each(const struct hist *h,
	       void (*f)(void *ctx, uint64_t low, uint64_t high, uint64_t n), void *ctx);

/* How many values are larger than that one, as far as buckets tell: those of its own are not. */
uint64_t hist_above(const struct hist *h, uint64_t value);

#endif
