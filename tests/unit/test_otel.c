/* OpenTelemetry's words, their limits, and what a process says of itself. */
#include <stdlib.h>
#include <string.h>

#include "cli/environ.c" /* as cli/ is in no library */
#include "parsers/attrs.h"
#include "parsers/http1/http1_protocol.h"
#include "sinks/metrics.h"
#include "sinks/otel_resource.h"
#include "sinks/otlp/arena.h"
#include "sinks/prometheus.h"
#include "tests/unit/tap.h"

static struct otel_span otel;

static struct str str(const char *s)
{
	return (struct str){ s, strlen(s) };
}

static struct span request(const char *path)
{
	return (struct span){
		.kind = SPAN_CLIENT, .protocol = &http11_name, .time_ns = 1, .duration_ns = 1000,
		.inner_ns = SPAN_UNKNOWN, .ttfb_ns = SPAN_UNKNOWN, .queue_ns = SPAN_UNKNOWN,
		.connect_ns = SPAN_UNKNOWN, .status = 200, .method = str("GET"),
		.host = str("user:geheim@[::1]:80"), .path = str(path),
		.query = str("token=geheim"),
		.route = str(path), .req_bytes = SPAN_UNKNOWN, .resp_bytes = SPAN_UNKNOWN,
		.req_body_bytes = SPAN_UNKNOWN, .resp_body_bytes = SPAN_UNKNOWN, .pid = 7,
	};
}

static int has(const char *key, const char *value)
{
	const struct otel_attr *a = otel_attr(&otel, key);

	return a && a->s.n == strlen(value) && !memcmp(a->s.p, value, a->s.n);
}

static int holds(const char *word)
{
	for (unsigned i = 0; i < otel.n; i++)
		if (otel_is_text(&otel.attr[i]) &&
		    memmem(otel.attr[i].s.p, otel.attr[i].s.n, word, strlen(word)))
			return 1;
	return 0;
}

static void test_names(void)
{
	struct span s = request("/a");
	char *path = malloc(40000);

	otel_span(&otel, &s, 1);
	ok(otel.kind == OTEL_CLIENT && otel.family == OTEL_HTTP && otel.name.n == 6 &&
	   !memcmp(otel.name.p, "GET /a", 6), "otel: name");
	ok(!holds("geheim") && holds("[redacted]"), "otel: no secret in host, query and URL");
	ok(!otel_attr(&otel, "zctrace.ttfb_ns") && !otel_attr(&otel, "http.request.body.size") &&
	   !otel_attr(&otel, "network.peer.address"), "otel: what is not known is absent");
	otel_span(&otel, &s, 0);
	ok(holds("token=geheim"), "otel: unless it is asked for");
	s.method = str("BREW");
	otel_span(&otel, &s, 1);
	ok(has("http.request.method", "_OTHER") && has("http.request.method_original", "BREW") &&
	   otel.name.n == 7 && !memcmp(otel.name.p, "HTTP /a", 7), "otel: a method of its own");
	s.method = str("GE");
	otel_span(&otel, &s, 1);
	ok(has("http.request.method", "_OTHER"), "otel: the beginning of a method is none");
	s.host = str("[2001:db8::1]:8080");
	otel_span(&otel, &s, 1);
	ok(has("server.address", "2001:db8::1"), "otel: an address without port and brackets");
	memset(path, '/', 40000);
	s.path = (struct str){ path, 40000 };
	s.route = str("*not-seen-1*");
	otel_span(&otel, &s, 1);
	ok(!otel_attr(&otel, "url.full") && !otel_attr(&otel, "http.route") &&
	   otel.used <= OTEL_TEXT_MAX,
	   "otel: what has no room is left out, and what was not seen is no route");
	free(path);
}

static int is_named(const char *name)
{
	return otel.name.n == strlen(name) && !memcmp(otel.name.p, name, otel.name.n);
}

