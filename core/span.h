/*
 * span.h - one exchange (request and response) as seen from one end of a connection
 *
 * Filled by the engine, read by filters and sinks. All pointers are borrowed for the duration of
 * the callback; a sink that keeps a span copies what it needs. What the figures mean is stated
 * once, in ARCHITECTURE.md; the JSON names are those of the fields here.
 */
#ifndef ZC_CORE_SPAN_H
#define ZC_CORE_SPAN_H

#include <stdint.h>
#include "parsers/protocol.h" /* struct str, struct protocol_name */

#define SPAN_UNKNOWN UINT64_MAX /* of any duration or size that is not known */

enum span_kind { SPAN_SERVER, SPAN_CLIENT };

enum span_error {
	SPAN_OK,
	SPAN_ERR_TIMEOUT,
	SPAN_ERR_RESET,	   /* RST, or RST_STREAM */
	SPAN_ERR_CLOSED,   /* the connection ended before the response did */
	SPAN_ERR_STATUS,   /* server: 5xx; client: 4xx and 5xx (OpenTelemetry's rule) */
	SPAN_ERR_PROTOCOL, /* what came cannot be understood */
	SPAN_ERR_HANDSHAKE, /* of TLS: an alert ended it */
	SPAN_ERR_REFUSED,   /* nobody listens there */
	SPAN_ERR_UNREACHABLE, /* there is no way to it */
	SPAN_ERR_NO_ADDRESS,  /* the client's host has no address, or no port, left for it */
	SPAN_ERRORS,
};

/* Bits of span.incomplete; names for output from span_incomplete_name(bit). */
#define SPAN_ATTACHED_LATE 0x001u    /* began before we looked */
#define SPAN_LOST_EVENTS 0x002u	     /* octets that bear on it were lost on the way to us */
#define SPAN_TRUNCATED_HEAD 0x004u   /* a head was captured in part only */
#define SPAN_PATH_NOT_SEEN 0x008u
#define SPAN_RESPONSE_NOT_SEEN 0x010u
#define SPAN_REQUEST_NOT_SEEN 0x020u
#define SPAN_BODY_NOT_SEEN 0x040u    /* content was asked for (--body) but not captured */
#define SPAN_IN_FLIGHT 0x080u	     /* tracing ended before the response did */
#define SPAN_BAD_FRAMING 0x100u	     /* conflicting or invalid Content-Length, CL with TE */
#define SPAN_READ_NOT_SEEN 0x200u    /* client: when the application read the response's end */
#define SPAN_NOT_CAPTURED 0x400u     /* bytes that bear on it went by and were not copied */
#define SPAN_MISSING (SPAN_LOST_EVENTS | SPAN_NOT_CAPTURED)
/* gRPC by its framing and trailers; what says so was not seen */
#define SPAN_PROTOCOL_INFERRED 0x800u
/* of gRPC: its entry of the header table is from before we looked */
#define SPAN_STATUS_NOT_SEEN 0x1000u
/* of a database: it was prepared before we looked */
#define SPAN_STATEMENT_NOT_SEEN 0x2000u
#define SPAN_INCOMPLETE_BITS 14

#define SPAN_ID_LEN 8
#define TRACE_ID_LEN 16

struct span {
	/* when; wall clock, UNIX nanoseconds of the start, then durations (SPAN_UNKNOWN if so) */
	uint64_t time_ns;
	uint64_t duration_ns, inner_ns, ttfb_ns, queue_ns;
	uint64_t connect_ns; /* client span that opened its connection */

	enum span_kind kind;
	const struct protocol_name *protocol; /* never NULL */
	enum span_error error;
	uint32_t incomplete;
	int status;	  /* 0: not known */
	const char *tls; /* NULL: cleartext; "unknown": encrypted, by a library that is not known */

	struct str method, scheme, host, path, query, route; /* p == NULL: not known */
	/* raw field lines for http1_field_next; kept on request */
	struct str req_fields, resp_fields;
	struct str req_body, resp_body;	    /* first octets of content; kept on request */

	uint64_t req_bytes, resp_bytes;		  /* on the wire, head included */
	uint64_t req_body_bytes, resp_body_bytes; /* content without framing */

	/*
	 * HTTP/2 whose path lies in what was sent before we looked: path.p is NULL, and route is a
	 * name in asterisks, "*not-seen-1f3a9c02*": the same for the same path of a connection,
	 * different ones for different paths.
	 */

