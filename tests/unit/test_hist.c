/* Histogram: percentiles against exact ones of the sorted values, merge, subtract, extremes. */
#include <stdlib.h>

#include "core/hist.h"
#include "tests/unit/tap.h"

#define N 20000

static uint64_t rng = 88172645463325252u;

static uint64_t next_random(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static uint64_t uniform_ms(void)
{
	return next_random() % 250000000;
}

/* Every octave equally likely: 1 ns to beyond an hour. */
static uint64_t log_uniform(void)
{
	unsigned bits = (unsigned)(next_random() % 43);

	return ((uint64_t)1 << bits) | (next_random() & (((uint64_t)1 << bits) - 1));
}

/* A fast path and a slow one, far apart. */
static uint64_t bimodal(void)
{
	return next_random() % 100 < 97 ? 120000 + next_random() % 4000
					: 2000000000 + next_random() % 9;
}

static uint64_t constant(void)
{
	return 1260901;
}

static uint64_t tiny(void)
{
	return next_random() % 130;
}

static uint64_t whole_range(void)
{
	return next_random() >> (next_random() % 64);
}

static int cmp_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Largest relative error over many percentiles, and whether any left [min, max]. */
static double worst_error(const struct hist *h, const uint64_t *sorted, uint64_t n, int *outside)
{
	double worst = 0;

	*outside = 0;
	for (unsigned tenth = 0; tenth <= 1000; tenth++) {
		uint64_t rank = (n * tenth + 999) / 1000, got = hist_percentile(h, tenth / 10.0),
			 want;
		double err;

		want = sorted[rank ? rank - 1 : 0];
		err = got > want ? (double)(got - want) : (double)(want - got);
		if (want)
			err /= (double)want;
		if (err > worst)
			worst = err;
		if (got < sorted[0] || got > sorted[n - 1])
			*outside = 1;
	}
	return worst;
}

static void test_distribution(const char *name, uint64_t (*draw)(void))
{
	uint64_t *v = malloc(N * sizeof(*v)), sum = 0;
	struct hist h;
	int outside;
	double err;

	hist_init(&h);
	for (unsigned i = 0; i < N; i++) {
		v[i] = draw();
		sum = sum > UINT64_MAX - v[i] ? UINT64_MAX : sum + v[i];
		if (hist_add(&h, v[i]))
			abort();
	}
	qsort(v, N, sizeof(*v), cmp_u64);
	err = worst_error(&h, v, N, &outside);
	ok(err <= 1.0 / 128, "%s: relative error %.5f is within 1/128", name, err);
	ok(!outside, "%s: no percentile leaves the range of the values", name);
	is_u64(h.min, v[0], "minimum is exact");
	is_u64(h.max, v[N - 1], "maximum is exact");
	is_u64(h.sum, sum, "sum is exact");
	is_u64(h.count, N, "count is exact");
	is_u64(hist_percentile(&h, 100), v[N - 1], "p100 is the maximum");
	is_u64(hist_percentile(&h, 0), v[0], "p0 is the minimum");
	hist_release(&h);
	free(v);
}

/* Every edge of every octave is counted where it belongs: with one value the answer is exact. */
static void test_edges(void)
{
	unsigned wrong = 0;

	for (unsigned bit = 0; bit < 64; bit++)
		for (int d = -1; d <= 1; d++) {
			uint64_t v = ((uint64_t)1 << bit) + (uint64_t)(int64_t)d, mid;
			struct hist h;

			hist_init(&h);
			hist_add(&h, v ? v - 1 : v);
			hist_add(&h, v);
			hist_add(&h, v < UINT64_MAX ? v + 1 : v);
			mid = hist_percentile(&h, 50);
			wrong += (mid > v ? mid - v : v - mid) > v / 128 || h.count != 3;
			hist_release(&h);
		}
	is_u64(wrong, 0, "edges of all octaves keep the bound, up to 2^64 - 1");
}

static void test_ranks(void)
{
	struct hist h;

	hist_init(&h);
	is_u64(hist_percentile(&h, 50), 0, "an empty histogram gives 0");
	for (uint64_t v = 1; v <= 100; v++)
		hist_add(&h, v);
	is_u64(hist_percentile(&h, 7), 7, "nearest rank is not moved by rounding");
	is_u64(hist_percentile(&h, 50), 50, "p50 of 1..100");
	is_u64(hist_percentile(&h, 99), 99, "p99 of 1..100");
	is_u64(hist_percentile(&h, 99.9), 100, "p99.9 of 1..100");
	is_u64(hist_percentile(&h, -3), 1, "below 0 is 0");
	is_u64(hist_percentile(&h, 1e9), 100, "above 100 is 100");
	is_u64(hist_percentile(&h, (double)__builtin_nanf("")), 1, "not a number is 0");
	hist_reset(&h);
	is_u64(h.count, 0, "reset empties");
	hist_add(&h, 5);
	is_u64(hist_percentile(&h, 50), 5, "and the minimum starts anew");
	hist_release(&h);
}

static void test_merge_subtract(void)
{
	struct hist a, b, base, whole;
	unsigned differ = 0;

	hist_init(&a);
	hist_init(&b);
	hist_init(&base);
	hist_init(&whole);
	for (unsigned i = 0; i < N; i++) {
		uint64_t v = log_uniform(), w = bimodal();

		hist_add(&a, v);
		hist_add(&b, w);
		hist_add(&whole, v);
		hist_add(&whole, w);
	}
	ok(!hist_copy(&base, &a), "copy");
	ok(!hist_merge(&a, &b), "merge");
	for (unsigned p = 0; p <= 1000; p++)
		differ += hist_percentile(&a, p / 10.0) != hist_percentile(&whole, p / 10.0);
	is_u64(differ, 0, "merged is as if counted together");
	ok(a.count == 2 * N && a.sum == whole.sum && a.min == whole.min && a.max == whole.max,
	   "exact figures are merged");
	hist_subtract(&a, &base);
	differ = 0;
	for (unsigned p = 1; p < 1000; p++) {
		uint64_t x = hist_percentile(&a, p / 10.0), y = hist_percentile(&b, p / 10.0);

		differ += (x > y ? x - y : y - x) > y / 128;
	}
	is_u64(differ, 0, "what is left after a subtraction has the percentiles of the rest");
	ok(a.count == N && a.sum == b.sum, "count and sum of the rest are exact");
	ok(a.min <= b.min && b.min - a.min <= b.min / 64, "minimum of the rest, to the bucket");
	ok(a.max >= b.max && a.max - b.max <= b.max / 64, "maximum of the rest, to the bucket");
	hist_subtract(&a, &whole);
	ok(!a.count && !a.sum && !hist_percentile(&a, 99),
	   "taking away more than is there leaves 0");
	ok(!hist_merge(&b, &b) && b.count == 2 * N, "merging with itself doubles");
	hist_release(&a);
	hist_release(&b);
	hist_release(&base);
	hist_release(&whole);
}

static void test_memory(void)
{
	struct hist h;

	hist_init(&h);
	for (unsigned i = 0; i < 1000; i++)
		hist_add(&h, 1000000 + i * 1000);
	is_u64(__builtin_popcountll(h.octaves), 2, "1..2 ms takes two octaves");
	hist_release(&h);
	ok(!h.buckets && !h.count, "released is empty");
}

int main(void)
{
	test_distribution("uniform", uniform_ms);
	test_distribution("log-uniform", log_uniform);
	test_distribution("bimodal", bimodal);
	test_distribution("constant", constant);
	test_distribution("tiny", tiny);
	test_distribution("whole range", whole_range);
	test_edges();
	test_ranks();
	test_merge_subtract();
	test_memory();
	return tap_done();
}
