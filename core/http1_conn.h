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

#define HTTP1_CONN_MAX_QUEUE 1024u /* requests open at one time; beyond, the oldest go */

/* The connection is HTTP/1; direction request_dir carries requests. */
void http1_conn_begin(struct conn *c, int request_dir);

extern const struct conn_ops http1_conn_ops;

#endif
