#include "core/keyed.h"

#include <stdlib.h>

#include "core/id.h"

#define BUCKETS_MIN 8u
#define BUCKETS_MAX 1024u

struct keyed {
	uint64_t from[2]; /* where in each direction messages are known from */
	uint32_t nbuckets, count; /* nbuckets: a power of two */
	struct exchange **bucket;
};

int keyed_begin(struct conn *c, const struct half *mine, uint64_t pos)
{
	unsigned d = mine == &c->half[1];
	const struct reasm *other = &c->half[!d].reasm;
	struct keyed *k = calloc(1, sizeof(*k));

	if (k)
		k->bucket = calloc(BUCKETS_MIN, sizeof(struct exchange *));
	if (!k || !k->bucket) {
		free(k);
		return 0;
	}
	k->nbuckets = BUCKETS_MIN;
	k->from[d] = pos;
	k->from[!d] = other->next - reasm_kept(other).n;
	c->keyed = k;
	return 1;
}

void keyed_release(struct conn *c)
{
	if (c->keyed)
		free(c->keyed->bucket);
	free(c->keyed);
	c->keyed = NULL;
}

static struct exchange **bucket_of(const struct keyed *k, uint64_t key)
{
	return &k->bucket[id_mix(0, key) & (k->nbuckets - 1)];
}

static void insert(struct keyed *k, struct exchange *x)
{
	struct exchange **b = bucket_of(k, x->key);

	x->key_next = *b;
	*b = x;
}

/* Without memory for it, chains get longer. */
static void grow(struct keyed *k)
{
	struct keyed old = *k;
	struct exchange **more = calloc((size_t)k->nbuckets * 2, sizeof(*more));

	if (!more)
		return;
	k->bucket = more;
	k->nbuckets *= 2;
	for (uint32_t i = 0; i < old.nbuckets; i++)
		for (struct exchange *x = old.bucket[i], *next; x; x = next) {
			next = x->key_next;
			insert(k, x);
		}
	free(old.bucket);
}

void keyed_add(struct conn *c, struct exchange *x)
{
	struct keyed *k = c->keyed;

	if (x->need && x->need < k->from[x->reversed ? c->request_dir : !c->request_dir])
		x->suspect |= c->lost ? conn_missing(c) : SPAN_ATTACHED_LATE;
	x->prev = c->tail;
	if (k->count++ >= k->nbuckets && k->nbuckets < BUCKETS_MAX)
		grow(k);
	insert(k, x);
}

struct exchange *keyed_drop(struct conn *c, struct exchange *x)
{
	struct exchange **p = bucket_of(c->keyed, x->key);

	while (*p && *p != x)
		p = &(*p)->key_next;
	if (*p) {
		*p = x->key_next;
		c->keyed->count--;
	}
	return x;
}

struct exchange *keyed_find(const struct conn *c, uint64_t key, uint32_t form)
{
	struct exchange *x = *bucket_of(c->keyed, key);

	while (x && (x->key != key || x->one_way))
		x = x->key_next;
	return x && form && x->form != form ? NULL : x;
}

void keyed_lost(struct conn *c, int by_client, uint32_t why)
{
	for (struct exchange *x = c->head; x; x = x->next)
		if (x->reversed == by_client && !x->resp_done)
			x->suspect |= why;
}
