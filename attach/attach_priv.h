/*
 * attach_priv.h - what the parts of attach/ know of each other
 */
#ifndef ZC_ATTACH_PRIV_H
#define ZC_ATTACH_PRIV_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include "attach/attach.h"
#include "attach/families.h"
#include "attach/tls.h"
#include "attach/tlsbin.h"
#include "bpf/config.h"

/* Large enough for what comes while the reader waits for a processor. */
#define RING_BYTES (8u << 20)

#define MAX_LINKS 24
#define MAX_PORT_RANGES 64

struct glob {
	struct glob *next;
	char pattern[];
};

/* The loaded kernel side. */
struct probes {
	struct bpf_object *sock;
	struct families families;
	struct bpf_link *link[MAX_LINKS];
	int nlinks;
	int failed; /* the group that could not be attached; -1: it was something else */
	int cgroup_fd;
	int tasks_fd, exes_fd;
	struct bpf_link *iter;
	struct zc_shared *shared;     /* mapped */
	struct zc_policy *policies;   /* mapped, ZC_POLICY_SLOTS of them */
};

struct attach {
	struct source source; /* first: a pointer to it is a pointer to us */
	struct attach_options opt;
	struct zc_config config;
	struct {
		uint16_t first, last;
	} range[MAX_PORT_RANGES];
	int nranges;
	struct glob *comms, *exes;
	struct glob *judged; /* what is asked for, for people */
	int (*fits)(void *ctx, pid_t pid);
	void *fits_ctx;
	pid_t *pids;
	size_t npids;
	pid_t command; /* one of pids, or 0 */
	const char *command_file; /* what it is to execute */
	char **cgroups; /* paths of cgroup v2 directories, for their present members */
	size_t ncgroups;

	struct tlsbin_given *given; /* --tls-symbol */
	size_t ngiven;

	struct served *served; /* see served.h */

	struct probes probes;
	struct ring_map *ring;
	int epoll_fd; /* the ring's, and that of what tells of new mappings; 0: none */
	struct tls *tls;

	/* the reader, see ring.c */
	source_event_fn fn;
	void *fn_ctx;
	uint64_t last_read; /* monotonic, ns */
	uint64_t last_event;
	/* runs of our programs that the kernel left out; when it was asked */
	uint64_t missed, missed_read;
	int batch;
	struct source_stats stats;
	int stats_fd; /* keeps the kernel's statistics on; 0: they are off */
	int exited; /* a selected process has ended since we last looked */

	int described; /* what[] is complete */
	char what[256];
	char error[512];
};

/* report.c: leaves a line for attach__error and returns -code; a note for whoever listens. */
int attach_fail(struct attach *a, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void attach_note(const struct attach *a, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * probes.c: as many files as may be are allowed to be open: each link is one, and there may be many
 * processes; a note, once all is attached, where few are left.
 */
void probes_raise_files(void);
void probes_check_files(const struct attach *a);

/* Load and attach; remove. */
int probes_load(struct attach *a);
struct bpf_object *probes_open_tls(struct attach *a); /* NULL: errno */
int probes_load_tls(struct attach *a, struct bpf_object *obj);
void probes_release(struct probes *p);

/*
 * look.c: iterates over the sockets that exist. Listeners come first: they tell which processes'
 * calls matter.
 */
int probes_look(struct attach *a);
int probes_look_listeners(struct attach *a);
void probes_look_process(struct attach *a, pid_t pid); /* its listeners, once more */
int probes_look_connections(struct attach *a);
/* What went by on each connection so far comes as an event; on failure it does not. */
void probes_count(struct attach *a);
/* Marks a process in the kernel's table with ZC_TASK_* bits. */
int probes_mark(struct probes *p, pid_t pid, uint32_t bits);
/*
 * The same with bits that select nothing: no socket is looked at again. 1: it did not have them
 * all, 0: it did, or has ended, or a negative errno.
 */
int probes_mark_quietly(struct probes *p, pid_t pid, uint32_t bits);
void probes_unmark(struct probes *p, pid_t pid, uint32_t bits);
uint32_t probes_bits(const struct probes *p, pid_t pid); /* what it is marked with */

/* proc.c: reads a small file of /proc/PID; returns its length, NUL-terminated. */
size_t proc_read(pid_t pid, const char *file, char *buf, size_t size);
/* No such process, or one that ends or that nobody has waited for yet. */
int proc_gone(pid_t pid);

/* tasks.c: the processes that exist. */
int tasks_mark_selected(struct attach *a);
/* Marks the workers of marked servers, which may have no listener of their own. */
void tasks_mark_workers(struct attach *a);
void tasks_mark_workers_of(struct attach *a, pid_t pid, void (*fn)(struct attach *a, pid_t pid));
void tasks_mark_siblings_of(struct attach *a, pid_t pid, void (*fn)(struct attach *a, pid_t pid));
/* Calls fn for the files that exist and fit --exe. */
void exes_each(const struct attach *a, void (*fn)(void *ctx, const char *path), void *ctx);
/* The kernel side is to tell of it when this file is executed: ZC_EXE_*. */
void exe_learn(struct attach *a, const char *path, uint32_t bits);
/* Once the probes are live: forgets processes that had ended before. */
void tasks_check_gone(struct attach *a);
void tasks_on_process(struct attach *a, const struct zc_ev_process *p);
int tasks_any_left(struct attach *a);

/* cgroup.c: where version 2 is mounted, 0 if found; its root, mounted for us alone if need be. */
int cgroup_mount_point(char *path, size_t size);
int cgroup_root_open(char *err, size_t errlen);

/* cost.c: runs of our programs that the kernel left out, since another one was under way there. */
uint64_t attach_missed(const struct attach *a);

/* ring.c */
int attach_ring_open(struct attach *a);
void attach_ring_release(struct attach *a);

#endif
