/* Any octets as a capture file: whatever is handed out keeps the promises of source.h. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tally {
	uint64_t sum;
	uint64_t opens, closes;
};

static void check(void *ctx, const struct zc_ev *ev)
{
	const struct zc_ev_segment *s = (const struct zc_ev_segment *)ev;
	const struct zc_ev_datagram *d = (const struct zc_ev_datagram *)ev;
	const uint8_t *p = (const uint8_t *)ev;
	struct tally *t = ctx;

	if ((uintptr_t)ev % 8 ||
	    (!ev->conn && ev->kind != ZC_EV_DATAGRAM && ev->kind != ZC_EV_BACKLOG))
		abort();
	switch (ev->kind) {
	case ZC_EV_OPEN: t->opens++; break;
	case ZC_EV_CLOSE: t->closes++; break;
	case ZC_EV_SEGMENT:
		if (ev->size != sizeof(*s) + s->cap_len || s->cap_len > ZC_MAX_CAPTURE ||
		    s->cap_off || s->cap_len > s->orig_len)
			abort();
		break;
	case ZC_EV_DATAGRAM:
		if (ev->size != sizeof(*d) + d->cap_len || d->cap_len > ZC_MAX_CAPTURE ||
		    d->cap_len > d->orig_len)
			abort();
		break;
	case ZC_EV_RETRANSMIT:
	case ZC_EV_WINDOW:
	case ZC_EV_BACKLOG:
	case ZC_EV_FLOW: break;
	default: abort();
	}
	if (ev->conn > t->opens && ev->kind != ZC_EV_DATAGRAM)
		abort();
	if (t->closes > t->opens)
		abort();
	for (uint32_t i = 0; i < ev->size; i++)
		t->sum += p[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packets_options o = {.max_flows = 4};
	struct tally t = {0};
	char err[256] = "";
	struct source *s;
	int n;

	s = packets__open(bytes__memory(data, size, "fuzz"), &o, err, sizeof(err));
	if (!s && !err[0])
		abort();
	if (s) {
		while ((n = s->ops->poll(s, check, &t, 0)) >= 0)
			;
		if (n != -ENODATA)
			abort();
		s->ops->free(s);
	}
	return 0;
}
