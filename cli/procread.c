#include "cli/procread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/elfkind.h"

#define CONTAINER_DIGITS 64

/* Interpreters, and how their arguments name the program that they run. */
static const struct language {
	const char *exe; /* name of the executable, up to version digits */
	const char *runtime;
	const char *with_value; /* options whose value is the next argument */
	const char *program;	/* options whose value names the program */
	const char *inline_code; /* options after which there is no name */
	const char *suffix;
} languages[] = {
	{ "python", "python", " -W -X --check-hash-based-pycs ", " -m ", " -c ", ".py" },
	{ "pypy", "python", " -W -X ", " -m ", " -c ", ".py" },
	{ "node", "nodejs", " -r --require --import --loader --experimental-loader ", " ",
	  " -e --eval -p --print ", ".js .mjs .cjs .ts" },
	{ "nodejs", "nodejs", " -r --require --import --loader ", " ", " -e --eval -p --print ",
	  ".js .mjs .cjs .ts" },
	{ "java", "java",
	  " -cp -classpath --class-path -p --module-path --add-modules --add-opens "
	  "--add-exports --add-reads --upgrade-module-path ",
	  " -jar -m --module ", " ", ".jar" },
	{ "ruby", "ruby", " -I -r -C -E ", " ", " -e ", ".rb" },
	{ "php", "php", " -d -c -S -t -z ", " -f ", " -r ", ".php" },
	{ "php-fpm", "php", NULL, NULL, NULL, NULL },
	{ "dotnet", "dotnet", " --fx-version --additionalprobingpath --depsfile --runtimeconfig ",
	  " exec ", " ", ".dll" },
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const struct language *language_of(const char *exe)
{
	const char *name = base_name(exe);

	for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++) {
		size_t n = strlen(languages[i].exe);

		/* python3.11, php8.2; but not python3-config */
		if (!strncmp(name, languages[i].exe, n) &&
		    !name[n + strspn(name + n, "0123456789.")])
			return &languages[i];
	}
	return NULL;
}

const char *proc_runtime_of_name(const char *exe)
{
	const struct language *l = language_of(exe);

	return l ? l->runtime : NULL;
}

/* Is word one of the words of list, which has blanks around each? */
static int listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; n && (at = strstr(at, word)); at += n) {
		if (at > list && at[-1] == ' ' && at[n] == ' ')
			return 1;
	}
	return 0;
}

static void copy(char *out, size_t size, const char *s, size_t n)
{
	n = n < size ? n : size - 1;
	memcpy(out, s, n);
	out[n] = '\0';
}

/* Cuts a suffix of the language; a package's __main__.py goes by the package's name. */
static void name_program(const struct language *l, const char *arg, char *out, size_t size)
{
	const char *name = base_name(arg), *dot = strrchr(name, '.');
	size_t n = strlen(name);

	if (!strcmp(name, "__main__.py") && name > arg + 1) {
		char dir[PATH_MAX];

		copy(dir, sizeof(dir), arg, (size_t)(name - 1 - arg));
		copy(out, size, base_name(dir), strlen(base_name(dir)));
		return;
	}
	if (dot && dot > name) {
		const char *suffix = strstr(l->suffix, dot);
		size_t len = strlen(dot);

		if (suffix && (!suffix[len] || suffix[len] == ' '))
			n -= len;
		else if (!strcmp(l->runtime, "java")) /* com.example.Main */
			n -= (size_t)(dot + 1 - name), name = dot + 1;
	}
	copy(out, size, name, n);
}

/* The argument after p, or NULL. */
static const char *next_arg(const char *p, const char *end)
{
	p += strlen(p) + 1;
	return p < end ? p : NULL;
}

/* The argument that names the program, or NULL. arg is what comes after the interpreter. */
static const char *find_program(const struct language *l, const char *arg, const char *end)
{
	while (arg) {
		if (listed(l->program, arg))
			return next_arg(arg, end);
		if (listed(l->inline_code, arg))
			return NULL;
		if (*arg != '-')
			return arg;
		if (listed(l->with_value, arg))
			arg = next_arg(arg, end);
		arg = arg ? next_arg(arg, end) : NULL;
	}
	return NULL;
}

void proc_service(const char *exe, const char *cmdline, size_t n, char *service, size_t size)
{
	const struct language *l = language_of(exe);
	const char *end = cmdline + n, *program = NULL;

	/* without its last NUL the arguments were cut, or overwritten with a title */
	if (l && l->program && n && !end[-1])
		program = find_program(l, next_arg(cmdline, end), end);
	if (program && *program)
		name_program(l, program, service, size);
	else
		copy(service, size, base_name(exe), strlen(base_name(exe)));
}

const char *proc_container_id(const char *cgroup)
{
	for (const char *p = cgroup; *p;) {
		size_t n = strspn(p, "0123456789abcdef");

		if (n == CONTAINER_DIGITS)
			return p;
		p += n ? n : 1;
	}
	return NULL;
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

static int read_exe(uint32_t pid, char *exe, size_t size)
{
	static const char deleted[] = " (deleted)";
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	n = readlink(path, exe, size - 1);
	if (n <= 0)
		return -ESRCH;
	exe[n] = '\0';
	n -= (ssize_t)sizeof(deleted) - 1;
	if (n > 0 && !strcmp(exe + n, deleted))
		exe[n] = '\0';
	return 0;
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

static const char *runtime_of(uint32_t pid, const char *exe)
{
	const char *runtime = proc_runtime_of_name(exe);
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
	if (runtime)
		return runtime;
	return kind == ELF_CPP ? "cpp" : "generic";
}

int proc_names_read(uint32_t pid, struct zc_ev_names *out)
{
	char exe[PATH_MAX], cmdline[8192], cgroup[4096];
	const char *id, *runtime;
	ssize_t n;

	if (read_exe(pid, exe, sizeof(exe)))
		return -ESRCH;
	n = read_proc(pid, "cmdline", cmdline, sizeof(cmdline));
	proc_service(exe, cmdline, n > 0 ? (size_t)n : 0, out->service, sizeof(out->service));
	runtime = runtime_of(pid, exe);
	copy(out->runtime, sizeof(out->runtime), runtime, strlen(runtime));
	if (read_proc(pid, "cgroup", cgroup, sizeof(cgroup)) > 0) {
		id = proc_container_id(cgroup);
		if (id)
			copy(out->container, sizeof(out->container), id, CONTAINER_DIGITS);
	}
	return 0;
}
