#include "parsers/content/json_mask.h"

#include <string.h>

#include "parsers/digits.h"

enum state {
	VALUE, /* one is due; the initial one */
	KEY,   /* a name, or the end of the object */
	IN_KEY,
	COLON,
	IN_STRING,
	IN_SCALAR,
	BEHIND, /* a value: a comma or an end */
	BAD,
};

enum keep { NOTHING, NAME, METHOD, DOCUMENT, NUMBER };

#define KEPT_MAX 384u /* bytes of a value that are read */

/* Members that names rest on, in the order of their bytes. */
static const char *const words[] = {
	"Action", "QueueName", "QueueUrl", "Version", "_index", "_shards",
	"cache_creation_input_tokens",
	"cache_read_input_tokens", "candidates", "candidatesTokenCount", "choices", "code",
	"completion_tokens", "data", "delta", "done_reason", "error", "errors", "eval_count",
	"extensions", "finishReason", "finish_reason", "id", "inputTokens",
	"input_tokens", "isError", "jsonrpc", "message", "metadata", "method", "model",
	"modelVersion", "name", "object", "operationName", "outputTokens",
	"output_tokens", "params", "persistedQuery", "promptTokenCount", "prompt_eval_count",
	"prompt_tokens", "protocolVersion", "query", "response", "result", "status",
	"stopReason", "stop_reason", "thoughtsTokenCount", "timed_out", "took",
	"total_duration", "uri", "usage", "usageMetadata", "variables",
};
#define NWORDS (sizeof(words) / sizeof(words[0]))

/* Values that stay; arrays on the way do not count. */
static const struct {
	const char *path;
	enum keep keep;
} kept[] = {
	{"jsonrpc", NAME}, {"method", METHOD}, {"params.name", NAME}, {"params.uri", NAME},
	{"operationName", NAME}, {"query", DOCUMENT}, {"errors.extensions.code", NAME},
	{"error.code", NAME}, {"code", NAME}, {"QueueUrl", NAME}, {"QueueName", NAME},
	{"model", NAME}, {"modelVersion", NAME}, {"object", NAME}, {"status", NAME},
	{"message.model", NAME}, {"response.model", NAME}, {"response.object", NAME},
	{"response.status", NAME}, {"stop_reason", NAME}, {"stopReason", NAME},
	{"delta.stop_reason", NAME}, {"done_reason", NAME}, {"choices.finish_reason", NAME},
	{"response.choices.finish_reason", NAME}, {"candidates.finishReason", NAME},
	{"usage.*", NUMBER}, {"message.usage.*", NUMBER}, {"response.usage.*", NUMBER},
	{"usageMetadata.*", NUMBER},
	{"prompt_eval_count", NUMBER}, {"eval_count", NUMBER}, {"error.code", NUMBER},
};

/* ---- what stays */

static int in_array(const struct json_mask *j)
{
	return j->arrays >> j->depth & 1;
}

static int is_at(const struct json_mask *j, const char *path)
{
	for (unsigned d = 1; d <= j->depth; d++) {
		size_t n = strcspn(path, ".");

		if (j->arrays >> d & 1)
			continue;
		if (j->path[d - 1] == WORD_NONE)
			return 0;
		if (*path != '*' && (strlen(words[j->path[d - 1]]) != n ||
				     memcmp(words[j->path[d - 1]], path, n)))
			return 0;
		path += n;
		path += *path == '.';
	}
	return !*path;
}

static enum keep keep_of(const struct json_mask *j, int string)
{
	if (!j->depth || j->depth > JSON_MASK_TRACKED || in_array(j) ||
	    j->path[j->depth - 1] == WORD_NONE)
		return NOTHING;
	for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if ((kept[i].keep != NUMBER) != string || !is_at(j, kept[i].path))
			continue;
		if (!strncmp(kept[i].path, "params.", 7) && !j->named)
			return NOTHING;
		return kept[i].keep;
	}
	return NOTHING;
}

/* ---- GraphQL: where in a document */

static const char *const keywords[] = {"fragment", "mutation", "query", "subscription"};
#define NKEYWORDS 4u

