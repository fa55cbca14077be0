/*
 * test_mask_side.c - what a direction speaks, and what is hidden in it, on octets written by hand
 *
 * The vectors of RFC 7541 appendix C.4 (Huffman code) are used where they fit.
 */
#include "tests/unit/tap.h"
#include "tests/unit/one_way.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "\0\0\0\4\0\0\0\0\0"
#define HEADERS(length) "\0\0" length "\1\4\0\0\0\1"
#define GET "\x82\x86" /* :method GET, :scheme http */

struct text {
	const char *p;
	size_t n;
};
#define T(literal) {literal, sizeof(literal) - 1}

static const struct {
	const char *name;
	struct text in, out;
} cases[] = {
	{"raw literals: authorization, user-agent",
	 T(PREFACE SETTINGS HEADERS("\x15") GET "\x57\x06secret\x5a\x07"
						"abcdefg"),
	 T(PREFACE SETTINGS HEADERS("\x15") GET "\x57\x06xxxxxx\x5a\x07"
						"abcdefg")},
	{"coded: www.example.com as :authority stays, custom-key as a cookie becomes 0300033B0B",
	 T(PREFACE HEADERS("\x1a") GET "\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"
				       "\x60\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f"),
	 T(PREFACE HEADERS("\x1a") GET "\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"
				       "\x60\x88\x03\x20\x00\x19\x66\xe8\x2e\xff")},
	{"a name of its own, then the table: 62 is x-auth-token, 63 etag",
	 T(PREFACE HEADERS("\x26") GET "\x62\x01"
				       "e"
				       "\x40\x0cx-auth-token\x02"
				       "ab"
				       "\x7e\x02"
				       "cd"
				       "\x0f\x30\x02"
				       "ef"
				       "\xbe\x0f\x31\x01"
				       "g"),
	 T(PREFACE HEADERS("\x26") GET "\x62\x01"
				       "e"
				       "\x40\x0cx-auth-token\x02"
				       "xx"
				       "\x7e\x02"
				       "xx"
				       "\x0f\x30\x02"
				       "xx"
				       "\xbe\x0f\x31\x01"
				       "g")},
	{"never indexed: a field, but not :path",
	 T(PREFACE HEADERS("\x10") GET "\x14\x04/a/b"
				       "\x1f\x21\x05value"),
	 T(PREFACE HEADERS("\x10") GET "\x14\x04/a/b"
				       "\x1f\x21\x05xxxxx")},
	{"the query of :path", T(PREFACE HEADERS("\x11") GET "\x04\x0d/?a=1&key=abc"),
	 T(PREFACE HEADERS("\x11") GET "\x04\x0d/?a=1&key=xxx")},
	{"a cookie over two CONTINUATION frames, PING and padding around them",
	 T(PREFACE "\0\0\x08\6\0\0\0\0\0cookie=1"
		   "\0\0\x0c\1\x08\0\0\0\1\x05" GET "\x60\x0c"
		   "ab"
		   "\0\0\0\0\0"
		   "\0\0\5\x09\0\0\0\0\1"
		   "cdefg"
		   "\0\0\5\x09\4\0\0\0\1"
		   "hijkl"
		   "\0\0\3\0\0\0\0\0\1"
		   "abc"),
	 T(PREFACE "\0\0\x08\6\0\0\0\0\0cookie=1"
		   "\0\0\x0c\1\x08\0\0\0\1\x05" GET "\x60\x0c"
		   "xx"
		   "\0\0\0\0\0"
		   "\0\0\5\x09\0\0\0\0\1"
		   "xxxxx"
		   "\0\0\5\x09\4\0\0\0\1"
		   "xxxxx"
		   "\0\0\3\0\0\0\0\0\1"
		   "xxx")},
	{"index 0: the rest is hidden, then it goes on",
	 T(PREFACE HEADERS("\5") GET "\x80"
				     "ab" HEADERS("\5") GET "\x60\1"
							    "a"),
	 T(PREFACE HEADERS("\5") GET "\x80\x80\x80" HEADERS("\5") GET "\x60\1"
								      "x")},
	{"coded: EOS in a value",
	 T(PREFACE HEADERS("\x0a") GET "\x60\x85\xff\xff\xff\xff"
				       "a"
				       "\x82"),
	 T(PREFACE HEADERS("\x0a") GET "\x60\x85\x80\x80\x80\x80\x80\x80")},
	{"a server begins with SETTINGS",
	 T(SETTINGS HEADERS("\x06") "\x88\x77\x03"
				    "xxx"),
	 T(SETTINGS HEADERS("\x06") "\x88\x77\x03"
				    "xxx")},
	{"joined late",
	 T(HEADERS("\x07") GET "\x84\x60\x02"
			       "ab" HEADERS("\5") GET "\x7f\1\0"),
	 T(HEADERS("\x07") GET "\x84\x60\x02"
			       "xx" HEADERS("\5") GET "\x7f\1\0")},
	{"joined late: a literal whose name was sent before",
	 T(HEADERS("\x08") GET "\x84\x7f\x05\x02"
			       "ab"),
	 T(HEADERS("\x08") GET "\x84\x7f\x05\x02"
			       "xx")},
	{"an upgrade to h2c",
	 T("HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n" SETTINGS HEADERS("\x06") "\x88\x77\x03"
										     "abc"),
	 T("HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n" SETTINGS HEADERS("\x06") "\x88\x77\x03"
										     "xxx")},
	{"HTTP/1",
	 T("POST /?key=abc HTTP/1.1\r\nCookie: ab\r\nContent-Length: 9\r\n\r\n"
	   "PRI * HT;"
	   "PUT / HTTP/1.1\r\nCookie: ab\r\n"),
	 T("POST /?key=xxx HTTP/1.1\r\nCookie: xx\r\nContent-Length: 9\r\n\r\n"
	   "xxxxxxxxx"
	   "PUT / HTTP/1.1\r\nCookie: xx\r\n")},
	{"a request for a tunnel, and what goes through it",
	 T("CONNECT a:1 HTTP/1.1\r\nCookie: ab\r\n\r\n"
	   "*2\r\n$4\r\nAUTH\r\n$6\r\nsesame\r\n"),
	 T("CONNECT a:1 HTTP/1.1\r\nCookie: xx\r\n\r\n"
	   "xxxxxxxxxxxxxxxxxxxxxxxxxx")},
	{"an upgrade to what is not known",
	 T("HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\n"
	   "sesame"),
	 T("HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\n"
	   "xxxxxx")},
	{"records of TLS",
	 T("\x16\3\1\0\x2a\1\0\0\x26\3\3"
	   "0123456789abcdef0123456789abcdef"
	   "\0\0\0\0"
	   "\x17\3\3\0\4"
	   "abcd"),
	 T("\x16\3\1\0\x2a\1\0\0\x26\3\3"
	   "0123456789abcdef0123456789abcdef"
	   "\0\0\0\0"
	   "\x17\3\3\0\4"
	   "abcd")},
	{"text that begins like the preface", T("PRI * HTTP/1.1\r\nCookie: ab\r\n\r\n"),
	 T("PRI xxxxxxxxxxxxxxxxxxxxxxxxxx")},
	{"neither", T("\0\0\0\x0bSELECT '1'\n"), T("xxxxxxxxxxxxxxx")},
	{"a password by POP3", T("PASS sesame\r\n"), T("xxxxxxxxxxxxx")},
	{"a password by Redis", T("AUTH sesame\r\n"), T("AUTH xxxxxx\r\n")},
	{"memcached", T("get key\r\nset key 0 0 6\r\nsesame\r\n"),
	 T("get key\r\nset key x x x\r\nxxxxxx\r\n")},
};

