#include "sinks/otlp/measure.h"

#include <math.h>
#include <string.h>

#include "sinks/metrics_defs.h"

#define EXP_BUCKETS 160
#define EXP_SCALE_MAX 5 /* as fine as durations are kept */

struct building {
	struct arena *a;
	const struct otlp_measure_options *o;
	const struct metrics *m;
};

/* A list of pointers to messages, which grows while they are made. */
static void **new_list(struct arena *a, unsigned n)
{
	return arena_get(a, (n + 1) * sizeof(void *));
}

/* ---- exemplars */

static size_t exemplars(struct building *b, const struct metric_series *s, Otlp__Exemplar ***out)
{
	Otlp__Exemplar **list = (Otlp__Exemplar **)new_list(b->a, METRIC_BOUNDS_MAX + 1);
	size_t n = 0;

	for (unsigned i = 0; list && i <= s->def->nbounds; i++) {
		const struct metric_exemplar *from = &s->exemplar[i];
		Otlp__Exemplar *e = from->time_ns ? arena_get(b->a, sizeof(*e)) : NULL;

		if (!e)
			continue;
		otlp__exemplar__init(e);
		e->has_time_unix_nano = e->has_as_double = e->has_span_id = e->has_trace_id = 1;
		e->time_unix_nano = from->time_ns;
		e->as_double = (double)from->value * s->def->scale;
		e->span_id = otlp_id(b->a, from->span_id, SPAN_ID_LEN);
		e->trace_id = otlp_id(b->a, from->trace_id, TRACE_ID_LEN);
		list[n++] = e;
	}
	*out = list;
	return n;
}

/* What both kinds of points have. */
#define FILL(b, p, s)                                                                              \
	do {                                                                                       \
		(p)->has_start_time_unix_nano = (p)->has_time_unix_nano = (p)->has_count = 1;      \
		(p)->has_sum = (p)->has_min = (p)->has_max = 1;                                    \
		(p)->start_time_unix_nano = (s)->since;                                            \
		(p)->time_unix_nano = (b)->o->now_ns;                                              \
		(p)->count = (s)->values.count;                                                    \
		(p)->sum = (double)(s)->values.sum * (s)->def->scale;                              \
		(p)->min = (double)(s)->values.min * (s)->def->scale;                              \
		(p)->max = (double)(s)->values.max * (s)->def->scale;                              \
		(p)->attributes = otlp_attrs((b)->a, (s)->attr, (s)->nattrs);                      \
		(p)->n_attributes = (p)->attributes ? (s)->nattrs : 0;                             \
		(p)->n_exemplars = exemplars((b), (s), &(p)->exemplars);                           \
	} while (0)

/* ---- explicit bounds */

static Otlp__HistogramDataPoint *point(struct building *b, const struct metric_series *s)
{
	const struct metric_def *def = s->def;
	Otlp__HistogramDataPoint *p = arena_get(b->a, sizeof(*p));

	if (!p)
		return NULL;
	otlp__histogram_data_point__init(p);
	FILL(b, p, s);
	p->explicit_bounds = arena_copy(b->a, def->bounds, def->nbounds * sizeof(double));
	p->bucket_counts = arena_copy(b->a, s->bucket, (def->nbounds + 1) * sizeof(uint64_t));
	if (p->explicit_bounds && p->bucket_counts) {
		p->n_explicit_bounds = def->nbounds;
		p->n_bucket_counts = def->nbounds + 1;
	}
	return p;
}

/* ---- base 2 exponential: bucket i holds (2^(i/2^scale), 2^((i+1)/2^scale)] */

struct exponential {
	double unit;
	int scale, first;
	uint64_t zero, count[EXP_BUCKETS];
};

static int exp_index(double v, int scale)
{
	return (int)ceil(ldexp(log2(v), scale)) - 1;
}

static void exp_add(void *ctx, uint64_t low, uint64_t high, uint64_t n)
{
	struct exponential *e = ctx;
	double v = ((double)low + (double)(high - low) / 2) * e->unit;
	int i = v > 0 ? exp_index(v, e->scale) - e->first : 0;

	if (v <= 0)
		e->zero += n;
	else
		e->count[i < 0 ? 0 : i >= EXP_BUCKETS ? EXP_BUCKETS - 1 : i] += n;
}

