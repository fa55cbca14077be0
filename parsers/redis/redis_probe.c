/*
 * redis_probe.c - is this RESP?
 *
 * At the beginning of a connection an array of bulk strings is enough: nothing else begins so. A
 * line may be many things, so it must be a command that is known, and be answered by RESP.
 *
 * Of a connection that was joined somewhere, or where bytes were lost, what looks like a command
 * may be part of a value that is being stored or read. So all that the client sent since must be
 * whole commands, known ones with as many arguments as they need at least, up to the point where
 * the server answers in RESP. The end of a value, which its own line end follows, does not pass.
 */
#include "parsers/redis/redis_impl.h"

#define MAX_ANSWER 32768u /* of an answer that comes in pieces this much is waited for */

/* ---- what servers send */

/* Does a reply begin so? 1, 0: more is needed, -1. */
static int is_reply(const uint8_t *p, size_t n)
{
	static const char types[] = "+-:$*_#,(!=%~|>";
	const uint8_t *lf;
	size_t used;
	int64_t v;

	if (!n)
		return 0;
	if (!memchr(types, p[0], sizeof(types) - 1))
		return -1;
	if (memchr("$*!=%~|>", p[0], 8))
		return redis_length(p, n, &v, &used);
	lf = memchr(p, '\n', n);
	for (size_t i = 1; i < n && i < 64 && p[i] != '\r' && p[i] != '\n'; i++)
		if (p[i] < ' ' || p[i] > '~' || (p[0] == ':' && p[i] > '9'))
			return -1;
	if (p[0] == '-' && n > 1 && (p[1] < 'A' || p[1] > 'Z'))
		return -1;
	if (!lf)
		return n > REDIS_MAX_LINE ? -1 : 0;
	return lf[-1] == '\r' ? 1 : -1;
}

/*
 * How many whole replies there are; *begun: and another one has begun; *unasked: how many messages
 * that are none. -1: it is no RESP.
 */
static int count_replies(const uint8_t *p, size_t n, int *begun, int *unasked)
{
	struct redis_reply r = {.db = -1, .next_db = -1};
	struct message m;
	int replies = 0;
	size_t used;

	*unasked = *begun = 0;
	for (;;) {
		message_init(&m);
		switch (redis_reply_next(&r, p, n, &used, &m)) {
		case PARSE_EVENT: break;
		case PARSE_MORE: *begun = n > used || !redis_reply_is_idle(&r); return replies;
		default: return -1;
		}
		p += used;
		n -= used;
		replies += m.type == MESSAGE_END;
		*unasked += m.type == MESSAGE_NOTICE;
		if (m.type == MESSAGE_ABORT)
			return -1;
	}
}

/* What nobody asked for: published messages, lines of MONITOR. Whole ones only, up to the end. */
static int is_unasked(const uint8_t *p, size_t n)
{
	int begun, unasked;

	if (n < 16 || !(p[0] == '+' ? redis_is_monitor(p, n) : p[0] == '*' || p[0] == '>'))
		return 0;
	return !count_replies(p, n, &begun, &unasked) && !begun && unasked;
}

/* ---- what clients send */

/* Is this a command that would be carried out? */
static int is_command(const struct redis_head *h)
{
	const struct redis_command *c = h->n ? redis_command_find(h->arg[0]) : NULL;

	return c && h->argc >= c->min_args;
}

/* The end of the command of which the head is known. 1: it is there, at *end; 0: not yet; -1: it is
 * none. */
static int command_end(const struct redis_head *h, const uint8_t *p, size_t n, size_t *end)
{
	size_t at = h->end, used;
	int64_t len;
	int r;

	for (uint64_t i = h->n; i < h->argc; i++) {
		if (at == n)
			return 0;
		r = p[at] == '$' ? redis_length(p + at, n - at, &len, &used) : -1;
		if (r <= 0 || len < 0)
			return r > 0 ? -1 : r;
		if ((uint64_t)len + 2 > n - at - used)
			return 0;
		at += used + (size_t)len;
		if (memcmp(p + at, "\r\n", 2))
			return -1;
		at += 2;
	}
	*end = at;
	return 1;
}

