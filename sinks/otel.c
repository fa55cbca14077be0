#include "sinks/otel.h"

#include <string.h>

#include "parsers/redact.h"
#include "parsers/attrs.h"
#include "sinks/format.h"

#define LIT(s) ((struct str){ "" s, sizeof(s) - 1 })

/* ---- putting together */

static void add(struct otel_span *o, struct otel_attr a)
{
	if (o->n < OTEL_ATTRS_MAX)
		o->attr[o->n++] = a;
}

static void add_str(struct otel_span *o, const char *key, struct str s)
{
	if (s.p)
		add(o, (struct otel_attr){ .key = key, .type = OTEL_STRING, .s = s });
}

static void add_cstr(struct otel_span *o, const char *key, const char *s)
{
	if (s)
		add_str(o, key, (struct str){ s, strlen(s) });
}

static void add_int(struct otel_span *o, const char *key, uint64_t n)
{
	if (n != SPAN_UNKNOWN)
		add(o, (struct otel_attr){ .key = key, .type = OTEL_INT, .n = n });
}

/* Text is put together at text_at(), NULL if there is no room; text_end() is the string. */
static char *text_at(struct otel_span *o, size_t n)
{
	return OTEL_TEXT_MAX - o->used >= n ? o->text + o->used : NULL;
}

static struct str text_end(struct otel_span *o, const char *end)
{
	struct str s = { o->text + o->used, (size_t)(end - (o->text + o->used)) };

	o->used += s.n;
	return s;
}

static struct str copy(struct otel_span *o, struct str a, const char *between, struct str b)
{
	size_t mid = strlen(between);
	char *p = text_at(o, a.n + mid + b.n);

	if (!p)
		return a;
	if (a.n)
		memcpy(p, a.p, a.n);
	memcpy(p + a.n, between, mid);
	if (b.n)
		memcpy(p + a.n + mid, b.p, b.n);
	return text_end(o, p + a.n + mid + b.n);
}

static struct str redacted(struct otel_span *o, struct str s, int query, int redact)
{
	char *p;
	size_t n;

	if (!s.p || !redact || !s.n)
		return s;
	p = o->text + o->used;
	n = query ? redact_query(s, p, OTEL_TEXT_MAX - o->used) :
		    redact_uri(s, p, OTEL_TEXT_MAX - o->used);
	if (n > OTEL_TEXT_MAX - o->used)
		return (struct str){ NULL, 0 };
	return text_end(o, p + n);
}

static struct str address(struct otel_span *o, const uint8_t addr[16])
{
	char *p = text_at(o, FMT_ADDR_MAX);

	return p ? text_end(o, fmt_addr(p, addr)) : (struct str){ NULL, 0 };
}

/* ---- what it is */

static int has_prefix(const char *s, const char *prefix)
{
	return s && !strncmp(s, prefix, strlen(prefix));
}

static int is_name(const struct span *s, const char *name)
{
	return !strcmp(s->protocol->name, name);
}

/* A version of HTTP, or NULL; WebSockets began as a request of HTTP/1.1. */
static const char *http_version(const struct span *s)
{
	const char *name = s->protocol->name;

	if (has_prefix(name, "http/"))
		return name + 5;
	if (is_name(s, "h2") || is_name(s, "grpc"))
		return "2";
	return is_name(s, "websocket") ? "1.1" : NULL;
}

static enum otel_family family_of(const struct span *s)
{
	const char *otel = s->protocol->operation ? s->protocol->operation->otel : NULL;

	if (is_name(s, "grpc"))
		return OTEL_RPC;
	if (http_version(s) || is_name(s, "fastcgi"))
		return OTEL_HTTP;
	if (has_prefix(otel, "db."))
		return OTEL_DB;
	if (has_prefix(otel, "messaging."))
		return OTEL_MESSAGING;
	return has_prefix(otel, "dns.") || is_name(s, "dns") ? OTEL_DNS : OTEL_OTHER;
}

static enum otel_family family_within(const struct span *s)
{
	if (span_attr(s, ATTR(gen_ai_provider)))
		return OTEL_GEN_AI;
	if (span_attr(s, ATTR(db_system)))
		return OTEL_DB;
	return span_attr(s, ATTR(rpc_system)) ? OTEL_RPC : OTEL_HTTP;
}

static int is_word(struct str s, const char *word)
{
	return s.n == strlen(word) && !memcmp(s.p, word, s.n);
}