/* The finest scale at which all of them have room. */
static void exp_fit(struct exponential *e, const struct metric_series *s)
{
	double low = (double)(s->values.min ? s->values.min : 1) * e->unit;
	double high = (double)(s->values.max ? s->values.max : 1) * e->unit;

	for (e->scale = EXP_SCALE_MAX; e->scale > -8; e->scale--) {
		e->first = exp_index(low, e->scale) - 1;
		if (exp_index(high, e->scale) + 1 - e->first < EXP_BUCKETS)
			return;
	}
}

static Otlp__ExponentialHistogramDataPoint *exp_point(struct building *b,
						      const struct metric_series *s)
{
	Otlp__ExponentialHistogramDataPoint *p = arena_get(b->a, sizeof(*p));
	Otlp__ExponentialHistogramDataPoint__Buckets *buckets = arena_get(b->a, sizeof(*buckets));
	struct exponential e = { .unit = s->def->scale };
	size_t n = EXP_BUCKETS, skip = 0;

	if (!p || !buckets)
		return NULL;
	otlp__exponential_histogram_data_point__init(p);
	otlp__exponential_histogram_data_point__buckets__init(buckets);
	FILL(b, p, s);
	exp_fit(&e, s);
	hist_each(&s->values, exp_add, &e);
	while (n && !e.count[n - 1])
		n--;
	while (skip < n && !e.count[skip])
		skip++;
	buckets->has_offset = 1;
	buckets->offset = e.first + (int)skip;
	buckets->bucket_counts = arena_copy(b->a, e.count + skip, (n - skip) * sizeof(uint64_t));
	buckets->n_bucket_counts = buckets->bucket_counts ? n - skip : 0;
	p->has_scale = p->has_zero_count = 1;
	p->scale = e.scale;
	p->zero_count = e.zero;
	p->positive = buckets;
	return p;
}

/* ---- counters */

static Otlp__NumberDataPoint *number_point(struct building *b, const struct metric_series *s)
{
	Otlp__NumberDataPoint *p = arena_get(b->a, sizeof(*p));

	if (!p)
		return NULL;
	otlp__number_data_point__init(p);
	p->has_start_time_unix_nano = p->has_time_unix_nano = p->has_as_int = 1;
	p->start_time_unix_nano = s->since;
	p->time_unix_nano = b->o->now_ns;
	p->as_int = (int64_t)s->total;
	p->attributes = otlp_attrs(b->a, s->attr, s->nattrs);
	p->n_attributes = p->attributes ? s->nattrs : 0;
	return p;
}

/* ---- metrics, scopes, resources */

static int temporality(const struct building *b)
{
	return b->o->delta ? 1 : 2;
}

static int is_of(const struct metric_series *s, const struct metric_def *def,
		 const struct metric_process *p)
{
	return s->def == def && s->process == p && metric_counted(s);
}

static void set_histogram(struct building *b, Otlp__Metric *m, void **points, unsigned n)
{
	Otlp__Histogram *h = arena_get(b->a, sizeof(*h));
	Otlp__ExponentialHistogram *e = arena_get(b->a, sizeof(*e));

	if (!h || !e)
		return;
	otlp__histogram__init(h);
	otlp__exponential_histogram__init(e);
	h->has_aggregation_temporality = e->has_aggregation_temporality = 1;
	h->aggregation_temporality = e->aggregation_temporality = temporality(b);
	if (b->o->exponential) {
		e->data_points = (Otlp__ExponentialHistogramDataPoint **)points;
		e->n_data_points = n;
		m->data_case = OTLP__METRIC__DATA_EXPONENTIAL_HISTOGRAM;
		m->exponential_histogram = e;
	} else {
		h->data_points = (Otlp__HistogramDataPoint **)points;
		h->n_data_points = n;
		m->data_case = OTLP__METRIC__DATA_HISTOGRAM;
		m->histogram = h;
	}
}

