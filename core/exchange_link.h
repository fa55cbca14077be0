/*
 * exchange_link.h - between exchanges and the table of links
 *
 * Reads from heads what link.h needs, and holds spans back, for a few milliseconds at most, whose
 * place in a trace hangs on a call further up of which only the octets were seen yet, not who wrote
 * them.
 */
#ifndef ZC_CORE_EXCHANGE_LINK_H
#define ZC_CORE_EXCHANGE_LINK_H

#include "core/exchange.h"
#include "core/link.h"

struct io_mark;

#define EXCHANGE_HOLD 50000000ull /* ns that a span is held at most */
#define EXCHANGE_MAX_HELD 1024u	  /* spans held at most */

/* What the head of a request tells: its start, then each of its fields. */
void exchange_link_head(const struct message *m, struct link_head *h);
void exchange_link_target(struct str method, struct str target, struct link_head *h);
void exchange_link_field(enum field_name name, struct str value, struct link_head *h);

/* The request's head is known; x->req_pos, req_first and conn are set. */
void exchange_link(struct engine *e, struct exchange *x, struct link_head *head);

/* x->io_time, pid and tid became known, from m. */
void exchange_link_io(struct engine *e, struct exchange *x, const struct io_mark *m);

/* The application has read more of x: the request (server), or the response (client). */
void exchange_link_read(struct engine *e, const struct exchange *x, const struct io_mark *m);

/* Gives the node back. */
void exchange_unlink(struct engine *e, struct exchange *x);

/*
 * What the process at the other end is called: its container's name or its service, until the next
 * event; NULL: it is not known.
 */
const char *exchange_peer(struct engine *e, const struct exchange *x);

/* The process at the other end; 0: not known. */
uint32_t exchange_peer_pid(const struct exchange *x);

/* 1: a copy of s is kept and will be shown later; 0: s is to be shown now. */
int exchange_hold(struct engine *e, struct exchange *x, const struct span *s);

/* Shows the held spans whose trace is certain or whose time is up; force: all. */
void exchange_release_held(struct engine *e, int force);
void exchange_drop_held(struct engine *e);

/* As for links__on_process; ctx is the engine. */
unsigned exchange_traits(void *ctx, uint32_t pid);

/* A server's connection that was open before we looked; and: it is known now, or gone. */
void exchange_conn_preexisting(struct engine *e, struct conn *c);
void exchange_conn_known(struct engine *e, struct conn *c);

#endif
