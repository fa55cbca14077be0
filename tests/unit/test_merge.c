/*
 * test_merge.c - recordings made one: ids that keep files and TLS streams apart, times on one clock
 */
#include "tests/unit/tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/merge.h"
#include "core/pcapng.h"
#include "core/recorder.h"

#define WALL 1700000000000000000ll
#define LATER 5000 /* ns that the second host was started before the first */
#define STREAM (ZC_TLS_STREAM | 5)
#define MAX 32

static char path[2][64];

/* What came out, without what follows the fixed part. */
static union any {
	struct zc_ev ev;
	struct zc_ev_open open;
	struct zc_ev_plain plain;
	struct zc_ev_bind bind;
	struct zc_ev_fault fault;
	struct zc_ev_io io;
	struct zc_ev_close close;
} got[MAX];
static unsigned ngot;

static void keep(void *ctx, const struct zc_ev *ev)
{
	(void)ctx;
	if (ngot < MAX)
		memcpy(&got[ngot], ev, ev->size < sizeof(got[0]) ? ev->size : sizeof(got[0]));
	ngot++;
}

static void quiet(void *ctx, const char *name, const char *text)
{
	(void)ctx;
	(void)name;
	(void)text;
}

static void put(struct recorder *r, void *event, size_t size, int kind, uint64_t time,
		uint64_t conn)
{
	struct zc_ev *ev = event;

	ev->kind = (__u16)kind;
	ev->size = (__u32)size;
	ev->time = time;
	ev->conn = conn;
	recorder__event(r, ev);
}

/* The same events in each file, at other times of the day. */
static void record(unsigned i)
{
	struct recorder_options o = {.wall_offset = WALL + i * LATER, .start = 900};
	struct zc_ev_open open = {.lport = 443,
				  .rport = (__u16)(40000 + i),
				  .family = 4,
				  .role = ZC_ROLE_SERVER,
				  .pid = 10,
				  .laddr = {[10] = 0xff, 0xff, 10, 0, 0, 1},
				  .raddr = {[10] = 0xff, 0xff, 10, 0, 0, 2}};
	struct zc_ev_bind bind = {.sock = 11, .pid = 10, .tid = 10, .lib = 1, .wire_len = 300};
	struct zc_ev_plain plain = {.sock = 11,
				    .pid = 10,
				    .tid = 10,
				    .lib = 1,
				    .orig_len = 3,
				    .wire_len = 25,
				    .call_time = 1990,
				    .wire_time = 1980,
				    .wire_last = 1985,
				    .seq = 3,
				    .wire_seq = 777};
	struct zc_ev_plain unknown = {.sock = 0,
				      .pid = 10,
				      .tid = 10,
				      .lib = 1,
				      .orig_len = 3,
				      .call_time = 2090,
				      .dir = ZC_TX};
	struct zc_ev_fault fault = {.sock = 11, .pid = 10, .tid = 10, .lib = 1, .reason = 1042};
	struct zc_ev_close end = {.bytes = {3, 3}};
	struct recorder *r;
	char err[256];

	snprintf(path[i], sizeof(path[i]), "/tmp/zctrace-test-merge-%d-%u.pcapng", (int)getpid(),
		 i);
	r = recorder__new(path[i], &o, err, sizeof(err));
	if (!r)
		abort();
	put(r, &open, sizeof(open), ZC_EV_OPEN, 1000, 11);
	put(r, &bind, sizeof(bind), ZC_EV_BIND, 1500, STREAM);
	put(r, &plain, sizeof(plain), ZC_EV_PLAIN, 2000, STREAM);
	put(r, &unknown, sizeof(unknown), ZC_EV_PLAIN, 2100, STREAM);
	put(r, &fault, sizeof(fault), ZC_EV_FAULT, 2200, STREAM);
	put(r, &end, sizeof(end), ZC_EV_CLOSE, 2300, STREAM);
	if (recorder__finish(r))
		abort();
	recorder__free(r);
}

