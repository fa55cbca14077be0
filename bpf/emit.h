/*
 * emit.h - records about sockets, put into the ring
 *
 * The reader polls; it is woken only when the ring fills up. A record that finds no room is counted
 * on its connection and in all, and the next record of that connection carries the count.
 */
#ifndef ZC_BPF_EMIT_H
#define ZC_BPF_EMIT_H

#include "bpf/guard.h"
#include "bpf/select.h"

/*
 * Before a copy of n octets into room for SZ: verifiers before Linux 6.8 learn nothing from n != 0,
 * but all of them see that n - 1 < SZ leaves n from 1 to SZ.
 */
#define LESS_ONE(n)                                                                                \
	do {                                                                                       \
		(n)--;                                                                             \
		barrier_var(n);                                                                    \
	} while (0)

static __always_inline __u64 ring_flags(void)
{
	return bpf_ringbuf_query(&zc_ring, BPF_RB_AVAIL_DATA) > zc_cfg.wake_bytes ?
		       BPF_RB_FORCE_WAKEUP :
		       BPF_RB_NO_WAKEUP;
}

static __always_inline void lost_on(struct zc_sock *s, __u64 bytes)
{
	__sync_fetch_and_add(&s->lost, 1);
	count_lost(bytes);
}

/* An IPv4 address in network order as an IPv4-mapped IPv6 address. */
static __always_inline void map_v4(__u8 out[16], __u32 addr)
{
	__u32 *w = (__u32 *)out;

	w[0] = 0;
	w[1] = 0;
	w[2] = bpf_htonl(0xffff);
	w[3] = addr;
}

static __always_inline struct zc_ev_open *open_begin(struct zc_sock *s)
{
	struct zc_ev_open *o;

	if (s->closed)
		return 0;
	o = bpf_ringbuf_reserve(&zc_ring, sizeof(*o), 0);
	if (!o) {
		lost_on(s, 0);
		return 0;
	}
	fill_head(&o->ev, ZC_EV_OPEN, sizeof(*o), s->conn);
	o->ev.flags = (s->preexisting ? ZC_OPEN_PREEXISTING : 0) | (s->has_seq ? ZC_OPEN_SEQ : 0);
	o->lport = s->lport;
	o->rport = s->rport;
	o->role = s->role;
	o->pad[0] = o->pad[1] = 0;
	o->pad2 = 0;
	o->pid = s->pid;
	o->tid = s->tid;
	o->netns = s->netns;
	o->cgroup = s->cgroup;
	o->seq[0] = s->seq[0];
	o->seq[1] = s->seq[1];
	__builtin_memcpy(o->comm, s->comm, sizeof(o->comm));
	return o;
}

static __always_inline void open_end(struct zc_ev_open *o, struct zc_sock *s)
{
	const __u32 *l = (const __u32 *)o->laddr, *r = (const __u32 *)o->raddr;

	o->family = l[0] == 0 && l[1] == 0 && l[2] == bpf_htonl(0xffff) ? 4 : 6;
	if (r[0] == 0 && r[1] == 0 && r[2] == bpf_htonl(0xffff))
		o->family = 4;
	if (zc_cfg.follow && s->role != ZC_ROLE_SERVER)
		called_add(r, s->rport, s->netns);
	bpf_ringbuf_submit(o, BPF_RB_NO_WAKEUP);
	s->announced = 1;
}

