/*
 * amqp_protocol.c - frames to messages, and the row of the table; see amqp.h
 */
#include "parsers/amqp/amqp_impl.h"
#include "parsers/attrs.h"

enum state { AT_FRAME, PASS, BODY, FRAME_END, DONE, LOST };

#define KEY(channel, class_id, method)                                                             \
	((uint64_t)(channel) << 40 | (uint64_t)(class_id) << 32 | (uint64_t)(method) << 24)
#define KEY_PUBLISH(channel, n) (1ull << 62 | (uint64_t)(channel) << 40 | ((n)&0xffffffffffull))
#define KEY_DELIVER(channel, n) (1ull << 63 | (uint64_t)(channel) << 40 | ((n)&0xffffffffffull))

static struct str literal(const char *s)
{
	return (struct str){s, strlen(s)};
}

static uint64_t hash(uint16_t channel, struct str tag)
{
	uint64_t h = 14695981039346656037ull ^ channel;

	for (size_t i = 0; i < tag.n; i++)
		h = (h ^ (uint8_t)tag.p[i]) * 1099511628211ull;
	return h | 1;
}

/* NULL: there is no room, or with `add` 0 it is not known. */
static struct amqp_channel *channel_of(struct amqp *d, uint16_t channel, int add)
{
	struct amqp_channel *unused = NULL;

	for (unsigned i = 0; i < AMQP_CHANNELS; i++) {
		if (d->channel[i].confirms && d->channel[i].channel == channel)
			return &d->channel[i];
		if (!d->channel[i].confirms)
			unused = &d->channel[i];
	}
	return add ? unused : NULL;
}

static void forget(struct amqp *d, uint16_t channel)
{
	struct amqp_channel *c = channel_of(d, channel, 0);

	if (c)
		c->confirms = 0;
}

/* ---- consumers */

static void note_consume(struct amqp *d, uint16_t channel, const struct amqp_args *a)
{
	struct amqp_consumer *k = &d->asked;

	k->nqueue = (uint8_t)(a->s[0].n < AMQP_MAX_QUEUE ? a->s[0].n : 0);
	memcpy(k->queue, a->s[0].p, k->nqueue);
	k->no_ack = (a->last & 2) != 0;
	k->tag = hash(channel, (struct str){NULL, 0}); /* of this channel's next consume-ok */
	if (!a->s[1].n)
		return;
	d->consumer[d->next_consumer] = *k;
	d->consumer[d->next_consumer].tag = hash(channel, a->s[1]);
	d->next_consumer = (uint8_t)((d->next_consumer + 1) % AMQP_CONSUMERS);
	k->tag = 0;
}

static void note_consumer(struct amqp *d, uint16_t channel, const struct amqp_args *a)
{
	if (!a->n || d->asked.tag != hash(channel, (struct str){NULL, 0}))
		return;
	d->consumer[d->next_consumer] = d->asked;
	d->consumer[d->next_consumer].tag = hash(channel, a->s[0]);
	d->next_consumer = (uint8_t)((d->next_consumer + 1) % AMQP_CONSUMERS);
	d->asked.tag = 0;
}

static const struct amqp_consumer *consumer_of(const struct amqp *d, uint64_t tag)
{
	for (unsigned i = 0; i < AMQP_CONSUMERS; i++)
		if (d->consumer[i].tag == tag)
			return &d->consumer[i];
	return NULL;
}

/* ---- what methods tell */

static void to(struct message *m, struct str s)
{
	if (s.n)
		m->target = m->group = s;
}

static void tell_publish(struct amqp *d, uint16_t channel, const struct amqp_args *a,
			 struct message *m)
{
	struct amqp_channel *c = channel_of(d, channel, 0);

	to(m, a->n && a->s[0].n ? a->s[0] : a->s[1]);
	if (c) {
		m->key = KEY_PUBLISH(channel, ++c->published);
		return;
	}
	m->flags = MESSAGE_ONE_WAY;
	m->key = KEY_PUBLISH(channel, ++d->published);
}

