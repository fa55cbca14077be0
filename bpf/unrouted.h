/*
 * unrouted.h - connects that the kernel turns down before it begins them
 *
 * Where no route leads to an address, or one forbids it, connect() fails before the socket changes
 * its state. So the call is noted on the socket; whatever comes of it takes the note away
 * (on_connect()), and one that is still there when the socket is used anew, or let go, tells.
 */
#ifndef ZC_BPF_UNROUTED_H
#define ZC_BPF_UNROUTED_H

#include "bpf/io.h"
#include "bpf/task.h"

/* As current_pid_tgid(), which programs of this type may not use. */
static __always_inline __u64 task_pid_tgid(void)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	__u64 tgid = task_tgid(task);

	return tgid << 32 | (zc_cfg.pidns_ino ? (__u32)tgid : (__u32)task->pid);
}

/* It was over as soon as it began. Once in the object, as what follows. */
static __noinline int unrouted_tell(struct zc_sock *s)
{
	struct zc_ev_open *o;

	if (!s->connecting)
		return 0;
	s->connecting = 0;
	if (s->verdict != VERDICT_YES)
		return 0;
	o = open_begin(s);
	if (!o)
		return 0;
	o->ev.time = s->connect_time;
	map_v4(o->laddr, 0);
	if (s->asked_addr[0] || s->asked_addr[1] || s->asked_addr[2] != bpf_htonl(0xffff))
		__builtin_memset(o->laddr, 0, sizeof(o->laddr));
	__builtin_memcpy(o->raddr, s->asked_addr, sizeof(o->raddr));
	open_end(o, s);
	s->announced = 0;
	if (!close_send(s->conn, ZC_CLOSE_CONNECT, s->bytes, s->skipped, s->lost, 0, 0,
			ENETUNREACH_, s->connect_time))
		lost_on(s, 0);
	return 0;
}

static __noinline int unrouted_note(struct bpf_sock_addr *ctx, const __u32 addr[4])
{
	struct bpf_sock *sk = ctx->sk;
	const struct tcp_sock *tp;
	__u64 pid_tgid;
	struct zc_sock *s;

	if (ctx->protocol != IPPROTO_TCP_ || !sk || !may_judge())
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	s = tp ? bpf_sk_storage_get(&zc_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE) : 0;
	if (!s)
		return 0;
	unrouted_tell(s);
	sock_reset(s, bpf_get_socket_cookie(ctx));
	fill_sock(s, (const struct sock *)tp);
	s->rport = bpf_ntohs((__u16)ctx->user_port);
	s->role = ZC_ROLE_CLIENT;
	pid_tgid = task_pid_tgid();
	s->verdict = judge(s, current_flags((__u32)(pid_tgid >> 32)));
	set_owner(s, pid_tgid);
	s->connect_time = bpf_ktime_get_ns();
	__builtin_memcpy(s->asked_addr, addr, sizeof(s->asked_addr));
	s->connecting = 1;
	return 0;
}

SEC("cgroup/connect4")
int sock_connect4(struct bpf_sock_addr *ctx)
{
	__u32 addr[4];

	map_v4((__u8 *)addr, ctx->user_ip4);
	unrouted_note(ctx, addr);
	return 1;
}

SEC("cgroup/connect6")
int sock_connect6(struct bpf_sock_addr *ctx)
{
	__u32 addr[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};

	unrouted_note(ctx, addr);
	return 1;
}

SEC("cgroup/sock_release")
int sock_gone(struct bpf_sock *sk)
{
	struct zc_sock *s = bpf_sk_storage_get(&zc_socks, sk, 0, 0);

	if (s)
		unrouted_tell(s);
	return 1;
}

#endif
