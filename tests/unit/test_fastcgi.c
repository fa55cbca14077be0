/*
 * test_fastcgi.c - FastCGI: conversations, probing
 */
#include "parsers/fastcgi/fastcgi.h"
#include "tests/unit/talk.h"
#include "tests/unit/test_fastcgi_cases.h"

static enum probe_result probe(const void *p, size_t n)
{
	const struct probe in = {
		.p = p,
		.n = n,
		.client = PROBE_NO_DIR,
		.joined = 1,
		.segment = 1,
	};
	unsigned client;

	return fastcgi_protocol.probe(&in, &client);
}

static void test_probe(void)
{
	static const uint8_t begin[] = {1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 4};
	uint8_t bad[sizeof(begin)];

	is_u64(probe(begin, sizeof(begin)), PROBE_YES, "a request");
	is_u64(probe(begin, 16), PROBE_YES, "its first record alone");
	is_u64(probe(begin, 10), PROBE_MORE, "part of it");
	for (size_t i = 0; i < sizeof(bad); i++) {
		memcpy(bad, begin, sizeof(begin));
		bad[i] ^= 0x40;
		if (probe(bad, sizeof(bad)) == PROBE_YES)
			ok(i == 2 || i == 3, "another byte at %zu", i); /* the id */
	}
	is_u64(probe("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27), PROBE_NO, "HTTP");
}

/* Recordings do not have what alternates as it was. */
static void test_alternating(void)
{
	static struct talk t;

	for (size_t each = 1; each < 300; each++) {
		t = (struct talk){.protocol = &fastcgi_protocol};
		is_str(talk_run(&t, &alternating[0], each, each), alternating[0].want, "pieces");
	}
}

int main(void)
{
	TALK_ALL(&fastcgi_protocol, cases);
	test_alternating();
	test_probe();
	return tap_done();
}
