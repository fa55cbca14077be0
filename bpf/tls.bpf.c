/*
 * tls.bpf.c - plaintext at the boundary of TLS libraries
 *
 * What a call read or wrote is told when it has returned: only then is it known how much it was,
 * and a call that is tried again is counted once. A stream is one object of a library; its octets
 * have positions, counted here, so that a lost record shows as a gap.
 */
#include <linux/ptrace.h>
#include "bpf/goroutine.h"

char LICENSE[] SEC("license") = "GPL";

#if defined(__TARGET_ARCH_x86)
#define RETURN_POPS 8 /* the return address */
#else
#define RETURN_POPS 0
#endif

/* ---- streams */

/*
 * A frame of its own, which is gone when larger ones are needed: 512 octets are all that there are.
 */
static __noinline void stream_make(const struct zc_stream_key *key)
{
	struct zc_stream new = {};
	struct zc_shared *sh = shared();

	if (!sh)
		return;
	new.id = ZC_TLS_STREAM | (__sync_fetch_and_add(&sh->streams, 1) + 1);
	bpf_map_update_elem(&zc_streams, key, &new, BPF_NOEXIST);
}

static __always_inline struct zc_stream *stream_get(__u32 tgid, __u64 addr)
{
	struct zc_stream_key key = {.tgid = tgid, .stream = addr};
	struct zc_stream *s = bpf_map_lookup_elem(&zc_streams, &key);

	if (s)
		return s;
	stream_make(&key);
	return bpf_map_lookup_elem(&zc_streams, &key);
}

static __always_inline void stream_close(struct zc_stream *s)
{
	if (!s->reported)
		return;
	s->reported = 0;
	if (!close_send(s->id, 0, s->bytes, s->skipped, s->lost, 0, 0, 0, 0))
		count_lost(0);
}

/* The object serves another connection now: what was is another stream. */
static __always_inline void stream_renew(struct zc_stream *s)
{
	struct zc_shared *sh = shared();

	stream_close(s);
	__builtin_memset(s, 0, sizeof(*s));
	if (sh)
		s->id = ZC_TLS_STREAM | (__sync_fetch_and_add(&sh->streams, 1) + 1);
}

/* ---- plaintext */

/* One call's plaintext, and the record of it that is being made. */
struct parts {
	__u64 buf; /* of the first octet that is left */
	__u64 from; /* of the first that is copied into this record */
	__u64 id;
	__u64 sock, call_time, wire_time, wire_last;
	__u32 wire_len, wire_seq;
	__u32 pid, tid;
	__u32 seq, orig_len, cap_off, cap_len;
	__u32 lost, writes;
	__u32 left;
	__u32 skip_to, cap; /* what user space wants */
	__u16 flags;
	__u8 dir, lib;
	__u8 failed; /* there was no room */
	__u8 last;
};

static __always_inline void plain_fill(struct zc_ev_plain *ev, const struct parts *t)
{
	struct task_times task;

	fill_head(&ev->ev, ZC_EV_PLAIN, 0, t->id);
	ev->ev.flags = t->flags;
	ev->sock = t->sock;
	ev->call_time = t->call_time;
	ev->wire_time = t->wire_time;
	ev->wire_last = t->wire_last;
	ev->wire_len = t->wire_len;
	ev->wire_seq = t->wire_seq;
	ev->pid = t->pid;
	ev->tid = t->tid;
	ev->seq = t->seq;
	ev->orig_len = t->orig_len;
	ev->lost = t->lost;
	ev->dir = t->dir;
	ev->lib = t->lib;
	task_read(&task);
	ev->age = age_of(task.start, ev->ev.time);
	ev->writes = t->last || t->dir == ZC_RX ? t->writes : 0;
	ev->sleeps = task.sleeps;
}

