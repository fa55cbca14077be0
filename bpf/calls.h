/*
 * calls.h - calls into TLS libraries that are under way, and the sockets that are used for them
 *
 * The probes on a library (tls.bpf.c) open and close calls; the probes on sockets (sock.bpf.c) tell
 * which socket was used inside one: the stream's socket is a fact then. Where a library is given
 * its ciphertext by the application (memory BIOs), a thread's last reads and writes around its
 * calls are remembered instead: evidence, for user space to judge.
 *
 * A call belongs to a thread, or in Go to a goroutine, which may move to another thread on its way.
 */
#ifndef ZC_BPF_CALLS_H
#define ZC_BPF_CALLS_H

#include "bpf/emit.h"
#include "bpf/client_random.h"
#include "bpf/tls.h"

struct zc_call_key {
	__u32 tgid;
	__u32 inner; /* a call within another one, see call_begin */
	__u64 who;   /* thread, or goroutine */
};

struct zc_call {
	__u64 stream; /* address of the library's object */
	__u64 buf;
	__u64 out; /* where the library tells how many octets; 0: it returns that */
	__u64 sp;  /* stack pointer when the call began */
	__u64 time;
	__u64 sock; /* used inside; 0: none so far */
	__u64 wire_time;
	__u64 wire_last;
	__u32 wire_len;
	__u32 wire_seq;
	__u8 func; /* enum zc_tls_func; 0: none is under way */
	__u8 lib;
	__u8 refused; /* that socket is not traced */
	__u8 fresh;
	__u32 number; /* of a write */
	__u8 polled; /* the socket is, see ZC_IO_POLLED */
	__u8 pad[3];
};

/*
 * A thread's stay until it ends, for its next call: to make an element and to remove it was a third
 * of what a call cost. Goroutines have no end that is seen; theirs are removed.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct zc_call_key);
	__type(value, struct zc_call);
} zc_calls SEC(".maps");

static __always_inline int call_writes(__u8 func)
{
	return func == ZC_TLS_WRITE || func == ZC_TLS_WRITE_EX || func == ZC_TLS_WRITE_EX2 ||
	       func == ZC_TLS_GO_WRITE || func == ZC_TLS_SENDFILE;
}

struct zc_stream_key {
	__u32 tgid;
	__u32 pad;
	__u64 stream; /* address of the library's object */
};

struct zc_stream {
	__u64 id;
	__u64 sock; /* a fact; 0: not known */
	__u64 bytes[2], skipped[2];
	__u64 closed; /* in Go: when; a call that had begun before may still return */
	__u32 pos[2];
	__u32 lost;
	__u32 begun; /* writes */
	__u8 refused; /* that socket is not traced */
	__u8 fresh;
	__u8 reported; /* user space knows of it */
	__u8 memory; /* its socket is known by the handshake's random: calls use none inside */
	__u8 blocking; /* the socket that calls use inside is not polled */
	__u8 reads;    /* a call that reads has returned */
	__u8 pad[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct zc_stream_key);
	__type(value, struct zc_stream);
} zc_streams SEC(".maps");

/* What a thread did last with sockets that speak TLS, outside of any call. */
struct zc_recent_io {
	__u64 sock; /* read; 0: nothing since the last change of mind */
	__u64 time; /* when the first of it had arrived */
	__u64 by;   /* the stream whose call came first after the read */
	__u64 random[2]; /* of the socket */
	__u64 wrote; /* the stream that has written since the last write to such a socket */
	__u64 wrote_id;
	__u64 last, last_time, other_time; /* socket used last, when; when another one was before */
	__u32 len;
	__u32 seq;   /* of the first octet read */
	__u32 plain; /* how much was written */
	__u8 mixed;  /* several sockets were read before any call */
	__u8 wrote_mixed; /* several streams wrote */
	__u8 refused, fresh;
	__u8 lib;
	__u8 pad[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64); /* pid_tgid */
	__type(value, struct zc_recent_io);
} zc_recent_ios SEC(".maps");

/* Where things are in Go: see go_learn. */
struct zc_go {
	__s64 off; /* of a thread's goroutine, relative to its fs base */
	__u32 id, parent; /* in a goroutine: its number, that of who began it; 0: not known */
};

/* By tgid; present for Go only. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct zc_go);
} zc_gos SEC(".maps");

/*
 * Without relocations of its own tls.bpf.c needs no type information of the kernel, the parsing of
 * which takes longer than all else: the offset comes from sock.bpf.c.
 */
static __always_inline __u64 fs_base(void)
{
	const struct zc_shared *sh = shared();
	__u64 task = bpf_get_current_task(), base = 0;

	if (!sh || !sh->fsbase_off)
		return 0;
	bpf_probe_read_kernel(&base, sizeof(base), (void *)(task + sh->fsbase_off));
	return base;
}

