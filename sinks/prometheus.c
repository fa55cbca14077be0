#include "sinks/prometheus.h"

#include <stdio.h>

#include "sinks/format.h"
#include "sinks/metrics_defs.h"

/* ---- names and values */

/* What counts things has none. */
static const char *unit_of(const struct metric_def *d)
{
	return d->unit[0] == 's' ? "_seconds" : d->unit[0] == 'B' ? "_bytes" : "";
}

/* http.server.request.duration, s: http_server_request_duration_seconds */
static void put_name(struct out *o, const struct metric_def *d)
{
	for (const char *p = d->name; *p; p++)
		out_char(o, *p == '.' ? '_' : *p);
	out_str(o, unit_of(d));
}

static int is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void put_label_name(struct out *o, const char *key)
{
	if (*key >= '0' && *key <= '9')
		out_char(o, '_');
	for (; *key; key++)
		out_char(o, is_word(*key) ? *key : '_');
}

/* Well-formed UTF-8, with backslash, quote and line break escaped. */
static void put_label_value(struct out *o, struct str s)
{
	for (size_t i = 0; i < s.n;) {
		size_t len = (unsigned char)s.p[i] < 0x80 ? s.p[i] != 0 :
							    utf8_len(s.p + i, s.n - i);

		if (!len)
			out_str(o, "\xef\xbf\xbd");
		else if (s.p[i] == '\n')
			out_str(o, "\\n");
		else if (s.p[i] == '\\' || s.p[i] == '"')
			out_bytes(o, (const char[]){ '\\', s.p[i] }, 2);
		else
			out_bytes(o, s.p + i, len);
		i += len ? len : 1;
	}
}

static void put_label(struct out *o, const char *key, struct str value)
{
	put_label_name(o, key);
	out_str(o, "=\"");
	put_label_value(o, value);
	out_str(o, "\",");
}

static void put_attr(struct out *o, const struct otel_attr *a)
{
	char text[FMT_U64_MAX];

	if (a->type == OTEL_BOOL)
		put_label(o, a->key, a->n ? (struct str){ "true", 4 } : (struct str){ "false", 5 });
	else if (a->type == OTEL_INT)
		put_label(o, a->key, (struct str){ text, (size_t)(fmt_u64(text, a->n) - text) });
	else
		put_label(o, a->key, a->s);
}

static void put_double(struct out *o, double v)
{
	char text[40];

	snprintf(text, sizeof(text), "%.9g", v);
	out_str(o, text);
}

static void put_count(struct out *o, uint64_t n)
{
	out_commit(o, fmt_u64(out_reserve(o, FMT_U64_MAX), n));
}

/* ---- whose they are */

/* job: the namespace and the service. */
static void put_target(struct out *o, const struct otel_resource *r)
{
	struct str space = otel_resource_get(r, "service.namespace");
	struct str name = otel_resource_get(r, "service.name");
	struct str instance = otel_resource_get(r, "service.instance.id");

	put_label(o, "instance", instance.p ? instance : (struct str){ "", 0 });
	out_str(o, "job=\"");
	if (space.p) {
		put_label_value(o, space);
		out_char(o, '/');
	}
	put_label_value(o, name);
	out_str(o, "\",");
	put_label(o, "service_name", name);
	if (space.p)
		put_label(o, "service_namespace", space);
}

static void resource_of(struct otel_resource *r, const struct metric_process *p,
			const struct otel_host *host)
{
	static const struct span nobody = { .pid = 0 };

	otel_resource(r, p ? p->names : &nobody, host);
}

static void put_targets(struct out *o, const struct metrics *m, const struct otel_host *host,
			int openmetrics)
{
	struct otel_resource r;

	if (!m->nprocesses)
		return;
	out_str(o, openmetrics ? "# TYPE target info\n" : "# TYPE target_info gauge\n");
	out_str(o, openmetrics ? "# HELP target Process that is seen.\n" :
				 "# HELP target_info Process that is seen.\n");
	for (unsigned i = 0; i < m->nprocesses; i++) {
		resource_of(&r, m->process[i], host);
		out_str(o, "target_info{");
		put_target(o, &r);
		for (unsigned k = 0; k < r.n; k++)
			if (strcmp(r.attr[k].key, "service.name") &&
			    strcmp(r.attr[k].key, "service.namespace") &&
			    strcmp(r.attr[k].key, "service.instance.id"))
				put_attr(o, &r.attr[k]);
		o->n--; /* the last comma */
		out_str(o, "} 1\n");
	}
}