#define PLAIN_EMIT(SZ)                                                                             \
	do {                                                                                       \
		struct zc_ev_plain *ev = bpf_ringbuf_reserve(&zc_ring, sizeof(*ev) + (SZ), 0);     \
                                                                                                   \
		if (!ev)                                                                           \
			return 0;                                                                  \
		LESS_ONE(n);                                                                       \
		if (n < (SZ) && !bpf_probe_read_user(ev + 1, n + 1, (const void *)t->from))        \
			n++;                                                                       \
		else                                                                               \
			n = 0;                                                                     \
		plain_fill(ev, t);                                                                 \
		ev->cap_off = n ? t->cap_off : 0;                                                  \
		ev->cap_len = n;                                                                   \
		ev->ev.size = sizeof(*ev) + n;                                                     \
		bpf_ringbuf_submit(ev, ring_flags());                                              \
	} while (0)

/* One record; a global function for the verifier's sake, like seg_emit. 0: there was no room. */
__noinline int plain_emit(const struct parts *t)
{
	__u32 n;

	if (!t)
		return 0;
	n = t->cap_len;
	if (n > ZC_MAX_CAPTURE)
		n = ZC_MAX_CAPTURE;
	if (!n)
		PLAIN_EMIT(0);
	else if (n <= 128)
		PLAIN_EMIT(128);
	else if (n <= 512)
		PLAIN_EMIT(512);
	else if (n <= 1024)
		PLAIN_EMIT(1024);
	else if (n <= 4096)
		PLAIN_EMIT(4096);
	else if (n <= 16384)
		PLAIN_EMIT(16384);
	else
		PLAIN_EMIT(65536);
	return 1;
}

#define PLAIN_PARTS 16 /* of one call; what is longer than that is not copied to its end */

/* What is wanted of the next octets, at most ZC_MAX_CAPTURE of them. */
static __always_inline void part_wanted(struct parts *t)
{
	__u32 n = t->orig_len, skip = t->skip_to - t->seq;

	if (skip > ZC_POLICY_AHEAD)
		skip = 0;
	if (skip > n)
		skip = n;
	n -= skip;
	if (n > t->cap)
		n = t->cap;
	t->cap_off = skip;
	t->cap_len = lag_limit(n < ZC_MAX_CAPTURE ? n : ZC_MAX_CAPTURE);
	t->from = t->buf + skip;
}

/*
 * The next record. A global function, so that the verifier knows nothing of what it is called with.
 */
__noinline int part_send(struct parts *t)
{
	if (!t)
		return 0;
	t->orig_len = t->left > ZC_MAX_CAPTURE && !t->last ? ZC_MAX_CAPTURE : t->left;
	t->left -= t->orig_len;
	t->last = !t->left;
	part_wanted(t);
	if (plain_emit(t))
		t->lost = 0;
	else
		t->failed = 1;
	t->seq += t->orig_len;
	t->buf += t->orig_len;
	return 0;
}

/*
 * Global as well: the verifier walks its rounds once, not once for each way that leads here. And
 * there is to be one call: Linux 7 analyses what is called for each place that calls it.
 */
__noinline int parts_send(struct parts *t)
{
	if (!t)
		return 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < PLAIN_PARTS; i++) {
		t->last = i == PLAIN_PARTS - 1;
		part_send(t);
		if (!t->left)
			break;
	}
	return 0;
}

/* n octets went through the library at buf. */
__noinline int stream_send(struct zc_stream *s, struct parts *t, __u32 n)
{
	const struct zc_policy *policy;
	__u32 dir, lost;

	if (!s || !t)
		return 0;
	policy = policy_of(s->id);
	dir = t->dir & 1;
	lost = s->lost;
	t->id = s->id;
	t->seq = s->pos[dir];
	t->lost = lost;
	t->left = n;
	t->skip_to = policy ? policy->dir[dir].skip_to : t->seq;
	t->cap = policy ? policy->dir[dir].cap : ZC_MAX_CAPTURE;
	s->pos[dir] += n;
	s->bytes[dir] += n;
	if (policy && policy->quiet) {
		s->skipped[dir] += n;
		return 0;
	}
	if (!n && !s->reported)
		return 0;
	s->reported = 1;
	parts_send(t);
	if (t->failed) {
		__sync_fetch_and_add(&s->lost, 1);
		count_lost(n);
	} else if (lost) {
		__sync_fetch_and_sub(&s->lost, lost);
	}
	return 0;
}