/* Of a thread, as its task_struct has them: they stand side by side there, nivcsw in between. */
struct task_times {
	__u64 sleeps; /* how often it has gone to sleep; 0: not known */
	__u64 nivcsw;
	__u64 start; /* 0: not known, so that it is ZC_OLD */
};

static __always_inline void task_read(struct task_times *t)
{
	const struct zc_shared *sh = shared();
	__u64 task = bpf_get_current_task();

	__builtin_memset(t, 0, sizeof(*t));
	if (!sh || !sh->nvcsw_off)
		return;
	if (sh->start_off == sh->nvcsw_off + __builtin_offsetof(struct task_times, start)) {
		bpf_probe_read_kernel(t, sizeof(*t), (void *)(task + sh->nvcsw_off));
		return;
	}
	bpf_probe_read_kernel(&t->sleeps, sizeof(t->sleeps), (void *)(task + sh->nvcsw_off));
	bpf_probe_read_kernel(&t->start, sizeof(t->start), (void *)(task + sh->start_off));
}

/* The goroutine that runs on this thread; 0: not known. */
static __always_inline __u64 goroutine(__s64 off)
{
	__u64 fs = fs_base(), g = 0;

	if (fs && bpf_probe_read_user(&g, sizeof(g), (void *)(fs + (__u64)off)))
		return 0;
	return g;
}

static __always_inline struct zc_call *call_of(const struct zc_call_key *key)
{
	struct zc_call *c = bpf_map_lookup_elem(&zc_calls, key);

	return c && c->func ? c : 0;
}

/* The call that this thread, or its goroutine, is in; NULL: none. go: it may be one of Go. */
static __always_inline struct zc_call *call_current(__u64 pid_tgid, int go)
{
	struct zc_call_key key = {.tgid = (__u32)(pid_tgid >> 32), .who = (__u32)pid_tgid};
	const struct zc_go *of = go ? bpf_map_lookup_elem(&zc_gos, &key.tgid) : 0;

	if (of)
		key.who = goroutine(of->off);
	return call_of(&key);
}

/* ---- for sock.bpf.c */

/*
 * When did the octet with this sequence number arrive? 0: not known, too much has come since.
 * Kept for sockets that speak TLS, since their segments are not told.
 */
static __always_inline __u64 arrival_of(const struct zc_sock *s, __u32 seq)
{
	for (int i = 0; i < ZC_ARRIVALS; i++) {
		const struct zc_arrival *a = &s->arrival[i];

		if (a->len && seq - a->seq < a->len)
			return a->time;
	}
	return 0;
}

static __always_inline void arrival_note(struct zc_sock *s, __u32 seq, __u32 len)
{
	struct zc_arrival *a = &s->arrival[s->arrivals++ & (ZC_ARRIVALS - 1)];

	a->time = bpf_ktime_get_ns();
	a->seq = seq;
	a->len = len;
}

/* In a frame of its own, see stream_make in tls.bpf.c. */
static __noinline void recent_io_make(__u64 pid_tgid)
{
	struct zc_recent_io new = {};

	bpf_map_update_elem(&zc_recent_ios, &pid_tgid, &new, BPF_ANY);
}

/* What this thread did last, made if need be. */
static __always_inline struct zc_recent_io *recent_io_get(__u64 pid_tgid)
{
	struct zc_recent_io *n = bpf_map_lookup_elem(&zc_recent_ios, &pid_tgid);

	if (n)
		return n;
	recent_io_make(pid_tgid);
	return bpf_map_lookup_elem(&zc_recent_ios, &pid_tgid);
}

#define ALONE_NS 50000000ull

static __always_inline void recent_io_used(struct zc_recent_io *n, __u64 sock)
{
	__u64 now = bpf_ktime_get_ns();

	if (n->last != sock) {
		n->other_time = n->last ? n->last_time : 0;
		n->last = sock;
	}
	n->last_time = now;
}

static __always_inline __u16 recent_io_flags(const struct zc_recent_io *n, __u8 fresh)
{
	return (fresh ? ZC_PLAIN_FRESH : 0) |
	       (n->last_time - n->other_time > ALONE_NS ? ZC_PLAIN_ALONE : 0);
}

static __always_inline void recent_io_read(struct zc_sock *s, __u64 pid_tgid, __u32 seq, __u32 len)
{
	struct zc_recent_io *n = recent_io_get(pid_tgid);

	if (!n)
		return;
	recent_io_used(n, s->conn);
	if (n->sock == s->conn && !n->by) {
		n->len += len;
		return;
	}
	n->seq = seq;
	n->random[0] = s->random[0];
	n->random[1] = s->random[1];
	n->mixed = n->sock && !n->by; /* what was read before was not used by anybody yet */
	n->sock = s->conn;
	n->time = arrival_of(s, seq);
	n->len = len;
	n->by = 0;
	n->refused = s->verdict == VERDICT_NO;
	n->fresh = s->hooked;
}

