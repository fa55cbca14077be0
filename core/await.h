/*
 * await.h - exchanges that are complete but for the application's reading the response
 *
 * A client's span ends when its application has read the last octet. The list of a connection is
 * in order of completion; after AWAIT_READ an exchange goes out without that time.
 */
#ifndef ZC_CORE_AWAIT_H
#define ZC_CORE_AWAIT_H

#include "core/conn.h"

#define AWAIT_READ 20000000ull /* ns: how long a client's read may lag behind arrival */

/*
 * Both messages of x are complete, or as complete as they will be. Returns 1 if x waits now and
 * belongs to the list, else 0, with x->end set if it is known.
 */
int await_read(struct conn *c, struct exchange *x);

/* Shows those up to and including x; NULL: all. */
void await_flush(struct conn *c, struct exchange *x);

/* The application read or wrote. */
void await_io(struct conn *c, const struct zc_ev_io *io);

/* Events of the connection were lost, perhaps the read among them. */
void await_lost(struct conn *c);

/* Gives all back without a span. */
void await_drop(struct conn *c);

/* The application's read or write of the request's first octet. */
void await_set_io(struct exchange *x, const struct zc_ev_io *io);

/* Did this I/O pass octet pos? */
static inline int io_passes(const struct zc_ev_io *io, uint64_t pos)
{
	return (int32_t)(io->seq - (uint32_t)pos) > 0;
}

#endif
