/*
 * attach.c - the object behind attach.h: selectors, start, what to say about it
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "attach/attach_priv.h"
#include "attach/served.h"

#include <sys/stat.h>

#define FIRST_PIDNS 0xeffffffcu /* PROC_PID_INIT_INO: the same on every kernel */

/* Our number in /proc, which may be that of another namespace than ours. */
static pid_t number_in_proc(void)
{
	char link[32] = "";

	return readlink("/proc/self", link, sizeof(link) - 1) > 0 ? atoi(link) : getpid();
}

/*
 * In a namespace of their own, processes have other numbers than the kernel's; those of /proc
 * count.
 */
static void find_namespace(struct attach *a)
{
	struct stat st;

	a->config.self = (uint32_t)number_in_proc();
	if (stat("/proc/self/ns/pid", &st) || st.st_ino == FIRST_PIDNS ||
	    number_in_proc() != getpid())
		return;
	a->config.pidns_ino = (uint32_t)st.st_ino;
	a->config.pidns_dev = st.st_dev;
}

struct attach *attach__new(const struct attach_options *o)
{
	struct attach *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->opt = *o;
	a->config.role = o->role == ATTACH_ROLE_SERVER ? ZC_ROLE_SERVER :
			 o->role == ATTACH_ROLE_CLIENT ? ZC_ROLE_CLIENT :
			 o->role == ATTACH_ROLE_BOTH   ? ZC_ROLE_BOTH :
							 ZC_ROLE_AUTO;
	a->config.follow = a->config.downstream = o->follow != 0;
	find_namespace(a);
	a->config.wake_bytes = RING_BYTES / 4;
	return a;
}

int attach__add_ports(struct attach *a, uint16_t first, uint16_t last)
{
	if (!first || first > last)
		return attach_fail(a, EINVAL, "port %u-%u: not a range of ports", first, last);
	if (a->nranges >= MAX_PORT_RANGES)
		return attach_fail(a, EINVAL, "more than %d ranges of ports", MAX_PORT_RANGES);
	a->range[a->nranges].first = first;
	a->range[a->nranges++].last = last;
	for (unsigned p = first; p <= last; p++)
		a->config.ports[p >> 3] |= (uint8_t)(1u << (p & 7));
	a->config.by_port = 1;
	a->config.downstream |= !a->opt.no_downstream && a->config.role != ZC_ROLE_SERVER;
	return 0;
}

int attach__add_pid(struct attach *a, pid_t pid)
{
	pid_t *pids;

	if (number_in_proc() != getpid())
		return attach_fail(a, EINVAL,
				   "/proc is that of another PID namespace, so it is not known "
				   "which process %d is; mount /proc anew",
				   (int)pid);
	if (pid <= 0 || (kill(pid, 0) && errno == ESRCH))
		return attach_fail(a, ESRCH, "pid %d: no such process", pid);
	pids = realloc(a->pids, (a->npids + 1) * sizeof(*pids));
	if (!pids)
		return attach_fail(a, ENOMEM, "out of memory");
	a->pids = pids;
	a->pids[a->npids++] = pid;
	return 0;
}

int attach__add_command(struct attach *a, pid_t pid, const char *file)
{
	a->command = pid;
	a->command_file = file;
	return attach__add_pid(a, pid);
}

static int glob_add(struct attach *a, struct glob **list, const char *pattern)
{
	size_t n = strlen(pattern) + 1;
	struct glob *g = malloc(sizeof(*g) + n);

	if (!g)
		return attach_fail(a, ENOMEM, "out of memory");
	memcpy(g->pattern, pattern, n);
	g->next = *list;
	*list = g;
	return 0;
}

