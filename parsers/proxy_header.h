/*
 * proxy_header.h - what a proxy may put in front of a connection's bytes: the PROXY protocol,
 * versions 1 (a line of text) and 2 (binary). The protocol proper follows, also in the same
 * segment.
 */
#ifndef ZC_PARSERS_PROXY_HEADER_H
#define ZC_PARSERS_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "parsers/parser.h"

#define PROXY_HEADER_MAX 4096u /* of version 2, with what it may carry; longer ones are none */

/* Do these first bytes of a connection begin with one? YES: *len is how long it is. */
enum probe_result proxy_header(const uint8_t *p, size_t n, size_t *len);

#endif