/* How many whole commands there are; *begun: and another one has begun. -1: there is something
 * else. */
static int count_commands(const uint8_t *p, size_t n, int *begun)
{
	struct redis_head h;
	int commands = 0, r;
	size_t end;

	for (*begun = 0; n; commands++, p += end, n -= end) {
		r = p[0] == '*' ? redis_head_parse(&h, p, n) : -1;
		if (r > 0 && !is_command(&h))
			return -1;
		if (r > 0)
			r = command_end(&h, p, n, &end);
		if (r < 0)
			return -1;
		if (!r) {
			*begun = 1;
			break;
		}
	}
	return commands;
}

/* May a line that is not complete be a command? They are text, and begin with a letter. */
static int may_be_line(const uint8_t *p, size_t n)
{
	if ((p[0] | 0x20) < 'a' || (p[0] | 0x20) > 'z')
		return 0;
	for (size_t i = 0; i < n; i++)
		if (p[i] < ' ' && p[i] != '\t' && p[i] != '\r')
			return 0;
	return 1;
}

/* The beginning of a connection. */
static enum probe_result probe_start(const struct probe *in)
{
	struct redis_head h;
	int r;

	if (!in->n)
		return PROBE_MORE;
	r = redis_head_parse(&h, in->p, in->n);
	if (r < 0)
		return PROBE_NO;
	if (in->p[0] == '*')
		return h.n ? PROBE_YES : r ? PROBE_NO : PROBE_MORE;
	/* a line: what the server says to it decides */
	if (r && !is_command(&h))
		return PROBE_NO;
	if (!r && (!may_be_line(in->p, in->n) ||
		   (in->answer && is_reply(in->answer, in->nanswer) < 0)))
		return PROBE_NO;
	if (!r || !in->answer)
		return in->n < REDIS_MAX_INLINE ? PROBE_MORE : PROBE_NO;
	r = is_reply(in->answer, in->nanswer);
	return r > 0 ? PROBE_YES : r ? PROBE_NO : PROBE_WAIT;
}

/*
 * Somewhere: whole commands, and as many replies to them. More replies are those to commands that
 * were not seen, and nobody could tell which is whose.
 */
static enum probe_result probe_joined(const struct probe *in)
{
	int begun, commands, replies, unasked;
	enum redis_word word;

	if (!in->n || !in->segment)
		return PROBE_NO;
	commands = count_commands(in->p, in->n, &begun);
	if (commands < 0 || (begun && in->answer))
		return PROBE_NO;
	if (!in->answer)
		return PROBE_MORE;
	if (is_reply(in->answer, in->nanswer) < 0)
		return PROBE_NO;
	if (redis_first_word(in->answer, in->nanswer, &word) > 0 && word >= REDIS_WORD_SUBSCRIBE &&
	    word <= REDIS_WORD_SUNSUBSCRIBE)
		return PROBE_YES;
	replies = count_replies(in->answer, in->nanswer, &begun, &unasked);
	if (replies < 0 || replies + begun > commands)
		return PROBE_NO;
	return replies + begun == commands || in->nanswer > MAX_ANSWER ? PROBE_YES : PROBE_WAIT;
}

enum probe_result redis_probe(const struct probe *in, unsigned *client)
{
	enum probe_result r;

	if (in->client == in->dir || in->client == PROBE_NO_DIR) {
		r = in->start && !in->joined ? probe_start(in) : probe_joined(in);
		if (r == PROBE_YES)
			*client = in->dir;
		if (r != PROBE_NO)
			return r;
	}
	if (in->client == in->dir || (in->start && !in->joined) || !in->segment)
		return PROBE_NO;
	if (!is_unasked(in->p, in->n))
		return PROBE_NO;
	*client = !in->dir;
	return PROBE_YES;
}
