#include "parsers/http1/http1_protocol.h"

#include "parsers/content/websocket.h"
#include "parsers/http1/http1.h"
#include "parsers/http2/http2_protocol.h"
#include "parsers/str.h"

const struct protocol_name http10_name = {
	.name = "http/1.0", .label = {"HTTP", "HTTPClient"}, .start_line = "HTTP/1.0",
};
const struct protocol_name http11_name = {
	.name = "http/1.1", .label = {"HTTP", "HTTPClient"}, .start_line = "HTTP/1.1",
};

/* A method and a blank behind it, or the version of a response: more than a letter by chance. */
static int shows_kind(const struct probe *in, int request)
{
	return request ? memchr(in->p, ' ', in->n) != NULL : in->n >= 7;
}

/* Too little for http1_probe: a method that everybody knows, or a status. */
static int probe_torn(const struct probe *in, int request)
{
	struct http1_event ev;

	if (request && (!shows_kind(in, 1) || http1_probe_known(in->p, in->n) == PROBE_NO))
		return 0;
	return http1_torn_head(in->p, in->n, request ? HTTP1_REQUEST : HTTP1_RESPONSE, &ev);
}

static enum probe_result probe(const struct probe *in, unsigned *client)
{
	enum probe_result req = in->joined || in->later ? http1_probe_known(in->p, in->n)
					   : http1_probe(in->p, in->n, HTTP1_REQUEST);
	enum probe_result resp = http1_probe(in->p, in->n, HTTP1_RESPONSE);

	if (in->torn) {
		req = probe_torn(in, 1) ? PROBE_YES : PROBE_NO;
		resp = probe_torn(in, 0) ? PROBE_YES : PROBE_NO;
	}
	if (in->start && req == PROBE_NO && resp == PROBE_NO && http1_probe_broken(in->p, in->n))
		req = PROBE_YES;
	/* in the middle of a body there may be anything, but roles are known */
	if (in->joined && in->client != PROBE_NO_DIR) {
		int request = in->client == in->dir;

		*(request ? &resp : &req) = PROBE_NO;
	}
	if (req == PROBE_YES || resp == PROBE_YES) {
		*client = req == PROBE_YES ? in->dir : !in->dir;
		return PROBE_YES;
	}
	if (req == PROBE_NO && resp == PROBE_NO)
		return PROBE_NO;
	if (*client == PROBE_NO_DIR && req != resp && shows_kind(in, req == PROBE_MORE))
		*client = req == PROBE_MORE ? in->dir : !in->dir;
	return PROBE_MORE;
}

/* ---- messages */

/* What a response's form depends on. */
enum form { FORM_OTHER, FORM_HEAD, FORM_CONNECT };

struct http1_pair {
	struct http1 dir[2]; /* enum sender */
	/* what the server has agreed to; NULL: nothing known */
	const struct protocol_name *upgrade;
	uint8_t sure; /* what the next response answers: ANSWER_SURE */
};

static int equal(struct str s, const char *lower)
{
	return s.p && s.n == strlen(lower) && nocase_equal(s.p, lower, s.n);
}

static struct str field_value(struct str fields, const char *lower)
{
	struct str name, value;
	size_t pos = 0;

	while (http1_field_next(fields, &pos, &name, &value))
		if (equal(name, lower))
			return value;
	return (struct str){NULL, 0};
}

static const struct protocol_name *upgrade_of(struct str fields)
{
	struct str to = field_value(fields, "upgrade");

	if (equal(to, "websocket"))
		return &websocket_name;
	return equal(to, "h2c") ? &http2_protocol.name : NULL;
}

static enum form form_of(struct str method)
{
	if (method.n == 4 && !memcmp(method.p, "HEAD", 4))
		return FORM_HEAD;
	return method.n == 7 && !memcmp(method.p, "CONNECT", 7) ? FORM_CONNECT : FORM_OTHER;
}

static void split_query(struct str t, struct message *m)
{
	const char *mark = memchr(t.p, '?', t.n);
	size_t n = mark ? (size_t)(mark - t.p) : t.n;

	m->target = n ? (struct str){t.p, n} : (struct str){"/", 1};
	if (mark)
		m->query = (struct str){mark + 1, t.n - n - 1};
}

