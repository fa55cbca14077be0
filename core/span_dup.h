/*
 * span_dup.h - a span to keep
 *
 * One block of memory that holds the span and all that it points to, but for `link`, `tls` and
 * `tls_alert_from`, which live for ever. `route` is copied, too: the name of an unseen path lives until the next span only.
 */
#ifndef ZC_CORE_SPAN_DUP_H
#define ZC_CORE_SPAN_DUP_H

#include "core/span.h"

/* NULL: out of memory. To be given to free(). */
struct span *span_dup(const struct span *s);

/* Octets that the copy takes. */
size_t span_dup_size(const struct span *s);

#endif
