#include "core/flow_network.h"

#include <string.h>

#include "bpf/events.h"

#define REORDERED 3000000u /* ns: packets are by so much, where no round trip is known */
#define DUPLICATES 2u	   /* acknowledgements: a sender needs three, one may not be captured */
#define SYN_AGAIN_NS 150000000ull /* no SYN is sent again sooner (RFC 6298: a second) */
#define RTT_MAX_NS 60000000000ull

static int before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* ---- round trips */

static uint32_t sum(uint32_t a, uint32_t b)
{
	return a && b ? a + b : 0;
}

uint32_t flow_network_rtt(const struct flow_network *n)
{
	return sum(n->side[0].rtt_us, n->side[1].rtt_us);
}

uint32_t flow_network_min_rtt(const struct flow_network *n)
{
	return sum(n->side[0].min_rtt_us, n->side[1].min_rtt_us);
}

/* bare: what acknowledges has no data of its own. */
static void take_sample(struct flow_side *s, uint64_t time, int bare)
{
	uint64_t ns = time - s->timed;
	uint32_t us = (uint32_t)(ns / 1000) + (ns < 1000);

	if (time < s->timed || ns > RTT_MAX_NS)
		return;
	if (bare && s->rtt_us && s->unacked > 1)
		s->rtt_us = s->rtt_us - s->rtt_us / 8 + us / 8;
	else if (s->rtt_us ? us < s->rtt_us : bare)
		s->rtt_us = us;
	else
		return;
	if (!s->min_rtt_us || us < s->min_rtt_us)
		s->min_rtt_us = us;
}

static int rtt_news(struct flow_network *n)
{
	uint32_t rtt = flow_network_rtt(n), told = n->rtt_told;

	if (!rtt || (told && (rtt > told ? rtt - told : told - rtt) < told / 8 + 1))
		return 0;
	n->rtt_told = rtt;
	return 1;
}

/* The other end tells how much of s it has. */
static void acknowledge(struct flow_side *s, const struct frame *seg, uint64_t time)
{
	int bare = !seg->orig_len;

	if (s->has_acked && !before(s->acked, seg->ack)) {
		s->duplicates += s->acked == seg->ack && bare && before(seg->ack, s->end) &&
				 !(seg->flags & (ZC_TCP_SYN | ZC_TCP_FIN));
		return;
	}
	s->acked = seg->ack;
	s->has_acked = 1;
	s->duplicates = 0;
	if (s->timed && !before(seg->ack, s->timed_end)) {
		if (seg->ack == s->timed_end)
			take_sample(s, time, bare);
		s->timed = 0;
	}
	s->unacked = 0;
}

/*
 * What says again what the one before it said, unless it answers the question whether its sender is
 * there, or whether it has room (RFC 9293, 3.8.4 and 3.8.6.1): that repeats the last byte, or none.
 */
static void count_dup_acks(struct flow_side *s, const struct flow_side *other,
			   const struct frame *seg)
{
	int plain = !(seg->flags & (ZC_TCP_SYN | ZC_TCP_FIN));

	if (plain && s->begun && !seg->orig_len && seg->window && seg->seq == s->end &&
	    seg->ack == s->last_ack && seg->window == s->last_window && !other->keeps_alive)
		s->dup_acks++;
	s->keeps_alive = plain && s->begun && seg->orig_len <= 1 && seg->seq == s->end - 1 &&
			 s->has_acked && s->acked == s->end;
	s->last_ack = seg->ack;
	s->last_window = seg->window;
}

/* ---- what was there before */

static void add_hole(struct flow_side *s, uint32_t from, uint32_t to, uint64_t time)
{
	if (s->nholes == FLOW_HOLES)
		memmove(s->hole, s->hole + 1, --s->nholes * sizeof(s->hole[0]));
	s->hole[s->nholes].from = from;
	s->hole[s->nholes].to = to;
	s->hole[s->nholes++].time = time;
}

static uint32_t later(uint32_t a, uint32_t b)
{
	return before(a, b) ? b : a;
}

/*
 * Bytes come that others are behind of: holes get smaller. Returns how many of them are new;
 * *noticed is when the first of their holes was.
 */
