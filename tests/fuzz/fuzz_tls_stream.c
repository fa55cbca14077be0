/*
 * fuzz_plain.c - sockets and TLS streams through the engine, in any order
 *
 * The first octet chooses options; the rest is a list of events of four sockets and four streams,
 * plaintext, evidence and faults among them. Whatever comes, a stream and its socket know of each
 * other or neither does, what waits is in the list of those that wait, and nothing is left behind.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine_impl.h"
#include "core/tls_session.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

#define SOCKS 4u
#define MS 1000000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t n;
};

struct run {
	struct input in;
	struct engine *e;
	uint64_t now, spans;
	uint32_t seq[2 * SOCKS][2]; /* of sockets, then of streams */
};

static uint32_t take(struct run *r, unsigned octets)
{
	uint32_t v = 0;

	while (octets--) {
		v <<= 8;
		if (r->in.n) {
			v |= *r->in.p++;
			r->in.n--;
		}
	}
	return v;
}

#define WORD(s)                                                                                    \
	{                                                                                          \
		sizeof(s) - 1, s                                                                   \
	}
static const struct {
	uint32_t n;
	const char *p;
} words[] = {
	WORD("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
	WORD("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
	WORD("POST /b HTTP/1.1\r\nContent-Length: 5\r\n\r\n"),
	WORD("hello"),
	WORD("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"),
	WORD("HTTP/1.1 200 OK\r\n\r\n"),
	WORD("CONNECT h:443 HTTP/1.1\r\n\r\n"),
	WORD("GET /c HTTP/1.1\r\n"),
	WORD("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"),
	WORD("\0\0\0\4\0\0\0\0\0"),
	WORD("\0\0\3\1\5\0\0\0\1\x82\x87\x84"),
	WORD("\0\0\1\1\5\0\0\0\1\x88"),
	WORD("\x16\3\1\0\x2d\1\0\0\x29\3\3................................\0\0\2\x13\1\1\0"),
	WORD("\x16\3\3\0\x2a\2\0\0\x26\3\3................................\0\x13\1\0"),
	WORD("\x17\3\3\0\5abcde"),
	WORD("\x15\3\3\0\2\2\x28"),
};

/* A socket's cookie, or something that is none. */
static uint64_t sock(uint32_t i)
{
	return i < SOCKS ? i + 1 : i == 4 ? 0 : i == 5 ? 999 : ZC_TLS_STREAM | (i - 5);
}

static uint64_t stream(uint32_t i)
{
	return ZC_TLS_STREAM | (i % SOCKS + 1);
}

/* Some time before now, rarely none or one that cannot be. */
static uint64_t before(struct run *r)
{
	uint32_t v = take(r, 1);

	return v == 255 ? UINT64_MAX - v : v > 200 ? 0 : r->now - v * 50000;
}

/* As an event lies in the ring: not one octet more may be read. */
static void send(struct run *r, void *event, size_t size, int kind, uint64_t conn)
{
	struct zc_ev *ev = malloc(size);

	memcpy(ev, event, size);
	ev->kind = (uint16_t)kind;
	ev->size = (uint32_t)size;
	ev->time = r->now;
	ev->conn = conn;
	engine__event(r->e, ev);
	free(ev);
}

static void octets(struct run *r, uint32_t *pos, uint32_t flags, uint32_t *seq, uint32_t *len,
		   uint32_t *cap, uint8_t *to)
{
	uint32_t w = take(r, 1) % (sizeof(words) / sizeof(words[0]));

	*len = words[w].n;
	*cap = flags & 1 ? take(r, 1) % (*len + 1) : *len;
	if (flags & 2)
		*len += take(r, 2);
	if (flags & 4)
		*pos += take(r, 1); /* lost */
	*seq = *pos;
	if (flags & 8)
		*seq -= take(r, 1);
	else
		*pos += *len;
	memcpy(to, words[w].p, *cap);
}

static void plain(struct run *r)
{
	struct {
		struct zc_ev_plain p;
		uint8_t octets[128];
	} u = {0};
	uint32_t who = take(r, 1), flags = take(r, 1);

	u.p.dir = who >> 2 & 1;
	u.p.lib = who & 0xc0 ? (uint8_t)(1 + (who & 3)) : (uint8_t)(who >> 3);
	u.p.sock = sock(who >> 3 & 7);
	u.p.ev.flags = flags & 15;
	octets(r, &r->seq[SOCKS + (who & 3)][u.p.dir], flags >> 4, &u.p.seq, &u.p.orig_len,
	       &u.p.cap_len, u.octets);
	u.p.lost = flags >> 6 & 1;
	u.p.call_time = before(r);
	u.p.wire_time = before(r);
	u.p.wire_last = before(r);
	u.p.wire_len = flags & 0x80 ? take(r, 2) : u.p.orig_len + 22;
	u.p.wire_seq = take(r, 1) * 100;
	u.p.pid = 1 + (who & 1);
	u.p.writes = flags & 0x30 ? 0 : take(r, 1) & 7;
	send(r, &u, sizeof(u.p) + u.p.cap_len, ZC_EV_PLAIN, stream(who));
}

static void bind(struct run *r)
{
	uint32_t who = take(r, 1), what = take(r, 1);
	struct zc_ev_bind t = {
		.ev.flags = what & 4,
		.sock = sock(who >> 3 & 7),
		.pid = 1,
		.dir = who >> 2 & 1,
		.lib = (uint8_t)(1 + (what & 3)),
		.plain_len = what & 8 ? 100 : 0,
		.wire_len = what & 16 ? 130 : what,
	};

	send(r, &t, sizeof(t), ZC_EV_BIND, stream(who));
}

static void fault(struct run *r)
{
	uint32_t who = take(r, 1);
	struct zc_ev_fault t = {
		.sock = sock(who >> 3 & 7),
		.reason = 1000 + take(r, 1),
		.lib = (uint8_t)(who >> 2 & 7),
	};

	send(r, &t, sizeof(t), ZC_EV_FAULT, stream(who));
}

static void segment(struct run *r)
{
	struct {
		struct zc_ev_segment s;
		uint8_t octets[128];
	} u = {0};
	uint32_t who = take(r, 1), conn = who & 3;

	u.s.dir = who >> 2 & 1;
	octets(r, &r->seq[conn][u.s.dir], who >> 3 & 15, &u.s.seq, &u.s.orig_len, &u.s.cap_len,
	       u.octets);
	u.s.ack = r->seq[conn][!u.s.dir];
	u.s.tcp_flags = who & 0x80 ? (uint8_t)take(r, 1) : ZC_TCP_ACK;
	send(r, &u, sizeof(u.s) + u.s.cap_len, ZC_EV_SEGMENT, sock(conn));
}

static void io(struct run *r)
{
	uint32_t who = take(r, 1), conn = who & 3;
	struct zc_ev_io v = {.pid = 1, .dir = who >> 2 & 1};

	v.seq = r->seq[conn][v.dir];
	send(r, &v, sizeof(v), ZC_EV_IO, sock(conn));
}

static void open_conn(struct run *r)
{
	uint32_t who = take(r, 1), conn = who & 3;
	struct zc_ev_open o = {
		.ev.flags = who >> 2 & 3,
		.lport = 1,
		.rport = (uint16_t)conn,
		.family = 4,
		.pid = who & 1,
		.role = (uint8_t)((who >> 4) % 3),
		.comm = "comm",
	};

	memcpy(o.seq, r->seq[conn], sizeof(o.seq));
	send(r, &o, sizeof(o), ZC_EV_OPEN, sock(conn));
}

static void close_conn(struct run *r)
{
	uint32_t who = take(r, 1);
	struct zc_ev_close c = {.ev.flags = who >> 3 & 1, .lost = who >> 4 & 1};

	send(r, &c, sizeof(c), ZC_EV_CLOSE, who & 4 ? stream(who & 3) : sock(who & 3));
}

static void owner(struct run *r)
{
	uint32_t who = take(r, 1);
	struct zc_ev_owner o = {.pid = 1 + (who >> 2 & 3), .comm = "other"};
	struct zc_ev_peer p = {.pid = 7, .comm = "peer"};

	if (who & 0x80)
		send(r, &p, sizeof(p), ZC_EV_PEER, sock(who & 3));
	else
		send(r, &o, sizeof(o), ZC_EV_OWNER, sock(who & 3));
}

/* ---- what must hold */

static void check_conns(const struct engine *e)
{
	for (const struct list *n = e->conns.lru.next; n != &e->conns.lru; n = n->next) {
		const struct conn *c = list_entry(n, struct conn, lru);

		const struct tls_session *t = c->session;

		CHECK(!c->socket || (c->socket->tls_stream == c && t));
		CHECK(!c->tls_stream || (c->tls_stream->socket == c && !t));
		CHECK(c->socket != c && c->tls_stream != c);
		if (!t)
			continue;
		CHECK(t->conn == c && t->lib);
		CHECK(!t->binding_refuted || !c->socket || t->fact);
		CHECK(!t->waits == !t->nwaits);
		CHECK(!t->waits == !list_linked(&t->waiting));
		CHECK(!t->anchored || !c->preexisting);
	}
}

static void on_span(void *ctx, const struct span *s)
{
	struct run *r = ctx;

	r->spans++;
	CHECK(s->kind <= SPAN_CLIENT && s->protocol);
	CHECK(s->duration_ns == SPAN_UNKNOWN || s->duration_ns <= r->now);
	CHECK(s->ttfb_ns == SPAN_UNKNOWN || s->ttfb_ns <= r->now);
	CHECK(s->time_ns <= r->now);
	CHECK(span_attr_number(s, ATTR(handshake)) == SPAN_UNKNOWN ||
	      span_attr_number(s, ATTR(handshake)) <= r->now);
	CHECK(!s->scheme.p || s->scheme.n);
}

static void on_policy(void *ctx, const struct zc_policy *w)
{
	(void)ctx;
	CHECK(w->conn);
	CHECK(!(w->frames & ZC_POLICY_BOUND) || w->conn & ZC_TLS_STREAM);
}

static void one_event(struct run *r)
{
	static void (*const events[16])(struct run * r) = {
		plain, plain, plain,   plain,	plain, plain,	  plain,      bind,
		bind,   fault, segment, segment, io,    open_conn, close_conn, owner,
	};
	uint32_t what = take(r, 1);

	r->now += (uint64_t)(what >> 4) * (what & 0x80 ? 4 * MS : MS / 100);
	events[what & 15](r);
	check_conns(r->e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = {.in = {data, size}, .now = 1000 * MS};
	struct engine_options o = {.on_span = on_span, .on_policy = on_policy, .ctx = &r};
	struct engine_stats st;
	uint32_t opt = take(&r, 1);

	o.max_conns = opt & 1 ? 3 : 0;
	o.keep_fields = opt >> 1 & 1;
	o.body_bytes = opt & 4 ? 3 : 0;
	for (unsigned i = 0; i < SOCKS; i++)
		r.seq[i][0] = r.seq[i][1] = opt & 8 ? 0xffffffe0u : 1000;
	r.e = engine__new(&o);
	while (r.in.n)
		one_event(&r);
	if (opt & 16)
		engine__tick(r.e, r.now += 500 * MS);
	engine__finish(r.e);
	engine__stats(r.e, &st);
	CHECK(st.spans == r.spans && !st.in_flight && !st.conns);
	CHECK(!r.e->pool.used && list_empty(&r.e->tls_stream_waiting));
	engine__free(r.e);
	return 0;
}
