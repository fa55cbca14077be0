/*
 * mysql_reply.c - what servers send; see mysql.h
 */
#include "parsers/attrs.h"
#include "parsers/mysql/mysql_impl.h"

/* Where in an answer. */
enum step {
	NOTHING, /* none is open */
	FIRST,
	COLUMNS,
	BEHIND_COLUMNS, /* EOF, or rows */
	ROWS,
	PARAMS,
	BEHIND_PARAMS,
	FIELDS,
	OVER,
};

static void skip(struct mysql_reply *r, uint64_t n)
{
	r->left = n;
	r->state = n ? STATE_SKIP : STATE_IDLE;
}

/* ---- packets. p: behind the header, n bytes of len */

static int is_eof(const uint8_t *p, size_t n, uint32_t len)
{
	return n && p[0] == 0xfe && len < WHOLE_PACKET;
}

/* The status that OK or EOF tells. */
static unsigned take_ok(struct mysql_reply *r, const uint8_t *p, size_t n, uint32_t len)
{
	size_t at = 1;
	uint64_t rows, id;

	if (p[0] == 0xfe && len == 5 && n >= 5) {
		r->warnings = (uint16_t)(r->warnings + le16(p + 1));
		return le16(p + 3);
	}
	if (!mysql_number(p, n, &at, &rows) || !mysql_number(p, n, &at, &id) || n - at < 4)
		return 0;
	if (p[0] == 0) {
		r->rows += rows;
		r->has_rows = 1;
	}
	r->warnings = (uint16_t)(r->warnings + le16(p + at + 2));
	return le16(p + at);
}

static void take_error(struct mysql_reply *r, const uint8_t *p, size_t n)
{
	size_t at = 3;

	r->failed = 1;
	r->code = n >= 3 ? le16(p + 1) : 0;
	memset(r->sqlstate, 0, sizeof(r->sqlstate));
	if (n >= 9 && p[3] == '#') {
		memcpy(r->sqlstate, p + 4, sizeof(r->sqlstate));
		at = 9;
	}
	r->nmessage = 0;
	if (n > at) {
		size_t len = n - at < sizeof(r->message) ? n - at : sizeof(r->message);

		memcpy(r->message, p + at, len);
		r->nmessage = (uint16_t)len;
	}
}

static void result_ends(struct mysql_reply *r, unsigned status)
{
	r->step = status & STATUS_MORE_RESULTS ? FIRST : OVER;
}

static void begin_result(struct mysql *s, const uint8_t *p, size_t n, uint32_t len)
{
	struct mysql_reply *r = &s->reply;
	uint64_t columns;
	size_t at = 0;

	if (!mysql_number(p, n, &at, &columns) || columns > 65535) {
		r->step = OVER;
		return;
	}
	r->has_rows = 1;
	r->columns = (uint32_t)columns;
	r->step = COLUMNS;
	if (s->extended & CAP_EXT_CACHE && len == at + 1 && !p[at])
		r->step = ROWS; /* the client has the metadata */
}

static void prepared(struct mysql *s, const uint8_t *p, size_t n)
{
	struct mysql_reply *r = &s->reply;
	struct sql_view v;

	if (n < 12) {
		r->step = OVER;
		return;
	}
	if (sql_statements_find(&s->statements, SQL_UNNAMED, &v) && r->known)
		sql_statements_put(&s->statements, 2 + (uint64_t)le32(p + 1), &v);
	r->columns = le16(p + 5);
	r->params = le16(p + 7);
	r->warnings = le16(p + 10);
	r->step = r->params ? PARAMS : r->columns ? COLUMNS : OVER;
}

/* MariaDB tells how far it is. */
static int is_progress(const uint8_t *p, size_t n)
{
	return n >= 3 && p[0] == 0xff && le16(p + 1) == 0xffff;
}

static void first_packet(struct mysql *s, const uint8_t *p, size_t n, uint32_t len)
{
	struct mysql_reply *r = &s->reply;

	if (n && p[0] == 0xff) {
		take_error(r, p, n);
		r->step = OVER;
	} else if (r->kind == KIND_PACKET) {
		r->step = OVER;
	} else if (r->kind == KIND_CONNECT) {
		if (n && p[0] == 0)
			r->step = OVER;
		s->compressed = r->step == OVER && s->capabilities & (CAP_COMPRESS | CAP_ZSTD) &&
				!s->compressed;
	} else if (r->kind == KIND_PREPARE && n && p[0] == 0) {
		prepared(s, p, n);
	} else if (r->kind == KIND_FIELDS) {
		r->step = FIELDS;
		if (is_eof(p, n, len))
			result_ends(r, take_ok(r, p, n, len) & 0);
	} else if (n && (p[0] == 0 || is_eof(p, n, len))) {
		result_ends(r, take_ok(r, p, n, len));
	} else if (n && p[0] != 0xfb) { /* else: it asks for a file */
		begin_result(s, p, n, len);
	}
}

