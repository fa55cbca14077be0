#include "core/reasm.h"

#include <stdlib.h>
#include <string.h>

/*
 * Marks say when which bytes of a kept buffer were seen, and what their sender acknowledged.
 * Messages may begin anywhere in it, where a start is looked for; of more marks than there is room
 * for the last is not exact.
 */
#define KEEP_MARKS 8
#define KEEP_MARKS_MANY 1024

struct keep_mark {
	uint64_t pos, time, need;
};

/* What the sink did not take: the bytes before s->next. */
struct reasm_keep {
	size_t size; /* of this block */
	uint32_t len, nmarks;
	struct keep_mark few[KEEP_MARKS];
	struct keep_mark *many; /* of the pool, in place of `few`; NULL: these are enough */
	size_t many_size;
	uint8_t data[];
};

static struct keep_mark *marks(struct reasm_keep *b)
{
	return b->many ? b->many : b->few;
}

/* A segment that waits, or a piece of one. Pieces are sorted by position and disjoint. */
struct reasm_pend {
	struct reasm_pend *next;
	size_t size; /* of this block */
	uint64_t pos, end, cap_pos, cap_end;
	uint64_t time, need;
	uint8_t data[]; /* cap_end - cap_pos octets */
};

/* A piece of a segment on its way to the sink. */
struct piece {
	uint64_t pos, end, cap_pos, cap_end;
	const uint8_t *data; /* of cap_pos */
	uint64_t time, need;
};

void reasm_init(struct reasm *s)
{
	memset(s, 0, sizeof(*s));
	s->follows = 1;
}

static void keep_drop(struct reasm *s, struct pool *pool)
{
	if (!s->keep)
		return;
	if (s->keep->many)
		pool_put(pool, s->keep->many, s->keep->many_size);
	pool_put(pool, s->keep, s->keep->size);
	s->keep = NULL;
}

static struct reasm_pend *pend_pop(struct reasm *s)
{
	struct reasm_pend *w = s->pend;

	s->pend = w->next;
	if (!s->pend)
		s->pend_last = NULL;
	s->npend--;
	s->pend_bytes -= (uint32_t)w->size;
	return w;
}

static void pend_drop(struct reasm *s, struct pool *pool)
{
	while (s->pend) {
		struct reasm_pend *w = pend_pop(s);

		pool_put(pool, w, w->size);
	}
}

void reasm_release(struct reasm *s, struct pool *pool)
{
	keep_drop(s, pool);
	pend_drop(s, pool);
}

struct str reasm_kept(const struct reasm *s)
{
	if (!s->keep)
		return (struct str){NULL, 0};
	return (struct str){(const char *)s->keep->data, s->keep->len};
}

/* The mark of a kept byte. */
static const struct keep_mark *mark_of(const struct reasm *s, uint64_t pos)
{
	const struct keep_mark *m = marks(s->keep);
	uint32_t low = 0, high = s->keep->nmarks;

	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;

		if (m[middle].pos <= pos)
			low = middle;
		else
			high = middle;
	}
	return &m[low];
}

uint64_t reasm_kept_time(const struct reasm *s, uint64_t pos)
{
	return mark_of(s, pos)->time;
}

uint64_t reasm_kept_need(const struct reasm *s, uint64_t pos)
{
	return mark_of(s, pos)->need;
}

uint64_t reasm_need_at_most(const struct reasm *s)
{
	return s->cur_need || !s->pend ? s->cur_need : s->pend->need;
}

/* Makes room for n octets behind what is kept. Returns 0 if there is none. */
static int keep_reserve(struct reasm *s, struct pool *pool, size_t n)
{
	struct reasm_keep *old = s->keep, *b;
	size_t need = sizeof(*b) + n + (old ? old->len : 0), size;

	if (old && need <= old->size)
		return 1;
	b = pool_get(pool, need, &size);
	if (!b)
		return 0;
	if (old) {
		memcpy(b, old, sizeof(*b) + old->len);
		pool_put(pool, old, old->size);
	} else {
		b->len = b->nmarks = 0;
		b->many = NULL;
	}
	b->size = size;
	s->keep = b;
	return 1;
}

static void add_mark(struct reasm_keep *b, struct pool *pool, struct keep_mark m)
{
	const struct keep_mark *last = b->nmarks ? &marks(b)[b->nmarks - 1] : NULL;

	if (last && last->time == m.time && last->need == m.need)
		return;
	if (b->nmarks == KEEP_MARKS && !b->many) {
		b->many = pool_get(pool, KEEP_MARKS_MANY * sizeof(m), &b->many_size);
		if (b->many)
			memcpy(b->many, b->few, sizeof(b->few));
	}
	if (b->nmarks == (b->many ? KEEP_MARKS_MANY : KEEP_MARKS))
		b->nmarks--;
	marks(b)[b->nmarks++] = m;
}

