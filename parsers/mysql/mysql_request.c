/*
 * mysql_request.c - what clients send; see mysql.h
 */
#include "parsers/attrs.h"
#include "parsers/mysql/mysql_impl.h"
#include "parsers/sql/sql_message.h"
#include "parsers/tls/tls_protocol.h"

/* As `db_operation`; NULL: there is no such command. */
static const char *command_name(uint8_t c)
{
	static const char *const names[] = {
		[COM_INIT_DB] = "USE",
		[COM_QUERY] = "QUERY",
		[COM_FIELD_LIST] = "FIELDS",
		[5] = "CREATE DATABASE",
		[6] = "DROP DATABASE",
		[7] = "REFRESH",
		[8] = "SHUTDOWN",
		[COM_STATISTICS] = "STATISTICS",
		[0xa] = "PROCESSES",
		[0xc] = "KILL",
		[0xd] = "DEBUG",
		[COM_PING] = "PING",
		[COM_CHANGE_USER] = "CONNECT",
		[COM_BINLOG_DUMP] = "BINLOG_DUMP",
		[COM_REGISTER_SLAVE] = "REGISTER",
		[COM_STMT_PREPARE] = "PREPARE",
		[COM_STMT_EXECUTE] = "EXECUTE",
		[COM_STMT_SEND_LONG_DATA] = "SEND",
		[COM_STMT_CLOSE] = "CLOSE",
		[COM_STMT_RESET] = "RESET",
		[COM_SET_OPTION] = "OPTION",
		[COM_STMT_FETCH] = "FETCH",
		[COM_BINLOG_DUMP_GTID] = "BINLOG_DUMP",
		[COM_RESET_CONNECTION] = "RESET",
		[COM_QUIT] = "QUIT",
	};

	if (c == COM_BULK_EXECUTE)
		return "EXECUTE";
	return c < sizeof(names) / sizeof(names[0]) ? names[c] : NULL;
}

int mysql_number(const uint8_t *p, size_t n, size_t *at, uint64_t *v)
{
	unsigned size = 0;

	if (*at >= n)
		return 0;
	*v = p[(*at)++];
	if (*v < 0xfb)
		return 1;
	size = *v == 0xfc ? 2 : *v == 0xfd ? 3 : *v == 0xfe ? 8 : 0;
	*v = 0;
	if (!size || n - *at < size)
		return 0;
	for (unsigned i = 0; i < size; i++)
		*v |= (uint64_t)p[(*at)++] << 8 * i;
	return 1;
}

static struct str word(const char *s)
{
	return (struct str){s, strlen(s)};
}

static void skip(struct mysql_request *r, uint64_t n)
{
	r->left = n;
	r->state = n ? STATE_SKIP : STATE_IDLE;
}

static enum parse_status head(struct mysql_request *r, const char *name, enum kind kind,
			      struct message *m)
{
	m->type = MESSAGE_HEAD;
	m->form = kind;
	m->operation = word(name);
	m->group = m->operation;
	if (r->found)
		m->flags |= MESSAGE_FOUND;
	r->found = 0;
	r->open = 1;
	r->seen = 1;
	r->late = r->prepares = 0;
	return PARSE_EVENT;
}

/* ---- opening the connection */

int mysql_is_handshake(const uint8_t *p, size_t n)
{
	static const uint8_t zeros[19];
	uint32_t len = n >= HEADER ? le24(p) : 0;

	return n >= HEADER + 32 && len >= 32 && len < 65536 && (p[3] == 1 || p[3] == 2) &&
	       le32(p + 4) & CAP_PROTOCOL_41 && !memcmp(p + 13, zeros, sizeof(zeros));
}

