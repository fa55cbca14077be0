/*
 * mongodb.c - messages, probing, and the row of the table; see mongodb.h
 */
#include "parsers/byte_order.h"
#include "parsers/mongodb/mongodb.h"

#include "parsers/attrs.h"

#define HEADER 16u
#define OP_REPLY 1u
#define OP_QUERY 2004u
#define OP_COMPRESSED 2012u
#define OP_MSG 2013u

/* Flags of OP_MSG; of the lower half all that are not known must be zero. */
#define CHECKSUM 0x1u
#define MORE_TO_COME 0x2u

/* Types of BSON (https://bsonspec.org). */
#define BSON_DOUBLE 0x01
#define BSON_STRING 0x02
#define BSON_ARRAY 0x04
#define BSON_INT32 0x10
#define BSON_INT64 0x12

#define FORM_SECRET 1u

enum state { IDLE, BODY, DONE, BAD };

static int is_word(struct str s, const char *word)
{
	return s.n == strlen(word) && !memcmp(s.p, word, s.n);
}

/* ---- documents */

struct element {
	uint8_t type;
	struct str name;
	const uint8_t *value;
	size_t n; /* of the value that are there */
};

static size_t value_size(uint8_t type, const uint8_t *p, size_t n)
{
	switch (type) {
	case BSON_DOUBLE:
	case 0x09: /* date */
	case 0x11: /* timestamp */
	case BSON_INT64: return 8;
	case BSON_INT32: return 4;
	case BSON_STRING:
	case 0x0d: /* code */
	case 0x0e: return n >= 4 && le32(p) <= MONGODB_MAX_SIZE ? 4 + (size_t)le32(p) : SIZE_MAX;
	case 0x03: /* document */
	case BSON_ARRAY: return n >= 4 && le32(p) >= 5 ? le32(p) : SIZE_MAX;
	case 0x05: return n >= 4 && le32(p) <= MONGODB_MAX_SIZE ? 5 + (size_t)le32(p) : SIZE_MAX;
	case 0x07: return 12; /* object id */
	case 0x08: return 1;  /* boolean */
	case 0x13: return 16; /* decimal */
	case 0x06:
	case 0x0a: /* null */
	case 0x7f:
	case 0xff: return 0;
	default: return SIZE_MAX;
	}
}

/* The element at *at, which moves behind it. 0: there is none, or it is not understood. */
static int next_element(const uint8_t *p, size_t n, size_t *at, struct element *e)
{
	const uint8_t *nul;
	size_t size;

	if (*at >= n || !p[*at])
		return 0;
	nul = memchr(p + *at + 1, 0, n - *at - 1);
	if (!nul)
		return 0;
	e->type = p[*at];
	e->name = (struct str){(const char *)p + *at + 1, (size_t)(nul - p) - *at - 1};
	e->value = nul + 1;
	e->n = n - (size_t)(e->value - p);
	size = value_size(e->type, e->value, e->n);
	*at = size > e->n ? n : (size_t)(e->value - p) + size;
	return 1;
}

static struct str text_of(const struct element *e)
{
	if (e->type != BSON_STRING || e->n < 4 || !le32(e->value) || le32(e->value) > e->n - 4)
		return (struct str){NULL, 0};
	return (struct str){(const char *)e->value + 4, le32(e->value) - 1};
}

static int64_t number_of(const struct element *e)
{
	double d;

	if (e->type == BSON_DOUBLE && e->n >= 8) {
		memcpy(&d, e->value, 8);
		return d > -1e15 && d < 1e15 ? (int64_t)d : 0;
	}
	if (e->type == BSON_INT32 && e->n >= 4)
		return (int32_t)le32(e->value);
	if (e->type == BSON_INT64 && e->n >= 8)
		return (int64_t)(le32(e->value) | (uint64_t)le32(e->value + 4) << 32);
	return e->type == 0x08 && e->n ? e->value[0] : -1;
}

/* ---- messages */

struct view {
	uint32_t size, id, answers, opcode;
	uint32_t flags; /* of OP_MSG */
	const uint8_t *doc;
	size_t n; /* bytes of the document that are there */
};

/*
 * Of an OP_MSG where the document begins: sequences of documents may come before it. 0: that is not
 * there.
 */
