/*
 * test_mqtt.c - MQTT: conversations, probing
 */
#include "parsers/mqtt/mqtt_impl.h"
#include "tests/unit/talk.h"
#include "tests/unit/test_mqtt_cases.h"

static enum probe_result probe(const char *p, size_t n, const char *answer, size_t nanswer,
			       unsigned who)
{
	const struct probe in = {
		.p = (const uint8_t *)p,
		.n = n,
		.client = who,
		.joined = 1,
		.segment = 1,
		.answer = (const uint8_t *)answer,
		.nanswer = nanswer,
	};
	unsigned client;

	return mqtt_protocol.probe(&in, &client);
}

static void test_probe(void)
{
	static const char connect[] = "\x10\x0d\0\4MQTT\4\2\0<\0\1a", sub[] = "\x82\6\0\1\0\1a\0";
	static const char pub[] = "\x30\4\0\1ax\x32\6\0\1a\0\7x";

	is_u64(probe(connect, 15, NULL, 0, PROBE_NO_DIR), PROBE_YES, "CONNECT");
	is_u64(probe(connect, 5, NULL, 0, PROBE_NO_DIR), PROBE_MORE, "part of it");
	is_u64(probe(connect, 15, NULL, 0, 1), PROBE_NO, "from the server");
	is_u64(probe("\x10\x0d\0\4MQTX\4\2\0<\0\1a", 15, NULL, 0, 2), PROBE_NO, "another name");
	is_u64(probe(sub, 8, NULL, 0, 2), PROBE_MORE, "SUBSCRIBE");
	is_u64(probe(sub, 8, "\x90\3\0\1\0", 5, 2), PROBE_YES, "SUBACK");
	is_u64(probe(sub, 8, "\x90\3\0\2\0", 5, 2), PROBE_NO, "SUBACK of another");
	is_u64(probe(sub, 7, "\x90\3\0\1\0", 5, 2), PROBE_NO, "half of it");
	is_u64(probe(pub, 14, "\x40\2\0\7", 4, 0), PROBE_YES, "PUBLISH of a client");
	is_u64(probe(pub, 14, "\x40\2\0\7", 4, 1), PROBE_YES, "PUBLISH of a server");
	is_u64(probe(pub, 14, "\x40\2\0\7", 4, 2), PROBE_NO, "PUBLISH of nobody knows whom");
	is_u64(probe(pub, 6, "\x40\2\0\7", 4, 0), PROBE_NO, "QoS 0 alone");
	is_u64(probe("\xc0\0", 2, "\xd0\0", 2, 0), PROBE_YES, "PINGREQ");
	is_u64(probe("\xc0\0", 2, "\xd0\1", 2, 0), PROBE_NO, "no PINGRESP");
}

/* Of whose CONNECT was not seen. */
static void test_version(void)
{
#define P(s, version, what) {s, sizeof(s) - 1, version, what}
	static const struct {
		const char *p;
		size_t n;
		uint8_t version;
		const char *what;
	} t[] = {
		P("\x20\2\0\0", 4, "CONNACK"),
		P("\x20\3\0\0\0", 5, "CONNACK with properties"),
		P("\x82\6\0\1\0\1a\0", 4, "SUBSCRIBE"),
		P("\x82\7\0\1\0\0\1a\0", 5, "SUBSCRIBE with no property"),
		P("\x82\x09\0\1\2\x0b\7\0\1a\4", 5, "SUBSCRIBE with an identifier"),
		P("\xa2\6\0\1\0\0\1a", 5, "UNSUBSCRIBE with no property"),
		P("\xa2\5\0\1\0\1a", 4, "UNSUBSCRIBE"),
		P("\x40\2\0\1", 0, "PUBACK"),
		P("\x40\3\0\1\x10", 5, "PUBACK with a reason"),
		P("\x30\5\0\1a{}", 4, "PUBLISH whose payload cannot be properties"),
		P("\x30\3\0\1a", 4, "PUBLISH without anything"),
		P("\x30\5\0\1a\0x", 0, "PUBLISH with no property, or a payload that begins with 0"),
		P("\x30\7\0\1a\2\1\1x", 5, "PUBLISH with a property"),
		P("\xe0\1\0", 5, "DISCONNECT with a reason"),
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const uint8_t *p = (const uint8_t *)t[i].p;
		struct mqtt_packet k;
		enum sender from = p[0] >> 4 == MQTT_CONNACK ? FROM_SERVER : FROM_CLIENT;

		is_u64(mqtt_packet(p, t[i].n, from, &k) > 0 && k.head + k.len == t[i].n
			       ? mqtt_version(&k, p + k.head, k.len)
			       : 99,
		       t[i].version, t[i].what);
	}
#undef P
}

int main(void)
{
	test_version();
	TALK_ALL(&mqtt_protocol, cases);
	test_probe();
	return tap_done();
}
