/*
 * goroutine.h - on whose behalf a goroutine writes
 *
 * A server of net/http reads its requests on the goroutine that serves the connection. Its client
 * has a goroutine for each connection that writes what others ask it to: the one that asks is in
 * persistConn.roundTrip, the one that writes in persistConnWriter.Write, and both know the
 * connection (a *persistConn, which HTTP/1 lends to one of them at a time).
 */
#ifndef ZC_BPF_GOROUTINE_H
#define ZC_BPF_GOROUTINE_H

#include "bpf/calls.h"

/* *persistConn -> the goroutine that uses it now, as goroutine_number tells */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct zc_call_key);
	__type(value, __u64);
} zc_askers SEC(".maps");

/* a connection's goroutine -> the one that it is about to write for */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct zc_call_key);
	__type(value, __u64);
} zc_writers SEC(".maps");

/* For zc_ev_io: its number and that of the one that began it, in halves. Go counts up to 2^64. */
static __always_inline __u64 goroutine_number(__u32 tgid, __u64 g)
{
	const struct zc_go *go = bpf_map_lookup_elem(&zc_gos, &tgid);
	__u64 id = g >> 3, parent = 0;

	if (!g)
		return 0;
	if (go && go->id && go->parent) {
		bpf_probe_read_user(&id, sizeof(id), (void *)(g + go->id));
		bpf_probe_read_user(&parent, sizeof(parent), (void *)(g + go->parent));
	}
	return (__u32)id | parent << 32;
}

static __always_inline void goroutine_asks(__u32 tgid, __u64 conn, __u64 g)
{
	struct zc_call_key key = {.tgid = tgid, .who = conn};
	__u64 number = goroutine_number(tgid, g);

	bpf_map_update_elem(&zc_askers, &key, &number, BPF_ANY);
}

static __always_inline void goroutine_flushes(__u32 tgid, __u64 conn, __u64 g)
{
	struct zc_call_key key = {.tgid = tgid, .who = conn};
	__u64 *asker = bpf_map_lookup_elem(&zc_askers, &key), by;

	if (!asker)
		return;
	by = *asker;
	key.who = g;
	bpf_map_update_elem(&zc_writers, &key, &by, BPF_ANY);
}

/*
 * For an IO record. One octet is what a server reads ahead while it serves, on a goroutine of its
 * own: that says nothing.
 */
static __always_inline __u64 goroutine_of_io(__u32 tgid, __u32 len, __u8 dir)
{
	const struct zc_go *go = bpf_map_lookup_elem(&zc_gos, &tgid);
	struct zc_call_key key = {.tgid = tgid};
	__u64 *asker, g;

	if (!go || (dir == ZC_RX && len == 1))
		return 0;
	key.who = goroutine(go->off);
	if (dir == ZC_RX || !key.who)
		return goroutine_number(tgid, key.who);
	asker = bpf_map_lookup_elem(&zc_writers, &key);
	if (!asker)
		return goroutine_number(tgid, key.who);
	g = *asker;
	bpf_map_delete_elem(&zc_writers, &key); /* the goroutine may do other things later */
	return g;
}

#endif
