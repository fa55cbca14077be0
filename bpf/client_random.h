/*
 * random.h - is this the library's object of that connection?
 *
 * A ClientHello has 32 random octets, which both sides keep to the end: where they are found in an
 * object of a TLS library, it is the one that made or read that ClientHello. In which place depends on
 * the library and its version: in the object itself, or in one that it points to. The place is searched
 * for once per process and library; from then on one look decides, both ways.
 */
#ifndef ZC_BPF_RANDOM_H
#define ZC_BPF_RANDOM_H

#include "bpf/maps.h"

#define FITS 1
#define FITS_NOT 0
#define FITS_UNKNOWN (-1)

#define RANDOM_OBJECT 2048u /* octets of an object that are searched */
#define RANDOM_INNER 512u   /* of what it points to */
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

struct random_room {
	__u64 object[RANDOM_OBJECT / 8];
	__u64 inner[RANDOM_INNER / 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct random_room);
} zc_random_room SEC(".maps");

struct random_search {
	struct random_room *room;
	struct zc_layout *layout;
	__u64 random[2];
	__u32 at;  /* what is searched: offset and length in the room */
	__u32 len;
};

static __always_inline int random_at(const __u64 *p, const __u64 random[2])
{
	return p[0] == random[0] && p[1] == random[1];
}

/* Randoms lie where structures have arrays of octets: at multiples of 4, as far as is known. */
static long random_try(__u32 i, void *ctx)
{
	struct random_search *s = ctx;
	__u32 off = i * 4, at = s->at + off;

	if (off + 16 > s->len || at > sizeof(*s->room) - 16)
		return 1;
	if (!random_at((const __u64 *)((const char *)s->room + at), s->random))
		return 0;
	s->layout->off = off;
	s->layout->found = 1;
	return 1;
}

static __always_inline void random_scan(struct random_search *s, __u32 at, __u32 len)
{
	s->at = at;
	s->len = len;
	bpf_loop(len / 4, random_try, s, 0);
}

static long random_in_pointer(__u32 i, void *ctx)
{
	struct random_search *s = ctx;
	__u64 at;

	if (i >= RANDOM_POINTERS)
		return 1;
	at = s->room->object[i];
	if (at < 4096 || at & 7 || bpf_probe_read_user(s->room->inner, sizeof(s->room->inner), (void *)at))
		return 0;
	s->layout->pointer = i * 8;
	random_scan(s, __builtin_offsetof(struct random_room, inner), RANDOM_INNER);
	return s->layout->found ? 1 : 0;
}

/* Looks for the place; what lies behind the object's end is read as it comes. */
static __noinline int random_search(struct zc_layout *l, __u64 object, __u64 r0, __u64 r1)
{
	__u32 zero = 0;
	struct random_search s = {.layout = l, .random = {r0, r1}};

	s.room = bpf_map_lookup_elem(&zc_random_room, &zero);
	if (!l || !s.room)
		return 0;
	l->tries++;
	if (bpf_probe_read_user(s.room->object, sizeof(s.room->object), (void *)object) &&
	    bpf_probe_read_user(s.room->object, 512, (void *)object))
		return 0;
	l->pointer = ~0u;
	random_scan(&s, 0, RANDOM_OBJECT);
	if (!l->found)
		bpf_loop(RANDOM_POINTERS, random_in_pointer, &s, 0);
	return l->found;
}

static __always_inline int random_look(const struct zc_layout *l, __u64 object, const __u64 random[2])
{
	__u64 there[2] = {0, 0};

	if (l->pointer != ~0u && bpf_probe_read_user(&object, sizeof(object), (void *)(object + l->pointer)))
		return FITS_UNKNOWN;
	if (bpf_probe_read_user(there, sizeof(there), (void *)(object + l->off)))
		return FITS_UNKNOWN;
	return random_at(there, random) ? FITS : FITS_NOT;
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
