/*
 * hostcheck.h - what this host lets us do, found by trying, with the remedy for what it does not
 *
 * What loads, attaches or opens something does so for real, takes it away again and says how long
 * that took. Nothing is selected meanwhile, so no process is looked into.
 */
#ifndef ZC_ATTACH_HOSTCHECK_H
#define ZC_ATTACH_HOSTCHECK_H

#include <stdint.h>

enum check_state {
	CHECK_OK,
	CHECK_NOTE, /* neither good nor bad, or not to be found out */
	CHECK_WARN, /* something will be missing */
	CHECK_FAIL, /* stands in the way of tracing */
};

struct check {
	const char *name; /* "kernel"; a literal */
	enum check_state state;
	char text[800];	  /* what was found */
	char remedy[280]; /* "": none is needed or known */
	uint64_t attach_ns, detach_ns; /* of a backend that works; 0: not measured */
};

/* What was found, for whoever fills one. */
void check_set(struct check *c, enum check_state state, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Kernel, BTF, lockdown, capabilities, control groups, namespaces, settings, in this order. */
void hostcheck_each(void (*fn)(void *ctx, const struct check *c), void *ctx);

/* The skb backend: loaded, attached, detached, and if so, which probes that were; else no name. */
void hostcheck_skb(struct check *c, struct check *probes);

/*
 * A uprobe on a function of this program, which is called then: uprobes at all, in *c, and many by
 * one link (Linux 6.6), in *multi.
 */
void hostcheck_uprobe(struct check *c, struct check *multi);

/*
 * Two threads of this program in one uprobe on one processor: does the kernel let them meet there,
 * and does each keep its variables? Takes up to half a second.
 */
void hostcheck_threads(struct check *c);

#endif
