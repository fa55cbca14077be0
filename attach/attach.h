/*
 * attach.h - put probes into the running kernel and read what they see
 *
 * Life: attach__new, attach__add_* for each selector, attach__start, then attach__source() is
 * polled like any other source, attach__free. Probes live exactly as long as the process: the
 * kernel removes them when our file descriptors close, however we end.
 *
 * Every function that can fail returns 0 or a negative errno and leaves one line for people in
 * attach__error(): what is wrong and what to do.
 *   -EPERM, -EACCES, -ENOTSUP, -ENOSYS, -ENOENT(no BTF): not permitted or not supported here (exit
 *   3) -EINVAL, -ESRCH: the selector is wrong or matches nothing that exists (exit 2)
 *   anything else: failure while running (exit 1)
 */
#ifndef ZC_ATTACH_ATTACH_H
#define ZC_ATTACH_ATTACH_H

#include <stdint.h>
#include <sys/types.h>
#include "core/source.h"

enum attach_role { ATTACH_ROLE_AUTO, ATTACH_ROLE_SERVER, ATTACH_ROLE_CLIENT, ATTACH_ROLE_BOTH };

struct attach_options {
	enum attach_role role;
	int no_downstream;
	int follow; /* trace what traced processes call on this host, and what that calls */
	int verbose;
	/* notes for people, one line without newline; name as in the JSON `note` key */
	void (*on_note)(void *ctx, const char *name, const char *text);
	void *ctx;
};

struct attach;

/* A TLS library in a traced process. Strings are borrowed for the call. */
struct attach_tls {
	pid_t pid;
	const char *comm;
	const char *file;    /* as the process sees it */
	const char *version; /* "" if it does not say */
	const char *how;     /* how its functions were found: "dynamic symbols", ... */
	const char *missing; /* why nothing can be probed; "" otherwise */
	const char *refused; /* why its points could not be put in; "" otherwise */
	int lib;	     /* enum zc_tls_lib */
	size_t npoints;
	int attached;
};

/* One of our programs in the kernel, and what it has cost while attach__measure was on. */
struct attach_probe {
	const char *name;
	uint64_t runs, ns; /* in all; ns of all runs */
};

struct attach *attach__new(const struct attach_options *o); /* NULL: out of memory */
int attach__add_ports(struct attach *a, uint16_t first, uint16_t last);
int attach__add_pid(struct attach *a, pid_t pid);	/* -ESRCH: no such process */
/*
 * The same for a child of ours that waits for a word to execute file, which is looked for as
 * execvp(3) does. Its end needs no note. file is borrowed until attach__start has returned.
 */
int attach__add_command(struct attach *a, pid_t pid, const char *file);
int attach__add_comm(struct attach *a, const char *glob);
int attach__add_exe(struct attach *a, const char *glob);
/*
 * Processes that fits() says 1 of, when it is asked about each that exists, and about each that
 * executes a file later. what: "service shop". Of several calls the last fits and ctx count.
 */
int attach__add_judged(struct attach *a, const char *what, int (*fits)(void *ctx, pid_t pid),
		       void *ctx);
int attach__add_cgroup(struct attach *a, const char *path);
int attach__add_container(struct attach *a, const char *id);
/* A pod of Kubernetes, by its UID; -ESRCH: it does not run here. */
int attach__add_pod(struct attach *a, const char *uid);
/* What is asked for is not here: becomes the error. -ESRCH. */
int attach__not_here(struct attach *a, const char *what, const char *name, const char *why);
void attach__all(struct attach *a);

/* LIB:FUNC=ADDRESS, where a function of a TLS library is in programs that do not say it. */
int attach__add_tls_symbol(struct attach *a, const char *text);
struct tlsbin_given;
/* What attach__add_tls_symbol was told; borrowed. */
const struct tlsbin_given *attach__tls_symbols(const struct attach *a, size_t *n);

/*
 * Calls fn for the processes that the selectors other than ports choose now, some perhaps more than
 * once. Needs no start and no privilege.
 */
int attach__selected(struct attach *a, void (*fn)(void *ctx, pid_t pid), void *ctx);

/* Load, attach, look at what exists. Everything that happens after it returns 0 is seen. */
int attach__start(struct attach *a);

/* Borrowed; lives until attach__free. Its poll never blocks longer than asked. */
struct source *attach__source(struct attach *a);

const char *attach__backend(const struct attach *a); /* "skb", or "skb with fexit" */
/* Loads what TLS needs, though nothing that is traced has any. 0 or a negative errno. */
int attach__load_tls(struct attach *a);
/* Once it is started, what sees what: "processes by tracepoints, ...; not seen: ..." */
void attach__families(const struct attach *a, char *out, size_t size);
/* "port 8000 (nginx, pid 4242), 3 open connections": for the line that says that tracing began */
const char *attach__what(const struct attach *a);
const char *attach__error(const struct attach *a);
/* Each TLS library of each traced process, as it is now. */
void attach__tls(struct attach *a, void (*fn)(void *ctx, const struct attach_tls *t), void *ctx);

/*
 * The kernel's statistics of BPF programs on (1) or off (0). They cost something with every run of
 * every such program on the host, so for as long as somebody looks. 0 or a negative errno.
 */
int attach__measure(struct attach *a, int on);
void attach__probes(struct attach *a, void (*fn)(void *ctx, const struct attach_probe *p),
		    void *ctx);

/*
 * 1 while something can still happen; 0 when every process selected by --pid or COMMAND has ended
 * (and no other selector is in use): the caller drains the source and stops.
 */
int attach__alive(struct attach *a);
void attach__free(struct attach *a); /* NULL is allowed */

#endif