/* From here on the cases are of nothing that is certain. */
#define HIDDEN_FROM (sizeof(cases) / sizeof(*cases) - 5)

/* Is what is left the same wherever it is cut? */
static int may_cut(size_t i, size_t cut)
{
	/* what is not certain is hidden, or a few bytes stay that may be those of a method or a
	 * head */
	if (!strncmp(cases[i].name, "a request for a tunnel", 22))
		return !cut; /* an authority that is cut is hidden */
	return i < HIDDEN_FROM || !cut;
}

static void test_cases(void)
{
	char out[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct text *in = &cases[i].in, *want = &cases[i].out;
		size_t differ = 0, leaks = 0;

		for (size_t cut = 0; cut < in->n; cut++) {
			struct one_way w = {0};

			one_way_feed(&w, 0, in->p, cut, out);
			one_way_feed(&w, 0, in->p + cut, in->n - cut, out + cut);
			/* of a coded symbol that is cut, the bits before the cut stay */
			if (may_cut(i, cut) && memcmp(out, want->p, in->n) &&
			    (cut == 0 || strncmp(cases[i].name, "coded", 5)))
				differ++;
			leaks += memmem(out, in->n, "esa", 3) || memmem(out, in->n, "ame", 3);
			one_way_release(&w);
		}
		ok(in->n == want->n && !differ, "%s: whole and cut anywhere", cases[i].name);
		is_u64(leaks, 0, "and no secret is left");
	}
}

