/*
 * tls.c - processes and files, and the probes that join them
 */
#include "attach/tls.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach/attach_priv.h"
#include "attach/disasm.h"
#include "attach/maps.h"
#include "attach/mmaps.h"
#include "attach/program.h"
#include "attach/reaper.h"
#include "attach/served.h"
#include "attach/tls_refused.h"
#include "attach/tls_usual.h"
#include "attach/tlsbin.h"
#include "attach/uprobe.h"
#include "attach/uretprobe.h"

#define BUCKETS 256u

/* A file that was looked into. */
struct tls_file {
	struct tls_file *next;
	uint64_t dev, ino; /* as maps shows them */
	char *path;	   /* as the first process saw it; NULL: nothing in it */
	int fd;		   /* kept open for the probes of later processes; -1: nothing in it */
	int nbins;
	int everywhere; /* its probes are in all processes */
	int usual;	/* programs load it */
	struct tlsbin bin[TLSBIN_MAX];
	struct uprobe_set global[TLSBIN_MAX];
};

/* A file's probes in one process. */
struct tls_hook {
	struct tls_hook *next;
	const struct tls_file *file;
	int mapped; /* it was seen there; 0: put in beforehand */
	int err;
	struct uprobe_set set[TLSBIN_MAX];
};

struct tls_proc {
	struct tls_proc *next;
	pid_t pid;
	char comm[16];
	pid_t parent; /* probed, of which it is a fork that executes nothing else; 0: no such */
	unsigned ended; /* such children of its own */
	int born;  /* ZC_TASK_BORN */
	int dirty; /* it has mapped code since it was looked at */
	struct tls_hook *hooks;
};

struct tls {
	struct attach *attach;
	struct uprobes *probes;
	struct mmaps *mmaps;
	struct reaper *reaper;
	struct tls_file *file[BUCKETS];
	struct tls_proc *proc[BUCKETS];
	unsigned nfiles, nprocs, ndirty;
	unsigned broken; /* see is_loaded */
	char why_broken[100];
	int full;   /* a limit was reached: said once */
};

struct tls *tls_new(struct attach *a)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (t)
		t->attach = a;
	return t;
}

const struct bpf_object *tls_object(const struct tls *t, int part)
{
	return t->probes ? uprobes_object(t->probes, part) : NULL;
}

/* ---- files */

static void file_free(struct tls_file *f)
{
	for (int i = 0; i < f->nbins; i++) {
		uprobes_detach(&f->global[i]);
		tlsbin_free(&f->bin[i]);
	}
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f);
}

static void file_scan(struct tls *t, struct tls_file *f, int fd, const char *path, int is_exe)
{
	int n = tlsbin_scan(fd, is_exe, t->attach->given, t->attach->ngiven, f->bin);

	f->nbins = n > 0 ? n : 0;
	f->fd = -1;
	if (!f->nbins)
		return;
	f->path = strdup(path);
	f->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < f->nbins; i++)
		if (f->bin[i].missing[0])
			attach_note(t->attach, "tls-blind", "%s: %s", path, f->bin[i].missing);
}

static struct tls_file *file_find(const struct tls *t, uint64_t dev, uint64_t ino)
{
	struct tls_file *f = t->file[(ino ^ dev) % BUCKETS];

	while (f && (f->ino != ino || f->dev != dev))
		f = f->next;
	return f;
}

