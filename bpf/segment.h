/*
 * segment.h - from a packet at a socket's door to a SEGMENT record
 *
 * Copies what user space still wants of it (struct zc_policy) and not more.
 */
#ifndef ZC_BPF_SEGMENT_H
#define ZC_BPF_SEGMENT_H

#include "bpf/emit.h"

/* What the headers of a packet say. */
struct seg {
	__u32 seq;
	__u32 ack;
	__u32 off; /* of the payload in the packet */
	__u32 len; /* of the payload */
	__u16 sport;
	__u16 window; /* as it stands there: of interest is whether it is 0 */
	__u8 flags;
};

/* Offset of the TCP header, 0 if there is none. */
static __always_inline __u32 tcp_offset(const __u8 *data, const __u8 *end)
{
	__u32 off = 40;
	__u8 next;

	if (data + 20 > end)
		return 0;
	if (data[0] >> 4 == 4)
		return data[9] == IPPROTO_TCP_ ? (data[0] & 15) * 4 : 0;
	if (data[0] >> 4 != 6 || data + 40 > end)
		return 0;
	next = data[6];
	for (int i = 0; i < 4; i++) { /* extension headers, RFC 8200 section 4 */
		const __u8 *h = data + off;

		if (next == IPPROTO_TCP_)
			return off;
		if (next != 0 && next != 43 && next != 60)
			return 0;
		if (h + 2 > end)
			return 0;
		next = h[0];
		off += (h[1] + 1) * 8;
		if (off > 1024)
			return 0;
	}
	return next == IPPROTO_TCP_ ? off : 0;
}

/* 0: a TCP segment with something to tell; 1: an acknowledgement and no more. seq: behind SYN. */
static __always_inline int seg_parse(struct __sk_buff *skb, struct seg *g)
{
	const __u8 *data = (const __u8 *)(long)skb->data;
	const __u8 *end = (const __u8 *)(long)skb->data_end;
	__u32 off = tcp_offset(data, end);
	const __u8 *t;

	if (!off || off > 1100)
		return -1;
	t = data + off;
	if (t + 20 > end)
		return -1;
	g->sport = bpf_ntohs(*(const __u16 *)t);
	g->flags = t[13];
	g->window = *(const __u16 *)(t + 14);
	g->off = off + (t[12] >> 4) * 4;
	g->len = skb->len > g->off ? skb->len - g->off : 0;
	g->seq = bpf_ntohl(*(const __u32 *)(t + 4)) + !!(g->flags & ZC_TCP_SYN);
	g->ack = bpf_ntohl(*(const __u32 *)(t + 8));
	return !g->len && !(g->flags & (ZC_TCP_SYN | ZC_TCP_FIN | ZC_TCP_RST));
}

static __always_inline void seg_fill(struct zc_ev_segment *ev, const struct zc_sock *s,
				     const struct seg *g, __u8 dir)
{
	ev->ev.kind = ZC_EV_SEGMENT;
	ev->ev.flags = 0;
	ev->ev.time = bpf_ktime_get_ns();
	ev->ev.conn = s->conn;
	ev->seq = g->seq;
	ev->ack = g->ack;
	ev->orig_len = g->len;
	ev->dir = dir;
	ev->tcp_flags = g->flags;
	ev->lib = s->tls_lib;
	__builtin_memset(ev->pad, 0, sizeof(ev->pad));
}

/*
 * Reserves room for SZ octets of payload, the first of a few sizes that fits: the verifier wants
 * a constant, and copying twice would cost more than the ring's unused octets.
 */
