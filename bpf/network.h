/*
 * network.h - what the network does to a connection: bytes sent again, closed windows, resets
 *
 * All of it is rare: nothing here runs for a segment that goes through, but for one comparison of
 * its window.
 */
#ifndef ZC_BPF_NETWORK_H
#define ZC_BPF_NETWORK_H

#include "bpf/segment.h"

/* Where connections begin and end the field has another meaning. */
static __always_inline int window_changes(const struct zc_sock *s, const struct seg *g, __u8 dir)
{
	if (g->flags & (ZC_TCP_SYN | ZC_TCP_RST))
		return 0;
	return (s->window_closed >> dir & 1) != !g->window;
}

/* Told to be closed, and later that it is not any more; the first words of a connection are not. */
static __always_inline void emit_window(struct zc_sock *s, __u8 dir)
{
	struct zc_ev_window *w;

	if (!s->announced)
		return;
	w = bpf_ringbuf_reserve(&zc_ring, sizeof(*w), 0);
	if (!w) {
		lost_on(s, 0);
		return;
	}
	s->window_closed ^= 1u << dir;
	fill_head(&w->ev, ZC_EV_WINDOW, sizeof(*w), s->conn);
	w->ev.flags = s->window_closed >> dir & 1 ? ZC_WINDOW_CLOSED : 0;
	w->dir = dir;
	__builtin_memset(w->pad, 0, sizeof(w->pad));
	bpf_ringbuf_submit(w, BPF_RB_NO_WAKEUP);
}

/*
 * Counts what acknowledges again what was acknowledged before, as segments have come out of order
 * or twice (RFC 5681, section 2). What says that there is room again does not, nor what answers
 * those that ask whether this end is there: they repeat the octet before the next one, or none.
 */
static __always_inline void count_dup_acks(struct zc_sock *s, const struct seg *g, __u8 dir)
{
	const struct zc_acks *other = &s->acks[!dir];
	__u32 end = g->seq + g->len + (g->flags & ZC_TCP_FIN);
	struct zc_acks *a = &s->acks[dir];
	int plain = !(g->flags & (ZC_TCP_SYN | ZC_TCP_FIN));

	if (g->flags & ZC_TCP_RST)
		return;
	if (a->known && plain && !g->len && g->ack == a->acked && g->window &&
	    g->window == a->window && g->seq == a->end && !other->keeps_alive)
		a->again++;
	a->keeps_alive = a->known && plain && g->len <= 1 && g->seq == a->end - 1 &&
			 other->acked == a->end;
	if (!a->known || (__s32)(end - a->end) > 0)
		a->end = end;
	a->acked = g->ack;
	a->window = g->window;
	a->known = 1;
}

/*
 * Attempts that do not even reach a device leave the stamp of what was to be sent; of the first
 * one that does, it tells since when that waits.
 */
static __always_inline __u64 waits_since(const struct tcp_sock *tp, __u64 now)
{
	__u32 stamp = tp->retrans_stamp, ms = (__u32)(tp->tcp_mstamp / 1000);

	if (!stamp)
		return 0;
	if (bpf_core_field_exists(tp->tcp_usec_ts) && BPF_CORE_READ_BITFIELD(tp, tcp_usec_ts))
		return now - (__u64)((__u32)tp->tcp_mstamp - stamp) * 1000;
	return now - (__u64)(ms - stamp) * 1000000;
}

