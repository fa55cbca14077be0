/*
 * memcached_text.c - the text protocol: commands, and what answers them
 */
#include "parsers/attrs.h"
#include "parsers/memcached/memcached_impl.h"

static enum parse_status lost(struct memcached_side *s)
{
	s->state = LOST;
	return PARSE_BAD;
}

static void value_follows(struct memcached_side *s, uint64_t n)
{
	s->left = n + 2;
	s->tail = 2;
	s->state = VALUE;
}

/* ---- commands */

static int is_noreply(const struct memcached_command *c, const struct memcached_line *l)
{
	return c->max && l->n > 1 && l->n <= MEMCACHED_WORDS &&
	       memcached_is(l->word[l->n - 1], "noreply");
}

/* What of a meta command's answer depends on its flags. */
static uint32_t meta_form(const struct memcached_line *l, uint32_t *flags)
{
	struct str opaque = memcached_flag(l, l->text, 'O');

	if (!memcached_flag(l, l->text, 'q').p || memcached_is(l->word[0], "mn"))
		return 0;
	if (opaque.p) {
		*flags |= MESSAGE_SILENT;
		return FORM_QUIET | memcached_hash(opaque.p, opaque.n) << 16;
	}
	if (memcached_flag(l, l->text, 'k').p) {
		*flags |= MESSAGE_SILENT;
		return FORM_QUIET | FORM_KEYED |
		       memcached_hash(l->word[1].p, l->word[1].n) << 16;
	}
	*flags |= MESSAGE_ONE_WAY;
	return 0;
}

static unsigned keys(const struct memcached_command *c, const struct memcached_line *l)
{
	return c->reply == MEMCACHED_GET ? l->n - c->key : 1;
}

enum parse_status memcached_text_request(struct memcached *d, const uint8_t *p, size_t n,
					 size_t *used, struct message *m)
{
	struct memcached_side *s = &d->side[FROM_CLIENT];
	const struct memcached_command *c;
	struct memcached_line l;
	int found = memcached_line(p, n, &l);
	uint64_t size = 0;

	if (!found)
		return PARSE_MORE;
	c = found > 0 ? memcached_command(&l) : NULL;
	if (!c)
		return lost(s);
	*used = l.len;
	m->type = MESSAGE_HEAD;
	m->head_len = (uint32_t)l.len;
	m->operation = l.word[0];
	if (c->key)
		m->target = l.word[c->key];
	m->form = c->reply;
	if (c->key && keys(c, &l) > 1) {
		message_number(m, ATTR(db_batch_size), keys(c, &l));
		m->form |= FORM_SEVERAL;
	}
	if (c->reply == MEMCACHED_META)
		m->form |= meta_form(&l, &m->flags);
	if (c->reply == MEMCACHED_NONE || is_noreply(c, &l))
		m->flags |= MESSAGE_ONE_WAY;
	s->secret = !s->begun && !d->joined && c->size;
	s->begun = 1;
	s->state = DONE;
	if (c->size && memcached_number(l.word[c->size], &size))
		value_follows(s, size);
	return PARSE_EVENT;
}

/* ---- replies */

static enum parse_status begin_reply(struct memcached *d, struct message *m)
{
	m->type = MESSAGE_HEAD;
	m->flags |= MESSAGE_RESPONSE;
	d->known = 0;
	return PARSE_EVENT;
}

static int told(const struct memcached_line *l, struct message *m)
{
	struct str error = memcached_error(l);

	if (!error.p && memcached_is(l->word[0], "ME"))
		return 1;
	if (!error.p)
		return 0;
	m->flags |= MESSAGE_FAILED;
	message_text(m, ATTR(db_status), error);
	return 1;
}

/* Does it answer the quiet command that is the oldest without an answer? */
static int is_answer(const struct memcached *d, const struct memcached_line *l)
{
	struct str id = memcached_flag(l, l->text, d->form & FORM_KEYED ? 'k' : 'O');

	return memcached_error(l).p ||
	       (id.p && memcached_hash(id.p, id.n) == FORM_HASH(d->form));
}

static enum memcached_reply kind_of(const struct memcached *d, const struct memcached_line *l)
{
	if (d->known)
		return (enum memcached_reply)(d->form & FORM_REPLY);
	if (memcached_is(l->word[0], "VALUE") || memcached_is(l->word[0], "END"))
		return MEMCACHED_GET;
	if (memcached_is(l->word[0], "STAT"))
		return MEMCACHED_LINES;
	return memcached_is_meta(l->word[0]) ? MEMCACHED_META : MEMCACHED_LINE;
}

/* A line of a reply to `get`: a value follows, or it is over. */
static enum parse_status get_line(struct memcached_side *s, const struct memcached_line *l,
				  struct message *m)
{
	uint64_t size;

