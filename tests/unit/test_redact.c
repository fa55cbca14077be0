/* Secrets: names and URIs. */
#include "parsers/redact.h"
#include "tests/unit/tap.h"

static struct str str(const char *s)
{
	return (struct str){ s, strlen(s) };
}

static void test_names(void)
{
	static const char *const secret[] = { "Authorization", "COOKIE", "set-cookie", "X-Api-Key",
		"Proxy-Authorization", "X-Auth-Token", "x-amz-security-token", "Api_Key",
		"X-Forwarded-Authorization", "Ocp-Apim-Subscription-Key", "x-functions-key",
		"X-Goog-IAP-JWT-Assertion", "x-amzn-oidc-data", "jwt", "X-JWT", "session", "X-Sid",
		"x-otp", "grpc.otp", "mfa_code", "Card", "X-Tax-Id", "SAMLResponse",
		"Sec-WebSocket-Protocol", "X-Registry-Auth", "X-Hub-Signature-256" };
	static const char *const open[] = { "Host", "Cookies-Allowed", "Accept", "X-Request-Id",
		"traceparent", "ETag", "", "Content-Length", "Sec-WebSocket-Key", "x-code", "Via",
		"xcode", "X-Cache-Key", "X", "Accept.x" };
	static const char *const params[] = { "token", "access_token", "accessToken", "api_key",
		"apikey", "API-KEY", "key", "secret", "password", "passwd", "pwd", "sig",
		"signature", "auth", "session", "sid", "jwt", "client_secret", "X-Amz-Signature",
		"X-Amz-Credential", "X-Amz-Security-Token", "api%5Fkey", "%74oken", "t%6Fken",
		"user[password]", "code", "user[otp]", "user[card][0]", "sig[]", "token[0]",
		"auth[user]", "user.pan", "a%5Bssn%5D", "api%255Fkey", "x-otp",
		"totp", "mfa_code", "verification_code", "card", "cc",
		"pan",
		"cvv", "ssn", "tax_id", "AWSAccessKeyId", "reset_token", "otp", "SAMLResponse",
		"a_very_long_prefix_that_does_not_fit_into_any_buffer_here_access_token" };
	static const char *const plain[] = { "q", "page", "monkey", "keys", "id", "tokenize",
		"sort", "", "passage", "cardinal", "panel", "discard", "css", "account", "signal",
		"%", "%7", "%zz", "X-Amz-Date",
		"sort[key]", "error.code", "a[cc1]", "passages[0]" };

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
	ok(redact_is_uri_field(str("X-Envoy-Original-Path")) &&
		   redact_is_uri_field(str("X-Auth-Request-Redirect")) &&
		   redact_is_uri_field(str("X-Forwarded-Url")), "URI fields by their ends");
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
	{ "a[otp]=1&b[card][0]=2&c[x]=3", "a[otp]=[redacted]&b[card][0]=[redacted]&c[x]=3" },
	{ "to=http%3A%2F%2Fh%2F%3Fid%3D1%26token%3Dabc%26c&d=e",
	  "to=http%3A%2F%2Fh%2F%3Fid%3D1%26token%3D[redacted]&d=e" },
	{ "to=%2Fx%253Fcode%253Dabc&d", "to=%2Fx%253Fcode%253D[redacted]&d" },
	{ "q=sig%3Dabc&d", "q=sig%3D[redacted]&d" },
	{ "to=http%3A%2F%2Fu%3Ap%40h%2Fx%40y&d=a@b", "to=http%3A%2F%2F[redacted]h%2Fx%40y&d=a@b" },
	{ "to=http%3a//u:p@h", "to=http%3a//[redacted]@h" },
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
	{ "//u:p@h/a?code=1", "//[redacted]@h/a?code=[redacted]" }, /* of the same scheme */
	{ "<//u:p@h/a>, </b//c@d>", "<//[redacted]@h/a>, </b//c@d>" },
	{ "/a?to=//u:p@h/&b=c@d", "/a?to=//[redacted]@h/&b=c@d" },
	{ "/c;jsessionid=A1;v=2/d?e", "/c;jsessionid=[redacted];v=2/d?e" },
	{ "/c;token=A/d?token=/;b&c", "/c;token=[redacted]/d?token=[redacted]&c" },
	{ "/img/https%3A%2F%2Fs%2Fo%3Fa%3D1%26X-Amz-Signature%3Dabc/w",
	  "/img/https%3A%2F%2Fs%2Fo%3Fa%3D1%26X-Amz-Signature%3D[redacted]/w" },
	{ "/img/https%3A%2F%2Fu%3Ap%40s%2Fo", "/img/https%3A%2F%2F[redacted]s%2Fo" },
	{ "/users/joe%40a.test/key=1", "/users/joe%40a.test/key=1" },
	{ "db;dur=5;desc=\"token=abc\"", "db;dur=5;desc=\"token=[redacted]" }, /* Server-Timing */
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

int main(void)
{
	test_names();
	test_uris();
	return tap_done();
}
