/*
 * fuzz_stream.c - a known stream of octets through a random schedule of segments
 *
 * The first octet of the input chooses: even, reassembly is driven by the rest, and whatever is
 * delivered must be the true octet at the true position, nothing twice, and octets and gaps must
 * add up. Odd, the rest is a list of arbitrary events for the engine, which must survive and leave
 * nothing behind.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine.h"
#include "core/reasm.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t n;
};

static uint32_t take(struct input *in, unsigned octets)
{
	uint32_t v = 0;

	while (octets--) {
		v <<= 8;
		if (in->n) {
			v |= *in->p++;
			in->n--;
		}
	}
	return v;
}

/* ---- reassembly */

struct side {
	struct reasm s;
	struct reasm_sink k;
	uint32_t base;
	/* position behind what was delivered or declared missing; 0: nothing yet */
	uint64_t passed;
	uint64_t first, bytes, gaps;
	uint32_t greed; /* how much of the data offered is taken, in 16ths */
};

static uint8_t truth(uint64_t pos)
{
	return (uint8_t)((uint32_t)pos * 2654435761u >> 24);
}

static size_t take_data(void *ctx, struct reasm *s, const uint8_t *p, size_t n, uint64_t pos)
{
	struct side *t = ctx;
	size_t used = n * t->greed / 16;

	CHECK(n && s == &t->s);
	if (!t->passed)
		t->first = t->passed = pos;
	CHECK(pos == t->passed);
	for (size_t i = 0; i < n; i++)
		CHECK(p[i] == truth(pos + i));
	CHECK(reasm_time(s, pos) <= reasm_time(s, pos + n - 1) || s->cur_time);
	t->passed += used;
	t->bytes += used;
	return used;
}

static void take_gap(void *ctx, struct reasm *s, uint64_t pos, uint64_t n, enum reasm_gap why,
		     struct str kept)
{
	struct side *t = ctx;

	(void)why;
	CHECK(n && s == &t->s);
	if (!t->passed)
		t->first = t->passed = pos;
	CHECK(pos == t->passed + kept.n);
	for (size_t i = 0; i < kept.n; i++)
		CHECK((uint8_t)kept.p[i] == truth(t->passed + i));
	t->bytes += kept.n;
	t->gaps += n;
	t->passed = pos + n;
}

static void one_segment(struct input *in, struct side *t, struct side *peer, uint64_t now)
{
	uint8_t buf[4096];
	uint32_t flags = take(in, 1), off = take(in, 2), len = take(in, 1) * (flags & 1 ? 16 : 1);
	uint32_t cap_off = flags & 2 ? take(in, 1) % (len + 1) : 0;
	uint32_t cap_len = flags & 2 ? take(in, 1) % (len - cap_off + 1) : len;
	struct reasm_seg g = {
		.time = now, .data = buf, .len = len, .cap_off = cap_off, .cap_len = cap_len,
		.has_ack = (flags & 4) != 0, .fin = (flags & 24) == 24, .lost = (flags & 32) != 0,
		.syn = (flags & 0xc0) == 0xc0,
	};

	/* mostly next in order, otherwise anywhere in the window, before or after */
	if (flags & 64 && t->s.started)
		g.seq = (uint32_t)t->s.next - (off & 15);
	else
		g.seq = t->base + off;
	if (g.has_ack)
		g.ack = peer->base + take(in, 2);
	for (uint32_t i = 0; i < cap_len; i++)
		buf[i] = truth(g.seq + cap_off + i);
	reasm_add(&t->s, &peer->s, &t->k, &g);
}

static void check_side(struct side *t, struct pool *pool, uint64_t now)
{
	reasm_flush(&t->s, NULL, &t->k, now);
	CHECK(!t->s.pend && !t->s.npend && !t->s.pend_bytes);
	t->bytes += reasm_kept(&t->s).n;
	CHECK(!t->passed || t->bytes + t->gaps == t->s.next - t->first);
	reasm_release(&t->s, pool);
}

static void fuzz_stream(struct input *in)
{
	struct side side[2];
	struct pool pool;
	uint64_t now = 1000000000;
	uint32_t room = take(in, 1);

	memset(side, 0, sizeof(side));
	pool_init(&pool, room & 1 ? 4096 + room * 64 : 64u << 20);
	for (int d = 0; d < 2; d++) {
		reasm_init(&side[d].s);
		side[d].s.follows = (uint8_t)(take(in, 1) & 1);
		side[d].k = (struct reasm_sink){take_data, take_gap, &side[d], &pool};
		side[d].base = take(in, 1) & 1 ? 0xffffff00u : 4000000;
		side[d].greed = 16 - take(in, 1) % 17;
	}
	while (in->n) {
		uint32_t what = take(in, 1), d = what & 1;

		now += (uint64_t)(what >> 4) * 1000000;
		switch (what >> 1 & 7) {
		case 0:
			reasm_run(&side[d].s, &side[!d].s, &side[d].k, now);
			break;
		case 1:
			if (side[d].s.started)
				reasm_prove(&side[d].s,
					    reasm_pos(&side[d].s, side[d].base + take(in, 2)), now);
			break;
		case 2:
			now += 300000000;
			reasm_run(&side[d].s, &side[!d].s, &side[d].k, now);
			break;
		default:
			one_segment(in, &side[d], &side[!d], now);
		}
		CHECK(side[d].s.npend <= REASM_PEND_MAX);
		CHECK(side[d].s.pend_bytes <= REASM_PEND_BYTES);
	}
	check_side(&side[0], &pool, now);
	check_side(&side[1], &pool, now);
	CHECK(!pool.used);
	pool_release(&pool);
}

