#include "core/keyed.h"

#include <stdlib.h>

#include "core/id.h"

#define BUCKETS_MIN 8u
#define BUCKETS_MAX 1024u
#define STRAY 16u

struct keyed {
	uint64_t from[2]; /* where in each direction messages are known from, */
	uint64_t missing_until[2]; /* when they were not yet, */
	uint32_t missing[2]; /* and why: SPAN_*; 0: they always were */
	/* the latest answers to what was not seen, and how far their senders had received */
	struct {
		uint64_t key, before, ack; /* before: of as many keys before that, too */
	} stray[STRAY];
	unsigned nstray;
	uint32_t nbuckets, count; /* nbuckets: a power of two */
	struct exchange **bucket;
};

static void note_missing(struct keyed *k, unsigned d, uint64_t time, uint32_t why)
{
	k->missing[d] |= why;
	k->missing_until[d] = time;
}

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
	for (unsigned i = 0; i < 2 && (c->lost || c->preexisting); i++)
		note_missing(k, i, mine->reasm.cur_time, conn_missing(c));
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

void keyed_stray(struct conn *c, const struct half *h, const struct message *m, uint64_t pos)
{
	struct keyed *k = c->keyed;
	unsigned i = k->nstray++ % STRAY;

	k->stray[i].key = m->key;
	k->stray[i].before = m->flags & MESSAGE_ALL ? m->size : 0;
	k->stray[i].ack = reasm_need(&h->reasm, pos);
}

/* Where packets come in another order, or behind a gap, the answer may be read before x is. */
static int was_answered(const struct keyed *k, const struct exchange *x)
{
	for (unsigned i = 0; i < STRAY && i < k->nstray; i++)
		if (k->stray[i].key - x->key <= k->stray[i].before && k->stray[i].ack > x->req_pos)
			return 1;
	return 0;
}

void keyed_add(struct conn *c, struct exchange *x)
{
	struct keyed *k = c->keyed;
	unsigned answering = x->reversed ? c->request_dir : !c->request_dir;

	if (x->need && x->need < k->from[answering])
		x->suspect |= c->lost ? conn_missing(c) : SPAN_ATTACHED_LATE;
	x->owed = (uint8_t)was_answered(k, x);
	if (x->owed)
		x->suspect |= conn_missing(c);
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

struct exchange *keyed_answered(const struct conn *c, const struct half *h,
				const struct message *m, uint64_t pos)
{
	struct exchange *x = keyed_find(c, m->key, m->form);
	uint64_t ack = reasm_need(&h->reasm, pos);

	return x && (x->need > pos || (ack && x->req_pos >= ack)) ? NULL : x;
}

uint32_t keyed_doubt(const struct conn *c, const struct exchange *x)
{
	unsigned asking = x->reversed ? !c->request_dir : c->request_dir;

	return x->owed || c->keyed->from[asking] > x->req_pos ? x->suspect : 0;
}

uint32_t keyed_unasked(const struct conn *c, const struct half *h, uint64_t time)
{
	const struct keyed *k = c->keyed;
	unsigned asking = h == &c->half[0];

	return time < k->missing_until[asking] + KEYED_DOUBT ? k->missing[asking] : 0;
}

void keyed_lost(struct conn *c, const struct half *h, uint64_t pos, uint32_t why)
{
	int by_client = h == &c->half[c->request_dir];
	unsigned d = h == &c->half[1];

	c->keyed->from[d] = pos;
	note_missing(c->keyed, d, h->reasm.cur_time, why);
	for (struct exchange *x = c->head; x; x = x->next)
		if (x->reversed == by_client && !x->resp_done)
			x->suspect |= why;
}