/* Behind the user's name and what proves it. */
static void note_database(struct mysql *s, const uint8_t *p, size_t n)
{
	size_t at = HEADER + 32;
	const uint8_t *end = at < n ? memchr(p + at, 0, n - at) : NULL;
	uint64_t len = 0;

	if (!end || !(s->capabilities & CAP_WITH_DB))
		return;
	at = (size_t)(end - p) + 1;
	if (s->capabilities & (CAP_SECURE | CAP_AUTH_LENENC)) {
		if (!mysql_number(p, n, &at, &len) || len > n - at)
			return;
		at += len;
	} else {
		end = at < n ? memchr(p + at, 0, n - at) : NULL;
		at = end ? (size_t)(end - p) + 1 : n;
	}
	end = at < n ? memchr(p + at, 0, n - at) : NULL;
	if (!end)
		return;
	len = (size_t)(end - p) - at;
	s->ndatabase = (uint8_t)(len < sizeof(s->database) ? len : sizeof(s->database));
	memcpy(s->database, p + at, s->ndatabase);
}

static enum parse_status handshake(struct mysql *s, const uint8_t *p, size_t n, struct message *m)
{
	s->capabilities = le32(p + 4);
	s->eof = s->capabilities & CAP_NO_EOF ? EOF_NEVER : EOF_COMES;
	s->extended = s->capabilities & 1 ? 0 : le32(p + HEADER + 28);
	if (n == HEADER + 32 && s->capabilities & CAP_SSL) {
		m->type = MESSAGE_SWITCH;
		m->name = &tls_protocol.name;
		return PARSE_EVENT;
	}
	note_database(s, p, n);
	m->head_len = (uint32_t)n;
	return head(&s->request, "CONNECT", KIND_CONNECT, m);
}

/* ---- commands */

static void end_text(struct mysql *s, struct message *m)
{
	struct mysql_request *r = &s->request;
	struct sql_view v;

	sql_shape_end(&r->shape, &r->hash);
	sql_view_of(&r->shape, r->hash, &v);
	if (r->prepares) /* until its number is known */
		sql_statements_put(&s->statements, SQL_UNNAMED, &v);
	sql_tell(&v, s->reply.digits, m);
	if (r->prepares)
		m->operation = word("PREPARE");
	r->seen = 1;
}

static enum parse_status statement(struct mysql *s, const uint8_t *p, size_t n, size_t total,
				   struct message *m)
{
	struct mysql_request *r = &s->request;
	int prepares = p[HEADER] == COM_STMT_PREPARE, whole = n == total;
	size_t at = HEADER + 1;
	uint64_t params = 0, sets;

	if (!prepares && mysql_has_attributes(p + at, n - at) &&
	    (!mysql_number(p, n, &at, &params) || !mysql_number(p, n, &at, &sets)))
		at = n;
	head(r, command_name(p[HEADER]), prepares ? KIND_PREPARE : KIND_RESULT, m);
	m->head_len = (uint32_t)n;
	r->prepares = (uint8_t)prepares;
	r->left = total - n;
	if (params) { /* its text is behind values of any type */
		m->operation = m->group = (struct str){NULL, 0};
		r->seen = 0;
		m->form |= FORM_UNSEEN;
		skip(r, r->left);
		return PARSE_EVENT;
	}
	sql_shape_begin(&r->shape, SQL_MYSQL, SQL_STRINGS_UNKNOWN);
	sql_shape_feed(&r->shape, p + at, n - at);
	if (whole && le24(p) != WHOLE_PACKET) {
		end_text(s, m);
		sql_tell_text(p + at, n - at, m);
		r->state = STATE_IDLE;
		return PARSE_EVENT;
	}
	m->operation = m->group = (struct str){NULL, 0};
	r->seen = 0;
	r->late = 1;
	r->state = STATE_TEXT;
	return PARSE_EVENT;
}

static enum parse_status execute(struct mysql *s, const uint8_t *p, size_t n, struct message *m)
{
	struct mysql_request *r = &s->request;
	uint32_t id = n >= HEADER + 5 ? le32(p + HEADER + 1) : 0;
	uint64_t name = id == UINT32_MAX ? SQL_UNNAMED : 2 + (uint64_t)id;
	struct sql_view v;