static void row(struct mysql_reply *r, const uint8_t *p, size_t n, uint32_t len)
{
	if (n && p[0] == 0xff) {
		take_error(r, p, n);
		r->step = OVER;
	} else if (is_eof(p, n, len)) {
		result_ends(r, take_ok(r, p, n, len));
	} else {
		r->step = ROWS;
		r->rows++;
	}
}

static void take_packet(struct mysql *s, const uint8_t *p, size_t n, uint32_t len)
{
	struct mysql_reply *r = &s->reply;
	int prepare = r->kind == KIND_PREPARE;

	if (is_progress(p, n))
		return;
	switch (r->step) {
	case FIRST: first_packet(s, p, n, len); break;
	case PARAMS:
		if (--r->params)
			break;
		r->step = BEHIND_PARAMS;
		if (s->eof == EOF_NEVER)
			r->step = r->columns ? COLUMNS : OVER;
		break;
	case COLUMNS:
		if (!--r->columns)
			r->step = prepare && s->eof == EOF_NEVER ? OVER : BEHIND_COLUMNS;
		break;
	case BEHIND_COLUMNS:
		s->eof = is_eof(p, n, len) && len == 5 ? EOF_COMES : EOF_NEVER;
		if (s->eof == EOF_NEVER)
			row(r, p, n, len);
		else
			r->step = ROWS;
		break;
	case ROWS:
	case FIELDS: row(r, p, n, len); break;
	default: break;
	}
}

/* ---- answers */

static enum parse_status end_answer(struct mysql *s, struct message *m)
{
	struct mysql_reply *r = &s->reply;

	m->type = MESSAGE_END;
	r->step = NOTHING;
	if (s->ndatabase)
		message_text(m, ATTR(db_namespace), (struct str){s->database, s->ndatabase});
	if (r->has_rows && !r->failed && r->kind == KIND_RESULT)
		message_number(m, ATTR(rows), r->rows);
	if (r->warnings)
		message_number(m, ATTR(db_warnings), r->warnings);
	if (!r->failed)
		return PARSE_EVENT;
	m->flags |= MESSAGE_FAILED;
	if (r->sqlstate[0])
		message_text(m, ATTR(db_status), (struct str){r->sqlstate, sizeof(r->sqlstate)});
	message_number(m, ATTR(db_code), r->code);
	if (r->nmessage)
		message_text(m, ATTR(db_error), (struct str){r->message, r->nmessage});
	return PARSE_EVENT;
}

static enum parse_status begin_answer(struct mysql_reply *r, struct message *m)
{
	r->step = FIRST;
	r->failed = r->has_rows = 0;
	r->rows = 0;
	r->warnings = r->nmessage = 0;
	m->type = MESSAGE_HEAD;
	m->flags = MESSAGE_RESPONSE;
	if (r->found)
		m->flags |= MESSAGE_FOUND;
	r->found = 0;
	if (r->kind == KIND_LONG) {
		m->flags |= MESSAGE_LONG;
		r->step = NOTHING;
		r->fresh = 1;
	}
	return PARSE_EVENT;
}

static enum parse_status notice(struct mysql_reply *r, size_t total, struct message *m)
{
	skip(r, total - HEADER);
	m->type = MESSAGE_NOTICE;
	m->flags = r->fresh ? MESSAGE_COUNTED : 0;
	m->size = total - HEADER;
	return PARSE_EVENT;
}

/* Of PREPARE: in EOF, or the next thing comes, which may be another answer. */
static enum parse_status definitions_end(struct mysql_reply *r, const uint8_t *p, size_t n,
					 size_t *used)
{
	int eof;

	if (n <= HEADER)
		return PARSE_MORE;
	eof = le24(p) == 5 && p[HEADER] == 0xfe && p[3] != 1;
	if (eof && n < HEADER + 5)
		return PARSE_MORE;
	*used = eof ? HEADER + 5 : 0;
	r->step = r->step == BEHIND_PARAMS && r->columns ? COLUMNS : OVER;
	return PARSE_MORE;
}

