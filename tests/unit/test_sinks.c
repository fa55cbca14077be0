/*
 * test_sinks.c - what the sinks print, octet by octet
 *
 * Output goes into a file in memory, of which the buffered writer knows nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/exchange_attrs.h"
#include "sinks/format.h"
#include "sinks/json_writer.h"
#include "sinks/safe.h"
#include "sinks/sink.h"
#include "tests/unit/tap.h"
#include "parsers/http1/http1_protocol.h"
#include "parsers/content/grpc.h"

#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 })

struct capture {
	struct out out;
	int fd;
	char text[1 << 20];
};

static struct capture *capture_new(void)
{
	struct capture *c = calloc(1, sizeof(*c));

	c->fd = memfd_create("out", 0);
	if (out_init(&c->out, c->fd, -1))
		abort();
	return c;
}

/* What has been written so far; starts anew. */
static char *captured(struct capture *c)
{
	ssize_t n;

	out_flush(&c->out);
	n = pread(c->fd, c->text, sizeof(c->text) - 1, 0);
	c->text[n > 0 ? n : 0] = '\0';
	if (ftruncate(c->fd, 0) || lseek(c->fd, 0, SEEK_SET))
		abort();
	return c->text;
}

static void capture_free(struct capture *c)
{
	out_release(&c->out);
	close(c->fd);
	free(c);
}

static const uint8_t client4[16] = { [10] = 0xff, [11] = 0xff, 172, 18, 0, 1 };
static const uint8_t server4[16] = { [10] = 0xff, [11] = 0xff, 172, 18, 0, 3 };
static const uint8_t client6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 7 };

/* The example of the manual. */
static struct span example(void)
{
	struct span s = {
		.time_ns = 1765226689128844490u,
		.duration_ns = 1260901,
		.inner_ns = 366650,
		.ttfb_ns = SPAN_UNKNOWN,
		.queue_ns = SPAN_UNKNOWN,
		.connect_ns = SPAN_UNKNOWN,
		.kind = SPAN_SERVER,
		.protocol = &http11_name,
		.status = 200,
		.method = STR("GET"),
		.path = STR("/"),
		.route = STR("/"),
		.req_bytes = 78,
		.resp_bytes = 223,
		.req_body_bytes = SPAN_UNKNOWN,
		.resp_body_bytes = SPAN_UNKNOWN,
		.has_addr = 1,
		.client_port = 36282,
		.server_port = 8000,
		.conn = 11,
		.seq = 2,
		.service = "envoy",
		.runtime = "generic",
		.trace_id = { 0x52, 0x94, 0x58, 0xa2, 0xbe, 0x27, 0x19, 0x56, 0x13, 0x48, 0x72,
			      0x66, 0x8d, 0xc5, 0xee, 0x47 },
		.span_id = { 0x06, 0xc7, 0xf8, 0x17, 0xe6, 0xa5, 0xda, 0xe2 },
		.trace_flags = 1,
	};

	memcpy(s.client_addr, client4, 16);
	memcpy(s.server_addr, server4, 16);
	return s;
}