/* The four forms of RFC 9112 section 3.2. */
static void set_target(struct str t, struct message *m)
{
	size_t authority, end = 0;

	if (!t.n)
		return;
	if (t.p[0] == '/' || (t.n == 1 && t.p[0] == '*')) {
		split_query(t, m);
		return;
	}
	if (m->form == FORM_CONNECT) {
		m->target = m->host = t;
		return;
	}
	while (end < t.n && t.p[end] != ':' && t.p[end] != '/')
		end++;
	authority = end + 3;
	if (authority > t.n || memcmp(t.p + end, "://", 3)) {
		split_query(t, m);
		return;
	}
	m->scheme = (struct str){t.p, end};
	for (end = authority; end < t.n && t.p[end] != '/' && t.p[end] != '?';)
		end++;
	m->host = (struct str){t.p + authority, end - authority};
	split_query((struct str){t.p + end, t.n - end}, m);
}

static void head_message(struct http1_pair *s, const struct http1_event *ev, struct message *m)
{
	const uint32_t bad = HTTP1_CL_CONFLICT | HTTP1_CL_AND_TE | HTTP1_CL_INVALID |
			     HTTP1_FRAMING_DOUBT;

	m->type = MESSAGE_HEAD;
	m->flags |= MESSAGE_FIELDS;
	m->head_len = ev->head_len;
	m->name = ev->minor ? &http11_name : &http10_name;
	m->fields = ev->fields;
	m->notes = ev->notes;
	m->same = ev->same;
	if (ev->flags & bad)
		m->flags |= MESSAGE_BAD;
	if (ev->flags & HTTP1_EXPECT_CONTINUE)
		m->flags |= MESSAGE_WAITS;
	if (ev->flags & HTTP1_HEAD_TRUNCATED)
		m->flags |= MESSAGE_TRUNCATED;
	if (ev->kind == HTTP1_REQUEST) {
		m->form = form_of(ev->method);
		m->operation = ev->method;
		set_target(ev->target, m);
		if (ev->flags & HTTP1_UPGRADE)
			m->flags |= MESSAGE_UPGRADE;
		return;
	}
	m->flags |= MESSAGE_RESPONSE | (ev->interim ? MESSAGE_INTERIM : 0);
	m->status = ev->status;
	if (ev->framing == HTTP1_NO_CONTENT)
		m->size = ev->content_length;
	if (ev->framing != HTTP1_LENGTH)
		m->flags |= MESSAGE_UNSIZED;
	/* what a tunnel carries is not said; WebSocket and others are */
	if (s->dir[FROM_SERVER].tunnel && ev->status != 101)
		m->flags |= MESSAGE_UPGRADE;
	s->upgrade = NULL;
	if (ev->status != 101)
		return;
	s->upgrade = upgrade_of(ev->fields);
	if (s->upgrade)
		m->flags |= MESSAGE_UPGRADE;
}

static void to_message(struct http1_pair *s, const struct http1_event *ev, struct message *m)
{
	switch (ev->type) {
	case HTTP1_EV_HEAD:
		head_message(s, ev, m);
		if (http1_was_found(
			    &s->dir[m->flags & MESSAGE_RESPONSE ? FROM_SERVER : FROM_CLIENT]))
			m->flags |= MESSAGE_FOUND;
		break;
	case HTTP1_EV_CONTENT:
	case HTTP1_EV_TRAILERS:
		m->type = MESSAGE_CONTENT;
		m->data = ev->data;
		m->gap = ev->gap;
		break;
	case HTTP1_EV_END:
		m->type = MESSAGE_END;
		m->flags = ev->interim ? MESSAGE_INTERIM : 0;
		if (s->dir[FROM_SERVER].tunnel)
			m->flags |= MESSAGE_UPGRADE;
		break;
	case HTTP1_EV_ABORT:
		m->type = MESSAGE_ABORT;
		m->flags = MESSAGE_BAD;
		break;
	}
}

/*
 * ---- heads that come again: of the same bytes the same message is made
 */

struct known_head {
	struct http1_memo memo; /* the parser's */
	/* the message of the head that has this number there; 0: none is known */
	uint32_t number;
	uint32_t flags, status;
	const struct protocol_name *name;
	/* where in the head, and how long; a query that is absent begins at 0 */
	uint16_t head_len, fields, fields_n, operation_n, target, target_n, query, query_n;
	uint8_t form;
};

