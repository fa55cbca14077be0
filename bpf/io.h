/*
 * io.h - a thread has read from a socket, or written to it
 *
 * What the probes on reads and writes have in common: whose socket it is, whether that is of
 * interest, and how far the application is now. The probes themselves are in sock.bpf.c, a few
 * lines each.
 */
#ifndef ZC_BPF_IO_H
#define ZC_BPF_IO_H

#include "bpf/goroutine.h"
#include "bpf/segment.h"
#include "bpf/peer.h"

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

static __always_inline void fill_sock(struct zc_sock *s, const struct sock *sk)
{
	s->lport = sk->__sk_common.skc_num;
	s->rport = bpf_ntohs(sk->__sk_common.skc_dport);
	s->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* A socket that no probe has met, in the hands of a process. */
static __always_inline struct zc_sock *take_up(struct sock *sk)
{
	struct zc_sock *s;

	if (!may_judge())
		return 0;
	s = bpf_sk_storage_get(&zc_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
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

/* The current process holds an end that was there before, perhaps of a traced connection. */
static __always_inline void peer_met(struct sock *sk, __u32 tgid)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	char comm[16];

	bpf_get_current_comm(comm, sizeof(comm));
	if (tp)
		peer_look(tp, tgid, comm);
}

static __always_inline void rejudge(struct zc_sock *s, struct sock *sk, __u32 tgid)
{
	__u32 was = s->verdict;

	s->verdict = judge(s, current_flags(tgid));
	if (s->verdict == VERDICT_NO && is_called(s, sk))
		s->verdict = VERDICT_YES;
	s->generation = generation();
	s->refused = tgid; /* of interest with VERDICT_NO only */
	if (was == VERDICT_MAYBE && s->verdict == VERDICT_NO)
		emit_close(s, ZC_CLOSE_FORGET, 0, 0);
	if (s->preexisting)
		peer_met(sk, tgid);
}

/*
 * What is probed in this process, kept with the socket until another process is: it is asked for
 * at every read and write, and a look into a hash costs more than all else that is done there.
 */
static __always_inline __u32 probes_of(struct zc_sock *s, __u32 tgid)
{
	const struct zc_shared *sh = shared();

	if (!sh || !sh->marks)
		return 0;
	if (s->asked != tgid || s->asked_marks != sh->marks) {
		s->asked = tgid;
		s->asked_marks = sh->marks;
		s->probes = !(task_flags(tgid) & ZC_TASK_TLS)		? 0
			    : bpf_map_lookup_elem(&zc_gos, &tgid) ? PROBES_TLS | PROBES_GO
								  : PROBES_TLS;
	}
	return s->probes;
}

/*
 * Does a set of epoll watch it? Threads that wait in read() have no need of that. tp and not the
 * probe's own argument, which verifiers trust: for each pointer that is read through that one they
 * look for types by name, among all that the kernel has, which takes milliseconds.
 */
static __always_inline int is_polled(const struct tcp_sock *tp)
{
	const struct socket *socket = ((const struct sock *)tp)->sk_socket;
	const struct file *file = socket ? socket->file : 0;

	return file && file->f_ep;
}

/* `len` octets have been read from, or written to, sk by the current thread. */
static __always_inline int io_done(struct sock *sk, int len, __u8 dir)
{
	__u64 pid_tgid = current_pid_tgid();
	__u32 tgid = (__u32)(pid_tgid >> 32), probes, seq;
	int inside = 0;
	__u64 g = 0;
	const struct zc_policy *p;
	struct tcp_sock *tp;
	struct zc_sock *s;

	if (!sk || sk->sk_protocol != IPPROTO_TCP_)
		return 0;
	s = bpf_sk_storage_get(&zc_socks, sk, 0, 0);
	if (!s) {
		s = take_up(sk);
		if (!s)
			return 0;
		rejudge(s, sk, tgid);
	} else if (s->verdict == VERDICT_MAYBE ||
		   (s->verdict == VERDICT_NO &&
		    (s->generation != generation() || s->refused != tgid))) {
		rejudge(s, sk, tgid);
	}
	probes = probes_of(s, tgid);
	if (!probes && s->verdict != VERDICT_YES)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	seq = dir == ZC_RX ? tp->copied_seq : tp->write_seq;
	if (dir == ZC_RX && s->polled != is_polled(tp))
		s->polled = !s->polled;
	if (probes && s->tls != ZC_SOCK_CLEAR)
		inside = call_io(s, tp, pid_tgid, seq, (__u32)len, dir);
	if (probes & PROBES_GO)
		g = goroutine_of_io(tgid, (__u32)len, dir);
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
	/* what is inside is told by the call; who answers is known from who reads, but not that
	 * nothing of it could leave */
	if (inside || (dir == ZC_TX && s->role == ZC_ROLE_SERVER &&
		       seq - tp->snd_nxt != (__u32)len))
		return 0;
	p = policy_of(s->conn);
	if (p && (p->quiet || (policy_skip(p, dir, seq) && seq != p->dir[dir].skip_to)))
		return 0;
	emit_io(s, tp, pid_tgid, seq, (__u32)len, dir, g);
	return 0;
}

#endif
