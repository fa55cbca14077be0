/*
 * hosts.h - names of addresses: from /etc/hosts, and from DNS if asked for
 *
 * DNS is asked by a thread of its own, so a slow or silent server keeps nobody waiting: a name is
 * there when it is there, and the first spans of an address go without. Answers, also that there
 * is no name, are kept for HOSTS_KEEP_NS; at most HOSTS_MAX addresses are known at a time.
 */
#ifndef ZC_CLI_HOSTS_H
#define ZC_CLI_HOSTS_H

#include <stdint.h>

#define HOSTS_MAX 4096u
#define HOSTS_KEEP_NS 300000000000ull

struct hosts;

/* file: "/etc/hosts"; NULL: none. resolve: ask DNS, too. NULL result: out of memory. */
struct hosts *hosts__new(const char *file, int resolve);

/*
 * The name of an address in the form of struct span, NULL if none is known (yet). Loopback
 * addresses have none. Valid until the next call. now: nanoseconds, only compared.
 */
const char *hosts__name(struct hosts *h, const uint8_t addr[16], uint64_t now);
void hosts__free(struct hosts *h);

#endif
