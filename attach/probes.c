/*
 * probes.c - the kernel side: open, configure, load, attach, look at what exists, remove
 *
 * What works here is found by trying. Probes are held by links, and links by our descriptors: when
 * we end, in whatever way, the kernel takes them away.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "attach/attach_priv.h"
#include "attach/objects.h"
#include "attach/rights.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"

/* ---- what libbpf says of a program that is refused */

/*
 * The program, and the last line but one of the verifier's log; the last one counts instructions.
 */
static char refusal[240];

static void refusal_keep(const char *text)
{
	const char *log = strstr(text, "-- BEGIN PROG LOAD LOG --\n"), *end, *line;
	const char *name = strchr(text, '\'');

	end = log ? strstr(log, "\nprocessed ") : NULL;
	if (!end || !name)
		return;
	for (line = end; line > log && line[-1] != '\n'; line--)
		;
	snprintf(refusal, sizeof(refusal), "%.*s: %.*s", (int)strcspn(name + 1, "'"), name + 1,
		 (int)(end - line), line);
}

static int say_quietly(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char *text = NULL;

	if (level != LIBBPF_WARN || !strstr(fmt, "PROG LOAD LOG"))
		return 0;
	if (vasprintf(&text, fmt, ap) < 0)
		return 0;
	refusal_keep(text);
	free(text);
	return 0;
}

static int say_loudly(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	say_quietly(level, fmt, again);
	va_end(again);
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, fmt, ap);
}

/* The only constant of an object is its struct zc_config. */
static int object_configure(struct bpf_object *obj, const struct zc_config *config)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj) {
		size_t size = 0;
		void *init;

		if (!strstr(bpf_map__name(map), ".rodata"))
			continue;
		init = (void *)(uintptr_t)bpf_map__initial_value(map, &size);
		if (!init || size < sizeof(*config))
			return -EINVAL;
		memcpy(init, config, sizeof(*config));
		return 0;
	}
	return -ENOENT;
}

static int map_fd(const struct bpf_object *obj, const char *name)
{
	return bpf_object__find_map_fd_by_name(obj, name);
}

/* The other object uses the maps of the first. */
static int object_share(struct bpf_object *to, const struct bpf_object *from)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, to) {
		const char *name = bpf_map__name(map);
		int fd = name[0] == 'z' ? map_fd(from, name) : -1;
		int err = fd < 0 ? 0 : bpf_map__reuse_fd(map, fd);

		if (err)
			return err;
	}
	return 0;
}

/* ---- what is wrong, and what to do */

/* Distributors bring much to older kernels, so this is asked only where trying cannot tell. */
static int is_before(int major, int minor)
{
	int has_major = 0, has_minor = 0;
	struct utsname u;

	if (uname(&u) || sscanf(u.release, "%d.%d", &has_major, &has_minor) != 2)
		return 0;
	return has_major < major || (has_major == major && has_minor < minor);
}

static int explain_refusal(struct attach *a, int err, const char *doing)
{
	uint64_t missing = rights_missing(RIGHTS_PROBES);
	char list[128];

	rights_list(list, sizeof(list), missing);
	if (missing)
		return attach_fail(
			a, EPERM,
			"%s: not permitted: %s missing; run as root, or with the capabilities "
			"CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN",
			doing, list);
	if (*refusal && is_before(5, 15))
		return attach_fail(a, ENOTSUP,
				   "%s: this kernel is too old: Linux 5.15 is needed, or what a "
				   "distributor has brought to an older one (the verifier refuses "
				   "%s); packets can be traced with -i INTERFACE",
				   doing, refusal);
	if (*refusal)
		return attach_fail(
			a, ENOTSUP,
			"%s: this kernel's verifier refuses %s; that is no missing right but a "
			"fault of zctrace's, please report it with what uname -rm tells; "
			"packets can be traced with -i INTERFACE",
			doing, refusal);
	return attach_fail(
		a, EPERM,
		"%s: forbidden (%s), though the capabilities are there; a container's filter "
		"of system calls, its user namespace, or a lockdown of the kernel does that",
		doing, strerror(err));
}

#define FILES_TO_SPARE 32 /* for /proc, and a link for each process whose TLS is read */
#define ENOTSUPP_ 524 /* the kernel's own, which should not leave it */

static rlim_t files_limit(void)
{
	struct rlimit r = {0};

	getrlimit(RLIMIT_NOFILE, &r);
	return r.rlim_cur;
}

void probes_raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur >= r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max < 65536 ? r.rlim_max : 65536;
	setrlimit(RLIMIT_NOFILE, &r);
}

