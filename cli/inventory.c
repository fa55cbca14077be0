#include "cli/inventory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int each_process(void (*fn)(void *ctx, uint32_t pid), void *ctx)
{
	DIR *proc = opendir("/proc");
	uint32_t self = (uint32_t)getpid();
	struct dirent *d;

	if (!proc)
		return -errno;
	while ((d = readdir(proc))) {
		uint32_t pid = isdigit((unsigned char)d->d_name[0]) ? (uint32_t)atoi(d->d_name) : 0;

		if (pid && pid != self)
			fn(ctx, pid);
	}
	closedir(proc);
	return 0;
}

int each_open_file(uint32_t pid, void (*fn)(void *ctx, const char *target), void *ctx)
{
	char path[64], target[256];
	struct dirent *d;
	int err = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	/* of a process with more capabilities, the files are listed, but not told */
	while (!err && (d = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);

		if (n > 0) {
			target[n] = '\0';
			fn(ctx, target);
		} else if (n < 0 && (errno == EACCES || errno == EPERM)) {
			err = -EACCES;
		}
	}
	closedir(dir);
	return err;
}

uint64_t socket_inode(const char *target)
{
	return strncmp(target, "socket:[", 8) ? 0 : strtoull(target + 8, NULL, 10);
}

/* ---- sockets */

static void add_socket(void *inventory, const struct net_socket *s)
{
	struct inventory *inv = inventory;

	if ((!s->inode && s->state != NET_LISTEN) || inv->failed)
		return;
	if (inv->n == inv->cap) {
		size_t cap = inv->cap ? 2 * inv->cap : 256;
		struct net_socket *v = reallocarray(inv->sock, cap, sizeof(*v));

		if (!v) {
			inv->failed = 1;
			return;
		}
		inv->sock = v;
		inv->cap = cap;
	}
	inv->sock[inv->n++] = *s;
}

struct namespaces {
	struct inventory *inv;
	uint64_t *seen;
	size_t n;
	int listeners;
};

static void read_namespace(void *namespaces, uint32_t pid)
{
	struct namespaces *ns = namespaces;
	uint64_t netns = net_namespace(pid), *v;

	if (!netns)
		return;
	for (size_t i = 0; i < ns->n; i++)
		if (ns->seen[i] == netns)
			return;
	/* a process that ends here and now leaves the namespace to the next one in it */
	if (net_tcp_each(pid, netns, ns->listeners, add_socket, ns->inv))
		return;
	v = reallocarray(ns->seen, ns->n + 1, sizeof(*v));
	if (!v) {
		ns->inv->failed = 1;
		return;
	}
	ns->seen = v;
	ns->seen[ns->n++] = netns;
}

static int by_inode(const void *a, const void *b)
{
	uint64_t x = ((const struct net_socket *)a)->inode,
		 y = ((const struct net_socket *)b)->inode;

	return (x > y) - (x < y);
}

int inventory_read(struct inventory *inv, int listeners)
{
	struct namespaces ns = { .inv = inv, .listeners = listeners };
	int err;

	*inv = (struct inventory){ .here = net_namespace(0) };
	read_namespace(&ns, (uint32_t)getpid());
	err = each_process(read_namespace, &ns);
	free(ns.seen);
	if (inv->n)
		qsort(inv->sock, inv->n, sizeof(*inv->sock), by_inode);
	return inv->failed ? -ENOMEM : err;
}

void inventory_release(struct inventory *inv)
{
	free(inv->sock);
	*inv = (struct inventory){ 0 };
}

const struct net_socket *inventory_find(const struct inventory *inv, uint64_t inode)
{
	const struct net_socket key = { .inode = inode };

	return inv->n && inode ? bsearch(&key, inv->sock, inv->n, sizeof(key), by_inode) : NULL;
}

/* ---- services */

struct owning {
	const struct inventory *inv;
	struct owner {
		const struct net_socket *at;
		uint32_t pid;
	} *v;
	size_t n, cap;
	uint32_t pid; /* whose files are looked at */
	unsigned denied;
	int failed;
};

static void add_owner(struct owning *o, const struct net_socket *at, uint32_t pid)
{
	if (o->n == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 64;
		struct owner *v = reallocarray(o->v, cap, sizeof(*v));

		if (!v) {
			o->failed = 1;
			return;
		}
		o->v = v;
		o->cap = cap;
	}
	o->v[o->n++] = (struct owner){ at, pid };
}

static void look_at_file(void *owning, const char *target)
{
	struct owning *o = owning;
	const struct net_socket *at = inventory_find(o->inv, socket_inode(target));

	if (at)
		add_owner(o, at, o->pid);
}

static void look_at_process(void *owning, uint32_t pid)
{
	struct owning *o = owning;

	o->pid = pid;
	o->denied += each_open_file(pid, look_at_file, o) == -EACCES;
}

static int compare_places(const struct net_socket *a, const struct net_socket *b, uint64_t here)
{
	if (a->local_port != b->local_port)
		return a->local_port < b->local_port ? -1 : 1;
	if ((a->netns == here) != (b->netns == here))
		return a->netns == here ? -1 : 1;
	if (a->netns != b->netns)
		return a->netns < b->netns ? -1 : 1;
	if (a->v4 != b->v4)
		return a->v4 ? -1 : 1;
	return memcmp(a->local, b->local, sizeof(a->local));
}

static int by_place(const void *x, const void *y, void *here)
{
	const struct owner *a = x, *b = y;
	int c = compare_places(a->at, b->at, *(const uint64_t *)here);

	return c ? c : (a->pid > b->pid) - (a->pid < b->pid);
}

static int add_service(struct listeners *l, const struct owner *o, size_t n)
{
	struct listener *v = reallocarray(l->v, l->n + 1, sizeof(*v));
	struct listener *to;

	if (!v)
		return -ENOMEM;
	l->v = v;
	to = &l->v[l->n++];
	*to = (struct listener){ .at = *o->at, .pids = calloc(n, sizeof(*to->pids)) };
	if (!to->pids)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (o[i].pid && (!to->npids || to->pids[to->npids - 1] != o[i].pid))
			to->pids[to->npids++] = o[i].pid;
	return 0;
}

static int group(struct listeners *l, struct owning *o)
{
	uint64_t here = o->inv->here;
	size_t n;
	int err = 0;

	if (o->n)
		qsort_r(o->v, o->n, sizeof(*o->v), by_place, &here);
	for (size_t i = 0; !err && i < o->n; i += n) {
		for (n = 1; i + n < o->n && !compare_places(o->v[i].at, o->v[i + n].at, here);)
			n++;
		err = add_service(l, &o->v[i], n);
	}
	return err;
}

int listeners_find(struct listeners *l)
{
	struct inventory inv;
	struct owning o = { .inv = &inv };
	int err = inventory_read(&inv, 1);

	*l = (struct listeners){ 0 };
	/* each once without an owner, so that one whose owner may not be known is there, too */
	for (size_t i = 0; !err && i < inv.n; i++)
		add_owner(&o, &inv.sock[i], 0);
	if (!err)
		err = each_process(look_at_process, &o);
	if (!err)
		err = o.failed ? -ENOMEM : group(l, &o);
	l->denied = o.denied;
	free(o.v);
	inventory_release(&inv);
	return err;
}

void listeners_release(struct listeners *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].pids);
	free(l->v);
	*l = (struct listeners){ 0 };
}

uint32_t listener_owner(const struct listener *l)
{
	if (!l->npids)
		return 0;
	return l->pids[0] == 1 && l->npids > 1 ? l->pids[1] : l->pids[0];
}
