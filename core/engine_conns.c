/*
 * engine_conns.c - connections for people to look at
 */
#include <string.h>

#include "core/engine_impl.h"
#include "core/conn_id.h"
#include "core/source.h"
#include "core/tls_info.h"
#include "parsers/tls/tls_names.h"

const char *engine_conn_protocol(const struct conn *c)
{
	if (c->opaque)
		return "opaque";
	if (!c->ops)
		return NULL;
	return c->ops->name ? c->ops->name->name : c->protocol->name.name;
}

int engine_conn_role(const struct conn *c)
{
	const struct tls_conn *t = tls_info_of(c);

	if (c->role == ZC_ROLE_SERVER)
		return 1;
	if (c->role == ZC_ROLE_CLIENT)
		return 0;
	if (t && t->hs.client != TLS_NO_DIR)
		return t->hs.client == ZC_RX;
	return c->ops && c->requested ? c->request_dir == ZC_RX : -1;
}

/* Of a socket, all that went by; of a stream in TLS, what it has carried. */
static uint64_t bytes_of(const struct conn *c, int dir)
{
	const struct half *h = &c->half[dir];
	uint64_t in_order = h->reasm.started ? h->reasm.next - h->reasm.first : 0;
	uint64_t all = traffic_bytes(&c->traffic, dir);

	return in_order > all ? in_order : all;
}

static void fill(const struct engine *e, const struct conn *c, struct engine_conn *out)
{
	const struct conn *socket = c->socket ? c->socket : c;
	const struct tls_conn *t = tls_info_of(c);

	memset(out, 0, sizeof(*out));
	out->conn = conn_id_shown(c);
	if (c->has_addr) {
		out->local = c->laddr;
		out->remote = c->raddr;
		out->local_port = c->lport;
		out->remote_port = c->rport;
	}
	out->is_server = engine_conn_role(c);
	if (t) {
		out->tls_version = tls_version_name(t->hs.version);
		out->tls_sni = t->sni[0] ? t->sni : NULL;
		out->tls_unseen = tls_info_unseen(c);
	}
	out->protocol = engine_conn_protocol(c);
	out->pid = c->pid & SOURCE_PID_MASK;
	out->comm = c->comm[0] ? c->comm : NULL;
	out->age_ns = c->open_time && e->now >= c->open_time ? e->now - c->open_time : SPAN_UNKNOWN;
	out->idle_ns = e->now > c->used ? e->now - c->used : 0;
	/* else nobody can see them */
	if (!c->protocol || !(c->protocol->name.flags & NAME_CONNECTION))
		out->requests = c->nexchanges;
	out->in_flight = c->nqueued;
	out->in_bytes = bytes_of(c, ZC_RX);
	out->out_bytes = bytes_of(c, ZC_TX);
	out->rtt_ns = socket->network.rtt_us * 1000ull;
	out->retransmits = socket->network.retransmits[0] + socket->network.retransmits[1];
	out->preexisting = c->preexisting;
	out->lost = c->lost;
	out->closing = list_linked(&c->closing);
	out->reset = c->reset;
	out->uncaptured = c->uncopied;
}

void engine__connections(struct engine *e, void (*fn)(void *ctx, const struct engine_conn *c),
			 void *ctx)
{
	for (struct list *n = e->conns.lru.next; n != &e->conns.lru; n = n->next) {
		const struct conn *c = list_entry(n, struct conn, lru);
		struct engine_conn out;

		if (c->tls_stream)
			continue; /* what it carries is shown */
		fill(e, c, &out);
		fn(ctx, &out);
	}
}
