/*
 * fastcgi_protocol.c - records to messages, probing, and the row of the table; see fastcgi.h
 */
#include "parsers/byte_order.h"
#include "parsers/fastcgi/fastcgi_impl.h"
#include "parsers/str.h"

/* An event that is due without another byte. */
enum due { DUE_HEAD = 1, DUE_END = 2 };

enum state { AT_HEADER, IN_RECORD, IN_PADDING, LOST };

/* ---- params */

static void put(char *to, uint16_t *n, size_t max, uint8_t c)
{
	if (*n < max)
		to[(*n)++] = (char)c;
}

/* HTTP_X_REQUEST_ID: a line of fields begins, "x-request-id: ". */
static void begin_field(struct fastcgi_request *r)
{
	const struct fastcgi_pairs *k = &r->pairs;
	size_t from = k->nname > 5 && !memcmp(k->name, "HTTP_", 5) ? 5 : 0;

	for (size_t i = from; i < k->nname; i++) {
		char c = k->name[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		put(r->fields, &r->nfields, FASTCGI_MAX_FIELDS - 2, (uint8_t)(c == '_' ? '-' : c));
	}
	put(r->fields, &r->nfields, FASTCGI_MAX_FIELDS - 2, ':');
	put(r->fields, &r->nfields, FASTCGI_MAX_FIELDS - 2, ' ');
}

static int is_field(const struct fastcgi_pairs *k)
{
	return k->nname < sizeof(k->name) &&
	       ((k->nname > 5 && !memcmp(k->name, "HTTP_", 5)) ||
		fastcgi_name_is(k, "CONTENT_TYPE") || fastcgi_name_is(k, "CONTENT_LENGTH"));
}

static void value_byte(struct fastcgi_request *r, uint8_t c)
{
	struct fastcgi_pairs *k = &r->pairs;
	int first = k->at == 1 || k->value_len == 1;

	if (fastcgi_name_is(k, "REQUEST_METHOD")) {
		put(r->method, &r->nmethod, sizeof(r->method), c);
	} else if (fastcgi_name_is(k, "REQUEST_URI")) {
		r->ntarget = first ? 0 : r->ntarget;
		put(r->target, &r->ntarget, sizeof(r->target), c);
	} else if (fastcgi_name_is(k, "HTTPS")) {
		r->https |= first && c == 'o'; /* on */
	} else if (is_field(k) && r->nfields + k->value_len + 64 < FASTCGI_MAX_FIELDS) {
		if (first)
			begin_field(r);
		put(r->fields, &r->nfields, FASTCGI_MAX_FIELDS - 2,
		    c == '\r' || c == '\n' ? ' ' : c);
		if (!k->phase) {
			put(r->fields, &r->nfields, FASTCGI_MAX_FIELDS, '\r');
			put(r->fields, &r->nfields, FASTCGI_MAX_FIELDS, '\n');
		}
	}
}

static void params(struct fastcgi_request *r, const uint8_t *p, size_t n)
{
	for (size_t i = 0; r && i < n; i++)
		if (fastcgi_pair_byte(&r->pairs, p[i]) == PAIR_VALUE)
			value_byte(r, p[i]);
}

static void tell_request(const struct fastcgi_request *r, struct message *m)
{
	const char *mark = memchr(r->target, '?', r->ntarget);

	if (r->nmethod)
		m->operation = (struct str){r->method, r->nmethod};
	if (r->ntarget)
		m->target = (struct str){r->target, r->ntarget};
	if (mark) {
		m->target.n = (size_t)(mark - r->target);
		m->query = (struct str){mark + 1, r->ntarget - m->target.n - 1};
	}
	m->scheme = r->https ? (struct str){"https", 5} : (struct str){"http", 4};
	m->flags |= MESSAGE_FIELDS;
	m->fields = (struct str){r->fields, r->nfields};
}

/* ---- the CGI header of a response */

/* How many of n bytes belong to it; *whole: it ends there. */
static size_t header(struct fastcgi_request *r, const uint8_t *p, size_t n, int *whole)
{
	for (size_t i = 0; i < n; i++) {
		put(r->fields, &r->nfields, FASTCGI_MAX_FIELDS, p[i]);
		if (p[i] == '\n' && r->nfields > 1 &&
		    (r->fields[r->nfields - 2] == '\n' ||
		     (r->nfields > 3 && !memcmp(r->fields + r->nfields - 4, "\r\n\r\n", 4))))
			*whole = 1;
		*whole |= r->nfields == FASTCGI_MAX_FIELDS;
		if (*whole)
			return i + 1;
	}
	return n;
}

/* RFC 3875, section 6.3.3: without a Status, 200, or 302 where there is a Location. */
static int status_of(const struct fastcgi_request *r)
{
	int status = 200;

	for (size_t at = 0; at < r->nfields;) {
		const char *line = r->fields + at, *lf = memchr(line, '\n', r->nfields - at);
		size_t n = lf ? (size_t)(lf - line) : r->nfields - at;

		if (n > 10 && nocase_equal(line, "status:", 7)) {
			size_t i = line[7] == ' ' ? 8 : 7;

			if (line[i] >= '1' && line[i] <= '5' && i + 3 <= n)
				return (line[i] - '0') * 100 + (line[i + 1] - '0') * 10 +
				       line[i + 2] - '0';
		}
		if (n > 9 && nocase_equal(line, "location:", 9))
			status = 302;
		at += n + 1;
	}
	return status;
}

static void tell_response(const struct fastcgi_side *s, const struct fastcgi_request *r,
			  struct message *m)
{
	m->flags |= MESSAGE_RESPONSE | MESSAGE_UNSIZED;
	if (r && r->nfields) {
		m->status = status_of(r);
		m->fields = (struct str){r->fields, r->nfields};
	}
	if (s->failed)
		m->flags |= MESSAGE_FAILED;
}

/* ---- requests that are open */

static struct fastcgi_request *request_of(struct fastcgi_side *s, uint16_t id, int begins)
{
	struct fastcgi_request *r = NULL;

	for (unsigned i = 0; i < FASTCGI_OPEN && !r; i++)
		if (s->request[i].used && s->request[i].id == id)
			r = &s->request[i];
	for (unsigned i = 0; i < FASTCGI_OPEN && !r && begins; i++)
		if (!s->request[i].used)
			r = &s->request[i];
	if (!begins || !r)
		return r;
	r->used = 1;
	r->begun = r->https = 0;
	r->id = id;
	r->nmethod = r->ntarget = r->nfields = 0;
	r->pairs.phase = 0;
	return r;
}

/* ---- records */

static enum parse_status message(struct fastcgi_side *s, enum message_type type, struct message *m)
{
	m->type = type;
	m->key = s->id;
	if (s->alternates && type != MESSAGE_HEAD)
		m->flags |= MESSAGE_KEYED;
	return PARSE_EVENT;
}

/* A HEAD for the request of this record. */
static enum parse_status give_head(struct fastcgi_side *s, enum sender from, struct message *m)
{
	struct fastcgi_request *r = request_of(s, s->id, 0);

	if (s->open && s->open_id != s->id)
		s->alternates = 1;
	s->open = 1;
	s->open_id = s->id;
	if (from == FROM_CLIENT)
		tell_request(r, m);
	else
		tell_response(s, r, m);
	if (r)
		r->begun = 1;
	m->head_len = (uint32_t)(s->head < UINT32_MAX ? s->head : UINT32_MAX);
	s->head = 0;
	s->failed = 0;
	return message(s, MESSAGE_HEAD, m);
}

static enum parse_status give_end(struct fastcgi_side *s, struct message *m)
{
	struct fastcgi_request *r = request_of(s, s->id, 0);

	if (r)
		r->used = 0;
	s->open = 0;
	s->head = 0;
	return message(s, MESSAGE_END, m);
}

/* What the header of a record already means, and its end. */
static void begin_record(struct fastcgi_side *s, enum sender from, const uint8_t *p)
{
	struct fastcgi_request *r;
	int fresh;

	s->type = p[1];
	s->id = be16(p + 2);
	s->left = be16(p + 4);
	s->padding = p[6];
	s->state = IN_RECORD;
	r = request_of(s, s->id, 0);
	fresh = from == FROM_CLIENT ? s->type == FASTCGI_BEGIN_REQUEST : !r && s->id;
	if (fresh) {
		r = request_of(s, s->id, 1);
		s->head = 0;
	}
	s->head += FASTCGI_HEADER;
	if (from == FROM_CLIENT && r && !s->left) {
		if (s->type == FASTCGI_PARAMS && !r->begun)
			s->pending = DUE_HEAD;
		else if (s->type == FASTCGI_STDIN && r->begun)
			s->pending = DUE_END;
	}
	if (s->type == FASTCGI_ABORT_REQUEST && r && r->begun)
		s->pending = DUE_END;
}

/* Bytes of this record's content that are there, in p, or missing. */
static enum parse_status content(struct fastcgi_side *s, enum sender from, const uint8_t *p,
				 uint64_t n, struct message *m)
{
	struct fastcgi_request *r = request_of(s, s->id, 0);

	(void)from;
	s->head += n;
	if (!r || !r->begun || (s->type != FASTCGI_STDIN && s->type != FASTCGI_STDOUT))
		return PARSE_MORE;
	if (p)
		m->data = (struct str){(const char *)p, (size_t)n};
	else
		m->gap = n;
	return message(s, MESSAGE_CONTENT, m);
}

/* The application's own status says nothing of HTTP, that of the protocol does (section 5.5). */
static size_t end_request(struct fastcgi_side *s, const uint8_t *p, size_t n)
{
	struct fastcgi_request *r = request_of(s, s->id, 0);

	if (n < 8)
		return 0;
	s->failed = p[4] != 0 || !r || !r->nfields;
	s->pending = (uint8_t)((r && r->begun ? 0 : DUE_HEAD) | DUE_END);
	s->left = 0;
	s->head += 8;
	return 8;
}

static enum parse_status record(struct fastcgi_side *s, enum sender from, const uint8_t *p,
				size_t n, size_t *used, struct message *m)
{
	struct fastcgi_request *r = request_of(s, s->id, 0);
	int whole = 0;

	n = n < s->left ? n : s->left;
	*used = n;
	if (s->type == FASTCGI_END_REQUEST) {
		*used = end_request(s, p, n);
		return PARSE_MORE;
	}
	if (s->type == FASTCGI_PARAMS && r && !r->begun) {
		params(r, p, n);
	} else if (s->type == FASTCGI_STDOUT && r && !r->begun) {
		*used = header(r, p, n, &whole);
		s->left -= (uint32_t)*used;
		s->head += *used;
		return whole ? give_head(s, from, m) : PARSE_MORE;
	}
	s->left -= (uint32_t)n;
	return n ? content(s, from, p, n, m) : PARSE_MORE;
}

static enum parse_status due(struct fastcgi_side *s, enum sender from, struct message *m)
{
	if (s->pending & DUE_HEAD) {
		s->pending &= (uint8_t)~DUE_HEAD;
		return give_head(s, from, m);
	}
	s->pending = 0;
	return give_end(s, m);
}

static enum parse_status step(struct fastcgi_side *s, enum sender from, const uint8_t *p, size_t n,
			      size_t *used, struct message *m)
{
	*used = 0;
	switch (s->state) {
	case AT_HEADER:
		if (n < FASTCGI_HEADER)
			return n && p[0] != 1 ? PARSE_BAD : PARSE_MORE;
		if (!fastcgi_is_record(p, from)) {
			s->state = LOST;
			return PARSE_BAD;
		}
		begin_record(s, from, p);
		*used = FASTCGI_HEADER;
		return PARSE_MORE;
	case IN_RECORD:
		if (s->left)
			return record(s, from, p, n, used, m);
		s->state = IN_PADDING;
		return PARSE_MORE;
	case IN_PADDING:
		*used = n < s->padding ? n : s->padding;
		s->padding -= (uint32_t)*used;
		s->head += *used;
		if (s->padding)
			return PARSE_MORE;
		if (s->pending)
			return due(s, from, m);
		s->state = AT_HEADER;
		return PARSE_MORE;
	default: return PARSE_BAD;
	}
}

static enum parse_status fastcgi_next(void *state, enum sender from, const uint8_t *p, size_t n,
				      size_t *used, struct message *m)
{
	struct fastcgi_side *s = &((struct fastcgi *)state)->side[from];
	enum parse_status st;
	uint8_t before;
	size_t part;

	*used = 0;
	do {
		before = s->state;
		st = step(s, from, p + *used, n - *used, &part, m);
		*used += part;
	} while (st == PARSE_MORE && (part || s->state != before));
	return st;
}

static enum parse_status fastcgi_gap(void *state, enum sender from, struct str kept, uint64_t n,
				     uint64_t *used, struct message *m)
{
	struct fastcgi_side *s = &((struct fastcgi *)state)->side[from];
	struct fastcgi_request *r = request_of(s, s->id, 0);

	(void)kept;
	*used = 0;
	if (s->state == IN_PADDING && !s->padding && s->pending)
		return due(s, from, m);
	if (s->state == IN_RECORD && s->left && r && r->begun &&
	    (s->type == FASTCGI_STDIN || s->type == FASTCGI_STDOUT)) {
		*used = n < s->left ? n : s->left;
		s->left -= (uint32_t)*used;
		return content(s, from, NULL, *used, m);
	}
	if (s->open && s->state != LOST) {
		s->state = LOST;
		return message(s, MESSAGE_ABORT, m);
	}
	s->state = LOST;
	*used = n;
	return PARSE_SKIPPED;
}

static enum parse_status fastcgi_eof(void *state, enum sender from, struct message *m)
{
	struct fastcgi_side *s = &((struct fastcgi *)state)->side[from];

	if (s->state == IN_PADDING && !s->padding && s->pending)
		return due(s, from, m);
	if (!s->open || s->state == LOST)
		return PARSE_END;
	s->state = LOST;
	s->id = s->open_id;
	return message(s, MESSAGE_ABORT, m);
}

static uint64_t fastcgi_unneeded(const void *state, enum sender from)
{
	const struct fastcgi_side *s = &((const struct fastcgi *)state)->side[from];

	if (s->state != IN_RECORD || (s->type != FASTCGI_STDIN && s->type != FASTCGI_STDOUT))
		return 0;
	for (unsigned i = 0; i < FASTCGI_OPEN; i++)
		if (s->request[i].used && s->request[i].id == s->id && s->request[i].begun)
			return s->left;
	return 0;
}

static void fastcgi_begin(void *state, unsigned joined)
{
	(void)state;
	(void)joined;
}

/* A BEGIN_REQUEST: of its sixteen bytes few are free. */
static enum probe_result fastcgi_probe(const struct probe *in, unsigned *client)
{
	static const uint8_t zero[5];
	const uint8_t *p = in->p;

	if (!in->n || p[0] != 1 || (!in->segment && !in->start) || (in->n > 1 && p[1] != 1))
		return PROBE_NO;
	if (in->n < 16)
		return in->torn || in->answer ? PROBE_NO : PROBE_MORE;
	if (!fastcgi_is_record(p, FROM_CLIENT) || p[6] || p[7] || (!p[2] && !p[3]) || p[8] ||
	    !p[9] || p[9] > 3 || p[10] > 1 || memcmp(p + 11, zero, 5))
		return PROBE_NO;
	if (in->n >= 18 && (p[16] != 1 || p[17] != FASTCGI_PARAMS))
		return PROBE_NO;
	*client = in->dir;
	return in->client != PROBE_NO_DIR && in->client != in->dir ? PROBE_NO : PROBE_YES;
}

static const uint16_t ports[] = {9000, 0};
static const char *const programs[] = {"php-fpm", "php-cgi", "fcgiwrap", NULL};

const struct protocol fastcgi_protocol = {
	.name = {.name = "fastcgi", .label = {"HTTP", "HTTPClient"}},
	.transports = TRANSPORT_STREAM,
	.ports = ports,
	.programs = programs,
	.pairing = PAIRING_BY_KEY,
	.state_size = sizeof(struct fastcgi),
	.probe = fastcgi_probe,
	.begin = fastcgi_begin,
	.next = fastcgi_next,
	.gap = fastcgi_gap,
	.eof = fastcgi_eof,
	.unneeded = fastcgi_unneeded,
	.mask = &fastcgi_mask,
};
