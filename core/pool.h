/*
 * pool.h - buffers of a few sizes, reused, within one limit for all of them
 *
 * Sizes are powers of two from POOL_MIN to POOL_MAX. What is returned stays with the pool up to a
 * bound per size, so that a warm pool makes no call to malloc. Not thread-safe.
 */
#ifndef ZC_CORE_POOL_H
#define ZC_CORE_POOL_H

#include <stddef.h>

#define POOL_MIN 256u
#define POOL_MAX 262144u
#define POOL_CLASSES 11 /* 256 << 10 == POOL_MAX */

struct pool {
	size_t limit; /* octets that may be handed out at one time */
	size_t used;  /* octets handed out now */
	struct pool_free {
		void *head;
		size_t bytes;
	} idle[POOL_CLASSES];
};

void pool_init(struct pool *p, size_t limit);

/*
 * A buffer of at least n octets; *cap is its true size, to be handed back with it.
 * NULL: n > POOL_MAX, the limit is reached, or there is no memory.
 */
void *pool_get(struct pool *p, size_t n, size_t *cap);
void pool_put(struct pool *p, void *buf, size_t cap);

/* Frees what is idle. Buffers still handed out are the caller's loss. */
void pool_release(struct pool *p);

#endif
