/*
 * merge.h - several recordings as one source, in the order of one clock
 *
 * Each file is read twice: first to find out how far its clock is from that of the first file
 * (core/clocks.h), then to hand out its events. So none can be standard input or a pipe. Times
 * become those of the first file's clock. Cookies and pids get the file's number in their upper
 * bits: the same number on two hosts is not the same thing. SOURCE_PID_MASK takes it off again.
 *
 * Where two captures show one connection from the same side, one is turned round.
 */
#ifndef ZC_CORE_MERGE_H
#define ZC_CORE_MERGE_H

#include <stddef.h>
#include "core/packets.h"
#include "core/source.h"

#define MERGE_MAX 16

/*
 * What is worth telling about the clocks: one line each for people. NULL on failure with one line
 * in err. Free with s->ops->free(s).
 */
struct source *merge__open(const char *const *paths, unsigned n, const struct packets_options *o,
			   void (*on_note)(void *ctx, const char *name, const char *text),
			   void *ctx, char *err, size_t errlen);

#endif