static void tell_deliver(const struct amqp *d, uint16_t channel, const struct amqp_args *a,
			 struct message *m)
{
	const struct amqp_consumer *k = a->n ? consumer_of(d, hash(channel, a->s[0])) : NULL;

	if (k && k->nqueue)
		to(m, (struct str){k->queue, k->nqueue});
	else if (a->whole)
		to(m, a->s[1].n ? a->s[1] : a->s[2]);
	m->flags = k && k->no_ack ? MESSAGE_ONE_WAY : MESSAGE_SILENT;
	m->key = KEY_DELIVER(channel, a->nfixed ? be64(a->fixed[0]) : 0);
}

/* "NOT_FOUND - no queue 'x'": its first word. */
static void tell_error(struct str text, struct message *m)
{
	const char *blank = text.n ? memchr(text.p, ' ', text.n) : NULL;

	if (blank)
		text.n = (size_t)(blank - text.p);
	m->flags |= MESSAGE_FAILED;
	message_text(m, ATTR(messaging_status), text.n ? text : literal("ERROR"));
}

static void tell_ack(enum sender from, const struct amqp_method *k, uint16_t channel,
		     const struct amqp_args *a, struct message *m)
{
	uint64_t tag = a->whole ? be64(a->fixed[0]) : 0;

	m->flags = MESSAGE_RESPONSE | MESSAGE_IF_ASKED;
	m->key = from == FROM_SERVER ? KEY_PUBLISH(channel, tag) : KEY_DELIVER(channel, tag);
	if (a->last & 1 && k->id != 90) {
		m->flags |= MESSAGE_ALL;
		m->size = tag ? tag - 1 : 0;
		if (!tag) { /* all of them */
			m->key |= 0xffffffffffull;
			m->size = 0xffffffffffull - 1;
		}
	}
	if (k->id != 80)
		tell_error(literal(k->name), m);
}

/* What the server closes answers the method that it names, else it is a message of its own. */
static void tell_close(struct amqp *d, enum sender from, const struct amqp_method *k,
		       uint16_t channel, const struct amqp_args *a, struct message *m)
{
	uint16_t class_id = 0, method = 0;

	forget(d, channel);
	if (from == FROM_CLIENT) {
		m->key = KEY(channel, k->class_id, k->id);
		return;
	}
	if (a->whole) {
		class_id = be16(a->fixed[1]);
		method = be16(a->fixed[1] + 2);
	}
	if (k->class_id == 10 && !class_id) /* while it is opened */
		class_id = 10, method = 11;
	m->flags = MESSAGE_RESPONSE | MESSAGE_IF_ASKED | MESSAGE_ONE_WAY;
	m->key = KEY(channel, class_id, method);
	if (!a->whole || be16(a->fixed[0]) != 200)
		tell_error(a->n ? a->s[0] : (struct str){NULL, 0}, m);
}

static void tell_ask(struct amqp *d, const struct amqp_method *k, uint16_t channel,
		     const struct amqp_args *a, struct message *m)
{
	struct amqp_channel *c;

	if (k->target && a->n >= k->target)
		to(m, a->s[k->target - 1]);
	m->key = KEY(channel, k->class_id, k->id);
	if (k->nowait && a->whole && a->last & k->nowait)
		m->flags = MESSAGE_ONE_WAY;
	if (k->class_id == 60 && k->id == 20 && a->whole)
		note_consume(d, channel, a);
	if (k->class_id == 20)
		forget(d, channel);
	c = k->class_id == 85 ? channel_of(d, channel, 1) : NULL;
	if (c)
		*c = (struct amqp_channel){channel, 1, 0};
}

static void tell_answer(struct amqp *d, const struct amqp_method *k, uint16_t channel,
			const struct amqp_args *a, struct message *m)
{
	m->flags = MESSAGE_RESPONSE | MESSAGE_IF_ASKED;
	m->key = KEY(channel, k->class_id, k->answers);
	if (k->class_id == 60 && k->id == 21)
		note_consumer(d, channel, a);
	if (k->class_id == 60 && k->answers == 70)
		message_number(m, ATTR(messaging_messages), k->kind == AMQP_GET_OK);
}