static void keep_append(struct reasm_keep *b, struct pool *pool, const uint8_t *p, size_t n,
			struct keep_mark m)
{
	memcpy(b->data + b->len, p, n);
	b->len += (uint32_t)n;
	add_mark(b, pool, m);
}

/* The sink took `used` octets from the front of what is kept. */
static void keep_advance(struct reasm *s, struct pool *pool, size_t used)
{
	struct reasm_keep *b = s->keep;
	uint64_t start = s->next - b->len + used;
	struct keep_mark *m = marks(b);
	uint32_t i = 0;

	if (used >= b->len) {
		keep_drop(s, pool);
		return;
	}
	if (!used)
		return;
	memmove(b->data, b->data + used, b->len - used);
	b->len -= (uint32_t)used;
	while (i + 1 < b->nmarks && m[i + 1].pos <= start)
		i++;
	memmove(m, m + i, (b->nmarks - i) * sizeof(*m));
	b->nmarks -= i;
}

static void keep_overflow(struct reasm *s, const struct reasm_sink *k, uint64_t pos)
{
	keep_drop(s, k->pool);
	k->gap(k->ctx, s, pos, s->next - pos, REASM_OVERFLOW, (struct str){NULL, 0});
}

void reasm_left(struct reasm *s, const struct reasm_sink *k, const uint8_t *p, size_t n)
{
	uint64_t pos = s->next - n;

	if (n > REASM_KEEP_MAX || !keep_reserve(s, k->pool, n))
		keep_overflow(s, k, pos);
	else
		keep_append(s->keep, k->pool, p, n,
			    (struct keep_mark){pos, s->cur_time, s->cur_need});
}

static void deliver_data(struct reasm *s, const struct reasm_sink *k, const uint8_t *p, size_t n)
{
	uint64_t pos = s->next;
	size_t used;

	if (s->keep) {
		uint64_t start = pos - s->keep->len;

		s->next = pos + n;
		if (!keep_reserve(s, k->pool, n)) {
			keep_overflow(s, k, start);
			return;
		}
		keep_append(s->keep, k->pool, p, n,
			    (struct keep_mark){pos, s->cur_time, s->cur_need});
		used = k->data(k->ctx, s, s->keep->data, s->keep->len, start);
		/* the sink may have released the stream */
		if (s->keep)
			keep_advance(s, k->pool, used);
	} else {
		s->next = pos + n;
		used = k->data(k->ctx, s, p, n, pos);
		if (used < n)
			reasm_left(s, k, p + used, n - used);
		return;
	}
	if (s->keep && s->keep->len > REASM_KEEP_MAX)
		keep_overflow(s, k, s->next - s->keep->len);
}

void reasm_again(struct reasm *s, const struct reasm_sink *k)
{
	size_t used;

	if (!s->keep)
		return;
	used = k->data(k->ctx, s, s->keep->data, s->keep->len, s->next - s->keep->len);
	if (s->keep)
		keep_advance(s, k->pool, used);
}

void reasm_drop_kept(struct reasm *s, struct pool *pool)
{
	keep_drop(s, pool);
}

static void deliver_gap(struct reasm *s, const struct reasm_sink *k, uint64_t n, enum reasm_gap why)
{
	uint64_t pos = s->next;

	s->next += n;
	k->gap(k->ctx, s, pos, n, why, reasm_kept(s));
	keep_drop(s, k->pool);
}

/* g->pos <= s->next < g->end */
static void deliver(struct reasm *s, const struct reasm_sink *k, const struct piece *g)
{
	s->cur_pos = s->next;
	s->cur_time = g->time;
	s->cur_need = g->need;
	if (s->next < g->cap_pos)
		deliver_gap(s, k, g->cap_pos - s->next, REASM_TRUNCATED);
	if (s->next < g->cap_end)
		deliver_data(s, k, g->data + (s->next - g->cap_pos),
			     (size_t)(g->cap_end - s->next));
	if (s->next < g->end)
		deliver_gap(s, k, g->end - s->next, REASM_TRUNCATED);
}