static struct tls_file *file_add(struct tls *t, uint64_t dev, uint64_t ino, int fd,
				 const char *path, int is_exe)
{
	struct tls_file *f;

	if (t->nfiles >= TLS_MAX_FILES) {
		if (!t->full++)
			attach_note(t->attach, "tls-limit",
				    "more than %u files are mapped: the rest is not looked into "
				    "for TLS",
				    TLS_MAX_FILES);
		return NULL;
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->dev = dev;
	f->ino = ino;
	file_scan(t, f, fd, path, is_exe);
	f->next = t->file[(ino ^ dev) % BUCKETS];
	t->file[(ino ^ dev) % BUCKETS] = f;
	t->nfiles++;
	return f;
}

static struct tls_file *file_get(struct tls *t, pid_t pid, const struct maps_file *m)
{
	struct tls_file *f = file_find(t, m->dev, m->ino);
	int fd;

	if (f)
		return f;
	fd = maps_open(pid, m);
	if (fd < 0)
		return NULL; /* the process has ended, or will be looked at again */
	f = file_add(t, m->dev, m->ino, fd, m->path, m->is_exe);
	close(fd);
	return f;
}

/* ---- probes */

/* Are its probes? That they cannot be is said once; bit i of broken stands for library i. */
static int is_loaded(struct tls *t, int lib)
{
	if (t->broken & 1u << lib)
		return 0;
	if (!t->probes)
		t->probes = uprobes_new(t->attach);
	if (t->probes && !uprobes_load(t->probes, lib))
		return 1;
	t->broken |= 1u << lib;
	snprintf(t->why_broken, sizeof(t->why_broken), "%.99s",
		 t->probes ? t->attach->error : "out of memory");
	attach_note(t->attach, "tls-blind", "TLS is shown encrypted only: %s",
		    t->probes ? t->attach->error : t->why_broken);
	return 0;
}

int tls_load(struct tls *t)
{
	int c = is_loaded(t, ZC_TLS_OPENSSL), go = is_loaded(t, ZC_TLS_GO);

	return c && go ? 0 : -ENOTSUP;
}

static void say_attached(struct tls *t, const struct tls_proc *p, const struct tls_hook *h)
{
	for (int i = 0; i < h->file->nbins; i++) {
		const struct tlsbin *b = &h->file->bin[i];

		if (b->npoints)
			attach_note(t->attach, "tls-attached",
				    "process %d (%s): %s%s%s, %zu points by %s", p->pid, p->comm,
				    h->file->path, b->version[0] ? ", " : "", b->version,
				    b->npoints, b->how);
	}
}

static void say_failed(struct tls *t, const struct tls_proc *p, const struct tls_hook *h)
{
	attach_note(
		t->attach, "tls-blind", "process %d (%s): %s %s: %s", p->pid, p->comm,
		h->file->path, h->err == TLS_WOULD_KILL ? "is not probed" : "cannot be probed",
		h->err == TLS_WOULD_KILL
			? "the process filters its system calls (seccomp), and this kernel would "
			  "have it killed where a probed function returns; Linux 6.12.13, 6.13.2 "
			  "and 6.14 do not"
			: strerror(-h->err));
}

/*
 * With --all every process is a target: once for all, also for those that come. Else for what forks
 * for each of its connections, see forks_learn.
 */
static int put_everywhere(struct tls *t, struct tls_file *f)
{
	int err = 0;

	if (f->everywhere)
		return 0;
	for (int i = 0; !err && i < f->nbins; i++)
		if (f->bin[i].npoints)
			err = uprobes_attach(t->probes, f->fd, 0, &f->bin[i], &f->global[i]);
	f->everywhere = !err;
	return err;
}

static int put_in(struct tls *t, const struct tls_proc *p, struct tls_hook *h)
{
	int err = 0;

	for (int i = 0; !err && i < h->file->nbins; i++)
		if (h->file->bin[i].npoints)
			err = uprobes_attach(t->probes, h->file->fd, p->pid, &h->file->bin[i],
					     &h->set[i]);
	return err;
}

static struct tls_hook *hook_find(const struct tls_proc *p, const struct tls_file *f)
{
	struct tls_hook *h = p->hooks;

	while (h && h->file != f)
		h = h->next;
	return h;
}

static int has_points(const struct tls_file *f)
{
	for (int i = 0; i < f->nbins; i++)
		if (f->bin[i].npoints)
			return 1;
	return 0;
}

/* The ends of Go's functions are probed in another way. */
static int would_kill(const struct tls_file *f, pid_t pid)
{
	for (int i = 0; i < f->nbins; i++)
		if (f->bin[i].npoints && f->bin[i].lib != ZC_TLS_GO)
			return uretprobe_kills(pid);
	return 0;
}

static int put(struct tls *t, const struct tls_proc *p, struct tls_file *f, struct tls_hook *h)
{
	for (int i = 0; i < f->nbins; i++)
		if (f->bin[i].npoints && !is_loaded(t, f->bin[i].lib))
			return TLS_NOT_LOADED;
	if (would_kill(f, p->pid))
		return TLS_WOULD_KILL;
	return t->attach->config.all && !uretprobe_filtered() ? put_everywhere(t, f)
							      : put_in(t, p, h);
}

/* Not all at once; what begins meanwhile in a process that is probed already is left out. */
static int put_whole(struct tls *t, const struct tls_proc *p, struct tls_file *f,
		     struct tls_hook *h)
{
	struct probes *probes = &t->attach->probes;
	int half = (probes_bits(probes, p->pid) & ZC_TASK_TLS) != 0, err;

	if (half)
		probes_mark_quietly(probes, p->pid, ZC_TASK_HALF);
	err = put(t, p, f, h);
	if (half)
		probes_unmark(probes, p->pid, ZC_TASK_HALF);
	return err;
}

static void hook_add(struct tls *t, struct tls_proc *p, struct tls_file *f, int mapped)
{
	struct tls_hook *h = hook_find(p, f);
	int known = h && h->mapped >= mapped;

	if (known)
		return;
	if (!h) {
		h = calloc(1, sizeof(*h));
		if (!h)
			return;
		h->file = f;
		h->next = p->hooks;
		p->hooks = h;
		if (has_points(f) && !(p->born && f->everywhere))
			h->err = put_whole(t, p, f, h);
	}
	h->mapped = mapped;
	if (h->err == -ESRCH || h->err == TLS_NOT_LOADED)
		return; /* it has ended meanwhile, or it was said */
	if (h->err)
		say_failed(t, p, h);
	else if (mapped && t->attach->opt.verbose)
		say_attached(t, p, h);
}

/* ---- processes */

static struct tls_proc *proc_find(const struct tls *t, pid_t pid)
{
	struct tls_proc *p = t->proc[(unsigned)pid % BUCKETS];

	while (p && p->pid != pid)
		p = p->next;
	return p;
}

static void proc_free(struct tls *t, struct tls_proc *p)
{
	while (p->hooks) {
		struct tls_hook *h = p->hooks;

		p->hooks = h->next;
		for (int i = 0; i < TLSBIN_MAX; i++)
			reaper_take(t->reaper, &h->set[i]);
		free(h);
	}
	free(p);
}

static void proc_remove(struct tls *t, pid_t pid)
{
	struct tls_proc **at = &t->proc[(unsigned)pid % BUCKETS], *p;

	while (*at && (*at)->pid != pid)
		at = &(*at)->next;
	p = *at;
	if (!p)
		return;
	*at = p->next;
	t->nprocs--;
	proc_free(t, p);
}

static void proc_name(struct tls_proc *p)
{
	char path[40];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", p->pid);
	f = fopen(path, "re");
	if (f && fgets(p->comm, sizeof(p->comm), f))
		p->comm[strcspn(p->comm, "\n")] = 0;
	if (f)
		fclose(f);
}

static struct tls_proc *proc_add(struct tls *t, pid_t pid)
{
	struct tls_proc *p;

	if (t->nprocs >= TLS_MAX_PROCS) {
		if (!t->full++)
			attach_note(t->attach, "tls-limit",
				    "more than %u processes are traced: TLS of the rest is shown "
				    "encrypted only",
				    TLS_MAX_PROCS);
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->pid = pid;
	p->born = (probes_bits(&t->attach->probes, pid) & ZC_TASK_BORN) != 0;
	proc_name(p);
	p->next = t->proc[(unsigned)pid % BUCKETS];
	t->proc[(unsigned)pid % BUCKETS] = p;
	t->nprocs++;
	return p;
}

struct look {
	struct tls *tls;
	struct tls_proc *proc;
};

static int look_at_file(void *ctx, const struct maps_file *m)
{
	struct look *l = ctx;
	struct tls_file *f = file_get(l->tls, l->proc->pid, m);

	if (f && f->nbins)
		hook_add(l->tls, l->proc, f, 1);
	return 0;
}

static int is_probed(const struct tls_proc *p)
{
	for (const struct tls_hook *h = p->hooks; h; h = h->next)
		if (!h->err && has_points(h->file))
			return 1;
	return 0;
}

/* The kernel side tells of the end of every process that it knows; and which are probed. */
static void proc_mark(struct tls *t, const struct tls_proc *p)
{
	struct probes *probes = &t->attach->probes;
	uint32_t tls = is_probed(p) ? ZC_TASK_TLS : 0;

	if (probes_mark_quietly(probes, p->pid, ZC_TASK_KNOWN | tls) > 0 && tls)
		__atomic_add_fetch(&probes->shared->marks, 1, __ATOMIC_RELEASE);
}

/* 0: there is no such process any more. */
static int proc_look(struct tls *t, struct tls_proc *p)
{
	struct look l = {t, p};
	int there;

	p->dirty = 0;
	there = maps_each(p->pid, look_at_file, &l) != -ESRCH;
	if (there)
		proc_mark(t, p);
	disasm_rest();
	return there;
}

static int may_be_target(const struct tls *t, pid_t pid)
{
	return t && pid > 0 && pid != (pid_t)t->attach->config.self;
}

/* If it has ended, nobody would tell of that, and another one may get its pid. */
static void proc_look_or_remove(struct tls *t, struct tls_proc *p)
{
	if (!proc_look(t, p))
		proc_remove(t, p->pid);
}

void tls_target(struct tls *t, pid_t pid)
{
	struct tls_proc *p;

	if (!may_be_target(t, pid) || proc_find(t, pid))
		return;
	p = proc_add(t, pid);
	if (p)
		proc_look_or_remove(t, p);
}

void tls_target_soon(struct tls *t, pid_t pid)
{
	struct tls_proc *p;

	if (!may_be_target(t, pid) || proc_find(t, pid))
		return;
	p = proc_add(t, pid);
	if (!p)
		return;
	p->dirty = 1;
	t->ndirty++;
}

/* ---- what programs usually load, put in before they do */

/* A file that nothing has mapped so far. NULL: it cannot be read. */
static struct tls_file *file_of_path(struct tls *t, const char *path, int is_exe)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct tls_file *f = NULL;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
		f = file_find(t, st.st_dev, st.st_ino);
		if (!f)
			f = file_add(t, st.st_dev, st.st_ino, fd, path, is_exe);
	}
	close(fd);
	return f;
}

