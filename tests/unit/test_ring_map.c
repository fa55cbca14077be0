/*
 * The kernel's ring buffer, played by a file with the same layout: all records, once, in order and
 * in one piece, wherever they wrap.
 */
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attach/ring_map.h"
#include "tests/unit/tap.h"

#define BYTES (1u << 18)

static size_t page;
static uint8_t *file; /* our position, the kernel's, the data */
static struct ring_map *ring;

static unsigned long *ours(void)
{
	return (unsigned long *)file;
}

static unsigned long *kernels(void)
{
	return (unsigned long *)(file + page);
}

static void open_ring(void)
{
	int fd = memfd_create("ring", 0);

	page = (size_t)sysconf(_SC_PAGESIZE);
	if (fd < 0 || ftruncate(fd, (off_t)(2 * page + BYTES)))
		exit(1);
	file = mmap(NULL, 2 * page + BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ring = ring_map_open(fd, BYTES);
	close(fd);
	if (file == MAP_FAILED || !ring)
		exit(1);
}

/* The reader stands there, and there is nothing to read. */
static void stand_at(unsigned long pos)
{
	*ours() = *kernels() = pos;
}

static uint8_t octet(uint32_t seed, uint32_t i)
{
	return (uint8_t)(seed * 31 + i + (i >> 8));
}

/* A record of n bytes is written; where its header is. */
static uint32_t *put(uint32_t n, uint32_t seed, uint32_t flags)
{
	uint8_t *data = file + 2 * page;
	unsigned long pos = *kernels();
	uint32_t *head = (uint32_t *)(data + (pos & (BYTES - 1)));

	for (uint32_t i = 0; i < n; i++)
		data[(pos + BPF_RINGBUF_HDR_SZ + i) & (BYTES - 1)] = octet(seed, i);
	*head = n | flags;
	*kernels() = pos + ((n + BPF_RINGBUF_HDR_SZ + 7) & ~7ul);
	return head;
}

struct got {
	uint32_t n, bad, stop_at;
	uint32_t size[64], seed[64]; /* seed: what is wanted */
	unsigned long given; /* the reader's position, as the kernel sees it in the last call */
};

static int take(void *ctx, const void *data, size_t size)
{
	struct got *g = ctx;
	const uint8_t *p = data;

	for (uint32_t i = 0; i < size; i++)
		g->bad += p[i] != octet(g->seed[g->n], i);
	g->bad += (uintptr_t)p % 8 != 0;
	g->size[g->n++] = (uint32_t)size;
	g->given = *ours();
	return g->n == g->stop_at;
}

static void every_place(void)
{
	uint32_t lost = 0, wrong = 0, behind = 0;

	for (uint32_t before = 0; before <= 256; before += 8) {
		struct got g = {.seed = {1, 2, 3}};

		stand_at(5ul * BYTES - before);
		put(37, 1, 0);
		put(160, 2, 0);
		put(1, 3, 0);
		ring_map_read(ring, take, &g);
		lost += g.n != 3 || g.size[0] != 37 || g.size[1] != 160 || g.size[2] != 1;
		wrong += g.bad;
		behind += *ours() != *kernels();
	}
	is_u64(lost, 0, "three records before, across and behind the end, at every place");
	is_u64(wrong, 0, "with their bytes, aligned");
	is_u64(behind, 0, "and their room is given back");
}

static void large(void)
{
	struct got g = {.seed = {1, 2}};

	stand_at(BYTES - 4096);
	put(RING_MAP_RECORD_MAX, 1, 0);
	put(8, 2, 0);
	ring_map_read(ring, take, &g);
	ok(g.n == 2 && g.size[0] == RING_MAP_RECORD_MAX && !g.bad, "the largest that may wrap");

	g = (struct got){.seed = {2}};
	stand_at(BYTES - 4096);
	put(RING_MAP_RECORD_MAX + 8, 1, 0);
	put(8, 2, 0);
	ring_map_read(ring, take, &g);
	ok(g.n == 1 && g.size[0] == 8 && !g.bad, "a larger one is passed over");
	is_u64(*ours(), *kernels(), "to its end");
}

static void not_yet(void)
{
	struct got g = {.seed = {1, 4, 5}};
	unsigned long second;
	uint32_t *head;

	stand_at(0);
	put(24, 1, 0);
	put(24, 2, BPF_RINGBUF_DISCARD_BIT);
	second = *kernels();
	head = put(24, 4, BPF_RINGBUF_BUSY_BIT);
	put(24, 5, 0);
	ring_map_read(ring, take, &g);
	ok(g.n == 1 && !g.bad, "one that is being written ends it, one that was given up does not");
	is_u64(*ours(), second, "in front of it");
	ring_map_read(ring, take, &g);
	is_u64(g.n, 1, "for as long as it is");
	*head &= ~BPF_RINGBUF_BUSY_BIT;
	ring_map_read(ring, take, &g);
	ok(g.n == 3 && !g.bad, "then it comes, and what is behind it");
}

static void stops(void)
{
	struct got g = {.seed = {1, 2, 3}, .stop_at = 2};
	unsigned long third;

	stand_at(64);
	put(10, 1, 0);
	put(20, 2, 0);
	third = *kernels();
	put(30, 3, 0);
	ring_map_read(ring, take, &g);
	ok(g.n == 2 && *ours() == third, "whoever reads may stop behind any record");
	ring_map_read(ring, take, &g);
	ok(g.n == 3 && !g.bad, "and goes on with the next one");
}

/* A long look gives room back before it is over: the kernel would find the ring full. */
static void gives_back(void)
{
	struct got g = {.n = 0};

	stand_at(0);
	for (uint32_t i = 0; i < 60; i++) {
		g.seed[i] = i;
		put(4000, i, 0);
	}
	ring_map_read(ring, take, &g);
	ok(g.n == 60 && !g.bad, "most of the ring in one look");
	ok(g.given >= 59u * 4008 - 20000, "and most of it is given back before it ends");
}

int main(void)
{
	open_ring();
	every_place();
	large();
	not_yet();
	stops();
	gives_back();
	ring_map_close(ring);
	ring_map_close(NULL);
	ok(!ring_map_open(-1, BYTES), "no ring: none");
	return tap_done();
}
