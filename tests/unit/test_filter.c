/* Filters: what matches, what absent fields do, errors with their place, hostile patterns, cost. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <time.h>

#include "cli/filter.h"
#include "core/exchange_attrs.h"
#include "core/span_field.h"
#include "tests/unit/tap.h"
#include "parsers/http1/http1_protocol.h"

static struct str str(const char *s)
{
	return (struct str){ s, strlen(s) };
}

static void set_addr(uint8_t *to, const char *text)
{
	memcpy(to, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	if (inet_pton(AF_INET, text, to + 12) != 1 && inet_pton(AF_INET6, text, to) != 1)
		abort();
}

static struct attr_list attrs; /* of full_span() */

static struct span full_span(void)
{
	struct span s = {
		.time_ns = 1765226689128844490u, /* 2025-12-08T20:44:49.128844490Z */
		.duration_ns = 250000001, .inner_ns = 1260, .ttfb_ns = 90000000000, .queue_ns = 0,
		.connect_ns = SPAN_UNKNOWN, .kind = SPAN_SERVER, .protocol = &http11_name,
		.error = SPAN_ERR_STATUS, .incomplete = SPAN_LOST_EVENTS | SPAN_IN_FLIGHT,
		.status = 503, .tls = NULL, .req_bytes = 1500, .resp_bytes = 1572864,
		.req_body_bytes = 0, .resp_body_bytes = SPAN_UNKNOWN, .has_addr = 1,
		.client_port = 36282, .server_port = 8000, .conn = 7, .seq = 0, .pid = 4242,
		.tid = 4243, .comm = "envoy", .service = "shop front", .link = NULL,
	};

	attrs.n = 0;
	attr_list_number(&attrs, ATTR(tls_version), 0x0304);
	attr_list_number(&attrs, ATTR(tls_cipher), 0x1399);
	attr_list_text(&attrs, ATTR(tls_sni), str("shop.example"));
	attr_list_number(&attrs, ATTR(tls_alert), 48);
	attr_list_text(&attrs, ATTR(tls_alert_from), str("client"));
	attr_list_number(&attrs, ATTR(handshake), 2500000);
	attr_list_number(&attrs, ATTR(grpc_status), 5);
	attr_list_number(&attrs, ATTR(close_code), 1001);
	s.attr = attrs.attr;
	s.nattrs = attrs.n;
	s.req_fields = str("Host: a\r\nX-Tenant: acme\r\nx-tenant: other\r\n");
	s.resp_fields = str("Server: nginx\r\nHOST: b\r\n");
	s.method = str("GET");
	s.path = str("/api/v1/orders/17");
	s.route = str("/api/v1/orders/{id}");
	s.query = str("");
	s.host = (struct str){ "a\0\xff" "b", 4 };
	set_addr(s.client_addr, "10.1.2.3");
	set_addr(s.server_addr, "2001:db8::17");
	for (unsigned i = 0; i < TRACE_ID_LEN; i++)
		s.trace_id[i] = (uint8_t)(0x50 + i);
	s.span_id[7] = 0xe2;
	return s;
}

