/*
 * process.h - processes: who is selected, and who becomes so
 *
 * A child is what its parent is from its first instruction; a name is judged anew at each exec.
 * A path that no inode check settles is left to user space, which is woken at once.
 */
#ifndef ZC_BPF_PROCESS_H
#define ZC_BPF_PROCESS_H

#include "bpf/task.h"

/* Files of interest, found before the start or since: ZC_EXE_* */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct zc_inode);
	__type(value, __u32);
} zc_exes SEC(".maps");

#define COMM_LEN 16

/* Matches a glob of * and ? against a name; both end with NUL within COMM_LEN octets. */
static __always_inline int glob_fits(const volatile char *glob, const char *name)
{
	__u32 g = 0, n = 0, star = 0, mark = 0; /* star: where to go on after the last *, 0: none */

	for (int i = 0; i < COMM_LEN * COMM_LEN; i++) {
		char gc = glob[g & (COMM_LEN - 1)], nc = name[n & (COMM_LEN - 1)];

		if (g < COMM_LEN && gc == '*') {
			star = ++g;
			mark = n;
			continue;
		}
		if (n >= COMM_LEN || !nc)
			return g >= COMM_LEN || !gc;
		if (g < COMM_LEN && (gc == '?' || (gc && gc == nc))) {
			g++;
			n++;
			continue;
		}
		if (!star)
			return 0;
		g = star;
		n = ++mark;
	}
	return 0;
}

static __always_inline int comm_selected(const char *comm)
{
	for (__u32 i = 0; i < ZC_MAX_GLOBS; i++) {
		if (i >= zc_cfg.ncomm)
			break;
		if (glob_fits(zc_cfg.comm[i], comm))
			return 1;
	}
	return 0;
}

static __always_inline void emit_process(const struct task_struct *task, __u32 what, __u32 flags,
					 const char *file)
{
	struct zc_ev_process *p = bpf_ringbuf_reserve(&zc_ring, sizeof(*p), 0);

	if (!p) {
		count_lost(0);
		return;
	}
	fill_head(&p->ev, ZC_EV_PROCESS, sizeof(*p), 0);
	p->pid = task_tgid(task);
	p->ppid = task_tgid(BPF_CORE_READ(task, real_parent));
	p->what = what;
	p->flags = flags;
	bpf_probe_read_kernel(p->comm, sizeof(p->comm), task->comm);
	__builtin_memset(p->file, 0, sizeof(p->file));
	if (file)
		bpf_probe_read_kernel_str(p->file, sizeof(p->file), file);
	bpf_ringbuf_submit(p, what == ZC_PROC_EXEC || what == ZC_PROC_FORK ? BPF_RB_FORCE_WAKEUP
									   : BPF_RB_NO_WAKEUP);
}

/* Sets or clears the bit that a name gives. */
static __always_inline void name_bit(__u32 tgid, int fits)
{
	__u32 *f;

	if (fits) {
		task_add(tgid, ZC_TASK_NAME);
		return;
	}
	f = bpf_map_lookup_elem(&zc_tasks, &tgid);
	if (f)
		__sync_fetch_and_and(f, ~ZC_TASK_NAME);
}

