#include "sinks/json_quick.h"

#include <stdlib.h>

#include "parsers/attrs.h"
#include "parsers/redact.h"
#include "sinks/safe.h"

#define TEMPLATES 256u
#define HEAD_MAX 640u  /* of protocol ... host */
#define PLACE_MAX 256u /* of client_addr ... server_port */
#define THREAD_MAX 48u /* of pid and tid */
#define NAMES_MAX 640u /* of comm ... conn */
#define SIZES_MAX 160u /* of req_bytes ... resp_body_bytes */
#define URI_MAX 256u /* of path and query, while they are short */
#define STRING_MAX 1024u /* of path, query, route */
#define ATTRS_MAX 12u
#define TLS_ATTRS 4u /* version, cipher, server name, protocol chosen */
#define REST_MAX 1536u /* all else of a line, with each number as long as can be */
#define LINE_MAX (HEAD_MAX + PLACE_MAX + THREAD_MAX + NAMES_MAX + 3 * STRING_MAX + REST_MAX)

#define NNAMES 7u

/* A word that a template was made of; its octets lie in the template's text. */
struct word {
	uint16_t off, n;
	uint16_t absent;
};

/* An attribute of the connection's handshake. */
struct tls_word {
	const struct attr_def *def;
	uint64_t n;
	struct word text; /* of a string */
};

struct template {
	/* what it was made of */
	uint64_t conn;
	enum span_kind kind;
	const struct protocol_name *protocol;
	const char *tls;
	struct tls_word tls_attr[TLS_ATTRS];
	unsigned ntls;
	struct word method, scheme, host, name[NNAMES];
	uint8_t addr[32];
	uint16_t port[2];
	/* these may change with each span */
	uint32_t pid, tid;
	uint64_t size[4];
	uint64_t alike, names_number; /* of the span with these words */
	uint32_t names_pid, names_peer;
	uint8_t made;
	/* and what that looks like */
	uint16_t nhead, nplace, nthread, nnames, nsizes, nuri;
	char head[HEAD_MAX], place[PLACE_MAX], thread[THREAD_MAX], names[NAMES_MAX];
	char sizes[SIZES_MAX], uri[URI_MAX]; /* uri: of the span with number uri_alike */
	uint64_t uri_alike;
};

typedef uint8_t bytes __attribute__((vector_size(16)));

struct json_quick {
	struct fmt_clock clock;
	struct template template[TEMPLATES];
};

struct json_quick *json_quick_new(void)
{
	struct json_quick *q = calloc(1, sizeof(*q));

	if (q)
		q->clock.rfc3339 = 1;
	return q;
}

void json_quick_free(struct json_quick *q)
{
	free(q);
}

/* ---- templates */

static void names_of(const struct span *s, const char *names[NNAMES])
{
	names[0] = s->comm;
	names[1] = s->service;
	names[2] = s->runtime;
	names[3] = s->container;
	names[4] = s->container_name;
	names[5] = s->resource;
	names[6] = s->peer_service;
}

/* ,"key":"word" if there is the word. NULL: there is no room for it, or it needs escapes. */
static char *put_word(char *p, const char *end, const char *key, struct str s, const char *text,
		      struct word *w)
{
	size_t n = strlen(key);

	*w = (struct word){.absent = !s.p};
	if (!p || !s.p)
		return p;
	if ((size_t)(end - p) < n + s.n + 6 || plain_ascii(s.p, s.n) != s.n)
		return NULL;
	*p++ = ',';
	*p++ = '"';
	p = (char *)memcpy(p, key, n) + n;
	p = FMT_LIT(p, "\":\"");
	w->off = (uint16_t)(p - text);
	w->n = (uint16_t)s.n;
	p = (char *)memcpy(p, s.p, s.n) + s.n;
	*p++ = '"';
	return p;
}

static struct str str_of(const char *s)
{
	return (struct str){s, s ? strlen(s) : 0};
}

static inline int is_of_tls(const struct attr *a)
{
	return a->def < attr_defs + ATTRS_TLS_END;
}

