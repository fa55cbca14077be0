/*
 * metrics_defs.c - which metrics there are: names, units, bounds and attributes of the conventions
 */
#include "sinks/metrics_defs.h"

#include "parsers/attrs.h"

#define SERVER (1u << OTEL_SERVER)
#define CLIENT (1u << OTEL_CLIENT)
#define PRODUCER (1u << OTEL_PRODUCER)
#define CONSUMER (1u << OTEL_CONSUMER)
#define INTERNAL (1u << OTEL_INTERNAL)

static const double seconds[] = { 0,    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
				  0.5, 0.75,  1,	   2.5,	 5,    7.5,   10 };
static const double sizes[] = { 0, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192 };

/* Of calls of language models: seconds, doubling, and tokens, times four. */
static const double long_seconds[] = { 0.01, 0.02, 0.04, 0.08,	0.16,  0.32,  0.64,
				       1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92 };
static const double tokens[] = { 1,	4,	16,	 64,	  256,	   1024,    4096,
				 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864 };

/* Of TCP, in seconds. */
static const double round_trips[] = { 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025,
				      0.05,   0.1,   0.25,  0.5,   1 };

static uint64_t duration(const struct span *s)
{
	return s->incomplete & SPAN_IN_FLIGHT ? SPAN_UNKNOWN : s->duration_ns;
}

static uint64_t request_size(const struct span *s)
{
	return s->req_body_bytes;
}

static uint64_t response_size(const struct span *s)
{
	return s->resp_body_bytes;
}

static uint64_t input_tokens(const struct span *s)
{
	return span_attr_number(s, ATTR(gen_ai_input_tokens));
}

static uint64_t output_tokens(const struct span *s)
{
	return span_attr_number(s, ATTR(gen_ai_output_tokens));
}

/* ---- of flows: what is new of them, by direction; what has none is told of the first one */

static uint64_t flow_bytes(const struct engine_flow *f, int dir)
{
	return f->twin ? SPAN_UNKNOWN : f->interval_bytes[dir];
}

static uint64_t flow_packets(const struct engine_flow *f, int dir)
{
	return f->twin ? SPAN_UNKNOWN : f->interval_packets[dir];
}

/* Equal names of zones are one pointer. */
static uint64_t zone_bytes(const struct engine_flow *f, int dir)
{
	int both = f->client_zone && f->server_zone;

	return both && f->client_zone != f->server_zone ? flow_bytes(f, dir) : SPAN_UNKNOWN;
}

static uint64_t last_rtt(const struct engine_flow *f, int dir)
{
	return f->last && f->rtt_ns && !dir ? f->rtt_ns : SPAN_UNKNOWN;
}

static uint64_t failed(const struct engine_flow *f, int dir)
{
	return dir ? SPAN_UNKNOWN : f->interval_failed;
}

static uint64_t retransmits(const struct engine_flow *f, int dir)
{
	return dir ? SPAN_UNKNOWN : f->interval_retransmits;
}

static uint64_t tcp_bytes(const struct engine_flow *f, int dir)
{
	return f->datagram ? SPAN_UNKNOWN : f->interval_bytes[dir];
}

#define SECONDS                                                                                    \
	.unit = "s", .scale = 1e-9, .bounds = seconds, .nbounds = sizeof(seconds) / sizeof(*seconds)
#define BYTES .unit = "By", .scale = 1, .bounds = sizes, .nbounds = sizeof(sizes) / sizeof(*sizes)
#define LONG_SECONDS                                                                               \
	.unit = "s", .scale = 1e-9, .bounds = long_seconds,                                        \
	.nbounds = sizeof(long_seconds) / sizeof(*long_seconds)
#define TOKENS                                                                                     \
	.unit = "{token}", .scale = 1, .bounds = tokens,                                           \
	.nbounds = sizeof(tokens) / sizeof(*tokens),                                               \
	.part = { { "gen_ai.token.type", "input", input_tokens },                                  \
		  { "gen_ai.token.type", "output", output_tokens } }
#define METRIC(name_, help_, family_, kinds_, value_, how, ...)                                    \
	{ .name = (name_), .help = (help_), .family = (family_), .kinds = (kinds_),                \
	  .value = (value_), how, .attrs = { __VA_ARGS__ } },
#define FLOW_METRIC(name_, unit_, help_, feature_, flow_, ...)                                     \
	{ .name = (name_), .unit = (unit_), .help = (help_), .feature = (feature_),                \
	  .flow = (flow_), .scale = 1, .attrs = { __VA_ARGS__ } },
#define HTTP                                                                                       \
	"http.request.method", "http.response.status_code", "http.route", "url.scheme",            \
		"server.address", "server.port", "error.type"
#define RPC                                                                                        \
	"rpc.system.name", "rpc.method", "rpc.response.status_code", "server.address", "error.type"
