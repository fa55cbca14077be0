#include "parsers/http1/http1_protocol.h"

#include "parsers/http1/http1.h"

const struct protocol_name http10_name = {
	.name = "http/1.0", .label = {"HTTP", "HTTPClient"}, .start_line = "HTTP/1.0",
};
const struct protocol_name http11_name = {
	.name = "http/1.1", .label = {"HTTP", "HTTPClient"}, .start_line = "HTTP/1.1",
};

/* A method and a blank behind it, or the version of a response: more than a letter by chance. */
static int shows_kind(const struct probe *in, int request)
{
	return request ? memchr(in->p, ' ', in->n) != NULL : in->n >= 7;
}

static enum probe_result probe(const struct probe *in, unsigned *client)
{
	enum probe_result req = in->joined ? http1_probe_known(in->p, in->n)
					   : http1_probe(in->p, in->n, HTTP1_REQUEST);
	enum probe_result resp = http1_probe(in->p, in->n, HTTP1_RESPONSE);

	/* in the middle of a body there may be anything, but roles are known */
	if (in->joined && in->client != PROBE_NO_DIR) {
		int request = in->client == in->dir;

		*(request ? &resp : &req) = PROBE_NO;
	}
	if (req == PROBE_YES || resp == PROBE_YES) {
		*client = req == PROBE_YES ? in->dir : !in->dir;
		return PROBE_YES;
	}
	if (req == PROBE_NO && resp == PROBE_NO)
		return PROBE_NO;
	if (*client == PROBE_NO_DIR && req != resp && shows_kind(in, req == PROBE_MORE))
		*client = req == PROBE_MORE ? in->dir : !in->dir;
	return PROBE_MORE;
}

static const uint16_t ports[] = {80,   2375, 3000, 4318, 5000, 8000, 8008, 8080, 8081,
				 8088, 8888, 9090, 9100, 9200, 15000, 0};
static const uint16_t tls_ports[] = {443, 2376, 4443, 6443, 8443, 9443, 10250, 0};
static const char *const programs[] = {"nginx",	  "apache2",  "httpd",	  "haproxy", "envoy", "caddy",
				       "traefik", "lighttpd", "gunicorn", "uvicorn", NULL};
static const struct protocol_name *const names[] = {&http11_name, &http10_name, NULL};

const struct protocol http1_protocol = {
	.name = {"http/1.1", {"HTTP", "HTTPClient"}, .start_line = "HTTP/1.1"},
	.names = names,
	.family = "http",
	.transports = TRANSPORT_STREAM,
	.ports = ports,
	.tls_ports = tls_ports,
	.programs = programs,
	.pairing = PAIRING_IN_ORDER,
	.probe = probe,
};
