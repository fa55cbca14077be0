/*
 * reselect.h - other selectors while it runs
 *
 * The probes are taken out and put in anew, with a new engine: for some tenths of a second nothing
 * is seen, requests in flight end as incomplete, and connections that are open then are met as at
 * the start. What is shown and counted stays.
 */
#ifndef ZC_CLI_RESELECT_H
#define ZC_CLI_RESELECT_H

#include <stddef.h>

struct session;

/*
 * which: a selector as on the command line, "port", "pod", …; what: "8000,9000" adds, "-8000"
 * removes. 0, or -1 with one line in err, and what was traced before is traced on.
 */
int reselect(struct session *s, const char *which, const char *what, char *err, size_t errlen);
void reselect_free(struct session *s);

#endif
