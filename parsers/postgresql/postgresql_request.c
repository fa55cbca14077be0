/*
 * postgresql_request.c - what clients send; see postgresql.h
 */
#include "parsers/attrs.h"
#include "parsers/postgresql/postgresql_impl.h"
#include "parsers/sql/sql_message.h"

enum state { STARTUP, IDLE, SKIP, DATA, TEXT, SEEK };

/* Where in an exchange. */
enum phase {
	NONE,
	CONNECTS,
	PREPARES, /* steps before an execution */
	EXECUTES, /* behind it; what follows may end it */
	SIMPLE,	  /* nothing more belongs to it */
	COPIES,	  /* rows follow, if the server wants them */
	TORN,	  /* parts of its beginning are missing: up to its end nothing is looked at */
	READS,	  /* a statement that is too long for its head */
};

/* ---- exchanges */

static struct postgresql_unit *unit_of(struct postgresql *s)
{
	return &s->unit[(s->request.units - 1u) % POSTGRESQL_UNITS];
}

/* Steps that are no execution. */
static struct str step_name(const struct postgresql_request *r)
{
	if (r->parsed)
		return (struct str){"PREPARE", 7};
	if (r->described)
		return (struct str){"DESCRIBE", 8};
	return r->closed ? (struct str){"CLOSE", 5} : (struct str){"BIND", 4};
}

static void put_view(struct postgresql *s, const struct sql_view *v, struct message *m)
{
	sql_tell(v, s->hash_digits, m);
	s->request.told = v->hash;
}

static void begin_unit(struct postgresql *s, enum kind kind, enum phase phase, struct message *m)
{
	struct postgresql_request *r = &s->request;

	r->phase = (uint8_t)phase;
	r->parsed = r->described = r->closed = r->copy_done = r->seen = 0;
	r->told = 0;
	r->id = 0;
	r->hash = 0;
	r->simple = kind == KIND_SIMPLE;
	r->units++;
	*unit_of(s) = (struct postgresql_unit){.flags = r->batch & UNIT_BATCH};
	m->type = MESSAGE_HEAD;
	m->form = FORM(kind, (r->units - 1u) % POSTGRESQL_UNITS);
	if (r->found)
		m->flags |= MESSAGE_FOUND;
	r->found = 0;
}

/* What only the end tells: which statement was executed, or that none was. */
static enum parse_status end_unit(struct postgresql *s, struct message *m)
{
	struct postgresql_request *r = &s->request;
	int executed = (unit_of(s)->flags & UNIT_EXECUTES) != 0;
	int known = r->seen;
	struct sql_view v;

	m->type = MESSAGE_END;
	if (r->phase != CONNECTS) {
		if (r->simple)
			sql_view_of(&r->shape, r->hash, &v);
		else
			known = sql_statements_find_id(&s->statements, r->id, &v);
		if (known && r->told != v.hash)
			put_view(s, &v, m);
		if (!r->simple && !executed)
			m->operation = step_name(r);
		else if (!known)
			m->flags |= MESSAGE_UNSEEN;
	}
	if (m->flags & MESSAGE_UNSEEN)
		unit_of(s)->flags |= UNIT_UNSEEN;
	r->phase = NONE;
	return PARSE_EVENT;
}

static void skip(struct postgresql_request *r, uint64_t n)
{
	r->left = n;
	r->state = n ? SKIP : IDLE;
}

/* ---- the first packets, which have no type */

static struct str startup_value(const uint8_t *p, size_t n, const char *key)
{
	size_t at = 0;

	while (at < n && p[at]) {
		ptrdiff_t name = string_end(p + at, n - at), value;

		if (name < 0)
			break;
		value = string_end(p + at + name + 1, n - at - (size_t)name - 1);
		if (value < 0)
			break;
		if (!strcmp((const char *)p + at, key))
			return (struct str){(const char *)p + at + name + 1, (size_t)value};
		at += (size_t)(name + value) + 2;
	}
	return (struct str){NULL, 0};
}

