/*
 * client_random.h - is this the library's object of that connection?
 *
 * A ClientHello has 32 random octets, which both sides keep to the end: where they are found in an
 * object of a TLS library, it is the one that made or read that ClientHello. In which place depends
 * on the library and its version: in the object itself, or in one that it points to. The place is
 * searched for once per process and library; from then on one look decides, both ways.
 */
#ifndef ZC_BPF_CLIENT_RANDOM_H
#define ZC_BPF_CLIENT_RANDOM_H

#include "bpf/guard.h"

#define FITS 1
#define FITS_NOT 0
#define FITS_UNKNOWN (-1)

#define RANDOM_OBJECT 2048u /* octets of an object that are searched */
#define RANDOM_INNER 512u   /* of what it points to */
#define RANDOM_WINDOW 128u  /* at once: as many rounds are all that verifiers have to walk */
#define RANDOM_POINTERS 40u /* from its first words */
#define RANDOM_TRIES 64u    /* searches without success, then it is no use */

struct zc_layout_key {
	__u32 tgid;
	__u32 lib;
};

struct zc_layout {
	__u32 found;
	__u32 tries;
	__u32 pointer; /* offset of the pointer; ~0u: the object itself */
	__u32 off;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct zc_layout_key);
	__type(value, struct zc_layout);
} zc_layouts SEC(".maps");

/* What one scan looks through: a random may begin in any of the first RANDOM_WINDOW octets. */
struct random_window {
	__u64 word[RANDOM_WINDOW / 8 + 2];
};

struct random_room {
	__u64 object[RANDOM_OBJECT / 8];
	__u64 inner[RANDOM_INNER / 8];
	__u64 end[2]; /* of the last window */
	__u32 busy; /* see guard.h */
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct random_room);
} zc_random_room SEC(".maps");

static __always_inline int random_at(const __u64 *p, __u64 r0, __u64 r1)
{
	return p[0] == r0 && p[1] == r1;
}

#define RANDOM_NOWHERE (~0u)

/*
 * Where in the window the random is. Randoms lie where structures have arrays of octets: at
 * multiples of 4, as far as is known. A global function, which the verifier looks at once.
 */
__noinline __u32 random_scan(const struct random_window *w, __u64 r0, __u64 r1)
{
	if (!w)
		return RANDOM_NOWHERE;
	for (__u32 off = 0; off < RANDOM_WINDOW; off += 4)
		if (random_at((const __u64 *)((const char *)w + off), r0, r1))
			return off;
	return RANDOM_NOWHERE;
}

#define WINDOW(words) ((const struct random_window *)(words))
#define RANDOM_PLACE(pointer, off) ((__u64)(pointer) << 32 | (off))

/* In what a word of the object points to; global for the same reason. */
__noinline __u32 random_in_inner(struct random_room *room, __u64 at, __u64 r0, __u64 r1)
{
	if (!room || at < 4096 || at & 7 ||
	    bpf_probe_read_user(room->inner, sizeof(room->inner), (void *)at))
		return RANDOM_NOWHERE;
#pragma clang loop unroll(disable)
	for (__u32 from = 0; from < RANDOM_INNER; from += RANDOM_WINDOW) {
		__u32 off = random_scan(WINDOW(room->inner + from / 8), r0, r1);

		if (off != RANDOM_NOWHERE)
			return from + off <= RANDOM_INNER - 16 ? from + off : RANDOM_NOWHERE;
	}
	return RANDOM_NOWHERE;
}

/* A place, or RANDOM_NOWHERE. */
static __always_inline __u64 random_in_pointers(struct random_room *room, __u64 r0, __u64 r1)
{
	for (__u32 i = 0; i < RANDOM_POINTERS; i++) {
		__u32 off = random_in_inner(room, room->object[i], r0, r1);

		if (off != RANDOM_NOWHERE)
			return RANDOM_PLACE(i * 8, off);
	}
	return RANDOM_NOWHERE;
}

static __always_inline __u64 random_in_object(struct random_room *room, __u64 object, __u64 r0,
					      __u64 r1)
{
	/* what lies behind the object's end is read as it comes */
	if (bpf_probe_read_user(room->object, sizeof(room->object), (void *)object) &&
	    bpf_probe_read_user(room->object, 512, (void *)object))
		return RANDOM_NOWHERE;
#pragma clang loop unroll(disable)
	for (__u32 at = 0; at < RANDOM_OBJECT; at += RANDOM_WINDOW) {
		__u32 off = random_scan(WINDOW(room->object + at / 8), r0, r1);

		if (off != RANDOM_NOWHERE && at + off <= RANDOM_OBJECT - 16)
			return RANDOM_PLACE(~0u, at + off);
	}
	return random_in_pointers(room, r0, r1);
}

/* Looks for the place. 0: not found, or there was no room to look now. */
__noinline int random_search(struct zc_layout *l, __u64 object, __u64 r0, __u64 r1)
{
	__u32 zero = 0;
	struct random_room *room = bpf_map_lookup_elem(&zc_random_room, &zero);
	__u64 place;

	if (!l || !room || !room_claim(&room->busy))
		return 0;
	__sync_fetch_and_add(&l->tries, 1);
	place = random_in_object(room, object, r0, r1);
	room_leave(&room->busy);
	if (place == RANDOM_NOWHERE)
		return 0;
	l->pointer = (__u32)(place >> 32);
	l->off = (__u32)place;
	barrier();
	l->found = 1; /* last: another thread may look by it at once */
	return 1;
}

static __always_inline int random_look(const struct zc_layout *l, __u64 object,
				       const __u64 random[2])
{
	__u64 there[2] = {0, 0};

	if (l->pointer != ~0u &&
	    bpf_probe_read_user(&object, sizeof(object), (void *)(object + l->pointer)))
		return FITS_UNKNOWN;
	if (bpf_probe_read_user(there, sizeof(there), (void *)(object + l->off)))
		return FITS_UNKNOWN;
	return random_at(there, random[0], random[1]) ? FITS : FITS_NOT;
}

/* FITS_UNKNOWN: the connection was not seen from its beginning, or the place is not known. */
static __always_inline int random_fits(__u32 tgid, __u32 lib, __u64 object, const __u64 random[2])
{
	struct zc_layout_key key = {.tgid = tgid, .lib = lib};
	struct zc_layout *l, new = {};

	if (!random[0] && !random[1])
		return FITS_UNKNOWN;
	l = bpf_map_lookup_elem(&zc_layouts, &key);
	if (!l) {
		bpf_map_update_elem(&zc_layouts, &key, &new, BPF_ANY);
		l = bpf_map_lookup_elem(&zc_layouts, &key);
		if (!l)
			return FITS_UNKNOWN;
	}
	if (l->found)
		return random_look(l, object, random);
	if (l->tries >= RANDOM_TRIES)
		return FITS_UNKNOWN;
	return random_search(l, object, random[0], random[1]) ? FITS : FITS_UNKNOWN;
}

#endif