/* What only HTTP/2 and what it carries have. */
static void test_rpc(struct capture *c)
{
	const struct sink_options o = { .out = &c->out, .redact = 1 };
	struct sink *text = sink_text_new(&o), *json = sink_json_new(&o);
	struct attr_list l = { .n = 0 };
	struct span s = example();
	const char *line;

	s.protocol = &grpc_name;
	s.path = s.route = STR("/p.S/M");
	text->ops->span(text, &s);
	ok(strstr(captured(c), ") GRPC -  /p.S/M(/p.S/M) [") != NULL,
	   "text: gRPC without a status");
	s.kind = SPAN_CLIENT;
	attr_list_number(&l, ATTR(grpc_status), 5);
	s.attr = l.attr;
	s.nattrs = l.n;
	text->ops->span(text, &s);
	ok(strstr(captured(c), ") GRPCClient 5  /p.S/M(/p.S/M) [") != NULL, "text: and with one");
	attr_list_number(&l, ATTR(req_message_bytes), 9);
	attr_list_number(&l, ATTR(req_messages), 1);
	attr_list_number(&l, ATTR(resp_messages), 0);
	attr_list_number(&l, ATTR(error_code), 8);
	attr_list_number(&l, ATTR(grpc_timeout), 4);
	attr_list_text(&l, ATTR(grpc_message), STR("no such"));
	attr_list_text(&l, ATTR(rpc_method), STR("M"));
	attr_list_text(&l, ATTR(rpc_service), STR("p.S"));
	attr_list_number(&l, ATTR(stall), 6);
	attr_list_number(&l, ATTR(grpc_timeout), 5);
	attr_list_text(&l, ATTR(db_query), (struct str){ NULL, 0 });
	s.nattrs = l.n;
	s.stream_id = 7;
	json->ops->span(json, &s);
	line = captured(c);
	ok(strstr(line, "\"grpc_status\":5,\"grpc_message\":\"no such\",\"rpc_service\":\"p.S\","
			"\"rpc_method\":\"M\",\"error_code\":8,") != NULL, "json: gRPC");
	ok(strstr(line, "\"stall_ns\":6,\"grpc_timeout_ns\":5,") != NULL, "json: stall, deadline");
	ok(strstr(line,
		  "\"req_messages\":1,\"resp_messages\":0,\"req_message_bytes\":9,\"client") !=
		   NULL,
	   "json: messages that are known");
	ok(strstr(line, "\"stream\":7,") != NULL, "json: stream");
	text->ops->free(text);
	json->ops->free(json);
}

static void test_text(struct capture *c)
{
	const struct sink_options o = { .out = &c->out, .redact = 1 };
	struct sink *k = sink_text_new(&o);
	struct span s = example();

	k->ops->span(k, &s);
	is_str(captured(c),
	       "2025-12-08 20:44:49.128844490 (1.260901ms[366.65µs]) HTTP 200 GET /(/) "
	       "[172.18.0.1 as 172.18.0.1:36282]->[172.18.0.3 as envoy:8000] contentLen:78B "
	       "responseLen:223B svc=[envoy generic] traceparent=[00-529458a2be271956134872668dc5ee"
	       "47-06c7f817e6a5dae2[0000000000000000]-01]\n",
	       "text: the line of the manual");

	s.kind = SPAN_CLIENT;
	s.status = 0;
	s.error = SPAN_ERR_RESET;
	s.incomplete = SPAN_LOST_EVENTS | SPAN_RESPONSE_NOT_SEEN;
	s.inner_ns = SPAN_UNKNOWN;
	s.has_parent = 1;
	memset(s.parent_id, 0xab, sizeof(s.parent_id));
	memcpy(s.client_addr, client6, 16);
	s.req_bytes = SPAN_UNKNOWN;
	s.service = NULL;
	s.comm = "x\n\x1b[31m";
	s.runtime = NULL;
	s.path = STR("/a\x1b]0;t\x07\xff\xc2\x85é\\;jsessionid=4711");
	s.route = (struct str){ 0 };
	k->ops->span(k, &s);
	is_str(captured(c),
	       "2025-12-08 20:44:49.128844490 (1.260901ms[?]) HTTPClient 0 GET "
	       "/a\\x1b]0;t\\x07\\xff\\xc2\\x85é\\x5c;jsessionid=[redacted](-) "
	       "[2001:db8::7 as x\\x0a\\x1b[31m:36282]->[172.18.0.3 as 172.18.0.3:8000] "
	       "contentLen:?B responseLen:223B svc=[x\\x0a\\x1b[31m generic] traceparent=[00-"
	       "529458a2be271956134872668dc5ee47-06c7f817e6a5dae2[abababababababab]-01] "
	       "error=reset "
	       "incomplete=[lost-events,response-not-seen]\n",
	       "text: hostile octets, IPv6, doubts");
	s = example();
	memcpy(s.client_addr, client6, 16);
	k->ops->span(k, &s);
	ok(strstr(captured(c), "[2001:db8::7 as [2001:db8::7]:36282]->"),
	   "text: an IPv6 address in place of a name has brackets");
	k->ops->free(k);
}