static void note_database(struct postgresql *s, const uint8_t *p, size_t n)
{
	struct str name = startup_value(p, n, "database");

	if (!name.p)
		name = startup_value(p, n, "user");
	s->ndatabase = (uint8_t)(name.n < sizeof(s->database) ? name.n : sizeof(s->database));
	memcpy(s->database, name.p ? name.p : "", s->ndatabase);
}

static enum parse_status cancel(struct postgresql *s, struct message *m)
{
	static const struct str name = {"CANCEL", 6};

	begin_unit(s, KIND_STARTUP, CONNECTS, m);
	m->flags |= MESSAGE_ONE_WAY;
	m->operation = m->group = name;
	return PARSE_EVENT;
}

static enum parse_status startup(struct postgresql *s, const uint8_t *p, size_t n, size_t *used,
				 struct message *m)
{
	static const struct str name = {"CONNECT", 7};
	struct postgresql_request *r = &s->request;
	uint32_t len, code;

	if (n < 8)
		return PARSE_MORE;
	len = be32(p);
	code = be32(p + 4);
	if (len < 8 || len > MAX_STARTUP)
		return PARSE_BAD;
	if (n < len)
		return PARSE_MORE;
	*used = len;
	if (code == CODE_SSL || code == CODE_GSSENC) {
		r->asked = 1;
		return PARSE_MORE;
	}
	m->head_len = len;
	if (code == CODE_CANCEL)
		return cancel(s, m);
	if (code >> 16 != CODE_MAJOR)
		return PARSE_BAD;
	note_database(s, p + 8, len - 8);
	begin_unit(s, KIND_STARTUP, CONNECTS, m);
	m->operation = m->group = name;
	r->state = IDLE;
	return PARSE_EVENT;
}

/* ---- statements */

/* Its names may mean something else from now on. */
static int ends_statements(const struct postgresql_request *r)
{
	struct str op = sql_shape_operation(&r->shape);

	return (op.n == 7 && !memcmp(op.p, "DISCARD", 7)) ||
	       (op.n == 10 && !memcmp(op.p, "DEALLOCATE", 10));
}

/* The text is complete: what is told of it, if HEAD or END are due now. */
static void end_text(struct postgresql *s, struct message *m)
{
	struct postgresql_request *r = &s->request;
	struct sql_view v;

	sql_shape_end(&r->shape, &r->hash);
	sql_view_of(&r->shape, r->hash, &v);
	r->seen = 1;
	if (r->text_is_parse) {
		sql_statements_put(&s->statements, r->name, &v);
		r->id = s->statements.ids;
		return;
	}
	put_view(s, &v, m);
	if (v.copies_in)
		unit_of(s)->flags |= UNIT_COPIES;
	r->phase = v.copies_in ? COPIES : SIMPLE;
	if (ends_statements(r))
		postgresql_forget(s);
}

/*
 * A message's text is n bytes and what is behind; whole: it ends there. What it is becomes part of
 * m only then.
 */
static void text(struct postgresql *s, const uint8_t *p, size_t n, int whole, struct message *m)
{
	struct postgresql_request *r = &s->request;

	sql_shape_begin(&r->shape, SQL_POSTGRESQL, (enum sql_strings)s->strings);
	sql_shape_feed(&r->shape, p, n);
	if (whole)
		end_text(s, m);
}

static enum parse_status query(struct postgresql *s, const uint8_t *p, size_t n, size_t total,
			       struct message *m)
{
	struct postgresql_request *r = &s->request;
	ptrdiff_t end = string_end(p + HEADER, n - HEADER);
	size_t len = end < 0 ? n - HEADER : (size_t)end;
	int whole = end >= 0 || n == total;

	begin_unit(s, KIND_SIMPLE, READS, m);
	r->text_is_parse = 0;
	text(s, p + HEADER, len, whole, m);
	m->head_len = (uint32_t)n;
	if (whole)
		sql_tell_text(p + HEADER, len, m);
	r->left = total - n;
	r->state = whole ? r->left ? SKIP : IDLE : TEXT;
	return PARSE_EVENT;
}

/* A step of the extended protocol; begins an exchange if none has begun. */
static int step(struct postgresql *s, size_t n, struct message *m)
{
	struct postgresql_request *r = &s->request;
	int begins = r->phase == NONE;

	if (begins) {
		begin_unit(s, KIND_EXTENDED, PREPARES, m);
		m->head_len = (uint32_t)n;
	}
	return begins;
}

