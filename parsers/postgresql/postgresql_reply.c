/*
 * postgresql_reply.c - what servers send; see postgresql.h
 */
#include "parsers/attrs.h"
#include "parsers/postgresql/postgresql_impl.h"
#include "parsers/tls/tls_protocol.h"

#define COLUMN 18u /* what follows the name of a column */

enum state { IDLE, OPEN, SKIP, ROWS, ENDLESS, ENDLESS_SKIP, SEEK };

int postgresql_is_reply(const uint8_t *p)
{
	static const char types[] = "RKSZTDCENAGHWIdc123nstVv";
	uint32_t len = be32(p + 1);

	if (!memchr(types, p[0], sizeof(types) - 1) || len < 4 || len > POSTGRESQL_MAX_LENGTH)
		return 0;
	return !memchr("123nsIc", p[0], 7) || len == 4;
}

static const struct postgresql_unit *unit_of(const struct postgresql *s)
{
	return &s->unit[s->reply.unit];
}

/* Another exchange of the same batch has begun behind this one. */
static int is_followed(const struct postgresql *s)
{
	unsigned next = (s->reply.unit + 1u) % POSTGRESQL_UNITS;

	if (!s->reply.known || s->request.units % POSTGRESQL_UNITS == next)
		return 0;
	return (s->unit[next].flags & UNIT_BATCH) == (unit_of(s)->flags & UNIT_BATCH);
}

/* ---- what messages say */

/* `SELECT 5`, `INSERT 0 1`, `CREATE TABLE`: the verb, and how many rows at the end. */
static void take_tag(struct postgresql_reply *r, const uint8_t *p, size_t n)
{
	size_t word = 0, at = n;
	uint64_t rows = 0, unit = 1;

	while (word < n && p[word] >= 'A' && p[word] <= 'Z')
		word++;
	r->noperation = (uint8_t)(word < sizeof(r->operation) ? word : sizeof(r->operation));
	memcpy(r->operation, p, r->noperation);
	if (r->known == ANSWER_KNOWN)
		sql_words_add(&r->words, r->operation, r->noperation);
	for (; at > word && p[at - 1] >= '0' && p[at - 1] <= '9' && n - at < 19; unit *= 10)
		rows += unit * (uint64_t)(p[--at] - '0');
	if (at == n || !at || p[at - 1] != ' ')
		return;
	r->has_rows = 1;
	r->rows += rows;
}

/* How the columns are called, where the answer is in doubt: of the first rows of several. */
static void take_columns(struct postgresql_reply *r, const uint8_t *p, size_t n)
{
	size_t at = 2;

	if (r->words.n)
		return;
	while (at < n) {
		ptrdiff_t len = string_end(p + at, n - at);

		if (len < 0)
			break;
		sql_words_add(&r->words, (const char *)p + at, (size_t)len);
		at += (size_t)len + 1 + COLUMN;
	}
}

static void take_field(struct postgresql_reply *r, uint8_t type, const uint8_t *p, size_t n)
{
	switch (type) {
	case 'C':
		if (n == sizeof(r->code))
			memcpy(r->code, p, n);
		break;
	case 'S': /* in the language of the server, 'V' is not */
		if (r->has_severity)
			break;
		/* fall through */
	case 'V':
		r->has_severity = type == 'V';
		r->nseverity = (uint8_t)(n < sizeof(r->severity) ? n : sizeof(r->severity));
		memcpy(r->severity, p, r->nseverity);
		break;
	case 'M':
		r->nmessage = (uint16_t)(n < sizeof(r->message) ? n : sizeof(r->message));
		memcpy(r->message, p, r->nmessage);
		break;
	default: break;
	}
}

static void take_error(struct postgresql_reply *r, const uint8_t *p, size_t n)
{
	size_t at = 0;

	if (r->failed) /* the first one counts */
		return;
	r->failed = 1;
	memset(r->code, 0, sizeof(r->code));
	r->has_severity = r->nseverity = 0;
	r->nmessage = 0;
	while (at < n && p[at]) {
		ptrdiff_t len = string_end(p + at + 1, n - at - 1);

		if (len < 0)
			break;
		take_field(r, p[at], p + at + 1, (size_t)len);
		at += (size_t)len + 2;
	}
}

/* Which fields say that the server ends the connection, of a message that nobody has asked for? */
static int is_farewell(const uint8_t *p, size_t n)
{
	return memmem(p, n, "FATAL", 5) || memmem(p, n, "PANIC", 5);
}