/* Those that stand behind "tls", strings and words all of them. NULL: as put_word. */
static char *put_tls_attrs(char *p, const char *end, struct template *t, const struct span *s)
{
	char buf[SPAN_TEXT_MAX];

	for (t->ntls = 0; t->ntls < s->nattrs && is_of_tls(&s->attr[t->ntls]); t->ntls++) {
		const struct attr *a = &s->attr[t->ntls];
		struct tls_word *w = &t->tls_attr[t->ntls];
		struct str text = {NULL, 0};

		if (t->ntls == TLS_ATTRS)
			return NULL;
		if (a->def->type == ATTR_STRING || a->def->name(a->n, buf))
			text = attr_text(a, buf);
		w->def = a->def;
		w->n = a->n;
		p = put_word(p, end, a->def->key, text, t->head, &w->text);
	}
	return p;
}

static int make_head(struct template *t, const struct span *s)
{
	const char *end = t->head + sizeof(t->head);
	char *p = t->head;
	struct word w;

	p = put_word(p, end, "kind", str_of(s->kind == SPAN_CLIENT ? "client" : "server"), t->head,
		     &w);
	p = put_word(p, end, "protocol", str_of(s->protocol->name), t->head, &w);
	if (!p || end - p < 16)
		return 0;
	if (s->tls)
		p = put_word(p, end, "tls", str_of(s->tls), t->head, &w);
	else
		p = FMT_LIT(p, ",\"tls\":false");
	p = put_tls_attrs(p, end, t, s);
	p = put_word(p, end, "method", s->method, t->head, &t->method);
	p = put_word(p, end, "scheme", s->scheme, t->head, &t->scheme);
	p = put_word(p, end, "host", s->host, t->head, &t->host);
	t->nhead = (uint16_t)(p ? p - t->head : 0);
	return p != NULL;
}

static void make_place(struct template *t, const struct span *s)
{
	char *p = FMT_LIT(t->place, ",\"client_addr\":\"");

	p = fmt_addr(p, s->client_addr);
	p = FMT_LIT(p, "\",\"client_port\":");
	p = fmt_u64(p, s->client_port);
	p = FMT_LIT(p, ",\"server_addr\":\"");
	p = fmt_addr(p, s->server_addr);
	p = FMT_LIT(p, "\",\"server_port\":");
	p = fmt_u64(p, s->server_port);
	t->nplace = (uint16_t)(p - t->place);
	memcpy(t->addr, s->client_addr, 16);
	memcpy(t->addr + 16, s->server_addr, 16);
	t->port[0] = s->client_port;
	t->port[1] = s->server_port;
}

static int make_names(struct template *t, const struct span *s)
{
	static const char *const keys[NNAMES] = {"comm", "service", "runtime", "container",
						 "container_name", "resource", "peer_service"};
	const char *names[NNAMES], *end = t->names + sizeof(t->names);
	char *p = t->names;

	names_of(s, names);
	for (unsigned i = 0; i < NNAMES; i++)
		p = put_word(p, end, keys[i], str_of(names[i]), t->names, &t->name[i]);
	if (!p || end - p < FMT_U64_MAX + 16)
		return 0;
	p = FMT_LIT(p, ",\"conn\":");
	p = fmt_u64(p, s->conn);
	t->nnames = (uint16_t)(p - t->names);
	return 1;
}

static int make(struct template *t, const struct span *s)
{
	t->conn = s->conn;
	t->kind = s->kind;
	t->protocol = s->protocol;
	t->tls = s->tls;
	make_place(t, s);
	t->alike = s->alike;
	t->names_number = 0;
	t->made = (uint8_t)(make_head(t, s) && make_names(t, s));
	return t->made;
}

static inline int is_word(const char *text, struct word w, struct str s)
{
	return w.absent == !s.p && (!s.p || (w.n == s.n && !memcmp(text + w.off, s.p, s.n)));
}

