/*
 * pipeline.c - what happens to an event: named, recorded, understood, filtered, shown
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attach/rights.h"
#include "cli/clock.h"
#include "cli/flow_match.h"
#include "cli/log.h"
#include "cli/report.h"
#include "cli/session_impl.h"
#include "cli/signals.h"
#include "cli/tls_unseen.h"
#include "cli/when.h"
#include "core/red.h"

#define TICK_NS 20000000u
#define TUI_FLOWS_NS 1000000000u /* a row's figures are of seconds */
#define METRICS_FLOWS_NS 5000000000u
#define DRAIN_NS 60000000000u /* sinks that send end it themselves, long before */
#define DRAIN_STEP_MS 10

/* ---- spans and notes */

/* Live, the selectors decide what is traced; of a file, they choose what is shown. */
static int selected(const struct session *s, const struct span *span)
{
	const struct options *o = s->opt;

	if (s->input.attach)
		return 1;
	if (o->nports && span->has_addr && !options_has_port(o, span->server_port))
		return 0;
	if (o->role == ATTACH_ROLE_SERVER)
		return span->kind == SPAN_SERVER;
	if (o->role == ATTACH_ROLE_CLIENT)
		return span->kind == SPAN_CLIENT;
	return 1;
}

const char *pipeline_host(void *session, const uint8_t addr[16], uint64_t time_ns)
{
	struct session *s = session;
	const char *name = s->hosts && s->cluster ? cluster_name(s->cluster, addr) : NULL;

	return name || !s->hosts ? name : hosts__name(s->hosts, addr, time_ns);
}

/* Where no process is known at the other end, its host may have a name. */
static const char *peer_name(struct session *s, const struct span *span)
{
	if (span->peer_service || !span->has_addr)
		return span->peer_service;
	return pipeline_host(s, span_peer_addr(span), span->time_ns);
}

static int match_span(void *session, const struct span *span)
{
	const struct session *s = session;

	return (!s->opt->edge || red_edge(span)) && (!s->filter || filter__match(s->filter, span));
}

static void on_span(void *session, const struct span *span)
{
	struct session *s = session;
	struct span named;
	const char *peer;

	if (s->opt->count && s->shown >= s->opt->count)
		return;
	if (!selected(s, span))
		return;
	peer = s->unread & ENGINE_NO_PEER ? NULL : peer_name(s, span);
	if (peer != span->peer_service) {
		named = *span;
		named.peer_service = peer;
		named.names = 0;
		span = &named;
	}
	if (s->tui)
		tui__span(s->tui, span);
	if (span_end(span) < s->since || span_end(span) >= s->until)
		return;
	if (!outputs_span(&s->outputs, span, match_span(s, span)))
		return;
	s->shown++;
	if (s->shown == s->opt->count)
		s->done = 1;
}

/* ---- flows */

static int wants_flows(const struct session *s)
{
	return s->tui || s->opt->features || options_has_output(s->opt, OUTPUT_FLOWS);
}

/* Are there lines about connections that are open? */
static int tells_open(const struct session *s)
{
	return s->opt->interval_ns && options_has_output(s->opt, OUTPUT_FLOWS);
}

/* How often the engine tells what has become of them; 0: of none before its end. */
static uint64_t flows_interval(const struct session *s)
{
	if (tells_open(s))
		return s->opt->interval_ns;
	return s->tui ? TUI_FLOWS_NS : s->opt->features ? METRICS_FLOWS_NS : 0;
}

/* Of a file, ports choose what is shown. */
static int flow_selected(const struct session *s, const struct engine_flow *f)
{
	const struct options *o = s->opt;

	return s->input.attach || !o->nports || options_has_port(o, f->server_port) ||
	       options_has_port(o, f->client_port);
}