static void take_parameter(struct postgresql *s, const uint8_t *p, size_t n)
{
	static const char name[] = "standard_conforming_strings";

	if (n > sizeof(name) + 1 && !memcmp(p, name, sizeof(name)))
		s->strings = p[sizeof(name) + 1] == 'f' ? SQL_STRINGS_ESCAPE : SQL_STRINGS_PLAIN;
}

/* ---- answers */

static void put_database(const struct postgresql *s, struct message *m)
{
	if (s->ndatabase)
		message_text(m, ATTR(db_namespace), (struct str){s->database, s->ndatabase});
}

static enum parse_status end_answer(struct postgresql *s, struct message *m)
{
	struct postgresql_reply *r = &s->reply;

	m->type = MESSAGE_END;
	r->state = IDLE;
	put_database(s, m);
	if (r->known && r->kind != KIND_STARTUP && unit_of(s)->flags & UNIT_UNSEEN && r->noperation)
		m->operation = (struct str){r->operation, r->noperation};
	if (!r->known && r->noperation)
		m->operation = (struct str){r->operation, r->noperation};
	if (r->has_rows || r->counted_rows)
		message_number(m, ATTR(rows), r->has_rows ? r->rows : r->counted_rows);
	if (r->warnings)
		message_number(m, ATTR(db_warnings), r->warnings);
	if (!r->failed) {
		m->words = (struct str){r->words.p, r->words.n};
		return PARSE_EVENT;
	}
	m->flags |= MESSAGE_FAILED;
	if (r->code[0])
		message_text(m, ATTR(db_status), (struct str){r->code, sizeof(r->code)});
	if (r->nseverity)
		message_text(m, ATTR(db_severity), (struct str){r->severity, r->nseverity});
	if (r->nmessage)
		message_text(m, ATTR(db_error), (struct str){r->message, r->nmessage});
	return PARSE_EVENT;
}

static void begin_answer(struct postgresql_reply *r, struct message *m)
{
	r->state = OPEN;
	r->finished = r->failed = r->has_rows = r->has_severity = r->completions = 0;
	r->noperation = r->nseverity = 0;
	r->nmessage = r->warnings = 0;
	r->words.n = 0;
	r->rows = r->counted_rows = 0;
	m->type = MESSAGE_HEAD;
	m->flags = MESSAGE_RESPONSE;
	if (r->found)
		m->flags |= MESSAGE_FOUND;
	r->found = 0;
}

/* Messages that may come at any time, and begin no answer. */
static int is_aside(uint8_t type)
{
	return type == 'N' || type == 'S' || type == 'A';
}

/* Is what was asked, as far as that is in doubt, answered by something else than what begins so? */
static int begins_other(const struct postgresql *s, uint8_t type)
{
	if (s->reply.known != ANSWER_KNOWN || s->reply.kind == KIND_STARTUP || type == 'E')
		return 0;
	switch (s->reply.kind == KIND_EXTENDED ? unit_of(s)->first : 0) {
	case 'P': return type != '1';
	case 'B': return type != '2';
	case 'C': return type != '3';
	case 'D': return !memchr("tTn", type, 3);
	default: return memchr("123nt", type, 5) != NULL;
	}
}

/* The same by what follows, once the answer is complete: ReadyForQuery where Sync was, only. */
static int ends_other(const struct postgresql *s, uint8_t type)
{
	const struct postgresql_reply *r = &s->reply;

	if (r->known != ANSWER_KNOWN || r->kind != KIND_EXTENDED || r->failed || is_aside(type))
		return 0;
	return (type == 'Z') == is_followed(s);
}

/* What is skipped behind an error, up to the Sync whose ReadyForQuery comes now. */
static int is_skipped(const struct postgresql *s)
{
	const struct postgresql_reply *r = &s->reply;

	return r->skipping && r->known && r->kind != KIND_STARTUP &&
	       (unit_of(s)->flags & UNIT_BATCH) == r->skip_batch;
}

static void skip(struct postgresql_reply *r, uint64_t n)
{
	r->left = n;
	if (n)
		r->state = r->state == ENDLESS ? ENDLESS_SKIP : SKIP;
}

/* How many bytes of a message are looked at before it is passed over. */
static size_t wanted(const struct postgresql_reply *r, uint8_t type, size_t total)
{
	size_t most = HEADER;

	if (memchr("CESZ", type, 4) || (type == 'T' && r->known == ANSWER_KNOWN))
		most = POSTGRESQL_MAX_HEAD;
	return total < most ? total : most;
}