static void tell(struct amqp *d, enum sender from, const struct amqp_method *k, uint16_t channel,
		 const uint8_t *p, size_t n, struct message *m)
{
	struct amqp_args a;

	amqp_args(k, p, n, &a);
	m->operation = literal(k->name);
	switch (k->kind) {
	case AMQP_PUBLISH: tell_publish(d, channel, &a, m); break;
	case AMQP_DELIVER: tell_deliver(d, channel, &a, m); break;
	case AMQP_RETURN:
		to(m, a.n > 1 && a.s[1].n ? a.s[1] : a.s[2]);
		m->flags = MESSAGE_ONE_WAY;
		m->key = KEY(channel, k->class_id, k->id);
		tell_error(a.s[0], m);
		break;
	case AMQP_ACK: tell_ack(from, k, channel, &a, m); break;
	case AMQP_CLOSE: tell_close(d, from, k, channel, &a, m); break;
	case AMQP_ASK:
		tell_ask(d, k, channel, &a, m);
		m->flags |= from == FROM_SERVER ? MESSAGE_ONE_WAY : 0;
		break;
	default: tell_answer(d, k, channel, &a, m);
	}
}

/* ---- messages with a body */

static struct amqp_content *content_of(struct amqp_side *s, uint16_t channel)
{
	for (unsigned i = 0; i < AMQP_CONTENTS; i++)
		if (s->content[i].used && s->content[i].channel == channel)
			return &s->content[i];
	return NULL;
}

/* 0: there is no room. */
static int body_follows(struct amqp_side *s, uint16_t channel, uint64_t key)
{
	struct amqp_content *c = content_of(s, channel);

	for (unsigned i = 0; i < AMQP_CONTENTS && !c; i++)
		if (!s->content[i].used)
			c = &s->content[i];
	if (c)
		*c = (struct amqp_content){1, 0, channel, key, 0};
	return c != NULL;
}

static enum parse_status message(struct amqp_side *s, enum message_type type, uint64_t key,
				 struct message *m)
{
	m->type = type;
	m->key = key;
	if (key != s->key)
		m->flags |= MESSAGE_KEYED;
	return PARSE_EVENT;
}

static enum parse_status refused(struct amqp_side *s)
{
	s->state = LOST;
	return PARSE_BAD;
}

static int has_body(const struct amqp_method *k)
{
	return k->kind == AMQP_PUBLISH || k->kind == AMQP_DELIVER || k->kind == AMQP_GET_OK ||
	       k->kind == AMQP_RETURN;
}

/*
 * The trace context among the properties, in the frame that follows the method's. Returns 0: that
 * has to come.
 */
static int find_context(uint16_t channel, const uint8_t *p, size_t n, uint32_t size,
			struct message *m)
{
	size_t at = AMQP_HEADER + (size_t)size + 1, len;

	if (size > AMQP_PEEK)
		return 1;
	if (n < at + AMQP_HEADER)
		return 0;
	p += at;
	if (!amqp_is_frame(p) || p[0] != AMQP_CONTENT || be16(p + 1) != channel)
		return 1;
	len = be32(p + 3);
	len = AMQP_HEADER + (len < AMQP_PEEK ? len : AMQP_PEEK);
	if (n - at < len)
		return 0;
	m->context = trace_context_find(p, len, AMQP_CONTEXT);
	return 1;
}

