#include "core/span_field.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "core/nearest.h"
#include "parsers/attrs.h"
#include "parsers/http1/http1.h"

/* How a value is kept in the span. */
enum access {
	STR,	/* struct str */
	METHOD, /* same, of a protocol that has no attribute for its operation */
	PATH,	/* same for its target */
	CSTR,	/* const char * */
	U64,	/* always there */
	KNOWN,	/* uint64_t, SPAN_UNKNOWN: absent */
	U32,	/* 0: absent */
	STATUS, /* int, 0: absent */
	PORT,	/* uint16_t, with has_addr */
	ADDR,	/* 16 octets, with has_addr */
	KIND,
	PROTOCOL,
	ERROR,
	TRACE,	/* id of 16 octets, absent when zero */
	ID,	/* id of 8 octets, absent when zero */
	PARENT, /* id of 8 octets, with has_parent */
	LIST,
	ATTR_NUMERIC, /* an attribute; the offset is its index in attr_defs */
	ATTR_TEXTUAL,
};

/* In the order in which people should read them; attributes are between the two. */
#define FIELDS_FIRST(X) \
	X("method", TEXT, METHOD, method, "request method")                                        \
	X("path", TEXT, PATH, path, "path of the request-target")                                \
	X("route", TEXT, STR, route, "path with values replaced, as /orders/{id}")              \
	X("query", TEXT, STR, query, "query, without the question mark")                        \
	X("host", TEXT, STR, host, "Host or :authority")                                        \
	X("scheme", TEXT, STR, scheme, "http or https")                                         \
	X("status", NUMBER, STATUS, status, "status code of the response")

#define FIELDS_LAST(X) \
	X("error", CHOICE, ERROR, error, "why the span counts as an error")                     \
	X("duration", DURATION_ALIAS, KNOWN, duration_ns, "from arrival to the last byte")      \
	X("inner", DURATION_ALIAS, KNOWN, inner_ns, "the part inside the process")              \
	X("ttfb", DURATION_ALIAS, KNOWN, ttfb_ns, "until the response's first byte")            \
	X("queue", DURATION_ALIAS, KNOWN, queue_ns, "from arrival until it was read")           \
	X("connect", DURATION_ALIAS, KNOWN, connect_ns, "opening the connection")               \
	X("duration_ns", DURATION, KNOWN, duration_ns, "duration in nanoseconds")               \
	X("inner_ns", DURATION, KNOWN, inner_ns, "inner in nanoseconds")                        \
	X("ttfb_ns", DURATION, KNOWN, ttfb_ns, "ttfb in nanoseconds")                           \
	X("queue_ns", DURATION, KNOWN, queue_ns, "queue in nanoseconds")                        \
	X("connect_ns", DURATION, KNOWN, connect_ns, "connect in nanoseconds")                  \
	X("kind", CHOICE, KIND, kind, "server or client")                                       \
	X("protocol", CHOICE, PROTOCOL, protocol, "http/1.1, h2, grpc, …")                      \
	X("tls", TLS, CSTR, tls, "TLS library, or false")                                       \
	X("service", TEXT, CSTR, service, "name of the service")                                \
	X("comm", TEXT, CSTR, comm, "name of the process")                                      \
	X("pid", NUMBER, U32, pid, "process")                                                   \
	X("tid", NUMBER, U32, tid, "thread")                                                    \
	X("runtime", TEXT, CSTR, runtime, "language or runtime of the process")                 \
	X("container", TEXT, CSTR, container, "container of the process")                       \
	X("container_name", TEXT, CSTR, container_name, "and its name")                         \
	X("resource", TEXT, CSTR, resource, "OTEL_RESOURCE_ATTRIBUTES of the process")          \
	X("peer_service", TEXT, CSTR, peer_service, "name of the other end")                    \
	X("client_addr", ADDRESS, ADDR, client_addr, "address, or a prefix as 10.0.0.0/8")      \
	X("client_port", NUMBER, PORT, client_port, "port of the client")                       \
	X("server_addr", ADDRESS, ADDR, server_addr, "address, or a prefix as 10.0.0.0/8")      \
	X("server_port", NUMBER, PORT, server_port, "port of the server")                       \
	X("req_bytes", SIZE, KNOWN, req_bytes, "request on the wire")                           \
	X("resp_bytes", SIZE, KNOWN, resp_bytes, "response on the wire")                        \
	X("req_body_bytes", SIZE, KNOWN, req_body_bytes, "content of the request")              \
	X("resp_body_bytes", SIZE, KNOWN, resp_body_bytes, "content of the response")           \
	X("conn", NUMBER, U64, conn, "connection")                                              \
	X("stream", NUMBER, U32, stream_id, "HTTP/2 stream")                                       \
	X("seq", NUMBER, U64, seq, "ordinal on the connection, from 0")                         \
	X("trace_id", TEXT, TRACE, trace_id, "32 hexadecimal digits")                           \
	X("span_id", TEXT, ID, span_id, "16 hexadecimal digits")                                \
	X("parent_span_id", TEXT, PARENT, parent_id, "16 hexadecimal digits")                   \
	X("link", TEXT, CSTR, link, "how the parent was found")                                 \
	X("incomplete", LIST, LIST, incomplete, "what is missing or doubtful")                  \
	X("time", TIME, U64, time_ns, "start, as 2025-12-08T20:44:49Z")

