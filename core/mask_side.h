/*
 * mask_side.h - overwrites the secrets in one direction of a connection, whatever it speaks
 *
 * Protocols are recognised as everywhere (probe_all(), with the other direction's answer), and
 * masked by their rows of the table. Where one ends in another (an upgrade, a tunnel), both
 * directions begin anew. What is none that has a mask is hidden from its first byte to its last: of
 * a connection joined in the middle, that is all up to the first message that is recognised.
 *
 * What may be a protocol of the table, and is not certain, is masked as if it were, more strictly
 * (MASK_DOUBT); its bytes are kept for a moment, MASK_SIDE_KEEP of them at most, so that more of
 * them decide.
 */
#ifndef ZC_CORE_MASK_SIDE_H
#define ZC_CORE_MASK_SIDE_H

#include "parsers/protocol.h"

#define MASK_SIDE_KEEP 8192u

/* All zero at the beginning, both, but for what is the owner's. */
struct mask_conn {
	const struct protocol *protocol; /* one with a mask, if it is that; else NULL */
	unsigned client;		 /* its direction */
	uint8_t content;		 /* the owner's: content of HTTP is asked for */
	struct mask_shared shared;
};

struct mask_side {		      /* private */
	void *state;		      /* of the mask of `begun` */
	const struct protocol *begun; /* NULL: none is in use */
	uint8_t seen;		      /* bytes came, since the protocol may have begun */
	uint8_t raw_start;	      /* the first byte of raw was the first one seen */
	uint32_t nraw;
	uint8_t *raw; /* what may be a protocol of the table, as it was */
};

/*
 * The next n bytes of s, which is direction dir; calls begin where segments do. Secrets are
 * overwritten. Returns how many of them were understood; 0: nothing is left to be seen.
 */
size_t mask_side_feed(struct mask_conn *c, struct mask_side *s, struct mask_side *other,
		      unsigned dir, uint8_t *p, size_t n);

/* The next n are missing. */
void mask_side_gap(struct mask_conn *c, struct mask_side *s, uint64_t n);

/* to becomes what from is. Both are initialised. */
void mask_side_copy(const struct mask_conn *c, struct mask_side *to, const struct mask_side *from);

void mask_side_release(struct mask_side *s); /* frees what it holds; it is as at the beginning */

#endif
