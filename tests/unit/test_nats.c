/*
 * test_nats.c - NATS: conversations, probing, masks
 */
#include "parsers/nats/nats.h"
#include "core/mask.h"
#include "tests/unit/talk.h"

static const struct talk_case cases[] = {
	{"publish and subscribe",
	 "CONNECT one-way\nrequest end 0\nPING\nrequest end 0\nPING answered\nresponse end 0\n"
	 "SUB on orders.* one-way\nrequest end 0\n"
	 "publish on orders.new one-way\nrequest end 5\n"
	 "publish on orders.none one-way\nrequest end 0\n"
	 "server: process on orders.new one-way\nresponse end 5\n"
	 "UNSUB one-way\nrequest end 0\n",
	 {"< INFO {\"server_id\":\"NX\",\"version\":\"2.10\"} \r\n",
	  "> CONNECT {\"verbose\":false,\"pass\":\"sesame\"}\r\nPING\r\n", "< PONG\r\n",
	  "> SUB orders.* 1\r\n", "> PUB orders.new 5\r\nhello\r\nPUB orders.none 0\r\n\r\n",
	  "< MSG orders.new 1 5\r\nhello\r\nPING\r\n", "> PONG\r\nunsub 1 5\r\n"}},
	{"requests, by their inbox",
	 "CONNECT one-way\nrequest end 0\nSUB on _INBOX.a.* one-way\nrequest end 0\n"
	 "publish on svc.add\nrequest end 2\npublish on svc.sub\nrequest end 1\n"
	 "publish answered on _INBOX.a.2 as _INBOX.> one-way\nresponse end 1\n"
	 "publish answered on _INBOX.a.1 as _INBOX.> one-way\nresponse end 2\n"
	 "server: process on _INBOX.a.1 as _INBOX.> one-way\nresponse end 2\n"
	 "publish on gone\nrequest end 0\n"
	 "publish answered on _INBOX.a.3 as _INBOX.> messaging_status=503 one-way failed\nresponse "
	 "end 0\n",
	 {"< INFO {\"server_id\":\"NX\"}\r\n", "> CONNECT {\"a\":1}\r\nSUB _INBOX.a.*  7\r\n",
	  "> PUB svc.add _INBOX.a.1 2\r\n40\r\nPUB svc.sub _INBOX.a.2 1\r\n4\r\n",
	  "< MSG _INBOX.a.2 7 1\r\n9\r\nMSG _INBOX.a.1 7 2\r\n42\r\n",
	  "< MSG _INBOX.a.1 7 2\r\n43\r\n", "> PUB gone _INBOX.a.3 0\r\n\r\n",
	  "< HMSG _INBOX.a.3 7 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"}},
	{"headers, errors, acknowledgements",
	 "CONNECT one-way\nrequest end 0\n"
	 "publish on a one-way\nrequest end 2\n"
	 "server: -ERR messaging_status=Permissions Violation for Publish to one-way failed\n"
	 "response end 0\n"
	 "publish on $JS.ACK.s.c.1 as $JS.ACK.> one-way\nrequest end 4\n",
	 {"< INFO {\"server_id\":\"NX\"}\r\n", "> CONNECT {\"verbose\":true}\r\n", "< +OK\r\n",
	  "> HPUB a 23 25\r\nNATS/1.0\r\nA: sesame\r\n\r\nhi\r\n", "< +OK\r\n",
	  "< -ERR 'Permissions Violation for Publish to \"sesame\"'\r\n",
	  "> PUB $JS.ACK.s.c.1 4\r\n+ACK\r\n"}},
	{"headers of no length, as clients send them",
	 "CONNECT one-way\nrequest end 0\npublish on a one-way\nrequest end 2\n"
	 "publish on b one-way\nrequest end 0\n",
	 {"< INFO {\"server_id\":\"NX\"}\r\n", "> CONNECT {\"a\":1}\r\n",
	  "> HPUB a 0 2\r\nhi\r\nHPUB b 0 0\r\n\r\n"}},
};

