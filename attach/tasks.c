/*
 * tasks.c - the processes that exist when tracing begins, and what the kernel tells of later ones
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "attach/attach_priv.h"

static int glob_list_fits(const struct glob *g, const char *name)
{
	for (; g; g = g->next)
		if (!fnmatch(g->pattern, name, 0))
			return 1;
	return 0;
}

static int proc_exe(pid_t pid, char *buf, size_t size)
{
	static const char gone[] = " (deleted)";
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = 0;
	if ((size_t)n > sizeof(gone) && !strcmp(buf + n - (sizeof(gone) - 1), gone))
		buf[(size_t)n - (sizeof(gone) - 1)] = 0;
	return 0;
}

static pid_t proc_parent(pid_t pid)
{
	char stat[512], *p;
	int ppid;

	if (!proc_read(pid, "stat", stat, sizeof(stat)))
		return 0;
	p = strrchr(stat, ')'); /* the name before it may contain anything */
	return p && sscanf(p + 1, " %*c %d", &ppid) == 1 ? ppid : 0;
}

static int pid_listed(const struct attach *a, pid_t pid)
{
	for (size_t i = 0; i < a->npids; i++)
		if (a->pids[i] == pid)
			return 1;
	return 0;
}

/* Is pid, or one of its ancestors, selected by --pid? */
static int pid_descends(const struct attach *a, pid_t pid)
{
	for (int depth = 0; pid > 1 && depth < 64; depth++, pid = proc_parent(pid))
		if (pid_listed(a, pid))
			return 1;
	return pid == 1 && pid_listed(a, pid);
}

static int name_fits(const struct attach *a, pid_t pid)
{
	char comm[32], exe[PATH_MAX];

	if (a->comms && proc_read(pid, "comm", comm, sizeof(comm))) {
		comm[strcspn(comm, "\n")] = 0;
		if (glob_list_fits(a->comms, comm))
			return 1;
	}
	if (a->exes && !proc_exe(pid, exe, sizeof(exe)) && glob_list_fits(a->exes, exe))
		return 1;
	return a->fits && a->fits(a->fits_ctx, pid);
}

void exe_learn(struct attach *a, const char *path, uint32_t bits)
{
	struct zc_inode key = {0};
	uint32_t known = 0;
	struct stat st;

	if (stat(path, &st))
		return;
	key.ino = st.st_ino;
	key.dev = (uint32_t)(major(st.st_dev) << 20 | minor(st.st_dev));
	bpf_map_lookup_elem(a->probes.exes_fd, &key, &known);
	bits |= known;
	if (bits != known)
		bpf_map_update_elem(a->probes.exes_fd, &key, &bits, BPF_ANY);
}

void exes_each(const struct attach *a, void (*fn)(void *ctx, const char *path), void *ctx)
{
	for (const struct glob *g = a->exes; g; g = g->next) {
		glob_t found;

		if (!glob(g->pattern, GLOB_NOSORT, NULL, &found))
			for (size_t i = 0; i < found.gl_pathc; i++)
				fn(ctx, found.gl_pathv[i]);
		globfree(&found);
	}
}

static void exe_fits(void *ctx, const char *path)
{
	exe_learn(ctx, path, ZC_EXE_FITS);
}

/* Gets one process that is selected; a result other than 0 is a failure. */
typedef int (*task_fn)(struct attach *a, void *ctx, pid_t pid, uint32_t bits, const char *why);

