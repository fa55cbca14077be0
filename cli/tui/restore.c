#include "cli/tui/restore.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>

#define ENDINGS 7

static const int signals[ENDINGS] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT, SIGSYS };

static struct {
	volatile sig_atomic_t armed;
	int fd;
	struct termios settings;
	char text[512]; /* what undoes our modes */
	size_t len;
	struct sigaction before[ENDINGS];
} saved;

static void append(const char *s)
{
	size_t n;

	/* tigetstr gives -1 for what is no string */
	if (!s || s == (const char *)-1)
		return;
	n = strlen(s);
	if (saved.len + n > sizeof(saved.text))
		return;
	memcpy(saved.text + saved.len, s, n);
	saved.len += n;
}

/* Padding ("$<5>") means time, which is not had here. */
static void append_capability(const char *name)
{
	char plain[128];
	const char *s = tigetstr(name);
	size_t n = 0;

	if (!s || s == (const char *)-1)
		return;
	while (*s && n < sizeof(plain) - 1) {
		if (s[0] == '$' && s[1] == '<' && strchr(s, '>'))
			s = strchr(s, '>') + 1;
		else
			plain[n++] = *s++;
	}
	plain[n] = '\0';
	append(plain);
}

/* Only what POSIX allows in a signal handler. */
static void undo(void)
{
	size_t done = 0;

	while (done < saved.len) {
		ssize_t n = write(saved.fd, saved.text + done, saved.len - done);

		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	tcsetattr(saved.fd, TCSANOW, &saved.settings);
}

static void on_signal(int sig)
{
	int was = errno;

	if (saved.armed) {
		saved.armed = 0;
		undo();
	}
	errno = was;
	/*
	 * SA_RESETHAND has put the default back; for SIGSEGV, returning would do it again as well
	 */
	raise(sig);
}

void restore_arm(int fd, const struct termios *settings)
{
	struct sigaction act = {.sa_handler = on_signal,
				.sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};

	saved.fd = fd;
	saved.settings = *settings;
	saved.len = 0;
	if (tigetstr("kmous") && tigetstr("kmous") != (char *)-1)
		append("\033[?1006l\033[?1002l\033[?1000l");
	append_capability("sgr0");
	append_capability("rmkx");
	append_capability("cnorm");
	append_capability("rmcup");
	saved.armed = 1;
	sigemptyset(&act.sa_mask);
	for (int i = 0; i < ENDINGS; i++)
		sigaction(signals[i], &act, &saved.before[i]);
}

void restore_now(void)
{
	if (!saved.armed)
		return;
	saved.armed = 0;
	undo();
	for (int i = 0; i < ENDINGS; i++)
		sigaction(signals[i], &saved.before[i], NULL);
}