static enum probe_result probe(const char *p, unsigned want_client)
{
	const struct probe in = {
		.p = (const uint8_t *)p,
		.n = strlen(p),
		.dir = 1,
		.client = PROBE_NO_DIR,
		.start = 1,
		.segment = 1,
	};
	unsigned client = PROBE_NO_DIR;
	enum probe_result r = nats_protocol.probe(&in, &client);

	if (r == PROBE_YES)
		is_u64(client, want_client, "which is the client");
	return r;
}

static void test_probe(void)
{
	is_u64(probe("INFO {\"server_id\":\"N\"", 0), PROBE_YES, "INFO");
	is_u64(probe("INFO", 0), PROBE_MORE, "part of it");
	is_u64(probe("INFO {\"other\":1}", 0), PROBE_NO, "another INFO");
	is_u64(probe("CONNECT {\"verbose\":false", 1), PROBE_YES, "CONNECT");
	is_u64(probe("CONNECT a.example:443 HTTP/1.1", 0), PROBE_NO, "HTTP's");
	is_u64(probe("PUB a 2\r\nxy\r\n", 1), PROBE_YES, "PUB");
	is_u64(probe("PUB a 2\r\nxyz\r\n", 1), PROBE_NO, "PUB, not as long as it says");
	is_u64(probe("MSG a 1 2\r\nxy\r\nMSG b 1 0\r\n\r\n", 0), PROBE_YES, "MSG");
	is_u64(probe("MSG a 1 2\r\nxy\r\nNo", 0), PROBE_NO, "something behind it");
	is_u64(probe("PING\r\nPONG\r\n", 0), PROBE_NO, "PING alone");
	is_u64(probe("SUB a 1\r\nPING\r\n", 0), PROBE_NO, "SUB alone");
}

static struct mask *m;
static uint32_t next[2];

static void masked(unsigned dir, const char *text, const char *want)
{
	static uint8_t p[512];
	struct zc_ev_segment seg = {
		.ev = {.kind = ZC_EV_SEGMENT, .conn = 7},
		.seq = next[dir],
		.dir = (uint8_t)dir,
		.orig_len = (uint32_t)strlen(text),
		.cap_len = (uint32_t)strlen(text),
	};

	memcpy(p, text, strlen(text) + 1);
	next[dir] += seg.orig_len;
	is_str(mask__segment(m, &seg, p) ? (const char *)p : "nothing", want, "masked");
}

static void test_mask(void)
{
	m = mask__new(0);
	masked(1, "INFO {\"server_id\":\"NX\",\"nonce\":\"sesame\"}\r\n",
	       "INFO {\"server_id\":\"xxxxxxxxxxxxxxxxxxxxx\r\n");
	masked(0, "CONNECT {\"user\":\"joe\",\"pass\":\"ses", "CONNECT {\"xxxxxxxxxxxxxxxxxxxxxxx");
	masked(0, "ame\"}\r\nPING\r\n", "xxxxx\r\nPING\r\n");
	masked(1, "PONG\r\n", "PONG\r\n");
	masked(0, "PUB token.1 _INBOX.a 6\r\nsesame\r\n", "PUB token.1 _INBOX.a 6\r\nxxxxxx\r\n");
	masked(1,
	       "HMSG _INBOX.a 9 46 52\r\nNATS/1.0 200\r\nKey: sesame\r\nTraceparent: 00\r\n\r\nses",
	       "HMSG _INBOX.a 9 46 52\r\nNATS/1.0 200\r\nKey: xxxxxx\r\nTraceparent: "
	       "00\r\n\r\nxxx");
	masked(1, "ame\r\n-ERR 'Violation \"sesame\"'\r\n",
	       "xxx\r\n-ERR 'Violation \"xxxxxx\"x\r\n");
	masked(1, "!sesame\r\n", "nothing");
	mask__free(m);
}

int main(void)
{
	TALK_ALL(&nats_protocol, cases);
	test_probe();
	test_mask();
	return tap_done();
}
