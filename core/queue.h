/*
 * queue.h - the exchanges of a connection that are not through, the oldest first
 */
#ifndef ZC_CORE_QUEUE_H
#define ZC_CORE_QUEUE_H

#include "core/conn.h"
#include "core/exchange.h"

void queue_add(struct conn *c, struct exchange *x);
struct exchange *queue_take(struct conn *c); /* the oldest, of which there is one */
void queue_remove(struct conn *c, struct exchange *x); /* the oldest, or of keyed ones any */
int queue_has(const struct exchange *x);     /* or is it a response alone, outside of the queue? */

/* Is x perhaps no exchange at all? Then it is not shown. */
int queue_doubts(const struct conn *c, const struct exchange *x);

/* Both messages are complete, or as complete as they will be; x is in no queue. */
void queue_complete(struct conn *c, struct exchange *x);

/* x is the oldest one, or not queued, or gets no response: it is through, if both messages are. */
void queue_settle(struct conn *c, struct exchange *x);

/* The oldest request will not get its response from us any more. */
void queue_drop_oldest(struct conn *c);

/*
 * An answer that came before what it answers, when nothing was outstanding: of a connection that is
 * known as a whole the next request is the one (RFC 9112 section 9.2). NULL: there is none, or
 * doubts have come since.
 */
#define QUEUE_EARLY_MAX 1024u /* beyond, the connection is in doubt */
struct exchange *queue_take_early(struct conn *c);

/* The first of these, as it is, when all ends; NULL: none. */
struct exchange *queue_pop_early(struct conn *c);

/* The connection's long exchange, beside the queue: out of there, NULL if there is none; ended. */
struct exchange *queue_take_long(struct conn *c);
void queue_end_long(struct conn *c, uint64_t time);

#endif
