/*
 * uprobe.c - loads bpf/tls.bpf.c and attaches it to points in files
 *
 * Since Linux 6.6 the kernel takes all points of a file at once (uprobe_multi); before, each is a
 * perf event of its own. Which of them works is found by trying.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "attach/attach_priv.h"
#include "attach/objects.h"
#include "attach/uprobe.h"
#include "bpf/tls.h"

/* include/uapi/linux/bpf.h of Linux 6.6 */
#define ATTACH_UPROBE_MULTI 48
#define UPROBE_MULTI_RETURN 1u

struct link_create_multi {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t cnt, multi_flags, pid, pad;
};

enum { PROG_ENTER, PROG_LEAVE, PROG_GO_ENTER, PROG_GO_LEAVE, PROGS };

struct uprobes {
	struct attach *attach;
	struct bpf_object *obj;
	struct bpf_program *prog[PROGS];
	int multi;
};

static const char *const prog_names[PROGS] = {"tls_enter", "tls_leave", "tls_go_enter",
					      "tls_go_leave"};

static int load(struct uprobes *u, int multi)
{
	int err;

	bpf_object__close(u->obj);
	u->obj = probes_open_tls(u->attach);
	if (!u->obj)
		return -errno;
	for (int i = 0; i < PROGS; i++) {
		u->prog[i] = bpf_object__find_program_by_name(u->obj, prog_names[i]);
		if (!u->prog[i])
			return -ENOENT;
		if (multi)
			bpf_program__set_expected_attach_type(
				u->prog[i], (enum bpf_attach_type)ATTACH_UPROBE_MULTI);
	}
	err = bpf_object__load(u->obj);
	malloc_trim(0);
	u->multi = multi;
	return err;
}

/* Each link is a descriptor, and there may be many processes. */
static void raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur >= r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max < 65536 ? r.rlim_max : 65536;
	setrlimit(RLIMIT_NOFILE, &r);
}

struct uprobes *uprobes_load(struct attach *a, char *err, size_t errlen)
{
	struct uprobes *u = calloc(1, sizeof(*u));
	int code = u ? 0 : -ENOMEM;

	if (u) {
		u->attach = a;
		code = load(u, 1);
		if (code)
			code = load(u, 0);
	}
	if (!code) {
		raise_limit();
		return u;
	}
	snprintf(err, errlen, "loading the probes for TLS: %s%s", strerror(-code),
		 code == -EPERM || code == -EACCES ? "; they need CAP_BPF and CAP_PERFMON" : "");
	uprobes_free(u);
	return NULL;
}

void uprobes_free(struct uprobes *u)
{
	if (!u)
		return;
	bpf_object__close(u->obj);
	free(u);
}

const struct bpf_object *uprobes_object(const struct uprobes *u)
{
	return u->obj;
}

int uprobes_multi(const struct uprobes *u)
{
	return u->multi;
}

/* ---- what goes where */

static int has_return_probe(const struct tlsbin_point *p)
{
	switch (p->func) {
	case ZC_TLS_FREE:
	case ZC_TLS_ERROR:
	case ZC_TLS_ERROR_PUT:
		return 0;
	default:
		return 1;
	}
}

/* Does program `prog` go to this point of a library `lib`? */
static int goes_to(int prog, int lib, const struct tlsbin_point *p)
{
	switch (prog) {
	case PROG_ENTER: return lib != ZC_TLS_GO;
	case PROG_LEAVE: return lib != ZC_TLS_GO && has_return_probe(p);
	case PROG_GO_ENTER: return lib == ZC_TLS_GO && !p->is_return;
	default: return lib == ZC_TLS_GO && p->is_return;
	}
}

static void link_close(const struct uprobe_link *l)
{
	if (l->event)
		bpf_link__destroy(l->event);
	else
		close(l->fd);
}

