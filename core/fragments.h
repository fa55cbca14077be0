/*
 * fragments.h - IP packets from their fragments (RFC 791, section 3.2; RFC 8200, section 4.5)
 *
 * Of bytes that come twice the first count. Of a fragment that was captured in part, and of what
 * follows, only the captured bytes in front of the first missing one are there.
 *
 * Bounded: FRAGMENTS_MAX packets of 64 KiB at a time, each given up after FRAGMENTS_NS or for a
 * newer one.
 */
#ifndef ZC_CORE_FRAGMENTS_H
#define ZC_CORE_FRAGMENTS_H

#include "core/frame.h"

#define FRAGMENTS_MAX 64
#define FRAGMENTS_NS 30000000000ull /* RFC 8200 says a minute, Linux waits for half of that */

struct fragments;

struct fragments *fragments__new(void); /* NULL: out of memory */
void fragments__free(struct fragments *f); /* NULL is allowed */

/*
 * f is a fragment, seen at time (nanoseconds). Where it completes its packet, returns of how many
 * fragments, and *data, *cap_len, *len are the packet's content, valid until the next call. Else 0.
 */
uint32_t fragments__add(struct fragments *all, uint64_t time, const struct frame *f,
			const uint8_t **data, uint32_t *cap_len, uint32_t *len);

#endif
