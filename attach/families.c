/*
 * families.c - the table of probe families, and which of them this kernel may have
 */
#include "attach/families.h"

#include <bpf/btf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BTF_PATH "/sys/kernel/btf/vmlinux"

/* In each group in the order of trying. Costs decide it: the end of a function costs more, and takes
 * longer to detach, than a tracepoint. */
static const struct family families[] = {
	{GROUP_PROCESSES, "tracepoints", {"task_fork", "task_exec", "task_rename", "task_exit"},
	 "Linux 5.5"},
	/* segments before states: no connection may be announced whose first octets go unseen */
	{GROUP_SEGMENTS, "cgroup_skb", {"skb_ingress", "skb_egress"}, "cgroup v2"},
	{GROUP_STATES, "tracepoint", {"sock_state"}, "Linux 5.5"},
	{GROUP_IO, "tracepoints", {"sock_recv", "sock_send"}, "Linux 6.3"},
	{GROUP_IO, "fexit", {"inet_recv", "inet6_recv", "inet_send", "inet6_send"},
	 "Linux 5.15 with CONFIG_FUNCTION_TRACER; on arm64 6.4"},
	{GROUP_SENDFILE, "fexit", {"inet_page"}, "the same; Linux 6.5 needs none"},
	{GROUP_SPLICE, "fexit", {"sock_splice"}, "the same"},
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
};

/* ---- what the kernel says that it has */

/* The names in its type information. */
struct names {
	char *file;
	const char *start;
	size_t size;
};

static int names_read(struct names *n)
{
	const struct btf_header *h;
	size_t got = 0;
	struct stat st;
	ssize_t more;
	int fd = open(BTF_PATH, O_RDONLY | O_CLOEXEC);

	memset(n, 0, sizeof(*n));
	if (fd < 0 || fstat(fd, &st) || st.st_size < (off_t)sizeof(*h))
		goto done;
	n->file = malloc((size_t)st.st_size);
	while (n->file && got < (size_t)st.st_size &&
	       (more = read(fd, n->file + got, (size_t)st.st_size - got)) > 0)
		got += (size_t)more;
	h = (const struct btf_header *)(const void *)n->file;
	if (got < sizeof(*h) || (uint64_t)h->hdr_len + h->str_off + h->str_len > got)
		goto done;
	n->start = n->file + h->hdr_len + h->str_off;
	n->size = h->str_len;
done:
	if (fd >= 0)
		close(fd);
	return n->start ? 0 : -1;
}

static int names_has(const struct names *n, const char *prefix, const char *name)
{
	char whole[80];
	int size = snprintf(whole + 1, sizeof(whole) - 1, "%s%s", prefix, name);

	whole[0] = '\0'; /* each begins behind the end of another */
	return memmem(n->start, n->size, whole, (size_t)size + 2) != NULL;
}

/* Ends of functions need the function tracer, and that it is switched on. */
static int has_fexit(void)
{
	FILE *f = fopen("/proc/sys/kernel/ftrace_enabled", "re");
	int on = f && fgetc(f) == '1';

	if (f)
		fclose(f);
	return on;
}

static int is_possible(const struct names *n, const struct bpf_program *prog)
{
	const char *section = bpf_program__section_name(prog);

	if (!strncmp(section, "tp_btf/", 7))
		return names_has(n, "btf_trace_", section + 7);
	if (!strncmp(section, "fexit/", 6))
		return names_has(n, "", section + 6) && has_fexit();
	return 1;
}

/* ---- choosing */

static int family_possible(const struct family *f, const struct names *n, const struct bpf_object *obj)
{
	for (size_t i = 0; i < MAX_PROGRAMS && f->program[i]; i++) {
		const struct bpf_program *prog = bpf_object__find_program_by_name(obj, f->program[i]);

		if (!prog || (n->start && !is_possible(n, prog)))
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

void families_choose(struct families *f, const struct bpf_object *sock, const struct bpf_object *task)
{
	struct names n;

	names_read(&n); /* without it, trying will tell */
	for (size_t i = 0; i < FAMILIES; i++)
		if (family_possible(&families[i], &n, families[i].group == GROUP_PROCESSES ? task : sock))
			f->possible |= 1u << i;
	free(n.file);
	for (int g = 0; g < GROUPS; g++)
		if (!f->used[g])
			families_next(f, (enum family_group)g);
}

int families_drop_extras(struct families *f)
{
	int dropped = 0;

	for (int g = GROUP_SENDFILE; g < GROUPS; g++) {
		dropped |= f->used[g] != NULL;
		f->used[g] = NULL;
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
			n += (size_t)snprintf(out + n, size - n, "%s%s by %s", n ? ", " : "", groups[g].name,
					      f->used[g]->name);
	for (int g = 0; g < GROUPS && n < size; g++)
		if (!f->used[g] && *groups[g].unseen)
			n += (size_t)snprintf(out + n, size - n, "; not seen: %s", groups[g].unseen);
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
				n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", text[n - 1] == ' ' ? "" : ", or ",
						      families[i].needs);
		return text;
	}
	return NULL;
}