/* ---- where no socket was used inside */

/* The thread has read for this stream, which is known by the handshake. */
static __always_inline void recent_io_fact(struct parts *t, struct zc_stream *s,
					   const struct zc_recent_io *recent)
{
	if (!s->sock) {
		s->sock = recent->sock;
		s->refused = recent->refused;
		s->fresh = recent->fresh;
		s->memory = 1;
	}
	if (recent->sock == s->sock) {
		t->wire_time = recent->time;
		t->wire_len = recent->len;
		t->wire_seq = recent->seq;
	}
}

static __always_inline void recent_io_reading(struct parts *t, __u64 pid_tgid, __u64 addr,
					 struct zc_stream *s, __u32 n)
{
	struct zc_recent_io *recent = bpf_map_lookup_elem(&zc_recent_ios, &pid_tgid);
	const struct zc_policy *policy;
	int same, mine, again;

	if (!recent || !recent->sock)
		return;
	mine = !recent->by || recent->by == addr;
	again = recent->by == addr;
	if (!recent->by)
		recent->by = addr;
	recent->lib = t->lib;
	same = s->sock ? (recent->sock == s->sock ? FITS : FITS_NOT) :
			 random_fits((__u32)(pid_tgid >> 32), t->lib, addr, recent->random);
	if (same == FITS)
		recent_io_fact(t, s, recent);
	if (same != FITS_UNKNOWN || !mine || recent->mixed)
		return; /* known by now, or known better, or somebody else has used it */
	if (n) {
		t->sock = recent->sock;
		t->wire_time = recent->time;
		t->wire_len = recent->len;
		t->flags = ZC_PLAIN_BEFORE | recent_io_flags(recent, recent->fresh);
		return;
	}
	policy = policy_of(s->id);
	if (!again && (!policy || !(policy->frames & ZC_POLICY_BOUND)))
		emit_bind(s->id, recent, recent->sock, recent->fresh, 0, recent->len, ZC_RX,
			  pid_tgid);
}

static __always_inline void recent_io_writing(__u64 pid_tgid, const struct zc_stream *s, __u64 addr,
					 __u32 n, __u8 lib)
{
	struct zc_recent_io *recent = bpf_map_lookup_elem(&zc_recent_ios, &pid_tgid);
	const struct zc_policy *policy = policy_of(s->id);

	if (s->sock || (policy && policy->frames & ZC_POLICY_BOUND)) {
		if (recent)
			/* another's write is no evidence of the next send */
			recent->wrote_mixed = 1;
		return;
	}
	if (!recent)
		recent = recent_io_get(pid_tgid);
	if (!recent)
		return;
	if (recent->wrote && recent->wrote != addr)
		recent->wrote_mixed = 1;
	recent->wrote = addr;
	recent->wrote_id = s->id;
	recent->plain += n;
	recent->lib = lib;
}

/* ---- calls */

/* Another thread may read the answer before this one has returned: see zc_ev_plain.writes. */
static __always_inline void call_number(struct zc_call *c, __u32 tgid)
{
	struct zc_stream *s = call_writes(c->func) ? stream_get(tgid, c->stream) : 0;

	if (s)
		c->number = __sync_fetch_and_add(&s->begun, 1) + 1;
}

/* It has not returned, and never will: the stack was left in another way. */
static __always_inline void call_lost(__u32 tgid, const struct zc_call *c)
{
	struct zc_stream_key key = {.tgid = tgid, .stream = c->stream};
	struct zc_stream *s = bpf_map_lookup_elem(&zc_streams, &key);

	if (s)
		__sync_fetch_and_add(&s->lost, 1);
}

/*
 * It has jumped to the next one (SSL_accept to SSL_do_handshake, SSL_write_ex to SSL_write_ex2),
 * and returns with that. Of a handshake that never returns, nothing is missed either.
 */
static __always_inline int call_jumped(const struct zc_call *c, const struct zc_call *to)
{
	return c->func == ZC_TLS_PUSH || (c->sp == to->sp && c->stream == to->stream &&
					  c->buf == to->buf && c->func != to->func);
}

