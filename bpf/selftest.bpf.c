/*
 * selftest.bpf.c - does a probe keep what is its own while another thread is in the same probe?
 *
 * A uprobe on a function of zctrace's, which threads call. It writes what only this thread writes
 * onto its stack and into a room of the processor's, takes its time, and looks whether it is still
 * there. With UNGUARDED it has none of what guard.h gives: what happens then is shown in
 * tests/kernels.
 */
#include <linux/ptrace.h>
#include "bpf/guard.h"

char LICENSE[] SEC("license") = "GPL";

#define WORDS 24   /* a private stack is made for 64 octets and more */
#define READS 1000 /* so long that a thread's time may end within */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct zc_selftest);
} zc_selftest SEC(".maps");

struct selftest_room {
	__u64 word[WORDS];
	__u32 busy;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct selftest_room);
} zc_selftest_room SEC(".maps");

static __always_inline int is_whole(volatile __u64 *word, __u64 mine)
{
	int whole = 1;

	for (int i = 0; i < WORDS; i++)
		whole &= word[i] == mine + (__u64)i;
	return whole;
}

static __always_inline void fill(volatile __u64 *word, __u64 mine)
{
	for (int i = 0; i < WORDS; i++)
		word[i] = mine + (__u64)i;
}

SEC("uprobe")
int selftest_hit(struct pt_regs *ctx)
{
	__u32 zero = 0;
	struct zc_selftest *t = bpf_map_lookup_elem(&zc_selftest, &zero);
	struct selftest_room *room = bpf_map_lookup_elem(&zc_selftest_room, &zero);
	volatile __u64 mine[WORDS];
	__u64 sp = PT_REGS_SP(ctx), there;
	int claimed;

	if (!t || !room)
		return 0;
#ifndef UNGUARDED
	OWN_STACK(ctx);
	claimed = room_claim(&room->busy);
#else
	claimed = 1;
#endif
	__sync_fetch_and_add(&t->hits, 1);
	fill(mine, bpf_get_current_pid_tgid());
	if (claimed)
		fill(room->word, bpf_get_current_pid_tgid());
	else
		__sync_fetch_and_add(&t->met, 1);
	for (int i = 0; i < READS; i++)
		bpf_probe_read_user(&there, sizeof(there), (void *)sp);
	if (!is_whole(mine, bpf_get_current_pid_tgid()))
		__sync_fetch_and_add(&t->stack_damaged, 1);
	if (!claimed)
		return 0;
	if (!is_whole(room->word, bpf_get_current_pid_tgid()))
		__sync_fetch_and_add(&t->room_damaged, 1);
#ifndef UNGUARDED
	room_leave(&room->busy);
#endif
	return 0;
}
