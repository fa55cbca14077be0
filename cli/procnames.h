/*
 * procnames.h - what to call the processes of spans: service, runtime, container and its name
 *
 * Live, names are read from /proc when an event first mentions a process, so that those of one
 * that has ended by the time of its span are known; what was read is handed on as a ZC_EV_NAMES,
 * to be recorded before that event. A forked one that has ended by then is called what its parent
 * is. In replay the cache is fed by those events only: /proc is about other processes then.
 *
 * The cache is bounded; of four processes that compete for a place the longest unused one goes and
 * is read again when it comes back. A pid that is used anew, or executes another program, is
 * noticed by the events that tell so, else within a second of its next connection.
 */
#ifndef ZC_CLI_PROCNAMES_H
#define ZC_CLI_PROCNAMES_H

#include <stdint.h>
#include "bpf/events.h"
#include "core/engine.h"

struct procnames;

/* on_names: called from procnames__see; NULL: nobody wants to know. NULL result: out of memory. */
struct procnames *procnames__new(int live, void (*on_names)(void *ctx, const struct zc_ev *ev),
				 void *ctx);

/* To be called with every event before anybody else gets it. */
void procnames__see(struct procnames *p, const struct zc_ev *ev);

/* 1 the first time after the names of a process were not permitted to be read. */
int procnames__refused(struct procnames *p);

/*
 * Live: is it to be looked at why its TLS is not seen? Then tls_told is to be called with what was
 * found, which is asked again after a while: a library may be loaded late.
 */
int procnames__asks_tls(struct procnames *p, uint32_t pid, uint64_t now);
void procnames__tls_told(struct procnames *p, uint32_t pid, uint64_t now, const char *why);

/* As engine_options.process_names; strings live until the next call of anything here. */
void procnames__get(struct procnames *p, uint32_t pid, struct process_names *out);
void procnames__free(struct procnames *p);

#endif
