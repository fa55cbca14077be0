#include "core/engine_impl.h"

#include "core/tls_conn.h"

#define SKIP_WORTH 16384u     /* octets that are worth telling the kernel side about */
#define SKIP_MAX (1ull << 30) /* how far ahead; the kernel side compares modulo 2^32 */

/* What may go by in each direction of a connection without a message before it is unknown. */
#define STRANGE_SEGS 8u
#define STRANGE_BYTES 65536u
#define LATE_STRANGE_BYTES 262144u
#define ONE_WAY 16u /* times as much if the other direction is silent */

static uint32_t skip_seq(const struct half *h)
{
	if (!h->stream.started)
		return h->ack_hint;
	if (h->skip_to > h->stream.next)
		return (uint32_t)h->skip_to;
	return (uint32_t)h->stream.next;
}

void want_send(struct engine *e, struct conn *c)
{
	struct zc_policy w = {.conn = c->cookie, .quiet = c->quiet};

	for (int d = 0; d < 2; d++) {
		struct half *h = &c->half[d];

		w.dir[d].skip_to = skip_seq(h);
		w.dir[d].cap = h->cap;
		w.frames |= (uint32_t)h->frames << d;
		h->told_frames = h->frames;
		if (h->stream.started && h->skip_to < h->stream.next)
			h->skip_to = h->stream.next;
	}
	if (c->carrier)
		w.frames |= ZC_POLICY_TIED;
	c->told = 1;
	e->opt.on_want(e->opt.ctx, &w);
}

/* Returns 1 if something is to be told about direction h. */
static int review_want(const struct conn *c, struct half *h)
{
	uint64_t n = conn_ops_of(c)->unneeded(c, h);
	uint32_t cap = n == UINT64_MAX ? 0 : ZC_WANT_ALL;
	uint64_t next = h->stream.next, target;
	int change = 0;

	if (cap != h->cap || h->frames != h->told_frames) {
		h->cap = cap;
		change = 1;
	}
	if (n > SKIP_WORTH && n != UINT64_MAX) {
		target = next + (n < SKIP_MAX ? n : SKIP_MAX);
		/* renewed when half of it is used up, not with every segment */
		if (h->skip_to < target && (h->skip_to < next + SKIP_MAX / 2 || n < SKIP_MAX)) {
			h->skip_to = target;
			change = 1;
		}
	}
	/* an old skip_to would come to lie ahead */
	return change || (c->told && h->stream.started && next > h->skip_to + SKIP_MAX);
}

/* What its plaintext tells need not be told again by its ciphertext. */
static int review_quiet(struct conn *c)
{
	if (c->protocol != CONN_TLS || !c->plain || c->tls->wire || c->quiet)
		return 0;
	if (!c->plain->nexchanges)
		return 0; /* it may be of a protocol that is not known; then the octets count */
	tls_conn_twin(c);
	c->quiet = 1;
	return 1;
}

/*
 * A policy is about both directions: where nothing was seen yet, skip_to could hit anything. But
 * the positions of a TLS stream begin at 0.
 */
static int can_tell(const struct engine *e, const struct conn *c)
{
	if (c->stream.lib)
		return e->opt.on_want != NULL;
	for (int d = 0; d < 2; d++)
		if (!c->half[d].stream.started && !c->half[d].hint_valid)
			return 0;
	return e->opt.on_want != NULL;
}

void want_update(struct engine *e, struct conn *c)
{
	int change;

	if (!conn_ops_of(c) || !can_tell(e, c))
		return;
	change = review_want(c, &c->half[ZC_RX]);
	change |= review_want(c, &c->half[ZC_TX]);
	change |= review_quiet(c);
	if (change)
		want_send(e, c);
}

void want_nothing(struct engine *e, struct conn *c)
{
	c->protocol = CONN_OPAQUE;
	if (c->quiet)
		return;
	c->quiet = 1;
	for (int d = 0; d < 2; d++) {
		stream_release(&c->half[d].stream, &e->pool);
		c->half[d].cap = 0;
	}
	if (e->opt.on_want)
		want_send(e, c);
}

static int exceeds(const struct half *h, uint32_t segs, uint32_t bytes)
{
	return h->strange_segs >= segs || h->strange_bytes >= bytes;
}

/*
 * We have joined in the middle of what may be a long body. Nothing of it is wanted, but what comes
 * after it is.
 */
static void glance(struct engine *e, struct conn *c, struct half *h)
{
	if (h->cap == WANT_GLANCE || !can_tell(e, c))
		return;
	h->cap = WANT_GLANCE;
	want_send(e, c);
}

void want_strange(struct engine *e, struct conn *c, struct half *h, uint64_t n)
{
	uint32_t segs = c->late ? WANT_LATE_SEGS : STRANGE_SEGS;
	uint32_t bytes = c->late ? LATE_STRANGE_BYTES : STRANGE_BYTES;

	h->strange_segs++;
	h->strange_bytes += n;
	if (exceeds(&c->half[0], segs, bytes) && exceeds(&c->half[1], segs, bytes))
		want_nothing(e, c);
	else if (!exceeds(h, segs * ONE_WAY, bytes * ONE_WAY))
		return;
	else if (c->late)
		glance(e, c, h);
	else
		want_nothing(e, c);
}
