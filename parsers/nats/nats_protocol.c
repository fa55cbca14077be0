/*
 * nats_protocol.c - operations to messages, and the row of the table; see nats.h
 */
#include "parsers/attrs.h"
#include "parsers/nats/nats_impl.h"
#include "parsers/tls/tls_protocol.h"

#define KEY_REPLY (1ull << 63)

enum state { IDLE, PAYLOAD, DONE, LOST };

static uint64_t key_of(struct str subject)
{
	uint64_t h = 14695981039346656037ull;

	for (size_t i = 0; i < subject.n; i++)
		h = (h ^ (uint8_t)subject.p[i]) * 1099511628211ull;
	return h | KEY_REPLY;
}

static int begins(struct str s, const char *word)
{
	return s.n >= strlen(word) && !memcmp(s.p, word, strlen(word));
}

/* Where the answer to one request is awaited. */
static int is_inbox(struct str subject)
{
	return begins(subject, "_INBOX.");
}

static struct str literal(const char *s)
{
	return (struct str){s, strlen(s)};
}

/* Subjects of which each is used once. */
static struct str group_of(struct str subject)
{
	if (is_inbox(subject))
		return literal("_INBOX.>");
	if (begins(subject, "$JS.ACK."))
		return literal("$JS.ACK.>");
	return (struct str){NULL, 0};
}

/* The status that a server puts before the headers: NATS/1.0 503. 0: there is none. */
static int status_of(const uint8_t *p, uint64_t n)
{
	int v = 0;

	if (n < 12 || memcmp(p, "NATS/1.0 ", 9))
		return 0;
	for (int i = 9; i < 12; i++) {
		if (p[i] < '0' || p[i] > '9')
			return 0;
		v = v * 10 + p[i] - '0';
	}
	return v;
}

/* Nobody answers, too late: errors; that there is no message is none. */
static void tell_status(const uint8_t *p, const struct nats_line *l, struct message *m)
{
	int status = status_of(p, l->headers);

	if (status < 400 || status == 404 || status == 408)
		return;
	m->flags |= MESSAGE_FAILED;
	message_text(m, ATTR(messaging_status), (struct str){(const char *)p + 9, 3});
}

static void tell_headers(const uint8_t *p, const struct nats_line *l, struct message *m)
{
	const uint8_t *lf = memchr(p, '\n', (size_t)l->headers);
	size_t first = lf ? (size_t)(lf - p) + 1 : (size_t)l->headers;

	m->flags |= MESSAGE_FIELDS;
	m->fields = (struct str){(const char *)p + first, (size_t)l->headers - first};
}

/* p: behind the line, where the headers are. */
static void tell_message(const uint8_t *p, const struct nats_line *l, enum sender from,
			 int with_headers, struct message *m)
{
	m->target = l->subject;
	m->group = group_of(l->subject);
	if (from == FROM_SERVER) {
		m->operation = literal("process");
		m->flags = MESSAGE_ONE_WAY;
		if (is_inbox(l->subject))
			m->flags |= MESSAGE_RESPONSE | MESSAGE_IF_ASKED;
		m->key = key_of(l->subject);
		if (with_headers)
			tell_status(p, l, m);
	} else {
		m->operation = literal("publish");
		m->flags = is_inbox(l->reply) ? MESSAGE_SILENT : MESSAGE_ONE_WAY;
		m->key = key_of(l->reply);
	}
	if (with_headers)
		tell_headers(p, l, m);
}

/* The words of -ERR 'Authorization Violation', without names that it may hold. */
static void tell_error(const struct nats_line *l, struct message *m)
{
	struct str s = l->rest;
	const char *quote;

	while (s.n && (*s.p == ' ' || *s.p == '\''))
		s.p++, s.n--;
	quote = s.n ? memchr(s.p, '"', s.n) : NULL;
	if (quote)
		s.n = (size_t)(quote - s.p);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\''))
		s.n--;
	m->operation = literal("-ERR");
	m->flags = MESSAGE_ONE_WAY | MESSAGE_FAILED;
	message_text(m, ATTR(messaging_status), s);
}

static int begin_payload(struct nats_side *s, const uint8_t *p, size_t n, const struct nats_line *l,
			 enum sender from, size_t *used, struct message *m)
{
	int known = l->headers && l->headers <= NATS_MAX_HEADERS;

	if (known && l->len + l->headers > n)
		return 0;
	tell_message(p + l->len, l, from, known, m);
	*used = l->len + (known ? (size_t)l->headers : 0);
	s->left = l->size + 2 - (known ? l->headers : 0);
	s->skip = known ? 0 : l->headers;
	s->state = PAYLOAD;
	return 1;
}

static enum parse_status operation(struct nats *d, enum sender from, const struct nats_line *l,
				   struct message *m)
{
	struct nats_side *s = &d->side[from];
	int answered = from == FROM_SERVER && l->op == NATS_PONG;

	if (l->op == NATS_SUB || l->op == NATS_UNSUB || l->op == NATS_CONNECT) {
		m->operation = literal(l->op == NATS_SUB     ? "SUB"
				       : l->op == NATS_UNSUB ? "UNSUB"
							     : "CONNECT");
		m->target = l->subject;
		m->flags = MESSAGE_ONE_WAY;
	} else if (l->op == NATS_ERR) {
		tell_error(l, m);
	} else if (from == FROM_CLIENT && l->op == NATS_PING) {
		m->operation = literal("PING");
		m->key = ++s->pings;
	} else if (answered && s->pings < d->side[FROM_CLIENT].pings) {
		m->flags = MESSAGE_RESPONSE | MESSAGE_IF_ASKED;
		m->key = ++s->pings;
	} else {
		return PARSE_MORE; /* nothing that would be shown */
	}
	s->state = DONE;
	return PARSE_EVENT;
}

