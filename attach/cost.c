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

static void each_program(const struct bpf_object *obj,
			 void (*fn)(void *ctx, const struct attach_probe *p), void *ctx)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);
		struct attach_probe p = {.name = bpf_program__name(prog)};

		if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
			continue;
		p.runs = info.run_cnt;
		p.ns = info.run_time_ns;
		fn(ctx, &p);
	}
}

void attach__probes(struct attach *a, void (*fn)(void *ctx, const struct attach_probe *p), void *ctx)
{
	if (a->probes.sock)
		each_program(a->probes.sock, fn, ctx);
	if (a->probes.task)
		each_program(a->probes.task, fn, ctx);
	if (a->tls && tls_object(a->tls))
		each_program(tls_object(a->tls), fn, ctx);
}
