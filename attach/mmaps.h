/*
 * mmaps.h - tells which processes map code that was not there before
 *
 * A TLS library may come with the program, right after exec, or by dlopen(3) hours later. The
 * kernel reports each executable mapping of a file (perf_event_open(2), PERF_RECORD_MMAP2) on the
 * processor where it happens; nothing is paid by calls that map nothing executable.
 */
#ifndef ZC_ATTACH_MMAPS_H
#define ZC_ATTACH_MMAPS_H

#include <sys/types.h>

struct mmaps;

/* NULL: errno tells why it cannot be. */
struct mmaps *mmaps_open(void);
void mmaps_close(struct mmaps *m); /* NULL is allowed */

/* Adds its descriptors to an epoll set; they are readable when there is something to read. */
void mmaps_watch(const struct mmaps *m, int epoll_fd);

/*
 * Calls fn for each process that has mapped code since the last time; for one process perhaps
 * several times in a row. pid 0: records were lost, any process may have.
 */
void mmaps_read(struct mmaps *m, void (*fn)(void *ctx, pid_t pid), void *ctx);

#endif
