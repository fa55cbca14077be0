/*
 * gen_ai.c - interfaces of language models: OpenAI's and those compatible with it, Anthropic's,
 * Gemini's, Ollama's, Bedrock's
 *
 * The path says which interface it may be, and the model in the content that it is; of Gemini and
 * Bedrock the path has the model, too. Ollama proves itself by its answer. Tokens and why the
 * answer ended are in the response, or in the last events of its stream. Of prompts and answers
 * nothing is kept.
 */
#include "parsers/content/grpc.h"
#include "parsers/digits.h"
#include "parsers/names/rows.h"

#define LOOK 262144u
#define MODEL_MAX 128u

enum api { OPENAI = 1, ANTHROPIC, GEMINI, OLLAMA, BEDROCK };

static const struct {
	const char *path, *operation;
	enum api api;
} interfaces[] = {
	{"/chat/completions", "chat", OPENAI},	 {"/completions", "text_completion", OPENAI},
	{"/embeddings", "embeddings", OPENAI}, {"/responses", "chat", OPENAI},
	{"/messages", "chat", ANTHROPIC},
	{"/api/chat", "chat", OLLAMA},		 {"/api/generate", "text_completion", OLLAMA},
	{"/api/embed", "embeddings", OLLAMA},
};

/* With the model before it: "/v1beta/models/MODEL:generateContent", "/model/MODEL/converse". */
static const struct {
	const char *before, *behind, *operation;
	enum api api;
} with_model[] = {
	{"/models/", ":generateContent", "generate_content", GEMINI},
	{"/models/", ":streamGenerateContent", "generate_content", GEMINI},
	{"/models/", ":embedContent", "embeddings", GEMINI},
	{"/models/", ":batchEmbedContents", "embeddings", GEMINI},
	{"/model/", "/converse", "chat", BEDROCK},
	{"/model/", "/converse-stream", "chat", BEDROCK},
	{"/model/", "/invoke", "invoke_model", BEDROCK},
	{"/model/", "/invoke-with-response-stream", "invoke_model", BEDROCK},
};

/* Whose interface it is: where the host does not tell, the one who has made it. */
static const struct {
	const char *host, *provider;
} providers[] = {
	{".openai.azure.com", "azure.ai.openai"}, {".mistral.ai", "mistral_ai"},
	{".groq.com", "groq"},	{".deepseek.com", "deepseek"}, {".perplexity.ai", "perplexity"},
	{".x.ai", "x_ai"},	{".cohere.com", "cohere"},
	{"aiplatform.googleapis.com", "gcp.vertex_ai"},
};

static const char *const makers[] = {
	[OPENAI] = "openai", [ANTHROPIC] = "anthropic",	 [GEMINI] = "gcp.gemini",
	[OLLAMA] = "ollama", [BEDROCK] = "aws.bedrock",
};

static struct str without_port(struct str host)
{
	const char *colon = host.p ? memchr(host.p, ':', host.n) : NULL;

	if (colon)
		host.n = (size_t)(colon - host.p);
	return host;
}