static uint32_t fill(struct flow_side *s, uint32_t from, uint32_t to, uint64_t *noticed)
{
	uint32_t n = s->nholes, filled = 0;
	struct flow_side old = *s;

	s->nholes = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t a = old.hole[i].from, b = old.hole[i].to;
		uint32_t low = later(a, from), high = before(to, b) ? to : b;

		if (!before(low, high)) {
			add_hole(s, a, b, old.hole[i].time);
			continue;
		}
		*noticed = filled && *noticed < old.hole[i].time ? *noticed : old.hole[i].time;
		filled += high - low;
		if (before(a, low))
			add_hole(s, a, low, old.hole[i].time);
		if (before(high, b))
			add_hole(s, high, b, old.hole[i].time);
	}
	return filled;
}

/* The bytes up to `to` are new. */
static void advance(struct flow_side *s, uint32_t from, uint32_t to, uint64_t time)
{
	if (s->begun && before(s->end, from))
		add_hole(s, s->end, from, time);
	s->begun = 1;
	s->end = to;
	s->unacked++;
	s->sent.before = &s->before;
	sent_add(&s->sent, to, time);
	if (!s->timed) {
		s->timed = time;
		s->timed_end = to;
	}
}

/* Does it come too soon to have been sent again? */
static int is_soon(const struct flow_network *n, const struct flow_side *s, uint32_t seq,
		   uint64_t first, uint64_t time)
{
	uint64_t least = flow_network_min_rtt(n) * 500ull; /* half of it */

	if ((s->duplicates >= DUPLICATES && s->acked == seq))
		return 0;
	return time < first + (least > REORDERED ? least : REORDERED);
}

/* A SYN comes again of who has been answered, or too soon: the connection is captured twice. */
static uint8_t is_copy(const struct flow_network *n, const struct flow_side *s,
		   const struct frame *seg, uint64_t time)
{
	const struct flow_side *other = &n->side[s == n->side];

	return (seg->flags & (ZC_TCP_SYN | ZC_TCP_ACK)) == ZC_TCP_SYN &&
	       (other->has_acked || time < sent_time(&s->sent, seg->seq) + SYN_AGAIN_NS);
}

/* Bytes of which at least the first has others behind it. */
static void again(struct flow_network *n, struct flow_side *s, const struct frame *seg,
		  uint64_t time, uint32_t to, struct flow_news *news)
{
	uint32_t from = seg->seq, old = before(s->end, to) ? s->end : to, new;
	int needless = s->has_acked && !before(s->acked, to), known;
	uint64_t noticed = 0;

	if (s->keeps_alive)
		return;
	new = fill(s, from, old, &noticed);
	known = new == old - from || !sent_long_ago(&s->sent, from);
	news->first = new < old - from ? sent_time(&s->sent, from) : noticed;
	if (before(s->end, to))
		advance(s, s->end, to, time);
	if (n->copied || (known && is_soon(n, s, from, news->first, time)))
		return;
	n->copied = is_copy(n, s, seg, time);
	if (n->copied)
		return;
	s->timed = 0;
	s->resent++;
	s->needless += needless != 0;
	news->resent = 1;
	if (new == old - from)
		news->flags = ZC_RETRANSMIT_LOST;
	else if (needless)
		news->flags = ZC_RETRANSMIT_NEEDLESS;
	else if (s->duplicates < DUPLICATES)
		news->flags = ZC_RETRANSMIT_PROBE;
	if (seg->flags & ZC_TCP_SYN)
		news->flags |= ZC_RETRANSMIT_SYN;
}

struct flow_news flow_network_segment(struct flow_network *n, const struct frame *seg, int src,
				      uint64_t time)
{
	struct flow_side *s = &n->side[src];
	uint32_t to = frame_seq_end(seg);
	struct flow_news news = {0};

	if (seg->flags & ZC_TCP_RST)
		return news;
	if (!n->copied)
		count_dup_acks(s, &n->side[!src], seg);
	if (seg->flags & ZC_TCP_ACK)
		acknowledge(&n->side[!src], seg, time);
	if (to != seg->seq) {
		if (s->begun && before(seg->seq, s->end))
			again(n, s, seg, time, to, &news);
		else
			advance(s, seg->seq, to, time);
	}
	news.rtt = rtt_news(n);
	if (!(seg->flags & ZC_TCP_SYN) && s->window_closed != !seg->window) {
		s->window_closed = !seg->window;
		news.window = 1;
	}
	return news;
}