static void take_message(struct postgresql *s, const uint8_t *p, size_t n)
{
	switch (p[0]) {
	case 'C': {
		ptrdiff_t len = string_end(p + HEADER, n - HEADER);

		if (len > 0)
			take_tag(&s->reply, p + HEADER, (size_t)len);
		break;
	}
	case 'T': take_columns(&s->reply, p + HEADER, n - HEADER); break;
	case 'E': take_error(&s->reply, p + HEADER, n - HEADER); break;
	case 'S': take_parameter(s, p + HEADER, n - HEADER); break;
	case 'N': s->reply.warnings++; break;
	default: break;
	}
}

/* Has the execution, or what else it answers, ended with this message, but for ReadyForQuery? */
static int finishes(struct postgresql *s, uint8_t type)
{
	struct postgresql_reply *r = &s->reply;
	const struct postgresql_unit *u = unit_of(s);

	if (memchr("123nT", type, 5))
		r->completions++;
	if (r->kind == KIND_STARTUP)
		return type == 'E';
	if (r->kind != KIND_EXTENDED || !r->known)
		return 0;
	if (memchr("CsIE", type, 4))
		return 1;
	return (u->flags & (UNIT_FLUSHED | UNIT_EXECUTES)) == UNIT_FLUSHED &&
	       r->completions >= u->completions;
}

/*
 * Rows, as many as are there, one after the other. Bytes of them are content as they are, with
 * their lengths. Returns how many.
 */
static size_t rows(struct postgresql_reply *r, const uint8_t *p, size_t n)
{
	size_t at = 0;

	while (n - at >= HEADER && (p[at] == 'D' || p[at] == 'd')) {
		uint32_t len = be32(p + at + 1);

		if (len < 4 || len > POSTGRESQL_MAX_LENGTH)
			break;
		r->counted_rows += p[at] == 'D';
		if (len + 1u > n - at) {
			r->left = len + 1u - (n - at);
			r->state = ROWS;
			return n;
		}
		at += len + 1u;
	}
	return at;
}

static enum parse_status content(struct str data, uint64_t missing, struct message *m)
{
	m->type = MESSAGE_CONTENT;
	m->data = data;
	m->gap = missing;
	return PARSE_EVENT;
}

static enum parse_status open_message(struct postgresql *s, const uint8_t *p, size_t n,
				      size_t *used, struct message *m)
{
	struct postgresql_reply *r = &s->reply;
	size_t total, want;

	if (r->finished && r->known && unit_of(s)->flags & UNIT_FLUSHED)
		return end_answer(s, m);
	if (n < HEADER)
		return PARSE_MORE;
	if (r->finished && ends_other(s, p[0])) {
		m->flags = MESSAGE_OTHER;
		end_answer(s, m);
		if (p[0] != 'Z')
			r->state = SEEK;
		return PARSE_EVENT;
	}
	/* the answer to one of several: the next one follows, or nothing for now */
	if (r->finished && !is_aside(p[0]) && (p[0] != 'Z' || (r->failed && is_followed(s))))
		return end_answer(s, m);
	if (!postgresql_is_reply(p))
		return PARSE_BAD;
	if (p[0] == 'D' || p[0] == 'd') {
		*used = rows(r, p, n);
		return *used ? content((struct str){(const char *)p, *used}, 0, m) : PARSE_BAD;
	}
	total = 1 + (size_t)be32(p + 1);
	want = wanted(r, p[0], total);
	if (n < want)
		return PARSE_MORE;
	*used = want;
	take_message(s, p, want);
	skip(r, total - want);
	if (p[0] == 'Z') {
		r->skipping = 0;
		return end_answer(s, m);
	}
	if (finishes(s, p[0])) {
		r->finished = 1;
		r->skipping = r->failed && r->kind == KIND_EXTENDED;
		r->skip_batch = unit_of(s)->flags & UNIT_BATCH;
	}
	return PARSE_MORE;
}

/* An exchange that was skipped: it has an answer of no bytes, the last one with ReadyForQuery. */
static enum parse_status skipped(struct postgresql *s, struct message *m)
{
	begin_answer(&s->reply, m);
	s->reply.failed = s->reply.finished = 1;
	s->reply.code[0] = 0;
	return PARSE_EVENT;
}

/* ---- replication */

static enum parse_status begin_long(struct postgresql *s, struct message *m)
{
	begin_answer(&s->reply, m);
	m->flags |= MESSAGE_LONG;
	put_database(s, m);
	s->reply.state = ENDLESS;
	return PARSE_EVENT;
}

