#include "cli/procinfo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/inventory.h"
#include "cli/procread.h"

struct looking {
	struct proc_info *p;
	struct binscan *scan;
	size_t cap; /* of p->socket */
	int failed; /* out of memory */
};

static void add_blind(struct proc_info *p, const char *library)
{
	for (unsigned i = 0; i < p->nblind; i++)
		if (p->blind[i] == library)
			return;
	if (p->nblind < PROC_BLIND_MAX)
		p->blind[p->nblind++] = library;
}

static int add_tls(struct proc_info *p, const struct tlsbin *tls, const struct maps_file *f)
{
	struct proc_tls *v = reallocarray(p->tls, p->ntls + 1, sizeof(*v));
	char *path = strdup(f->path);

	if (v)
		p->tls = v;
	if (!v || !path) {
		free(path);
		return -ENOMEM;
	}
	p->tls[p->ntls++] = (struct proc_tls){ tls, tls->version, path, f->deleted,
						  f->is_exe };
	return 0;
}

static int on_file(void *looking, const struct maps_file *f)
{
	struct looking *l = looking;
	struct proc_info *p = l->p;
	const struct binary *b = binscan__file(l->scan, (pid_t)p->pid, f);
	int err = b ? 0 : -ENOMEM;

	if (err)
		return err;
	p->has_code = 1;
	if (f->is_exe) {
		snprintf(p->exe, sizeof(p->exe), "%s", f->path);
		p->exe_deleted = f->deleted;
		p->traits = b->traits;
	}
	if (b->blind && !strcmp(b->blind, "JSSE"))
		p->java = 1;
	else if (b->blind)
		add_blind(p, b->blind);
	if (b->ntls == -EPERM || b->ntls == -EACCES) {
		p->unread++;
		p->unread_deleted += f->deleted != 0;
	}
	for (int i = 0; !err && i < b->ntls; i++)
		err = add_tls(p, &b->tls[i], f);
	return err;
}

/* Is there only what tells of errors? */
static int tells_errors_only(const struct tlsbin *tls)
{
	for (size_t i = 0; i < tls->npoints; i++)
		if (tls->point[i].func != ZC_TLS_ERROR && tls->point[i].func != ZC_TLS_ERROR_PUT)
			return 0;
	return tls->npoints > 0;
}

static void lend_version(struct proc_info *p, const struct proc_tls *from)
{
	for (unsigned i = 0; i < p->ntls; i++)
		if (p->tls[i].tls->lib == from->tls->lib && !*p->tls[i].version)
			p->tls[i].version = from->version;
}

/* Leaves the files that have connections: a program that only hashes has no TLS. */
static void settle_libraries(struct proc_info *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->ntls; i++)
		if (tells_errors_only(p->tls[i].tls))
			lend_version(p, &p->tls[i]);
	for (unsigned i = 0; i < p->ntls; i++) {
		if (tells_errors_only(p->tls[i].tls))
			free(p->tls[i].path);
		else
			p->tls[n++] = p->tls[i];
	}
	p->ntls = n;
}

static void on_open_file(void *looking, const char *target)
{
	struct looking *l = looking;
	struct proc_info *p = l->p;
	uint64_t inode = socket_inode(target);

	p->io_urings += !strcmp(target, "anon_inode:[io_uring]");
	if (!inode || l->failed)
		return;
	if (p->nsockets == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		uint64_t *v = reallocarray(p->socket, cap, sizeof(*v));

		if (!v) {
			l->failed = 1;
			return;
		}
		p->socket = v;
		l->cap = cap;
	}
	p->socket[p->nsockets++] = inode;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* -ESRCH: there is no such process. */
static int read_comm(struct proc_info *p)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/comm", p->pid);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	if (!fgets(p->comm, sizeof(p->comm), f))
		p->comm[0] = '\0';
	fclose(f);
	p->comm[strcspn(p->comm, "\n")] = '\0';
	return 0;
}

int proc_info_read(struct proc_info *p, uint32_t pid, struct binscan *scan, int files)
{
	struct looking l = { .p = p, .scan = scan };
	int err;

	memset(p, 0, sizeof(*p));
	p->pid = pid;
	if (read_comm(p))
		return -ESRCH;
	proc_names_read(pid, &p->names);
	p->netns = net_namespace(pid);
	if (p->netns && p->netns != net_namespace(0))
		net_namespace_name(p->netns, p->netns_name, sizeof(p->netns_name));
	err = maps_each((pid_t)pid, on_file, &l);
	settle_libraries(p);
	if (err == -EACCES || err == -EPERM)
		p->hidden_memory = 1;
	else if (err)
		return err;
	if (files && each_open_file(pid, on_open_file, &l) == -EACCES)
		p->hidden_files = 1;
	if (p->nsockets)
		qsort(p->socket, p->nsockets, sizeof(*p->socket), by_value);
	return l.failed ? -ENOMEM : 0;
}

int proc_info_has_socket(const struct proc_info *p, uint64_t inode)
{
	return p->nsockets && inode &&
	       bsearch(&inode, p->socket, p->nsockets, sizeof(inode), by_value) != NULL;
}

void proc_info_release(struct proc_info *p)
{
	for (unsigned i = 0; i < p->ntls; i++)
		free(p->tls[i].path);
	free(p->tls);
	free(p->socket);
	memset(p, 0, sizeof(*p));
}