/* The head at p is made into *m. */
static void remember(struct known_head *k, const struct message *m, const char *p)
{
	k->number = 0;
	if (m->scheme.p || m->host.p || m->status < 0 ||
	    (m->target.p && (m->target.p < p || m->target.p >= m->fields.p)))
		return;
	k->number = m->same;
	k->flags = m->flags;
	k->status = (uint32_t)m->status;
	k->name = m->name;
	k->form = (uint8_t)m->form;
	k->head_len = (uint16_t)m->head_len;
	k->fields = (uint16_t)(m->fields.p - p);
	k->fields_n = (uint16_t)m->fields.n;
	k->operation_n = (uint16_t)m->operation.n;
	k->target = (uint16_t)(m->target.p ? m->target.p - p : 0);
	k->target_n = (uint16_t)m->target.n;
	k->query = (uint16_t)(m->query.p ? m->query.p - p : 0);
	k->query_n = (uint16_t)m->query.n;
}

/* HEAD, if p begins with the head that is known. */
static int recall(struct http1_pair *s, enum sender from, const uint8_t *p, size_t n, size_t *used,
		  struct message *m)
{
	struct http1 *h = &s->dir[from];
	const struct known_head *k = (const struct known_head *)h->memo;
	const char *head = (const char *)p;

	if (!k || k->memo.others || !http1_next_same(h, p, n, k->number))
		return 0;
	*used = k->head_len;
	m->type = MESSAGE_HEAD;
	m->same = k->number;
	m->flags = k->flags;
	m->name = k->name;
	m->head_len = k->head_len;
	m->fields = (struct str){head + k->fields, k->fields_n};
	if (from == FROM_SERVER) {
		m->status = (int)k->status;
		s->upgrade = NULL;
		return 1;
	}
	m->form = k->form;
	m->operation = (struct str){head, k->operation_n};
	m->target = (struct str){head + k->target, k->target_n};
	if (k->query)
		m->query = (struct str){head + k->query, k->query_n};
	m->notes = &k->memo.notes;
	return 1;
}

/* What follows m at p + *used, as far as it need not be told apart. */
static void take_rest(const struct http1_pair *s, enum sender from, struct http1 *h,
		      const uint8_t *p, size_t n, size_t *used, struct message *m)
{
	if (m->type > MESSAGE_CONTENT || s->dir[FROM_SERVER].tunnel)
		return;
	if (http1_take_end(h)) {
		m->flags |= MESSAGE_ENDS;
	} else if (from == FROM_SERVER && m->type == MESSAGE_HEAD && s->sure &&
		   !(m->flags & MESSAGE_FOUND)) {
		m->data = (struct str){(const char *)p + *used, http1_take_content(h, n - *used)};
		*used += m->data.n;
		if (m->data.n)
			m->flags |= MESSAGE_ENDS;
	}
}

static enum parse_status message_next(void *state, enum sender from, const uint8_t *p, size_t n,
				      size_t *used, struct message *m)
{
	struct http1_pair *s = state;
	struct http1 *h = &s->dir[from];
	struct http1_event ev;
	enum parse_status st = PARSE_EVENT;

	if (recall(s, from, p, n, used, m)) {
		take_rest(s, from, h, p, n, used, m);
		return st;
	}
	st = http1_next(h, p, n, used, &ev);
	if (st == PARSE_EVENT) {
		to_message(s, &ev, m);
		if (m->same)
			remember((struct known_head *)h->memo, m,
				 (const char *)p + *used - m->head_len);
		take_rest(s, from, h, p, n, used, m);
		return st;
	}
	if (st != PARSE_END)
		return st;
	m->type = MESSAGE_SWITCH;
	m->name = s->upgrade;
	return PARSE_EVENT;
}

/*
 * What there is of a head that is not complete: its complete lines, or of the first one what tells
 * something.
 */
static int torn_head(struct http1_pair *s, enum sender from, struct str kept, struct message *m)
{
	enum http1_kind kind = from == FROM_CLIENT ? HTTP1_REQUEST : HTTP1_RESPONSE;
	struct http1_event ev;

	if (!http1_torn_head((const uint8_t *)kept.p, kept.n, kind, &ev))
		return 0;
	head_message(s, &ev, m);
	m->flags |= MESSAGE_TORN;
	if (http1_was_found(&s->dir[from]))
		m->flags |= MESSAGE_FOUND;
	m->flags &= ~MESSAGE_UPGRADE;
	return 1;
}

