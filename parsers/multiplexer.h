/*
 * multiplexer.h - protocols that carry several connections in one: yamux, smux
 *
 * What is inside comes in pieces between their headers, so nothing found there would be whole. Such
 * a connection is left alone from its first bytes on.
 */
#ifndef ZC_PARSERS_MULTIPLEXER_H
#define ZC_PARSERS_MULTIPLEXER_H

#include <stddef.h>
#include <stdint.h>

/* Do n bytes begin with a header of one? start: they are the first of their direction. */
int multiplexer_header(const uint8_t *p, size_t n, int start);

#endif
