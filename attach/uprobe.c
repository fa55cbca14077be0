/*
 * uprobe.c - loads bpf/tls.bpf.c and attaches it to points in files
 *
 * Since Linux 6.6 the kernel takes all points of a file at once (uprobe_multi); before, each is a
 * perf event of its own: two rows of families.c.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
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

enum { PROG_ENTER, PROG_LEAVE, PROGS }; /* as a family's programs are ordered */
enum { PART_C, PART_GO, PARTS };	/* libraries in C, and Go */

struct uprobes {
	struct attach *attach;
	struct part {
		struct bpf_object *obj; /* NULL: not loaded */
		struct bpf_program *prog[PROGS];
	} part[PARTS];
};

static int part_of(int lib)
{
	return lib == ZC_TLS_GO ? PART_GO : PART_C;
}

static enum family_group group_of(int part)
{
	return part == PART_GO ? GROUP_TLS_GO : GROUP_TLS;
}

static const struct family *family_of(const struct uprobes *u, int part)
{
	return u->attach->probes.families.used[group_of(part)];
}

static int is_multi(const struct uprobes *u, int part)
{
	return family_of(u, part)->type != NULL;
}

static void unload(struct part *p)
{
	bpf_object__close(p->obj);
	p->obj = NULL;
}

/* Only what is needed: the verifier takes its time. */
static int programs_choose(const struct uprobes *u, int part)
{
	const struct part *p = &u->part[part];
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, p->obj)
	{
		bpf_program__set_autoload(prog, prog == p->prog[PROG_ENTER] ||
							prog == p->prog[PROG_LEAVE]);
		if (is_multi(u, part))
			bpf_program__set_expected_attach_type(
				prog, (enum bpf_attach_type)ATTACH_UPROBE_MULTI);
	}
	return p->prog[PROG_ENTER] && p->prog[PROG_LEAVE] ? 0 : -ENOENT;
}

/* By the family that is chosen. */
static int load(struct uprobes *u, int part)
{
	struct part *p = &u->part[part];
	int err;

	unload(p);
	p->obj = probes_open_tls(u->attach);
	if (!p->obj)
		return attach_fail(u->attach, errno, "opening the probes for TLS: %s",
				   strerror(errno));
	for (int i = 0; i < PROGS; i++)
		p->prog[i] =
			bpf_object__find_program_by_name(p->obj, family_of(u, part)->program[i]);
	err = programs_choose(u, part);
	if (!err)
		err = probes_load_tls(u->attach, p->obj);
	malloc_trim(0);
	if (err)
		unload(p);
	return err;
}

/* The next family of the kernel's that can be loaded, of those that have not been tried. */
static int load_next(struct uprobes *u, int part)
{
	struct families *f = &u->attach->probes.families;
	int err = -ENOTSUP;

	while (err && families_next(f, group_of(part)))
		err = load(u, part);
	if (err)
		families_give_up(f, group_of(part));
	return err;
}

struct uprobes *uprobes_new(struct attach *a)
{
	struct uprobes *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->attach = a;
	return u;
}

int uprobes_load(struct uprobes *u, int lib)
{
	int part = part_of(lib);

	return u->part[part].obj ? 0 : load_next(u, part);
}

void uprobes_free(struct uprobes *u)
{
	for (int i = 0; u && i < PARTS; i++)
		unload(&u->part[i]);
	free(u);
}

const struct bpf_object *uprobes_object(const struct uprobes *u, int i)
{
	return i < PARTS ? u->part[i].obj : NULL;
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

/* Does this program go to this point? Returns of Go's functions are points of their own. */
static int goes_to(int prog, int part, const struct tlsbin_point *p)
{
	if (part == PART_GO)
		return p->is_return == (prog == PROG_LEAVE);
	return prog == PROG_ENTER || has_return_probe(p);
}

/* Is the program to be run when the function returns, rather than where it is put? */
static int at_return(int prog, int part)
{
	return prog == PROG_LEAVE && part == PART_C;
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

static uint64_t cookie_of(const struct tlsbin *bin, const struct tlsbin_point *p, int born)
{
	return p->func | (uint64_t)bin->lib << 8 | (born ? ZC_TLS_BORN : 0);
}

/* Points of one program in one file. */
struct points {
	const struct bpf_program *prog;
	const char *path;
	pid_t pid; /* 0: all processes */
	int at_return;
	uint64_t *offsets, *cookies;
	size_t n;
};

static int attach_multi(const struct points *p, struct uprobe_set *out)
{
	struct link_create_multi l = {
		.prog_fd = (uint32_t)bpf_program__fd(p->prog),
		.attach_type = ATTACH_UPROBE_MULTI,
		.path = (uintptr_t)p->path,
		.offsets = (uintptr_t)p->offsets,
		.cookies = (uintptr_t)p->cookies,
		.cnt = (uint32_t)p->n,
		.multi_flags = p->at_return ? UPROBE_MULTI_RETURN : 0,
		.pid = (uint32_t)p->pid,
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &l, sizeof(l));

	return fd < 0 ? -errno : set_add(out, (struct uprobe_link){.fd = (int)fd});
}

static int attach_each(const struct points *p, struct uprobe_set *out)
{
	for (size_t i = 0; i < p->n; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, o, .bpf_cookie = p->cookies[i],
			    .retprobe = p->at_return);
		struct bpf_link *link = bpf_program__attach_uprobe_opts(
			p->prog, p->pid ? p->pid : -1, p->path, p->offsets[i], &o);
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
	int part = part_of(bin->lib), err = 0;
	struct points p = {
		.prog = u->part[part].prog[prog],
		.path = path,
		.pid = pid,
		.at_return = at_return(prog, part),
		.offsets = malloc(bin->npoints * sizeof(*p.offsets)),
		.cookies = malloc(bin->npoints * sizeof(*p.cookies)),
	};

	if (!p.offsets || !p.cookies)
		err = -ENOMEM;
	for (size_t i = 0; !err && i < bin->npoints; i++) {
		if (!goes_to(prog, part, &bin->point[i]))
			continue;
		p.offsets[p.n] = bin->point[i].offset;
		p.cookies[p.n++] = cookie_of(bin, &bin->point[i],
					      !pid && !u->attach->config.all);
	}
	if (!err && p.n)
		err = is_multi(u, part) ? attach_multi(&p, out) : attach_each(&p, out);
	free(p.offsets);
	free(p.cookies);
	return err;
}

static int attach_all(struct uprobes *u, const char *path, pid_t pid, const struct tlsbin *bin,
		      struct uprobe_set *out)
{
	/* returns first: a call that is entered under a probe is to be left under one */
	int err = attach_prog(u, PROG_LEAVE, path, pid, bin, out);

	if (!err)
		err = attach_prog(u, PROG_ENTER, path, pid, bin, out);
	if (err)
		uprobes_detach(out);
	return err;
}

int uprobes_attach(struct uprobes *u, int file_fd, pid_t pid, const struct tlsbin *bin,
		   struct uprobe_set *out)
{
	char path[32];
	int err = uprobes_load(u, bin->lib);

	memset(out, 0, sizeof(*out));
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	err = attach_all(u, path, pid, bin, out);
	if (err != -EINVAL || !is_multi(u, part_of(bin->lib)))
		return err;
	err = load_next(u, part_of(bin->lib)); /* there is no such link in this kernel */
	return err ? err : attach_all(u, path, pid, bin, out);
}
