/*
 * pairing.h - messages to exchanges, requests to responses
 *
 * What the messages of a connection are, its protocol's parser says (parsers/protocol.h). Requests
 * queue in their order. Where a protocol answers in order, each final response ends the oldest one;
 * what makes this hard is loss: then certainty.h says which request a response answers, and spans
 * say what remains in doubt. Where messages have keys, keyed.h knows it.
 */
#ifndef ZC_CORE_PAIRING_H
#define ZC_CORE_PAIRING_H

#include "core/conn.h"

#define PAIRING_MAX_MEMOS 4096u /* of connections, in an engine: see struct protocol */
#define PAIRING_MAX_QUEUE 1024u /* requests open at one time; beyond, the oldest go */

extern const struct conn_ops pairing_ops;

#endif
