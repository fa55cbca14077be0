/*
 * report.c - a page for the ticket: what came in, what changed, the slowest, what is in doubt
 */
#include "sinks/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parsers/attrs.h"
#include "sinks/format.h"

#define SECOND 1000000000ull
#define LOOK_NS (5 * SECOND) /* between two looks for changes */

/* ---- slices of time */

static void slots_double(struct report *r)
{
	for (unsigned i = 0; i < REPORT_SLOTS; i++) {
		struct report_slot from = r->slot[i], *to = &r->slot[i / 2];

		r->slot[i] = (struct report_slot){ 0 };
		to->n += from.n;
		to->errors += from.errors;
		to->refused += from.refused;
		for (unsigned b = 0; b < RED_SPECTRUM; b++)
			to->spectrum[b] += from.spectrum[b];
	}
	r->slot_ns *= 2;
}

static unsigned band_of(uint64_t ns)
{
	unsigned b = 0;

	while (b < RED_SPECTRUM - 1 && ns > red_band_end(b))
		b++;
	return b;
}

static void add_slot(struct report *r, const struct span *s)
{
	uint64_t end = span_end(s);
	struct report_slot *to;

	if (!r->slot_ns) {
		r->slot_ns = SECOND;
		r->slot_begin = end / SECOND * SECOND;
	}
	end = end > r->slot_begin ? end - r->slot_begin : 0;
	while (end / r->slot_ns >= REPORT_SLOTS)
		slots_double(r);
	to = &r->slot[end / r->slot_ns];
	to->n++;
	to->errors += s->error != SPAN_OK;
	to->refused += s->error == SPAN_OK && s->status >= 400 && s->status < 500;
	if (s->duration_ns != SPAN_UNKNOWN)
		to->spectrum[band_of(s->duration_ns)]++;
}

/* ---- who calls whom, and what the network did */

static void keep(char *to, size_t cap, struct str s)
{
	size_t n = s.n < cap - 1 ? s.n : cap - 1;

	memcpy(to, s.p ? s.p : "-", s.p ? n : 1);
	to[s.p ? n : 1] = '\0';
}

static struct str of_cstr(const char *s)
{
	return (struct str){ s, s ? strlen(s) : 0 };
}

static void name_peer(const struct span *s, char *to, size_t cap)
{
	char text[FMT_ADDR_MAX + FMT_U64_MAX + 2], *p = text;

	if (s->peer_service || !s->has_addr) {
		keep(to, cap, of_cstr(s->peer_service));
		return;
	}
	p = fmt_addr(p, span_peer_addr(s));
	if (s->kind == SPAN_CLIENT) {
		*p++ = ':';
		p = fmt_u64(p, s->server_port);
	}
	keep(to, cap, (struct str){ text, (size_t)(p - text) });
}

static struct report_peer *peer_of(struct report *r, const struct span *s)
{
	int client = s->kind == SPAN_CLIENT;
	struct report_peer p = { .spans = 0 };

	keep(client ? p.who : p.whom, sizeof(p.who), of_cstr(span_process(s)));
	name_peer(s, client ? p.whom : p.who, sizeof(p.who));
	for (unsigned i = 0; i < r->npeers; i++)
		if (!strcmp(r->peer[i].who, p.who) && !strcmp(r->peer[i].whom, p.whom))
			return &r->peer[i];
	if (r->npeers == REPORT_PEERS)
		return NULL;
	r->peer[r->npeers] = p;
	return &r->peer[r->npeers++];
}

/* Only what the network had a part in. */
static void add_network(struct report *r, const struct span *s)
{
	const struct attr *again = span_attr(s, ATTR(retransmits)), *net = span_attr(s, ATTR(net)),
			  *window = span_attr(s, ATTR(window));
	int failed = s->error != SPAN_OK && s->error != SPAN_ERR_STATUS &&
		     s->error != SPAN_ERR_PROTOCOL;
	struct report_peer *p;

	if (!again && !net && !window && !failed)
		return;
	p = peer_of(r, s);
	if (!p) {
		r->peers_more++;
		return;
	}
	p->spans++;
	p->again += again ? again->n : 0;
	p->net_ns += net ? net->n : 0;
	p->window_ns += window ? window->n : 0;
	if (failed)
		p->failed[s->error]++;
}

