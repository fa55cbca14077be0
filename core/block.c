#include "core/block.h"

#include <stdlib.h>

#define BLOCK_START 256u      /* room of a new block */
#define BLOCK_KEPT_MAX 16384u /* larger ones are not used again */

int block_reserve(struct block *b, size_t n)
{
	size_t cap = b->cap ? b->cap : BLOCK_START;
	char *p;

	if (b->p && b->cap - b->len >= n)
		return 1;
	while (cap - b->len < n)
		cap *= 2;
	if (cap > UINT32_MAX)
		return 0;
	p = realloc(b->p, cap);
	if (!p)
		return 0;
	b->p = p;
	b->cap = (uint32_t)cap;
	return 1;
}

void block_recycle(struct block *b)
{
	b->len = 0;
	if (b->cap > BLOCK_KEPT_MAX) {
		free(b->p);
		b->p = NULL;
		b->cap = 0;
	}
}
