/*
 * traffic.h - what went by on connections, of whatever protocol, and telling it
 *
 * Counts are the kernel's own, or those of all packets of a capture, as FLOW and CLOSE tell them;
 * between these, what was announced in segments. Nothing is kept unless somebody asks for flows.
 */
#ifndef ZC_CORE_TRAFFIC_H
#define ZC_CORE_TRAFFIC_H

#include <stdint.h>

struct conn;
struct engine;

/* What was told last. */
struct traffic_told {
	uint64_t bytes[2], time;
	uint32_t packets[2], retransmits;
	uint8_t error;
};

/* Of a connection, by direction; times are the source's. */
struct traffic {
	uint64_t bytes[2], packets[2]; /* packets: 0: not known */
	uint64_t segments[2]; /* payload bytes in those that were announced */
	uint64_t last; /* when something went by; 0: nothing did */
	struct traffic_told *told; /* NULL: nothing yet */
	uint32_t peer_pid; /* 0: not known */
	uint8_t both_ends; /* the other one is seen, too */
	uint8_t error; /* enum span_error: why it was not established */
	uint8_t errnum; /* of the error; 0: the client gave up, or it is not known */
};

/* A segment, or a datagram, of so many bytes was seen. */
void traffic_segment(struct conn *c, int dir, uint32_t len, uint64_t time);
void traffic_datagram(struct conn *c, int dir, uint32_t len, uint64_t time);

/* What went by so far, with packets if any are given. */
void traffic_counts(struct conn *c, const uint64_t bytes[2], const uint64_t packets[2],
		    uint64_t time);

/* It is seen from its other end from now on. */
void traffic_turn(struct conn *c);

/* The payload that has gone by in this direction, as far as it is known. */
static inline uint64_t traffic_bytes(const struct traffic *t, int dir)
{
	return t->bytes[dir] > t->segments[dir] ? t->bytes[dir] : t->segments[dir];
}

/* c is over, or no longer followed: its last line. */
void traffic_end(struct engine *e, struct conn *c);

#endif
