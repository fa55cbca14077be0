/* Secrets in heads of HTTP/1, however they are cut, and whatever is missing. */
#include <stdlib.h>

#include "parsers/http1/http1_protocol.h"
#include "tests/unit/tap.h"

struct direction {
	uint64_t state[128];
	struct mask_shared both;
};

static void begin(struct direction *d, const char *text)
{
	enum sender from = !strncmp(text, "HTTP/", 5) ? FROM_SERVER : FROM_CLIENT;

	memset(d, 0, sizeof(*d));
	http1_mask.begin(d->state, from, MASK_START | MASK_CONTENT);
}

#define HEAD1                                                                                      \
	"POST http://me:pw@h/x?a=1&token=abc HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer "        \
	"s3cr3t\r\n"                                                                               \
	"cookie:a=b; c=d\r\n  folded\r\nReferer: http://h/?sid=77&b=2\r\nX-Api-Key :\tk\r\n"
#define HEAD1_OUT                                                                                  \
	"POST http://xxxxx@h/x?a=1&token=xxx HTTP/1.1\r\nHost: h\r\nAuthorization: "               \
	"xxxxxxxxxxxxx\r\n"                                                                        \
	"cookie:xxxxxxxx\r\n  xxxxxx\r\nReferer: http://h/?sid=xx&b=2\r\nX-Api-Key :\tx\r\n"

static const struct {
	const char *name, *in, *out;
	int authority; /* a cut inside it hides more */
} heads[] = {
	{"a request", HEAD1 "\r\n", HEAD1_OUT "\r\n", 1},
	{"content of known length, then another head",
	 "PUT /?key=1 HTTP/1.1\nContent-Length: 15\n\nCookie: k=v\r\n\r\n"
	 "GET /a?key=2&b HTTP/1.0\r\nCookie: z\r\n\r\n",
	 "PUT /?key=x HTTP/1.1\nContent-Length: 15\n\nCookie: k=v\r\n\r\n"
	 "GET /a?key=x&b HTTP/1.0\r\nCookie: x\r\n\r\n",
	 0},
	{"chunks and trailers, then another head",
	 "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nSet-Cookie: a\r\n\r\n"
	 "b;x=y\r\nCookie: k=v\r\n2\r\n\r\n\r\n0\r\nCookie: t\r\n\r\nHTTP/1.1 204 "
	 "No\r\nSet-Cookie: bc\r\n\r\n",
	 "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nSet-Cookie: x\r\n\r\n"
	 "b;x=y\r\nCookie: k=v\r\n2\r\n\r\n\r\n0\r\nCookie: x\r\n\r\nHTTP/1.1 204 "
	 "No\r\nSet-Cookie: xx\r\n\r\n",
	 0},
	{"an interim response, then the final one",
	 "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: abc\r\n\r\nCookie: "
	 "content\r\n",
	 "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: xxx\r\n\r\nCookie: "
	 "content\r\n",
	 0},
	{"joined in the middle of a head",
	 "n/json\r\nAuthorization: Basic QQ==\r\nAccept: */*\r\n\r\nGET /?sig=2 HTTP/1.1\r\n\r\n",
	 "nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxGET /?sig=x HTTP/1.1\r\n\r\n", 1},
	{"a method in small letters",
	 "get /?sig=2 HTTP/1.1\r\nCookie: a\r\n\r\nget /?sig=2 HTTP/1.1\r\nCookie: a\r\n\r\n",
	 "get /?sig=x HTTP/1.1\r\nCookie: x\r\n\r\nget /?sig=x HTTP/1.1\r\nCookie: x\r\n\r\n", 0},
	{"no content, whatever the length",
	 "HTTP/1.1 304 Not\r\nContent-Length: 99\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a\r\n\r\n",
	 "HTTP/1.1 304 Not\r\nContent-Length: 99\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: x\r\n\r\n",
	 0},
	{"a server that speaks something else", "HTTP/2 secret", "HTTP/xxxxxxxx", 0},
	{"a line that is no field is passed over",
	 "GET / HTTP/1.1\r\nno field\r\n\x80\xff: x\r\nCOOKIE: ab\r\nCookie : cd\r\n\r\n",
	 "GET / HTTP/1.1\r\nno field\r\n\x80\xff: x\r\nCOOKIE: xx\r\nCookie : xx\r\n\r\n", 0},
};

