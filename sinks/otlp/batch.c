#include "sinks/otlp/batch.h"

#include <errno.h>
#include <string.h>

struct otlp_span_node {
	Otlp__Span span;
	struct otlp_span_node *next;
};

void otlp_batch_release(struct otlp_batch *b)
{
	arena_release(&b->arena);
	b->spans = b->nresources = 0;
}

void otlp_batch_reset(struct otlp_batch *b)
{
	arena_reset(&b->arena);
	b->spans = b->nresources = 0;
}

int otlp_batch_full(const struct otlp_batch *b)
{
	return b->arena.total >= OTLP_BATCH_BYTES || b->nresources == OTLP_BATCH_RESOURCES;
}

/* ---- attributes */

static Otlp__AnyValue *words(struct arena *a, Otlp__AnyValue *v, struct str s)
{
	Otlp__ArrayValue *array = arena_get(a, sizeof(*array));
	Otlp__AnyValue *all;
	size_t n = 1;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == ' ';
	all = arena_get(a, n * sizeof(*all));
	if (!array || !all)
		return NULL;
	otlp__array_value__init(array);
	array->values = arena_get(a, n * sizeof(*array->values));
	for (size_t i = 0; array->values && i < n; i++) {
		const char *end = memchr(s.p, ' ', s.n);
		size_t len = end ? (size_t)(end - s.p) : s.n;

		otlp__any_value__init(&all[i]);
		all[i].value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
		all[i].string_value = arena_text(a, (struct str){ s.p, len });
		array->values[i] = &all[i];
		s = (struct str){ s.p + len + 1, end ? s.n - len - 1 : 0 };
	}
	array->n_values = n;
	v->value_case = OTLP__ANY_VALUE__VALUE_ARRAY_VALUE;
	v->array_value = array;
	return v;
}

static Otlp__AnyValue *value(struct arena *a, const struct otel_attr *attr)
{
	Otlp__AnyValue *v = arena_get(a, sizeof(*v));

	if (!v)
		return NULL;
	otlp__any_value__init(v);
	if (attr->type == OTEL_WORDS)
		return words(a, v, attr->s);
	if (attr->type == OTEL_BOOL) {
		v->value_case = OTLP__ANY_VALUE__VALUE_BOOL_VALUE;
		v->bool_value = attr->n != 0;
	} else if (attr->type == OTEL_INT) {
		v->value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
		v->int_value = attr->n > INT64_MAX ? INT64_MAX : (int64_t)attr->n;
	} else {
		v->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
		v->string_value = arena_text(a, attr->s);
	}
	return v;
}

Otlp__KeyValue **otlp_attrs(struct arena *a, const struct otel_attr *attr, unsigned n)
{
	Otlp__KeyValue **list = arena_get(a, (n + 1) * sizeof(*list));

	for (unsigned i = 0; list && i < n; i++) {
		list[i] = arena_get(a, sizeof(**list));
		if (!list[i])
			return NULL;
		otlp__key_value__init(list[i]);
		list[i]->key = arena_cstr(a, attr[i].key);
		list[i]->value = value(a, &attr[i]);
	}
	return a->exhausted ? NULL : list;
}

Otlp__InstrumentationScope *otlp_scope(struct arena *a)
{
	static char name[] = OTEL_SCOPE, version[] = ZCTRACE_VERSION;
	Otlp__InstrumentationScope *scope = arena_get(a, sizeof(*scope));

	if (!scope)
		return NULL;
	otlp__instrumentation_scope__init(scope);
	scope->name = name;
	scope->version = version;
	return scope;
}

Otlp__Resource *otlp_resource(struct arena *a, const struct otel_host *host, const struct span *s)
{
	struct otel_resource all;
	Otlp__Resource *r = arena_get(a, sizeof(*r));

	if (!r)
		return NULL;
	otel_resource(&all, s, host);
	otlp__resource__init(r);
	r->attributes = otlp_attrs(a, all.attr, all.n);
	r->n_attributes = r->attributes ? all.n : 0;
	return a->exhausted ? NULL : r;
}

/* ---- spans */

ProtobufCBinaryData otlp_id(struct arena *a, const uint8_t *p, size_t n)
{
	ProtobufCBinaryData d = { n, arena_copy(a, p, n) };

	if (!d.data)
		d.len = 0;
	return d;
}

static Otlp__Span *new_span(struct otlp_batch *b, struct otlp_resource *r)
{
	struct otlp_span_node *node = arena_get(&b->arena, sizeof(*node));

	if (!node)
		return NULL;
	otlp__span__init(&node->span);
	*r->last = node;
	r->last = &node->next;
	r->n++;
	return &node->span;
}

static void set_ids(struct arena *a, Otlp__Span *p, const struct span *s, const uint8_t *span_id,
		    const uint8_t *parent_id)
{
	p->has_trace_id = p->has_span_id = p->has_flags = p->has_kind = 1;
	p->has_start_time_unix_nano = p->has_end_time_unix_nano = 1;
	p->trace_id = otlp_id(a, s->trace_id, TRACE_ID_LEN);
	p->span_id = otlp_id(a, span_id, SPAN_ID_LEN);
	p->has_parent_span_id = parent_id != NULL;
	if (parent_id)
		p->parent_span_id = otlp_id(a, parent_id, SPAN_ID_LEN);
	p->flags = s->trace_flags;
}

