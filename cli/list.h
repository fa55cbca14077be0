/*
 * list.h - --list: the services that listen here, one a line, and what can be seen of each
 */
#ifndef ZC_CLI_LIST_H
#define ZC_CLI_LIST_H

#include "cli/options.h"

/* With selectors, only the services of these. Returns the exit status of the program. */
int list_run(const struct options *o);

#endif
