/* Secrets: names, URIs, and heads of recordings however they are cut. */
#include <stdlib.h>

#include "core/redact.h"
#include "tests/unit/tap.h"

static struct str str(const char *s)
{
	return (struct str){ s, strlen(s) };
}

static void test_names(void)
{
	static const char *const secret[] = { "Authorization", "COOKIE", "set-cookie", "X-Api-Key",
		"Proxy-Authorization", "X-Auth-Token", "x-amz-security-token", "Api_Key" };
	static const char *const open[] = { "Host", "Cookies-Allowed", "Accept", "X-Request-Id",
		"traceparent", "ETag", "", "Content-Length", "Sec-WebSocket-Key" };
	static const char *const params[] = { "token", "access_token", "accessToken", "api_key",
		"apikey", "API-KEY", "key", "secret", "password", "passwd", "pwd", "sig",
		"signature", "auth", "session", "sid", "jwt", "client_secret", "X-Amz-Signature",
		"X-Amz-Credential", "X-Amz-Security-Token", "api%5Fkey", "%74oken", "t%6Fken",
		"user[password]", "code", "totp", "mfa_code", "verification_code", "card", "cc",
		"pan",
		"cvv", "ssn", "tax_id", "AWSAccessKeyId", "reset_token", "otp", "SAMLResponse",
		"a_very_long_prefix_that_does_not_fit_into_any_buffer_here_access_token" };
	static const char *const plain[] = { "q", "page", "monkey", "keys", "id", "tokenize",
		"sort", "", "passage", "cardinal", "panel", "discard", "css", "account", "signal",
		"%", "%7", "%zz", "X-Amz-Date" };

	for (size_t i = 0; i < sizeof(secret) / sizeof(*secret); i++)
		ok(redact_is_secret_field(str(secret[i])), "field %s is secret", secret[i]);
	for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++)
		ok(!redact_is_secret_field(str(open[i])), "field %s is not", open[i]);
	for (size_t i = 0; i < sizeof(params) / sizeof(*params); i++)
		ok(redact_is_secret_param(str(params[i])), "parameter %s is secret", params[i]);
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		ok(!redact_is_secret_param(str(plain[i])), "parameter %s is not", plain[i]);
	ok(redact_is_uri_field(str("Referer")) && redact_is_uri_field(str("Host")) &&
		   !redact_is_uri_field(str("Accept")), "URI fields");
}

static const struct {
	const char *in, *out;
} queries[] = {
	{ "", "" },
	{ "a=1&b=2", "a=1&b=2" },
	{ "token=abc", "token=[redacted]" },
	{ "a=1&token=abc&b=2", "a=1&token=[redacted]&b=2" },
	{ "token=&b", "token=&b" },
	{ "token", "token" },
	{ "token==a=b;c&x=1", "token=[redacted]&x=1" },
	{ "a;key=s&key=t&key", "a;key=[redacted]&key=[redacted]&key" },
	{ "u=http://h/?token=abc&x", "u=http://h/?token=[redacted]&x" },
	{ "u=http://h&token=abc", "u=http://h&token=[redacted]" },
	{ "u=http://a:b@h&v=x@y", "u=http://[redacted]@h&v=x@y" },
	{ "u=http://a:b@h/p;c=d&token=abc", "u=http://[redacted]@h/p;c=d&token=[redacted]" },
	{ "%70assword=x%26y", "%70assword=[redacted]" },
	{ "a#access_token=t", "a#access_token=[redacted]" },
	{ "sig=a?b", "sig=[redacted]" },
}, uris[] = {
	{ "/a/b", "/a/b" },
	{ "/a?key=v#f", "/a?key=[redacted]#f" },
	{ "http://user:pass@host/p?x=1", "http://[redacted]@host/p?x=1" },
	{ "https://ghp@host:80", "https://[redacted]@host:80" },
	{ "http://u:p@q@host/", "http://[redacted]@[redacted]@host/" },
	{ "http://host/a@b?c=d@e", "http://host/a@b?c=d@e" },
	{ "http://host?sid=1", "http://host?sid=[redacted]" },
	{ "/proxy/http://u:p@h/x", "/proxy/http://[redacted]@h/x" },
	{ "bob:secret@example.test:443", "[redacted]@example.test:443" }, /* CONNECT, Host */
	{ "bob@[2001:db8::1]:443", "[redacted]@[2001:db8::1]:443" },
	{ "example.test:443", "example.test:443" },
	{ "a;sid=1", "a;sid=[redacted]" }, /* a relative reference */
	{ "<https://u:p@h/a>; rel=next", "<https://[redacted]@h/a>; rel=next" }, /* Link */
	{ "0;url=http://u:p@h/", "0;url=http://[redacted]@h/" }, /* Refresh */
	{ "/c;jsessionid=A1;v=2/d?e", "/c;jsessionid=[redacted];v=2/d?e" },
	{ "/c;token=A/d?token=/;b&c", "/c;token=[redacted]/d?token=[redacted]&c" },
	{ "/cb#access_token=t&state=s", "/cb#access_token=[redacted]&state=s" },
};

