/*
 * peer.h - the process at the other end of a connection, where that end is on this host
 *
 * It need not be traced: every connect() is seen with its process. A SYN is recognized at its
 * listener by its initial sequence number and its port, which leave no doubt between namespaces
 * that use the same addresses, and which NAT leaves alone, mostly: where it changes the port,
 * nothing is known. Connections that exist already are recognized by their addresses and by
 * sequence numbers near to each other.
 */
#ifndef ZC_BPF_PEER_H
#define ZC_BPF_PEER_H

#include "bpf/emit.h"
#include "bpf/task.h"

/* A SYN on its way: who sent it. */
struct zc_syn {
	__u32 seq; /* of the first octet */
	__u32 port; /* it comes from */
};

struct zc_caller {
	__u64 conn;
	__u32 pid;
	__u32 traced;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct zc_syn);
	__type(value, struct zc_caller);
} zc_syns SEC(".maps");

static __always_inline void emit_peer(__u64 conn, __u32 pid, const char *comm)
{
	struct zc_ev_peer *p;

	if (pid <= 1) /* init keeps listeners that it hands on to others */
		return;
	p = bpf_ringbuf_reserve(&zc_ring, sizeof(*p), 0);
	if (!p) /* a name less, nothing that is missing anywhere */
		return;
	fill_head(&p->ev, ZC_EV_PEER, sizeof(*p), conn);
	p->pid = pid;
	p->pad = 0;
	__builtin_memcpy(p->comm, comm, sizeof(p->comm));
	bpf_ringbuf_submit(p, BPF_RB_NO_WAKEUP);
}

/* The first segment that leaves a socket that connects. */
static __always_inline void peer_dials(struct __sk_buff *skb, struct zc_sock *s)
{
	struct zc_caller c = { .conn = s->conn, .pid = s->pid, .traced = s->verdict != VERDICT_NO };
	struct zc_syn key;
	struct seg g;

	s->syn_sent = 1;
	if (seg_parse(skb, &g) || (g.flags & (ZC_TCP_SYN | ZC_TCP_ACK)) != ZC_TCP_SYN)
		return;
	key.seq = g.seq;
	key.port = g.sport;
	__builtin_memcpy(c.comm, s->comm, sizeof(c.comm));
	bpf_map_update_elem(&zc_syns, &key, &c, BPF_ANY);
}

/* A connection is accepted; server and comm: of the process that listens, 0 if it is not known. */
static __always_inline void peer_accepted(const struct zc_sock *s, __u32 first, __u32 server,
					  const char *comm)
{
	struct zc_syn key = { first, s->rport };
	struct zc_caller *c = bpf_map_lookup_elem(&zc_syns, &key);

	if (!c)
		return;
	if (s->announced)
		emit_peer(s->conn, c->pid, c->comm);
	if (c->traced)
		emit_peer(c->conn, server, comm);
}

/* ---- what exists already */

struct zc_end {
	__u32 local[4], remote[4];
	__u32 lport, rport;
	__u32 netns; /* of loopback addresses; else 0 */
	__u32 pad;
};

struct zc_preexisting {
	__u64 conn;
	__u32 sent, received; /* the next sequence numbers */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct zc_end);
	__type(value, struct zc_preexisting);
} zc_preexisting SEC(".maps");

static __always_inline void end_addr(__u32 out[4], const struct sock *sk, int remote)
{
	if (sk->__sk_common.skc_family == AF_INET)
		map_v4((__u8 *)out, remote ? sk->__sk_common.skc_daddr
					   : sk->__sk_common.skc_rcv_saddr);
	else if (remote)
		bpf_core_read(out, 16, &sk->__sk_common.skc_v6_daddr);
	else
		bpf_core_read(out, 16, &sk->__sk_common.skc_v6_rcv_saddr);
}

/* An end of a connection, or the other one as that one tells it. */
static __always_inline void end_of(struct zc_end *key, const struct sock *sk, int other)
{
	__u32 port = sk->__sk_common.skc_num, dport = bpf_ntohs(sk->__sk_common.skc_dport);

	end_addr(key->local, sk, other);
	end_addr(key->remote, sk, !other);
	key->lport = other ? dport : port;
	key->rport = other ? port : dport;
	if (is_loopback(key->remote))
		key->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* A traced connection that was there before. */
static __always_inline void peer_preexisting(const struct zc_sock *s, const struct tcp_sock *tp)
{
	struct zc_preexisting v = { .conn = s->conn };
	struct zc_end key = {};

	end_of(&key, (const struct sock *)tp, 0);
	v.sent = tp->snd_nxt;
	v.received = tp->rcv_nxt;
	bpf_map_update_elem(&zc_preexisting, &key, &v, BPF_ANY);
}

#define NEAR (1u << 24)

static __always_inline int near(__u32 a, __u32 b)
{
	return a - b + NEAR < 2 * NEAR;
}

/* A connection of this process: is it the other end of one of those? */
static __always_inline void peer_look(const struct tcp_sock *tp, __u32 pid, const char *comm)
{
	struct zc_end key = {};
	struct zc_preexisting *v;

	end_of(&key, (const struct sock *)tp, 1);
	v = bpf_map_lookup_elem(&zc_preexisting, &key);
	if (!v || !near(tp->rcv_nxt, v->sent) || !near(tp->snd_nxt, v->received))
		return;
	emit_peer(v->conn, pid, comm);
	bpf_map_delete_elem(&zc_preexisting, &key);
}

#endif
