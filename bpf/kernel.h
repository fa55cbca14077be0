/*
 * kernel.h - the few kernel types and fields that the probes read
 *
 * Offsets are fixed up at load by CO-RE, so only names and types matter here and no generated
 * header of the running kernel is needed to build.
 */
#ifndef ZC_BPF_KERNEL_H
#define ZC_BPF_KERNEL_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__u32 skc_daddr;
	__u32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct socket;

struct sk_buff_head {
	__u32 qlen;
};

struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	__u16 sk_protocol;
	struct sk_buff_head sk_receive_queue;
	int sk_err;
	__u32 sk_ack_backlog; /* of a listener: connections that wait to be accepted */
	__u32 sk_max_ack_backlog;
	int sk_err_soft; /* of what is not given up for it */
};

struct sk_buff {
	char cb[48];
};

struct udp_sock {
	struct sk_buff_head reader_queue;
};

struct minmax_sample {
	__u32 v;
};

struct minmax {
	struct minmax_sample s[3];
};

struct tcp_sock {
	__u32 copied_seq;
	__u32 write_seq;
	__u32 rcv_nxt;
	__u32 snd_nxt;
	_Bool is_mptcp;
	__u32 srtt_us; /* eighths of a microsecond */
	struct minmax rtt_min;
	__u32 total_retrans;
	__u32 dsack_dups; /* segments that came twice, as the other end says (RFC 2883) */
	__u32 segs_in;
	__u32 segs_out;
	__u32 retrans_stamp; /* milliseconds, 0: nothing is being sent again */
	__u64 tcp_mstamp; /* microseconds */
	__u8 tcp_usec_ts : 1; /* retrans_stamp counts microseconds */
};

typedef struct {
	int counter;
} atomic_t;

struct request_sock_queue {
	atomic_t qlen; /* handshakes that are not complete */
};

struct inet_connection_sock {
	__u8 icsk_ca_state : 5;
	struct request_sock_queue icsk_accept_queue;
};

struct request_sock {
	struct sock_common __req_common;
	__u8 num_retrans; /* how often its SYN-ACK was sent again */
};

struct super_block {
	__u32 s_dev;
};

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct hlist_head;

struct file {
	struct inode *f_inode;
	struct hlist_head *f_ep; /* who polls it */
};

struct socket {
	struct sock *sk;
	struct file *file;
};

struct signal_struct {
	atomic_t live;
	unsigned int flags;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct thread_struct {
	unsigned long fsbase; /* x86 */
};

struct task_struct {
	struct thread_struct thread;
	int pid;
	int tgid;
	char comm[16];
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct signal_struct *signal;
	__u64 start_time; /* monotonic */
	unsigned long nvcsw; /* voluntary context switches */
};

struct linux_binprm {
	struct file *file;
	const char *filename;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP_ 6
#define IPPROTO_UDP_ 17
#define IPPROTO_MPTCP_ 262

/* include/net/tcp_states.h */
#define TCP_ESTABLISHED_ 1
#define TCP_SYN_SENT_ 2
#define TCP_SYN_RECV_ 3
#define TCP_CLOSE_ 7
#define TCP_LISTEN_ 10
#define TCP_NEW_SYN_RECV_ 12

/* include/uapi/linux/tcp.h, enum tcp_ca_state */
#define TCP_CA_RECOVERY_ 3

/* include/uapi/asm-generic/errno.h */
#define EADDRNOTAVAIL_ 99
#define ENETUNREACH_ 101
#define ECONNREFUSED_ 111
#define EHOSTUNREACH_ 113

#define MSG_PEEK_ 0x2

#endif