static inline int are_of_tls(const struct template *t, const struct span *s)
{
	for (unsigned i = 0; i < t->ntls; i++) {
		const struct tls_word *w = &t->tls_attr[i];
		const struct attr *a = &s->attr[i];

		if (i == s->nattrs || a->def != w->def)
			return 0;
		if (a->def->type == ATTR_STRING ? !is_word(t->head, w->text, a->s) : a->n != w->n)
			return 0;
	}
	return s->nattrs == t->ntls || !is_of_tls(&s->attr[t->ntls]);
}

/* Most processes lack most names. */
static int all_names(const struct template *t, const struct span *s)
{
	const char *names[NNAMES];

	names_of(s, names);
	for (unsigned i = 0; i < NNAMES; i++) {
		const struct word *w = &t->name[i];

		if (w->absent != !names[i])
			return 0;
		if (names[i] && (strncmp(t->names + w->off, names[i], w->n) || names[i][w->n]))
			return 0;
	}
	return 1;
}

static inline int is_addr(const uint8_t a[16], const uint8_t b[16])
{
	uint64_t x[2], y[2];

	memcpy(x, a, 16);
	memcpy(y, b, 16);
	return x[0] == y[0] && x[1] == y[1];
}

/* Those of a span with the same number need no look. */
static inline int are_words(struct template *t, const struct span *s)
{
	if (s->alike && t->alike == s->alike)
		return 1;
	if (!is_word(t->head, t->method, s->method) || !is_word(t->head, t->scheme, s->scheme) ||
	    !is_word(t->head, t->host, s->host))
		return 0;
	t->alike = s->alike;
	return 1;
}

static inline int are_names(struct template *t, const struct span *s)
{
	if (s->names && t->names_number == s->names && t->names_pid == s->pid &&
	    t->names_peer == s->peer_pid)
		return 1;
	if (!all_names(t, s))
		return 0;
	t->names_number = s->names;
	t->names_pid = s->pid;
	t->names_peer = s->peer_pid;
	return 1;
}

/* Does t say what is to be said of s? */
static int fits(struct template *t, const struct span *s)
{
	if (!t->made || t->conn != s->conn || t->kind != s->kind || t->protocol != s->protocol ||
	    t->tls != s->tls || t->port[0] != s->client_port || t->port[1] != s->server_port ||
	    !is_addr(t->addr, s->client_addr) || !is_addr(t->addr + 16, s->server_addr))
		return 0;
	return are_of_tls(t, s) && are_words(t, s) && are_names(t, s);
}

/* ---- lines */

#define KEY_U64(p, lit, v) fmt_u64(FMT_LIT(p, ",\"" lit "\":"), v)
#define KEY_KNOWN(p, lit, v)               \
	do {                               \
		if ((v) != SPAN_UNKNOWN)   \
			p = KEY_U64(p, lit, v); \
	} while (0)
#define KEY_STR(p, lit, s)                                    \
	do {                                                  \
		if ((s).p) {                                  \
			p = FMT_LIT(p, ",\"" lit "\":\"");    \
			p = fmt_copy(p, (s).p, (s).n);        \
			*p++ = '"';                           \
		}                                             \
	} while (0)

/* What was found in strings, in any byte of a vector. */
struct found {
	bytes escape; /* what is not as it is: all but plain_ascii() */
	bytes secret; /* may_hold_secret() */
};

/* Looks at the n bytes at p, where they were copied to: what lies behind may be written over. */
static inline void look(char *p, size_t n, struct found *f)
{
	const bytes plain = (bytes){0} + 'a';

	memcpy(p + n, &plain, sizeof(plain));
	for (size_t i = 0; i < n; i += sizeof(bytes)) {
		bytes v;

		memcpy(&v, p + i, sizeof(v));
		f->escape |= (bytes)(v - ' ' > '~' - ' ') | (bytes)(v == '"') | (bytes)(v == '\\');
		f->secret |= (bytes)(v == '=') | (bytes)(v == '@') | (bytes)(v == '%');
	}
}

