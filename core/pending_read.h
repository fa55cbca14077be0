/*
 * pending_read.h - exchanges that are complete but for the application's reading the response
 *
 * A client's span ends when its application has read the last byte. The list of a connection is
 * in order of completion; what gets no response waits in it for what came before. An exchange goes
 * out without that time, and says so, when a read begins behind it, PENDING_READ_BEHIND after the
 * application has written on, after PENDING_READ_LATE, where PENDING_READ_COUNT others wait, or at
 * the connection's end. Of a connection that was read by ways that are not seen (splice) before,
 * it is after PENDING_READ_MAX.
 */
#ifndef ZC_CORE_PENDING_READ_H
#define ZC_CORE_PENDING_READ_H

#include "core/conn.h"

#define PENDING_READ_MAX 20000000ull /* ns */
#define PENDING_READ_BEHIND 1000000000ull
#define PENDING_READ_LATE 60000000000ull
#define PENDING_READ_COUNT 4096u

/*
 * Both messages of x are complete, or as complete as they will be. Returns 1 if x waits now and
 * belongs to the list, else 0, with x->end set if it is known.
 */
int pending_read_add(struct conn *c, struct exchange *x);

/* Shows those up to and including x; NULL: all. */
void pending_read_flush(struct conn *c, struct exchange *x);

/* Time has passed. */
void pending_read_tick(struct engine *e);

/* The application read or wrote. */
void pending_read_io(struct conn *c, const struct zc_ev_io *io);

/* Events of the connection were lost, perhaps the read among them. */
void pending_read_lost(struct conn *c);

/* Gives all back without a span. */
void pending_read_drop(struct conn *c);

/* The application's read or write of the request's first octet. */
void pending_read_set_io(struct exchange *x, const struct io_mark *m);

/* Did this I/O pass octet pos? */
static inline int io_passes(const struct zc_ev_io *io, uint64_t pos)
{
	return (int32_t)(io->seq - (uint32_t)pos) > 0;
}

#endif
