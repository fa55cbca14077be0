#include "core/span.h"

#include <arpa/inet.h>
#include <string.h>

const char *span_process(const struct span *s)
{
	return s->container_name ? s->container_name : s->service ? s->service : s->comm;
}

uint64_t span_end(const struct span *s)
{
	return s->time_ns + (s->duration_ns == SPAN_UNKNOWN ? 0 : s->duration_ns);
}

const char *span_error_name(enum span_error e)
{
	switch (e) {
	case SPAN_OK: return NULL;
	case SPAN_ERR_TIMEOUT: return "timeout";
	case SPAN_ERR_RESET: return "reset";
	case SPAN_ERR_CLOSED: return "closed";
	case SPAN_ERR_STATUS: return "status";
	case SPAN_ERR_PROTOCOL: return "protocol";
	case SPAN_ERR_HANDSHAKE: return "handshake";
	}
	return NULL;
}

const char *span_incomplete_name(unsigned bit)
{
	static const char *const name[SPAN_INCOMPLETE_BITS] = {
		"attached-late",     "lost-events",	 "truncated-head",
		"path-not-seen",     "response-not-seen", "request-not-seen",
		"body-not-seen",     "in-flight",	 "bad-framing",
		"read-not-seen",
		"protocol-inferred",
	};

	return bit < SPAN_INCOMPLETE_BITS ? name[bit] : NULL;
}

char *span_addr_text(const uint8_t addr[16], char *buf)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	/* inet_ntop writes IPv6 as RFC 5952 has it, but mapped addresses in its mixed form */
	if (!memcmp(addr, mapped, sizeof(mapped)))
		inet_ntop(AF_INET, addr + 12, buf, 46);
	else
		inet_ntop(AF_INET6, addr, buf, 46);
	return buf;
}
