/*
 * probes.c - the kernel side: open, configure, load, attach, look at what exists, remove
 *
 * What works here is found by trying. Probes are held by links, and links by our descriptors: when
 * we end, in whatever way, the kernel takes them away.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "attach/attach_priv.h"
#include "attach/objects.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"

static int probes_silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

static int probes_loud(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, fmt, ap);
}

static struct bpf_object *object_open(const char *start, const char *end, const char *name)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);

	return bpf_object__open_mem(start, (size_t)(end - start), &opts);
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

/* The other objects use the maps of the first. */
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

/* Turns a failure to load or attach into what is wrong and what to do. */
static int probes_explain(struct attach *a, int err, const char *doing)
{
	err = err < 0 ? -err : err;
	if (err == EPERM || err == EACCES)
		return attach_fail(a, EPERM,
				   "%s: not permitted; run as root, or with the capabilities CAP_BPF, "
				   "CAP_PERFMON and CAP_NET_ADMIN%s",
				   doing,
				   geteuid() ? "" : "; as root, a container or a lockdown of the kernel "
						    "forbids it");
	if (access(BTF_PATH, R_OK))
		return attach_fail(a, ENOTSUP,
				   "%s: this kernel tells no type information (BTF): %s is missing; "
				   "it needs CONFIG_DEBUG_INFO_BTF=y",
				   doing, BTF_PATH);
	if (err == ESRCH || err == ENOENT)
		return attach_fail(a, ENOTSUP,
				   "%s: this kernel is too old: it has no tracepoint sock_recv_length "
				   "(Linux 6.3 or later is needed); packets can be traced with -i INTERFACE",
				   doing);
	if (err == EINVAL || err == ENOTSUP || err == EOPNOTSUPP || err == ENOSYS)
		return attach_fail(a, ENOTSUP,
				   "%s: this kernel does not support it (%s); CONFIG_BPF_SYSCALL, "
				   "CONFIG_CGROUP_BPF and CONFIG_BPF_EVENTS are needed, -v tells more",
				   doing, strerror(err));
	return attach_fail(a, err, "%s: %s (-v tells more)", doing, strerror(err));
}

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
	struct bpf_object *obj = object_open(bpf_tls_start, bpf_tls_end, "zctrace_tls");
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

static int probes_load_objects(struct attach *a)
{
	struct probes *p = &a->probes;
	int err;

	p->sock = object_open(bpf_sock_start, bpf_sock_end, "zctrace_sock");
	p->task = object_open(bpf_task_start, bpf_task_end, "zctrace_task");
	if (!p->sock || !p->task)
		return probes_explain(a, errno, "opening the probes");
	err = bpf_map__set_max_entries(bpf_object__find_map_by_name(p->sock, "zc_ring"), RING_BYTES);
	if (!err)
		err = bpf_map__set_max_entries(bpf_object__find_map_by_name(p->task, "zc_ring"),
					       RING_BYTES);
	if (!err)
		err = object_configure(p->sock, &a->config);
	if (!err)
		err = object_configure(p->task, &a->config);
	if (!err)
		err = bpf_object__load(p->sock);
	if (!err)
		err = object_share(p->task, p->sock);
	if (!err)
		err = bpf_object__load(p->task);
	if (err)
		return probes_explain(a, err, "loading the probes");
	p->tasks_fd = map_fd(p->sock, "zc_tasks");
	p->exes_fd = map_fd(p->task, "zc_exes");
	err = probes_map_memory(p);
	return err ? probes_explain(a, err, "mapping shared memory") : 0;
}

static int probe_attach(struct attach *a, struct bpf_object *obj, const char *name, int cgroup_fd)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);
	struct bpf_link *link;

	link = cgroup_fd < 0 ? bpf_program__attach(prog) :
			       bpf_program__attach_cgroup(prog, cgroup_fd);
	if (!link)
		return probes_explain(a, errno, name);
	a->probes.link[a->probes.nlinks++] = link;
	return 0;
}

static int probes_attach_all(struct attach *a)
{
	static const char *const task_probes[] = {"task_fork", "task_exec", "task_rename", "task_exit"};
	static const char *const sock_probes[] = {"sock_state", "sock_recv", "sock_send"};
	struct probes *p = &a->probes;
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(task_probes) / sizeof(task_probes[0]); i++)
		err = probe_attach(a, p->task, task_probes[i], -1);
	/* segments before states: no connection may be announced whose first octets go unseen */
	if (!err)
		err = probe_attach(a, p->sock, "skb_ingress", p->cgroup_fd);
	if (!err)
		err = probe_attach(a, p->sock, "skb_egress", p->cgroup_fd);
	for (size_t i = 0; !err && i < sizeof(sock_probes) / sizeof(sock_probes[0]); i++)
		err = probe_attach(a, p->sock, sock_probes[i], -1);
	if (err)
		return err;
	p->iter = bpf_program__attach_iter(bpf_object__find_program_by_name(p->sock, "sock_iter"),
					   NULL);
	return p->iter ? 0 : probes_explain(a, errno, "sock_iter");
}

int probes_load(struct attach *a)
{
	int err;

	libbpf_set_print(a->opt.verbose > 1 ? probes_loud : probes_silent);
	a->probes.cgroup_fd = cgroup_root_open(a->error, sizeof(a->error));
	if (a->probes.cgroup_fd < 0)
		return a->probes.cgroup_fd == -EPERM ?
			       probes_explain(a, EPERM, "opening the cgroup v2 hierarchy") :
			       -ENOTSUP;
	err = probes_load_objects(a);
	malloc_trim(0); /* the kernel's type information took megabytes for a moment */
	if (err)
		return err;
	a->probes.shared->generation = 1;
	/* processes first: what the socket probes judge by must be there before them */
	err = tasks_mark_selected(a);
	return err ? err : probes_attach_all(a);
}

void probes_release(struct probes *p)
{
	bpf_link__destroy(p->iter);
	for (int i = 0; i < p->nlinks; i++)
		bpf_link__destroy(p->link[i]);
	if (p->shared)
		munmap(p->shared, sizeof(*p->shared));
	if (p->policies)
		munmap(p->policies, sizeof(*p->policies) * ZC_POLICY_SLOTS);
	bpf_object__close(p->task);
	bpf_object__close(p->sock);
	if (p->cgroup_fd > 0)
		close(p->cgroup_fd);
	memset(p, 0, sizeof(*p));
}
