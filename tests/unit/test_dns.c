/*
 * test_dns.c - DNS: conversations over TCP, datagrams one by one, what probing takes for it
 */
#include "parsers/dns/dns_impl.h"
#include "tests/unit/talk.h"
#include "tests/unit/test_dns_cases.h"

static const uint8_t query[] = "\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07"
			       "example\x03"
			       "com\0\0\x1c\0\x01";
#define QUERY_LEN (sizeof(query) - 1)

static enum probe_result probe(const void *p, size_t n, int datagram, unsigned *client)
{
	const struct probe in = {
		.p = p,
		.n = n,
		.client = PROBE_NO_DIR,
		.start = 1,
		.segment = 1,
		.datagram = (uint8_t)datagram,
	};

	return dns_protocol.probe(&in, client);
}

static void test_probe(void)
{
	uint8_t m[QUERY_LEN + 3];
	unsigned client = 9;

	is_u64(probe(query, QUERY_LEN, 1, &client), PROBE_YES, "a question");
	is_u64(client, 0, "comes from the client");
	memcpy(m, query, QUERY_LEN);
	m[2] = 0x81;
	is_u64(probe(m, QUERY_LEN, 1, &client), PROBE_YES, "an answer");
	is_u64(client, 1, "goes to the client");
	for (size_t n = 0; n < QUERY_LEN; n++)
		if (probe(query, n, 1, &client) != PROBE_NO)
			ok(0, "%zu bytes of it", n);
	is_u64(probe(query, QUERY_LEN + 1, 1, &client), PROBE_NO, "with something behind it");
	m[0] = 0;
	m[1] = QUERY_LEN;
	memcpy(m + 2, query, QUERY_LEN);
	for (size_t n = 1; n < QUERY_LEN + 2; n++)
		if (probe(m, n, 0, &client) != PROBE_MORE)
			ok(0, "%zu bytes of it over TCP", n);
	is_u64(probe(m, QUERY_LEN + 2, 0, &client), PROBE_YES, "over TCP");
	is_u64(probe("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27, 0, &client), PROBE_NO, "HTTP");
	is_u64(probe("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 11, 0, &client), PROBE_NO, "TLS");
}

static void test_names(void)
{
	static const uint8_t loop[] = "\xc0\x00", mixed[] = "\x03wWw\xc0\x06\x02oK\0";
	char buf[4 * DNS_MAX_NAME + 1];
	uint8_t deep[64 * 2 + 2];
	size_t end, n;

	ok(!dns_name(loop, 2, 0, buf, &end), "a name that points to itself");
	n = dns_name(mixed, sizeof(mixed) - 1, 0, buf, &end);
	ok(n == 6 && !memcmp(buf, "www.ok", 6) && end == 6, "a pointer, letters of any case");
	for (size_t i = 0; i < 65; i++) {
		deep[2 * i] = 0xc0;
		deep[2 * i + 1] = (uint8_t)(i ? 2 * i - 2 : 0);
	}
	ok(!dns_name(deep, sizeof(deep), 128, buf, &end), "pointers without end");
	n = dns_name((const uint8_t *)"\x03"
				      "a.",
		     3, 0, buf, &end);
	ok(!n, "a name that is cut off");
}

static void test_types(void)
{
	char buf[16];
	struct str s = dns_type_name(65, buf), t = dns_type_name(65535, buf);

	ok(s.n == 5 && !memcmp(s.p, "HTTPS", 5), "a type");
	ok(t.n == 9 && !memcmp(t.p, "TYPE65535", 9), "one without a name");
}

int main(void)
{
	TALK_ALL(&dns_protocol, cases);
	test_probe();
	test_names();
	test_types();
	return tap_done();
}