void reasm_prove(struct reasm *s, uint64_t pos, uint64_t time)
{
	if (!s->started || pos <= s->next)
		return;
	/* FIN takes a sequence number, but is no octet */
	if (s->fin && pos == s->fin + 1)
		pos = s->fin;
	if (s->proven <= s->next || (pos >= s->proven && time < s->proof_time))
		s->proof_time = time;
	if (pos > s->proven)
		s->proven = pos;
}

/* A copy of the part [pos, end) of g goes into the list at *link. */
static int pend_insert(struct reasm *s, struct pool *pool, struct reasm_pend **link,
		       const struct piece *g, uint64_t pos, uint64_t end)
{
	uint64_t cap_pos = g->cap_pos > pos ? g->cap_pos : pos;
	uint64_t cap_end = g->cap_end < end ? g->cap_end : end;
	struct reasm_pend *w;
	size_t size, n;

	if (cap_pos >= cap_end)
		cap_pos = cap_end = end;
	n = (size_t)(cap_end - cap_pos);
	w = pool_get(pool, sizeof(*w) + n, &size);
	if (!w)
		return 0;
	*w = (struct reasm_pend){*link, size, pos, end, cap_pos, cap_end, g->time, g->need};
	if (n)
		memcpy(w->data, g->data + (cap_pos - g->cap_pos), n);
	*link = w;
	if (!w->next)
		s->pend_last = w;
	s->npend++;
	s->pend_bytes += (uint32_t)size;
	return 1;
}

/* There is no room for what was seen from pos to end. */
static void drop(struct reasm *s, uint64_t pos, uint64_t end)
{
	if (s->unsettled)
		return;
	if (s->dropped_end <= s->next || pos < s->dropped)
		s->dropped = pos;
	if (s->dropped_end < end)
		s->dropped_end = end;
}

/* Keeps what of g is neither delivered nor waiting already. */
static void pend_add(struct reasm *s, struct pool *pool, const struct piece *g)
{
	struct reasm_pend **link = &s->pend;
	uint64_t pos = g->pos > s->next ? g->pos : s->next;

	/* what follows a hole comes in order, mostly */
	if (s->pend_last && s->pend_last->end <= pos)
		link = &s->pend_last->next;
	while (pos < g->end) {
		struct reasm_pend *w = *link;
		uint64_t end = g->end;

		if (w && w->end <= pos) {
			link = &w->next;
			continue;
		}
		if (w && w->pos < end)
			end = w->pos;
		if (pos < end && !pend_insert(s, pool, link, g, pos, end)) {
			drop(s, pos, g->end); /* it becomes part of a hole */
			return;
		}
		pos = w && w->end > end ? w->end : end;
	}
}

int reasm_is_ahead(const struct reasm *s, const struct reasm *peer)
{
	return s->pend && s->pend->pos <= s->next && s->follows && peer->started &&
	       s->pend->need > peer->next;
}

/* Two segments that wait for each other cannot be, but could be forged: hence the limit in time. */
static int held(const struct reasm *s, const struct reasm *peer, uint64_t now)
{
	return reasm_is_ahead(s, peer) &&
	       (s->stall_pos != s->next || now < s->stall_time + REASM_HOLD);
}

static void deliver_first(struct reasm *s, const struct reasm_sink *k)
{
	struct reasm_pend *w = pend_pop(s);
	struct piece g = {w->pos, w->end, w->cap_pos, w->cap_end, w->data, w->time, w->need};

	if (w->end > s->next)
		deliver(s, k, &g);
	pool_put(k->pool, w, w->size);
}

static void settled(struct reasm *s)
{
	s->unsettled = 0;
	s->dropped = s->dropped_end = 0;
}

/* Declares the hole at s->next a gap, as far as `limit`. */
static void declare_gap(struct reasm *s, const struct reasm_sink *k, uint64_t limit,
			enum reasm_gap why, uint64_t now)
{
	uint64_t time = s->pend ? s->pend->time : now;
	uint64_t from = s->dropped > s->next ? s->dropped : s->next;

	s->cur_pos = s->next;
	s->cur_time = time;
	s->cur_need = 0;
	if (s->dropped_end > from && limit > from) {
		if (from > s->next) {
			limit = from;
		} else {
			limit = limit < s->dropped_end ? limit : s->dropped_end;
			why = REASM_OVERFLOW;
		}
	}
	deliver_gap(s, k, limit - s->next, why);
}

static int over_limit(const struct reasm *s)
{
	return s->npend > REASM_PEND_MAX || s->pend_bytes > REASM_PEND_BYTES;
}