static enum parse_status begin(struct nats *d, enum sender from, const uint8_t *p, size_t n,
			       size_t *used, struct message *m)
{
	struct nats_side *s = &d->side[from];
	struct nats_line l;
	int r;

	if (n && from == FROM_CLIENT && !s->begun && p[0] == 0x16) { /* the server asked for TLS */
		m->type = MESSAGE_SWITCH;
		m->name = &tls_protocol.name;
		return PARSE_EVENT;
	}
	r = n ? nats_line(p, n, from, &l) : 0;
	if (r < 0)
		s->state = LOST;
	if (r <= 0)
		return r ? PARSE_BAD : PARSE_MORE;
	m->type = MESSAGE_HEAD;
	if (l.op == NATS_PUB || l.op == NATS_HPUB || l.op == NATS_MSG || l.op == NATS_HMSG) {
		if (!begin_payload(s, p, n, &l, from, used, m))
			return PARSE_MORE;
	} else {
		*used = l.len;
		s->begun = 1;
		if (operation(d, from, &l, m) == PARSE_MORE)
			return PARSE_MORE;
	}
	s->begun = 1;
	m->head_len = (uint32_t)*used;
	return PARSE_EVENT;
}

static enum parse_status payload(struct nats_side *s, const uint8_t *p, uint64_t n, uint64_t *used,
				 struct message *m)
{
	uint64_t content = 0;

	*used = n < s->left ? n : s->left;
	if (s->skip) {
		*used = *used < s->skip ? *used : s->skip;
		s->skip -= *used;
	} else if (s->left > 2) {
		content = *used < s->left - 2 ? *used : s->left - 2;
	}
	s->left -= *used;
	if (!s->left)
		s->state = DONE;
	if (!content)
		return PARSE_MORE;
	m->type = MESSAGE_CONTENT;
	if (p)
		m->data = (struct str){(const char *)p, (size_t)content};
	else
		m->gap = content;
	return PARSE_EVENT;
}

static enum parse_status end(struct nats_side *s, struct message *m)
{
	s->state = IDLE;
	m->type = MESSAGE_END;
	return PARSE_EVENT;
}

static enum parse_status nats_next(void *state, enum sender from, const uint8_t *p, size_t n,
				   size_t *used, struct message *m)
{
	struct nats *d = state;
	struct nats_side *s = &d->side[from];
	enum parse_status st;
	uint64_t taken;
	size_t part;

	*used = 0;
	do {
		part = 0;
		switch (s->state) {
		case IDLE: st = begin(d, from, p + *used, n - *used, &part, m); break;
		case PAYLOAD:
			st = payload(s, p + *used, n - *used, &taken, m);
			part = (size_t)taken;
			break;
		case DONE: st = end(s, m); break;
		default: return PARSE_BAD;
		}
		*used += part;
	} while (st == PARSE_MORE && (part || s->state == DONE));
	return st;
}

static enum parse_status nats_gap(void *state, enum sender from, struct str kept, uint64_t n,
				  uint64_t *used, struct message *m)
{
	struct nats_side *s = &((struct nats *)state)->side[from];

	(void)kept;
	*used = 0;
	if (s->state == DONE)
		return end(s, m);
	if (s->state == PAYLOAD)
		return payload(s, NULL, n, used, m);
	s->state = LOST;
	*used = n;
	return PARSE_SKIPPED;
}

static enum parse_status nats_eof(void *state, enum sender from, struct message *m)
{
	struct nats_side *s = &((struct nats *)state)->side[from];

	if (s->state == DONE)
		return end(s, m);
	if (s->state != PAYLOAD)
		return PARSE_END;
	s->state = LOST;
	m->type = MESSAGE_ABORT;
	return PARSE_EVENT;
}

static uint64_t nats_unneeded(const void *state, enum sender from)
{
	const struct nats_side *s = &((const struct nats *)state)->side[from];

	return s->state == PAYLOAD ? s->left : 0;
}

static void nats_begin(void *state, unsigned joined)
{
	(void)state;
	(void)joined;
}

static const uint16_t ports[] = {4222, 0};
static const char *const programs[] = {"nats-server", NULL};
static const struct attr_def *const attrs[] = {
	ATTR(messaging_operation),
	ATTR(messaging_destination),
	ATTR(messaging_status),
	NULL,
};

const struct protocol nats_protocol = {
	.name =
		{
			.name = "nats",
			.label = {"NATSServer", "NATSClient"},
			.operation = ATTR(messaging_operation),
			.target = ATTR(messaging_destination),
			.status = ATTR(messaging_status),
			.flags = NAME_KEYS,
		},
	.transports = TRANSPORT_STREAM,
	.ports = ports,
	.programs = programs,
	.pairing = PAIRING_BY_KEY,
	.state_size = sizeof(struct nats),
	.probe = nats_probe,
	.begin = nats_begin,
	.next = nats_next,
	.gap = nats_gap,
	.eof = nats_eof,
	.unneeded = nats_unneeded,
	.mask = &nats_mask,
	.attrs = attrs,
};
