/*
 * sock.bpf.c - sockets: their segments, their reads and writes, their life
 *
 * cgroup_skb on the root of the hierarchy sees every TCP segment with its socket; tracepoints see
 * which process reads and writes how far; one iterator looks at the sockets that exist already.
 */
#include "bpf/goroutine.h"
#include "bpf/segment.h"
#include "bpf/peer.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline __u32 generation(void)
{
	const struct zc_shared *sh = shared();

	return sh ? sh->generation : 0;
}

static __always_inline void sock_reset(struct zc_sock *s, __u64 conn)
{
	__builtin_memset(s, 0, sizeof(*s));
	s->conn = conn;
	s->generation = generation();
}

/* ---- segments */

/* First sight of a socket in a softirq: only ports can be judged. */
static __always_inline struct zc_sock *skb_sock(struct __sk_buff *skb, struct bpf_sock *sk)
{
	struct zc_sock *s;

	if (!zc_cfg.all && !zc_cfg.by_port)
		return 0;
	if (sk->state == TCP_LISTEN_)
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
	return s;
}

static __always_inline void note_times(struct zc_sock *s, const struct seg *g, __u8 dir)
{
	if (dir == ZC_RX)
		arrival_note(s, g->seq, g->len);
	else
		s->sent_time = bpf_ktime_get_ns();
}

