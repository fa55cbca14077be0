/*
 * tls.h - which processes have TLS libraries probed, and which points of which files
 *
 * A process is looked at when it is selected, when it is seen to own a traced connection, and when
 * it maps code afterwards. Files are looked into once, by device and inode. A process that is no
 * target has no breakpoint: points are put in process by process, except with --all.
 *
 * Bounds: TLS_MAX_PROCS processes, TLS_MAX_FILES files; beyond, a note tells what is not seen.
 */
#ifndef ZC_ATTACH_TLS_H
#define ZC_ATTACH_TLS_H

#include <sys/types.h>
#include "attach/attach.h"
#include "bpf/events.h"

#define TLS_MAX_PROCS 4096u
#define TLS_MAX_FILES 8192u

struct tls;
struct bpf_object;

struct tls *tls_new(struct attach *a); /* NULL: out of memory */
void tls_free(struct tls *t);	       /* takes all probes out; NULL is allowed */

/* Looks at all processes that are marked in the kernel's table; with --all, at all there are. */
void tls_start(struct tls *t);

/* A target: selected, or the owner of a traced connection. Cheap when it is known. */
void tls_target(struct tls *t, pid_t pid);
/* The same at the next tls_poll: what else has come may be more urgent. */
void tls_target_soon(struct tls *t, pid_t pid);
/*
 * The same of one that listens on a chosen port. It is known again when it is started anew.
 */
void tls_listens(struct tls *t, pid_t pid);
void tls_on_process(struct tls *t, const struct zc_ev_process *p);

/* Reads what has been mapped since, and looks; to be called with every look at the ring. */
void tls_poll(struct tls *t);
void tls_watch(struct tls *t, int epoll_fd);

/* Loads all that TLS may need. 0, or a negative errno with one line in attach__error(). */
int tls_load(struct tls *t);

/* The loaded kernel side, by part; NULL: that one had not to be loaded so far. */
#define TLS_PARTS 2
const struct bpf_object *tls_object(const struct tls *t, int part);

void tls_each(struct tls *t, void (*fn)(void *ctx, const struct attach_tls *row), void *ctx);

#endif
