/*
 * gen_ai.c - interfaces of language models: OpenAI's and those compatible with it, Anthropic's
 *
 * The path says which interface it may be, and the model in the content that it is. Tokens and why
 * the answer ended are in the response, or in the last events of its stream. Of prompts and answers
 * nothing is kept.
 */
#include "parsers/names/rows.h"

#define LOOK 262144u

enum api { OPENAI = 1, ANTHROPIC };

static const struct {
	const char *path, *operation;
	enum api api;
} interfaces[] = {
	{"/chat/completions", "chat", OPENAI},	 {"/completions", "text_completion", OPENAI},
	{"/embeddings", "embeddings", OPENAI}, {"/responses", "chat", OPENAI},
	{"/messages", "chat", ANTHROPIC},
};

/* Whose interface it is: where the host does not tell, the one who has made it. */
static const struct {
	const char *host, *provider;
} providers[] = {
	{".openai.azure.com", "azure.ai.openai"}, {".mistral.ai", "mistral_ai"},
	{".groq.com", "groq"},	{".deepseek.com", "deepseek"}, {".perplexity.ai", "perplexity"},
	{".x.ai", "x_ai"},	{".cohere.com", "cohere"},
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
	return api == ANTHROPIC ? "anthropic" : "openai";
}

static enum names_may request(struct names *n, const struct names_head *h)
{
	if (!names_is_post(h) || h->form != NAMES_JSON)
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

static void response(struct names *n, const struct names_head *h)
{
	enum names_form form = (enum names_form)h->form;

	if (form == NAMES_JSON || form == NAMES_EVENTS)
		names_read(n, 1, form, LOOK, 1);
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

static void value(struct names *n, int which, const struct json_value *v)
{
	if (!which && json_at(v, "model") && names_string(v).n) {
		names_claim(n);
		names_text(n, ATTR(gen_ai_model), v->text);
	} else if (which && n->word[WORD_API] == ANTHROPIC) {
		of_anthropic(n, v);
	} else if (which) {
		of_openai(n, v);
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