/* Who sends a message is PRODUCER, whoever asks for some is CONSUMER; the rest asks and answers. */
static enum otel_kind kind_of(const struct span *s, enum otel_family family)
{
	if (family == OTEL_DNS)
		return OTEL_INTERNAL;
	if (family == OTEL_MESSAGING && s->method.p) {
		if (is_word(s->method, "publish") || is_word(s->method, "Produce"))
			return OTEL_PRODUCER;
		if (is_word(s->method, "process") || is_word(s->method, "Fetch"))
			return OTEL_CONSUMER;
	}
	return s->kind == SPAN_SERVER ? OTEL_SERVER : OTEL_CLIENT;
}

/*
 * The route, if it is one: not the word for a path that was not seen, nor the names of what travels
 * in HTTP behind it.
 */
static struct str route_of(const struct span *s)
{
	struct str route = s->route;
	const char *blank = route.n ? memchr(route.p, ' ', route.n) : NULL;

	if (blank)
		route.n = (size_t)(blank - route.p);
	return route.n && route.p[0] != '*' ? route : (struct str){ NULL, 0 };
}

static struct str method_of(const struct span *s)
{
	static const char known[] =
		" GET POST HEAD PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY ";

	for (const char *p = known; s->method.p && p[1]; p = strchr(p + 1, ' '))
		if (!strncmp(p + 1, s->method.p, s->method.n) && p[1 + s->method.n] == ' ')
			return s->method;
	return s->method.p ? LIT("_OTHER") : s->method;
}

static struct str two_words(struct otel_span *o, struct str a, struct str b)
{
	if (!a.n)
		return b;
	return b.n ? copy(o, a, " ", b) : a;
}

/* Of what travels in HTTP: the whole method, as "S3/GetObject". p == NULL: it is no call. */
static struct str rpc_method(struct otel_span *o, const struct span *s)
{
	struct str service = span_attr_str(s, ATTR(rpc_service));
	struct str method = span_attr_str(s, ATTR(rpc_method));

	if (!span_attr_str(s, ATTR(rpc_system)).p || !method.p)
		return (struct str){ NULL, 0 };
	return service.p ? copy(o, service, "/", method) : method;
}

/* The conventions' names for it; n == 0: there is none. */
static struct str name_within(struct otel_span *o, const struct span *s)
{
	static const struct {
		const struct attr_def *first, *second;
	} names[] = {
		{ ATTR(mcp_method), ATTR(mcp_tool) },
		{ ATTR(gen_ai_operation), ATTR(gen_ai_model) },
		{ ATTR(graphql_type), ATTR(graphql_operation) },
		{ ATTR(graphql_operation), ATTR(graphql_type) }, /* without a type */
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct str first = span_attr_str(s, names[i].first);

		if (first.n)
			return two_words(o, first, span_attr_str(s, names[i].second));
	}
	if (span_attr_str(s, ATTR(db_system)).n)
		return two_words(o, span_attr_str(s, ATTR(db_operation)),
				 span_attr_str(s, ATTR(db_collection)));
	return rpc_method(o, s);
}

static struct str name_of(struct otel_span *o, const struct span *s)
{
	const struct str protocol = { s->protocol->name, strlen(s->protocol->name) };
	struct str name = { NULL, 0 };

	if (o->family == OTEL_RPC) {
		name = s->path;
	} else if (o->family == OTEL_HTTP) {
		struct str m = method_of(s);

		name = s->nattrs ? name_within(o, s) : name;
		if (!name.n)
			name = two_words(o, is_word(m, "_OTHER") ? LIT("HTTP") : m, route_of(s));
	} else if (o->family == OTEL_DB) {
		name = two_words(o, s->method, span_attr_str(s, ATTR(db_collection)));
	} else if (!(s->protocol->flags & NAME_CONNECTION)) {
		name = two_words(o, s->method, s->path);
	}
	return name.n ? name : protocol;
}

/* ---- attributes */

/* HTTP's Host without the port. */
static struct str host_name(struct str host)
{
	const char *colon = host.p ? memrchr(host.p, ':', host.n) : NULL;

	if (colon && !memchr(colon, ']', (size_t)(host.p + host.n - colon)))
		host.n = (size_t)(colon - host.p);
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = (struct str){ host.p + 1, host.n - 2 };
	return host;
}