static void part(struct one_way *w, unsigned dir, const char *in, const char *want, size_t n,
		 const char *name)
{
	char out[256];

	one_way_feed(w, dir, in, n, out);
	ok(!memcmp(out, want, n), "%s", name);
}
#define PART(w, in, want, name) part(w, 0, in, want, sizeof(in) - 1, name)
#define PEER(w, in, want, name) part(w, 1, in, want, sizeof(in) - 1, name)

static void test_gaps(void)
{
	struct one_way w = {0};

	PART(&w,
	     PREFACE HEADERS("\x19") GET "\x60\x0a"
					 "abc",
	     PREFACE HEADERS("\x19") GET "\x60\x0a"
					 "xxx",
	     "gap: a cookie begins");
	mask_side_gap(&w.conn, &w.side[0], 3);
	PART(&w,
	     "ghij"
	     "\x5a\x09useragent" HEADERS("\5") GET "\x60\1"
						   "a",
	     "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80" HEADERS("\5") GET
	     "\x60\1"
	     "x",
	     "gap in a field block: its rest is hidden, the next one is understood");
	PART(&w, HEADERS("\5") GET "\x7e\1" "a", HEADERS("\5") GET "\x7e\1" "x",
	     "gap: names that may have been inserted in it are not known");
	PART(&w, HEADERS("\5") GET "\x5a\1" "a" "\0\0\x40\0\0\0\0\0\1" "abc",
	     HEADERS("\5") GET "\x5a\1" "a" "\0\0\x40\0\0\0\0\0\1" "xxx", "gap: content begins");
	mask_side_gap(&w.conn, &w.side[0], 60);
	PART(&w, "d" HEADERS("\5") GET "\x7e\1" "a", "x" HEADERS("\5") GET "\x7e\1" "a",
	     "gap in content: nothing is lost");
	mask_side_gap(&w.conn, &w.side[0], 1);
	PART(&w, "\0\0\5secret", "\x80\x80\x80\x80\x80\x80\x80\x80\x80",
	     "gap over the end of a frame: what follows is hidden");
	PART(&w,
	     "abc" HEADERS("\x08") GET "\x84\x60\1"
				       "a"
				       "\x84\x84",
	     "\x80\x80\x80" HEADERS("\x08") GET "\x84\x60\1"
						"x"
						"\x84\x84",
	     "gap: until frames are found");
	one_way_release(&w);
}

static void test_peers(void)
{
	struct one_way w = {0};

	PEER(&w, "content", "xxxxxxx", "joined late: this may be anything");
	PART(&w, PREFACE, PREFACE, "the other direction is HTTP/2");
	PEER(&w, "content", "\x80\x80\x80\x80\x80\x80\x80", "so this one is lost in HTTP/2");
	PEER(&w, PREFACE HEADERS("\5") GET "\x60\1" "a", PREFACE HEADERS("\5") GET "\x60\1" "x",
	     "until frames or a preface come");
	PART(&w, HEADERS("\5") GET "\x60\1" "a", HEADERS("\5") GET "\x60\1" "x", "a frame");
	one_way_release(&w);
	PART(&w, PREFACE, PREFACE, "a preface");
	PEER(&w, "HTTP/1.1 400 Bad\r\nSet-Cookie: a\r\n\r\n",
	     "HTTP/1.1 400 Bad\r\nSet-Cookie: x\r\n\r\n",
	     "is answered by a server that does not speak HTTP/2");
	PART(&w, "secret", "xxxxxx", "what the client sends meanwhile is nothing");
	one_way_release(&w);
	PEER(&w,
	     HEADERS("\5") GET "\x60\1"
			       "a",
	     HEADERS("\5") GET "\x60\1"
			       "x",
	     "frames, joined late");
	PART(&w, "\x16\3\1\0\x05", "xxxxx", "may be something else, and nothing that is known");
	one_way_release(&w);
}