static enum parse_status endless(struct postgresql *s, const uint8_t *p, size_t n, size_t *used,
				 struct message *m)
{
	struct postgresql_reply *r = &s->reply;
	size_t total;

	if (n < HEADER + 1)
		return PARSE_MORE;
	if (!postgresql_is_reply(p))
		return PARSE_BAD;
	total = 1 + (size_t)be32(p + 1);
	*used = HEADER;
	skip(r, total - HEADER);
	if (p[0] == 'd' && total > HEADER && p[HEADER] == 'w') {
		m->type = MESSAGE_NOTICE;
		m->flags = MESSAGE_COUNTED;
		m->size = total - HEADER;
		return PARSE_EVENT;
	}
	if (!memchr("cEC", p[0], 3))
		return PARSE_MORE;
	m->type = MESSAGE_END;
	m->flags = MESSAGE_LONG;
	r->state = r->left ? SKIP : IDLE;
	r->trailing = 1;
	return PARSE_EVENT;
}

/* ---- between answers */

static int switches(struct postgresql *s, const uint8_t *p, size_t *used, struct message *m)
{
	if (!s->request.asked || !memchr("SNG", p[0], 3))
		return 0;
	s->request.asked = 0;
	*used = 1;
	if (p[0] == 'N')
		return 0;
	m->type = MESSAGE_SWITCH;
	m->name = p[0] == 'S' ? &tls_protocol.name : NULL;
	return 1;
}

/* Messages that belong to nothing that was asked. */
static int is_unasked(const struct postgresql *s, const uint8_t *p, size_t n)
{
	const struct postgresql_reply *r = &s->reply;

	if (p[0] == 'N') /* it warns of what was asked */
		return !r->known;
	if (is_aside(p[0]) || p[0] == 'Z')
		return 1;
	if (r->trailing && memchr("Cc", p[0], 2))
		return 1;
	return p[0] == 'E' && !r->known && is_farewell(p + HEADER, n - HEADER);
}

static enum parse_status begin(struct postgresql *s, const uint8_t *p, size_t n, size_t *used,
			       struct message *m)
{
	struct postgresql_reply *r = &s->reply;
	size_t total, want;

	if (!n)
		return PARSE_MORE;
	if (switches(s, p, used, m))
		return PARSE_EVENT;
	if (*used)
		return PARSE_MORE;
	if (n < HEADER)
		return PARSE_MORE;
	if (!postgresql_is_reply(p))
		return PARSE_BAD;
	total = 1 + (size_t)be32(p + 1);
	want = wanted(r, p[0], total);
	if (n < want)
		return PARSE_MORE;
	if (p[0] == 'Z' && is_skipped(s))
		return skipped(s, m);
	if (!is_unasked(s, p, want)) {
		r->trailing = 0;
		if (begins_other(s, p[0])) {
			m->type = MESSAGE_HEAD;
			m->flags = MESSAGE_RESPONSE | MESSAGE_OTHER;
			return PARSE_EVENT;
		}
		if (p[0] == 'W')
			return begin_long(s, m);
		begin_answer(r, m);
		return PARSE_EVENT;
	}
	if (p[0] == 'Z')
		r->skipping = r->trailing = 0;
	if (p[0] == 'S')
		take_parameter(s, p + HEADER, want - HEADER);
	*used = want;
	skip(r, total - want);
	r->aside = r->state == SKIP;
	return PARSE_MORE;
}

/* ---- a start is looked for */

static enum parse_status seek(struct postgresql_reply *r, const uint8_t *p, size_t n, size_t *used)
{
	static const uint8_t ready[] = {'Z', 0, 0, 0, 5};
	const uint8_t *at = p, *found;

	r->found = 1;
	while ((found = memmem(at, n - (size_t)(at - p), ready, sizeof(ready)))) {
		size_t end = (size_t)(found - p) + 6;

		if (end > n) { /* its last byte is still to come */
			*used = (size_t)(found - p);
			return *used ? PARSE_SKIPPED : PARSE_MORE;
		}
		if (memchr("ITE", p[end - 1], 3) &&
		    (n - end < HEADER || postgresql_is_reply(p + end))) {
			*used = end;
			r->state = IDLE;
			return PARSE_SKIPPED;
		}
		at = found + 1;
	}
	/* its beginning may be at the end */
	*used = n;
	for (size_t k = 1; k < sizeof(ready) && k <= n; k++)
		if (!memcmp(p + n - k, ready, k))
			*used = n - k;
	return *used ? PARSE_SKIPPED : PARSE_MORE;
}

