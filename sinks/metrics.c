#include "sinks/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/id.h"
#include "core/span_copy.h"
#include "sinks/metrics_defs.h"

#define SLOTS 8192u /* more than METRICS_MAX_SERIES and those of overflow need, a power of two */
#define SERIES (METRICS_MAX_SERIES + METRICS_MAX_PROCESSES)

int metrics_init(struct metrics *m, const struct attribute_rules *rules)
{
	*m = (struct metrics){ .rules = rules };
	m->slot = calloc(SLOTS, sizeof(*m->slot));
	m->series = calloc(SERIES, sizeof(*m->series));
	m->process = calloc(METRICS_MAX_PROCESSES, sizeof(*m->process));
	if (m->slot && m->series && m->process)
		return 0;
	metrics_release(m);
	return -ENOMEM;
}

void metrics_release(struct metrics *m)
{
	for (unsigned i = 0; i < m->nseries; i++) {
		hist_release(&m->series[i]->values);
		free(m->series[i]->attr);
		free(m->series[i]);
	}
	for (unsigned i = 0; i < m->nprocesses; i++) {
		free(m->process[i]->names);
		free(m->process[i]);
	}
	free(m->series);
	free(m->process);
	free(m->slot);
	*m = (struct metrics){ 0 };
}

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	const char *c = p;
	uint64_t word = 0;
	size_t left = n;

	for (; left >= sizeof(word); left -= sizeof(word), c += sizeof(word)) {
		memcpy(&word, c, sizeof(word));
		h = id_mix(h, word);
	}
	word = 0;
	memcpy(&word, c, left);
	return id_mix2(h, word, n);
}

/* ---- processes */

uint64_t metrics_process_id(const struct span *s)
{
	const char *const names[] = { s->service, s->comm, s->container, s->resource };
	uint64_t h = s->pid;

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		h = names[i] ? mix(h, names[i], strlen(names[i])) : id_mix(h, 0);
	return h;
}

/* NULL: there is no room for it. */
static struct metric_process *process_of(struct metrics *m, const struct span *s)
{
	uint64_t id = metrics_process_id(s);
	struct span names = { .pid = s->pid, .comm = s->comm, .service = s->service,
			      .runtime = s->runtime, .container = s->container,
			      .container_name = s->container_name, .resource = s->resource,
			      .protocol = s->protocol };
	struct metric_process *p;

	/* the one of now is most often the latest */
	for (unsigned i = m->nprocesses; i--;)
		if (m->process[i]->id == id)
			return m->process[i];
	if (m->nprocesses == METRICS_MAX_PROCESSES)
		return NULL;
	p = malloc(sizeof(*p));
	if (!p)
		return NULL;
	*p = (struct metric_process){ id, span_dup(&names) };
	if (!p->names) {
		free(p);
		return NULL;
	}
	return m->process[m->nprocesses++] = p;
}

/* ---- series */

static int is_default(const struct metric_def *def, const char *key)
{
	for (unsigned i = 0; i < METRIC_ATTRS_MAX && def->attrs[i]; i++)
		if (!strcmp(def->attrs[i], key))
			return 1;
	return 0;
}

/* Of those that there are, the wanted ones, at most OTEL_ATTRS_MAX. */
static unsigned pick(const struct metrics *m, const struct metric_def *def,
		     const struct otel_attr *a, unsigned all, struct otel_attr out[OTEL_ATTRS_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; m->rules && m->rules->n && i < all; i++)
		if (attributes_wanted(m->rules, def->name, a[i].key, is_default(def, a[i].key)))
			out[n++] = a[i];
	if (m->rules && m->rules->n)
		return n;
	for (unsigned i = 0; i < METRIC_ATTRS_MAX && def->attrs[i]; i++)
		for (unsigned k = 0; k < all; k++)
			if (!strcmp(a[k].key, def->attrs[i])) {
				out[n++] = a[k];
				break;
			}
	return n;
}

static unsigned pick_part(const struct metrics *m, const struct metric_def *def,
			  const struct metric_part *part, const struct otel_span *o,
			  struct otel_attr out[OTEL_ATTRS_MAX + 1])
{
	unsigned n = pick(m, def, o->attr, o->n, out);

	if (part && (!m->rules || attributes_wanted(m->rules, def->name, part->key, 1)))
		out[n++] = (struct otel_attr){ .key = part->key, .type = OTEL_STRING,
					       .s = { part->word, strlen(part->word) } };
	return n;
}

static uint64_t hash_of(const struct metric_def *def, const struct metric_process *p,
			const struct otel_attr *a, unsigned n)
{
	uint64_t h = mix(p ? p->id : 0, &def, sizeof(def));

	for (unsigned i = 0; i < n; i++) {
		h = mix(h, a[i].key, strlen(a[i].key));
		h = otel_is_text(&a[i]) ? mix(h, a[i].s.p, a[i].s.n) :
					  mix(h, &a[i].n, sizeof(a[i].n));
	}
	return h;
}

/* Attributes and their strings in one block. */
static struct otel_attr *keep(const struct otel_attr *a, unsigned n)
{
	size_t size = n * sizeof(*a) + 1;
	struct otel_attr *new;
	char *p;

