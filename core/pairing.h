/*
 * pairing.h - messages to exchanges, requests to responses, for each protocol that answers in order
 *
 * What the messages of a connection are, its protocol's parser says (parsers/protocol.h). Requests
 * queue in their order; each final response ends the oldest one. What makes this hard is loss. After
 * bytes between responses were lost, it is not certain which request the next one answers. What is
 * known then: a response does not acknowledge a request that came after it, and a client that was
 * never seen to pipeline has but one request open. Where this leaves a doubt, the requests end as
 * "response not seen" and the response as "request not seen": no span says something that may be
 * false.
 */
#ifndef ZC_CORE_PAIRING_H
#define ZC_CORE_PAIRING_H

#include "core/conn.h"

#define PAIRING_MAX_QUEUE 1024u /* requests open at one time; beyond, the oldest go */

/*
 * The connection speaks this protocol; direction request_dir carries requests. Returns 0, and nothing
 * has changed, if there is no memory.
 */
int pairing_begin(struct conn *c, const struct protocol *protocol, unsigned request_dir);

extern const struct conn_ops pairing_ops;

#endif
