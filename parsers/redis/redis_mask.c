/*
 * redis_mask.c - what a recording may hold of RESP: commands and keys, and of all values the length
 *
 * A recording is to give the same spans when it is replayed, so there stay: names of commands and
 * subcommands, first keys, the numbers and words that say where a key is, how long to wait,
 * the database of SELECT; of replies, the words that are no values (OK, QUEUED, codes of errors,
 * what begins a message), and how many subscriptions there are. Everything else becomes 'x', digits
 * become 1, but 0 stays.
 */
#include "parsers/digits.h"
#include "parsers/redis/redis_impl.h"

#define MAX_WORD 32u

enum where {
	AT_TYPE,    /* the first byte of a value, an argument or an inline command */
	IN_LENGTH,  /* the number behind $ or * */
	IN_STRING,  /* of known length */
	IN_LINE,    /* a simple string, error or number */
	IN_COMMAND, /* an inline command */
	IN_NOTHING, /* not understood */
};

enum rule {
	KEEP,
	HIDE,
	KEEP_NAME,   /* what names of commands consist of */
	KEEP_NUMBER, /* digits and a point */
	KEEP_WORD,   /* as long as it may be one of the words below */
	KEEP_CODE,   /* up to the first blank, if it is in capitals */
	HIDE_NUMBER,
};

struct mask { /* flat, for protocol_mask */
	uint8_t where, rule, type, server;
	uint8_t negative, quote, escaped, in_word, blank;
	uint8_t nword;
	uint8_t doubt;	  /* lines whose first word is no command are hidden */
	uint8_t anywhere; /* no array has begun so far: a line may be part of a value */
	uint8_t key_next;  /* the argument that comes is a key: it stands behind STREAMS */
	uint8_t wait_next; /* same, how long to wait, behind BLOCK */
	uint8_t keyed, sub_keyed, first;
	uint8_t confirms; /* the array tells how many subscriptions there are */
	uint64_t length; /* of what is in a string, its end included */
	uint64_t nargs;	 /* of the command; 0: between commands */
	uint64_t arg;	 /* number of the argument that comes, or is there */
	uint64_t left;
	const struct redis_command *command; /* of the table, which does not move */
	char word[MAX_WORD];
};

static const char *const line_words[] = {"OK",	     "QUEUED",	   "PONG", "RESET",
					 "CONTINUE", "FULLRESYNC", NULL};
static const char *const reply_words[] = {
	"message",    "pmessage",    "smessage",     "subscribe",    "psubscribe",
	"ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe", NULL,
};
static const char *const request_words[] = {"STREAMS", "BLOCK", "REPLY",    "ON", "OFF",
					    "SKIP",    "ACK",	"TRACKING", NULL};

/* May the word that begins so be one of these? Of strings the length is known before. */
static int is_word(const struct mask *k)
{
	const char *const *word = !k->server	   ? request_words
				  : k->type == '+' ? line_words
						   : reply_words;

	for (; *word; word++)
		if (k->nword <= strlen(*word) && !strncasecmp(*word, k->word, k->nword) &&
		    (k->where != IN_STRING || k->length == strlen(*word)))
			return 1;
	return 0;
}

