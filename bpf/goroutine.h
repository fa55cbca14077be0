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

/* *persistConn -> the goroutine that uses it now */
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

static __always_inline void goroutine_asks(__u32 tgid, __u64 conn, __u64 g)
{
	struct zc_call_key key = {.tgid = tgid, .who = conn};

	bpf_map_update_elem(&zc_askers, &key, &g, BPF_ANY);
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
	__s64 *off = bpf_map_lookup_elem(&zc_gooff, &tgid);
	struct zc_call_key key = {.tgid = tgid};
	__u64 *asker, g;

	if (!off || (dir == ZC_RX && len == 1))
		return 0;
	key.who = goroutine(*off);
	if (dir == ZC_RX || !key.who)
		return key.who;
	asker = bpf_map_lookup_elem(&zc_writers, &key);
	if (!asker)
		return key.who;
	g = *asker;
	bpf_map_delete_elem(&zc_writers, &key); /* the goroutine may do other things later */
	return g;
}

#endif
