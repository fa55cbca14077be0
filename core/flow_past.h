/*
 * flow_past.h - what a captured connection is known by, also when it is over
 *
 * A capture may hold a connection twice: both hosts' files in one, a bridge and what is behind it,
 * a tunnel and its inside. The second copy may come whole seconds later, when the connection has
 * long been closed. It is known by the numbers that both ends began with, or, where their SYNs were
 * not seen, by numbers that lie in what was seen of both directions; and nowhere by other bytes.
 * A new connection on the same addresses begins elsewhere: systems choose by time (RFC 6528).
 */
#ifndef ZC_CORE_FLOW_PAST_H
#define ZC_CORE_FLOW_PAST_H

#include <stdint.h>

#include "core/frame.h"

/* The two ends in a fixed order, so that both directions find the same flow. */
struct flow_key {
	uint8_t addr[2][16];
	uint16_t port[2];
};

uint32_t flow_key_hash(const struct flow_key *key, uint64_t seed);

struct flow_marks {
	/* by sender, an index in the key */
	struct flow_mark {
		uint32_t isn;	     /* if has_isn */
		uint32_t first, end; /* of what was sent or acknowledged; if begun */
		uint32_t at;	     /* of the first payload seen: len bytes there */
		uint64_t hash;	     /* of them */
		uint32_t len;	     /* 0: none */
		uint8_t has_isn, begun;
	} mark[2];
	uint32_t syn; /* if again: the number of a SYN that came once more */
	/* whose SYN that was; FLOW_AGAIN_BOTH: and the other end answered as before */
	uint8_t again;
	uint8_t seen; /* segments with payload, up to 255 */
};

#define FLOW_AGAIN_OF(src) ((uint8_t)(1 + (src)))
#define FLOW_AGAIN_BOTH 4

enum flow_match {
	FLOW_OTHER,	  /* it belongs to another connection */
	FLOW_SAME,	  /* it was there, or lies between what was there */
	FLOW_OTHER_BYTES, /* its numbers were there, with other bytes */
};

/* A segment of this connection, sent by src. */
void flow_marks_note(struct flow_marks *m, const struct frame *seg, int src);

/* May it be a copy of what is known of the connection? */
enum flow_match flow_marks_match(const struct flow_marks *m, const struct frame *seg, int src);

/* It is one, and may be a handshake's. */
void flow_marks_again(struct flow_marks *m, const struct frame *seg, int src);

/*
 * Are its addresses used anew from here on? By a SYN that is not its own, again, late or of a copy,
 * or, when the connection has ended, by other bytes behind it.
 */
int flow_marks_end(struct flow_marks *m, const struct frame *seg, int src, int ended);

/* Is it a handshake ahead of what was taken for the beginning, of a copy that has more? */
int flow_marks_are_behind(const struct flow_marks *m, const struct frame *seg, int src);

/* Connections that are over: bounded, the oldest is forgotten. */
struct flow_past;

struct flow_past *flow_past_new(uint64_t seed); /* NULL: out of memory */
void flow_past_add(struct flow_past *p, const struct flow_key *key, const struct flow_marks *m);

/*
 * The latest one that the segment matches, with *match FLOW_SAME or FLOW_OTHER_BYTES; NULL: none.
 * Valid until the next flow_past_add().
 */
struct flow_marks *flow_past_find(struct flow_past *p, const struct flow_key *key,
				  const struct frame *seg, int src, enum flow_match *match);
void flow_past_free(struct flow_past *p); /* NULL is allowed */

#endif