static __always_inline void emit_bind(__u64 id, const struct zc_recent_io *n, __u64 sock,
				      __u8 fresh, __u32 plain, __u32 wire, __u8 dir, __u64 pid_tgid)
{
	struct zc_ev_bind *t = bpf_ringbuf_reserve(&zc_ring, sizeof(*t), 0);

	if (!t) {
		count_lost(0);
		return;
	}
	fill_head(&t->ev, ZC_EV_BIND, sizeof(*t), id);
	t->ev.flags = recent_io_flags(n, fresh);
	t->sock = sock;
	t->pid = (__u32)(pid_tgid >> 32);
	t->tid = (__u32)pid_tgid;
	t->plain_len = plain;
	t->wire_len = wire;
	t->dir = dir;
	t->lib = n->lib;
	__builtin_memset(t->pad, 0, sizeof(t->pad));
	bpf_ringbuf_submit(t, BPF_RB_NO_WAKEUP);
}

/* The socket is a fact since the thread has read from it: then its library is known, too. */
static __always_inline void recent_io_library(struct zc_sock *s, const struct zc_recent_io *n,
					      __u32 tgid)
{
	struct zc_stream_key key = {.tgid = tgid, .stream = n->by};
	const struct zc_stream *stream;

	if (s->tls_lib || !n->by || n->sock != s->conn)
		return;
	stream = bpf_map_lookup_elem(&zc_streams, &key);
	if (stream && stream->sock == s->conn)
		s->tls_lib = n->lib;
}

static __always_inline void recent_io_wrote(struct zc_sock *s, __u64 pid_tgid, __u32 len)
{
	struct zc_recent_io *n = bpf_map_lookup_elem(&zc_recent_ios, &pid_tgid);
	struct zc_stream_key key = {.tgid = (__u32)(pid_tgid >> 32)};
	struct zc_stream *stream;
	int same;

	if (!n)
		return;
	recent_io_used(n, s->conn);
	recent_io_library(s, n, key.tgid);
	if (!n->wrote) {
		n->wrote_mixed = 0;
		return;
	}
	key.stream = n->wrote;
	same = random_fits(key.tgid, n->lib, key.stream, s->random);
	if (same == FITS)
		s->tls_lib = n->lib;
	stream = same == FITS ? bpf_map_lookup_elem(&zc_streams, &key) : 0;
	if (stream && !stream->sock) {
		stream->sock = s->conn;
		stream->refused = s->verdict == VERDICT_NO;
		stream->fresh = s->hooked;
		stream->memory = 1;
	} else if (same == FITS_UNKNOWN && !n->wrote_mixed) {
		emit_bind(n->wrote_id, n, s->conn, s->hooked, n->plain, len, ZC_TX, pid_tgid);
	}
	n->wrote = 0;
	n->wrote_mixed = 0;
	n->plain = 0;
}

/*
 * A thread has read len octets for a library's object that calls have used this socket for, but
 * outside of any call. If none has read before, one does that was entered before its probe was
 * there: what it gives is told by nobody. Not how much it is either, but that something was there,
 * and when, so that it is not taken for unanswered what was.
 */
static __always_inline void stream_missed(const struct zc_sock *s, __u64 pid_tgid, __u32 len)
{
	struct zc_stream_key key = {.tgid = (__u32)(pid_tgid >> 32), .stream = s->tls_stream};
	struct zc_stream *stream = bpf_map_lookup_elem(&zc_streams, &key);
	struct zc_ev_plain *p;

	if (!stream || stream->reads || stream->refused)
		return;
	p = bpf_ringbuf_reserve(&zc_ring, sizeof(*p), 0);
	if (!p) {
		__sync_fetch_and_add(&stream->lost, 1);
		count_lost(len);
		return;
	}
	__builtin_memset(p, 0, sizeof(*p));
	fill_head(&p->ev, ZC_EV_PLAIN, sizeof(*p), stream->id);
	p->ev.flags = ZC_PLAIN_INSIDE;
	p->sock = s->conn;
	p->pid = key.tgid;
	p->tid = (__u32)pid_tgid;
	p->seq = stream->pos[ZC_RX];
	p->orig_len = len;
	p->dir = ZC_RX;
	p->lib = s->tls_lib;
	p->writes = stream->begun;
	stream->pos[ZC_RX] += len;
	stream->reported = 1;
	bpf_ringbuf_submit(p, BPF_RB_NO_WAKEUP);
}

/*
 * How far the process has got on this connection: a client has read that much, a server written.
 * While it stands still after a ClientHello, no plaintext has gone through its library.
 */
