/* The spans of exchanges: what is known of one, put in order for whoever shows it. */
#include "core/exchange.h"
#include "core/clear.h"
#include "core/conn_id.h"
#include "core/engine_impl.h"
#include "core/exchange_attrs.h"
#include "core/exchange_link.h"
#include "core/naming.h"
#include "core/source.h"
#include "core/tls_info.h"
#include "core/tls_library.h"
#include "core/tls_session.h"

#include <stdio.h>
#include <string.h>

/* to - from; events swapped by microseconds must not make it wrap */
static uint64_t elapsed(uint64_t from, uint64_t to)
{
	if (from == SPAN_UNKNOWN || to == SPAN_UNKNOWN)
		return SPAN_UNKNOWN;
	return to > from ? to - from : 0;
}

static void set_times(const struct engine *e, const struct exchange *x, uint64_t now,
		      struct span *s)
{
	const struct conn *c = x->conn;
	uint64_t start = x->req_first, last = x->resp_unsized ? SPAN_UNKNOWN : x->resp_last;
	uint64_t end;

	if (x->aborted)
		last = x->end;
	else if (s->incomplete & SPAN_IN_FLIGHT)
		last = now;
	else if (!x->resp_done)
		last = SPAN_UNKNOWN;
	s->ttfb_ns = elapsed(start, x->resp_first);
	if (s->kind == SPAN_SERVER) {
		s->duration_ns = elapsed(start, last);
		s->inner_ns = elapsed(x->io_time, last);
		s->queue_ns = elapsed(start, x->io_time);
	} else if (x->incomplete & SPAN_READ_NOT_SEEN) {
		s->duration_ns = SPAN_UNKNOWN;
		s->inner_ns = elapsed(start, last);
	} else {
		/* a long exchange may go on behind what was read of it last */
		end = x->end == SPAN_UNKNOWN || x->end < last ? last : x->end;
		s->duration_ns = elapsed(start, end);
		s->inner_ns = elapsed(start, last);
		s->queue_ns = SPAN_UNKNOWN;
	}
	s->connect_ns = SPAN_UNKNOWN;
	if (s->kind == SPAN_CLIENT && !x->seq && !c->preexisting && c->role == ZC_ROLE_CLIENT &&
	    c->open_time && c->established_time)
		s->connect_ns = elapsed(c->open_time, c->established_time);
	if (start == SPAN_UNKNOWN)
		start = x->resp_first != SPAN_UNKNOWN ? x->resp_first : now;
	s->time_ns = start + (uint64_t)e->opt.wall_offset;
}

static void set_sizes(const struct exchange *x, struct span *s)
{
	int no_req = x->req_unsized || x->req_uncounted || (s->incomplete & SPAN_REQUEST_NOT_SEEN);
	int no_resp =
		x->resp_unsized || x->resp_uncounted || (s->incomplete & SPAN_RESPONSE_NOT_SEEN);

	s->req_bytes = no_req ? SPAN_UNKNOWN : x->req_bytes;
	s->req_body_bytes = no_req ? SPAN_UNKNOWN : x->req_body_bytes;
	s->resp_bytes = no_resp ? SPAN_UNKNOWN : x->resp_bytes;
	s->resp_body_bytes = no_resp ? SPAN_UNKNOWN : x->resp_body_bytes;
}

static void set_texts(const struct exchange *x, struct span *s)
{
	s->method = exchange_str(x, x->method);
	s->scheme = exchange_str(x, x->scheme);
	if (!s->scheme.p && !x->stream_id && !(x->protocol->flags & (NAME_CONNECTION | NAME_KEYS)))
		s->scheme =
			x->conn->session ? (struct str){"https", 5} : (struct str){"http", 4};
	s->host = exchange_str(x, x->host);
	s->path = exchange_str(x, x->path);
	s->query = exchange_str(x, x->query);
	s->req_fields = exchange_str(x, x->req_fields);
	s->resp_fields = exchange_str(x, x->resp_fields);
	if (x->body[0].len)
		s->req_body = (struct str){x->body[0].p, x->body[0].len};
	if (x->body[1].len)
		s->resp_body = (struct str){x->body[1].p, x->body[1].len};
}

/* A name for a path that was not seen: one for each such path of a connection. */
static struct str unseen_route(struct engine *e, const struct exchange *x)
{
	uint64_t h = id_mix(id_mix(0, x->conn->cookie), x->path_key);
	int n = snprintf(e->made_route, sizeof(e->made_route), "*not-seen-%08x*",
			 (unsigned)(h >> 32));

	return (struct str){e->made_route, (size_t)n};
}

