#include "sinks/otlp/arena.h"

#include <stdlib.h>
#include <string.h>

#include "sinks/otel.h"
#include "sinks/safe.h"

#define BLOCK (256u << 10)
#define ALIGN 16u

struct arena_block {
	struct arena_block *next;
	size_t size;
	_Alignas(ALIGN) char mem[];
};

static struct arena_block *new_block(struct arena *a, size_t n)
{
	size_t size = n > BLOCK ? n : BLOCK;
	struct arena_block *b = malloc(sizeof(*b) + size);

	if (!b)
		return NULL;
	b->size = size;
	b->next = a->at ? a->at->next : a->first;
	if (a->at)
		a->at->next = b;
	else
		a->first = b;
	return b;
}

void *arena_get(struct arena *a, size_t n)
{
	struct arena_block *b = a->at;
	void *p;

	n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!b || b->size - a->used < n) {
		b = b ? b->next : a->first;
		if (!b || b->size < n)
			b = new_block(a, n);
		if (!b) {
			a->exhausted = 1;
			return NULL;
		}
		a->at = b;
		a->used = 0;
	}
	p = b->mem + a->used;
	a->used += n;
	a->total += n;
	return memset(p, 0, n);
}

void *arena_copy(struct arena *a, const void *p, size_t n)
{
	void *new = arena_get(a, n);

	return new ? memcpy(new, p, n) : NULL;
}

char *arena_text(struct arena *a, struct str s)
{
	int plain = plain_ascii(s.p, s.n) == s.n;
	char *p = arena_get(a, (plain ? s.n : 3 * s.n) + 1);

	if (p && plain)
		memcpy(p, s.p, s.n);
	else if (p)
		otel_utf8(s, p);
	return p;
}

char *arena_cstr(struct arena *a, const char *s)
{
	return arena_text(a, (struct str){ s, strlen(s) });
}

void arena_reset(struct arena *a)
{
	a->at = NULL;
	a->used = a->total = 0;
	a->exhausted = 0;
}

void arena_release(struct arena *a)
{
	while (a->first) {
		struct arena_block *b = a->first;

		a->first = b->next;
		free(b);
	}
	*a = (struct arena){ 0 };
}
