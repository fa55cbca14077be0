/*
 * http1_protocol.h - the row of HTTP/1
 */
#ifndef ZC_PARSERS_HTTP1_PROTOCOL_H
#define ZC_PARSERS_HTTP1_PROTOCOL_H

#include "parsers/protocol.h"

extern const struct protocol http1_protocol;
extern const struct protocol_mask http1_mask;
extern const struct protocol_name http10_name, http11_name;

#endif