static const struct {
	const char *expr;
	int full, empty; /* with full_span(), with one of which nothing is known */
} matches[] = {
	{ "status == 503", 1, 0 },
	{ "tls_version == 1.3", 1, 0 },
	{ "tls_version != '1.2'", 1, 1 },
	{ "tls_cipher == 0x1399", 1, 0 },
	{ "tls_sni =~ 'example$'", 1, 0 },
	{ "tls_alpn", 0, 0 },
	{ "tls_alert == unknown_ca and tls_alert_from == client", 1, 0 },
	{ "tls_alert", 1, 0 },
	{ "grpc_status == NOT_FOUND and grpc_status == 5", 1, 0 },
	{ "grpc_status == not_found and grpc_status < internal", 1, 0 },
	{ "grpc_status != OK", 1, 1 },
	{ "close_code == 'going away'", 1, 0 },
	{ "error_code == CANCEL", 0, 0 },
	{ "handshake > 2ms and handshake_ns == 2500000ns", 1, 0 },
	{ "handshake", 1, 0 },
	{ "status != 503", 0, 1 },
	{ "status == 5xx", 1, 0 },
	{ "status == 4XX", 0, 0 },
	{ "status != 5xx", 0, 1 },
	{ "status in (404, 503)", 1, 0 },
	{ "status in (404,4xx)", 0, 0 },
	{ "status in (4xx, 5xx) and not status in (500)", 1, 0 },
	{ "not status in (503) or status in (1)", 0, 1 },
	{ "method in ('PUT', GET)", 1, 0 },
	{ "header.x-tenant == acme and header.X-TENANT != other", 1, 0 },
	{ "header.host == a and header.server contains gin", 1, 0 },
	{ "header.x-tenant in (b, acme)", 1, 0 },
	{ "header.x-tenant =~ '^ac'", 1, 0 },
	{ "header.server", 1, 0 },
	{ "header.none or header.none == ''", 0, 0 },
	{ "header.none != x", 1, 1 },
	{ "path contains 'api/'", 1, 0 },
	{ "path contains .*", 0, 0 },
	{ "entry or not root", 0, 0 },
	{ "status != 500", 1, 1 },
	{ "status >= 500 or duration > 250ms", 1, 0 },
	{ "status<503", 0, 0 },
	{ "status <= 503", 1, 0 },
	{ "status > 502.5", 1, 0 },
	{ "status >= 503.5", 0, 0 },
	{ "status == 503.5", 0, 0 },
	{ "status < 503.5", 1, 0 },
	{ "status == 503.0", 1, 0 },
	{ "duration > 250ms", 1, 0 },
	{ "duration > 0.25s", 1, 0 },
	{ "duration < 250.01ms", 1, 0 },
	{ "duration == 250ms", 0, 0 },
	{ "duration == 250ms1ns", 1, 0 },
	{ "duration_ns == 250000001", 1, 0 },
	{ "duration_ns > 249ms", 1, 0 },
	{ "inner == 1.26us", 1, 0 },
	{ "inner == 1.26\xc2\xb5s", 1, 0 },
	{ "inner == 1.26\xce\xbcs", 1, 0 },
	{ "inner < 1.2600001us", 1, 0 },
	{ "ttfb == 1m30s", 1, 0 },
	{ "ttfb == 1.5m", 1, 0 },
	{ "ttfb < 1h", 1, 0 },
	{ "queue == 0", 1, 0 },
	{ "queue", 1, 0 },
	{ "connect", 0, 0 },
	{ "connect > 0ns", 0, 0 },
	{ "req_bytes == 1.5kB", 1, 0 },
	{ "req_bytes == 1.5KB", 1, 0 },
	{ "resp_bytes == 1.5MiB", 1, 0 },
	{ "resp_bytes > 1MB and resp_bytes < 1GiB", 1, 0 },
	{ "resp_body_bytes != 5B", 1, 1 },
	{ "method == GET", 1, 0 },
	{ "method == 'GET'", 1, 0 },
	{ "method == get", 1, 0 },
	{ "method in (post, get)", 1, 0 },
	{ "method != get", 0, 1 },
	{ "method =~ get", 0, 0 },
	{ "method != OPTIONS", 1, 1 },
	{ "path =~ \"^/api/\" and not method == OPTIONS", 1, 0 },
	{ "path =~ ^/api/v[0-9]+/", 1, 0 },
	{ "path =~ \"orders/\\d+$\"", 1, 0 },
	{ "path =~ '(?i)ORDERS'", 1, 0 },
	{ "path !~ \"^/api/\"", 0, 1 },
	{ "path !~ '^/web/'", 1, 1 },
	{ "query == ''", 1, 0 },
	{ "query", 1, 0 },
	{ "host == \"a\\0\\xffb\"", 1, 0 },
	{ "host =~ \"^a\\x00\\xFF.$\"", 1, 0 },
	{ "service == \"shop front\"", 1, 0 },
	{ "comm == envoy", 1, 0 },
	{ "runtime", 0, 0 },
	{ "runtime != go", 1, 1 },
	{ "error", 1, 0 },
	{ "not error", 0, 1 },
	{ "!error", 0, 1 },
	{ "error == status", 1, 0 },
	{ "error =~ 'stat|time'", 1, 0 },
	{ "kind == server", 1, 1 },
	{ "kind == client", 0, 0 },
	{ "protocol == http/1.1", 1, 0 },
	{ "protocol =~ ^http", 1, 1 },
	{ "tls", 0, 0 },
	{ "tls == false", 1, 1 },
	{ "tls != false", 0, 0 },
	{ "tls == openssl", 0, 0 },
	{ "incomplete", 1, 0 },
	{ "incomplete == lost-events", 1, 0 },
	{ "incomplete == \"in-flight\"", 1, 0 },
	{ "incomplete == attached-late", 0, 0 },
	{ "incomplete != lost-events", 0, 1 },
	{ "incomplete =~ flight", 1, 0 },
	{ "incomplete !~ flight", 0, 1 },
	{ "client_addr == 10.1.2.3", 1, 0 },
	{ "client_addr == 10.0.0.0/8", 1, 0 },
	{ "client_addr == 10.1.2.0/31", 0, 0 },
	{ "client_addr == 10.1.2.2/31", 1, 0 },
	{ "client_addr == 0.0.0.0/0", 1, 0 },
	{ "client_addr == ::/0", 1, 0 },
	{ "client_addr != 192.168.0.0/16", 1, 1 },
	{ "client_addr =~ '^10[.]'", 1, 0 },
	{ "client_addr", 1, 0 },
	{ "server_addr == 2001:db8::/32", 1, 0 },
	{ "server_addr == 2001:DB8:0::17", 1, 0 },
	{ "server_addr == 0.0.0.0/0", 0, 0 },
	{ "server_port == 8000 && client_port > 1024", 1, 0 },
	{ "pid == 4242", 1, 0 },
	{ "stream", 0, 0 },
	{ "seq == 0", 1, 1 },
	{ "conn == 7", 1, 0 },
	{ "trace_id == 505152535455565758595a5b5c5d5e5f", 1, 0 },
	{ "span_id =~ e2$", 1, 0 },
	{ "parent_span_id", 0, 0 },
	{ "link", 0, 0 },
	{ "time > 2025-12-08", 1, 0 },
	{ "time >= '2025-12-08T20:44:49.12884449Z'", 1, 0 },
	{ "time > 2025-12-08T20:44:49.128844490Z", 0, 0 },
	{ "time == '2025-12-08 22:44:49.128844490+02:00'", 1, 0 },
	{ "time < 2024-02-29T23:59:60Z", 0, 1 },
	/* and binds more than or, not more than both; what cannot matter is left out */
	{ "kind == server or kind == server and kind == client", 1, 1 },
	{ "(kind == server or kind == server) and kind == client", 0, 0 },
	{ "not kind == client and kind == server", 1, 1 },
	{ "not (kind == client or kind == server)", 0, 0 },
	{ "not not error", 1, 0 },
	{ "error || tls && kind == client", 1, 0 },
	{ "(((error)))and(status==503)", 1, 0 },
	{ "error AND NOT tls", 1, 0 },
	{ "tls or link or runtime or error", 1, 0 },
	{ "error and status and path and tls", 0, 0 },
	{ "\t\nerror\n", 1, 0 },
};

