#include "core/engine_impl.h"

#include "core/http2_conn.h"
#include "core/pairing.h"
#include "core/tls_conn.h"
#include "core/websocket_conn.h"
#include "parsers/http2/http2_protocol.h"
#include "parsers/tls/tls_protocol.h"

static unsigned client_of(const struct conn *c)
{
	switch (c->role) {
	case ZC_ROLE_SERVER: return ZC_RX;
	case ZC_ROLE_CLIENT: return ZC_TX;
	default: return PROBE_NO_DIR;
	}
}

/* Begins it. 0: no memory. */
static int begin(struct conn *c, const struct half *h, const struct probed *found, int start,
		 uint64_t pos)
{
	const struct protocol *old = c->protocol;
	int begun;

	c->protocol = found->protocol;
	if (found->protocol == &tls_protocol)
		begun = tls_conn_begin(c, reasm_time(&h->reasm, pos));
	else if (found->protocol == &http2_protocol)
		begun = http2_conn_begin(c, start, found->client) == 1;
	else
		begun = pairing_begin(c, found->protocol, found->client);
	if (!begun)
		c->protocol = old;
	return begun;
}

int protocol_switch(struct conn *c, const struct protocol_name *to, struct exchange *x)
{
	if (to == &websocket_name && x) {
		websocket_conn_begin(c, x);
		return 1;
	}
	if (to != &http2_protocol.name || http2_conn_begin(c, 1, c->request_dir) != 1)
		return 0;
	c->protocol = &http2_protocol;
	if (x)
		http2_conn_upgraded(c, x);
	return 1;
}

static struct probe probe_of(const struct conn *c, const struct half *h, const uint8_t *p, size_t n,
			     uint64_t pos)
{
	return (struct probe){
		.p = p,
		.n = n,
		.dir = h == &c->half[ZC_TX],
		.client = client_of(c),
		.start = h->reasm.from_syn && pos == h->reasm.first,
		.joined = c->preexisting || c->rejoined,
		.segment = pos <= h->reasm.cur_pos,
		.port = c->role == ZC_ROLE_CLIENT ? c->rport : c->lport,
		.unrecognized = h->unrecognized_segs,
	};
}

int protocol_detect_torn(struct conn *c, const struct half *h, struct str kept, uint64_t pos)
{
	struct probe in = probe_of(c, h, (const uint8_t *)kept.p, kept.n, pos);
	struct probed found;

	in.torn = 1;
	found = probe_all(&in);
	return found.result == PROBE_YES && begin(c, h, &found, in.start, pos);
}

size_t protocol_detect(struct engine *e, struct conn *c, struct half *h, const uint8_t *p, size_t n,
		       uint64_t pos)
{
	const struct probe in = probe_of(c, h, p, n, pos);
	struct probed found = probe_all(&in);

	if (found.result == PROBE_MORE || found.result == PROBE_WAIT)
		return 0;
	if (found.result == PROBE_YES && begin(c, h, &found, in.start, pos))
		return c->ops->data(c, h, p, n, pos);
	e->stats.unparsed_bytes += n;
	policy_unrecognized(e, c, h, n);
	return n;
}