/* A method, of which size bytes, or as many as are looked at, are among the `there` ones at p. */
static enum parse_status method(struct amqp *d, enum sender from, const uint8_t *p, size_t there,
				uint32_t size, size_t *used, struct message *m)
{
	struct amqp_side *s = &d->side[from];
	size_t n = size < AMQP_PEEK ? size : AMQP_PEEK;
	const struct amqp_method *k;

	k = amqp_method(be16(p + AMQP_HEADER), be16(p + AMQP_HEADER + 2), from);
	if (!k)
		return refused(s);
	if (has_body(k) && there && !find_context(s->channel, p, there, size, m))
		return PARSE_MORE;
	*used = AMQP_HEADER + n;
	s->left = size - (uint32_t)n;
	s->state = PASS;
	s->ends = 0;
	if (k->kind == AMQP_PASS || (k->kind == AMQP_ANSWER && from == FROM_CLIENT))
		return PARSE_MORE;
	tell(d, from, k, s->channel, p + AMQP_HEADER + 4, n - 4, m);
	if (has_body(k) && !body_follows(s, s->channel, m->key))
		return refused(s);
	s->ends = !has_body(k);
	s->key = m->key;
	m->type = MESSAGE_HEAD;
	m->head_len = (uint32_t)*used;
	return PARSE_EVENT;
}

static enum parse_status frame(struct amqp *d, enum sender from, const uint8_t *p, size_t n,
			       size_t *used, struct message *m)
{
	struct amqp_side *s = &d->side[from];
	struct amqp_content *c;
	uint32_t size, need = 0;

	if (n && from == FROM_CLIENT && p[0] == 'A') { /* the protocol's header */
		*used = n < 8 ? 0 : 8;
		return PARSE_MORE;
	}
	if (n < AMQP_HEADER)
		return PARSE_MORE;
	if (!amqp_is_frame(p))
		return refused(s);
	size = be32(p + 3);
	s->channel = be16(p + 1);
	c = content_of(s, s->channel);
	if (p[0] == AMQP_METHOD)
		need = size < AMQP_PEEK ? size : AMQP_PEEK;
	else if (p[0] == AMQP_CONTENT)
		need = 12;
	if (n - AMQP_HEADER < need)
		return PARSE_MORE;
	if (p[0] == AMQP_METHOD)
		return method(d, from, p, n, size, used, m);
	*used = AMQP_HEADER;
	s->left = size;
	s->ends = 0;
	s->state = p[0] == AMQP_BODY && c && c->sized ? BODY : PASS;
	if (p[0] == AMQP_CONTENT && c) {
		c->left = be64(p + AMQP_HEADER + 4);
		c->sized = 1;
		s->ends = !c->left;
	}
	if (s->state == BODY && size > c->left)
		return refused(s);
	return PARSE_MORE;
}

/* What is left of a frame. */
static enum parse_status some(struct amqp_side *s, const uint8_t *p, uint64_t n, uint64_t *used,
			      struct message *m)
{
	struct amqp_content *c = content_of(s, s->channel);
	int body = s->state == BODY && c;

	*used = n < s->left ? n : s->left;
	s->left -= (uint32_t)*used;
	if (body)
		c->left -= *used;
	if (!s->left) {
		s->ends |= body && !c->left;
		s->state = FRAME_END;
	}
	if (!body || !*used)
		return PARSE_MORE;
	if (p)
		m->data = (struct str){(const char *)p, (size_t)*used};
	else
		m->gap = *used;
	return message(s, MESSAGE_CONTENT, c->key, m);
}

static enum parse_status end(struct amqp_side *s, struct message *m)
{
	struct amqp_content *c = content_of(s, s->channel);
	uint64_t key = s->key;

	s->state = AT_FRAME;
	if (c && c->sized) {
		key = c->key;
		c->used = 0;
	}
	return message(s, MESSAGE_END, key, m);
}

static enum parse_status step(struct amqp *d, enum sender from, const uint8_t *p, size_t n,
			      size_t *used, struct message *m)
{
	struct amqp_side *s = &d->side[from];
	enum parse_status st;
	uint64_t taken;

	*used = 0;
	switch (s->state) {
	case AT_FRAME: return frame(d, from, p, n, used, m);
	case PASS:
	case BODY:
		st = some(s, p, n, &taken, m);
		*used = (size_t)taken;
		return st;
	case FRAME_END:
		if (!n)
			return PARSE_MORE;
		if (p[0] != AMQP_END)
			return refused(s);
		*used = 1;
		s->state = s->ends ? DONE : AT_FRAME;
		return PARSE_MORE;
	case DONE: return end(s, m);
	default: return PARSE_BAD;
	}
}

