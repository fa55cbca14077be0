/*
 * signals.h - SIGINT, SIGTERM and SIGHUP as something that is read, not something that interrupts
 */
#ifndef ZC_CLI_SIGNALS_H
#define ZC_CLI_SIGNALS_H

/*
 * Blocks them and ignores SIGPIPE. A descriptor that is readable when one has come; or -errno. One
 * that nobody reads for five seconds ends the program, as if it had not been blocked.
 */
int signals_open(void);

/*
 * The number of the next signal that came, 0 if none has. *sent is set to 1 if a process sent it
 * to us alone, 0 if the terminal did, which sends it to its whole foreground group.
 */
int signals_next(int fd, int *sent);

#endif
