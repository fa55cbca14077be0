#include "core/policy.h"

#include "core/engine_impl.h"

#define SKIP_WORTH 16384u     /* octets that are worth telling the kernel side about */
#define SKIP_MAX ((uint64_t)ZC_POLICY_AHEAD)

/* What may go by in each direction of a connection without a message before it is unknown. */
#define UNRECOGNIZED_SEGS 8u
#define UNRECOGNIZED_BYTES 65536u
#define PREEXISTING_UNRECOGNIZED_BYTES 262144u
#define ONE_WAY 16u /* times as much if the other direction is silent */

static uint32_t skip_seq(const struct half *h)
{
	if (!h->reasm.started)
		return h->ack_hint;
	if (h->skip_to > h->reasm.next)
		return (uint32_t)h->skip_to;
	return (uint32_t)h->reasm.next;
}

void policy_send(struct engine *e, struct conn *c)
{
	struct zc_policy w = {.conn = c->cookie, .quiet = c->quiet};

	if (!e->opt.on_policy)
		return;
	for (int d = 0; d < 2; d++) {
		struct half *h = &c->half[d];

		w.dir[d].skip_to = skip_seq(h);
		w.dir[d].cap = h->cap;
		w.frames |= (uint32_t)h->frames << d;
		h->reported_frames = h->frames;
		if (h->reasm.started && h->skip_to < h->reasm.next)
			h->skip_to = h->reasm.next;
	}
	if (c->socket)
		w.frames |= ZC_POLICY_BOUND;
	c->reported = 1;
	e->opt.on_policy(e->opt.ctx, &w);
}

/* Returns 1 if something is to be told about direction h. */
static int review_half(const struct conn *c, struct half *h)
{
	uint64_t n = c->ops->unneeded(c, h);
	uint32_t cap = n == UINT64_MAX ? 0 : ZC_POLICY_ALL;
	uint64_t next = h->reasm.next, target;
	int change = 0;

	if (cap != h->cap || h->frames != h->reported_frames) {
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
	return change || (c->reported && h->reasm.started && next > h->skip_to + SKIP_MAX);
}

/* What its plaintext tells need not be told again by its ciphertext. */
static int review_quiet(struct conn *c)
{
	if (!c->tls_stream || c->quiet || !c->ops->quiet || !c->ops->quiet(c))
		return 0;
	c->quiet = 1;
	return 1;
}

/*
 * A policy is about both directions: where nothing was seen yet, skip_to could hit anything. But
 * the positions of a TLS stream begin at 0.
 */
static int can_tell(const struct conn *c)
{
	if (c->datagram)
		return 0;
	if (c->session)
		return 1;
	for (int d = 0; d < 2; d++)
		if (!c->half[d].reasm.started && !c->half[d].hint_valid)
			return 0;
	return 1;
}

void policy_update(struct engine *e, struct conn *c)
{
	int change;

	if (!c->ops)
		return;
	if (!e->opt.on_policy) { /* a file: there is nothing to tell, but peek() is over */
		c->half[ZC_RX].cap = c->half[ZC_TX].cap = ZC_POLICY_ALL;
		return;
	}
	if (!can_tell(c))
		return;
	change = review_half(c, &c->half[ZC_RX]);
	change |= review_half(c, &c->half[ZC_TX]);
	change |= review_quiet(c);
	if (change)
		policy_send(e, c);
}

void policy_nothing(struct engine *e, struct conn *c)
{
	conn_opaque(c);
	if (c->quiet)
		return;
	c->quiet = 1;
	for (int d = 0; d < 2; d++) {
		reasm_release(&c->half[d].reasm, &e->pool);
		c->half[d].cap = 0;
	}
	if (!c->datagram)
		policy_send(e, c);
}

static int exceeds(const struct half *h, uint32_t segs, uint32_t bytes)
{
	return h->unrecognized_segs >= segs || h->unrecognized_bytes >= bytes;
}

/*
 * We have joined in the middle of what may be a long body. Nothing of it is wanted, but what comes
 * after it is.
 */
static void peek(struct engine *e, struct conn *c, struct half *h)
{
	if (h->cap == POLICY_PEEK || !can_tell(c))
		return;
	h->cap = POLICY_PEEK;
	policy_send(e, c);
}

void policy_unrecognized(struct engine *e, struct conn *c, struct half *h, uint64_t n)
{
	uint32_t segs = c->preexisting ? POLICY_PREEXISTING_SEGS : UNRECOGNIZED_SEGS;
	uint32_t bytes = c->preexisting ? PREEXISTING_UNRECOGNIZED_BYTES : UNRECOGNIZED_BYTES;

	h->unrecognized_segs++;
	h->unrecognized_bytes += n;
	if (exceeds(&c->half[0], segs, bytes) && exceeds(&c->half[1], segs, bytes))
		policy_nothing(e, c);
	else if (!exceeds(h, segs * ONE_WAY, bytes * ONE_WAY))
		return;
	else if (c->preexisting)
		peek(e, c, h);
	else
		policy_nothing(e, c);
}