static void count_completion(struct postgresql *s, uint8_t type)
{
	struct postgresql_unit *u = unit_of(s);

	if (!u->completions && !(u->flags & UNIT_EXECUTES))
		u->first = type;
	u->completions = (uint8_t)(u->completions + (u->completions < UINT8_MAX));
}

/* What is known of the exchange's statement goes into its head. */
static void tell(struct postgresql *s, int begins, struct message *m)
{
	struct sql_view v;

	if (begins && sql_statements_find_id(&s->statements, s->request.id, &v))
		put_view(s, &v, m);
}

static enum parse_status parse(struct postgresql *s, const uint8_t *p, size_t n, size_t total,
			       struct message *m)
{
	struct postgresql_request *r = &s->request;
	ptrdiff_t name = string_end(p + HEADER, n - HEADER), end;
	int begins = step(s, n, m);
	size_t at, len;

	count_completion(s, p[0]);
	r->parsed = 1;
	r->id = 0;
	skip(r, total - n);
	if (name < 0)
		return begins ? PARSE_EVENT : PARSE_MORE;
	at = HEADER + (size_t)name + 1;
	r->name = sql_statement_name(p + HEADER, (size_t)name);
	r->text_is_parse = 1;
	end = string_end(p + at, n - at);
	len = end < 0 ? n - at : (size_t)end;
	text(s, p + at, len, end >= 0 || n == total, m);
	if (end < 0 && n < total)
		r->state = TEXT;
	else
		tell(s, begins, m);
	if (begins && end >= 0)
		sql_tell_text(p + at, len, m);
	return begins ? PARSE_EVENT : PARSE_MORE;
}

static enum parse_status bind(struct postgresql *s, const uint8_t *p, size_t n, size_t total,
			      struct message *m)
{
	ptrdiff_t portal = string_end(p + HEADER, n - HEADER), name = -1;
	size_t at = HEADER + (size_t)portal + 1;
	int begins = step(s, n, m);

	count_completion(s, p[0]);
	skip(&s->request, total - n);
	if (portal >= 0)
		name = string_end(p + at, n - at);
	s->request.id = 0;
	if (name >= 0) {
		uint64_t h = sql_statement_name(p + HEADER, (size_t)portal);

		postgresql_bind(s, h, sql_statement_name(p + at, (size_t)name));
		s->request.id = postgresql_portal(s, h);
	}
	tell(s, begins, m);
	return begins ? PARSE_EVENT : PARSE_MORE;
}

/* Describe, Close: a letter, and a name. */
static enum parse_status describe(struct postgresql *s, const uint8_t *p, size_t n, size_t total,
				  struct message *m)
{
	struct postgresql_request *r = &s->request;
	ptrdiff_t name = n > HEADER ? string_end(p + HEADER + 1, n - HEADER - 1) : -1;
	int begins = step(s, n, m);
	struct sql_view v;

	count_completion(s, p[0]);
	*(p[0] == 'D' ? &r->described : &r->closed) = 1;
	if (begins && name >= 0) {
		uint64_t h = sql_statement_name(p + HEADER + 1, (size_t)name);

		if (p[HEADER] == 'P')
			r->id = postgresql_portal(s, h);
		else if (sql_statements_find(&s->statements, h, &v))
			r->id = v.id;
	}
	skip(r, total - n);
	tell(s, begins, m);
	return begins ? PARSE_EVENT : PARSE_MORE;
}

static enum parse_status execute(struct postgresql *s, const uint8_t *p, size_t n, size_t total,
				 struct message *m)
{
	struct postgresql_request *r = &s->request;
	ptrdiff_t portal = string_end(p + HEADER, n - HEADER);
	int begins = step(s, n, m);
	struct sql_view v;

	r->id = 0;
	if (portal >= 0)
		r->id = postgresql_portal(s, sql_statement_name(p + HEADER, (size_t)portal));
	r->phase = EXECUTES;
	unit_of(s)->flags |= UNIT_EXECUTES;
	if (!sql_statements_find_id(&s->statements, r->id, &v)) {
		unit_of(s)->flags |= UNIT_UNSEEN;
	} else if (v.copies_in) {
		r->phase = COPIES;
		unit_of(s)->flags |= UNIT_COPIES;
	}
	skip(r, total - n);
	tell(s, begins, m);
	return begins ? PARSE_EVENT : PARSE_MORE;
}

