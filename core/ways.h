/*
 * ways.h - tables by connection: bounded, nothing need be deleted, the longest unused of a set goes
 *
 * A table is zeroed memory for WAYS << bits entries of one size, each of which begins with a struct
 * way. A key belongs to one set of WAYS entries.
 */
#ifndef ZC_CORE_WAYS_H
#define ZC_CORE_WAYS_H

#include <stddef.h>
#include <stdint.h>

#define WAYS 8u

struct way {
	uint64_t key;  /* 0: free */
	uint64_t used; /* the larger the later; 0: may go first */
};

static inline struct way *ways_set(void *table, size_t size, unsigned bits, uint64_t key)
{
	uint64_t set = key * 0x9e3779b97f4a7c15ull >> (64 - bits);

	return (struct way *)(void *)((char *)table + set * WAYS * size);
}

static inline struct way *ways_next(struct way *w, size_t size)
{
	return (struct way *)(void *)((char *)w + size);
}

/* NULL: it is not there. */
static inline void *ways_find(void *table, size_t size, unsigned bits, uint64_t key)
{
	struct way *w = ways_set(table, size, bits, key);

	for (unsigned i = 0; i < WAYS; i++, w = ways_next(w, size))
		if (w->key == key)
			return key ? w : NULL;
	return NULL;
}

/* Where a key that is not there is to be: a free entry, or the longest unused one, as it was. */
static inline void *ways_place(void *table, size_t size, unsigned bits, uint64_t key)
{
	struct way *w = ways_set(table, size, bits, key), *best = w;

	for (unsigned i = 0; i < WAYS && best->key; i++, w = ways_next(w, size))
		if (!w->key || w->used < best->used)
			best = w;
	return best;
}

#endif
