/*
 * memcached_protocol.c - values, gaps, and the row of the table; see memcached.h
 */
#include "parsers/attrs.h"
#include "parsers/memcached/memcached_impl.h"

/* The value is over. */
static void end_value(struct memcached *d, enum sender from)
{
	struct memcached_side *s = &d->side[from];

	if (from == FROM_CLIENT)
		s->state = DONE;
	else if (s->kind == MEMCACHED_NONE)
		s->state = IDLE;
	else
		s->state = d->binary == 1 && s->kind == MEMCACHED_GET ? LINES : DONE;
}

/* The next n bytes of a value, which are at p, or missing. */
static enum parse_status value(struct memcached *d, enum sender from, const uint8_t *p, uint64_t n,
			       uint64_t *used, struct message *m)
{
	struct memcached_side *s = &d->side[from];
	uint64_t content;

	*used = n < s->left ? n : s->left;
	content = s->left > s->tail ? s->left - s->tail : 0;
	if (content > *used)
		content = *used;
	s->left -= *used;
	if (!s->left)
		end_value(d, from);
	if (!content || (from == FROM_SERVER && (s->secret || s->kind == MEMCACHED_NONE)))
		return PARSE_MORE;
	m->type = MESSAGE_CONTENT;
	if (p && !s->secret)
		m->data = (struct str){(const char *)p, (size_t)content};
	else
		m->gap = content;
	return PARSE_EVENT;
}

/* Of what `stats` brings nothing is told. */
static uint64_t pass_stats(struct memcached_side *s, uint64_t n)
{
	uint64_t take = n < s->left ? n : s->left;

	s->left -= take;
	if (!s->left && !s->tail)
		s->state = DONE;
	return take;
}

static enum parse_status end(struct memcached_side *s, enum sender from, struct message *m)
{
	s->state = IDLE;
	m->type = MESSAGE_END;
	if (from == FROM_SERVER && (s->kind == MEMCACHED_GET || s->kind == MEMCACHED_META))
		message_number(m, ATTR(rows), s->rows);
	return PARSE_EVENT;
}

static enum parse_status begin(struct memcached *d, enum sender from, const uint8_t *p, size_t n,
			       size_t *used, struct message *m)
{
	if (!d->binary && n)
		d->binary = p[0] == BINARY_REQUEST || p[0] == BINARY_RESPONSE ? 2 : 1;
	if (!n)
		return PARSE_MORE;
	if (d->binary == 1)
		return from == FROM_CLIENT ? memcached_text_request(d, p, n, used, m)
					   : memcached_text_reply(d, p, n, used, m);
	return from == FROM_CLIENT ? memcached_binary_request(d, p, n, used, m)
				   : memcached_binary_reply(d, p, n, used, m);
}

static enum parse_status step(struct memcached *d, enum sender from, const uint8_t *p, size_t n,
			      size_t *used, struct message *m)
{
	struct memcached_side *s = &d->side[from];
	enum parse_status st;
	uint64_t taken;

	*used = 0;
	switch (s->state) {
	case VALUE:
		st = value(d, from, p, n, &taken, m);
		*used = (size_t)taken;
		return st;
	case DONE: return end(s, from, m);
	case LOST: return PARSE_BAD;
	case LINES:
		if (d->binary == 2 && s->left) {
			*used = (size_t)pass_stats(s, n);
			return PARSE_MORE;
		}
		return begin(d, from, p, n, used, m);
	default: return begin(d, from, p, n, used, m);
	}
}

static enum parse_status memcached_next(void *state, enum sender from, const uint8_t *p, size_t n,
					size_t *used, struct message *m)
{
	struct memcached *d = state;
	enum parse_status st;
	size_t part;

	*used = 0;
	do {
		st = step(d, from, p + *used, n - *used, &part, m);
		*used += part;
	} while (st == PARSE_MORE && (part || d->side[from].state == DONE));
	return st;
}

static enum parse_status memcached_gap(void *state, enum sender from, struct str kept, uint64_t n,
				       uint64_t *used, struct message *m)
{
	struct memcached *d = state;
	struct memcached_side *s = &d->side[from];

	(void)kept;
	*used = 0;
	if (s->state == DONE)
		return end(s, from, m);
	if (s->state == VALUE)
		return value(d, from, NULL, n, used, m);
	if (s->state == LINES && d->binary == 2 && s->left) {
		*used = pass_stats(s, n);
		return PARSE_MORE;
	}
	if (s->state == LINES) {
		s->state = LOST;
		m->type = MESSAGE_ABORT;
		return PARSE_EVENT;
	}
	s->state = LOST;
	*used = n;
	return PARSE_SKIPPED;
}

static enum parse_status memcached_eof(void *state, enum sender from, struct message *m)
{
	struct memcached_side *s = &((struct memcached *)state)->side[from];

	if (s->state == DONE)
		return end(s, from, m);
	if (s->state == SKIP) {
		m->type = MESSAGE_END;
		m->flags = MESSAGE_LONG;
		s->state = LOST;
		return PARSE_EVENT;
	}
	if (s->state != VALUE && s->state != LINES)
		return PARSE_END;
	if (from == FROM_SERVER && s->state == VALUE && s->kind == MEMCACHED_NONE)
		return PARSE_END;
	s->state = LOST;
	m->type = MESSAGE_ABORT;
	return PARSE_EVENT;
}

static uint64_t memcached_unneeded(const void *state, enum sender from)
{
	const struct memcached_side *s = &((const struct memcached *)state)->side[from];

	return s->state == VALUE || s->state == LINES ? s->left : 0;
}

static void memcached_answers(void *state, int known, uint32_t form)
{
	struct memcached *d = state;

	d->known = (uint8_t)(known != 0);
	d->form = known ? form : 0;
}

/* The words are the key of the first value. */
static int memcached_fits(struct str words, uint32_t form, struct str operation, struct str text)
{
	(void)operation;
	if ((form & FORM_REPLY) != MEMCACHED_GET)
		return -1;
	if (words.n == text.n && !memcmp(words.p, text.p, text.n))
		return 1;
	return form & FORM_SEVERAL ? 0 : -1;
}

static void memcached_begin(void *state, unsigned joined)
{
	((struct memcached *)state)->joined = (joined & BEGIN_JOINED(FROM_CLIENT)) != 0;
}

static const uint16_t ports[] = {11211, 0};
static const char *const programs[] = {"memcached", NULL};
static const struct attr_def *const attrs[] = {
	ATTR(db_operation), ATTR(db_batch_size), ATTR(db_status), ATTR(rows), NULL,
};

const struct protocol memcached_protocol = {
	.name =
		{
			.name = "memcached",
			.label = {"MemcachedServer", "MemcachedClient"},
			.operation = ATTR(db_operation),
			.status = ATTR(db_status),
			.flags = NAME_KEYS,
		},
	.transports = TRANSPORT_STREAM,
	.ports = ports,
	.programs = programs,
	.pairing = PAIRING_IN_ORDER,
	.state_size = sizeof(struct memcached),
	.probe = memcached_probe,
	.begin = memcached_begin,
	.next = memcached_next,
	.gap = memcached_gap,
	.eof = memcached_eof,
	.unneeded = memcached_unneeded,
	.answers = memcached_answers,
	.fits = memcached_fits,
	.mask = &memcached_mask,
	.attrs = attrs,
};
