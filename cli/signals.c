#include "cli/signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define GRACE 5u /* seconds that a signal waits to be read */

static atomic_uint signals_read;

/*
 * Who started us may have asked not to be disturbed (nohup; a job in the background of a script).
 */
static void add_unless_ignored(sigset_t *set, int sig)
{
	struct sigaction was;

	if (sigaction(sig, NULL, &was) || was.sa_handler != SIG_IGN)
		sigaddset(set, sig);
}

/* As if it had not been blocked. */
static void end_by(int sig)
{
	sigset_t set;

	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
}

/* Whoever reads signals may wait for something that never comes: an output that nobody reads. */
static void *guard(void *arg)
{
	struct pollfd fd = {.fd = (int)(intptr_t)arg, .events = POLLIN};
	struct signalfd_siginfo info;

	for (;;) {
		unsigned before = atomic_load(&signals_read);

		if (poll(&fd, 1, -1) < 0 && errno != EINTR)
			return NULL;
		for (unsigned left = GRACE; left && before == atomic_load(&signals_read);)
			left = sleep(1) ? left : left - 1;
		if (before == atomic_load(&signals_read) &&
		    read(fd.fd, &info, sizeof(info)) == sizeof(info))
			end_by((int)info.ssi_signo);
	}
}

static void start_guard(int fd)
{
	sigset_t all, old;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (!pthread_create(&thread, NULL, guard, (void *)(intptr_t)fd))
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int signals_open(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	add_unless_ignored(&set, SIGINT);
	add_unless_ignored(&set, SIGTERM);
	add_unless_ignored(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	start_guard(fd);
	return fd;
}

int signals_next(int fd, int *sent)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	atomic_fetch_add(&signals_read, 1);
	*sent = info.ssi_code != SI_KERNEL;
	return (int)info.ssi_signo;
}
