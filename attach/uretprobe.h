/*
 * uretprobe.h - would a probe at a function's return kill a process that filters its system calls?
 *
 * Since Linux 6.11 a probed function returns, on x86-64, through a system call of its own,
 * uretprobe(). A filter that does not know it (seccomp(2): containers, systemd's units, browsers)
 * kills the process or answers in the call's place, after which it crashes. Linux 6.14 (and
 * 6.12.13, 6.13.2) keep it from filters. Go is not concerned: its functions' ends are probed as any
 *   other instruction.
 */
#ifndef ZC_ATTACH_URETPROBE_H
#define ZC_ATTACH_URETPROBE_H

#include <sys/types.h>

/*
 * 1 if this process has a filter and this kernel shows uretprobe() to filters, which is tried once,
 * on a child of ours; also where that could not be tried on a kernel that may be one. 0: no harm is
 * done.
 */
int uretprobe_kills(pid_t pid);

/* 1 if this kernel is one of those. */
int uretprobe_filtered(void);

#endif
