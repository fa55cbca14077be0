/*
 * redis_request.c - what clients send; see redis.h
 */
#include "parsers/redis/redis_impl.h"

#define MAX_NAME 64
#define MAX_ARGS (1 << 30)

enum state { IDLE, ARGUMENT, STRING, DONE, LOST };
enum silent { SPEAKS, SKIPS_NEXT, OFF }; /* CLIENT REPLY */

int redis_length(const uint8_t *p, size_t n, int64_t *v, size_t *used)
{
	int minus = n > 1 && p[1] == '-', any = n > 1 && p[1] == '?';
	size_t i = 1u + (size_t)(minus | any);
	int64_t value = 0;

	for (; i < n && p[i] >= '0' && p[i] <= '9'; i++) {
		value = value * 10 + (p[i] - '0');
		if (value > REDIS_MAX_LENGTH || any)
			return -1;
	}
	if (i == n)
		return i > 20 ? -1 : 0;
	if (p[i] != '\r' || (i == 1u + (unsigned)minus && !any) || (minus && value != 1))
		return -1;
	if (i + 1 == n)
		return 0;
	if (p[i + 1] != '\n')
		return -1;
	*v = any ? REDIS_LENGTH_STREAMED : minus ? REDIS_LENGTH_NULL : value;
	*used = i + 2;
	return 1;
}

/* ---- heads */

static int is_name(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return 0;
	return n > 0 && n <= MAX_NAME;
}

/* Argument number h->n, at h->end. 1: it is whole; 2: it is too long for a head; 0, -1 as ever. */
static int head_argument(struct redis_head *h, const uint8_t *p, size_t n)
{
	size_t at = h->end, used;
	int64_t len;
	int r;

	h->truncated_left = 0;
	if (at == n)
		return 0;
	if (p[at] != '$')
		return -1;
	r = redis_length(p + at, n - at, &len, &used);
	if (r <= 0)
		return r;
	if (len < 0 || (!h->n && (!len || len > MAX_NAME)))
		return -1;
	if (len > REDIS_HEAD_ARG || at + used + (size_t)len + 2 > REDIS_MAX_HEAD)
		return 2;
	at += used;
	if (n - at < (size_t)len + 2) {
		h->truncated_left = (uint64_t)len + 2 - (n - at);
		return 0;
	}
	if (memcmp(p + at + len, "\r\n", 2) || (!h->n && !is_name(p + at, (size_t)len)))
		return -1;
	h->arg[h->n++] = (struct str){(const char *)p + at, (size_t)len};
	h->end = at + (size_t)len + 2;
	return 1;
}

static int array_head(struct redis_head *h, const uint8_t *p, size_t n)
{
	int64_t argc;
	int r = redis_length(p, n, &argc, &h->end);

	if (r <= 0)
		return r;
	if (argc < REDIS_LENGTH_NULL || argc > MAX_ARGS)
		return -1;
	h->argc = argc < 0 ? 0 : (uint64_t)argc;
	h->name_end = h->end;
	while (h->n < h->argc && h->n < REDIS_HEAD_ARGS) {
		r = head_argument(h, p, n);
		if (r <= 0)
			return r;
		if (r == 2)
			break;
		if (h->n == 1)
			h->name_end = h->end;
	}
	return 1;
}

/* The next word of the line from *at on: blanks part them, but not between quotes. */
static int inline_word(const uint8_t *p, size_t n, size_t *at, struct str *word)
{
	uint8_t quote = 0;
	size_t i = *at;

	while (i < n && (p[i] == ' ' || p[i] == '\t'))
		i++;
	if (i == n)
		return 0;
	word->p = (const char *)p + i;
	for (; i < n && (quote || (p[i] != ' ' && p[i] != '\t')); i++) {
		if (quote && p[i] == '\\')
			i++;
		else if (quote ? p[i] == quote : p[i] == '"' || p[i] == '\'')
			quote = quote ? 0 : p[i];
	}
	i = i < n ? i : n;
	word->n = (size_t)((const char *)p + i - word->p);
	*at = i;
	if (word->n >= 2 && (*word->p == '"' || *word->p == '\'') &&
	    word->p[word->n - 1] == *word->p) {
		word->p++;
		word->n -= 2;
	}
	return 1;
}