static void test_json(struct capture *c)
{
	static const char *const all[] = { "*" };
	struct sink_options o = { .out = &c->out, .redact = 1, .body = 1 };
	const struct sink_totals totals = { .time_ns = 1765226689000000001u,
					    .spans = 1, .events = 2, .lost_events = 3,
					    .uncaptured_bytes = 4, .unparsed_bytes = 5 };
	struct sink *k = sink_json_new(&o);
	struct span s = example();

	k->ops->span(k, &s);
	is_str(captured(c),
	       "{\"time\":\"2025-12-08T20:44:49.128844490Z\",\"type\":\"span\",\"kind\":\"server\","
	       "\"protocol\":\"http/1.1\",\"tls\":false,\"method\":\"GET\",\"path\":\"/\","
	       "\"route\":\"/\",\"status\":200,\"duration_ns\":1260901,\"inner_ns\":366650,"
	       "\"req_bytes\":78,\"resp_bytes\":223,\"client_addr\":\"172.18.0.1\","
	       "\"client_port\":36282,\"server_addr\":\"172.18.0.3\",\"server_port\":8000,"
	       "\"service\":\"envoy\",\"runtime\":\"generic\",\"conn\":11,\"seq\":2,"
	       "\"trace_id\":\"529458a2be271956134872668dc5ee47\","
	       "\"span_id\":\"06c7f817e6a5dae2\"}\n",
	       "json: keys in order, unknown ones absent");
	k->ops->finish(k, &totals);
	is_str(captured(c),
	       "{\"time\":\"2025-12-08T20:44:49.000000001Z\",\"type\":\"note\",\"note\":\"end\","
	       "\"spans\":1,\"events\":2,\"lost_events\":3,\"uncaptured_bytes\":4,"
	       "\"unparsed_bytes\":5}\n",
	       "json: the last line");
	k->ops->free(k);

	o.headers = all;
	o.nheaders = 1;
	k = sink_json_new(&o);
	s.query = STR("token=abc&x=\"1\"");
	s.req_fields =
		STR("Host: h\r\nSet-Thing: a\r\nAuthorization: Bearer s\r\nSET-thing: b\r\n");
	s.req_body = STR("\x01\t\xed\xa0\x80\xf0\x9f\x98\x80\x7f");
	s.incomplete = SPAN_ATTACHED_LATE;
	s.has_parent = 1;
	s.link = "traceparent";
	s.error = SPAN_ERR_TIMEOUT;
	k->ops->span(k, &s);
	captured(c);
	ok(strstr(c->text, "\"query\":\"token=[redacted]&x=\\\"1\\\"\""), "json: query redacted");
	ok(strstr(c->text, "\"req_headers\":{\"host\":\"h\",\"set-thing\":[\"a\",\"b\"],"
			   "\"authorization\":\"[redacted]\"}"),
	   "json: fields, repeated ones as array, secrets hidden");
	ok(strstr(c->text,
		  "\"req_body\":\"\\u0001\\t\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98"
		  "\x80\\u007f\""),
	   "json: surrogates are replaced octet by octet, the rest stays");
	ok(strstr(c->text, "\"parent_span_id\":\"0000000000000000\",\"link\":\"traceparent\","
			   "\"incomplete\":[\"attached-late\"]}\n"),
	   "json: links and doubts at the end");
	ok(strstr(c->text, "\"status\":200,\"error\":\"timeout\""), "json: error");
	ok(!strstr(c->text, "resp_headers"), "json: no head seen, no fields");
	k->ops->free(k);
}