static void test_matches(void)
{
	struct span full = full_span(), empty = { .protocol = &http10_name,
		.duration_ns = SPAN_UNKNOWN, .inner_ns = SPAN_UNKNOWN, .ttfb_ns = SPAN_UNKNOWN,
		.queue_ns = SPAN_UNKNOWN, .connect_ns = SPAN_UNKNOWN, .req_bytes = SPAN_UNKNOWN,
		.resp_bytes = SPAN_UNKNOWN, .req_body_bytes = SPAN_UNKNOWN,
		.resp_body_bytes = SPAN_UNKNOWN,
	};
	struct filter_error err;

	for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++) {
		struct filter *f = filter__new(matches[i].expr, &err);

		if (!ok(f != NULL, "%s", matches[i].expr)) {
			filter_error_print(stdout, matches[i].expr, &err);
			continue;
		}
		is_u64(filter__match(f, &full), matches[i].full, "with a full span");
		is_u64(filter__match(f, &empty), matches[i].empty, "with an empty one");
		filter__free(f);
	}
}

static const struct {
	const char *expr;
	size_t offset, length;
	const char *message;
} errors[] = {
	{ "", 0, 1, "an expression is missing at the end" },
	{ "  ", 2, 1, "an expression is missing at the end" },
	{ "statsu >= 500", 0, 6, "there is no field 'statsu'; did you mean 'status'?" },
	{ "error or druation > 1s", 9, 8,
	  "there is no field 'druation'; did you mean 'duration'?" },
	{ "zzzzzzzzzz == 1", 0, 10, "there is no field 'zzzzzzzzzz'" },
	{ "status >=", 9, 1, "a value is missing after '>='" },
	{ "status >= and error", 10, 3, "a value is missing after '>='" },
	{ "and error", 0, 3, "a field is missing before 'and'" },
	{ "error and", 9, 1, "an expression is missing at the end" },
	{ "error or )", 9, 1, "a field is missing before ')'" },
	{ "(error", 0, 1, "the closing ')' is missing" },
	{ "error)", 5, 1, "')' without '(' before it" },
	{ "status 500", 7, 3, "expected an operator, 'and' or 'or' here" },
	{ "(status 500)", 8, 3, "expected an operator, 'and', 'or' or ')' here" },
	{ "status = 500", 7, 1, "use == to compare" },
	{ "user_agent == x", 0, 10,
	  "there is no field 'user_agent'; did you mean 'header.user-agent'?" },
	{ "path ~ x", 5, 1, "use =~ to compare with a pattern" },
	{ "error & tls", 6, 1, "'&&' connects" },
	{ "status == abc", 10, 3, "'abc' is not a number" },
	{ "status == 5ms", 10, 3, "'5ms' is not a number" },
	{ "status == -1", 10, 2, "'-1' is not a number" },
	{ "status == 99999999999999999999", 10, 20, "'99999999999999999999' is too large" },
	{ "duration > 250", 11, 3, "'duration' needs a unit: 250ms, 250s, …" },
	{ "duration > 5kB", 11, 3, "'5kB' is not a duration (as 250ms, 1.5s, 1m30s)" },
	{ "duration > 1m30", 11, 4, "'duration' needs a unit: 1m30ms, 1m30s, …" },
	{ "duration > 600000000h", 11, 10, "'600000000h' is too large" },
	{ "req_bytes > 5s", 12, 2, "'5s' is not a size (as 1500, 10kB, 1.5MiB)" },
	{ "method > GET", 7, 1, "'>' compares numbers; 'method' is text" },
	{ "client_addr < 10.0.0.1", 12, 1, "'<' compares numbers; 'client_addr' is an address" },
	{ "status =~ '^5'", 7, 2, "'=~' compares text; 'status' is a number" },
	{ "client_addr == 10.0.0", 15, 6,
	  "'10.0.0' is not an address or a prefix (as 10.0.0.0/8)" },
	{ "client_addr == 10.0.0.0/33", 15, 11,
	  "'10.0.0.0/33' has a prefix length beyond that of the address" },
	{ "kind == servr", 8, 5, "'kind' is one of: server, client" },
	{ "error == 5xx", 9, 3,
	  "'error' is one of: timeout, reset, closed, status, protocol, handshake, "
			"refused, unreachable, no-address" },
	{ "time > 2025-13-01", 7, 10, "'2025-13-01' is not a time (as 2025-12-08T20:44:49Z)" },
	{ "path == \"abc", 8, 1, "the closing \" is missing" },
	{ "path == \"a\\q\"", 10, 2, "an escape is one of \\\" \\' \\\\ \\n \\r \\t \\0 \\xHH" },
	{ "path == \"a\\x4\"", 10, 2, "two hexadecimal digits are missing after \\x" },
	{ "path =~ \"a(b\"", 12, 1, "pattern: missing closing parenthesis" },
	{ "path =~ '(*UTF)a'", 15, 1, "pattern: using UTF is disabled by the application" },
};

