/*
 * engine_impl.h - what the parts of the engine share: engine*.c, tls_*.c, exchange*.c, protocols
 */
#ifndef ZC_CORE_ENGINE_IMPL_H
#define ZC_CORE_ENGINE_IMPL_H

#include "core/alias.h"
#include "core/conn.h"
#include "core/connect.h"
#include "core/engine.h"
#include "core/exchange.h"
#include "core/exchange_attrs.h"
#include "core/link.h"
#include "core/published.h"
#include "core/tls_unbound.h"

struct engine {
	struct engine_options opt;
	struct pool pool;
	struct conn_table conns;
	struct exchange *idle; /* free list */
	uint32_t nidle;
	uint64_t changes; /* events so far that may change whose a connection is */
	uint32_t nmemos; /* connections with a memo */
	struct list waiting; /* exchanges, by deadline */
	struct list reading; /* those of pending_read.h, by theirs */
	struct list overtaken; /* same, whose connection wrote on, by when it did */
	uint32_t nreading; /* in both */
	struct list stalled; /* connections with a stream that waits */
	struct list closing, closing_streams; /* connections, by c->expires; streams of TLS */
	struct list doubted; /* connections, by c->doubted_since */
	struct list tls_stream_waiting; /* struct tls_session with waits */
	struct list tls_unbound;	/* the same without a socket */
	struct tls_unbound_past tls_unbound_past;
	struct links *links;
	struct aliases *aliases; /* NULL: none so far */
	struct published_table *published; /* same */
	struct datagrams *datagrams; /* same */
	struct connects connects;
	struct pair *pairs; /* connections by their addresses, of network.c; NULL: same */
	struct list conversations;   /* connections, by c->expires */
	struct list held;    /* spans whose trace is not certain yet, oldest first */
	uint32_t nheld;
	uint64_t now;	     /* source clock: the latest time seen */
	uint64_t ticked;     /* when time was last acted upon */
	int io_seen;	     /* this source has I/O events */
	int tls_clients;     /* client ends of TLS connections were seen */
	uint64_t lost_bytes, lost_reported, lost_reported_bytes, lost_reported_time;
	struct engine_stats stats;
	struct http2_scratch *scratch; /* NULL: no HTTP/2 so far */
	uint32_t tls_opening;	       /* TLS connections whose handshake is followed */
	size_t http2_bytes;	       /* of memory for HTTP/2 connections */
	char made_route[288];	       /* for the time of a span */
	struct attr_list attrs;	       /* same */
};

/* Of engine_conns.c: see struct engine_conn. */
const char *engine_conn_protocol(const struct conn *c);
int engine_conn_role(const struct conn *c);

#endif
