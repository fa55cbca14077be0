/*
 * choose.h - nothing was asked for: a list of what listens here to choose from
 */
#ifndef ZC_CLI_TUI_CHOOSE_H
#define ZC_CLI_TUI_CHOOSE_H

#include "cli/options.h"

/*
 * Lists the listeners on the terminal until one is chosen, which becomes a port of o, or all
 * processes. 0, or an exit status, which is EXIT_DONE's 0 with *left set when the user leaves.
 */
int choose_listener(struct options *o, int *left);

#endif