static inline int any(bytes v)
{
	uint64_t half[2];

	memcpy(half, &v, sizeof(half));
	return (half[0] | half[1]) != 0;
}

/* As KEY_STR; the string must not be longer than STRING_MAX. */
#define KEY_LOOK(p, lit, s, f)                             \
	do {                                               \
		if ((s).p) {                               \
			p = FMT_LIT(p, ",\"" lit "\":\""); \
			fmt_copy(p, (s).p, (s).n);         \
			look(p, (s).n, f);                 \
			p += (s).n;                        \
			*p++ = '"';                        \
		}                                          \
	} while (0)

/* Numbers without another form, those of the network mostly, and what a template may have. */
static int are_plain(const struct span *s)
{
	if (s->nattrs > ATTRS_MAX)
		return 0;
	for (unsigned i = 0; i < s->nattrs; i++) {
		const struct attr_def *def = s->attr[i].def;

		if (is_of_tls(&s->attr[i]))
			continue;
		if (def->type == ATTR_STRING || def->type == ATTR_WORD || def->flags & ATTR_SECRET)
			return 0;
	}
	return 1;
}

/* Those before `end` in the table, from number *i on. */
static inline char *put_attrs(char *p, const struct span *s, unsigned *i, unsigned end)
{
	for (; *i < s->nattrs && s->attr[*i].def < attr_defs + end; ++*i) {
		const struct attr *a = &s->attr[*i];
		size_t n = strlen(a->def->key);

		p = FMT_LIT(p, ",\"");
		p = (char *)memcpy(p, a->def->key, n) + n;
		p = fmt_u64(FMT_LIT(p, "\":"), a->n);
	}
	return p;
}

static void make_sizes(struct template *t, const struct span *s)
{
	char *p = t->sizes;

	KEY_KNOWN(p, "req_bytes", s->req_bytes);
	KEY_KNOWN(p, "resp_bytes", s->resp_bytes);
	KEY_KNOWN(p, "req_body_bytes", s->req_body_bytes);
	KEY_KNOWN(p, "resp_body_bytes", s->resp_body_bytes);
	t->nsizes = (uint16_t)(p - t->sizes);
	t->size[0] = s->req_bytes;
	t->size[1] = s->resp_bytes;
	t->size[2] = s->req_body_bytes;
	t->size[3] = s->resp_body_bytes;
}

static inline int are_sizes(const struct template *t, const struct span *s)
{
	return t->nsizes && t->size[0] == s->req_bytes && t->size[1] == s->resp_bytes &&
	       t->size[2] == s->req_body_bytes && t->size[3] == s->resp_body_bytes;
}

static char *put_figures(char *p, struct template *t, const struct span *s)
{
	const char *error = span_error_name(s->error);
	unsigned at = t->ntls;

	if (s->status)
		p = KEY_U64(p, "status", (uint64_t)s->status);
	p = put_attrs(p, s, &at, ATTRS_OPERATION_END);
	if (error)
		KEY_STR(p, "error", str_of(error));
	p = put_attrs(p, s, &at, ATTRS_ERROR_END);
	KEY_KNOWN(p, "duration_ns", s->duration_ns);
	KEY_KNOWN(p, "inner_ns", s->inner_ns);
	KEY_KNOWN(p, "ttfb_ns", s->ttfb_ns);
	KEY_KNOWN(p, "queue_ns", s->queue_ns);
	KEY_KNOWN(p, "connect_ns", s->connect_ns);
	p = put_attrs(p, s, &at, ATTRS_TIMES_END);
	if (!are_sizes(t, s))
		make_sizes(t, s);
	p = (char *)memcpy(p, t->sizes, t->nsizes) + t->nsizes;
	return put_attrs(p, s, &at, ATTRS_END);
}