#define AUTH "*2\r\n$4\r\nAUTH\r\n$6\r\nsesame\r\n"
#define AUTH_HIDDEN "*2\r\n$4\r\nAUTH\r\n$6\r\nxxxxxx\r\n"

/* Another protocol begins: in both directions, and not before it is agreed upon. */
static void test_switches(void)
{
	struct one_way w = {0};

	PART(&w, "CONNECT a:1 HTTP/1.1\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\n\r\n",
	     "a tunnel is asked for");
	PEER(&w, "HTTP/1.1 407 No\r\nContent-Length: 6\r\n\r\nresult",
	     "HTTP/1.1 407 No\r\nContent-Length: 6\r\n\r\nrexxxx", "it is refused");
	PART(&w, "CONNECT a:1 HTTP/1.1\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\n\r\n", "again");
	PEER(&w, "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "it is granted");
	PART(&w, AUTH, AUTH_HIDDEN, "Redis within it is masked as Redis is");
	PEER(&w, "+OK\r\n", "+OK\r\n", "both ways");
	PEER(&w, "$6\r\nsesame\r\n", "$6\r\nxxxxxx\r\n", "to its end");
	one_way_release(&w);
	PART(&w, "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n", "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n",
	     "an upgrade");
	PEER(&w, "HTTP/1.1 101 Go\r\nUpg", "HTTP/1.1 101 Go\r\nUpg", "is granted");
	PEER(&w,
	     "rade: h2c\r\n\r\n" SETTINGS HEADERS("\x06") "\x88\x77\x03"
							  "abc",
	     "rade: h2c\r\n\r\n" SETTINGS HEADERS("\x06") "\x88\x77\x03"
							  "xxx",
	     "by a head that is cut");
	PART(&w, PREFACE HEADERS("\5") GET "\x60\1" "a", PREFACE HEADERS("\5") GET "\x60\1" "x",
	     "the client goes on with the preface");
	one_way_release(&w);
	PART(&w, "GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", "GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n",
	     "to what is not known");
	PEER(&w, "HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\nsesame",
	     "HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\nxxxxxx", "what the server sends is hidden");
	PART(&w, "LOGIN sesame\r\n", "xxxxxxxxxxxxxx", "and what the client does");
	one_way_release(&w);
	PART(&w, "GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", "GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n",
	     "again");
	mask_side_gap(&w.conn, &w.side[1], 40);
	PART(&w, "LOGIN sesame\r\n", "xxxxxxxxxxxxxx",
	     "even if it was not seen that it is granted");
	one_way_release(&w);
}

/* The end of a segment within Host: an address is known as such, a user never shows. */
static void test_cut_authority(void)
{
	struct one_way w = {0};

	PART(&w, "GET / HTTP/1.1\r\nHost: 127.0", "GET / HTTP/1.1\r\nHost: 127.0",
	     "an address, cut");
	PART(&w, ".0.1\r\n\r\n", ".0.1\r\n\r\n", "and its rest");
	PART(&w, "GET / HTTP/1.1\r\nHost: us", "GET / HTTP/1.1\r\nHost: xx", "perhaps a user");
	PART(&w, "er:pw@a.b\r\n\r\n", "xxxxx@a.b\r\n\r\n", "one indeed");
	PART(&w, "GET / HTTP/1.1\r\nHost: 47", "GET / HTTP/1.1\r\nHost: 47", "digits, cut");
	PART(&w, "11:pw@a.b\r\n\r\n", "xxxxx@a.b\r\n\r\n", "of a user after all");
	one_way_release(&w);
}

int main(void)
{
	test_cases();
	test_cut_authority();
	test_gaps();
	test_peers();
	test_switches();
	return tap_done();
}