static void test_errors(void)
{
	struct filter_error err;
	char deep[400];

	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		struct filter *f = filter__new(errors[i].expr, &err);

		ok(!f, "%s is refused", errors[i].expr);
		is_str(err.message, errors[i].message, "with the reason");
		is_u64(err.offset, errors[i].offset, "the place");
		is_u64(err.length, errors[i].length, "and the length");
		filter__free(f);
	}
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	ok(!filter__new(deep, &err) && err.offset == FILTER_MAX_DEPTH, "too deep is refused");
	memset(deep, '!', sizeof(deep) - 1);
	ok(!filter__new(deep, &err) && strstr(err.message, "deep"), "so are negations");
}

static void check_print(const char *expr, const char *want)
{
	struct filter_error err;
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	ok(!filter__new(expr, &err), "refused");
	filter_error_print(out, expr, &err);
	fclose(out);
	is_str(text, want, "message, expression and caret");
	free(text);
}

static void test_print(void)
{
	check_print("status >= 5xx",
		    "filter: '5xx' is not a number\n  status >= 5xx\n            ^\n");
	check_print("path == \"gr\xc3\xbc\xc3\x9f" "e\" or foo",
		    "filter: there is no field 'foo'\n  path == \"gr\xc3\xbc\xc3\x9f" "e\" or foo\n"
		    "                     ^\n");
	check_print("path == '\xe6\x97\xa5\xe6\x9c\xac' x",
		    "filter: expected an operator, 'and' or 'or' here\n  path == "
		    "'\xe6\x97\xa5\xe6\x9c\xac' x\n"
		    "                 ^\n");
	check_print("path\t==\n'\x1b[31m\xff' x",
		    "filter: expected an operator, 'and' or 'or' here\n  path == '?[31m?' x\n"
		    "                   ^\n");
	check_print("error\x1b", "filter: there is no field 'error?'; did you mean 'error'?\n"
				 "  error?\n  ^\n");
}