static enum parse_status call(struct postgresql *s, size_t n, size_t total, struct message *m)
{
	static const struct str name = {"FUNCTION", 8};

	begin_unit(s, KIND_SIMPLE, SIMPLE, m);
	m->head_len = (uint32_t)n;
	m->operation = m->group = name;
	s->request.seen = 1; /* there is nothing to tell beside that */
	skip(&s->request, total - n);
	return PARSE_EVENT;
}

/* ---- what ends exchanges */

static enum parse_status sync(struct postgresql *s, uint8_t type, struct message *m)
{
	struct postgresql_request *r = &s->request;

	/* while rows are expected, the server passes over them */
	if (r->phase == COPIES && !r->copy_done)
		return PARSE_MORE;
	if (type == 'S')
		r->batch++;
	if (r->phase == TORN)
		r->phase = NONE;
	if (r->phase != PREPARES && r->phase != EXECUTES && r->phase != COPIES)
		return PARSE_MORE;
	if (type == 'H')
		unit_of(s)->flags |= UNIT_FLUSHED;
	return end_unit(s, m);
}

/* The rows of COPY have ended. */
static enum parse_status copy_done(struct postgresql *s, size_t n, size_t total, struct message *m)
{
	struct postgresql_request *r = &s->request;

	skip(r, total - n);
	r->copy_done = r->phase == COPIES;
	if (r->phase != COPIES || !r->simple || r->left)
		return PARSE_MORE;
	return end_unit(s, m);
}

/* Does a message of this type not belong to the exchange that is open? */
static int ends_before(const struct postgresql *s, uint8_t type)
{
	switch (s->request.phase) {
	case CONNECTS:
	case SIMPLE: return 1;
	case PREPARES: return memchr("QFX", type, 3) != NULL;
	case EXECUTES: return memchr("SH", type, 2) == NULL;
	case COPIES:
		if (s->request.copy_done)
			return s->request.simple || type != 'S';
		return memchr("dcfSH", type, 5) == NULL;
	case TORN: return type == 'Q' || type == 'F';
	default: return 0;
	}
}

/* How many bytes of a message are looked at before it is passed over. */
static size_t wanted(uint8_t type, size_t total)
{
	size_t most = type == 'Q' || type == 'P' ? POSTGRESQL_MAX_TEXT : POSTGRESQL_MAX_HEAD;

	if (memchr("dcfpX", type, 5))
		most = HEADER;
	return total < most ? total : most;
}

static enum parse_status whole_message(struct postgresql *s, const uint8_t *p, size_t n,
				       size_t total, struct message *m)
{
	struct postgresql_request *r = &s->request;

	if (r->phase == TORN && !memchr("SH", p[0], 2)) {
		skip(r, total - n);
		return PARSE_MORE;
	}
	switch (p[0]) {
	case 'Q': return query(s, p, n, total, m);
	case 'P': return parse(s, p, n, total, m);
	case 'B': return bind(s, p, n, total, m);
	case 'D':
	case 'C': return describe(s, p, n, total, m);
	case 'E': return execute(s, p, n, total, m);
	case 'F': return call(s, n, total, m);
	case 'S':
	case 'H': return sync(s, p[0], m);
	case 'c':
	case 'f': return copy_done(s, n, total, m);
	default:
		skip(r, total - n);
		if (p[0] == 'd' && r->phase == COPIES && r->left)
			r->state = DATA;
		return PARSE_MORE;
	}
}

static enum parse_status message(struct postgresql *s, const uint8_t *p, size_t n, size_t *used,
				 struct message *m)
{
	struct postgresql_request *r = &s->request;
	size_t total, want;

