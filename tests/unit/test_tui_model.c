/*
 * The dashboard's model: bounded rings, groups, baseline, pause, traces, texts for fields.
 */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>

#include "cli/filter.h"
#include "cli/tui/model.h"
#include "cli/tui/model_alike.h"
#include "cli/tui/model_trace.h"
#include "cli/tui/text.h"
#include "parsers/attrs.h"
#include "parsers/http1/http1_protocol.h"
#include "tests/unit/tap.h"

#define BASE 1700000000000000000ull
#define MS 1000000ull
#define SECOND 1000000000ull
#define SPANS 16384u

static struct span make(const char *route, int status, uint64_t at_ms, uint64_t ms)
{
	struct span s = { .time_ns = BASE + at_ms * MS, .duration_ns = ms * MS, .status = status,
			  .protocol = &http11_name };

	s.inner_ns = s.ttfb_ns = s.queue_ns = s.connect_ns = SPAN_UNKNOWN;
	s.route = s.path = (struct str){ route, strlen(route) };
	s.method = (struct str){ "GET", 3 };
	s.error = status >= 500 ? SPAN_ERR_STATUS : SPAN_OK;
	s.req_bytes = 100;
	s.resp_bytes = 200;
	s.service = "shop";
	return s;
}

/* ---- ring */

static void test_ring(void)
{
	struct span_ring r;
	struct span s = make("/a", 200, 0, 1);
	char path[16];

	ring_init(&r);
	ring_set_size(&r, 0, SPANS);
	for (unsigned i = 0; i < SPANS + 10; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		s.path = (struct str){ path, strlen(path) };
		if (ring_add(&r, &s, 1, 0) != i)
			break;
	}
	is_u64(r.end, SPANS + 10, "ring: numbers go on");
	is_u64(ring_count(&r), SPANS, "ring: holds its depth");
	ok(!ring_get(&r, 9) && !ring_get(&r, r.end), "ring: no span outside of it");
	ok(ring_get(&r, 10)->path.n == 3 && !memcmp(ring_span(&r, 0)->path.p, "/10", 3),
	   "ring: the oldest is whole");
	ok(ring_get(&r, 12345)->path.p != path && !memcmp(ring_get(&r, 12345)->path.p, "/12345", 6),
	   "ring: strings are copied");
	ring_clear(&r);
	ok(!ring_count(&r) && r.end == SPANS + 10, "ring: cleared, numbers are not used again");
	ring_release(&r);
}

static void test_ring_size(void)
{
	struct span s = make("/a", 200, 0, 1);
	struct span_ring r;

	ring_init(&r);
	ring_set_size(&r, 0, 40000);
	for (unsigned i = 0; i < 70000; i++)
		(void)ring_add(&r, &s, 1, 0);
	is_u64(ring_count(&r), 65536, "ring: as many as were asked for, to a power of two");
	ring_release(&r);
}

static void test_ring_large(void)
{
	struct span s = make("/large", 200, 0, 1);
	struct span_ring r;
	char *big = malloc(100000);
	unsigned whole = 0;

	ring_init(&r);
	memset(big, 'b', 100000);
	s.resp_body = (struct str){ big, 100000 };
	s.req_fields = (struct str){ big, 100000 };
	for (unsigned i = 0; i < 3000; i++) {
		s.status = (int)(i % 1000);
		(void)ring_add(&r, &s, 1, 0);
	}
	ok(ring_count(&r) < 1500 && ring_count(&r) > 300, "ring: large spans are fewer: %u",
	   ring_count(&r));
	for (uint32_t i = 0; i < ring_count(&r); i++) {
		const struct span *k = ring_span(&r, i);

		whole += k->status == (int)(ring_slot(&r, i)->number % 1000) &&
			 k->resp_body.n <= RING_RECORD_MAX &&
			 k->resp_body.p[k->resp_body.n - 1] == 'b' && k->path.n == 6 &&
			 !memcmp(k->path.p, "/large", 6);
	}
	is_u64(whole, ring_count(&r), "ring: none is overwritten in part");
	ring_release(&r);
	free(big);
}

static struct span of_trace(unsigned trace, uint64_t at_ms, uint64_t ms)
{
	struct span s = make("/a", 200, at_ms, ms);

	memcpy(s.trace_id, &trace, sizeof(trace));
	return s;
}

