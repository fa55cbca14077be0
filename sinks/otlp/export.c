#include "sinks/otlp/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sinks/otlp/batch.h"
#include "sinks/otlp/encode.h"
#include "sinks/otlp/measure.h"

#define MS 1000000u

struct otlp_sink {
	struct sink sink;
	struct otlp_options opt;
	struct otlp_sender *sender; /* NULL: lines */
	struct out memory;	    /* where JSON for the collector is put together */
	struct otlp_batch batch;
	struct arena arena; /* of metrics */
	struct metrics metrics;
	struct otel_span otel;
	uint64_t batch_since, measured; /* monotonic; 0: nothing in it, not yet */
	uint64_t wall;			/* of the source */
	uint64_t give_up;		/* monotonic: till when the end waits; 0: not at the end */
	int finished;
	int dead; /* it was waited for, and took nothing: that is not done twice */
};

static int is_sampled(const struct otlp_config *c, const struct span *s)
{
	uint64_t low = 0;

	if (c->parent_based && s->trace_given)
		return s->trace_flags & 1;
	if (c->root != OTLP_RATIO)
		return c->root == OTLP_ALL;
	for (int i = 8; i < TRACE_ID_LEN; i++)
		low = low << 8 | s->trace_id[i];
	return low >> 1 < c->threshold;
}

/* ---- encoding */

static void put_line(struct otlp_sink *k, const ProtobufCMessage *m)
{
	struct json j = { .out = k->opt.out };

	otlp_json(&j, m);
	out_char(j.out, '\n');
}

static void send_message(struct otlp_sink *k, enum otlp_signal signal, const ProtobufCMessage *m,
			 uint32_t items)
{
	struct json j = { .out = &k->memory };
	void *body = NULL;
	size_t n;

	if (k->opt.config->target[signal].protocol == OTLP_JSON) {
		k->memory.n = 0;
		otlp_json(&j, m);
		n = k->memory.n;
		body = malloc(n);
		if (body)
			memcpy(body, k->memory.buf, n);
	} else {
		n = protobuf_c_message_get_packed_size(m);
		body = malloc(n + !n);
		if (body)
			protobuf_c_message_pack(m, body);
	}
	otlp_send(k->sender, signal, body, n, items);
}

static void deliver(struct otlp_sink *k, enum otlp_signal signal, const ProtobufCMessage *m,
		    uint32_t items)
{
	if (k->opt.out)
		put_line(k, m);
	else
		send_message(k, signal, m, items);
}

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A file is not read faster than the collector takes what is in it, while it takes something. */
static void wait_for_room(struct otlp_sink *k)
{
	const struct otlp_sent *sent = otlp_sender_sent(k->sender, OTLP_TRACES);
	uint64_t began = monotonic_ns(), now = began, before = sent->sent;
	struct timespec pause = { .tv_nsec = 1000000 };

	while (otlp_sender_fill(k->sender, OTLP_TRACES) > 50 &&
	       now - began < (uint64_t)k->opt.config->drain_ms * MS) {
		otlp_sender_work(k->sender, now);
		nanosleep(&pause, NULL);
		now = monotonic_ns();
		if (sent->sent != before)
			began = now;
		before = sent->sent;
	}
	k->dead = otlp_sender_fill(k->sender, OTLP_TRACES) > 50;
}

static void flush_spans(struct otlp_sink *k)
{
	uint32_t n = k->batch.spans;
	Otlp__TracesData *m = n ? otlp_batch_message(&k->batch) : NULL;

	if (m)
		deliver(k, OTLP_TRACES, &m->base, n);
	else if (n)
		k->opt.tell(k->opt.ctx, "out of memory", n);
	otlp_batch_reset(&k->batch);
	k->batch_since = 0;
	if (k->sender && k->opt.patient && !k->dead)
		wait_for_room(k);
}

static void flush_metrics(struct otlp_sink *k)
{
	const struct otlp_config *c = k->opt.config;
	const struct otlp_measure_options o = { c->delta, c->exponential, k->opt.host, k->wall };
	uint32_t points;
	Otlp__MetricsData *m = otlp_measure(&k->arena, &k->metrics, &o, &points);

	if (m)
		deliver(k, OTLP_METRICS, &m->base, points);
	arena_reset(&k->arena);
	if (c->delta)
		metrics_zero(&k->metrics, k->wall);
}

/* ---- as a sink */

