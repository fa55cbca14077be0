/*
 * redis_reply.c - what servers send; see redis.h
 *
 * Nesting needs no stack: it is enough to know how many values are still to come. Only aggregates
 * whose length is not told keep what is to come behind them.
 */
#include "parsers/attrs.h"
#include "parsers/redis/redis_impl.h"

#define MAX_VALUES (1ll << 31)
#define UNKNOWN_VALUES (1ull << 62)

enum state { IDLE, VALUE, STRING, CHUNK, LINE, DONE, NOTIFIES, ENDLESS, LOST };
enum what { ANSWER, CONFIRMATION, NOTICE, MONITORED };

static const char *const words[] = {
	[REDIS_WORD_NONE] = "",
	[REDIS_WORD_MESSAGE] = "message",
	[REDIS_WORD_SUBSCRIBE] = "subscribe",
	[REDIS_WORD_PSUBSCRIBE] = "psubscribe",
	[REDIS_WORD_SSUBSCRIBE] = "ssubscribe",
	[REDIS_WORD_UNSUBSCRIBE] = "unsubscribe",
	[REDIS_WORD_PUNSUBSCRIBE] = "punsubscribe",
	[REDIS_WORD_SUNSUBSCRIBE] = "sunsubscribe",
};

/* ---- what a value at top level is */

static enum redis_word word_of(const uint8_t *p, size_t n)
{
	for (unsigned i = REDIS_WORD_MESSAGE; i < REDIS_WORD_OTHER; i++)
		if (strlen(words[i]) == n && !memcmp(words[i], p, n))
			return i;
	if (n == 8 && (p[0] == 'p' || p[0] == 's') && !memcmp(p + 1, "message", 7))
		return REDIS_WORD_MESSAGE;
	return REDIS_WORD_OTHER;
}

int redis_first_word(const uint8_t *p, size_t n, enum redis_word *word)
{
	size_t head, used;
	int64_t values, len;
	int r = n ? redis_length(p, n, &values, &head) : 0;

	*word = REDIS_WORD_NONE;
	if (r <= 0 || values < 2)
		return r;
	if (head == n)
		return 0;
	if (p[head] != '$')
		return 1;
	r = redis_length(p + head, n - head, &len, &used);
	if (r <= 0 || len < 0 || len > 16)
		return r;
	head += used;
	if (n - head < (size_t)len)
		return 0;
	*word = word_of(p + head, (size_t)len);
	return 1;
}

static size_t digits(const uint8_t *p, size_t n, size_t i)
{
	while (i < n && p[i] >= '0' && p[i] <= '9')
		i++;
	return i;
}

int redis_is_monitor(const uint8_t *p, size_t n)
{
	size_t dot = digits(p, n, 1), blank;

	if (dot < 10 || dot == n || p[dot] != '.')
		return 0;
	blank = digits(p, n, dot + 1);
	return blank == dot + 7 && n - blank > 2 && p[blank] == ' ' && p[blank + 1] == '[' &&
	       digits(p, n, blank + 2) > blank + 2;
}

/* A simple string, error or number is there as far as it is looked at. */
static int line_there(const uint8_t *p, size_t n)
{
	return n >= REDIS_MAX_LINE || memchr(p, '\n', n) != NULL;
}

/* Is the head of this value there? 1, 0, or -1: it is no value. */
static int value_there(const uint8_t *p, size_t n)
{
	size_t used;
	int64_t v;
	int r;

	switch (p[0]) {
	case '+':
	case '-':
	case ':':
	case ',':
	case '#':
	case '(':
	case '_': return line_there(p, n);
	case '$':
	case '=':
	case '*':
	case '~':
	case '%':
	case '|':
	case '>': return redis_length(p, n, &v, &used);
	case '!': /* its first word is the code */
		r = redis_length(p, n, &v, &used);
		if (r <= 0 || v < 0)
			return r > 0 ? -1 : r;
		return n - used >= (size_t)v || n - used >= sizeof(((struct redis_reply *)0)->code);
	default: return -1;
	}
}

static int confirms_now(const struct redis_reply *r)
{
	return r->confirms ||
	       (r->known && (r->form == REDIS_SUBSCRIBES || r->form == REDIS_UNSUBSCRIBES));
}

static int subscribed(const struct redis_reply *r)
{
	return r->channels || r->patterns || r->shards || r->long_form == REDIS_SUBSCRIBES;
}