static int inline_head(struct redis_head *h, const uint8_t *p, size_t n)
{
	const uint8_t *lf = memchr(p, '\n', n);
	size_t line, at = 0;
	struct str word;

	if (!lf)
		return n >= REDIS_MAX_INLINE ? -1 : 0;
	line = (size_t)(lf - p);
	h->inline_tail = line && p[line - 1] == '\r' ? 2 : 1;
	h->end = line + 1;
	line = h->end - h->inline_tail;
	h->name_end = h->end;
	if (line >= REDIS_MAX_INLINE)
		return -1;
	for (; inline_word(p, line, &at, &word); h->argc++) {
		if (!h->argc) {
			h->name_end = at;
			h->is_inline = 1;
			if (!is_name((const uint8_t *)word.p, word.n))
				return -1;
		}
		if (h->n == h->argc && h->n < REDIS_HEAD_ARGS && word.n <= REDIS_HEAD_ARG)
			h->arg[h->n++] = word;
	}
	return 1;
}

int redis_head_parse(struct redis_head *h, const uint8_t *p, size_t n)
{
	*h = (struct redis_head){.n = 0};
	if (!n)
		return 0;
	if (p[0] > '~' || (p[0] < ' ' && !memchr("\t\r\n", p[0], 3)))
		return -1;
	return p[0] == '*' ? array_head(h, p, n) : inline_head(h, p, n);
}

/* ---- CLIENT REPLY and others to which there is no reply */

static int is_silent(struct redis_request *r, const struct redis_head *h)
{
	int skip = r->silent == SKIPS_NEXT, off = r->silent == OFF;

	if (skip)
		r->silent = SPEAKS;
	if (redis_is(h->arg[0], "REPLCONF") && h->n > 1 && redis_is(h->arg[1], "ACK"))
		return 1;
	if (h->argc != 3 || h->n != 3 || !redis_is(h->arg[0], "CLIENT") ||
	    !redis_is(h->arg[1], "REPLY"))
		return skip || off;
	if (redis_is(h->arg[2], "ON")) {
		r->silent = SPEAKS;
		return skip;
	}
	if (redis_is(h->arg[2], "OFF"))
		r->silent = OFF;
	else if (redis_is(h->arg[2], "SKIP"))
		r->silent = off ? OFF : SKIPS_NEXT;
	else
		return skip || off;
	return 1;
}

static void head_event(struct redis_request *r, const struct redis_head *h, struct message *m)
{
	const struct redis_command *c;

	m->type = MESSAGE_HEAD;
	c = redis_describe(r, h, m);
	r->secret = c && (c->flags & REDIS_SECRET);
	if (is_silent(r, h))
		m->flags |= MESSAGE_ONE_WAY;
}

static enum parse_status lost(struct redis_request *r)
{
	r->state = LOST;
	return PARSE_BAD;
}

/* A message that is open ends here. */
static enum parse_status broken(struct redis_request *r, struct message *m)
{
	r->state = LOST;
	m->type = MESSAGE_ABORT;
	m->flags = MESSAGE_BAD;
	return PARSE_EVENT;
}

static enum parse_status begin(struct redis_request *r, const uint8_t *p, size_t n, size_t *used,
			       struct message *m)
{
	struct redis_head h;
	int found = redis_head_parse(&h, p, n);

	*used = 0;
	if (found <= 0)
		return found ? lost(r) : PARSE_MORE;
	*used = h.name_end;
	if (!h.argc)
		return PARSE_MORE;
	head_event(r, &h, m);
	m->head_len = (uint32_t)h.name_end;
	r->args = h.is_inline ? 0 : h.argc - 1;
	r->state = r->args ? ARGUMENT : DONE;
	if (h.is_inline) {
		r->state = STRING;
		r->left = h.end - h.name_end;
		r->tail = (uint8_t)h.inline_tail;
	}
	return PARSE_EVENT;
}

/* ---- arguments */

static void end_argument(struct redis_request *r)
{
	if (!r->left)
		r->state = r->args ? ARGUMENT : DONE;
}

static enum parse_status argument(struct redis_request *r, const uint8_t *p, size_t n, size_t *used,
				  struct message *m)
{
	int64_t len;
	int found;

