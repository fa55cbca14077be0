/*
 * sock.bpf.c - sockets: their segments, their reads and writes, their life
 *
 * cgroup_skb on the root of the hierarchy sees every TCP segment with its socket; tracepoints, or
 * the ends of functions, see which process reads and writes how far; one iterator looks at the
 * sockets that exist already.
 */
#include "bpf/datagram.h"
#include "bpf/network.h"
#include "bpf/unrouted.h"
/* programs of the same object: for each one the kernel's type information is read anew */
#include "bpf/process.h"

char LICENSE[] SEC("license") = "GPL";

/* ---- segments */

/* First sight of a socket in a softirq: only ports can be judged. */
static __always_inline struct zc_sock *skb_sock(struct __sk_buff *skb, struct bpf_sock *sk)
{
	const struct tcp_sock *tp;
	struct zc_sock *s;

	if (!zc_cfg.all && !zc_cfg.by_port)
		return 0;
	if (sk->state == TCP_LISTEN_ || !may_judge())
		return 0;
	s = bpf_sk_storage_get(&zc_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s)
		return 0;
	sock_reset(s, bpf_get_socket_cookie(skb));
	s->lport = (__u16)sk->src_port;
	s->rport = bpf_ntohs(sk->dst_port);
	s->role = listeners_on(s->lport) ? ZC_ROLE_SERVER : ZC_ROLE_UNKNOWN;
	s->preexisting = 1;
	s->generation = 0; /* a process may still make it interesting */
	s->verdict = judge_by_port(s);
	tp = s->verdict == VERDICT_YES ? bpf_skc_to_tcp_sock(sk) : 0;
	if (tp)
		peer_preexisting(s, tp);
	return s;
}

static __always_inline void note_times(struct zc_sock *s, const struct seg *g, __u8 dir)
{
	__u32 end = g->seq + g->len;

	if (dir == ZC_RX) {
		arrival_note(s, g->seq, g->len);
	} else if (!s->sent_time || (__s32)(end - s->sent_end) > 0) {
		s->sent_time = bpf_ktime_get_ns();
		s->sent_end = end;
	}
}

static __always_inline void look_for_overflow(struct zc_sock *s, struct bpf_sock *sk)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (tp)
		emit_backlog(s, (const struct sock *)tp);
}

static __always_inline int on_skb(struct __sk_buff *skb, __u8 dir)
{
	struct bpf_sock *sk = skb->sk;
	struct zc_sock *s;
	struct seg g;
	int bare;

	if (!sk)
		return 1;
	s = bpf_sk_storage_get(&zc_socks, sk, 0, 0);
	if (!s || s->datagram) {
		sk = bpf_sk_fullsock(sk);
		if (!sk)
			return 1;
		if (zc_cfg.datagrams && sk->protocol == IPPROTO_UDP_)
			return on_datagram(skb, sk, dir);
		if (sk->protocol != IPPROTO_TCP_)
			return 1;
		s = skb_sock(skb, sk);
	}
	if (s && dir == ZC_TX && s->role == ZC_ROLE_CLIENT && !s->syn_sent) {
		peer_dials(skb, s);
		if (s->preexisting) { /* it is judged when it is met again */
			bpf_sk_storage_delete(&zc_socks, sk);
			return 1;
		}
	}
	if (!s || (s->verdict == VERDICT_NO && (s->tls || !s->tls_used)))
		return 1;
	bare = seg_parse(skb, &g);
	if (bare < 0)
		return 1;
	if (window_changes(s, &g, dir))
		emit_window(s, dir);
	if (!s->listener)
		count_dup_acks(s, &g, dir & 1);
	if (s->listener && dir == ZC_RX && s->verdict != VERDICT_NO && !(g.flags & ZC_TCP_RST))
		look_for_overflow(s, sk);
	if (bare)
		return 1;
	if (!s->tls)
		look_for_tls(skb, sk, s, g.off, g.len);
	if (s->verdict == VERDICT_NO)
		return 1;
	if (s->tls == ZC_SOCK_TLS && g.len)
		note_times(s, &g, dir);
	if (s->listener) {
		if (dir == ZC_RX && (g.len || (g.flags & ZC_TCP_FIN)))
			stash_put(skb, s, &g);
		return 1;
	}
	if (!s->announced) {
		sk = bpf_sk_fullsock(sk);
		if (!sk)
			return 1;
		s->lport = (__u16)sk->src_port; /* not yet known when connect() began */
		emit_open_skb(s, sk);
	}
	seg_send(skb, s, &g, dir);
	return 1;
}

