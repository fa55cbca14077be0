/*
 * network.h - what the network did to a connection, and what that cost its exchanges
 *
 * Facts come with events: round-trip times with reads, writes and ends; RETRANSMIT; WINDOW; FIN and
 * RST of segments. What they cost an exchange is time in which its bytes could not go on:
 *
 *  - from when bytes left for the first time until they left for the last time, if those bytes, or
 *    ones in front of them in the same direction, were what the exchange waited for;
 *  - while a window was closed, in front of a message that was not sent to its end.
 *
 * Overlapping times count once. The other end of the connection is asked, if it is seen, too: its
 * exchanges wait as well, and it knows whether the bytes had arrived at the first time, so that
 * they were sent again for nothing. Where it is not seen, that they had not is an inference.
 *
 * The start is never told too early: of bytes that were sent before the latest SENT_MARKS bursts
 * the oldest of these is taken.
 */
#ifndef ZC_CORE_NETWORK_H
#define ZC_CORE_NETWORK_H

#include <stdint.h>

#include "bpf/events.h"

struct attr_list;
struct conn;
struct engine;
struct exchange;

#define SENT_MARKS 8u
#define SENT_BURST 1000000u /* ns: what is sent within it is one */

/* Bursts, the one with number i from 0 on at i % SENT_MARKS. */
struct sent_before {
	uint64_t time[SENT_MARKS];
	uint32_t end[SENT_MARKS];
};

/*
 * When bytes left: those before an end, and behind the end of the burst before it. Most connections
 * have had one burst, or none, when they are many.
 */
struct sent {
	uint64_t time; /* of the latest burst, with n */
	uint32_t end;
	uint32_t n; /* bursts in all */
	/* of those before; NULL: allocated with the second burst, and the owner frees it */
	struct sent_before *before;
};

void sent_burst(struct sent *s, uint64_t time); /* another one begins */

/* 1: they had not left before. */
static inline int sent_add(struct sent *s, uint32_t end, uint64_t time)
{
	if (s->n && (int32_t)(end - s->end) <= 0)
		return 0;
	if (!s->n || time - s->time >= SENT_BURST)
		sent_burst(s, time);
	s->end = end;
	return 1;
}

/* When the byte at seq left, or later; 0: it is not known. */
uint64_t sent_time(const struct sent *s, uint32_t seq);

/* Did it leave before all that is remembered? Then it was longer ago than sent_time() tells. */
static inline int sent_long_ago(const struct sent *s, uint32_t seq)
{
	return s->n > SENT_MARKS &&
	       (!s->before || (int32_t)(seq - s->before->end[s->n % SENT_MARKS]) < 0);
}

/* Of a connection; times are the source's, 0: never. */
struct conn_network {
	struct sent sent;
	uint64_t key; /* of its addresses, as this end sees them; 0: not known */
	uint32_t rtt_us, min_rtt_us; /* 0: not known */
	uint32_t retransmits[2]; /* segments, by direction */
	uint32_t needless;	 /* of these, those that had arrived before */
	uint32_t dup_acks[2]; /* as in zc_ev_close */
	uint32_t syns;		 /* SYNs sent again */
	uint64_t closed_since[2]; /* window, by the direction that tells it; 0: it is open */
	uint64_t stalled; /* since when what leaves just now had waited to leave */
	uint64_t reset_time;
	uint8_t reset_dir; /* with reset_time: who sent it */
	uint8_t at_socket;  /* what it sends is seen once each time, unlike in a capture */
	uint8_t half_closed; /* bits by direction: FIN came with the last bytes */
};

/* Of an exchange. */
struct exchange_network {
	uint64_t ns;	/* that it waited for the network, */
	uint64_t window_ns; /* of these, for a window */
	uint64_t until; /* counted so far */
	uint32_t retransmits;
	uint8_t inferred; /* retransmissions whose need nobody saw */
	uint8_t window_dir; /* 1 + the direction in which the window was told */
	uint8_t ended_by;   /* 1 + the direction of what ended it alone (RST_STREAM); 0: nothing */
};

/* The addresses of c are known; of a conversation of datagrams: network_meet(). */
void network_open(struct engine *e, struct conn *c, uint32_t netns);
void network_meet(struct engine *e, struct conn *c); /* its other end, if that is seen */

/*
 * A segment with len > 0 bytes leaves this end. One that leaves again need not be a retransmission
 * in TCP's own terms: where a device refuses it, TCP holds that it was never sent.
 */
void network_sent(struct engine *e, struct conn *c, uint32_t seq, uint32_t len, uint64_t time);

/* To be called when the segment has been taken, if c->network.stalled is set. */
void network_left(struct conn *c, uint64_t time);
void network_retransmit(struct engine *e, const struct zc_ev_retransmit *r);
void network_flow(struct engine *e, const struct zc_ev_flow *f);

/* What FLOW and CLOSE tell alike: 0 is no news. */
void network_counts(struct conn_network *n, uint32_t rtt_us, uint32_t min_rtt_us, uint32_t needless,
		    const uint32_t dup_acks[2]);
void network_window(struct engine *e, const struct zc_ev_window *w);

/* The exchange is over, or shown in flight: what lasts until now counts up to here. */
void network_settle(struct exchange *x, uint64_t now);

/* Adds what is known of it to the attributes of its span. */
void network_attrs(const struct exchange *x, struct attr_list *l);

#endif