static int is_letter(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static uint8_t hidden_digit(uint8_t c)
{
	return c >= '1' && c <= '9' ? '1' : c;
}

/* The time and the database of a line of MONITOR: what shows that it is one. */
static int in_monitor(const struct mask *k, uint8_t c)
{
	return is_digit((uint8_t)k->word[0]) &&
	       (is_digit(c) || ((c == '.' || c == ' ' || c == '[') && k->nword >= 10));
}

/* The byte that is recorded in place of c, a byte of what the rule is for. */
static uint8_t masked(struct mask *k, uint8_t c)
{
	switch (k->rule) {
	case KEEP: return c;
	case KEEP_NAME:
		return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_' ? c : 'x';
	case KEEP_NUMBER: return is_digit(c) || c == '.' ? c : 'x';
	case KEEP_CODE:
		if ((c >= 'A' && c <= 'Z') || is_digit(c) || c == '_')
			return c;
		k->rule = HIDE;
		return c == ' ' ? c : 'x';
	case HIDE_NUMBER: return hidden_digit(c);
	case KEEP_WORD:
		if (k->nword < MAX_WORD)
			k->word[k->nword++] = (char)c;
		if (k->server && k->type == '+' && in_monitor(k, c)) {
			if (c == '[')
				k->rule = HIDE_NUMBER;
			return hidden_digit(c);
		}
		if (k->nword < MAX_WORD && is_word(k))
			return c;
		k->rule = HIDE;
		return 'x';
	default: return 'x';
	}
}

/* ---- arguments */

static int is_number_argument(const struct mask *k)
{
	const struct redis_command *c = k->command;

	if (c->form == REDIS_SELECTS)
		return 1;
	return (k->arg == 1 && c->keys == REDIS_KEY_COUNTED) ||
	       (k->arg == 2 && c->keys == REDIS_KEY_SCRIPT);
}

static int is_wait_argument(const struct mask *k)
{
	switch (k->command->wait) {
	case REDIS_WAIT_FIRST: return k->arg == 1;
	case REDIS_WAIT_LAST:
	case REDIS_WAIT_LAST_MS: return k->arg + 1 == k->nargs;
	case REDIS_WAIT_BLOCK: return k->wait_next;
	default: return 0;
	}
}

static int is_key_argument(const struct mask *k)
{
	const struct redis_command *c = k->command;

	if (c->flags & REDIS_HAS_SUB)
		return k->sub_keyed && k->arg == c->sub_keys;
	switch (c->keys) {
	case REDIS_KEY_STREAMS: return k->key_next;
	case REDIS_KEY_COUNTED: return k->keyed && k->arg == 2;
	case REDIS_KEY_SCRIPT: return k->keyed && k->arg == 3;
	default: return c->keys && k->arg == c->keys;
	}
}

static int has_words(const struct redis_command *c)
{
	return c->keys == REDIS_KEY_STREAMS || !strcmp(c->name, "CLIENT") ||
	       !strcmp(c->name, "REPLCONF");
}

/* What may stay of argument k->arg. */
static uint8_t argument_rule(const struct mask *k)
{
	const struct redis_command *c = k->command;

	if (!k->arg)
		return KEEP_NAME;
	if (!c)
		return HIDE;
	if (k->arg == 1 && (c->flags & REDIS_HAS_SUB))
		return KEEP_NAME;
	if (is_key_argument(k))
		return KEEP;
	if (is_number_argument(k) || is_wait_argument(k))
		return KEEP_NUMBER;
	return has_words(c) ? KEEP_WORD : HIDE;
}

static void begin_argument(struct mask *k)
{
	k->nword = 0;
	k->rule = argument_rule(k);
}

/* What of it the arguments behind it depend on, KEEP_WORD has its own memory. */
static void note_byte(struct mask *k, uint8_t c)
{
	if (k->rule != KEEP_WORD && k->arg <= 2 && k->nword < MAX_WORD)
		k->word[k->nword++] = (char)c;
	else if (k->rule != KEEP_WORD && k->nword < UINT8_MAX)
		k->nword++;
}

static void end_argument(struct mask *k)
{
	struct str s = {k->word, k->nword <= MAX_WORD ? k->nword : 0};

	k->key_next = k->rule == KEEP_WORD && redis_is(s, "STREAMS");
	k->wait_next = k->rule == KEEP_WORD && redis_is(s, "BLOCK");
	if (!k->arg) {
		k->command = redis_command_find(s);
		k->keyed = k->sub_keyed = 0;
	} else if (k->command && k->arg <= 2 && k->rule == KEEP_NUMBER) {
		k->keyed = redis_number(s) > 0;
	} else if (k->command && k->arg == 1 && (k->command->flags & REDIS_HAS_SUB)) {
		k->sub_keyed = redis_sub_has_key(k->command, s) != 0;
	}
	k->arg++;
	if (k->arg == k->nargs)
		k->nargs = k->arg = 0;
}

/* ---- framing */

static int begin_value(struct mask *k, uint8_t c)
{
	static const char lengths[] = "$*!=%~|>;", lines[] = "+-:,(#_.";

	k->type = c;
	k->length = 0;
	k->negative = 0;
	k->nword = 0;
	if (!k->server && (k->nargs ? c != '$' : c != '*'))
		return 0;
	if (memchr(lengths, c, sizeof(lengths) - 1)) {
		k->where = IN_LENGTH;
		return 1;
	}
	if (!memchr(lines, c, sizeof(lines) - 1))
		return 0;
	k->where = IN_LINE;
	k->rule = c == '+' ? KEEP_WORD : c == '-' ? KEEP_CODE : k->confirms ? KEEP : HIDE_NUMBER;
	return 1;
}

static uint8_t string_rule(struct mask *k)
{
	if (!k->server) {
		begin_argument(k);
		return k->rule;
	}
	if (k->type == '!')
		return KEEP_CODE;
	return k->first ? KEEP_WORD : HIDE;
}

static void end_length(struct mask *k)
{
	int string = k->type == '$' || k->type == '!' || k->type == '=' || k->type == ';';

	k->where = AT_TYPE;
	if (!string) {
		k->first = k->length > 1 && !k->negative;
		k->confirms = 0;
		if (!k->server && k->length && !k->negative) {
			k->nargs = k->length;
			k->arg = 0;
			k->command = NULL;
			k->key_next = k->wait_next = 0;
		}
		return;
	}
	if (!k->negative && !(k->type == ';' && !k->length)) {
		k->rule = string_rule(k);
		k->left = k->length + 2;
		k->where = IN_STRING;
	}
	k->first = 0;
}

/* Returns 0 if that cannot be. */
static int length_byte(struct mask *k, uint8_t c)
{
	if (is_digit(c)) {
		k->length = k->length * 10 + (uint64_t)(c - '0');
		return k->length <= REDIS_MAX_LENGTH;
	}
	if (c == '-' || c == '?')
		k->negative = 1;
	else if (c == '\n')
		end_length(k);
	else if (c != '\r')
		return 0;
	return 1;
}

static uint8_t line_byte(struct mask *k, uint8_t c)
{
	if (c == '\n') {
		k->where = AT_TYPE;
		k->first = k->confirms = 0;
	}
	return c == '\r' || c == '\n' ? c : masked(k, c);
}

/* subscribe, punsubscribe, …, or the channel behind it. */
static int is_confirmation(const struct mask *k)
{
	return k->confirms || (k->rule == KEEP_WORD && k->nword >= 9 &&
			       !memcmp(k->word + k->nword - 9, "subscribe", 9));
}

static void string_byte(struct mask *k, uint8_t *p)
{
	if (k->left > 2) {
		uint8_t c = *p;

		*p = masked(k, c);
		if (!k->server)
			note_byte(k, c);
	}
	if (--k->left)
		return;
	k->where = AT_TYPE;
	if (!k->server)
		end_argument(k);
	else if (is_confirmation(k))
		k->confirms = 1;
}

/* ---- inline commands */

static void begin_command(struct mask *k)
{
	k->where = IN_COMMAND;
	k->nargs = UINT64_MAX;
	k->arg = 0;
	k->command = NULL;
	k->quote = k->escaped = k->in_word = 0;
	k->key_next = k->wait_next = 0;
}

static int begins_command(const struct mask *k)
{
	return k->nword <= MAX_WORD && redis_command_begins((struct str){k->word, k->nword});
}

static uint8_t inline_byte(struct mask *k, uint8_t c)
{
	int blank = !k->quote && (c == ' ' || c == '\t' || c == '\r' || c == '\n');

	if (blank && k->in_word) {
		end_argument(k);
		k->in_word = 0;
	}
	if (c == '\n') {
		k->where = AT_TYPE;
		k->nargs = k->arg = 0;
	}
	if (blank || c == '\n')
		return c;
	if (!k->in_word) {
		k->in_word = 1;
		begin_argument(k);
	}
	if (k->escaped) {
		k->escaped = 0;
	} else if (k->quote && c == '\\') {
		k->escaped = 1;
	} else if (k->quote ? c == k->quote : c == '"' || c == '\'') {
		k->quote = k->quote ? 0 : c;
		return c;
	}
	note_byte(k, c);
	if (k->doubt && k->rule == KEEP_NAME && !k->arg && !begins_command(k))
		k->rule = HIDE;
	return k->rule == HIDE ? 'x' : masked(k, c);
}

/* ---- the interface */

static void mask_begin(void *state, enum sender from, unsigned flags)
{
	struct mask *k = state;

	memset(k, 0, sizeof(*k));
	k->anywhere = !(flags & MASK_START);
	k->doubt = !!(flags & MASK_DOUBT);
	k->server = from == FROM_SERVER;
}

/* Returns 0 if it is not RESP. */
static int mask_byte(struct mask *k, uint8_t *p)
{
	switch (k->where) {
	case AT_TYPE:
		if (begin_value(k, *p)) {
			k->anywhere = 0;
			return 1;
		}
		if (k->server || k->nargs)
			return k->server && *p == '\n';
		if (is_letter(*p) && !k->anywhere)
			begin_command(k);
		else
			return *p == '\r' || *p == '\n';
		*p = inline_byte(k, *p);
		return 1;
	case IN_LENGTH: return length_byte(k, *p);
	case IN_STRING: string_byte(k, p); return 1;
	case IN_LINE: *p = line_byte(k, *p); return 1;
	case IN_COMMAND: *p = inline_byte(k, *p); return 1;
	default: return 0;
	}
}

/* The bulk of a value goes by fast. */
static size_t hide_string(struct mask *k, uint8_t *p, size_t n)
{
	if (k->where != IN_STRING || k->rule != HIDE || k->left <= 3)
		return 0;
	if (n > k->left - 3)
		n = (size_t)k->left - 3;
	memset(p, 'x', n);
	k->left -= n;
	return n;
}

static size_t mask_feed(void *state, struct mask_shared *both, uint8_t *p, size_t n)
{
	struct mask *k = state;
	size_t at = 0;

	(void)both;
	while (at < n) {
		at += hide_string(k, p + at, n - at);
		if (at < n && !mask_byte(k, p + at)) {
			k->where = IN_NOTHING;
			break;
		}
		at += at < n;
	}
	return at;
}

static int mask_gap(void *state, struct mask_shared *both, uint64_t n)
{
	struct mask *k = state;

	(void)both;
	if (k->where != IN_STRING || n > k->left) {
		k->where = IN_NOTHING;
		return 0;
	}
	k->left -= n;
	k->nword = MAX_WORD + 1; /* it is no word that is known */
	k->rule = k->rule == KEEP ? KEEP : HIDE;
	if (!k->left) {
		k->where = AT_TYPE;
		if (!k->server)
			end_argument(k);
	}
	return 1;
}

const struct protocol_mask redis_mask = {
	.state_size = sizeof(struct mask),
	.begin = mask_begin,
	.feed = mask_feed,
	.gap = mask_gap,
};
