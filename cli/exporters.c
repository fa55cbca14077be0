#include "cli/exporters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/log.h"
#include "cli/report.h"

/* Is a collector named by the environment? */
static int environment_asks(void)
{
	static const char *const names[] = {
		"OTEL_EXPORTER_OTLP_ENDPOINT",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *v = getenv(names[i]);

		if (v && *v)
			return 1;
	}
	return 0;
}

static unsigned signals_of(const struct options *o)
{
	const unsigned both = 1u << OTLP_TRACES | 1u << OTLP_METRICS;

	return o->otlp_signals ? o->otlp_signals : both;
}

static void read_line(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");

	if (!f || !fgets(out, (int)size, f))
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (f)
		fclose(f);
}

/* A recording may be from anywhere. */
static void find_host(struct exporters *e, const struct options *o)
{
	if (o->read)
		return;
	if (!gethostname(e->hostname, sizeof(e->hostname) - 1) && e->hostname[0])
		e->host.name = e->hostname;
	read_line("/etc/machine-id", e->host_id, sizeof(e->host_id));
	if (e->host_id[0])
		e->host.id = e->host_id;
}

static void say_where(const struct exporters *e, const struct options *o)
{
	static const char *const names[OTLP_SIGNALS] = { "traces", "metrics" };

	for (int s = 0; s < OTLP_SIGNALS && !o->quiet; s++)
		if (e->config.target[s].url)
			log_line("exporting %s to %s", names[s], e->config.target[s].url);
}

static int make_otlp(struct exporters *e, const struct options *o, int redact,
		     exporters_tell_fn *tell, void *ctx)
{
	int send = o->otlp || (!o->read && environment_asks());
	char err[512];

	if (!send && !options_has_output(o, OUTPUT_OTLP))
		return 0;
	if (otlp_configure(&e->config, o->otlp, signals_of(o), getenv, err, sizeof(err))) {
		log_line("%s", err);
		return EXIT_BAD_USAGE;
	}
	e->otlp = (struct otlp_options){ .config = &e->config, .signals = signals_of(o),
					 .host = e->host, .redact = redact,
					 .attributes = &o->attributes,
					 .features = o->features,
					 .patient = o->read && !o->follow_file,
					 .tell = tell, .ctx = ctx };
	if (!send)
		return 0;
	e->sink[e->n] = sink_otlp_new(&e->otlp, err, sizeof(err));
	if (!e->sink[e->n]) {
		log_line("--otlp: %s", err);
		return EXIT_FAILED;
	}
	e->reports = e->sink[e->n++];
	say_where(e, o);
	return 0;
}

static int make_scrape(struct exporters *e, const struct options *o, int redact)
{
	const struct scrape_options so = { &o->prometheus.any, e->host, redact,
					   &o->attributes, o->features };
	char err[512];

	if (!o->prometheus.any.sa_family)
		return 0;
	e->sink[e->n] = sink_scrape_new(&so, err, sizeof(err));
	if (!e->sink[e->n]) {
		log_line("--prometheus: %s", err);
		return EXIT_FAILED;
	}
	e->n++;
	return 0;
}

int exporters_make(struct exporters *e, const struct options *o, int redact,
		   exporters_tell_fn *tell, void *ctx)
{
	int status;

	find_host(e, o);
	e->skip_instrumented = o->skip_instrumented;
	status = make_otlp(e, o, redact, tell, ctx);
	return status ? status : make_scrape(e, o, redact);
}

struct sink *exporters_lines(struct exporters *e, struct out *out)
{
	struct otlp_options o = e->otlp;
	char err[512];

	o.out = out;
	return sink_otlp_new(&o, err, sizeof(err));
}

void exporters_span(struct exporters *e, const struct span *s)
{
	struct span relinked;

	if (e->skip) {
		e->skip--;
		return;
	}
	e->taken++;
	if (e->skip_instrumented) {
		if (instrumented_see(&e->instrumented, s))
			return;
		relinked = *s;
		instrumented_relink(&e->instrumented, &relinked);
		s = &relinked;
	}
	for (unsigned i = 0; i < e->n; i++)
		e->sink[i]->ops->span(e->sink[i], s);
}

void exporters_flow(struct exporters *e, const struct engine_flow *f)
{
	if (e->skip_flows) {
		e->skip_flows--;
		return;
	}
	e->taken_flows++;
	for (unsigned i = 0; i < e->n; i++)
		e->sink[i]->ops->flow(e->sink[i], f);
}

void exporters_tick(struct exporters *e, uint64_t now_ns)
{
	for (unsigned i = 0; i < e->n; i++)
		if (e->sink[i]->ops->tick)
			e->sink[i]->ops->tick(e->sink[i], now_ns);
}

unsigned exporters_work(struct exporters *e, uint64_t monotonic_ns)
{
	unsigned pending = 0;

	for (unsigned i = 0; i < e->n; i++)
		pending += e->sink[i]->ops->work(e->sink[i], monotonic_ns) > 0;
	return pending;
}

void exporters_finish(struct exporters *e, const struct sink_totals *t)
{
	for (unsigned i = 0; i < e->n; i++)
		if (e->sink[i]->ops->finish)
			e->sink[i]->ops->finish(e->sink[i], t);
}

void exporters_restart(struct exporters *e)
{
	e->skip = e->taken;
	e->skip_flows = e->taken_flows;
}

void exporters_report(struct exporters *e, void (*line)(const char *text))
{
	char text[512];

	if (e->reports && sink_otlp_report(e->reports, text, sizeof(text)) && line)
		line(text);
}

void exporters_release(struct exporters *e)
{
	for (unsigned i = 0; i < e->n; i++)
		e->sink[i]->ops->free(e->sink[i]);
	otlp_config_release(&e->config);
	e->n = 0;
}
