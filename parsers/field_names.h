/*
 * field_names.h - the header fields of HTTP that mean something here, by their names
 */
#ifndef ZC_PARSERS_FIELD_NAMES_H
#define ZC_PARSERS_FIELD_NAMES_H

#include <stddef.h>
#include <stdint.h>

enum field_name {
	FIELD_UNKNOWN,
	/* framing and connections: for the parser of HTTP/1 alone */
	FIELD_CONNECTION, FIELD_CONTENT_LENGTH, FIELD_EXPECT, FIELD_PROXY_CONNECTION,
	FIELD_TRANSFER_ENCODING, FIELD_UPGRADE,
	/* all others are for the core */
	FIELD_CORE,
	FIELD_AMZ_DATE = FIELD_CORE,
	FIELD_AMZN_TRACE_ID, FIELD_AUTHORIZATION, FIELD_B3, FIELD_B3_SPAN_ID, FIELD_B3_TRACE_ID,
	FIELD_CLIENT_TRACE_ID, FIELD_CONTENT_TYPE, FIELD_COOKIE,
	FIELD_CORRELATION_ID, FIELD_ENVOY_TIMEOUT, FIELD_FORWARDED, FIELD_FORWARDED_FOR,
	FIELD_FORWARDED_PROTO, FIELD_GRPC_TIMEOUT, FIELD_HOST, FIELD_HTTP2_SETTINGS,
	FIELD_REAL_IP, FIELD_REFERER, FIELD_REQUEST_ID, FIELD_TRACEPARENT, FIELD_USER_AGENT,
	FIELD_VIA,
	FIELD_NAMES,
};

/* In whatever case its letters are. */
enum field_name field_name_of(const char *name, size_t n);

/*
 * Where in the field lines of a head those lie that the core knows, in order, so that nobody need
 * look for them again.
 */
#define FIELD_NOTES 12u
struct field_notes {
	uint8_t n; /* more than FIELD_NOTES: there are more, or they cannot be told so */
	struct field_note {
		uint8_t name;	   /* enum field_name, from FIELD_CORE on */
		uint16_t off, len; /* of its value, without white space around it */
	} at[FIELD_NOTES];
};

#endif