static size_t behind_sequences(const uint8_t *p, size_t n)
{
	size_t at = HEADER + 4;

	while (p[at] == 1) {
		if (n - at < 5 || le32(p + at + 1) < 5 || le32(p + at + 1) >= n - at - 1)
			return 0;
		at += 1 + (size_t)le32(p + at + 1);
	}
	return p[at] ? 0 : at + 1;
}

/* The command's document in a message of which n bytes are there. 0: it is no message. */
static int view_of(struct view *v, const uint8_t *p, size_t n)
{
	size_t at = HEADER;
	uint32_t len;

	if (n < HEADER)
		return 0;
	*v = (struct view){le32(p), le32(p + 4), le32(p + 8), le32(p + 12), 0, NULL, 0};
	if (v->size < HEADER || v->size > MONGODB_MAX_SIZE)
		return 0;
	n = n < v->size ? n : v->size;
	switch (v->opcode) {
	case OP_COMPRESSED: return v->size >= HEADER + 9;
	case OP_MSG:
		if (n < HEADER + 10)
			return 0;
		v->flags = le32(p + HEADER);
		if (v->flags & 0xffffu & ~(CHECKSUM | MORE_TO_COME) || p[HEADER + 4] > 1)
			return 0;
		at = behind_sequences(p, n);
		if (!at)
			return 1;
		break;
	case OP_QUERY: {
		const uint8_t *nul = n > 20 ? memchr(p + 20, 0, n - 20) : NULL;

		if (!nul || (size_t)(nul - p) + 14 > n)
			return 0;
		at = (size_t)(nul - p) + 9;
		break;
	}
	case OP_REPLY: at = HEADER + 20; break;
	default: return 0;
	}
	if (n < at + 5)
		return v->opcode == OP_REPLY;
	len = le32(p + at);
	if (len < 5 || len > v->size - at)
		return 0;
	v->doc = p + at + 4;
	v->n = len - 4 < n - at - 4 ? len - 4 : n - at - 4;
	return 1;
}

static int holds_credentials(struct str command)
{
	static const char *const words[] = {
		"saslStart",  "saslContinue",	 "authenticate", "createUser",
		"updateUser", "copydbsaslstart", "logout",	 "getnonce",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is_word(command, words[i]))
			return 1;
	return 0;
}

/* What a command's document tells: its first element is the command itself. */
static void tell_request(const struct view *v, struct message *m)
{
	struct element e;
	size_t at = 0;
	struct str value;

	m->operation = (struct str){"OP_COMPRESSED", 13};
	if (v->opcode != OP_COMPRESSED)
		m->operation = (struct str){"OP_MSG", 6};
	for (int i = 0; v->doc && next_element(v->doc, v->n, &at, &e); i++) {
		value = text_of(&e);
		if (!i) {
			m->operation = e.name;
			if (value.p && value.n <= MONGODB_MAX_TEXT)
				m->target = m->group = value;
			if (holds_credentials(e.name))
				m->form = FORM_SECRET;
		} else if (is_word(e.name, "$db") && value.n <= MONGODB_MAX_TEXT) {
			message_text(m, ATTR(db_namespace), value);
		} else if (is_word(e.name, "collection") && value.p && !m->target.p) {
			m->target = m->group = value; /* getMore */
		} else if (is_word(e.name, "maxAwaitTimeMS") && number_of(&e) > 0) {
			message_number(m, ATTR(max_wait), (uint64_t)number_of(&e) * 1000000u);
		}
	}
	if (v->flags & MORE_TO_COME)
		m->flags |= MESSAGE_ONE_WAY;
}

static struct str put_code(struct mongodb_side *s, int64_t code)
{
	size_t i = sizeof(s->status);

	do
		s->status[--i] = (char)('0' + code % 10);
	while (code /= 10);
	return (struct str){s->status + i, sizeof(s->status) - i};
}

/* Did it fail, and how is that called? Some of a batch of writes may have failed. */
static void tell_response(struct mongodb_side *s, const struct view *v, struct message *m)
{
	struct str name = {NULL, 0};
	int64_t code = -1;
	struct element e;
	int failed = 0;
	size_t at = 0;

	while (v->doc && next_element(v->doc, v->n, &at, &e)) {
		if (is_word(e.name, "ok"))
			failed |= number_of(&e) == 0;
		else if (is_word(e.name, "codeName") && text_of(&e).n <= MONGODB_MAX_TEXT)
			name = text_of(&e);
		else if (is_word(e.name, "code"))
			code = number_of(&e);
		else if (is_word(e.name, "writeErrors") && e.type == BSON_ARRAY && !failed) {
			failed = 1;
			name = (struct str){"WriteError", 10};
		}
	}
	if (!failed)
		return;
	m->flags |= MESSAGE_FAILED;
	if (!name.p && code > 0)
		name = put_code(s, code);
	message_text(m, ATTR(db_status), name.p ? name : (struct str){"UNKNOWN", 7});
}

