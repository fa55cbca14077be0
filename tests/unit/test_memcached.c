/*
 * test_memcached.c - memcached: text, meta and binary conversations, probing, masks
 */
#include "core/mask.h"
#include "parsers/memcached/memcached.h"
#include "tests/unit/talk.h"

static const struct talk_case cases[] = {
	{"text commands",
	 "set on k\nrequest end 11\nset answered\nresponse end 0\n"
	 "add on k\nrequest end 3\nadd answered\nresponse end 0\n"
	 "get on k db_batch_size=3\nrequest end 0\nget answered\nresponse end 8 rows=2\n"
	 "get on none\nrequest end 0\nget answered\nresponse end 0 rows=0\n"
	 "incr on n\nrequest end 0\nincr answered\nresponse end 0\n"
	 "gat on k\nrequest end 0\ngat answered\nresponse end 5 rows=1\n"
	 "touch on k one-way\nrequest end 0\n"
	 "delete on k\nrequest end 0\ndelete answered\nresponse end 0\n",
	 {"> set k 0 0 11\r\nuser sesame\r\n", "< STORED\r\n", "> add k 0 60 3\r\n\r\n\r\r\n",
	  "< NOT_STORED\r\n", "> get k x l\r\n",
	  "< VALUE k 0 5\r\nEND\r\n\r\nVALUE l 3 3 77\r\nabc\r\nEND\r\n", "> get none\r\n",
	  "< END\r\n", "> incr n 4\r\n", "< 17\r\n", "> gat 10 k\r\n",
	  "< VALUE k 0 5\r\nEND\r\n\r\nEND\r\n", "> touch k 0 noreply\r\ndelete k\r\n",
	  "< DELETED\r\n"}},
	{"errors",
	 "get on k\nrequest end 0\nget answered db_status=SERVER_ERROR failed\n"
	 "response end 0 rows=0\n"
	 "set on k\nrequest end 2\nset answered db_status=SERVER_ERROR failed\nresponse end 0\n"
	 "incr on k\nrequest end 0\nincr answered db_status=CLIENT_ERROR failed\nresponse end 0\n"
	 "verbosity\nrequest end 0\nverbosity answered db_status=ERROR failed\nresponse end 0\n"
	 "get on a\nrequest end 0\nget answered\n"
	 "response end 1 db_status=SERVER_ERROR failed\n",
	 {"> get k\r\n", "< SERVER_ERROR temporary failure\r\n", "> set k 0 0 2\r\nab\r\n",
	  "< SERVER_ERROR object too large for cache\r\n", "> incr k 1\r\n",
	  "< CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", "> verbosity\r\n",
	  "< ERROR\r\n", "> get a\r\n",
	  "< VALUE a 0 1\r\nx\r\nSERVER_ERROR out of memory\r\n"}},
	{"lists, and the end",
	 "stats\nrequest end 0\nstats answered\nresponse end 0\n"
	 "stats\nrequest end 0\nstats answered\nresponse end 0\n"
	 "version\nrequest end 0\nversion answered\nresponse end 0\n"
	 "watch\nrequest end 0\nwatch answered long\nnotice 16\nnotice 5\n"
	 "quit one-way\nrequest end 0\nresponse end 0 long\n",
	 {"> stats\r\n", "< STAT pid 1\r\nSTAT version 1.6\r\nEND\r\n", "> stats reset\r\n",
	  "< RESET\r\n", "> version\r\n", "< VERSION 1.6.18\r\n", "> watch fetchers\r\n",
	  "< OK\r\nts=1.2 gid=3 k\r\na=b\r\n", "> quit\r\n"}},
	{"meta commands, pipelined and quiet",
	 "mg on a\nrequest end 0\nmg answered\nresponse end 2 rows=1\n"
	 "mg on miss\nrequest end 0\nmg on b\nrequest end 0\nms on c\nrequest end 3\n"
	 "md on d one-way\nrequest end 0\nmn\nrequest end 0\n"
	 "mg answered\nresponse end 0\nmg answered\nresponse end 1 rows=1\n"
	 "ms answered\nresponse end 0\nmn answered\nresponse end 0\n",
	 {"> mg a v t\r\n", "< VA 2 t-1\r\nxy\r\n",
	  "> mg miss v q k\r\nmg b v q O12\r\nms c 3 q O13 T0\r\nabc\r\nmd d q\r\nmn\r\n",
	  "< VA 1 O12\r\nz\r\nMN\r\n"}},
	{"binary",
	 "set on key\nrequest end 5\nset answered\nresponse end 0\n"
	 "get on key\nrequest end 0\nget answered\nresponse end 5 rows=1\n"
	 "get on no\nrequest end 0\nget answered\nresponse end 0 rows=0\n"
	 "get on a\nrequest end 0\nget on b\nrequest end 0\nnoop\nrequest end 0\n"
	 "get answered\nresponse end 0\nget answered\nresponse end 1 rows=1\n"
	 "noop answered\nresponse end 0\n"
	 "sasl_auth\nrequest end 5\nsasl_auth answered db_status=AUTH_ERROR failed\n"
	 "response end 0\n"
	 "stats\nrequest end 0\nstats answered\nresponse end 0\n"
	 "quit one-way\nrequest end 0\n",
	 {"> =80010003 08000000 00000010 00000001 0000000000000000 0000000000000e10 6b6579"
	  "68656c6c6f",
	  "< =81010000 00000000 00000000 00000001 0000000000000007",
	  "> =80000003 00000000 00000003 00000002 0000000000000000 6b6579",
	  "< =81000000 04000000 00000009 00000002 0000000000000007 00000000 68656c6c6f",
	  "> =80000002 00000000 00000002 00000003 0000000000000000 6e6f",
	  "< =81000000 00000001 00000009 00000003 0000000000000000 4e6f7420666f756e64",
	  "> =800d0001 00000000 00000001 00000004 0000000000000000 61"
	  "800d0001 00000000 00000001 00000005 0000000000000000 62"
	  "800a0000 00000000 00000000 00000006 0000000000000000",
	  "< =810d0001 04000000 00000006 00000005 0000000000000009 00000000 62 7a"
	  "810a0000 00000000 00000000 00000006 0000000000000000",
	  "> =80210005 00000000 0000000a 00000007 0000000000000000 504c41494e 00 75 00 70 70",
	  "< =81210000 00000020 0000000c 00000007 0000000000000000 417574682066 61696c757265",
	  "> =80100000 00000000 00000000 00000008 0000000000000000",
	  "< =81100003 00000000 00000005 00000008 0000000000000000 706964 3132"
	  "81100000 00000000 00000000 00000008 0000000000000000",
	  "> =80170000 00000000 00000000 00000009 0000000000000000"}},
};