static enum parse_status message_gap(void *state, enum sender from, struct str kept, uint64_t n,
				     uint64_t *used, struct message *m)
{
	struct http1_pair *s = state;
	struct http1_event ev;
	enum parse_status st;

	*used = 0;
	if (kept.n && http1_in_head(&s->dir[from]) && torn_head(s, from, kept, m))
		return PARSE_EVENT;
	st = http1_gap(&s->dir[from], n, used, &ev);
	if (st == PARSE_EVENT)
		to_message(s, &ev, m);
	return st;
}

static enum parse_status message_eof(void *state, enum sender from, struct message *m)
{
	struct http1_pair *s = state;
	struct http1_event ev;
	enum parse_status st = http1_eof(&s->dir[from], &ev);

	if (st == PARSE_EVENT)
		to_message(s, &ev, m);
	return st;
}

static void begin(void *state, unsigned joined)
{
	struct http1_pair *s = state;
	struct http1_event ev;
	uint64_t used;

	for (enum sender from = FROM_CLIENT; from <= FROM_SERVER; from++) {
		http1_init(&s->dir[from], from == FROM_CLIENT ? HTTP1_REQUEST : HTTP1_RESPONSE);
		/* the parser must find a start, not expect one */
		if (joined & BEGIN_JOINED(from))
			http1_gap(&s->dir[from], 1, &used, &ev);
	}
}

static uint64_t unneeded(const void *state, enum sender from)
{
	const struct http1_pair *s = state;

	return http1_unneeded(&s->dir[from]);
}

static void answers(void *state, int known, uint32_t form)
{
	static const struct str method[] = {{"GET", 3}, {"HEAD", 4}, {"CONNECT", 7}};
	struct http1_pair *s = state;

	s->sure = known == ANSWER_SURE;
	http1_expect(&s->dir[FROM_SERVER], method[known ? form : FORM_OTHER]);
}

static enum place place(const void *state, enum sender from)
{
	const struct http1 *h = &((const struct http1_pair *)state)->dir[from];

	if (http1_lost(h))
		return PLACE_SEEK;
	if (http1_begun(h))
		return PLACE_HEAD;
	return http1_untouched(h) ? PLACE_CONTENT : PLACE_START;
}

static void move(void *state, enum sender from, enum place to, uint64_t n)
{
	struct http1 *h = &((struct http1_pair *)state)->dir[from];

	if (to == PLACE_SEEK)
		http1_lose(h);
	else if (to == PLACE_END)
		http1_no_content(h);
	else
		http1_resume(h, to == PLACE_CONTENT ? n : 0);
}

static void memo(void *state, void *memory)
{
	struct known_head *known = memory;

	for (int d = 0; d < 2; d++)
		((struct http1_pair *)state)->dir[d].memo = known ? &known[d].memo : NULL;
}

static const uint16_t ports[] = {80,   2375, 3000, 4318, 5000, 8000, 8008, 8080, 8081,
				 8088, 8888, 9090, 9100, 9200, 15000, 0};
static const uint16_t tls_ports[] = {443, 2376, 4443, 6443, 8443, 9443, 10250, 0};
static const char *const programs[] = {"nginx",	   "apache2", "httpd",	 "haproxy",
				       "envoy",	   "caddy",   "traefik", "lighttpd",
				       "gunicorn", "uvicorn", NULL};
static const struct protocol_name *const names[] = {&http11_name, &http10_name, NULL};

const struct protocol http1_protocol = {
	.name = {"http/1.1", {"HTTP", "HTTPClient"}, .start_line = "HTTP/1.1"},
	.names = names,
	.family = "http",
	.transports = TRANSPORT_STREAM,
	.ports = ports,
	.tls_ports = tls_ports,
	.programs = programs,
	.pairing = PAIRING_IN_ORDER,
	.state_size = sizeof(struct http1_pair),
	.probe = probe,
	.begin = begin,
	.next = message_next,
	.gap = message_gap,
	.eof = message_eof,
	.unneeded = unneeded,
	.answers = answers,
	.place = place,
	.move = move,
	.memo_size = 2 * sizeof(struct known_head),
	.memo = memo,
	.mask = &http1_mask,
};