/* Who makes a call may be a thread that was begun for it. */
static __always_inline void emit_thread(const struct task_struct *by,
					const struct task_struct *task, __u32 tgid)
{
	struct zc_ev_thread *t = bpf_ringbuf_reserve(&zc_ring, sizeof(*t), 0);

	if (!t) {
		count_lost(0);
		return;
	}
	fill_head(&t->ev, ZC_EV_THREAD, sizeof(*t), 0);
	t->pid = tgid;
	t->tid = task_tid(task);
	t->by = task_tid(by);
	t->pad = 0;
	bpf_ringbuf_submit(t, BPF_RB_NO_WAKEUP);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(task_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 flags, ptgid = task_tgid(parent), tgid = task_tgid(child);

	flags = task_flags(ptgid);
	if (!flags)
		return 0;
	if (tgid == ptgid) {
		emit_thread(parent, child, tgid);
		return 0;
	}
	if (flags & ZC_TASK_FORKS)
		flags = (flags & ~ZC_TASK_FORKS) | ZC_TASK_BORN;
	else if (!zc_cfg.all && !(flags & ZC_TASK_BORN))
		flags &= ~ZC_TASK_TLS; /* its own probes are yet to come */
	task_add(tgid, flags);
	emit_process(child, ZC_PROC_FORK, flags, 0);
	return 0;
}

static __always_inline __u32 exe_bits(struct linux_binprm *bprm)
{
	struct inode *inode = BPF_CORE_READ(bprm, file, f_inode);
	struct zc_inode key = {};
	__u32 *bits;

	if (!zc_cfg.nexe && !zc_cfg.by_port)
		return 0;
	key.ino = BPF_CORE_READ(inode, i_ino);
	key.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	bits = bpf_map_lookup_elem(&zc_exes, &key);
	return bits ? *bits : 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(task_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	__u32 tgid = task_tgid(task), exe = exe_bits(bprm);
	char comm[COMM_LEN] = {};

	if (zc_cfg.ncomm || zc_cfg.nexe) {
		bpf_probe_read_kernel(comm, sizeof(comm), task->comm);
		name_bit(tgid, comm_selected(comm) || (exe & ZC_EXE_FITS));
	}
	if (exe || zc_cfg.nexe || task_flags(tgid))
		emit_process(task, ZC_PROC_EXEC, task_flags(tgid), bprm->filename);
	return 0;
}

SEC("tp_btf/task_rename")
int BPF_PROG(task_rename, struct task_struct *task, const char *comm)
{
	char name[COMM_LEN] = {};

	/* threads have names of their own, and exec is judged where it is complete */
	if (!zc_cfg.ncomm || task->pid != task->tgid)
		return 0;
	bpf_probe_read_kernel_str(name, sizeof(name), comm);
	if (!comm_selected(name))
		return 0;
	if (task_flags(task_tgid(task)) & ZC_TASK_NAME)
		return 0;
	task_add(task_tgid(task), ZC_TASK_NAME);
	emit_process(task, ZC_PROC_RENAME, ZC_TASK_NAME, 0);
	return 0;
}

#define SIGNAL_GROUP_EXIT_ 4u /* include/linux/sched/signal.h */

/*
 * The process is ended while this thread is in a call that has written: what that was can be told
 * no more, but that something was. Its sockets are closed after this.
 */
static __always_inline void call_abandoned(__u32 tgid, const struct zc_call *c)
{
	struct zc_stream_key of = {.tgid = tgid, .stream = c->stream};
	struct zc_stream *s;

	s = call_writes(c->func) && c->wire_len ? bpf_map_lookup_elem(&zc_streams, &of) : 0;
	if (s && s->reported &&
	    close_send(s->id, 0, s->bytes, s->skipped, s->lost + 1, 0, 0, 0, 0))
		s->reported = 0;
}

/* This thread ends. */
static __always_inline void calls_end(__u32 tgid, int killed)
{
	struct zc_call_key key = {.tgid = tgid, .who = (__u32)current_pid_tgid()};
	struct zc_call *c = bpf_map_lookup_elem(&zc_calls, &key);

	if (!c)
		return;
	if (killed && c->func)
		call_abandoned(tgid, c);
	bpf_map_delete_elem(&zc_calls, &key);
	key.inner = 1;
	bpf_map_delete_elem(&zc_calls, &key);
}

static long call_end_go(const void *calls, const struct zc_call_key *key, struct zc_call *c,
			__u32 *tgid)
{
	struct zc_call_key of = *key;

	if (of.tgid != *tgid)
		return 0;
	call_abandoned(of.tgid, c);
	bpf_map_delete_elem(&zc_calls, &of);
	return 0;
}

/* The process ends: calls of goroutines end with it, whatever thread they were on. */
static __always_inline void calls_end_go(__u32 tgid)
{
	if (!bpf_map_delete_elem(&zc_gos, &tgid))
		bpf_for_each_map_elem(&zc_calls, call_end_go, &tgid, 0);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(task_exit, struct task_struct *task)
{
	__u32 flags, tgid = task_tgid(task);

	if (task_flags(tgid) & ZC_TASK_TLS)
		calls_end(tgid, task->signal->flags & SIGNAL_GROUP_EXIT_);
	if (task->signal->live.counter > 0) /* other threads go on */
		return 0;
	flags = task_flags(tgid);
	if (!flags)
		return 0;
	if (flags & ZC_TASK_TLS)
		calls_end_go(tgid);
	bpf_map_delete_elem(&zc_tasks, &tgid);
	emit_process(task, ZC_PROC_EXIT, flags, 0);
	return 0;
}

#endif
