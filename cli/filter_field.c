/*
 * filter_field.c - the table of fields, and how to get at their values
 */
#include <stddef.h>
#include <string.h>

#include "cli/filter_field.h"
#include "core/nearest.h"
#include "parsers/tls/tls_names.h"

/* How a value is kept in the span. */
enum access {
	STR,	/* struct str */
	CSTR,	/* const char * */
	U64,	/* always there */
	KNOWN,	/* uint64_t, SPAN_UNKNOWN: absent */
	U32,	/* 0: absent */
	STATUS, /* int, 0: absent */
	SOME,	/* uint64_t, 0: absent */
	GRPC,	/* uint32_t, with has_grpc_status */
	CODE,	/* uint32_t, with has_error_code */
	COUNT,	/* as KNOWN, with has_messages */
	PORT,	/* uint16_t, with has_addr */
	VERSION, /* of TLS; int, 0: absent */
	CIPHER,	 /* of TLS; uint16_t, 0: absent */
	ALERT,	 /* of TLS; int, with tls_alert_from, -1: absent */
	ADDR,	/* 16 octets, with has_addr */
	KIND,
	PROTOCOL,
	ERROR,
	TRACE,	/* id of 16 octets, absent when zero */
	ID,	/* id of 8 octets, absent when zero */
	PARENT, /* id of 8 octets, with has_parent */
	LIST,
};

