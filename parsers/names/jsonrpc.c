/*
 * jsonrpc.c - JSON-RPC 2.0 over HTTP, and the Model Context Protocol, which is carried by it
 *
 * A request proves itself by its member "jsonrpc"; the method may come before it. Errors are in the
 * response, whose status is 200: codes from -32699 to -32600 say that the request was at fault,
 * but for -32603, an internal error (section 5.1).
 */
#include "parsers/names/rows.h"

static const struct str mcp_only[] = {
	{"tools/", 6},	     {"resources/", 10},   {"prompts/", 8},    {"notifications/", 14},
	{"completion/", 11}, {"sampling/", 9},	   {"elicitation/", 12}, {"logging/setLevel", 16},
	{"roots/", 6},
};

static enum names_may request(struct names *n, const struct names_head *h)
{
	int mcp = h->field[NAMES_MCP_VERSION].n || h->field[NAMES_MCP_SESSION].n;
	int named = mcp || names_contains(h->path, "rpc") || names_contains(h->path, "mcp") ||
		    names_begins(h->field[NAMES_CONTENT_TYPE], "application/json-rpc");

	if (!names_is_post(h) || h->form != NAMES_JSON)
		return NAMES_NO;
	n->word[WORD_MCP] = (uint8_t)mcp;
	n->word[WORD_RPC_NAMED] = (uint8_t)named;
	names_read(n, 0, NAMES_JSON, named ? NAMES_LOOK : NAMES_GLANCE, named);
	return NAMES_MAYBE;
}

static void response(struct names *n, const struct names_head *h)
{
	enum names_form form = (enum names_form)h->form;

	if (n->row && (form == NAMES_JSON || form == NAMES_EVENTS))
		names_read(n, 1, form, NAMES_LOOK, 1);
}

static int is_mcp(const struct names *n, struct str method)
{
	if (n->word[WORD_MCP])
		return 1;
	for (unsigned i = 0; i < sizeof(mcp_only) / sizeof(mcp_only[0]); i++)
		if (method.n >= mcp_only[i].n && !memcmp(method.p, mcp_only[i].p, mcp_only[i].n))
			return 1;
	return 0;
}

static int is_method(struct str method, const char *word)
{
	return method.n == strlen(word) && !memcmp(method.p, word, method.n);
}

/* What is known of the request that is being read, one of a batch or alone. */
static void settle(struct names *n)
{
	struct str method = names_held(n, ATTR(rpc_method));

	names_agree(n, ATTR(rpc_method), method);
	if (!is_mcp(n, method))
		return;
	names_agree(n, ATTR(mcp_method), method);
	if (is_method(method, "tools/call")) {
		names_word(n, ATTR(gen_ai_operation), "execute_tool");
		names_agree(n, ATTR(mcp_tool), names_held(n, ATTR(mcp_tool)));
	} else if (is_method(method, "prompts/get")) {
		names_agree(n, ATTR(mcp_prompt), names_held(n, ATTR(mcp_tool)));
	} else if (names_begins(method, "resources/")) {
		names_agree(n, ATTR(mcp_resource), names_held(n, ATTR(mcp_resource)));
	}
}

static void end_of_request(struct names *n)
{
	names_let_go(n);
	if (!n->row)
		names_disclaim(n);
}

static void of_request(struct names *n, const struct json_value *v, const char *name)
{
	static const char *const members[] = {"jsonrpc", "method", "params", "id", NULL};
	struct json_value one = *v;

	one.path = (struct str){name, (size_t)(v->path.p + v->path.n - name)};
	if (v->type == JSON_END) {
		end_of_request(n);
	} else if (json_at(&one, "jsonrpc") && is_method(names_string(v), "2.0")) {
		names_claim(n);
		names_word(n, ATTR(rpc_system), "jsonrpc");
	} else if (json_at(&one, "method")) {
		names_hold(n, ATTR(rpc_method), names_string(v));
		settle(n);
	} else if (json_at(&one, "params.protocolVersion") &&
		   is_method(names_held(n, ATTR(rpc_method)), "initialize")) {
		n->word[WORD_MCP] = 1; /* no field says so yet */
		settle(n);
	} else if (json_at(&one, "params.name")) {
		names_hold(n, ATTR(mcp_tool), names_string(v));
		settle(n);
	} else if (json_at(&one, "params.uri")) {
		names_hold(n, ATTR(mcp_resource), names_string(v));
		settle(n);
	} else if (!n->row && !n->word[WORD_RPC_NAMED] && names_is_foreign(&one, members)) {
		names_disclaim(n); /* most content shows it by its first member */
	}
}

/* -32699 to -32600, but for an internal error: whoever asked is to blame. */
static int is_refusal(struct str code)
{
	return code.n == 6 && !memcmp(code.p, "-326", 4) && memcmp(code.p + 4, "03", 2);
}

static void of_response(struct names *n, const struct json_value *v)
{
	if (json_at(v, "error.code") && v->type == JSON_NUMBER && !v->cut) {
		names_text(n, ATTR(rpc_status), v->text);
		*(is_refusal(v->text) ? &n->refused : &n->failed) = 1;
	} else if (json_at(v, "result.isError") && is_method(v->text, "true") &&
		   names_get(n, ATTR(mcp_tool)).n) {
		names_word(n, ATTR(content_error), "tool_error");
		n->failed = 1;
	}
}

/* The rest of a batch may ask for something else. */
static void gap(struct names *n, int which)
{
	if (which || !n->word[WORD_BATCH])
		return;
	names_drop(n, ATTR(rpc_method));
	names_drop(n, ATTR(mcp_method));
	names_drop(n, ATTR(mcp_tool));
	names_drop(n, ATTR(mcp_prompt));
	names_drop(n, ATTR(mcp_resource));
	names_drop(n, ATTR(gen_ai_operation));
}

static void value(struct names *n, int which, const struct json_value *v)
{
	int batch = names_begins(v->path, "[].");

	if (which) {
		of_response(n, v);
		return;
	}
	n->word[WORD_BATCH] |= (uint8_t)batch;
	of_request(n, v, v->path.p + (batch ? 3 : 0));
}

const struct naming naming_jsonrpc = {
	.name = "jsonrpc",
	.request = request,
	.response = response,
	.value = value,
	.gap = gap,
	.group = {ATTR(rpc_method), ATTR(mcp_tool), ATTR(mcp_prompt)},
};
