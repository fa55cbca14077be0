/*
 * test_websocket.c - frames in pieces, gaps, and what is no WebSocket
 */
#include <stdlib.h>
#include "tests/unit/tap.h"
#include "parsers/content/websocket.h"

static size_t log_event(const struct ws_event *ev, char *log, size_t cap)
{
	static const char *const names[] = {"message", "ping", "pong", "close"};
	int n = snprintf(log, cap, "%s%s%s %llu", names[ev->type], ev->binary ? " binary" : "",
			 ev->compressed ? " compressed" : "", (unsigned long long)ev->length);

	if (ev->type == WS_EV_MESSAGE)
		n += snprintf(log + n, cap - (size_t)n, " in %u", ev->frames);
	if (ev->type == WS_EV_CLOSE)
		n += snprintf(log + n, cap - (size_t)n, " %d %.*s", ev->code, (int)ev->reason_len,
			      ev->reason);
	n += snprintf(log + n, cap - (size_t)n, "\n");
	return (size_t)n;
}

static const char *run(const uint8_t *p, size_t n, size_t first, size_t each, struct ws *w)
{
	static char log[2048];
	size_t at = 0, there = first, used, len = 0;
	enum parse_status st;
	struct ws_event ev;

	ws_init(w);
	log[0] = 0;
	for (;;) {
		do {
			uint8_t *copy = malloc(there - at + 1);

			memcpy(copy + 1, p + at, there - at);
			st = ws_next(w, copy + 1, there - at, &used, &ev);
			free(copy);
			at += used;
			if (st == PARSE_EVENT)
				len += log_event(&ev, log + len, sizeof(log) - len);
		} while (st == PARSE_EVENT);
		if (st == PARSE_BAD)
			snprintf(log + len, sizeof(log) - len, "BAD\n");
		if (st == PARSE_BAD || there == n)
			return log;
		if (there - at > WS_MAX_HEAD + WS_MAX_CONTROL)
			return "kept too much";
		there = there + each > n ? n : there + each;
	}
}

/* RFC 6455 section 5.7, and a few more */
static const uint8_t script[] = "\x81\5Hello"
				"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
				"\1\3Hel"
				"\x89\5Hello"
				"\x80\2lo"
				"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
				"\xc2\0"
				"\x42\1x"
				"\0\0"
				"\x80\1y"
				"\x82\x7e\1\0";
/* 256 octets, then the close */
static const uint8_t closing[] = "\x88\x88\1\2\3\4\2\xeb\x61\x7d\x64\x22\x6d\x6b";

#define SCRIPT                                                                                     \
	"message 5 in 1\nmessage 5 in 1\nping 5\nmessage 5 in 2\npong 5\n"                         \
	"message binary compressed 0 in 1\nmessage binary compressed 2 in 3\n"                     \
	"message binary 256 in 1\nclose 8 1001 bye no\n"

static size_t build(uint8_t *buf)
{
	size_t n = sizeof(script) - 1;

	memcpy(buf, script, n);
	memset(buf + n, 0x5a, 256);
	n += 256;
	memcpy(buf + n, closing, sizeof(closing) - 1);
	return n + sizeof(closing) - 1;
}

static void test_script(void)
{
	static uint8_t buf[1024];
	size_t n = build(buf), bad = 0;
	struct ws w;

	is_str(run(buf, n, n, 1, &w), SCRIPT, "frames");
	is_u64(w.messages, 6, "messages");
	is_u64(w.bytes, 5 + 5 + 5 + 2 + 256, "octets");
	for (size_t cut = 0; cut <= n; cut++)
		bad += !!strcmp(run(buf, n, cut, n, &w), SCRIPT);
	for (size_t each = 1; each < 20; each++)
		bad += !!strcmp(run(buf, n, 0, each, &w), SCRIPT);
	is_u64(bad, 0, "cut at every offset, and in pieces");
}

static void test_bad(void)
{
	static const struct {
		const char *name, *p;
		size_t n;
	} t[] = {
		{"reserved opcode", "\x83\0", 2},
		{"reserved control opcode", "\x8b\0", 2},
		{"reserved bits", "\x91\0", 2},
		{"control frame in fragments", "\x09\0", 2},
		{"control frame compressed", "\xc9\0", 2},
		{"control frame too long", "\x89\x7e\0\x7e", 4},
		{"CONTINUATION of nothing", "\x80\0", 2},
		{"length beyond 63 bits", "\x82\x7f\x80\0\0\0\0\0\0\0", 10},
		{"HTTP", "GET / HTTP/1.1", 14},
	};
	struct ws w;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		is_str(run((const uint8_t *)t[i].p, t[i].n, t[i].n, 1, &w), "BAD\n", t[i].name);
	is_str(run((const uint8_t *)"\1\1a\1\1b", 6, 6, 1, &w), "BAD\n",
	       "a new message within another");
	is_str(run((const uint8_t *)"\x88\0", 2, 2, 1, &w), "close 0 1005 \n",
	       "close without a code");
	is_str(run((const uint8_t *)"\x88\1a", 3, 3, 1, &w), "close 1 1005 \n",
	       "close with half a code");
}

static void test_gap(void)
{
	struct ws_event ev;
	uint64_t used_gap;
	struct ws w;
	size_t used;

	ws_init(&w);
	ws_next(&w, (const uint8_t *)"\x82\x7f\0\0\0\1\0\0\0\0ab", 12, &used, &ev);
	is_u64(ws_unneeded(&w), 0xfffffffe, "the payload need not be seen");
	ok(ws_gap(&w, 0xfffffff0, &used_gap, &ev) == PARSE_MORE && used_gap == 0xfffffff0,
	   "within it");
	ok(ws_gap(&w, 100, &used_gap, &ev) == PARSE_EVENT && used_gap == 14 &&
		   ev.length == 0x100000000,
	   "to its end");
	ok(ws_next(&w, (const uint8_t *)"\x89\0", 2, &used, &ev) == PARSE_EVENT &&
		   ev.type == WS_EV_PING,
	   "the next frame");
	ok(ws_gap(&w, 1, &used_gap, &ev) == PARSE_SKIPPED && ws_unneeded(&w) == UINT64_MAX,
	   "a head missing");
	ok(ws_next(&w, (const uint8_t *)"\x89\0", 2, &used, &ev) == PARSE_SKIPPED && used == 2,
	   "lost for good");
}

int main(void)
{
	test_script();
	test_bad();
	test_gap();
	return tap_done();
}
