/*
 * test_amqp.c - AMQP 0-9-1: conversations, messages that alternate, probing
 */
#include "parsers/amqp/amqp.h"
#include "tests/unit/talk.h"
#include "tests/unit/test_amqp_cases.h"

/* Two messages of two channels, frame by frame in turn. */
static void test_alternating(void)
{
	static const uint8_t bytes[] = "\1\0\1\0\0\0\x0b\0\x3c\0\x28\0\0\1a\1k\0\xce"
				       "\1\0\2\0\0\0\x0b\0\x3c\0\x28\0\0\1b\1k\0\xce"
				       "\2\0\1\0\0\0\x0e\0\x3c\0\0\0\0\0\0\0\0\0\2\0\0\xce"
				       "\2\0\2\0\0\0\x0e\0\x3c\0\0\0\0\0\0\0\0\0\1\0\0\xce"
				       "\3\0\1\0\0\0\1x\xce\3\0\2\0\0\0\1y\xce\3\0\1\0\0\0\1z\xce";
	uint64_t key[2] = {0, 0}, content[2] = {0, 0};
	struct amqp d = {.published = 0};
	unsigned heads = 0, ends = 0;
	struct message m;
	size_t used;

	for (size_t at = 0; at < sizeof(bytes) - 1 || used; at += used) {
		message_init(&m);
		if (amqp_protocol.next(&d, FROM_CLIENT, bytes + at, sizeof(bytes) - 1 - at, &used,
				       &m) != PARSE_EVENT)
			continue;
		if (m.type == MESSAGE_HEAD)
			key[heads++] = m.key;
		else if (m.type == MESSAGE_CONTENT)
			content[m.key == key[1]] += m.data.n;
		else if (m.type == MESSAGE_END)
			is_u64(m.key, key[ends++ ? 0 : 1], "an end");
	}
	is_u64(heads, 2, "heads");
	is_u64(ends, 2, "ends");
	is_u64(content[0], 2, "content of the first");
	is_u64(content[1], 1, "content of the second");
}

static enum probe_result probe(const char *p, size_t n, unsigned *client)
{
	const struct probe in = {
		.p = (const uint8_t *)p,
		.n = n,
		.client = PROBE_NO_DIR,
		.joined = 1,
		.segment = 1,
	};

	return amqp_protocol.probe(&in, client);
}

static void test_probe(void)
{
	static const char publish[] = "\1\0\1\0\0\0\x0b\0\x3c\0\x28\0\0\1a\1k\0\xce";
	static const char ok[] = "\1\0\1\0\0\0\4\0\x14\0\x29\xce",
			  get[] = "\1\0\1\0\0\0\5\0\x3c\0\x48\0\xce";
	char bad[sizeof(publish)];
	unsigned client;

	is_u64(probe("AMQP\0\0\x09\x01", 8, &client), PROBE_YES, "the header");
	is_u64(probe("AMQP\0\1\0\0", 8, &client), PROBE_NO, "AMQP 1.0");
	is_u64(probe(publish, sizeof(publish) - 1, &client), PROBE_YES, "a method of a client");
	is_u64(client, 0, "who that is");
	is_u64(probe(get, sizeof(get) - 1, &client), PROBE_YES, "a method of a server");
	is_u64(client, 1, "who that is");
	is_u64(probe(ok, sizeof(ok) - 1, &client), PROBE_NO, "a method of either");
	is_u64(probe(publish, sizeof(publish) - 2, &client), PROBE_NO, "without its end");
	for (size_t i = 0; i < sizeof(publish) - 1; i++) {
		memcpy(bad, publish, sizeof(bad));
		bad[i] ^= 0x40;
		if (probe(bad, sizeof(publish) - 1, &client) == PROBE_YES)
			ok(i == 1 || i == 2 || i > 10, "another byte at %zu",
			   i); /* channel, arguments */
	}
}

int main(void)
{
	TALK_ALL(&amqp_protocol, cases);
	test_alternating();
	test_probe();
	return tap_done();
}
