/*
 * rights.h - capabilities(7): which this process holds, which something needs
 */
#ifndef ZC_ATTACH_RIGHTS_H
#define ZC_ATTACH_RIGHTS_H

#include <stddef.h>
#include <stdint.h>

/* As bits of what /proc/PID/status shows. */
#define RIGHT(n) (1ull << (n))
#define RIGHT_DAC_READ_SEARCH RIGHT(2)
#define RIGHT_NET_ADMIN RIGHT(12)
#define RIGHT_NET_RAW RIGHT(13)
#define RIGHT_SYS_PTRACE RIGHT(19)
#define RIGHT_SYS_ADMIN RIGHT(21)
#define RIGHT_SYS_RESOURCE RIGHT(24)
#define RIGHT_PERFMON RIGHT(38)
#define RIGHT_BPF RIGHT(39)
#define RIGHT_CHECKPOINT_RESTORE RIGHT(40)

/* What loading and attaching all probes on sockets and processes takes. */
#define RIGHTS_PROBES (RIGHT_BPF | RIGHT_PERFMON | RIGHT_NET_ADMIN)

/* What looking into /proc/PID/maps and /proc/PID/fd of other users' processes takes. */
#define RIGHTS_LOOK (RIGHT_SYS_PTRACE | RIGHT_DAC_READ_SEARCH)

uint64_t rights_held(void);

/* Those of need that are not held. CAP_SYS_ADMIN still stands for what was cut out of it. */
uint64_t rights_missing(uint64_t need);

/* All that something here is the better for. */
#define RIGHTS_USED                                                                                \
	(RIGHTS_PROBES | RIGHT_NET_RAW | RIGHT_SYS_ADMIN | RIGHT_SYS_PTRACE |                      \
	 RIGHT_DAC_READ_SEARCH | RIGHT_CHECKPOINT_RESTORE)

/* What cannot be done without what is not held: "no TLS of ...; no ..."; "" if there is nothing. */
void rights_cost(char *out, size_t size);

/* "CAP_BPF CAP_PERFMON", or "none" */
void rights_list(char *out, size_t size, uint64_t rights);

#endif