static void export_span(struct sink *sink, const struct span *s)
{
	struct otlp_sink *k = (struct otlp_sink *)sink;
	int traced = k->opt.signals & 1u << OTLP_TRACES && is_sampled(k->opt.config, s);
	int measured = k->opt.signals & 1u << OTLP_METRICS && !(s->incomplete & SPAN_IN_FLIGHT);

	if (span_end(s) > k->wall)
		k->wall = span_end(s);
	if (!traced && !measured)
		return;
	otel_span(&k->otel, s, k->opt.redact);
	if (measured)
		metrics_add(&k->metrics, s, &k->otel);
	if (!traced)
		return;
	if (otlp_batch_full(&k->batch) || k->batch.spans >= k->opt.config->batch_spans)
		flush_spans(k);
	if (otlp_batch_add(&k->batch, s, &k->otel))
		k->opt.tell(k->opt.ctx, "out of memory", 1);
}

static void export_flow(struct sink *sink, const struct engine_flow *f)
{
	struct otlp_sink *k = (struct otlp_sink *)sink;

	if (k->opt.signals & 1u << OTLP_METRICS)
		metrics_flow(&k->metrics, f, k->opt.features);
}

static void export_tick(struct sink *sink, uint64_t now_ns)
{
	struct otlp_sink *k = (struct otlp_sink *)sink;

	if (now_ns > k->wall)
		k->wall = now_ns;
}

static void export_finish(struct sink *sink, const struct sink_totals *t)
{
	struct otlp_sink *k = (struct otlp_sink *)sink;

	if (t->time_ns > k->wall)
		k->wall = t->time_ns;
	k->finished = 1;
	flush_spans(k);
	if (k->opt.signals & 1u << OTLP_METRICS)
		flush_metrics(k);
}

/* What is due by the clock. */
static void flush_due(struct otlp_sink *k, uint64_t now)
{
	const struct otlp_config *c = k->opt.config;

	if (k->batch.spans && !k->batch_since)
		k->batch_since = now;
	if (k->batch.spans && now - k->batch_since >= (uint64_t)c->delay_ms * MS)
		flush_spans(k);
	if (!(k->opt.signals & 1u << OTLP_METRICS))
		return;
	if (!k->measured)
		k->measured = now;
	if (now - k->measured >= (uint64_t)c->interval_ms * MS) {
		k->measured = now;
		flush_metrics(k);
	}
}

static int export_work(struct sink *sink, uint64_t now)
{
	struct otlp_sink *k = (struct otlp_sink *)sink;
	int left;

	if (!k->finished)
		flush_due(k, now);
	if (!k->sender)
		return 0;
	left = otlp_sender_work(k->sender, now);
	if (!k->finished || !left)
		return 0;
	if (!k->give_up)
		k->give_up = now + (uint64_t)k->opt.config->drain_ms * MS;
	return now < k->give_up;
}

int sink_otlp_report(struct sink *sink, char *text, size_t size)
{
	struct otlp_sink *k = (struct otlp_sink *)sink;
	const struct otlp_sent *spans, *points;

	if (!k->sender)
		return 0;
	otlp_sender_give_up(k->sender);
	spans = otlp_sender_sent(k->sender, OTLP_TRACES);
	points = otlp_sender_sent(k->sender, OTLP_METRICS);
	snprintf(text, size, "%llu spans and %llu points of metrics exported; dropped: %llu and "
		 "%llu; rejected: %llu and %llu",
		 (unsigned long long)spans->sent, (unsigned long long)points->sent,
		 (unsigned long long)(spans->dropped - spans->rejected),
		 (unsigned long long)(points->dropped - points->rejected),
		 (unsigned long long)spans->rejected, (unsigned long long)points->rejected);
	return 1;
}

static void export_free(struct sink *sink)
{
	struct otlp_sink *k = (struct otlp_sink *)sink;

	otlp_sender_free(k->sender);
	out_release(&k->memory);
	otlp_batch_release(&k->batch);
	arena_release(&k->arena);
	metrics_release(&k->metrics);
	free(k);
}

struct sink *sink_otlp_new(const struct otlp_options *o, char *err, size_t errlen)
{
	static const struct sink_ops ops = {
		.span = export_span,
		.flow = export_flow,
		.tick = export_tick,
		.finish = export_finish,
		.work = export_work,
		.free = export_free,
	};
	struct otlp_sink *k = calloc(1, sizeof(*k));

	if (!k || metrics_init(&k->metrics, o->attributes) || out_init_memory(&k->memory)) {
		snprintf(err, errlen, "out of memory");
		if (k)
			metrics_release(&k->metrics);
		free(k);
		return NULL;
	}
	k->sink.ops = &ops;
	k->opt = *o;
	k->batch.host = o->host;
	if (!o->out)
		k->sender = otlp_sender_new(o->config, o->tell, o->ctx, err, errlen);
	if (o->out || k->sender)
		return &k->sink;
	export_free(&k->sink);
	return NULL;
}
