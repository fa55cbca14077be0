/*
 * adjust.h - what is made of what comes, while it runs
 */
#ifndef ZC_CLI_ADJUST_H
#define ZC_CLI_ADJUST_H

#include <stddef.h>

struct session;

/*
 * which: "names", "route" (one more pattern, behind those there are) or "unmatched", with values as
 * on the command line, or "resolve", "on" or "off". It counts from now on. 0, or -1 with one line
 * in err, and nothing is changed.
 */
int adjust(struct session *s, const char *which, const char *what, char *err, size_t errlen);

#endif