/* The end of the hole at s->next, if its time has come, else 0; *why it is a gap. */
static uint64_t hole_end(const struct reasm *s, uint64_t now, enum reasm_gap *why)
{
	uint64_t first = s->pend ? s->pend->pos : UINT64_MAX;
	int full = over_limit(s);

	*why = REASM_MISSING;
	if (s->proven > s->next && (full || now >= s->proof_time + REASM_GRACE))
		return s->proven < first ? s->proven : first;
	if (full) {
		*why = REASM_OVERFLOW;
		return first;
	}
	if (s->pend && s->stall_pos == s->next && now >= s->stall_time + REASM_PATIENCE)
		return first;
	return 0;
}

int reasm_run(struct reasm *s, const struct reasm *peer, const struct reasm_sink *k, uint64_t now)
{
	enum reasm_gap why;
	uint64_t end;

	while (!s->unsettled && (s->pend || s->proven > s->next)) {
		if (s->pend && s->pend->pos <= s->next) {
			if (held(s, peer, now) && !over_limit(s))
				break;
			deliver_first(s, k);
			continue;
		}
		end = hole_end(s, now, &why);
		if (!end)
			break;
		declare_gap(s, k, end, why, now);
	}
	if (!s->pend && s->proven <= s->next)
		return 0;
	if (s->stall_pos != s->next) {
		s->stall_pos = s->next;
		s->stall_time = now;
	}
	return 1;
}

/* ---- numbering */

static void number_from(struct reasm *s, uint32_t seq)
{
	s->next = (1ull << 32) + seq;
	s->proven = s->first = s->next;
	s->fin = s->fin_time = 0;
}

static void reasm_begin(struct reasm *s, const struct reasm_seg *g)
{
	s->started = 1;
	s->from_syn = g->syn;
	number_from(s, g->seq);
}

/* A further SYN: of the same numbers or of others. */
static void syn_add(struct reasm *s, struct pool *pool, uint32_t seq)
{
	uint32_t n = s->unsettled;

	if (n && s->syn[n - 1] == seq)
		return;
	if (n == REASM_SYNS) {
		memmove(s->syn, s->syn + 1, sizeof(s->syn) - sizeof(s->syn[0]));
		n--;
	}
	s->syn[n] = seq;
	s->unsettled = (uint8_t)(n + 1);
	pend_drop(s, pool);
	number_from(s, seq);
}

/*
 * seq is a number of this stream, which ends a SYN's number or what follows it: of the SYNs, the
 * one that it fits best counts. Returns 0 if it fits none.
 */
static int settle(struct reasm *s, struct pool *pool, uint32_t seq)
{
	uint32_t best = REASM_FAR;
	int found = -1;

	for (int i = s->unsettled; i-- > 0;)
		if (seq - s->syn[i] < best) {
			best = seq - s->syn[i];
			found = i;
		}
	if (found < 0)
		return 0;
	if (s->syn[found] != (uint32_t)s->next) {
		pend_drop(s, pool);
		number_from(s, s->syn[found]);
	}
	settled(s);
	/* of what came with the SYN, what lies before seq was accepted */
	while (s->pend && s->pend->end > s->next + best) {
		struct reasm_pend *w = s->pend;

		if (w->pos < s->next + best) {
			w->end = s->next + best;
			w->cap_end = w->cap_end < w->end ? w->cap_end : w->end;
			w->cap_pos = w->cap_pos < w->end ? w->cap_pos : w->end;
			break;
		}
		pend_drop(s, pool);
	}
	return 1;
}

/* What g tells of the numbering of its own stream. Returns 0 if g is of no use. */
static int number_by(struct reasm *s, const struct reasm *peer, struct pool *pool,
		     const struct reasm_seg *g)
{
	if (!s->started) {
		/* a FIN in the middle of a handshake belongs to another connection */
		if (g->fin && !g->len && !g->syn && peer->unsettled)
			return 0;
		reasm_begin(s, g);
		if (g->syn)
			syn_add(s, pool, g->seq);
		return 1;
	}
	if (!s->unsettled) {
		if (g->syn && g->seq == (uint32_t)s->first)
			s->from_syn = 1;
		return g->len || !g->syn;
	}
	if (g->syn) {
		syn_add(s, pool, g->seq);
		return 1;
	}
	if (settle(s, pool, g->seq))
		return 1;
	if (!g->len)
		return 0;
	/* joined in the middle after all */
	pend_drop(s, pool);
	settled(s);
	reasm_begin(s, g);
	return 1;
}

