/*
 * fuzz_websocket.c - WebSocket, gRPC and event streams: any octets, in two ways of cutting
 *
 * Input: one octet that says which (0 WebSocket, 1 gRPC, 2 gRPC-Web, 3 event stream; modulo 4),
 * then octets. Each parser must say the same of the whole and of single octets, keep no more than
 * it says, and treat what it calls unneeded as well when it is not there.
 */
#include <stdlib.h>
#include <string.h>
#include "parsers/content/grpc.h"
#include "parsers/content/sse.h"
#include "parsers/content/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A running sum over what was said, in order. */
struct digest {
	uint64_t sum, events;
};

static void add(struct digest *d, uint64_t v)
{
	d->sum = (d->sum ^ v) * 0x9e3779b97f4a7c15u;
	d->sum ^= d->sum >> 31;
}

static enum parse_status step_ws(struct ws *w, const uint8_t *p, size_t n, size_t *used, int blind,
				 struct digest *d)
{
	struct ws_event ev;
	enum parse_status st;
	uint64_t skip = ws_unneeded(w), gone;

	if (blind && skip && skip != UINT64_MAX && n) {
		st = ws_gap(w, skip < n ? skip : n, &gone, &ev);
		*used = (size_t)gone;
	} else {
		st = ws_next(w, p, n, used, &ev);
	}
	if (st == PARSE_EVENT) {
		d->events++;
		add(d, ev.type);
		add(d, ev.length);
		add(d, (uint64_t)ev.code << 32 | ev.frames << 2 | (unsigned)(ev.binary << 1) |
			       (unsigned)ev.compressed);
		for (size_t i = 0; i < ev.reason_len; i++)
			add(d, (uint8_t)ev.reason[i]);
	}
	return st;
}

static enum parse_status step_grpc(struct grpc *g, const uint8_t *p, size_t n, size_t *used,
				   int blind, struct digest *d)
{
	struct grpc_event ev;
	enum parse_status st;
	uint64_t skip = grpc_unneeded(g), gone;

	if (blind && skip && skip != UINT64_MAX && n) {
		st = grpc_gap(g, skip < n ? skip : n, &gone, &ev);
		*used = (size_t)gone;
	} else {
		st = grpc_next(g, p, n, used, &ev);
	}
	if (st == PARSE_EVENT) {
		struct str name, value;
		size_t pos = 0;

		d->events++;
		add(d, ev.type);
		add(d, (uint64_t)ev.length << 1 | (unsigned)ev.compressed);
		while (grpc_trailer_next(ev.data, &pos, &name, &value))
			add(d, name.n << 16 | value.n);
	}
	return st;
}

static struct digest run(const uint8_t *p, size_t n, int which, size_t each, int blind)
{
	struct digest d = {0};
	size_t at = 0, there = 0, used;
	enum parse_status st;
	struct grpc g;
	struct ws w;

	ws_init(&w);
	grpc_init(&g, which == 2);
	while (there < n) {
		there = n - there < each ? n : there + each;
		do {
			uint8_t *copy = malloc(there - at + 1);

			memcpy(copy + 1, p + at, there - at);
			st = which ? step_grpc(&g, copy + 1, there - at, &used, blind, &d)
				   : step_ws(&w, copy + 1, there - at, &used, blind, &d);
			free(copy);
			if (used > there - at)
				abort();
			at += used;
		} while (st == PARSE_EVENT || (st == PARSE_MORE && used && at < there));
		if (st == PARSE_BAD)
			break;
		if (there - at > (which ? GRPC_MAX_TRAILERS : WS_MAX_HEAD + WS_MAX_CONTROL))
			abort();
	}
	add(&d, which ? g.messages : w.messages);
	return d;
}

static void events(const uint8_t *p, size_t n)
{
	struct sse whole, pieces;

	sse_init(&whole);
	sse_init(&pieces);
	sse_feed(&whole, p, n);
	for (size_t i = 0; i < n; i++)
		sse_feed(&pieces, p + i, 1);
	if (memcmp(&whole, &pieces, sizeof(whole)) || whole.events > n / 5)
		abort();
}

/* The functions on fields take any octets. */
static void fields(struct str s)
{
	struct str a, b;
	char out[64];

	grpc_kind(s);
	grpc_split(s, &a, &b);
	grpc_timeout(s);
	grpc_status(s);
	sse_is_type(s);
	if (grpc_message(s, out, sizeof(out)) > s.n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct digest whole, pieces, blind;
	uint8_t *out;
	int which;

	if (size < 1)
		return 0;
	which = data[0] & 3;
	data++;
	size--;
	fields((struct str){(const char *)data, size});
	if (which == 3) {
		events(data, size);
		out = malloc(size * 3 / 4 + 3);
		grpc_text(&(struct grpc_text){0}, data, size, out);
		free(out);
		return 0;
	}
	whole = run(data, size, which, size ? size : 1, 0);
	pieces = run(data, size, which, 1, 0);
	blind = run(data, size, which, 7, 1);
	if (whole.sum != pieces.sum || whole.events != pieces.events || whole.sum != blind.sum ||
	    whole.events != blind.events)
		abort();
	return 0;
}
