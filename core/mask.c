#include "core/mask.h"

#include <stdlib.h>
#include <string.h>

#include "core/mask_side.h"
#include "core/ways.h"

#define SETS_BITS 11

/* The state before the octet of that sequence number. */
struct checkpoint {
	uint32_t seq;
	int valid;
	struct mask_side side;
};

struct direction {
	struct checkpoint next; /* behind all that was seen */
	struct checkpoint segment, gap;
};

struct flow {
	struct mask_conn conn;
	struct direction dir[2];
};

struct entry {
	struct way way;
	struct flow *flow; /* allocated when first used, then kept */
};

struct mask {
	uint64_t tick;
	int content, late;
	struct entry entry[WAYS << SETS_BITS];
};

struct mask *mask__new(int content)
{
	struct mask *m = calloc(1, sizeof(*m));

	if (m)
		m->content = content;
	return m;
}

static void flow_release(struct flow *f)
{
	for (unsigned i = 0; i < 2; i++) {
		mask_side_release(&f->dir[i].next.side);
		mask_side_release(&f->dir[i].segment.side);
		mask_side_release(&f->dir[i].gap.side);
	}
	memset(f, 0, sizeof(*f));
}

void mask__free(struct mask *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < WAYS << SETS_BITS; i++) {
		if (m->entry[i].flow)
			flow_release(m->entry[i].flow);
		free(m->entry[i].flow);
	}
	free(m);
}

static void flow_begin(const struct mask *m, struct flow *f, int joined)
{
	f->conn.content = (uint8_t)m->content;
	for (int d = 0; d < 2; d++)
		f->dir[d].next.side.seen = (uint8_t)joined;
}

/* The flow of that connection, made if need be. NULL: out of memory. */
static struct flow *flow_of(struct mask *m, uint64_t conn)
{
	struct entry *e = ways_find(m->entry, sizeof(*e), SETS_BITS, conn);

	if (!e) {
		e = ways_place(m->entry, sizeof(*e), SETS_BITS, conn);
		if (e->flow)
			flow_release(e->flow);
		else
			e->flow = calloc(1, sizeof(*e->flow));
		e->way.key = e->flow ? conn : 0;
		if (e->flow)
			flow_begin(m, e->flow, m->late);
	}
	e->way.used = ++m->tick;
	return e->flow;
}

void mask__late(struct mask *m)
{
	m->late = 1;
}

void mask__open(struct mask *m, const struct zc_ev_open *o)
{
	struct flow *f = flow_of(m, o->ev.conn);

	if (!f || f->dir[0].next.valid || f->dir[1].next.valid)
		return;
	flow_begin(m, f, (o->ev.flags & (ZC_OPEN_PREEXISTING | ZC_OPEN_SEQ)) ==
				 ZC_OPEN_PREEXISTING);
	for (int d = 0; d < 2 && o->ev.flags & ZC_OPEN_SEQ; d++) {
		f->dir[d].next.seq = o->seq[d];
		f->dir[d].next.valid = 1;
	}
}

void mask__forget(struct mask *m, uint64_t conn)
{
	struct entry *e = ways_find(m->entry, sizeof(*e), SETS_BITS, conn);

	if (!e)
		return;
	flow_release(e->flow);
	e->way.key = 0;
}

static size_t feed(struct mask_conn *c, struct mask_side *side, struct mask_side *other,
		   const struct zc_ev_segment *seg, uint8_t *payload)
{
	size_t kept;

	mask_side_gap(c, side, seg->cap_off);
	kept = mask_side_feed(c, side, other, seg->dir & 1, payload, seg->cap_len);
	mask_side_gap(c, side, seg->orig_len - seg->cap_off - seg->cap_len);
	return kept;
}

static void checkpoint_copy(struct flow *f, struct checkpoint *to, const struct checkpoint *from)
{
	mask_side_copy(&f->conn, &to->side, &from->side);
	to->seq = from->seq;
	to->valid = from->valid;
}

/*
 * Octets from before the end of what was seen: the state that was there, or one like it, does; the
 * stream moves not, nor does the connection. Of a gap that is filled by several segments, this may
 * be the first.
 */
static size_t feed_again(struct flow *f, const struct zc_ev_segment *seg, uint8_t *payload)
{
	struct direction *d = &f->dir[seg->dir & 1];
	struct mask_side side = {.seen = 1}, other = {.seen = 1};
	struct mask_conn conn = f->conn;
	size_t kept;

	if (d->gap.valid && d->gap.seq == seg->seq) {
		d->gap.seq += seg->orig_len;
		kept = feed(&conn, &d->gap.side, &other, seg, payload);
	} else {
		if (d->segment.valid && d->segment.seq == seg->seq)
			mask_side_copy(&f->conn, &side, &d->segment.side);
		kept = feed(&conn, &side, &other, seg, payload);
	}
	mask_side_release(&side);
	mask_side_release(&other);
	return kept;
}

static size_t feed_next(struct flow *f, const struct zc_ev_segment *seg, uint8_t *payload)
{
	struct direction *d = &f->dir[seg->dir & 1];
	size_t kept;

	if (d->next.valid && seg->seq != d->next.seq) {
		checkpoint_copy(f, &d->gap, &d->next);
		mask_side_gap(&f->conn, &d->next.side, seg->seq - d->next.seq);
	}
	d->next.seq = seg->seq;
	d->next.valid = 1;
	checkpoint_copy(f, &d->segment, &d->next);
	kept = feed(&f->conn, &d->next.side, &f->dir[!(seg->dir & 1)].next.side, seg, payload);
	d->next.seq += seg->orig_len;
	return kept;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Cuts off the first n octets, which become *first. */
static void split(struct zc_ev_segment *seg, uint32_t n, struct zc_ev_segment *first)
{
	uint32_t from = seg->cap_off, to = seg->cap_off + seg->cap_len;

	*first = *seg;
	first->orig_len = n;
	first->cap_off = least(from, n);
	first->cap_len = least(to, n) - first->cap_off;
	seg->seq += n;
	seg->orig_len -= n;
	seg->cap_len -= first->cap_len;
	seg->cap_off = from - least(from, n);
}

/* A segment may begin before the end of what was seen and lead on beyond it. */
static size_t feed_any(struct flow *f, struct zc_ev_segment seg, uint8_t *payload)
{
	const struct direction *d = &f->dir[seg.dir & 1];
	uint32_t seen = d->next.seq - seg.seq;
	struct zc_ev_segment first;
	size_t kept;

	if (!d->next.valid || (int32_t)seen <= 0)
		return feed_next(f, &seg, payload);
	split(&seg, least(seen, seg.orig_len), &first);
	kept = feed_again(f, &first, payload);
	if (seg.orig_len)
		kept += feed_next(f, &seg, payload + first.cap_len);
	return kept;
}

int mask__segment(void *mask, const struct zc_ev_segment *seg, uint8_t *payload)
{
	struct flow *f = flow_of(mask, seg->ev.conn);

	/* better a recording without content than one with secrets */
	return f && feed_any(f, *seg, payload) > 0;
}