static void test_json_many_fields(struct capture *c)
{
	static const char *const names[] = { "x-1", "Y" };
	const struct sink_options o = { .out = &c->out, .headers = names, .nheaders = 2 };
	struct sink *k = sink_json_new(&o);
	struct span s = example();
	char *lines = malloc(300 * 8 + 1), *p = lines;

	for (int i = 0; i < 300; i++)
		p = stpcpy(p, "y: 1\r\n");
	s.resp_fields = (struct str){ lines, (size_t)(p - lines) };
	s.req_fields = STR("Other: 1\r\n");
	k->ops->span(k, &s);
	captured(c);
	ok(strstr(c->text, "\"resp_headers\":{\"y\":[\"1\",\"1\","),
	   "json: chosen field, any case");
	ok(strstr(c->text, "\"1\"],\"\":44}"), "json: what was left out is counted");
	ok(!strstr(c->text, "req_headers"), "json: none of the chosen fields, no object");
	free(lines);
	k->ops->free(k);
}

static void test_long_strings(struct capture *c)
{
	struct json j = { .out = &c->out };
	size_t n = 200001; /* escaped, more than there is room for in c->text */
	char *s = malloc(n);
	size_t good = 0;

	/* three octets each, so that every way of cutting is wrong but those between characters */
	for (size_t i = 0; i + 3 <= n; i += 3)
		memcpy(s + i, "€", 3);
	json_string(&j, s, n / 3 * 3);
	captured(c);
	ok(strlen(c->text) == n / 3 * 3 + 2 && !memcmp(c->text + 1, s, n / 3 * 3),
	   "json: a long string is not cut within characters");
	memset(s, 1, n);
	json_string(&j, s, n);
	captured(c);
	for (char *p = c->text; (p = strstr(p, "\\u0001")); p += 6)
		good++;
	is_u64(good, (sizeof(c->text) - 2) / 6, "json: a long string of controls");
	for (size_t i = 0; i + 3 <= n; i += 3)
		memcpy(s + i, "€", 3);
	out_safe(&c->out, s, n / 3 * 3);
	captured(c);
	ok(!memcmp(c->text, s, n / 3 * 3) && strlen(c->text) == n / 3 * 3,
	   "text: a long string is not cut within characters");
	free(s);
}

/* Every sequence of up to three octets from a set of interesting ones comes out as UTF-8. */
static void test_always_utf8(struct capture *c)
{
	static const unsigned char set[] = { 0,	   'a',	 '"',  '\\', 0x7f, 0x80, 0x9f, 0xa0, 0xbf,
					     0xc0, 0xc2, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf5,
					     0xff, 0x1b };
	const unsigned n = sizeof(set);
	struct json j = { .out = &c->out };
	unsigned bad_json = 0, bad_text = 0;

	for (unsigned i = 0; i < n * n * n * n; i++) {
		char in[4] = { (char)set[i % n], (char)set[i / n % n], (char)set[i / n / n % n],
			       (char)set[i / n / n / n] };
		char text[4 * SAFE_GROWTH];
		size_t len = (size_t)(safe_text(text, in, 4) - text), at;

		for (at = 0; at < len; at += utf8_len(text + at, len - at)) {
			unsigned char ch = (unsigned char)text[at];

			if (!utf8_len(text + at, len - at) || ch < 0x20 || ch == 0x7f) {
				bad_text++;
				break;
			}
		}
		c->out.n = 0;
		json_string(&j, in, 4);
		for (at = 0; at < c->out.n; at += utf8_len(c->out.buf + at, c->out.n - at)) {
			if (!utf8_len(c->out.buf + at, c->out.n - at) ||
			    (unsigned char)c->out.buf[at] < 0x20) {
				bad_json++;
				break;
			}
		}
	}
	c->out.n = 0;
	is_u64(bad_json, 0, "json: whatever comes in, UTF-8 without controls comes out");
	is_u64(bad_text, 0, "text: the same");
}

