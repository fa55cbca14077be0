#include "parsers/tls/tls_protocol.h"

#include "parsers/tls/tls.h"

#define RECORD_HEAD 5u
#define HANDSHAKE 22u /* RFC 8446 section 5.1 */
#define CLIENT_HELLO 1u
#define SERVER_HELLO 2u

/* Segments of a joined connection without a message: it may be in the middle of a long body. */
#define LONG_BODY_SEGS 64u

/* Of a long body, some segment would begin like a record that is longer. */
static int is_cut_short(const struct probe *in)
{
	return in->n >= RECORD_HEAD && in->n < RECORD_HEAD + ((size_t)in->p[3] << 8) + in->p[4];
}

static enum probe_result probe(const struct probe *in, unsigned *client)
{
	/* of a connection that we have joined, records are where segments begin */
	if (in->joined && !in->segment)
		return PROBE_NO;
	if (in->joined && in->unrecognized >= LONG_BODY_SEGS && is_cut_short(in))
		return PROBE_NO;
	if (*client == PROBE_NO_DIR && in->n > RECORD_HEAD && in->p[0] == HANDSHAKE) {
		if (in->p[RECORD_HEAD] == CLIENT_HELLO)
			*client = in->dir;
		else if (in->p[RECORD_HEAD] == SERVER_HELLO)
			*client = !in->dir;
	}
	switch (tls_probe(in->p, in->n, !in->joined)) {
	case PROBE_NO: return PROBE_NO;
	case PROBE_YES: return PROBE_YES;
	default: return PROBE_WAIT; /* its first byte can be that of nothing else */
	}
}

const struct protocol tls_protocol = {
	.name = {"tls", {"TLS", "TLSClient"}, .flags = NAME_CONNECTION},
	.transports = TRANSPORT_STREAM,
	.pairing = PAIRING_NONE,
	.probe = probe,
	.mask = &tls_mask,
};
