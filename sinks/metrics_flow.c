/*
 * metrics_flow.c - what went by on flows, in the words of OBI's metrics of the network
 *
 * Of obi.network.* the source is the client for what goes to the server, and the server for what
 * comes back; what both ends have seen counts once. Of obi.stat.* it is the end that is seen.
 */
#include <errno.h>
#include <string.h>

#include "sinks/metrics_defs.h"

#define ATTRS 20u

struct attrs {
	struct otel_attr v[ATTRS];
	unsigned n;
	char addr[2][48];
};

static void add_text(struct attrs *a, const char *key, const char *text)
{
	if (text)
		a->v[a->n++] = (struct otel_attr){.key = key, .type = OTEL_STRING,
						  .s = {text, strlen(text)}};
}

static void add_number(struct attrs *a, const char *key, uint64_t n)
{
	a->v[a->n++] = (struct otel_attr){.key = key, .type = OTEL_INT, .n = n};
}

static void add_ends(struct attrs *a, const struct engine_flow *f, int from_server)
{
	static const char *const keys[2][4] = {
		{"src.address", "src.port", "src.name", "src.zone"},
		{"dst.address", "dst.port", "dst.name", "dst.zone"},
	};

	for (int i = 0; i < 2; i++) {
		int server = from_server != i;
		const char *name = server ? f->server_name : f->client_name;
		const char *addr = span_addr_text(server ? f->server_addr : f->client_addr,
						  a->addr[i]);

		add_text(a, keys[i][0], addr);
		add_number(a, keys[i][1], server ? f->server_port : f->client_port);
		add_text(a, keys[i][2], name ? name : addr);
		add_text(a, keys[i][3], server ? f->server_zone : f->client_zone);
	}
}

/* OBI's word for it. NULL: there may be no route, or one that forbids, or a rule of this host. */
static const char *reason_of(const struct engine_flow *f)
{
	switch (f->errnum) {
	case ECONNREFUSED: return "refused";
	case ECONNRESET: return "reset";
	case ETIMEDOUT: return "timed-out";
	case EHOSTUNREACH: return "host-unreachable";
	case ENETUNREACH: return "net-unreachable";
	case 0:
		if (f->error == SPAN_ERR_UNREACHABLE)
			return NULL;
		return f->error == SPAN_ERR_TIMEOUT ? "timed-out" : "other";
	default: return "other";
	}
}

static void fill(struct attrs *a, const struct metric_def *def, const struct engine_flow *f,
		 int dir)
{
	int stats = def->feature == FEATURE_STATS;

	a->n = 0;
	add_ends(a, f, stats ? f->at_server : dir);
	add_number(a, "client.port", f->client_port);
	add_number(a, "server.port", f->server_port);
	add_text(a, "transport", f->datagram ? "udp" : "tcp");
	add_text(a, "network.type", strchr(a->addr[0], ':') ? "ipv6" : "ipv4");
	add_text(a, "network.protocol.name", f->protocol);
	if (!stats)
		add_text(a, "direction",
			 f->is_server < 0 ? "unknown" : dir ? "response" : "request");
	else
		add_text(a, "network.io.direction", dir == f->at_server ? "transmit" : "receive");
	if (f->error)
		add_text(a, "reason", reason_of(f));
	if (f->error)
		add_text(a, "network.tcp.handshake.role", f->at_server ? "server" : "client");
}

void metrics_flow(struct metrics *m, const struct engine_flow *f, unsigned features)
{
	static const struct span self = {.service = "zctrace", .protocol = &tcp_name};
	struct attrs a;

	for (const struct metric_def *d = metric_defs; d < metric_defs + metric_ndefs; d++)
		for (int dir = 0; dir < 2 && d->feature & features; dir++) {
			uint64_t value = d->flow(f, dir);

			if (value == SPAN_UNKNOWN || (!d->bounds && !value))
				continue;
			fill(&a, d, f, dir);
			metrics_put(m, d, &self, a.v, a.n, value, f->time_ns);
		}
}