#define SEG_EMIT(SZ)                                                                               \
	do {                                                                                       \
		struct zc_ev_segment *ev = bpf_ringbuf_reserve(&zc_ring, sizeof(*ev) + (SZ), 0);   \
                                                                                                   \
		if (!ev) {                                                                         \
			lost_on(s, n);                                                             \
			return 0;                                                                  \
		}                                                                                  \
		seg_fill(ev, s, g, dir);                                                           \
		LESS_ONE(n);                                                                       \
		if (n < (SZ) && !bpf_skb_load_bytes(skb, g->off + skip, ev + 1, n + 1))            \
			n++;                                                                       \
		else                                                                               \
			n = 0;                                                                     \
		ev->cap_off = n ? skip : 0;                                                        \
		ev->cap_len = n;                                                                   \
		ev->ev.size = sizeof(*ev) + n;                                                     \
		ev->lost = lost;                                                                   \
		bpf_ringbuf_submit(ev, ring_flags());                                              \
	} while (0)

#define DIR_BIT (1u << 31)

/*
 * Sends one record: of g's payload n octets after the first skip ones. n_dir: n, and the direction
 * in the highest bit. A global function, so that the verifier looks at it once and not again on
 * each way that leads here.
 */
__noinline int seg_emit(struct __sk_buff *skb, struct zc_sock *s, const struct seg *g, __u32 skip,
			__u32 n_dir)
{
	__u32 n = n_dir & ~DIR_BIT, lost;
	__u8 dir = n_dir >> 31;

	if (!s || !g)
		return 0;
	lost = s->lost;
	if (n > ZC_MAX_CAPTURE)
		n = ZC_MAX_CAPTURE;
	if (!n)
		SEG_EMIT(0);
	else if (n <= 128)
		SEG_EMIT(128);
	else if (n <= 512)
		SEG_EMIT(512);
	else if (n <= 1024)
		SEG_EMIT(1024);
	else if (n <= 4096)
		SEG_EMIT(4096);
	else if (n <= 16384)
		SEG_EMIT(16384);
	else
		SEG_EMIT(65536);
	if (lost)
		__sync_fetch_and_sub(&s->lost, lost);
	return 0;
}

/*
 * HTTP/2. Where frames begin is known from the first octet of a connection on, as long as segments
 * come in order and no head is cut by their ends; after that everything is copied. Then the content
 * of DATA need not be: a segment becomes several records, each of what is copied, with what is not
 * behind it. For whoever reads them these are segments like any other.
 */
#define PREFACE_LEN 24
#define FRAME_HEAD 9
#define FRAME_KEEP 64	   /* octets of content that are copied all the same: heads of messages */
#define FRAME_LONG 1024	   /* shorter content is not worth a record */
#define FRAMES_MAX 24	   /* of a segment; of more, frames are small and skipping them is no use */

struct walk {
	struct seg g;
	__u32 off;  /* of the next head, in the payload */
	__u32 from; /* of the record that is being made */
	__u32 lead; /* of its octets, those in front that are not copied */
	__u8 dir, skip, whole;
};

/*
 * One record of the octets [from, end), of which n are copied, behind those in front that are not.
 * A global function, as it is called in a loop.
 */
__noinline int walk_record(struct __sk_buff *skb, struct zc_sock *s, struct walk *w, __u32 n,
			   __u32 end)
{
	struct seg part;

	if (!s || !w)
		return 0;
	part = w->g;
	part.seq += w->from;
	part.off += w->from;
	part.len = end - w->from;
	if (end < w->g.len)
		part.flags &= ~(ZC_TCP_FIN | ZC_TCP_RST);
	if (w->from)
		part.flags &= ~ZC_TCP_SYN;
	s->bytes[w->dir & 1] += part.len;
	s->skipped[w->dir & 1] += part.len - n;
	seg_emit(skb, s, &part, w->lead, n | (w->dir ? DIR_BIT : 0));
	w->from = end;
	w->lead = 0;
	return 0;
}

/*
 * The octets [from, end), of which those in [from + lead, copied) are copied: segments are longer
 * than a record on loopback, and wherever TCP is BIG (512 KiB, include/net/netdevice.h).
 */
#define RECORDS_MAX 8

