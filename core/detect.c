#include "core/detect.h"

#include "core/engine_impl.h"

#include "core/conn_ops.h"
#include "core/pending_read.h"
#include "core/policy.h"
#include "parsers/multiplexer.h"
#include "parsers/proxy_header.h"

#define PROXIES_MAX 4 /* each of which has put its header before the one of that before it */

static unsigned client_of(const struct conn *c)
{
	switch (c->role) {
	case ZC_ROLE_SERVER: return ZC_RX;
	case ZC_ROLE_CLIENT: return ZC_TX;
	default: return PROBE_NO_DIR;
	}
}

/* Begins it. 0: no memory. */
static int begin(struct conn *c, struct half *h, const struct probed *found, int start,
		 uint64_t pos)
{
	const struct conn_begin b = {found->protocol, h, pos, found->client, start};
	const struct protocol *old = c->protocol;

	c->protocol = found->protocol;
	if (conn_ops_of(&found->protocol->name)->begin(c, &b))
		return 1;
	c->protocol = old;
	return 0;
}

/* What comes next is probed as the beginning of a connection. */
static void begin_anew(struct conn *c)
{
	for (int d = 0; d < 2; d++) {
		struct half *h = &c->half[d];

		h->lead = h->reasm.next - reasm_kept(&h->reasm).n - h->reasm.first;
		h->ended = 0;
		h->proxied = 0;
	}
	c->again = 1;
}

/* CONNECT, RFC 9110, section 9.3.6: what follows may be anything, as on a connection of its own. */
static void enter_tunnel(struct conn *c, struct exchange *x)
{
	struct span s;

	exchange_span(c->engine, x, x->resp_last, &s);
	memcpy(c->tunnel.trace_id, s.trace_id, TRACE_ID_LEN);
	memcpy(c->tunnel.parent_id, s.span_id, SPAN_ID_LEN);
	c->tunnel.flags = s.trace_flags;
	c->in_tunnel = 1;
	if (!pending_read_add(c, x))
		exchange_emit(c->engine, x);
	begin_anew(c);
}

/*
 * What the ends have agreed upon follows, if it is known. Returns how many of n bytes were taken.
 */
static size_t follow_switch(struct engine *e, struct conn *c, struct half *h, const uint8_t *p,
			    size_t n, uint64_t pos)
{
	const struct conn_ops *ops = c->switch_to ? conn_ops_of(c->switch_to) : NULL;
	struct exchange *x = c->upgraded;

	c->switching = 0;
	c->upgraded = NULL;
	if (ops && !ops->upgraded) {
		begin_anew(c);
		return 0;
	}
	if (!ops && x && x->status / 100 == 2) {
		enter_tunnel(c, x);
		return 0;
	}
	if (!ops || !ops->upgraded(c, x)) {
		if (x)
			exchange_emit(e, x);
		conn_opaque(c);
		e->stats.skipped_bytes += n;
		return n;
	}
	return n ? c->ops->data(c, h, p, n, pos) : 0;
}

static struct probe probe_of(const struct conn *c, const struct half *h, const uint8_t *p, size_t n,
			     uint64_t pos)
{
	return (struct probe){
		.p = p,
		.n = n,
		.dir = h == &c->half[ZC_TX],
		.client = client_of(c),
		.start = (h->reasm.from_syn || c->in_tunnel) && pos == h->reasm.first + h->lead,
		.joined = !c->in_tunnel && (c->preexisting || c->rejoined),
		.later = pos > h->reasm.first + h->lead,
		.segment = pos <= h->reasm.cur_pos || pos == h->reasm.first + h->lead,
		.port = c->role == ZC_ROLE_CLIENT ? c->rport : c->lport,
		.unrecognized = h->unrecognized_segs,
		.datagram = c->datagram,
	};
}

int protocol_detect_torn(struct conn *c, struct half *h, struct str kept, uint64_t pos)
{
	struct probe in = probe_of(c, h, (const uint8_t *)kept.p, kept.n, pos);
	struct probed found;

	in.torn = 1;
	found = probe_all(&in);
	return found.result == PROBE_YES && begin(c, h, &found, in.start, pos);
}

enum probe_result protocol_detect_answered(struct engine *e, struct conn *c, struct half *asked,
					   const uint8_t *p, size_t n)
{
	struct str kept = reasm_kept(&asked->reasm);
	uint64_t pos = asked->reasm.next - kept.n;
	struct probed found;
	struct probe in;

	if (!kept.n || c->switching)
		return PROBE_MORE;
	in = probe_of(c, asked, (const uint8_t *)kept.p, kept.n, pos);
	in.answer = p;
	in.nanswer = n;
	found = probe_all(&in);
	if (found.result == PROBE_YES && !begin(c, asked, &found, in.start, pos))
		return PROBE_MORE;
	if (found.result == PROBE_NO) {
		e->stats.unparsed_bytes += kept.n;
		reasm_drop_kept(&asked->reasm, &e->pool);
		policy_unrecognized(e, c, asked, kept.n);
	}
	return found.result;
}

size_t protocol_detect(struct engine *e, struct conn *c, struct half *h, const uint8_t *p, size_t n,
		       uint64_t pos, int waits)
{
	const struct probe in = probe_of(c, h, p, n, pos);
	struct probed found;
	size_t lead;

	if (c->switching)
		return follow_switch(e, c, h, p, n, pos);
	if (in.start && h->proxied < PROXIES_MAX && !c->datagram) {
		enum probe_result proxied = proxy_header(p, n, &lead);

		if (proxied == PROBE_MORE)
			return 0;
		if (proxied == PROBE_YES) {
			h->lead += lead;
			h->proxied++;
			c->again = 1;
			e->stats.skipped_bytes += lead;
			return lead;
		}
	}
	if ((in.start || (in.joined && in.segment)) && !c->datagram &&
	    multiplexer_header(p, n, in.start)) {
		conn_opaque(c);
		e->stats.skipped_bytes += n;
		return n;
	}
	found = probe_all(&in);
	if (found.result == PROBE_MORE || found.result == PROBE_WAIT)
		return 0;
	if (found.result == PROBE_YES && begin(c, h, &found, in.start, pos))
		return c->ops->data(c, h, p, n, pos);
	if (waits)
		return 0;
	e->stats.unparsed_bytes += n;
	h->unrecognized_end = pos + n;
	h->mid_line = p[n - 1] != '\n';
	h->unrecognized_need = reasm_need(&h->reasm, pos + n - 1);
	policy_unrecognized(e, c, h, n);
	return n;
}
