/*
 * Streams of HTTP/2 through the engine: segments, gaps, reads and the passing of time, as the
 * input says. Nothing may be leaked, and spans must be sane.
 *
 * Input: octet 0: bit 0 late, bit 1 client, bit 2 role unknown, bit 3 keep fields and bodies. Then
 * steps: an octet (bits 0-1: 0 data, 1 data with octets missing before it, 2 data of which half is
 * not captured, 3 time or I/O or an end; bit 2: direction), an octet of length, that many octets.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine.h"
#include "parsers/attrs.h"

struct run {
	struct engine *e;
	uint64_t now;
	uint32_t seq[2];
};

static void on_span(void *ctx, const struct span *s)
{
	(void)ctx;
	if (s->duration_ns != SPAN_UNKNOWN && s->ttfb_ns != SPAN_UNKNOWN &&
	    !span_attr(s, ATTR(error_code)) && !s->error && s->ttfb_ns > s->duration_ns)
		abort();
	if (s->path.p && s->incomplete & SPAN_PATH_NOT_SEEN)
		abort();
	if (s->resp_bytes != SPAN_UNKNOWN && s->resp_body_bytes > s->resp_bytes)
		abort();
}

static struct zc_ev head(struct run *r, int kind, size_t size)
{
	r->now += 1000;
	return (struct zc_ev){.kind = (__u16)kind, .size = (__u32)size, .time = r->now, .conn = 1};
}

static void segment(struct run *r, int dir, const uint8_t *p, uint32_t n, uint32_t cap, int flags)
{
	struct {
		struct zc_ev_segment s;
		uint8_t data[256];
	} m = {0};

	m.s.ev = head(r, ZC_EV_SEGMENT, sizeof(m.s) + cap);
	m.s.seq = r->seq[dir];
	m.s.ack = r->seq[!dir];
	m.s.orig_len = n;
	m.s.cap_len = cap;
	m.s.dir = (__u8)dir;
	m.s.tcp_flags = (__u8)(ZC_TCP_ACK | flags);
	if (cap)
		memcpy(m.data, p, cap);
	engine__event(r->e, &m.s.ev);
	r->seq[dir] += n;
}

static void other(struct run *r, int dir, unsigned what)
{
	struct zc_ev_io io = {.pid = 1, .tid = 1, .seq = r->seq[dir], .len = 1, .dir = (__u8)dir};

	if (what < 64) {
		io.ev = head(r, ZC_EV_IO, sizeof(io));
		engine__event(r->e, &io.ev);
	} else if (what < 128) {
		r->now += 30000000ull * (what - 63);
		engine__tick(r->e, r->now);
	} else if (what == 255) {
		segment(r, dir, NULL, 0, 0, ZC_TCP_FIN);
	} else {
		segment(r, dir, NULL, what * 100, 0, 0);
	}
}

static void open_conn(struct run *r, unsigned how)
{
	struct zc_ev_open o = {.lport = 1, .rport = 2, .family = 4, .seq = {r->seq[0], r->seq[1]}};

	o.role = how & 4 ? ZC_ROLE_UNKNOWN : how & 2 ? ZC_ROLE_CLIENT : ZC_ROLE_SERVER;
	o.ev = head(r, ZC_EV_OPEN, sizeof(o));
	o.ev.flags = how & 1 ? ZC_OPEN_PREEXISTING : ZC_OPEN_SEQ;
	engine__event(r->e, &o.ev);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	struct engine_options opt = {.on_span = on_span};
	struct run r = {.now = 1000000000, .seq = {1000, 5000}};
	size_t i = 1;

	if (!n)
		return 0;
	if (p[0] & 8) {
		opt.keep_fields = opt.redact = 1;
		opt.body_bytes = 20;
	}
	r.e = engine__new(&opt);
	if (!r.e)
		return 0;
	open_conn(&r, p[0]);
	if (!(p[0] & 1))
		segment(&r, (p[0] & 2) != 0, preface, 24, 24, 0);
	while (i + 2 <= n) {
		unsigned step = p[i], len = p[i + 1];
		int dir = step >> 2 & 1;

		i += 2;
		if ((step & 3) == 3) {
			other(&r, dir, len);
			continue;
		}
		if (len > n - i)
			len = (unsigned)(n - i);
		if ((step & 3) == 1)
			r.seq[dir] += 1 + (step >> 3);
		segment(&r, dir, p + i, len, (step & 3) == 2 ? len / 2 : len, 0);
		i += len;
	}
	engine__finish(r.e);
	engine__free(r.e);
	return 0;
}