/* Feeds in pieces of `step` octets, or in two pieces cut at `cut`. */
static char *feed(const char *in, size_t cut, size_t step)
{
	struct direction d;
	size_t n = strlen(in), len;
	char *out = calloc(1, n + 1);

	begin(&d, in);
	for (size_t i = 0; i < n; i += len) {
		uint8_t *exact;

		len = step ? step : i < cut ? cut : n - i;
		if (len > n - i)
			len = n - i;
		exact = malloc(len);
		memcpy(exact, in + i, len);
		http1_mask.feed(d.state, &d.both, exact, len);
		memcpy(out + i, exact, len);
		free(exact);
	}
	return out;
}

static void test_heads(void)
{
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		size_t n = strlen(heads[i].in), differ = 0;
		char *out = feed(heads[i].in, n, 0);

		is_str(out, heads[i].out, heads[i].name);
		free(out);
		if (heads[i].authority)
			continue;
		for (size_t cut = 0; cut < n; cut++) {
			out = feed(heads[i].in, cut, cut ? 0 : 1);
			if (strcmp(out, heads[i].out))
				printf("# differs when cut at %zu\n", cut);
			differ += strcmp(out, heads[i].out) != 0;
			free(out);
		}
		is_u64(differ, 0, "the same octet by octet and cut anywhere");
	}
}

static void test_cut_authority(void)
{
	size_t n = strlen(HEAD1), leaks = 0;

	for (size_t cut = 0; cut < n; cut++) {
		char *out = feed(HEAD1, cut, cut ? 0 : 1);

		leaks += strlen(out) != n || strstr(out, "pw") || strstr(out, "s3cr") ||
			 strstr(out, "abc") || strstr(out, "77") || strstr(out, "fold") ||
			 !strstr(out, "&token=xxx HTTP/1.1\r\nHost: ");
		free(out);
	}
	is_u64(leaks, 0, "a head with userinfo leaks nothing wherever it is cut");
}

static struct direction d;

static void feed_text(const char *in, const char *want, const char *name)
{
	char buf[256];

	snprintf(buf, sizeof(buf), "%s", in);
	http1_mask.feed(d.state, &d.both, (uint8_t *)buf, strlen(buf));
	is_str(buf, want, name);
}

static void same(const char *in, const char *name)
{
	feed_text(in, in, name);
}

static void gap(uint64_t n)
{
	http1_mask.gap(d.state, &d.both, n);
}

static void test_gaps(void)
{
	begin(&d, "POST");
	same("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc", "content begins");
	gap(90);
	feed_text("1234567GET /?key=1 HTTP/1.1\r\n", "1234567GET /?key=x HTTP/1.1\r\n",
		  "a gap in content is counted");
	feed_text("Authorization: Bearer ", "Authorization: xxxxxxx", "a secret begins");
	gap(10);
	feed_text("secret\r\nHost: a\r\n\r\n", "xxxxxxxxxxxxxxxxxxx",
		  "and is hidden behind a gap, too");
	same("GET / HTTP/1.1\r\nHo", "another head");
	gap(1000);
	feed_text("xt\r\nCookie: abc\r\n\r\n", "xxxxxxxxxxxxxxxxxxx",
		  "a head behind a gap in a head");
	feed_text("secretGET / HTTP/1.1\r\nCookie: abc\r\n\r\n",
		  "xxxxxxGET / HTTP/1.1\r\nCookie: xxx\r\n\r\n", "until one begins");
	gap(5);
	feed_text("secretPO", "xxxxxxPO", "or may begin");
	feed_text("ST /?key=1 HTTP/1.1\r\n", "ST /?key=x HTTP/1.1\r\n", "and does");
	gap(5);
	same("PO", "or may");
	feed_text("pular secret", "xxxxxxxxxxxx", "and does not");

	begin(&d, "HTTP/1.1");
	same("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", "the answer to HEAD");
	feed_text("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
		  "HTTP/1.1 200 OK\r\nSet-Cookie: q\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
		  "HTTP/1.1 200 OK\r\nSet-Cookie: x\r\n\r\n",
		  "a head is found in spite of the length");
	same("\x16\x03\x01 \nCookie: abc\r\n", "content that only the end of the connection ends");
	gap(UINT64_MAX);
	same("more of it", "goes on behind a gap");
	feed_text("HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nContent-Length: 3\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nSet-Cookie: x\r\nContent-Length: 3\r\n\r\n", "then a head");
	gap(10);
	feed_text("secret", "xxxxxx", "a gap beyond the content");
}

