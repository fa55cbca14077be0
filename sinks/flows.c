/*
 * flows.c - one JSON object a line for each connection: at its end, and what it has become
 *
 * Keys come in the order of the table in the manual; what is not known is absent. At the end, with
 * zones, a line of type "zone" for each pair of them, in which bytes that both ends have shown
 * count once.
 */
#include <stdlib.h>

#include "sinks/json_writer.h"
#include "sinks/sink.h"

#define PAIRS_MAX 4096u

struct pair {
	const char *client, *server; /* NULL: in no zone */
	uint64_t bytes[2], flows;
};

struct flow_sink {
	struct sink sink;
	struct json json;
	struct fmt_clock clock;
	int zones;
	struct pair *pair;
	unsigned npairs;
};

static void opt_text(struct json *j, const char *key, const char *text)
{
	if (!text)
		return;
	json_key_n(j, key, strlen(key));
	json_string(j, text, strlen(text));
}

static void opt_number(struct json *j, const char *key, uint64_t n)
{
	if (!n)
		return;
	json_key_n(j, key, strlen(key));
	json_u64_value(j, n);
}

static void opt_true(struct json *j, const char *key, int on)
{
	if (!on)
		return;
	json_key_n(j, key, strlen(key));
	out_commit(j->out, FMT_LIT(out_reserve(j->out, 8), "true"));
}

static void put_ends(struct json *j, const struct engine_flow *f)
{
	if (f->is_server >= 0)
		opt_text(j, "role", f->is_server ? "server" : "client");
	json_addr(j, "client_addr", f->client_addr);
	json_u64(j, "client_port", f->client_port);
	json_addr(j, "server_addr", f->server_addr);
	json_u64(j, "server_port", f->server_port);
	opt_text(j, "client_zone", f->client_zone);
	opt_text(j, "server_zone", f->server_zone);
	opt_number(j, "pid", f->pid);
	opt_text(j, "comm", f->comm);
	opt_text(j, "service", f->names.service);
	opt_text(j, "runtime", f->names.runtime);
	opt_text(j, "container", f->names.container);
	opt_text(j, "container_name", f->names.container_name);
	opt_number(j, "peer_pid", f->peer_pid);
	opt_text(j, "peer_comm", f->peer_comm);
	opt_text(j, "peer_service", f->peer_service);
}

/* Bytes a second; the intermediate product may have more than 64 bits. */
static uint64_t rate(uint64_t bytes, uint64_t ns)
{
	return (uint64_t)((unsigned __int128)bytes * 1000000000u / (ns ? ns : 1));
}

static void put_counts(struct json *j, const struct engine_flow *f)
{
	json_u64(j, "bytes_to_server", f->bytes[0]);
	json_u64(j, "bytes_to_client", f->bytes[1]);
	opt_number(j, "packets_to_server", f->packets[0]);
	opt_number(j, "packets_to_client", f->packets[1]);
	if (f->interval_ns) {
		json_u64(j, "rate_to_server", rate(f->interval_bytes[0], f->interval_ns));
		json_u64(j, "rate_to_client", rate(f->interval_bytes[1], f->interval_ns));
	}
	opt_number(j, "rtt_ns", f->rtt_ns);
	opt_number(j, "min_rtt_ns", f->min_rtt_ns);
	opt_number(j, "retransmits", f->retransmits);
	opt_number(j, "needless_retransmits", f->needless);
	opt_number(j, "dup_acks_to_server", f->dup_acks[0]);
	opt_number(j, "dup_acks_to_client", f->dup_acks[1]);
}

/* NULL: there is no room. */
static struct pair *pair_of(struct flow_sink *k, const struct engine_flow *f)
{
	struct pair *p = k->pair;

	for (; p < k->pair + k->npairs; p++)
		if (p->client == f->client_zone && p->server == f->server_zone)
			return p;
	if (k->npairs == PAIRS_MAX)
		return NULL;
	if (!(k->npairs & (k->npairs - 1))) {
		p = reallocarray(k->pair, k->npairs ? 2 * k->npairs : 1, sizeof(*p));
		if (!p)
			return NULL;
		k->pair = p;
	}
	p = &k->pair[k->npairs++];
	*p = (struct pair){.client = f->client_zone, .server = f->server_zone};
	return p;
}

static void count(struct flow_sink *k, const struct engine_flow *f)
{
	struct pair *p;

	if (!k->zones || !f->last || f->twin)
		return;
	p = pair_of(k, f);
	if (!p)
		return;
	p->bytes[0] += f->bytes[0];
	p->bytes[1] += f->bytes[1];
	p->flows++;
}

static void flow_line(struct sink *sink, const struct engine_flow *f)
{
	struct flow_sink *k = (struct flow_sink *)sink;
	struct json *j = &k->json;

	json_begin_line(j, &k->clock, f->time_ns, "flow");
	opt_text(j, "state", f->state);
	opt_text(j, "error", span_error_name(f->error));
	opt_true(j, "last", f->last);
	json_cstr(j, "transport", f->datagram ? "udp" : "tcp");
	opt_text(j, "protocol", f->protocol);
	put_ends(j, f);
	put_counts(j, f);
	json_time(j, "first_time", &k->clock, f->first_ns);
	json_time(j, "last_time", &k->clock, f->last_ns);
	opt_true(j, "preexisting", f->preexisting);
	opt_true(j, "both_ends", f->both_ends);
	json_u64(j, "conn", f->conn);
	json_end_line(j);
	count(k, f);
}

static void flow_span(struct sink *sink, const struct span *s)
{
	(void)sink;
	(void)s;
}

static void flow_finish(struct sink *sink, const struct sink_totals *t)
{
	struct flow_sink *k = (struct flow_sink *)sink;
	struct json *j = &k->json;

	for (const struct pair *p = k->pair; p < k->pair + k->npairs; p++) {
		json_begin_line(j, &k->clock, t->time_ns, "zone");
		opt_text(j, "client_zone", p->client);
		opt_text(j, "server_zone", p->server);
		json_u64(j, "flows", p->flows);
		json_u64(j, "bytes_to_server", p->bytes[0]);
		json_u64(j, "bytes_to_client", p->bytes[1]);
		json_end_line(j);
	}
}

static void flow_free(struct sink *sink)
{
	free(((struct flow_sink *)sink)->pair);
	free(sink);
}

struct sink *sink_flows_new(const struct sink_options *o)
{
	static const struct sink_ops ops = {
		.span = flow_span,
		.flow = flow_line,
		.finish = flow_finish,
		.free = flow_free,
	};
	struct flow_sink *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->sink.ops = &ops;
	k->json.out = o->out;
	k->clock.rfc3339 = 1;
	k->zones = o->zones;
	return &k->sink;
}
