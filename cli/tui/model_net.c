#include "cli/tui/model_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/id.h"
#include "core/span.h"

#define SECOND 1000000000ull

const char *net_by_name(enum net_by by)
{
	static const char *const names[NET_TABLES] = {"pair", "process", "peer", "port", "zone"};

	return names[by];
}

/* ---- names */

/* By name, else by address; the port, if any, stands behind an address. */
static void end_name(const struct engine_flow *f, int server, uint16_t port, char out[NET_END])
{
	const char *name = server ? f->server_name : f->client_name;
	char text[48];

	if (name) {
		snprintf(out, NET_END, "%.47s", name);
		return;
	}
	span_addr_text(server ? f->server_addr : f->client_addr, text);
	if (!port)
		snprintf(out, NET_END, "%.46s", text);
	else
		snprintf(out, NET_END, strchr(text, ':') ? "[%.38s]:%u" : "%.38s:%u", text, port);
}

static void make_name(const struct engine_flow *f, enum net_by by, char out[NET_NAME])
{
	char a[NET_END], b[NET_END];

	switch (by) {
	case NET_BY_PROCESS:
		end_name(f, f->at_server, 0, a);
		if (f->pid)
			snprintf(out, NET_NAME, "%s %u", a, f->pid);
		else
			snprintf(out, NET_NAME, "(unknown)");
		return;
	case NET_BY_PEER:
		end_name(f, !f->at_server, 0, a);
		snprintf(out, NET_NAME, "%s", a);
		return;
	case NET_BY_PORT:
		snprintf(out, NET_NAME, "%u %s", f->server_port, f->datagram ? "udp" : "tcp");
		return;
	case NET_BY_ZONE:
		snprintf(out, NET_NAME, "%.48s → %.48s", f->client_zone ? f->client_zone : "-",
			 f->server_zone ? f->server_zone : "-");
		return;
	default:
		end_name(f, 0, 0, a);
		end_name(f, 1, f->server_port, b);
		snprintf(out, NET_NAME, "%s → %s", a, b);
	}
}

/* ---- counting */

static void counts_add(struct net_counts *to, const struct net_counts *c)
{
	for (int i = 0; i < 2; i++) {
		to->bytes[i] += c->bytes[i];
		to->packets[i] += c->packets[i];
	}
	to->rtt_sum += c->rtt_sum;
	to->rtts += c->rtts;
	to->retransmits += c->retransmits;
	to->conns += c->conns;
	to->failed += c->failed;
}

static void counts_subtract(struct net_counts *from, const struct net_counts *c)
{
	for (int i = 0; i < 2; i++) {
		from->bytes[i] -= c->bytes[i];
		from->packets[i] -= c->packets[i];
	}
	from->rtt_sum -= c->rtt_sum;
	from->rtts -= c->rtts;
	from->retransmits -= c->retransmits;
	from->conns -= c->conns;
	from->failed -= c->failed;
}

static void slice_add(struct net_slice *s, uint64_t number, const struct net_counts *c)
{
	if (s->number > number)
		return; /* it is too long ago */
	if (s->number < number)
		*s = (struct net_slice){.number = number};
	counts_add(&s->counts, c);
}

static void row_add(struct net_row *r, const struct net_counts *c, uint64_t min_rtt,
		    uint64_t second)
{
	uint64_t five = second / NET_COARSE_SECONDS, minute = second / 60;

	counts_add(&r->all, c);
	slice_add(&r->fine[second % NET_FINE], second, c);
	slice_add(&r->coarse[five % NET_COARSE], five, c);
	slice_add(&r->minute[minute % NET_MINUTES], minute, c);
	if (min_rtt && (!r->min_rtt || min_rtt < r->min_rtt))
		r->min_rtt = min_rtt;
}

static struct net_row *row_new(struct net_row **at, const char *name, uint64_t id)
{
	if (*at)
		return *at;
	*at = calloc(1, sizeof(**at));
	if (*at) {
		(*at)->id = id;
		snprintf((*at)->name, sizeof((*at)->name), "%s", name);
	}
	return *at;
}

/* NULL: out of memory. */
static struct net_row *row_of(struct net_table *t, const char *name, uint64_t id)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->row[i]->id == id)
			return t->row[i];
	if (t->n == NET_ROWS || !row_new(&t->row[t->n], name, id))
		return row_new(&t->others, "(others)", 1);
	return t->row[t->n++];
}

static uint64_t name_id(const char *name)
{
	uint64_t id = strlen(name), word;

	for (size_t n = (size_t)id, i = 0; i < n; i += sizeof(word)) {
		word = 0;
		memcpy(&word, name + i, n - i < sizeof(word) ? n - i : sizeof(word));
		id = id_mix(id, word);
	}
	return id > 1 ? id : 2;
}

static int is_of_process(enum net_by by)
{
	return by == NET_BY_PROCESS || by == NET_BY_PEER;
}