/* How many of the traces that are to be kept are there, and in order. */
static unsigned traces_there(const struct span_ring *r, unsigned spans)
{
	unsigned whole = 0, n = 0;
	uint64_t last = 0;

	for (uint32_t i = 0; i < ring_count(r); i++) {
		const struct ring_slot *slot = ring_slot(r, i);
		unsigned trace;

		if (i && slot->number <= last)
			return 0;
		last = slot->number;
		memcpy(&trace, ring_span(r, i)->trace_id, sizeof(trace));
		n = trace && trace % 100 == 0 ? n + 1 : 0;
		whole += n == spans;
		n = n == spans ? 0 : n;
	}
	return whole;
}

/* One trace in a hundred has a notable span, the second of three. */
static void add_traces(struct span_ring *r, unsigned first, unsigned end)
{
	for (unsigned trace = first; trace < end; trace++)
		for (unsigned i = 0; i < 3; i++) {
			struct span s = of_trace(trace, trace, 1);

			(void)ring_add(r, &s, 1, trace && trace % 100 == 0 && i == 1);
		}
}

static void test_ring_longer(void)
{
	struct span_ring r;
	uint64_t number;

	ring_init(&r);
	ring_set_size(&r, 0, 1024);
	add_traces(&r, 0, 20000);
	is_u64(ring_count(&r) - ring_longer(&r), 1024, "longer: the latest are there");
	is_u64(ring_longer(&r), 3 * (199 - 3), "longer: traces of notable spans are kept whole");
	is_u64(traces_there(&r, 3), 199, "longer: all of them, in order");
	number = ring_slot(&r, 4)->number;
	is_u64(ring_find(&r, number), 4, "longer: and found by number");
	is_u64(ring_find(&r, number + 3), RING_NONE, "longer: what was between them is not");
	add_traces(&r, 20000, 80000);
	is_u64(ring_longer(&r), 1024, "longer: bounded, too");
	ring_hide(&r, 1);
	is_u64(ring_count(&r), 0, "hidden: nothing is seen");
	add_traces(&r, 1, 11);
	is_u64(ring_count(&r), 30, "hidden: but what comes");
	ring_hide(&r, 0);
	is_u64(ring_count(&r), 2048, "hidden: until it is shown again");
	ring_release(&r);
}

/* A ring of megabytes holds no more than them, and smaller ones what has room. */
static void test_ring_memory(void)
{
	struct span s = make("/memory", 200, 0, 1);
	struct span_ring r, more;
	uint32_t all, few;

	ring_init(&r);
	ring_init(&more);
	is_u64(r.memory, 64 << 20, "memory: 64 MiB");
	ring_set_size(&r, 4 << 20, 0);
	for (unsigned i = 0; i < 100000; i++)
		(void)ring_add(&r, &s, 1, i % 3 == 0);
	all = ring_count(&r);
	ok((r.latest.bytes + r.latest.cap * sizeof(struct ring_slot)) * 2 <= 4 << 20,
	   "memory: records and what leads to them");
	ok(all > (4 << 20) / 1024, "memory: %u spans", all);
	is_u64(ring_slot(&r, all - 1)->number, 99999, "memory: to the last one");
	is_u64(ring_set_size(&r, 16 << 20, 0), 0, "memory: more");
	is_u64(ring_count(&r), all, "memory: nothing is lost");
	is_u64(ring_slot(&r, all - 1)->number, 99999, "memory: numbers stay");
	is_u64(ring_set_size(&r, 2 << 20, 0), 0, "memory: less");
	few = ring_count(&r);
	ok(few < all && few > all / 4, "memory: %u are left", few);
	is_u64(ring_slot(&r, few - 1)->number, 99999, "memory: the last ones");
	ring_set_size(&more, 4 << 20, 0);
	for (unsigned i = 0; i < 100000; i++)
		(void)ring_add(&more, &s, 1, i % 3 == 0);
	ring_append(&r, &more);
	is_u64(r.end, 200000, "append: numbers go on");
	ok(ring_slot(&r, ring_longer(&r))->number >= 100000 &&
	   ring_slot(&r, ring_count(&r) - 1)->number == 199999,
	   "append: the latest are all that came");
	ring_release(&more);
	ring_release(&r);
}

/* ---- groups */

