/*
 * events.h - the one wire format between the kernel side, user space and recordings
 *
 * Every record starts with struct zc_ev. All fields have fixed width and the byte order of the
 * host; padding is explicit and written as zero. `size` counts header, body and payload, without
 * the alignment that a ring or a file adds after it.
 *
 * A connection is one *end*: one socket, known by its cookie. Two ends of a loopback connection
 * are two connections here. In a pcap file an end is invented for one side of each flow.
 *
 * Directions are seen from that socket: RX is what it receives, TX what it sends.
 * Times are nanoseconds on the source's clock: CLOCK_MONOTONIC when live, the UNIX epoch in files.
 */
#ifndef ZC_BPF_EVENTS_H
#define ZC_BPF_EVENTS_H

#ifdef __bpf__
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
#else
#include <linux/types.h>
#endif

#define ZC_ASSERT_SIZE(type, n) _Static_assert(sizeof(type) == (n), #type " changed its size")

#define ZC_RX 0
#define ZC_TX 1

/* A segment carries at most this much payload; the rest of a longer one counts as not captured. */
#define ZC_MAX_CAPTURE 65536u

#define ZC_EV_SEGMENT 1
#define ZC_EV_OPEN 2
#define ZC_EV_ESTABLISHED 3
#define ZC_EV_CLOSE 4
#define ZC_EV_IO 5
#define ZC_EV_OWNER 6
#define ZC_EV_PROCESS 7
#define ZC_EV_LISTEN 8
#define ZC_EV_LOST 9
#define ZC_EV_NAMES 10
#define ZC_EV_PLAIN 11
#define ZC_EV_BIND 12
#define ZC_EV_FAULT 13
#define ZC_EV_PEER 14
#define ZC_EV_DATAGRAM 15
#define ZC_EV_RETRANSMIT 16
#define ZC_EV_WINDOW 17
#define ZC_EV_FLOW 18
#define ZC_EV_BACKLOG 19
#define ZC_EV_THREAD 20

/* Ids of TLS streams stand beside socket cookies, and have this bit. */
#define ZC_TLS_STREAM (1ull << 63)

struct zc_ev {
	__u16 kind;
	__u16 flags; /* per kind */
	__u32 size;
	__u64 time;
	__u64 conn; /* socket cookie, 0 where none applies */
};
ZC_ASSERT_SIZE(struct zc_ev, 24);

/*
 * A process that has no number in the PID namespace that is traced from: above all numbers that
 * there are (PID_MAX_LIMIT, 2^22).
 */
#define ZC_PID_FOREIGN (1u << 23)

/*
 * SEGMENT: orig_len payload bytes went by, starting at sequence number seq. Of these, cap_len
 * bytes, starting cap_off bytes after the first, follow this struct. cap_off + cap_len <= orig_len.
 * For SYN, seq is that of the first payload byte (one past the SYN itself).
 * Segments without payload are sent only for SYN, FIN and RST.
 */
#define ZC_TCP_FIN 0x01
#define ZC_TCP_SYN 0x02
#define ZC_TCP_RST 0x04
#define ZC_TCP_ACK 0x10

struct zc_ev_segment {
	struct zc_ev ev;
	__u32 seq;
	__u32 ack; /* valid with ZC_TCP_ACK */
	__u32 orig_len;
	__u32 cap_off;
	__u32 cap_len;
	__u32 lost; /* events lost on this connection since the last one that got through */
	__u8 dir;
	__u8 tcp_flags;
	__u8 lib; /* enum zc_tls_lib: the library that uses the socket; 0: none that is known */
	__u8 pad[5];
};
ZC_ASSERT_SIZE(struct zc_ev_segment, 56);

/*
 * OPEN: a connection comes into view. IPv4 addresses are mapped (::ffff:a.b.c.d), ports are in
 * host order. pid is 0 while the owner is not known.
 */
#define ZC_ROLE_UNKNOWN 0
#define ZC_ROLE_SERVER 1 /* opened passively, or its local port is listened on */
#define ZC_ROLE_CLIENT 2