static enum what what_is(const struct redis_reply *r, const uint8_t *p, size_t n,
			 enum redis_word word)
{
	int confirmation = word >= REDIS_WORD_SUBSCRIBE && word <= REDIS_WORD_SUNSUBSCRIBE;

	if (p[0] == '+' && redis_is_monitor(p, n))
		return MONITORED;
	if (confirmation && (confirms_now(r) || subscribed(r) || p[0] == '>' || !r->known))
		return CONFIRMATION;
	if (p[0] == '>' || (word == REDIS_WORD_MESSAGE && (subscribed(r) || !r->known)))
		return NOTICE;
	return ANSWER;
}

/* ---- the beginning of an answer */

static uint32_t subscriptions(const struct redis_reply *r, enum redis_word word)
{
	switch (word) {
	case REDIS_WORD_UNSUBSCRIBE: return r->channels;
	case REDIS_WORD_PUNSUBSCRIBE: return r->patterns;
	case REDIS_WORD_SUNSUBSCRIBE: return r->shards;
	default: return 1;
	}
}

/* How many confirmations answer the request. */
static uint16_t expected(const struct redis_reply *r)
{
	uint32_t n = r->number ? r->number : subscriptions(r, r->word);

	return (uint16_t)(n ? n > UINT16_MAX ? UINT16_MAX : n : 1);
}

/* Will messages follow that nobody asks for one by one? */
static int begins_long(const struct redis_reply *r, const uint8_t *p, size_t n)
{
	int ok = n >= 3 && !memcmp(p, "+OK", 3);

	if (r->long_form || !r->known)
		return 0;
	switch (r->form) {
	case REDIS_SUBSCRIBES: return r->what == CONFIRMATION;
	case REDIS_MONITORS:
	case REDIS_TRACKS: return ok;
	case REDIS_REPLICATES: return p[0] != '-';
	default: return 0;
	}
}

static void put_database(struct redis_reply *r, struct message *m)
{
	size_t i = sizeof(r->digits);
	uint32_t v = (uint32_t)r->db;

	if (r->db < 0)
		return;
	do
		r->digits[--i] = (char)('0' + v % 10);
	while (v /= 10);
	message_text(m, ATTR(db_namespace), (struct str){r->digits + i, sizeof(r->digits) - i});
}

static int32_t selected(int32_t number)
{
	return number == REDIS_DB_UNKNOWN ? -1 : number;
}

/* SELECT counts when it was carried out: at once, or with EXEC. */
static void follow_database(struct redis_reply *r, const uint8_t *p, size_t n)
{
	int ok = n >= 3 && !memcmp(p, "+OK", 3), queued = n >= 7 && !memcmp(p, "+QUEUED", 7);

	if (!r->known)
		return;
	if (r->form == REDIS_SELECTS && ok) {
		r->db = selected(r->number);
	} else if (r->form == REDIS_SELECTS && queued) {
		r->next_db = r->number;
	} else if (r->form == REDIS_EXECUTES || r->form == REDIS_DISCARDS) {
		if (p[0] == '*' && r->form == REDIS_EXECUTES && p[1] != '-' && r->next_db >= 0)
			r->db = selected(r->next_db);
		r->next_db = -1;
	} else if (r->form == REDIS_RESETS && p[0] == '+') {
		r->db = 0;
		r->next_db = -1;
	}
}

/* What ends the long exchange behind this answer. */
static int ends_long(const struct redis_reply *r, const uint8_t *p)
{
	return r->long_form && r->known && p[0] == '+' &&
	       (r->form == REDIS_RESETS ||
		(r->form == REDIS_UNTRACKS && r->long_form == REDIS_TRACKS));
}

static enum parse_status begin_answer(struct redis_reply *r, const uint8_t *p, size_t n,
				      struct message *m)
{
	m->type = MESSAGE_HEAD;
	m->flags = MESSAGE_RESPONSE;
	r->failed = r->ncode = 0;
	r->over = (uint8_t)ends_long(r, p);
	follow_database(r, p, n);
	if (r->what == CONFIRMATION)
		r->confirms = expected(r);
	if (!begins_long(r, p, n)) {
		r->open = 1;
		return PARSE_EVENT;
	}
	r->long_form = r->form;
	r->known = 0;
	m->flags |= MESSAGE_LONG;
	put_database(r, m);
	if (r->form == REDIS_REPLICATES)
		r->state = ENDLESS;
	return PARSE_EVENT;
}

static enum parse_status begin(struct redis_reply *r, const uint8_t *p, size_t n, size_t *used,
			       struct message *m)
{
	enum redis_word word = REDIS_WORD_NONE;
	int there;

