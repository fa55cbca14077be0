#include "attach/uretprobe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/uprobe_trial.h"

#define NR_URETPROBE 335 /* x86-64 */
#define SURVIVED 42

/* What the child does when it is told to: it filters, as a container's runtime would, and calls. */
static void child(int go)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NR_URETPROBE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	const struct rlimit no_core = {0};
	char c;

	setrlimit(RLIMIT_CORE, &no_core);
	if (read(go, &c, 1) != 1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		_exit(1);
	trial_target();
	_exit(SURVIVED);
}

static int program(int attach_type)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = (enum bpf_attach_type)attach_type);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "zctrace_trial", "GPL", code,
			     sizeof(code) / sizeof(code[0]), &opts);
}

/* On the return of trial_target() in this process. */
static int put(pid_t pid, int *prog, int fd[2])
{
	static const int types[] = {TRACE_UPROBE_MULTI, 0};
	int err = -ENOENT;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		*prog = program(types[i]);
		err = *prog < 0 ? -errno : trial_attach(*prog, types[i], pid, 1, fd);
		if (!err)
			return 0;
		trial_detach(fd);
		if (*prog >= 0)
			close(*prog);
		*prog = -1;
	}
	return err;
}

/* 1: killed, 0: it lives on, or a negative errno: it was not to be tried. */
static int try_it(void)
{
	int go[2], fd[2] = {-1, -1}, prog = -1, status = 0, err;
	pid_t pid;

	if (pipe(go))
		return -errno;
	pid = fork();
	if (!pid)
		child(go[0]);
	close(go[0]);
	err = pid < 0 ? -errno : put(pid, &prog, fd);
	if (!err && write(go[1], "", 1) != 1)
		err = -errno;
	close(go[1]); /* without the word to go, it ends */
	if (pid > 0 && waitpid(pid, &status, 0) != pid && !err)
		err = -ECHILD;
	trial_detach(fd);
	if (prog >= 0)
		close(prog);
	if (err || (WIFEXITED(status) && WEXITSTATUS(status) == 1))
		return err ? err : -EACCES;
	return !WIFEXITED(status) || WEXITSTATUS(status) != SURVIVED;
}

/* Is it a kernel that has the call and may show it to filters? */
static int may_be_one(void)
{
	int major = 0, minor = 0;
	struct utsname u;

	if (uname(&u) || strcmp(u.machine, "x86_64") ||
	    sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return 0;
	return major == 6 && minor >= 11 && minor <= 13;
}

int uretprobe_filtered(void)
{
	static int known; /* 1 + the answer */

	if (!known) {
		int killed = may_be_one() ? try_it() : 0;

		known = 1 + (killed != 0); /* what could not be tried is not risked */
	}
	return known - 1;
}

int uretprobe_kills(pid_t pid)
{
	char path[40], line[128];
	int mode = 0;
	FILE *f;

	if (!uretprobe_filtered())
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Seccomp: %d", &mode) == 1)
			break;
	if (f)
		fclose(f);
	return mode != 0;
}