static void table_init(struct red *t, enum red_by by)
{
	const struct red_options o = { .by = by, .max_rows = MODEL_ROWS, .intervals = MODEL_SECONDS,
				       .interval_ns = SECOND };

	red_init(t, &o);
}

static const struct red_row *row_of(const struct red *g, const char *name)
{
	for (unsigned i = 0; i < g->n; i++)
		if (g->rows[i]->name.n == strlen(name) &&
		    !memcmp(g->rows[i]->name.p, name, strlen(name)))
			return g->rows[i];
	return NULL;
}

static void test_groups(void)
{
	struct red g;
	struct span s;
	const struct red_row *r;

	table_init(&g, RED_BY_ROUTE);
	for (unsigned i = 0; i < 100; i++) {
		s = make("/x", i % 10 ? 200 : 503, i * 50, i + 1);
		red_add(&g, &s);
	}
	s = make("/x", 404, 10, 1);
	s.kind = SPAN_CLIENT;
	red_add(&g, &s);
	is_u64(g.n, 2, "groups: by route and kind");
	r = row_of(&g, "/x");
	is_u64(r->counts.count, 100, "groups: count");
	is_u64(r->counts.errors, 10, "groups: errors");
	is_u64(r->counts.class[RED_5XX], 10, "groups: errors by class");
	is_u64(r->counts.resp_bytes, 20000, "groups: bytes");
	is_u64(r->durations.max, 100 * MS, "groups: max");
	ok(hist_percentile(&r->durations, 50) > 49 * MS &&
		   hist_percentile(&r->durations, 50) < 52 * MS,
	   "groups: median");
	ok(red_interval(&g, r, BASE / SECOND + 1)->count >= 19, "groups: trend by second");
	ok(!red_interval(&g, r, BASE / SECOND + 1 + MODEL_SECONDS),
	   "groups: a second's place is not another's");
	ok(red_find(&g, &s) == g.rows[1], "groups: finds the row of a span");
	red_release(&g);
}

/* Each band holds what is as long as its end, in seconds one by one and in all. */
static void test_bands(void)
{
	uint64_t count[RED_SPECTRUM];
	const struct red_interval *e;
	unsigned right = 0;
	struct span s;
	struct red g;

	table_init(&g, RED_BY_ROUTE);
	s = make("/bands", 200, 0, 0);
	for (unsigned i = 0; i < RED_SPECTRUM - 1; i++) {
		s.duration_ns = red_band_end(i);
		s.time_ns = BASE + 100 * SECOND - s.duration_ns;
		red_add(&g, &s);
	}
	s.duration_ns = red_band_end(RED_SPECTRUM - 2) + 1;
	s.time_ns = BASE + 100 * SECOND - s.duration_ns;
	red_add(&g, &s);
	e = red_interval(&g, g.rows[0], BASE / SECOND + 100);
	for (unsigned i = 0; e && i < RED_SPECTRUM; i++)
		right += e->spectrum[i] == 1;
	is_u64(right, RED_SPECTRUM, "bands: one in each");
	for (unsigned i = 1; i < RED_SPECTRUM - 2; i++)
		ok(red_band_end(i) >= 2 * red_band_end(i - 1) &&
		   red_band_end(i) * 2 <= red_band_end(i - 1) * 5, "bands: 1, 2, 5, 10: %u", i);
	hist_release(&g.rows[0]->durations);
	for (unsigned i = 0; i < RED_SPECTRUM - 1; i++)
		hist_add(&g.rows[0]->durations, red_band_end(i) - red_band_end(i) / 10);
	red_bands(&g.rows[0]->durations, count);
	right = 0;
	for (unsigned i = 0; i < RED_SPECTRUM; i++)
		right += count[i] == (i < RED_SPECTRUM - 1);
	is_u64(right, RED_SPECTRUM, "bands: of a whole histogram");
	red_release(&g);
}

