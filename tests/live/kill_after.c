/*
 * Put in front of the C library (LD_PRELOAD): the process is killed by SIGKILL as soon as a record
 * of TLS with content has left by write(2), before whoever wrote it knows.
 */
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t write(int fd, const void *p, size_t n)
{
	ssize_t done = syscall(SYS_write, fd, p, n);

	if (done > 5 && ((const unsigned char *)p)[0] == 23 && ((const unsigned char *)p)[1] == 3)
		kill(getpid(), SIGKILL);
	return done;
}
