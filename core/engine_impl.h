/*
 * engine_impl.h - what the parts of the engine share: engine*.c, tls_*.c, exchange*.c, protocols
 */
#ifndef ZC_CORE_ENGINE_IMPL_H
#define ZC_CORE_ENGINE_IMPL_H

#include "core/conn.h"
#include "core/engine.h"
#include "core/exchange.h"
#include "core/exchange_attrs.h"
#include "core/link.h"

struct engine {
	struct engine_options opt;
	struct pool pool;
	struct conn_table conns;
	struct exchange *idle; /* free list */
	uint32_t nidle;
	struct list waiting; /* exchanges, by deadline */
	struct list stalled; /* connections with a stream that waits */
	struct list closing; /* connections, by c->expires */
	struct list tls_stream_waiting; /* TLS streams with c->stream.waits */
	struct links *links;
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
	size_t http2_octets;	       /* of memory for HTTP/2 connections */
	char made_route[288];	       /* for the time of a span */
	struct attr_list attrs;	       /* same */
};

/* ---- detect.c */

/*
 * n octets from position pos of a connection of which nobody knows yet what it speaks. Where they
 * show it, its protocol takes them. Returns how many were taken.
 */
size_t protocol_detect(struct engine *e, struct conn *c, struct half *h, const uint8_t *p, size_t n,
		   uint64_t pos);

/*
 * The same of kept octets from position pos that have a gap behind them. 1: they show it, and its
 * protocol takes them with the gap.
 */
int protocol_detect_torn(struct conn *c, const struct half *h, struct str kept, uint64_t pos);

/*
 * The connection speaks another protocol from here on, which its ends have agreed upon in x, answered
 * and in no queue; x may be NULL. Returns 1 and takes x; 0: it is not known what follows.
 */
int protocol_switch(struct conn *c, const struct protocol_name *to, struct exchange *x);

/* ---- policy.c: what is still wanted of a connection, and the kernel side told so */

#define POLICY_PEEK 1024u   /* octets of each segment that show whether a message starts there */
#define POLICY_PREEXISTING_SEGS 64u  /* without a message: we may have joined in the middle of a body */

void policy_update(struct engine *e, struct conn *c);  /* tells what has changed */
void policy_send(struct engine *e, struct conn *c);    /* tells all of it again */
void policy_nothing(struct engine *e, struct conn *c); /* it is opaque from now on */

/* n octets of h were no message. Of too many of them, little or nothing is wanted. */
void policy_unrecognized(struct engine *e, struct conn *c, struct half *h, uint64_t n);

/* ---- engine.c, for tls_stream.c */

struct conn *engine_conn(struct engine *e, uint64_t id); /* a new one; NULL: out of memory */
void engine_segment(struct engine *e, struct conn *c, int dir, const struct reasm_seg *g);
void engine_io(struct engine *e, struct conn *c, const struct zc_ev_io *io);
void engine_lost(struct conn *c); /* events of c were */
void engine_close(struct engine *e, struct conn *c, uint64_t time); /* it has ended then */
void engine_bound(struct engine *e, struct conn *c); /* c->socket has changed */
void engine_ignore(struct engine *e, struct conn *c); /* nothing of c is wanted */

#endif
