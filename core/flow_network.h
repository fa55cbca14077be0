/*
 * flow_network.h - what the packets of one captured connection tell of the network
 *
 * Retransmissions: bytes that had been there before, or that fill a hole later than packets are
 * reordered by (RFC 4653 has why that takes duplicate acknowledgements or time). Nobody sends again
 * within half a round trip, so what comes twice by then is a copy: of a packet that was captured at
 * two places, or doubled on its way. Where a handshake comes again that was completed, or sooner
 * than anybody sends it again, all of the connection is there twice, which tells nothing.
 *
 * Round trips: from data to what acknowledges it, of each direction the part behind the place of
 * the capture, smoothed (RFC 6298, section 2); both parts make the round-trip time. Of bytes that
 * were sent again there is none (Karn). What acknowledges a single segment, or has data of its own,
 * may have waited (RFC 1122, section 4.2.3.2): behind the handshake it only shows that a round trip
 * takes no longer than that.
 */
#ifndef ZC_CORE_FLOW_NETWORK_H
#define ZC_CORE_FLOW_NETWORK_H

#include <stdint.h>

#include "core/frame.h"
#include "core/network.h"

#define FLOW_HOLES 8

/* What one end sends. */
struct flow_side {
	struct sent sent;
	struct sent_before before; /* of sent */
	uint32_t end; /* behind the last byte that was seen; if begun */
	uint32_t acked; /* by the other end; if has_acked */
	uint32_t duplicates; /* of this acknowledgement */
	uint32_t unacked; /* segments since the last one that was not */
	struct {
		uint64_t time; /* when it was noticed */
		uint32_t from, to;
	} hole[FLOW_HOLES]; /* the longest known first */
	uint32_t nholes;
	uint32_t timed_end; /* the acknowledgement of this one is awaited, */
	uint64_t timed;	    /* sent then; 0: of none */
	uint32_t rtt_us, min_rtt_us; /* from here to the other end and back; 0: not known */
	uint32_t resent;	     /* segments; of these, */
	uint32_t needless;	     /* what was acknowledged before */
	uint32_t dup_acks; /* acknowledgements that say again what the one before them said */
	uint32_t last_ack; /* that one, of a window of */
	uint16_t last_window;
	uint8_t keeps_alive; /* the latest segment only asks whether the other end is there */
	uint8_t begun, has_acked;
	uint8_t window_closed;
};

struct flow_network {
	struct flow_side side[2]; /* by sender */
	uint32_t rtt_told;	  /* microseconds */
	uint8_t copied;		  /* each packet may be there twice: none counts as sent again */
};

struct flow_news {
	int window;	 /* the sender's has closed or is open again: see window_closed */
	int rtt;	 /* the round-trip time has changed by an eighth, or is known at last */
	int resent;	 /* a retransmission */
	uint16_t flags; /* ZC_RETRANSMIT_* of it */
	uint64_t first; /* when its bytes were sent, or what was sent behind them */
};

/* src: whose segment it is. Everything is in the source's nanoseconds. */
struct flow_news flow_network_segment(struct flow_network *n, const struct frame *seg, int src,
				      uint64_t time);

/* Microseconds; 0: not known of both parts. */
uint32_t flow_network_rtt(const struct flow_network *n);
uint32_t flow_network_min_rtt(const struct flow_network *n);

#endif
