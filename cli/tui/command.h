/*
 * command.h - commands behind ':', and the lines of the configuration that are the same
 */
#ifndef ZC_CLI_TUI_COMMAND_H
#define ZC_CLI_TUI_COMMAND_H

#include <stddef.h>
#include "cli/tui/prompt.h"

struct tui;

/* "window 10s". 0, or -1 with one line in err. */
int command_run(struct tui *t, const char *line, char *err, size_t errlen);

/* "window = 10s", before there is a screen; what makes sense only then is refused. */
int command_configure(struct tui *t, const char *line, char *err, size_t errlen);

/* While it is typed: is there such a command, and what does it take? */
void command_judge(struct prompt *p);
void command_complete(struct tui *t); /* Tab at its prompt */

#endif
