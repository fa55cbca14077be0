/*
 * flows.h - from the segments of a capture to events
 *
 * A capture has no sockets, so each TCP connection in it becomes one end: the server's, which is
 * the side that was sent a SYN. Where the capture begins later, the side of the ports asked for is
 * taken, else the one that answers ("HTTP/1.1 200") or is asked ("GET /"), else the lower port
 * number; in this last case the role stays unknown.
 *
 *   OPEN     with the first SYN, or with the first segment that carries payload (then LATE)
 *   SEGMENT  every SYN, FIN, RST and payload; RX is towards the server
 *   FLOW, RETRANSMIT, WINDOW  what the packets tell of the network: see flow_network.h. Of a
 *            retransmission's SEGMENT, RETRANSMIT comes behind a request's and before a response's
 *   BACKLOG  a client does not complete its handshake: of a port, whenever they have doubled
 *   CLOSE    some time after a RST or both FINs, when nothing more of it is expected, or when a
 *            new connection uses the same addresses. A connection that is just still open at the
 *            end of the capture gets none: that it ended was not seen. ZC_CLOSE_CONNECT: a reset
 *            was the answer to its SYN, or none came although it was repeated
 *
 * A connection is its addresses, ports, and the VLANs around them. The two directions may go
 * through different VLANs, and one segment may be seen in several: what lies in another VLAN
 * belongs to a connection where its numbers continue or repeat that one's exactly. Numbers that are
 * far off in both directions, or a SYN of another number, are a new connection on the same
 * addresses. Until that is answered, the old one goes on where a segment fits it.
 *
 * What was there before and comes again when its connection is over (core/flow_past.h) is passed
 * over: it opens, fills and ends nothing.
 *
 * The table is bounded; when it is full, the connection unused for longest is forgotten.
 */
#ifndef ZC_CORE_FLOWS_H
#define ZC_CORE_FLOWS_H

#include <stdint.h>
#include "core/frame.h"
#include "core/source.h"

struct port_range {
	uint16_t first, last; /* inclusive, first <= last */
};

struct flows_options {
	const struct port_range *ports; /* only connections with a port in one of these; copied */
	unsigned nports;		/* 0: all connections */
	uint32_t max_flows;		/* 0: 65536 */
	source_event_fn fn;		/* gets the events */
	void *ctx;
};

struct flows;

struct flows *flows__new(const struct flows_options *o); /* NULL: out of memory */

/* Changes who gets the events. */
void flows__set_receiver(struct flows *f, source_event_fn fn, void *ctx);

/* One segment, seen at time (nanoseconds). Calls fn for each event; returns how many. */
int flows__segment(struct flows *f, uint64_t time, const struct frame *seg);

/* Is one of its ports among those that are asked for? */
int flows__wants(const struct flows *f, const struct frame *seg);

/* Time passes without segments: closes what has waited. Returns the number of events. */
int flows__tick(struct flows *f, uint64_t now);

/* The end of the capture: closes up to max connections that have ended. 0: that is all. */
int flows__finish(struct flows *f, int max);
uint64_t flows__copies(const struct flows *f); /* segments that were passed over */
uint64_t flows__evicted(const struct flows *f);
void flows__free(struct flows *f); /* NULL is allowed */

#endif
