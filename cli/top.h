/*
 * top.h - the dashboard in a run: what it sees of the pipeline, and what it may change
 */
#ifndef ZC_CLI_TOP_H
#define ZC_CLI_TOP_H

struct session;

/* When what only depends on options is ready. 0 or an exit status. */
int top_prepare(struct session *s);

/* When the source is open, before the engine is made: a file gets a clock of its own. */
int top_source(struct session *s);

/* Takes over the terminal, when all is ready. 0 or an exit status with the reason told. */
int top_open(struct session *s);

#endif
