/*
 * select.h - which sockets are traced, decided where they are seen
 *
 * A socket is judged once and the verdict is kept in its storage. A listener that belongs to a
 * selected process makes its children MAYBE: they are captured, and the first process that reads
 * or writes one decides (several processes may share the listener).
 */
#ifndef ZC_BPF_SELECT_H
#define ZC_BPF_SELECT_H

#include "bpf/pidns.h"

#define VERDICT_NO 1
#define VERDICT_MAYBE 2
#define VERDICT_YES 3

/* Of a socket that speaks TLS: when its last segments arrived. */
#define ZC_ARRIVALS 8

struct zc_arrival {
	__u64 time;
	__u32 seq;
	__u32 len;
};

/* What was acknowledged, by whom the acknowledgements come from. */
struct zc_acks {
	__u32 acked; /* by the latest segment, */
	__u32 end;   /* which ended there, or behind it */
	__u32 again; /* acknowledgements that say again what one said before */
	__u16 window; /* of the latest segment, as is */
	__u8 known;  /* acked, end, window */
	__u8 keeps_alive; /* the latest segment only asks if the other end is there */
};

/* zc_sock.tls; 0: not known yet */
#define ZC_SOCK_TLS 1
#define ZC_SOCK_CLEAR 2

/* Bits of zc_sock.probes */
#define PROBES_TLS 1
#define PROBES_GO 2

/*
 * What is remembered of a socket. Cloned by the kernel from a listener to its children.
 *
 * What arrives is often dealt with on another processor than what is read and sent. The kernel puts
 * a word in front, which it compares at each look-up, so lines of 64 octets end at offsets 56, 120,
 * 184. The first line has what every look needs and what hardly changes; what is counted lies
 * behind, bytes[ZC_RX] and bytes[ZC_TX] in different lines.
 */
struct zc_sock {
	__u64 conn; /* cookie */
	__u32 verdict;
	__u32 generation;
	__u32 refused; /* for this process; another one may have got it since */
	__u32 pid; /* owner: the process that last connected, read or wrote; 0: not known */
	__u32 asked; /* the process that probes was found out for, when zc_shared.marks was: */
	__u32 asked_marks;
	__u32 lost;
	__u8 announced; /* OPEN got through */
	__u8 role;
	__u8 listener;
	__u8 datagram; /* of UDP: bytes[] counts datagrams */
	__u8 tls;
	__u8 tls_used; /* a process whose TLS is probed has read or written it */
	__u8 tls_first; /* its first octets were a handshake's */
	__u8 tls_lib;	/* enum zc_tls_lib: the library that uses it; 0: not known */
	__u8 probes; /* of the process in asked */
	__u8 polled; /* when it was read last, see ZC_IO_POLLED */
	__u8 syn_sent;  /* a segment has left it; of interest if it connected */
	__u8 window_closed; /* bits by direction: who sends there has no room for more */
	__u8 framed[2]; /* HTTP/2: frame_at is valid, by direction */
	__u8 has_seq;
	__u8 preexisting;
	__u16 lport;
	__u16 rport;
	/* the second line */
	__u32 seq[2]; /* first payload octet, by direction; valid with has_seq */
	__u32 tid;
	__u32 netns;
	__u8 closed; /* CLOSE was sent: what is still read or sent belongs to the past */
	__u8 followed; /* traced because a traced process called it */
	__u8 hooked;   /* tls_used, and its process was probed before TLS went on */
	__u8 looked; /* segments without a sign of TLS */
	__u32 frame_at[2]; /* sequence number of the next frame's head */
	__u8 in_data[2]; /* what lies before frame_at is content of DATA */
	__u8 watched; /* its segments are looked at from the first one on */
	__u8 connecting; /* connect() was called, and nothing has come of it */
	__u32 arrivals;
	__u32 tls_from; /* progress() when TLS began, or the connection */
	union {
		__u64 random[2]; /* the first half of the ClientHello's; 0: not seen */
		__u32 asked_addr[4]; /* with connecting */
	};
	__u64 bytes[2]; /* the second one of these begins the third line */
	__u64 skipped[2];
	__u64 sent_time; /* when the last octets left that had not before, kept with tls */
	__u32 sent_end; /* sequence number behind them */
	__u32 pad2;
	__u64 connect_time; /* when connect() was called; 0: it was not seen */
	__u64 overflow_time; /* of a listener: when one was told, see emit_backlog() */
	__u64 overflows;
	__u64 unanswered_time; /* of a listener: the same of handshakes, see emit_unanswered() */
	__u64 unanswered;
	__u64 cgroup; /* of the owner */
	char comm[16];
	__u64 tls_stream; /* the library's object that has used it; 0: not known */
	struct zc_acks acks[2]; /* the second one of these begins another line, too */
	struct zc_arrival arrival[ZC_ARRIVALS];
};
_Static_assert(__builtin_offsetof(struct zc_sock, seq) == 56 &&
		       __builtin_offsetof(struct zc_sock, bytes) == 112 &&
		       __builtin_offsetof(struct zc_sock, acks) == 232,
	       "the lines of struct zc_sock have moved");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct zc_sock);
} zc_socks SEC(".maps");