static double seconds_since(const struct timespec *a)
{
	struct timespec b;

	clock_gettime(CLOCK_MONOTONIC, &b);
	return (double)(b.tv_sec - a->tv_sec) + (double)(b.tv_nsec - a->tv_nsec) / 1e9;
}

static void test_hostile(void)
{
	static const char *const patterns[] = { "^(a+)+$", "(a|a?)+$", "(.*)(.*)(.*)(.*)(.*)[^a]$",
		"(?:a|aa)+b", "a*b", "(x+x+)+y", "((a*)*)*b" };
	static char path[65536];
	struct timespec start;
	struct filter_error err;
	struct span s = { .protocol = &http11_name, .kind = SPAN_SERVER };
	uint64_t given_up = 0;
	char expr[100];
	double worst = 0, took;

	memset(path, 'a', sizeof(path));
	for (size_t n = 30; n <= sizeof(path); n = n < 2000 ? 2000 : n * 32) {
		s.path = (struct str){ path, n };
		path[n - 1] = '!';
		for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
			struct filter *f;

			snprintf(expr, sizeof(expr), "path =~ '%s'", patterns[i]);
			f = filter__new(expr, &err);
			clock_gettime(CLOCK_MONOTONIC, &start);
			filter__match(f, &s);
			took = seconds_since(&start);
			worst = took > worst ? took : worst;
			given_up += filter__given_up(f);
			filter__free(f);
		}
		path[n - 1] = 'a';
	}
	printf("# slowest match took %.3f s, %u given up\n", worst, (unsigned)given_up);
	ok(given_up > 0, "binding_refuted patterns are given up, and counted");
	ok(worst < 60, "none stalls"); /* tens of milliseconds here; without a limit, for ever */
}

/* A match that is merely long must not be given up. */
static void test_long(void)
{
	struct filter_error err;
	struct filter *f = filter__new("path =~ '^(/[a-z]+|/[0-9]+)+$'", &err);
	static char path[3996];
	struct span s = { .protocol = &http11_name, .kind = SPAN_SERVER,
			  .path = { path, sizeof(path) } };

	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = "/ab/12"[i % 6];
	ok(filter__match(f, &s) && !filter__given_up(f), "a long path matches");
	filter__free(f);
}

static void test_given_up(void)
{
	struct span s = { .protocol = &http11_name, .kind = SPAN_SERVER,
			  .path = str("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!") };
	struct filter_error err;
	struct filter *f = filter__new("path !~ '^(a+)+$'", &err);

	ok(!filter__match(f, &s) && filter__given_up(f) == 1, "given up is no match for !~ either");
	filter__free(f);
}

static void test_fields(void)
{
	const struct span_field *f = span_fields();
	unsigned wrong = 0, n = 0;
	struct filter_error err;

	for (; f->name; f++, n++) {
		struct filter *bare = filter__new(f->name, &err);

		wrong += !bare || !f->help || !f->help[0];
		filter__free(bare);
	}
	ok(n > 40 && !wrong, "all %u fields have a help text and can stand alone", n);
}

static void test_cost(void)
{
	struct filter_error err;
	struct filter *f = filter__new("status >= 500 and duration > 100ms and path =~ '^/api/'",
				       &err);
	struct span s = full_span();
	struct timespec start;
	unsigned hits = 0;
	double ns;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < 200000; i++)
		hits += (unsigned)filter__match(f, &s);
	ns = seconds_since(&start) * 1e9 / 200000;
	ok(hits == 200000 && ns < 2000, "a match costs little");
	printf("# %.1f ns for two numbers and a pattern\n", ns);
	filter__free(f);
}

int main(void)
{
	test_matches();
	test_errors();
	test_print();
	test_hostile();
	test_long();
	test_given_up();
	test_fields();
	test_cost();
	return tap_done();
}