static __noinline void walk_emit(struct __sk_buff *skb, struct zc_sock *s, struct walk *w,
				 __u32 copied, __u32 end)
{
	__u32 n = lag_limit(copied - w->from - w->lead);

	for (int i = 1; i < RECORDS_MAX && n > ZC_MAX_CAPTURE; i++) {
		walk_record(skb, s, w, ZC_MAX_CAPTURE, w->from + w->lead + ZC_MAX_CAPTURE);
		n -= ZC_MAX_CAPTURE;
	}
	walk_record(skb, s, w, n < ZC_MAX_CAPTURE ? n : ZC_MAX_CAPTURE, end);
}

/* 0: another one follows. A global function for the verifier's sake, like seg_emit. */
__noinline int walk_frame(struct __sk_buff *skb, struct zc_sock *s, struct walk *w)
{
	__u8 head[FRAME_HEAD];
	__u32 n, next;

	if (!s || !w)
		return 1;
	if (w->off + FRAME_HEAD > w->g.len) {
		w->whole = w->off >= w->g.len;
		return 1;
	}
	if (bpf_skb_load_bytes(skb, w->g.off + w->off, head, FRAME_HEAD))
		return 1;
	n = (__u32)head[0] << 16 | (__u32)head[1] << 8 | head[2];
	next = w->off + FRAME_HEAD + n;
	s->in_data[w->dir & 1] = head[3] == 0 && n > FRAME_LONG;
	if (s->in_data[w->dir & 1] && w->skip) {
		__u32 end = next < w->g.len ? next : w->g.len;
		__u32 copied = w->off + FRAME_HEAD + FRAME_KEEP;

		walk_emit(skb, s, w, copied < end ? copied : end, end);
	}
	w->off = next;
	if (next >= w->g.len) {
		w->whole = 1;
		return 1;
	}
	return 0;
}

/* Does the connection begin with HTTP/2 in this direction? */
static __always_inline void find_frames(struct __sk_buff *skb, struct zc_sock *s,
					const struct seg *g, __u8 dir)
{
	__u8 b[FRAME_HEAD];

	if (!s->has_seq || g->seq != s->seq[dir] || g->len < sizeof(b) ||
	    bpf_skb_load_bytes(skb, g->off, b, sizeof(b)))
		return;
	if (b[0] == 'P' && b[1] == 'R' && b[2] == 'I' && b[3] == ' ' && b[4] == '*')
		s->frame_at[dir] = g->seq + PREFACE_LEN;
	else if (!b[0] && !b[1] && b[2] % 6 == 0 && b[3] == 4 && !b[4] && !b[5] && !b[8])
		s->frame_at[dir] = g->seq;
	else
		return;
	s->framed[dir] = 1;
	s->in_data[dir] = 0;
}

/* Follows the frames of a segment. 1: it was sent as far as it is wanted; 0: send it whole. */
static __always_inline int walk_frames(struct __sk_buff *skb, struct zc_sock *s,
				       const struct seg *g, __u8 dir, int skip)
{
	struct walk w = {.g = *g, .dir = dir, .skip = (__u8)skip};
	__u32 ahead = s->frame_at[dir] - g->seq;

	if (ahead > 1u << 25) { /* no frame is so long: not in order */
		s->framed[dir] = 0;
		return 0;
	}
	w.off = ahead;
	if (s->in_data[dir] && skip)
		w.lead = ahead < g->len ? ahead : g->len;
	if (ahead >= g->len)
		w.whole = 1;
	else
		for (int i = 0; i < FRAMES_MAX; i++)
			if (walk_frame(skb, s, &w))
				break;
	s->framed[dir] = w.whole;
	s->frame_at[dir] = g->seq + w.off;
	if (!skip)
		return 0;
	if (w.from < g->len)
		walk_emit(skb, s, &w, g->len, g->len);
	return 1;
}

/* Longer than this no handshake is; all that follows is ciphertext, whoever asks for it. */
#define TLS_COPIED (256u << 10)

