/*
 * ring_map.h - the records in a ring buffer of the kernel
 *
 * libbpf maps its data twice, one behind the other, so that no record wraps, and both count as
 * resident. Here they are mapped once, and the rare record that wraps is put together elsewhere.
 */
#ifndef ZC_ATTACH_RING_MAP_H
#define ZC_ATTACH_RING_MAP_H

#include <stddef.h>

#define RING_MAP_RECORD_MAX (128u << 10) /* bytes of one that wraps; larger ones are passed over */

struct ring_map;

/*
 * fd: of a BPF_MAP_TYPE_RINGBUF with this many bytes; it stays the caller's, and may be closed.
 * NULL: errno.
 */
struct ring_map *ring_map_open(int fd, size_t bytes);
void ring_map_close(struct ring_map *r); /* or NULL */

/*
 * Every record that is complete, until one is reached that is not; until fn returns other than 0,
 * which ends it behind that record. data is 8-byte aligned and lasts for the call.
 */
void ring_map_read(struct ring_map *r, int (*fn)(void *ctx, const void *data, size_t size),
		   void *ctx);

#endif