static enum probe_result probe(const char *asked, size_t n, const char *answer, int joined)
{
	const struct probe in = {
		.p = (const uint8_t *)asked,
		.n = n,
		.client = PROBE_NO_DIR,
		.start = !joined,
		.joined = (uint8_t)joined,
		.segment = 1,
		.answer = (const uint8_t *)answer,
		.nanswer = answer ? strlen(answer) : 0,
	};
	unsigned client;

	return memcached_protocol.probe(&in, &client);
}

static void test_probe(void)
{
	static const struct {
		const char *asked, *answer;
		enum probe_result want;
	} rows[] = {
		{"get k\r\n", NULL, PROBE_MORE},
		{"ge", NULL, PROBE_MORE},
		{"get k\r\n", "END\r\n", PROBE_YES},
		{"get k\r\n", "VALUE k 0 2\r\n", PROBE_YES},
		{"get k\r\n", "VALUE k", PROBE_WAIT},
		{"get k\r\n", "VALUE other 0 2\r\n", PROBE_NO},
		{"get k\r\n", "$2\r\nab\r\n", PROBE_NO},
		{"get k\r\n", "+OK\r\n", PROBE_NO},
		{"get k\r\n", "HTTP/1.1 400 Bad Request\r\n", PROBE_NO},
		{"get k\r\n", "500 unknown command\r\n", PROBE_NO},
		{"cas k 0 0 2 7\r\nab\r\n", "EXISTS\r\n", PROBE_YES},
		{"set k 0 0 2\r\nab\r\n", "STORED\r\n", PROBE_YES},
		{"set k 0 1 x\r\nabc\r\n", "STORED\r\n", PROBE_NO},
		{"set k 0 0 2 noreply\r\nab\r\nget k\r\n", "END\r\n", PROBE_YES},
		{"delete k\r\n", "OK\r\n", PROBE_NO},
		{"delete k\r\n", "+OK\r\n", PROBE_NO},
		{"version\r\n", "VERSION 1.6\r\n", PROBE_YES},
		{"version\r\n", "OK\r\n", PROBE_NO},
		{"quit\r\n", "221 bye\r\n", PROBE_NO},
		{"stats\r\n", "STAT pid 1\r\n", PROBE_YES},
		{"incr k 1\r\n", "5\r\n", PROBE_YES},
		{"get k 1\r\n", "5\r\n", PROBE_NO},
		{"mn\r\n", "MN\r\n", PROBE_YES},
		{"get / http/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n", PROBE_NO},
		{"gone k\r\n", NULL, PROBE_NO},
		{"set k\r\n", NULL, PROBE_NO},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int joined = 0; joined < 2; joined++)
			ok(probe(rows[i].asked, strlen(rows[i].asked), rows[i].answer, joined) ==
				   rows[i].want,
			   "probe row %zu", i);
	is_u64(probe("\x80\x0a\0\0\0\0\0\0\0\0\0\0\1\2\3\4\0\0\0\0\0\0\0\0", 24, NULL, 0),
	       PROBE_YES, "a packet at the beginning");
	is_u64(probe("\x80\x0a\0\0\0\0\0\0\0\0\0\0\1\2\3\4\0\0\0\0\0\0\0\0", 24, NULL, 1),
	       PROBE_MORE, "a packet somewhere");
	is_u64(probe("\x80\x0a\0\0\0\0\0\0\0\0\0\1\1\2\3\4\0\0\0\0\0\0\0\0", 24, NULL, 0),
	       PROBE_NO, "a noop with content");
}

