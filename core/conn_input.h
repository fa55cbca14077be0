/*
 * conn_input.h - what comes of a connection, for engine.c and for TLS streams: bytes through
 * reassembly to whoever understands them, reads and writes, loss, the end
 */
#ifndef ZC_CORE_CONN_INPUT_H
#define ZC_CORE_CONN_INPUT_H

#include "core/conn.h"

/* A new one; NULL: out of memory. engine.c sees to it that there are not too many. */
struct conn *conn_new(struct engine *e, uint64_t cookie);

void conn_segment(struct engine *e, struct conn *c, int dir, const struct reasm_seg *g);

/*
 * All that engine.c does with a segment as nearly all are: whole, the next one in order, of a
 * connection whose protocol is known and on which nothing waits. 0: it is none, and nothing was
 * done. That the outcome is the same, tests/unit/test_plain.c shows.
 */
int conn_next(struct engine *e, struct conn *c, const struct zc_ev_segment *s);

void conn_io(struct engine *e, struct conn *c, const struct zc_ev_io *io);
void conn_lost(struct conn *c); /* events of it were */

/* After bytes or ends have come, or time has gone by: what follows from it. */
void conn_settle(struct engine *e, struct conn *c);

/* Nothing more comes: what is out of order is taken as it is. */
void conn_flush(struct engine *e, struct conn *c);

/* The direction that is worked on first: requests before their responses. */
int conn_first_dir(const struct conn *c);
void conn_end_half(struct conn *c, int d, uint64_t time);
void conn_end_exchanges(struct conn *c, enum conn_end why);

/* It has ended then; stragglers may follow. 0: that was known. */
int conn_close(struct engine *e, struct conn *c, uint64_t time);

void conn_bound(struct engine *e, struct conn *c); /* c->socket has changed */
void conn_ignore(struct engine *e, struct conn *c); /* nothing of c is wanted */

#endif