/* The ids of a span's parts are made of its own, so that they are the same each time. */
static void part_id(const struct span *s, unsigned part, uint8_t out[SPAN_ID_LEN])
{
	uint64_t h;

	memcpy(&h, s->span_id, sizeof(h));
	h = (h ^ part) * 0x9e3779b97f4a7c15u;
	h ^= h >> 29;
	h = h ? h : part;
	memcpy(out, &h, sizeof(h));
}

/* A request that waited before it was read: the time until then, and that from then on. */
static void add_part(struct otlp_batch *b, struct otlp_resource *r, const struct span *s,
		     unsigned part, uint64_t start, uint64_t end)
{
	static char names[2][12] = { "in queue", "processing" };
	Otlp__Span *p = new_span(b, r);
	uint8_t span_id[SPAN_ID_LEN];

	if (!p)
		return;
	part_id(s, part, span_id);
	set_ids(&b->arena, p, s, span_id, s->span_id);
	p->name = names[part - 1];
	p->kind = OTEL_INTERNAL;
	p->start_time_unix_nano = start;
	p->end_time_unix_nano = end;
}

static struct otlp_resource *resource_of(struct otlp_batch *b, const struct span *s)
{
	uint64_t id = metrics_process_id(s);
	struct otlp_resource *r;

	for (r = b->resource; r < b->resource + b->nresources; r++)
		if (r->id == id)
			return r;
	if (b->nresources == OTLP_BATCH_RESOURCES)
		return NULL;
	*r = (struct otlp_resource){ .id = id, .last = &r->first };
	r->resource = otlp_resource(&b->arena, &b->host, s);
	b->nresources += r->resource != NULL;
	return r->resource ? r : NULL;
}

static void set_status(struct arena *a, Otlp__Span *p, const struct otel_span *o)
{
	Otlp__Status *status = o->failed ? arena_get(a, sizeof(*status)) : NULL;

	if (!status)
		return;
	otlp__status__init(status);
	status->has_code = 1;
	status->code = 2;
	if (o->message.p)
		status->message = arena_text(a, o->message);
	p->status = status;
}

int otlp_batch_add(struct otlp_batch *b, const struct span *s, const struct otel_span *o)
{
	struct otlp_resource *r = resource_of(b, s);
	Otlp__Span *p = r ? new_span(b, r) : NULL;
	struct arena *a = &b->arena;

	if (!p)
		return -ENOMEM;
	set_ids(a, p, s, s->span_id, s->has_parent ? s->parent_id : NULL);
	p->name = arena_text(a, o->name);
	p->kind = (int32_t)o->kind;
	p->start_time_unix_nano = s->time_ns;
	p->end_time_unix_nano = span_end(s);
	p->attributes = otlp_attrs(a, o->attr, o->n);
	p->n_attributes = p->attributes ? o->n : 0;
	set_status(a, p, o);
	b->spans++;
	if (s->queue_ns == SPAN_UNKNOWN || !s->queue_ns || s->duration_ns == SPAN_UNKNOWN)
		return 0;
	add_part(b, r, s, 1, s->time_ns, s->time_ns + s->queue_ns);
	add_part(b, r, s, 2, s->time_ns + s->queue_ns, span_end(s));
	return 0;
}

/* ---- the whole */

static Otlp__ResourceSpans *message_of(struct arena *a, const struct otlp_resource *r)
{
	static char schema[] = OTEL_SCHEMA_URL;
	Otlp__ResourceSpans *rs = arena_get(a, sizeof(*rs));
	Otlp__ScopeSpans *ss = arena_get(a, sizeof(*ss));
	Otlp__ScopeSpans **list = arena_get(a, sizeof(*list));
	Otlp__Span **spans = arena_get(a, r->n * sizeof(*spans));
	size_t n = 0;

	if (!rs || !ss || !list || !spans)
		return NULL;
	otlp__resource_spans__init(rs);
	otlp__scope_spans__init(ss);
	for (struct otlp_span_node *s = r->first; s; s = s->next)
		spans[n++] = &s->span;
	ss->scope = otlp_scope(a);
	ss->schema_url = schema;
	ss->spans = spans;
	ss->n_spans = n;
	list[0] = ss;
	rs->resource = r->resource;
	rs->scope_spans = list;
	rs->n_scope_spans = 1;
	return rs;
}

Otlp__TracesData *otlp_batch_message(struct otlp_batch *b)
{
	struct arena *a = &b->arena;
	Otlp__TracesData *m = arena_get(a, sizeof(*m));
	Otlp__ResourceSpans **list = arena_get(a, b->nresources * sizeof(*list) + 1);

	if (!m || !list)
		return NULL;
	otlp__traces_data__init(m);
	for (unsigned i = 0; i < b->nresources; i++)
		list[i] = message_of(a, &b->resource[i]);
	m->resource_spans = list;
	m->n_resource_spans = b->nresources;
	return a->exhausted ? NULL : m;
}
