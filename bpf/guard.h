/*
 * guard.h - programs that meet themselves on a processor
 *
 * A program may be left in the middle for another run of it on the same processor. What each type
 * of program is protected by, and what is not:
 *
 *   uprobes, uretprobes  Preemptible since Linux 6.0, and nothing keeps a second run out. Since
 *                        6.13 the JIT of x86-64 (later that of arm64) moves their stack into memory
 *                        that belongs to the processor: two threads would write over each other's
 *                        variables. OWN_STACK keeps it where it was, on the thread's own kernel
 *                        stack. Rooms are claimed.
 *   tp_btf, fexit        The kernel counts the runs on a processor and leaves out the second one,
 *                        so stack and rooms are safe, and a run is missed: user space reads how
 *                        many (recursion_misses) and counts them as lost. tp_btf runs without
 *                        preemption, mostly; it may still be interrupted by what arrives.
 *   cgroup_skb           Egress is preemptible and interruptible by ingress. Their stack is the
 *                        thread's. Rooms are claimed.
 *   iter                 Preemptible; its stack is the thread's; user space runs one at a time.
 *
 * Where programs of two types use the same room, none of these counters protects it: all rooms are
 * claimed, by whoever uses them. All other maps are shared between processors anyway: what is
 * written there by more than one thread is written by atomic operations, or its doubtful value is
 * harmless.
 */
#ifndef ZC_BPF_GUARD_H
#define ZC_BPF_GUARD_H

#include "bpf/maps.h"

/*
 * Always empty. Of each object for itself, unlike the maps that begin with zc_: it belongs to the
 * type of the programs that used it first.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} nobody SEC(".maps");

/*
 * At the beginning of every uprobe program. A program that contains a tail call gets no stack of
 * the processor's; this one is never reached, as zc_cfg is frozen, and costs nothing: the verifier
 * counts tail calls before it removes dead code. That is how it is, not a promise, so --doctor
 * tries it.
 */
#ifdef UNGUARDED /* to see what happens then: tests/kernels */
#define OWN_STACK(ctx) do {} while (0)
#else
#define OWN_STACK(ctx)                                                                             \
	do {                                                                                       \
		if (zc_cfg.never)                                                                  \
			bpf_tail_call(ctx, &nobody, 0);                                            \
	} while (0)
#endif

/*
 * A room is memory of a processor's (PERCPU_ARRAY), for what does not fit on a stack. 0: somebody
 * who was interrupted is in there; do without. A program stays on its processor, so nobody else
 * frees it.
 */
static __always_inline int room_claim(__u32 *busy)
{
	return !__sync_val_compare_and_swap(busy, 0, 1);
}

static __always_inline void room_leave(__u32 *busy)
{
	__sync_lock_test_and_set(busy, 0);
}

#endif