	head(r, "EXECUTE", p[HEADER] == COM_STMT_FETCH ? KIND_FIELDS : KIND_RESULT, m);
	if (sql_statements_find(&s->statements, name, &v)) {
		sql_tell(&v, s->reply.digits, m);
	} else {
		m->operation = m->group = (struct str){NULL, 0};
		r->seen = 0;
		m->form |= FORM_UNSEEN;
	}
	if (p[HEADER] == COM_STMT_FETCH)
		m->operation = word("FETCH");
	return PARSE_EVENT;
}

static void forget(struct mysql *s, const uint8_t *p, size_t n)
{
	struct sql_view none = {.shape = {"", 0}};

	if (n >= HEADER + 5)
		sql_statements_put(&s->statements, 2 + (uint64_t)le32(p + HEADER + 1), &none);
}

static enum kind kind_of(uint8_t command)
{
	switch (command) {
	case COM_STATISTICS: return KIND_PACKET;
	case COM_FIELD_LIST: return KIND_FIELDS;
	case COM_BINLOG_DUMP:
	case COM_BINLOG_DUMP_GTID: return KIND_LONG;
	case COM_CHANGE_USER: return KIND_CONNECT;
	default: return KIND_RESULT;
	}
}

static enum parse_status command(struct mysql *s, const uint8_t *p, size_t n, size_t total,
				 struct message *m)
{
	struct mysql_request *r = &s->request;
	uint8_t c = p[HEADER];

	if (c == COM_QUERY || c == COM_STMT_PREPARE)
		return statement(s, p, n, total, m);
	skip(r, total - n);
	if (c == COM_QUIT || c == COM_STMT_CLOSE || c == COM_STMT_SEND_LONG_DATA) {
		if (c == COM_STMT_CLOSE)
			forget(s, p, n);
		return PARSE_MORE;
	}
	m->head_len = (uint32_t)n;
	if (c == COM_STMT_EXECUTE || c == COM_BULK_EXECUTE || c == COM_STMT_FETCH)
		return execute(s, p, n, m);
	if (c == COM_INIT_DB) {
		s->ndatabase =
			(uint8_t)(n - HEADER - 1 < sizeof(s->database) ? n - HEADER - 1
								       : sizeof(s->database));
		memcpy(s->database, p + HEADER + 1, s->ndatabase);
	}
	if (c == COM_CHANGE_USER || c == COM_RESET_CONNECTION)
		sql_statements_forget(&s->statements);
	return head(r, command_name(c), kind_of(c), m);
}

static enum parse_status end(struct mysql *s, struct message *m)
{
	struct mysql_request *r = &s->request;

	r->open = 0;
	m->type = MESSAGE_END;
	if (!r->seen)
		m->flags |= MESSAGE_UNSEEN;
	return PARSE_EVENT;
}

static enum parse_status packet(struct mysql *s, const uint8_t *p, size_t n, size_t *used,
				struct message *m)
{
	struct mysql_request *r = &s->request;
	size_t total, want;
	int text;

	if (r->open && !r->is_long)
		return end(s, m);
	if (n < HEADER + (n >= 3 && !le24(p) ? 0 : 1))
		return PARSE_MORE;
	total = HEADER + le24(p);
	text = !p[3] && total > HEADER && !r->is_long &&
	       (p[HEADER] == COM_QUERY || p[HEADER] == COM_STMT_PREPARE);
	want = text ? MYSQL_MAX_TEXT : MYSQL_MAX_HEAD;
	want = total < want ? total : want;
	if (n < want)
		return PARSE_MORE;
	*used = want;
	if (r->is_long || p[3]) { /* it goes on, or is part of something */
		r->is_long = r->is_long && le24(p) == WHOLE_PACKET;
		if (p[3] && mysql_is_handshake(p, want) && !s->capabilities) {
			skip(r, total - want);
			return handshake(s, p, want, m);
		}
		skip(r, total - want);
		return PARSE_MORE;
	}
	if (total == HEADER || !command_name(p[HEADER]))
		return PARSE_BAD;
	r->is_long = le24(p) == WHOLE_PACKET;
	return command(s, p, want, total, m);
}

