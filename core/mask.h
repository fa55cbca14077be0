/*
 * mask.h - keeps secrets out of recordings: core/mask_side.h for many connections
 *
 * Follows each direction of each connection by its sequence numbers. A segment that comes again,
 * or late into a gap, is judged from where the one before it ended if that is still known (the
 * beginnings of the last segment and of the last gap are), else as if a head, or of HTTP/2 a frame,
 * could begin with it. What lies behind a gap of HTTP/2 is not known better when the gap is filled.
 *
 * What a connection speaks is recognised by its beginning, if that is known to be it, or else as on
 * one that was joined in the middle.
 *
 * The table is bounded; a connection that was pushed out of it starts anew.
 */
#ifndef ZC_CORE_MASK_H
#define ZC_CORE_MASK_H

#include <stdint.h>
#include "bpf/events.h"

struct mask;

/* content: what messages of HTTP carry is asked for, and stays. NULL: out of memory. */
struct mask *mask__new(int content);

/* It begins in the middle of what happens: whatever is not opened from now on was open before. */
void mask__late(struct mask *m);

/* To be told of each, before its first segment. */
void mask__open(struct mask *m, const struct zc_ev_open *o);

/* As recorder_options.mask, with the mask as context. */
int mask__segment(void *mask, const struct zc_ev_segment *seg, uint8_t *payload);

/* The connection is gone; its place is free for another. */
void mask__forget(struct mask *m, uint64_t conn);
void mask__free(struct mask *m);

#endif