static void test_uris(void)
{
	char buf[256];
	size_t n;

	for (size_t i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
		n = redact_query(str(queries[i].in), buf, sizeof(buf) - 1);
		buf[n] = '\0';
		is_str(buf, queries[i].out, queries[i].in);
	}
	for (size_t i = 0; i < sizeof(uris) / sizeof(*uris); i++) {
		n = redact_uri(str(uris[i].in), buf, sizeof(buf) - 1);
		buf[n] = '\0';
		is_str(buf, uris[i].out, uris[i].in);
	}
	memset(buf, '!', sizeof(buf));
	n = redact_query(str("a=1&token=abc"), buf, 12);
	ok(n == strlen("a=1&token=[redacted]") && !memcmp(buf, "a=1&token=[r!", 13),
	   "a small buffer is filled and no more, the length is that of the whole");
	is_u64(redact_query(str("token=abc"), NULL, 0), 16, "the length alone");
}

#define HEAD1                                                                                      \
	"POST http://me:pw@h/x?a=1&token=abc HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " \
	"s3cr3t\r\n" \
	"cookie:a=b; c=d\r\n  folded\r\nReferer: http://h/?sid=77&b=2\r\nX-Api-Key :\tk\r\n"
#define HEAD1_OUT                                                                                  \
	"POST http://xxxxx@h/x?a=1&token=xxx HTTP/1.1\r\nHost: h\r\nAuthorization: " \
	"xxxxxxxxxxxxx\r\n" \
	"cookie:xxxxxxxx\r\n  xxxxxx\r\nReferer: http://h/?sid=xx&b=2\r\nX-Api-Key :\tx\r\n"

static const struct {
	const char *name, *in, *out;
	int authority; /* a cut inside it hides more */
} heads[] = {
	{ "a request", HEAD1 "\r\n", HEAD1_OUT "\r\n", 1 },
	{ "content of known length, then another head",
	  "PUT /?key=1 HTTP/1.1\nContent-Length: 15\n\nCookie: k=v\r\n\r\n"
	  "GET /a?key=2&b HTTP/1.0\r\nCookie: z\r\n\r\n",
	  "PUT /?key=x HTTP/1.1\nContent-Length: 15\n\nCookie: k=v\r\n\r\n"
	  "GET /a?key=x&b HTTP/1.0\r\nCookie: x\r\n\r\n", 0 },
	{ "chunks and trailers, then another head",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nSet-Cookie: a\r\n\r\n"
	  "b;x=y\r\nCookie: k=v\r\n2\r\n\r\n\r\n0\r\nCookie: t\r\n\r\nHTTP/1.1 204 "
	  "No\r\nSet-Cookie: bc\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nSet-Cookie: x\r\n\r\n"
	  "b;x=y\r\nCookie: k=v\r\n2\r\n\r\n\r\n0\r\nCookie: x\r\n\r\nHTTP/1.1 204 "
	  "No\r\nSet-Cookie: xx\r\n\r\n", 0 },
	{ "an interim response, then the final one",
	  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: abc\r\n\r\nCookie: "
	  "content\r\n",
	  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: xxx\r\n\r\nCookie: "
	  "content\r\n", 0 },
	{ "joined in the middle of a head",
	  "n/json\r\nAuthorization: Basic QQ==\r\nAccept: */*\r\n\r\nGET /?sig=2 HTTP/1.1\r\n\r\n",
	  "n/json\r\nAuthorization: xxxxxxxxxx\r\nAccept: */*\r\n\r\nGET /?sig=x HTTP/1.1\r\n\r\n",
	  0 },
	{ "a line that is no field is passed over",
	  "GET / HTTP/1.1\r\nno field\r\n\x80\xff: x\r\nCOOKIE: ab\r\nCookie : cd\r\n\r\n",
	  "GET / HTTP/1.1\r\nno field\r\n\x80\xff: x\r\nCOOKIE: xx\r\nCookie : xx\r\n\r\n", 0 },
};

