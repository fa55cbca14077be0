#include "core/span.h"

#include <arpa/inet.h>
#include <stdio.h>
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
	case SPAN_ERR_REFUSED: return "refused";
	case SPAN_ERR_UNREACHABLE: return "unreachable";
	case SPAN_ERR_NO_ADDRESS: return "no-address";
	case SPAN_ERRORS: break;
	}
	return NULL;
}

const char *span_incomplete_name(unsigned bit)
{
	static const char *const name[SPAN_INCOMPLETE_BITS] = {
		"attached-late",     "lost-events",	 "truncated-head", "path-not-seen",
		"response-not-seen", "request-not-seen", "body-not-seen",  "in-flight",
		"bad-framing",	     "read-not-seen",	 "not-captured",   "protocol-inferred",
		"status-not-seen",   "statement-not-seen",
	};

	return bit < SPAN_INCOMPLETE_BITS ? name[bit] : NULL;
}

static struct str words(const char *s)
{
	return (struct str){s, s ? strlen(s) : 0};
}

struct str attr_text(const struct attr *a, char buf[SPAN_TEXT_MAX])
{
	const char *name;

	if (a->def->type == ATTR_STRING)
		return a->s;
	name = a->def->name ? a->def->name(a->n, buf) : NULL;
	if (name)
		return words(name);
	return (struct str){buf, (size_t)snprintf(buf, SPAN_TEXT_MAX, "%llu",
						  (unsigned long long)a->n)};
}

static const struct attr *own_status(const struct span *s)
{
	return s->protocol->status ? span_attr(s, s->protocol->status) : NULL;
}

/* Has it an answer, of a protocol that has a status only where something went wrong? */
static int answered_well(const struct span *s)
{
	const struct attr_def *def = s->protocol->status;

	return def && def->type == ATTR_STRING && !s->error && s->resp_bytes &&
	       s->resp_bytes != SPAN_UNKNOWN &&
	       !(s->incomplete & (SPAN_RESPONSE_NOT_SEEN | SPAN_IN_FLIGHT));
}

struct str span_status(const struct span *s, char buf[SPAN_TEXT_MAX])
{
	const struct attr *a = own_status(s);

	if (a)
		return attr_text(a, buf);
	if (s->status <= 0 && answered_well(s))
		return words("OK");
	if (s->status <= 0)
		return words(span_error_name(s->error));
	return (struct str){buf, (size_t)snprintf(buf, SPAN_TEXT_MAX, "%d", s->status)};
}

int span_failed_by_status(const struct span *s)
{
	const struct attr *a = own_status(s);

	return a && (a->def->type == ATTR_STRING || a->n != 0);
}

const struct attr *span_reason(const struct span *s)
{
	for (unsigned i = 0; i < s->nattrs; i++)
		if (s->attr[i].def->flags & ATTR_FAILURE && s->attr[i].def != s->protocol->status)
			return &s->attr[i];
	return NULL;
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
