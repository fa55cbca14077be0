/*
 * test_kafka.c - Kafka: conversations of real and of old clients; what probing takes for it
 */
#include "parsers/kafka/kafka.h"
#include "tests/unit/talk.h"
#include "tests/unit/test_kafka_cases.h"

static const uint8_t api_versions[] = "\0\0\0\x0f\0\x12\0\0\0\0\0\x07\0\x05"
				      "ruby1";

static enum probe_result probe(const uint8_t *p, size_t n, int joined, const uint8_t *answer,
			       size_t na)
{
	const struct probe in = {
		.p = p,
		.n = n,
		.client = PROBE_NO_DIR,
		.start = !joined,
		.joined = (uint8_t)joined,
		.segment = 1,
		.answer = answer,
		.nanswer = na,
	};
	unsigned client;

	return kafka_protocol.probe(&in, &client);
}

static void test_probe(void)
{
	static const uint8_t right[] = "\0\0\0\x06\0\0\0\x07\0\0",
			     wrong[] = "\0\0\0\x06\0\0\0\x08\0\0";
	static const uint8_t startup[] = "\0\0\0\x22\0\x03\0\0user\0joe\0database\0test\0\0";
	static const uint8_t dns[] = "\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07"
				     "example\x03"
				     "com\0\0\x01\0\x01";
	size_t n = sizeof(api_versions) - 1;

	is_u64(probe(api_versions, n, 0, NULL, 0), PROBE_YES, "a request at the beginning");
	for (size_t i = 1; i < n; i++)
		if (probe(api_versions, i, 0, NULL, 0) != PROBE_MORE)
			ok(0, "%zu bytes of it", i);
	is_u64(probe(api_versions, n, 1, NULL, 0), PROBE_MORE, "somewhere: its answer decides");
	is_u64(probe(api_versions, n, 1, right, 10), PROBE_YES, "one with its id");
	is_u64(probe(api_versions, n, 1, wrong, 10), PROBE_NO, "one with another");
	is_u64(probe(startup, sizeof(startup), 0, NULL, 0), PROBE_NO, "PostgreSQL");
	is_u64(probe(dns, sizeof(dns) - 1, 0, NULL, 0), PROBE_NO, "DNS");
}

/* Bytes of a record are lost that a trace context was looked for in. */
static void test_torn(void)
{
	const struct talk_case *c = &cases[sizeof(cases) / sizeof(cases[0]) - 2];
	static const char first[] = "publish kafka_api=Produce kafka_version=11 "
				    "messaging_client_id=app\n"
				    "request end 0 on orders messaging_partition=0 uncounted\n"
				    "publish kafka_api=Produce kafka_version=3 ";

	for (size_t at = 112; at < 210; at++) {
		static struct talk t;

		t = (struct talk){.protocol = &kafka_protocol, .lose_at = at, .lose_n = 9};
		talk_run(&t, c, 7, 7);
		if (strncmp(t.log, first, sizeof(first) - 1))
			ok(0, "lost at %zu: %s", at, t.log);
	}
	ok(1, "a request that lost bytes of its only record");
}

/* Of what is fetched bytes are lost: what there was of it is not all. */
static void test_fetched(void)
{
	const struct talk_case *c = cases;
	unsigned other = 0;

	while (strcmp(c->name, "two partitions are fetched") != 0)
		c++;
	for (size_t at = 58; at < 218; at++) {
		static struct talk t;
		const char *end;

		t = (struct talk){.protocol = &kafka_protocol, .lose_at = at, .lose_n = 9};
		talk_run(&t, c, 7, 7);
		end = strstr(t.log, "\nresponse end ");
		if (!end || !strncmp(end, "\nresponse end 92 ", 17))
			continue;
		other++;
		if (!strstr(end, " uncounted") || strstr(end, "partition"))
			ok(0, "lost at %zu: %s", at, t.log);
	}
	ok(other > 20, "a response that lost bytes is not counted, %u cases", other);
}

int main(void)
{
	TALK_ALL(&kafka_protocol, cases);
	test_probe();
	test_torn();
	test_fetched();
	return tap_done();
}