static enum parse_status packet(struct mysql *s, const uint8_t *p, size_t n, size_t *used,
				struct message *m)
{
	struct mysql_reply *r = &s->reply;
	size_t head = s->compressed ? HEADER + 3 : HEADER, total, want;
	int is_row;

	if (r->step == OVER)
		return end_answer(s, m);
	if (n < head)
		return PARSE_MORE;
	total = head + le24(p);
	if (r->step == NOTHING && (s->compressed || r->fresh || !r->known)) {
		if (r->known && r->kind == KIND_LONG && !r->fresh)
			return begin_answer(r, m);
		if (!r->known || s->compressed || r->fresh) {
			*used = head;
			return notice(r, total + HEADER - head, m);
		}
	}
	if (r->step == NOTHING)
		return begin_answer(r, m);
	if (r->kind == KIND_PREPARE && (r->step == BEHIND_PARAMS || r->step == BEHIND_COLUMNS))
		return definitions_end(r, p, n, used);
	want = total < MYSQL_MAX_HEAD ? total : MYSQL_MAX_HEAD;
	if (n < want)
		return PARSE_MORE;
	*used = want;
	is_row = r->is_long;
	if (!r->is_long) {
		uint64_t before = r->rows;

		take_packet(s, p + HEADER, want - HEADER, le24(p));
		is_row = r->rows != before;
	}
	r->is_long = le24(p) == WHOLE_PACKET;
	skip(r, total - want);
	if (r->step != ROWS || !is_row || want == HEADER)
		return PARSE_MORE;
	m->type = MESSAGE_CONTENT;
	m->data = (struct str){(const char *)p + HEADER, want - HEADER};
	return PARSE_EVENT;
}

static enum parse_status content(struct mysql_reply *r, struct str data, uint64_t n, int missing,
				 struct message *m)
{
	skip(r, r->left - n);
	if (r->step != ROWS || !n)
		return PARSE_MORE;
	m->type = MESSAGE_CONTENT;
	m->data = data;
	m->gap = missing ? n : 0;
	return PARSE_EVENT;
}

static enum parse_status step(struct mysql *s, const uint8_t *p, size_t n, size_t *used,
			      struct message *m)
{
	struct mysql_reply *r = &s->reply;

	*used = 0;
	switch (r->state) {
	case STATE_SKIP:
		*used = n < r->left ? n : (size_t)r->left;
		return content(r, (struct str){(const char *)p, *used}, *used, 0, m);
	case STATE_SEEK:
		*used = n;
		r->found = 1;
		return n ? PARSE_SKIPPED : PARSE_MORE;
	default: return packet(s, p, n, used, m);
	}
}

enum parse_status mysql_reply_next(struct mysql *s, const uint8_t *p, size_t n, size_t *used,
				   struct message *m)
{
	enum parse_status st;
	uint8_t state, where;
	size_t part;

	*used = 0;
	do {
		state = s->reply.state;
		where = s->reply.step;
		st = step(s, p + *used, n - *used, &part, m);
		*used += part;
	} while (st == PARSE_MORE && (part || s->reply.state != state || s->reply.step != where));
	return st;
}

enum parse_status mysql_reply_gap(struct mysql *s, uint64_t n, uint64_t *used, struct message *m)
{
	struct mysql_reply *r = &s->reply;

	*used = 0;
	if (r->state == STATE_SKIP) {
		*used = n < r->left ? n : r->left;
		return content(r, (struct str){NULL, 0}, *used, 1, m);
	}
	if (r->step == OVER)
		return end_answer(s, m);
	if (r->step != NOTHING) {
		r->step = NOTHING;
		m->type = MESSAGE_ABORT;
		return PARSE_EVENT;
	}
	r->state = STATE_SEEK;
	*used = n;
	return PARSE_SKIPPED;
}

enum parse_status mysql_reply_eof(struct mysql *s, struct message *m)
{
	struct mysql_reply *r = &s->reply;

	if (r->step == OVER)
		return end_answer(s, m);
	if (r->fresh) {
		r->fresh = 0;
		m->type = MESSAGE_END;
		m->flags = MESSAGE_LONG;
		return PARSE_EVENT;
	}
	if (r->step == NOTHING)
		return PARSE_END;
	r->step = NOTHING;
	m->type = MESSAGE_ABORT;
	return PARSE_EVENT;
}