/* Encrypted connections, by the names of their servers. */
static struct str encrypted_route(struct engine *e, struct str sni)
{
	int n = snprintf(e->made_route, sizeof(e->made_route), "*encrypted%s%.*s*",
			 sni.n ? " " : "", (int)sni.n, sni.n ? sni.p : "");

	return (struct str){e->made_route, (size_t)n};
}

static void set_route(struct engine *e, const struct exchange *x, struct span *s)
{
	if ((x->protocol->flags & NAME_CONNECTION))
		s->route = encrypted_route(e, span_attr_str(s, ATTR(tls_sni)));
	else if (x->group.off != TEXT_NONE)
		s->route = exchange_str(x, x->group);
	else if (!s->path.p && x->path_key)
		s->route = unseen_route(e, x);
	else if (s->path.p && span_attr(s, ATTR(rpc_method)))
		s->route = s->path; /* a service has so many methods, and no more */
	else if (s->path.p && e->opt.route)
		s->route = e->opt.route(e->opt.ctx, s->path, (x->protocol->flags & NAME_KEYS) != 0);
	if (x->naming)
		naming_route(e, x, s);
}

static void set_tls(const struct exchange *x, struct span *s)
{
	const struct conn *c = x->conn;
	const struct tls_conn *t = tls_info_of(c);
	int whole = (x->protocol->flags & NAME_CONNECTION) != 0;

	if (c->session || (whole && t))
		s->tls = tls_library_name(whole && t ? t->lib : c->session->lib);
	if (!whole)
		return;
	if (!s->tls)
		s->tls = "unknown";
	s->req_body_bytes = s->resp_body_bytes = s->inner_ns = SPAN_UNKNOWN;
}

static void set_attrs(struct engine *e, const struct exchange *x, struct span *s)
{
	const struct tls_conn *t = tls_info_of(x->conn);
	struct attr_list *l = &e->attrs;

	l->n = 0;
	network_attrs(x, l);
	if (x->req_cut && !x->one_way && !(s->incomplete & SPAN_MISSING))
		attr_list_text(l, ATTR(req_cut), (struct str){"server", 6});
	if (t)
		tls_info_attrs(t, !x->seq, l);
	if (t && x->protocol->flags & NAME_CONNECTION && !x->error) {
		const char *why = tls_info_unseen(x->conn);

		attr_list_text(l, ATTR(tls_unseen), (struct str){why, why ? strlen(why) : 0});
	}
	if (exchange_has_attrs(x))
		exchange_attrs(x, s, l);
	s->attr = l->attr;
	s->nattrs = l->n;
}

static void set_endpoints(const struct conn *c, struct span *s)
{
	int server = s->kind == SPAN_SERVER;

	s->conn = conn_id_shown(c);
	s->has_addr = c->has_addr;
	if (!c->has_addr)
		return;
	memcpy(s->server_addr, server ? c->laddr : c->raddr, 16);
	memcpy(s->client_addr, server ? c->raddr : c->laddr, 16);
	s->server_port = server ? c->lport : c->rport;
	s->client_port = server ? c->rport : c->lport;
}

static void set_process(const struct engine *e, const struct exchange *x, struct span *s)
{
	const struct conn *c = x->conn;
	struct process_names names = {0};

	s->pid = x->pid ? x->pid : c->pid;
	s->tid = x->tid;
	if (!s->pid) {
		/* nothing has a name then, unless it is the other end */
		s->names = c->session || exchange_peer_pid(x) ? 0 : 1 + e->changes;
		return;
	}
	if (s->pid == c->pid && c->comm[0])
		s->comm = c->comm;
	if (e->opt.process_names)
		e->opt.process_names(e->opt.ctx, s->pid, &names);
	s->service = names.service;
	s->runtime = names.runtime;
	s->container = names.container;
	s->container_name = names.container_name;
	s->resource = names.resource;
	/* streams get theirs from their sockets, when these are found */
	s->names = c->session ? 0 : 1 + e->changes + names.changes;
	s->pid &= SOURCE_PID_MASK;
	if (s->pid & ZC_PID_FOREIGN) {
		s->pid = s->tid = 0;
		s->names = 0;
	}
}

