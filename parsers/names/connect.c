/*
 * connect.c - the Connect protocol: service and method, and the error that its content tells
 *
 * Calls of one message are plain HTTP whose head says so, with a status of HTTP and, in case of an
 * error, JSON {"code": "not_found", …}. Streams have the status 200, and their error in the last
 * of their messages, {"error": {"code": …}}, which names_trailers() gets.
 */
#include "parsers/content/grpc.h"
#include "parsers/names/rows.h"

#define LOOK 4096u

static enum names_may request(struct names *n, const struct names_head *h)
{
	struct str service, method;
	int stream = names_begins(h->field[NAMES_CONTENT_TYPE], "application/connect+");
	int get = names_equal(h->method, "get") && names_contains(h->query, "connect=v1");

	if (!stream && !get && !names_equal(h->field[NAMES_CONNECT_VERSION], "1"))
		return NAMES_NO;
	names_claim(n);
	names_word(n, ATTR(rpc_system), "connect_rpc");
	if (h->path.p && !grpc_split(h->path, &service, &method)) {
		names_text(n, ATTR(rpc_service), service);
		names_text(n, ATTR(rpc_method), method);
	}
	return NAMES_ONLY;
}

static void response(struct names *n, const struct names_head *h)
{
	if (h->status >= 400 && h->form == NAMES_JSON)
		names_read(n, 1, NAMES_JSON, LOOK, 1);
}

/* OpenTelemetry's rule is that of gRPC: what a server cannot help is no error of its own. */
static int is_of_server(struct str code)
{
	static const char *const codes[] = {"unknown",	     "deadline_exceeded", "unimplemented",
					    "internal",	     "unavailable",	  "data_loss"};

	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (names_equal(code, codes[i]))
			return 1;
	return 0;
}

static void value(struct names *n, int which, const struct json_value *v)
{
	if (!which || (!json_at(v, "error.code") && !json_at(v, "code")) || !names_string(v).n)
		return;
	names_text(n, ATTR(rpc_status), v->text);
	*(is_of_server(v->text) ? &n->failed : &n->refused) = 1;
}

const struct naming naming_connect = {
	.name = "connect",
	.request = request,
	.response = response,
	.value = value,
};
