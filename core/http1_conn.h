/*
 * http1_conn.h - HTTP/1 on one connection: messages to exchanges, requests to responses
 *
 * Requests queue in their order; each final response ends the oldest one. What makes this hard is
 * loss. After octets between responses were lost, it is not certain which request the next one
 * answers. What is known then: a response does not acknowledge a request that came after it, and a
 * client that was never seen to pipeline has but one request open. Where this leaves a doubt, the
 * requests end as "response not seen" and the response as "request not seen": no span says
 * something that may be false.
 */
#ifndef ZC_CORE_HTTP1_CONN_H
#define ZC_CORE_HTTP1_CONN_H

#include "core/conn.h"

#define HTTP1_CONN_MAX_QUEUE 1024u	 /* requests open at one time; beyond, the oldest go */
#define HTTP1_CONN_READ_WAIT 20000000ull /* ns: how long a client's read may lag behind arrival */

/* Why the exchanges of a connection end before their responses. */
enum http1_conn_end {
	HTTP1_CONN_EVICTED,  /* no longer followed */
	HTTP1_CONN_FINISHED, /* tracing ends */
	HTTP1_CONN_DROPPED,  /* no span is wanted */
};

/* The connection is HTTP/1; direction request_dir carries requests. */
void http1_conn_begin(struct conn *c, int request_dir);

/* For struct stream_sink. */
size_t http1_conn_data(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos);
void http1_conn_gap(struct conn *c, struct half *h, uint64_t pos, uint64_t n, enum stream_gap why,
		    struct str kept);

/*
 * Direction h is over, at this time. For responses, requests that are still open end with it; so
 * call it again when another one has come.
 */
void http1_conn_eof(struct conn *c, struct half *h, uint64_t time);

/* The application read or wrote; half_io_add() has been called. */
void http1_conn_io(struct conn *c, const struct zc_ev_io *io);

/* Events of this connection, of whatever kind, were lost. */
void http1_conn_lost(struct conn *c);

/* Ends all that is open. Those that only wait for the application's read are complete. */
void http1_conn_end(struct conn *c, enum http1_conn_end why);

/* The application's read of x was not seen in time: x goes out without. */
void http1_conn_unwait(struct conn *c, struct exchange *x);

/* How many of the next octets of h nobody needs; UINT64_MAX: all. */
uint64_t http1_conn_unneeded(const struct conn *c, const struct half *h);

#endif
