/*
 * reasm.h - reassembly of one direction of a TCP connection (RFC 9293)
 *
 * Takes segments as they were seen at the socket: retransmitted, out of order, overlapping, cut
 * short by the capture, or not seen at all. Hands every octet of the stream to a sink exactly once
 * and in order, either as data or as part of a gap. The first copy of an octet that was seen wins.
 *
 * Positions. An octet's position is a 64-bit number whose low 32 bits are its sequence number, so
 * wrap-around concerns only reasm_pos(), which takes the position nearest to the next one.
 *
 * Two streams make a connection and know of each other through the `peer` argument. An
 * acknowledgement in one proves that octets of the other went by. It serves two purposes:
 *
 *  - A hole that is proven to have gone by will not be filled except by an event that was swapped
 *    with its neighbour; after REASM_GRACE it is a gap. A hole that is not proven may still be
 *    filled by a retransmission; it becomes a gap after REASM_PATIENCE.
 *  - A stream with `follows` set does not deliver a segment before the octets that this segment
 *    acknowledges were delivered in the other stream. So a response never overtakes its request,
 *    not even when the request waits behind a hole. If it is set in both, all is in the order in
 *    which it was said, and what cancels a response never overtakes that.
 *
 * Numbering. A SYN fixes a stream's numbers only when something confirms it: an acknowledgement in
 * the peer, or a first payload. Until then another SYN may bring other numbers (SYN cookies, a
 * server that restarts, a stale segment), and octets that came with the SYN (RFC 7413) wait: what
 * is not acknowledged of them was refused, and is sent again.
 *
 * Memory: none while everything comes in order and the sink takes all. Otherwise buffers of the
 * pool: at most REASM_KEEP_MAX octets that the sink did not take yet, and REASM_PEND_MAX segments
 * or REASM_PEND_BYTES that wait. Beyond that, the oldest hole is declared a gap: OVERFLOW, unless
 * it is proven that it went by unseen.
 *
 * The caller reads the fields of struct reasm but changes only `follows` and `fin_time`.
 */
#ifndef ZC_CORE_REASM_H
#define ZC_CORE_REASM_H

#include <stddef.h>
#include <stdint.h>

#include "core/pool.h"
#include "parsers/parser.h"

#define REASM_KEEP_MAX 65536u
/* behind one lost packet, a fast path of some length has this much under way */
#define REASM_PEND_MAX 4096u
#define REASM_PEND_BYTES (4u << 20)
#define REASM_GRACE 10000000ull      /* ns: events may be swapped by no more than this */
#define REASM_HOLD 20000000ull	      /* ns: for how long a segment waits for the other stream */
#define REASM_PATIENCE 2000000000ull /* ns: for how long a hole may wait for its filling */
#define REASM_FAR (64u << 20)	      /* numbers as far apart as this are not of one stream */
#define REASM_SYNS 4		      /* numberings that wait for which of them is confirmed */

enum reasm_gap {
	REASM_TRUNCATED,	 /* the segment was seen, these octets of it were not captured */
	REASM_MISSING,	 /* no segment was seen */
	REASM_OVERFLOW, /* dropped here for want of room, or not waited for any longer */
};

struct reasm;

struct reasm_sink {
	/*
	 * n > 0 octets from position pos. Returns how many were taken; the rest is kept and comes
	 * again with more behind it. More than REASM_KEEP_MAX left over is dropped (OVERFLOW).
	 */
	size_t (*data)(void *ctx, struct reasm *s, const uint8_t *p, size_t n, uint64_t pos);
	/*
	 * n > 0 octets from position pos are not available. `kept` is what the sink had not taken
	 * of the octets before pos; it is dropped when the call returns.
	 */
	void (*gap)(void *ctx, struct reasm *s, uint64_t pos, uint64_t n, enum reasm_gap why,
		    struct str kept);
	void *ctx;
	struct pool *pool;
};

struct reasm_seg {
	uint64_t time;
	const uint8_t *data; /* cap_len octets */
	uint32_t seq, len;   /* len: payload that went by */
	uint32_t cap_off, cap_len;
	uint32_t ack;
	uint8_t has_ack, syn, fin;
	uint8_t lost; /* events were lost before this one, and segments are seen in order: a hole
			 before this segment is a gap at once */
};

struct reasm_keep;
struct reasm_pend;

struct reasm {
	uint64_t next;	   /* position of the next octet to deliver */
	uint64_t first;	   /* position of the first octet that could be seen */
	uint64_t proven;   /* octets before this went by */
	uint64_t fin;	   /* position of the end; 0: not seen */
	uint64_t fin_time; /* when FIN went by; 0: not seen */
	uint64_t fin_need; /* the position in the peer that it acknowledges */
	uint64_t cur_pos;  /* first octet of the segment that is being delivered, */
	uint64_t cur_time; /* when it was seen, */
	uint64_t cur_need; /* and the position in the peer that it acknowledges; 0: unknown */
	uint64_t proof_time, stall_time, stall_pos;
	struct reasm_keep *keep;
	struct reasm_pend *pend, *pend_last;
	uint32_t npend, pend_bytes;
	uint8_t follows;
	uint8_t from_syn; /* the start of the stream was seen */
	uint8_t started;
	uint8_t unsettled; /* by SYNs alone, of which this many were seen, at most REASM_SYNS */
	union {
		/* while unsettled: their numbers, the latest is that of next */
		uint32_t syn[REASM_SYNS];
		/* then: what was seen, but found no memory; 0: nothing */
		struct {
			uint64_t dropped, dropped_end;
		};
	};
};

