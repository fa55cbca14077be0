/*
 * summary.c - the RED table: rate, errors, durations per route, as plain text
 *
 * A row is a (route, method, kind, service), or what else is grouped by. With an interval each
 * table is about the spans that ended in its period, so that every span is in exactly one table;
 * else there is one, at the end.
 */
#include <stdlib.h>

#include "core/red.h"
#include "sinks/format.h"
#include "sinks/shares.h"
#include "sinks/sink.h"
#include "sinks/summary_table.h"

struct summary {
	struct sink sink;
	struct out *out;
	struct fmt_clock clock;
	uint64_t interval_ns, period_end, begin, end;
	enum summary_form form;
	int sort, tables, redact, color;
	struct red red;
	struct shares *shares; /* on a terminal; or NULL */
};

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

	red_add(&m->red, s);
	if (m->shares)
		shares__add(m->shares, s);
	if (!m->interval_ns)
		stretch(m, s->time_ns, span_end(s));
}

/* "2025-12-08 20:44:49.128844490  10s  1234 spans": when it ended, of how long, of how many. */
static void put_heading(struct summary *m)
{
	char *p = out_reserve(m->out, FMT_TIME_MAX + FMT_DURATION_MAX + 64);

	if (m->tables)
		*p++ = '\n';
	p = fmt_time(p, &m->clock, m->end);
	p = FMT_LIT(p, "  ");
	p = fmt_short_duration(p, m->end - m->begin);
	p = FMT_LIT(p, "  ");
	p = fmt_u64(p, m->red.spans);
	p = FMT_LIT(p, " spans\n");
	if (m->form == SUMMARY_MARKDOWN)
		*p++ = '\n';
	out_commit(m->out, p);
}

static void put_table(struct summary *m)
{
	const struct summary_table t = {
		.red = &m->red,
		.sort = m->sort,
		.begin_ns = m->begin,
		.end_ns = m->end,
		.redact = m->redact,
		.color = m->color,
		.width = m->out->columns,
		.form = m->form,
		.again = m->tables > 0,
	};

	if (m->form != SUMMARY_CSV && m->end &&
	    (m->interval_ns || t.width || m->form == SUMMARY_MARKDOWN))
		put_heading(m);
	m->tables++;
	summary_table_put(&t, m->out);
	if (m->shares && m->red.spans) {
		out_char(m->out, '\n');
		shares__put(m->shares, m->out, t.width);
	}
	red_reset(&m->red);
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
	if (!m->interval_ns || m->red.spans)
		put_table(m);
}

static void summary_free(struct sink *sink)
{
	red_release(&((struct summary *)sink)->red);
	shares__free(((struct summary *)sink)->shares);
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
	const struct red_options red = { .by = o->group,
					 .field = o->field,
					 .max_rows = SUMMARY_MAX_ROWS,
					 .edges = 1, .callers = 1 };
	struct summary *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->sink.ops = &ops;
	m->out = o->out;
	m->interval_ns = o->interval_ns;
	m->sort = o->sort;
	m->redact = o->redact;
	m->color = o->color;
	m->form = o->form;
	red_init(&m->red, &red);
	if (m->form == SUMMARY_TABLE && m->out->columns)
		m->shares = shares__new();
	m->sink.unread = m->shares ? 0 : ENGINE_NO_IDS | ENGINE_NO_PEER;
	return &m->sink;
}