static const char *go_duration(uint64_t ns)
{
	static char buf[FMT_DURATION_MAX + 1];

	*fmt_go_duration(buf, ns) = '\0';
	return buf;
}

static const char *short_duration(uint64_t ns)
{
	static char buf[FMT_DURATION_MAX + 1];

	*fmt_short_duration(buf, ns) = '\0';
	return buf;
}

static const char *size(uint64_t v)
{
	static char buf[FMT_DURATION_MAX + 1];

	*fmt_size(buf, v) = '\0';
	return buf;
}

static void test_format(void)
{
	const uint64_t s = 1000000000;
	char buf[FMT_U64_MAX + 1], want[32];

	/* the examples of the documentation of Go's time package, and what lies between */
	is_str(go_duration(0), "0s", "duration: 0s");
	is_str(go_duration(1), "1ns", "duration: 1ns");
	is_str(go_duration(1100), "1.1µs", "duration: 1.1µs");
	is_str(go_duration(366650), "366.65µs", "duration: 366.65µs");
	is_str(go_duration(2200000), "2.2ms", "duration: 2.2ms");
	is_str(go_duration(999999999), "999.999999ms", "duration: 999.999999ms");
	is_str(go_duration(s), "1s", "duration: 1s");
	is_str(go_duration(3300000000), "3.3s", "duration: 3.3s");
	is_str(go_duration(4 * 60 * s + 5 * s), "4m5s", "duration: 4m5s");
	is_str(go_duration(4 * 60 * s + 5 * s + 1000000), "4m5.001s", "duration: 4m5.001s");
	is_str(go_duration(5 * 3600 * s + 6 * 60 * s + 7 * s + 1000000), "5h6m7.001s",
	       "duration: 5h6m7.001s");
	is_str(go_duration(480 * 60 * s + 1), "8h0m0.000000001s", "duration: 8h0m0.000000001s");
	is_str(go_duration(SPAN_UNKNOWN), "?", "duration: unknown");
	is_str(short_duration(999), "999ns", "short: 999ns");
	is_str(short_duration(1260901), "1.26ms", "short: 1.26ms");
	is_str(short_duration(59999000000), "59.9s", "short: 59.9s");
	is_str(short_duration(125 * s), "2m05s", "short: 2m05s");
	is_str(short_duration(3600 * s), "1h00m", "short: 1h00m");
	is_str(size(1023), "1023B", "size: 1023B");
	is_str(size(1536), "1.50KiB", "size: 1.50KiB");
	is_str(size((uint64_t)5 << 30), "5.00GiB", "size: 5.00GiB");
	is_str(size(UINT64_MAX), "15.9EiB", "size: all of it");
	for (uint64_t v = 1, i = 0; i < 64; i++, v = v * 3 + i) {
		*fmt_u64(buf, v) = '\0';
		snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
		if (strcmp(buf, want))
			is_str(buf, want, "a number");
	}
	for (uint64_t v = 1; v < UINT64_MAX / 10; v *= 10) {
		for (uint64_t x = v - 1; x <= v; x++) {
			*fmt_u64(buf, x) = '\0';
			snprintf(want, sizeof(want), "%llu", (unsigned long long)x);
			if (strcmp(buf, want))
				is_str(buf, want, "around a power of ten");
		}
	}
	*fmt_u64(buf, UINT64_MAX) = '\0';
	is_str(buf, "18446744073709551615", "the greatest number");
	is_u64(text_width("aé€", 6), 3, "width: one column each");
	is_u64(text_width("\xff\xfe", 2), 2, "width: what is no UTF-8");
}