/* host: room for the name of one. */
static void name_ends(struct session *s, struct engine_flow *f, char *host, size_t size)
{
	const uint8_t *peer = f->at_server ? f->client_addr : f->server_addr;
	const uint8_t *own = f->at_server ? f->server_addr : f->client_addr;
	const char *names[2]; /* own, the peer's */

	f->client_zone = zones_name(&s->opt->zones, f->client_addr);
	f->server_zone = zones_name(&s->opt->zones, f->server_addr);
	names[0] = f->names.container_name ? f->names.container_name
		   : f->names.service	   ? f->names.service
					   : f->comm;
	if (!names[0] && (names[0] = pipeline_host(s, own, f->time_ns))) {
		snprintf(host, size, "%s", names[0]);
		names[0] = host;
	}
	if (!f->peer_service)
		f->peer_service = pipeline_host(s, peer, f->time_ns);
	names[1] = f->peer_service ? f->peer_service : f->peer_comm;
	f->client_name = names[f->at_server];
	f->server_name = names[!f->at_server];
}

static void on_flow(void *session, const struct engine_flow *flow)
{
	struct session *s = session;
	struct engine_flow f = *flow;
	char host[256];

	if (!flow_selected(s, &f))
		return;
	name_ends(s, &f, host, sizeof(host));
	if (s->tui)
		tui__flow(s->tui, &f);
	if (!s->filter || flow_match(s->filter, &f))
		outputs_flow(&s->outputs, &f, f.last || tells_open(s));
}

/* The kernel is asked first, and what it says comes with the events until the next tick. */
static void tick_flows(struct session *s, uint64_t now)
{
	const struct source *src = s->input.source;

	if (!s->next_flows || now < s->next_flows)
		return;
	if ((tells_open(s) || s->opt->features) && !s->flows_counted && src->ops->count) {
		src->ops->count(s->input.source);
		s->flows_counted = 1;
		return;
	}
	engine__flows(s->engine, !tells_open(s));
	s->flows_counted = 0;
	s->next_flows += flows_interval(s);
	if (s->next_flows <= now)
		s->next_flows = now + flows_interval(s);
}

/* Where a file has come to rest, all that went by until then is shown. */
static void rest_flows(struct session *s)
{
	if (!s->replay || replay__playing(s->replay) || tells_open(s) ||
	    s->flows_rested == s->last_event)
		return;
	s->flows_rested = s->last_event;
	engine__flows(s->engine, 1);
}

/* ---- notes */

/* To those who read what is shown. */
static void show_note(struct session *s, const struct note *n)
{
	if (s->tui)
		tui__note(s->tui, n);
	outputs_note(&s->outputs, n);
}

static void on_note(void *session, const struct note *n)
{
	struct session *s = session;

	if (!s->opt->quiet)
		log_line("note: %s", n->text);
	show_note(s, n);
}

/* The wall clock of the source: of a file, that of its last event. */
static uint64_t source_time(const struct session *s)
{
	const struct source *src = s->input.source;

	if (!src || src->live)
		return wall_clock();
	return s->last_event ? s->last_event + (uint64_t)src->wall_offset : 0;
}

void pipeline_note(void *session, const char *name, const char *text)
{
	const struct note n = { .name = name, .text = text, .time_ns = source_time(session) };

	on_note(session, &n);
}

static void on_policy(void *session, const struct zc_policy *w)
{
	struct session *s = session;

	s->input.source->ops->want(s->input.source, w);
}

static void process_names(void *session, uint32_t pid, struct process_names *out)
{
	procnames__get(((struct session *)session)->names, pid, out);
}

static void tls_unseen(void *session, uint32_t pid)
{
	char why[sizeof(((struct zc_ev_names *)NULL)->tls_unseen)];
	struct session *s = session;

	if (!procnames__asks_tls(s->names, pid, s->last_event))
		return;
	tls_unseen_read(s->input.attach, pid, why, sizeof(why));
	procnames__tls_told(s->names, pid, s->last_event, why);
}

static struct str route_of(void *session, struct str path, int is_key)
{
	struct routes *r = ((struct session *)session)->routes;

	return is_key ? routes__of_key(r, path) : routes__of(r, path);
}

/* What was found out about a process goes into the recording, before the event that needs it. */
static void on_names(void *session, const struct zc_ev *ev)
{
	struct session *s = session;

	if (s->recorder)
		recorder__event(s->recorder, ev);
}

/* ---- life */

