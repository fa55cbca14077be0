/*
 * route.c - patterns, limit and cache of routes; what a value looks like is in route_shape.c
 *
 * Services see the same few paths over and over, so the answer for a path is kept in a cache of
 * fixed size: sets of two ways, chosen by the hash of the path, each way holding the path itself
 * for comparison. An entry is 256 octets; a look-up touches one set. Whatever misses the cache
 * takes the long way, which allocates only for a route that is new.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/route.h"
#include "core/route_shape.h"
#include "parsers/redact.h"

#define CACHE_SETS 2048u
#define CACHE_WAYS 2u
#define PUBLIC_MAX 4096u  /* of a path without its secrets; the rest of it makes no route */
#define CACHED_PATH 236u /* makes an entry 256 octets */

static const char wildcard_text[] = "/**";

/* An interned route; the text follows. */
struct route {
	uint64_t hash;
	size_t n;
	char text[];
};

struct cache_entry {
	uint64_t hash;
	const struct route *route; /* NULL: empty */
	uint32_t n;
	char path[CACHED_PATH];
};

/* One segment of a pattern: text around at most one wildcard, all within the pattern's text. */
struct segment {
	const char *prefix, *suffix;
	uint32_t prefix_n, suffix_n;
	enum { EXACT, ANY, NON_EMPTY, REST } kind;
};

struct pattern {
	const struct route *route;
	struct segment *segments;
	size_t nsegments;
	char separator; /* '/' of paths, ':' of keys */
};

struct routes {
	enum route_mode mode;
	unsigned limit, distinct; /* of routes that come from paths */
	int redact, overflowed, reported;
	struct pattern *patterns;
	size_t npatterns;
	const struct route **table; /* open addressing */
	size_t table_size, in_table; /* size: a power of two */
	const struct route *wildcard;
	struct cache_entry *cache; /* CACHE_SETS times CACHE_WAYS */
	const struct cache_entry *last; /* that of the last path, if that was no key; or NULL */
};