/* What works on several bytes at once, against what does on one. */
static void test_words(void)
{
	char text[48], copy[64];
	unsigned wrong = 0, uncopied = 0;

	for (unsigned n = 0; n <= 40; n++) {
		memset(text, 'a', sizeof(text));
		wrong += plain_ascii(text, n) != n;
		for (unsigned i = 0; i < n * 256; i++) {
			int c = (int)(i & 255);
			int plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';

			text[i >> 8] = (char)c;
			wrong += plain_ascii(text, n) != (plain ? n : i >> 8);
			text[i >> 8] = 'a';
		}
		for (unsigned i = 0; i < n; i++)
			text[i] = (char)(i + 1);
		memset(copy, 0, sizeof(copy));
		uncopied += fmt_copy(copy + 8, text, n) != copy + 8 + n;
		uncopied += memcmp(copy + 8, text, n) || copy[7] || copy[8 + n];
	}
	is_u64(wrong, 0, "plain ASCII: each byte at each place in each length");
	is_u64(uncopied, 0, "copies: exactly what is asked for");
}

static void test_summary(struct capture *c)
{
	struct sink_options o = { .out = &c->out, .redact = 1, .sort = summary_sort_key("count") };
	const struct sink_totals totals = { .time_ns = 0 };
	struct sink *k = sink_summary_new(&o);
	struct span s = example();
	char route[32];
	unsigned lines = 0;

	s.duration_ns = 2000000;
	s.time_ns = 1000000000;
	k->ops->span(k, &s);
	s.time_ns = 3000000000 - s.duration_ns;
	s.error = SPAN_ERR_STATUS;
	k->ops->span(k, &s);
	s.route = STR("/ü/{id}");
	s.error = SPAN_OK;
	s.incomplete = SPAN_LOST_EVENTS;
	k->ops->span(k, &s);
	k->ops->finish(k, &totals);
	is_str(captured(c),
	       "ROUTE    METHOD  KIND    SERVICE  COUNT    RATE   ERR%     P50     P90     P99     "
	       "MAX  BYTES  INC%\n"
	       "/        GET     server  envoy        2  1.00/s  50.0%  2.00ms  2.00ms  2.00ms  "
	       "2.00ms   602B    0%\n"
	       "/ü/{id}  GET     server  envoy        1  0.50/s     0%  2.00ms  2.00ms  2.00ms  "
	       "2.00ms   301B  100%\n",
	       "summary: the table");
	k->ops->free(k);

	k = sink_summary_new(&o);
	s.incomplete = SPAN_IN_FLIGHT;
	s.duration_ns = SPAN_UNKNOWN;
	k->ops->span(k, &s);
	k->ops->finish(k, &totals);
	ok(strstr(captured(c), "1     -    0%    -    -    -    -   301B  100%\n"),
	   "summary: a duration that is not known is in no percentile: %s", c->text);
	k->ops->free(k);

	k = sink_summary_new(&o);
	for (int i = 0; i < 1500; i++) {
		snprintf(route, sizeof(route), "/r%d", i);
		s.route = (struct str){ route, strlen(route) };
		k->ops->span(k, &s);
		k->ops->span(k, &s);
	}
	k->ops->finish(k, &totals);
	for (char *p = captured(c); (p = strchr(p, '\n')); p++)
		lines++;
	is_u64(lines, 1002, "summary: a limited number of rows");
	ok(strstr(c->text, "\n(others) "), "summary: the others have a row");
	ok(strstr(strstr(c->text, "\n(others) "), " 1000  "), "summary: which counts them");
	k->ops->free(k);

	o.interval_ns = 1000000000;
	k = sink_summary_new(&o);
	k->ops->tick(k, 10000000000);
	k->ops->span(k, &s);
	k->ops->tick(k, 10999999999);
	is_str(captured(c), "", "summary: nothing before its time");
	k->ops->tick(k, 11000000000);
	ok(strstr(captured(c), "1.00s  1 spans\nROUTE"), "summary: a table for the period");
	k->ops->tick(k, 12000000000);
	ok(strstr(captured(c), "1.00s  0 spans\nROUTE"), "summary: and one for the next");
	k->ops->finish(k, &totals);
	is_str(captured(c), "", "summary: nothing new, no further table");
	k->ops->free(k);
}

