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

static int pseudo_of(struct str name)
{
	if (!name.p || !name.n || name.p[0] != ':')
		return PS_NONE;
	for (int i = 0; i < PS_COUNT; i++)
		if (name.n == pseudo[i].n && !memcmp(name.p, pseudo[i].name, name.n))
			return i;
	return PS_OTHER;
}

static int is(struct str s, const char *want)
{
	return s.p && s.n == strlen(want) && !memcmp(s.p, want, s.n);
}

/* What the names in a block leave open. */
struct survey {
	unsigned known;	   /* BIT() of the pseudo-header fields whose names are known */
	size_t zone;	   /* fields before the first one that is known to be regular */
	size_t unseen;	   /* nameless ones among these: the candidates */
	size_t first;	   /* the first candidate */
	size_t sure;	   /* candidates before a known pseudo-header field, so they are such too */
	struct str method; /* value, if seen */
};

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
			if (ps < PS_COUNT)
				v.known |= BIT(ps);
			if (ps == PS_METHOD && !v.method.p)
				v.method = f->value;
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
	int maybe_connect = !v->method.p;

	*must = (BIT(PS_METHOD) | BIT(PS_SCHEME) | BIT(PS_PATH)) & ~v->known;
	*may = (BIT(PS_AUTHORITY) | (maybe_connect ? BIT(PS_PROTOCOL) : 0u)) & ~v->known;
	if (is(v->method, "CONNECT"))
		return 0;
	/* CONNECT without :protocol has neither :scheme nor :path */
	return !maybe_connect || v->known & (BIT(PS_SCHEME) | BIT(PS_PATH));
}

static void give_name(struct hpack_field *f, int ps, struct hpack *hpack)
{
	if (!pseudo[ps].index)
		return;
	f->name = hpack_static_name(pseudo[ps].index);
	f->flags = (f->flags & ~HPACK_NAME_UNSEEN) | HPACK_NAME_INFERRED;
	hpack_learn_name(hpack, f->name_id, pseudo[ps].index);
}

/*
 * Pseudo-header fields come first, so of the candidates some at the front are such: at least as
 * many as are missing or stand before a known one, at most as many as can be missing. If that makes
 * it exactly one, and only one name is left for it, that is its name.
 */
static void infer_request(struct http2_event *ev, struct hpack *hpack)
{
	struct survey v = survey(ev);
	unsigned must, may;
	size_t least, most;

	if (!v.unseen || !open_names(&v, &must, &may))
		return;
	least = bits(must) > v.sure ? bits(must) : v.sure;
	most = bits(must) + bits(may) < v.unseen ? bits(must) + bits(may) : v.unseen;
	if (least != 1 || most != 1)
		return;
	if (bits(must) == 1)
		give_name(&ev->fields[v.first], __builtin_ctz(must), hpack);
	else if (bits(may) == 1)
		give_name(&ev->fields[v.first], __builtin_ctz(may), hpack);
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
	if (!v.unseen || is(v.method, "CONNECT") ||
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

/* The first field of each name counts. */
static void fill(struct http2_event *ev)
{
	const struct hpack_field *of[PS_COUNT] = {0};
	static const struct str none;

	for (size_t i = 0; i < ev->nfields; i++) {
		int ps = pseudo_of(ev->fields[i].name);

		if (ps < PS_COUNT && !of[ps])
			of[ps] = &ev->fields[i];
	}
	if (ev->kind == HTTP2_RESPONSE) {
		ev->status = of[PS_STATUS] ? status_of(of[PS_STATUS]->value) : 0;
		if (ev->status && ev->status < 200)
			ev->flags |= HTTP2_INTERIM;
	}
	if (ev->kind != HTTP2_REQUEST)
		return;
	ev->method = of[PS_METHOD] ? of[PS_METHOD]->value : none;
	ev->scheme = of[PS_SCHEME] ? of[PS_SCHEME]->value : none;
	ev->authority = of[PS_AUTHORITY] ? of[PS_AUTHORITY]->value : none;
	ev->path = of[PS_PATH] ? of[PS_PATH]->value : none;
	ev->protocol = of[PS_PROTOCOL] ? of[PS_PROTOCOL]->value : none;
	ev->path_key = ev->path.p ? 0 : path_key(ev, of[PS_PATH]);
}

void http2_judge_as(struct http2_event *ev, enum http2_kind kind, struct hpack *hpack)
{
	ev->kind = kind;
	/* of a block that is not complete nothing can be said to be missing */
	if (!(ev->flags & (HTTP2_TRUNCATED | HTTP2_NOT_DECODED | HTTP2_FIELDS_DROPPED))) {
		if (kind == HTTP2_REQUEST)
			infer_request(ev, hpack);
		else if (kind == HTTP2_RESPONSE && ev->nfields && is_candidate(&ev->fields[0]))
			give_name(&ev->fields[0], PS_STATUS, hpack);
	}
	fill(ev);
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
	http2_judge_as(ev, kind, hpack);
}