int attach__add_comm(struct attach *a, const char *pattern)
{
	size_t n = strlen(pattern);

	if (!n || n > 15)
		return attach_fail(a, EINVAL,
				   "comm %s: the kernel keeps 15 characters of a name; %s", pattern,
				   n ? "shorten the pattern with *" : "an empty pattern fits none");
	if (strchr(pattern, '['))
		return attach_fail(a, EINVAL, "comm %s: only * and ? are special here", pattern);
	if (a->config.ncomm >= ZC_MAX_GLOBS)
		return attach_fail(a, EINVAL, "more than %d patterns for names", ZC_MAX_GLOBS);
	memcpy(a->config.comm[a->config.ncomm++], pattern, n + 1);
	return glob_add(a, &a->comms, pattern);
}

int attach__add_exe(struct attach *a, const char *pattern)
{
	if (pattern[0] != '/' && pattern[0] != '*')
		return attach_fail(a, EINVAL,
				   "exe %s: a pattern for a whole path begins with / or *",
				   pattern);
	a->config.nexe++;
	return glob_add(a, &a->exes, pattern);
}

int attach__add_judged(struct attach *a, const char *what, int (*fits)(void *ctx, pid_t pid),
		       void *ctx)
{
	a->fits = fits;
	a->fits_ctx = ctx;
	a->config.nexe++; /* the kernel side tells every exec */
	return glob_add(a, &a->judged, what);
}

void attach__all(struct attach *a)
{
	a->config.all = 1;
}

/* A port that nobody listens on yet is worth a word; of a range, nobody expects all. */
static void attach_note_waiting(struct attach *a)
{
	for (int i = 0; i < a->nranges; i++) {
		uint16_t port = a->range[i].first;

		if (port != a->range[i].last || a->probes.shared->listeners[port])
			continue;
		if (a->config.role == ZC_ROLE_SERVER)
			attach_note(a, "waiting", "nobody listens on port %u yet: waiting", port);
		else
			attach_note(a, "waiting",
				    "nobody listens on port %u here: tracing the client ends of "
				    "connections "
				    "to it, and servers when they start",
				    port);
	}
}

/* One of the parts of the line that says what is traced. */
__attribute__((format(printf, 2, 3))) static void what_add(struct attach *a, const char *fmt, ...)
{
	size_t n = strlen(a->what);
	va_list ap;

	if (n + 2 >= sizeof(a->what))
		return;
	if (n)
		n += (size_t)snprintf(a->what + n, sizeof(a->what) - n, ", ");
	va_start(ap, fmt);
	vsnprintf(a->what + n, sizeof(a->what) - n, fmt, ap);
	va_end(ap);
}

static void attach_describe(struct attach *a)
{
	for (int i = 0; i < a->nranges; i++) {
		uint16_t first = a->range[i].first, last = a->range[i].last;

		if (first != last)
			what_add(a, "ports %u-%u", first, last);
		else if (!a->probes.shared->listeners[first])
			what_add(a, "port %u", first);
	}
	if (a->config.all)
		what_add(a, "all processes");
	for (size_t i = 0; i < a->npids && i < 8; i++)
		what_add(a, a->pids[i] == a->command ? "COMMAND (pid %d)" : "pid %d", a->pids[i]);
	for (const struct glob *g = a->comms; g; g = g->next)
		what_add(a, "comm %s", g->pattern);
	for (const struct glob *g = a->exes; g; g = g->next)
		what_add(a, "exe %s", g->pattern);
	for (const struct glob *g = a->judged; g; g = g->next)
		what_add(a, "%s", g->pattern);
	for (size_t i = 0; i < a->ncgroups; i++)
		what_add(a, "cgroup %s", a->cgroups[i]);
	if (a->config.pidns_ino)
		what_add(a, "as seen in this PID namespace");
	what_add(a, "%llu open connections", (unsigned long long)a->probes.shared->iter_conns);
	a->described = 1;
}

/* Once it is known which processes there are. Its failure is told in notes: cleartext goes on. */
static void attach_start_tls(struct attach *a)
{
	a->tls = tls_new(a);
	if (!a->tls)
		return;
	tls_start(a->tls);
	tls_watch(a->tls, a->epoll_fd);
}