/* Calls per request: those of one row, of requests that are seen here. */
static void test_calls(struct capture *c)
{
	struct sink_options o = { .out = &c->out, .redact = 1, .sort = summary_sort_key("calls"),
				  .interval_ns = 1000000000 };
	struct sink *k = sink_summary_new(&o);
	struct span s = example();

	s.kind = SPAN_CLIENT;
	s.has_parent = s.parent_here = 1;
	k->ops->tick(k, 10000000000);
	for (int i = 0; i < 74; i++) {
		s.route = i % 37 ? STR("SELECT ?") : STR("GET");
		s.parent_id[3] = (uint8_t)(i / 37);
		k->ops->span(k, &s);
	}
	s.parent_here = 0; /* by whom is not seen */
	k->ops->span(k, &s);
	k->ops->tick(k, 11000000000);
	captured(c);
	ok(strstr(c->text, "CALLS\n") && strstr(c->text, " ×36\nGET ") &&
	   strstr(c->text, " ×1\n"),
	   "summary: calls per request, the most first: %s", c->text);
	s.parent_here = 1;
	s.parent_id[3] = 0;
	k->ops->span(k, &s);
	k->ops->span(k, &s);
	k->ops->tick(k, 12000000000);
	ok(strstr(captured(c), " ×2\n"), "summary: of a request that goes on in the next period");
	k->ops->span(k, &s);
	k->ops->tick(k, 13000000000);
	ok(!strstr(captured(c), "CALLS"), "summary: not where each calls once");
	k->ops->free(k);
}

static void test_forms(struct capture *c)
{
	struct sink_options o = { .out = &c->out, .redact = 1, .form = SUMMARY_CSV,
				  .sort = summary_sort_key("count"), .interval_ns = 1000000000 };
	const struct sink_totals totals = { .time_ns = 0 };
	struct sink *k = sink_summary_new(&o);
	struct span s = example();

	s.duration_ns = 2000000;
	s.route = STR("=a\",\n|b");
	s.status = 404;
	k->ops->tick(k, 10000000000);
	k->ops->span(k, &s);
	k->ops->tick(k, 11000000000);
	is_str(captured(c),
	       "start,end,route,method,kind,service,count,errors,4xx,5xx,p50_ns,p90_ns,p99_ns,"
	       "max_ns,bytes,incomplete,calls,callers,total_ns\r\n"
	       "1970-01-01T00:00:10.000000000Z,1970-01-01T00:00:11.000000000Z,"
	       "\"'=a\"\",\\x0a|b\",\"GET\",server,\"envoy\",1,0,1,0,2000000,2000000,2000000,"
	       "2000000,301,0,0,0,2000000\r\n",
	       "CSV: titles and a row; quotes, lines and formulas in what was sent are text");
	s.duration_ns = SPAN_UNKNOWN;
	k->ops->span(k, &s);
	k->ops->tick(k, 12000000000);
	is_str(captured(c),
	       "1970-01-01T00:00:11.000000000Z,1970-01-01T00:00:12.000000000Z,"
	       "\"'=a\"\",\\x0a|b\",\"GET\",server,\"envoy\",1,0,1,0,,,,,301,0,0,0,\r\n",
	       "CSV: the next period has no titles, and what is not known is empty");
	k->ops->free(k);

	o.form = SUMMARY_MARKDOWN;
	o.interval_ns = 0;
	k = sink_summary_new(&o);
	s.duration_ns = 2000000;
	s.time_ns = 0;
	k->ops->span(k, &s);
	k->ops->finish(k, &totals);
	ok(strstr(captured(c), "  2.00ms  1 spans\n\n| ROUTE | METHOD |"), "Markdown: a title");
	ok(strstr(c->text, "\n| --- | --- | --- | --- | ---: |"), "Markdown: what is a figure");
	ok(strstr(c->text, "\n| =a\",\\x0a\\|b | GET | server | envoy | 1 | "),
	   "Markdown: a bar in a name is text: %s", c->text);
	k->ops->free(k);
}