enum graph {
	OUTSIDE,    /* of all definitions */
	KEYWORD,    /* in what must be one */
	NAME_DUE,
	OPERATION_NAME,
	DEFINITION, /* behind its name */
	QUOTED,	    /* a string in it */
	NO_DOCUMENT,
};

static int is_name_char(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static uint8_t graph_name(struct json_mask *j, uint8_t c)
{
	switch (j->graph) {
	case OUTSIDE:
		j->read = (struct word_match){0};
		j->graph = KEYWORD;
		/* fall through */
	case KEYWORD:
		if (word_goes_on(&j->read, keywords, NKEYWORDS, c))
			return c;
		j->graph = NO_DOCUMENT;
		return 'x';
	case NAME_DUE: j->graph = OPERATION_NAME; return c;
	case OPERATION_NAME: return c;
	default: return 'x';
	}
}

static void graph_mark(struct json_mask *j, uint8_t c)
{
	if (c == '{' || c == '(') {
		j->graph = DEFINITION;
		if (j->nested < UINT8_MAX)
			j->nested++;
	} else if ((c == '}' || c == ')') && j->nested && !--j->nested && c == '}') {
		j->graph = OUTSIDE;
	} else if (j->graph >= NAME_DUE && c == '@') {
		j->graph = DEFINITION;
	}
}

static uint8_t graph_char(struct json_mask *j, uint8_t c)
{
	if (j->graph == NO_DOCUMENT)
		return 'x';
	if (j->graph == QUOTED) {
		j->graph = c == '"' ? DEFINITION : QUOTED;
		return c == '"' ? c : 'x';
	}
	if (is_name_char(c))
		return graph_name(j, c);
	if (c >= 0x80)
		return 'x';
	if (j->graph == KEYWORD)
		j->graph = word_is_whole(&j->read, keywords, NKEYWORDS) ? NAME_DUE : NO_DOCUMENT;
	else if (j->graph == OPERATION_NAME)
		j->graph = DEFINITION;
	if (c == '"')
		j->graph = j->graph == DEFINITION ? QUOTED : NO_DOCUMENT;
	else
		graph_mark(j, c);
	return c;
}

/* ---- strings */

/* Methods of MCP's whose parameters name what is asked for. */
static const char *const methods[] = {"prompts/get", "resources/read", "resources/subscribe",
				      "resources/unsubscribe", "tools/call"};
#define NMETHODS 5u

static uint8_t string_char(struct json_mask *j, uint8_t c)
{
	if (j->keep == NOTHING || j->nkept >= KEPT_MAX)
		return 'x';
	j->nkept++;
	if (j->keep == DOCUMENT)
		return graph_char(j, c);
	if (c <= ' ' || c > '~') { /* no identifier */
		j->keep = NOTHING;
		return 'x';
	}
	if (j->keep == METHOD)
		(void)word_goes_on(&j->read, methods, NMETHODS, c);
	return c;
}

static uint8_t key_char(struct json_mask *j, uint8_t c)
{
	return word_goes_on(&j->read, words, NWORDS, c) ? c : 'x';
}

static void string_ends(struct json_mask *j)
{
	if (j->state == IN_KEY) {
		if (!word_is_whole(&j->read, words, NWORDS))
			j->read.word = WORD_NONE;
		if (j->depth <= JSON_MASK_TRACKED)
			j->path[j->depth - 1] = j->read.word;
		j->state = COLON;
		return;
	}
	if (j->keep == METHOD)
		j->named = (uint8_t)word_is_whole(&j->read, methods, NMETHODS);
	j->state = j->depth ? BEHIND : VALUE;
}

/* Behind a backslash. Escapes stay, but for the digits of characters. */
static uint8_t escaped(struct json_mask *j, uint8_t c)
{
	if (j->escape > 1) {
		j->escape = j->escape == 2 ? 0 : (uint8_t)(j->escape - 1);
		return '0';
	}
	j->escape = c == 'u' ? 5 : 0;
	j->nkept++;
	if (j->state == IN_KEY)
		j->read.word = WORD_NONE;
	else if (j->keep == DOCUMENT)
		(void)graph_char(j, c == '"' ? '"' : c == 'n' || c == 'r' || c == 't' ? ' ' : '.');
	else if (c != '/')
		j->keep = NOTHING;
	else if (j->keep == METHOD)
		(void)word_goes_on(&j->read, methods, NMETHODS, c);
	return c < 0x80 && strchr("\"\\/bfnrtu", c) && c ? c : 'n';
}

static uint8_t in_string(struct json_mask *j, uint8_t c)
{
	if (j->escape)
		return escaped(j, c);
	if (c == '\\') {
		j->escape = 1;
		return c;
	}
	if (c == '"') {
		string_ends(j);
		return c;
	}
	return j->state == IN_KEY ? key_char(j, c) : string_char(j, c);
}

/* ---- the rest */

static uint8_t bad(struct json_mask *j)
{
	j->state = BAD;
	return 'x';
}

static uint8_t open_container(struct json_mask *j, uint8_t c)
{
	if (j->depth == JSON_MASK_DEPTH - 1)
		return bad(j);
	if (!j->depth)
		j->named = 0;
	j->depth++;
	j->arrays &= ~(1ull << j->depth);
	j->arrays |= (uint64_t)(c == '[') << j->depth;
	j->state = c == '[' ? VALUE : KEY;
	return c;
}

static uint8_t close_container(struct json_mask *j, uint8_t c)
{
	if (!j->depth || in_array(j) != (c == ']'))
		return bad(j);
	j->depth--;
	j->state = j->depth ? BEHIND : VALUE;
	return c;
}

static uint8_t scalar_char(const struct json_mask *j, uint8_t c)
{
	return j->keep == NOTHING && is_digit(c) ? '0' : c;
}

static int is_scalar(uint8_t c)
{
	return is_digit(c) || (c && strchr("-+.eE", c));
}

static const char *const literals[] = {"false", "null", "true"};

/* Numbers, and true, false, null, of which no more than these stays. */
static uint8_t in_scalar(struct json_mask *j, uint8_t c)
{
	if (j->read.n || j->read.word == WORD_NONE || !is_scalar(c))
		return word_goes_on(&j->read, literals, 3, c) ? c : 'x';
	return scalar_char(j, c);
}

static uint8_t value_begins(struct json_mask *j, uint8_t c)
{
	if (c == '{' || c == '[')
		return open_container(j, c);
	if (c == ']')
		return close_container(j, c);
	if (c != '"' && !is_scalar(c) && !(c >= 'a' && c <= 'z'))
		return bad(j);
	j->keep = (uint8_t)keep_of(j, c == '"');
	j->nkept = 0;
	j->graph = j->nested = 0;
	j->read = (struct word_match){0};
	j->state = c == '"' ? IN_STRING : IN_SCALAR;
	return c == '"' ? c : in_scalar(j, c);
}

static uint8_t behind_value(struct json_mask *j, uint8_t c)
{
	if (c == '}' || c == ']')
		return close_container(j, c);
	if (c != ',' || !j->depth)
		return bad(j);
	j->state = in_array(j) ? VALUE : KEY;
	return c;
}

static uint8_t key_begins(struct json_mask *j, uint8_t c)
{
	if (c == '}')
		return close_container(j, c);
	if (c != '"')
		return bad(j);
	j->read = (struct word_match){0};
	j->state = IN_KEY;
	return c;
}

uint8_t json_mask(struct json_mask *j, uint8_t c)
{
	if (j->state == IN_KEY || j->state == IN_STRING)
		return in_string(j, c);
	if (j->state == IN_SCALAR) {
		if (is_scalar(c) || (c >= 'a' && c <= 'z'))
			return in_scalar(j, c);
		j->state = j->depth ? BEHIND : VALUE;
	}
	if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
		return c;
	switch ((enum state)j->state) {
	case VALUE: return value_begins(j, c);
	case KEY: return key_begins(j, c);
	case COLON:
		if (c != ':')
			break;
		j->state = VALUE;
		return c;
	case BEHIND: return behind_value(j, c);
	default: break;
	}
	return bad(j);
}
