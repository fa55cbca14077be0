/*
 * uprobe_trial.c - do uprobes work here? One is put on a function of ours, which is then called
 *
 * The smallest program that shows that it ran: it writes 1 into the only value of a map. Attached
 * by a perf event, as every kernel with uprobes can, and by a link for many (Linux 6.6), whose
 * attribute the C library's headers may not know yet.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <link.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "attach/hostcheck.h"
#include "attach/uprobe_trial.h"

#define CALLS 500
#define SELF "/proc/self/exe"

struct trial {
	int map, prog;
};

/* Not empty: what begins with a nop is cheaper to probe than what people call. */
__attribute__((noinline, noclone)) void trial_target(void)
{
	static volatile unsigned calls;

	calls++;
}

static int find_offset(struct dl_phdr_info *info, size_t size, void *ctx)
{
	uint64_t *offset = ctx, at = (uint64_t)(uintptr_t)trial_target;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uint64_t start = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_LOAD && at >= start && at < start + p->p_filesz)
			*offset = at - start + p->p_offset;
	}
	return 1; /* the program itself is the first */
}

static int load(struct trial *t, int attach_type)
{
	struct bpf_insn code[] = {
		/* r1 = address of the map's value: two slots */
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_VALUE,
		  .imm = t->map },
		{ 0 },
		{ .code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 1, .imm = 1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = (enum bpf_attach_type)attach_type);

	t->prog = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "zctrace_trial", "GPL", code,
				sizeof(code) / sizeof(code[0]), &opts);
	return t->prog < 0 ? -errno : 0;
}

static int perf_type(void)
{
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int type = -1;

	if (f && fscanf(f, "%d", &type) != 1)
		type = -1;
	if (f)
		fclose(f);
	return type;
}

static int attach_perf(int prog, uint64_t offset, pid_t pid, int is_return, int fd[2])
{
	struct perf_event_attr attr = { .size = sizeof(attr) };
	int type = perf_type();

	if (type < 0)
		return -ENOENT;
	attr.type = (uint32_t)type;
	attr.config = is_return != 0; /* bit 0, as .../uprobe/format/retprobe tells */
	attr.config1 = (uint64_t)(uintptr_t)SELF;
	attr.config2 = offset;
	fd[1] = (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd[1] < 0)
		return -errno;
	fd[0] = bpf_link_create(prog, fd[1], BPF_PERF_EVENT, NULL);
	return fd[0] < 0 ? -errno : 0;
}

static int attach_multi(int prog, uint64_t offset, pid_t pid, int is_return, int fd[2])
{
	struct {
		uint32_t prog_fd, target_fd, attach_type, flags;
		uint64_t path, offsets, ref_ctr_offsets, cookies;
		uint32_t cnt, multi_flags, pid, pad;
	} attr = { .prog_fd = (uint32_t)prog, .attach_type = TRACE_UPROBE_MULTI, .cnt = 1 };

	attr.path = (uint64_t)(uintptr_t)SELF;
	attr.offsets = (uint64_t)(uintptr_t)&offset;
	attr.multi_flags = is_return != 0;
	attr.pid = (uint32_t)(pid ? pid : getpid());
	fd[0] = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd[0] < 0 ? -errno : 0;
}

int trial_attach(int prog, int attach_type, pid_t pid, int is_return, int fd[2])
{
	uint64_t offset = 0;

	fd[0] = fd[1] = -1;
	dl_iterate_phdr(find_offset, &offset);
	return (attach_type == TRACE_UPROBE_MULTI ? attach_multi : attach_perf)(prog, offset, pid,
										is_return, fd);
}

void trial_detach(int fd[2])
{
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

static uint64_t time_calls(void)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < CALLS; i++)
		trial_target();
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000 + (uint64_t)b.tv_nsec -
	       (uint64_t)a.tv_nsec;
}

/* 0: attached, and it ran. *ns: what one hit costs. */
static int try(struct trial *t, int attach_type, uint64_t *ns)
{
	uint64_t ran = 0, without = time_calls(), with;
	int key = 0, fd[2] = { -1, -1 }, err;

	t->prog = -1;
	t->map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "zctrace_trial", sizeof(key), sizeof(ran), 1,
				NULL);
	err = t->map < 0 ? -errno : load(t, attach_type);
	if (!err)
		err = trial_attach(t->prog, attach_type, 0, 0, fd);
	if (!err) {
		with = time_calls();
		*ns = with > without ? (with - without) / CALLS : 0;
		err = bpf_map_lookup_elem(t->map, &key, &ran) || !ran ? -ENODATA : 0;
	}
	trial_detach(fd);
	if (t->prog >= 0)
		close(t->prog);
	if (t->map >= 0)
		close(t->map);
	return err;
}

static const char *reason(int err)
{
	return err == -ENODATA ? "attached, but not run" :
	       err == -ENOENT  ? "this kernel has none (CONFIG_UPROBE_EVENTS)" :
				 strerror(-err);
}

static void explain(struct check *c, int err)
{
	c->state = CHECK_FAIL;
	snprintf(c->text, sizeof(c->text), "cannot be used, so TLS stays encrypted: %s",
		 reason(err));
	/* perf events ask for CAP_SYS_ADMIN, links for many do not */
	if (err == -EPERM || err == -EACCES)
		snprintf(c->remedy, sizeof(c->remedy),
			 "run as root, or with CAP_BPF and CAP_PERFMON "
			 "(and CAP_SYS_ADMIN before Linux 6.6)");
	else if (err == -ENOENT)
		snprintf(c->remedy, sizeof(c->remedy), "boot a kernel with CONFIG_UPROBE_EVENTS=y");
}

static void explain_multi(struct check *c, int err)
{
	c->state = err ? CHECK_NOTE : CHECK_OK;
	if (!err)
		snprintf(c->text, sizeof(c->text), "works: many functions with one link");
	else if (err == -EINVAL || err == -ENOTSUP)
		snprintf(c->text, sizeof(c->text),
			 "not in this kernel (Linux 6.6 or later has it): probes "
			 "are attached one by one");
	else
		snprintf(c->text, sizeof(c->text), "cannot be used: %s", reason(err));
}

void hostcheck_uprobe(struct check *c, struct check *multi)
{
	struct trial t = { 0 };
	uint64_t ns = 0;
	int by_link, by_event;

	*c = (struct check){ .name = "uprobe" };
	*multi = (struct check){ .name = "uprobe_multi" };
	by_event = try(&t, 0, &ns);
	by_link = try(&t, TRACE_UPROBE_MULTI, &ns);
	if (by_event && by_link)
		explain(c, by_event);
	else
		snprintf(c->text, sizeof(c->text),
			 "work: a call of a probed function costs %.1f \xc2\xb5s here",
			 (double)ns / 1e3);
	explain_multi(multi, by_link);
}
