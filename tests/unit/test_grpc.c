/*
 * test_grpc.c - gRPC messages, its fields, gRPC-Web; and event streams
 */
#include <stdlib.h>
#include "tests/unit/tap.h"
#include "parsers/content/grpc.h"
#include "parsers/content/sse.h"

static struct str S(const char *s) {
	return (struct str){s, strlen(s)};
}

/* Feeds p in pieces of `each`; the log is "compressed:length"…, trailers as they are. */
static const char *
run(const uint8_t *p, size_t n, int web, size_t each, struct grpc *g)
{
	static char log[1024];
	size_t at = 0, there = 0, used, len = 0;
	struct grpc_event ev;

	grpc_init(g, web);
	log[0] = 0;
	while (there < n) {
		enum parse_status st;

		there = there + each > n ? n : there + each;
		do {
			uint8_t *copy = malloc(there - at + 1);

			memcpy(copy + 1, p + at, there - at);
			st = grpc_next(g, copy + 1, there - at, &used, &ev);
			if (st == PARSE_EVENT && ev.type == GRPC_EV_MESSAGE)
				len += (size_t)snprintf(log + len, sizeof(log) - len, "%d:%u ",
							ev.compressed, ev.length);
			else if (st == PARSE_EVENT)
				len += (size_t)snprintf(log + len, sizeof(log) - len, "[%.*s] ",
							(int)ev.data.n, ev.data.p);
			free(copy);
			at += used;
		} while (st == PARSE_EVENT);
		if (st == PARSE_BAD) {
			snprintf(log + len, sizeof(log) - len, "BAD");
			return log;
		}
	}
	return log;
}

static const uint8_t native[] = "\0\0\0\0\3abc\1\0\0\0\0\0\0\0\1\2" /* 0x102 octets */;

static void test_messages(void)
{
	static uint8_t buf[400];
	struct grpc g;
	size_t n = sizeof(native) - 1, bad = 0;

	memcpy(buf, native, n);
	memset(buf + n, 'x', 0x102);
	n += 0x102;
	for (size_t each = 1; each <= n; each++)
		bad += !!strcmp(run(buf, n, 0, each, &g), "0:3 1:0 0:258 ");
	is_u64(bad, 0, "messages, whole and in pieces of every size");
	is_u64(g.messages, 3, "counted");
	is_u64(g.bytes, 261, "octets of messages");
	is_str(run(buf, n - 1, 0, n, &g), "0:3 1:0 ", "the last one is cut short");
	ok(grpc_open(&g) && g.bytes == 260 && grpc_unneeded(&g) == 1, "and open");
	is_str(run((const uint8_t *)"\2\0\0\0\0", 5, 0, 5, &g), "BAD", "undefined flags");
	is_str(run((const uint8_t *)"\200\0\0\0\0", 5, 0, 5, &g), "BAD",
	       "trailers, but not gRPC-Web");
}

static void test_gap(void)
{
	struct grpc_event ev;
	struct grpc g;
	uint64_t used;
	size_t used_n;

	grpc_init(&g, 0);
	grpc_next(&g, (const uint8_t *)"\0\0\0\1\0ab", 7, &used_n, &ev);
	is_u64(grpc_unneeded(&g), 254, "the message need not be seen");
	ok(grpc_gap(&g, 100, &used, &ev) == PARSE_MORE && used == 100, "missing inside it");
	ok(grpc_gap(&g, 200, &used, &ev) == PARSE_EVENT && used == 154 && ev.length == 256,
	   "missing to its end and beyond");
	ok(grpc_gap(&g, 46, &used, &ev) == PARSE_SKIPPED && used == 46,
	   "missing where a head is: lost");
	ok(grpc_next(&g, (const uint8_t *)"\0\0\0\0\0", 5, &used_n, &ev) == PARSE_SKIPPED,
	   "for good");
	is_u64(g.messages, 1, "one was counted");
	is_u64(grpc_unneeded(&g), UINT64_MAX, "nothing more is needed");
}

static void test_web(void)
{
	static const uint8_t web[] = "\0\0\0\0\2hi\200\0\0\0\36grpc-status:7\r\nGrpc-Message: x";
	static const char text[] = "AAAAAAJoaQ==gAAAAA9ncnBjLXN0YXR1czo3DQo=";
	struct str name, value, lines = S("grpc-status:7\r\nno line\r\nGrpc-Message: x y \r\n");
	struct grpc_text t = {0};
	uint8_t out[64];
	size_t pos = 0, n = 0;
	struct grpc g;

	for (size_t each = 1; each < sizeof(web); each += 6)
		is_str(run(web, sizeof(web) - 1, 1, each, &g),
		       "0:2 [grpc-status:7\r\nGrpc-Message: x] ",
		       "gRPC-Web: trailers in the content");
	ok(grpc_trailer_next(lines, &pos, &name, &value) && name.n == 11 && *value.p == '7',
	   "first line");
	ok(grpc_trailer_next(lines, &pos, &name, &value) && name.n == 12 && value.n == 3,
	   "second line");
	ok(!grpc_trailer_next(lines, &pos, &name, &value), "no third");
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		n += (size_t)grpc_text(&t, (const uint8_t *)text + i, 1, out + n);
	is_u64(n, 27, "grpc-web-text, octet by octet, padding in the middle");
	is_str(run(out, n, 1, n, &g), "0:2 [grpc-status:7\r\n] ", "gives the same");
	ok(grpc_text(&t, (const uint8_t *)"A=", 2, out) == -1, "padding after one character");
	ok(grpc_text(&t, (const uint8_t *)"!", 1, out) == -1, "no base64");
}