	*used = 0;
	if (!n)
		return PARSE_MORE;
	found = p[0] == '$' ? redis_length(p, n, &len, used) : -1;
	if (found < 0 || (found && len < 0))
		return broken(r, m);
	if (!found)
		return PARSE_MORE;
	r->args--;
	r->left = (uint64_t)len + 2;
	r->tail = r->args ? 0 : 2;
	r->state = STRING;
	return PARSE_MORE;
}

static enum parse_status string(struct redis_request *r, const uint8_t *p, size_t n, size_t *used,
				struct message *m)
{
	uint64_t take, content;

	redis_string(&r->left, r->tail, n, &take, &content);
	end_argument(r);
	*used = (size_t)take;
	if (!content || r->secret)
		return PARSE_MORE;
	m->type = MESSAGE_CONTENT;
	m->data = (struct str){(const char *)p, (size_t)content};
	return PARSE_EVENT;
}

static enum parse_status end(struct redis_request *r, struct message *m)
{
	r->state = IDLE;
	m->type = MESSAGE_END;
	return PARSE_EVENT;
}

static enum parse_status step(struct redis_request *r, const uint8_t *p, size_t n, size_t *used,
			      struct message *m)
{
	*used = 0;
	switch (r->state) {
	case IDLE: return begin(r, p, n, used, m);
	case ARGUMENT: return argument(r, p, n, used, m);
	case STRING: return string(r, p, n, used, m);
	case DONE: return end(r, m);
	default: return PARSE_BAD;
	}
}

enum parse_status redis_request_next(struct redis_request *r, const uint8_t *p, size_t n,
				     size_t *used, struct message *m)
{
	enum parse_status st;
	size_t part;

	*used = 0;
	do {
		st = step(r, p + *used, n - *used, &part, m);
		*used += part;
	} while (st == PARSE_MORE && (part || r->state == DONE));
	return st;
}

/* ---- what is missing */

/* Does it depend on the arguments whether there will be a reply? See is_silent(). */
static int may_silence(struct str name)
{
	return redis_is(name, "CLIENT") || redis_is(name, "REPLCONF");
}

/*
 * A head of which not all arguments are there, but the name. Where its last argument is one of
 * known length, the rest of that may be missing and all that follows is found.
 */
static enum parse_status torn_head(struct redis_request *r, struct str kept, struct message *m)
{
	struct redis_head h;

	if (redis_head_parse(&h, (const uint8_t *)kept.p, kept.n) || !h.n || may_silence(h.arg[0]))
		return lost(r);
	head_event(r, &h, m);
	m->flags |= MESSAGE_TORN;
	m->head_len = (uint32_t)kept.n;
	if (!h.truncated_left) {
		r->state = ARGUMENT;
		r->args = h.argc - h.n;
		return PARSE_EVENT;
	}
	r->args = h.argc - h.n - 1;
	r->left = h.truncated_left;
	r->tail = r->args ? 0 : 2;
	r->state = STRING;
	return PARSE_EVENT;
}

enum parse_status redis_request_gap(struct redis_request *r, struct str kept, uint64_t n,
				    uint64_t *used, struct message *m)
{
	uint64_t take, content;

	*used = 0;
	if (r->state == DONE)
		return end(r, m);
	if (r->state == IDLE && kept.n && torn_head(r, kept, m) == PARSE_EVENT)
		return PARSE_EVENT;
	if (r->state == STRING) {
		redis_string(&r->left, r->tail, n, &take, &content);
		end_argument(r);
		*used = take;
		if (!content || r->secret)
			return PARSE_MORE;
		m->type = MESSAGE_CONTENT;
		m->gap = content;
		return PARSE_EVENT;
	}
	if (r->state == ARGUMENT) {
		r->state = LOST;
		m->type = MESSAGE_ABORT;
		return PARSE_EVENT;
	}
	r->state = LOST;
	*used = n;
	return PARSE_SKIPPED;
}

enum parse_status redis_request_eof(struct redis_request *r, struct message *m)
{
	if (r->state == DONE)
		return end(r, m);
	if (r->state != ARGUMENT && r->state != STRING)
		return PARSE_END;
	r->state = LOST;
	m->type = MESSAGE_ABORT;
	return PARSE_EVENT;
}

uint64_t redis_request_unneeded(const struct redis_request *r)
{
	return r->state == STRING ? r->left : 0;
}