static __always_inline void emit_retransmit(struct zc_sock *s, const struct sock *sk,
					    const struct tcp_sock *tp, const struct sk_buff *skb)
{
	struct zc_ev_retransmit *r = bpf_ringbuf_reserve(&zc_ring, sizeof(*r), 0);
	__u32 range[2] = {}; /* struct tcp_skb_cb begins with seq, end_seq */
	const struct inet_connection_sock *icsk = (const struct inet_connection_sock *)sk;
	int syn = sk->__sk_common.skc_state == TCP_SYN_SENT_;
	__u64 since;

	if (!r) {
		lost_on(s, 0);
		return;
	}
	bpf_core_read(range, sizeof(range), &skb->cb);
	fill_head(&r->ev, ZC_EV_RETRANSMIT, sizeof(*r), s->conn);
	r->ev.flags = syn ? ZC_RETRANSMIT_SYN : 0;
	if (!syn && BPF_CORE_READ_BITFIELD_PROBED(icsk, icsk_ca_state) < TCP_CA_RECOVERY_)
		r->ev.flags |= ZC_RETRANSMIT_PROBE;
	since = waits_since(tp, r->ev.time);
	r->sent = s->sent_time && (!since || s->sent_time < since) ? s->sent_time : since;
	r->seq = range[0] + syn;
	r->len = syn ? 0 : range[1] - range[0];
	r->total = tp->total_retrans;
	r->rtt_us = tp->srtt_us >> 3;
	r->dir = ZC_TX;
	__builtin_memset(r->pad, 0, sizeof(r->pad));
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

#define BACKLOG_INTERVAL 10000000000ull /* ns between two of a listener, once they are many */

/* Of a listener, once more; NULL: it is not to be told, or cannot be. */
static __always_inline struct zc_ev_backlog *backlog_begin(struct zc_sock *s, const struct sock *sk,
							   __u64 *count, __u64 *told)
{
	__u64 now = bpf_ktime_get_ns(), n;
	struct zc_ev_backlog *b;

	__sync_fetch_and_add(count, 1);
	n = *count;
	if (n & (n - 1) && now - *told < BACKLOG_INTERVAL)
		return 0;
	b = bpf_ringbuf_reserve(&zc_ring, sizeof(*b), 0);
	if (!b) {
		count_lost(0);
		return 0;
	}
	*told = now;
	__builtin_memset(b, 0, sizeof(*b));
	fill_head(&b->ev, ZC_EV_BACKLOG, sizeof(*b), 0);
	b->pid = s->pid;
	b->port = s->lport;
	b->limit = sk->sk_max_ack_backlog;
	b->overflows = n;
	__builtin_memcpy(b->comm, s->comm, sizeof(b->comm));
	return b;
}

/*
 * A segment that asks a listener for something, or completes a handshake: with a full accept queue
 * the kernel drops it, and counts ListenOverflows.
 */
static __always_inline void emit_backlog(struct zc_sock *s, const struct sock *sk)
{
	struct zc_ev_backlog *b;

	if (sk->sk_ack_backlog <= sk->sk_max_ack_backlog)
		return;
	b = backlog_begin(s, sk, &s->overflows, &s->overflow_time);
	if (!b)
		return;
	b->waiting = sk->sk_ack_backlog;
	bpf_ringbuf_submit(b, BPF_RB_NO_WAKEUP);
}

/*
 * A SYN-ACK is sent again. The first time it may have been lost; a handshake counts the second
 * time, three seconds after it began, once.
 */
static __always_inline void emit_unanswered(struct zc_sock *s, const struct sock *sk,
					    const struct request_sock *req)
{
	const struct inet_connection_sock *icsk = (const struct inet_connection_sock *)sk;
	struct zc_ev_backlog *b;

	if (req->num_retrans != 1)
		return;
	b = backlog_begin(s, sk, &s->unanswered, &s->unanswered_time);
	if (!b)
		return;
	b->ev.flags = ZC_BACKLOG_UNANSWERED;
	b->waiting = (__u32)BPF_CORE_READ(icsk, icsk_accept_queue.qlen.counter);
	b->rport = bpf_ntohs(req->__req_common.skc_dport);
	if (req->__req_common.skc_family == AF_INET)
		map_v4(b->raddr, req->__req_common.skc_daddr);
	else
		bpf_core_read(b->raddr, 16, &req->__req_common.skc_v6_daddr);
	bpf_ringbuf_submit(b, BPF_RB_NO_WAKEUP);
}

/* A reset that answers a segment is sent by a socket of the kernel's own, where nothing is seen. */
static __always_inline void emit_reset(struct zc_sock *s, const struct tcp_sock *tp)
{
	struct zc_ev_segment *g = bpf_ringbuf_reserve(&zc_ring, sizeof(*g), 0);

	if (!g) {
		lost_on(s, 0);
		return;
	}
	fill_head(&g->ev, ZC_EV_SEGMENT, sizeof(*g), s->conn);
	g->seq = tp->snd_nxt;
	g->ack = tp->rcv_nxt;
	g->orig_len = g->cap_off = g->cap_len = g->lost = 0;
	g->dir = ZC_TX;
	g->tcp_flags = ZC_TCP_RST;
	g->lib = s->tls_lib;
	__builtin_memset(g->pad, 0, sizeof(g->pad));
	bpf_ringbuf_submit(g, BPF_RB_NO_WAKEUP);
}

#endif
