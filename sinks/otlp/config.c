#include "sinks/otlp/config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/percent.h"

#define DEFAULT_URL "http://localhost:4318"

struct reader {
	char *(*get)(const char *name);
	char *err;
	size_t errlen;
	int failed;
};

__attribute__((format(printf, 2, 3))) static void wrong(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	if (r->failed)
		return;
	r->failed = 1;
	va_start(ap, fmt);
	vsnprintf(r->err, r->errlen, fmt, ap);
	va_end(ap);
}

static char *dup(struct reader *r, const char *s)
{
	char *new = strdup(s);

	if (!new)
		wrong(r, "out of memory");
	return new;
}

/* An empty variable is one that is not set, says the specification. */
static const char *variable(struct reader *r, const char *name)
{
	const char *v = r->get(name);

	return v && *v ? v : NULL;
}

static const char *const signal_words[OTLP_SIGNALS] = { "TRACES", "METRICS" };

/* That of the signal, else the common one; which one it was in name. */
static const char *of_signal(struct reader *r, enum otlp_signal s, const char *what, char name[64])
{
	const char *v;

	snprintf(name, 64, "OTEL_EXPORTER_OTLP_%s_%s", signal_words[s], what);
	v = variable(r, name);
	if (v)
		return v;
	snprintf(name, 64, "OTEL_EXPORTER_OTLP_%s", what);
	return variable(r, name);
}

static uint32_t number(struct reader *r, const char *name, const char *v, uint32_t without)
{
	char *end;
	unsigned long n;

	if (!v)
		return without;
	n = strtoul(v, &end, 10);
	if (!isdigit((unsigned char)*v) || *end || n > 86400000) {
		wrong(r, "%s=%.64s: not a whole number", name, v);
		return without;
	}
	return (uint32_t)n;
}

static int is_true(struct reader *r, const char *name, const char *v)
{
	if (v && strcasecmp(v, "true") && strcasecmp(v, "false"))
		wrong(r, "%s=%.64s: neither true nor false", name, v);
	return v && !strcasecmp(v, "true");
}

/* ---- where to */

static int ends_like(const char *url, const char *port)
{
	const char *host = strstr(url, "://"), *end;
	size_t n = strlen(port);

	host = host ? host + 3 : url;
	end = host + strcspn(host, "/?");
	return (size_t)(end - host) > n && !memcmp(end - n, port, n);
}

static void set_protocol(struct reader *r, struct otlp_target *t, enum otlp_signal s,
			 const char *url)
{
	char name[64];
	const char *v = of_signal(r, s, "PROTOCOL", name);

	t->protocol = ends_like(url, ":4317") ? OTLP_GRPC : OTLP_PROTOBUF;
	if (!v)
		return;
	if (!strcmp(v, "grpc"))
		t->protocol = OTLP_GRPC;
	else if (!strcmp(v, "http/protobuf"))
		t->protocol = OTLP_PROTOBUF;
	else if (!strcmp(v, "http/json"))
		t->protocol = OTLP_JSON;
	else
		wrong(r, "%s=%.64s: grpc, http/protobuf or http/json", name, v);
}

/* "host:4317" has no scheme, as gRPC's users write it. */
static void set_url(struct reader *r, struct otlp_target *t, enum otlp_signal s, const char *url,
		    int whole)
{
	static const char *const path[2][OTLP_SIGNALS] = {
		{ "v1/traces", "v1/metrics" },
		{ "opentelemetry.proto.collector.trace.v1.TraceService/Export",
		  "opentelemetry.proto.collector.metrics.v1.MetricsService/Export" },
	};
	char name[64], text[1024];
	const char *insecure = of_signal(r, s, "INSECURE", name);
	size_t n = strlen(url);
	const char *scheme = "";

	if (!strstr(url, "://"))
		scheme = insecure && !is_true(r, name, insecure) ? "https://" : "http://";
	else if (strncasecmp(url, "http://", 7) && strncasecmp(url, "https://", 8))
		wrong(r, "%.128s: an address begins with http:// or https://", url);
	while (n && url[n - 1] == '/' && !whole)
		n--;
	if (n > 512) {
		wrong(r, "%.64s...: an address of more than 512 bytes", url);
		n = 512;
	}
	if (t->protocol == OTLP_GRPC || !whole)
		snprintf(text, sizeof(text), "%s%.*s/%s", scheme, (int)n, url,
			 path[t->protocol == OTLP_GRPC][s]);
	else
		snprintf(text, sizeof(text), "%s%s", scheme, url);
	t->url = dup(r, text);
}

/* ---- headers: name=value,name=value, values percent-encoded */

