/*
 * inventory.h - the TCP sockets of this host in all network namespaces, and whose they are
 *
 * A namespace is reached through any process that lives in it and may be looked at; those in which
 * nobody lives are not looked into. A socket's owners are the processes that have it open.
 */
#ifndef ZC_CLI_INVENTORY_H
#define ZC_CLI_INVENTORY_H

#include "cli/nets.h"

struct inventory {
	struct net_socket *sock; /* by inode */
	size_t n, cap;
	uint64_t here; /* our own namespace */
	int failed;    /* out of memory */
};

/* listeners: only these. 0 or a negative errno; to be released in any case. */
int inventory_read(struct inventory *inv, int listeners);
void inventory_release(struct inventory *inv);
const struct net_socket *inventory_find(const struct inventory *inv, uint64_t inode);

/* Every process, but not ourselves. 0 or a negative errno. */
int each_process(void (*fn)(void *ctx, uint32_t pid), void *ctx);

/*
 * Each open file of a process, as readlink(2) of /proc/PID/fd/N tells it. 0, -ESRCH, or -EACCES: it
 * may not be looked at.
 */
int each_open_file(uint32_t pid, void (*fn)(void *ctx, const char *target), void *ctx);

/* The inode of "socket:[4711]"; 0: it is no socket. */
uint64_t socket_inode(const char *target);

/* One service: all sockets that listen on the same address, port and namespace. */
struct listener {
	struct net_socket at;
	uint32_t *pids; /* owners, ascending */
	unsigned npids;
};

/*
 * Who serves: of several that share the socket the oldest, but not who only hands it on. 0: not
 * known.
 */
uint32_t listener_owner(const struct listener *l);

struct listeners {
	struct listener *v; /* by port, then namespace (ours first) and address */
	size_t n;
	unsigned denied; /* processes whose open files may not be looked at */
};

/* 0 or a negative errno; to be released in any case. */
int listeners_find(struct listeners *l);
void listeners_release(struct listeners *l);

#endif
