/*
 * restore.h - the terminal is as it was, however the program ends
 *
 * Signals whose default is to end the program with a core or at once (SIGSEGV, SIGBUS, SIGILL,
 * SIGFPE, SIGABRT, SIGQUIT, SIGHUP where it is not handled) get a handler that writes prepared
 * sequences and the old settings to the terminal, then lets the signal take its course. What a
 * signal handler uses must be at a known place, so this is the one piece of state of its kind in
 * the program.
 */
#ifndef ZC_CLI_TUI_RESTORE_H
#define ZC_CLI_TUI_RESTORE_H

/*
 * To be called after the terminal's description was loaded (newterm) and before it is switched to
 * another mode. settings: a struct termios as it was.
 */
struct termios;
void restore_arm(int fd, const struct termios *settings);

/* The normal way: writes the same, once; the handlers go. May be called any number of times. */
void restore_now(void);

#endif
