#include "cli/tui/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/filter.h"

static void figures_init(struct model_figures *f, const struct red_field *field)
{
	memset(f, 0, sizeof(*f));
	for (int i = 0; i < RED_TABLES; i++) {
		const struct red_options o = {.by = (enum red_by)i,
					      .field = field,
					      .max_rows = MODEL_ROWS,
					      .intervals = MODEL_SECONDS,
					      .interval_ns = 1000000000,
					      .windows = 1,
					      .edges = i < RED_BY_COUNT || i == RED_BY_FIELD};

		red_init(&f->all[i], &o);
		red_init(&f->match[i], &o);
	}
}

static void figures_release(struct model_figures *f)
{
	for (int i = 0; i < RED_TABLES; i++) {
		red_release(&f->all[i]);
		red_release(&f->match[i]);
	}
	net_release(&f->net);
}

static void figures_add(struct model_figures *f, const struct model_figures *more)
{
	for (int i = 0; i < RED_TABLES; i++) {
		red_merge(&f->all[i], &more->all[i]);
		red_merge(&f->match[i], &more->match[i]);
	}
	net_merge(&f->net, &more->net);
	f->spans += more->spans;
	f->errors += more->errors;
}

static struct model_store *store_new(const struct model *m)
{
	struct model_store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	ring_init(&s->ring);
	figures_init(&s->f, &m->field);
	return s;
}

static void store_free(struct model_store *s)
{
	if (!s)
		return;
	figures_release(&s->f);
	ring_release(&s->ring);
	free(s);
}

/* Returns its row among the routes; NULL: out of memory. */
static struct red_row *count_in(struct red *tables, const struct span *s)
{
	struct red_row *route = red_add(&tables[RED_BY_ROUTE], s);

	for (int i = RED_BY_ROUTE + 1; i < RED_TABLES; i++)
		red_add(&tables[i], s);
	return route;
}

/* Is there anything that is not shown? */
static int chooses(const struct model *m)
{
	return m->filter || m->to;
}

static int is_shown(const struct model *m, const struct span *s)
{
	if (m->to && (span_end(s) < m->from || span_end(s) >= m->to))
		return 0;
	return !m->filter || filter__match(m->filter, s);
}

static void store_add(struct model_store *st, const struct model *m, const struct span *s)
{
	struct red_row *route = count_in(st->f.all, s);
	int shown = is_shown(m, s);

	st->f.spans++;
	st->f.errors += s->error != SPAN_OK;
	(void)ring_add(&st->ring, s, shown,
		       s->error != SPAN_OK || red_slow(route, s->duration_ns));
	if (chooses(m) && shown)
		count_in(st->f.match, s);
}

/* Spans before this time are not all kept any more; 0: all are. */
static uint64_t all_kept_since(const struct model_store *st)
{
	uint32_t latest = ring_longer(&st->ring);

	if (latest == ring_count(&st->ring) || ring_slot(&st->ring, latest)->number <= st->f.from)
		return 0;
	return span_end(ring_span(&st->ring, latest));
}

/* What is shown of the latest spans, and what of it was there at the baseline. */
static void store_filter(struct model_store *st, const struct model *m)
{
	uint64_t mark = st->f.all[0].base_since;
	uint32_t n = ring_count(&st->ring), latest = ring_longer(&st->ring);

	for (int i = 0; i < RED_TABLES; i++)
		red_reset(&st->f.match[i]);
	for (uint32_t p = 0; p <= n; p++) {
		const struct span *s = p < n ? ring_span(&st->ring, p) : NULL;
		int shown = s && is_shown(m, s);

		/* before the first one behind it, or before all that are counted */
		if (mark && p >= latest &&
		    (!s || ring_slot(&st->ring, p)->number >= st->marked)) {
			for (int i = 0; i < RED_TABLES; i++)
				red_mark(&st->f.match[i], mark);
			mark = 0;
		}
		if (s)
			ring_slot(&st->ring, p)->shown = shown != 0;
		if (chooses(m) && shown && p >= latest)
			count_in(st->f.match, s);
	}
	st->f.matched_since = all_kept_since(st);
}

int model_init(struct model *m)
{
	memset(m, 0, sizeof(*m));
	m->now = store_new(m);
	return m->now ? 0 : -ENOMEM;
}

int model_keep(struct model *m, uint64_t memory, uint32_t spans)
{
	return ring_set_size(&m->now->ring, memory, spans);
}

void model_release(struct model *m)
{
	model_forget(m);
	store_free(m->now);
	store_free(m->behind);
	filter__free(m->filter);
	memset(m, 0, sizeof(*m));
}

void model_span(struct model *m, const struct span *s)
{
	store_add(m->behind ? m->behind : m->now, m, s);
}

static void count_anew(struct model *m)
{
	m->recount = 1;
	store_filter(m->now, m);
	if (m->behind)
		store_filter(m->behind, m);
}

