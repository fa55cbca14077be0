/*
 * test_redis_probe.c - what is taken for RESP, from a connection's beginning and joined somewhere
 */
#include "tests/unit/tap.h"
#include "parsers/redis/redis_impl.h"

struct probing {
	const char *name;
	enum probe_result want;
	unsigned client, dir; /* dir sends `bytes`; of in.client 2 is not known */
	const char *bytes, *answer;
	int joined, mid;
	unsigned found;
};

static const struct probing probings[] = {
	{"the first command", PROBE_YES, 2, 0, "*1\r\n$4\r\nPING\r\n", NULL, 0, 0, 0},
	{"part of it", PROBE_MORE, 2, 1, "*1\r\n$4\r\nPI", NULL, 0, 0, 0},
	{"one that is not known", PROBE_YES, 1, 1, "*2\r\n$4\r\nFROB\r\n$1\r\na\r\n", NULL, 0, 0,
	 1},
	{"an array of numbers", PROBE_NO, 2, 0, "*1\r\n:3\r\n", NULL, 0, 0, 0},
	{"a line", PROBE_MORE, 2, 0, "PING\r\n", NULL, 0, 0, 0},
	{"a line and RESP", PROBE_YES, 2, 0, "PING\r\n", "+PONG\r\n", 0, 0, 0},
	{"a line and memcached", PROBE_NO, 2, 0, "get a\r\n", "VALUE a 0 1\r\n", 0, 0, 0},
	{"a line and memcached's error", PROBE_NO, 2, 0, "get a\r\n", "END\r\n", 0, 0, 0},
	{"HTTP", PROBE_NO, 2, 0, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n", 0, 0, 0},
	{"SMTP", PROBE_NO, 2, 0, "EHLO a\r\n", NULL, 0, 0, 0},
	{"POP3's greeting", PROBE_NO, 2, 0, "+OK ready\r\n", NULL, 0, 0, 0},
	{"TLS", PROBE_NO, 2, 0, "\x16\x03\x01\x02\x03\x01", NULL, 0, 0, 0},
	{"joined: a command", PROBE_MORE, 2, 0, "*1\r\n$4\r\nPING\r\n", NULL, 1, 0, 0},
	{"joined: and its reply", PROBE_YES, 2, 1, "*1\r\n$4\r\nPING\r\n", "+PONG\r\n", 1, 0, 1},
	{"joined: part of its reply", PROBE_YES, 2, 1, "*1\r\n$4\r\nPING\r\n", "$100\r\nab", 1, 0,
	 1},
	{"joined: what is no reply", PROBE_NO, 2, 0, "*1\r\n$4\r\nPING\r\n", "HTTP/1.1 2", 1, 0, 0},
	{"joined: two commands, one reply", PROBE_WAIT, 0, 0,
	 "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "+PONG\r\n", 1, 0, 0},
	{"joined: one command, two replies", PROBE_NO, 0, 0, "*1\r\n$4\r\nPING\r\n",
	 "+PONG\r\n+PONG\r\n", 1, 0, 0},
	{"joined: within a segment", PROBE_NO, 2, 0, "*1\r\n$4\r\nPING\r\n", "+PONG\r\n", 1, 1, 0},
	{"joined: a command with too few arguments", PROBE_NO, 2, 0, "*1\r\n$3\r\nGET\r\n", NULL, 1,
	 0, 0},
	{"joined: the end of a value", PROBE_NO, 2, 0, "*1\r\n$4\r\nPING\r\n\r\n", NULL, 1, 0, 0},
	{"joined: what a client does not send", PROBE_NO, 2, 0, "*1\r\n$4\r\nFROB\r\n", NULL, 1, 0,
	 0},
	{"joined: subscribing", PROBE_YES, 2, 0, "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n",
	 "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", 1, 0, 0},
	{"joined: a message", PROBE_YES, 2, 1, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n",
	 NULL, 1, 0, 0},
	{"joined: MONITOR", PROBE_YES, 0, 1,
	 "+1339518083.107412 [0 127.0.0.1:60866] \"get\" \"a\"\r\n", NULL, 1, 0, 0},
	{"joined: an array", PROBE_NO, 0, 1, "*2\r\n$1\r\na\r\n$1\r\nb\r\n", NULL, 1, 0, 0},
};

static void check_probe(const struct probing *c)
{
	struct probe in = {
		.p = (const uint8_t *)c->bytes,
		.n = strlen(c->bytes),
		.dir = c->dir,
		.client = c->client,
		.answer = (const uint8_t *)c->answer,
		.nanswer = c->answer ? strlen(c->answer) : 0,
		.start = !c->joined,
		.joined = (uint8_t)c->joined,
		.segment = !c->mid,
		.port = 6379,
	};
	unsigned client = in.client;
	enum probe_result r = redis_probe(&in, &client);

	if (!tap_ok(r == c->want && (r != PROBE_YES || client == c->found), __FILE__, "probe: %s",
		    c->name))
		printf("# got %d, client %u\n", r, client);
}

int main(void)
{
	for (unsigned i = 0; i < sizeof(probings) / sizeof(probings[0]); i++)
		check_probe(&probings[i]);
	return tap_done();
}
