#include "parsers/field_names.h"

#include "parsers/str.h"

/* The length alone tells most names apart; then a comparison of known length, of a few words. */
#define TRY(word, field)                                  \
	if (nocase_equal(name, word, sizeof(word) - 1)) \
	return field

enum field_name field_name_of(const char *name, size_t n)
{
	switch (n) {
	case 2: TRY("b3", FIELD_B3); break;
	case 3: TRY("via", FIELD_VIA); break;
	case 4: TRY("host", FIELD_HOST); break;
	case 6:
		TRY("cookie", FIELD_COOKIE);
		TRY("expect", FIELD_EXPECT);
		break;
	case 7:
		TRY("referer", FIELD_REFERER);
		TRY("upgrade", FIELD_UPGRADE);
		break;
	case 9:
		TRY("forwarded", FIELD_FORWARDED);
		TRY("x-real-ip", FIELD_REAL_IP);
		break;
	case 10:
		TRY("connection", FIELD_CONNECTION);
		TRY("x-amz-date", FIELD_AMZ_DATE);
		TRY("user-agent", FIELD_USER_AGENT);
		break;
	case 11:
		TRY("traceparent", FIELD_TRACEPARENT);
		TRY("x-b3-spanid", FIELD_B3_SPAN_ID);
		break;
	case 12:
		TRY("content-type", FIELD_CONTENT_TYPE);
		TRY("grpc-timeout", FIELD_GRPC_TIMEOUT);
		TRY("x-b3-traceid", FIELD_B3_TRACE_ID);
		TRY("x-request-id", FIELD_REQUEST_ID);
		break;
	case 13: TRY("authorization", FIELD_AUTHORIZATION); break;
	case 14:
		TRY("content-length", FIELD_CONTENT_LENGTH);
		TRY("http2-settings", FIELD_HTTP2_SETTINGS);
		break;
	case 15:
		TRY("x-forwarded-for", FIELD_FORWARDED_FOR);
		TRY("x-amzn-trace-id", FIELD_AMZN_TRACE_ID);
		break;
	case 16:
		TRY("proxy-connection", FIELD_PROXY_CONNECTION);
		TRY("x-correlation-id", FIELD_CORRELATION_ID);
		break;
	case 17:
		TRY("transfer-encoding", FIELD_TRANSFER_ENCODING);
		TRY("x-client-trace-id", FIELD_CLIENT_TRACE_ID);
		TRY("x-forwarded-proto", FIELD_FORWARDED_PROTO);
		break;
	case 30: TRY("x-envoy-expected-rq-timeout-ms", FIELD_ENVOY_TIMEOUT); break;
	}
	return FIELD_UNKNOWN;
}
