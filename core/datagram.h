/*
 * datagram.h - datagrams: conversations of a socket with one remote end each
 *
 * A conversation is a connection like any other to the rest of the engine (struct conn with
 * `datagram` set): its datagrams come in the order in which they were seen, each a segment of its
 * own. It exists until nothing has been heard of it for DATAGRAM_PATIENCE; what was asked by then
 * is not answered any more, and its span has the error `timeout`. How long whoever asked waited is
 * not known from that. What is told to be turned away (ICMP) ends at once.
 *
 * Reads are told by their socket (zc_ev_io with ZC_IO_DATAGRAM): of the latest datagrams of each
 * socket it is remembered whose they are.
 */
#ifndef ZC_CORE_DATAGRAM_H
#define ZC_CORE_DATAGRAM_H

#include "bpf/events.h"

#define DATAGRAM_PATIENCE 10000000000ull /* ns; resolvers ask again within five seconds */

struct conn;
struct datagrams;
struct engine;

void datagram_take(struct engine *e, const struct zc_ev_datagram *d);
void datagram_io(struct engine *e, const struct zc_ev_io *io);
/* A conversation that is over, to be evicted; NULL: there is none. */
struct conn *datagram_expired(struct engine *e);
void datagrams_free(struct datagrams *t); /* NULL is allowed */

#endif