	if (!n)
		return PARSE_MORE;
	if (r->known && r->form == REDIS_REPLICATES && p[0] == '\n') {
		*used = 1; /* a sign of life before the answer */
		return PARSE_MORE;
	}
	there = value_there(p, n);
	if (there > 0 && (p[0] == '*' || p[0] == '>'))
		there = redis_first_word(p, n, &word);
	if (there <= 0) {
		r->state = there ? LOST : IDLE;
		return there ? PARSE_BAD : PARSE_MORE;
	}
	r->what = (uint8_t)what_is(r, p, n, word);
	r->word = (uint8_t)word;
	r->count = UINT32_MAX;
	r->last = 0;
	r->pending = 1;
	r->nstreamed = 0;
	r->state = VALUE;
	/* another message, or confirmation, within an answer that is open */
	if (r->open || r->what == NOTICE || r->what == MONITORED ||
	    (r->what == CONFIRMATION && (r->confirms || !confirms_now(r))))
		return PARSE_MORE;
	return begin_answer(r, p, n, m);
}

/* ---- the end of a value at top level */

static uint32_t *subscription_count(struct redis_reply *r)
{
	switch (r->word) {
	case REDIS_WORD_SUBSCRIBE:
	case REDIS_WORD_UNSUBSCRIBE: return &r->channels;
	case REDIS_WORD_PSUBSCRIBE:
	case REDIS_WORD_PUNSUBSCRIBE: return &r->patterns;
	default: return NULL;
	}
}

/* A confirmation says how many channels and patterns there are now, or how many shard channels. */
static void count_subscriptions(struct redis_reply *r)
{
	uint32_t *n = subscription_count(r);

	if (r->count == UINT32_MAX)
		return;
	if (!n) {
		r->shards = r->count;
	} else {
		if (r->count > r->together)
			++*n;
		else if (r->count < r->together && *n)
			--*n;
		r->together = r->count;
		if (!r->count)
			r->channels = r->patterns = 0;
	}
	if (r->long_form == REDIS_SUBSCRIBES && !r->together && !r->shards)
		r->over = 1;
}

static void end_value(struct redis_reply *r)
{
	r->state = IDLE;
	if (r->what == CONFIRMATION) {
		count_subscriptions(r);
		if (r->confirms)
			r->confirms--;
		if (!r->confirms && (r->open || r->over))
			r->state = DONE;
	} else if (r->what == NOTICE || r->what == MONITORED) {
		r->state = NOTIFIES;
	} else if (r->open || r->over) {
		r->state = DONE;
	}
}

static enum parse_status done(struct redis_reply *r, struct message *m)
{
	m->type = MESSAGE_END;
	r->state = r->over && r->open ? DONE : IDLE;
	if (!r->open) {
		m->flags = MESSAGE_LONG;
		r->over = r->long_form = 0;
		return PARSE_EVENT;
	}
	r->open = 0;
	r->known = 0;
	if (r->failed) {
		m->flags = MESSAGE_FAILED;
		message_text(m, ATTR(db_status), (struct str){r->code, r->ncode});
	}
	put_database(r, m);
	return PARSE_EVENT;
}

static enum parse_status notify(struct redis_reply *r, struct message *m)
{
	m->type = MESSAGE_NOTICE;
	m->flags = MESSAGE_COUNTED;
	m->size = r->last;
	r->state = IDLE;
	return PARSE_EVENT;
}

static void next_value(struct redis_reply *r)
{
	r->pending--;
	if (r->pending || r->nstreamed)
		r->state = VALUE;
	else
		end_value(r);
}

/* ---- values */

static void take_code(struct redis_reply *r, const uint8_t *p, size_t n)
{
	size_t i = 0;

	if (r->failed) /* the first error counts */
		return;
	r->failed = 1;
	while (i < n && i < sizeof(r->code) &&
	       ((p[i] >= 'A' && p[i] <= 'Z') || p[i] == '_' || (i && p[i] >= '0' && p[i] <= '9')))
		i++;
	r->ncode = i ? (uint8_t)i : 3;
	memcpy(r->code, i ? (const char *)p : "ERR", r->ncode);
}

static enum parse_status content(const struct redis_reply *r, const uint8_t *p, size_t n,
				 struct message *m)
{
	if (!n || !r->open || r->secret || r->what != ANSWER)
		return PARSE_MORE;
	m->type = MESSAGE_CONTENT;
	m->data = (struct str){(const char *)p, n};
	return PARSE_EVENT;
}