/* turn: 0 is what goes to the client. */
static struct net_counts counts_of(const struct engine_flow *f, int turn, int twin)
{
	struct net_counts c = {
		.retransmits = f->interval_retransmits,
		.rtt_sum = f->rtt_ns,
		.rtts = f->rtt_ns != 0,
	};

	if (twin)
		return c;
	for (int i = 0; i < 2; i++) {
		c.bytes[i] = f->interval_bytes[i != turn];
		c.packets[i] = f->interval_packets[i != turn];
	}
	c.conns = f->first != 0;
	c.failed = f->interval_failed;
	return c;
}

static void keep_flow(struct net *n, const struct engine_flow *f, const uint64_t group[NET_TABLES])
{
	struct net_flow *k;

	if (!n->flows)
		n->flows = calloc((size_t)WAYS << NET_FLOW_BITS, sizeof(*n->flows));
	if (!n->flows || !f->conn)
		return;
	k = ways_find(n->flows, sizeof(*k), NET_FLOW_BITS, f->conn);
	if (!k)
		k = ways_place(n->flows, sizeof(*k), NET_FLOW_BITS, f->conn);
	*k = (struct net_flow){
		.way = {f->conn, f->time_ns},
		.client_port = f->client_port,
		.server_port = f->server_port,
		.is_server = (int8_t)f->is_server,
		.datagram = f->datagram != 0,
		.last = f->last != 0,
		.state = f->state,
		.error = span_error_name(f->error),
		.bytes = {f->bytes[0], f->bytes[1]},
		.packets = {f->packets[0], f->packets[1]},
		.rtt_ns = f->rtt_ns,
		.min_rtt_ns = f->min_rtt_ns,
		.first_ns = f->first_ns,
		.last_ns = f->last_ns,
		.retransmits = f->retransmits,
	};
	memcpy(k->client_addr, f->client_addr, sizeof(k->client_addr));
	memcpy(k->server_addr, f->server_addr, sizeof(k->server_addr));
	memcpy(k->group, group, sizeof(k->group));
	snprintf(k->protocol, sizeof(k->protocol), "%s", f->protocol ? f->protocol : "");
	if (f->pid)
		end_name(f, f->at_server, 0, k->process);
}

void net_add(struct net *n, const struct engine_flow *f)
{
	uint64_t second = f->time_ns / SECOND, begin = f->time_ns - f->interval_ns;
	uint64_t group[NET_TABLES];
	char name[NET_NAME];

	if (!n->since || begin < n->since)
		n->since = begin;
	for (int by = 0; by < NET_TABLES; by++) {
		int own = is_of_process((enum net_by)by);
		struct net_table *t = &n->table[by];
		struct net_counts c = counts_of(f, own && f->at_server, !own && f->twin);
		struct net_row *r;

		make_name(f, (enum net_by)by, name);
		group[by] = name_id(name);
		if (!own && f->twin && !f->interval_retransmits)
			continue;
		r = row_of(t, name, group[by]);
		if (r)
			row_add(r, &c, f->min_rtt_ns, second);
		if (r == t->others)
			group[by] = 1;
		if (row_new(&t->total, "total", 0))
			row_add(t->total, &c, f->min_rtt_ns, second);
	}
	keep_flow(n, f, group);
}

/* ---- together */

static void slices_merge(struct net_slice *to, const struct net_slice *from, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (from[i].number)
			slice_add(&to[i], from[i].number, &from[i].counts);
}

static void row_merge(struct net_row *to, const struct net_row *from)
{
	if (!to || !from)
		return;
	counts_add(&to->all, &from->all);
	slices_merge(to->fine, from->fine, NET_FINE);
	slices_merge(to->coarse, from->coarse, NET_COARSE);
	slices_merge(to->minute, from->minute, NET_MINUTES);
	if (from->min_rtt && (!to->min_rtt || from->min_rtt < to->min_rtt))
		to->min_rtt = from->min_rtt;
}

static void flows_merge(struct net *n, struct net_flow *more)
{
	if (!n->flows)
		n->flows = calloc((size_t)WAYS << NET_FLOW_BITS, sizeof(*n->flows));
	for (size_t i = 0; n->flows && i < (size_t)WAYS << NET_FLOW_BITS; i++) {
		uint64_t key = more[i].way.key;
		struct net_flow *k = ways_find(n->flows, sizeof(*k), NET_FLOW_BITS, key);

		if (!k && key)
			k = ways_place(n->flows, sizeof(*k), NET_FLOW_BITS, key);
		if (k && k->way.used <= more[i].way.used)
			*k = more[i];
	}
}

void net_merge(struct net *n, const struct net *more)
{
	if (more->since && (!n->since || more->since < n->since))
		n->since = more->since;
	for (int by = 0; by < NET_TABLES; by++) {
		struct net_table *t = &n->table[by];
		const struct net_table *m = &more->table[by];

		for (unsigned i = 0; i < m->n; i++)
			row_merge(row_of(t, m->row[i]->name, m->row[i]->id), m->row[i]);
		if (m->others)
			row_merge(row_new(&t->others, m->others->name, 1), m->others);
		if (m->total)
			row_merge(row_new(&t->total, m->total->name, 0), m->total);
	}
	if (more->flows)
		flows_merge(n, more->flows);
}