/* Fields of an attribute; of durations two, one with the unit in its name. */
#define STRING(id, otel, flags, help) Y(#id, TEXT, ATTR_TEXTUAL, id, help)
#define NUMERIC(id, otel, flags, help) Y(#id, NUMBER, ATTR_NUMERIC, id, help)
#define DURATION(id, otel, flags, help)                                                            \
	Y(#id, DURATION_ALIAS, ATTR_NUMERIC, id, help)                                             \
	Y(#id "_ns", DURATION, ATTR_NUMERIC, id, #id " in nanoseconds")
#define SIZE(id, otel, flags, help) Y(#id, SIZE, ATTR_NUMERIC, id, help)
#define CODE(id, otel, flags, help, name) Y(#id, NUMBER, ATTR_NUMERIC, id, help)
#define WORD(id, otel, flags, help, name) Y(#id, TEXT, ATTR_TEXTUAL, id, help)

static const struct span_field fields[] = {
#define X(name, type, access, member, help) { name, FIELD_##type, help },
#define Y X
	FIELDS_FIRST(X)
	ATTRS(STRING, NUMERIC, DURATION, SIZE, CODE, WORD)
	FIELDS_LAST(X)
#undef X
#undef Y
	{ NULL, FIELD_TEXT, NULL },
};

static const struct {
	enum access access;
	size_t offset;
} places[] = {
#define X(name, type, access, member, help) { access, offsetof(struct span, member) },
#define Y(name, type, access, id, help) { access, ATTR_##id },
	FIELDS_FIRST(X)
	ATTRS(STRING, NUMERIC, DURATION, SIZE, CODE, WORD)
	FIELDS_LAST(X)
#undef X
#undef Y
};

#define NFIELDS (sizeof(places) / sizeof(*places))

const struct span_field *span_fields(void)
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
	case ATTR_NUMERIC:
		*value = span_attr_number(s, &attr_defs[places[field].offset]);
		return *value != SPAN_UNKNOWN;
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

static int attribute_text(const struct attr *a, char *buf, struct str *text)
{
	if (!a || (a->def->type == ATTR_WORD && !a->def->name(a->n, buf)))
		return 0;
	*text = attr_text(a, buf);
	return 1;
}

static int find_header(struct str lines, const char *name, struct str *value)
{
	struct str key;
	size_t pos = 0;

	while (lines.p && http1_field_next(lines, &pos, &key, value))
		if (strlen(name) == key.n && !strncasecmp(key.p, name, key.n))
			return 1;
	return 0;
}

int span_header(const struct span *s, const char *name, struct str *value)
{
	return find_header(s->req_fields, name, value) || find_header(s->resp_fields, name, value);
}

int field_text(unsigned field, const struct span *s, char buf[SPAN_TEXT_MAX], struct str *text)
{
	switch (places[field].access) {
	case STR:
		*text = MEMBER(struct str, field, s);
		return text->p != NULL;
	case METHOD:
		*text = s->method;
		return text->p && !s->protocol->operation;
	case PATH:
		*text = s->path;
		return text->p && !s->protocol->target;
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
	case ATTR_TEXTUAL:
		return attribute_text(span_attr(s, &attr_defs[places[field].offset]), buf, text);
	default:
		return 0;
	}
}

int field_present(unsigned field, const struct span *s)
{
	char buf[SPAN_TEXT_MAX];
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
	case ATTR_NUMERIC:
	case PORT:
		return field_number(field, s, &value);
	default:
		return field_text(field, s, buf, &text);
	}
}

#define CODES 65536u

int field_code(unsigned field, const char *name, size_t n, uint64_t *code)
{
	const struct attr_def *def;
	char buf[ATTR_NAME_MAX];

	if (places[field].access != ATTR_NUMERIC)
		return 0;
	def = &attr_defs[places[field].offset];
	if (def->type != ATTR_CODE)
		return 0;
	for (*code = 0; *code < CODES; ++*code) {
		const char *known = def->name(*code, buf);

		if (known && strlen(known) == n && !strncasecmp(known, name, n))
			return 1;
	}
	return 0;
}

/* Fields that are strings of the span, found when compiling: their order does not matter. */
int field_string(unsigned i, size_t *member, int *is_cstr)
{
	static const struct {
		size_t member;
		int is_cstr;
	} strings[] = {
#define X(name, type, access, place, help) IF_##access(place)
#define IF_STR(place) { offsetof(struct span, place), 0 },
#define IF_METHOD IF_STR
#define IF_PATH IF_STR
#define IF_CSTR(place) { offsetof(struct span, place), 1 },
#define IF_U64(place)
#define IF_KNOWN(place)
#define IF_U32(place)
#define IF_STATUS(place)
#define IF_PORT(place)
#define IF_ADDR(place)
#define IF_KIND(place)
#define IF_PROTOCOL(place)
#define IF_ERROR(place)
#define IF_TRACE(place)
#define IF_ID(place)
#define IF_PARENT(place)
#define IF_LIST(place)
		FIELDS_FIRST(X)
		FIELDS_LAST(X)
#undef X
	};

	if (i >= sizeof(strings) / sizeof(*strings))
		return 0;
	*member = strings[i].member;
	*is_cstr = strings[i].is_cstr;
	return 1;
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
		return i < SPAN_ERRORS - 1 ? span_error_name((enum span_error)(i + 1)) : NULL;
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