/*
 * Inside another call that one counts, or it is TLS within TLS. But what reads or shakes hands may
 * call the application back, which then writes (Node's secureConnect): no library does by itself.
 */
static __always_inline void call_begin(struct zc_call_key *key, struct zc_call *c)
{
	struct zc_call *now = bpf_map_lookup_elem(&zc_calls, key);

	if (now && now->func && now->sp > c->sp) {
		if (now->stream != c->stream || call_writes(now->func) || !call_writes(c->func))
			return;
		key->inner = 1;
		now = bpf_map_lookup_elem(&zc_calls, key);
		if (now && now->func && now->sp > c->sp)
			return;
	}
	if (now && now->func && call_jumped(now, c))
		c->number = now->number;
	else if (now && now->func)
		call_lost(key->tgid, now);
	c->time = bpf_ktime_get_ns();
	if (!c->number)
		call_number(c, key->tgid);
	if (now)
		*now = *c;
	else
		bpf_map_update_elem(&zc_calls, key, c, BPF_ANY);
}

/* Which connection the object serves now, as far as this call tells. */
static __always_inline void call_socket(struct zc_stream *s, const struct zc_call *c)
{
	if (s->closed && c->time > s->closed)
		stream_renew(s);
	if (c->sock && s->sock && s->sock != c->sock)
		stream_renew(s);
	if (!call_writes(c->func))
		s->reads = 1;
	if (!c->sock)
		return;
	s->sock = c->sock;
	s->refused = c->refused;
	s->fresh = c->fresh;
}

/* A goroutine is not a thread: what that did before is no evidence. */
__noinline int call_recent_io(struct parts *t, struct zc_stream *s, const struct zc_call *c,
			      __u64 pid_tgid, __u32 n)
{
	if (!t || !s || !c)
		return 0;
	if (c->lib == ZC_TLS_GO || (s->sock && !s->memory))
		return 0;
	if (t->dir == ZC_RX)
		recent_io_reading(t, pid_tgid, c->stream, s, n);
	/* a handshake has something to say even if nothing was to be written */
	if (t->dir == ZC_TX ? n != 0 : !n && !s->bytes[ZC_RX] && !s->bytes[ZC_TX])
		recent_io_writing(pid_tgid, s, c->stream, n, c->lib);
	return 0;
}

static __always_inline void call_fill(struct parts *t, const struct zc_stream *s,
				      const struct zc_call *c, __u64 pid_tgid)
{
	t->lib = c->lib;
	t->dir = call_writes(c->func) ? ZC_TX : ZC_RX;
	t->writes = t->dir == ZC_TX ? c->number : s->begun;
	t->wire_time = c->wire_time;
	t->wire_last = c->wire_last;
	t->wire_len = c->wire_len;
	t->wire_seq = c->wire_seq;
	t->buf = c->buf;
	t->call_time = c->time;
	t->pid = (__u32)(pid_tgid >> 32);
	t->tid = (__u32)pid_tgid;
}

/* The call has returned, and n octets went through it. */
static __always_inline void call_done(const struct zc_call *c, __u64 pid_tgid, __u32 n)
{
	struct zc_stream *s = stream_get((__u32)(pid_tgid >> 32), c->stream);
	struct parts t = {};

	if (!s)
		return;
	call_socket(s, c);
	if (!n && !call_writes(c->func) && s->sock && !s->memory && !s->refused)
		return; /* there was nothing to read, and its socket is known */
	call_fill(&t, s, c, pid_tgid);
	call_recent_io(&t, s, c, pid_tgid, n);
	if (s->sock) { /* without c->sock, this may be what was left of an earlier read */
		t.sock = s->sock;
		t.flags = ZC_PLAIN_INSIDE | (s->fresh ? ZC_PLAIN_FRESH : 0);
	}
	t.flags |= ZC_PLAIN_TASK | (s->blocking ? 0 : ZC_PLAIN_POLLED);
	if (s->refused) {
		stream_close(s);
		s->pos[t.dir & 1] += n;
	} else if (n || (t.writes && t.dir == ZC_TX)) {
		stream_send(s, &t, n); /* a write that failed is told for its number */
	}
}