static struct str whole_url(struct otel_span *o, struct str scheme, struct str host,
			    struct str path, struct str query)
{
	const struct str part[] = { scheme, LIT("://"), host, path, LIT("?"), query };
	unsigned parts = query.p ? 6 : 4;
	size_t n = 0;
	char *p;

	for (unsigned i = 0; i < parts; i++)
		n += part[i].n;
	p = text_at(o, n);
	for (unsigned i = 0; p && i < parts; i++)
		p = part[i].n ? (char *)memcpy(p, part[i].p, part[i].n) + part[i].n : p;
	return p ? text_end(o, p) : (struct str){ NULL, 0 };
}

static void add_url(struct otel_span *o, const struct span *s, int redact)
{
	struct str path = redacted(o, s->path, 0, redact);
	struct str query = redacted(o, s->query, 1, redact);
	struct str scheme = s->scheme;

	if (!scheme.p)
		scheme = s->tls ? LIT("https") : LIT("http");
	add_str(o, "url.scheme", scheme);
	add_str(o, "url.path", path);
	add_str(o, "url.query", query);
	if (s->kind != SPAN_CLIENT || !s->host.n || !path.n || path.p[0] != '/')
		return;
	add_str(o, "url.full", whole_url(o, scheme, redacted(o, s->host, 0, redact), path, query));
}

static void add_http(struct otel_span *o, const struct span *s, int redact)
{
	struct str method = method_of(s);

	add_str(o, "http.request.method", method);
	if (is_word(method, "_OTHER"))
		add_str(o, "http.request.method_original", s->method);
	add_str(o, "http.route", route_of(s));
	if (s->status)
		add_int(o, "http.response.status_code", (uint64_t)s->status);
	add_url(o, s, redact);
	add_int(o, "http.request.body.size", s->req_body_bytes);
	add_int(o, "http.response.body.size", s->resp_body_bytes);
	if (s->nattrs)
		add_str(o, "rpc.method", rpc_method(o, s));
}

static void add_family(struct otel_span *o, const struct span *s, int redact)
{
	struct str system = { s->protocol->name, strlen(s->protocol->name) };

	if (o->family == OTEL_HTTP) {
		add_http(o, s, redact);
	} else if (o->family == OTEL_RPC) {
		add_str(o, "rpc.system.name", system);
		add_str(o, "rpc.method", s->path);
	} else if (o->family == OTEL_DB) {
		add_str(o, "db.system.name", system);
	} else if (o->family == OTEL_MESSAGING) {
		add_str(o, "messaging.system", system);
		if (!span_attr(s, ATTR(kafka_api)))
			add_str(o, "messaging.operation.name", s->method);
	}
	if (http_version(s)) {
		add_cstr(o, "network.protocol.name", "http");
		add_cstr(o, "network.protocol.version", http_version(s));
	} else {
		add_str(o, "network.protocol.name", system);
	}
}

static void add_peers(struct otel_span *o, const struct span *s, int redact)
{
	struct str host = redacted(o, host_name(s->host), 0, redact), client, server;

	if (!s->has_addr) {
		add_str(o, "server.address", host);
		return;
	}
	client = address(o, s->client_addr);
	server = address(o, s->server_addr);
	add_str(o, "server.address", host.n ? host : server);
	add_int(o, "server.port", s->server_port);
	add_cstr(o, "network.transport", "tcp");
	if (s->kind == SPAN_SERVER) {
		add_str(o, "client.address", client);
		add_int(o, "client.port", s->client_port);
	}
	add_str(o, "network.peer.address", s->kind == SPAN_SERVER ? client : server);
	add_int(o, "network.peer.port", s->kind == SPAN_SERVER ? s->client_port : s->server_port);
	add_cstr(o, s->kind == SPAN_CLIENT ? "service.peer.name" : "zctrace.peer_service",
		 s->peer_service);
}