static int prepare_routes(struct session *s)
{
	struct route_error err;

	s->routes = routes__new(s->opt->unmatched, 0);
	if (s->routes && !s->opt->no_redact)
		routes__redact(s->routes);
	for (unsigned i = 0; s->routes && i < s->opt->routes.n; i++) {
		int code = routes__add(s->routes, s->opt->routes.v[i], &err);

		if (!code)
			continue;
		log_line("route '%.128s': %s", s->opt->routes.v[i],
			 code == -EINVAL ? err.message : strerror(-code));
		return code == -EINVAL ? EXIT_BAD_USAGE : EXIT_FAILED;
	}
	return s->routes ? 0 : EXIT_FAILED;
}

static void on_gone(void *session, const char *text)
{
	const struct note n = { .name = "output-gone", .text = text,
				.time_ns = source_time(session) };

	log_line("%s", text);
	show_note(session, &n);
}

static void on_export(void *session, const char *text, uint64_t dropped)
{
	const struct note n = { .name = dropped ? "export-dropped" : "export-failing", .text = text,
				.time_ns = source_time(session),
				.field = { { "dropped", dropped } }, .nfields = dropped > 0 };

	on_note(session, &n);
}

static struct sink_options sink_options(struct session *s)
{
	const struct options *o = s->opt;

	return (struct sink_options){
		.redact = !o->no_redact,
		.headers = o->headers.v,
		.nheaders = o->headers.n,
		.body = o->body > 0,
		.sort = o->sort,
		.group = o->group < 0 ? RED_BY_ROUTE : (enum red_by)o->group,
		.field = &o->group_field,
		.slowest = o->slowest,
		.zones = o->zones.n > 0,
		.unfold = o->unfold,
		.match = match_span,
		.ctx = s,
	};
}

static int prepare_outputs(struct session *s)
{
	const struct sink_options so = sink_options(s);

	s->outputs.on_gone = on_gone;
	s->outputs.on_export = on_export;
	s->outputs.ctx = s;
	return outputs_make(&s->outputs, s->opt, &so, s->signals);
}

int pipeline_resolve(struct session *s, int on)
{
	struct hosts *h = NULL;

	if (!s->opt->read || on) {
		h = hosts__new(s->opt->read ? NULL : "/etc/hosts", on);
		if (!h)
			return EXIT_FAILED;
	}
	hosts__free(s->hosts);
	cluster_stop(s->cluster);
	s->hosts = h;
	s->cluster = on && !s->opt->read ? cluster_start() : NULL;
	return 0;
}

int pipeline_prepare(struct session *s)
{
	struct filter_error err;
	int status = prepare_routes(s);

	s->keep_body = s->opt->body;
	s->naming = s->opt->names;
	s->keep_fields = s->opt->headers.n > 0 || s->opt->group_field.header;

	if (!status && s->opt->filter) {
		s->filter = filter__new(s->opt->filter, &err);
		if (!s->filter) {
			fputs("zctrace: ", stderr);
			filter_error_print(stderr, s->opt->filter, &err);
			return EXIT_BAD_USAGE;
		}
		s->keep_fields |= filter__wants_fields(s->filter);
	}
	if (!status)
		status = prepare_outputs(s);
	if (!status)
		status = pipeline_resolve(s, s->opt->resolve);
	s->names = procnames__new(!s->opt->read, on_names, s);
	return s->names ? status : EXIT_FAILED;
}

int pipeline_record(struct session *s, const char *path, char *err, size_t errlen)
{
	char description[320];
	struct recorder_options ro = {
		.wall_offset = s->input.source->wall_offset,
		.start = s->input.source->start,
		.description = description,
	};

	snprintf(description, sizeof(description), "zctrace %s %s", s->opt->read ? "from" : "of",
		 s->input.what);
	if (!s->opt->no_redact) {
		s->mask = mask__new(s->opt->body > 0);
		if (!s->mask) {
			snprintf(err, errlen, "out of memory");
			return -ENOMEM;
		}
		ro.mask = mask__segment;
		ro.ctx = s->mask;
	}
	s->recorder = recorder__new(path, &ro, err, errlen);
	s->recorder_reported = 0;
	if (s->recorder)
		return 0;
	mask__free(s->mask);
	s->mask = NULL;
	return -EIO;
}

/* What nobody looks for in spans need not be worked out. */
static uint32_t find_unread(struct session *s)
{
	s->unread = s->filter || s->tui ? 0 : outputs_unread(&s->outputs);
	return s->unread;
}

