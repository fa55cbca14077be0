/*
 * families.c - the table of probe families, and which of them this kernel may have
 */
#include "attach/families.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/btf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach/rights.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"
#define UPROBE_MULTI "bpf_uprobe_multi_link"
#define TLS_PROGRAMS "tls_enter", "tls_leave"
#define GO_PROGRAMS "tls_go_enter", "tls_go_leave"

/* In each group in the order of trying. Costs decide it: the end of a function costs more, and
 * takes longer to detach, than a tracepoint. */
static const struct family families[] = {
	{GROUP_PROCESSES,
	 "tracepoints",
	 {"task_fork", "task_exec", "task_rename", "task_exit"},
	 .needs = "Linux 5.5"},
	/* before states: no connection may be announced whose first octets, or reads, go unseen */
	{GROUP_SEGMENTS, "cgroup_skb", {"skb_ingress", "skb_egress"}, .needs = "cgroup v2"},
	{GROUP_IO, "tracepoints", {"sock_recv", "sock_send"}, .needs = "Linux 6.3"},
	{GROUP_IO,
	 "fexit",
	 {"inet_recv", "inet6_recv", "inet_send", "inet6_send"},
	 .needs = "Linux 5.15 with CONFIG_FUNCTION_TRACER; on arm64 6.4"},
	{GROUP_SENDFILE, "fexit", {"inet_page"}, .needs = "the same; Linux 6.5 needs none"},
	{GROUP_SPLICE, "fexit", {"sock_splice"}, .needs = "the same"},
	{GROUP_STATES, "tracepoint", {"sock_state"}, .needs = "Linux 5.5"},
	{GROUP_RETRANSMITS, "tracepoint", {"sock_retransmit"}, .needs = "Linux 5.5"},
	{GROUP_RESETS, "tracepoint", {"sock_reset_sent"}, .needs = "Linux 5.5"},
	{GROUP_HANDSHAKES, "tracepoint", {"sock_synack_again"}, .needs = "Linux 5.5"},
	{GROUP_UNROUTED,
	 "cgroup",
	 {"sock_connect4", "sock_connect6", "sock_gone"},
	 .needs = "Linux 5.9"},
	/* by the programs of segments, which must be told who sends */
	{GROUP_DATAGRAMS, "cgroup_skb", .needs = "Linux 6.10"},
	/* all points of a file by one link; one by one, as perf events */
	{GROUP_TLS, "uprobe_multi", {TLS_PROGRAMS}, .needs = "Linux 6.6", .type = UPROBE_MULTI},
	{GROUP_TLS, "uprobe", {TLS_PROGRAMS}, .needs = "Linux 5.15 and CAP_SYS_ADMIN"},
	{GROUP_TLS_GO, "uprobe_multi", {GO_PROGRAMS}, .needs = "Linux 6.6", .type = UPROBE_MULTI},
	{GROUP_TLS_GO, "uprobe", {GO_PROGRAMS}, .needs = "Linux 5.15 and CAP_SYS_ADMIN"},
};
#define FAMILIES (sizeof(families) / sizeof(families[0]))
#define MAX_PROGRAMS (sizeof(families[0].program) / sizeof(families[0].program[0]))

static const struct {
	const char *name;
	const char *unseen; /* while none of the group is used */
} groups[GROUPS] = {
	[GROUP_PROCESSES] = {"processes", ""},
	[GROUP_SEGMENTS] = {"segments", ""},
	[GROUP_STATES] = {"states", ""},
	[GROUP_IO] = {"reads and writes", ""},
	[GROUP_SENDFILE] = {"sendfile", ""}, /* where it is a function of its own, fexit is there */
	[GROUP_SPLICE] = {"splice", "reads by splice(2)"},
	[GROUP_RETRANSMITS] = {"retransmissions", "what is sent again"},
	[GROUP_RESETS] = {"resets", "resets in answer to what comes too late"},
	[GROUP_HANDSHAKES] = {"handshakes", "clients that do not complete their handshakes"},
	[GROUP_UNROUTED] = {"connects without a route", "connects that no route leads to"},
	[GROUP_DATAGRAMS] = {"datagrams", "UDP, so DNS over it, which needs Linux 6.10"},
	[GROUP_TLS] = {"TLS", "what is within TLS"},
	[GROUP_TLS_GO] = {"TLS of Go", "what is within TLS of Go"},
};

