#include "core/engine_impl.h"

#include "core/http1_conn.h"
#include "core/http2_conn.h"
#include "core/tls_conn.h"

static enum probe_result probe(const struct conn *c, const struct half *h, const uint8_t *p,
			       size_t n, int *request_dir)
{
	int dir = h == &c->half[ZC_TX];
	enum probe_result req = c->preexisting ? http1_probe_known(p, n) : http1_probe(p, n, HTTP1_REQUEST);
	enum probe_result resp = http1_probe(p, n, HTTP1_RESPONSE);

	/* in the middle of a body there may be anything, but roles are known */
	if (c->preexisting && c->role != ZC_ROLE_UNKNOWN) {
		int request = (c->role == ZC_ROLE_SERVER) == (dir == ZC_RX);

		*(request ? &resp : &req) = PROBE_NO;
	}
	*request_dir = req == PROBE_YES ? dir : !dir;
	if (req == PROBE_YES || resp == PROBE_YES)
		return PROBE_YES;
	return req == PROBE_MORE || resp == PROBE_MORE ? PROBE_MORE : PROBE_NO;
}

#define HTTP2_PERHAPS (-2)

/* Begins HTTP/2 and returns 1; 0: more is needed; HTTP2_PERHAPS: unless it is HTTP/1; -1: no. */
static int probe_http2(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	int start = h->reasm.from_syn && pos == h->reasm.first;
	unsigned dir = h == &c->half[ZC_TX], client = HTTP2_NO_DIR;

	switch (http2_probe(p, n, start)) {
	case PROBE_NO: return -1;
	case PROBE_MORE: return start ? 0 : HTTP2_PERHAPS;
	case PROBE_YES: break;
	}
	if (c->role != ZC_ROLE_UNKNOWN)
		client = c->role == ZC_ROLE_SERVER ? ZC_RX : ZC_TX;
	else if (start)
		client = p[0] == HTTP2_PREFACE[0] ? dir : !dir;
	return http2_conn_begin(c, start, client);
}

/* Begins TLS and returns 1; 0: more is needed; -1: no. */
static int probe_tls(struct conn *c, const struct half *h, const uint8_t *p, size_t n, uint64_t pos)
{
	/* of a connection that we have joined, records are where segments begin */
	if (c->preexisting && pos > h->reasm.cur_pos)
		return -1;
	/* of a long body, some segment would begin like a record that is longer */
	if (c->preexisting && h->unrecognized_segs >= POLICY_PREEXISTING_SEGS && n >= 5 &&
	    n < 5 + ((size_t)p[3] << 8) + p[4])
		return -1;
	switch (tls_probe(p, n, !c->preexisting)) {
	case PROBE_NO: return -1;
	case PROBE_MORE: return 0;
	case PROBE_YES: break;
	}
	if (!tls_conn_begin(c, reasm_time(&h->reasm, pos)))
		return -1;
	return 1;
}

size_t protocol_detect(struct engine *e, struct conn *c, struct half *h, const uint8_t *p,
			    size_t n, uint64_t pos)
{
	int request_dir, http2, tls = probe_tls(c, h, p, n, pos);

	if (tls >= 0) /* its first octet can be that of nothing else */
		return tls ? tls_conn_ops.data(c, h, p, n, pos) : 0;
	http2 = probe_http2(c, h, p, n, pos);
	if (http2 == 1)
		return http2_conn_ops.data(c, h, p, n, pos);
	if (!http2)
		return 0;
	switch (probe(c, h, p, n, &request_dir)) {
	case PROBE_YES:
		http1_conn_begin(c, request_dir);
		return http1_conn_ops.data(c, h, p, n, pos);
	case PROBE_MORE:
		return 0;
	case PROBE_NO:
		break;
	}
	if (http2 == HTTP2_PERHAPS)
		return 0;
	e->stats.unparsed_bytes += n;
	policy_unrecognized(e, c, h, n);
	return n;
}