static void test_group_keys(void)
{
	struct span s = make("/x", 200, 0, 1);
	struct red g;

	s.has_addr = 1;
	s.client_addr[15] = 1;
	s.server_port = 65535;
	s.host = (struct str){ "shop.example", 12 };
	for (int by = 0; by < RED_BY_COUNT; by++) {
		static const char *const want[RED_BY_COUNT] = {
			"/x", "shop", "shop.example", "::1", "200", "::1", "http/1.1",
		};

		table_init(&g, (enum red_by)by);
		red_add(&g, &s);
		ok(want[by] ? row_of(&g, want[by]) != NULL : !g.n && !red_find(&g, &s),
		   "groups: by %s", red_by_name((enum red_by)by));
		red_release(&g);
	}
	s.kind = SPAN_CLIENT;
	table_init(&g, RED_BY_PEER);
	red_add(&g, &s);
	ok(row_of(&g, ":::65535") != NULL,
	   "groups: the peer of a client is a server with its port");
	red_release(&g);
}

/* Databases and queues by what they hold: HTTP is not among them, unless it carries such a call. */
static void test_group_systems(void)
{
	static const struct protocol_name pg = { .name = "postgresql",
						 .operation = ATTR(db_operation) };
	const struct attr orders = { .def = ATTR(db_collection), .s = { "orders", 6 } };
	const struct attr search[] = { { .def = ATTR(db_collection), .s = { "orders", 6 } },
				       { .def = ATTR(db_system), .s = { "elasticsearch", 13 } } };
	const struct attr sqs = { .def = ATTR(messaging_destination), .s = { "orders", 6 } };
	struct span s = make("/x", 200, 0, 1);
	struct red g;

	table_init(&g, RED_BY_COLLECTION);
	red_add(&g, &s);
	s.attr = &sqs;
	s.nattrs = 1;
	red_add(&g, &s);
	s.attr = search;
	s.nattrs = 2;
	ok(red_add(&g, &s) && g.rows[0]->database, "collections: what is within HTTP");
	s.protocol = &pg;
	s.attr = &orders;
	s.nattrs = 1;
	ok(red_add(&g, &s) != g.rows[0], "collections: one name, two systems");
	s.nattrs = 0;
	ok(red_add(&g, &s) && row_of(&g, "(none)"), "collections: a statement without one");
	is_u64(g.n, 3, "collections: nothing else");
	is_u64(g.spans, 3, "collections: and nothing else is counted");
	red_release(&g);

	s = make("/", 200, 0, 1);
	table_init(&g, RED_BY_DESTINATION);
	red_add(&g, &s);
	s.attr = &sqs;
	s.nattrs = 1;
	ok(red_add(&g, &s) && g.n == 1 && !g.rows[0]->database, "destinations: of queues alone");
	red_release(&g);
	is_u64(red_by_named("Collection"), RED_BY_COLLECTION, "groups: by name");
	is_u64(red_by_named("hop"), RED_BY_COUNT, "groups: not those that nobody chooses");
}

static void test_group_limit(void)
{
	struct red g;
	char path[32];
	struct span s;

	table_init(&g, RED_BY_ROUTE);
	for (unsigned i = 0; i < MODEL_ROWS * 3; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		s = make(path, 200, 0, 1);
		red_add(&g, &s);
	}
	is_u64(g.n, MODEL_ROWS + 1, "groups: bounded");
	is_u64(g.others->counts.count, MODEL_ROWS * 2, "groups: the rest is counted");
	red_release(&g);
}

/* ---- baseline, pause, filter */

static void test_baseline(void)
{
	struct model m;
	struct red *g;
	struct red_counts sums;
	struct hist d;
	struct span s;

	model_init(&m);
	hist_init(&d);
	for (unsigned i = 0; i < 50; i++) {
		s = make("/b", 200, i * 10, 1);
		model_span(&m, &s);
	}
	model_mark(&m, BASE + SECOND);
	for (unsigned i = 0; i < 20; i++) {
		s = make("/b", 500, 1000 + i * 10, 80);
		model_span(&m, &s);
	}
	g = model_red(&m, RED_BY_ROUTE);
	red_window(g, g->rows[0], 0, &sums, &d);
	is_u64(sums.count, 20, "baseline: only what came since");
	is_u64(sums.errors, 20, "baseline: errors since");
	ok(hist_percentile(&d, 1) > 79 * MS, "baseline: durations since");
	ok(hist_percentile(&g->rows[0]->base_durations, 99) < 2 * MS, "baseline: durations before");
	model_unmark(&m);
	red_window(g, g->rows[0], 0, &sums, &d);
	is_u64(sums.count, 70, "baseline: all again");
	hist_release(&d);
	model_release(&m);
}