static __always_inline __u32 progress(const struct zc_sock *s, const struct tcp_sock *tp)
{
	return s->role == ZC_ROLE_CLIENT ? tp->copied_seq : tp->write_seq;
}

/*
 * The first use of a socket, len octets just now: was its process probed before TLS went on? Where
 * a connection begins in clear (STARTTLS), TLS may be still to come.
 */
static __always_inline void note_hooked(struct zc_sock *s, const struct tcp_sock *tp, __u32 tgid,
					__u32 len, __u8 dir)
{
	__u32 now;

	if (s->tls_used)
		return;
	s->tls_used = 1;
	now = progress(s, tp);
	if (dir == (s->role == ZC_ROLE_CLIENT ? ZC_RX : ZC_TX))
		now -= len;
	s->hooked = !s->preexisting && (now == s->tls_from || (s->watched && !s->tls)) &&
		    !(task_flags(tgid) & ZC_TASK_HALF);
}

/* When the last octets left, if that was since then; those of now may have to wait. */
static __always_inline __u64 sent_since(const struct zc_sock *s, __u64 since)
{
	return s->sent_time >= since ? s->sent_time : bpf_ktime_get_ns();
}

/*
 * A process whose TLS libraries are probed has read or written len octets, up to seq. Returns 1 if
 * that happened inside a call: what the application itself reads or writes is told by that.
 */
static __always_inline int call_io(struct zc_sock *s, const struct tcp_sock *tp, __u64 pid_tgid,
				   __u32 seq, __u32 len, __u8 dir)
{
	struct zc_call *c;

	note_hooked(s, tp, (__u32)(pid_tgid >> 32), len, dir);
	c = call_current(pid_tgid, s->probes & PROBES_GO);
	if (!c) {
		if (s->tls != ZC_SOCK_TLS)
			return 0;
		if (dir == ZC_RX && s->tls_stream)
			stream_missed(s, pid_tgid, len);
		if (dir == ZC_RX)
			recent_io_read(s, pid_tgid, seq - len, len);
		else
			recent_io_wrote(s, pid_tgid, len);
		return 0;
	}
	if (c->sock && c->sock != s->conn)
		return 0; /* somebody who is asked on the way, about a certificate perhaps */
	s->tls = ZC_SOCK_TLS;
	s->tls_lib = c->lib;
	s->tls_stream = c->stream;
	c->sock = s->conn;
	c->refused = s->verdict == VERDICT_NO;
	c->fresh = s->hooked;
	c->polled = s->polled;
	if (c->func != ZC_TLS_PUSH && dir != (call_writes(c->func) ? ZC_TX : ZC_RX)) {
		c->wire_len = 0; /* a handshake inside: what counts comes after it */
		return 1;
	}
	if (!c->wire_len) {
		c->wire_seq = seq - len;
		c->wire_time = dir == ZC_RX ? arrival_of(s, seq - len) : sent_since(s, c->time);
	}
	c->wire_last = dir == ZC_RX ? arrival_of(s, seq - 1) : sent_since(s, c->time);
	c->wire_len += len;
	return 1;
}

/* The random of a ClientHello (RFC 8446 section 4.1.2) at the beginning of a record. */
#define HELLO_TYPE 5
#define HELLO_RANDOM 11

static __always_inline void note_hello(struct __sk_buff *skb, struct bpf_sock *sk,
				       struct zc_sock *s, __u32 off)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	__u8 type = 0;

	if (bpf_skb_load_bytes(skb, off + HELLO_TYPE, &type, 1) || type != 1)
		return;
	bpf_skb_load_bytes(skb, off + HELLO_RANDOM, s->random, sizeof(s->random));
	if (tp)
		s->tls_from = progress(s, tp);
}

/*
 * Does the socket speak TLS? A record begins with its type, 20 to 23, and a version 3.x, RFC 8446
 * section 5.1. Connections that change to TLS later show it within their first segments.
 */
static __always_inline void look_for_tls(struct __sk_buff *skb, struct bpf_sock *sk,
					 struct zc_sock *s, __u32 off, __u32 len)
{
	__u8 b[5];

	if (s->tls || len < sizeof(b) || bpf_skb_load_bytes(skb, off, b, sizeof(b)))
		return;
	if (b[0] >= 20 && b[0] <= 23 && b[1] == 3 && b[2] <= 4 && b[3] <= 66) {
		s->tls = ZC_SOCK_TLS;
		s->tls_first =
			!s->preexisting && b[0] == 22 && !s->bytes[ZC_RX] && !s->bytes[ZC_TX];
		if (b[0] == 22)
			note_hello(skb, sk, s, off);
	}
	else if (!s->preexisting && ++s->looked >= 8) /* we may have joined within a long record */
		s->tls = ZC_SOCK_CLEAR;
}

#endif
