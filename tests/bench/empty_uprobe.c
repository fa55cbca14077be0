/*
 * empty_uprobe.c - puts the programs of uprobes.bpf.c to functions of one process, until it is told
 * to end; the way zctrace does it where it can: all points of a file by one call (Linux 6.6)
 * usage: empty_uprobe OBJECT FILE PID OFFSET...
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* include/uapi/linux/bpf.h of Linux 6.6 */
#define ATTACH_UPROBE_MULTI 48
#define UPROBE_MULTI_RETURN 1u
#define MAX_OFFSETS 16

struct link_create_multi {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t cnt, multi_flags, pid, pad;
};

static int attach(struct bpf_object *obj, const char *prog, struct link_create_multi attr,
		  uint32_t flags)
{
	attr.prog_fd = (uint32_t)bpf_program__fd(bpf_object__find_program_by_name(obj, prog));
	attr.attach_type = ATTACH_UPROBE_MULTI;
	attr.multi_flags = flags;
	return (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
}

static struct bpf_object *load(const char *path)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	struct bpf_program *prog;

	if (!obj)
		return NULL;
	bpf_object__for_each_program(prog, obj) bpf_program__set_expected_attach_type(
		prog, (enum bpf_attach_type)ATTACH_UPROBE_MULTI);
	return bpf_object__load(obj) ? NULL : obj;
}

int main(int argc, char **argv)
{
	struct bpf_object *obj = argc > 4 && argc <= 4 + MAX_OFFSETS ? load(argv[1]) : NULL;
	struct link_create_multi attr = {0};
	uint64_t offsets[MAX_OFFSETS];

	if (!obj) {
		fprintf(stderr, "empty_uprobe: cannot load\n");
		return 1;
	}
	for (int i = 4; i < argc; i++)
		offsets[attr.cnt++] = strtoull(argv[i], NULL, 0);
	attr.path = (uint64_t)(uintptr_t)argv[2];
	attr.offsets = (uint64_t)(uintptr_t)offsets;
	attr.pid = (uint32_t)strtoul(argv[3], NULL, 10);
	if (attach(obj, "empty_call", attr, 0) < 0 ||
	    attach(obj, "empty_return", attr, UPROBE_MULTI_RETURN) < 0) {
		perror("empty_uprobe: cannot attach");
		return 1;
	}
	fprintf(stderr, "attached\n");
	pause();
	return 0;
}
