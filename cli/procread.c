#include "cli/procread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/container.h"
#include "cli/elfkind.h"
#include "cli/environ.h"
#include "cli/pod.h"
#include "cli/service.h"

const char *proc_container_id(const char *cgroup)
{
	for (const char *p = cgroup; *p;) {
		size_t n = strspn(p, "0123456789abcdef");

		if (n == CONTAINER_ID_LEN)
			return p;
		p += n ? n : 1;
	}
	return NULL;
}

static void copy(char *out, size_t size, const char *s, size_t n)
{
	n = n < size ? n : size - 1;
	memcpy(out, s, n);
	out[n] = '\0';
}

/* Up to size - 1 octets of /proc/PID/NAME, ended with NUL; their number or a negative errno. */
static ssize_t read_proc(uint32_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t got;
	size_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		got = read(fd, buf + n, size - 1 - n);
		if (got > 0)
			n += (size_t)got;
	} while (got > 0 && n < size - 1);
	got = got < 0 ? -errno : (ssize_t)n;
	close(fd);
	buf[n] = '\0';
	return got;
}

int proc_identity_read(uint32_t pid, struct proc_identity *out)
{
	char buf[1024], path[64];
	struct stat st;
	char *p;

	memset(out, 0, sizeof(*out));
	if (read_proc(pid, "stat", buf, sizeof(buf)) <= 0)
		return -ESRCH;
	/* the name in parentheses may hold anything; the start time is the 20th field after it */
	p = strrchr(buf, ')');
	for (int i = 0; p && i < 20; i++)
		p = strchr(p + 1, ' ');
	if (!p)
		return -ESRCH;
	out->start = strtoull(p + 1, NULL, 10);
	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	if (!stat(path, &st)) {
		out->inode = st.st_ino;
		out->device = st.st_dev;
	}
	return 0;
}

