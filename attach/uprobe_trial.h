/*
 * uprobe_trial.h - a function of our own on which probes are tried
 */
#ifndef ZC_ATTACH_UPROBE_TRIAL_H
#define ZC_ATTACH_UPROBE_TRIAL_H

#include <sys/types.h>

#define TRACE_UPROBE_MULTI 48 /* enum bpf_attach_type of Linux 6.6 */

void trial_target(void);

/*
 * Puts a loaded program on trial_target() in a process of this program (0: this one), at its
 * beginning or where it has returned:
 * by a link for many (TRACE_UPROBE_MULTI) or by a perf event (0). 0 or a negative errno; fd is to
 * be given to trial_detach in either case.
 */
int trial_attach(int prog, int attach_type, pid_t pid, int is_return, int fd[2]);
void trial_detach(int fd[2]);

#endif