static enum parse_status amqp_next(void *state, enum sender from, const uint8_t *p, size_t n,
				   size_t *used, struct message *m)
{
	struct amqp *d = state;
	enum parse_status st;
	uint8_t before;
	size_t part;

	*used = 0;
	do {
		before = d->side[from].state;
		st = step(d, from, p + *used, n - *used, &part, m);
		*used += part;
	} while (st == PARSE_MORE && (part || d->side[from].state != before));
	return st;
}

/* Is it a method whose properties had to come? */
static int waits(const uint8_t *p, size_t n)
{
	return n >= AMQP_HEADER + 4 && p[0] == AMQP_METHOD && amqp_is_frame(p) &&
	       be32(p + 3) <= AMQP_PEEK && n > AMQP_HEADER + be32(p + 3);
}

static enum parse_status amqp_gap(void *state, enum sender from, struct str kept, uint64_t n,
				  uint64_t *used, struct message *m)
{
	struct amqp_side *s = &((struct amqp *)state)->side[from];
	size_t taken;

	*used = 0;
	if (s->state == DONE)
		return end(s, m);
	if (kept.n && s->state == AT_FRAME && waits((const uint8_t *)kept.p, kept.n)) {
		enum parse_status st = method(state, from, (const uint8_t *)kept.p, 0,
					      be32((const uint8_t *)kept.p + 3), &taken, m);

		s->state = st == PARSE_EVENT ? AT_FRAME : LOST;
		if (st == PARSE_EVENT)
			return st;
	}
	if ((s->state == PASS || s->state == BODY) && s->left)
		return some(s, NULL, n, used, m);
	for (unsigned i = 0; i < AMQP_CONTENTS; i++)
		if (s->content[i].used) {
			s->content[i].used = 0;
			s->state = LOST;
			return message(s, MESSAGE_ABORT, s->content[i].key, m);
		}
	s->state = LOST;
	*used = n;
	return PARSE_SKIPPED;
}

static enum parse_status amqp_eof(void *state, enum sender from, struct message *m)
{
	struct amqp_side *s = &((struct amqp *)state)->side[from];

	if (s->state == DONE)
		return end(s, m);
	for (unsigned i = 0; i < AMQP_CONTENTS && s->state != LOST; i++)
		if (s->content[i].used) {
			s->content[i].used = 0;
			return message(s, MESSAGE_ABORT, s->content[i].key, m);
		}
	return PARSE_END;
}

static uint64_t amqp_unneeded(const void *state, enum sender from)
{
	const struct amqp_side *s = &((const struct amqp *)state)->side[from];

	return s->state == BODY || s->state == PASS ? s->left : 0;
}

static void amqp_begin(void *state, unsigned joined)
{
	(void)state;
	(void)joined;
}

static const uint16_t ports[] = {5672, 0}, tls_ports[] = {5671, 0};
static const char *const programs[] = {"rabbitmq", NULL};
static const struct attr_def *const attrs[] = {
	ATTR(messaging_operation),
	ATTR(messaging_destination),
	ATTR(messaging_messages),
	ATTR(messaging_status),
	NULL,
};

const struct protocol amqp_protocol = {
	.name =
		{
			.name = "amqp",
			.label = {"AMQPServer", "AMQPClient"},
			.operation = ATTR(messaging_operation),
			.target = ATTR(messaging_destination),
			.status = ATTR(messaging_status),
			.flags = NAME_KEYS,
		},
	.transports = TRANSPORT_STREAM,
	.ports = ports,
	.tls_ports = tls_ports,
	.programs = programs,
	.pairing = PAIRING_BY_KEY,
	.state_size = sizeof(struct amqp),
	.probe = amqp_probe,
	.begin = amqp_begin,
	.next = amqp_next,
	.gap = amqp_gap,
	.eof = amqp_eof,
	.unneeded = amqp_unneeded,
	.mask = &amqp_mask,
	.attrs = attrs,
};