/* What a link in /proc/PID leads to; "" and a negative errno: not known. */
static int read_link(uint32_t pid, const char *name, char *out, size_t size)
{
	static const char deleted[] = " (deleted)";
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	n = readlink(path, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	if (n <= 0)
		return n < 0 && errno == EACCES ? -EACCES : -ESRCH;
	n -= (ssize_t)sizeof(deleted) - 1;
	if (n > 0 && !strcmp(out + n, deleted))
		out[n] = '\0';
	return 0;
}

/* Not so: it ended meanwhile, and what of it could not be read is not known. */
static int still_runs(uint32_t pid)
{
	char exe[PATH_MAX];

	return !read_link(pid, "exe", exe, sizeof(exe));
}

/* An interpreter that is a library of the process; NULL if none is. */
static const char *embedded_runtime(uint32_t pid)
{
	static const struct {
		const char *library, *runtime;
	} libraries[] = {
		{ "/libcoreclr.so", "dotnet" }, { "/libjvm.so", "java" },
		{ "/libpython", "python" },	{ "/libruby", "ruby" },
		{ "/libphp", "php" },
	};
	const char *found = NULL;
	size_t size = 256 << 10;
	char *maps = malloc(size);

	if (maps && read_proc(pid, "maps", maps, size) > 0) {
		for (size_t i = 0; !found && i < sizeof(libraries) / sizeof(libraries[0]); i++)
			found = strstr(maps, libraries[i].library) ? libraries[i].runtime : NULL;
	}
	free(maps);
	return found;
}

/* "": it ended before it could be found out. */
static const char *runtime_of(uint32_t pid, const char *exe)
{
	const char *runtime = service_runtime(exe);
	enum elf_kind kind;
	char path[64];

	if (runtime)
		return runtime;
	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	kind = elf_kind_of(path);
	if (kind == ELF_GO)
		return "go";
	if (kind == ELF_RUST)
		return "rust";
	runtime = embedded_runtime(pid);
	if (!runtime)
		runtime = kind == ELF_CPP ? "cpp" : "generic";
	return still_runs(pid) ? runtime : "";
}

/* The parent, if it runs the same program; 0: it does not, or it is not known. */
static uint32_t parent_alike(uint32_t pid, const char *exe)
{
	char status[4096], other[PATH_MAX];
	const char *at = NULL;
	uint32_t parent;

	if (read_proc(pid, "status", status, sizeof(status)) > 0)
		at = strstr(status, "\nPPid:");
	parent = at ? (uint32_t)strtoul(at + 6, NULL, 10) : 0;
	return parent && !read_link(parent, "exe", other, sizeof(other)) && !strcmp(other, exe)
		       ? parent : 0;
}

/* Has Python's multiprocessing started it? Its own arguments name nothing then. */
static int is_spawned(const char *cmdline, ssize_t n)
{
	static const char spawned[] = "\0--multiprocessing-fork",
			  server[] = "\0from multiprocessing.forkserver import ";

	return n > 0 && (memmem(cmdline, (size_t)n, spawned, sizeof(spawned) - 1) ||
			 memmem(cmdline, (size_t)n, server, sizeof(server) - 1));
}

/*
 * The arguments that name it, as service_name takes them; returns whose they are. A worker of
 * multiprocessing is called as whoever had it started is, through the server that forks it, and
 * through workers that start workers.
 */
static uint32_t read_cmdline(uint32_t pid, const char *exe, char *cmdline, size_t size, ssize_t *n)
{
	uint32_t parent;

	*n = read_proc(pid, "cmdline", cmdline, size);
	for (int i = 0; i < 8 && is_spawned(cmdline, *n); i++) {
		parent = parent_alike(pid, exe);
		if (!parent)
			break;
		pid = parent;
		*n = read_proc(pid, "cmdline", cmdline, size);
	}
	return pid;
}

/* What it says of itself is what it is called. Returns whether it says anything. */
static int read_environ(uint32_t pid, struct zc_ev_names *out)
{
	size_t size = 256 << 10;
	char *env = malloc(size);
	ssize_t n = env ? read_proc(pid, "environ", env, size) : -1;

	if (n > 0)
		environ_resource(env, (size_t)n, out->service, sizeof(out->service),
				 out->resource, sizeof(out->resource));
	free(env);
	return n > 0;
}

static void read_container(uint32_t pid, struct zc_ev_names *out)
{
	char cgroup[4096], uid[POD_UID_LEN + 1];
	struct pod pod;
	const char *id;

	if (read_proc(pid, "cgroup", cgroup, sizeof(cgroup)) <= 0)
		return;
	if (!pod_uid(cgroup, uid) && !pod_find("", uid, &pod))
		pod_resource(&pod, out->resource, sizeof(out->resource));
	id = proc_container_id(cgroup);
	if (!id)
		return;
	copy(out->container, sizeof(out->container), id, CONTAINER_ID_LEN);
	container_name("", out->container, out->container_name, sizeof(out->container_name));
}

static int read_called(uint32_t pid, char exe[PATH_MAX], struct zc_ev_names *out)
{
	char cwd[PATH_MAX], cmdline[8192];
	int err = read_link(pid, "exe", exe, PATH_MAX);
	uint32_t named;
	ssize_t n;

	if (err)
		return err;
	named = read_cmdline(pid, exe, cmdline, sizeof(cmdline), &n);
	read_link(named, "cwd", cwd, sizeof(cwd));
	service_name(exe, cmdline, n > 0 ? (size_t)n : 0, cwd, out->service, sizeof(out->service));
	if (!read_environ(pid, out) && !still_runs(pid))
		return -ESRCH; /* its arguments may have been gone as well */
	read_container(pid, out);
	return 0;
}

int proc_called_read(uint32_t pid, struct zc_ev_names *out)
{
	char exe[PATH_MAX];

	memset(out, 0, sizeof(*out));
	return read_called(pid, exe, out);
}

int proc_names_read(uint32_t pid, struct zc_ev_names *out)
{
	char exe[PATH_MAX];
	const char *runtime;
	int err = read_called(pid, exe, out);

	if (err)
		return err;
	runtime = runtime_of(pid, exe);
	copy(out->runtime, sizeof(out->runtime), runtime, strlen(runtime));
	return 0;
}