/* How many octets the library says it has read or written. */
static __always_inline __u32 call_result(const struct zc_call *c, __s64 rc)
{
	__u64 n = 0;

	if (c->func == ZC_TLS_PUSH)
		return 0;
	if (!c->out) {
		if (c->func != ZC_TLS_SENDFILE)
			rc = (__s32)rc;
		return rc > 0 && rc <= 0x7fffffff ? (__u32)rc : 0;
	}
	if ((__s32)rc <= 0 || bpf_probe_read_user(&n, sizeof(n), (const void *)c->out))
		return 0;
	return n <= 0x7fffffff ? (__u32)n : 0;
}

static __always_inline int stream_free(__u32 tgid, __u64 addr)
{
	struct zc_stream_key key = {.tgid = tgid, .stream = addr};
	struct zc_stream *s = bpf_map_lookup_elem(&zc_streams, &key);

	if (!s)
		return 0;
	stream_close(s);
	bpf_map_delete_elem(&zc_streams, &key);
	return 0;
}

static __always_inline void on_fault(struct zc_call *c, __u64 pid_tgid, __u32 reason)
{
	struct zc_stream *s = stream_get((__u32)(pid_tgid >> 32), c->stream);
	struct zc_ev_fault *f;

	if (!s || s->refused)
		return;
	f = bpf_ringbuf_reserve(&zc_ring, sizeof(*f), 0);
	if (!f) {
		count_lost(0);
		return;
	}
	fill_head(&f->ev, ZC_EV_FAULT, sizeof(*f), s->id);
	f->sock = c->sock ? c->sock : s->sock;
	f->pid = (__u32)(pid_tgid >> 32);
	f->tid = (__u32)pid_tgid;
	f->reason = reason;
	f->lib = c->lib;
	__builtin_memset(f->pad, 0, sizeof(f->pad));
	bpf_ringbuf_submit(f, BPF_RB_NO_WAKEUP);
	s->reported = 1;
}

#define ERR_LIB_SSL_3 20 /* OpenSSL, all versions */
#define ERR_LIB_SSL_B 16 /* BoringSSL */

/* which: the part of the library that reports. */
static __always_inline void on_error(__u8 lib, __u32 which, __u32 reason, __u64 pid_tgid)
{
	struct zc_call *c = call_current(pid_tgid, 1);

	if (c && which == (lib == ZC_TLS_BORINGSSL ? ERR_LIB_SSL_B : ERR_LIB_SSL_3))
		on_fault(c, pid_tgid, reason);
}

/* Not of a stream that begins while points are put in: something of it might be missed. */
static __always_inline int call_counts(__u32 tgid, __u64 addr, __u64 cookie)
{
	struct zc_stream_key key = {.tgid = tgid, .stream = addr};
	__u32 flags = task_flags(tgid);

	if (cookie & ZC_TLS_BORN && !(flags & ZC_TASK_BORN))
		return 0;
	return flags & ZC_TASK_TLS &&
	       (!(flags & ZC_TASK_HALF) || bpf_map_lookup_elem(&zc_streams, &key));
}