void probes_check_files(const struct attach *a)
{
	int fd = open("/", O_PATH | O_CLOEXEC);
	rlim_t limit = files_limit();

	if (fd < 0 || (rlim_t)fd + FILES_TO_SPARE > limit)
		attach_note(a, "few-files",
			    "only %llu files may be open, and nearly all are: names of processes "
			    "and what TLS carries may be missing; ulimit -Hn raises it",
			    (unsigned long long)limit);
	if (fd >= 0)
		close(fd);
}

/* Turns a failure to load or attach into that. */
static int probes_explain(struct attach *a, int err, const char *doing)
{
	err = err < 0 ? -err : err;
	if (err == EPERM || err == EACCES || *refusal)
		return explain_refusal(a, err, doing);
	if (access(BTF_PATH, R_OK))
		return attach_fail(
			a, ENOTSUP,
			"%s: this kernel tells no type information (BTF): %s is missing; "
			"it needs CONFIG_DEBUG_INFO_BTF=y",
			doing, BTF_PATH);
	if (err == EINVAL || err == ENOTSUP || err == EOPNOTSUPP || err == ENOSYS ||
	    err == ENOTSUPP_ || err == ESRCH)
		return attach_fail(
			a, ENOTSUP,
			"%s: this kernel does not support it (%s); CONFIG_BPF_SYSCALL, "
			"CONFIG_CGROUP_BPF and CONFIG_BPF_EVENTS are needed, -v tells more",
			doing, strerror(err == ENOTSUPP_ ? ENOTSUP : err));
	if (err == EMFILE)
		return attach_fail(a, err, "%s: only %llu files may be open, which is too few; "
				   "ulimit -Hn raises it",
				   doing, (unsigned long long)files_limit());
	return attach_fail(a, err, "%s: %s (-v tells more)", doing, strerror(err));
}

/* ---- load and attach */

static int probes_map_memory(struct probes *p)
{
	p->shared = mmap(NULL, sizeof(*p->shared), PROT_READ | PROT_WRITE, MAP_SHARED,
			 map_fd(p->sock, "zc_shared"), 0);
	if (p->shared == MAP_FAILED) {
		p->shared = NULL;
		return -errno;
	}
	p->policies = mmap(NULL, sizeof(*p->policies) * ZC_POLICY_SLOTS, PROT_READ | PROT_WRITE,
			   MAP_SHARED, map_fd(p->sock, "zc_policies"), 0);
	if (p->policies == MAP_FAILED) {
		p->policies = NULL;
		return -errno;
	}
	return 0;
}

/* Not loaded yet: its programs can still be changed. */
struct bpf_object *probes_open_tls(struct attach *a)
{
	struct bpf_object *obj = object_open(OBJECT_TLS, "zctrace_tls");
	int err;

	if (!obj)
		return NULL;
	err = object_configure(obj, &a->config);
	if (!err)
		err = object_share(obj, a->probes.sock);
	if (!err)
		return obj;
	bpf_object__close(obj);
	errno = -err;
	return NULL;
}

int probes_load_tls(struct attach *a, struct bpf_object *obj)
{
	int err;

	*refusal = '\0';
	err = bpf_object__load(obj);
	return err ? probes_explain(a, err, "loading the probes for TLS") : 0;
}

/*
 * Before Linux 6.1 uprobes may not use hash maps that allocate while they run, and trying leaves a
 * warning in the kernel's log.
 */
static void preallocate(struct bpf_object *obj)
{
	static const char *const names[] = {"zc_tasks", "zc_calls"};

	if (!is_before(6, 1))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, names[i]);

		if (map)
			bpf_map__set_map_flags(map, bpf_map__map_flags(map) &
							    ~(uint32_t)BPF_F_NO_PREALLOC);
	}
}

static int object_prepare(struct bpf_object *obj, const struct attach *a)
{
	int err =
		bpf_map__set_max_entries(bpf_object__find_map_by_name(obj, "zc_ring"), RING_BYTES);

	families_autoload(&a->probes.families, obj);
	preallocate(obj);
	return err ? err : object_configure(obj, &a->config);
}

