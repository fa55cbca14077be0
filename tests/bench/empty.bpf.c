/*
 * empty.bpf.c - programs that do nothing, on the hooks of the skb backend: what merely being there
 * costs
 */
#include "bpf/kernel.h"

char LICENSE[] SEC("license") = "GPL";

SEC("cgroup_skb/ingress")
int empty_ingress(struct __sk_buff *skb)
{
	return 1;
}

SEC("cgroup_skb/egress")
int empty_egress(struct __sk_buff *skb)
{
	return 1;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(empty_recv, struct sock *sk, int ret, int flags)
{
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(empty_send, struct sock *sk, int ret, int flags)
{
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(empty_state, struct sock *sk, int oldstate, int newstate)
{
	return 0;
}