static void usual_file(void *ctx, const char *path)
{
	struct tls_file *f = file_of_path(ctx, path, 0);

	if (f && has_points(f))
		f->usual = 1;
}

/* Before it begins to use them; milliseconds count. */
static void expect_libraries(struct tls *t, struct tls_proc *p)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct tls_file *f = t->file[i]; f; f = f->next)
			if (f->usual)
				hook_add(t, p, f, 0);
}

/* A selected child that has yet to execute its program: what it may load is put in beforehand. */
static void expect(struct tls *t, pid_t pid)
{
	struct tls_proc *p = proc_find(t, pid);

	if (!p)
		p = proc_add(t, pid);
	if (!p)
		return;
	expect_libraries(t, p);
	proc_mark(t, p);
}

/* A program that COMMAND will execute; before that it does not matter how long a look takes. */
static void expect_program(void *ctx, const char *path)
{
	struct tls *t = ctx;
	struct tls_proc *p = proc_find(t, t->attach->command);
	struct tls_file *f = file_of_path(t, path, 1);

	if (p && f && f->nbins)
		hook_add(t, p, f, 0);
}

#define TLS_MANY_FILES 32u /* a pattern may fit all there are */

/* It may be executed later; it will be known by then what is in it. */
static void look_into_program(void *ctx, const char *path)
{
	struct tls *t = ctx;

	if (t->nfiles < TLS_MANY_FILES)
		file_of_path(t, path, 1);
}