static __always_inline void seg_send(struct __sk_buff *skb, struct zc_sock *s, const struct seg *g,
				     __u8 dir)
{
	const struct zc_policy *p = policy_of(s->conn);
	__u32 skip = 0, n = g->len;

	dir &= 1;
	if (!s->bytes[dir])
		find_frames(skb, s, g, dir);
	if (s->framed[dir] && n && walk_frames(skb, s, g, dir, p && p->frames & 1u << dir))
		return;
	if (p) {
		skip = policy_skip(p, dir, g->seq);
		if (skip > n)
			skip = n;
		n -= skip;
		if (n > p->dir[dir].cap)
			n = p->dir[dir].cap;
	}
	if (s->tls_first && s->bytes[dir] > TLS_COPIED)
		n = 0;
	if (n > ZC_MAX_CAPTURE) {
		struct walk w = {.g = *g, .dir = dir, .lead = skip};

		walk_emit(skb, s, &w, skip + n, g->len);
		return;
	}
	n = lag_limit(n);
	s->bytes[dir] += g->len;
	if (n < g->len)
		s->skipped[dir] += g->len - n;
	if (p && p->quiet && !n && !(g->flags & (ZC_TCP_RST | ZC_TCP_FIN)))
		return; /* its end is told all the same */
	seg_emit(skb, s, g, skip, n | (dir ? DIR_BIT : 0));
}

/*
 * A segment that meets the listener itself: with TCP_DEFER_ACCEPT, TCP Fast Open or a lost ACK, the
 * request arrives before its socket exists. The child appears within the same softirq, on the
 * same processor, so one room per processor to keep it is enough. On a kernel for real time a
 * softirq may be left for another one, which may take the room: then the segment shows as a gap.
 */
#define STASH_BYTES 16384

struct stash {
	__u64 listener;
	__u16 lport;
	__u16 rport;
	__u32 busy; /* see guard.h */
	struct zc_ev_segment seg;
	__u8 payload[STASH_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stash);
} zc_stash SEC(".maps");

static __always_inline void stash_fill(struct stash *st, struct __sk_buff *skb,
				       const struct zc_sock *s, const struct seg *g)
{
	__u32 n = g->len < STASH_BYTES ? g->len : STASH_BYTES;

	seg_fill(&st->seg, s, g, ZC_RX);
	LESS_ONE(n);
	if (n < STASH_BYTES && !bpf_skb_load_bytes(skb, g->off, st->payload, n + 1))
		n++;
	else
		n = 0;
	st->seg.cap_off = 0;
	st->seg.cap_len = n;
	st->seg.ev.size = sizeof(st->seg) + n;
	st->seg.lost = 0;
	st->listener = s->conn;
	st->lport = s->lport;
	st->rport = g->sport;
}

static __always_inline void stash_put(struct __sk_buff *skb, const struct zc_sock *s,
				      const struct seg *g)
{
	__u32 zero = 0;
	struct stash *st = bpf_map_lookup_elem(&zc_stash, &zero);

	if (!st || !room_claim(&st->busy)) {
		count_lost(g->len);
		return;
	}
	stash_fill(st, skb, s, g);
	room_leave(&st->busy);
}

/* What the listener has got becomes the child's. */
static __always_inline void stash_send(struct stash *st, struct zc_sock *child)
{
	__u32 size = st->seg.ev.size;

	st->listener = 0;
	st->seg.ev.conn = child->conn;
	barrier_var(size);
	if (size < sizeof(st->seg) || size > sizeof(st->seg) + STASH_BYTES)
		return;
	child->bytes[ZC_RX] += st->seg.orig_len;
	if (bpf_ringbuf_output(&zc_ring, &st->seg, size, BPF_RB_NO_WAKEUP))
		lost_on(child, st->seg.orig_len);
}

static __always_inline void stash_flush(struct zc_sock *child, __u64 listener)
{
	__u32 zero = 0;
	struct stash *st = bpf_map_lookup_elem(&zc_stash, &zero);

	if (!st || !room_claim(&st->busy))
		return;
	if (st->listener && st->listener == listener && st->rport == child->rport)
		stash_send(st, child);
	room_leave(&st->busy);
}

#endif
