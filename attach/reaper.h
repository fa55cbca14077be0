/*
 * reaper.h - takes probes out without keeping anybody waiting
 *
 * The kernel waits for all processors before a probe on a function is gone, up to hundreds of
 * milliseconds for each. So that nobody's first requests are missed meanwhile, threads do it, as
 * many as there is to wait for, up to 16. They touch nothing but the descriptors that they are
 * given.
 */
#ifndef ZC_ATTACH_REAPER_H
#define ZC_ATTACH_REAPER_H

#include "attach/uprobe.h"

struct reaper;

struct reaper *reaper_new(void);	/* NULL: out of memory */
void reaper_free(struct reaper *r);	/* when all is taken out; NULL is allowed */

/* Takes over what *s holds and leaves it empty. Without a reaper it is taken out here and now. */
void reaper_take(struct reaper *r, struct uprobe_set *s);

#endif
