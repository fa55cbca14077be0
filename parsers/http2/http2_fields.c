/*
 * http2_fields.c - what a field block is, and which names its unseen fields must have
 */
#include <string.h>
#include "parsers/http2/http2_int.h"

/* Bit numbers. */
enum {
	PS_AUTHORITY,
	PS_METHOD,
	PS_PATH,
	PS_SCHEME,
	PS_STATUS,
	PS_PROTOCOL,
	PS_COUNT,
	PS_OTHER,
	PS_NONE,
};

#define BIT(n) (1u << (n))
#define OF_REQUEST                                                                                 \
	(BIT(PS_AUTHORITY) | BIT(PS_METHOD) | BIT(PS_PATH) | BIT(PS_SCHEME) | BIT(PS_PROTOCOL))

static const struct {
	const char *name;
	uint8_t n;
	uint8_t index; /* in the static table; 0: not there */
} pseudo[PS_COUNT] = {
	[PS_AUTHORITY] = {":authority", 10, 1},
	[PS_METHOD] = {":method", 7, 2},
	[PS_PATH] = {":path", 5, 4},
	[PS_SCHEME] = {":scheme", 7, 6},
	[PS_STATUS] = {":status", 7, 8},
	[PS_PROTOCOL] = {":protocol", 9, 0},
};

/* The only one that it can be, by length and a letter. */
static int guess_pseudo(struct str name)
{
	switch (name.n) {
	case 5: return PS_PATH;
	case 7: return name.p[1] == 'm' ? PS_METHOD : name.p[2] == 'c' ? PS_SCHEME : PS_STATUS;
	case 9: return PS_PROTOCOL;
	default: return PS_AUTHORITY;
	}
}

static int pseudo_of(struct str name)
{
	int i;

	if (!name.p || !name.n || name.p[0] != ':')
		return PS_NONE;
	i = guess_pseudo(name);
	return name.n == pseudo[i].n && !memcmp(name.p, pseudo[i].name, name.n) ? i : PS_OTHER;
}

static int is(struct str s, const char *want)
{
	return s.p && s.n == strlen(want) && !memcmp(s.p, want, s.n);
}

/* What the names in a block tell, and leave open. */
struct survey {
	const struct hpack_field *of[PS_COUNT]; /* the first of each name, which counts */
	unsigned known;	   /* BIT() of the pseudo-header fields whose names are known */
	size_t zone;	   /* fields before the first one that is known to be regular */
	size_t unseen;	   /* nameless ones among these: the candidates */
	size_t first;	   /* the first candidate */
	size_t sure;	   /* candidates before a known pseudo-header field, so they are such too */
};

/* {NULL, 0}: not seen */
static struct str value_of(const struct survey *v, int ps)
{
	return v->of[ps] ? v->of[ps]->value : (struct str){NULL, 0};
}

static int is_candidate(const struct hpack_field *f)
{
	return !f->name.p && f->flags & HPACK_NAME_UNSEEN;
}

static struct survey survey(const struct http2_event *ev)
{
	struct survey v = {.zone = ev->nfields};

	for (size_t i = 0; i < ev->nfields; i++) {
		const struct hpack_field *f = &ev->fields[i];
		int ps = pseudo_of(f->name);

		if (ps == PS_NONE && !is_candidate(f)) {
			if (i < v.zone)
				v.zone = i;
		} else if (ps != PS_NONE) {
			if (ps < PS_COUNT && !v.of[ps])
				v.of[ps] = f;
			if (ps < PS_COUNT)
				v.known |= BIT(ps);
			if (i < v.zone)
				v.sure = v.unseen;
		} else if (i < v.zone) {
			if (!v.unseen++)
				v.first = i;
		}
	}
	return v;
}

static unsigned bits(unsigned set)
{
	return (unsigned)__builtin_popcount(set);
}

/*
 * Pseudo-header fields of a request that are not among the known names: those that must be there,
 * and those that may. Returns 0 when not even that is certain (CONNECT has its own rules, RFC 9113
 * section 8.5 and RFC 8441 section 4).
 */
static int open_names(const struct survey *v, unsigned *must, unsigned *may)
{
	struct str method = value_of(v, PS_METHOD);
	int maybe_connect = !method.p;

	*must = (BIT(PS_METHOD) | BIT(PS_SCHEME) | BIT(PS_PATH)) & ~v->known;
	*may = (BIT(PS_AUTHORITY) | (maybe_connect ? BIT(PS_PROTOCOL) : 0u)) & ~v->known;
	if (is(method, "CONNECT"))
		return 0;
	/* CONNECT without :protocol has neither :scheme nor :path */
	return !maybe_connect || v->known & (BIT(PS_SCHEME) | BIT(PS_PATH));
}

static void give_name(struct survey *v, struct hpack_field *f, int ps, struct hpack *hpack)
{
	if (!pseudo[ps].index)
		return;
	v->of[ps] = f;
	f->name = hpack_static_name(pseudo[ps].index);
	f->flags = (f->flags & ~HPACK_NAME_UNSEEN) | HPACK_NAME_INFERRED;
	hpack_learn_name(hpack, f->name_id, pseudo[ps].index);
}

