/*
 * datagram.h - from a packet at the door of a UDP socket to a DATAGRAM record
 *
 * Of interest are those of DNS, and of the ports that were chosen. A socket is judged when it
 * sends, which its thread does itself, down to here: so it is known who asks before the first
 * question leaves. That takes a helper which programs of this type have since Linux 6.10
 * (zc_config.datagrams).
 */
#ifndef ZC_BPF_DATAGRAM_H
#define ZC_BPF_DATAGRAM_H

#include "bpf/io.h"

#define DNS_PORT 53
#define DATAGRAM_SHORT 512 /* most are no longer; of others so many bytes are copied: */
#define DATAGRAM_LONG 4096

struct datagram {
	__u32 off, len; /* of the payload */
	__u16 lport, rport;
	__u8 family;
};

static __always_inline int datagram_parse(struct __sk_buff *skb, struct datagram *g, __u8 dir)
{
	const __u8 *data = (const __u8 *)(long)skb->data;
	const __u8 *end = (const __u8 *)(long)skb->data_end;
	__u32 off = 40;
	__u16 sport, dport;

	if (data + 28 > end)
		return -1;
	g->family = data[0] >> 4;
	if (g->family == 4) {
		if (data[9] != IPPROTO_UDP_)
			return -1;
		off = (data[0] & 15) * 4;
	} else if (g->family != 6 || data[6] != IPPROTO_UDP_) {
		return -1;
	}
	if (off > 60 || data + off + 8 > end)
		return -1;
	sport = bpf_ntohs(*(const __u16 *)(data + off));
	dport = bpf_ntohs(*(const __u16 *)(data + off + 2));
	g->lport = dir == ZC_RX ? dport : sport;
	g->rport = dir == ZC_RX ? sport : dport;
	g->off = off + 8;
	g->len = bpf_ntohs(*(const __u16 *)(data + off + 4)) - 8;
	return g->len > 65535 || g->off + g->len > skb->len ? -1 : 0;
}

static __always_inline int is_service(__u16 port)
{
	return port == DNS_PORT || port_selected(port);
}

/* By ports, and if somebody sends it by who that is. */
static __always_inline void datagram_judge(struct zc_sock *s, const struct datagram *g, __u8 dir)
{
	__u64 pid_tgid = dir == ZC_TX ? current_pid_tgid() : 0;
	__u32 tgid = (__u32)(pid_tgid >> 32);

	if (dir == ZC_TX) {
		s->pid = tgid;
		s->tid = (__u32)pid_tgid;
	}
	if (s->verdict == VERDICT_YES ||
	    (s->verdict && s->generation == generation() && s->refused == tgid))
		return;
	s->lport = g->lport;
	s->rport = g->rport;
	s->role = is_service(g->lport) && (dir == ZC_RX || !is_service(g->rport)) ? ZC_ROLE_SERVER
										  : ZC_ROLE_CLIENT;
	s->generation = generation();
	s->refused = tgid;
	if (dir == ZC_RX)
		s->verdict = judge_by_port(s);
	else if (tgid == zc_cfg.self)
		s->verdict = VERDICT_NO;
	else
		s->verdict = judge(s, task_flags(tgid));
}

static __always_inline void datagram_fill(struct zc_ev_datagram *d, struct __sk_buff *skb,
					  struct zc_sock *s, const struct datagram *g, __u8 dir)
{
	const __u8 *data = (const __u8 *)(long)skb->data;
	const __u8 *end = (const __u8 *)(long)skb->data_end;
	__u8 *src = dir == ZC_RX ? d->raddr : d->laddr, *dst = dir == ZC_RX ? d->laddr : d->raddr;

	__builtin_memset(d, 0, sizeof(*d));
	fill_head(&d->ev, ZC_EV_DATAGRAM, sizeof(*d), s->conn);
	if (g->family == 4 && data + 20 <= end) {
		map_v4(src, *(const __u32 *)(data + 12));
		map_v4(dst, *(const __u32 *)(data + 16));
	} else if (data + 40 <= end) {
		__builtin_memcpy(src, data + 8, 16);
		__builtin_memcpy(dst, data + 24, 16);
	}
	d->lport = g->lport;
	d->rport = g->rport;
	d->family = g->family;
	d->dir = dir;
	d->role = s->role;
	d->orig_len = g->len;
	d->pid = s->pid;
	d->tid = s->tid;
	__builtin_memcpy(d->comm, s->comm, sizeof(d->comm));
}

#define DATAGRAM_EMIT(SZ)                                                                          \
	do {                                                                                       \
		struct zc_ev_datagram *d = bpf_ringbuf_reserve(&zc_ring, sizeof(*d) + (SZ), 0);    \
                                                                                                   \
		if (!d) {                                                                          \
			lost_on(s, n);                                                             \
			return;                                                                    \
		}                                                                                  \
		datagram_fill(d, skb, s, g, dir);                                                  \
		LESS_ONE(n);                                                                       \
		if (n < (SZ) && !bpf_skb_load_bytes(skb, g->off, d + 1, n + 1))                    \
			d->cap_len = n + 1;                                                        \
		d->ev.size = sizeof(*d) + d->cap_len;                                              \
		d->index = index;                                                                  \
		d->lost = lost;                                                                    \
		bpf_ringbuf_submit(d, ring_flags());                                               \
	} while (0)

