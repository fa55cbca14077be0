/*
 * session.h - one run: source to engine to sinks, until something ends it
 */
#ifndef ZC_CLI_SESSION_H
#define ZC_CLI_SESSION_H

#include "cli/options.h"

/*
 * Runs as the options say; returns the exit status of the program. Everything that goes wrong has
 * been told on standard error, one line each.
 */
int session_run(const struct options *o);

#endif
