/*
 * look.c - what the kernel side is to look at: the sockets that are open, the processes that are
 * marked
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "attach/attach_priv.h"

/* One pass of an iterator; its output is what it has to say of listeners. */
static int iterate(struct attach *a, const struct bpf_link *iter, uint32_t pass,
		   void (*fn)(struct attach *a, const struct zc_ev_listen *l))
{
	struct zc_ev_listen found[64];
	ssize_t n;
	int fd;

	a->probes.shared->iter_pass = pass;
	fd = bpf_iter_create(bpf_link__fd(iter));
	if (fd < 0)
		return -errno;
	while ((n = read(fd, found, sizeof(found))) > 0 || (n < 0 && errno == EAGAIN))
		for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(found[0]); i++)
			fn(a, &found[i]);
	close(fd);
	return n < 0 ? -errno : 0;
}

static int probes_iterate(struct attach *a, uint32_t pass,
			  void (*fn)(struct attach *a, const struct zc_ev_listen *l))
{
	return iterate(a, a->probes.iter, pass, fn);
}

/* Adds "port 8000 (nginx, pid 4242)" to what is traced; later looks add nothing. */
static void probes_add_listener(struct attach *a, const struct zc_ev_listen *l)
{
	size_t n = strlen(a->what);
	char text[80];

	snprintf(text, sizeof(text), "port %u (%.16s, pid %u)", l->port, l->comm, l->pid);
	if (a->described || strstr(a->what, text) || n + sizeof(text) >= sizeof(a->what))
		return; /* one server may listen several times, for IPv4, IPv6 and each worker */
	snprintf(a->what + n, sizeof(a->what) - n, "%s%s", n ? ", " : "", text);
}

static int look_failed(struct attach *a, int err)
{
	return err ? attach_fail(a, -err, "looking at open sockets: %s", strerror(-err)) : 0;
}

int probes_look_listeners(struct attach *a)
{
	return look_failed(a, probes_iterate(a, 1, probes_add_listener));
}

/* Not before Linux 6.1, which has no iterators of one process. */
void probes_look_process(struct attach *a, pid_t pid)
{
	union bpf_iter_link_info info = {.task = {.pid = (__u32)pid}};
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info,
		    .link_info_len = sizeof(info));
	struct bpf_link *iter = bpf_program__attach_iter(
		bpf_object__find_program_by_name(a->probes.sock, "sock_iter"), &opts);

	if (iter)
		iterate(a, iter, 1, probes_add_listener);
	bpf_link__destroy(iter);
}

int probes_look_connections(struct attach *a)
{
	int err;

	__atomic_store_n(&a->probes.shared->looked, 1, __ATOMIC_RELEASE);
	err = probes_iterate(a, 2, probes_add_listener);
	if (!err && a->probes.shared->iter_peers)
		err = probes_iterate(a, 3, probes_add_listener);
	return look_failed(a, err);
}

void probes_count(struct attach *a)
{
	probes_iterate(a, 4, probes_add_listener);
}

int probes_look(struct attach *a)
{
	int err = probes_look_listeners(a);

	return err ? err : probes_look_connections(a);
}

uint32_t probes_bits(const struct probes *p, pid_t pid)
{
	uint32_t key = (uint32_t)pid, flags = 0;

	bpf_map_lookup_elem(p->tasks_fd, &key, &flags);
	return flags;
}

/*
 * The kernel side forgets a process at its end. What would be put in after that stays, and
 * thousands of them fill the table.
 */
int probes_mark_quietly(struct probes *p, pid_t pid, uint32_t bits)
{
	uint32_t key = (uint32_t)pid, had = probes_bits(p, pid), flags = had | bits;

	if (had == flags)
		return 0;
	if (bpf_map_update_elem(p->tasks_fd, &key, &flags, had ? BPF_EXIST : BPF_ANY))
		return errno == ENOENT ? 0 : -errno;
	if (had || !proc_gone(pid))
		return 1;
	bpf_map_delete_elem(p->tasks_fd, &key);
	return 0;
}

void probes_unmark(struct probes *p, pid_t pid, uint32_t bits)
{
	uint32_t key = (uint32_t)pid, flags = probes_bits(p, pid) & ~bits;

	if (flags)
		bpf_map_update_elem(p->tasks_fd, &key, &flags, BPF_EXIST);
}

int probes_mark(struct probes *p, pid_t pid, uint32_t bits)
{
	int n = probes_mark_quietly(p, pid, bits);

	if (n < 0)
		return n;
	__atomic_add_fetch(&p->shared->generation, 1, __ATOMIC_RELAXED);
	return 0;
}
