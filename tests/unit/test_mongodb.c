/*
 * test_mongodb.c - MongoDB: conversations of a driver, and what probing takes for it
 */
#include "parsers/mongodb/mongodb.h"
#include "tests/unit/talk.h"
#include "tests/unit/test_mongodb_cases.h"

static enum probe_result probe(const void *p, size_t n)
{
	const struct probe in = {
		.p = p,
		.n = n,
		.client = PROBE_NO_DIR,
		.start = 1,
		.segment = 1,
	};
	unsigned client;

	return mongodb_protocol.probe(&in, &client);
}

static void test_probe(void)
{
	static const uint8_t ping[] = "\x33\0\0\0\x07\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0"
				      "\x1e\0\0\0\x10ping\0\x01\0\0\0\x02$db\0\x06\0\0\0"
				      "admin\0\0";
	uint8_t bad[sizeof(ping)];

	is_u64(probe(ping, sizeof(ping) - 1), PROBE_YES, "a command");
	is_u64(probe(ping, 20), PROBE_MORE, "part of it");
	for (size_t i = 12; i < 22; i++) {
		memcpy(bad, ping, sizeof(ping));
		bad[i] ^= 0x40;
		if (probe(bad, sizeof(ping) - 1) == PROBE_YES)
			ok(i == 18 || i == 19, "another byte at %zu", i); /* optional flags */
	}
	is_u64(probe("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27), PROBE_NO, "HTTP");
}

int main(void)
{
	TALK_ALL(&mongodb_protocol, cases);
	test_probe();
	return tap_done();
}