/* ---- the whole */

static void end_skip(struct postgresql_reply *r)
{
	if (r->state == ENDLESS_SKIP)
		r->state = ENDLESS;
	else
		r->state = r->aside || r->trailing ? IDLE : OPEN;
	r->aside = 0;
}

static enum parse_status passed_over(struct postgresql_reply *r, struct str data, uint64_t n,
				     int missing, struct message *m)
{
	int is_rows = r->state == ROWS;

	r->left -= n;
	if (!r->left)
		end_skip(r);
	return is_rows && n ? content(data, missing ? n : 0, m) : PARSE_MORE;
}

static enum parse_status one(struct postgresql *s, const uint8_t *p, size_t n, size_t *used,
			     struct message *m)
{
	struct postgresql_reply *r = &s->reply;
	uint64_t take;

	*used = 0;
	switch (r->state) {
	case OPEN: return open_message(s, p, n, used, m);
	case SKIP:
	case ENDLESS_SKIP:
	case ROWS:
		take = n < r->left ? n : r->left;
		*used = (size_t)take;
		return passed_over(r, (struct str){(const char *)p, (size_t)take}, take, 0, m);
	case ENDLESS: return endless(s, p, n, used, m);
	case SEEK: return n ? seek(r, p, n, used) : PARSE_MORE;
	default: return begin(s, p, n, used, m);
	}
}

/* An answer that is open cannot be followed any more. */
static enum parse_status broken(struct postgresql_reply *r, struct message *m, unsigned flags)
{
	int open = r->state == OPEN || r->state == ROWS || (r->state == SKIP && !r->aside);

	if (!open)
		return PARSE_BAD;
	r->state = IDLE;
	m->type = MESSAGE_ABORT;
	m->flags = flags;
	return PARSE_EVENT;
}

enum parse_status postgresql_reply_next(struct postgresql *s, const uint8_t *p, size_t n,
					size_t *used, struct message *m)
{
	enum parse_status st;
	uint8_t before;
	size_t part;

	*used = 0;
	do {
		before = s->reply.state;
		st = one(s, p + *used, n - *used, &part, m);
		*used += part;
	} while (st == PARSE_MORE && (part || s->reply.state != before));
	return st == PARSE_BAD ? broken(&s->reply, m, MESSAGE_BAD) : st;
}

/* ---- what is missing, and the end */

enum parse_status postgresql_reply_gap(struct postgresql *s, struct str kept, uint64_t n,
				       uint64_t *used, struct message *m)
{
	struct postgresql_reply *r = &s->reply;
	uint64_t take = n < r->left ? n : r->left;

	(void)kept;
	*used = 0;
	if (take && (r->state == SKIP || r->state == ENDLESS_SKIP || r->state == ROWS)) {
		*used = take;
		return passed_over(r, (struct str){NULL, 0}, take, 1, m);
	}
	if (r->state == OPEN)
		return broken(r, m, 0);
	if (r->state == ENDLESS) { /* its end would come with that of the connection */
		*used = n;
		r->state = SEEK;
		return PARSE_SKIPPED;
	}
	s->strings = SQL_STRINGS_UNKNOWN;
	r->state = SEEK;
	r->aside = r->trailing = r->skipping = 0;
	r->left = 0;
	*used = n;
	return PARSE_SKIPPED;
}

enum parse_status postgresql_reply_eof(struct postgresql *s, struct message *m)
{
	struct postgresql_reply *r = &s->reply;

	if (r->state == OPEN && (r->finished || r->failed))
		return end_answer(s, m);
	if (r->state == ENDLESS || r->state == ENDLESS_SKIP) {
		r->state = IDLE;
		m->type = MESSAGE_END;
		m->flags = MESSAGE_LONG;
		return PARSE_EVENT;
	}
	return broken(r, m, 0) == PARSE_EVENT ? PARSE_EVENT : PARSE_END;
}

uint64_t postgresql_reply_unneeded(const struct postgresql *s)
{
	const struct postgresql_reply *r = &s->reply;

	return r->state == SKIP || r->state == ENDLESS_SKIP || r->state == ROWS ? r->left : 0;
}

enum place postgresql_reply_place(const struct postgresql *s)
{
	return s->reply.state == SEEK ? PLACE_SEEK : PLACE_START;
}

void postgresql_reply_move(struct postgresql *s, enum place to)
{
	if (to == PLACE_SEEK)
		s->reply.state = SEEK;
	else if (to == PLACE_START && s->reply.state == SEEK)
		s->reply.state = IDLE;
}
