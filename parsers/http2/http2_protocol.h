/*
 * http2_protocol.h - the row of HTTP/2
 */
#ifndef ZC_PARSERS_HTTP2_PROTOCOL_H
#define ZC_PARSERS_HTTP2_PROTOCOL_H

#include "parsers/protocol.h"

extern const struct protocol http2_protocol;
extern const struct protocol_mask http2_mask;

#endif