static int probes_load_objects(struct attach *a)
{
	struct probes *p = &a->probes;
	const char *missing;
	int err;

	p->sock = object_open(OBJECT_SOCK, "zctrace_sock");
	if (!p->sock)
		return probes_explain(a, errno, "opening the probes");
	if (!p->families.possible)
		families_choose(&p->families, p->sock);
	a->config.datagrams = p->families.used[GROUP_DATAGRAMS] != NULL;
	missing = families_missing(&p->families);
	if (missing)
		return attach_fail(a, ENOTSUP,
				   "this kernel is too old, or built without what is needed: %s; "
				   "packets can be traced with -i INTERFACE",
				   missing);
	err = object_prepare(p->sock, a);
	if (!err)
		err = bpf_object__load(p->sock);
	if (err)
		return probes_explain(a, err, "loading the probes");
	p->tasks_fd = map_fd(p->sock, "zc_tasks");
	p->exes_fd = map_fd(p->sock, "zc_exes");
	err = probes_map_memory(p);
	return err ? probes_explain(a, err, "mapping shared memory") : 0;
}

static int probe_attach(struct attach *a, enum family_group g, const char *name)
{
	struct probes *p = &a->probes;
	struct bpf_program *prog = bpf_object__find_program_by_name(p->sock, name);
	struct bpf_link *link;

	if (p->nlinks >= MAX_LINKS)
		return attach_fail(a, E2BIG, "more than %d probes", MAX_LINKS);
	link = g == GROUP_SEGMENTS || g == GROUP_UNROUTED
		       ? bpf_program__attach_cgroup(prog, p->cgroup_fd)
		       : bpf_program__attach(prog);
	if (!link)
		return probes_explain(a, errno, name);
	p->link[p->nlinks++] = link;
	return 0;
}

/* Of one group. */
static int family_attach(struct attach *a, enum family_group g)
{
	const struct family *f = a->probes.families.used[g];
	int err = 0;

	for (size_t i = 0;
	     f && !err && i < sizeof(f->program) / sizeof(f->program[0]) && f->program[i]; i++)
		err = probe_attach(a, g, f->program[i]);
	return err;
}

static int probes_attach_all(struct attach *a)
{
	struct probes *p = &a->probes;
	int err = 0;

	for (int g = 0; !err && g < GROUPS; g++) {
		err = family_attach(a, (enum family_group)g);
		p->failed = err ? g : -1;
	}
	if (err)
		return err;
	p->iter = bpf_program__attach_iter(bpf_object__find_program_by_name(p->sock, "sock_iter"),
					   NULL);
	return p->iter ? 0 : probes_explain(a, errno, "sock_iter");
}

/* With the families that are chosen. */
static int probes_try(struct attach *a)
{
	int err;

	*refusal = '\0';
	a->probes.failed = -1;
	err = probes_load_objects(a);
	if (err)
		return err;
	a->probes.shared->generation = 1;
	/* processes first: what the socket probes judge by must be there before them */
	err = tasks_mark_selected(a);
	return err ? err : probes_attach_all(a);
}

/* 1: there are others to be tried. */
static int probes_choose_others(struct attach *a)
{
	struct families *f = &a->probes.families;
	int failed = a->probes.failed;

	if (rights_missing(RIGHTS_PROBES) ||
	    (failed >= 0 && failed < GROUP_SENDFILE && failed != GROUP_IO))
		return 0;
	if (failed == GROUP_IO)
		return families_next(f, GROUP_IO);
	return families_drop_extras(f) || families_next(f, GROUP_IO);
}

static void probes_unload(struct probes *p);

int probes_load(struct attach *a)
{
	int err;

	libbpf_set_print(a->opt.verbose > 1 ? say_loudly : say_quietly);
	a->probes.cgroup_fd = cgroup_root_open(a->error, sizeof(a->error));
	if (a->probes.cgroup_fd < 0)
		return a->probes.cgroup_fd == -EPERM ?
			       probes_explain(a, EPERM, "opening the cgroup v2 hierarchy") :
			       -ENOTSUP;
	while ((err = probes_try(a)) && probes_choose_others(a)) {
		if (a->opt.verbose)
			attach_note(a, "fallback", "%s; trying others", a->error);
		probes_unload(&a->probes);
	}
	malloc_trim(0); /* the kernel's type information took megabytes for a moment */
	return err;
}

static void probes_unload(struct probes *p)
{
	bpf_link__destroy(p->iter);
	p->iter = NULL;
	while (p->nlinks)
		bpf_link__destroy(p->link[--p->nlinks]);
	if (p->shared)
		munmap(p->shared, sizeof(*p->shared));
	if (p->policies)
		munmap(p->policies, sizeof(*p->policies) * ZC_POLICY_SLOTS);
	p->shared = NULL;
	p->policies = NULL;
	bpf_object__close(p->sock);
	p->sock = NULL;
}

void probes_release(struct probes *p)
{
	probes_unload(p);
	if (p->cgroup_fd > 0)
		close(p->cgroup_fd);
	memset(p, 0, sizeof(*p));
}
