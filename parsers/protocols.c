/*
 * protocols.c - the table of protocols, and what can be asked of it
 */
#include <string.h>

#include "parsers/amqp/amqp.h"
#include "parsers/content/grpc.h"
#include "parsers/content/websocket.h"
#include "parsers/dns/dns.h"
#include "parsers/fastcgi/fastcgi.h"
#include "parsers/http1/http1_protocol.h"
#include "parsers/http2/http2_protocol.h"
#include "parsers/kafka/kafka.h"
#include "parsers/memcached/memcached.h"
#include "parsers/mongodb/mongodb.h"
#include "parsers/mqtt/mqtt.h"
#include "parsers/mysql/mysql.h"
#include "parsers/nats/nats.h"
#include "parsers/postgresql/postgresql.h"
#include "parsers/protocol.h"
#include "parsers/redis/redis.h"
#include "parsers/tls/tls_protocol.h"

const struct protocol *const protocols[] = {
	&tls_protocol,	      &http2_protocol, &http1_protocol, &memcached_protocol,
	&redis_protocol,      &postgresql_protocol, &kafka_protocol, &dns_protocol,
	&mongodb_protocol,    &mysql_protocol,	 &nats_protocol,
	&fastcgi_protocol,    &mqtt_protocol,	 &amqp_protocol,
};
const unsigned nprotocols = sizeof(protocols) / sizeof(protocols[0]);

const struct protocol_name tcp_name = {
	.name = "tcp", .label = {"TCP", "TCPClient"}, .flags = NAME_FIXED_METHOD | NAME_KEYS,
};

/* What is carried in the content of others; and where nothing was carried. */
static const struct protocol_name *const other_names[] = {&grpc_name, &websocket_name, &tcp_name};

static int has_port(const uint16_t *ports, uint16_t port)
{
	for (; ports && *ports; ports++)
		if (*ports == port)
			return 1;
	return 0;
}

static int is_hinted(const struct protocol *p, uint16_t port)
{
	return port && (has_port(p->ports, port) || has_port(p->tls_ports, port));
}

/* Returns 1 if *out is certain. */
static int ask(const struct protocol *p, const struct probe *in, struct probed *out)
{
	unsigned client = in->client;
	enum probe_result r;

	if (!(p->transports & (in->datagram ? TRANSPORT_DATAGRAM : TRANSPORT_STREAM)))
		return 0;
	r = p->probe(in, &client);
	if (r == PROBE_NO || (r == PROBE_MORE && out->result == PROBE_MORE))
		return 0;
	*out = (struct probed){r, p, client};
	return r != PROBE_MORE;
}

struct probed probe_all(const struct probe *in)
{
	struct probed out = {PROBE_NO, NULL, in->client};

	for (int hinted = 1; hinted >= 0; hinted--)
		for (unsigned i = 0; i < nprotocols; i++)
			if (is_hinted(protocols[i], in->port) == hinted &&
			    ask(protocols[i], in, &out))
				return out;
	return out;
}

const struct protocol_name *protocol_name_at(unsigned i)
{
	for (unsigned k = 0; k < nprotocols; k++) {
		const struct protocol_name *const *n = protocols[k]->names;

		if (!n && !i--)
			return &protocols[k]->name;
		for (; n && *n; n++)
			if (!i--)
				return *n;
	}
	return i < sizeof(other_names) / sizeof(other_names[0]) ? other_names[i] : NULL;
}

const struct protocol *protocol_by_port(uint16_t port, int *tls)
{
	for (unsigned i = 0; i < nprotocols; i++) {
		*tls = has_port(protocols[i]->tls_ports, port);
		if (*tls || has_port(protocols[i]->ports, port))
			return protocols[i];
	}
	*tls = 0;
	return NULL;
}

const struct protocol *protocol_by_program(const char *comm)
{
	for (unsigned i = 0; i < nprotocols; i++) {
		const char *const *p = protocols[i]->programs;

		for (; p && *p; p++)
			if (!strncmp(comm, *p, strlen(*p)))
				return protocols[i];
	}
	return NULL;
}
