#include "core/engine_impl.h"

#include "core/http1_conn.h"
#include "core/http2_conn.h"
#include "core/tls_conn.h"
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

/* Begins it. NULL: no memory. */
static const struct conn_ops *begin(struct conn *c, const struct half *h, const struct probed *found,
				    int start, uint64_t pos)
{
	if (found->protocol == &tls_protocol)
		return tls_conn_begin(c, reasm_time(&h->reasm, pos)) ? &tls_conn_ops : NULL;
	if (found->protocol == &http2_protocol)
		return http2_conn_begin(c, start, found->client) == 1 ? &http2_conn_ops : NULL;
	http1_conn_begin(c, (int)found->client);
	return &http1_conn_ops;
}

size_t protocol_detect(struct engine *e, struct conn *c, struct half *h, const uint8_t *p, size_t n,
		       uint64_t pos)
{
	const struct probe in = {
		.p = p,
		.n = n,
		.dir = h == &c->half[ZC_TX],
		.client = client_of(c),
		.start = h->reasm.from_syn && pos == h->reasm.first,
		.joined = c->preexisting,
		.segment = pos <= h->reasm.cur_pos,
		.port = c->role == ZC_ROLE_CLIENT ? c->rport : c->lport,
		.unrecognized = h->unrecognized_segs,
	};
	struct probed found = probe_all(&in);
	const struct conn_ops *ops = NULL;

	if (found.result == PROBE_MORE || found.result == PROBE_WAIT)
		return 0;
	if (found.result == PROBE_YES)
		ops = begin(c, h, &found, in.start, pos);
	if (ops)
		return ops->data(c, h, p, n, pos);
	e->stats.unparsed_bytes += n;
	policy_unrecognized(e, c, h, n);
	return n;
}
