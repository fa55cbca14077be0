#include "core/clocks.h"

#include <errno.h>
#include <stdlib.h>

#include "core/id.h"

/* Captures commonly have stamps of whole microseconds. */
#define TICK_US 1000

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

/* What was seen from the server's end in both: j's time less i's, by direction. */
struct sides {
	int64_t min[2], max[2];
	double sum[2]; /* of what they are more than pairs.base */
	uint32_t count[2];
};

/* One connection. */
struct pair {
	uint64_t conn_i, conn_j; /* conn_j 0: free */
	struct sides sides;
};

/* All connections between the same two addresses: they were seen at the same two places. */
struct group {
	uint64_t key;
	struct sides sides;
	int client; /* which recording is the client's side: 1 i, -1 j, 0 cannot be told */
};

struct pairs {
	struct pair *v;
	uint32_t size, count;
	int64_t base; /* about what all differences are */
	int has_base;
};

struct recording {
	struct table segments;
	struct table turned; /* key: connection */
	struct table hosts;  /* key: connection; conn: hash of its addresses */
	int64_t tick;	     /* what its times are multiples of */
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

	if (!c)
		return NULL;
	c->n = n;
	for (unsigned i = 0; i < n; i++)
		c->rec[i].tick = TICK_US;
	return c;
}

void clocks__free(struct clocks *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->n; i++) {
		free(c->rec[i].segments.v);
		free(c->rec[i].turned.v);
		free(c->rec[i].hosts.v);
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

static void see_hosts(struct recording *r, const struct zc_ev_open *o)
{
	struct seen *s =
		r->hosts.count < CLOCKS_MAX_SEGMENTS ? entry_of(&r->hosts, o->ev.conn) : NULL;

	if (!s)
		return;
	s->key = o->ev.conn;
	s->conn = id_connection(o->raddr, 0, o->laddr, 0);
}

static void see_segment(struct recording *r, const struct zc_ev_segment *g, int64_t time)
{
	struct seen *s;
	uint64_t key;

	if (!(g->tcp_flags & ZC_TCP_ACK) || (!g->orig_len && !(g->tcp_flags & ZC_TCP_SYN)))
		return;
	/*
	 * the lowest bit is the direction: sender's and receiver's sight of it may be in one file
	 */
	key = id_mix((uint64_t)g->seq << 32 | g->ack, g->orig_len) << 2 | 2 | (g->dir & 1u);
	s = entry_of(&r->segments, key);
	if (!s || s->key) /* of copies, the first */
		return;
	*s = (struct seen){ key, time, g->ev.conn, g->dir & 1u };
	if (time % r->tick)
		r->tick = 1;
}

void clocks__event(struct clocks *c, unsigned i, const struct zc_ev *ev, int64_t offset)
{
	struct recording *r = &c->rec[i];

	if (!ev->conn || r->segments.count >= CLOCKS_MAX_SEGMENTS)
		return;
	if (ev->kind == ZC_EV_OPEN)
		see_hosts(r, (const void *)ev);
	else if (ev->kind == ZC_EV_SEGMENT)
		see_segment(r, (const void *)ev, (int64_t)(ev->time + (uint64_t)offset));
}

/* ---- pairs of connections that are seen from the same end */

static struct pair *pair_slot(const struct pairs *p, uint64_t conn)
{
	uint32_t i = (uint32_t)(conn * 0x9e3779b97f4a7c15ull >> 32);

	while (p->v[i & (p->size - 1)].conn_j && p->v[i & (p->size - 1)].conn_j != conn)
		i++;
	return &p->v[i & (p->size - 1)];
}

static struct sides no_sides(void)
{
	return (struct sides){ .min = { INT64_MAX, INT64_MAX }, .max = { INT64_MIN, INT64_MIN } };
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
		*at = (struct pair){ conn_i, conn_j, no_sides() };
		p->count++;
	}
	return at;
}

static int64_t ahead_of(const struct seen *j, const struct seen *i)
{
	return (int64_t)((uint64_t)j->time - (uint64_t)i->time);
}

static void add_to_pair(struct pairs *p, const struct seen *i, const struct seen *j)
{
	struct pair *at = pair_of(p, i->conn, j->conn);
	int64_t ahead = ahead_of(j, i);
	struct sides *s;

	if (!at || at->conn_i != i->conn)
		return;
	if (!p->has_base)
		p->base = ahead;
	p->has_base = 1;
	s = &at->sides;
	if (ahead < s->min[j->dir])
		s->min[j->dir] = ahead;
	if (ahead > s->max[j->dir])
		s->max[j->dir] = ahead;
	s->sum[j->dir] += (double)(int64_t)((uint64_t)ahead - (uint64_t)p->base);
	s->count[j->dir]++;
}

/* ---- which side is whose */