/* ---- bytes */

/* One more answer to a request that was answered before. */
static enum parse_status further(struct mongodb *d, struct mongodb_side *s, const struct view *v,
				 size_t *used, struct message *m)
{
	s->streams = 1;
	s->over = !(v->flags & MORE_TO_COME);
	d->last = v->id;
	d->more = !s->over;
	m->type = MESSAGE_NOTICE;
	m->flags = MESSAGE_COUNTED;
	m->size = s->size;
	*used = HEADER;
	return PARSE_EVENT;
}

static enum parse_status begin(struct mongodb *d, enum sender from, const uint8_t *p, size_t n,
			       size_t *used, struct message *m)
{
	struct mongodb_side *s = &d->side[from];
	uint32_t size = n >= 4 ? le32(p) : HEADER, need;
	struct view v;

	if (size < HEADER || size > MONGODB_MAX_SIZE) {
		s->state = BAD;
		return PARSE_BAD;
	}
	need = size < MONGODB_PEEK ? size : MONGODB_PEEK;
	if (n < HEADER || n < need)
		return PARSE_MORE;
	if (!view_of(&v, p, need)) {
		s->state = BAD;
		return PARSE_BAD;
	}
	s->size = size;
	s->left = size - HEADER;
	s->state = BODY;
	s->streams = s->secret = 0;
	if (from == FROM_SERVER && d->more && v.answers == d->last)
		return further(d, s, &v, used, m);
	if (from == FROM_SERVER && v.answers && v.answers == d->one_way) {
		s->streams = 2; /* some servers answer where nobody asked them to: it is nothing */
		*used = HEADER;
		return PARSE_MORE;
	}
	m->type = MESSAGE_HEAD;
	m->head_len = HEADER;
	*used = HEADER;
	m->key = from == FROM_CLIENT ? v.id : v.answers;
	if (from == FROM_CLIENT) {
		tell_request(&v, m);
		if (v.flags & MORE_TO_COME)
			d->one_way = v.id;
		s->secret = m->form == FORM_SECRET;
		return PARSE_EVENT;
	}
	m->flags = MESSAGE_RESPONSE;
	tell_response(s, &v, m);
	if (v.opcode == OP_MSG && v.flags & MORE_TO_COME) {
		m->flags |= MESSAGE_LONG;
		d->last = v.id;
		d->more = 1;
		s->streams = 2; /* its content is part of what goes on */
	}
	return PARSE_EVENT;
}

static enum parse_status end(struct mongodb_side *s, struct message *m)
{
	s->state = IDLE;
	if (s->streams == 2 || (s->streams && !s->over))
		return PARSE_MORE;
	m->type = MESSAGE_END;
	m->flags = s->streams ? MESSAGE_LONG : 0;
	return PARSE_EVENT;
}

static enum parse_status some(struct mongodb_side *s, const uint8_t *p, uint64_t n, uint64_t *used,
			      struct message *m)
{
	*used = n < s->left ? n : s->left;
	s->left -= (uint32_t)*used;
	if (!s->left)
		s->state = DONE;
	if (!*used || s->secret || s->streams)
		return PARSE_MORE;
	m->type = MESSAGE_CONTENT;
	if (p)
		m->data = (struct str){(const char *)p, (size_t)*used};
	else
		m->gap = *used;
	return PARSE_EVENT;
}

static enum parse_status mongodb_next(void *state, enum sender from, const uint8_t *p, size_t n,
				      size_t *used, struct message *m)
{
	struct mongodb *d = state;
	struct mongodb_side *s = &d->side[from];
	enum parse_status st;
	uint64_t taken;
	size_t part;

	for (*used = 0;; *used += part) {
		uint8_t before = s->state;

		part = 0;
		switch (s->state) {
		case IDLE: st = begin(d, from, p + *used, n - *used, &part, m); break;
		case BODY:
			st = some(s, p + *used, n - *used, &taken, m);
			part = (size_t)taken;
			break;
		case DONE: st = end(s, m); break;
		default: return PARSE_BAD;
		}
		if (st != PARSE_MORE || (!part && before == s->state)) {
			*used += part;
			return st;
		}
	}
}

