#include "core/clocks.h"

#include <errno.h>
#include <stdlib.h>

#include "core/id.h"

struct seen {
	uint64_t key; /* 0: free */
	int64_t time;
	uint64_t conn;
	uint32_t dir;
};

/* A table of open addressing, grown by doubling. */
struct table {
	struct seen *v;
	uint32_t size, count;
};

/* What the clock of one recording may be ahead of another's. */
struct bounds {
	int64_t low, high;
	uint64_t matched;
};

/* The same connection, seen from its server's end in both: j's time less i's, by direction. */
struct pair {
	uint64_t conn_i, conn_j; /* conn_j 0: free */
	int64_t min[2], max[2];
	uint32_t count[2];
};

struct pairs {
	struct pair *v;
	uint32_t size, count;
};

struct recording {
	struct table segments;
	struct table turned; /* key: connection */
	struct clock_offset offset;
	int known;
};

struct clocks {
	unsigned n;
	struct recording rec[];
};

struct clocks *clocks__new(unsigned n)
{
	struct clocks *c = calloc(1, sizeof(*c) + n * sizeof(c->rec[0]));

	if (c)
		c->n = n;
	return c;
}

void clocks__free(struct clocks *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->n; i++) {
		free(c->rec[i].segments.v);
		free(c->rec[i].turned.v);
	}
	free(c);
}

/* ---- tables */

static struct seen *slot_of(const struct table *t, uint64_t key)
{
	uint32_t i = (uint32_t)(key * 0x9e3779b97f4a7c15ull >> 32);

	while (t->v[i & (t->size - 1)].key && t->v[i & (t->size - 1)].key != key)
		i++;
	return &t->v[i & (t->size - 1)];
}

static int grow(struct table *t)
{
	struct table old = *t;

	t->size = old.size ? 2 * old.size : 1024;
	t->v = calloc(t->size, sizeof(*t->v));
	if (!t->v) {
		*t = old;
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < old.size; i++)
		if (old.v[i].key)
			*slot_of(t, old.v[i].key) = old.v[i];
	free(old.v);
	return 0;
}

/* The entry of key, a new one if there is none (its key is 0 then); NULL: no room. */
static struct seen *entry_of(struct table *t, uint64_t key)
{
	struct seen *s;

	if (2 * t->count >= t->size && grow(t))
		return NULL;
	s = slot_of(t, key);
	if (!s->key)
		t->count++;
	return s;
}

static const struct seen *find(const struct table *t, uint64_t key)
{
	const struct seen *s = t->size ? slot_of(t, key) : NULL;

	return s && s->key ? s : NULL;
}

/* ---- what was seen */

void clocks__event(struct clocks *c, unsigned i, const struct zc_ev *ev, int64_t offset)
{
	struct table *t = &c->rec[i].segments;
	const struct zc_ev_segment *g = (const void *)ev;
	struct seen *s;
	uint64_t key;

	if (ev->kind != ZC_EV_SEGMENT || !ev->conn || t->count >= CLOCKS_MAX_SEGMENTS)
		return;
	if (!(g->tcp_flags & ZC_TCP_ACK) || (!g->orig_len && !(g->tcp_flags & ZC_TCP_SYN)))
		return;
	/* the lowest bit is the direction: sender's and receiver's sight of it may be in one file */
	key = id_mix((uint64_t)g->seq << 32 | g->ack, g->orig_len) << 2 | 2 | (g->dir & 1u);
	s = entry_of(t, key);
	if (!s || s->key) /* of copies, the first */
		return;
	*s = (struct seen){ key, (int64_t)ev->time + offset, ev->conn, g->dir & 1u };
}

/* ---- pairs of connections that are seen from the same end */

static struct pair *pair_slot(const struct pairs *p, uint64_t conn)
{
	uint32_t i = (uint32_t)(conn * 0x9e3779b97f4a7c15ull >> 32);

	while (p->v[i & (p->size - 1)].conn_j && p->v[i & (p->size - 1)].conn_j != conn)
		i++;
	return &p->v[i & (p->size - 1)];
}

static struct pair *pair_of(struct pairs *p, uint64_t conn_i, uint64_t conn_j)
{
	struct pair *at;

	if (2 * p->count >= p->size) {
		struct pairs old = *p;

		p->size = old.size ? 2 * old.size : 256;
		p->v = calloc(p->size, sizeof(*p->v));
		if (!p->v) {
			*p = old;
			return NULL;
		}
		for (uint32_t k = 0; k < old.size; k++)
			if (old.v[k].conn_j)
				*pair_slot(p, old.v[k].conn_j) = old.v[k];
		free(old.v);
	}
	at = pair_slot(p, conn_j);
	if (!at->conn_j) {
		*at = (struct pair){ .conn_i = conn_i, .conn_j = conn_j,
				     .min = { INT64_MAX, INT64_MAX },
				     .max = { INT64_MIN, INT64_MIN } };
		p->count++;
	}
	return at;
}