/* What travels in HTTP: by its own names, and still a request of HTTP with its route. */
static void test_within(void)
{
	struct span s = request("/mcp");
	const struct attr mcp[] = {
		{ ATTR(rpc_method), { str("tools/call") } },
		{ ATTR(rpc_system), { str("jsonrpc") } },
		{ ATTR(content_error), { str("tool_error") } },
		{ ATTR(mcp_method), { str("tools/call") } }, { ATTR(mcp_tool), { str("weather") } },
		{ ATTR(gen_ai_finish), { str("stop") } },
	};
	const struct attr aws[] = {
		{ ATTR(rpc_service), { str("S3") } }, { ATTR(rpc_method), { str("GetObject") } },
		{ ATTR(rpc_system), { str("aws-api") } },
	};

	s.route = str("/mcp tools/call weather");
	s.attr = mcp;
	s.nattrs = 6;
	s.error = SPAN_ERR_STATUS;
	otel_span(&otel, &s, 1);
	ok(is_named("tools/call weather") && has("http.route", "/mcp") &&
	   has("rpc.method", "tools/call") && has("gen_ai.tool.name", "weather"),
	   "otel: of MCP method and tool, and the route of HTTP");
	ok(has("error.type", "tool_error") && otel.message.n == 10 &&
	   otel_attr(&otel, "gen_ai.response.finish_reasons")->type == OTEL_WORDS,
	   "otel: what the content says went wrong, not that the status was 200");
	s.attr = aws;
	s.nattrs = 3;
	s.status = 404;
	otel_span(&otel, &s, 1);
	ok(is_named("S3/GetObject") && has("rpc.method", "S3/GetObject") &&
	   has("error.type", "404"),
	   "otel: of AWS service and operation");
}

static void test_utf8(void)
{
	static const char bad[] = "a\xff\xc3\xa4\xe2\x82\0z";
	char out[3 * sizeof(bad)];
	size_t n = otel_utf8((struct str){ bad, sizeof(bad) - 1 }, out);
	struct arena a = { 0 };

	ok(n == 1 + 3 + 2 + 3 + 3 + 3 + 1 && !memcmp(out, "a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd", 9),
	   "otel: bytes that are no UTF-8, and NUL, are replaced, %zu", n);
	for (int round = 0; round < 3; round++) {
		int good = 1;

		for (int i = 0; i < 3000; i++) {
			char *p = arena_get(&a, 1 + (size_t)i * 37 % 5000);

			good &= p && !((uintptr_t)p & 15) && !p[0];
			memset(p, 1, 1 + (size_t)i * 37 % 5000);
		}
		good &= arena_get(&a, 1 << 20) != NULL;
		ok(good && a.total > 3000 * 1000,
		   "arena: aligned and zeroed, also when used again");
		arena_reset(&a);
	}
	arena_release(&a);
}

static void test_metrics(void)
{
	struct metrics m;
	struct otel_host host = { "h", NULL };
	char path[32];
	uint64_t sum = 0;
	struct out o;

	metrics_init(&m, NULL);
	for (unsigned i = 0; i < METRICS_MAX_SERIES + 500; i++) {
		struct span s;

		snprintf(path, sizeof(path), "/route/%u", i);
		s = request(path);
		otel_span(&otel, &s, 1);
		metrics_add(&m, &s, &otel);
	}
	for (unsigned i = 0; i < m.nseries; i++)
		sum += m.series[i]->values.count;
	ok(m.nseries == METRICS_MAX_SERIES + 1 && m.overflowed == 500 &&
	   sum == METRICS_MAX_SERIES + 500, "metrics: %u series, none of %llu values is lost",
	   m.nseries, (unsigned long long)sum);
	for (unsigned i = 0; i < METRICS_MAX_PROCESSES + 10; i++) {
		struct span s = request("/x");

		s.pid = 1000 + i;
		otel_span(&otel, &s, 1);
		metrics_add(&m, &s, &otel);
	}
	ok(m.nprocesses == METRICS_MAX_PROCESSES, "metrics: processes have a limit, too");
	out_init_memory(&o);
	prometheus_write(&o, &m, &host, 0);
	ok(!o.error && memmem(o.buf, o.n, "otel_metric_overflow=\"true\"", 27),
	   "prometheus: overflow is told, %zu bytes", o.n);
	out_release(&o);
	metrics_release(&m);
}

static const struct metric_series *series(const struct metrics *m, const char *name,
					  const char *word)
{
	for (unsigned i = 0; i < m->nseries; i++) {
		const struct metric_series *s = m->series[i];
		int good = !word;

		for (unsigned k = 0; k < s->nattrs; k++)
			good |= word && otel_is_text(&s->attr[k]) &&
				s->attr[k].s.n == strlen(word) &&
				!memcmp(s->attr[k].s.p, word, s->attr[k].s.n);
		if (good && !strcmp(s->def->name, name))
			return s;
	}
	return NULL;
}

