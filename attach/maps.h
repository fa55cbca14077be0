/*
 * maps.h - the files whose code a process has mapped, and how to open them
 *
 * A path in /proc/PID/maps says little: the process may live in another mount namespace or below
 * another root, and the file may have been deleted or replaced since. So a file is known by device
 * and inode, and opened through what the kernel has mapped, which needs CAP_SYS_ADMIN or
 * CAP_CHECKPOINT_RESTORE; else through the process's root, if what lies there is still that file.
 *
 * File systems with devices of their own making (overlayfs, btrfs) show other numbers to stat(2)
 * than in maps; for what must be the same wherever the file is seen, stat the opened file.
 */
#ifndef ZC_ATTACH_MAPS_H
#define ZC_ATTACH_MAPS_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

struct maps_file {
	uint64_t dev, ino;   /* as maps shows them, dev as makedev(3) makes it */
	uint64_t start, end; /* of the first executable mapping */
	char path[PATH_MAX]; /* as the process sees it, without " (deleted)" */
	int deleted;	     /* no directory has it under this name any more */
	int is_exe;	     /* the program itself, not a library */
};

/*
 * Calls fn for each distinct file that is mapped executable, in the order of addresses. A result of
 * fn other than 0 ends it and is returned. 0, -ESRCH: no such process, -EACCES: it may not be
 * looked at, or another negative errno.
 */
int maps_each(pid_t pid, int (*fn)(void *ctx, const struct maps_file *f), void *ctx);

/*
 * Opens for reading; the descriptor is the caller's. Negative errno: -ENOENT: it is neither mapped
 * there any more nor to be had by its name; -EPERM or -EACCES: it may not be opened.
 */
int maps_open(pid_t pid, const struct maps_file *f);

#endif