static void add_header(struct reader *r, struct otlp_target *t, const char *name,
		       const char *text, size_t n)
{
	const char *eq = memchr(text, '=', n), *end = text + n;
	char *out, *p;

	while (text < end && isspace((unsigned char)*text))
		text++;
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	if (text == end)
		return;
	if (!eq || eq == text || t->nheaders == OTLP_HEADERS_MAX) {
		wrong(r, "%s: %s", name,
		      eq ? "more than 16 headers" : "name=value,name=value is wanted");
		return;
	}
	p = out = malloc((size_t)(end - text) + 3);
	if (!out) {
		wrong(r, "out of memory");
		return;
	}
	p += sprintf(p, "%.*s: ", (int)(eq - text), text);
	p += percent_decode(eq + 1, (size_t)(end - eq - 1), p);
	*p = '\0';
	for (p = out; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			wrong(r, "%s: a control character in a header", name);
	t->header[t->nheaders++] = out;
}

static void set_headers(struct reader *r, struct otlp_target *t, enum otlp_signal s)
{
	char name[64];
	const char *v = of_signal(r, s, "HEADERS", name);

	while (v && *v) {
		size_t n = strcspn(v, ",");

		add_header(r, t, name, v, n);
		v += n + (v[n] == ',');
	}
}

/* ---- one signal */

static char *file_of(struct reader *r, enum otlp_signal s, const char *what)
{
	char name[64];
	const char *v = of_signal(r, s, what, name);
	FILE *f = v ? fopen(v, "re") : NULL;

	if (v && !f)
		wrong(r, "%s=%.256s: cannot be read", name, v);
	if (f)
		fclose(f);
	return v ? dup(r, v) : NULL;
}

static void set_target(struct reader *r, struct otlp_target *t, enum otlp_signal s,
		       const char *url)
{
	char name[64];
	const char *v;
	int whole = 0;

	if (!url || !*url) {
		snprintf(name, sizeof(name), "OTEL_EXPORTER_OTLP_%s_ENDPOINT", signal_words[s]);
		url = variable(r, name);
		whole = url != NULL;
	}
	if (!url || !*url)
		url = variable(r, "OTEL_EXPORTER_OTLP_ENDPOINT");
	if (!url)
		url = DEFAULT_URL;
	set_protocol(r, t, s, url);
	set_url(r, t, s, url, whole);
	set_headers(r, t, s);
	v = of_signal(r, s, "TIMEOUT", name);
	t->timeout_ms = number(r, name, v, 10000);
	v = of_signal(r, s, "COMPRESSION", name);
	if (v && strcmp(v, "gzip") && strcmp(v, "none"))
		wrong(r, "%s=%.64s: gzip or none", name, v);
	t->gzip = v && !strcmp(v, "gzip");
	t->ca = file_of(r, s, "CERTIFICATE");
	t->cert = file_of(r, s, "CLIENT_CERTIFICATE");
	t->key = file_of(r, s, "CLIENT_KEY");
}

/* ---- what is sampled, how often */

static void set_sampler(struct reader *r, struct otlp_config *c)
{
	const char *v = variable(r, "OTEL_TRACES_SAMPLER");
	const char *arg = variable(r, "OTEL_TRACES_SAMPLER_ARG");
	const char *root = v ? v : "parentbased_always_on";
	char *end;
	double ratio;

	c->parent_based = !strncmp(root, "parentbased_", 12);
	root += c->parent_based ? 12 : 0;
	if (!strcmp(root, "always_on")) {
		c->root = OTLP_ALL;
	} else if (!strcmp(root, "always_off")) {
		c->root = OTLP_NONE;
	} else if (!strcmp(root, "traceidratio")) {
		c->root = OTLP_RATIO;
		ratio = arg ? strtod(arg, &end) : 1;
		if (arg && (*end || !(ratio >= 0 && ratio <= 1)))
			wrong(r, "OTEL_TRACES_SAMPLER_ARG=%.64s: a number from 0 to 1", arg);
		else
			c->threshold = (uint64_t)(ratio * 9223372036854775808.0);
	} else {
		wrong(r, "OTEL_TRACES_SAMPLER=%.64s: always_on, always_off, traceidratio, or "
			 "one of these behind parentbased_", v);
	}
}

static void set_rest(struct reader *r, struct otlp_config *c)
{
	static const char aggregation[] =
		"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
	static const char temporality[] = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
	const struct {
		const char *name;
		uint32_t *to, without;
	} numbers[] = {
		{ "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", &c->batch_spans, 2048 },
		{ "OTEL_BSP_MAX_QUEUE_SIZE", &c->queue_spans, 65536 },
		{ "OTEL_BSP_SCHEDULE_DELAY", &c->delay_ms, 1000 },
		{ "OTEL_BSP_EXPORT_TIMEOUT", &c->drain_ms, 5000 },
		{ "OTEL_METRIC_EXPORT_INTERVAL", &c->interval_ms, 60000 },
	};
	const char *v;

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		*numbers[i].to = number(r, numbers[i].name, variable(r, numbers[i].name),
					numbers[i].without);
	c->batch_spans += !c->batch_spans;
	c->interval_ms += !c->interval_ms;
	v = variable(r, aggregation);
	c->exponential = v && !strcmp(v, "base2_exponential_bucket_histogram");
	if (v && !c->exponential && strcmp(v, "explicit_bucket_histogram"))
		wrong(r, "%s=%.64s: explicit_bucket_histogram or "
			 "base2_exponential_bucket_histogram", aggregation, v);
	v = variable(r, temporality);
	c->delta = v && !strcasecmp(v, "cumulative") ? 0 : v != NULL;
	if (c->delta && strcasecmp(v, "delta") && strcasecmp(v, "lowmemory"))
		wrong(r, "%s=%.64s: cumulative, delta or lowmemory", temporality, v);
}

int otlp_configure(struct otlp_config *c, const char *url, unsigned signals,
		   char *(*get)(const char *name), char *err, size_t errlen)
{
	struct reader r = { get, err, errlen, 0 };

	*c = (struct otlp_config){ 0 };
	for (int s = 0; s < OTLP_SIGNALS; s++)
		if (signals & 1u << s)
			set_target(&r, &c->target[s], (enum otlp_signal)s, url);
	set_sampler(&r, c);
	set_rest(&r, c);
	return r.failed ? -1 : 0;
}

void otlp_config_release(struct otlp_config *c)
{
	for (struct otlp_target *t = c->target; t < c->target + OTLP_SIGNALS; t++) {
		free(t->url);
		for (unsigned i = 0; i < t->nheaders; i++)
			free(t->header[i]);
		free(t->ca);
		free(t->cert);
		free(t->key);
	}
	*c = (struct otlp_config){ 0 };
}