static enum parse_status rest_of_text(struct mysql *s, const uint8_t *p, size_t n, size_t *used,
				      struct message *m)
{
	struct mysql_request *r = &s->request;

	*used = n < r->left ? n : (size_t)r->left;
	sql_shape_feed(&r->shape, p, *used);
	r->left -= *used;
	if (r->left)
		return PARSE_MORE;
	if (r->is_long) { /* the next packet has more of it */
		if (n - *used < HEADER)
			return PARSE_MORE;
		r->left = le24(p + *used);
		r->is_long = r->left == WHOLE_PACKET;
		*used += HEADER;
		if (r->left)
			return PARSE_MORE;
	}
	r->state = STATE_IDLE;
	r->late = 0;
	end_text(s, m);
	return end(s, m);
}

static enum parse_status compressed(struct mysql *s, const uint8_t *p, size_t n, size_t *used,
				    struct message *m)
{
	struct mysql_request *r = &s->request;

	if (r->open)
		return end(s, m);
	if (n < HEADER + 3)
		return PARSE_MORE;
	*used = HEADER + 3;
	skip(r, le24(p));
	if (s->compressed != 1)
		return PARSE_MORE;
	s->compressed = 2;
	m->head_len = HEADER + 3;
	return head(r, "COMPRESSED", KIND_LONG, m);
}

static enum parse_status seek(struct mysql_request *r, const uint8_t *p, size_t n, size_t *used)
{
	if (!n)
		return PARSE_MORE;
	r->found = 1;
	if (n > HEADER && !p[3] && HEADER + le24(p) == n && command_name(p[HEADER])) {
		r->state = STATE_IDLE;
		return PARSE_MORE;
	}
	*used = n;
	return PARSE_SKIPPED;
}

static enum parse_status step(struct mysql *s, const uint8_t *p, size_t n, size_t *used,
			      struct message *m)
{
	struct mysql_request *r = &s->request;

	*used = 0;
	switch (r->state) {
	case STATE_SKIP:
		*used = n < r->left ? n : (size_t)r->left;
		skip(r, r->left - *used);
		return PARSE_MORE;
	case STATE_TEXT: return n || !r->left ? rest_of_text(s, p, n, used, m) : PARSE_MORE;
	case STATE_SEEK: return seek(r, p, n, used);
	default: return s->compressed ? compressed(s, p, n, used, m) : packet(s, p, n, used, m);
	}
}

enum parse_status mysql_request_next(struct mysql *s, const uint8_t *p, size_t n, size_t *used,
				     struct message *m)
{
	enum parse_status st;
	uint8_t before;
	size_t part;

	*used = 0;
	do {
		before = s->request.state;
		st = step(s, p + *used, n - *used, &part, m);
		*used += part;
	} while (st == PARSE_MORE && (part || s->request.state != before));
	return st;
}

enum parse_status mysql_request_gap(struct mysql *s, uint64_t n, uint64_t *used, struct message *m)
{
	struct mysql_request *r = &s->request;

	*used = 0;
	if (r->state == STATE_TEXT) { /* nobody knows what it is */
		sql_statements_forget(&s->statements);
		r->late = 0;
		skip(r, r->left);
	}
	if (r->open && r->state == STATE_IDLE && !r->is_long)
		return end(s, m);
	if (r->state == STATE_SKIP) {
		*used = n < r->left ? n : r->left;
		skip(r, r->left - *used);
		return PARSE_MORE;
	}
	if (r->open) {
		r->open = 0;
		m->type = MESSAGE_ABORT;
		return PARSE_EVENT;
	}
	sql_statements_forget(&s->statements);
	r->is_long = 0;
	r->state = STATE_SEEK;
	*used = n;
	return PARSE_SKIPPED;
}

enum parse_status mysql_request_eof(struct mysql *s, struct message *m)
{
	struct mysql_request *r = &s->request;

	if (!r->open)
		return PARSE_END;
	if (r->state == STATE_IDLE && !r->is_long)
		return end(s, m);
	r->open = 0;
	m->type = MESSAGE_ABORT;
	return PARSE_EVENT;
}