#define FIELDS(X)                                                                                  \
	X("method", TEXT, STR, method, "request method")                                           \
	X("path", TEXT, STR, path, "path of the request-target")                                   \
	X("route", TEXT, STR, route, "path with values replaced, as /orders/{id}")                 \
	X("query", TEXT, STR, query, "query, without the question mark")                           \
	X("host", TEXT, STR, host, "Host or :authority")                                           \
	X("scheme", TEXT, STR, scheme, "http or https")                                            \
	X("status", NUMBER, STATUS, status, "status code of the response")                         \
	X("grpc_status", NUMBER, GRPC, grpc_status, "status of gRPC, 0 is OK")                     \
	X("grpc_message", TEXT, STR, grpc_message, "message of gRPC beside the status")            \
	X("rpc_service", TEXT, STR, rpc_service, "package.Service of a gRPC call")                 \
	X("rpc_method", TEXT, STR, rpc_method, "method of a gRPC call")                            \
	X("close_code", NUMBER, STATUS, close_code, "of a WebSocket, 1000 is normal")              \
	X("error_code", NUMBER, CODE, error_code, "of RST_STREAM or GOAWAY, 8 is CANCEL")          \
	X("error", CHOICE, ERROR, error, "why the span counts as an error")                        \
	X("duration", DURATION_ALIAS, KNOWN, duration_ns, "from arrival to the last byte")         \
	X("inner", DURATION_ALIAS, KNOWN, inner_ns, "the part inside the process")                 \
	X("ttfb", DURATION_ALIAS, KNOWN, ttfb_ns, "until the response's first byte")               \
	X("queue", DURATION_ALIAS, KNOWN, queue_ns, "from arrival until it was read")              \
	X("connect", DURATION_ALIAS, KNOWN, connect_ns, "opening the connection")                  \
	X("handshake", DURATION_ALIAS, KNOWN, handshake_ns, "of TLS, on opening the connection")   \
	X("stall", DURATION_ALIAS, SOME, stall_ns, "response waited for flow control")             \
	X("grpc_timeout", DURATION_ALIAS, SOME, grpc_timeout_ns, "deadline of a gRPC call")        \
	X("duration_ns", DURATION, KNOWN, duration_ns, "duration in nanoseconds")                  \
	X("inner_ns", DURATION, KNOWN, inner_ns, "inner in nanoseconds")                           \
	X("ttfb_ns", DURATION, KNOWN, ttfb_ns, "ttfb in nanoseconds")                              \
	X("queue_ns", DURATION, KNOWN, queue_ns, "queue in nanoseconds")                           \
	X("connect_ns", DURATION, KNOWN, connect_ns, "connect in nanoseconds")                     \
	X("handshake_ns", DURATION, KNOWN, handshake_ns, "handshake in nanoseconds")               \
	X("stall_ns", DURATION, SOME, stall_ns, "stall in nanoseconds")                            \
	X("grpc_timeout_ns", DURATION, SOME, grpc_timeout_ns, "grpc_timeout in nanoseconds")       \
	X("kind", CHOICE, KIND, kind, "server or client")                                          \
	X("protocol", CHOICE, PROTOCOL, protocol, "http/1.1, h2, grpc, …")                         \
	X("tls", TLS, CSTR, tls, "TLS library, or false")                                          \
	X("tls_version", TEXT, VERSION, tls_version, "1.0 to 1.3")                                 \
	X("tls_cipher", TEXT, CIPHER, tls_cipher, "TLS_AES_128_GCM_SHA256, …")                     \
	X("tls_sni", TEXT, STR, tls_sni, "server name that the client asked for")                  \
	X("tls_alpn", TEXT, STR, tls_alpn, "protocol chosen in the handshake")                     \
	X("tls_alert", TEXT, ALERT, tls_alert, "unknown_ca, …: what ended a handshake")            \
	X("tls_alert_from", TEXT, CSTR, tls_alert_from, "client or server")                        \
	X("service", TEXT, CSTR, service, "name of the service")                                   \
	X("comm", TEXT, CSTR, comm, "name of the process")                                         \
	X("pid", NUMBER, U32, pid, "process")                                                      \
	X("tid", NUMBER, U32, tid, "thread")                                                       \
	X("runtime", TEXT, CSTR, runtime, "language or runtime of the process")                    \
	X("container", TEXT, CSTR, container, "container of the process")                          \
	X("container_name", TEXT, CSTR, container_name, "and its name")                            \
	X("peer_service", TEXT, CSTR, peer_service, "name of the other end")                       \
	X("client_addr", ADDRESS, ADDR, client_addr, "address, or a prefix as 10.0.0.0/8")         \
	X("client_port", NUMBER, PORT, client_port, "port of the client")                          \
	X("server_addr", ADDRESS, ADDR, server_addr, "address, or a prefix as 10.0.0.0/8")         \
	X("server_port", NUMBER, PORT, server_port, "port of the server")                          \
	X("req_bytes", SIZE, KNOWN, req_bytes, "request on the wire")                              \
	X("resp_bytes", SIZE, KNOWN, resp_bytes, "response on the wire")                           \
	X("req_body_bytes", SIZE, KNOWN, req_body_bytes, "content of the request")                 \
	X("resp_body_bytes", SIZE, KNOWN, resp_body_bytes, "content of the response")              \
	X("req_messages", NUMBER, COUNT, req_messages, "messages from the client")                 \
	X("resp_messages", NUMBER, COUNT, resp_messages, "messages or events from the server")     \
	X("req_message_bytes", SIZE, COUNT, req_message_bytes, "content of these messages")        \
	X("resp_message_bytes", SIZE, COUNT, resp_message_bytes, "content of these messages")      \
	X("pings", NUMBER, COUNT, pings, "of a WebSocket")                                         \
	X("conn", NUMBER, U64, conn, "connection")                                                 \
	X("stream", NUMBER, U32, stream, "HTTP/2 stream")                                          \
	X("seq", NUMBER, U64, seq, "ordinal on the connection, from 0")                            \
	X("trace_id", TEXT, TRACE, trace_id, "32 hexadecimal digits")                              \
	X("span_id", TEXT, ID, span_id, "16 hexadecimal digits")                                   \
	X("parent_span_id", TEXT, PARENT, parent_id, "16 hexadecimal digits")                      \
	X("link", TEXT, CSTR, link, "how the parent was found")                                    \
	X("incomplete", LIST, LIST, incomplete, "what is missing or doubtful")                     \
	X("time", TIME, U64, time_ns, "start, as 2025-12-08T20:44:49Z")

static const struct filter_field fields[] = {
#define X(name, type, access, member, help) { name, FILTER_##type, help },
	FIELDS(X)
#undef X
	{ NULL, FILTER_TEXT, NULL },
};

static const struct {
	enum access access;
	size_t offset;
} places[] = {
#define X(name, type, access, member, help) { access, offsetof(struct span, member) },
	FIELDS(X)
#undef X
};

#define NFIELDS (sizeof(places) / sizeof(*places))

const struct filter_field *filter_fields(void)
{
	return fields;
}

static const void *place(unsigned field, const struct span *s)
{
	return (const char *)s + places[field].offset;
}

/* Reads a member of the span by its place. */
#define MEMBER(type, field, s) (*(const type *)place(field, s))