static void add_to_pair(struct pairs *p, const struct seen *i, const struct seen *j)
{
	struct pair *at = pair_of(p, i->conn, j->conn);
	int64_t ahead = j->time - i->time;

	if (!at || at->conn_i != i->conn)
		return;
	if (ahead < at->min[j->dir])
		at->min[j->dir] = ahead;
	if (ahead > at->max[j->dir])
		at->max[j->dir] = ahead;
	at->count[j->dir]++;
}

static void bound(struct bounds *b, int64_t low, int64_t high, uint64_t n)
{
	if (low > b->low)
		b->low = low;
	if (high < b->high)
		b->high = high;
	b->matched += n;
}

static void turn(struct recording *r, uint64_t conn)
{
	struct seen *s = entry_of(&r->turned, conn);

	if (s)
		s->key = conn;
}

/* Requests (RX, from the server's end) reach the client's side first, responses last. */
static void judge_pair(struct clocks *c, unsigned i, unsigned j, const struct pair *p,
		       struct bounds *b)
{
	uint64_t n = (uint64_t)p->count[0] + p->count[1];

	if (!p->count[0] || !p->count[1])
		return;
	if (p->min[ZC_RX] > p->max[ZC_TX]) {
		turn(&c->rec[i], p->conn_i);
		bound(b, p->max[ZC_TX], p->min[ZC_RX], n);
	} else if (p->max[ZC_RX] < p->min[ZC_TX]) {
		turn(&c->rec[j], p->conn_j);
		bound(b, p->max[ZC_RX], p->min[ZC_TX], n);
	}
}

/* ---- offsets */

/* What j's clock may be ahead of i's. */
static struct bounds compare(struct clocks *c, unsigned i, unsigned j)
{
	const struct table *a = &c->rec[i].segments, *b = &c->rec[j].segments;
	struct bounds r = { INT64_MIN, INT64_MAX, 0 };
	struct pairs pairs = { 0 };

	for (uint32_t k = 0; k < b->size; k++) {
		const struct seen *s = &b->v[k], *other;

		if (!s->key)
			continue;
		other = find(a, s->key ^ 1);
		if (other && s->dir == ZC_RX) {
			bound(&r, INT64_MIN, s->time - other->time, 1);
		} else if (other) {
			bound(&r, s->time - other->time, INT64_MAX, 1);
		} else if (!find(b, s->key ^ 1)) {
			other = find(a, s->key);
			if (other)
				add_to_pair(&pairs, other, s);
		}
	}
	for (uint32_t k = 0; k < pairs.size; k++)
		if (pairs.v[k].conn_j)
			judge_pair(c, i, j, &pairs.v[k], &r);
	free(pairs.v);
	return r;
}

static void set_offset(struct recording *r, const struct recording *base, const struct bounds *b)
{
	int64_t ahead = b->low / 2 + b->high / 2;
	uint64_t width = b->high > b->low ? (uint64_t)(b->high - b->low)
					  : (uint64_t)(b->low - b->high);

	/* clocks that may well be the same are */
	if (b->low <= 0 && b->high >= 0)
		ahead = 0;
	r->offset.ns = base->offset.ns + ahead;
	r->offset.error = base->offset.error + (ahead ? width / 2 : width);
	r->offset.matched = b->matched;
	r->known = 1;
}

/* From the first recording outwards: each one by way of one that is known already. */
void clocks__estimate(struct clocks *c)
{
	int progress = 1;

	c->rec[0].known = 1;
	while (progress) {
		progress = 0;
		for (unsigned i = 0; i < c->n; i++)
			for (unsigned j = 0; j < c->n; j++) {
				struct bounds b;

				if (!c->rec[i].known || c->rec[j].known)
					continue;
				b = compare(c, i, j);
				if (b.low == INT64_MIN || b.high == INT64_MAX)
					continue;
				set_offset(&c->rec[j], &c->rec[i], &b);
				progress = 1;
			}
	}
}

struct clock_offset clocks__offset(const struct clocks *c, unsigned i)
{
	return c->rec[i].offset;
}

int clocks__turned(const struct clocks *c, unsigned i, uint64_t conn)
{
	return find(&c->rec[i].turned, conn) != NULL;
}