static void test_pause(void)
{
	struct model m;
	struct span s = make("/p", 200, 0, 1);

	model_init(&m);
	for (int i = 0; i < 5; i++)
		model_span(&m, &s);
	model_pause(&m);
	s = make("/q", 500, 500, 2);
	for (int i = 0; i < 7; i++)
		model_span(&m, &s);
	is_u64(m.now->f.spans, 5, "pause: what is shown stands still");
	is_u64(model_red(&m, RED_BY_ROUTE)->n, 1, "pause: no new rows");
	model_resume(&m);
	is_u64(m.now->f.spans, 12, "pause: nothing was missed");
	is_u64(m.now->f.errors, 7, "pause: nor errors");
	is_u64(ring_count(&m.now->ring), 12, "pause: spans that came are there");
	is_u64(row_of(model_red(&m, RED_BY_ROUTE), "/q")->durations.count, 7,
	       "pause: and their durations");
	is_u64(red_interval(model_red(&m, RED_BY_ROUTE), row_of(model_red(&m, RED_BY_ROUTE), "/q"),
			    BASE / SECOND)
		       ->count,
	       7, "pause: and their trend");
	model_release(&m);
}

static void test_filter(void)
{
	struct filter_error err;
	struct model m;
	struct span s;

	model_init(&m);
	for (int i = 0; i < 10; i++) {
		s = make("/f", i % 2 ? 500 : 200, 0, 1);
		model_span(&m, &s);
	}
	model_filter(&m, filter__new("status >= 500", &err));
	is_u64(model_red(&m, RED_BY_ROUTE)->rows[0]->counts.count, 5, "filter: of what is kept");
	model_span(&m, &s);
	is_u64(model_red(&m, RED_BY_ROUTE)->rows[0]->counts.count, 6, "filter: of what comes");
	ok(!ring_slot(&m.now->ring, 0)->shown && ring_slot(&m.now->ring, 1)->shown,
	   "filter: marks the spans");
	model_filter(&m, NULL);
	is_u64(model_red(&m, RED_BY_ROUTE)->rows[0]->counts.count, 11,
	       "filter: without it, all are there");
	ok(ring_slot(&m.now->ring, 0)->shown, "filter: and the spans, too");
	model_clear(&m);
	is_u64(model_red(&m, RED_BY_ROUTE)->n + m.now->f.spans, 0, "clear: nothing is left");
	model_release(&m);
}

static void test_between(void)
{
	struct filter_error err;
	struct model m;
	struct red *r;
	struct span s;

	model_init(&m);
	for (int i = 0; i < 10; i++) {
		s = make("/p", i % 2 ? 500 : 200, (uint64_t)i * 1000, 1);
		model_span(&m, &s);
	}
	model_between(&m, BASE + 3 * SECOND, BASE + 6 * SECOND);
	r = model_red(&m, RED_BY_ROUTE);
	is_u64(r->rows[0]->counts.count, 3, "past: what ended in that time");
	is_u64(r->since, BASE + 3 * SECOND, "past: since its beginning");
	ok(!ring_slot(&m.now->ring, 2)->shown && ring_slot(&m.now->ring, 3)->shown &&
	   ring_slot(&m.now->ring, 5)->shown && !ring_slot(&m.now->ring, 6)->shown,
	   "past: and its spans");
	model_filter(&m, filter__new("status >= 500", &err));
	is_u64(model_red(&m, RED_BY_ROUTE)->rows[0]->counts.count, 2, "past: with a filter, too");
	model_span(&m, &s);
	s = make("/p", 500, 4000, 1);
	model_span(&m, &s);
	is_u64(model_red(&m, RED_BY_ROUTE)->rows[0]->counts.count, 3,
	       "past: what comes late counts, what is later does not");
	model_between(&m, 0, 0);
	is_u64(model_red(&m, RED_BY_ROUTE)->rows[0]->counts.count, 7, "past: the filter stays");
	model_filter(&m, NULL);
	is_u64(model_red(&m, RED_BY_ROUTE)->rows[0]->counts.count, 12, "past: and all is there");
	model_release(&m);
}

