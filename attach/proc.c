/*
 * proc.c - what /proc tells of one process
 */
#include <stdio.h>
#include <string.h>
#include "attach/attach_priv.h"

#define PF_EXITING_ 0x4u /* include/linux/sched.h: set before the end is told */

size_t proc_read(pid_t pid, const char *file, char *buf, size_t size)
{
	char path[64];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "re");
	if (f) {
		n = fread(buf, 1, size - 1, f);
		fclose(f);
	}
	buf[n] = 0;
	return n;
}

int proc_gone(pid_t pid)
{
	char stat[512], state, *p;
	unsigned flags;
	long threads;

	if (!proc_read(pid, "stat", stat, sizeof(stat)))
		return 1;
	p = strrchr(stat, ')');
	if (!p || sscanf(p + 1, " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
				"%*d %ld", &state, &flags, &threads) != 3)
		return 0;
	return threads <= 1 && (state == 'Z' || state == 'X' || flags & PF_EXITING_);
}