	if (memcached_is(l->word[0], "VALUE") && (l->n == 4 || l->n == 5) &&
	    memcached_number(l->word[3], &size) && size <= MEMCACHED_MAX_VALUE) {
		if (!s->rows++)
			m->words = l->word[1];
		value_follows(s, size);
		return PARSE_MORE;
	}
	if (!told(l, m) && !(memcached_is(l->word[0], "END") && l->n == 1))
		return lost(s);
	s->state = DONE;
	return PARSE_MORE;
}

static void lines_line(struct memcached_side *s, const struct memcached_line *l, struct message *m)
{
	static const char *const last[] = {"END", "EN", "RESET", "OK", "BUSY", "BADCLASS"};

	s->state = told(l, m) ? DONE : LINES;
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++)
		if (memcached_is(l->word[0], last[i]))
			s->state = DONE;
}

static enum parse_status meta_line(struct memcached_side *s, const struct memcached_line *l,
				   struct message *m)
{
	uint64_t size;

	s->state = DONE;
	s->rows = !memcached_is(l->word[0], "EN");
	if (memcached_is(l->word[0], "MN"))
		s->kind = MEMCACHED_LINE;
	if (memcached_is(l->word[0], "VA")) {
		if (l->n < 2 || !memcached_number(l->word[1], &size) || size > MEMCACHED_MAX_VALUE)
			return lost(s);
		value_follows(s, size);
	} else if (!told(l, m) && !memcached_is_meta(l->word[0])) {
		return lost(s);
	}
	return PARSE_MORE;
}

/* What answers a command that is not waited for: passed over. */
static enum parse_status unasked(struct memcached_side *s, const struct memcached_line *l)
{
	uint64_t size;

	if (memcached_is(l->word[0], "VA") && l->n > 1 && memcached_number(l->word[1], &size)) {
		value_follows(s, size);
		s->kind = MEMCACHED_NONE;
	}
	return PARSE_MORE;
}

/* Can it be no answer to what was asked, but to a quiet command before that? */
static int is_unasked(const struct memcached *d, const struct memcached_line *l)
{
	if (!d->known || !memcached_is_meta(l->word[0]) || memcached_is(l->word[0], "MN"))
		return 0;
	return (d->form & FORM_REPLY) != MEMCACHED_META;
}

static enum parse_status reply_line(struct memcached *d, const struct memcached_line *l,
				    struct message *m)
{
	struct memcached_side *s = &d->side[FROM_SERVER];

	s->kind = (uint8_t)kind_of(d, l);
	s->rows = s->secret = 0;
	switch (s->kind) {
	case MEMCACHED_GET: return get_line(s, l, m);
	case MEMCACHED_LINES: lines_line(s, l, m); return PARSE_MORE;
	case MEMCACHED_META: return meta_line(s, l, m);
	case MEMCACHED_WATCH:
		if (!told(l, m))
			m->flags |= MESSAGE_LONG;
		s->state = m->flags & MESSAGE_LONG ? SKIP : DONE;
		return PARSE_MORE;
	default:
		told(l, m);
		s->state = DONE;
		return PARSE_MORE;
	}
}

/* The first line of a reply. */
static enum parse_status first_line(struct memcached *d, const struct memcached_line *l,
				    size_t *used, struct message *m)
{
	struct memcached_side *s = &d->side[FROM_SERVER];

	if (d->known && d->form & FORM_QUIET && !is_answer(d, l)) {
		s->kind = MEMCACHED_NONE;
		s->state = DONE;
		m->flags = MESSAGE_SILENT;
		return begin_reply(d, m);
	}
	*used = l->len;
	if (is_unasked(d, l))
		return unasked(s, l);
	if (reply_line(d, l, m) == PARSE_BAD) {
		*used = 0;
		return PARSE_BAD;
	}
	m->head_len = (uint32_t)l->len;
	return begin_reply(d, m);
}

enum parse_status memcached_text_reply(struct memcached *d, const uint8_t *p, size_t n,
				       size_t *used, struct message *m)
{
	struct memcached_side *s = &d->side[FROM_SERVER];
	struct memcached_line l;
	int found = memcached_line(p, n, &l);
	enum parse_status st;

	if (!found)
		return PARSE_MORE;
	if (found < 0)
		return lost(s);
	if (s->state == IDLE)
		return first_line(d, &l, used, m);
	*used = l.len;
	if (s->state == SKIP) { /* of `watch` */
		m->type = MESSAGE_NOTICE;
		m->flags = MESSAGE_COUNTED;
		m->size = l.len;
		return PARSE_EVENT;
	}
	if (s->kind == MEMCACHED_GET) {
		st = get_line(s, &l, m);
		if (st == PARSE_BAD)
			*used = 0;
	} else {
		lines_line(s, &l, m);
		st = PARSE_MORE;
	}
	if (m->nattrs) { /* an error behind what was fine: said with the END */
		s->state = IDLE;
		m->type = MESSAGE_END;
		return PARSE_EVENT;
	}
	return st;
}