/*
 * Pseudo-header fields come first, so of the candidates some at the front are such: at least as
 * many as are missing or stand before a known one, at most as many as can be missing. If that makes
 * it exactly one, and only one name is left for it, that is its name.
 */
static void infer_request(struct http2_event *ev, struct survey *v, struct hpack *hpack)
{
	unsigned must, may;
	size_t least, most;

	if (!v->unseen || !open_names(v, &must, &may))
		return;
	least = bits(must) > v->sure ? bits(must) : v->sure;
	most = bits(must) + bits(may) < v->unseen ? bits(must) + bits(may) : v->unseen;
	if (least != 1 || most != 1)
		return;
	if (bits(must) == 1)
		give_name(v, &ev->fields[v->first], __builtin_ctz(must), hpack);
	else if (bits(may) == 1)
		give_name(v, &ev->fields[v->first], __builtin_ctz(may), hpack);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

static uint64_t mix_field(uint64_t h, const struct hpack_field *f)
{
	if (!f->value.p)
		return mix(mix(h, 1), (uint64_t)f->id);
	h = mix(mix(h, 2), (uint64_t)f->name_id);
	for (size_t i = 0; i < f->value.n; i++)
		h = mix(h, (uint8_t)f->value.p[i]);
	return h;
}

/* See path_key in http2.h: a number for all that could be the path. */
static uint64_t path_key(const struct http2_event *ev, const struct hpack_field *path)
{
	uint64_t h = mix(0x7061746875, ev->epoch);
	struct survey v = survey(ev);
	unsigned must, may;
	size_t most;

	if (path)
		return mix_field(h, path) | 1;
	open_names(&v, &must, &may);
	if (!v.unseen || is(value_of(&v, PS_METHOD), "CONNECT") ||
	    ev->flags & (HTTP2_TRUNCATED | HTTP2_NOT_DECODED))
		return 0;
	most = bits(must) + bits(may);
	for (size_t i = v.first; i < v.zone && most; i++)
		if (is_candidate(&ev->fields[i])) {
			h = mix_field(h, &ev->fields[i]);
			most--;
		}
	return h | 1;
}

static int status_of(struct str s)
{
	int status = 0;

	if (!s.p || s.n != 3)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return 0;
		status = status * 10 + (s.p[i] - '0');
	}
	return status >= 100 ? status : 0;
}

static void fill(struct http2_event *ev, const struct survey *v)
{
	if (ev->kind == HTTP2_RESPONSE) {
		ev->status = status_of(value_of(v, PS_STATUS));
		if (ev->status && ev->status < 200)
			ev->flags |= HTTP2_INTERIM;
	}
	if (ev->kind != HTTP2_REQUEST)
		return;
	ev->method = value_of(v, PS_METHOD);
	ev->scheme = value_of(v, PS_SCHEME);
	ev->authority = value_of(v, PS_AUTHORITY);
	ev->path = value_of(v, PS_PATH);
	ev->protocol = value_of(v, PS_PROTOCOL);
	ev->path_key = ev->path.p ? 0 : path_key(ev, v->of[PS_PATH]);
}

static void judge(struct http2_event *ev, enum http2_kind kind, struct survey *v,
		  struct hpack *hpack)
{
	ev->kind = kind;
	/* of a block that is not complete nothing can be said to be missing */
	if (!(ev->flags & (HTTP2_TRUNCATED | HTTP2_NOT_DECODED | HTTP2_FIELDS_DROPPED))) {
		if (kind == HTTP2_REQUEST)
			infer_request(ev, v, hpack);
		else if (kind == HTTP2_RESPONSE && ev->nfields && is_candidate(&ev->fields[0]))
			give_name(v, &ev->fields[0], PS_STATUS, hpack);
	}
	fill(ev, v);
}

void http2_judge_as(struct http2_event *ev, enum http2_kind kind, struct hpack *hpack)
{
	struct survey v = survey(ev);

	judge(ev, kind, &v, hpack);
}

void http2_judge(struct http2_event *ev, unsigned *client, struct hpack *hpack)
{
	struct survey v = survey(ev);
	enum http2_kind kind = HTTP2_AMBIGUOUS;

	if (v.known & BIT(PS_STATUS)) {
		kind = HTTP2_RESPONSE;
		if (*client == HTTP2_NO_DIR)
			*client = !ev->dir;
	} else if (v.known & OF_REQUEST) {
		kind = HTTP2_REQUEST;
		if (*client == HTTP2_NO_DIR)
			*client = ev->dir;
	} else if (!v.zone && ev->nfields) {
		kind = HTTP2_TRAILERS;
	} else if (!(ev->flags & HTTP2_END_STREAM) && *client != HTTP2_NO_DIR) {
		/* section 8.1: trailers end the stream */
		kind = *client == ev->dir ? HTTP2_REQUEST : HTTP2_RESPONSE;
	}
	judge(ev, kind, &v, hpack);
}