/* ---- what changed */

static int more_than(const struct red_change *a, const struct red_change *b)
{
	return a->after * (double)a->nafter > b->after * (double)b->nafter;
}

/* One of the same row that began about then is the same. */
static void add_change(struct report *r, const struct red_row *row, int calls,
		       const struct red_change *c)
{
	char service[48], method[24], name[80];
	struct report_change *to;
	unsigned i = 0;

	while (i < r->nchanges &&
	       (r->change[i].id != row->id || r->change[i].c.kind != c->kind ||
		c->since > r->change[i].c.since + RED_WINDOW_MAX * SECOND))
		i++;
	if (i < r->nchanges && !more_than(c, &r->change[i].c))
		return;
	if (i == REPORT_CHANGES)
		return;
	to = &r->change[i];
	if (i == r->nchanges)
		r->nchanges++;
	else if (to->c.since < c->since) { /* when it began is known best soon after that */
		uint64_t since = to->c.since;

		to->c = *c;
		to->c.since = since;
		return;
	}
	to->id = row->id;
	to->c = *c;
	keep(service, sizeof(service), row->service);
	keep(method, sizeof(method), row->method);
	keep(name, sizeof(name), row->name);
	if (calls)
		snprintf(to->what, sizeof(to->what), "%s → %s", service, name);
	else if (row->service.p)
		snprintf(to->what, sizeof(to->what), "%s %s of %s", method, name, service);
	else
		snprintf(to->what, sizeof(to->what), "%s %s", method, name);
}

static void look_for_changes(struct report *r, struct red *t, uint64_t now, int calls)
{
	struct red_change c;

	red_advance(t, now);
	for (unsigned i = 0; i < t->n; i++) {
		const struct red_row *row = t->rows[i];

		if (row->others || !row->name.p || (calls ? row->kind != SPAN_CLIENT : !row->edge))
			continue;
		if (red_change(t, row, &c))
			add_change(r, row, calls, &c);
	}
}

/* ---- the sink */

static void add_doubts(struct report *r, const struct span *s)
{
	r->doubtful += (s->incomplete & ~SPAN_IN_FLIGHT) != 0;
	for (unsigned bit = 0; bit < SPAN_INCOMPLETE_BITS; bit++)
		r->incomplete[bit] += s->incomplete >> bit & 1;
	if (!(s->incomplete & SPAN_IN_FLIGHT) || !red_edge(s))
		return;
	r->open++;
	if (!r->open_since || s->time_ns < r->open_since)
		r->open_since = s->time_ns;
}

/* What the rates are of: the whole run, and the spans that reach out of it. */
static void stretch(struct report *r, uint64_t from, uint64_t to)
{
	if (!r->begin || from < r->begin)
		r->begin = from;
	if (to > r->end)
		r->end = to;
}

static void report_span(struct sink *k, const struct span *s)
{
	struct report *r = (struct report *)k;

	traces__span(r->traces, s);
	if (r->match && !r->match(r->ctx, s))
		return;
	r->spans++;
	r->errors += s->error != SPAN_OK;
	stretch(r, s->time_ns, span_end(s));
	red_add(&r->routes, s);
	red_add(&r->hops, s);
	red_add(&r->edge, s);
	if (red_edge(s))
		add_slot(r, s);
	add_network(r, s);
	add_doubts(r, s);
}

static int is_alike(const struct trace *a, const struct trace *b)
{
	const struct span *x = a->span[a->n - 1], *y = b->span[b->n - 1];

	return x->error == y->error && x->status == y->status && x->route.n == y->route.n &&
	       x->method.n == y->method.n &&
	       (!x->route.n || !memcmp(x->route.p, y->route.p, x->route.n)) &&
	       (!x->method.n || !memcmp(x->method.p, y->method.p, x->method.n));
}