	/*
	 * What only some protocols have, at most once each, in the order of parsers/attrs.h. A
	 * string has p != NULL. An exchange of plain HTTP/1 has none.
	 */
	const struct attr *attr;
	unsigned nattrs;

	/* connection: addresses as IPv6 or IPv4-mapped; has_addr == 0: not known */
	int has_addr;
	uint8_t client_addr[16], server_addr[16];
	uint16_t client_port, server_port;
	uint64_t conn;
	uint32_t stream_id; /* HTTP/2; 0: none */
	uint64_t seq;	 /* ordinal of the exchange on the connection, from 0 */

	/* process observed; pid 0: not known */
	uint32_t pid, tid;
	const char *comm, *service, *runtime, *container, *container_name; /* NULL: not known */
	const char *resource; /* its OTEL_RESOURCE_ATTRIBUTES, without secrets: "key=value,…" */
	/*
	 * of the process at the other end when it is local: its container's name or its service; or
	 * the name of its host; else NULL
	 */
	const char *peer_service;
	uint32_t peer_pid; /* of that process; 0: not known, or not on this host */

	/*
	 * So that who writes many need not look at each string. Not 0: another span of this
	 * connection with the same number has the same method, scheme, host, path and query...
	 */
	uint64_t alike;
	/* ... and one with the same number, pid and peer_pid the same comm ... peer_service */
	uint64_t names;

	uint8_t trace_id[TRACE_ID_LEN], span_id[SPAN_ID_LEN], parent_id[SPAN_ID_LEN];
	int has_parent;
	/* the parent that the request itself names, which another may stand between; if it does */
	uint8_t told_parent[SPAN_ID_LEN];
	int has_told_parent;
	/* the process of the parent, of a message that it has published; 0: not known, or none */
	uint32_t sender_pid;
	/* the parent is an exchange that is seen, too: its span was or will be shown */
	int parent_here;
	int entry;	  /* server: nothing that is seen here was serving when it was asked */
	const char *link; /* how the parent was found; NULL: no parent */
	uint8_t trace_flags;
	int trace_given; /* the trace's id, and with it its flags, came with the request */
};

/* What to call the process of a span: its container, its service, its own name; NULL: not known. */
const char *span_process(const struct span *s);

/* The address of the other end; has_addr. */
static inline const uint8_t *span_peer_addr(const struct span *s)
{
	return s->kind == SPAN_SERVER ? s->client_addr : s->server_addr;
}

/* When it was over, on the wall clock; when it began, if its duration is not known. */
uint64_t span_end(const struct span *s);

const char *span_error_name(enum span_error e);	      /* "timeout"; NULL for SPAN_OK */
const char *span_incomplete_name(unsigned bit);	      /* bit number 0..SPAN_INCOMPLETE_BITS-1 */

/* Its attribute of that kind; NULL: it has none. */
static inline const struct attr *span_attr(const struct span *s, const struct attr_def *def)
{
	for (unsigned i = 0; i < s->nattrs; i++)
		if (s->attr[i].def == def)
			return &s->attr[i];
	return NULL;
}

/* The same as text, and as number; p == NULL, SPAN_UNKNOWN: there is none. */
static inline struct str span_attr_str(const struct span *s, const struct attr_def *def)
{
	const struct attr *a = span_attr(s, def);

	return a ? a->s : (struct str){NULL, 0};
}

static inline uint64_t span_attr_number(const struct span *s, const struct attr_def *def)
{
	const struct attr *a = span_attr(s, def);

	return a ? a->n : SPAN_UNKNOWN;
}

#define SPAN_TEXT_MAX 48 /* of what is no text in the span */

/*
 * A value as a word: a string, the name of a code, or its number; built in buf if need be. Not for
 * durations and sizes, which those who show them have a form of their own for.
 */
struct str attr_text(const struct attr *a, char buf[SPAN_TEXT_MAX]);

/*
 * How it ended, in a word: the status of its protocol (NOT_FOUND, of gRPC; OK, where there is one
 * for errors only), else the status code, else the error. p == NULL: it is not known.
 */
struct str span_status(const struct span *s, char buf[SPAN_TEXT_MAX]);

/* Is that the protocol's own status, and one of failure? Then span.status may look like success. */
int span_failed_by_status(const struct span *s);

/* The first attribute that says what went wrong, but the status of span_status(); or NULL. */
const struct attr *span_reason(const struct span *s);

/*
 * Textual form of an address: dotted for IPv4-mapped, RFC 5952 otherwise.
 * buf holds at least 46 octets; returns buf.
 */
char *span_addr_text(const uint8_t addr[16], char *buf);

#endif