static void test_field(void)
{
	struct red_field f;
	struct model m;
	struct red *r;
	struct span s;

	model_init(&m);
	for (int i = 0; i < 10; i++) {
		s = make("/p", 200, (uint64_t)i * 1000, 1);
		s.runtime = i % 2 ? "go" : "python";
		if (i == 6)
			model_mark(&m, BASE + 6 * SECOND);
		model_span(&m, &s);
	}
	is_u64(model_red(&m, RED_BY_FIELD)->n, 0, "field: none is asked for");
	ok(!red_field_set(&f, "runtime"), "field: a name");
	model_field(&m, &f);
	r = model_red(&m, RED_BY_FIELD);
	is_u64(r->n, 2, "field: rows of what is kept");
	is_u64(row_of(r, "go")->counts.count, 5, "field: all of them");
	is_u64(row_of(r, "go")->base.count, 3, "field: the baseline stays where it was");
	is_u64(r->base_since, BASE + 6 * SECOND, "field: and when");
	model_span(&m, &s);
	is_u64(row_of(r, "go")->counts.count, 6, "field: and of what comes");
	ok(red_field_set(&f, "path") && red_field_set(&f, "header.cookie") &&
	   !strcmp(f.name, "runtime"), "field: what makes no groups changes nothing");
	model_release(&m);
}

static void test_undo(void)
{
	struct filter_error err;
	struct model m;
	struct span s = make("/u", 500, 0, 1);

	model_init(&m);
	is_u64(model_undo(&m), (uint64_t)-ENOENT, "undo: of nothing");
	for (int i = 0; i < 5; i++)
		model_span(&m, &s);
	model_clear(&m);
	s = make("/v", 200, 0, 1);
	model_span(&m, &s);
	model_clear(&m);
	for (int i = 0; i < 3; i++)
		model_span(&m, &s);
	is_u64(ring_count(&m.now->ring), 3, "undo: cleared");
	is_u64(model_undo(&m), 0, "undo: what was cleared last");
	is_u64(m.now->f.spans, 4, "undo: with what came since");
	is_u64(ring_count(&m.now->ring), 4, "undo: and the spans of it, but no others");
	model_clear(&m);
	model_filter(&m, filter__new("path == /v", &err));
	is_u64(model_undo(&m), 0, "undo: with another filter");
	is_u64(model_red(&m, RED_BY_ROUTE)->rows[0]->counts.count, 4, "undo: which counts");
	model_clear(&m);
	model_forget(&m);
	is_u64(model_undo(&m), (uint64_t)-ENOENT, "undo: in time");
	model_release(&m);
}

/* What is slow is kept for longer, and what is counted by a filter is not more for that. */
static void test_slow(void)
{
	struct filter_error err;
	struct model m;
	struct span s;
	unsigned slow = 0;

	model_init(&m);
	model_keep(&m, 0, 1024);
	for (unsigned i = 0; i < 20000; i++) {
		s = of_trace(i, i, i && i % 200 == 0 ? 40 : 4);
		model_span(&m, &s);
	}
	for (uint32_t i = 0; i < ring_longer(&m.now->ring); i++)
		slow += ring_span(&m.now->ring, i)->duration_ns == 40 * MS;
	is_u64(slow, 94, "slow: against what is usual");
	is_u64(ring_longer(&m.now->ring), slow, "slow: and nothing else");
	ok(model_slow(&m, &s) == 0, "slow: what is usual is not");
	s.duration_ns = 17 * MS;
	ok(model_slow(&m, &s), "slow: four times as long is");
	s = make("/b", 200, 0, 499);
	ok(!model_slow(&m, &s), "slow: of a route that is not known half a second");
	model_filter(&m, filter__new("duration > 1ms", &err));
	is_u64(model_red(&m, RED_BY_ROUTE)->rows[0]->counts.count, 1024,
	       "slow: a filter counts what is whole");
	ok(m.now->f.matched_since == BASE + (20000 - 1024) * MS + 4 * MS ||
	   m.now->f.matched_since == BASE + (20000 - 1024) * MS + 40 * MS,
	   "slow: and says since when");
	model_release(&m);
}

/* ---- traces */

static struct span part(uint8_t trace, uint8_t id, uint8_t parent, uint64_t at, uint64_t ms)
{
	struct span s = make("/t", 200, at, ms);

	s.trace_id[0] = trace;
	s.span_id[7] = id;
	s.parent_id[7] = parent;
	s.has_parent = parent != 0;
	s.link = parent ? "socket" : NULL;
	return s;
}

