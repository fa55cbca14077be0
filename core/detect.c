#include "core/detect.h"

#include "core/engine_impl.h"

#include "core/http2_conn.h"
#include "core/pairing.h"
#include "core/policy.h"
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

/* What the ends have agreed upon follows, if it is known. Returns how many of n bytes were taken. */
static size_t follow_switch(struct engine *e, struct conn *c, struct half *h, const uint8_t *p,
			    size_t n, uint64_t pos)
{
	struct exchange *x = c->upgraded;

	c->switching = 0;
	c->upgraded = NULL;
	if (c->switch_to == &websocket_name && x) {
		websocket_conn_begin(c, x);
	} else if (c->switch_to == &http2_protocol.name &&
		   http2_conn_begin(c, 1, c->request_dir) == 1) {
		c->protocol = &http2_protocol;
		if (x)
			http2_conn_upgraded(c, x);
	} else {
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

	if (c->switching)
		return follow_switch(e, c, h, p, n, pos);
	found = probe_all(&in);
	if (found.result == PROBE_MORE || found.result == PROBE_WAIT)
		return 0;
	if (found.result == PROBE_YES && begin(c, h, &found, in.start, pos))
		return c->ops->data(c, h, p, n, pos);
	if (waits)
		return 0;
	e->stats.unparsed_bytes += n;
	policy_unrecognized(e, c, h, n);
	return n;
}