	/* nothing more belongs to it */
	if (r->phase == CONNECTS || r->phase == SIMPLE)
		return end_unit(s, m);
	if (n < HEADER)
		return PARSE_MORE;
	if (!postgresql_is_request(p))
		return PARSE_BAD;
	if (r->phase == TORN && ends_before(s, p[0]))
		r->phase = NONE;
	if (ends_before(s, p[0]))
		return end_unit(s, m);
	total = 1 + (size_t)be32(p + 1);
	want = wanted(p[0], total);
	if (n < want)
		return PARSE_MORE;
	*used = want;
	return whole_message(s, p, want, total, m);
}

/* ---- what follows a head */

/* A message has ended that a phase ends with. */
static enum parse_status end_skip(struct postgresql *s, struct message *m)
{
	struct postgresql_request *r = &s->request;

	r->state = IDLE;
	if (r->phase == COPIES && r->copy_done && r->simple)
		return end_unit(s, m);
	return PARSE_MORE;
}

static enum parse_status content(struct postgresql *s, struct str data, uint64_t n, int missing,
				 struct message *m)
{
	struct postgresql_request *r = &s->request;
	int is_data = r->state == DATA;

	r->left -= n;
	if (!r->left && !is_data)
		return end_skip(s, m);
	if (!r->left)
		r->state = IDLE;
	if (!is_data || !n)
		return PARSE_MORE;
	m->type = MESSAGE_CONTENT;
	m->data = data;
	m->gap = missing ? n : 0;
	return PARSE_EVENT;
}

static enum parse_status rest_of_text(struct postgresql *s, const uint8_t *p, size_t n,
				      size_t *used, struct message *m)
{
	struct postgresql_request *r = &s->request;
	size_t there = n < r->left ? n : (size_t)r->left;
	ptrdiff_t end = string_end(p, there);
	size_t len = end < 0 ? there : (size_t)end;

	sql_shape_feed(&r->shape, p, len);
	*used = there;
	r->left -= there;
	if (end < 0 && r->left)
		return PARSE_MORE;
	skip(r, r->left);
	if (r->text_is_parse) {
		end_text(s, m);
		return PARSE_MORE;
	}
	/* its head has been given: the end tells */
	r->seen = 1;
	sql_shape_end(&r->shape, &r->hash);
	r->phase = r->shape.copies_in ? COPIES : SIMPLE;
	return PARSE_MORE;
}

/* ---- a start is looked for */

static enum parse_status seek(struct postgresql *s, const uint8_t *p, size_t n, size_t *used)
{
	static const uint8_t sync_message[] = {'S', 0, 0, 0, 4};
	unsigned whole;
	int ends;
	const uint8_t *found;

	if (!n)
		return PARSE_MORE;
	s->request.found = 1;
	if (postgresql_requests(p, n, &whole, &ends) != SIZE_MAX && whole && (ends || whole > 2)) {
		s->request.state = IDLE;
		return PARSE_MORE;
	}
	found = memmem(p, n, sync_message, sizeof(sync_message));
	*used = n;
	if (found) {
		*used = (size_t)(found - p) + sizeof(sync_message);
		s->request.state = IDLE;
	}
	return PARSE_SKIPPED;
}

/* ---- the whole */

static enum parse_status one(struct postgresql *s, const uint8_t *p, size_t n, size_t *used,
			     struct message *m)
{
	struct postgresql_request *r = &s->request;

	*used = 0;
	switch (r->state) {
	case STARTUP:
		if (r->phase == CONNECTS)
			return end_unit(s, m);
		return startup(s, p, n, used, m);
	case SKIP:
	case DATA: {
		uint64_t take = n < r->left ? n : r->left;

		*used = (size_t)take;
		return content(s, (struct str){(const char *)p, (size_t)take}, take, 0, m);
	}
	case TEXT: return n ? rest_of_text(s, p, n, used, m) : PARSE_MORE;
	case SEEK: return seek(s, p, n, used);
	default: return message(s, p, n, used, m);
	}
}

enum parse_status postgresql_request_next(struct postgresql *s, const uint8_t *p, size_t n,
					  size_t *used, struct message *m)
{
	enum parse_status st;
	uint8_t before;
	size_t part;

	*used = 0;
	do {
		before = s->request.state;
		st = one(s, p + *used, n - *used, &part, m);
		*used += part;
	} while (st == PARSE_MORE && (part || s->request.state != before));
	return st;
}