/* OPEN from a tracing program. */
static __always_inline void emit_open(struct zc_sock *s, const struct sock *sk)
{
	struct zc_ev_open *o = open_begin(s);

	if (!o)
		return;
	if (s->connect_time && sk->__sk_common.skc_state == TCP_SYN_SENT_) /* told late */
		o->ev.time = s->connect_time;
	if (sk->__sk_common.skc_family == AF_INET) {
		map_v4(o->laddr, sk->__sk_common.skc_rcv_saddr);
		map_v4(o->raddr, sk->__sk_common.skc_daddr);
	} else {
		bpf_core_read(o->laddr, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(o->raddr, 16, &sk->__sk_common.skc_v6_daddr);
	}
	open_end(o, s);
}

/* OPEN from a cgroup_skb program. */
static __always_inline void emit_open_skb(struct zc_sock *s, const struct bpf_sock *sk)
{
	struct zc_ev_open *o = open_begin(s);
	__u32 *l, *r;

	if (!o)
		return;
	l = (__u32 *)o->laddr;
	r = (__u32 *)o->raddr;
	if (sk->family == AF_INET) {
		map_v4(o->laddr, sk->src_ip4);
		map_v4(o->raddr, sk->dst_ip4);
	} else {
		l[0] = sk->src_ip6[0];
		l[1] = sk->src_ip6[1];
		l[2] = sk->src_ip6[2];
		l[3] = sk->src_ip6[3];
		r[0] = sk->dst_ip6[0];
		r[1] = sk->dst_ip6[1];
		r[2] = sk->dst_ip6[2];
		r[3] = sk->dst_ip6[3];
	}
	open_end(o, s);
}

static __always_inline void emit_established(struct zc_sock *s)
{
	struct zc_ev *ev = bpf_ringbuf_reserve(&zc_ring, sizeof(*ev), 0);

	if (!ev) {
		lost_on(s, 0);
		return;
	}
	fill_head(ev, ZC_EV_ESTABLISHED, sizeof(*ev), s->conn);
	bpf_ringbuf_submit(ev, BPF_RB_NO_WAKEUP);
}

/* Before the first measurement it has no bits that are not set. */
static __always_inline __u32 min_rtt(const struct tcp_sock *tp)
{
	return tp->rtt_min.s[0].v == ~0u ? 0 : tp->rtt_min.s[0].v;
}

/*
 * The end of a connection, or of a TLS stream; tp and acks: NULL, or of that connection; time
 * 0: now. Returns 0 if there was no room.
 */
static __always_inline int close_send(__u64 conn, __u16 flags, const __u64 bytes[2],
				      const __u64 skipped[2], __u32 lost, const struct tcp_sock *tp,
				      const struct zc_acks *acks, __u32 error, __u64 time)
{
	struct zc_ev_close *c = bpf_ringbuf_reserve(&zc_ring, sizeof(*c), 0);

	if (!c)
		return 0;
	fill_head(&c->ev, ZC_EV_CLOSE, sizeof(*c), conn);
	if (time)
		c->ev.time = time;
	c->ev.flags = flags;
	c->bytes[0] = bytes[0];
	c->bytes[1] = bytes[1];
	c->skipped[0] = skipped[0];
	c->skipped[1] = skipped[1];
	c->lost = lost;
	c->error = error;
	c->rtt_us = tp ? tp->srtt_us >> 3 : 0;
	c->min_rtt_us = tp ? min_rtt(tp) : 0;
	c->retransmits = tp ? tp->total_retrans : 0;
	c->packets[ZC_RX] = tp ? tp->segs_in : 0;
	c->packets[ZC_TX] = tp ? tp->segs_out : 0;
	c->needless = tp ? tp->dsack_dups : 0;
	c->dup_acks[0] = acks ? acks[0].again : 0;
	c->dup_acks[1] = acks ? acks[1].again : 0;
	c->unread = tp ? tp->rcv_nxt - tp->copied_seq : 0;
	c->pad = 0;
	bpf_ringbuf_submit(c, BPF_RB_NO_WAKEUP);
	return 1;
}

static __always_inline void emit_close(struct zc_sock *s, __u16 flags, struct sock *sk,
				       __u32 error)
{
	const struct tcp_sock *tp = sk ? bpf_skc_to_tcp_sock(sk) : 0;

	if (!s->announced)
		return;
	s->announced = 0;
	s->closed = !(flags & ZC_CLOSE_FORGET);
	if (!close_send(s->conn, flags, s->bytes, s->skipped, s->lost, tp, s->acks, error, 0))
		lost_on(s, 0);
}

/* The process at hand becomes the owner; told only when the connection was announced without it. */
static __always_inline void set_owner(struct zc_sock *s, __u64 pid_tgid)
{
	struct zc_ev_owner *o;

	s->pid = (__u32)(pid_tgid >> 32);
	s->tid = (__u32)pid_tgid;
	s->cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(s->comm, sizeof(s->comm));
	if (!s->announced)
		return;
	o = bpf_ringbuf_reserve(&zc_ring, sizeof(*o), 0);
	if (!o) {
		lost_on(s, 0);
		s->pid = 0; /* try again at the next call */
		return;
	}
	fill_head(&o->ev, ZC_EV_OWNER, sizeof(*o), s->conn);
	o->pid = s->pid;
	o->tid = s->tid;
	o->cgroup = s->cgroup;
	__builtin_memcpy(o->comm, s->comm, sizeof(o->comm));
	bpf_ringbuf_submit(o, BPF_RB_NO_WAKEUP);
}

/* How long a thread has been there, as in zc_ev_io. */
static __always_inline __u16 age_of(__u64 start, __u64 now)
{
	__u64 age = (now - start) / 100000 + 1;

	return age < ZC_OLD ? (__u16)age : ZC_OLD;
}

/*
 * The kernel's types are known here, so that the thread is read without a helper; and a read or
 * write has its segments, which ask whether the reader is to be woken.
 */
static __always_inline void emit_io(struct zc_sock *s, const struct tcp_sock *tp, __u64 pid_tgid,
				    __u32 seq, __u32 len, __u8 dir, __u64 goroutine)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	struct zc_ev_io *io = bpf_ringbuf_reserve(&zc_ring, sizeof(*io), 0);

	if (!io) {
		lost_on(s, 0);
		return;
	}
	fill_head(&io->ev, ZC_EV_IO, sizeof(*io), s->conn);
	io->pid = (__u32)(pid_tgid >> 32);
	io->tid = (__u32)pid_tgid;
	io->seq = seq;
	io->len = len;
	io->dir = dir;
	io->pad = 0;
	io->ev.flags =
		ZC_IO_TASK | (s->polled ? ZC_IO_POLLED : 0) | (s->datagram ? ZC_IO_DATAGRAM : 0);
	io->sleeps = (__u32)task->nvcsw;
	io->age = age_of(task->start_time, io->ev.time);
	io->goroutine = goroutine;
	io->rtt_us = tp ? tp->srtt_us >> 3 : 0;
	io->min_rtt_us = tp ? min_rtt(tp) : 0;
	bpf_ringbuf_submit(io, BPF_RB_NO_WAKEUP);
}

