/*
 * task.h - the same of any task, in programs that are relocated
 */
#ifndef ZC_BPF_TASK_H
#define ZC_BPF_TASK_H

#include "bpf/pidns.h"

/* The number of pid, which is `number` in the first namespace, as the one that traces has it. */
static __always_inline __u32 pid_number(const struct pid *pid, __u32 number)
{
	struct upid id = {};
	__u32 level;

	level = BPF_CORE_READ(pid, level);
	bpf_probe_read_kernel(&id.nr, sizeof(id.nr),
			      (const char *)pid + bpf_core_field_offset(struct pid, numbers) +
				      level * bpf_core_type_size(struct upid) +
				      bpf_core_field_offset(struct upid, nr));
	bpf_probe_read_kernel(&id.ns, sizeof(id.ns),
			      (const char *)pid + bpf_core_field_offset(struct pid, numbers) +
				      level * bpf_core_type_size(struct upid) +
				      bpf_core_field_offset(struct upid, ns));
	return BPF_CORE_READ(id.ns, ns.inum) == zc_cfg.pidns_ino ? (__u32)id.nr :
								    number | ZC_PID_FOREIGN;
}

/* The number of its process. */
static __always_inline __u32 task_tgid(const struct task_struct *task)
{
	__u32 tgid = (__u32)BPF_CORE_READ(task, tgid);

	return zc_cfg.pidns_ino ? pid_number(BPF_CORE_READ(task, group_leader, thread_pid), tgid)
				: tgid;
}

static __always_inline __u32 task_tid(const struct task_struct *task)
{
	__u32 tid = (__u32)BPF_CORE_READ(task, pid);

	return zc_cfg.pidns_ino ? pid_number(BPF_CORE_READ(task, thread_pid), tid) : tid;
}

#endif
