#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/log.h"

struct command {
	pid_t pid;
	int gate; /* the writing end of the pipe at which the child waits; -1: it was let go */
	int ended, status;
};

/* In the child: waits for a word from us, then becomes the command. */
static _Noreturn void become(int gate, char **argv)
{
	sigset_t none;
	char word;
	int err;

	if (read(gate, &word, 1) != 1)
		_exit(127);
	close(gate);
	/* what the session changed for itself */
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	err = errno;
	log_line("%s: %s", argv[0], strerror(err));
	_exit(err == ENOENT ? 127 : 126);
}

struct command *command__start(char **argv)
{
	struct command *c = calloc(1, sizeof(*c));
	int gate[2];

	if (!c)
		return NULL;
	if (pipe2(gate, O_CLOEXEC)) {
		free(c);
		return NULL;
	}
	c->pid = fork();
	if (!c->pid) {
		close(gate[1]);
		become(gate[0], argv);
	}
	close(gate[0]);
	c->gate = gate[1];
	if (c->pid > 0)
		return c;
	close(c->gate);
	free(c);
	return NULL;
}

pid_t command__pid(const struct command *c)
{
	return c->pid;
}

static void close_gate(struct command *c)
{
	if (c->gate >= 0)
		close(c->gate);
	c->gate = -1;
}

void command__go(struct command *c)
{
	/* it may have been killed while it waited: then the pipe is broken, and poll will tell */
	if (c->gate >= 0 && write(c->gate, "", 1) != 1)
		c->status = 127;
	close_gate(c);
}

int command__poll(struct command *c, int wait, int *status)
{
	int st;
	pid_t pid = 0;

	if (!c->ended) {
		do
			pid = waitpid(c->pid, &st, wait ? 0 : WNOHANG);
		while (pid < 0 && errno == EINTR);
	}
	if (pid == c->pid) {
		c->ended = 1;
		c->status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
	}
	*status = c->status;
	return c->ended;
}

void command__kill(const struct command *c, int sig)
{
	if (!c->ended)
		kill(c->pid, sig);
}

void command__free(struct command *c)
{
	int status;

	if (!c)
		return;
	if (c->gate >= 0) {
		close_gate(c);
		command__poll(c, 1, &status);
	}
	free(c);
}