/* Feeds in pieces of `step` octets, or in two pieces cut at `cut`. */
static char *feed(const char *in, size_t cut, size_t step)
{
	struct redact_head r = { .state = 0 };
	size_t n = strlen(in), len;
	char *out = calloc(1, n + 1);

	for (size_t i = 0; i < n; i += len) {
		uint8_t *exact;

		len = step ? step : i < cut ? cut : n - i;
		if (len > n - i)
			len = n - i;
		exact = malloc(len);
		memcpy(exact, in + i, len);
		redact_head_feed(&r, exact, len);
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

static void feed_text(struct redact_head *r, const char *in, const char *want, const char *name)
{
	char buf[256];

	snprintf(buf, sizeof(buf), "%s", in);
	redact_head_feed(r, (uint8_t *)buf, strlen(buf));
	is_str(buf, want, name);
}

static void test_gaps(void)
{
	struct redact_head r = { .state = 0 };

	feed_text(&r, "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc",
		  "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc", "content begins");
	redact_head_gap(&r, 90);
	feed_text(&r, "1234567GET /?key=1 HTTP/1.1\r\n", "1234567GET /?key=x HTTP/1.1\r\n",
		  "a gap in content is counted");
	feed_text(&r, "Authorization: Bearer ", "Authorization: xxxxxxx", "a secret begins");
	redact_head_gap(&r, 10);
	feed_text(&r, "secret\r\nHost: a\r\n\r\n", "xxxxxx\r\nHost: a\r\n\r\n",
		  "and is hidden behind a gap, too");
	feed_text(&r, "GET / HTTP/1.1\r\nHo", "GET / HTTP/1.1\r\nHo", "another head");
	redact_head_gap(&r, 1000);
	feed_text(&r, "xt\r\nCookie: abc\r\n\r\n", "xt\r\nCookie: xxx\r\n\r\n",
		  "a head behind a gap in a head");
	memset(&r, 0, sizeof(r));
	feed_text(&r, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", "the answer to HEAD");
	feed_text(&r, "HTTP/1.1 200 OK\r\nSet-Cookie: q\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nSet-Cookie: x\r\n\r\n",
		  "a head at the start of a segment is found in spite of the length");
	feed_text(&r, "\x16\x03\x01 \nCookie: abc\r\n", "\x16\x03\x01 \nCookie: abc\r\n",
		  "what is no head is not touched");
	redact_head_gap(&r, UINT64_MAX);
	feed_text(&r, "GET /?key=1 HTTP/1.1\r\n", "GET /?key=x HTTP/1.1\r\n", "then a head");
}

/* Random octets: nothing is read or written out of bounds, lengths and line ends stay. */
static void test_random(void)
{
	static const char alphabet[] = "GET /?=&:\r\n\r\n HTTP/1.1key Cookie:;%#@x0\xff\t";
	struct redact_head r = { .state = 0 };
	uint64_t rng = 42;
	unsigned moved = 0;

	for (int i = 0; i < 20000; i++) {
		size_t n = (rng >> 33) % 40;
		uint8_t *p = malloc(n + 1), before[40];

		for (size_t k = 0; k < n; k++) {
			rng = rng * 6364136223846793005u + 1442695040888963407u;
			p[k] = before[k] = (uint8_t)alphabet[(rng >> 33) % (sizeof(alphabet) - 1)];
		}
		rng = rng * 6364136223846793005u + 1442695040888963407u;
		redact_head_feed(&r, p, n);
		for (size_t k = 0; k < n; k++)
			moved += p[k] != before[k] && (p[k] != 'x' || before[k] == '\n');
		if (!(rng % 97))
			redact_head_gap(&r, rng >> (rng % 64));
		free(p);
	}
	is_u64(moved, 0, "random octets keep their lines and lengths");
}

int main(void)
{
	test_names();
	test_uris();
	test_heads();
	test_cut_authority();
	test_gaps();
	test_random();
	return tap_done();
}