static void set_sum(struct building *b, Otlp__Metric *m, void **points, unsigned n)
{
	Otlp__Sum *sum = arena_get(b->a, sizeof(*sum));

	if (!sum)
		return;
	otlp__sum__init(sum);
	sum->has_aggregation_temporality = sum->has_is_monotonic = sum->is_monotonic = 1;
	sum->aggregation_temporality = temporality(b);
	sum->data_points = (Otlp__NumberDataPoint **)points;
	sum->n_data_points = n;
	m->data_case = OTLP__METRIC__DATA_SUM;
	m->sum = sum;
}

static void *point_of(struct building *b, const struct metric_series *s)
{
	if (!s->def->bounds)
		return number_point(b, s);
	return b->o->exponential ? (void *)exp_point(b, s) : point(b, s);
}

static Otlp__Metric *metric(struct building *b, const struct metric_def *def,
			    const struct metric_process *process, unsigned n)
{
	Otlp__Metric *m = arena_get(b->a, sizeof(*m));
	void **points = new_list(b->a, n);
	unsigned at = 0;

	if (!m || !points)
		return NULL;
	otlp__metric__init(m);
	m->name = arena_cstr(b->a, def->name);
	m->unit = arena_cstr(b->a, def->unit);
	m->description = arena_cstr(b->a, def->help);
	for (unsigned i = 0; i < b->m->nseries; i++)
		if (is_of(b->m->series[i], def, process))
			points[at++] = point_of(b, b->m->series[i]);
	if (def->bounds)
		set_histogram(b, m, points, n);
	else
		set_sum(b, m, points, n);
	return m;
}

static Otlp__ResourceMetrics *resource_metrics(struct building *b,
					       const struct metric_process *process,
					       uint32_t *points)
{
	static const struct span nobody = { .pid = 0 };
	static char schema[] = OTEL_SCHEMA_URL;
	Otlp__ResourceMetrics *r = arena_get(b->a, sizeof(*r));
	Otlp__ScopeMetrics *scope = arena_get(b->a, sizeof(*scope));
	Otlp__ScopeMetrics **list = (Otlp__ScopeMetrics **)new_list(b->a, 1);
	Otlp__Metric **metrics = (Otlp__Metric **)new_list(b->a, metric_ndefs);
	size_t n = 0;

	if (!r || !scope || !list || !metrics)
		return NULL;
	otlp__resource_metrics__init(r);
	otlp__scope_metrics__init(scope);
	for (const struct metric_def *d = metric_defs; d < metric_defs + metric_ndefs; d++) {
		unsigned of_it = 0;

		for (unsigned i = 0; i < b->m->nseries; i++)
			of_it += (unsigned)is_of(b->m->series[i], d, process);
		*points += of_it;
		if (of_it)
			metrics[n++] = metric(b, d, process, of_it);
	}
	scope->scope = otlp_scope(b->a);
	scope->schema_url = schema;
	scope->metrics = metrics;
	scope->n_metrics = n;
	list[0] = scope;
	r->resource = otlp_resource(b->a, &b->o->host, process ? process->names : &nobody);
	r->scope_metrics = list;
	r->n_scope_metrics = 1;
	return n ? r : NULL;
}

Otlp__MetricsData *otlp_measure(struct arena *a, const struct metrics *m,
				const struct otlp_measure_options *o, uint32_t *points)
{
	struct building b = { a, o, m };
	Otlp__MetricsData *data = arena_get(a, sizeof(*data));
	Otlp__ResourceMetrics **list =
		(Otlp__ResourceMetrics **)new_list(a, m->nprocesses + 1);
	size_t n = 0;

	*points = 0;
	if (!data || !list)
		return NULL;
	otlp__metrics_data__init(data);
	for (unsigned i = 0; i <= m->nprocesses; i++) {
		const struct metric_process *p = i < m->nprocesses ? m->process[i] : NULL;
		Otlp__ResourceMetrics *r = resource_metrics(&b, p, points);

		if (r)
			list[n++] = r;
	}
	data->resource_metrics = list;
	data->n_resource_metrics = n;
	return n && !a->exhausted ? data : NULL;
}
