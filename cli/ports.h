/*
 * ports.h - lists of ports and process ids as they are written on a command line
 */
#ifndef ZC_CLI_PORTS_H
#define ZC_CLI_PORTS_H

#include <stddef.h>
#include <stdint.h>
#include "core/flows.h" /* struct port_range */

/*
 * One item after another of "80,443,8000-9000": *list moves past it, *out is filled. 1, 0 at the
 * end of the list, or -EINVAL with one line in err, which quotes the item. An empty list and an
 * empty item are wrong.
 */
int ports_next(const char **list, struct port_range *out, char *err, size_t errlen);

/* The same for process ids, 1 to 2^22 as in the kernel. */
int pids_next(const char **list, uint32_t *out, char *err, size_t errlen);

#endif