/* No more than so many of each route and status: the slowest of them. */
static void rank_few(struct trace_rank *rank, struct trace *t, unsigned most)
{
	unsigned alike = 0, last = 0;

	for (unsigned i = 0; i < rank->n; i++)
		if (is_alike(rank->v[i], t)) {
			alike++;
			last = i;
		}
	if (alike >= most) {
		struct trace *faster = rank->v[last]->took < t->took ? rank->v[last] : t;

		if (faster != t) {
			rank->n--;
			memmove(rank->v + last, rank->v + last + 1,
				(rank->n - last) * sizeof(*rank->v));
		}
		trace_free(faster);
		if (faster == t)
			return;
	}
	trace_rank_add(rank, t);
}

static void on_trace(void *report, struct trace *t)
{
	struct report *r = report;

	if (!t->n)
		trace_free(t);
	else if (t->failed)
		rank_few(&r->failed, t, 1);
	else
		rank_few(&r->slowest, t, 2);
}

static void report_tick(struct sink *k, uint64_t now)
{
	struct report *r = (struct report *)k;

	stretch(r, now, now);
	traces__tick(r->traces, now);
	red_advance(&r->routes, now);
	red_advance(&r->hops, now);
	if (now < r->due)
		return;
	r->due = now + LOOK_NS;
	look_for_changes(r, &r->routes, now, 0);
	look_for_changes(r, &r->hops, now, 1);
}

static void report_note(struct sink *k, const struct note *n)
{
	struct report *r = (struct report *)k;
	const char *text = n->text ? n->text : "";
	struct report_note *to;

	for (unsigned i = 0; i < r->nnotes; i++)
		if (!strncmp(r->note[i].text, text, REPORT_NAME - 1)) {
			r->note[i].times++;
			return;
		}
	if (r->nnotes == REPORT_NOTES) {
		r->notes_more++;
		return;
	}
	to = &r->note[r->nnotes++];
	to->time_ns = n->time_ns;
	to->times = 1;
	snprintf(to->name, sizeof(to->name), "%s", n->name);
	snprintf(to->text, sizeof(to->text), "%s", text);
}

static void report_finish(struct sink *k, const struct sink_totals *t)
{
	struct report *r = (struct report *)k;

	traces__finish(r->traces);
	report_page(r, t);
}

static void report_free(struct sink *k)
{
	struct report *r = (struct report *)k;

	traces__free(r->traces);
	trace_rank_release(&r->slowest);
	trace_rank_release(&r->failed);
	red_release(&r->edge);
	red_release(&r->hops);
	red_release(&r->routes);
	free(r);
}

struct sink *sink_report_new(const struct sink_options *o)
{
	static const struct sink_ops ops = {
		.span = report_span,
		.note = report_note,
		.tick = report_tick,
		.finish = report_finish,
		.free = report_free,
	};
	struct red_options red = { .by = RED_BY_ROUTE, .max_rows = REPORT_ROUTES,
				   .interval_ns = SECOND, .windows = 1, .edges = 1, .callers = 1 };
	struct report *r = calloc(1, sizeof(*r));
	const struct traces_options to = { o->match, o->ctx, on_trace, r };

	if (!r)
		return NULL;
	r->sink.ops = &ops;
	r->out = o->out;
	r->redact = o->redact;
	r->match = o->match;
	r->ctx = o->ctx;
	red_init(&r->routes, &red);
	red.callers = red.edges = 0;
	red.by = RED_BY_HOP;
	red_init(&r->hops, &red);
	red.by = RED_BY_EDGE;
	red_init(&r->edge, &red);
	r->slowest = (struct trace_rank){ r->slowest_room, 0, REPORT_TRACES };
	r->failed = (struct trace_rank){ r->failed_room, 0, REPORT_TRACES };
	r->traces = traces__new(&to);
	if (r->traces)
		return &r->sink;
	report_free(&r->sink);
	return NULL;
}
