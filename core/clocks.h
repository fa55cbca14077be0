/*
 * clocks.h - how far the clocks of two recordings are apart, from segments that both have seen
 *
 * A segment is sent before it is received. So each one that went from i to j bounds the offset of
 * j's clock from above, each one back from below, and the truth lies between the tightest bounds:
 * what is left open is the shortest round trip. A segment is recognized by its sequence and
 * acknowledgement numbers and its length, which no NAT changes.
 *
 * Captures of packets show each connection from its server's end, wherever they were made. Of two
 * that show the same connections between two hosts, that of the client's side is found by the
 * longer time between request and response; its view is to be turned round (clocks__turned). Where
 * the way between both is too short for the resolution of their stamps, neither is.
 *
 * Memory: up to CLOCKS_MAX_SEGMENTS of each recording are remembered, the first ones, and as many
 * connections.
 */
#ifndef ZC_CORE_CLOCKS_H
#define ZC_CORE_CLOCKS_H

#include <stdint.h>
#include "bpf/events.h"

#define CLOCKS_MAX_SEGMENTS (1u << 19)

struct clocks;

struct clock_offset {
	int64_t ns;	 /* what the clock of the recording is ahead of that of the first one */
	uint64_t error;	 /* the truth is within so much of it */
	uint64_t matched; /* segments seen in both; 0: nothing is known, ns is 0 */
};

struct clocks *clocks__new(unsigned n); /* n recordings; NULL: out of memory */
void clocks__free(struct clocks *c);

/* An event of recording i; offset: what makes its time a UNIX time. */
void clocks__event(struct clocks *c, unsigned i, const struct zc_ev *ev, int64_t offset);

/* To be called once, after all events. */
void clocks__estimate(struct clocks *c);
struct clock_offset clocks__offset(const struct clocks *c, unsigned i);

/* Is this connection of recording i to be seen from its other end? */
int clocks__turned(const struct clocks *c, unsigned i, uint64_t conn);

#endif