static void test_traces(void)
{
	struct span_ring r;
	struct traces t;
	/* 1 [0..100] calls 2 [10..40], 3 [20..30] and 4 [50..90]; 3 and 2 overlap; 5 is under 4 */
	const struct span spans[] = {part(9, 3, 1, 20, 10), part(9, 2, 1, 10, 30),
				     part(7, 1, 0, 0, 5),   part(9, 5, 4, 60, 10),
				     part(9, 4, 1, 50, 40), part(9, 1, 0, 0, 100)};
	char order[32] = "", critical[32] = "";
	uint32_t n;

	ring_init(&r);
	traces_init(&t);
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		(void)ring_add(&r, &spans[i], 1, 0);
	is_u64(traces_build(&t, &r), 0, "traces: built");
	is_u64(t.n, 2, "traces: by trace id");
	is_u64(t.trace[0].nodes, 5, "traces: all spans of one");
	is_u64(t.trace[0].end - t.trace[0].start, 100 * MS,
	       "traces: from the first start to the last end");
	for (n = t.trace[0].root; n != TRACE_NONE; n = traces_next(&t, n, 0)) {
		size_t at = strlen(order);

		snprintf(order + at, sizeof(order) - at, "%u%u ", t.node[n].depth,
			 t.node[n].span->span_id[7]);
		if (t.node[n].critical)
			snprintf(critical + strlen(critical), 4, "%u", t.node[n].span->span_id[7]);
	}
	is_str(order, "01 12 13 14 25 ", "traces: children under parents, in order of time");
	is_str(critical, "1245", "traces: the path that the end waited for");
	is_u64(traces_next(&t, t.trace[0].root, 1), TRACE_NONE, "traces: folded, nothing follows");
	traces_release(&t);
	ring_release(&r);
}

/* The same call in three traces, a loop in one of them, and one of another root. */
static void test_alike(void)
{
	struct span_ring r;
	struct traces t;
	struct alike a = {0};
	const struct span spans[] = {part(1, 1, 0, 0, 100), part(1, 2, 1, 10, 50),
				     part(2, 1, 0, 200, 100), part(2, 2, 1, 210, 30),
				     part(3, 1, 0, 400, 100), part(3, 2, 1, 410, 10),
				     part(3, 3, 1, 430, 20)};
	struct span other = part(4, 1, 0, 600, 5);

	ring_init(&r);
	traces_init(&t);
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		(void)ring_add(&r, &spans[i], 1, 0);
	other.route = (struct str){"/other", 6};
	(void)ring_add(&r, &other, 1, 0);
	is_u64(traces_build(&t, &r) || alike_build(&a, &t, 0, 0), 0, "alike: built");
	is_u64(a.traces, 4, "alike: traces");
	is_u64(a.n, 3, "alike: two roots, and one call");
	is_u64(a.hop[a.first].count, 3, "alike: three traces in one");
	is_u64(a.hop[a.hop[a.first].child].count, 4, "alike: calls of a loop are counted");
	is_u64(a.hop[a.hop[a.first].child].total.max, 50 * MS, "alike: how long they took");
	is_u64(a.hop[a.first].self.min, 50 * MS, "alike: how long the caller worked itself");
	is_u64(a.hop[a.first].self.max, 70 * MS, "alike: at most");
	is_u64(alike_next(&a, a.hop[a.first].child), TRACE_NONE, "alike: the end of a tree");
	is_u64(alike_build(&a, &t, t.trace[0].start + 350 * MS, 0), 0, "alike: again, in a window");
	is_u64(a.hop[a.first].count, 1, "alike: what ended in it");
	is_u64(a.hop[a.first].total.count, 1, "alike: and no more");
	is_u64(alike_build(&a, &t, 0, 1), 0, "services: built");
	is_u64(a.n, 1, "services: whatever is asked of one is one");
	is_u64(a.hop[a.first].count, 8, "services: all its spans");
	is_u64(a.hop[a.first].self.sum, 305 * MS, "services: their own time");
	is_u64(a.self, 305 * MS, "services: which is that of all");
	alike_release(&a);
	traces_release(&t);
	ring_release(&r);
}