static enum parse_status mongodb_gap(void *state, enum sender from, struct str kept, uint64_t n,
				     uint64_t *used, struct message *m)
{
	struct mongodb_side *s = &((struct mongodb *)state)->side[from];

	(void)kept;
	*used = 0;
	if (s->state == DONE && end(s, m) == PARSE_EVENT)
		return PARSE_EVENT;
	if (s->state == BODY)
		return some(s, NULL, n, used, m);
	s->state = BAD;
	*used = n;
	return PARSE_SKIPPED;
}

static enum parse_status mongodb_eof(void *state, enum sender from, struct message *m)
{
	struct mongodb_side *s = &((struct mongodb *)state)->side[from];

	if (s->state == DONE && end(s, m) == PARSE_EVENT)
		return PARSE_EVENT;
	if (s->state != BODY || s->streams)
		return PARSE_END;
	s->state = BAD;
	m->type = MESSAGE_ABORT;
	return PARSE_EVENT;
}

static uint64_t mongodb_unneeded(const void *state, enum sender from)
{
	const struct mongodb_side *s = &((const struct mongodb *)state)->side[from];

	return s->state == BODY ? s->left : 0;
}

static void mongodb_answers(void *state, int known, uint32_t form)
{
	((struct mongodb *)state)->side[FROM_SERVER].secret = !known || form == FORM_SECRET;
}

static void mongodb_begin(void *state, unsigned joined)
{
	(void)state;
	(void)joined;
}

/* ---- recognising: the operation's number, its flags and the lengths within one another */

static int is_name(const struct view *v)
{
	struct element e;
	size_t at = 0;

	if (!v->doc || !next_element(v->doc, v->n, &at, &e) || !e.name.n || e.name.n > 64)
		return 0;
	for (size_t i = 0; i < e.name.n; i++)
		if (e.name.p[i] <= ' ' || e.name.p[i] > '~')
			return 0;
	return 1;
}

static enum probe_result mongodb_probe(const struct probe *in, unsigned *client)
{
	struct view v;
	uint32_t opcode;

	if (!in->n || (!in->segment && !in->start))
		return PROBE_NO;
	if (in->n >= 4 && (le32(in->p) < HEADER + 10 || le32(in->p) > MONGODB_MAX_SIZE))
		return PROBE_NO;
	if (in->n < HEADER)
		return in->answer || in->torn || in->n < 4 ? PROBE_NO : PROBE_MORE;
	opcode = le32(in->p + 12);
	if (opcode != OP_MSG && opcode != OP_QUERY)
		return PROBE_NO;
	if (in->n < HEADER + 80 && in->n < le32(in->p))
		return in->answer || in->torn ? PROBE_NO : PROBE_MORE;
	if (!view_of(&v, in->p, in->n) || !is_name(&v))
		return PROBE_NO;
	*client = v.answers ? !in->dir : in->dir;
	return in->client != PROBE_NO_DIR && in->client != *client ? PROBE_NO : PROBE_YES;
}

static const uint16_t ports[] = {27017, 27018, 27019, 0};
static const char *const programs[] = {"mongo", "ferretdb", NULL};
static const struct attr_def *const attrs[] = {
	ATTR(db_operation), ATTR(db_collection), ATTR(db_namespace),
	ATTR(db_status),    ATTR(max_wait),	 NULL,
};

const struct protocol mongodb_protocol = {
	.name =
		{
			.name = "mongodb",
			.label = {"MongoServer", "MongoClient"},
			.operation = ATTR(db_operation),
			.target = ATTR(db_collection),
			.status = ATTR(db_status),
			.flags = NAME_KEYS,
		},
	.transports = TRANSPORT_STREAM,
	.ports = ports,
	.programs = programs,
	.pairing = PAIRING_BY_KEY,
	.state_size = sizeof(struct mongodb),
	.probe = mongodb_probe,
	.begin = mongodb_begin,
	.next = mongodb_next,
	.gap = mongodb_gap,
	.eof = mongodb_eof,
	.unneeded = mongodb_unneeded,
	.answers = mongodb_answers,
	.mask = &mongodb_mask,
	.attrs = attrs,
};
