/*
 * exchange_h2.h - field sections of HTTP/2 into an exchange
 */
#ifndef ZC_CORE_EXCHANGE_H2_H
#define ZC_CORE_EXCHANGE_H2_H

#include "core/exchange.h"
#include "parsers/http2/http2.h"

/* The head of the request, of the response; trailers: which: 0 request, 1 response. */
void exchange_h2_request(struct engine *e, struct exchange *x, const struct http2_event *ev);
void exchange_h2_response(struct engine *e, struct exchange *x, const struct http2_event *ev);
void exchange_h2_trailers(struct exchange *x, int which, const struct http2_event *ev);

/* Both are through: is what may be gRPC shown to be? */
void exchange_h2_end(struct exchange *x);

#endif