/* What agrees upon another protocol, and what does not. */
static void test_switches(void)
{
	size_t n = strlen("HTTP/1.1 101 Go\r\nUpgrade: h2c\r\n\r\n");
	char buf[] = "HTTP/1.1 101 Go\r\nUpgrade: h2c\r\n\r\nsecret";

	begin(&d, buf);
	is_u64(http1_mask.feed(d.state, &d.both, (uint8_t *)buf, sizeof(buf) - 1), n, "an upgrade");
	ok(d.both.switched && !strcmp(buf + n, "secret"), "what follows is another protocol's");
	begin(&d, buf);
	same("HTTP/1.1 101 Go\r\nUpgrade: WebSocket\r\n\r\n\x81\3abc", "to WebSocket");
	gap(7);
	same("abc", "whose frames are left as they are");
	ok(!d.both.switched, "no other protocol");
	begin(&d, "GET");
	same("GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", "asked for what is not known");
	feed_text("secret", "xxxxxx", "nothing stays before it is known what became of it");
	feed_text("GET /?key=a HTTP/1.1\r\n\r\n", "GET /?key=x HTTP/1.1\r\n\r\n",
		  "but the next request");
	same("POST / HTTP/1.1\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nab", "with content");
	feed_text("secret", "xxxxxx", "the same");
	feed_text("CONNECT a:1 HTTP/1.1\r\nCookie: a\r\n\r\nsecret",
		  "CONNECT a:1 HTTP/1.1\r\nCookie: x\r\n\r\nxxxxxx", "a tunnel");
	http1_mask.begin(d.state, FROM_SERVER, MASK_START);
	same("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", "is refused");
	ok(!d.both.switched, "nothing else begins");
	same("HTTP/1.1 200 OK\r\n\r\n", "the next response");
	ok(!d.both.switched, "is no answer to it");
	begin(&d, "PRI");
	same("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "the preface of HTTP/2");
	ok(d.both.switched, "is none of ours");
	begin(&d, "PRI");
	same("PRI", "a part of it");
	feed_text(" * HTTP/2.0\r\n\r\nSM\r\n\r\nsecret", " xxxxxxxxxxxxxxxxxxxxxxxxxx", "no more");
	begin(&d, "CONNECT");
	http1_mask.begin(d.state, FROM_CLIENT, 0);
	same("CONNECT a:1 HTTP/1.1\r\n\r\n", "another one");
	http1_mask.begin(d.state, FROM_SERVER, 0);
	same("HTTP/1.1 200 OK\r\n\r\n", "is granted");
	ok(d.both.switched, "what follows is another protocol's");
}

/* What may be something else: only methods that everybody knows, and targets that are some. */
static void test_doubt(void)
{
	static const char *const in[] = {"hunter2",    "PASS sesame",  "AUTH sesame",
					 "GET sesame", "POST",	       "GET /a?key=b",
					 "PURGE /a",   "HTTP/1.1 200", "GET http://h/?key=b"};
	static const char *const out[] = {"xxxxxxx",	"PAxxxxxxxxx",	"xxxxxxxxxxx",
					  "GET xxxxxx", "POST",		"GET /a?key=x",
					  "PURGE /a",	"HTTP/1.1 200", "GET http://h/?key=x"};

	for (size_t i = 0; i < sizeof(in) / sizeof(*in); i++) {
		char buf[64];

		begin(&d, in[i]);
		http1_mask.begin(d.state, *in[i] == 'H' ? FROM_SERVER : FROM_CLIENT,
				 MASK_START | MASK_DOUBT);
		snprintf(buf, sizeof(buf), "%s", in[i]);
		http1_mask.feed(d.state, &d.both, (uint8_t *)buf, strlen(buf));
		is_str(buf, out[i], in[i]);
	}
}

/* Random octets: nothing is read or written out of bounds; what changes is hidden. */
static void test_random(void)
{
	static const char alphabet[] = "GET /?=&:\r\n\r\n HTTP/1.1key Cookie:;%#@x0\xff\t";
	uint64_t rng = 42;
	unsigned moved = 0;

	begin(&d, "GET");
	for (int i = 0; i < 20000; i++) {
		size_t n = (rng >> 33) % 40;
		uint8_t *p = malloc(n + 1), before[40];

		for (size_t k = 0; k < n; k++) {
			rng = rng * 6364136223846793005u + 1442695040888963407u;
			p[k] = before[k] = (uint8_t)alphabet[(rng >> 33) % (sizeof(alphabet) - 1)];
		}
		rng = rng * 6364136223846793005u + 1442695040888963407u;
		moved += http1_mask.feed(d.state, &d.both, p, n) > n;
		for (size_t k = 0; k < n; k++)
			moved += p[k] != before[k] && p[k] != 'x';
		if (!(rng % 97))
			gap(rng >> (rng % 64));
		free(p);
	}
	is_u64(moved, 0, "random octets keep their lengths");
}

int main(void)
{
	test_heads();
	test_cut_authority();
	test_gaps();
	test_switches();
	test_doubt();
	test_random();
	return tap_done();
}
