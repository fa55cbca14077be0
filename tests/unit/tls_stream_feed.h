/*
 * tls_stream_feed.h - TLS streams and their sockets, for tests that feed the engine
 */
#ifndef ZC_TESTS_PLAIN_FEED_H
#define ZC_TESTS_PLAIN_FEED_H

#include "bpf/tls.h"
#include "core/conn.h"
#include "core/engine_impl.h"
#include "core/tls_stream.h"
#include "core/tls_conn.h"
#include "core/tls_session.h"
#include "tests/unit/feed.h"
#include "tests/unit/tap.h"
#include "tests/unit/tls_feed.h"

static struct feed f;

#define RX ZC_RX
#define TX ZC_TX
#define span(i) (&f.span[i].s)

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_B "GET /b HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

/* One stream, and what its library is said to have done with which socket. */
struct talker {
	uint64_t id, sock;
	uint16_t flags;
	uint8_t lib;
	uint32_t pos[2], pid, wire_seq, lost;
	uint32_t writes;		       /* begun before a read, or the number of a write */
	int busy;			       /* the thread uses other sockets, too */
	uint64_t arrived, arrived_last, began; /* how long before the call returned; 0: default */
	uint32_t wire[2]; /* octets of ciphertext so far; where wire_seq is 0 */
	uint32_t more;	  /* of ciphertext, behind what is told */
	int no_wire;	  /* no socket was used in this call */
};

__attribute__((unused)) static struct talker talker(uint64_t n, uint64_t sock)
{
	return (struct talker){.id = ZC_TLS_STREAM | n,
			       .sock = sock,
			       .lib = ZC_TLS_OPENSSL,
			       .pid = 4242,
			       .flags = ZC_PLAIN_INSIDE | ZC_PLAIN_FRESH};
}

/* n octets, of which the first cap are captured. */
__attribute__((unused)) static void say_part(struct talker *t, int dir, const char *p, uint32_t n,
					     uint32_t cap)
{
	struct zc_ev_plain ev = {
		.ev = {.conn = t->id, .flags = t->flags},
		.sock = t->sock,
		.pid = t->pid,
		.tid = t->pid,
		.seq = t->pos[dir],
		.orig_len = n,
		.cap_len = cap,
		.dir = (__u8)dir,
		.lib = t->lib,
		.lost = t->lost,
		.wire_seq = t->wire_seq,
		.writes = t->writes,
		.call_time = f.now - (t->began ? t->began : 2 * FEED_US),
	};

	if (t->sock && !t->no_wire) {
		ev.wire_len = n + 22 + t->more;
		if (!t->wire_seq)
			ev.wire_seq = t->wire[dir];
		t->wire[dir] = ev.wire_seq + ev.wire_len;
		ev.wire_time = f.now - (t->arrived ? t->arrived : 3 * FEED_US);
		ev.wire_last = t->arrived_last ? f.now - t->arrived_last : ev.wire_time;
	}
	t->pos[dir] += n;
	t->lost = 0;
	feed_plain(&f, ev, p);
}

__attribute__((unused)) static void say(struct talker *t, int dir, const char *text)
{
	say_part(t, dir, text, (uint32_t)strlen(text), (uint32_t)strlen(text));
}

__attribute__((unused)) static void bind(struct talker *t, uint64_t sock, int dir, uint32_t plain,
					uint32_t wire)
{
	uint16_t flags = t->busy ? 0 : ZC_PLAIN_ALONE;

	feed_bind(&f, (struct zc_ev_bind){.ev = {.conn = t->id, .flags = flags},
					.sock = sock,
					.pid = t->pid,
					.tid = t->pid,
					.plain_len = plain,
					.wire_len = wire,
					.dir = (__u8)dir,
					.lib = t->lib});
}

__attribute__((unused)) static void close_id(uint64_t id, int flags)
{
	uint64_t conn = f.conn;

	f.conn = id;
	feed_close(&f, flags, 0);
	f.conn = conn;
}

__attribute__((unused)) static void hello(int dir, const char *hex)
{
	uint8_t buf[1024];
	size_t n = talk_hex(hex, buf);

	feed_octets(&f, dir, (const char *)buf, n);
}

__attribute__((unused)) static void record(int dir, unsigned type, unsigned len)
{
	char r[5 + 1000] = {(char)type, 3, 3, (char)(len >> 8), (char)len};

	feed_octets(&f, dir, r, 5 + len);
}

__attribute__((unused)) static void shake_hands(int client)
{
	hello(client, rfc8448_client);
	hello(!client, rfc8448_server);
	record(!client, 23, 674);
	record(client, 23, 53);
}

__attribute__((unused)) static void open_sock(uint64_t conn, int role, int flags)
{
	f.conn = conn;
	feed_open(&f, role, flags);
}

__attribute__((unused)) static struct conn *conn_of(uint64_t id)
{
	return conn_find(&f.e->conns, id);
}

__attribute__((unused)) static int has_socket(const struct talker *t, uint64_t sock)
{
	const struct conn *c = conn_of(t->id);

	return c && c->socket && c->socket->cookie == sock && c->socket->tls_stream == c;
}

__attribute__((unused)) static int no_socket(const struct talker *t)
{
	const struct conn *c = conn_of(t->id);

	return c && !c->socket && !c->has_addr;
}

__attribute__((unused)) static void pass(void)
{
	feed_tick(&f, 300 * FEED_MS);
}

#endif