/* Feedback from user space, see struct zc_policy. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ZC_POLICY_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct zc_policy);
} zc_policies SEC(".maps");

/* Where a traced process has connected to. netns tells loopback addresses apart, else it is 0. */
struct zc_called {
	__u32 addr[4];
	__u32 netns;
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct zc_called);
	__type(value, __u32);
} zc_called SEC(".maps");

static __always_inline int is_loopback(const __u32 addr[4])
{
	int v4 = !addr[0] && !addr[1] && addr[2] == bpf_htonl(0xffff);

	return v4 ? (addr[3] & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000)
		  : !addr[0] && !addr[1] && !addr[2] && addr[3] == bpf_htonl(1);
}

static __always_inline void called_fill(struct zc_called *k, const __u32 addr[4], __u16 port,
					__u32 netns)
{
	k->addr[0] = addr[0];
	k->addr[1] = addr[1];
	k->addr[2] = addr[2];
	k->addr[3] = addr[3];
	k->netns = is_loopback(addr) ? netns : 0;
	k->port = port;
}

/* Whoever is called there is of interest from now on, and its open connections, too. */
static __always_inline void called_add(const __u32 addr[4], __u16 port, __u32 netns)
{
	struct zc_called key;
	struct zc_shared *sh;
	__u32 one = 1;

	called_fill(&key, addr, port, netns);
	if (bpf_map_lookup_elem(&zc_called, &key))
		return;
	bpf_map_update_elem(&zc_called, &key, &one, BPF_ANY);
	sh = shared();
	if (sh)
		__sync_fetch_and_add(&sh->generation, 1);
}

/* Verifiers up to that of Linux 6.12 know nothing of what a swap of bytes leaves. */
static __always_inline int port_selected(__u16 port)
{
	__u32 i = port >> 3;

	barrier_var(i);
	return zc_cfg.by_port && i < sizeof(zc_cfg.ports) &&
	       (zc_cfg.ports[i] >> (port & 7) & 1);
}

static __always_inline __u32 listeners_on(__u16 port)
{
	struct zc_shared *sh = shared();
	__u32 i = port;

	barrier_var(i);
	return sh && i < sizeof(sh->listeners) / sizeof(sh->listeners[0]) ? sh->listeners[i] : 0;
}

/*
 * May a socket be judged that is met for the first time? Before the listeners are known, a client's
 * end looks like one of a port on which nobody listens. It is met again.
 */
static __always_inline int may_judge(void)
{
	const struct zc_shared *sh = shared();

	return sh && sh->looked;
}

static __always_inline int role_allowed(__u8 role)
{
	if (role == ZC_ROLE_SERVER)
		return zc_cfg.role != ZC_ROLE_CLIENT;
	if (role == ZC_ROLE_CLIENT)
		return zc_cfg.role != ZC_ROLE_SERVER;
	return 1;
}

/* Is a client end of a connection to rport chosen for its port? */
static __always_inline int client_port_selected(__u16 rport)
{
	if (!port_selected(rport))
		return 0;
	return zc_cfg.role == ZC_ROLE_CLIENT || zc_cfg.role == ZC_ROLE_BOTH || !listeners_on(rport);
}

/* Current process' bits; its control group is looked at when that is asked for. */
static __always_inline __u32 current_flags(__u32 tgid)
{
	__u32 flags = task_flags(tgid);

	if (tgid == zc_cfg.self)
		return 0;
	if (zc_cfg.ncgroup && !(flags & ZC_TASK_CGROUP)) {
		for (int i = 0; i < ZC_MAX_CGROUPS; i++) {
			if (i >= (int)zc_cfg.ncgroup)
				break;
			if (bpf_get_current_ancestor_cgroup_id((int)zc_cfg.cgroup_level[i]) ==
			    zc_cfg.cgroup[i])
				flags |= ZC_TASK_CGROUP;
		}
	}
	return flags;
}

/* The verdict that needs no process: by ports alone. */
static __always_inline __u32 judge_by_port(const struct zc_sock *s)
{
	if (zc_cfg.all)
		return role_allowed(s->role) ? VERDICT_YES : VERDICT_NO;
	if (!role_allowed(s->role))
		return VERDICT_NO;
	if (s->role != ZC_ROLE_CLIENT && port_selected(s->lport))
		return VERDICT_YES;
	if (s->role != ZC_ROLE_SERVER && client_port_selected(s->rport))
		return VERDICT_YES;
	return VERDICT_NO;
}

/* The verdict when a process is at hand that holds or uses the socket. */
static __always_inline __u32 judge(const struct zc_sock *s, __u32 flags)
{
	__u32 v = judge_by_port(s);

	if (v == VERDICT_YES || !role_allowed(s->role))
		return v;
	if (flags & ZC_TASK_SELECTED)
		return s->listener ? VERDICT_MAYBE : VERDICT_YES;
	if ((flags & ZC_TASK_SERVES) && s->role != ZC_ROLE_SERVER)
		return VERDICT_YES;
	return VERDICT_NO;
}

#endif