/* What travels in HTTP counts as a request, and as what it is. */
static void test_metrics_within(void)
{
	static const struct attr chat[] = {
		{ ATTR(gen_ai_provider), { { "openai", 6 } } },
		{ ATTR(gen_ai_operation), { { "chat", 4 } } },
		{ .def = ATTR(gen_ai_input_tokens), .n = 17 },
		{ .def = ATTR(gen_ai_output_tokens), .n = 5 },
	};
	static const struct attr search[] = {
		{ ATTR(db_operation), { { "search", 6 } } },
		{ ATTR(db_system), { { "elasticsearch", 13 } } },
	};
	static const struct attr call[] = { { ATTR(rpc_method), { { "sum", 3 } } },
					    { ATTR(rpc_system), { { "jsonrpc", 7 } } } };
	static const char usage[] = "gen_ai.client.token.usage";
	struct otel_host host = { "h", NULL };
	struct span s = request("/v1/chat/completions");
	const struct metric_series *in, *out;
	struct metrics m;
	struct out o;

	metrics_init(&m, NULL);
	s.attr = chat;
	s.nattrs = 4;
	otel_span(&otel, &s, 1);
	metrics_add(&m, &s, &otel);
	in = series(&m, usage, "input");
	out = series(&m, usage, "output");
	ok(in && out && in != out && in->values.sum == 17 && out->values.sum == 5 &&
	   in->bucket[3] == 1 && out->bucket[2] == 1, "metrics: tokens, in and out apart");
	ok(series(&m, "gen_ai.client.operation.duration", "openai") &&
	   series(&m, "http.client.request.duration", NULL) && m.nseries == 4,
	   "metrics: a call of a model is one of HTTP, too");
	s.nattrs = 3;
	otel_span(&otel, &s, 1);
	metrics_add(&m, &s, &otel);
	ok(in->values.count == 2 && out->values.count == 1, "metrics: tokens that are not told");
	s.kind = SPAN_SERVER;
	otel_span(&otel, &s, 1);
	metrics_add(&m, &s, &otel);
	ok(in->values.count == 2 && series(&m, "gen_ai.server.request.duration", "chat"),
	   "metrics: both ends do not count tokens twice");
	s.attr = search;
	s.nattrs = 2;
	otel_span(&otel, &s, 1);
	metrics_add(&m, &s, &otel);
	s.attr = call;
	otel_span(&otel, &s, 1);
	metrics_add(&m, &s, &otel);
	ok(series(&m, "db.server.operation.duration", "elasticsearch") &&
	   series(&m, "rpc.server.call.duration", "jsonrpc"), "metrics: databases and calls");
	out_init_memory(&o);
	prometheus_write(&o, &m, &host, 1);
	out_char(&o, '\0');
	ok(strstr(o.buf, "\ngen_ai_client_token_usage_bucket{") &&
	   strstr(o.buf, "gen_ai_token_type=\"input\",le=\"64.0\"} 2") &&
	   !strstr(o.buf, "UNIT gen_ai_client_token_usage"),
	   "prometheus: tokens have no unit");
	out_release(&o);
	metrics_release(&m);
}

static void try_environ(const char *env, size_t n, const char *service, const char *resource)
{
	char got[64] = "found", all[64];

	environ_resource(env, n, got, sizeof(got), all, sizeof(all));
	ok(!strcmp(got, service) && !strcmp(all, resource), "environ: %s, %s", got, all);
}

#define TRY(env, service, resource) try_environ(env, sizeof(env) - 1, service, resource)

static void test_environ(void)
{
	struct span s = { .resource = "a=1%2C2,b=, service.name=own ,a=3,=x,c",
			  .service = "found" };
	struct otel_resource r;

	TRY("", "found", "");
	TRY("A=B\0OTEL_SERVICE_NAME=shop\0X=Y", "shop", "");
	TRY("OTEL_SERVICE_NAME=\0OTEL_RESOURCE_ATTRIBUTES=service.name=a%20b, x=y ", "a b", "x=y");
	TRY("OTEL_SERVICE_NAME=s\0OTEL_RESOURCE_ATTRIBUTES=service.name=t,k=v", "s", "k=v");
	TRY("XOTEL_SERVICE_NAME=no\0OTEL_SERVICE_NAMES=no", "found", "");
	TRY("OTEL_RESOURCE_ATTRIBUTES=api_key=geheim,password=geheim,k=v", "found", "k=v");
	TRY("OTEL_RESOURCE_ATTRIBUTES=k=v,long=01234567890123456789012345678901234567890123456789"
	    "01234,z=1", "found", "k=v,z=1");
	TRY("OTEL_RESOURCE_ATTRIBUTES=,,=,=v,novalue,", "found", "");
	otel_resource(&r, &s, &(struct otel_host){ NULL, NULL });
	ok(otel_resource_get(&r, "a").n == 3 && !memcmp(otel_resource_get(&r, "a").p, "1,2", 3) &&
	   !otel_resource_get(&r, "b").p && !otel_resource_get(&r, "c").p &&
	   otel_resource_get(&r, "service.name").n == 5, "resource: the process' own comes first");
}

int main(void)
{
	test_names();
	test_within();
	test_utf8();
	test_metrics();
	test_metrics_within();
	test_environ();
	return tap_done();
}