static int set_add(struct uprobe_set *s, struct uprobe_link l)
{
	struct uprobe_link *grown = realloc(s->link, (s->n + 1) * sizeof(*grown));

	if (!grown) {
		link_close(&l);
		return -ENOMEM;
	}
	s->link = grown;
	s->link[s->n++] = l;
	return 0;
}

void uprobes_detach(struct uprobe_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		link_close(&s->link[i]);
	free(s->link);
	memset(s, 0, sizeof(*s));
}

static uint64_t cookie_of(const struct tlsbin *bin, const struct tlsbin_point *p)
{
	return p->func | (uint64_t)bin->lib << 8;
}

static int attach_multi(const struct uprobes *u, int prog, const char *path, pid_t pid,
			const uint64_t *offsets, const uint64_t *cookies, size_t n,
			struct uprobe_set *out)
{
	struct link_create_multi l = {
		.prog_fd = (uint32_t)bpf_program__fd(u->prog[prog]),
		.attach_type = ATTACH_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.cnt = (uint32_t)n,
		.multi_flags = prog == PROG_LEAVE ? UPROBE_MULTI_RETURN : 0,
		.pid = (uint32_t)pid,
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &l, sizeof(l));

	return fd < 0 ? -errno : set_add(out, (struct uprobe_link){.fd = (int)fd});
}

static int attach_each(const struct uprobes *u, int prog, const char *path, pid_t pid,
		       const uint64_t *offsets, const uint64_t *cookies, size_t n,
		       struct uprobe_set *out)
{
	for (size_t i = 0; i < n; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, o, .bpf_cookie = cookies[i],
			    .retprobe = prog == PROG_LEAVE);
		struct bpf_link *link = bpf_program__attach_uprobe_opts(
			u->prog[prog], pid ? pid : -1, path, offsets[i], &o);
		int err = link ? set_add(out, (struct uprobe_link){.event = link}) : -errno;

		if (err)
			return err;
	}
	return 0;
}

/* The points of one program. */
static int attach_prog(struct uprobes *u, int prog, const char *path, pid_t pid,
		       const struct tlsbin *bin, struct uprobe_set *out)
{
	uint64_t *offsets = malloc(bin->npoints * sizeof(*offsets));
	uint64_t *cookies = malloc(bin->npoints * sizeof(*cookies));
	size_t n = 0;
	int err = 0;

	if (!offsets || !cookies)
		err = -ENOMEM;
	for (size_t i = 0; !err && i < bin->npoints; i++) {
		if (!goes_to(prog, bin->lib, &bin->point[i]))
			continue;
		offsets[n] = bin->point[i].offset;
		cookies[n++] = cookie_of(bin, &bin->point[i]);
	}
	if (!err && n)
		err = (u->multi ? attach_multi : attach_each)(u, prog, path, pid, offsets, cookies,
							      n, out);
	free(offsets);
	free(cookies);
	return err;
}

static int attach_all(struct uprobes *u, const char *path, pid_t pid, const struct tlsbin *bin,
		      struct uprobe_set *out)
{
	/* returns first: a call that is entered under a probe is to be left under one */
	static const int order[PROGS] = {PROG_LEAVE, PROG_GO_LEAVE, PROG_ENTER, PROG_GO_ENTER};
	int err = 0;

	for (int i = 0; !err && i < PROGS; i++)
		err = attach_prog(u, order[i], path, pid, bin, out);
	if (err)
		uprobes_detach(out);
	return err;
}

int uprobes_attach(struct uprobes *u, int file_fd, pid_t pid, const struct tlsbin *bin,
		   struct uprobe_set *out)
{
	char path[32];
	int err;

	memset(out, 0, sizeof(*out));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	err = attach_all(u, path, pid, bin, out);
	if (err != -EINVAL || !u->multi)
		return err;
	err = load(u, 0); /* the kernel is older than uprobe_multi */
	return err ? err : attach_all(u, path, pid, bin, out);
}