/* The columns of the longest line; there are no colours in it. */
static size_t widest(const char *text)
{
	size_t most = 0;

	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		size_t width = text_width(text, (size_t)(end - text));

		most = width > most ? width : most;
	}
	return most;
}

static void test_brief(struct capture *c)
{
	struct sink_options o = { .out = &c->out, .redact = 1 };
	struct sink *k = sink_brief_new(&o);
	struct span s = example();
	unsigned wide = 0, narrow = 0;

	s.time_ns = 1500000000;
	s.duration_ns = 2000000;
	s.route = STR("/o/{id}?token=abc");
	s.peer_service = "shop";
	s.req_bytes = 78;
	s.resp_bytes = SPAN_UNKNOWN;
	k->ops->span(k, &s);
	is_str(captured(c),
	       "00:00:01.502  200 2.00ms  GET /o/{id}?token=[redacted]  shop → envoy  78B/?\n",
	       "brief: when it ended, how, how long, what, who and whom, bytes");
	s.error = SPAN_ERR_RESET;
	s.status = 0;
	s.duration_ns = SPAN_UNKNOWN;
	s.incomplete = SPAN_LOST_EVENTS;
	k->ops->span(k, &s);
	is_str(captured(c),
	       "00:00:01.500  -        -  GET /o/{id}?token=[redacted]  shop → envoy  78B/?  "
	       "reset lost-events\n", "brief: what went wrong comes last");
	s.route = STR("/ü/long/and/longer/and/longer\n/and/longer/and/longer");
	for (int columns = 28; columns < 200; columns++) {
		c->out.columns = columns;
		k->ops->span(k, &s);
		wide += widest(captured(c)) > (size_t)columns;
		narrow += columns > 60 && !strstr(c->text, "reset");
		narrow += columns > 72 && !strstr(c->text, "shop");
		narrow += columns > 160 && !strstr(c->text, "78B/?");
	}
	c->out.columns = 0;
	is_u64(wide, 0, "brief: no line is wider than its terminal");
	is_u64(narrow, 0, "brief: what it has room for is told");
	k->ops->free(k);
}

static void test_out(void)
{
	struct out o;
	int p[2];

	if (pipe(p) || out_init(&o, p[1], -1))
		abort();
	out_str(&o, "x");
	is_u64(out_flush(&o), 0, "out: flushed");
	is_u64(out_check(&o), 0, "out: the reader is there");
	close(p[0]);
	is_u64(out_check(&o), EPIPE, "out: the reader has left");
	out_str(&o, "y");
	is_u64(out_flush(&o), EPIPE, "out: the error stays");
	out_release(&o);
	close(p[1]);

	/* a reader that takes nothing, and a wish to stop */
	if (pipe(p) || out_init(&o, p[1], p[0]))
		abort();
	for (int i = 0; i < 300000; i++)
		out_char(&o, 'z');
	is_u64(out_flush(&o), ETIMEDOUT, "out: patience ends when there is a reason to stop");
	out_release(&o);
	close(p[0]);
	close(p[1]);

	if (out_init(&o, open("/dev/full", O_WRONLY), -1))
		abort();
	out_str(&o, "y");
	is_u64(out_flush(&o), ENOSPC, "out: a full disk");
	close(o.fd);
	out_release(&o);
}

int main(void)
{
	struct capture *c = capture_new();

	signal(SIGPIPE, SIG_IGN);
	setenv("TZ", "UTC", 1);
	tzset();
	test_format();
	test_text(c);
	test_rpc(c);
	test_json(c);
	test_json_many_fields(c);
	test_long_strings(c);
	test_always_utf8(c);
	test_words();
	test_summary(c);
	test_calls(c);
	test_forms(c);
	test_brief(c);
	test_out();
	capture_free(c);
	return tap_done();
}
