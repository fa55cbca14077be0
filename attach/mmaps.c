#include "attach/mmaps.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DATA_PAGES 4u /* per processor: some hundred mappings */

struct mmaps {
	int ncpus;
	size_t page;
	struct cpu {
		int fd;
		struct perf_event_mmap_page *ring;
	} cpu[];
};

static size_t ring_size(const struct mmaps *m)
{
	return (1 + DATA_PAGES) * m->page;
}

static int cpu_open(struct mmaps *m, int n)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.mmap = 1,
		.mmap2 = 1,
		.exclude_kernel = 1,
		.watermark = 1,
		.wakeup_watermark = 1,
	};
	struct cpu *c = &m->cpu[n];
	long fd = syscall(SYS_perf_event_open, &attr, -1, n, -1, PERF_FLAG_FD_CLOEXEC);
	void *p;

	if (fd < 0)
		return errno == ENODEV ? 0 : -errno; /* a processor that is off */
	p = mmap(NULL, ring_size(m), PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
	if (p == MAP_FAILED) {
		int err = -errno;

		close((int)fd);
		return err;
	}
	c->fd = (int)fd;
	c->ring = p;
	return 0;
}

struct mmaps *mmaps_open(void)
{
	int n = (int)sysconf(_SC_NPROCESSORS_CONF), err = 0;
	struct mmaps *m = calloc(1, sizeof(*m) + (size_t)(n > 0 ? n : 1) * sizeof(m->cpu[0]));

	if (!m)
		return NULL;
	m->page = (size_t)sysconf(_SC_PAGESIZE);
	for (; m->ncpus < n && !err; m->ncpus++)
		err = cpu_open(m, m->ncpus);
	if (!err)
		return m;
	mmaps_close(m);
	errno = -err;
	return NULL;
}

void mmaps_close(struct mmaps *m)
{
	for (int i = 0; m && i < m->ncpus; i++) {
		if (!m->cpu[i].ring)
			continue;
		munmap(m->cpu[i].ring, ring_size(m));
		close(m->cpu[i].fd);
	}
	free(m);
}

void mmaps_watch(const struct mmaps *m, int epoll_fd)
{
	for (int i = 0; i < m->ncpus; i++) {
		struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.fd = m->cpu[i].fd};

		if (m->cpu[i].ring)
			epoll_ctl(epoll_fd, EPOLL_CTL_ADD, m->cpu[i].fd, &ev);
	}
}

/* Copies n octets at position pos of the ring, which may wrap around. */
static void ring_copy(const struct mmaps *m, const struct cpu *c, uint64_t pos, void *out, size_t n)
{
	const uint8_t *data = (const uint8_t *)c->ring + m->page;
	size_t size = DATA_PAGES * m->page;

	for (size_t i = 0; i < n; i++)
		((uint8_t *)out)[i] = data[(pos + i) & (size - 1)];
}

static void cpu_read(struct mmaps *m, const struct cpu *c, void (*fn)(void *ctx, pid_t pid),
		     void *ctx)
{
	uint64_t head = __atomic_load_n(&c->ring->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = c->ring->data_tail;

	while (tail + sizeof(struct perf_event_header) <= head) {
		struct perf_event_header h;
		uint32_t pid = 0;

		ring_copy(m, c, tail, &h, sizeof(h));
		if (h.size < sizeof(h) || tail + h.size > head)
			break;
		/* pid comes first in a record of this type */
		if (h.type == PERF_RECORD_MMAP2 && h.size >= sizeof(h) + sizeof(pid)) {
			ring_copy(m, c, tail + sizeof(h), &pid, sizeof(pid));
			fn(ctx, (pid_t)pid);
		} else if (h.type == PERF_RECORD_LOST) {
			fn(ctx, 0);
		}
		tail += h.size;
	}
	__atomic_store_n(&c->ring->data_tail, tail, __ATOMIC_RELEASE);
}

void mmaps_read(struct mmaps *m, void (*fn)(void *ctx, pid_t pid), void *ctx)
{
	for (int i = 0; i < m->ncpus; i++)
		if (m->cpu[i].ring)
			cpu_read(m, &m->cpu[i], fn, ctx);
}
