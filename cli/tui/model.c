#include "cli/tui/model.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/filter.h"

static struct model_store *store_new(void)
{
	struct model_store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	ring_init(&s->ring);
	for (int i = 0; i < RED_TABLES; i++) {
		const struct red_options o = {.by = (enum red_by)i,
					      .max_rows = MODEL_ROWS,
					      .intervals = MODEL_SECONDS,
					      .interval_ns = 1000000000,
					      .windows = 1,
					      .edges = i < RED_BY_COUNT};

		red_init(&s->all[i], &o);
		red_init(&s->match[i], &o);
	}
	return s;
}

static void store_free(struct model_store *s)
{
	if (!s)
		return;
	for (int i = 0; i < RED_TABLES; i++) {
		red_release(&s->all[i]);
		red_release(&s->match[i]);
	}
	ring_release(&s->ring);
	free(s);
}

static void count_in(struct red *tables, const struct span *s)
{
	for (int i = 0; i < RED_TABLES; i++)
		if (i < RED_BY_COUNT || (i == RED_BY_HOP ? red_hop(s) : red_edge(s)))
			red_add(&tables[i], s);
}

static void store_add(struct model_store *st, struct filter *f, const struct span *s)
{
	int shown = !f || filter__match(f, s);

	st->spans++;
	st->errors += s->error != SPAN_OK;
	(void)ring_add(&st->ring, s, shown);
	count_in(st->all, s);
	if (f && shown)
		count_in(st->match, s);
}

/* Spans before this time are not kept any more; 0: all are. */
static uint64_t oldest_kept(const struct model_store *st)
{
	const struct span *oldest = ring_get(&st->ring, st->ring.first);

	return oldest && st->ring.first > st->cleared ? span_end(oldest) : 0;
}

/* What matches f among the spans that are kept, and what of it was there at the baseline. */
static void store_filter(struct model_store *st, struct filter *f)
{
	uint64_t mark = st->all[0].base_since;

	for (int i = 0; i < RED_TABLES; i++)
		red_reset(&st->match[i]);
	for (uint64_t n = st->ring.first; n <= st->ring.end; n++) {
		const struct span *s = ring_get(&st->ring, n);
		int shown = s && (!f || filter__match(f, s));

		for (int i = 0; mark && i < RED_TABLES; i++)
			if (n == st->marked || (n == st->ring.first && n > st->marked))
				red_mark(&st->match[i], mark);
		if (s)
			ring_slot(&st->ring, n)->shown = shown != 0;
		if (f && shown)
			count_in(st->match, s);
	}
	st->matched_since = oldest_kept(st);
}

int model_init(struct model *m)
{
	m->filter = NULL;
	m->behind = NULL;
	m->now = store_new();
	return m->now ? 0 : -ENOMEM;
}

void model_keep(struct model *m, uint32_t spans)
{
	ring_set_size(&m->now->ring, spans);
}

void model_release(struct model *m)
{
	store_free(m->now);
	store_free(m->behind);
	filter__free(m->filter);
	m->now = m->behind = NULL;
	m->filter = NULL;
}

void model_span(struct model *m, const struct span *s)
{
	store_add(m->behind ? m->behind : m->now, m->filter, s);
}

void model_filter(struct model *m, struct filter *f)
{
	filter__free(m->filter);
	m->filter = f;
	store_filter(m->now, f);
	if (m->behind)
		store_filter(m->behind, f);
}

int model_pause(struct model *m)
{
	if (!m->behind) {
		m->behind = store_new();
		if (m->behind)
			ring_set_size(&m->behind->ring, m->now->ring.cap);
	}
	return m->behind ? 0 : -ENOMEM;
}

void model_resume(struct model *m)
{
	struct model_store *b = m->behind;

	if (!b)
		return;
	m->behind = NULL;
	for (uint64_t n = b->ring.first; n < b->ring.end; n++)
		(void)ring_add(&m->now->ring, ring_get(&b->ring, n), ring_slot(&b->ring, n)->shown);
	for (int i = 0; i < RED_TABLES; i++) {
		red_merge(&m->now->all[i], &b->all[i]);
		red_merge(&m->now->match[i], &b->match[i]);
	}
	m->now->spans += b->spans;
	m->now->errors += b->errors;
	store_free(b);
}

void model_clear(struct model *m)
{
	struct model_store *s = m->now;

	for (int i = 0; i < RED_TABLES; i++) {
		red_reset(&s->all[i]);
		red_reset(&s->match[i]);
	}
	ring_clear(&s->ring);
	s->cleared = s->ring.end;
	s->matched_since = 0;
	s->spans = s->errors = 0;
}

void model_mark(struct model *m, uint64_t now)
{
	m->now->marked = m->now->ring.end;
	for (int i = 0; i < RED_TABLES; i++) {
		red_mark(&m->now->all[i], now);
		red_mark(&m->now->match[i], now);
	}
}

void model_unmark(struct model *m)
{
	for (int i = 0; i < RED_TABLES; i++) {
		red_unmark(&m->now->all[i]);
		red_unmark(&m->now->match[i]);
	}
}

struct red *model_red(const struct model *m, enum red_by by)
{
	struct model_store *st = m->now;
	struct red *t = m->filter ? &st->match[by] : &st->all[by];

	t->since = st->all[RED_BY_ROUTE].since;
	if (m->filter && st->matched_since)
		t->since = st->matched_since;
	return t;
}