static void expect_command(struct tls *t)
{
	expect(t, t->attach->command);
	program_files(t->attach->command_file, expect_program, t);
}

/* ---- what happens to processes */

/* A child has the mappings of its parent. */
static void proc_forked(struct tls *t, pid_t pid, pid_t parent)
{
	const struct tls_proc *from = proc_find(t, parent);
	struct tls_proc *p;

	if (!from || proc_find(t, pid)) {
		tls_target(t, pid);
		return;
	}
	p = proc_add(t, pid);
	if (!p)
		return;
	p->parent = is_probed(from) ? parent : 0;
	for (const struct tls_hook *h = from->hooks; h; h = h->next)
		hook_add(t, p, file_find(t, h->file->dev, h->file->ino), h->mapped);
	proc_mark(t, p);
}

#define FORKS_ENOUGH 2u

/*
 * A child that has ended without executing anything: its parent may fork for each connection, as
 * PostgreSQL does. To put points into a process takes the kernel 10 ms and more where it has not
 * done so just before; that is too late for the handshake. So they are put in for all children that
 * are still to come.
 */
static void forks_learn(struct tls *t, const struct tls_proc *child)
{
	struct tls_proc *p = child && child->parent ? proc_find(t, child->parent) : NULL;
	int err = 0;

	if (!p || p->born || t->attach->config.all || ++p->ended != FORKS_ENOUGH ||
	    uretprobe_filtered())
		return;
	for (const struct tls_hook *h = p->hooks; !err && h; h = h->next)
		err = h->err ? h->err
			     : put_everywhere(t, file_find(t, h->file->dev, h->file->ino));
	if (!err)
		probes_mark_quietly(&t->attach->probes, p->pid, ZC_TASK_FORKS);
}