/* An attribute of some protocols: by the conventions' name, else by ours. */
static void add_attr(struct otel_span *o, const struct attr *a, int redact)
{
	const char *key = a->def->otel;
	char buf[SPAN_TEXT_MAX];
	struct str word;

	if (a->def->flags & ATTR_SECRET && redact)
		return;
	/* the conventions have no type for commands */
	if (a->def == ATTR(messaging_operation) && !is_word(a->s, "publish") &&
	    !is_word(a->s, "process") && !is_word(a->s, "receive"))
		return;
	if (a->def == ATTR(gen_ai_finish)) {
		add(o, (struct otel_attr){ key, OTEL_WORDS, { a->s } });
		return;
	}
	if (!key) {
		struct str own = copy(o, LIT("zctrace."), a->def->key, (struct str){ "", 1 });

		key = own.p;
	}
	if (a->def->type == ATTR_NUMBER || a->def->type == ATTR_SIZE ||
	    a->def->type == ATTR_DURATION || (a->def->type == ATTR_CODE && !a->def->otel)) {
		add_int(o, key, a->n);
		return;
	}
	if (a->def->type == ATTR_WORD && !a->def->name(a->n, buf))
		return;
	word = attr_text(a, buf);
	if (word.p == buf)
		word = copy(o, word, "", (struct str){ "", 0 });
	add_str(o, key, a->def->flags & ATTR_URI ? redacted(o, word, 0, redact) : word);
}

static void add_error(struct otel_span *o, const struct span *s)
{
	char buf[SPAN_TEXT_MAX];
	struct str word = { NULL, 0 };
	const struct attr *why = span_reason(s);

	o->failed = s->error != SPAN_OK;
	if (!o->failed)
		return;
	if (s->error == SPAN_ERR_STATUS && why && !s->protocol->status && s->status > 0 &&
	    s->status < 400)
		word = attr_text(why, buf); /* told by the content */
	else if (s->error == SPAN_ERR_STATUS)
		word = span_status(s, buf);
	if (word.p == buf)
		word = copy(o, word, "", (struct str){ "", 0 });
	if (word.p)
		add_str(o, "error.type", word);
	else
		add_cstr(o, "error.type", span_error_name(s->error));
	if (!why)
		return;
	word = attr_text(why, buf);
	o->message = copy(o, word, "", (struct str){ "", 0 });
}

static void add_doubts(struct otel_span *o, const struct span *s)
{
	struct str all = { NULL, 0 };

	for (unsigned bit = 0; bit < SPAN_INCOMPLETE_BITS; bit++) {
		const char *name = span_incomplete_name(bit);
		struct str word = { name, strlen(name) };

		if (s->incomplete & 1u << bit)
			all = all.p ? copy(o, all, " ", word) : word;
	}
	if (all.p)
		add(o, (struct otel_attr){ "zctrace.incomplete", OTEL_WORDS, { all } });
}

void otel_span(struct otel_span *o, const struct span *s, int redact)
{
	o->n = 0;
	o->used = 0;
	o->message = (struct str){ NULL, 0 };
	o->family = family_of(s);
	o->within = o->family == OTEL_HTTP && s->nattrs ? family_within(s) : o->family;
	o->kind = kind_of(s, o->family);
	o->name = name_of(o, s);
	add_family(o, s, redact);
	add_peers(o, s, redact);
	for (unsigned i = 0; i < s->nattrs; i++)
		add_attr(o, &s->attr[i], redact);
	add_error(o, s);
	if (s->tid)
		add_int(o, "thread.id", s->tid);
	add_cstr(o, "zctrace.tls", s->tls);
	add_int(o, "zctrace.ttfb_ns", s->ttfb_ns);
	add_int(o, "zctrace.connect_ns", s->connect_ns);
	add_cstr(o, "zctrace.link", s->has_parent ? s->link : NULL);
	add_doubts(o, s);
}

const struct otel_attr *otel_attr(const struct otel_span *o, const char *key)
{
	for (unsigned i = 0; i < o->n; i++)
		if (!strcmp(o->attr[i].key, key))
			return &o->attr[i];
	return NULL;
}

const char *otel_language(const char *runtime)
{
	static const char known[] = " go java dotnet python nodejs ruby rust php cpp ";
	size_t n = runtime ? strlen(runtime) : 0;

	for (const char *p = known; n && p[1]; p = strchr(p + 1, ' '))
		if (!strncmp(p + 1, runtime, n) && p[1 + n] == ' ')
			return runtime;
	return n && !strcmp(runtime, "deno") ? "nodejs" : NULL;
}

size_t otel_utf8(struct str s, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n;) {
		int ascii = (unsigned char)s.p[i] < 0x80;
		size_t len = ascii ? s.p[i] != 0 : utf8_len(s.p + i, s.n - i);

		if (len)
			memcpy(out + n, s.p + i, len);
		else
			memcpy(out + n, "\xef\xbf\xbd", 3);
		n += len ? len : 3;
		i += len ? len : 1;
	}
	return n;
}
