#include "attach/ring_map.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The kernel's layout: a page with our position, which is ours to write, a page with the kernel's,
 * and the data. Positions only grow; a record has a header of BPF_RINGBUF_HDR_SZ, whose first word
 * is its length with two flags, and begins at a multiple of 8.
 */
struct ring_map {
	size_t page, bytes;
	unsigned long *ours;
	const unsigned long *kernels; /* the data is a page behind it */
	const uint8_t *data;
	uint8_t *joined; /* RING_MAP_RECORD_MAX */
};

/*
 * Room is given back in pieces: each store takes the line with our position from the processors
 * that write records, which look at it for every one.
 */
#define GIVE_BACK 16384u

struct ring_map *ring_map_open(int fd, size_t bytes)
{
	struct ring_map *r = calloc(1, sizeof(*r));
	void *p;

	if (!r)
		return NULL;
	r->page = (size_t)sysconf(_SC_PAGESIZE);
	r->bytes = bytes;
	r->joined = malloc(RING_MAP_RECORD_MAX);
	if (!r->joined)
		goto fail;
	p = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		goto fail;
	r->ours = p;
	p = mmap(NULL, r->page + bytes, PROT_READ, MAP_SHARED, fd, (off_t)r->page);
	if (p == MAP_FAILED)
		goto fail;
	r->kernels = p;
	r->data = (const uint8_t *)p + r->page;
	return r;
fail:
	ring_map_close(r);
	return NULL;
}

void ring_map_close(struct ring_map *r)
{
	int err = errno;

	if (!r)
		return;
	if (r->ours)
		munmap(r->ours, r->page);
	if (r->kernels)
		munmap((void *)(uintptr_t)r->kernels, r->page + r->bytes);
	free(r->joined);
	free(r);
	errno = err;
}

/* The record of n bytes at offset `at`, in one piece; NULL: it wraps, and is too large for that. */
static const void *whole(const struct ring_map *r, size_t at, size_t n)
{
	size_t first = r->bytes - at;

	if (n <= first)
		return r->data + at;
	if (n > RING_MAP_RECORD_MAX)
		return NULL;
	memcpy(r->joined, r->data + at, first);
	memcpy(r->joined + first, r->data, n - first);
	return r->joined;
}

void ring_map_read(struct ring_map *r, int (*fn)(void *ctx, const void *data, size_t size),
		   void *ctx)
{
	unsigned long pos = *r->ours, given = pos, end;
	int stop = 0;

	while (!stop && pos != (end = __atomic_load_n(r->kernels, __ATOMIC_ACQUIRE))) {
		while (!stop && pos != end) {
			size_t at = pos & (r->bytes - 1);
			uint32_t head = __atomic_load_n((const uint32_t *)(r->data + at),
							__ATOMIC_ACQUIRE);
			uint32_t n = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
			const void *p;

			stop = (head & BPF_RINGBUF_BUSY_BIT) != 0;
			if (stop)
				break;
			pos += (n + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
			at = (at + BPF_RINGBUF_HDR_SZ) & (r->bytes - 1);
			p = head & BPF_RINGBUF_DISCARD_BIT ? NULL : whole(r, at, n);
			stop = p && fn(ctx, p, n);
			if (pos - given >= GIVE_BACK) {
				__atomic_store_n(r->ours, pos, __ATOMIC_RELEASE);
				given = pos;
			}
		}
	}
	__atomic_store_n(r->ours, pos, __ATOMIC_RELEASE);
}