static int make_engine(struct session *s)
{
	const struct engine_options eo = {
		.unread = find_unread(s),
		.body_bytes = s->keep_body,
		.keep_fields = s->keep_fields,
		.redact = !s->opt->no_redact,
		.names = s->naming,
		.start = s->input.source->start,
		.wall_offset = s->input.source->wall_offset,
		.on_span = on_span,
		.on_note = on_note,
		.on_flow = wants_flows(s) ? on_flow : NULL,
		.on_policy = s->input.source->ops->want ? on_policy : NULL,
		.keep_doubted = !s->input.source->ops->want,
		.process_names = process_names,
		.tls_unseen = tls_unseen,
		.route = route_of,
		.ctx = s,
	};

	s->engine = engine__new(&eo);
	return s->engine ? 0 : EXIT_FAILED;
}

void pipeline_keep(struct session *s, int fields, uint32_t body)
{
	s->keep_fields = fields || (s->filter && filter__wants_fields(s->filter));
	s->keep_body = body;
	engine__keep(s->engine, s->keep_fields, s->keep_body);
}

int pipeline_start(struct session *s)
{
	char err[512];
	int status = make_engine(s);

	if (!status)
		outputs_start(&s->outputs, s->input.source->live);
	if (status || !s->opt->write)
		return status;
	if (!pipeline_record(s, s->opt->write, err, sizeof(err)))
		return 0;
	log_line("%s", err);
	return EXIT_FAILED;
}

int pipeline_reopen(struct session *s)
{
	struct engine *before = s->engine;

	if (make_engine(s)) {
		s->engine = before;
		return EXIT_FAILED;
	}
	engine__free(before);
	s->stats.printed = 0;
	return 0;
}

int pipeline_restart(struct session *s)
{
	struct engine *before = s->engine;
	const struct sink_options so = sink_options(s);

	if (make_engine(s)) {
		s->engine = before;
		return EXIT_FAILED;
	}
	if (outputs_restart(&s->outputs, s->opt, &so)) {
		engine__free(s->engine);
		s->engine = before;
		return EXIT_FAILED;
	}
	engine__free(before);
	s->shown = s->first_event = s->last_event = s->next_tick = s->flows_rested = 0;
	return 0;
}

/* --since and --until, now that it has begun: sinks know no time before and behind them. */
static void set_times(struct session *s)
{
	uint64_t begin = s->first_event + (uint64_t)s->input.source->wall_offset;

	s->since = 0;
	s->until = UINT64_MAX;
	if (s->opt->since)
		(void)when_parse(s->opt->since, begin, begin, &s->since);
	if (s->opt->until)
		(void)when_parse(s->opt->until, begin, begin, &s->until);
	if (s->tui && (s->opt->since || s->opt->until))
		tui__between(s->tui, s->since, s->until);
}

static void tick_sinks(struct session *s, uint64_t now)
{
	now += (uint64_t)s->input.source->wall_offset;
	if (now >= s->since)
		outputs_tick(&s->outputs, now < s->until ? now : s->until);
}

static void record(struct session *s, const struct zc_ev *ev)
{
	if (s->mask && ev->kind == ZC_EV_OPEN)
		mask__open(s->mask, (const struct zc_ev_open *)ev);
	recorder__event(s->recorder, ev);
	if (s->mask && ev->kind == ZC_EV_CLOSE)
		mask__forget(s->mask, ev->conn);
}

static void names_refused(struct session *s)
{
	char text[120];
	const struct note n = { .name = "names-unseen", .text = text, .time_ns = source_time(s) };

	snprintf(text, sizeof(text), "processes of other users have no names here: %s",
		 rights_missing(RIGHT_SYS_PTRACE) ? "CAP_SYS_PTRACE missing" : "not permitted");
	on_note(s, &n);
}

void pipeline_event(void *session, const struct zc_ev *ev)
{
	struct session *s = session;

	if (s->done)
		return;
	if (ev->kind != ZC_EV_SEGMENT) { /* these name nobody, and are most of them */
		procnames__see(s->names, ev);
		if (procnames__refused(s->names))
			names_refused(s);
	}
	if (s->recorder)
		record(s, ev);
	if (ev->kind == ZC_EV_NAMES)
		return; /* not seen, but looked up */
	if (!s->first_event) {
		s->first_event = ev->time;
		set_times(s);
		if (flows_interval(s))
			s->next_flows = ev->time + flows_interval(s);
	}
	if (ev->time > s->last_event)
		s->last_event = ev->time;
	if (!s->input.source->live && s->last_event >= s->next_tick) {
		s->next_tick = s->last_event + TICK_NS;
		tick_sinks(s, s->last_event);
	}
	engine__event(s->engine, ev);
	if (s->next_flows && !s->input.source->live)
		tick_flows(s, s->last_event);
}