static char *put_ids(char *p, const struct span *s)
{
	p = FMT_LIT(p, ",\"trace_id\":\"");
	p = fmt_hex(p, s->trace_id, TRACE_ID_LEN);
	p = FMT_LIT(p, "\",\"span_id\":\"");
	p = fmt_hex(p, s->span_id, SPAN_ID_LEN);
	*p++ = '"';
	if (!s->has_parent)
		return p;
	p = FMT_LIT(p, ",\"parent_span_id\":\"");
	p = fmt_hex(p, s->parent_id, SPAN_ID_LEN);
	*p++ = '"';
	if (s->link)
		KEY_STR(p, "link", str_of(s->link));
	return p;
}

static void make_thread(struct template *t, const struct span *s)
{
	char *p = t->thread;

	if (s->pid)
		p = KEY_U64(p, "pid", s->pid);
	if (s->tid)
		p = KEY_U64(p, "tid", s->tid);
	t->nthread = (uint16_t)(p - t->thread);
	t->pid = s->pid;
	t->tid = s->tid;
}

/* What has no line from a template for certain. The strings are looked at when they are written. */
static inline int is_special(const struct span *s)
{
	return (s->nattrs && !are_plain(s)) || s->incomplete || !s->has_addr ||
	       s->protocol->operation || s->protocol->target || s->path.n > STRING_MAX ||
	       s->query.n > STRING_MAX || s->route.n > STRING_MAX;
}

/* Without the values that are secret. */
static char *put_query(char *p, struct str query, struct found *f)
{
	struct found shown = {f->escape, {0}};
	size_t n;

	p = FMT_LIT(p, ",\"query\":\"");
	n = redact_query(query, p, STRING_MAX);
	if (n > STRING_MAX) {
		f->secret[0] = 1; /* it has no room here */
		return p;
	}
	look(p, n, &shown);
	f->escape = shown.escape;
	p += n;
	*p++ = '"';
	return p;
}

/* Path and query, which are kept where they will be known again by their number. */
static char *put_uri(char *p, struct template *t, const struct span *s, int redact, struct found *f)
{
	const char *begin = p;

	KEY_LOOK(p, "path", s->path, f);
	if (redact && s->query.p && may_hold_secret(s->query.p, s->query.n))
		p = put_query(p, s->query, f);
	else
		KEY_LOOK(p, "query", s->query, f);
	t->uri_alike = 0;
	if (!s->alike || any(f->escape) || any(f->secret) || p - begin > (ptrdiff_t)URI_MAX)
		return p;
	t->uri_alike = s->alike;
	t->nuri = (uint16_t)(p - begin);
	memcpy(t->uri, begin, t->nuri);
	return p;
}

int json_quick_span(struct json_quick *q, struct out *o, const struct span *s, int redact)
{
	struct template *t = &q->template[s->conn % TEMPLATES];
	struct found f = {{0}, {0}};
	char *p;

	if (is_special(s) || (!fits(t, s) && !make(t, s)))
		return 0;
	p = out_reserve(o, LINE_MAX);
	p = FMT_LIT(p, "{\"time\":\"");
	p = fmt_time(p, &q->clock, s->time_ns);
	p = FMT_LIT(p, "\",\"type\":\"span\"");
	p = (char *)memcpy(p, t->head, t->nhead) + t->nhead;
	if (s->alike && t->uri_alike == s->alike)
		p = (char *)memcpy(p, t->uri, t->nuri) + t->nuri;
	else
		p = put_uri(p, t, s, redact, &f);
	KEY_LOOK(p, "route", s->route, &f);
	if (any(f.escape) || (redact && any(f.secret)))
		return 0;
	p = put_figures(p, t, s);
	p = (char *)memcpy(p, t->place, t->nplace) + t->nplace;
	if (t->pid != s->pid || t->tid != s->tid)
		make_thread(t, s);
	p = (char *)memcpy(p, t->thread, t->nthread) + t->nthread;
	p = (char *)memcpy(p, t->names, t->nnames) + t->nnames;
	if (s->stream_id)
		p = KEY_U64(p, "stream", s->stream_id);
	p = KEY_U64(p, "seq", s->seq);
	p = put_ids(p, s);
	p = FMT_LIT(p, "}\n");
	out_commit(o, p);
	return 1;
}
