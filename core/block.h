/*
 * block.h - strings side by side in a block of memory that grows, and is used again
 */
#ifndef ZC_CORE_BLOCK_H
#define ZC_CORE_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Octets in a block. */
struct text {
	uint32_t off, len; /* off == TEXT_NONE: absent */
};

#define TEXT_NONE UINT32_MAX

/* Empty: {0}. */
struct block {
	char *p;
	uint32_t len, cap;
};

/* Room for n more octets; 0: there is no memory for it. */
int block_reserve(struct block *b, size_t n);

/* A copy of n octets; absent where p is NULL, or there is no memory. */
static inline struct text block_put(struct block *b, const char *p, size_t n)
{
	struct text t = {b->len, (uint32_t)n};
	int room = b->p && b->cap - b->len >= n; /* nearly always */

	if (!p || (!room && !block_reserve(b, n)))
		return (struct text){TEXT_NONE, 0};
	memcpy(b->p + b->len, p, n);
	b->len += (uint32_t)n;
	return t;
}

/* Empty again; a large one gives its memory back. */
void block_recycle(struct block *b);

#endif