/* ---- masks */

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
	masked(0, "set token 5 60 11\r\nuser sesame\r\n", "set token 5 60 11\r\nxxxxxxxxxxx\r\n");
	masked(1, "STORED\r\n", "STORED\r\n");
	masked(0, "get user:1 sesame\r\n", "get user:1 xxxxxx\r\n");
	masked(1, "VALUE sesame 0 6\r\nses", "VALUE sesame 0 6\r\nxxx");
	masked(1, "ame\r\nEND\r\n", "xxx\r\nEND\r\n");
	masked(0, "incr n 405\r\nmg k v O9 q\r\n", "incr n xxx\r\nmg k v O9 q\r\n");
	masked(1, "9051\r\nVA 2 O9\r\nab\r\n", "1011\r\nVA 2 O9\r\nxx\r\n");
	masked(1, "CLIENT_ERROR bad sesame\r\n", "CLIENT_ERROR xxx xxxxxx\r\n");
	masked(0, "touch k 70 noreply\r\n", "touch k 70 noreply\r\n");
	masked(0, "!sesame\r\n", "xxxxxxx\r\n");
	mask__free(m);
	next[0] = next[1] = 0;
	m = mask__new(0);
	masked(0, "get sesame\r\n", "get sesame\r\n");
	masked(1, "220 mail.example ready\r\n", "nothing");
	masked(0, "sesame\r\n", "nothing");
	mask__free(m);
}

int main(void)
{
	TALK_ALL(&memcached_protocol, cases);
	test_probe();
	test_mask();
	return tap_done();
}