#define ZC_OPEN_PREEXISTING 0x1 /* flags: existed before the probes */
#define ZC_OPEN_SEQ 0x2	 /* flags: seq[] is valid: observation began with the first octet */

struct zc_ev_open {
	struct zc_ev ev;
	__u8 laddr[16];
	__u8 raddr[16];
	__u16 lport;
	__u16 rport;
	__u8 family; /* 4 or 6, of the socket's traffic */
	__u8 role;
	__u8 pad[2];
	__u32 pid;
	__u32 tid;
	__u32 netns; /* inode number, 0 when not known */
	__u32 pad2;
	__u64 cgroup; /* cgroup v2 id, 0 when not known */
	__u32 seq[2]; /* ZC_OPEN_SEQ: sequence number of the first payload octet, by direction */
	char comm[16];
};
ZC_ASSERT_SIZE(struct zc_ev_open, 112);

/* ESTABLISHED: a connect that was seen from its SYN is complete. Only struct zc_ev. */

/*
 * CLOSE: the socket is gone; byte totals of its life since OPEN, by the kernel's own count.
 * ZC_CLOSE_FORGET: it lives on, but belongs to a process that is not selected after all; whatever
 * was seen of it is to be dropped without a span.
 * ZC_CLOSE_CONNECT: it was never established, the connect failed or was given up; of a server's
 * end, as captures have them, it is the other end's.
 */
#define ZC_CLOSE_FORGET 0x1
#define ZC_CLOSE_CONNECT 0x2
struct zc_ev_close {
	struct zc_ev ev;
	__u64 bytes[2]; /* payload bytes seen, by direction, retransmissions included */
	__u64 skipped[2]; /* of these, not copied because nobody wanted them */
	__u32 lost;
	__u32 error; /* the kernel's, an errno of Linux; 0: none */
	/* what follows is not in recordings of older versions; 0: not known */
	__u32 rtt_us, min_rtt_us; /* smoothed, and the least of the last minutes */
	__u32 retransmits; /* segments sent again in its life */
	__u32 packets[2]; /* by direction, with those without payload */
	__u32 needless; /* of retransmits, those that had arrived before, as the other end says */
	__u32 dup_acks[2]; /* acknowledgements that say again what one said before, by direction */
	/* bytes that had come and that the application did not read; the FIN is one */
	__u32 unread;
	__u32 pad;
};
ZC_ASSERT_SIZE(struct zc_ev_close, 104);

/*
 * IO: the application read (dir RX) or wrote (dir TX) len bytes; it has now read or written
 * everything before sequence number seq.
 */
#define ZC_IO_TASK 0x1	 /* flags: sleeps and age are known, and so is */
#define ZC_OLD 0xffff
#define ZC_IO_DATAGRAM 0x4 /* of a socket for datagrams */
#define ZC_IO_POLLED 0x2 /* that a set of epoll watches the socket: its thread serves others, too */

struct zc_ev_io {
	struct zc_ev ev;
	__u32 pid;
	__u32 tid;
	__u32 seq;
	__u32 len;
	__u8 dir;
	__u8 pad;
	__u16 age; /* ZC_IO_TASK: of the thread, in 100 microseconds, rounded up; ZC_OLD: or more */
	__u32 sleeps; /* ZC_IO_TASK: how often the thread had gone to sleep by then, modulo 2^32 */
	/*
	 * Go: the goroutine that reads, or on whose behalf it is written, and in the upper half the
	 * one that has begun it; 0: not known. Not in recordings of older versions.
	 */
	__u64 goroutine;
	__u32 rtt_us, min_rtt_us; /* as in zc_ev_close; not in recordings of older versions */
};
ZC_ASSERT_SIZE(struct zc_ev_io, 64);

/*
 * RETRANSMIT: len payload bytes from sequence number seq on were sent again, in this direction. Of
 * a socket that is TX; captures know both. It follows their SEGMENT, if there is one.
 */
#define ZC_RETRANSMIT_SYN 0x1	 /* flags: no bytes, the SYN itself */
/*
 * flags: nobody holds them for lost, the sender only asks (RFC 8985); in captures, no duplicate
 * acknowledgements have asked for them.
 */