void tls_on_process(struct tls *t, const struct zc_ev_process *e)
{
	pid_t pid = (pid_t)e->pid;
	struct tls_proc *p;

	switch (e->what) {
	case ZC_PROC_FORK:
		proc_forked(t, pid, (pid_t)e->ppid);
		break;
	case ZC_PROC_EXEC:
		if (!e->flags && !probes_bits(&t->attach->probes, pid) &&
		    !served_before(t->attach, pid))
			break;
		expect(t, pid);
		p = proc_find(t, pid);
		if (p)
			p->parent = 0;
		if (p)
			proc_look(t, p);
		break;
	case ZC_PROC_RENAME:
		tls_target(t, pid);
		break;
	case ZC_PROC_EXIT:
		forks_learn(t, proc_find(t, pid));
		proc_remove(t, pid);
		break;
	}
}

void tls_listens(struct tls *t, pid_t pid)
{
	struct tls_proc *p = t ? proc_find(t, pid) : NULL;

	if (!t)
		return;
	if (p && p->dirty)
		proc_look_or_remove(t, p);
	tls_target(t, pid);
	served_learn(t->attach, pid);
}

static void on_mapped(void *ctx, pid_t pid)
{
	struct tls *t = ctx;
	struct tls_proc *p = proc_find(t, pid);

	if (!p && pid && t->attach->config.all && pid != (pid_t)t->attach->config.self)
		p = proc_add(t, pid);
	if (p && !p->dirty) {
		p->dirty = 1;
		t->ndirty++;
	}
	for (unsigned i = 0; !pid && i < BUCKETS; i++)
		for (p = t->proc[i]; p; p = p->next, t->ndirty++)
			p->dirty = 1;
}

