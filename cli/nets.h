/*
 * nets.h - the TCP sockets of network namespaces, as /proc shows them
 *
 * /proc/PID/net/tcp and tcp6 show those of the namespace of PID, to everybody. Listeners come first
 * there, so that a look at these alone costs nothing for the connections behind them.
 */
#ifndef ZC_CLI_NETS_H
#define ZC_CLI_NETS_H

#include <stddef.h>
#include <stdint.h>

#define NET_ESTABLISHED 1 /* as the kernel numbers the states of TCP */
#define NET_LISTEN 10

struct net_socket {
	uint64_t netns;	 /* inode of the namespace */
	uint64_t inode;	 /* of the socket; 0: it is nobody's any more */
	uint8_t local[16], remote[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t local_port, remote_port;
	uint8_t state, v4;
};

/* The network namespace of a process; 0 if it may not be known. pid 0: our own. */
uint64_t net_namespace(uint32_t pid);

/* The name that ip-netns(8) has for it in /run/netns; empty if it has none. */
void net_namespace_name(uint64_t netns, char *out, size_t size);

/*
 * Calls fn for each TCP socket of the namespace of a process; pid 0: our own. listeners: only for
 * these. 0, or a negative errno.
 */
int net_tcp_each(uint32_t pid, uint64_t netns, int listeners,
		 void (*fn)(void *ctx, const struct net_socket *s), void *ctx);

#define NET_TEXT_MAX 64

/* "0.0.0.0:80", "[::1]:80"; "::1". Both return buf, which has NET_TEXT_MAX octets. */
char *net_endpoint(char *buf, const uint8_t addr[16], uint16_t port);
char *net_address(char *buf, const uint8_t addr[16]);

#endif