#define ZC_RETRANSMIT_PROBE 0x2
#define ZC_RETRANSMIT_LOST 0x4	 /* flags, captures: they had not come this far before */
#define ZC_RETRANSMIT_NEEDLESS 0x8 /* flags, captures: they had been acknowledged before */

struct zc_ev_retransmit {
	struct zc_ev ev;
	__u64 sent; /* when they, or what was sent behind them, left for the first time; 0: not
		     * known */
	__u32 seq;
	__u32 len;
	__u32 total; /* segments sent again in this direction, with these if they left at all */
	__u32 rtt_us;
	__u8 dir;
	__u8 pad[7];
};
ZC_ASSERT_SIZE(struct zc_ev_retransmit, 56);

/*
 * WINDOW: the end that sends in this direction tells that it has no room for more bytes
 * (ZC_WINDOW_CLOSED), as nobody reads them there, or that it has room again.
 */
#define ZC_WINDOW_CLOSED 0x1 /* flags */

struct zc_ev_window {
	struct zc_ev ev;
	__u8 dir;
	__u8 pad[7];
};
ZC_ASSERT_SIZE(struct zc_ev_window, 32);

/*
 * FLOW: what went by on a connection so far, by direction, with what was sent again. CLOSE has the
 * last of it.
 */
struct zc_ev_flow {
	struct zc_ev ev;
	__u64 bytes[2]; /* of payload */
	__u64 packets[2]; /* with those without payload */
	__u32 rtt_us, min_rtt_us; /* 0: not known */
	/* as in zc_ev_close; not in recordings of older versions */
	__u32 needless, dup_acks[2];
	__u32 pad;
};
ZC_ASSERT_SIZE(struct zc_ev_flow, 80);

/*
 * DATAGRAM: one of UDP, of a socket (ev.conn) with one remote end. Of orig_len bytes the first
 * cap_len follow. index: how many the socket has sent, or received, with this one; 0: not counted.
 * pid: who sends it, or uses the socket; 0: not known. IO of such a socket, RX, has in seq how many
 * have been read.
 *
 * error: none has come, orig_len is 0; but that what was sent the other way was turned away.
 */
struct zc_ev_datagram {
	struct zc_ev ev;
	__u8 laddr[16];
	__u8 raddr[16];
	__u16 lport;
	__u16 rport;
	__u8 family;
	__u8 dir;
	__u8 role;
	__u8 error; /* an errno of Linux; 0: none, or a recording of an older version */
	__u32 index;
	__u32 orig_len;
	__u32 cap_len;
	__u32 pid;
	__u32 tid;
	__u32 lost; /* events lost on this socket since the last one that got through */
	char comm[16];
};
ZC_ASSERT_SIZE(struct zc_ev_datagram, 104);

/* OWNER: from now on this process reads and writes the connection. */
struct zc_ev_owner {
	struct zc_ev ev;
	__u32 pid;
	__u32 tid;
	__u64 cgroup;
	char comm[16];
};
ZC_ASSERT_SIZE(struct zc_ev_owner, 56);

/* PROCESS: a process that may matter was forked, executed, was renamed or ended. conn is 0. */
#define ZC_PROC_FORK 1
#define ZC_PROC_EXEC 2
#define ZC_PROC_RENAME 3
#define ZC_PROC_EXIT 4

struct zc_ev_process {
	struct zc_ev ev;
	__u32 pid;
	__u32 ppid;
	__u32 what;
	__u32 flags; /* task flags of the selector when known */
	char comm[16];
	char file[128]; /* EXEC: the path given to execve, cut at 127 octets */
};
ZC_ASSERT_SIZE(struct zc_ev_process, 184);

/*
 * THREAD: thread `by` of a process that may matter has begun another one, tid. conn is 0. Not in
 * recordings of older versions.
 */
struct zc_ev_thread {
	struct zc_ev ev;
	__u32 pid;
	__u32 tid;
	__u32 by;
	__u32 pad;
};
ZC_ASSERT_SIZE(struct zc_ev_thread, 40);