static void test_fields(void)
{
	struct str s, m;
	char out[64];

	is_u64(grpc_kind(S("application/grpc")), GRPC_NATIVE, "application/grpc");
	is_u64(grpc_kind(S("application/grpc+proto")), GRPC_NATIVE, "with a suffix");
	is_u64(grpc_kind(S("Application/gRPC; a=b")), GRPC_NATIVE, "with a parameter, in capitals");
	is_u64(grpc_kind(S("application/grpc-web+json")), GRPC_WEB, "gRPC-Web");
	is_u64(grpc_kind(S("application/grpc-web-text")), GRPC_WEB_TEXT, "gRPC-Web, text");
	is_u64(grpc_kind(S("application/grpcx")), GRPC_NONE, "something else");
	is_u64(grpc_kind(S("application/json")), GRPC_NONE, "JSON");
	is_u64(grpc_kind((struct str){0}), GRPC_NONE, "absent");
	ok(!grpc_split(S("/pkg.Svc/Do"), &s, &m) && s.n == 7 && !memcmp(s.p, "pkg.Svc", 7) &&
		   m.n == 2,
	   "path");
	ok(!grpc_split(S("/a/b/Do"), &s, &m) && s.n == 3 && m.n == 2 && *m.p == 'D',
	   "with a prefix");
	ok(grpc_split(S("/pkg.Svc"), &s, &m) == -1, "no method");
	ok(grpc_split(S("//Do"), &s, &m) == -1, "no service");
	ok(grpc_split(S("/svc/"), &s, &m) == -1, "empty method");
	is_u64(grpc_timeout(S("100m")), 100000000, "100m");
	is_u64(grpc_timeout(S("1H")), 3600000000000u, "1H");
	is_u64(grpc_timeout(S("99999999H")), UINT64_MAX - 1, "longer than can be said");
	is_u64(grpc_timeout(S("5")), UINT64_MAX, "no unit");
	is_u64(grpc_timeout(S("123456789n")), UINT64_MAX, "nine digits");
	is_u64(grpc_timeout(S("-1S")), UINT64_MAX, "negative");
	is_u64(grpc_status(S("14")), 14, "status");
	ok(grpc_status(S("x")) == -1 && grpc_status(S("")) == -1, "no status");
	is_str(grpc_status_name(14), "UNAVAILABLE", "its name");
	ok(!grpc_status_name(17) && !grpc_status_name(-1), "no name");
	is_u64(grpc_message(S("50%25 %E2%82%AC %zz %4"), out, sizeof(out)), 14, "message");
	ok(!memcmp(out, "50% \xe2\x82\xac %zz %4", 14), "percent-decoded");
	is_u64(grpc_message(S("abcdef"), out, 3), 3, "cut off");
}

static uint64_t count(const char *s, size_t each)
{
	struct sse e;

	sse_init(&e);
	for (size_t at = 0, n = strlen(s); at < n; at += each)
		sse_feed(&e, (const uint8_t *)s + at, n - at < each ? n - at : each);
	return e.events;
}

static void test_sse(void)
{
	static const struct {
		const char *name, *text;
		uint64_t events;
	} t[] = {
		{"two events", "data: a\n\nevent: x\ndata: b\ndata: c\n\n", 2},
		{"CR LF", "data: a\r\n\r\ndata: b\r\n\r\n", 2},
		{"CR alone", "data: a\r\rdata\r\r", 2},
		{"no data: not dispatched", "event: x\nid: 1\n\n: ping\n\ndataset: 1\n\ndat: 2\n\n",
		 0},
		{"the end is missing", "data: a\n", 0},
		{"byte order mark",
		 "\xef\xbb\xbf"
		 "data: a\n\n",
		 1},
		{"a part of one",
		 "\xef\xbb"
		 "data: a\n\n",
		 0},
		{"empty lines", "\n\n\n", 0},
		{"a comment inside", "data: a\n: x\n\n", 1},
	};
	struct sse e;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		for (size_t each = 1; each < 4; each++)
			is_u64(count(t[i].text, each), t[i].events, t[i].name);
	sse_init(&e);
	sse_feed(&e, (const uint8_t *)": a\ndata: b", 11);
	sse_gap(&e);
	sse_feed(&e, (const uint8_t *)"tail\n\ndata: c\n\n", 15);
	is_u64(e.events, 1, "behind a gap the next event counts");
	is_u64(e.comments, 1, "comments");
	ok(sse_is_type(S("text/event-stream")) &&
		   sse_is_type(S("Text/Event-Stream; charset=utf-8")),
	   "type");
	ok(!sse_is_type(S("text/event-streams")) && !sse_is_type(S("text/plain")), "another type");
}

int main(void)
{
	test_messages();
	test_gap();
	test_web();
	test_fields();
	test_sse();
	return tap_done();
}
