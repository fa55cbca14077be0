/*
 * model_net.h - what went by on the network, by who talks to whom, and in other groups
 *
 * Knows neither terminal nor clock. Made of flows as the engine tells them: each tells what came
 * since it was told last, so a connection counts while it is open. Every row has its sums, and what
 * it counted in the latest NET_FINE seconds, NET_COARSE times five seconds and NET_MINUTES minutes,
 * so that windows of time, and past times, are added up, whatever came before. Tables are bounded:
 * what has no row of its own counts in one for all others, and of connections the latest used are
 * kept.
 *
 * By process and by peer, 0 is what the process sent, 1 what it received; else 0 is what went to
 * the server, and what both ends have seen counts once.
 */
#ifndef ZC_CLI_TUI_MODEL_NET_H
#define ZC_CLI_TUI_MODEL_NET_H

#include <stdint.h>

#include "core/engine.h"
#include "core/ways.h"

enum net_by { NET_BY_PAIR, NET_BY_PROCESS, NET_BY_PEER, NET_BY_PORT, NET_BY_ZONE, NET_TABLES };

#define NET_ROWS 300u
#define NET_NAME 104u /* bytes of a row's name, its NUL included */
#define NET_END 48u   /* of one end's */
#define NET_FINE 16u
#define NET_COARSE 64u
#define NET_COARSE_SECONDS 5u
#define NET_MINUTES 64u
#define NET_FLOW_BITS 9u /* times WAYS connections are kept */

struct net_counts {
	uint64_t bytes[2], packets[2]; /* packets: as far as they are known */
	uint64_t rtt_sum; /* nanoseconds, of `rtts` times that one was told */
	uint32_t rtts, retransmits, conns, failed;
};

struct net_slice {
	uint64_t number; /* wall clock / the length of a slice */
	struct net_counts counts;
};

struct net_row {
	uint64_t id; /* of its name */
	char name[NET_NAME];
	struct net_counts all, base;
	uint64_t min_rtt; /* 0: not known */
	struct net_slice fine[NET_FINE], coarse[NET_COARSE], minute[NET_MINUTES];
};

struct net_table {
	struct net_row *row[NET_ROWS]; /* owned */
	unsigned n;
	struct net_row *others; /* NULL: there are none */
	struct net_row *total;	/* NULL: nothing came */
};

struct net_flow {
	struct way way; /* the engine's number of the connection */
	uint64_t group[NET_TABLES]; /* rows that it counts in */
	uint8_t client_addr[16], server_addr[16];
	uint16_t client_port, server_port;
	int8_t is_server; /* as in struct engine_flow */
	uint8_t datagram, last;
	char protocol[16], process[NET_END]; /* "": not known */
	const char *state, *error; /* constants; error NULL: none */
	uint64_t bytes[2], packets[2], rtt_ns, min_rtt_ns, first_ns, last_ns;
	uint32_t retransmits;
};

struct net {
	struct net_table table[NET_TABLES];
	struct net_flow *flows; /* WAYS << NET_FLOW_BITS; key 0: free; NULL: none came */
	uint64_t since, base_since; /* wall clock: of the first counted; baseline or 0 */
};

const char *net_by_name(enum net_by by); /* "pair" */

/* Without memory something is not counted. */
void net_add(struct net *n, const struct engine_flow *f);
void net_merge(struct net *n, const struct net *more); /* which came later */
void net_mark(struct net *n, uint64_t now);
void net_unmark(struct net *n);
void net_release(struct net *n); /* is empty then */

/* What the row counted in the latest seconds before now; 0: all, or since the baseline. */
void net_window(const struct net *n, const struct net_row *r, unsigned seconds, uint64_t now,
		struct net_counts *out);
uint64_t net_window_ns(const struct net *n, unsigned seconds, uint64_t now);

/* A time in the past, in whole slices; wall clock. */
struct net_past {
	uint64_t from, to; /* from == to: nothing is kept of it */
	unsigned seconds;  /* the length of its slices */
};

/* As finely as is kept: a minute's beginning or end at worst, and an hour back. */
struct net_past net_past(const struct net *n, uint64_t from, uint64_t to, uint64_t now);
void net_between(const struct net_row *r, const struct net_past *p, struct net_counts *out);

#endif
