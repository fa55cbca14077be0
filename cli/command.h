/*
 * command.h - the COMMAND of the command line: started, but held until tracing is live
 *
 * Life: command__start, command__go, command__poll now and then, command__free. The child waits
 * at a pipe, so its pid can be traced before its first instruction; if we die before
 * command__go, it ends without having run anything.
 */
#ifndef ZC_CLI_COMMAND_H
#define ZC_CLI_COMMAND_H

#include <sys/types.h>

struct command;

/* argv as for execvp, borrowed. NULL: errno says why not. */
struct command *command__start(char **argv);
pid_t command__pid(const struct command *c);
void command__go(struct command *c);

/*
 * Has it ended? If `wait` is set, waits for that. 1 with *status as a shell would give it (128 +
 * signal; 127 or 126 if it could not be executed), also on later calls; else 0.
 */
int command__poll(struct command *c, int wait, int *status);

/* Hands a signal on, if it still runs. */
void command__kill(const struct command *c, int sig);

/* A child that was not let go ends; one that runs is left alone. NULL is allowed. */
void command__free(struct command *c);

#endif
