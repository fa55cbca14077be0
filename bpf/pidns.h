/*
 * pidns.h - processes by the numbers that user space knows them by
 *
 * In a PID namespace those are the namespace's. A process of another one has none: it is numbered
 * from ZC_PID_FOREIGN on.
 */
#ifndef ZC_BPF_PIDNS_H
#define ZC_BPF_PIDNS_H

#include "bpf/maps.h"

/* As bpf_get_current_pid_tgid(). */
static __always_inline __u64 current_pid_tgid(void)
{
	struct bpf_pidns_info ns = {};
	__u64 pid_tgid = bpf_get_current_pid_tgid();

	if (!zc_cfg.pidns_ino)
		return pid_tgid;
	if (!bpf_get_ns_current_pid_tgid(zc_cfg.pidns_dev, zc_cfg.pidns_ino, &ns, sizeof(ns)))
		return (__u64)ns.tgid << 32 | ns.pid;
	return pid_tgid | (__u64)ZC_PID_FOREIGN << 32 | ZC_PID_FOREIGN;
}

#endif