/* ---- what the kernel says that it has */

/* The kernel's type information. A name is told by its offset, as there. */
struct types {
	char *file; /* mapped; NULL: it tells none */
	size_t size;
	const char *type, *names;
	size_t type_size, names_size;
	int fexit; /* can ends of functions be probed? 0: not tried, 1: yes, -1: no */
};

/* The whole of a file, in memory that is mapped; NULL: not to be had. */
static char *file_read(int fd, size_t size)
{
	char *text = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t have = 0;
	ssize_t n = 1;

	if (text == MAP_FAILED)
		return NULL;
	while (have < size && n > 0) {
		n = read(fd, text + have, size - have);
		have += n > 0 ? (size_t)n : 0;
	}
	if (have == size)
		return text;
	munmap(text, size);
	return NULL;
}

/* The kernel's own pages since Linux 6.16; before, it copies them one by one. */
static char *file_map(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && st.st_size > 0) {
		*size = (size_t)st.st_size;
		text = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (text == MAP_FAILED)
			text = file_read(fd, *size);
	}
	close(fd);
	return text;
}

static void types_read(struct types *t)
{
	const struct btf_header *h;
	size_t size;

	memset(t, 0, sizeof(*t));
	t->file = file_map(BTF_PATH, &t->size);
	size = t->size;
	if (!t->file || size < sizeof(*h))
		return;
	h = (const struct btf_header *)(const void *)t->file;
	if (h->magic != BTF_MAGIC || (uint64_t)h->hdr_len + h->str_off + h->str_len > size ||
	    (uint64_t)h->hdr_len + h->type_off + h->type_len > size)
		return;
	t->type = t->file + h->hdr_len + h->type_off;
	t->type_size = h->type_len;
	t->names = t->file + h->hdr_len + h->str_off;
	t->names_size = h->str_len;
}

/* 0: there is none. */
static uint32_t name_find(const struct types *t, const char *prefix, const char *name)
{
	char whole[80] = ""; /* each begins behind the end of another */
	int size = snprintf(whole + 1, sizeof(whole) - 1, "%s%s", prefix, name);
	const char *at = memmem(t->names, t->names_size, whole, (size_t)size + 2);

	return at ? (uint32_t)(at + 1 - t->names) : 0;
}

/* How much follows the common part of a type's record, see Documentation/bpf/btf.rst. */
static size_t type_tail(const struct btf_type *type)
{
	size_t n = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG: return 4;
	case BTF_KIND_ARRAY: return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return n * sizeof(struct btf_member);
	case BTF_KIND_ENUM: return n * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
	case BTF_KIND_DATASEC: return n * 12;
	case BTF_KIND_FUNC_PROTO: return n * sizeof(struct btf_param);
	default: return 0;
	}
}

/* The number of the function's type, 0: there is none. */
static uint32_t function_find(const struct types *t, uint32_t name)
{
	uint32_t id = 1;

	for (size_t at = 0; name && at + sizeof(struct btf_type) <= t->type_size; id++) {
		const struct btf_type *type = (const struct btf_type *)(const void *)(t->type + at);

		if (type->name_off == name && BTF_INFO_KIND(type->info) == BTF_KIND_FUNC)
			return id;
		at += sizeof(*type) + type_tail(type);
	}
	return 0;
}

/* Some kernels have the functions but let nobody probe their ends: the smallest program tells. */
static int fexit_try(uint32_t function)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FEXIT,
		    .attach_btf_id = function);
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "zctrace_trial", "GPL", code,
			       sizeof(code) / sizeof(code[0]), &opts);

	if (fd < 0) /* a missing right is told as such, when the probes are loaded */
		return rights_missing(RIGHTS_PROBES) ? 1 : -1;
	close(fd);
	return 1;
}

static int is_possible(struct types *t, const struct bpf_program *prog)
{
	const char *section = bpf_program__section_name(prog);
	uint32_t function;

	if (!strncmp(section, "tp_btf/", 7))
		return name_find(t, "btf_trace_", section + 7) != 0;
	if (strncmp(section, "fexit/", 6))
		return 1;
	function = function_find(t, name_find(t, "", section + 6));
	if (function && !t->fexit)
		t->fexit = fexit_try(function);
	return function && t->fexit > 0;
}

/* ---- choosing */