/* Puts a record of a kind that a later version may have before the first event. */
static void add_unknown(unsigned i)
{
	const struct zc_ev ev = {.kind = 999, .size = sizeof(ev), .time = 950, .conn = 11};
	const uint32_t n = 16 + sizeof(ev), head[] = {REC_BLOCK, n, REC_EVENT};
	uint32_t file[4096], at = 0;
	FILE *f = fopen(path[i], "r+e");
	size_t size = f ? fread(file, 1, sizeof(file), f) : 0;

	while (4 * at < size && (file[at] != REC_BLOCK || file[at + 2] != REC_EVENT))
		at += file[at + 1] / 4;
	if (4 * at >= size || size == sizeof(file) || fseek(f, 4 * (long)at, SEEK_SET))
		abort();
	if (fwrite(head, sizeof(head), 1, f) != 1 || fwrite(&ev, sizeof(ev), 1, f) != 1 ||
	    fwrite(&n, sizeof(n), 1, f) != 1 || !fwrite(file + at, size - 4 * at, 1, f) ||
	    fclose(f))
		abort();
}

static void test_merge(void)
{
	const char *const paths[2] = {path[0], path[1]};
	char err[256] = "";
	struct source *s = merge__open(paths, 2, NULL, quiet, NULL, err, sizeof(err));
	uint32_t pid = 10 | 1u << SOURCE_PID_BITS;
	uint64_t sock = 11 | 1ull << 56, stream = STREAM | 1ull << 56;
	const union any *second = got + 6;
	int n;

	ok(s != NULL, "two recordings open as one %s", err);
	if (!s)
		return;
	while ((n = s->ops->poll(s, keep, NULL, 0)) > 0)
		;
	is_u64(n, -ENODATA, "they end");
	is_u64(ngot, 12, "with all their events");
	for (unsigned i = 1; i < ngot; i++)
		if (got[i].ev.time < got[i - 1].ev.time)
			ok(0, "events are in the order of their times");
	ok(got[2].plain.sock == 11 && got[2].ev.conn == STREAM && got[2].plain.pid == 10 &&
		   got[2].plain.wire_time == 1980,
	   "those of the first are as they were");

	ok(second[0].ev.conn == sock && second[0].ev.time == 1000 + LATER,
	   "the second one's socket");
	ok(second[1].ev.conn == stream && second[1].bind.sock == sock &&
		   second[1].bind.pid == pid && second[1].bind.wire_len == 300,
	   "its evidence");
	ok(second[2].ev.conn == stream && second[2].plain.sock == sock &&
		   second[2].plain.pid == pid,
	   "its plaintext: of a stream still, with a socket that is none");
	ok(second[2].ev.time == 2000 + LATER && second[2].plain.call_time == 1990 + LATER &&
		   second[2].plain.wire_time == 1980 + LATER &&
		   second[2].plain.wire_last == 1985 + LATER,
	   "all its times are on the first one's clock");
	ok(second[2].plain.seq == 3 && second[2].plain.wire_seq == 777, "positions are no times");
	ok(!second[3].plain.sock && !second[3].plain.wire_time && !second[3].plain.wire_last &&
		   second[3].plain.call_time == 2090 + LATER,
	   "what is not known stays so");
	ok(second[4].ev.conn == stream && second[4].fault.sock == sock &&
		   second[4].fault.pid == pid,
	   "its fault");
	ok(second[5].ev.kind == ZC_EV_CLOSE && second[5].ev.conn == stream, "its stream's end");
	ok(s->ops->unread(s, err, sizeof(err)) && strstr(err, path[1]) &&
		   strstr(err, ": 1 records") && !strstr(err, path[0]),
	   "what is not known is counted, and of which file: %s", err);
	s->ops->free(s);
}

int main(void)
{
	record(0);
	record(1);
	add_unknown(1);
	test_merge();
	unlink(path[0]);
	unlink(path[1]);
	return tap_done();
}
