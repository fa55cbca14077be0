/* Content in recordings: what names and counts rest on stays, however it is cut; nothing else. */
#include <stdlib.h>

#include "parsers/content/content_mask.h"
#include "tests/unit/tap.h"

#define SECRET "hunter2-sesame"
#define HIDDEN "xxxxxxxxxxxxxx"

struct text {
	const char *p;
	size_t n;
};
#define T(literal) {literal, sizeof(literal) - 1}

static const struct {
	const char *name;
	enum content_form form;
	struct text in, out;
} cases[] = {
	{"JSON", 0,
	 T(" {\"user\": \"" SECRET "\", \"n\": -12.5e3, \"ok\": [true, null, {}]}"),
	 T(" {\"usxx\": \"" HIDDEN "\", \"n\": -00.0e0, \"ox\": [true, null, {}]}")},
	{"escapes", 0, T("{\"a\": \"\\u0041\\n\\\"" SECRET "\\\\\"}\n{\"model\": \"a\\/b\"}"),
	 T("{\"x\": \"\\u0000\\n\\\"" HIDDEN "\\\\\"}\n{\"model\": \"a\\/b\"}")},
	{"a language model", 0,
	 T("{\"messages\": [{\"role\": \"user\", \"content\": \"" SECRET
	   "\"}], \"model\": \"tiny\", "
	   "\"tools\": [{\"model\": \"" SECRET "\"}], \"usage\": {\"prompt_tokens\": 17}}"),
	 T("{\"messagex\": [{\"rxxx\": \"xxxx\", \"coxxxxx\": \"" HIDDEN
	   "\"}], \"model\": \"tiny\", "
	   "\"tooxx\": [{\"model\": \"" HIDDEN "\"}], \"usage\": {\"prompt_tokens\": 17}}")},
	{"JSON-RPC", 0,
	 T("[{\"jsonrpc\": \"2.0\", \"method\": \"user.find\", \"params\": {\"name\": \"" SECRET
	   "\"}, \"id\": 7}, {\"method\": \"tools/call\", \"params\": {\"name\": \"weather\", "
	   "\"arguments\": {\"name\": \"" SECRET "\"}}}]"),
	 T("[{\"jsonrpc\": \"2.0\", \"method\": \"user.find\", \"params\": {\"name\": \"" HIDDEN
	   "\"}, \"id\": 0}, {\"method\": \"tools/call\", \"params\": {\"name\": \"weather\", "
	   "\"xxxxxxxxx\": {\"name\": \"" HIDDEN "\"}}}]")},
	{"SQL within JSON-RPC", 0,
	 T("{\"method\": \"query\", \"query\": \"SELECT 1 FROM a WHERE b = '" SECRET "'\"}"),
	 T("{\"method\": \"query\", \"query\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxx" HIDDEN "x\"}")},
	{"GraphQL", 0,
	 T("{\"query\": \"query Hero($n: String) { hero(name: \\\"" SECRET
	   " } {\\\", n: 12) } mutation Two { a }\", \"variables\": {\"n\": \"" SECRET "\"}}"),
	 T("{\"query\": \"query Hero($x: xxxxxx) { xxxx(xxxx: \\\"" HIDDEN
	   "xxxx\\\", x: xx) } mutation Two { x }\", \"variables\": {\"n\": \"" HIDDEN "\"}}")},
	{"what is no document", 0, T("{\"query\": \"" SECRET "\", \"operationName\": \"a b\"}"),
	 T("{\"query\": \"" HIDDEN "\", \"operationName\": \"axx\"}")},
	{"no JSON", 0, T("{\"a\": " SECRET "}"), T("{\"x\": xxxxxxxxxxxxxx}")},
	{"events", 0,
	 T(": " SECRET "\nevent: " SECRET "\ndata: {\"model\": \"m\",\ndata: \"a\": \"" SECRET
	   "\"}\n\ndata: [DONE]\r\n\r\ndata: {\"model\": 1}\n\n"),
	 T(": " HIDDEN "\nevent: " HIDDEN "\ndata: {\"model\": \"m\",\ndata: \"x\": \"" HIDDEN
	   "\"}\n\ndata: [xxxxx\r\n\r\ndata: {\"model\": 0}\n\n")},
	{"a form", 0, T("Action=SendMessage&MessageBody=" SECRET "&Version=2012-11-05&Actions=ab"),
	 T("Action=SendMessage&xxxxxxxxxxx=" HIDDEN "&Version=2012-11-05&Actionx=xx")},
	{"a known name, and zeros", 0, T("data\0\0\0\0\0\0: " SECRET), T("dataxxxxxx: " HIDDEN)},
	{"one of JSON, and zeros", 0, T("{\"model\0\0\0\": \"" SECRET "\"}"),
	 T("{\"modelxxx\": \"" HIDDEN "\"}")},
	{"plain text", 0, T("<p>" SECRET "</p>\n" SECRET), T("xxx" HIDDEN "xxxx\n" HIDDEN)},
	{"bytes", 0, T("\x0a\x0e" SECRET), T("\x0ax" HIDDEN)},
	{"messages of gRPC", 0, T("\0\0\0\0\x0e" SECRET "\1\0\0\0\2ab\0\0\0\0\0\0\0\0\0\1c"),
	 T("\0\0\0\0\x0e" HIDDEN "\1\0\0\0\2xx\0\0\0\0\0\0\0\0\0\1x")},
	{"trailers of gRPC-Web", 0,
	 T("\0\0\0\0\1a\x80\0\0\0\x30" "grpc-status: 5\r\ngrpc-message:no\r\nx: " SECRET),
	 T("\0\0\0\0\1x\x80\0\0\0\x30" "grpc-status: 5\r\ngrpc-message:no\r\nx: " HIDDEN)},
	{"the end of a stream of Connect", 0,
	 T("\2\0\0\0\x3b{\"error\": {\"code\": \"aborted\", \"message\": \"" SECRET "\"}}"),
	 T("\2\0\0\0\x3b{\"error\": {\"code\": \"aborted\", \"message\": \"" HIDDEN "\"}}")},
	{"frames of WebSocket", CONTENT_WEBSOCKET,
	 T("\x81\x0e" SECRET "\x82\x7e\0\1a\x89\1b\x81\x85\1\2\3\4abcde\x88\4\3\xe8ok"),
	 T("\x81\x0e" HIDDEN "\x82\x7e\0\1x\x89\1x\x81\x85\1\2\3\4xxxxx\x88\4\3\xe8ok")},
	{"frames, by their first bytes", 0, T("\x81\x0e" SECRET), T("\x81\x0e" HIDDEN)},
	{"an event of Amazon's", CONTENT_AMZ_EVENTS,
	 T("\0\0\0\x35\0\0\0\2sumshd{\"a\": \"" SECRET "\", \"usage\": 1}sums"),
	 T("\0\0\0\x35\0\0\0\2sumsxx{\"x\": \"" HIDDEN "\", \"usage\": 0}sums")},
	{"asked for", CONTENT_SHOWN, T(SECRET), T(SECRET)},
};