static const char *provider_of(enum api api, struct str host)
{
	host = without_port(host);
	for (unsigned i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
		if (names_ends(host, providers[i].host))
			return providers[i].provider;
	return makers[api];
}

/* Of a path, with what it has as %XX. */
static void tell_model(struct names *n, struct str s)
{
	char model[MODEL_MAX];
	size_t len = 0;

	for (size_t i = 0; i < s.n && len < sizeof(model); i++) {
		int high = s.p[i] == '%' && i + 2 < s.n ? hex_value(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex_value(s.p[i + 2]) : -1;

		model[len++] = (char)(low >= 0 ? high << 4 | low : s.p[i]);
		i += low >= 0 ? 2 : 0;
	}
	if (len < sizeof(model))
		names_text(n, ATTR(gen_ai_model), (struct str){model, len});
}

/* The head of a request alone shows that it is Gemini or Bedrock. */
static int by_path(struct names *n, const struct names_head *h)
{
	for (unsigned i = 0; i < sizeof(with_model) / sizeof(with_model[0]); i++) {
		const char *before = with_model[i].before;
		enum api api = with_model[i].api;
		size_t behind = strlen(with_model[i].behind);
		const char *at = memmem(h->path.p, h->path.n, before, strlen(before));
		struct str model = names_rest(h->path, at ? (size_t)(at - h->path.p) : 0);

		if (!at || !names_ends(h->path, with_model[i].behind) ||
		    model.n <= strlen(before) + behind)
			continue;
		model = names_rest(model, strlen(before));
		model.n -= behind;
		if (memchr(model.p, '/', model.n) ||
		    (api == BEDROCK && !h->field[NAMES_AMZ_DATE].n &&
		     !names_begins(h->host, "bedrock-runtime.")))
			continue;
		n->word[WORD_API] = (uint8_t)api;
		names_claim(n);
		names_word(n, ATTR(gen_ai_operation), with_model[i].operation);
		names_word(n, ATTR(gen_ai_provider), provider_of(api, h->host));
		tell_model(n, model);
		return 1;
	}
	return 0;
}

static enum names_may request(struct names *n, const struct names_head *h)
{
	if (!names_is_post(h))
		return NAMES_NO;
	if (h->path.n && by_path(n, h))
		return NAMES_ONLY;
	if (h->form != NAMES_JSON)
		return NAMES_NO;
	for (unsigned i = 0; i < sizeof(interfaces) / sizeof(interfaces[0]); i++) {
		enum api api = interfaces[i].api;

		if (!names_ends(h->path, interfaces[i].path) ||
		    (api == ANTHROPIC) != (h->field[NAMES_ANTHROPIC_VERSION].n != 0))
			continue;
		n->word[WORD_API] = (uint8_t)api;
		names_word(n, ATTR(gen_ai_operation), interfaces[i].operation);
		names_word(n, ATTR(gen_ai_provider), provider_of(api, h->host));
		names_read(n, 0, NAMES_JSON, LOOK, 1);
		if (api == ANTHROPIC) /* nobody else has that field */
			names_claim(n);
		return NAMES_ONLY;
	}
	return NAMES_NO;
}

static void header_number(struct names *n, const struct attr_def *def, struct str s)
{
	const struct json_value v = {.type = JSON_NUMBER, .text = s};

	if (s.n && json_number(&v) != UINT64_MAX)
		names_number(n, def, json_number(&v));
}

static void response(struct names *n, const struct names_head *h)
{
	enum names_form form = (enum names_form)h->form;

	if (form != NAMES_NOTHING && form != NAMES_FORM)
		names_read(n, 1, form, LOOK, 1);
	if (n->word[WORD_API] != BEDROCK)
		return;
	names_text(n, ATTR(aws_request_id), h->field[NAMES_AMZN_REQUEST_ID]);
	header_number(n, ATTR(gen_ai_input_tokens), h->field[NAMES_BEDROCK_INPUT]);
	header_number(n, ATTR(gen_ai_output_tokens), h->field[NAMES_BEDROCK_OUTPUT]);
}

/* What was read from caches, or written to them, is of the prompt, too; it is counted apart. */
static int is_prompt(struct names *n, const struct json_value *v)
{
	static const char *const kind[] = {"input_tokens", "cache_creation_input_tokens",
					   "cache_read_input_tokens"};
	struct json_value one = *v;

	if (names_begins(v->path, "message."))
		one.path = names_rest(v->path, 8);
	if (!names_begins(one.path, "usage."))
		return 0;
	one.path = names_rest(one.path, 6);
	for (unsigned i = 0; i < 3; i++)
		if (json_at(&one, kind[i]) && json_number(v) != UINT64_MAX) {
			n->tokens[i] = json_number(v);
			return 1;
		}
	return 0;
}

/* The number of output tokens that comes first, with the message's start, is none. */
static void of_anthropic(struct names *n, const struct json_value *v)
{
	uint64_t sum = n->tokens[0] + n->tokens[1] + n->tokens[2];

	if (is_prompt(n, v))
		return;
	if (v->type == JSON_END && sum)
		names_number(n, ATTR(gen_ai_input_tokens), sum);
	if (json_at(v, "model") || json_at(v, "message.model"))
		names_text(n, ATTR(gen_ai_response_model), names_string(v));
	else if (json_at(v, "stop_reason") || json_at(v, "delta.stop_reason"))
		names_text(n, ATTR(gen_ai_finish), names_string(v));
	else if (json_at(v, "usage.output_tokens"))
		names_number(n, ATTR(gen_ai_output_tokens), json_number(v));
}

/* The newer interface's events have the response in a member. */
static void of_openai(struct names *n, const struct json_value *v)
{
	struct json_value one = *v;

	if (names_begins(v->path, "response."))
		one.path = names_rest(v->path, 9);
	if (json_at(&one, "object") && (names_begins(v->text, "chat.completion") ||
					names_begins(v->text, "text_completion") ||
					names_equal(v->text, "response")))
		names_claim(n); /* the request's model may lie behind a long prompt */
	else if (json_at(&one, "model"))
		names_text(n, ATTR(gen_ai_response_model), names_string(v));
	else if (json_at(&one, "choices[].finish_reason") ||
		 (json_at(&one, "status") && !names_equal(v->text, "in_progress") &&
		  !names_equal(v->text, "queued")))
		names_text(n, ATTR(gen_ai_finish), names_string(v));
	else if (json_at(&one, "usage.prompt_tokens") || json_at(&one, "usage.input_tokens"))
		names_number(n, ATTR(gen_ai_input_tokens), json_number(v));
	else if (json_at(&one, "usage.completion_tokens") || json_at(&one, "usage.output_tokens"))
		names_number(n, ATTR(gen_ai_output_tokens), json_number(v));
}

/* A stream without events is an array; what was thought counts as said, and is told apart. */
static void of_gemini(struct names *n, const struct json_value *v)
{
	struct json_value one = *v;

	if (names_begins(v->path, "[]."))
		one.path = names_rest(v->path, 3);
	if (json_at(&one, "modelVersion"))
		names_text(n, ATTR(gen_ai_response_model), names_string(v));
	else if (json_at(&one, "candidates[].finishReason"))
		names_text(n, ATTR(gen_ai_finish), names_string(v));
	else if (json_at(&one, "usageMetadata.promptTokenCount"))
		names_number(n, ATTR(gen_ai_input_tokens), json_number(v));
	else if (json_at(&one, "usageMetadata.candidatesTokenCount"))
		n->tokens[0] = json_number(v);
	else if (json_at(&one, "usageMetadata.thoughtsTokenCount"))
		n->tokens[1] = json_number(v);
	else
		return;
	if (n->tokens[0] != UINT64_MAX && n->tokens[1] != UINT64_MAX && n->tokens[0])
		names_number(n, ATTR(gen_ai_output_tokens), n->tokens[0] + n->tokens[1]);
}

/* How long it took in all, which it says when it is over, says nobody else so. */
static void of_ollama(struct names *n, const struct json_value *v)
{
	if (json_at(v, "total_duration") && json_number(v) != UINT64_MAX)
		names_claim(n);
	else if (json_at(v, "model"))
		names_text(n, ATTR(gen_ai_response_model), names_string(v));
	else if (json_at(v, "done_reason"))
		names_text(n, ATTR(gen_ai_finish), names_string(v));
	else if (json_at(v, "prompt_eval_count"))
		names_number(n, ATTR(gen_ai_input_tokens), json_number(v));
	else if (json_at(v, "eval_count"))
		names_number(n, ATTR(gen_ai_output_tokens), json_number(v));
}

/* Of the last part of a stream that a model gives as its own, Bedrock's sums of tokens. */
static int of_part(void *ctx, const struct json_value *v)
{
	struct names *n = ctx;

	if (json_at(v, "delta.stop_reason") || json_at(v, "stop_reason"))
		names_text(n, ATTR(gen_ai_finish), names_string(v));
	else if (json_at(v, "amazon-bedrock-invocationMetrics.inputTokenCount"))
		names_number(n, ATTR(gen_ai_input_tokens), json_number(v));
	else if (json_at(v, "amazon-bedrock-invocationMetrics.outputTokenCount"))
		names_number(n, ATTR(gen_ai_output_tokens), json_number(v));
	return 1;
}

/* A part is JSON in base64; those that tell something are short. */
static void bedrock_part(struct names *n, struct str s)
{
	uint8_t part[JSON_TEXT_MAX];
	struct json_scan scan;
	struct grpc_text text = {0};
	int64_t len = s.n / 4 * 3 + 3 <= sizeof(part) ?
			      grpc_text(&text, (const uint8_t *)s.p, s.n, part) :
			      -1;

	if (len <= 0)
		return;
	json_scan_reset(&scan);
	(void)json_scan(&scan, part, (size_t)len, of_part, n);
}

/* Of the one interface for all models; and what a model answers of its own. */
static void of_bedrock(struct names *n, const struct json_value *v)
{
	if (json_at(v, "bytes"))
		bedrock_part(n, names_string(v));
	else if (json_at(v, "stopReason") || json_at(v, "stop_reason"))
		names_text(n, ATTR(gen_ai_finish), names_string(v));
	else if (json_at(v, "usage.inputTokens"))
		names_number(n, ATTR(gen_ai_input_tokens), json_number(v));
	else if (json_at(v, "usage.outputTokens"))
		names_number(n, ATTR(gen_ai_output_tokens), json_number(v));
}

static void value(struct names *n, int which, const struct json_value *v)
{
	static void (*const of[])(struct names *, const struct json_value *) = {
		[OPENAI] = of_openai, [ANTHROPIC] = of_anthropic, [GEMINI] = of_gemini,
		[OLLAMA] = of_ollama, [BEDROCK] = of_bedrock,
	};
	enum api api = (enum api)n->word[WORD_API];

	if (!which && json_at(v, "model") && names_string(v).n) {
		if (api != OLLAMA)
			names_claim(n);
		names_text(n, ATTR(gen_ai_model), v->text);
	} else if (which) {
		of[api](n, v);
	}
}

/* Some servers tell with each event what it was so far: later numbers may be missing. */
static void gap(struct names *n, int which)
{
	if (which)
		names_drop(n, ATTR(gen_ai_output_tokens));
}

const struct naming naming_gen_ai = {
	.name = "gen_ai",
	.request = request,
	.response = response,
	.value = value,
	.gap = gap,
};