void tls_poll(struct tls *t)
{
	struct tls_proc *next;

	if (!t)
		return;
	if (t->mmaps)
		mmaps_read(t->mmaps, on_mapped, t);
	for (unsigned i = 0; t->ndirty && i < BUCKETS; i++)
		for (struct tls_proc *p = t->proc[i]; p; p = next) {
			next = p->next;
			if (p->dirty)
				proc_look_or_remove(t, p);
		}
	t->ndirty = 0;
}

void tls_watch(struct tls *t, int epoll_fd)
{
	if (t->mmaps)
		mmaps_watch(t->mmaps, epoll_fd);
}

/* ---- the beginning */

static void target_all(struct tls *t)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;

	while (proc && (d = readdir(proc)))
		if (isdigit((unsigned char)d->d_name[0]))
			tls_target(t, atoi(d->d_name));
	if (proc)
		closedir(proc);
}

/* Is there a chosen port on which nobody listens? Of a range, nobody expects all. */
static int waits_for_server(const struct attach *a)
{
	for (int i = 0; i < a->nranges; i++) {
		uint16_t p = a->range[i].first;

		while (p < a->range[i].last && !a->probes.shared->listeners[p])
			p++;
		if (!a->probes.shared->listeners[p])
			return 1;
	}
	return 0;
}

/* May processes become targets that do not exist yet? Their first call may come soon after. */
static int expects_others(const struct attach *a)
{
	return waits_for_server(a) || a->command || a->comms || a->exes || a->judged ||
	       a->config.ncgroup || a->config.follow || a->config.all;
}

void tls_start(struct tls *t)
{
	int fd = t->attach->probes.tasks_fd;
	uint32_t key, *prev = NULL, flags;

	/* first: what is mapped while we look is looked at again */
	t->mmaps = mmaps_open();
	if (!t->mmaps)
		attach_note(
			t->attach, "tls-dlopen",
			"TLS libraries that are loaded later may be missed: perf_event_open: %s",
			strerror(errno));
	t->reaper = reaper_new();
	if (expects_others(t->attach)) {
		tls_load(t);
		tls_usual_each(usual_file, t);
		exes_each(t->attach, look_into_program, t);
	}
	if (t->attach->command)
		expect_command(t);
	if (t->attach->config.all)
		target_all(t);
	while (!bpf_map_get_next_key(fd, prev, &key)) {
		if (!bpf_map_lookup_elem(fd, &key, &flags)) {
			tls_target(t, (pid_t)key);
			if (flags & (ZC_TASK_SERVES | ZC_TASK_KNOWN))
				served_learn(t->attach, (pid_t)key);
		}
		prev = &key;
	}
}

void tls_each(struct tls *t, void (*fn)(void *ctx, const struct attach_tls *row), void *ctx)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		for (const struct tls_proc *p = t->proc[i]; p; p = p->next)
			for (const struct tls_hook *h = p->hooks; h; h = h->next)
				for (int b = 0; h->mapped && b < h->file->nbins; b++) {
					const struct tlsbin *bin = &h->file->bin[b];
					struct attach_tls row = {
						.pid = p->pid,
						.comm = p->comm,
						.file = h->file->path,
						.version = bin->version,
						.how = bin->how,
						.missing = bin->missing,
						.refused = tls_refused(h->err, t->why_broken),
						.lib = bin->lib,
						.npoints = bin->npoints,
						.attached = bin->npoints && !h->err,
					};

					fn(ctx, &row);
				}
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (t->proc[i]) {
			struct tls_proc *p = t->proc[i];

			t->proc[i] = p->next;
			proc_free(t, p);
		}
		while (t->file[i]) {
			struct tls_file *f = t->file[i];

			t->file[i] = f->next;
			file_free(f);
		}
	}
	reaper_free(t->reaper);
	mmaps_close(t->mmaps);
	uprobes_free(t->probes);
	free(t);
}
