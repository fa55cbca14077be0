/*
 * cost.c - what our programs cost in the kernel, by its own count
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>
#include "attach/attach_priv.h"

int attach__measure(struct attach *a, int on)
{
	if (!on && a->stats_fd) {
		close(a->stats_fd);
		a->stats_fd = 0;
	}
	if (!on || a->stats_fd)
		return 0;
	a->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (a->stats_fd > 0)
		return 0;
	a->stats_fd = 0;
	return -errno;
}

struct visit {
	void (*fn)(void *ctx, const struct attach_probe *p);
	void *ctx;
	uint64_t missed;
};

static void each_of(const struct bpf_object *obj, struct visit *v)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);
		struct attach_probe p = {.name = bpf_program__name(prog)};
		int fd = bpf_program__fd(prog); /* < 0: it is not needed here */

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
			continue;
		v->missed += info.recursion_misses;
		p.runs = info.run_cnt;
		p.ns = info.run_time_ns;
		if (v->fn)
			v->fn(v->ctx, &p);
	}
}

static void each_program(const struct attach *a, struct visit *v)
{
	if (a->probes.sock)
		each_of(a->probes.sock, v);
	for (int part = 0; a->tls && part < TLS_PARTS; part++)
		if (tls_object(a->tls, part))
			each_of(tls_object(a->tls, part), v);
}

void attach__probes(struct attach *a, void (*fn)(void *ctx, const struct attach_probe *p),
		    void *ctx)
{
	struct visit v = {.fn = fn, .ctx = ctx};

	each_program(a, &v);
}

uint64_t attach_missed(const struct attach *a)
{
	struct visit v = {0};

	each_program(a, &v);
	return v.missed;
}
