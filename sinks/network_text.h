/*
 * network_text.h - what the network did to a span, in words
 */
#ifndef ZC_SINKS_NETWORK_TEXT_H
#define ZC_SINKS_NETWORK_TEXT_H

#include "core/span.h"

#define NETWORK_TEXT_MAX 128u

/*
 * "network: 2 retransmissions, client does not read 412ms"; p == NULL: it did nothing. Built in
 * buf.
 */
struct str network_text(const struct span *s, char buf[NETWORK_TEXT_MAX]);

#endif
