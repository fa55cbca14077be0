/*
 * summary.c - the RED table: rate, errors, durations per route, as plain text
 *
 * A row is a (route, method, kind, service). The table holds SUMMARY_MAX_ROWS of them; whatever
 * comes after goes into one row "(others)". With an interval each table is about the spans that
 * ended in its period, so that every span is in exactly one table; else there is one, at the end.
 */
#include <stdlib.h>

#include "core/hist.h"
#include "sinks/format.h"
#include "sinks/sink.h"
#include "sinks/summary_table.h"

#define SUMMARY_SLOTS 4096 /* power of two, well above SUMMARY_MAX_ROWS */

struct summary {
	struct sink sink;
	struct out *out;
	struct fmt_clock clock;
	uint64_t interval_ns, period_end, begin, end;
	uint64_t spans;
	int sort, tables, redact;
	unsigned nrows;
	struct summary_row *rows[SUMMARY_MAX_ROWS];
	struct summary_row others;
	uint16_t slots[SUMMARY_SLOTS]; /* 1 + index into rows, 0: free */
};

/* What makes two spans fall into one row. */
struct key {
	struct str route, method, service;
	enum span_kind kind;
	uint32_t hash;
};

static uint32_t hash_str(uint32_t h, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 16777619u;
	return (h ^ 0xffu) * 16777619u; /* 0xff is in no UTF-8: keeps "a","b" from "ab","" */
}

static struct str or_dash(struct str s)
{
	return s.p ? s : (struct str){ "-", 1 };
}

static struct key key_of(const struct span *s)
{
	const char *service = s->service ? s->service : s->comm ? s->comm : "-";
	struct key k = {
		.route = or_dash(s->route.p ? s->route : s->path),
		.method = or_dash(s->method),
		.service = { service, strlen(service) },
		.kind = s->kind,
	};

	k.hash = hash_str(hash_str(hash_str(2166136261u, k.route), k.method), k.service);
	k.hash ^= k.kind == SPAN_CLIENT ? 0x5bd1e995u : 0;
	k.hash ^= k.hash >> 15;
	return k;
}

static int same_str(struct str a, struct str b)
{
	return a.n == b.n && !memcmp(a.p, b.p, a.n);
}

static int same_key(const struct summary_row *r, const struct key *k)
{
	return r->hash == k->hash && r->kind == k->kind && same_str(r->route, k->route) &&
	       same_str(r->service, k->service) && same_str(r->method, k->method);
}

static struct str keep(char **p, struct str s)
{
	struct str kept = { memcpy(*p, s.p, s.n), s.n };

	*p += s.n;
	return kept;
}

static struct summary_row *row_new(const struct key *k)
{
	struct summary_row *r =
		calloc(1, sizeof(*r) + k->route.n + k->method.n + k->service.n);
	char *p;

	if (!r)
		return NULL;
	p = r->text;
	r->route = keep(&p, k->route);
	r->method = keep(&p, k->method);
	r->service = keep(&p, k->service);
	r->kind = k->kind;
	r->hash = k->hash;
	hist_init(&r->durations);
	return r;
}

/* The row of that key; the last one for all if there is no room for another. */
static struct summary_row *row_get(struct summary *m, const struct key *k)
{
	uint32_t i = k->hash;
	struct summary_row *r;

	for (;; i++) {
		uint16_t slot = m->slots[i % SUMMARY_SLOTS];

		if (!slot)
			break;
		if (same_key(m->rows[slot - 1], k))
			return m->rows[slot - 1];
	}
	if (m->nrows == SUMMARY_MAX_ROWS)
		return &m->others;
	r = row_new(k);
	if (!r)
		return &m->others;
	m->rows[m->nrows++] = r;
	m->slots[i % SUMMARY_SLOTS] = (uint16_t)m->nrows;
	return r;
}

static uint64_t known(uint64_t v)
{
	return v == SPAN_UNKNOWN ? 0 : v;
}

static void stretch(struct summary *m, uint64_t from, uint64_t to)
{
	if (!m->begin || from < m->begin)
		m->begin = from;
	if (to > m->end)
		m->end = to;
}

static void summary_span(struct sink *sink, const struct span *s)
{
	struct summary *m = (struct summary *)sink;
	struct key k = key_of(s);
	struct summary_row *r = row_get(m, &k);

	m->spans++;
	r->count++;
	r->errors += s->error != SPAN_OK;
	r->incomplete += s->incomplete != 0;
	r->bytes += known(s->req_bytes) + known(s->resp_bytes);
	if (s->duration_ns != SPAN_UNKNOWN)
		hist_add(&r->durations, s->duration_ns);
	if (!m->interval_ns)
		stretch(m, s->time_ns, s->time_ns + known(s->duration_ns));
}

static void forget(struct summary *m)
{
	for (unsigned i = 0; i < m->nrows; i++) {
		hist_release(&m->rows[i]->durations);
		free(m->rows[i]);
	}
	hist_release(&m->others.durations);
	memset(&m->others, 0, sizeof(m->others));
	memset(m->slots, 0, sizeof(m->slots));
	m->nrows = 0;
	m->spans = 0;
}

/* "2025-12-08 20:44:49.128844490  10s  1234 spans", before each of several tables. */
static void put_heading(struct summary *m)
{
	char *p = out_reserve(m->out, FMT_TIME_MAX + FMT_DURATION_MAX + 64);

	if (m->tables++)
		*p++ = '\n';
	p = fmt_time(p, &m->clock, m->end);
	p = FMT_LIT(p, "  ");
	p = fmt_short_duration(p, m->end - m->begin);
	p = FMT_LIT(p, "  ");
	p = fmt_u64(p, m->spans);
	p = FMT_LIT(p, " spans\n");
	out_commit(m->out, p);
}

static void put_table(struct summary *m)
{
	struct summary_table t = {
		.rows = m->rows,
		.nrows = m->nrows,
		.others = m->others.count ? &m->others : NULL,
		.elapsed_ns = m->end - m->begin,
		.redact = m->redact,
	};

	if (m->interval_ns)
		put_heading(m);
	summary_table_sort(&t, m->sort);
	summary_table_put(&t, m->out);
	forget(m); /* the slots with it, which refer to rows by the order before */
}

static void summary_tick(struct sink *sink, uint64_t now_ns)
{
	struct summary *m = (struct summary *)sink;

	stretch(m, now_ns, now_ns);
	if (!m->interval_ns)
		return;
	if (!m->period_end) {
		m->period_end = now_ns + m->interval_ns;
	} else if (now_ns >= m->period_end) {
		put_table(m);
		m->begin = now_ns;
		m->period_end += m->interval_ns;
		/* after a silence, start anew and not with a row of empty tables */
		if (m->period_end <= now_ns)
			m->period_end = now_ns + m->interval_ns;
	}
}

static void summary_finish(struct sink *sink, const struct sink_totals *t)
{
	struct summary *m = (struct summary *)sink;

	if (m->interval_ns && t->time_ns)
		stretch(m, t->time_ns, t->time_ns);
	if (!m->interval_ns || m->spans)
		put_table(m);
}

static void summary_free(struct sink *sink)
{
	forget((struct summary *)sink);
	free(sink);
}

struct sink *sink_summary_new(const struct sink_options *o)
{
	static const struct sink_ops ops = {
		.span = summary_span,
		.tick = summary_tick,
		.finish = summary_finish,
		.free = summary_free,
	};
	struct summary *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->sink.ops = &ops;
	m->out = o->out;
	m->interval_ns = o->interval_ns;
	m->sort = o->sort;
	m->redact = o->redact;
	return &m->sink;
}