static void set_ids(const struct engine *e, const struct exchange *x, struct span *s)
{
	struct conn *c = x->conn;
	/* a response alone is known by its own first octet, on a stream that does not exist */
	uint32_t stream_id = x->stream_id;
	/* an orphan response, or what the server asks, by a position of the other direction */
	int other = x->reversed || s->incomplete & SPAN_REQUEST_NOT_SEEN;
	uint32_t seq = conn_id_seq(c, other ? !c->request_dir : c->request_dir, x->req_pos);

	if (other)
		stream_id = stream_id ? stream_id | 1u << 31 : UINT32_MAX;
	if (!c->id_hash_valid) {
		c->id_hash = conn_id_hash(c, id_connection(s->client_addr, s->client_port,
							 s->server_addr, s->server_port));
		c->id_hash_valid = 1;
	}
	if (x->node) {
		(e->opt.unread & ENGINE_NO_IDS ? links__parent : links__ids)(x->node, s);
		return;
	}
	id_derive_span(c->id_hash, seq, stream_id, s->kind, s->span_id);
	if (x->traceparents == 1 && x->has_traceparent) {
		memcpy(s->trace_id, x->traceparent.trace_id, TRACE_ID_LEN);
		memcpy(s->told_parent, x->traceparent.parent_id, SPAN_ID_LEN);
		s->has_told_parent = 1;
		memcpy(s->parent_id, x->has_sender ? x->sender_id : s->told_parent, SPAN_ID_LEN);
		s->sender_pid = x->sender_pid & SOURCE_PID_MASK;
		s->trace_flags = x->traceparent.flags;
		s->trace_given = 1;
		s->has_parent = 1;
		s->link = "traceparent";
		return;
	}
	if (c->in_tunnel) {
		memcpy(s->trace_id, c->tunnel.trace_id, TRACE_ID_LEN);
		memcpy(s->parent_id, c->tunnel.parent_id, SPAN_ID_LEN);
		s->trace_flags = c->tunnel.flags;
		s->trace_given = 1;
		s->has_parent = 1;
		s->link = "tunnel";
		return;
	}
	id_derive_trace(c->id_hash, seq, stream_id, s->trace_id);
	s->trace_flags = 1; /* sampled: it was recorded */
}

/* OpenTelemetry's rule: to a client every status but OK, to a server what is its own fault. */
static enum span_error grpc_error(int status, enum span_kind kind)
{
	/* UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS */
	const unsigned of_server = 1u << 2 | 1u << 4 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 15;

	if (status == 4)
		return SPAN_ERR_TIMEOUT;
	if (kind == SPAN_SERVER && status < 32 && !(of_server & 1u << status))
		return SPAN_OK;
	return SPAN_ERR_STATUS;
}

static enum span_error error_of(const struct exchange *x, enum span_kind kind)
{
	if (x->error)
		return (enum span_error)x->error;
	if (x->status >= (kind == SPAN_SERVER ? 500 : 400))
		return SPAN_ERR_STATUS;
	if (x->failed || (x->refused && kind == SPAN_CLIENT) ||
	    (x->naming && naming_failed(x, kind)))
		return SPAN_ERR_STATUS;
	if (x->protocol == &grpc_name && x->grpc_status > 0)
		return grpc_error(x->grpc_status, kind);
	return SPAN_OK;
}

void exchange_span(struct engine *e, const struct exchange *x, uint64_t now, struct span *s)
{
	const struct conn *c = x->conn;

	clear_words(s, sizeof(*s));
	s->kind = c->request_dir == ZC_RX ? SPAN_SERVER : SPAN_CLIENT;
	s->protocol = x->protocol;
	s->incomplete = x->incomplete | x->suspect;
	s->status = x->status;
	s->stream_id = x->stream_id;
	s->seq = x->seq;
	s->alike = x->alike;
	s->error = error_of(x, s->kind);
	set_times(e, x, now, s);
	set_sizes(x, s);
	set_texts(x, s);
	set_tls(x, s);
	set_attrs(e, x, s);
	set_route(e, x, s);
	set_endpoints(c, s);
	set_process(e, x, s);
	set_ids(e, x, s);
}

void exchange_emit(struct engine *e, struct exchange *x)
{
	uint32_t peer;
	struct span s;

	links__end(e->links, x->node);
	network_settle(x, e->now);
	exchange_span(e, x, e->now, &s);
	peer = exchange_peer_pid(x);
	s.peer_pid = peer & SOURCE_PID_MASK;
	if (s.peer_pid != peer) /* of several hosts: it does not tell which */
		s.names = 0;
	if (s.incomplete & SPAN_IN_FLIGHT) /* what it has lasted so far is no duration */
		s.duration_ns = s.inner_ns = SPAN_UNKNOWN;
	if (!(e->opt.unread & ENGINE_NO_PEER))
		s.peer_service = exchange_peer(e, x);
	e->stats.spans++;
	if (e->opt.on_span && !exchange_hold(e, x, &s))
		e->opt.on_span(e->opt.ctx, &s);
	exchange_put(e, x);
}
