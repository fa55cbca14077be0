#include "attach/hostcheck.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "attach/attach_priv.h"
#include "attach/rights.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"

void check_set(struct check *c, enum check_state state, const char *fmt, ...)
{
	va_list ap;

	c->state = state;
	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
}

static void remedy(struct check *c, const char *text)
{
	snprintf(c->remedy, sizeof(c->remedy), "%s", text);
}

/* The first line of a file, without its end; -1 if it cannot be read. */
static int read_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	int err = !f || !fgets(buf, (int)size, f) ? -1 : 0;

	if (f)
		fclose(f);
	if (!err)
		buf[strcspn(buf, "\n")] = '\0';
	return err;
}

static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- facts */

static void check_kernel(struct check *c)
{
	struct utsname u;

	if (!uname(&u))
		check_set(c, CHECK_OK, "%s %s %s", u.sysname, u.release, u.machine);
}

static void check_btf(struct check *c)
{
	struct stat st;

	if (!access(BTF_PATH, R_OK) && !stat(BTF_PATH, &st)) {
		check_set(c, CHECK_OK, "%s, %lld KiB", BTF_PATH, (long long)st.st_size / 1024);
		return;
	}
	check_set(c, CHECK_FAIL, "no type information of the kernel: %s: %s", BTF_PATH,
		  strerror(errno));
	remedy(c, "boot a kernel with CONFIG_DEBUG_INFO_BTF=y, and mount /sys if it is missing");
}

static void check_lockdown(struct check *c)
{
	char line[128], *mode, *end;

	if (read_line("/sys/kernel/security/lockdown", line, sizeof(line))) {
		check_set(c, CHECK_NOTE, "not told: %s",
		    errno == ENOENT ? "securityfs is not mounted, or the kernel has no lockdown" :
				      strerror(errno));
		return;
	}
	mode = strchr(line, '[');
	end = mode ? strchr(mode, ']') : NULL;
	if (end)
		*end = '\0';
	mode = end ? mode + 1 : line;
	if (strcmp(mode, "confidentiality")) {
		check_set(c, CHECK_OK, "%s: probes may read memory", mode);
		return;
	}
	check_set(c, CHECK_FAIL, "confidentiality: probes may not read memory");
	remedy(c, "boot with lockdown=integrity or without lockdown");
}

static void check_capabilities(struct check *c)
{
	uint64_t caps = rights_held(), need = rights_missing(RIGHTS_PROBES);
	char have[160], lack[160], cost[300];

	rights_list(have, sizeof(have), caps & RIGHTS_USED);
	rights_list(lack, sizeof(lack), RIGHTS_USED & ~caps);
	if (!(RIGHTS_USED & ~caps)) {
		check_set(c, CHECK_OK, "%s", have);
		return;
	}
	rights_cost(cost, sizeof(cost));
	check_set(c,
		  need			    ? CHECK_FAIL
		  : caps & RIGHT_SYS_PTRACE ? CHECK_NOTE
					    : CHECK_WARN,
		  "held: %s; missing: %s%s%s", have, lack, *cost ? "; without them, no " : "",
		  cost);
	if (need)
		remedy(c,
		       "run as root, or: setcap cap_bpf,cap_perfmon,cap_net_admin,cap_sys_ptrace,"
		       "cap_dac_read_search,cap_checkpoint_restore+ep zctrace (before Linux 6.6 "
		       "cap_sys_admin, too)");
	else if (!(caps & RIGHT_SYS_PTRACE))
		remedy(c, "run as root, or give CAP_SYS_PTRACE too");
}

static void check_cgroup(struct check *c)
{
	char path[1024], reason[256] = "";
	int fd = cgroup_root_open(reason, sizeof(reason));

	if (fd < 0) {
		reason[strcspn(reason, ";")] = '\0';
		check_set(c, CHECK_FAIL, "%s", reason);
		remedy(c, "mount one: mount -t cgroup2 none /sys/fs/cgroup/unified");
		return;
	}
	close(fd);
	if (!cgroup_mount_point(path, sizeof(path)))
		check_set(c, CHECK_OK, "version 2 is mounted at %.200s", path);
	else
		check_set(c, CHECK_OK, "version 2 is not mounted, but can be, for zctrace alone; "
				 "--cgroup and --container need a mount");
}