/* LISTEN: a selected port is listened on from now on (flags 1) or no longer (flags 0). */
struct zc_ev_listen {
	struct zc_ev ev;
	__u32 pid;
	__u16 port;
	__u16 pad;
	char comm[16];
};
ZC_ASSERT_SIZE(struct zc_ev_listen, 48);

/*
 * BACKLOG: a listener's accept queue is full, so that the kernel turns away who asks for a
 * connection, or completes its handshake. Not every time is told: overflows counts them.
 * ZC_BACKLOG_UNANSWERED: a client has not answered a SYN-ACK that was sent twice again; waiting:
 * handshakes that are not complete; overflows: clients like this one. Of a capture pid is 0, and
 * what is waiting and the limit are not known.
 */
#define ZC_BACKLOG_UNANSWERED 0x1 /* flags */

struct zc_ev_backlog {
	struct zc_ev ev;
	__u32 pid;
	__u16 port;
	__u16 pad;
	__u32 waiting; /* to be accepted; one more than the limit is let in */
	__u32 limit;   /* what listen() was given, or what the host allows */
	__u64 overflows; /* on this listener since it is traced */
	char comm[16];
	/* what follows is not in recordings of older versions */
	__u8 raddr[16]; /* ZC_BACKLOG_UNANSWERED: of the latest client, as in OPEN */
	__u16 rport;
	__u8 pad2[6];
};
ZC_ASSERT_SIZE(struct zc_ev_backlog, 88);

/*
 * LOST: the ring was full; made by the ring's reader when it notices, count events since the last.
 */
struct zc_ev_lost {
	struct zc_ev ev;
	__u64 count;
	__u64 bytes; /* payload bytes in them */
};
ZC_ASSERT_SIZE(struct zc_ev_lost, 40);

/* PEER: the process at the other end, which is on this host and need not be traced. */
struct zc_ev_peer {
	struct zc_ev ev;
	__u32 pid;
	__u32 pad;
	char comm[16];
};
ZC_ASSERT_SIZE(struct zc_ev_peer, 48);

/*
 * NAMES: what user space found out about a process when it was first seen, so that a recording
 * can be replayed where the process does not exist. Made by user space only; holds for this pid
 * until the next NAMES for it, and comes before the event that mentions the pid. Strings end with
 * NUL; an empty one is not known.
 */
struct zc_ev_names {
	struct zc_ev ev;
	__u32 pid;
	__u32 pad;
	char service[64];
	char runtime[16];
	char container[72];
	/* what follows is not in recordings of older versions */
	char container_name[64];
	char resource[256]; /* its OTEL_RESOURCE_ATTRIBUTES, secrets left out */
	char tls_unseen[136]; /* why its TLS stays encrypted; "": not looked for, or no reason */
};
ZC_ASSERT_SIZE(struct zc_ev_names, 640);

/*
 * PLAIN: octets that an application read from or wrote to a TLS library. ev.conn is the stream's
 * id (ZC_TLS_STREAM), one per connection object of the library (SSL, gnutls_session_t, tls.Conn);
 * ev.time is when the call returned. Of orig_len octets, cap_len from cap_off on follow. seq counts
 * the stream's octets in this direction from 0, where the first call was seen. What was read by a
 * call that was entered before its probe counts as the octets of its ciphertext, cap_len 0.
 *
 * sock: the socket that was used inside the call, or whose ClientHello is that of the library's
 * object (ZC_PLAIN_INSIDE: a fact), or from which the same
 * thread had read last, with nobody else's call in between (ZC_PLAIN_BEFORE: evidence); 0: neither.
 * With a socket, RX: wire_time is when the first of the octets that were read there arrived.
 * TX: when the first of them left. 0: not known. wire_len: how many were read or sent there.
 * ZC_PLAIN_FRESH: the process was being observed when it first used that socket, and nothing
 * of the stream was missed. ZC_PLAIN_ALONE: the thread had not used another socket
 * that speaks TLS for a while. CLOSE with such an id tells that the library's object is freed.
 */
