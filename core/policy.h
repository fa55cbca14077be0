/*
 * policy.h - what is still wanted of a connection, and the kernel side told so
 */
#ifndef ZC_CORE_POLICY_H
#define ZC_CORE_POLICY_H

#include <stdint.h>

struct conn;
struct engine;
struct half;

#define POLICY_PEEK 1024u   /* octets of each segment that show whether a message starts there */
/* without a message: we may have joined in the middle of a body */
#define POLICY_PREEXISTING_SEGS 64u

void policy_update(struct engine *e, struct conn *c);  /* tells what has changed */
void policy_send(struct engine *e, struct conn *c);    /* tells all of it again */
void policy_nothing(struct engine *e, struct conn *c); /* it is opaque from now on */

/* n octets of h were no message. Of too many of them, little or nothing is wanted. */
void policy_unrecognized(struct engine *e, struct conn *c, struct half *h, uint64_t n);

#endif