/* Marks a process that exists; with -v, says which and why. */
static int mark(struct attach *a, void *ctx, pid_t pid, uint32_t bits, const char *why)
{
	char comm[32];
	int err = probes_mark(&a->probes, pid, bits);

	(void)ctx;
	if (err || !a->opt.verbose)
		return err;
	proc_read(pid, "comm", comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = 0;
	attach_note(a, "selected", "process %d (%s) is traced: %s", pid, comm, why);
	return 0;
}

static void each_member(struct attach *a, const char *dir, int depth, task_fn fn, void *ctx)
{
	char path[PATH_MAX];
	struct dirent *d;
	FILE *f;
	DIR *sub;
	int pid;

	if ((size_t)snprintf(path, sizeof(path), "%s/cgroup.procs", dir) >= sizeof(path))
		return;
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &pid) == 1)
		fn(a, ctx, pid, ZC_TASK_CGROUP, "in the control group");
	if (f)
		fclose(f);
	sub = depth < 12 ? opendir(dir) : NULL;
	while (sub && (d = readdir(sub))) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, d->d_name) < sizeof(path))
			each_member(a, path, depth + 1, fn, ctx);
	}
	if (sub)
		closedir(sub);
}

static void each_by_look(struct attach *a, pid_t pid, task_fn fn, void *ctx, int all)
{
	if (all)
		fn(a, ctx, pid, 0, "every process");
	if (a->npids && !pid_listed(a, pid) && pid_descends(a, pid))
		fn(a, ctx, pid, ZC_TASK_PID, "a descendant of one chosen by its pid");
	if (name_fits(a, pid))
		fn(a, ctx, pid, ZC_TASK_NAME, "its name or executable fits");
}

/* Only for those chosen by their pid does a failure of fn end it: they are what was asked for. */
static int each_selected(struct attach *a, task_fn fn, void *ctx, int all)
{
	struct dirent *d;
	DIR *proc;

	for (size_t i = 0; i < a->npids; i++)
		if (fn(a, ctx, a->pids[i], ZC_TASK_PID, "chosen by its pid"))
			return attach_fail(a, errno, "too many processes");
	for (size_t i = 0; i < a->ncgroups; i++)
		each_member(a, a->cgroups[i], 0, fn, ctx);
	if (!a->npids && !a->comms && !a->exes && !a->fits && !all)
		return 0;
	proc = opendir("/proc");
	if (!proc)
		return attach_fail(a, errno, "/proc: %s", strerror(errno));
	while ((d = readdir(proc))) {
		pid_t pid = isdigit((unsigned char)d->d_name[0]) ? atoi(d->d_name) : 0;

		if (pid && pid != getpid())
			each_by_look(a, pid, fn, ctx, all);
	}
	closedir(proc);
	return 0;
}

int tasks_mark_selected(struct attach *a)
{
	exes_each(a, exe_fits, a);
	return each_selected(a, mark, NULL, 0);
}

/* ---- workers */

static int same_program(pid_t a, pid_t b)
{
	char path[2][40];
	struct stat st[2];

	snprintf(path[0], sizeof(path[0]), "/proc/%d/exe", a);
	snprintf(path[1], sizeof(path[1]), "/proc/%d/exe", b);
	return !stat(path[0], &st[0]) && !stat(path[1], &st[1]) && st[0].st_ino == st[1].st_ino &&
	       st[0].st_dev == st[1].st_dev;
}

/* The children of one thread are what its parent is, as when they are forked while tracing. */
static void mark_children(struct attach *a, pid_t pid, const char *thread, uint32_t bits,
			  void (*fn)(struct attach *a, pid_t pid))
{
	char file[64], list[4096], *at = list, *end;

	snprintf(file, sizeof(file), "task/%.16s/children", thread);
	proc_read(pid, file, list, sizeof(list));
	for (long child; (child = strtol(at, &end, 10)) > 0; at = end)
		if (bits & ~probes_bits(&a->probes, (pid_t)child) &&
		    same_program((pid_t)child, pid)) {
			mark(a, NULL, (pid_t)child, bits, "a worker of a server on a chosen port");
			if (fn)
				fn(a, (pid_t)child);
		}
}

void tasks_mark_workers_of(struct attach *a, pid_t pid, void (*fn)(struct attach *a, pid_t pid))
{
	uint32_t bits = probes_bits(&a->probes, pid) & (ZC_TASK_SERVES | ZC_TASK_KNOWN);
	struct dirent *d;
	char path[40];
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	threads = bits ? opendir(path) : NULL;
	while (threads && (d = readdir(threads)))
		if (isdigit((unsigned char)d->d_name[0]))
			mark_children(a, pid, d->d_name, bits, fn);
	if (threads)
		closedir(threads);
}