/* Every function of the libraries in C; the cookie says which it is. */
SEC("uprobe")
int tls_enter(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx), pid_tgid = current_pid_tgid();
	struct zc_call_key key = {.tgid = (__u32)(pid_tgid >> 32), .who = (__u32)pid_tgid};
	struct zc_call c = {.func = (__u8)cookie, .lib = (__u8)(cookie >> 8)};
	__u64 a1 = PT_REGS_PARM1(ctx), a2 = PT_REGS_PARM2(ctx), a3 = PT_REGS_PARM3(ctx);
	__u64 a4 = PT_REGS_PARM4(ctx), a5 = PT_REGS_PARM5(ctx);

	/* each read here, at its own offset: the verifier forbids a computed one */
	barrier_var(a1);
	barrier_var(a2);
	barrier_var(a3);
	barrier_var(a4);
	barrier_var(a5);
	OWN_STACK(ctx);
	if (!call_counts(key.tgid, a1, cookie))
		return 0;
	if (c.func == ZC_TLS_FREE)
		return stream_free(key.tgid, a1);
	if (c.func == ZC_TLS_ERROR || c.func == ZC_TLS_ERROR_PUT) {
		on_error(c.lib, (__u32)a1, (__u32)(c.func == ZC_TLS_ERROR ? a2 : a3), pid_tgid);
		return 0;
	}
	c.stream = a1;
	c.buf = c.func == ZC_TLS_SENDFILE ? 0 : a2;
	c.sp = PT_REGS_SP(ctx);
	if (c.func == ZC_TLS_READ_EX || c.func == ZC_TLS_WRITE_EX)
		c.out = a4;
	else if (c.func == ZC_TLS_WRITE_EX2)
		c.out = a5;
	call_begin(&key, &c);
	return 0;
}

/* The call that returns here, with the stack as it was when it began. */
static __always_inline struct zc_call *call_returning(struct zc_call_key *key, __u64 sp)
{
	struct zc_call *outer = call_of(key), *c;

	if (!outer || outer->sp == sp)
		return outer;
	key->inner = 1;
	c = call_of(key);
	if (!c || c->sp != sp)
		return 0;
	if (!c->sock) { /* sockets are noted with the outermost call */
		c->sock = outer->sock;
		c->refused = outer->refused;
		c->fresh = outer->fresh;
	}
	return c;
}

SEC("uretprobe")
int tls_leave(struct pt_regs *ctx)
{
	__u64 pid_tgid = current_pid_tgid();
	struct zc_call_key key = {.tgid = (__u32)(pid_tgid >> 32), .who = (__u32)pid_tgid};
	struct zc_call *c;

	OWN_STACK(ctx);
	c = call_returning(&key, PT_REGS_SP(ctx) - RETURN_POPS);
	if (!c)
		return 0;
	call_done(c, pid_tgid, call_result(c, (__s64)PT_REGS_RC(ctx)));
	c->func = 0;
	return 0;
}

#if defined(__TARGET_ARCH_x86)
/* ABIInternal of Go: arguments and results in AX, BX, CX, ..., the goroutine in R14. */
#define GO_G(ctx) ((ctx)->r14)
#define GO_1(ctx) ((ctx)->rax)
#define GO_2(ctx) ((ctx)->rbx)
#elif defined(__TARGET_ARCH_arm64)
#define GO_G(ctx) (((struct user_pt_regs *)(ctx))->regs[28])
#define GO_1(ctx) (((struct user_pt_regs *)(ctx))->regs[0])
#define GO_2(ctx) (((struct user_pt_regs *)(ctx))->regs[1])
#else
#error "no register convention of Go known here"
#endif

#define GO_TLS_SLOTS 16

#define GO_TEXT (1ull << 29) /* no program's code is larger */
#define GO_RUNNING 2	     /* _Grunning */

static __always_inline __u64 go_word(__u64 g, __u32 i)
{
	__u64 w = 0;

	bpf_probe_read_user(&w, sizeof(w), (void *)(g + i * 8ull));
	return w;
}

static __always_inline int go_is_code(__u64 w, __u64 ip)
{
	return w - ip + GO_TEXT < 2 * GO_TEXT;
}

/*
 * Go's type g (runtime/runtime2.go) differs between versions. The number of its parent, the place
 * of the go statement, ancestors (none) and the function follow one another (Go 1.22 to 1.26
 * tried); its own number follows its status, in one of two places.
 */
static __noinline void go_fields(__u64 g, __u64 ip, struct zc_go *go)
{
	__u64 a = 0, b = 0, c = 0, d = 0;

	if (go_word(g, 18) == GO_RUNNING)
		go->id = 19 * 8;
	else if (go_word(g, 19) == GO_RUNNING)
		go->id = 20 * 8;
	for (__u32 i = 21; i < 56; i++) {
		a = b;
		b = c;
		c = d;
		d = go_word(g, i);
		if (a && a < 1ull << 40 && !c && go_is_code(b, ip) && go_is_code(d, ip)) {
			go->parent = (i - 3) * 8;
			return;
		}
	}
}