void model_flow(struct model *m, const struct engine_flow *f)
{
	net_add(&(m->behind ? m->behind : m->now)->f.net, f);
}

void model_filter(struct model *m, struct filter *f)
{
	filter__free(m->filter);
	m->filter = f;
	count_anew(m);
}

/* All that is kept, and of that what is shown, by the field. */
static void store_field(struct model_store *st, const struct model *m)
{
	struct red *all = &st->f.all[RED_BY_FIELD], *match = &st->f.match[RED_BY_FIELD];
	uint64_t mark = st->f.all[RED_BY_ROUTE].base_since;
	uint32_t n = ring_count(&st->ring);

	red_reset(all);
	red_reset(match);
	for (uint32_t p = ring_longer(&st->ring); p <= n; p++) {
		if (mark && (p == n || ring_slot(&st->ring, p)->number >= st->marked)) {
			red_mark(all, mark);
			red_mark(match, mark);
			mark = 0;
		}
		if (p == n)
			break;
		red_add(all, ring_span(&st->ring, p));
		if (chooses(m) && ring_slot(&st->ring, p)->shown)
			red_add(match, ring_span(&st->ring, p));
	}
	st->f.field_since = all_kept_since(st);
}

void model_field(struct model *m, const struct red_field *f)
{
	m->field = *f;
	if (f->header)
		m->field.header = m->field.name + (f->header - f->name);
	store_field(m->now, m);
	if (m->behind)
		store_field(m->behind, m);
}

void model_between(struct model *m, uint64_t from, uint64_t to)
{
	m->from = from;
	m->to = to;
	count_anew(m);
}

int model_pause(struct model *m)
{
	if (!m->behind) {
		m->behind = store_new(m);
		if (m->behind)
			(void)ring_set_size(&m->behind->ring, m->now->ring.memory,
					    m->now->ring.latest.cap);
	}
	return m->behind ? 0 : -ENOMEM;
}

void model_resume(struct model *m)
{
	struct model_store *b = m->behind;

	if (!b)
		return;
	m->behind = NULL;
	ring_append(&m->now->ring, &b->ring);
	figures_add(&m->now->f, &b->f);
	store_free(b);
}

void model_forget(struct model *m)
{
	if (m->cleared)
		figures_release(m->cleared);
	free(m->cleared);
	m->cleared = NULL;
}

void model_clear(struct model *m)
{
	struct model_store *s = m->now;

	model_forget(m);
	m->cleared = malloc(sizeof(*m->cleared));
	if (m->cleared)
		*m->cleared = s->f;
	else
		figures_release(&s->f);
	m->recount = 0;
	figures_init(&s->f, &m->field);
	ring_hide(&s->ring, 1);
	s->f.from = s->ring.end;
}

int model_undo(struct model *m)
{
	struct model_store *s = m->now;

	if (!m->cleared)
		return -ENOENT;
	figures_add(m->cleared, &s->f);
	figures_release(&s->f);
	s->f = *m->cleared;
	free(m->cleared);
	m->cleared = NULL;
	ring_hide(&s->ring, 0);
	model_unmark(m);
	if (m->recount)
		store_filter(s, m);
	return 0;
}

void model_reset(struct model *m)
{
	model_forget(m);
	figures_release(&m->now->f);
	figures_init(&m->now->f, &m->field);
	ring_clear(&m->now->ring);
	m->now->f.from = m->now->ring.end;
}

uint64_t model_latest(const struct model *m)
{
	const struct span_ring *r = &m->now->ring;
	uint32_t longer = ring_longer(r);

	return longer && longer < ring_count(r) ? span_end(ring_span(r, longer)) : 0;
}

int model_slow(const struct model *m, const struct span *s)
{
	return red_slow(red_find(&m->now->f.all[RED_BY_ROUTE], s), s->duration_ns);
}

void model_mark(struct model *m, uint64_t now)
{
	m->now->marked = m->now->ring.end;
	for (int i = 0; i < RED_TABLES; i++) {
		red_mark(&m->now->f.all[i], now);
		red_mark(&m->now->f.match[i], now);
	}
	net_mark(&m->now->f.net, now);
}

void model_unmark(struct model *m)
{
	for (int i = 0; i < RED_TABLES; i++) {
		red_unmark(&m->now->f.all[i]);
		red_unmark(&m->now->f.match[i]);
	}
	net_unmark(&m->now->f.net);
}

struct red *model_red(const struct model *m, enum red_by by)
{
	struct model_store *st = m->now;
	struct red *t = chooses(m) ? &st->f.match[by] : &st->f.all[by];

	t->since = st->f.all[RED_BY_ROUTE].since;
	if (chooses(m) && st->f.matched_since)
		t->since = st->f.matched_since;
	if (by == RED_BY_FIELD && t->since < st->f.field_since)
		t->since = st->f.field_since;
	if (m->to && t->since && t->since < m->from)
		t->since = m->from;
	return t;
}