SEC("cgroup_skb/ingress")
int skb_ingress(struct __sk_buff *skb)
{
	return on_skb(skb, ZC_RX);
}

SEC("cgroup_skb/egress")
int skb_egress(struct __sk_buff *skb)
{
	return on_skb(skb, ZC_TX);
}

/*
 * ---- reads and writes, by one family of these: see attach/families.c. The tracepoints stand
 * behind the calls of the functions whose ends the others see, so all are told of the same.
 */

/* Once in the object, whatever calls it; not global, as what is known of sk is to be kept. */
static __noinline int received(struct sock *sk, long ret, int flags)
{
	if (!ret || flags & MSG_PEEK_)
		return 0;
	if (zc_cfg.datagrams && sk && sk->sk_protocol == IPPROTO_UDP_)
		return ret < 0 ? datagram_failed(sk, -ret) : datagram_read(sk);
	if (ret < 0)
		return 0;
	return io_done(sk, (int)ret, ZC_RX);
}

static __noinline int sent(struct sock *sk, long ret)
{
	if (ret < 0 && zc_cfg.datagrams && sk && sk->sk_protocol == IPPROTO_UDP_)
		return datagram_failed(sk, -ret);
	return ret > 0 ? io_done(sk, (int)ret, ZC_TX) : 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(sock_recv, struct sock *sk, int ret, int flags)
{
	return received(sk, ret, flags);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(sock_send, struct sock *sk, int ret, int flags)
{
	return sent(sk, ret);
}

SEC("fexit/inet_recvmsg")
int BPF_PROG(inet_recv, struct socket *sock, void *msg, __u64 size, int flags, int ret)
{
	return received(sock->sk, ret, flags);
}

SEC("fexit/inet6_recvmsg")
int BPF_PROG(inet6_recv, struct socket *sock, void *msg, __u64 size, int flags, int ret)
{
	return received(sock->sk, ret, flags);
}

SEC("fexit/inet_sendmsg")
int BPF_PROG(inet_send, struct socket *sock, void *msg, __u64 size, int ret)
{
	return sent(sock->sk, ret);
}

SEC("fexit/inet6_sendmsg")
int BPF_PROG(inet6_send, struct socket *sock, void *msg, __u64 size, int ret)
{
	return sent(sock->sk, ret);
}

/* sendfile(2) and splice(2) to a socket before Linux 6.5, for both versions of IP. */
SEC("fexit/inet_sendpage")
int BPF_PROG(inet_page, struct socket *sock, void *page, int offset, __u64 size, int flags,
	     long ret)
{
	return sent(sock->sk, ret);
}

/* splice(2) from a socket, which is no recvmsg(). */
SEC("fexit/tcp_splice_read")
int BPF_PROG(sock_splice, struct socket *sock, void *pos, void *pipe, __u64 size,
	     unsigned int flags, long ret)
{
	return received(sock->sk, ret, 0);
}

/* ---- life */

static __always_inline void on_connect(struct sock *sk)
{
	__u64 pid_tgid = current_pid_tgid();
	struct zc_sock *s;

	s = bpf_sk_storage_get(&zc_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s)
		return;
	sock_reset(s, bpf_get_socket_cookie(sk));
	fill_sock(s, sk);
	s->role = ZC_ROLE_CLIENT;
	s->preexisting = !may_judge(); /* then kept only until its SYN leaves, see peer_dials() */
	s->verdict = s->preexisting ? VERDICT_NO
				    : judge(s, current_flags((__u32)(pid_tgid >> 32)));
	s->watched = s->verdict != VERDICT_NO;
	set_owner(s, pid_tgid);
	s->connect_time = bpf_ktime_get_ns();
	/* the SYN, in a moment, announces it: only then is the local port known */
}

/* No SYN of it has come as far as to where segments are seen: something here holds it back. */
static __always_inline void connect_announce(struct zc_sock *s, struct sock *sk)
{
	if (s->announced || s->verdict != VERDICT_YES || !s->connect_time)
		return;
	if (sk->__sk_common.skc_num)
		s->lport = sk->__sk_common.skc_num;
	emit_open(s, sk);
}

static __always_inline void count_listener(struct zc_sock *s, int step)
{
	struct zc_shared *sh = shared();

	if (!sh || (step < 0 && !sh->listeners[s->lport]))
		return;
	__sync_fetch_and_add(&sh->listeners[s->lport], (__u32)step);
}

static __always_inline void on_listen(struct sock *sk)
{
	__u64 pid_tgid = current_pid_tgid();
	__u32 tgid = (__u32)(pid_tgid >> 32);
	struct zc_sock *s = bpf_sk_storage_get(&zc_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!s)
		return;
	sock_reset(s, bpf_get_socket_cookie(sk));
	fill_sock(s, sk);
	s->role = ZC_ROLE_SERVER;
	s->listener = 1;
	set_owner(s, pid_tgid);
	count_listener(s, 1);
	s->verdict = judge(s, current_flags(tgid));
	if (!port_selected(s->lport))
		return;
	task_add(tgid, zc_cfg.downstream ? ZC_TASK_SERVES : ZC_TASK_KNOWN);
	emit_listen(s->lport, tgid, s->comm, 1);
}

/*
 * MPTCP (RFC 8684). Its listeners that were there before are sockets of their own, behind which one
 * of TCP listens that no file leads to: what a connection inherits comes from here. A plain
 * client's is plain TCP. With a client that speaks MPTCP the process reads and writes another
 * socket than that of the subflow: its times are not seen, and whose it is comes from here, too.
 */
struct zc_mptcp_key {
	__u32 netns;
	__u32 port;
};

struct zc_mptcp {
	__u32 pid;
	__u32 verdict;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct zc_mptcp_key);
	__type(value, struct zc_mptcp);
} zc_mptcps SEC(".maps");

static __always_inline void mptcp_listens(const struct zc_sock *s)
{
	struct zc_mptcp_key key = {.netns = s->netns, .port = s->lport};
	struct zc_mptcp m = {.pid = s->pid, .verdict = s->verdict};

	__builtin_memcpy(m.comm, s->comm, sizeof(m.comm));
	bpf_map_update_elem(&zc_mptcps, &key, &m, BPF_ANY);
}

static __always_inline void mptcp_accepted(struct zc_sock *s, const struct tcp_sock *tp)
{
	struct zc_mptcp_key key = {.netns = s->netns, .port = s->lport};
	const struct zc_mptcp *m = bpf_map_lookup_elem(&zc_mptcps, &key);

	if (!m)
		return;
	if (s->verdict != VERDICT_YES)
		s->verdict = m->verdict;
	if (!bpf_core_field_exists(tp->is_mptcp) || !tp->is_mptcp)
		return;
	if (s->verdict == VERDICT_MAYBE)
		s->verdict = VERDICT_YES;
	s->pid = m->pid;
	s->tid = m->pid;
	__builtin_memcpy(s->comm, m->comm, sizeof(s->comm));
}

static __always_inline void on_established(struct sock *sk)
{
	struct zc_sock *s = bpf_sk_storage_get(&zc_socks, sk, 0, 0);
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (!s || !tp)
		return;
	s->tls_from = tp->copied_seq;
	if (s->announced)
		emit_established(s);
}

/* A child of a listener, whose storage the kernel has cloned from the listener's. */
static __always_inline void on_accepted(struct sock *sk)
{
	struct zc_sock *s = bpf_sk_storage_get(&zc_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	__u32 verdict, server;
	__u64 listener;
	char comm[16];

	if (!s || !tp)
		return;
	listener = s->listener ? s->conn : 0;
	server = s->pid;
	__builtin_memcpy(comm, s->comm, sizeof(comm));
	verdict = s->verdict;
	sock_reset(s, bpf_get_socket_cookie(sk));
	fill_sock(s, sk);
	s->role = ZC_ROLE_SERVER;
	s->verdict = listener ? verdict : judge_by_port(s);
	if (!listener)
		mptcp_accepted(s, tp);
	if (s->verdict != VERDICT_YES && is_called(s, sk)) {
		s->verdict = VERDICT_YES;
		if (listener && server != zc_cfg.self) /* it may make calls before it reads */
			task_add(server, ZC_TASK_SERVES);
	}
	s->tls_from = tp->snd_nxt;
	s->watched = s->verdict != VERDICT_NO;
	if (s->watched) {
		s->seq[ZC_RX] = tp->rcv_nxt;
		s->seq[ZC_TX] = tp->snd_nxt;
		s->has_seq = 1;
		emit_open(s, sk);
	}
	peer_accepted(s, tp->rcv_nxt, listener ? server : 0, comm);
	if (s->verdict == VERDICT_NO)
		return;
	if (listener)
		stash_flush(s, listener);
}

/*
 * A connect that has found no address or port for its end leaves the socket without an error, and
 * what ICMP says while it goes on is not one yet.
 */
static __always_inline __u32 close_error(struct sock *sk, int oldstate)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (sk->sk_err || oldstate != TCP_SYN_SENT_)
		return (__u32)sk->sk_err;
	return tp && !tp->write_seq ? EADDRNOTAVAIL_ : (__u32)sk->sk_err_soft;
}

static __always_inline void on_closed(struct sock *sk, int oldstate)
{
	struct zc_sock *s = bpf_sk_storage_get(&zc_socks, sk, 0, 0);

	if (!s)
		return;
	if (s->listener) {
		count_listener(s, -1);
		s->listener = 0;
		if (port_selected(s->lport) && !listeners_on(s->lport))
			emit_listen(s->lport, s->pid, s->comm, 0);
		return;
	}
	if (oldstate == TCP_SYN_SENT_)
		connect_announce(s, sk);
	emit_close(s, oldstate == TCP_SYN_SENT_ ? ZC_CLOSE_CONNECT : 0, sk,
		   close_error(sk, oldstate));
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sock_state, struct sock *sk, int oldstate, int newstate)
{
	if (sk->sk_protocol == IPPROTO_MPTCP_ && oldstate == TCP_LISTEN_ && newstate == TCP_CLOSE_)
		on_closed(sk, oldstate);
	if (sk->sk_protocol != IPPROTO_TCP_)
		return 0;
	if (newstate == TCP_SYN_SENT_) {
		on_connect(sk);
	} else if (newstate == TCP_LISTEN_) {
		on_listen(sk);
	} else if (newstate == TCP_ESTABLISHED_ && oldstate == TCP_SYN_RECV_) {
		on_accepted(sk);
	} else if (newstate == TCP_ESTABLISHED_ && oldstate == TCP_SYN_SENT_) {
		on_established(sk);
	} else if (newstate == TCP_CLOSE_) {
		on_closed(sk, oldstate);
	}
	return 0;
}

/* ---- the network, see network.h; both may be told of sockets that are none any more */

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(sock_retransmit, struct sock *sk, struct sk_buff *skb)
{
	struct zc_sock *s = sk ? bpf_sk_storage_get(&zc_socks, sk, 0, 0) : 0;
	const struct tcp_sock *tp = s ? bpf_skc_to_tcp_sock(sk) : 0;

	if (s && sk->__sk_common.skc_state == TCP_SYN_SENT_)
		connect_announce(s, sk);
	if (tp && skb && s->announced)
		emit_retransmit(s, sk, tp, skb);
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(sock_reset_sent, struct sock *sk)
{
	struct zc_sock *s = sk ? bpf_sk_storage_get(&zc_socks, sk, 0, 0) : 0;
	const struct tcp_sock *tp = s ? bpf_skc_to_tcp_sock(sk) : 0;

	if (tp && s->announced)
		emit_reset(s, tp);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(sock_synack_again, struct sock *sk, struct request_sock *req)
{
	struct zc_sock *s = sk ? bpf_sk_storage_get(&zc_socks, sk, 0, 0) : 0;

	if (s && req && s->listener && s->verdict != VERDICT_NO)
		emit_unanswered(s, sk, req);
	return 0;
}

/*
 * ---- what exists already: pass 1 takes up listeners, pass 2 connections, pass 3 their peers;
 * pass 4, whenever it is asked for, tells what went by
 */

static __always_inline void iter_comm(struct zc_sock *s, struct task_struct *task)
{
	s->pid = task_tgid(task);
	s->tid = s->pid;
	bpf_probe_read_kernel(s->comm, sizeof(s->comm), task->comm);
}

/* The iterator's output, read by user space: who listens on a chosen port. */
static __always_inline void iter_tell(struct bpf_iter_meta *meta, const struct zc_sock *s)
{
	struct zc_ev_listen l = {};

	fill_head(&l.ev, ZC_EV_LISTEN, sizeof(l), 0);
	l.ev.flags = 1;
	l.pid = s->pid;
	l.port = s->lport;
	__builtin_memcpy(l.comm, s->comm, sizeof(l.comm));
	bpf_seq_write(meta->seq, &l, sizeof(l));
}

static __always_inline void iter_listener(struct bpf_iter_meta *meta, struct sock *sk,
					  struct task_struct *task, __u32 flags)
{
	struct zc_sock *s = bpf_sk_storage_get(&zc_socks, sk, 0, 0);
	__u32 v;

	if (!s) {
		s = bpf_sk_storage_get(&zc_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (!s)
			return;
		sock_reset(s, bpf_get_socket_cookie(sk));
		fill_sock(s, sk);
		s->role = ZC_ROLE_SERVER;
		s->listener = 1;
		s->verdict = VERDICT_NO;
		iter_comm(s, task);
		count_listener(s, 1);
		if (port_selected(s->lport))
			iter_tell(meta, s);
	}
	v = judge(s, flags);
	if (v > s->verdict) {
		s->verdict = v;
		iter_comm(s, task);
	}
	if (sk->sk_protocol == IPPROTO_MPTCP_)
		mptcp_listens(s);
	if (port_selected(s->lport))
		task_add(task_tgid(task), zc_cfg.downstream ? ZC_TASK_SERVES : ZC_TASK_KNOWN);
}

static __always_inline void iter_connection(struct sock *sk, struct task_struct *task, __u32 flags)
{
	struct zc_sock *s = bpf_sk_storage_get(&zc_socks, sk, 0, 0);
	struct zc_shared *sh = shared();
	const struct tcp_sock *tp;
	__u32 v;

	if (!s) {
		s = take_up(sk);
		if (!s)
			return;
		s->verdict = VERDICT_NO;
	}
	if (s->verdict != VERDICT_YES) {
		v = judge(s, flags);
		if (v > s->verdict)
			s->verdict = v;
		if (s->verdict == VERDICT_YES && !s->pid)
			iter_comm(s, task);
	}
	if (s->verdict != VERDICT_YES)
		return;
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp)
		peer_preexisting(s, tp);
	if (sh)
		sh->iter_peers = 1;
	if (s->announced) /* by a segment that came before */
		return;
	emit_open(s, sk);
	if (sh)
		__sync_fetch_and_add(&sh->iter_conns, 1);
}

static __always_inline void iter_peer(struct sock *sk, const struct task_struct *task)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	char comm[16];

	bpf_probe_read_kernel(comm, sizeof(comm), task->comm);
	if (tp)
		peer_look(tp, task_tgid(task), comm);
}

/* Where there is no room in the ring, the next pass or CLOSE tells more. */
static __always_inline void iter_flow(struct sock *sk)
{
	struct zc_sock *s = bpf_sk_storage_get(&zc_socks, sk, 0, 0);
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;
	struct zc_ev_flow *f;

	if (!s || !s->announced)
		return;
	f = bpf_ringbuf_reserve(&zc_ring, sizeof(*f), 0);
	if (!f)
		return;
	fill_head(&f->ev, ZC_EV_FLOW, sizeof(*f), s->conn);
	f->bytes[ZC_RX] = s->bytes[ZC_RX];
	f->bytes[ZC_TX] = s->bytes[ZC_TX];
	f->packets[ZC_RX] = BPF_CORE_READ(tp, segs_in);
	f->packets[ZC_TX] = BPF_CORE_READ(tp, segs_out);
	f->rtt_us = BPF_CORE_READ(tp, srtt_us) >> 3;
	f->min_rtt_us = BPF_CORE_READ(tp, rtt_min.s[0].v);
	f->needless = BPF_CORE_READ(tp, dsack_dups);
	f->dup_acks[ZC_RX] = s->acks[ZC_RX].again;
	f->dup_acks[ZC_TX] = s->acks[ZC_TX].again;
	f->pad = 0;
	bpf_ringbuf_submit(f, BPF_RB_NO_WAKEUP);
}

SEC("iter/task_file")
int sock_iter(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct zc_shared *sh = shared();
	struct socket *socket;
	struct sock *sk;
	__u32 flags;

	if (!task || !file || !sh)
		return 0;
	if (!sh->fsbase_off && bpf_core_field_exists(task->thread.fsbase))
		sh->fsbase_off = bpf_core_field_offset(task->thread.fsbase);
	if (!sh->nvcsw_off) {
		sh->start_off = bpf_core_field_offset(task->start_time);
		sh->nvcsw_off = bpf_core_field_offset(task->nvcsw);
	}
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || (sk->sk_protocol != IPPROTO_TCP_ && sk->sk_protocol != IPPROTO_MPTCP_))
		return 0;
	flags = task_flags(task_tgid(task));
	if (sk->__sk_common.skc_state == TCP_LISTEN_) {
		if (sh->iter_pass == 1)
			iter_listener(ctx->meta, sk, task, flags);
	} else if (sk->sk_protocol == IPPROTO_MPTCP_) {
		return 0;
	} else if (sh->iter_pass == 2 && sk->__sk_common.skc_state != TCP_CLOSE_) {
		iter_connection(sk, task, flags);
	} else if (sh->iter_pass == 3) {
		iter_peer(sk, task);
	} else if (sh->iter_pass == 4) {
		iter_flow(sk);
	}
	return 0;
}