void pipeline_tick(struct session *s, uint64_t now)
{
	engine__tick(s->engine, now);
	if (s->recorder)
		recorder__tick(s->recorder, now);
	if (s->input.source->live)
		tick_sinks(s, now);
	if (s->input.source->live)
		tick_flows(s, now);
	rest_flows(s);
	if (s->recorder && !s->recorder_reported && recorder__error(s->recorder)) {
		s->recorder_reported = 1;
		log_line("%s", recorder__error(s->recorder));
	}
	if (routes__overflowed(s->routes))
		pipeline_note(s, "routes-limit",
			      "too many different routes; from now on new ones are counted as /**");
	outputs_work(&s->outputs, monotonic(), !s->input.source->live && !s->tui);
}

int signalled(struct session *s)
{
	int sent, sig = signals_next(s->signals, &sent);

	if (sig && sent && s->command)
		command__kill(s->command, sig);
	return sig;
}

static void say(const char *text)
{
	log_line("%s", text);
}

/* What is to be sent still is given a moment; a signal ends that, too. */
static void drain_exporters(struct session *s, const struct sink_totals *t)
{
	uint64_t end = monotonic() + DRAIN_NS;
	struct pollfd signal = { .fd = s->signals, .events = POLLIN };

	exporters_finish(&s->outputs.exporters, t);
	while (outputs_work(&s->outputs, monotonic(), 0) && monotonic() < end)
		if (poll(&signal, 1, DRAIN_STEP_MS) > 0 && signalled(s))
			break;
	exporters_report(&s->outputs.exporters, s->opt->quiet ? NULL : say);
}

/* The last line, and what the JSON consumer gets in its place. */
static void report(struct session *s)
{
	const struct engine_stats *e = &s->before.engine;
	struct source_stats from = {0};
	struct engine_stats last;
	struct sink_totals t;

	engine__stats(s->engine, &last);
	stats_add(&s->before, &last, &from);
	t = (struct sink_totals){
		.time_ns = source_time(s),
		.spans = s->shown,
		.events = e->events,
		.lost_events = e->lost_events,
		.uncaptured_bytes = e->uncaptured_bytes,
		.unparsed_bytes = e->unparsed_bytes,
		.what = s->input.what,
		.filter = s->opt->filter,
	};
	drain_exporters(s, &t);
	outputs_finish(&s->outputs, &t);
	outputs_work(&s->outputs, monotonic(), 1);
	if (s->opt->quiet)
		return;
	if (s->filter && filter__given_up(s->filter))
		log_line("the filter gave up on %llu match(es) of patterns that take too long: "
			 "these count as none",
			 (unsigned long long)filter__given_up(s->filter));
	log_line("%llu spans shown, %llu events read, %llu lost, %llu bytes not captured, "
		 "%llu bytes not understood",
		 (unsigned long long)t.spans, (unsigned long long)t.events,
		 (unsigned long long)t.lost_events, (unsigned long long)t.uncaptured_bytes,
		 (unsigned long long)t.unparsed_bytes);
}

int pipeline_finish(struct session *s)
{
	int status = 0;

	engine__finish(s->engine);
	if (s->recorder && recorder__finish(s->recorder)) {
		if (!s->recorder_reported)
			log_line("%s", recorder__error(s->recorder));
		status = EXIT_FAILED;
	}
	report(s);
	if (s->outputs.failed)
		status = EXIT_FAILED;
	return status;
}

void pipeline_free(struct session *s)
{
	outputs_release(&s->outputs);
	engine__free(s->engine);
	recorder__free(s->recorder);
	mask__free(s->mask);
	filter__free(s->filter);
	routes__free(s->routes);
	procnames__free(s->names);
	cluster_stop(s->cluster);
	hosts__free(s->hosts);
}