/* Where threads of this process keep their goroutine, and it its number; found once. */
static __always_inline void go_learn(__u32 tgid, __u64 g, __u64 ip)
{
	struct zc_shared *sh = shared();
	struct zc_go go = {};
	__u64 fs;

	if (!sh || bpf_map_lookup_elem(&zc_gos, &tgid))
		return;
	fs = fs_base();
	if (!fs)
		return;
	for (int i = 1; i <= GO_TLS_SLOTS; i++) {
		__u64 there = 0;

		go.off = -8 * i;
		if (bpf_probe_read_user(&there, sizeof(there), (void *)(fs + (__u64)go.off)) ||
		    there != g)
			continue;
		go_fields(g, ip, &go);
		bpf_map_update_elem(&zc_gos, &tgid, &go, BPF_ANY);
		__sync_fetch_and_add(&sh->marks, 1); /* its sockets ask again */
		return;
	}
}

/* Another goroutine's write may be on its way out, so the stream is kept for a while. */
static __always_inline int go_closed(__u32 tgid, __u64 addr)
{
	struct zc_stream_key key = {.tgid = tgid, .stream = addr};
	struct zc_stream *s = bpf_map_lookup_elem(&zc_streams, &key);

	if (!s || s->closed)
		return 0;
	s->closed = bpf_ktime_get_ns();
	stream_close(s);
	return 0;
}

SEC("uprobe")
int tls_go_enter(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx), pid_tgid = current_pid_tgid();
	struct zc_call_key key = {.tgid = (__u32)(pid_tgid >> 32), .who = GO_G(ctx)};
	struct zc_call c = {.func = (__u8)cookie, .lib = ZC_TLS_GO};
	struct zc_call *before;

	OWN_STACK(ctx);
	if (!call_counts(key.tgid, GO_1(ctx), cookie))
		return 0;
	if (c.func == ZC_TLS_FREE)
		return go_closed(key.tgid, GO_1(ctx));
	if (c.func == ZC_GO_ROUNDTRIP) {
		go_learn(key.tgid, key.who, PT_REGS_IP(ctx));
		goroutine_asks(key.tgid, GO_1(ctx), key.who);
		return 0;
	}
	if (c.func == ZC_GO_FLUSH) {
		goroutine_flushes(key.tgid, GO_1(ctx), key.who);
		return 0;
	}
	if (c.func == ZC_TLS_PUSH && bpf_map_lookup_elem(&zc_calls, &key))
		return 0; /* a handshake inside a read or a write */
	go_learn(key.tgid, key.who, PT_REGS_IP(ctx));
	c.stream = GO_1(ctx);
	c.buf = GO_2(ctx);
	c.time = bpf_ktime_get_ns();
	before = bpf_map_lookup_elem(&zc_calls, &key);
	if (before && before->func == c.func && before->stream == c.stream)
		return 0; /* the function has grown its stack and begins again */
	call_number(&c, key.tgid);
	bpf_map_update_elem(&zc_calls, &key, &c, BPF_ANY);
	return 0;
}

/* At each RET: a uretprobe would change a stack that Go moves. */
SEC("uprobe")
int tls_go_leave(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx), pid_tgid = current_pid_tgid();
	struct zc_call_key key = {.tgid = (__u32)(pid_tgid >> 32), .who = GO_G(ctx)};
	struct zc_call *c;
	__s64 n = (__s64)GO_1(ctx);

	OWN_STACK(ctx);
	c = bpf_map_lookup_elem(&zc_calls, &key);
	if (!c || c->func != (__u8)cookie)
		return 0;
	if (c->func == ZC_TLS_PUSH)
		n = 0;
	call_done(c, pid_tgid, n > 0 && n <= 0x7fffffff ? (__u32)n : 0);
	bpf_map_delete_elem(&zc_calls, &key);
	return 0;
}