static __always_inline int on_skb(struct __sk_buff *skb, __u8 dir)
{
	struct bpf_sock *sk = skb->sk;
	struct zc_sock *s;
	struct seg g;

	if (!sk)
		return 1;
	sk = bpf_sk_fullsock(sk);
	if (!sk || sk->protocol != IPPROTO_TCP_)
		return 1;
	s = bpf_sk_storage_get(&zc_socks, sk, 0, 0);
	if (!s)
		s = skb_sock(skb, sk);
	if (s && dir == ZC_TX && s->role == ZC_ROLE_CLIENT && !s->syn_sent)
		peer_dials(skb, s);
	if (!s || (s->verdict == VERDICT_NO && (s->tls || !s->tls_used)) || seg_parse(skb, &g))
		return 1;
	if (!s->tls)
		look_for_tls(skb, s, g.off, g.len);
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

/* ---- reads and writes */

static __always_inline void fill_sock(struct zc_sock *s, const struct sock *sk)
{
	s->lport = sk->__sk_common.skc_num;
	s->rport = bpf_ntohs(sk->__sk_common.skc_dport);
	s->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* A socket that no probe has met, in the hands of a process. */
static __always_inline struct zc_sock *take_up(struct sock *sk)
{
	struct zc_sock *s = bpf_sk_storage_get(&zc_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!s)
		return 0;
	sock_reset(s, bpf_get_socket_cookie(sk));
	fill_sock(s, sk);
	s->role = listeners_on(s->lport) ? ZC_ROLE_SERVER : ZC_ROLE_UNKNOWN;
	s->preexisting = 1;
	return s;
}

/* Is this the server's end of a connection to where a traced process calls? */
static __always_inline int is_called(struct zc_sock *s, const struct sock *sk)
{
	struct zc_called key;
	__u32 addr[4];

	if (!zc_cfg.follow || s->role == ZC_ROLE_CLIENT)
		return 0;
	if (sk->__sk_common.skc_family == AF_INET)
		map_v4((__u8 *)addr, sk->__sk_common.skc_rcv_saddr);
	else
		bpf_core_read(addr, 16, &sk->__sk_common.skc_v6_rcv_saddr);
	called_fill(&key, addr, s->lport, s->netns);
	s->followed = bpf_map_lookup_elem(&zc_called, &key) != 0;
	return s->followed;
}

static __always_inline void rejudge(struct zc_sock *s, const struct sock *sk, __u32 tgid)
{
	__u32 was = s->verdict;

	s->verdict = judge(s, current_flags(tgid));
	if (s->verdict == VERDICT_NO && is_called(s, sk))
		s->verdict = VERDICT_YES;
	s->generation = generation();
	s->refused = tgid; /* of interest with VERDICT_NO only */
	if (was == VERDICT_MAYBE && s->verdict == VERDICT_NO)
		emit_close(s, ZC_CLOSE_FORGET);
}

/* Are TLS libraries of this process probed? Of most there are none, and their sockets know it. */
static __always_inline int is_probed(struct zc_sock *s, __u32 tgid)
{
	const struct zc_shared *sh = shared();

	if (!sh || !sh->marks || (s->unprobed == tgid && s->unprobed_marks == sh->marks))
		return 0;
	if (task_flags(tgid) & ZC_TASK_TLS)
		return 1;
	s->unprobed = tgid;
	s->unprobed_marks = sh->marks;
	return 0;
}

/* Does a set of epoll watch it? Threads that wait in read() have no need of that. */
static __always_inline int is_polled(const struct sock *sk)
{
	const struct socket *socket = sk->sk_socket;
	const struct file *file = socket ? socket->file : 0;

	return file && file->f_ep;
}

static __always_inline int on_io(struct sock *sk, int len, __u8 dir)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	__u32 tgid = (__u32)(pid_tgid >> 32), seq;
	int inside = 0, probed;
	__u64 g = 0;
	const struct zc_policy *p;
	struct tcp_sock *tp;
	struct zc_sock *s;

	if (sk->sk_protocol != IPPROTO_TCP_)
		return 0;
	s = bpf_sk_storage_get(&zc_socks, sk, 0, 0);
	if (!s) {
		s = take_up(sk);
		if (!s)
			return 0;
		rejudge(s, sk, tgid);
	} else if (s->verdict == VERDICT_MAYBE ||
		   (s->verdict == VERDICT_NO && (s->generation != generation() || s->refused != tgid))) {
		rejudge(s, sk, tgid);
	}
	probed = is_probed(s, tgid);
	if (!probed && s->verdict != VERDICT_YES)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	seq = dir == ZC_RX ? tp->copied_seq : tp->write_seq;
	if (dir == ZC_RX)
		s->polled = is_polled(sk);
	if (probed) {
		inside = call_io(s, pid_tgid, seq, (__u32)len, dir);
		g = goroutine_of_io(tgid, (__u32)len, dir);
	}
	if (s->verdict != VERDICT_YES)
		return 0;
	if (s->pid != tgid) {
		set_owner(s, pid_tgid);
		if (zc_cfg.downstream && s->role == ZC_ROLE_SERVER &&
		    (s->followed || port_selected(s->lport)))
			task_add(tgid, ZC_TASK_SERVES);
	}
	if (!s->announced) {
		s->lport = sk->__sk_common.skc_num; /* was not known when connect() began */
		emit_open(s, sk);
	}
	if (inside || (dir == ZC_TX && s->role == ZC_ROLE_SERVER))
		return 0; /* what is inside is told by the call; who answers is known from who reads */
	p = policy_of(s->conn);
	if (p && (p->quiet || (policy_skip(p, dir, seq) && seq != p->dir[dir].skip_to)))
		return 0;
	emit_io(s, pid_tgid, seq, (__u32)len, dir, g, task_sleeps(), task_age());
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(sock_recv, struct sock *sk, int ret, int flags)
{
	return ret > 0 && !(flags & MSG_PEEK_) ? on_io(sk, ret, ZC_RX) : 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(sock_send, struct sock *sk, int ret, int flags)
{
	return ret > 0 ? on_io(sk, ret, ZC_TX) : 0;
}

/* ---- life */

static __always_inline void on_connect(struct sock *sk)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	struct zc_sock *s = bpf_sk_storage_get(&zc_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!s)
		return;
	sock_reset(s, bpf_get_socket_cookie(sk));
	fill_sock(s, sk);
	s->role = ZC_ROLE_CLIENT;
	s->verdict = judge(s, current_flags((__u32)(pid_tgid >> 32)));
	set_owner(s, pid_tgid);
	/* the SYN, in a moment, announces it: only then is the local port known */
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
	__u64 pid_tgid = bpf_get_current_pid_tgid();
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
	if (s->verdict != VERDICT_YES && is_called(s, sk)) {
		s->verdict = VERDICT_YES;
		if (listener && server != zc_cfg.self) /* it may make calls before it reads */
			task_add(server, ZC_TASK_SERVES);
	}
	if (s->verdict != VERDICT_NO) {
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

static __always_inline void on_closed(struct sock *sk)
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
	emit_close(s, 0);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sock_state, struct sock *sk, int oldstate, int newstate)
{
	if (sk->sk_protocol != IPPROTO_TCP_)
		return 0;
	if (newstate == TCP_SYN_SENT_) {
		on_connect(sk);
	} else if (newstate == TCP_LISTEN_) {
		on_listen(sk);
	} else if (newstate == TCP_ESTABLISHED_ && oldstate == TCP_SYN_RECV_) {
		on_accepted(sk);
	} else if (newstate == TCP_ESTABLISHED_ && oldstate == TCP_SYN_SENT_) {
		struct zc_sock *s = bpf_sk_storage_get(&zc_socks, sk, 0, 0);

		if (s && s->announced)
			emit_established(s);
	} else if (newstate == TCP_CLOSE_) {
		on_closed(sk);
	}
	return 0;
}

/* ---- what exists already: pass 1 takes up listeners, pass 2 connections, pass 3 their peers */

static __always_inline void iter_comm(struct zc_sock *s, struct task_struct *task)
{
	s->pid = (__u32)task->tgid;
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
	if (v > s->verdict)
		s->verdict = v;
	if (port_selected(s->lport))
		task_add((__u32)task->tgid, zc_cfg.downstream ? ZC_TASK_SERVES : ZC_TASK_KNOWN);
}

static __always_inline void iter_connection(struct sock *sk, struct task_struct *task, __u32 flags)
{
	struct zc_sock *s = bpf_sk_storage_get(&zc_socks, sk, 0, 0);
	struct zc_shared *sh = shared();
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
	if (s->verdict != VERDICT_YES || s->announced)
		return;
	emit_open(s, sk);
	peer_late(s, sk);
	if (sh)
		__sync_fetch_and_add(&sh->iter_conns, 1);
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
	if (!sk || sk->sk_protocol != IPPROTO_TCP_)
		return 0;
	flags = task_flags((__u32)task->tgid);
	if (sk->__sk_common.skc_state == TCP_LISTEN_) {
		if (sh->iter_pass == 1)
			iter_listener(ctx->meta, sk, task, flags);
	} else if (sh->iter_pass == 2 && sk->__sk_common.skc_state != TCP_CLOSE_) {
		iter_connection(sk, task, flags);
	} else if (sh->iter_pass == 3) {
		peer_look(sk, task);
	}
	return 0;
}
