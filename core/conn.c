#include "core/conn.h"
#include "core/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIN_BUCKETS 1024u
#define MAX_IDLE 1024u

static uint32_t bucket_of(const struct conn_table *t, uint64_t cookie)
{
	return (uint32_t)((cookie * 0x9e3779b97f4a7c15ull) >> 32) & (t->nbuckets - 1);
}

int conn_table_init(struct conn_table *t)
{
	memset(t, 0, sizeof(*t));
	list_init(&t->lru);
	t->bucket = calloc(MIN_BUCKETS, sizeof(*t->bucket));
	if (!t->bucket)
		return -ENOMEM;
	t->nbuckets = MIN_BUCKETS;
	return 0;
}

void conn_table_release(struct conn_table *t)
{
	while (t->idle) {
		struct conn *c = t->idle;

		t->idle = c->hash_next;
		free(c);
	}
	free(t->bucket);
	t->bucket = NULL;
}

struct conn *conn_find_any(struct conn_table *t, uint64_t cookie)
{
	struct conn *c;

	for (c = t->bucket[bucket_of(t, cookie)]; c; c = c->hash_next)
		if (c->cookie == cookie && !c->superseded) {
			t->last = c;
			return c;
		}
	return NULL;
}

void conn_move(struct conn_table *t, struct conn *c, uint64_t now)
{
	c->used = now;
	list_unlink(&c->lru);
	list_append(&t->lru, &c->lru);
}

/* Doubles the buckets; without memory the chains just get longer. */
static void grow(struct conn_table *t)
{
	struct conn **old = t->bucket;
	uint32_t n = t->nbuckets;
	struct conn **bucket = calloc((size_t)n * 2, sizeof(*bucket));

	if (!bucket)
		return;
	t->bucket = bucket;
	t->nbuckets = n * 2;
	for (uint32_t i = 0; i < n; i++)
		for (struct conn *c = old[i], *next; c; c = next) {
			uint32_t b = bucket_of(t, c->cookie);

			next = c->hash_next;
			c->hash_next = bucket[b];
			bucket[b] = c;
		}
	free(old);
}

void conn_supersede(struct conn_table *t, struct conn *c)
{
	c->superseded = 1;
	if (t->last == c)
		t->last = NULL;
}

struct conn *conn_add(struct conn_table *t, uint64_t cookie)
{
	struct conn *c = t->idle;
	uint32_t b;

	if (c) {
		t->idle = c->hash_next;
		t->nidle--;
	} else {
		c = malloc(sizeof(*c));
		if (!c)
			return NULL;
	}
	memset(c, 0, sizeof(*c));
	c->cookie = cookie;
	list_init(&c->stalled);
	list_init(&c->doubted);
	list_init(&c->closing);
	list_append(&t->lru, &c->lru);
	for (int d = 0; d < 2; d++) {
		reasm_init(&c->half[d].reasm);
		c->half[d].cap = ZC_POLICY_ALL;
	}
	if (t->count >= t->nbuckets)
		grow(t);
	b = bucket_of(t, cookie);
	c->hash_next = t->bucket[b];
	t->bucket[b] = c;
	t->count++;
	t->last = c;
	return c;
}

void conn_remove(struct conn_table *t, struct conn *c)
{
	struct conn **link = &t->bucket[bucket_of(t, c->cookie)];

	while (*link != c)
		link = &(*link)->hash_next;
	*link = c->hash_next;
	t->count--;
	if (t->last == c)
		t->last = NULL;
	list_unlink(&c->lru);
	list_unlink(&c->stalled);
	list_unlink(&c->closing);
	for (int d = 0; d < 2; d++)
		free(c->half[d].io);
	free(c->network.sent.before);
	free(c->ended);
	free(c->traffic.told);
	if (t->nidle >= MAX_IDLE) {
		free(c);
		return;
	}
	c->hash_next = t->idle;
	t->idle = c;
	t->nidle++;
}

struct conn *conn_oldest(struct conn_table *t)
{
	if (list_empty(&t->lru))
		return NULL;
	return list_entry(t->lru.next, struct conn, lru);
}

static int seq_passes(uint32_t seq, uint64_t pos)
{
	return (int32_t)(seq - (uint32_t)pos) > 0;
}

static int passes(const struct io_mark *m, uint64_t pos)
{
	return seq_passes(m->seq, pos);
}

const struct io_mark *half_io_passing(const struct half *h, uint64_t pos)
{
	const struct half_io *io = h->io;
	uint32_t n, first;

	if (!io)
		return NULL;
	n = io->n < CONN_IO_MARKS ? io->n : CONN_IO_MARKS;
	first = io->n - n;
	/* mostly none does, as requests come before they are read; or the first may be forgotten */
	if (!seq_passes(io->to, pos) || (io->n > n && seq_passes(io->gone, pos)))
		first = io->n;
	for (uint32_t i = first; i != io->n; i++) {
		const struct io_mark *m = &io->mark[i % CONN_IO_MARKS];

		if (passes(m, pos))
			return m;
	}
	if (io->kept_valid && io->kept_pos <= pos && passes(&io->kept, pos))
		return &io->kept;
	return NULL;
}

void half_io_add(struct half *h, const struct zc_ev_io *ev)
{
	struct io_mark m = io_mark_of(ev);
	uint64_t begin = h->reasm.next - reasm_kept(&h->reasm).n;
	struct half_io *io = h->io;

	if (!io) {
		io = h->io = calloc(1, sizeof(*io));
		if (!io)
			return;
		io->to = m.seq;
	}
	if (seq_passes(m.seq, io->to))
		io->to = m.seq;
	if (io->n >= CONN_IO_MARKS) {
		uint32_t gone = io->mark[io->n % CONN_IO_MARKS].seq;

		if (io->n == CONN_IO_MARKS || seq_passes(gone, io->gone))
			io->gone = gone;
	}
	io->mark[io->n++ % CONN_IO_MARKS] = m;
	if (io->kept_valid && io->kept_pos == begin)
		return;
	if (passes(&m, begin)) {
		io->kept = m;
		io->kept_pos = begin;
		io->kept_valid = 1;
	}
}