static void feed(struct content_mask *m, const char *p, size_t n, char *out)
{
	uint8_t *exact = malloc(n + !n);

	memcpy(exact, p, n);
	content_mask_feed(m, exact, n);
	memcpy(out, exact, n);
	free(exact);
}

static void test_cases(void)
{
	char out[512];
	struct content_mask m;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct text *in = &cases[i].in, *want = &cases[i].out;
		size_t differ = 0;

		for (size_t cut = 0; cut <= in->n; cut++) {
			content_mask_begin(&m, cases[i].form);
			feed(&m, in->p, cut, out);
			feed(&m, in->p + cut, in->n - cut, out + cut);
			if (memcmp(out, want->p, in->n) && !differ++)
				printf("# %.*s\n# %.*s\n", (int)in->n, out, (int)in->n, want->p);
		}
		ok(in->n == want->n && !differ, "%s: whole and cut anywhere", cases[i].name);
	}
}

/* What is known of it is known no more, or within a message still is. */
static void test_gaps(void)
{
	struct content_mask m = {0};
	char out[64];

	feed(&m, "{\"model\": \"ti", 13, out);
	content_mask_gap(&m, 5);
	feed(&m, SECRET, 14, out);
	ok(!memcmp(out, HIDDEN, 14), "behind a gap in JSON all is hidden");
	content_mask_begin(&m, CONTENT_UNKNOWN);
	feed(&m, "\0\0\0\0\x08" "abc", 8, out);
	content_mask_gap(&m, 4);
	feed(&m, "d\0\0\0\0\2ef", 8, out);
	ok(!memcmp(out, "x\0\0\0\0\2xx", 8), "a gap within a message of gRPC is counted");
	content_mask_gap(&m, 1);
	feed(&m, "\0\0\0\0\1a", 6, out);
	ok(!memcmp(out, "xxxxxx", 6), "one within its head hides the rest");
	content_mask_begin(&m, CONTENT_UNKNOWN);
	feed(&m, "data: {", 7, out);
	content_mask_gap(&m, 4);
	feed(&m, SECRET "\n\ndata: {", 23, out);
	ok(!memcmp(out, HIDDEN "\n\ndata: {", 23), "events are found again with the next line");
}

/* Whatever it is: the same however it is cut, nothing is touched beyond it. */
static void test_random(void)
{
	static const char *const pieces[] = {
		"{", "}", "[", "]", "\"", ":", ",", "\\", "u0041", "query", "method", "data: ",
		"\n", "model", "1.5e", "true", "a", "(", "&", "Action=", "\x81", "\x7e", "\3",
		"tools/call",
	};
	uint64_t rng = 7;
	unsigned differ = 0;

	for (int round = 0; round < 20000; round++) {
		struct content_mask once, cut;
		char in[256], whole[256], parts[256];
		size_t n = 0, at = 0;

		while (n < 200) {
			rng = rng * 6364136223846793005u + 1442695040888963407u;
			at = (rng >> 33) % (sizeof(pieces) / sizeof(*pieces));
			n += (size_t)snprintf(in + n, sizeof(in) - n, "%s", pieces[at]);
		}
		content_mask_begin(&once, (enum content_form)(round % 8));
		content_mask_begin(&cut, (enum content_form)(round % 8));
		feed(&once, in, n, whole);
		at = 0;
		for (size_t len; at < n; at += len) {
			rng = rng * 6364136223846793005u + 1442695040888963407u;
			len = 1 + (rng >> 33) % 40;
			len = len < n - at ? len : n - at;
			feed(&cut, in + at, len, parts + at);
		}
		differ += memcmp(whole, parts, n) != 0;
	}
	is_u64(differ, 0, "random texts: the same however they are cut");
}

int main(void)
{
	test_cases();
	test_gaps();
	test_random();
	return tap_done();
}
