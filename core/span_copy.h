/*
 * span_copy.h - a span to keep: one block that holds it and all that it points to
 */
#ifndef ZC_CORE_SPAN_COPY_H
#define ZC_CORE_SPAN_COPY_H

#include "core/span.h"

#define SPAN_COPY_LEAST 65536u /* a block that any span fits into, with long strings cut */

/* What the whole of it takes. */
size_t span_copy_size(const struct span *s);

/*
 * Copies s to p, which is aligned as a struct span is and has `cap` bytes: span_copy_size() or
 * SPAN_COPY_LEAST. In less than the former, strings are cut: header fields and content to 16 KiB,
 * others to 2 KiB, and then to what there is. Returns the bytes used.
 */
size_t span_copy(void *p, size_t cap, const struct span *s);

/* The same in memory of its own, to be given to free(). NULL: out of memory. */
struct span *span_dup(const struct span *s);

#endif