void reasm_init(struct reasm *s);
void reasm_release(struct reasm *s, struct pool *pool);

/* The position nearest to the next one that has this sequence number. s->started is required. */
static inline uint64_t reasm_pos(const struct reasm *s, uint32_t seq)
{
	return s->next + (uint64_t)(int64_t)(int32_t)(seq - (uint32_t)s->next);
}

/* One segment. Calls the sink for all that can be delivered now. g->time must not go backwards
 * by more than REASM_GRACE. */
void reasm_add(struct reasm *s, struct reasm *peer, const struct reasm_sink *k,
		const struct reasm_seg *g);

/* The same for any segment, as reasm_add() does with those that it knows no shorter way for. */
void reasm_add_any(struct reasm *s, struct reasm *peer, const struct reasm_sink *k,
		   const struct reasm_seg *g);

/*
 * The shorter way, as reasm_add() of a segment that comes as nearly all do. It is whole, its
 * direction and what it acknowledges go on where they were (reasm_goes_on, of its numbers; len 0
 * for the latter), and nothing of its direction is kept. Then its bytes are taken: reasm_come(),
 * s->next is moved behind them, the sink gets them, and what it does not take is for
 * reasm_left().
 */
static inline int reasm_goes_on(const struct reasm *s, uint32_t seq, uint32_t len)
{
	return seq == (uint32_t)s->next && s->started == 1 && s->unsettled == 0 && !s->pend &&
	       !s->fin && s->proven <= s->next + len;
}

/* The segment that comes next was seen then, and its sender had received the peer up to `need`. */
static inline void reasm_come(struct reasm *s, uint64_t time, uint64_t need)
{
	s->cur_pos = s->next;
	s->cur_time = time;
	s->cur_need = need;
}

/* The last n bytes before s->next, which are at p, come again with more behind them. */
void reasm_left(struct reasm *s, const struct reasm_sink *k, const uint8_t *p, size_t n);

/* Octets before pos are known to have gone by (the application has read them). */
void reasm_prove(struct reasm *s, uint64_t pos, uint64_t time);

/*
 * Delivers what has become deliverable by the passing of time or by progress of the peer.
 * Returns 1 while something still waits (call again later), else 0.
 */
int reasm_run(struct reasm *s, const struct reasm *peer, const struct reasm_sink *k,
	       uint64_t now);

/* Is the next octet here, and does it wait for octets of the peer? */
int reasm_is_ahead(const struct reasm *s, const struct reasm *peer);

/*
 * Nothing more comes: delivers all that waits, with the holes as gaps. If peer is not NULL, only
 * as far as nothing is ahead of it.
 */
void reasm_flush(struct reasm *s, const struct reasm *peer, const struct reasm_sink *k,
		 uint64_t now);

/* Everything up to FIN was delivered. */
static inline int reasm_at_end(const struct reasm *s)
{
	return s->fin && s->next >= s->fin;
}

/* Octets that the sink has not taken yet; p == NULL: none. */
struct str reasm_kept(const struct reasm *s);

/* The sink gets these again, with nothing behind them; not while it is being called for s. */
void reasm_again(struct reasm *s, const struct reasm_sink *k);

/* They are of no use any more. */
void reasm_drop_kept(struct reasm *s, struct pool *pool);

/* Of the marks of what is kept; reasm_time() and reasm_need() ask for them. */
uint64_t reasm_kept_time(const struct reasm *s, uint64_t pos);
uint64_t reasm_kept_need(const struct reasm *s, uint64_t pos);

/* Is it of the segment that is being delivered? Nearly always. */
static inline int reasm_is_current(const struct reasm *s, uint64_t pos)
{
	return pos >= s->cur_pos || !s->keep;
}

/*
 * When the segment with this octet was first seen. For octets that are being delivered, kept
 * ones included.
 */
static inline uint64_t reasm_time(const struct reasm *s, uint64_t pos)
{
	return reasm_is_current(s, pos) ? s->cur_time : reasm_kept_time(s, pos);
}

/*
 * Same: how far the sender had received the peer when it sent this octet, a position; 0: unknown.
 */
static inline uint64_t reasm_need(const struct reasm *s, uint64_t pos)
{
	return reasm_is_current(s, pos) ? s->cur_need : reasm_kept_need(s, pos);
}

/* The same of what is being delivered, of a gap the most that it can be; 0: unknown. */
uint64_t reasm_need_at_most(const struct reasm *s);

#endif