static void add_sides(struct sides *to, const struct sides *s)
{
	for (int d = 0; d < 2; d++) {
		to->min[d] = s->min[d] < to->min[d] ? s->min[d] : to->min[d];
		to->max[d] = s->max[d] > to->max[d] ? s->max[d] : to->max[d];
		to->sum[d] += s->sum[d];
		to->count[d] += s->count[d];
	}
}

/*
 * Requests (RX, from the server's end) reach the client's side first, responses last. So what j is
 * ahead by is more for requests than for responses if i is the client's side. The means tell it
 * also where clocks drift, and where stamps are about as coarse as the way between both is long:
 * the difference of two rounded stamps is off by tick / sqrt(6), and three times what that makes of
 * the means is asked for.
 */
static int client_side(const struct sides *s, int64_t tick)
{
	double n[2] = { s->count[ZC_RX], s->count[ZC_TX] }, way, error2;

	if (!s->count[ZC_RX] || !s->count[ZC_TX])
		return 0;
	way = s->sum[ZC_RX] / n[ZC_RX] - s->sum[ZC_TX] / n[ZC_TX];
	error2 = (double)tick * (double)tick / 6 * (1 / n[ZC_RX] + 1 / n[ZC_TX]);
	if (way * way < 9 * error2)
		return 0;
	return way > 0 ? 1 : -1;
}

static int by_key(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static uint64_t group_key(const struct clocks *c, unsigned i, unsigned j, const struct pair *p)
{
	const struct seen *a = find(&c->rec[i].hosts, p->conn_i);
	const struct seen *b = find(&c->rec[j].hosts, p->conn_j);

	return id_mix(a ? a->conn : p->conn_i, b ? b->conn : p->conn_j);
}

/* The groups of all pairs, in order of their keys; their number in *n. NULL: none, or no memory. */
static struct group *make_groups(const struct clocks *c, unsigned i, unsigned j,
				 const struct pairs *pairs, size_t *n)
{
	struct group *g = calloc(pairs->count + 1, sizeof(*g));
	size_t m = 0;

	*n = 0;
	for (uint32_t k = 0; g && k < pairs->size; k++)
		if (pairs->v[k].conn_j)
			g[m++] = (struct group){ group_key(c, i, j, &pairs->v[k]),
						 pairs->v[k].sides, 0 };
	if (m)
		qsort(g, m, sizeof(*g), by_key);
	for (size_t k = 0; k < m; k++) {
		if (*n && g[*n - 1].key == g[k].key)
			add_sides(&g[*n - 1].sides, &g[k].sides);
		else
			g[(*n)++] = g[k];
	}
	return g;
}

static void bound(struct bounds *b, int64_t low, int64_t high, uint64_t n)
{
	if (low > b->low)
		b->low = low;
	if (high < b->high)
		b->high = high;
	b->matched += n;
}

static void bound_by_group(struct bounds *b, const struct group *g)
{
	const struct sides *s = &g->sides;
	int up = g->client > 0 ? ZC_RX : ZC_TX; /* what went from i to j */

	if (g->client)
		bound(b, s->max[!up], s->min[up], (uint64_t)s->count[0] + s->count[1]);
}

static void turn(struct recording *r, uint64_t conn)
{
	struct seen *s = entry_of(&r->turned, conn);

	if (s)
		s->key = conn;
}

/* Turns what has to be, and says what it tells of the clocks. */
static void judge_pairs(struct clocks *c, unsigned i, unsigned j, const struct pairs *pairs,
			struct bounds *b)
{
	int64_t tick = c->rec[i].tick > c->rec[j].tick ? c->rec[i].tick : c->rec[j].tick;
	size_t n;
	struct group *g = make_groups(c, i, j, pairs, &n);

	for (size_t k = 0; k < n; k++) {
		g[k].client = client_side(&g[k].sides, tick);
		bound_by_group(b, &g[k]);
	}
	for (uint32_t k = 0; n && k < pairs->size; k++) {
		const struct pair *p = &pairs->v[k];
		struct group key = { .key = p->conn_j ? group_key(c, i, j, p) : 0 }, *at;

		at = p->conn_j ? bsearch(&key, g, n, sizeof(*g), by_key) : NULL;
		if (at && at->client)
			turn(&c->rec[at->client > 0 ? i : j],
			     at->client > 0 ? p->conn_i : p->conn_j);
	}
	free(g);
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
			bound(&r, INT64_MIN, ahead_of(s, other), 1);
		} else if (other) {
			bound(&r, ahead_of(s, other), INT64_MAX, 1);
		} else if (!find(b, s->key ^ 1)) {
			other = find(a, s->key);
			if (other)
				add_to_pair(&pairs, other, s);
		}
	}
	judge_pairs(c, i, j, &pairs, &r);
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