static int family_possible(const struct family *f, struct types *t, const struct bpf_object *obj)
{
	if (f->group == GROUP_DATAGRAMS)
		return libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SKB,
					       BPF_FUNC_get_current_pid_tgid, NULL) == 1;
	if (f->group >= GROUP_TLS)
		return !f->type || !t->names || name_find(t, "", f->type);
	for (size_t i = 0; i < MAX_PROGRAMS && f->program[i]; i++) {
		const struct bpf_program *prog =
			bpf_object__find_program_by_name(obj, f->program[i]);

		if (!prog || (t->names && !is_possible(t, prog)))
			return 0;
	}
	return 1;
}

int families_next(struct families *f, enum family_group g)
{
	size_t i = f->used[g] ? (size_t)(f->used[g] - families) + 1 : 0;

	for (; i < FAMILIES; i++) {
		if (families[i].group != g || !(f->possible & 1u << i))
			continue;
		f->used[g] = &families[i];
		return 1;
	}
	return 0;
}

void families_give_up(struct families *f, enum family_group g)
{
	f->used[g] = NULL;
	f->failed |= 1u << g;
}

void families_choose(struct families *f, const struct bpf_object *obj)
{
	struct types t;

	types_read(&t); /* without it, trying will tell */
	for (size_t i = 0; i < FAMILIES; i++)
		if (family_possible(&families[i], &t, obj))
			f->possible |= 1u << i;
	if (t.file)
		munmap(t.file, t.size);
	for (int g = 0; g < GROUP_TLS; g++)
		if (!f->used[g] && !families_next(f, (enum family_group)g))
			families_give_up(f, (enum family_group)g);
}

int families_drop_extras(struct families *f)
{
	int dropped = f->used[GROUP_UNROUTED] || f->used[GROUP_HANDSHAKES];

	/* these first, all others together */
	families_give_up(f, GROUP_UNROUTED);
	families_give_up(f, GROUP_HANDSHAKES);
	if (dropped)
		return 1;
	for (int g = GROUP_SENDFILE; g < GROUP_HANDSHAKES; g++) {
		dropped |= f->used[g] != NULL;
		families_give_up(f, (enum family_group)g);
	}
	return dropped;
}

static int is_used(const struct families *f, const char *program)
{
	for (int g = 0; g < GROUPS; g++)
		for (size_t i = 0; f->used[g] && i < MAX_PROGRAMS && f->used[g]->program[i]; i++)
			if (!strcmp(f->used[g]->program[i], program))
				return 1;
	return 0;
}

static int is_of_a_family(const char *program)
{
	for (size_t i = 0; i < FAMILIES; i++)
		for (size_t j = 0; j < MAX_PROGRAMS && families[i].program[j]; j++)
			if (!strcmp(families[i].program[j], program))
				return 1;
	return 0;
}

void families_autoload(const struct families *f, struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		const char *name = bpf_program__name(prog);

		bpf_program__set_autoload(prog, !is_of_a_family(name) || is_used(f, name));
	}
}

/* ---- telling */

void families_describe(const struct families *f, char *out, size_t size)
{
	size_t n = 0;

	*out = '\0';
	for (int g = 0; g < GROUPS && n < size; g++)
		if (f->used[g])
			n += (size_t)snprintf(out + n, size - n, "%s%s by %s", n ? ", " : "",
					      groups[g].name, f->used[g]->name);
	for (int g = 0; g < GROUPS && n < size; g++)
		if (f->failed & 1u << g && *groups[g].unseen)
			n += (size_t)snprintf(out + n, size - n, "; not seen: %s",
					      groups[g].unseen);
}

const char *families_second_choice(const struct families *f)
{
	for (size_t i = 0; i < FAMILIES; i++)
		if (families[i].group == GROUP_IO)
			return f->used[GROUP_IO] == &families[i] ? NULL : f->used[GROUP_IO]->name;
	return NULL;
}

const char *families_missing(const struct families *f)
{
	static char text[160];
	size_t n = 0;

	for (int g = 0; g < GROUP_SENDFILE; g++) {
		if (f->used[g])
			continue;
		n = (size_t)snprintf(text, sizeof(text), "%s need ", groups[g].name);
		for (size_t i = 0; i < FAMILIES && n < sizeof(text); i++)
			if (families[i].group == (enum family_group)g)
				n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
						      text[n - 1] == ' ' ? "" : ", or ",
						      families[i].needs);
		return text;
	}
	return NULL;
}
