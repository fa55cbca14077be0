#include "core/pool.h"

#include <stdlib.h>
#include <string.h>

/* Idle octets kept per size: a burst is served without malloc, a quiet time gives memory back. */
#define POOL_IDLE_MAX 1048576u

static unsigned pool_class(size_t n)
{
	unsigned c = 0;

	while (((size_t)POOL_MIN << c) < n)
		c++;
	return c;
}

void pool_init(struct pool *p, size_t limit)
{
	memset(p, 0, sizeof(*p));
	p->limit = limit;
}

void *pool_get(struct pool *p, size_t n, size_t *cap)
{
	struct pool_free *f;
	size_t size;
	void *buf;

	if (n > POOL_MAX)
		return NULL;
	f = &p->idle[pool_class(n)];
	size = (size_t)POOL_MIN << pool_class(n);
	if (p->used + size > p->limit)
		return NULL;
	buf = f->head;
	if (buf) {
		memcpy(&f->head, buf, sizeof(f->head));
		f->bytes -= size;
	} else {
		buf = malloc(size);
		if (!buf)
			return NULL;
	}
	p->used += size;
	*cap = size;
	return buf;
}

void pool_put(struct pool *p, void *buf, size_t cap)
{
	struct pool_free *f = &p->idle[pool_class(cap)];

	p->used -= cap;
	if (f->bytes + cap > POOL_IDLE_MAX) {
		free(buf);
		return;
	}
	memcpy(buf, &f->head, sizeof(f->head));
	f->head = buf;
	f->bytes += cap;
}

void pool_release(struct pool *p)
{
	for (unsigned i = 0; i < POOL_CLASSES; i++) {
		void *buf = p->idle[i].head, *next;

		for (; buf; buf = next) {
			memcpy(&next, buf, sizeof(next));
			free(buf);
		}
		p->idle[i].head = NULL;
		p->idle[i].bytes = 0;
	}
}