/* ---- the engine */

static const char *const words[] = {
	"GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST /b HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
	"hello",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	"5\r\nhello\r\n",
	"0\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\n",
	"HTTP/1.1 101 Up\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\n",
	"CONNECT h:1 HTTP/1.1\r\n\r\n",
	"HEAD / HTTP/1.0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
	"\r\n",
	"\x16\x03\x01",
	"GET /c HTTP/1.1\r\n",
};

struct totals {
	uint64_t spans, in_flight;
};

static void count_span(void *ctx, const struct span *s)
{
	struct totals *t = ctx;
	uint8_t any = 0;

	t->spans++;
	for (int i = 0; i < SPAN_ID_LEN; i++)
		any |= s->span_id[i];
	CHECK(any && s->kind <= SPAN_CLIENT && s->protocol);
	CHECK(!s->path.p || s->path.n);
	CHECK(s->duration_ns == SPAN_UNKNOWN || s->duration_ns < 1ull << 62);
	CHECK(s->method.p || s->incomplete);
}

static void count_in_flight(void *ctx, const struct span *s)
{
	CHECK(s->incomplete & SPAN_IN_FLIGHT);
	++*(uint64_t *)ctx;
}

static void no_want(void *ctx, const struct zc_policy *w)
{
	(void)ctx;
	CHECK(w->conn);
}

union any_event {
	struct zc_ev ev;
	struct zc_ev_segment segment;
	struct zc_ev_open open;
	struct zc_ev_close close;
	struct zc_ev_io io;
	struct zc_ev_owner owner;
	struct zc_ev_lost lost;
	uint8_t room[sizeof(struct zc_ev_segment) + 256];
};

static void make_segment(struct input *in, union any_event *u, uint32_t seq[8][2], unsigned conn)
{
	struct zc_ev_segment *s = &u->segment;
	uint32_t flags = take(in, 1), word = take(in, 1);
	const char *text = words[word % (sizeof(words) / sizeof(words[0]))];
	uint32_t len = (uint32_t)strlen(text);

	s->dir = flags & 1;
	s->orig_len = flags & 2 ? len + take(in, 2) : len;
	s->cap_len = flags & 4 ? take(in, 1) % (len + 1) : len;
	s->seq = seq[conn][s->dir];
	s->ack = seq[conn][!s->dir];
	s->lost = (flags & 0x18) == 0x18;
	s->tcp_flags = flags & 0x20 ? (uint8_t)take(in, 1) : ZC_TCP_ACK;
	if (flags & 0x40)
		s->seq += take(in, 1) - 128;
	else
		seq[conn][s->dir] += s->orig_len;
	if ((flags & 0xc0) == 0xc0)
		s->cap_off = s->orig_len - s->cap_len;
	memcpy(s + 1, text, s->cap_len);
	u->ev.size = (uint32_t)sizeof(*s) + s->cap_len;
}

static void one_event(struct input *in, struct engine *e, uint64_t *now, uint32_t seq[8][2])
{
	static const uint16_t kinds[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 5, 5, 2, 3, 4, 6, 9};
	uint32_t what = take(in, 1), conn = take(in, 1) & 7;
	union any_event *u = calloc(1, sizeof(*u));

	*now += (uint64_t)(what >> 4) * 700000;
	u->ev.kind = kinds[what & 15];
	u->ev.time = *now;
	u->ev.conn = conn;
	switch (u->ev.kind) {
	case ZC_EV_SEGMENT:
		make_segment(in, u, seq, conn);
		break;
	case ZC_EV_IO:
		u->io.dir = take(in, 1) & 1;
		u->io.seq = seq[conn][u->io.dir] + take(in, 1) - 128;
		u->io.pid = 1;
		break;
	case ZC_EV_OPEN:
		u->ev.flags = (uint16_t)(take(in, 1) & 3);
		u->open.role = (uint8_t)(take(in, 1) % 3);
		memcpy(u->open.seq, seq[conn], sizeof(u->open.seq));
		memset(u->open.comm, 'c', sizeof(u->open.comm));
		break;
	case ZC_EV_CLOSE:
		u->ev.flags = (uint16_t)(take(in, 1) & 1);
		u->close.lost = take(in, 1) & 1;
		break;
	case ZC_EV_LOST:
		u->lost.count = 1;
		break;
	}
	engine__event(e, &u->ev);
	free(u);
}

static void fuzz_engine(struct input *in)
{
	struct totals t = {0};
	struct engine_options o = {.on_span = count_span, .on_policy = no_want, .ctx = &t};
	struct engine_stats st;
	uint64_t now = 1000000000;
	uint32_t seq[8][2];
	uint32_t opt = take(in, 1);
	struct engine *e;

	o.keep_fields = opt & 1;
	o.body_bytes = opt & 2 ? 3 : 0;
	o.max_conns = opt & 4 ? 2 : 0;
	e = engine__new(&o);
	for (int i = 0; i < 16; i++)
		seq[i / 2][i % 2] = opt & 8 ? 0xffffffe0u : 1000;
	while (in->n) {
		one_event(in, e, &now, seq);
		if (in->n % 64 == 0)
			engine__tick(e, now += 30000000);
	}
	engine__in_flight(e, count_in_flight, &t.in_flight);
	engine__finish(e);
	engine__stats(e, &st);
	CHECK(st.spans == t.spans && !st.in_flight && !st.conns && t.in_flight <= t.spans);
	engine__free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	if (take(&in, 1) & 1)
		fuzz_engine(&in);
	else
		fuzz_stream(&in);
	return 0;
}
