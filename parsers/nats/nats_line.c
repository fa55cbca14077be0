/*
 * nats_line.c - lines of NATS's protocol, and probing
 */
#include "parsers/nats/nats_impl.h"

#include "parsers/str.h"

#define MAX_SUBJECT 1024u

static const struct {
	const char *name; /* in lower case */
	uint8_t op, from; /* from: 1: clients, 2: servers, 3: both */
	uint8_t min, max; /* words behind it */
} ops[] = {
	{"pub", NATS_PUB, 1, 2, 3},	    {"hpub", NATS_HPUB, 1, 3, 4},
	{"sub", NATS_SUB, 1, 2, 3},	    {"unsub", NATS_UNSUB, 1, 1, 2},
	{"connect", NATS_CONNECT, 1, 0, 0}, {"msg", NATS_MSG, 2, 3, 4},
	{"hmsg", NATS_HMSG, 2, 4, 5},	    {"info", NATS_INFO, 2, 0, 0},
	{"+ok", NATS_OK, 2, 0, 0},	    {"-err", NATS_ERR, 2, 0, 0},
	{"ping", NATS_PING, 3, 0, 0},	    {"pong", NATS_PONG, 3, 0, 0},
};

/* Behind these comes anything, up to the end of the line. */
static int is_free(enum nats_op op)
{
	return op == NATS_CONNECT || op == NATS_INFO || op == NATS_ERR;
}

static int is_op(const char *p, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		char c = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] | 0x20) : p[i];

		if (c != name[i])
			return 0;
	}
	return 1;
}

enum nats_op nats_op_of(const char *p, size_t n, enum sender from)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (ops[i].from >> from & 1 && n == strlen(ops[i].name) && is_op(p, n, ops[i].name))
			return (enum nats_op)ops[i].op;
	return NATS_NONE;
}

int nats_op_begins(const char *p, size_t n)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (n <= strlen(ops[i].name) && is_op(p, n, ops[i].name))
			return 1;
	return 0;
}

static int number(struct str s, uint64_t *v)
{
	*v = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || *v > NATS_MAX_PAYLOAD)
			return 0;
		*v = *v * 10 + (uint64_t)(s.p[i] - '0');
	}
	return s.n && *v <= NATS_MAX_PAYLOAD;
}

/* The words of a line; -1: there are control characters in it, or too many words. */
static int words_of(struct str s, struct str word[5])
{
	int n = 0;

	for (size_t at = 0; at < s.n;) {
		size_t from;

		while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t'))
			at++;
		for (from = at; at < s.n && s.p[at] != ' ' && s.p[at] != '\t'; at++)
			if ((uint8_t)s.p[at] < ' ' || s.p[at] == 0x7f)
				return -1;
		if (at == from)
			break;
		if (n == 5)
			return -1;
		word[n++] = (struct str){s.p + from, at - from};
	}
	return n;
}

/* What follows the operation is well-formed, and goes into *l. */
static int fill(struct nats_line *l, struct str *word, int n)
{
	int with_headers = l->op == NATS_HPUB || l->op == NATS_HMSG;
	int message = with_headers || l->op == NATS_PUB || l->op == NATS_MSG;
	int first =
		l->op == NATS_MSG || l->op == NATS_HMSG ? 2 : 1; /* behind the subject, the id */
	int sizes = message ? 1 + with_headers : 0;

	if (n && (message || l->op == NATS_SUB)) {
		l->subject = word[0];
		if (l->subject.n > MAX_SUBJECT)
			return 0;
	}
	if (!message)
		return 1;
	if (n == first + sizes + 1)
		l->reply = word[first];
	if (!number(word[n - 1], &l->size))
		return 0;
	if (!with_headers)
		return 1;
	/* clients send none where there are none; else they begin with a line of 12 bytes */
	return number(word[n - 2], &l->headers) && l->headers <= l->size &&
	       (!l->headers || l->headers >= 12);
}

int nats_line(const uint8_t *p, size_t n, enum sender from, struct nats_line *l)
{
	size_t max = NATS_MAX_LINE, name = 0;
	struct str word[5];
	const uint8_t *lf;
	int count;

	while (name < n && name < 8 && p[name] > ' ')
		name++;
	if (name == n)
		return nats_op_begins((const char *)p, n) ? 0 : -1;
	*l = (struct nats_line){.op = nats_op_of((const char *)p, name, from)};
	if (l->op == NATS_NONE)
		return -1;
	if (is_free(l->op))
		max = NATS_MAX_JSON;
	lf = memchr(p, '\n', n < max ? n : max);
	if (!lf)
		return n < max ? 0 : -1;
	l->len = (size_t)(lf - p) + 1;
	if (lf[-1] != '\r')
		return -1;
	l->rest = (struct str){(const char *)p + name, l->len - 2 - name};
	if (is_free(l->op))
		return 1;
	count = words_of(l->rest, word);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (ops[i].op == l->op && (count < ops[i].min || count > ops[i].max))
			return -1;
	return fill(l, word, count) ? 1 : -1;
}

/* ---- recognising */

/*
 * Nothing but whole operations, at least one of which carries a payload that ends where its size
 * says.
 */
static int is_messages(const uint8_t *p, size_t n, enum sender from)
{
	struct nats_line l;
	int messages = 0;

	while (n) {
		size_t end;

		if (nats_line(p, n, from, &l) != 1 || is_free(l.op))
			return 0;
		end = l.len;
		if (l.op == NATS_PUB || l.op == NATS_HPUB || l.op == NATS_MSG ||
		    l.op == NATS_HMSG) {
			if (l.size + 2 > n - end)
				return 0;
			end += (size_t)l.size + 2;
			if (memcmp(p + end - 2, "\r\n", 2))
				return 0;
			messages++;
		}
		p += end;
		n -= end;
	}
	return messages;
}

static int begins(const struct probe *in, const char *word)
{
	size_t n = strlen(word);

	return in->n >= n && !memcmp(in->p, word, n);
}

static enum probe_result found(const struct probe *in, unsigned dir, unsigned *client)
{
	*client = dir;
	return in->client != PROBE_NO_DIR && in->client != dir ? PROBE_NO : PROBE_YES;
}

enum probe_result nats_probe(const struct probe *in, unsigned *client)
{
	static const char info[] = "INFO {\"server_id\":\"", connect[] = "CONNECT {\"";
	unsigned dir = in->dir;

	if (!in->n || (!in->segment && !in->start))
		return PROBE_NO;
	if (begins(in, info))
		return found(in, !dir, client);
	if (begins(in, connect))
		return found(in, dir, client);
	if (!in->torn && !in->answer && in->start &&
	    ((in->n < sizeof(info) - 1 && !memcmp(in->p, info, in->n)) ||
	     (in->n < sizeof(connect) - 1 && !memcmp(in->p, connect, in->n))))
		return PROBE_MORE;
	if (in->torn || in->n < 8)
		return PROBE_NO;
	if ((in->p[0] == 'M' || in->p[0] == 'H') && is_messages(in->p, in->n, FROM_SERVER))
		return found(in, !dir, client);
	if ((in->p[0] == 'P' || in->p[0] == 'H' || in->p[0] == 'S') &&
	    is_messages(in->p, in->n, FROM_CLIENT))
		return found(in, dir, client);
	return PROBE_NO;
}