static __always_inline void emit_listen(__u16 port, __u32 pid, const char *comm, __u16 flags)
{
	struct zc_ev_listen *l = bpf_ringbuf_reserve(&zc_ring, sizeof(*l), 0);

	if (!l) {
		count_lost(0);
		return;
	}
	fill_head(&l->ev, ZC_EV_LISTEN, sizeof(*l), 0);
	l->ev.flags = flags;
	l->pid = pid;
	l->port = port;
	l->pad = 0;
	if (comm)
		__builtin_memcpy(l->comm, comm, sizeof(l->comm));
	else
		__builtin_memset(l->comm, 0, sizeof(l->comm));
	/* its first connection may come at once */
	bpf_ringbuf_submit(l, flags ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/* Of a socket's cookie or a TLS stream's id. */
static __always_inline struct zc_policy *policy_of(__u64 conn)
{
	__u32 slot = ZC_POLICY_SLOT(conn);
	struct zc_policy *p = bpf_map_lookup_elem(&zc_policies, &slot);

	return p && p->conn == conn ? p : 0;
}

/* How many of the next octets from seq on are not wanted. */
static __always_inline __u32 policy_skip(const struct zc_policy *p, __u8 dir, __u32 seq)
{
	__u32 ahead = p->dir[dir].skip_to - seq;

	return ahead <= ZC_POLICY_AHEAD ? ahead : 0;
}

/*
 * What is copied of a segment while the reader lags behind: heads mostly, so that the content of a
 * few large responses does not push out what tells of all the others.
 */
#define LAG_BYTES 4096

static __always_inline __u32 lag_limit(__u32 n)
{
	/* it was woken at one times wake_bytes, the ring is full at four */
	if (n <= LAG_BYTES ||
	    bpf_ringbuf_query(&zc_ring, BPF_RB_AVAIL_DATA) <= 3 * zc_cfg.wake_bytes)
		return n;
	return LAG_BYTES;
}

#endif