/* ---- series */

static void begin_line(struct out *o, const struct metric_series *s, const char *suffix,
		       const struct otel_resource *r)
{
	put_name(o, s->def);
	out_str(o, suffix);
	out_char(o, '{');
	put_target(o, r);
	for (unsigned i = 0; i < s->nattrs; i++)
		put_attr(o, &s->attr[i]);
}

static void put_exemplar(struct out *o, const struct metric_series *s, unsigned b)
{
	const struct metric_exemplar *e = &s->exemplar[b];
	char text[2 * TRACE_ID_LEN + 64], *p = text;

	if (!e->time_ns)
		return;
	p = FMT_LIT(p, " # {trace_id=\"");
	p = fmt_hex(p, e->trace_id, TRACE_ID_LEN);
	p = FMT_LIT(p, "\",span_id=\"");
	p = fmt_hex(p, e->span_id, SPAN_ID_LEN);
	p = FMT_LIT(p, "\"} ");
	out_bytes(o, text, (size_t)(p - text));
	put_double(o, (double)e->value * s->def->scale);
	snprintf(text, sizeof(text), " %.3f", (double)e->time_ns / 1e9);
	out_str(o, text);
}

static void put_histogram(struct out *o, const struct metric_series *s,
			  const struct otel_resource *r, int openmetrics)
{
	uint64_t below = 0;

	for (unsigned b = 0; b <= s->def->nbounds; b++) {
		below += s->bucket[b];
		begin_line(o, s, "_bucket", r);
		out_str(o, "le=\"");
		if (b == s->def->nbounds)
			out_str(o, "+Inf");
		else
			put_double(o, s->def->bounds[b]);
		out_str(o, openmetrics && b < s->def->nbounds &&
			s->def->bounds[b] == (double)(long)s->def->bounds[b] ? ".0\"} " : "\"} ");
		put_count(o, below);
		if (openmetrics)
			put_exemplar(o, s, b);
		out_char(o, '\n');
	}
	begin_line(o, s, "_sum", r);
	o->n--;
	out_str(o, "} ");
	put_double(o, (double)s->values.sum * s->def->scale);
	out_char(o, '\n');
	begin_line(o, s, "_count", r);
	o->n--;
	out_str(o, "} ");
	put_count(o, s->values.count);
	out_char(o, '\n');
}

static void put_series(struct out *o, const struct metric_series *s,
		       const struct otel_host *host, int openmetrics)
{
	struct otel_resource r;

	resource_of(&r, s->process, host);
	if (s->def->bounds) {
		put_histogram(o, s, &r, openmetrics);
		return;
	}
	begin_line(o, s, "_total", &r);
	o->n--; /* the last comma */
	out_str(o, "} ");
	put_count(o, s->total);
	out_char(o, '\n');
}

/* What kind it is, and what it means. A counter's name has its suffix here, but in OpenMetrics. */
static void put_head(struct out *o, const struct metric_def *d, int openmetrics)
{
	const char *suffix = d->bounds || openmetrics ? "" : "_total";

	out_str(o, "# TYPE ");
	put_name(o, d);
	out_str(o, suffix);
	out_str(o, d->bounds ? " histogram\n# HELP " : " counter\n# HELP ");
	put_name(o, d);
	out_str(o, suffix);
	out_char(o, ' ');
	out_str(o, d->help);
	if (openmetrics && *unit_of(d)) {
		out_str(o, "\n# UNIT ");
		put_name(o, d);
		out_char(o, ' ');
		out_str(o, unit_of(d) + 1);
	}
	out_char(o, '\n');
}

static void put_metric(struct out *o, const struct metrics *m, const struct metric_def *d,
		       const struct otel_host *host, int openmetrics)
{
	int headed = 0;

	for (unsigned i = 0; i < m->nseries; i++) {
		const struct metric_series *s = m->series[i];

		if (s->def != d || !metric_counted(s))
			continue;
		if (!headed++)
			put_head(o, d, openmetrics);
		put_series(o, s, host, openmetrics);
	}
}

void prometheus_write(struct out *o, const struct metrics *m, const struct otel_host *host,
		      int openmetrics)
{
	put_targets(o, m, host, openmetrics);
	for (const struct metric_def *d = metric_defs; d < metric_defs + metric_ndefs; d++)
		put_metric(o, m, d, host, openmetrics);
	if (openmetrics)
		out_str(o, "# EOF\n");
}
