/*
 * bench_engine.c - what the engine costs per exchange, with spans that nobody reads
 *
 * Usage: bench_engine [exchanges [connections]]
 * Per exchange: a request's segment, its read, the response's segment, as the skb backend tells of
 * a server on keep-alive connections. The events are made beforehand; only the engine is timed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/engine.h"

static const char request[] = "GET /api/orders/4711?expand=items HTTP/1.1\r\nHost: shop.example\r\n"
			      "User-Agent: bench/1.0\r\nAccept: */*\r\n"
			      "Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n\r\n";
static const char response[] = "HTTP/1.1 200 OK\r\nServer: bench\r\n"
			       "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
			       "Content-Type: application/json\r\nContent-Length: 16\r\n"
			       "Connection: keep-alive\r\n\r\n{\"result\": true}";

/* One exchange as it lies in the ring. */
struct exchange_events {
	struct zc_ev_segment req;
	char req_octets[(sizeof(request) + 6) & ~7ul];
	struct zc_ev_io io;
	struct zc_ev_segment resp;
	char resp_octets[(sizeof(response) + 6) & ~7ul];
};

static void count(void *ctx, const struct span *s)
{
	if (!s->incomplete)
		++*(unsigned long *)ctx;
}

static void fill(struct exchange_events *x)
{
	memset(x, 0, sizeof(*x));
	x->req.ev.kind = x->resp.ev.kind = ZC_EV_SEGMENT;
	x->req.ev.size = sizeof(x->req) + sizeof(request) - 1;
	x->resp.ev.size = sizeof(x->resp) + sizeof(response) - 1;
	x->req.orig_len = x->req.cap_len = sizeof(request) - 1;
	x->resp.orig_len = x->resp.cap_len = sizeof(response) - 1;
	x->req.tcp_flags = x->resp.tcp_flags = ZC_TCP_ACK;
	x->resp.dir = ZC_TX;
	memcpy(x->req_octets, request, sizeof(request) - 1);
	memcpy(x->resp_octets, response, sizeof(response) - 1);
	x->io.ev.kind = ZC_EV_IO;
	x->io.ev.size = sizeof(x->io);
	x->io.pid = x->io.tid = 1234;
	x->io.len = sizeof(request) - 1;
}

/* The n-th exchange of its connection, at this time. */
static void place(struct exchange_events *x, uint64_t conn, uint32_t n, uint64_t time)
{
	x->req.ev.conn = x->io.ev.conn = x->resp.ev.conn = conn;
	x->req.ev.time = time;
	x->io.ev.time = time + 1000;
	x->resp.ev.time = time + 2000;
	x->req.seq = x->resp.ack = n * (uint32_t)(sizeof(request) - 1);
	x->req.ack = x->resp.seq = n * (uint32_t)(sizeof(response) - 1);
	x->io.seq = x->resp.ack += sizeof(request) - 1;
}

/* The connections are there, with the first byte of each direction to come. */
static void open_all(struct engine *e, unsigned long conns)
{
	struct zc_ev_open o = {.ev = {.kind = ZC_EV_OPEN, .size = sizeof(o), .flags = ZC_OPEN_SEQ,
				      .time = 999999000},
			       .laddr = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1},
			       .raddr = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1},
			       .lport = 8000, .family = 4, .role = ZC_ROLE_SERVER, .pid = 1234,
			       .comm = "server"};

	for (unsigned long i = 0; i < conns; i++) {
		o.ev.conn = 1 + i;
		o.rport = (uint16_t)(20000 + i);
		engine__event(e, &o.ev);
	}
}

static uint64_t nanoseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
	unsigned long exchanges = argc > 1 ? strtoul(argv[1], NULL, 0) : 2000000;
	unsigned long conns = argc > 2 ? strtoul(argv[2], NULL, 0) : 64;
	unsigned long spans = 0;
	struct engine_options o = {.on_span = count, .ctx = &spans};
	struct engine *e = engine__new(&o);
	struct exchange_events *x = malloc(sizeof(*x));
	uint64_t start, with, without = 0;

	if (!e || !x || !conns)
		return 1;
	fill(x);
	open_all(e, conns);
	start = nanoseconds();
	for (unsigned long i = 0; i < exchanges; i++) {
		place(x, 1 + i % conns, (uint32_t)(i / conns), 1000000000 + i * 3000);
		engine__event(e, &x->req.ev);
		engine__event(e, &x->io.ev);
		engine__event(e, &x->resp.ev);
	}
	with = nanoseconds() - start;
	start = nanoseconds();
	for (unsigned long i = 0; i < exchanges; i++) {
		place(x, 1 + i % conns, (uint32_t)(i / conns), i);
		__asm__ volatile("" ::"r"(x) : "memory");
	}
	without = nanoseconds() - start;
	printf("%lu exchanges on %lu connections, %lu complete spans: %.0f ns per exchange\n",
	       exchanges, conns, spans, (double)(with - without) / (double)exchanges);
	engine__free(e);
	free(x);
	return spans != exchanges;
}
