/* Any octets as a recording: whatever is handed out keeps the promises of source.h. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *ctx, const struct zc_ev *ev)
{
	const struct zc_ev_segment *s = (const struct zc_ev_segment *)ev;
	const struct zc_ev_datagram *d = (const struct zc_ev_datagram *)ev;
	const struct zc_ev_plain *t = (const struct zc_ev_plain *)ev;
	const uint8_t *p = (const uint8_t *)ev;
	uint64_t *sum = ctx;

	if ((uintptr_t)ev % 8 || ev->size < sizeof(*ev) || !ev->kind || ev->kind > ZC_EV_THREAD)
		abort();
	if (ev->kind == ZC_EV_SEGMENT &&
	    (ev->size != sizeof(*s) + s->cap_len || s->cap_len > ZC_MAX_CAPTURE || s->dir > 1 ||
	     (uint64_t)s->cap_off + s->cap_len > s->orig_len))
		abort();
	if (ev->kind == ZC_EV_DATAGRAM &&
	    (ev->size != sizeof(*d) + d->cap_len || d->cap_len > ZC_MAX_CAPTURE || d->dir > 1 ||
	     d->cap_len > d->orig_len))
		abort();
	if (ev->kind == ZC_EV_PLAIN &&
	    (ev->size != sizeof(*t) + t->cap_len || t->cap_len > ZC_MAX_CAPTURE || t->dir > 1 ||
	     (uint64_t)t->cap_off + t->cap_len > t->orig_len || !(ev->conn & ZC_TLS_STREAM)))
		abort();
	if (ev->kind == ZC_EV_PROCESS)
		*sum += strlen(((const struct zc_ev_process *)ev)->file);
	for (uint32_t i = 0; i < ev->size; i++)
		*sum += p[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char err[256] = "";
	struct source_stats stats;
	struct source *s;
	uint64_t sum = 0;
	int n;

	if (size > 1 << 20)
		return 0;
	s = recording__open(bytes__memory(data, size, "fuzz"), err, sizeof(err));
	if (!s) {
		if (!err[0])
			abort();
		return 0;
	}
	while ((n = s->ops->poll(s, check, &sum, 0)) > 0)
		;
	s->ops->stats(s, &stats);
	if (n != -ENODATA || (stats.events == 0 && sum))
		abort();
	s->ops->free(s);
	return 0;
}
