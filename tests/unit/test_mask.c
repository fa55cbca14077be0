/*
 * test_mask.c - recordings of protocols of the table: what is masked, joined somewhere, sent again,
 * lost, and given up
 */
#include "tests/unit/tap.h"
#include "core/mask.h"

static struct mask *m;
static uint32_t next[2];

/* Feeds n bytes as the next segment of dir; says what becomes of them. */
static const char *seg_of(unsigned dir, uint32_t seq, const char *text, size_t n, uint32_t missing)
{
	static uint8_t payload[4][512];
	static unsigned turn;
	uint8_t *p = payload[turn++ % 4];
	struct zc_ev_segment seg = {
		.ev = {.kind = ZC_EV_SEGMENT, .conn = 7},
		.seq = seq,
		.dir = (uint8_t)dir,
		.orig_len = (uint32_t)n + missing,
		.cap_len = (uint32_t)n,
	};
	int kept;

	memcpy(p, text, n + 1);
	kept = mask__segment(m, &seg, p);
	next[dir] = seq + seg.orig_len;
	return kept ? (const char *)p : "nothing";
}

static const char *seg_at(unsigned dir, uint32_t seq, const char *text, uint32_t missing)
{
	return seg_of(dir, seq, text, strlen(text), missing);
}

static const char *seg(unsigned dir, const char *text)
{
	return seg_at(dir, next[dir], text, 0);
}

#define C 0
#define S 1
#define says(dir, text, want, name) tap_eq_str(seg(dir, text), want, __FILE__, name)

static void again(void)
{
	mask__free(m);
	m = mask__new(0);
}

#define SET_X "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\nxxxx\r\n"
#define SET_V "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\nsesa\r\n"

static void test_redis(void)
{
	uint32_t before;

	again();
	says(C, "*2\r\n$4\r\nAUTH\r\n$6\r\nsesame\r\n", "*2\r\n$4\r\nAUTH\r\n$6\r\nxxxxxx\r\n",
	     "a password");
	says(S, "+OK\r\n", "+OK\r\n", "is accepted");
	before = next[C];
	says(C, SET_V, SET_X, "a value");
	tap_eq_str(seg_at(C, before, SET_V, 0), SET_X, __FILE__, "sent again");
	says(S, "-ERR sesame\r\n", "-ERR xxxxxx\r\n", "an error");
	says(C, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9\r\nse", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9\r\nxx",
	     "part of one");
	next[C] += 3;
	says(C, "same\r\n" SET_V, "xxxx\r\n" SET_X, "bytes lost within it do no harm");
	next[C] += 30;
	says(C, SET_V, SET_X, "behind a loss it begins with a segment");
	next[C] += 30;
	says(C, "sesame\r\n" SET_V, "nothing", "or not");
	says(C, SET_V, SET_X, "but with another");
	says(S, "$6\r\nsesame\r\n", "$6\r\nxxxxxx\r\n", "replies go on");
	says(S, "HTTP/1.1 200 OK\r\n", "nothing", "what is no reply ends it");
	says(C, "sesame", "nothing", "then all is open");
}

static void test_pieces(void)
{
	again();
	says(C, "*2\r\n$4\r\nAU", "*2\r\n$4\r\nAU", "pieces: of what may be Redis");
	says(C, "TH\r\n$6\r\nses", "TH\r\n$6\r\nxxx", "and is");
	says(C, "ame\r\n", "xxx\r\n", "to its end");
	again();
	says(C, "AUTH sesame\r\n", "AUTH xxxxxx\r\n", "a line that may be Redis");
	says(S, "+OK\r\n", "+OK\r\n", "its reply says so");
	says(C, "AUTH sesame\r\n", "AUTH xxxxxx\r\n", "the next one");
	again();
	says(C, "get sesame\r\n", "get sesame\r\n", "a line that may be Redis: the key stays");
	says(S, "VALUE sesame 0 6\r\nsesame\r\n", "VALUE sesame 0 6\r\nxxxxxx\r\n",
	     "but it is memcached");
	again();
	says(C, "get sesame\r\n", "get sesame\r\n", "a line that may be either");
	says(S, "220 mail\r\n", "nothing", "but is not");
	says(C, "set sesame sesame\r\n", "nothing", "and the next is not taken for it");
}

static void test_others(void)
{
	again();
	says(C, "GET /?key=ab HTTP/1.1\r\nCookie: a\r\n\r\n",
	     "GET /?key=xx HTTP/1.1\r\nCookie: x\r\n\r\n", "HTTP/1");
	says(S, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
	     "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "its response");
	says(S, "*1\r\n", "xx\r\n", "its content is hidden");
	again();
	says(C, "USER joe\r\nPASS sesame\r\n", "nothing", "nobody knows what this is");
}

#define BEGIN "Q\0\0\0\nBEGIN\0"
#define STARTUP "\0\0\0\x12\0\3\0\0user\0joe\0\0"
#define BEGUN "C\0\0\0\nBEGIN\0Z\0\0\0\5T"
#define stays(dir, bytes, name)                                                                    \
	tap_ok(!memcmp(seg_of(dir, next[dir], bytes, sizeof(bytes) - 1, 0), bytes,                 \
		       sizeof(bytes) - 1), __FILE__, name)

/* What began unseen is recognised as such, by a request and its answer. */
static void test_late(void)
{
	struct zc_ev_open o = {.ev = {.kind = ZC_EV_OPEN, .conn = 7, .flags = ZC_OPEN_PREEXISTING}};

	for (int late = 0; late < 2; late++) {
		again();
		if (late)
			mask__late(m);
		else
			mask__open(m, &o);
		for (int i = 0; i < 2; i++) {
			stays(C, BEGIN, "opened before: a request");
			stays(S, BEGUN, "its answer");
		}
	}
	again();
	mask__late(m);
	o.ev.flags = 0;
	mask__open(m, &o);
	stays(C, STARTUP, "opened since: what only a beginning is");
}

int main(void)
{
	test_redis();
	test_pieces();
	test_others();
	test_late();
	mask__free(m);
	return tap_done();
}
