#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/*
 * Who started us may have asked not to be disturbed (nohup; a job in the background of a script).
 */
static void add_unless_ignored(sigset_t *set, int sig)
{
	struct sigaction was;

	if (sigaction(sig, NULL, &was) || was.sa_handler != SIG_IGN)
		sigaddset(set, sig);
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
	return fd < 0 ? -errno : fd;
}

int signals_next(int fd, int *sent)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	*sent = info.ssi_code != SI_KERNEL;
	return (int)info.ssi_signo;
}
