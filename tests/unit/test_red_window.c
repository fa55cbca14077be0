/*
 * Windows of time in a RED table: their figures against those of the spans themselves; merging;
 * what has changed and what has not; rows at the edge and behind it.
 */
#include <stdlib.h>

#include "cli/filter.h"
#include "cli/tui/model.h"
#include "core/red_change.h"
#include "parsers/http1/http1_protocol.h"
#include "tests/unit/tap.h"

#define BASE 1700000000000000000ull
#define MS 1000000ull
#define SECOND 1000000000ull
#define MOST 20000u

static const struct red_options options = {.max_rows = 50, .windows = 1};

static uint64_t random_state = 1;

static uint64_t draw(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

static struct span make(const char *route, int status, uint64_t end_ms, uint64_t us)
{
	struct span s = {.time_ns = BASE + end_ms * MS - us * 1000,
			 .duration_ns = us * 1000,
			 .status = status,
			 .protocol = &http11_name,
			 .service = "shop",
			 .entry = 1};

	s.inner_ns = s.ttfb_ns = s.queue_ns = s.connect_ns = SPAN_UNKNOWN;
	s.route = s.path = (struct str){route, strlen(route)};
	s.method = (struct str){"GET", 3};
	s.error = status >= 500 ? SPAN_ERR_STATUS : SPAN_OK;
	s.req_bytes = 100;
	s.resp_bytes = 200;
	return s;
}

/* ---- figures */

struct seen {
	uint64_t end[MOST], ns[MOST];
	int failed[MOST];
	unsigned n;
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int near(uint64_t got, uint64_t want)
{
	double d = (double)got - (double)want;

	return (d < 0 ? -d : d) <= (double)want / 100;
}

/* What the window holds by the spans themselves: those that ended since it began. */
static void compare(const struct red *t, uint64_t now, unsigned seconds, const struct seen *all,
		    const char *what)
{
	static uint64_t ns[MOST];
	uint64_t from = now - red_window_ns(t, now, seconds), errors = 0;
	struct red_counts c;
	unsigned n = 0;
	struct hist d;

	for (unsigned i = 0; i < all->n; i++)
		if (all->end[i] >= from) {
			ns[n++] = all->ns[i];
			errors += all->failed[i] != 0;
		}
	qsort(ns, n, sizeof(*ns), by_value);
	hist_init(&d);
	red_window(t, t->rows[0], seconds, &c, &d);
	ok(n > 5 && c.count == n && d.count == n && c.errors == errors && c.req_bytes == 100ull * n,
	   "%s: counts: %llu of %u, %llu errors", what, (unsigned long long)c.count, n,
	   (unsigned long long)c.errors);
	ok(near(hist_percentile(&d, 50), ns[(n - 1) / 2]) &&
		   near(hist_percentile(&d, 99), ns[(n * 99 + 99) / 100 - 1]) &&
		   near(d.max, ns[n - 1]) && near(d.min, ns[0]),
	   "%s: durations, to one per cent", what);
	ok(seconds == 0 || now - from <= seconds * SECOND, "%s: not longer than that", what);
	ok(seconds == 0 ||
		   now - from >
			   seconds * SECOND -
				   (seconds <= RED_WINDOW_FINE ? 1 : RED_COARSE_SECONDS) * SECOND,
	   "%s: and not much shorter", what);
	hist_release(&d);
}

/* Ten minutes of it, at an uneven pace. */
static void test_figures(void)
{
	static struct seen all;
	struct red t;
	uint64_t at = 0;

	red_init(&t, &options);
	while (at < 600000) {
		struct span s;

		at += draw(at / 1000 % 60 < 20 ? 40 : 160);
		s = make("/a", draw(10) ? 200 : 500, at, 100 + draw(at / 10 + 1));
		if (!red_add(&t, &s) || all.n == MOST)
			break;
		all.end[all.n] = span_end(&s);
		all.ns[all.n] = s.duration_ns;
		all.failed[all.n++] = s.error != SPAN_OK;
	}
	at = BASE + at * MS;
	red_advance(&t, at);
	compare(&t, at, 10, &all, "10 s");
	compare(&t, at, 60, &all, "1 m");
	compare(&t, at, 300, &all, "5 m");
	compare(&t, at, 0, &all, "all");
	at += 7 * SECOND; /* nothing came since */
	red_advance(&t, at);
	compare(&t, at, 10, &all, "10 s, later");
	compare(&t, at, 60, &all, "1 m, later");
	red_advance(&t, at + 400 * SECOND);
	{
		struct red_counts c;
		struct hist d;

		hist_init(&d);
		red_window(&t, t.rows[0], 300, &c, &d);
		ok(!c.count && !d.count, "a window in which nothing came is empty");
		hist_release(&d);
	}
	red_mark(&t, at + 400 * SECOND);
	{
		struct span s = make("/a", 200, 1010000, 5000);
		struct red_counts c;
		struct hist d;

		hist_init(&d);
		red_add(&t, &s);
		red_window(&t, t.rows[0], 300, &c, &d);
		is_u64(c.count, 1, "a window does not go back beyond the baseline");
		hist_release(&d);
	}
	red_release(&t);
}

/* The same spans in one table and in two that are merged give the same windows. */
static void test_merge(void)
{
	struct red one, a, b;

	red_init(&one, &options);
	red_init(&a, &options);
	red_init(&b, &options);
	for (unsigned i = 0; i < 4000; i++) {
		struct span s = make(i % 3 ? "/a" : "/b", 200, i * 20, 100 + draw(100000));

		red_add(&one, &s);
		red_add(i < 3017 ? &a : &b, &s);
	}
	red_merge(&a, &b);
	for (unsigned row = 0; row < 2; row++)
		for (unsigned w = 10; w <= 300; w = w == 10 ? 60 : w * 5) {
			struct red_counts c[2];
			struct hist d[2];

			hist_init(&d[0]);
			hist_init(&d[1]);
			red_window(&one, one.rows[row], w, &c[0], &d[0]);
			red_window(&a,
				   a.rows[row]->name.p[1] == one.rows[row]->name.p[1]
					   ? a.rows[row]
					   : a.rows[!row],
				   w, &c[1], &d[1]);
			ok(c[0].count && c[0].count == c[1].count && d[0].count == d[1].count &&
				   near(hist_percentile(&d[0], 90), hist_percentile(&d[1], 90)),
			   "merged: a window of %u s: %llu", w, (unsigned long long)c[1].count);
			hist_release(&d[0]);
			hist_release(&d[1]);
		}
	red_release(&one);
	red_release(&a);
	red_release(&b);
}

/* ---- changes */

/* A row of so many minutes; what is asked of it at its end. */
static int changed(unsigned seconds, int (*status)(unsigned at), uint64_t (*us)(unsigned at),
		   unsigned per_second, struct red_change *c)
{
	struct red t;
	int found;

	red_init(&t, &options);
	for (unsigned i = 0; i < seconds * per_second; i++) {
		struct span s = make("/a", status(i / per_second),
				     (uint64_t)i * 1000 / per_second + 1, us(i / per_second));

		red_add(&t, &s);
	}
	red_advance(&t, BASE + seconds * SECOND);
	found = red_change(&t, t.rows[0], c);
	red_release(&t);
	return found;
}

static int fine(unsigned at)
{
	(void)at;
	return 200;
}

static int failing(unsigned at)
{
	return at >= 170 && draw(3) == 0 ? 503 : 200;
}

static int refused(unsigned at)
{
	return at >= 170 && draw(2) ? 403 : 200;
}

static uint64_t steady(unsigned at)
{
	(void)at;
	return 2000 + draw(draw(20) ? 3000 : 40000);
}

static uint64_t slow(unsigned at)
{
	return steady(at) * (at >= 150 ? 9 : 1);
}

static uint64_t slow_soon(unsigned at)
{
	return steady(at) * (at >= 22 ? 9 : 1);
}

static uint64_t slow_at_times(unsigned at)
{
	return steady(at) * (at >= 150 && !draw(8) ? 30 : 1);
}

static void test_changes(void)
{
	struct red_change c;
	unsigned found = 0;

	ok(changed(200, fine, slow, 20, &c) && c.kind == RED_SLOWER,
	   "a change of durations is found");
	ok(c.after / c.before > 6 && c.after / c.before < 12, "how much: %.1f times",
	   c.after / c.before);
	ok(c.since >= BASE + 145 * SECOND && c.since <= BASE + 155 * SECOND, "since when: %llu s",
	   (unsigned long long)((c.since - BASE) / SECOND));
	ok(c.nafter >= 200 && c.nbefore >= 500, "and what it rests on: %llu, %llu",
	   (unsigned long long)c.nafter, (unsigned long long)c.nbefore);
	ok(changed(260, fine, slow, 20, &c) && c.kind == RED_SLOWER,
	   "and is still seen two minutes later");
	ok(changed(165, fine, slow, 20, &c) && c.kind == RED_SLOWER,
	   "and a quarter of a minute later");
	ok(changed(45, fine, slow_soon, 20, &c) && c.kind == RED_SLOWER,
	   "and where there is not much of a past");
	ok(changed(200, fine, slow_at_times, 40, &c) && c.kind == RED_SLOWER,
	   "one of eight being slow is a change");
	ok(changed(200, failing, steady, 20, &c) && c.kind == RED_FAILING && c.after > 0.2 &&
		   c.before < 0.01 && c.since >= BASE + 160 * SECOND &&
		   c.since <= BASE + 180 * SECOND,
	   "failures are one");
	ok(changed(200, refused, steady, 20, &c) && c.kind == RED_REFUSED && c.after > 0.3,
	   "so are refusals");
	for (unsigned i = 0; i < 200; i++)
		found += changed(60 + i, fine, steady, 1 + i % 30, &c) != 0;
	ok(found <= 2, "chance is none: %u of 200", found);
	ok(!changed(3, fine, slow, 20, &c), "nor is the beginning");
}

/* ---- the edge */

static void test_edges(void)
{
	struct span s = make("/a", 200, 10, 100);
	struct filter_error err;
	struct model m;
	struct red *t;

	model_init(&m);
	model_span(&m, &s);
	s.entry = 0;
	s.parent_here = 1;
	model_span(&m, &s);
	s.kind = SPAN_CLIENT;
	s.peer_service = "stock";
	model_span(&m, &s);
	t = model_red(&m, RED_BY_EDGE);
	ok(t->n == 1 && t->rows[0]->counts.count == 1, "a request counts once at the edge");
	t = model_red(&m, RED_BY_HOP);
	ok(t->n == 2 && !t->rows[0]->name.p && !memcmp(t->rows[1]->name.p, "stock", 5),
	   "and each hop once");
	t = model_red(&m, RED_BY_ROUTE);
	ok(t->n == 3 && t->rows[0]->edge && !t->rows[1]->edge && !t->rows[2]->edge,
	   "rows at the edge are rows of their own");
	model_filter(&m, filter__new("entry", &err));
	is_u64(model_red(&m, RED_BY_ROUTE)->n, 1, "filter: entry");
	model_filter(&m, filter__new("not root", &err));
	is_u64(model_red(&m, RED_BY_ROUTE)->n, 2, "filter: root");
	ok(!filter__new("entry == true", &err) && err.offset == 6,
	   "which are compared with nothing: %s", err.message);
	model_release(&m);
}

#define KEPT 65536u

/* Baseline, then a filter, when the spans before the baseline are not kept any more. */
static void test_baseline_and_filter(void)
{
	struct span s = make("/a", 200, 10, 100);
	struct filter_error err;
	struct red_counts c;
	struct model m;
	struct hist d;
	struct red *t;

	hist_init(&d);
	model_init(&m);
	model_keep(&m, 0, KEPT);
	for (unsigned i = 0; i < 1000; i++) {
		s = make("/a", 200, i * 10, 100);
		model_span(&m, &s);
	}
	model_mark(&m, BASE + 10 * SECOND);
	for (unsigned i = 0; i < 2 * KEPT; i++) {
		s = make("/a", i % 2 ? 200 : 204, 10000 + i * 2, 100);
		model_span(&m, &s);
	}
	model_filter(&m, filter__new("status == 204", &err));
	t = model_red(&m, RED_BY_ROUTE);
	red_window(t, t->rows[0], 0, &c, &d);
	ok(t->since > t->base_since && c.count <= KEPT / 2,
	   "a filter counts what is kept, and says since when");
	ok(near((uint64_t)((double)c.count / ((double)red_window_ns(t, span_end(&s), 0) / 1e9)),
		250),
	   "so rates are right: %llu in %llu s", (unsigned long long)c.count,
	   (unsigned long long)(red_window_ns(t, span_end(&s), 0) / SECOND));
	hist_release(&d);
	model_release(&m);
}

/* ---- spans whose strings are known to be those of the last one */

static unsigned rows_differ(const struct red *a, const struct red *b)
{
	unsigned differ = a->n != b->n;

	for (unsigned i = 0; i < a->n && i < b->n; i++) {
		const struct red_row *x = a->rows[i], *y = b->rows[i];

		differ += x->id != y->id || x->kind != y->kind || x->edge != y->edge ||
			  memcmp(&x->counts, &y->counts, sizeof(x->counts)) ||
			  x->durations.sum != y->durations.sum;
	}
	return differ;
}

static void test_alike(void)
{
	static const char *const route[] = {"/a", "/b", "/c"}, *const service[] = {"x", "y", NULL};
	const struct red_options o = {.max_rows = 50, .edges = 1};
	struct red a, b;
	struct span s;

	red_init(&a, &o);
	red_init(&b, &o);
	for (unsigned i = 0, n = 1; i < MOST; i++) {
		unsigned r = (unsigned)draw(3), p = (unsigned)draw(3);

		s = make(route[r], 200, 1000 + i, 5);
		s.service = service[p];
		s.conn = 1 + draw(2);
		s.alike = 1 + r / 2; /* of two paths, which have routes of their own */
		s.names = draw(4) ? n : 0;
		s.pid = 10 + p;
		s.kind = draw(2) ? SPAN_SERVER : SPAN_CLIENT;
		s.entry = draw(2) != 0;
		red_add(&a, &s);
		s.alike = s.names = 0;
		red_add(&b, &s);
		n += draw(100) == 0;
		if (draw(5000) == 0) {
			red_reset(&a);
			red_reset(&b);
		}
	}
	ok(a.n > 10 && !rows_differ(&a, &b), "the same rows as of spans of which nothing is known");
	red_release(&a);
	red_release(&b);
}

int main(void)
{
	test_alike();
	test_figures();
	test_merge();
	test_changes();
	test_edges();
	test_baseline_and_filter();
	return tap_done();
}