#define ZC_PLAIN_INSIDE 0x1
#define ZC_PLAIN_BEFORE 0x2
#define ZC_PLAIN_FRESH 0x4
#define ZC_PLAIN_ALONE 0x8
/* As of IO; a stream whose ciphertext the application carries itself counts as polled. */
#define ZC_PLAIN_TASK 0x10
#define ZC_PLAIN_POLLED 0x20

struct zc_ev_plain {
	struct zc_ev ev;
	__u64 sock;
	__u64 call_time; /* when the call began */
	__u64 wire_time;
	__u64 wire_last; /* the same of the last of those octets; 0: not known */
	__u32 wire_len;
	__u32 pid;
	__u32 tid;
	__u32 seq;
	__u32 orig_len;
	__u32 cap_off;
	__u32 cap_len;
	__u32 lost; /* events lost on this stream since the last one that got through */
	__u8 dir;
	__u8 lib; /* enum zc_tls_lib */
	__u16 age; /* as in zc_ev_io */
	/* with wire_len of ZC_PLAIN_INSIDE: sequence number of the first of those */
	__u32 wire_seq;
	/*
	 * One thread may read while another writes, and writes are told late, when they have
	 * returned. TX: the number of this write, in its last record; a write that failed has one
	 * without octets. RX: how many had begun when the
	 * read returned, to one of which it may be the answer. 0: not counted.
	 */
	__u32 writes;
	__u32 sleeps; /* as in zc_ev_io */
};
ZC_ASSERT_SIZE(struct zc_ev_plain, 104);

/*
 * BIND: more evidence of a stream's socket, where the library itself uses none (memory BIOs). RX:
 * what the thread had read from sock went into a call that gave no plaintext (a handshake, or part
 * of a record). TX: plain_len octets of this stream alone had been written to the library, and the
 * thread's next write to a socket that speaks TLS was this one, of wire_len octets; plain_len 0:
 * there was a call for the handshake.
 */
struct zc_ev_bind {
	struct zc_ev ev; /* flags: ZC_PLAIN_FRESH, _ALONE; conn: the stream */
	__u64 sock;
	__u32 pid;
	__u32 tid;
	__u32 plain_len;
	__u32 wire_len;
	__u8 dir;
	__u8 lib;
	__u8 pad[6];
};
ZC_ASSERT_SIZE(struct zc_ev_bind, 56);

/* FAULT: the library reported an error inside a call on this stream, by its own numbers. */
struct zc_ev_fault {
	struct zc_ev ev; /* conn: the stream */
	__u64 sock;	 /* 0: not known */
	__u32 pid;
	__u32 tid;
	__u32 reason;
	__u8 lib;
	__u8 pad[3];
};
ZC_ASSERT_SIZE(struct zc_ev_fault, 48);

/*
 * Feedback, user space to kernel: what is still wanted of a connection. One slot of a shared
 * array, chosen by the low bits of the cookie; a slot that holds another cookie counts as
 * "everything wanted". Per direction: nothing before sequence number skip_to (compared modulo
 * 2^32), then at most cap bytes of each segment. With quiet set, segments and I/O of which
 * nothing is wanted are not even announced.
 */
#define ZC_POLICY_SLOTS 65536
/* Cookies and ids both count from 1: they begin at opposite ends. */
#define ZC_POLICY_SLOT(conn)                                                                       \
	((__u32)((conn) & ZC_TLS_STREAM ? ~(conn) : (conn)) & (ZC_POLICY_SLOTS - 1))
#define ZC_POLICY_ALL 0xffffffffu
/* Furthest that skip_to may reach ahead; beyond it a stale position would be mistaken for one. */
#define ZC_POLICY_AHEAD (1u << 30)

struct zc_policy {
	__u64 conn;
	struct {
		__u32 skip_to;
		__u32 cap;
	} dir[2];
	__u32 quiet;
	__u32 frames; /* bit 0: ZC_RX, bit 1: ZC_TX; of a TLS stream, bit 2: its socket is known */
};
ZC_ASSERT_SIZE(struct zc_policy, 32);
#define ZC_POLICY_BOUND 0x4u

#endif
