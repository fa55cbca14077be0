#include "sinks/scrape.h"

#include <errno.h>
#include <netinet/in.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/load.h"
#include "sinks/prometheus.h"

#define RUN_NS 5000000u /* it has something to do this often at most */
#define CONNECTIONS 16u
#define IDLE_S 30u

/* ---- the library, loaded as sinks/otlp/curl.h says; a part of static programs */

#define FUNCTIONS(X)                                                                               \
	X(start_daemon) X(stop_daemon) X(run) X(create_response_from_buffer)                       \
	X(add_response_header) X(queue_response) X(destroy_response) X(lookup_connection_value)

static struct {
#define X(name) __typeof__(&MHD_##name) name;
	FUNCTIONS(X)
#undef X
} mhd;

static int load(void)
{
#ifdef ZC_STATIC
#define X(name) mhd.name = MHD_##name;
	FUNCTIONS(X)
#undef X
	return 1;
#else
	static const char *const files[] = { "libmicrohttpd.so.12", "libmicrohttpd.so.13", NULL };
	static const struct load_symbol symbols[] = {
#define X(name) { "MHD_" #name, offsetof(__typeof__(mhd), name) },
		FUNCTIONS(X)
#undef X
	};

	return load_library(files, symbols, sizeof(symbols) / sizeof(*symbols), &mhd) != NULL;
#endif
}

/* ---- the sink */

struct scrape_sink {
	struct sink sink;
	struct scrape_options opt;
	struct MHD_Daemon *daemon;
	struct metrics metrics;
	struct otel_span otel;
	uint64_t ran;
};

static void scrape_span(struct sink *sink, const struct span *s)
{
	struct scrape_sink *k = (struct scrape_sink *)sink;

	if (s->incomplete & SPAN_IN_FLIGHT)
		return;
	otel_span(&k->otel, s, k->opt.redact);
	metrics_add(&k->metrics, s, &k->otel);
}

static void scrape_flow(struct sink *sink, const struct engine_flow *f)
{
	struct scrape_sink *k = (struct scrape_sink *)sink;

	metrics_flow(&k->metrics, f, k->opt.features);
}

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type,
			      char *body, size_t n)
{
	struct MHD_Response *r =
		mhd.create_response_from_buffer(n, body, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result ok;

	if (!r) {
		free(body);
		return MHD_NO;
	}
	mhd.add_response_header(r, "Content-Type", type);
	ok = mhd.queue_response(c, status, r);
	mhd.destroy_response(r);
	return ok;
}

static enum MHD_Result answer_text(struct MHD_Connection *c, unsigned status, const char *text)
{
	char *copy = strdup(text);

	return copy ? answer(c, status, "text/plain", copy, strlen(copy)) : MHD_NO;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *body,
				  size_t *nbody, void **state)
{
	struct scrape_sink *k = ctx;
	const char *accept = mhd.lookup_connection_value(c, MHD_HEADER_KIND, "Accept");
	int openmetrics = accept && strstr(accept, "application/openmetrics-text");
	struct out o;

	(void)version, (void)body, (void)state;
	*nbody = 0;
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return answer_text(c, 405, "only GET is understood\n");
	if (strcmp(url, "/metrics"))
		return answer_text(c, 404, "see /metrics\n");
	if (out_init_memory(&o))
		return MHD_NO;
	prometheus_write(&o, &k->metrics, &k->opt.host, openmetrics);
	if (o.error) {
		out_release(&o);
		return answer_text(c, 500, "more than 64 MiB of metrics\n");
	}
	return answer(c, 200, openmetrics ?
		      "application/openmetrics-text; version=1.0.0; charset=utf-8" :
		      "text/plain; version=0.0.4; charset=utf-8", o.buf, o.n);
}

static int scrape_work(struct sink *sink, uint64_t now)
{
	struct scrape_sink *k = (struct scrape_sink *)sink;

	if (now - k->ran >= RUN_NS) {
		k->ran = now;
		mhd.run(k->daemon);
	}
	return 0;
}

static void scrape_free(struct sink *sink)
{
	struct scrape_sink *k = (struct scrape_sink *)sink;

	if (k->daemon)
		mhd.stop_daemon(k->daemon);
	metrics_release(&k->metrics);
	free(k);
}

/* The library has no word for an address that is taken; so it is tried here. */
static int can_listen(const struct sockaddr *a, socklen_t len)
{
	int on = 1, err = 0, fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, a, len))
		err = errno;
	close(fd);
	return err;
}

struct sink *sink_scrape_new(const struct scrape_options *o, char *err, size_t errlen)
{
	static const struct sink_ops ops = {
		.span = scrape_span,
		.flow = scrape_flow,
		.work = scrape_work,
		.free = scrape_free,
	};
	int v6 = o->address->sa_family == AF_INET6, why;
	struct scrape_sink *k;

	if (!load()) {
		snprintf(err, errlen, "it needs libmicrohttpd, which is not installed "
			 "(libmicrohttpd12 on Debian)");
		return NULL;
	}
	why = can_listen(o->address, v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
	if (why) {
		snprintf(err, errlen, "cannot listen there: %s", strerror(why));
		return NULL;
	}
	k = calloc(1, sizeof(*k));
	if (k && !metrics_init(&k->metrics, o->attributes)) {
		k->sink.ops = &ops;
		k->opt = *o;
		k->daemon = mhd.start_daemon(v6 ? MHD_USE_IPv6 : MHD_NO_FLAG, 0, NULL, NULL,
					     on_request, k, MHD_OPTION_SOCK_ADDR, o->address,
					     MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
					     MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
					     MHD_OPTION_END);
		if (k->daemon)
			return &k->sink;
		metrics_release(&k->metrics);
	}
	free(k);
	snprintf(err, errlen, "cannot listen there");
	return NULL;
}
