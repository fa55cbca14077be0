#include "cli/flow_match.h"

#include <string.h>

#include "parsers/attrs.h"

int flow_match(struct filter *filter, const struct engine_flow *f)
{
	const struct protocol_name name = {
		.name = f->protocol ? f->protocol : f->datagram ? "udp" : "tcp",
	};
	struct attr attr[2];
	struct span s = {
		.time_ns = f->first_ns,
		.duration_ns = SPAN_UNKNOWN,
		.inner_ns = SPAN_UNKNOWN,
		.ttfb_ns = SPAN_UNKNOWN,
		.queue_ns = SPAN_UNKNOWN,
		.connect_ns = SPAN_UNKNOWN,
		.kind = f->at_server ? SPAN_SERVER : SPAN_CLIENT,
		.protocol = &name,
		.error = f->error,
		.incomplete = f->preexisting ? SPAN_ATTACHED_LATE : 0,
		.req_bytes = f->bytes[0],
		.resp_bytes = f->bytes[1],
		.req_body_bytes = SPAN_UNKNOWN,
		.resp_body_bytes = SPAN_UNKNOWN,
		.attr = attr,
		.has_addr = 1,
		.client_port = f->client_port,
		.server_port = f->server_port,
		.conn = f->conn,
		.pid = f->pid,
		.comm = f->comm,
		.service = f->names.service,
		.runtime = f->names.runtime,
		.container = f->names.container,
		.container_name = f->names.container_name,
		.resource = f->names.resource,
		.peer_service = f->peer_service,
		.peer_pid = f->peer_pid,
	};

	memcpy(s.client_addr, f->client_addr, sizeof(s.client_addr));
	memcpy(s.server_addr, f->server_addr, sizeof(s.server_addr));
	if (f->rtt_ns)
		attr[s.nattrs++] = (struct attr){.def = ATTR(rtt), .n = f->rtt_ns};
	if (f->retransmits)
		attr[s.nattrs++] = (struct attr){.def = ATTR(retransmits), .n = f->retransmits};
	return filter__match(filter, &s);
}
