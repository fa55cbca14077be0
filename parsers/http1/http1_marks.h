/*
 * http1_marks.h - where lines end and names of fields do, 64 octets at a time
 *
 * With SSE2, which every x86-64 has, sixteen octets are compared at once. marks_plain() says the
 * same octet by octet: for other machines, and for the test that compares both.
 */
#ifndef ZC_PARSERS_HTTP1_MARKS_H
#define ZC_PARSERS_HTTP1_MARKS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MARKS 64u

/* Bit k: what the octet at p[at + k] is. */
struct marks {
	uint64_t lf, colon;
};

/* Of p[at], and what follows it before p[n]. */
static inline struct marks marks_plain(const uint8_t *p, size_t at, size_t n)
{
	struct marks m = {0, 0};

	for (unsigned k = 0; k < MARKS && at + k < n; k++) {
		m.lf |= (uint64_t)(p[at + k] == '\n') << k;
		m.colon |= (uint64_t)(p[at + k] == ':') << k;
	}
	return m;
}

#ifdef __SSE2__
typedef char marks_vector __attribute__((vector_size(16)));

/* A bit for each octet of v that is c. */
static inline unsigned marks_equal(marks_vector v, char c)
{
	const marks_vector all = {c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c};

	return (unsigned)__builtin_ia32_pmovmskb128((marks_vector)(v == all));
}

/* The sixteen octets at p become bits from k on, but for the first `known` of them. */
static inline void marks_add(struct marks *m, const uint8_t *p, unsigned k, unsigned known)
{
	marks_vector v;

	memcpy(&v, p, sizeof(v));
	m->lf |= (uint64_t)(marks_equal(v, '\n') >> known) << k;
	m->colon |= (uint64_t)(marks_equal(v, ':') >> known) << k;
}

static inline struct marks marks_of(const uint8_t *p, size_t at, size_t n)
{
	struct marks m = {0, 0};
	size_t left = n - at;
	unsigned k = 0;

	if (n < 16)
		return marks_plain(p, at, n);
	if (left >= MARKS) {
		marks_add(&m, p + at, 0, 0);
		marks_add(&m, p + at + 16, 16, 0);
		marks_add(&m, p + at + 32, 32, 0);
		marks_add(&m, p + at + 48, 48, 0);
		return m;
	}
	for (; left - k >= 16; k += 16)
		marks_add(&m, p + at + k, k, 0);
	if (left > k) /* the last sixteen that there are, some of them for the second time */
		marks_add(&m, p + n - 16, k, 16 - (unsigned)(left - k));
	return m;
}
#else
#define marks_of marks_plain
#endif

#endif