static int is_last(const struct redis_reply *r)
{
	return r->pending == 1 && !r->nstreamed;
}

/* A simple string, error, number, boolean or null. */
static enum parse_status line(struct redis_reply *r, const uint8_t *p, size_t n, size_t *used,
			      struct message *m)
{
	const uint8_t *lf = memchr(p, '\n', n < REDIS_MAX_LINE ? n : REDIS_MAX_LINE);
	size_t len = lf ? (size_t)(lf - p) : REDIS_MAX_LINE, text;

	if (lf && p[len - 1] != '\r')
		return PARSE_BAD;
	*used = lf ? len + 1 : len;
	text = (lf ? len - 1 : len) - 1;
	r->last = text;
	if (p[0] == '-')
		take_code(r, p + 1, text);
	if (p[0] == ':' && r->what == CONFIRMATION && is_last(r)) {
		int64_t v = redis_number((struct str){(const char *)p + 1, text});

		r->count = v < 0 || v >= UINT32_MAX ? UINT32_MAX : (uint32_t)v;
	}
	if (!lf)
		r->state = LINE;
	else
		next_value(r);
	if (p[0] == '_')
		return PARSE_MORE;
	return content(r, p + 1, lf && r->state == VALUE ? text + 2 : text, m);
}

static enum parse_status rest_of_line(struct redis_reply *r, const uint8_t *p, size_t n,
				      size_t *used)
{
	const uint8_t *lf = memchr(p, '\n', n);

	*used = lf ? (size_t)(lf - p) + 1 : n;
	r->last += *used;
	if (lf)
		next_value(r);
	return PARSE_MORE;
}

static int add_values(struct redis_reply *r, int64_t n)
{
	if (n > MAX_VALUES || r->pending > UNKNOWN_VALUES + (1ull << 61))
		return 0;
	r->pending += (uint64_t)n;
	return 1;
}

static enum parse_status aggregate(struct redis_reply *r, uint8_t type, int64_t n)
{
	if (n == REDIS_LENGTH_STREAMED && type != '|') {
		if (r->nstreamed == REDIS_MAX_STREAMED)
			return PARSE_BAD;
		r->streamed[r->nstreamed++] = r->pending;
		r->pending = UNKNOWN_VALUES;
		return PARSE_MORE;
	}
	if (n == REDIS_LENGTH_NULL && type != '|')
		n = 0;
	if (n < 0 || !add_values(r, type == '%' || type == '|' ? 2 * n : n))
		return PARSE_BAD;
	if (type != '|') /* an attribute stands before the value that it belongs to */
		next_value(r);
	return PARSE_MORE;
}

static enum parse_status string_begins(struct redis_reply *r, const uint8_t *p, size_t n,
				       size_t used, int64_t len)
{
	if (len == REDIS_LENGTH_STREAMED) {
		r->state = CHUNK;
		r->last = 0;
		return PARSE_MORE;
	}
	if (len == REDIS_LENGTH_NULL) {
		next_value(r);
		return PARSE_MORE;
	}
	if (p[0] == '!')
		take_code(r, p + used, n - used < (size_t)len ? n - used : (size_t)len);
	r->last = (uint64_t)len;
	r->left = (uint64_t)len + 2;
	r->tail = is_last(r) ? 2 : 0;
	r->state = STRING;
	return PARSE_MORE;
}

static enum parse_status end_streamed(struct redis_reply *r, const uint8_t *p, size_t n,
				      size_t *used)
{
	if (!r->nstreamed || (n > 1 && p[1] != '\r') || (n > 2 && p[2] != '\n'))
		return PARSE_BAD;
	if (n < 3)
		return PARSE_MORE;
	*used = 3;
	r->pending = r->streamed[--r->nstreamed];
	next_value(r);
	return PARSE_MORE;
}

static enum parse_status value(struct redis_reply *r, const uint8_t *p, size_t n, size_t *used,
			       struct message *m)
{
	size_t head;
	int64_t v;
	int there;

	if (!n)
		return PARSE_MORE;
	if (p[0] == '.')
		return end_streamed(r, p, n, used);
	there = value_there(p, n);
	if (there <= 0)
		return there ? PARSE_BAD : PARSE_MORE;
	switch (p[0]) {
	case '$':
	case '=':
	case '!':
		redis_length(p, n, &v, &head);
		*used = head;
		return string_begins(r, p, n, head, v);
	case '*':
	case '~':
	case '%':
	case '|':
	case '>':
		redis_length(p, n, &v, &head);
		*used = head;
		return aggregate(r, p[0], v);
	default: return line(r, p, n, used, m);
	}
}