static uint64_t load(const char *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

static uint64_t hash_of(const char *p, size_t n)
{
	uint64_t h = 0x9e3779b97f4a7c15u ^ n;

	for (; n >= 8; p += 8, n -= 8) {
		h = (h ^ load(p, 8)) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	h = (h ^ load(p, n)) * 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 29;
}

/* ---- interning */

static const struct route **slot_of(const struct routes *r, uint64_t hash, const char *p, size_t n)
{
	size_t i = hash & (r->table_size - 1);

	while (r->table[i] && (r->table[i]->hash != hash || r->table[i]->n != n ||
			       memcmp(r->table[i]->text, p, n)))
		i = (i + 1) & (r->table_size - 1);
	return &r->table[i];
}

static int table_grow(struct routes *r)
{
	const struct route **old = r->table;
	size_t size = r->table_size;

	r->table = calloc(size * 2, sizeof(*r->table));
	if (!r->table) {
		r->table = old;
		return -ENOMEM;
	}
	r->table_size = size * 2;
	for (size_t i = 0; i < size; i++)
		if (old[i])
			*slot_of(r, old[i]->hash, old[i]->text, old[i]->n) = old[i];
	free(old);
	return 0;
}

static const struct route *find(const struct routes *r, const char *p, size_t n)
{
	return *slot_of(r, hash_of(p, n), p, n);
}

/* NULL: out of memory. */
static const struct route *intern(struct routes *r, const char *p, size_t n)
{
	uint64_t hash = hash_of(p, n);
	const struct route **slot = slot_of(r, hash, p, n);
	struct route *new;

	if (*slot)
		return *slot;
	if ((r->in_table + 1) * 2 > r->table_size) {
		if (table_grow(r))
			return NULL;
		slot = slot_of(r, hash, p, n);
	}
	new = malloc(sizeof(*new) + n + 1);
	if (!new)
		return NULL;
	new->hash = hash;
	new->n = n;
	memcpy(new->text, p, n);
	new->text[n] = '\0';
	r->in_table++;
	return *slot = new;
}

/* ---- patterns */

__attribute__((format(printf, 3, 4))) static int bad(struct route_error *err, size_t offset,
						     const char *fmt, ...)
{
	va_list ap;

	err->offset = offset;
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* Octets that no path has, or that would make the route unreadable. */
static int check_bytes(const char *text, struct route_error *err)
{
	if (text[0] != '/' && !strchr(text, ':'))
		return bad(err, 0, text[0] ? "a route begins with '/'" : "a route is missing");
	for (size_t i = 0; text[i]; i++) {
		if (i >= ROUTE_MAX)
			return bad(err, i, "a route is at most %u bytes long", ROUTE_MAX);
		if (text[i] == '?' || text[i] == '#')
			return bad(err, i, "a route is for paths, which have no '%c'", text[i]);
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return bad(err, i,
				   "white space and control characters must be percent-encoded");
	}
	return 0;
}

/* Parses "{name}" at text[i]. Its length, or a negative error. */
static int parse_name(const char *text, size_t i, size_t end, struct route_error *err)
{
	size_t j = i + 1;

	while (j < end && text[j] != '}' && text[j] != '{' && text[j] != '*')
		j++;
	if (j == end)
		return bad(err, i, "'{' without '}' in the same segment");
	if (text[j] != '}')
		return bad(err, j, "'%c' within a name", text[j]);
	if (j == i + 1)
		return bad(err, i, "a name is missing between '{' and '}'");
	return (int)(j + 1 - i);
}

/* The segment text[start..end); last: no other follows. */
static int parse_segment(struct segment *s, const char *text, size_t start, size_t end, int last,
			 struct route_error *err)
{
	int found = 0, len;

	*s = (struct segment){ .prefix = text + start, .kind = EXACT };
	s->prefix_n = (uint32_t)(end - start);
	for (size_t i = start; i < end; i += (size_t)len) {
		len = 1;
		if (text[i] == '}')
			return bad(err, i, "'}' without '{' before it in the same segment");
		if (text[i] != '{' && text[i] != '*')
			continue;
		if (text[i] == '*' && i + 1 < end && text[i + 1] == '*') {
			if (!last || i != start || end - start != 2)
				return bad(err, i, "'**' may only be the whole last segment");
			s->kind = REST;
			return 0;
		}
		if (found++)
			return bad(err, i, "a segment holds at most one wildcard");
		if (text[i] == '{' && (len = parse_name(text, i, end, err)) < 0)
			return len;
		s->kind = text[i] == '{' ? NON_EMPTY : ANY;
		s->prefix_n = (uint32_t)(i - start);
		s->suffix = text + i + len;
		s->suffix_n = (uint32_t)(end - i - (size_t)len);
	}
	if (last && s->kind == ANY && !s->prefix_n && !s->suffix_n)
		s->kind = REST;
	return 0;
}

static int parse_pattern(struct pattern *p, const char *text, struct route_error *err)
{
	const char separators[] = {p->separator, 0};
	size_t start = p->separator == '/', end;

	for (p->nsegments = 0;; start = end + 1) {
		int last, ret;

		end = start + strcspn(text + start, separators);
		last = !text[end];
		ret = parse_segment(&p->segments[p->nsegments++], text, start, end, last, err);
		if (ret || last)
			return ret;
	}
}

/* What was found for a path so far may be something else now. */
static void forget(struct routes *r)
{
	memset(r->cache, 0, (size_t)CACHE_SETS * CACHE_WAYS * sizeof(*r->cache));
}

int routes__add(struct routes *r, const char *text, struct route_error *err)
{
	struct pattern *grown, *p;
	const struct route *route;
	size_t segments = 1;
	int ret = check_bytes(text, err);

	if (ret)
		return ret;
	for (const char *s = text; *s; s++)
		segments += *s == (text[0] == '/' ? '/' : ':');
	grown = realloc(r->patterns, (r->npatterns + 1) * sizeof(*grown));
	route = grown ? intern(r, text, strlen(text)) : NULL;
	if (grown)
		r->patterns = grown;
	if (!route)
		return -ENOMEM;
	p = &grown[r->npatterns];
	p->route = route;
	p->separator = text[0] == '/' ? '/' : ':';
	p->segments = calloc(segments, sizeof(*p->segments));
	if (!p->segments)
		return -ENOMEM;
	ret = parse_pattern(p, route->text, err);
	if (ret)
		free(p->segments);
	else
		r->npatterns++;
	forget(r);
	return ret;
}

void routes__mode(struct routes *r, enum route_mode mode)
{
	r->mode = mode;
	forget(r);
}

void routes__redact(struct routes *r)
{
	r->redact = 1;
	forget(r);
}

static int segment_matches(const struct segment *s, const char *p, size_t n)
{
	size_t fixed = (size_t)s->prefix_n + s->suffix_n;

	if (n < fixed || memcmp(p, s->prefix, s->prefix_n))
		return 0;
	switch (s->kind) {
	case EXACT:
		return n == fixed;
	case NON_EMPTY:
		if (n == fixed)
			return 0;
		break;
	case ANY:
	case REST:
		break;
	}
	return !s->suffix_n || !memcmp(p + n - s->suffix_n, s->suffix, s->suffix_n);
}

static int pattern_matches(const struct pattern *p, struct str path)
{
	const char *at = path.p, *end = path.p + path.n, *slash;

	for (size_t i = 0; i < p->nsegments; i++) {
		/* a key begins with its first segment */
		if (i || p->separator == '/') {
			if (at == end || *at != p->separator)
				return 0;
			at++;
		}
		if (p->segments[i].kind == REST)
			return 1;
		slash = memchr(at, p->separator, (size_t)(end - at));
		if (!slash)
			slash = end;
		if (!segment_matches(&p->segments[i], at, (size_t)(slash - at)))
			return 0;
		at = slash;
	}
	return at == end;
}

/* ---- paths that match none */

/*
 * The path within the limits of a route, its segments shaped or not. What precedes the first slash
 * is no segment ("*", or the host:port of CONNECT), but of a key.
 */
static void put_path(struct route_out *o, struct str path, int shape, int is_key)
{
	const char *at = path.p, *end = path.p + path.n, *slash;
	struct route_out before;
	unsigned segments = 0;

	while (at < end) {
		before = *o;
		size_t lead = *at == '/';

		slash = memchr(at + 1, '/', (size_t)(end - at - 1));
		if (!slash)
			slash = end;
		if (!shape || (!lead && !is_key)) {
			route_put(o, at, (size_t)(slash - at));
		} else {
			route_put(o, at, lead);
			route_shape(o, at + lead, (size_t)(slash - at) - lead);
		}
		if (++segments > ROUTE_MAX_SEGMENTS || o->full) {
			*o = before;
			o->cap += strlen(wildcard_text); /* kept free by the caller */
			route_put(o, wildcard_text, strlen(wildcard_text));
			return;
		}
		at = slash;
	}
}

static const struct route *derive(struct routes *r, struct str path, int is_key)
{
	char text[ROUTE_MAX], public[PUBLIC_MAX];
	struct route_out o = { text, 0, sizeof(text) - strlen(wildcard_text), 0 };
	const struct route *route;

	if (r->redact && !is_key && may_hold_secret(path.p, path.n)) {
		path.n = redact_uri(path, public, sizeof(public));
		path = (struct str){ public, path.n < PUBLIC_MAX ? path.n : PUBLIC_MAX };
	}
	put_path(&o, path, r->mode == ROUTE_HEURISTIC, is_key);
	route = find(r, o.p, o.n);
	if (route)
		return route;
	if (r->distinct >= r->limit) {
		r->overflowed = 1;
		return r->wildcard;
	}
	route = intern(r, o.p, o.n);
	if (!route)
		return r->wildcard;
	r->distinct++;
	return route;
}

static const struct route *resolve(struct routes *r, struct str path, int is_key)
{
	for (size_t i = 0; i < r->npatterns; i++)
		if (is_key == (r->patterns[i].separator == ':') &&
		    pattern_matches(&r->patterns[i], path))
			return r->patterns[i].route;
	return r->mode == ROUTE_WILDCARD ? r->wildcard : derive(r, path, is_key);
}

static inline int is_entry_of(const struct cache_entry *e, struct str path)
{
	return e->route && e->n == path.n && !memcmp(e->path, path.p, path.n);
}

static struct str lookup(struct routes *r, struct str path, int is_key)
{
	struct cache_entry *e;
	const struct route *route;
	uint64_t hash;

	if (!path.p)
		return path;
	if (path.n > CACHED_PATH) {
		route = resolve(r, path, is_key);
		return (struct str){ route->text, route->n };
	}
	hash = hash_of(path.p, path.n) ^ (uint64_t)is_key << 40;
	e = &r->cache[(hash & (CACHE_SETS - 1)) * CACHE_WAYS];
	for (unsigned way = 0; way < CACHE_WAYS; way++)
		if (e[way].hash == hash && is_entry_of(&e[way], path)) {
			r->last = is_key ? NULL : &e[way];
			return (struct str){ e[way].route->text, e[way].route->n };
		}
	route = resolve(r, path, is_key);
	e += hash >> 63; /* which way to give up: as good as random, and free */
	e->hash = hash;
	e->route = route;
	e->n = (uint32_t)path.n;
	memcpy(e->path, path.p, path.n);
	r->last = is_key ? NULL : e;
	return (struct str){ route->text, route->n };
}

struct str routes__of(struct routes *r, struct str path)
{
	const struct cache_entry *e = r->last;

	if (e && path.p && is_entry_of(e, path))
		return (struct str){ e->route->text, e->route->n };
	return lookup(r, path, 0);
}

struct str routes__of_key(struct routes *r, struct str key)
{
	return lookup(r, key, 1);
}

int routes__overflowed(struct routes *r)
{
	int tell = r->overflowed && !r->reported;

	r->reported |= tell;
	return tell;
}

struct routes *routes__new(enum route_mode mode, unsigned limit)
{
	struct routes *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->mode = mode;
	r->limit = limit ? limit : ROUTES_DEFAULT_LIMIT;
	r->table_size = 256;
	r->table = calloc(r->table_size, sizeof(*r->table));
	r->cache = calloc((size_t)CACHE_SETS * CACHE_WAYS, sizeof(*r->cache));
	if (r->table && r->cache)
		r->wildcard = intern(r, wildcard_text, strlen(wildcard_text));
	if (!r->wildcard) {
		routes__free(r);
		return NULL;
	}
	return r;
}

void routes__free(struct routes *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->npatterns; i++)
		free(r->patterns[i].segments);
	free(r->patterns);
	for (size_t i = 0; r->table && i < r->table_size; i++)
		free((void *)r->table[i]);
	free(r->table);
	free(r->cache);
	free(r);
}