int field_number(unsigned field, const struct span *s, uint64_t *value)
{
	switch (places[field].access) {
	case U64:
		*value = MEMBER(uint64_t, field, s);
		return 1;
	case KNOWN:
		*value = MEMBER(uint64_t, field, s);
		return *value != SPAN_UNKNOWN;
	case U32:
		*value = MEMBER(uint32_t, field, s);
		return *value != 0;
	case STATUS:
		*value = MEMBER(int, field, s) > 0 ? (uint64_t)MEMBER(int, field, s) : 0;
		return *value != 0;
	case SOME:
		*value = MEMBER(uint64_t, field, s);
		return *value != 0;
	case GRPC:
		*value = s->grpc_status;
		return s->has_grpc_status;
	case CODE:
		*value = s->error_code;
		return s->has_error_code;
	case COUNT:
		*value = MEMBER(uint64_t, field, s);
		return s->has_messages && *value != SPAN_UNKNOWN;
	case PORT:
		*value = MEMBER(uint16_t, field, s);
		return s->has_addr;
	default:
		return 0;
	}
}

const uint8_t *field_address(unsigned field, const struct span *s)
{
	return s->has_addr ? place(field, s) : NULL;
}

/* Hexadecimal digits of an id; 0 when it is zero. */
static int id_text(const uint8_t *id, size_t n, char *buf, struct str *text)
{
	static const char digit[] = "0123456789abcdef";
	unsigned any = 0;

	for (size_t i = 0; i < n; i++) {
		buf[2 * i] = digit[id[i] >> 4];
		buf[2 * i + 1] = digit[id[i] & 15];
		any |= id[i];
	}
	*text = (struct str){ buf, 2 * n };
	return any != 0;
}

static int set_text(const char *s, struct str *text)
{
	*text = (struct str){ s, s ? strlen(s) : 0 };
	return s != NULL;
}

int field_text(unsigned field, const struct span *s, char buf[FIELD_TEXT_MAX], struct str *text)
{
	switch (places[field].access) {
	case STR:
		*text = MEMBER(struct str, field, s);
		return text->p != NULL;
	case CSTR:
		return set_text(MEMBER(char *const, field, s), text);
	case KIND:
		return set_text(s->kind == SPAN_SERVER ? "server" : "client", text);
	case PROTOCOL:
		return set_text(s->protocol->name, text);
	case ERROR:
		return set_text(span_error_name(s->error), text);
	case ADDR:
		return s->has_addr && set_text(span_addr_text(place(field, s), buf), text);
	case TRACE:
		return id_text(s->trace_id, TRACE_ID_LEN, buf, text);
	case PARENT:
		if (!s->has_parent)
			return 0;
		return id_text(place(field, s), SPAN_ID_LEN, buf, text);
	case ID:
		return id_text(place(field, s), SPAN_ID_LEN, buf, text);
	case VERSION:
		return set_text(tls_version_name((unsigned)s->tls_version), text);
	case CIPHER:
		return s->tls_cipher && set_text(tls_cipher_name(s->tls_cipher, buf), text);
	case ALERT:
		return s->tls_alert_from && s->tls_alert >= 0 &&
		       set_text(tls_alert_name((unsigned)s->tls_alert, buf), text);
	default:
		return 0;
	}
}

int field_present(unsigned field, const struct span *s)
{
	char buf[FIELD_TEXT_MAX];
	struct str text;
	uint64_t value;

	switch (places[field].access) {
	case LIST:
		return s->incomplete != 0;
	case ADDR:
		return s->has_addr;
	case U64:
	case KNOWN:
	case U32:
	case STATUS:
	case SOME:
	case GRPC:
	case CODE:
	case COUNT:
	case PORT:
		return field_number(field, s, &value);
	default:
		return field_text(field, s, buf, &text);
	}
}

const char *field_choice(unsigned field, unsigned i)
{
	const struct protocol_name *name;

	switch (places[field].access) {
	case KIND:
		return i == 0 ? "server" : i == 1 ? "client" : NULL;
	case PROTOCOL:
		name = protocol_name_at(i);
		return name ? name->name : NULL;
	case ERROR:
		return i < SPAN_ERR_HANDSHAKE ? span_error_name((enum span_error)(i + 1)) : NULL;
	case LIST:
		return i < SPAN_INCOMPLETE_BITS ? span_incomplete_name(i) : NULL;
	default:
		return NULL;
	}
}

int field_find(const char *name, size_t n)
{
	for (unsigned i = 0; i < NFIELDS; i++)
		if (strlen(fields[i].name) == n && !memcmp(fields[i].name, name, n))
			return (int)i;
	return -1;
}

int field_nearest(const char *name, size_t n)
{
	unsigned best = nearest_limit(n);
	int nearest = -1;

	for (unsigned i = 0; i < NFIELDS; i++)
		if (name_is_nearer(name, n, fields[i].name, &best))
			nearest = (int)i;
	return nearest;
}
