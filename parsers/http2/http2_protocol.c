#include "parsers/http2/http2_protocol.h"

#include "parsers/http2/http2.h"
#include "parsers/http2/http2_frames.h"

static enum probe_result probe(const struct probe *in, unsigned *client)
{
	int start = in->start;

	if (*client == PROBE_NO_DIR && start && in->n)
		*client = in->p[0] == HTTP2_PREFACE[0] ? in->dir : !in->dir;
	switch (http2_probe(in->p, in->n, start)) {
	case PROBE_NO: return PROBE_NO;
	case PROBE_YES: return PROBE_YES;
	default: return start ? PROBE_WAIT : PROBE_MORE;
	}
}

static const uint16_t ports[] = {2379, 50051, 0};
static const char *const programs[] = {"etcd", NULL};

const struct protocol http2_protocol = {
	.name = {"h2", {"HTTP", "HTTPClient"}, .start_line = "HTTP/2"},
	.family = "grpc",
	.transports = TRANSPORT_STREAM,
	.ports = ports,
	.programs = programs,
	.pairing = PAIRING_BY_KEY,
	.probe = probe,
	.mask = &http2_mask,
};
