#include "parsers/attrs.h"

#include "parsers/content/grpc.h"
#include "parsers/content/websocket.h"
#include "parsers/dns/dns.h"
#include "parsers/http2/http2.h"
#include "parsers/tls/tls_names.h"

/* ---- names of codes */

static const char *version_name(uint64_t code, char buf[ATTR_NAME_MAX])
{
	(void)buf;
	return tls_version_name((unsigned)code);
}

static const char *cipher_name(uint64_t code, char buf[ATTR_NAME_MAX])
{
	return tls_cipher_name((unsigned)code, buf);
}

static const char *alert_name(uint64_t code, char buf[ATTR_NAME_MAX])
{
	return tls_alert_name((unsigned)code, buf);
}

static const char *grpc_name_of(uint64_t code, char buf[ATTR_NAME_MAX])
{
	(void)buf;
	return code < 64 ? grpc_status_name((int)code) : NULL;
}

static const char *close_name(uint64_t code, char buf[ATTR_NAME_MAX])
{
	(void)buf;
	return code < 65536 ? websocket_close_name((unsigned)code) : NULL;
}

static const char *h2_name(uint64_t code, char buf[ATTR_NAME_MAX])
{
	(void)buf;
	return code <= UINT32_MAX ? http2_error_name((uint32_t)code) : NULL;
}

static const char *rcode_name(uint64_t code, char buf[ATTR_NAME_MAX])
{
	(void)buf;
	return code < 4096 ? dns_rcode_name((unsigned)code) : NULL;
}

/* ---- the table */

#define ROW(key_, otel_, help_, type_, flags_, name_)                                              \
	{ .key = (key_), .otel = (otel_), .help = (help_), .type = (type_), .flags = (flags_),     \
	  .name = (name_) },
#define STRING(id, otel, flags, help) ROW(#id, otel, help, ATTR_STRING, flags, NULL)
#define NUMBER(id, otel, flags, help) ROW(#id, otel, help, ATTR_NUMBER, flags, NULL)
#define DURATION(id, otel, flags, help) ROW(#id "_ns", otel, help, ATTR_DURATION, flags, NULL)
#define SIZE(id, otel, flags, help) ROW(#id, otel, help, ATTR_SIZE, flags, NULL)
#define CODE(id, otel, flags, help, name) ROW(#id, otel, help, ATTR_CODE, flags, name)
#define WORD(id, otel, flags, help, name) ROW(#id, otel, help, ATTR_WORD, flags, name)

const struct attr_def attr_defs[ATTRS_END] = { ATTRS(STRING, NUMBER, DURATION, SIZE, CODE, WORD) };