#define DB                                                                                         \
	"db.system.name", "db.operation.name", "db.namespace", "server.address", "server.port",    \
		"error.type"
#define MESSAGING                                                                                  \
	"messaging.system", "messaging.destination.name", "messaging.operation.name",              \
		"server.address", "error.type"
#define GEN_AI                                                                                     \
	"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model",                   \
		"gen_ai.response.model", "server.address", "server.port"

const struct metric_def metric_defs[] = {
	METRIC("http.server.request.duration", "Duration of HTTP server requests.", OTEL_HTTP,
	       SERVER, duration, SECONDS, HTTP)
	METRIC("http.client.request.duration", "Duration of HTTP client requests.", OTEL_HTTP,
	       CLIENT, duration, SECONDS, HTTP)
	METRIC("http.server.request.body.size", "Size of HTTP server request bodies.", OTEL_HTTP,
	       SERVER, request_size, BYTES, HTTP)
	METRIC("http.server.response.body.size", "Size of HTTP server response bodies.", OTEL_HTTP,
	       SERVER, response_size, BYTES, HTTP)
	METRIC("http.client.request.body.size", "Size of HTTP client request bodies.", OTEL_HTTP,
	       CLIENT, request_size, BYTES, HTTP)
	METRIC("http.client.response.body.size", "Size of HTTP client response bodies.", OTEL_HTTP,
	       CLIENT, response_size, BYTES, HTTP)
	METRIC("rpc.server.call.duration", "Duration of incoming remote procedure calls.", OTEL_RPC,
	       SERVER, duration, SECONDS, RPC, "server.port")
	METRIC("rpc.client.call.duration", "Duration of outgoing remote procedure calls.", OTEL_RPC,
	       CLIENT, duration, SECONDS, RPC)
	METRIC("db.client.operation.duration", "Duration of database client operations.", OTEL_DB,
	       CLIENT, duration, SECONDS, DB)
	METRIC("db.server.operation.duration", "Duration of database operations, at the server.",
	       OTEL_DB, SERVER, duration, SECONDS, DB)
	METRIC("messaging.client.operation.duration",
	       "Duration of messaging operations that a client began.", OTEL_MESSAGING,
	       PRODUCER | CLIENT, duration, SECONDS, MESSAGING)
	METRIC("messaging.process.duration", "Duration of processing messages.", OTEL_MESSAGING,
	       CONSUMER, duration, SECONDS, MESSAGING)
	METRIC("dns.lookup.duration", "Time that a DNS lookup took.", OTEL_DNS, INTERNAL | CLIENT,
	       duration, SECONDS, "error.type")
	METRIC("gen_ai.client.operation.duration", "Duration of calls of language models.",
	       OTEL_GEN_AI, CLIENT, duration, LONG_SECONDS, GEN_AI, "error.type")
	METRIC("gen_ai.client.token.usage", "Tokens of prompts and of answers.", OTEL_GEN_AI,
	       CLIENT, NULL, TOKENS, GEN_AI)
	METRIC("gen_ai.server.request.duration",
	       "Duration of requests to language models, at the server.", OTEL_GEN_AI, SERVER,
	       duration, LONG_SECONDS, GEN_AI, "error.type")
	FLOW_METRIC("obi.network.flow.bytes", "{bytes}", "Bytes of flows.", FEATURE_NETWORK,
		    flow_bytes, "direction", "src.name", "dst.name", "src.zone", "dst.zone")
	FLOW_METRIC("obi.network.flow.packets", "{packets}", "Packets of flows.", FEATURE_NETWORK,
		    flow_packets, "direction", "src.name", "dst.name", "src.zone", "dst.zone")
	FLOW_METRIC("obi.network.inter.zone.bytes", "{bytes}", "Bytes from one zone to another.",
		    FEATURE_NETWORK, zone_bytes, "src.zone", "dst.zone")
	{ .name = "obi.stat.tcp.rtt", .unit = "s", .feature = FEATURE_STATS, .flow = last_rtt,
	  .help = "Smoothed round-trip times of connections, at their ends.", .scale = 1e-9,
	  .bounds = round_trips, .nbounds = sizeof(round_trips) / sizeof(*round_trips),
	  .attrs = { "src.name", "dst.name" } },
	FLOW_METRIC("obi.stat.tcp.failed.connections", "{connections}",
		    "Connections that were not established.", FEATURE_STATS, failed, "src.name",
		    "dst.name", "reason", "network.tcp.handshake.role")
	FLOW_METRIC("obi.stat.tcp.retransmits", "{retransmits}", "Segments that were sent again.",
		    FEATURE_STATS, retransmits, "src.name", "dst.name")
	FLOW_METRIC("obi.stat.tcp.io", "By", "Bytes of connections.", FEATURE_STATS, tcp_bytes,
		    "src.name", "dst.name", "network.io.direction")
};
const unsigned metric_ndefs = sizeof(metric_defs) / sizeof(*metric_defs);
