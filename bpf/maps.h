/*
 * maps.h - the maps that the probe families share, and how a record gets into the ring
 */
#ifndef ZC_BPF_MAPS_H
#define ZC_BPF_MAPS_H

#include "bpf/config.h"
#include "bpf/kernel.h"

/* The size is set by user space before load. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} zc_ring SEC(".maps");

/* tgid -> ZC_TASK_* */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} zc_tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct zc_shared);
} zc_shared SEC(".maps");

const volatile struct zc_config zc_cfg;

static __always_inline struct zc_shared *shared(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&zc_shared, &zero);
}

/* A record could not be had: the ring is full. */
static __always_inline void count_lost(__u64 bytes)
{
	struct zc_shared *sh = shared();

	if (!sh)
		return;
	__sync_fetch_and_add(&sh->lost_events, 1);
	__sync_fetch_and_add(&sh->lost_bytes, bytes);
}

static __always_inline void fill_head(struct zc_ev *ev, __u16 kind, __u32 size, __u64 conn)
{
	ev->kind = kind;
	ev->flags = 0;
	ev->size = size;
	ev->time = bpf_ktime_get_ns();
	ev->conn = conn;
}

static __always_inline __u32 task_flags(__u32 tgid)
{
	__u32 *f = bpf_map_lookup_elem(&zc_tasks, &tgid);

	return f ? *f : 0;
}

/*
 * Adds bits to a process. A process that begins to matter makes earlier refusals of its sockets
 * worth another look.
 */
static __always_inline void task_add(__u32 tgid, __u32 bits)
{
	__u32 *f = bpf_map_lookup_elem(&zc_tasks, &tgid);
	struct zc_shared *sh;

	if (f && (*f & bits) == bits)
		return;
	if (f)
		__sync_fetch_and_or(f, bits);
	else
		bpf_map_update_elem(&zc_tasks, &tgid, &bits, BPF_ANY);
	sh = shared();
	if (sh)
		__sync_fetch_and_add(&sh->generation, 1);
}

#endif