static uint64_t ack_position(struct reasm *peer, struct pool *pool, const struct reasm_seg *g)
{
	uint64_t pos;

	if (!g->has_ack)
		return 0;
	if (!peer->started) {
		/* joined: the peer's bytes before this have gone by, those behind it are still to
		 * come */
		if (g->syn)
			return 0;
		peer->started = 1;
		number_from(peer, g->ack);
	}
	if (peer->unsettled && !settle(peer, pool, g->ack))
		return 0;
	if (g->ack == (uint32_t)peer->next) /* nearly always */
		return peer->next;
	pos = reasm_pos(peer, g->ack);
	if (peer->fin && pos == peer->fin + 1)
		pos = peer->fin;
	reasm_prove(peer, pos, g->time);
	return pos;
}

/* What of g is next in order goes to the sink without a copy, as far as nothing else was first. */
static void deliver_now(struct reasm *s, const struct reasm_sink *k, const struct piece *g)
{
	struct piece p = *g;

	if (s->pend && s->pend->pos < p.end) {
		p.end = s->pend->pos;
		p.cap_pos = p.cap_pos < p.end ? p.cap_pos : p.end;
		p.cap_end = p.cap_end < p.end ? p.cap_end : p.end;
	}
	if (p.end > s->next)
		deliver(s, k, &p);
}

/*
 * As reasm_add_any(), of a segment as nearly all are: whole, and the next of both directions. 0: it
 * is none.
 */
static inline int add_next(struct reasm *s, const struct reasm *peer, const struct reasm_sink *k,
			   const struct reasm_seg *g)
{
	if (!g->has_ack || g->syn || g->fin || !g->len || g->cap_len != g->len ||
	    !reasm_goes_on(s, g->seq, g->len) || !reasm_goes_on(peer, g->ack, 0))
		return 0;
	reasm_come(s, g->time, peer->next);
	deliver_data(s, k, g->data, g->len);
	return 1;
}

void reasm_add(struct reasm *s, struct reasm *peer, const struct reasm_sink *k,
	       const struct reasm_seg *g)
{
	if (!add_next(s, peer, k, g))
		reasm_add_any(s, peer, k, g);
}

/*
 * A probe that keeps a connection alive repeats the place that was received last, and what it holds
 * is none of the stream's.
 */
static int is_probe(const struct reasm *s, const struct reasm_seg *g, uint64_t pos)
{
	return g->len == 1 && g->cap_len == 1 && !g->data[0] && pos + 1 == s->proven;
}

void reasm_add_any(struct reasm *s, struct reasm *peer, const struct reasm_sink *k,
		   const struct reasm_seg *g)
{
	struct piece p;

	if (!number_by(s, peer, k->pool, g))
		return;
	p.pos = reasm_pos(s, g->seq);
	p.end = p.pos + g->len;
	p.cap_pos = p.pos + g->cap_off;
	p.cap_end = p.cap_pos + g->cap_len;
	p.data = g->data;
	p.time = g->time;
	p.need = ack_position(peer, k->pool, g);
	if (g->fin && !s->fin) {
		s->fin = p.end > s->next ? p.end : s->next;
		s->fin_time = g->time;
		s->fin_need = p.need;
	}
	if (g->lost && p.pos > s->next)
		reasm_prove(s, p.pos, g->time > REASM_GRACE ? g->time - REASM_GRACE : 0);
	if ((p.end <= s->next || is_probe(s, g, p.pos)) && !(g->fin && s->fin > s->next))
		return;
	if (p.pos <= s->next && !s->unsettled && !(s->pend && s->pend->pos <= s->next) &&
	    !(s->follows && peer->started && p.need > peer->next)) {
		deliver_now(s, k, &p);
		if (!s->pend && s->proven <= s->next)
			return;
	}
	if (p.end > s->next)
		pend_add(s, k->pool, &p);
	reasm_run(s, peer, k, g->time);
}

void reasm_flush(struct reasm *s, const struct reasm *peer, const struct reasm_sink *k,
		 uint64_t now)
{
	uint64_t end = s->proven;

	if (s->unsettled)
		settled(s);
	if (s->fin > end)
		end = s->fin;
	while (s->pend) {
		if (s->pend->pos > s->next)
			declare_gap(s, k, s->pend->pos, REASM_MISSING, now);
		else if (peer && reasm_is_ahead(s, peer))
			return;
		else
			deliver_first(s, k);
	}
	while (s->started && end > s->next)
		declare_gap(s, k, end, REASM_MISSING, now);
}
