/*
 * Whose time it was: own time of hops, whatever the order in which spans come.
 */
#include <stdlib.h>

#include "parsers/attrs.h"
#include "sinks/shares.h"
#include "tests/unit/tap.h"

#define BASE 1700000000000000000ull
#define MS 1000000ull

static struct span make(const char *who, const char *whom, uint8_t id, uint8_t parent, unsigned at,
			unsigned ms)
{
	struct span s = { .time_ns = BASE + at * MS, .duration_ns = ms * MS, .service = who };

	s.kind = whom ? SPAN_CLIENT : SPAN_SERVER;
	s.peer_service = whom;
	s.span_id[7] = id;
	s.parent_id[7] = parent;
	s.has_parent = parent != 0;
	return s;
}

/* The table of these spans, in their order, or from the end. */
static const char *table(const struct span *v, unsigned n, int backwards)
{
	static char text[4096];
	struct shares *s = shares__new();
	struct out o;

	out_init_memory(&o);
	for (unsigned i = 0; i < n; i++)
		shares__add(s, &v[backwards ? n - 1 - i : i]);
	shares__put(s, &o, 80);
	snprintf(text, sizeof(text), "%.*s", (int)o.n, o.buf);
	out_release(&o);
	shares__free(s);
	return text;
}

static void both_ways(const struct span *v, unsigned n, const char *want, const char *name)
{
	char all[600];

	snprintf(all, sizeof(all), "  TIME      SELF    COUNT  HOP\n%s", want);
	is_str(table(v, n, 0), all, name);
	is_str(table(v, n, 1), all, "and from the end");
}

/* The call waited 50 ms for segments that were sent again; the callee worked 30 ms. */
static void test_network(void)
{
	static const struct attr lost = {.def = ATTR(net), .n = 50 * MS};
	struct span v[] = { make("shop", NULL, 2, 1, 60, 30), make("edge", "shop", 1, 0, 0, 100) };

	v[1].attr = &lost;
	v[1].nattrs = 1;
	both_ways(v, 2,
		  " 50.0%    50.0ms        1  network: edge → shop\n"
		  " 30.0%    30.0ms        1  shop\n 20.0%    20.0ms        1  edge → shop\n",
		  "what the network kept back is a row of its own");
}

static void test_chain(void)
{
	const struct span v[] = { make("db", NULL, 4, 3, 30, 20), make("shop", "db", 3, 2, 25, 30),
				  make("shop", NULL, 2, 1, 20, 60),
				  make("edge", "shop", 1, 9, 10, 80),
				  make("edge", NULL, 9, 0, 0, 100) };

	both_ways(v, 5,
		  " 30.0%    30.0ms        1  shop\n 20.0%    20.0ms        1  db\n"
		  " 20.0%    20.0ms        1  edge\n 20.0%    20.0ms        1  edge → shop\n"
		  " 10.0%    10.0ms        1  shop → db\n", "a chain");
}

static void test_parallel(void)
{
	/* 10..50, 30..70 and 40..60 at a time, then 80..90; the first one waits 70 in all */
	const struct span v[] = { make("a", "b", 2, 1, 10, 40), make("a", "b", 4, 1, 40, 20),
				  make("a", "b", 3, 1, 30, 40), make("a", "b", 5, 1, 80, 10),
				  make("a", NULL, 1, 0, 0, 100) };

	both_ways(v, 5, " 78.6%     110ms        4  a → b\n 21.4%    30.0ms        1  a\n",
		  "calls at a time");
}

static void test_longer(void)
{
	/* the call goes on when the answer has been given */
	const struct span v[] = { make("a", "b", 2, 1, 60, 100), make("a", NULL, 1, 0, 0, 100) };

	both_ways(v, 2, " 62.5%     100ms        1  a → b\n 37.5%    60.0ms        1  a\n",
		  "a call that lasts longer");
}

static void test_loop(void)
{
	struct span v[40];

	for (unsigned i = 0; i < 39; i++)
		v[i] = make("a", "b", (uint8_t)(i + 2), 1, 2 * i, 1);
	v[39] = make("a", NULL, 1, 0, 0, 100);
	both_ways(v, 40, " 61.0%    61.0ms        1  a\n 39.0%    39.0ms       39  a → b\n",
		  "many calls, one after the other");
}

static void test_bounds(void)
{
	struct shares *s = shares__new();
	unsigned lines = 0;
	char name[16];
	struct out o;

	out_init_memory(&o);
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t id = i + 1;
		struct span v;

		snprintf(name, sizeof(name), "s%u", i % 100);
		v = make(name, NULL, 0, 0, i, 1);
		memcpy(v.span_id, &id, sizeof(id));
		v.duration_ns = i % 7 ? v.duration_ns : SPAN_UNKNOWN;
		shares__add(s, &v);
	}
	shares__put(s, &o, 80);
	for (size_t i = 0; i < o.n; i++)
		lines += o.buf[i] == '\n';
	is_u64(lines, SHARES_HOPS + 1, "no more hops than there is room for");
	shares__free(s);
	out_release(&o);
}

int main(void)
{
	test_chain();
	test_network();
	test_parallel();
	test_longer();
	test_loop();
	test_bounds();
	return tap_done();
}
