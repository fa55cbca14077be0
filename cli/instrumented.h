/*
 * instrumented.h - processes that export their own spans, and need not be told of twice
 *
 * Known by their calls of a collector, from the first one on that is seen. Bounded: of more than
 * INSTRUMENTED_MAX the oldest are forgotten.
 */
#ifndef ZC_CLI_INSTRUMENTED_H
#define ZC_CLI_INSTRUMENTED_H

#include "core/span.h"

#define INSTRUMENTED_MAX 256u

struct instrumented {
	uint32_t pid[INSTRUMENTED_MAX];
	unsigned n, next;
};

/* Notices what s tells; is it of such a process? */
int instrumented_see(struct instrumented *t, const struct span *s);

/*
 * The call that s answers, or the message that it delivers, is such a process's own, and is left
 * out: its parent becomes what that process's trace context named. Does nothing if s is not like
 * that.
 */
void instrumented_relink(const struct instrumented *t, struct span *s);

#endif