static void test_odd_traces(void)
{
	struct span_ring r;
	struct traces t;
	struct span s;
	unsigned seen = 0;
	uint32_t n;

	ring_init(&r);
	traces_init(&t);
	/* its own parent, two in a circle, the same id twice, and a long chain */
	s = part(1, 1, 1, 0, 1), (void)ring_add(&r, &s, 1, 0);
	s = part(1, 2, 3, 0, 1), (void)ring_add(&r, &s, 1, 0);
	s = part(1, 3, 2, 0, 1), (void)ring_add(&r, &s, 1, 0);
	s = part(1, 3, 2, 0, 1), (void)ring_add(&r, &s, 1, 0);
	for (unsigned i = 10; i < 250; i++) {
		s = part(1, (uint8_t)i, (uint8_t)(i - 1), i, 1);
		(void)ring_add(&r, &s, 1, 0);
	}
	is_u64(traces_build(&t, &r), 0, "odd traces: built");
	for (n = t.trace[0].root; n != TRACE_NONE && seen < 1000; n = traces_next(&t, n, 0))
		seen++;
	is_u64(seen, t.trace[0].nodes, "odd traces: every span is in the tree once");
	traces_release(&t);
	ring_release(&r);
}

static void test_many_roots(void)
{
	struct span_ring r;
	struct traces t;
	struct span s;

	ring_init(&r);
	traces_init(&t);
	for (unsigned i = 0; i < SPANS; i++) {
		s = part(0, 0, 0, i, 1);
		(void)ring_add(&r, &s, 1, 0);
	}
	is_u64(traces_build(&t, &r), 0, "many roots: built in time");
	is_u64(t.trace[0].nodes, SPANS, "many roots: all in one trace");
	traces_release(&t);
	ring_release(&r);
}

/* ---- text */

static void fits(const char *in, size_t n, unsigned width, enum text_cut cut, int ascii,
		 const char *want, unsigned columns, const char *name)
{
	char buf[TEXT_MAX];
	unsigned used = text_fit(buf, sizeof(buf), (struct str){ in, n }, width, cut, ascii);

	ok(!strcmp(buf, want) && used == columns, "text: %s", name);
	if (strcmp(buf, want) || used != columns)
		printf("# got \"%s\" %u\n", buf, used);
}

static void test_text(void)
{
	char buf[TEXT_MAX], big[5000];

	fits("/orders", 7, 20, CUT_END, 0, "/orders", 7, "as it is");
	fits("/orders/4711", 12, 8, CUT_END, 0, "/orders…", 8, "cut at the end");
	fits("/orders/4711", 12, 8, CUT_MIDDLE, 0, "/or…4711", 8, "cut in the middle");
	fits("/orders/4711", 12, 8, CUT_MIDDLE, 1, "/or~4711", 8, "in ASCII");
	fits("/\033[31m\n", 7, 40, CUT_END, 0, "/\\x1b[31m\\x0a", 13,
	     "control characters are shown");
	fits("/\xff\xfe", 3, 40, CUT_END, 0, "/\\xff\\xfe", 9, "octets that are no UTF-8");
	fits("日本語", 9, 5, CUT_END, 0, "日本…", 5, "wide characters take two columns");
	fits("日本語", 9, 4, CUT_END, 0, "日…", 3, "half of one is never shown");
	fits("e\xcc\x81x", 4, 2, CUT_END, 0, "e\xcc\x81x", 2, "combining characters take none");
	fits("12µs", 5, 9, CUT_END, 1, "12us", 4, "what ASCII has something for");
	fits("abc", 3, 0, CUT_END, 0, "", 0, "no room");
	memset(big, 'x', sizeof(big));
	is_u64(text_fit(buf, sizeof(buf), (struct str){big, sizeof(big)}, 300, CUT_MIDDLE, 0), 300,
	       "text: longer than what is looked at");
	ok(text_fit(buf, 16, (struct str){big, sizeof(big)}, 300, CUT_END, 0) <= 15 &&
		   strlen(buf) <= 15,
	   "text: never beyond its buffer");
}

int main(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	test_ring();
	test_ring_size();
	test_ring_large();
	test_ring_longer();
	test_ring_memory();
	test_groups();
	test_bands();
	test_group_keys();
	test_group_systems();
	test_group_limit();
	test_baseline();
	test_pause();
	test_filter();
	test_between();
	test_field();
	test_undo();
	test_slow();
	test_traces();
	test_alike();
	test_odd_traces();
	test_many_roots();
	test_text();
	return tap_done();
}