/*
 * A worker may be the first to listen on what its parent has opened for all of them: then they are
 * known by their parent, which holds that listener, too.
 */
void tasks_mark_siblings_of(struct attach *a, pid_t pid, void (*fn)(struct attach *a, pid_t pid))
{
	pid_t parent = proc_parent(pid);

	if (parent <= 1 || !same_program(parent, pid))
		return;
	probes_look_process(a, parent);
	if (!(probes_bits(&a->probes, parent) & (ZC_TASK_SERVES | ZC_TASK_KNOWN)))
		return;
	fn(a, parent);
	tasks_mark_workers_of(a, parent, fn);
}

void tasks_mark_workers(struct attach *a)
{
	uint32_t key, *prev = NULL;

	while (a->config.by_port && !bpf_map_get_next_key(a->probes.tasks_fd, prev, &key)) {
		tasks_mark_workers_of(a, (pid_t)key, NULL);
		prev = &key;
	}
}

struct selected {
	void (*fn)(void *ctx, pid_t pid);
	void *ctx;
};

static int pass_on(struct attach *a, void *ctx, pid_t pid, uint32_t bits, const char *why)
{
	const struct selected *s = ctx;

	(void)a;
	(void)bits;
	(void)why;
	s->fn(s->ctx, pid);
	return 0;
}

int attach__selected(struct attach *a, void (*fn)(void *ctx, pid_t pid), void *ctx)
{
	struct selected s = { fn, ctx };

	return each_selected(a, pass_on, &s, a->config.all != 0);
}

void tasks_check_gone(struct attach *a)
{
	for (size_t i = 0; i < a->npids; i++) {
		uint32_t key = (uint32_t)a->pids[i];

		if (!proc_gone(a->pids[i]))
			continue;
		/* its end may have come before the probe that would have told */
		bpf_map_delete_elem(a->probes.tasks_fd, &key);
		a->exited = 1;
		attach_note(a, "process-gone", "process %d ended while it was being attached",
			    a->pids[i]);
	}
}

void tasks_on_process(struct attach *a, const struct zc_ev_process *p)
{
	char exe[PATH_MAX];

	if (p->what == ZC_PROC_EXIT) {
		a->exited = 1;
		if (pid_listed(a, (pid_t)p->pid) && (pid_t)p->pid != a->command)
			attach_note(a, "process-gone", "process %u (%.16s) has ended", p->pid,
				    p->comm);
		return;
	}
	if (p->what == ZC_PROC_RENAME) {
		probes_look(a); /* it may have had connections under its old name */
		return;
	}
	if (p->what != ZC_PROC_EXEC || (p->flags & ZC_TASK_NAME))
		return;
	/* a file that was not known: another container's, or a new one */
	if (proc_exe((pid_t)p->pid, exe, sizeof(exe)))
		snprintf(exe, sizeof(exe), "%s", p->file);
	if (glob_list_fits(a->exes, exe)) {
		snprintf(exe, sizeof(exe), "/proc/%u/exe", p->pid);
		exe_learn(a, exe, ZC_EXE_FITS);
	} else if (!a->fits || !a->fits(a->fits_ctx, (pid_t)p->pid)) {
		return;
	}
	probes_mark(&a->probes, (pid_t)p->pid, ZC_TASK_NAME);
	probes_look(a);
}

int tasks_any_left(struct attach *a)
{
	uint32_t key, flags, *prev = NULL;

	while (!bpf_map_get_next_key(a->probes.tasks_fd, prev, &key)) {
		if (!bpf_map_lookup_elem(a->probes.tasks_fd, &key, &flags) && (flags & ZC_TASK_PID))
			return 1;
		prev = &key;
	}
	return 0;
}
