/*
 * naming.h - names of what travels in an exchange of HTTP: what parsers/names finds in it
 *
 * An exchange has such a state from its request's head on if that may be any of them; it lies in
 * memory of the pool, as long as of that no more than a quarter is in use: bytes come first. Heads
 * come as field lines (HTTP/1) or as a list (HTTP/2).
 */
#ifndef ZC_CORE_NAMING_H
#define ZC_CORE_NAMING_H

#include "core/span.h"
#include "parsers/http2/http2.h"

struct engine;
struct exchange;

/*
 * Is it worth a closer look, by what was picked from the head already? type: of the content; hint:
 * a field says so. What it says is soon told, as every request is asked.
 */
int naming_may(const struct exchange *x, struct str type, int hint);

/* The heads, after all else was made of them; the response's only if x->naming. */
void naming_request(struct engine *e, struct exchange *x, struct str fields);
void naming_request_h2(struct engine *e, struct exchange *x, const struct http2_event *ev);
void naming_response(struct exchange *x, struct str fields);
void naming_response_h2(struct exchange *x, const struct http2_event *ev);

/* For exchanges that have x->naming. */
void naming_content(struct exchange *x, int which, struct str data, uint64_t gap);
int naming_wants(const struct exchange *x, int which); /* is content to be copied for it? */
int naming_attr(const struct exchange *x, unsigned i, struct attr *a); /* 0: no more */
int naming_failed(const struct exchange *x, enum span_kind kind);
void naming_free(struct engine *e, struct exchange *x);

/* What the path does not tell apart: "/graphql" becomes "/graphql query Orders". */
void naming_route(struct engine *e, const struct exchange *x, struct span *s);

/* The end of a stream of Connect; nothing without x->naming. */
void naming_trailers(struct exchange *x, struct str json);

#endif