/* Every row of a table; NULL: no more. */
static struct net_row *row_at(const struct net_table *t, unsigned i)
{
	return i < t->n ? t->row[i] : i == t->n ? t->others : t->total;
}

void net_mark(struct net *n, uint64_t now)
{
	n->base_since = now;
	for (int by = 0; by < NET_TABLES; by++)
		for (unsigned i = 0; i < n->table[by].n + 2; i++) {
			struct net_row *r = row_at(&n->table[by], i);

			if (r)
				r->base = r->all;
		}
}

void net_unmark(struct net *n)
{
	n->base_since = 0;
	for (int by = 0; by < NET_TABLES; by++)
		for (unsigned i = 0; i < n->table[by].n + 2; i++) {
			struct net_row *r = row_at(&n->table[by], i);

			if (r)
				r->base = (struct net_counts){0};
		}
}

void net_release(struct net *n)
{
	for (int by = 0; by < NET_TABLES; by++)
		for (unsigned i = 0; i < n->table[by].n + 2; i++)
			free(row_at(&n->table[by], i));
	free(n->flows);
	memset(n, 0, sizeof(*n));
}

/* ---- windows */

static unsigned slice_seconds(unsigned seconds)
{
	return seconds < NET_FINE ? 1 : NET_COARSE_SECONDS;
}

/* The current slice, which is not over, counts as one. */
static uint64_t first_slice(unsigned seconds, uint64_t now)
{
	uint64_t length = slice_seconds(seconds), last = now / SECOND / length;

	return last + 1 > seconds / length ? last + 1 - seconds / length : 0;
}

/* Does the window reach back to where counting begins anyway? */
static int is_all(const struct net *n, unsigned seconds, uint64_t now)
{
	uint64_t from = n->base_since > n->since ? n->base_since : n->since;

	return !seconds ||
	       from / SECOND >= first_slice(seconds, now) * slice_seconds(seconds);
}

void net_window(const struct net *n, const struct net_row *r, unsigned seconds, uint64_t now,
		struct net_counts *out)
{
	unsigned many = slice_seconds(seconds) == 1 ? NET_FINE : NET_COARSE;
	const struct net_slice *s = slice_seconds(seconds) == 1 ? r->fine : r->coarse;
	uint64_t first = first_slice(seconds, now);

	if (is_all(n, seconds, now)) {
		*out = r->all;
		counts_subtract(out, &r->base);
		return;
	}
	*out = (struct net_counts){0};
	for (unsigned i = 0; i < many; i++)
		if (s[i].number >= first)
			counts_add(out, &s[i].counts);
}

uint64_t net_window_ns(const struct net *n, unsigned seconds, uint64_t now)
{
	uint64_t from = n->base_since > n->since ? n->base_since : n->since, begin;

	if (!is_all(n, seconds, now)) {
		begin = first_slice(seconds, now) * slice_seconds(seconds) * SECOND;
		from = begin > from ? begin : from;
	}
	return from && now > from ? now - from : 0;
}

/* ---- past times */

static const struct {
	unsigned seconds, slices;
} kept[] = {{1, NET_FINE}, {NET_COARSE_SECONDS, NET_COARSE}, {60, NET_MINUTES}};

/* The first slice of this length that is not overwritten by now. */
static uint64_t oldest_slice(unsigned i, uint64_t now)
{
	uint64_t last = now / SECOND / kept[i].seconds;

	return last + 1 > kept[i].slices ? last + 1 - kept[i].slices : 0;
}

struct net_past net_past(const struct net *n, uint64_t from, uint64_t to, uint64_t now)
{
	struct net_past p = {0};
	uint64_t length, first, last;
	unsigned i = 0;

	from = from > n->since ? from : n->since;
	to = to < now ? to : now;
	if (!n->since || from >= to)
		return p;
	while (i < 2 && from / SECOND / kept[i].seconds < oldest_slice(i, now))
		i++;
	p.seconds = kept[i].seconds;
	length = p.seconds * SECOND;
	first = from / length;
	first = first > oldest_slice(i, now) ? first : oldest_slice(i, now);
	last = (to - 1) / length + 1;
	if (first >= last)
		return p;
	p.from = first * length > n->since ? first * length : n->since;
	p.to = last * length < now ? last * length : now;
	return p;
}

void net_between(const struct net_row *r, const struct net_past *p, struct net_counts *out)
{
	const struct net_slice *s = p->seconds == 1 ? r->fine
				    : p->seconds == 60 ? r->minute : r->coarse;
	unsigned n = p->seconds == 1 ? NET_FINE : p->seconds == 60 ? NET_MINUTES : NET_COARSE;
	uint64_t length = p->seconds * SECOND;

	*out = (struct net_counts){0};
	for (unsigned i = 0; i < n && p->from < p->to; i++)
		if (s[i].number >= p->from / length && s[i].number <= (p->to - 1) / length)
			counts_add(out, &s[i].counts);
}
