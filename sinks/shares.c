#include "sinks/shares.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ways.h"
#include "parsers/attrs.h"
#include "sinks/format.h"
#include "sinks/safe.h"

#define BITS 11u /* WAYS << BITS are SHARES_SPANS */
#define NAME_BYTES 48u
#define FIGURES 27 /* columns before the name */

struct hop {
	char who[NAME_BYTES], whom[NAME_BYTES]; /* whom: "": it is asked */
	uint64_t self, count;
	int network; /* what the network kept back of the hop with the same names */
};

struct gap {
	uint64_t from, to;
};

/* A span, or what is known of one that is still to come. */
struct known {
	struct way way; /* the key is made of its id */
	struct hop *hop; /* NULL: it has not come */
	uint64_t waited; /* until then */
	struct gap gap[SHARES_GAPS], all; /* all: from its beginning to its end */
	unsigned ngaps;
};

struct shares {
	struct hop hop[SHARES_HOPS];
	unsigned nhops;
	uint64_t tick;
	struct known known[SHARES_SPANS];
};

struct shares *shares__new(void)
{
	return calloc(1, sizeof(struct shares));
}

void shares__free(struct shares *s)
{
	free(s);
}

/* ---- hops */

static void keep_name(char *to, const char *from)
{
	snprintf(to, NAME_BYTES, "%s", from ? from : "-");
}

static struct hop *hop_of(struct shares *s, const struct span *span, int network)
{
	char who[NAME_BYTES], whom[NAME_BYTES] = "", addr[64];
	struct hop *h;

	keep_name(who, span_process(span));
	if (span->kind == SPAN_CLIENT && span->peer_service)
		keep_name(whom, span->peer_service);
	else if (span->kind == SPAN_CLIENT && span->has_addr)
		snprintf(whom, sizeof(whom), "%.40s:%u", span_addr_text(span->server_addr, addr),
			 span->server_port);
	else if (span->kind == SPAN_CLIENT)
		keep_name(whom, NULL);
	for (h = s->hop; h < s->hop + s->nhops; h++)
		if (!strcmp(h->who, who) && !strcmp(h->whom, whom) && h->network == network)
			return h;
	if (s->nhops == SHARES_HOPS)
		return NULL;
	s->nhops++;
	strcpy(h->who, who);
	strcpy(h->whom, whom);
	h->network = network;
	return h;
}

/* ---- time */

static struct known *known_of(struct shares *s, const uint8_t id[SPAN_ID_LEN])
{
	struct known *k;
	uint64_t key;

	memcpy(&key, id, sizeof(key));
	key = key ? key : 1;
	k = ways_find(s->known, sizeof(*k), BITS, key);
	if (!k) {
		k = ways_place(s->known, sizeof(*k), BITS, key);
		memset(k, 0, sizeof(*k));
		k->way.key = key;
	}
	k->way.used = ++s->tick;
	return k;
}

static uint64_t length(struct gap g)
{
	return g.to > g.from ? g.to - g.from : 0;
}

static struct gap within(struct gap g, struct gap all)
{
	return (struct gap){ g.from > all.from ? g.from : all.from, g.to < all.to ? g.to : all.to };
}

/* How much of g is new; it is remembered, in place of the earliest if there is no room. */
static uint64_t add_gap(struct known *k, struct gap g)
{
	uint64_t more = length(g);
	unsigned earliest = 0;

	for (unsigned i = 0; i < k->ngaps;) {
		struct gap old = k->gap[i];

		if (!length(within(old, g))) {
			i++;
			continue;
		}
		more -= length(within(old, g));
		g = (struct gap){ g.from < old.from ? g.from : old.from,
				  g.to > old.to ? g.to : old.to };
		k->gap[i] = k->gap[--k->ngaps];
	}
	for (unsigned i = 1; i < k->ngaps; i++)
		if (k->gap[i].to < k->gap[earliest].to)
			earliest = i;
	k->gap[k->ngaps < SHARES_GAPS ? k->ngaps++ : earliest] = g;
	return more;
}

/* The caller of a span waited for it. */
static void wait_for(struct shares *s, const struct span *span)
{
	struct known *k = known_of(s, span->parent_id);
	struct gap g = { span->time_ns, span_end(span) };
	uint64_t more;

	if (k->hop)
		g = within(g, k->all);
	if (!length(g))
		return;
	more = add_gap(k, g);
	if (!k->hop)
		k->waited += more;
	else
		k->hop->self -= more < k->hop->self ? more : k->hop->self;
}

/* Of the span's own time, what the network kept back is nobody's doing: returns what is left. */
static uint64_t take_network(struct shares *s, const struct span *span, uint64_t self)
{
	uint64_t net = span_attr_number(span, ATTR(net));
	struct hop *h = net == SPAN_UNKNOWN ? NULL : hop_of(s, span, 1);

	if (!h)
		return self;
	net = net < self ? net : self;
	h->self += net;
	h->count++;
	return self - net;
}

void shares__add(struct shares *s, const struct span *span)
{
	struct hop *h = hop_of(s, span, 0);
	uint64_t outside = 0, self = span->duration_ns;
	struct known *k;

	if (!h)
		return;
	h->count++;
	if (span->duration_ns == SPAN_UNKNOWN)
		return;
	k = known_of(s, span->span_id);
	k->hop = h;
	k->all = (struct gap){ span->time_ns, span_end(span) };
	for (unsigned i = 0; i < k->ngaps; i++)
		outside += length(k->gap[i]) - length(within(k->gap[i], k->all));
	k->waited -= outside < k->waited ? outside : k->waited;
	self -= k->waited < self ? k->waited : self;
	h->self += take_network(s, span, self);
	if (span->has_parent)
		wait_for(s, span);
}

/* ---- as text */

static int by_time(const void *a, const void *b)
{
	const struct hop *x = a, *y = b;

	if (x->self != y->self)
		return x->self < y->self ? 1 : -1;
	if (x->network != y->network)
		return x->network - y->network;
	return strcmp(x->who, y->who) ? strcmp(x->who, y->who) : strcmp(x->whom, y->whom);
}

static void put_hop(struct out *o, const struct hop *h, uint64_t all, int columns)
{
	char name[2 * NAME_BYTES * SAFE_GROWTH + 24], took[FMT_DURATION_MAX], *p = name;
	size_t room = columns > FIGURES + 8 ? (size_t)(columns - FIGURES) : 8, n;
	double share = all ? 100.0 * (double)h->self / (double)all : 0;

	n = (size_t)(fmt_short_duration(took, h->self) - took);
	if (h->network)
		p = FMT_LIT(p, "network: ");
	p = safe_text(p, h->who, strlen(h->who));
	if (*h->whom) {
		p = FMT_LIT(p, " → ");
		p = safe_text(p, h->whom, strlen(h->whom));
	}
	o->n += (size_t)sprintf(out_reserve(o, 64), "%5.1f%%  %*s", share,
				(int)(8 - text_width(took, n)), "");
	out_bytes(o, took, n);
	o->n += (size_t)sprintf(out_reserve(o, 64), "  %7llu  ", (unsigned long long)h->count);
	out_bytes(o, name, text_cut(name, (size_t)(p - name), room));
	out_char(o, '\n');
}

void shares__put(struct shares *s, struct out *o, int columns)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < s->nhops; i++)
		all += s->hop[i].self;
	qsort(s->hop, s->nhops, sizeof(*s->hop), by_time);
	out_str(o, "  TIME      SELF    COUNT  HOP\n");
	for (unsigned i = 0; i < s->nhops; i++)
		put_hop(o, &s->hop[i], all, columns);
	memset(s, 0, sizeof(*s));
}