static __always_inline void datagram_emit(struct __sk_buff *skb, struct zc_sock *s,
					  const struct datagram *g, __u8 dir)
{
	__u32 n = g->len, lost = s->lost, index;

	index = (__u32)__sync_fetch_and_add(&s->bytes[dir & 1], 1) + 1;
	if (n > DATAGRAM_LONG)
		n = DATAGRAM_LONG;
	if (!n)
		return;
	if (n <= DATAGRAM_SHORT)
		DATAGRAM_EMIT(DATAGRAM_SHORT);
	else
		DATAGRAM_EMIT(DATAGRAM_LONG);
	if (lost)
		__sync_fetch_and_sub(&s->lost, lost);
}

static __always_inline int on_datagram(struct __sk_buff *skb, struct bpf_sock *sk, __u8 dir)
{
	struct datagram g = {};
	struct zc_sock *s;

	if (datagram_parse(skb, &g, dir) || (!is_service(g.lport) && !is_service(g.rport)) ||
	    !may_judge())
		return 1;
	s = bpf_sk_storage_get(&zc_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s)
		return 1;
	if (!s->conn) {
		s->conn = bpf_get_socket_cookie(skb);
		s->datagram = 1;
	}
	datagram_judge(s, &g, dir);
	if (s->verdict == VERDICT_YES)
		datagram_emit(skb, s, &g, dir);
	return 1;
}

/* As cgroup_skb has it in a packet. */
static __always_inline void datagram_ends(struct zc_ev_datagram *d, const struct sock *sk)
{
	d->family = sk->__sk_common.skc_family == AF_INET ? 4 : 6;
	if (d->family == 4) {
		map_v4(d->laddr, sk->__sk_common.skc_rcv_saddr);
		map_v4(d->raddr, sk->__sk_common.skc_daddr);
	} else {
		bpf_core_read(d->laddr, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(d->raddr, 16, &sk->__sk_common.skc_v6_daddr);
	}
	d->lport = sk->__sk_common.skc_num;
	d->rport = bpf_ntohs(sk->__sk_common.skc_dport);
}

/*
 * ICMP has said that what this socket sent did not arrive, and its owner is told of it: by the next
 * call, whatever that is.
 */
static __always_inline int datagram_failed(struct sock *sk, long error)
{
	struct zc_sock *s = bpf_sk_storage_get(&zc_socks, sk, 0, 0);
	struct zc_ev_datagram *d;

	if (!s || s->verdict != VERDICT_YES || s->role == ZC_ROLE_SERVER ||
	    (error != ECONNREFUSED_ && error != EHOSTUNREACH_ && error != ENETUNREACH_))
		return 0;
	d = bpf_ringbuf_reserve(&zc_ring, sizeof(*d), 0);
	if (!d) {
		lost_on(s, 0);
		return 0;
	}
	__builtin_memset(d, 0, sizeof(*d));
	fill_head(&d->ev, ZC_EV_DATAGRAM, sizeof(*d), s->conn);
	datagram_ends(d, sk);
	d->dir = ZC_RX;
	d->role = s->role;
	d->error = (__u8)error;
	bpf_ringbuf_submit(d, ring_flags());
	return 0;
}

/* The socket's owner has read one; how many still wait tells which. */
static __always_inline int datagram_read(struct sock *sk)
{
	__u64 pid_tgid = current_pid_tgid();
	__u32 tgid = (__u32)(pid_tgid >> 32), waiting;
	const struct udp_sock *udp = (const struct udp_sock *)sk;
	struct zc_sock *s = bpf_sk_storage_get(&zc_socks, sk, 0, 0);

	if (!s || !s->verdict)
		return 0;
	if (s->verdict == VERDICT_NO && (s->generation != generation() || s->refused != tgid)) {
		s->generation = generation();
		s->refused = tgid;
		s->verdict = judge(s, current_flags(tgid));
	}
	if (s->verdict != VERDICT_YES)
		return 0;
	if (s->pid != tgid || !s->comm[0])
		set_owner(s, pid_tgid);
	s->tid = (__u32)pid_tgid;
	if (zc_cfg.downstream && s->role == ZC_ROLE_SERVER && port_selected(s->lport))
		task_add(tgid, ZC_TASK_SERVES);
	s->polled = BPF_CORE_READ(sk, sk_socket, file, f_ep) != 0;
	waiting = BPF_CORE_READ(sk, sk_receive_queue.qlen) + BPF_CORE_READ(udp, reader_queue.qlen);
	emit_io(s, 0, pid_tgid, (__u32)s->bytes[ZC_RX] - waiting, 0, ZC_RX, 0);
	return 0;
}

#endif