int attach__start(struct attach *a)
{
	char families[600];
	int err;

	probes_raise_files();
	err = probes_load(a);
	if (!err)
		err = attach_ring_open(a);
	if (!err)
		err = probes_look_listeners(a);
	if (err)
		return err;
	tasks_mark_workers(a);
	err = probes_look_connections(a);
	if (err)
		return err;
	attach_start_tls(a);
	families_describe(&a->probes.families, families, sizeof(families));
	if (a->opt.verbose)
		attach_note(a, "attached", "%s; ring of %u MiB", families, RING_BYTES >> 20);
	probes_check_files(a);
	tasks_check_gone(a);
	attach_note_waiting(a);
	attach_describe(a);
	return 0;
}

int attach__add_tls_symbol(struct attach *a, const char *text)
{
	struct tlsbin_given *grown, g;
	char *copy = strdup(text), *func = copy ? strchr(copy, ':') : NULL;
	char *addr = func ? strrchr(func, '=') : NULL, *end = NULL;
	char err[160];

	if (!copy)
		return attach_fail(a, ENOMEM, "out of memory");
	if (addr) {
		*func++ = '\0';
		*addr++ = '\0';
		g = (struct tlsbin_given){
			.lib = copy, .func = func, .addr = strtoull(addr, &end, 16)};
	}
	if (!end || end == addr || *end || !g.addr) {
		free(copy);
		return attach_fail(a, EINVAL,
				   "tls-symbol %s: it has the form LIB:FUNC=ADDRESS, as "
				   "boringssl:SSL_read=0x52fb40", text);
	}
	grown = realloc(a->given, (a->ngiven + 1) * sizeof(*grown));
	if (grown)
		a->given = grown;
	if (!grown || tlsbin_name(g.lib, g.func, NULL, NULL, err, sizeof(err))) {
		free(copy);
		return grown ? attach_fail(a, EINVAL, "tls-symbol %s: %s", text, err) :
			       attach_fail(a, ENOMEM, "out of memory");
	}
	a->given[a->ngiven++] = g; /* owns the copy, which g.lib begins */
	return 0;
}

const struct tlsbin_given *attach__tls_symbols(const struct attach *a, size_t *n)
{
	*n = a->ngiven;
	return a->given;
}

void attach__tls(struct attach *a, void (*fn)(void *ctx, const struct attach_tls *t), void *ctx)
{
	if (a->tls)
		tls_each(a->tls, fn, ctx);
}

struct source *attach__source(struct attach *a)
{
	return &a->source;
}

const char *attach__backend(const struct attach *a)
{
	return families_second_choice(&a->probes.families) ? "skb with fexit" : "skb";
}

int attach__load_tls(struct attach *a)
{
	return a->tls ? tls_load(a->tls) : -ENOMEM;
}

void attach__families(const struct attach *a, char *out, size_t size)
{
	families_describe(&a->probes.families, out, size);
}

const char *attach__what(const struct attach *a)
{
	return a->what;
}

const char *attach__error(const struct attach *a)
{
	return a->error;
}

int attach__alive(struct attach *a)
{
	if (!a->npids || a->comms || a->exes || a->judged || a->ncgroups || a->config.by_port ||
	    a->config.all)
		return 1;
	if (!a->exited)
		return 1;
	a->exited = 0;
	if (tasks_any_left(a))
		return 1;
	a->exited = 1;
	return 0;
}

static void glob_free(struct glob *g)
{
	while (g) {
		struct glob *next = g->next;

		free(g);
		g = next;
	}
}

void attach__free(struct attach *a)
{
	if (!a)
		return;
	attach__measure(a, 0);
	tls_free(a->tls);
	attach_ring_release(a);
	probes_release(&a->probes);
	served_free(a);
	glob_free(a->comms);
	glob_free(a->exes);
	glob_free(a->judged);
	for (size_t i = 0; i < a->ncgroups; i++)
		free(a->cgroups[i]);
	free(a->cgroups);
	for (size_t i = 0; i < a->ngiven; i++)
		free((char *)(uintptr_t)a->given[i].lib);
	free(a->given);
	free(a->pids);
	free(a);
}
