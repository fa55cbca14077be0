/*
 * policy.h - what is still wanted of a connection, and the kernel side told so
 */
#ifndef ZC_CORE_POLICY_H
#define ZC_CORE_POLICY_H

#include <stdint.h>

#include "core/conn.h"

#define POLICY_PEEK 1024u   /* octets of each segment that show whether a message starts there */
/* without a message: we may have joined in the middle of a body */
#define POLICY_PREEXISTING_SEGS 64u

void policy_update(struct engine *e, struct conn *c);  /* tells what has changed */

/* Is only the beginning of each segment wanted? */
static inline int policy_peeks(const struct conn *c)
{
	return c->half[ZC_RX].cap == POLICY_PEEK || c->half[ZC_TX].cap == POLICY_PEEK;
}

void policy_send(struct engine *e, struct conn *c);    /* tells all of it again */
void policy_nothing(struct engine *e, struct conn *c); /* it is opaque from now on */

/* n octets of h were no message. Of too many of them, little or nothing is wanted. */
void policy_unrecognized(struct engine *e, struct conn *c, struct half *h, uint64_t n);

#endif