static void end_string(struct redis_reply *r)
{
	if (r->left)
		return;
	if (r->tail == UINT8_MAX) /* of a chunk */
		r->state = CHUNK;
	else
		next_value(r);
}

static enum parse_status string(struct redis_reply *r, const uint8_t *p, size_t n, size_t *used,
				struct message *m)
{
	uint64_t take, own;

	redis_string(&r->left, r->tail == UINT8_MAX ? 2 : r->tail, n, &take, &own);
	end_string(r);
	*used = (size_t)take;
	return content(r, p, (size_t)own, m);
}

static enum parse_status chunk(struct redis_reply *r, const uint8_t *p, size_t n, size_t *used)
{
	int64_t len;
	int there;

	if (!n)
		return PARSE_MORE;
	there = p[0] == ';' ? redis_length(p, n, &len, used) : -1;
	if (there < 0 || (there && len < 0))
		return PARSE_BAD;
	if (!there)
		return PARSE_MORE;
	r->left = len ? (uint64_t)len + 2 : 0;
	r->last += (uint64_t)len;
	r->tail = UINT8_MAX;
	r->state = STRING;
	if (!len)
		next_value(r);
	return PARSE_MORE;
}

/* ---- the whole */

static enum parse_status step(struct redis_reply *r, const uint8_t *p, size_t n, size_t *used,
			      struct message *m)
{
	*used = 0;
	switch (r->state) {
	case IDLE: return begin(r, p, n, used, m);
	case VALUE: return value(r, p, n, used, m);
	case STRING: return string(r, p, n, used, m);
	case CHUNK: return chunk(r, p, n, used);
	case LINE: return rest_of_line(r, p, n, used);
	case DONE: return done(r, m);
	case NOTIFIES: return notify(r, m);
	case ENDLESS: *used = n; return PARSE_MORE;
	default: return PARSE_BAD;
	}
}

/* An answer that is open cannot be followed any more. */
static enum parse_status broken(struct redis_reply *r, struct message *m, unsigned flags)
{
	r->state = LOST;
	if (!r->open)
		return PARSE_BAD;
	r->open = 0;
	m->type = MESSAGE_ABORT;
	m->flags = flags;
	return PARSE_EVENT;
}

enum parse_status redis_reply_next(struct redis_reply *r, const uint8_t *p, size_t n, size_t *used,
				   struct message *m)
{
	enum parse_status st;
	uint8_t before;
	size_t part;

	*used = 0;
	do {
		before = r->state;
		st = step(r, p + *used, n - *used, &part, m);
		*used += part;
	} while (st == PARSE_MORE && (part || r->state != before));
	return st == PARSE_BAD ? broken(r, m, MESSAGE_BAD) : st;
}

enum parse_status redis_reply_gap(struct redis_reply *r, struct str kept, uint64_t n,
				  uint64_t *used, struct message *m)
{
	uint64_t take, own;

	(void)kept;
	*used = 0;
	if (r->state == DONE)
		return done(r, m);
	if (r->state == NOTIFIES)
		return notify(r, m);
	if (r->state == STRING) {
		redis_string(&r->left, r->tail == UINT8_MAX ? 2 : r->tail, n, &take, &own);
		end_string(r);
		*used = take;
		if (content(r, NULL, (size_t)own, m) != PARSE_EVENT)
			return PARSE_MORE;
		m->data = (struct str){NULL, 0};
		m->gap = own;
		return PARSE_EVENT;
	}
	if (r->state == ENDLESS) {
		*used = n;
		return PARSE_MORE;
	}
	if (r->open)
		return broken(r, m, 0);
	r->state = LOST;
	*used = n;
	return PARSE_SKIPPED;
}

enum parse_status redis_reply_eof(struct redis_reply *r, struct message *m)
{
	if (r->state == DONE)
		return done(r, m);
	if (r->state == NOTIFIES)
		return notify(r, m);
	if (r->open)
		return broken(r, m, 0);
	if (!r->long_form)
		return PARSE_END;
	r->long_form = r->over = 0;
	m->type = MESSAGE_END;
	m->flags = MESSAGE_LONG;
	return PARSE_EVENT;
}

uint64_t redis_reply_unneeded(const struct redis_reply *r)
{
	if (r->state == ENDLESS)
		return UINT64_MAX;
	return r->state == STRING ? r->left : 0;
}

int redis_reply_is_idle(const struct redis_reply *r)
{
	return r->state == IDLE && !r->open;
}