/* ---- what is missing, and the end */

static enum parse_status lose(struct postgresql *s, uint64_t n, uint64_t *used, struct message *m)
{
	struct postgresql_request *r = &s->request;

	postgresql_forget(s);
	if (r->phase != NONE && r->phase != TORN) {
		unit_of(s)->flags |= UNIT_UNSEEN | UNIT_EXECUTES;
		r->phase = NONE;
		m->type = MESSAGE_ABORT;
		return PARSE_EVENT;
	}
	r->phase = NONE;
	r->state = SEEK;
	r->left = 0;
	*used = n;
	return PARSE_SKIPPED;
}

/* A message of which the end is missing, but not the beginning. */
static enum parse_status torn(struct postgresql *s, const uint8_t *p, size_t n, struct message *m)
{
	struct postgresql_request *r = &s->request;
	ptrdiff_t name = p[0] == 'P' ? string_end(p + HEADER, n - HEADER) : -1;
	size_t at = HEADER + (size_t)(name + 1);

	begin_unit(s, p[0] == 'Q' ? KIND_SIMPLE : KIND_EXTENDED, p[0] == 'Q' ? NONE : TORN, m);
	unit_of(s)->flags |= UNIT_EXECUTES | UNIT_UNSEEN;
	m->head_len = (uint32_t)n;
	m->flags |= MESSAGE_TORN | MESSAGE_UNSEEN;
	if (p[0] == 'Q' || name >= 0) { /* the words that are whole */
		sql_shape_begin(&r->shape, SQL_POSTGRESQL, (enum sql_strings)s->strings);
		sql_shape_feed(&r->shape, p + at, n - at);
		m->operation = sql_shape_operation(&r->shape);
		m->target = sql_shape_collection(&r->shape);
	}
	postgresql_forget(s);
	skip(r, 1 + (size_t)be32(p + 1) - n);
	return PARSE_EVENT;
}

enum parse_status postgresql_request_gap(struct postgresql *s, struct str kept, uint64_t n,
					 uint64_t *used, struct message *m)
{
	struct postgresql_request *r = &s->request;
	uint64_t take = n < r->left ? n : r->left;

	*used = 0;
	if (r->phase == SIMPLE && r->state == IDLE)
		return end_unit(s, m);
	if (r->phase == CONNECTS)
		return end_unit(s, m);
	if (r->phase == NONE && r->state == IDLE && kept.n >= HEADER &&
	    memchr("QPB", kept.p[0], 3) && postgresql_is_request((const uint8_t *)kept.p))
		return torn(s, (const uint8_t *)kept.p, kept.n, m);
	if (r->state == TEXT) { /* nobody knows what it is */
		r->seen = 0;
		r->id = 0;
		if (!r->text_is_parse)
			r->phase = SIMPLE;
		else
			postgresql_forget(s);
		r->text_is_parse = 0;
		r->told = 0;
		skip(r, r->left);
	}
	if ((r->state == SKIP || r->state == DATA) && take) {
		*used = take;
		return content(s, (struct str){NULL, 0}, take, 1, m);
	}
	return lose(s, n, used, m);
}

enum parse_status postgresql_request_eof(struct postgresql *s, struct message *m)
{
	struct postgresql_request *r = &s->request;

	if (r->phase == NONE || r->phase == TORN)
		return PARSE_END;
	if (r->state == IDLE && r->phase != COPIES)
		return end_unit(s, m);
	if (r->state == STARTUP)
		return end_unit(s, m);
	r->phase = NONE;
	m->type = MESSAGE_ABORT;
	return PARSE_EVENT;
}

uint64_t postgresql_request_unneeded(const struct postgresql *s)
{
	return s->request.state == SKIP || s->request.state == DATA ? s->request.left : 0;
}

enum place postgresql_request_place(const struct postgresql *s)
{
	return s->request.state == SEEK ? PLACE_SEEK : PLACE_START;
}

void postgresql_request_move(struct postgresql *s, enum place to)
{
	if (to == PLACE_SEEK)
		s->request.state = SEEK;
	else if (to == PLACE_START && s->request.state == SEEK)
		s->request.state = IDLE;
}