	for (unsigned i = 0; i < n; i++)
		size += otel_is_text(&a[i]) ? a[i].s.n : 0;
	new = malloc(size);
	if (!new)
		return NULL;
	p = (char *)(new + n);
	for (unsigned i = 0; i < n; i++) {
		new[i] = a[i];
		if (!otel_is_text(&a[i]))
			continue;
		new[i].s.p = memcpy(p, a[i].s.p, a[i].s.n);
		p += a[i].s.n;
	}
	return new;
}

static struct metric_series *new_series(struct metrics *m, const struct metric_def *def,
					const struct metric_process *p, const struct otel_attr *a,
					unsigned n)
{
	struct metric_series *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->def = def;
	s->process = p;
	s->nattrs = n;
	s->attr = keep(a, n);
	if (!s->attr) {
		free(s);
		return NULL;
	}
	hist_init(&s->values);
	return m->series[m->nseries++] = s;
}

/* The series with these attributes; made if there are fewer than `limit`. */
static struct metric_series *series_of(struct metrics *m, const struct metric_def *def,
				       const struct metric_process *p, const struct otel_attr *a,
				       unsigned n, unsigned limit)
{
	uint64_t hash = hash_of(def, p, a, n);
	unsigned i = (unsigned)(hash >> 32) & (SLOTS - 1);
	struct metric_series *s;

	for (; m->slot[i]; i = (i + 1) & (SLOTS - 1))
		if (m->series[m->slot[i] - 1]->hash == hash)
			return m->series[m->slot[i] - 1];
	if (m->nseries >= limit)
		return NULL;
	s = new_series(m, def, p, a, n);
	if (!s)
		return NULL;
	s->hash = hash;
	m->slot[i] = m->nseries;
	return s;
}

static void count(struct metric_series *s, uint64_t value, uint64_t time_ns,
		  const struct span *exemplar)
{
	double v = (double)value * s->def->scale;
	unsigned b = 0;

	if (!s->since || time_ns < s->since)
		s->since = time_ns;
	if (!s->def->bounds) {
		s->total += value;
		return;
	}
	while (b < s->def->nbounds && v > s->def->bounds[b])
		b++;
	s->bucket[b]++;
	hist_add(&s->values, value);
	if (!exemplar)
		return;
	s->exemplar[b] = (struct metric_exemplar){ .time_ns = span_end(exemplar), .value = value };
	memcpy(s->exemplar[b].trace_id, exemplar->trace_id, TRACE_ID_LEN);
	memcpy(s->exemplar[b].span_id, exemplar->span_id, SPAN_ID_LEN);
}

/* The series of these attributes, or that of what has no room; NULL: there is not even that. */
static struct metric_series *series_or_overflow(struct metrics *m, const struct metric_def *def,
						const struct metric_process *p,
						const struct otel_attr *a, unsigned n)
{
	static const struct otel_attr overflow = {
		.key = "otel.metric.overflow", .type = OTEL_BOOL, .n = 1,
	};
	struct metric_series *s = p ? series_of(m, def, p, a, n, METRICS_MAX_SERIES) : NULL;

	if (s)
		return s;
	m->overflowed++;
	return series_of(m, def, p, &overflow, 1, SERIES);
}

static void add_to(struct metrics *m, const struct metric_def *def,
		   const struct metric_part *part, const struct metric_process *p,
		   const struct span *s, const struct otel_span *o)
{
	uint64_t value = part ? part->value(s) : def->value(s);
	struct otel_attr a[OTEL_ATTRS_MAX + 1];
	struct metric_series *series;

	if (value == SPAN_UNKNOWN)
		return;
	series = series_or_overflow(m, def, p, a, pick_part(m, def, part, o, a));
	if (series)
		count(series, value, s->time_ns, s);
}

void metrics_put(struct metrics *m, const struct metric_def *def, const struct span *process,
		 const struct otel_attr *a, unsigned n, uint64_t value, uint64_t time_ns)
{
	struct otel_attr picked[OTEL_ATTRS_MAX];
	struct metric_series *series = series_or_overflow(m, def, process_of(m, process), picked,
							  pick(m, def, a, n, picked));

	if (series)
		count(series, value, time_ns, NULL);
}

void metrics_add(struct metrics *m, const struct span *s, const struct otel_span *o)
{
	const struct metric_process *p = process_of(m, s);

	for (const struct metric_def *d = metric_defs; d < metric_defs + metric_ndefs; d++) {
		if ((d->family != o->family && d->family != o->within) ||
		    !(d->kinds & 1u << o->kind))
			continue;
		if (d->value)
			add_to(m, d, NULL, p, s, o);
		for (unsigned i = 0; i < 2 && d->part[i].key; i++)
			add_to(m, d, &d->part[i], p, s, o);
	}
}

void metrics_zero(struct metrics *m, uint64_t now)
{
	for (unsigned i = 0; i < m->nseries; i++) {
		struct metric_series *s = m->series[i];

		s->total = 0;
		memset(s->bucket, 0, sizeof(s->bucket));
		memset(s->exemplar, 0, sizeof(s->exemplar));
		hist_reset(&s->values);
		s->since = now;
	}
}