/* Numbers that the first namespaces of their kinds have on every kernel. */
static int in_first_namespace(const char *kind, unsigned long number)
{
	char path[64], link[64], want[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	snprintf(want, sizeof(want), "%s:[%lu]", kind, number);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return 1; /* this kernel has none of this kind */
	link[n] = '\0';
	return !strcmp(link, want);
}

static void check_namespaces(struct check *c)
{
	int user = in_first_namespace("user", 0xEFFFFFFDul),
	    pid = in_first_namespace("pid", 0xEFFFFFFCul),
	    cgroup = in_first_namespace("cgroup", 0xEFFFFFFBul);

	if (user && pid && cgroup) {
		check_set(c, CHECK_OK, "those of the host");
		return;
	}
	check_set(c, user ? CHECK_WARN : CHECK_FAIL, "not those of the host:%s%s%s",
	    user ? "" : " user (capabilities count for nothing outside);",
	    pid ? "" : " pid (processes outside have other numbers here, or none);",
	    cgroup ? "" : " cgroup (only what runs inside is seen);");
	c->text[strlen(c->text) - 1] = '\0';
	remedy(c, "run on the host, or in a container that is privileged and shares the host's "
		  "namespaces (docker run --privileged --pid=host --cgroupns=host --userns=host)");
}

static void check_jit(struct check *c)
{
	char line[32];

	/* where it cannot be switched off, there is no file, or nobody but root may read it */
	if (read_line("/proc/sys/net/core/bpf_jit_enable", line, sizeof(line)) ||
	    strcmp(line, "0")) {
		c->name = NULL;
		return;
	}
	check_set(c, CHECK_FAIL,
		  "net.core.bpf_jit_enable is 0: probes on tracepoints cannot be attached");
	remedy(c, "sysctl net.core.bpf_jit_enable=1");
}

/* What these say counts only for whoever lacks the capability. */
static void check_unprivileged(struct check *c)
{
	char bpf[32] = "not told", perf[32] = "not told";

	if (!rights_missing(RIGHT_BPF | RIGHT_PERFMON)) {
		c->name = NULL;
		return;
	}
	read_line("/proc/sys/kernel/unprivileged_bpf_disabled", bpf, sizeof(bpf));
	read_line("/proc/sys/kernel/perf_event_paranoid", perf, sizeof(perf));
	check_set(c, CHECK_NOTE,
		  "kernel.unprivileged_bpf_disabled %s, kernel.perf_event_paranoid %s: no value of "
		  "these replaces the capabilities",
		  bpf, perf);
}

void hostcheck_each(void (*fn)(void *ctx, const struct check *c), void *ctx)
{
	static const struct {
		const char *name;
		void (*check)(struct check *c);
	} checks[] = {
		{ "kernel", check_kernel },	    { "btf", check_btf },
		{ "lockdown", check_lockdown },	    { "capabilities", check_capabilities },
		{ "cgroup", check_cgroup },	    { "namespaces", check_namespaces },
		{ "bpf_jit", check_jit },	    { "unprivileged", check_unprivileged },
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct check c = { .name = checks[i].name, .state = CHECK_NOTE };

		checks[i].check(&c);
		if (c.name)
			fn(ctx, &c);
	}
}

/* ---- backends */

/* Which families are in use, with those of TLS, which nothing has asked for so far. */
static void check_probes(struct check *c, struct attach *a)
{
	int err = attach__load_tls(a);
	char families[600];

	attach__families(a, families, sizeof(families));
	check_set(c, err ? CHECK_WARN : CHECK_OK, "%s%s%.150s", families, err ? ": " : "",
		  err ? attach__error(a) : "");
	c->name = "probes";
}

void hostcheck_skb(struct check *c, struct check *probes)
{
	const struct attach_options opt = { .role = ATTACH_ROLE_AUTO };
	struct attach *a = attach__new(&opt);
	uint64_t began = monotonic();
	const char *semicolon;

	*c = (struct check){ .name = "skb" };
	*probes = (struct check){ .name = NULL };
	if (!a) {
		check_set(c, CHECK_FAIL, "out of memory");
		return;
	}
	if (attach__start(a)) {
		semicolon = strstr(attach__error(a), "; ");
		check_set(c, CHECK_FAIL, "%.*s",
			  semicolon ? (int)(semicolon - attach__error(a)) : 320, attach__error(a));
		remedy(c, semicolon ? semicolon + 2 : "");
		attach__free(a);
		return;
	}
	c->attach_ns = monotonic() - began;
	check_probes(probes, a);
	began = monotonic();
	attach__free(a);
	c->detach_ns = monotonic() - began;
	check_set(c, CHECK_OK, "works: loaded and attached in %.1f ms, detached in %.1f ms",
	    (double)c->attach_ns / 1e6, (double)c->detach_ns / 1e6);
}
