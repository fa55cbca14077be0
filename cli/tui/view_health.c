/*
 * view_health.c - what is seen and what is not, what was lost, and what looking costs
 */
#include <stdio.h>
#include <string.h>

#include "cli/binscan.h"
#include "cli/tui/tui_impl.h"
#include "core/tls_library.h"

#define ROWS_MAX 100u /* libraries that are shown */

struct health {
	struct view view;
	struct lines lines;
	uint32_t conns[4]; /* understood, encrypted, opaque, not known yet */
	uint32_t late, no_process;
};

static void count_conn(void *ctx, const struct engine_conn *c)
{
	struct health *h = ctx;
	int kind = 0;

	if (!c->protocol)
		kind = 3;
	else if (!strcmp(c->protocol, "opaque"))
		kind = 2;
	else if (!strcmp(c->protocol, "tls"))
		kind = 1;
	h->conns[kind]++;
	h->late += c->preexisting != 0;
	h->no_process += !c->pid;
}

static void title(struct lines *l, const char *text)
{
	if (l->n)
		lines_add(l, STYLE_TEXT, NULL, str_of(""), 0);
	lines_add(l, STYLE_HEAD, NULL, str_of(text), 0);
}

static void figure(struct lines *l, const char *label, uint64_t n, enum style bad, const char *text)
{
	char buf[32];
	struct str s = tui_count(buf, n);

	lines_printf(l, n ? bad : STYLE_TEXT, label, "%-9.*s %s", (int)s.n, s.p, text);
}

static void size(struct lines *l, const char *label, uint64_t n, enum style bad, const char *text)
{
	char buf[32];
	struct str s = tui_size(buf, n);

	lines_printf(l, n ? bad : STYLE_TEXT, label, "%-9.*s %s", (int)s.n, s.p, text);
}

static void add_seen(struct health *h, struct lines *l)
{
	const struct tui *t = h->view.tui;
	const struct vitals *v = &t->vitals;

	title(l, "SEEN");
	lines_add(l, STYLE_TEXT, "target", str_of(t->from.target), 1);
	lines_printf(l, STYLE_TEXT, "backend", "%s",
		     t->from.backend ? t->from.backend : "none: this is a file");
	figure(l, "events", v->engine.events, STYLE_TEXT, "read");
	figure(l, "spans", t->model.now->f.spans, STYLE_TEXT, "so far");
	figure(l, "in flight", v->engine.in_flight, STYLE_TEXT, "requests");
	lines_printf(l, STYLE_TEXT, "connections",
		     "%u understood, %u encrypted, %u opaque, %u not known yet", h->conns[0],
		     h->conns[1], h->conns[2], h->conns[3]);
	figure(l, "attached late", h->late, STYLE_SLOW,
	       "of them: open before we looked, their first exchange may be missed");
	figure(l, "without process", h->no_process, STYLE_SLOW,
	       "of them: the process is not known");
	size(l, "skipped", v->engine.skipped_bytes, STYLE_TEXT, "not wanted, not copied");
}

static void add_losses(struct health *h, struct lines *l)
{
	const struct tui *t = h->view.tui;
	const struct vitals *v = &t->vitals;
	uint64_t lost = v->engine.lost_events > v->source.lost_events ? v->engine.lost_events :
									v->source.lost_events;

	title(l, "LOST, BY CAUSE");
	figure(l, "events", lost, STYLE_ERROR, "the ring was full");
	size(l, "lost bytes", v->source.lost_bytes, STYLE_ERROR, "in these events");
	size(l, "not captured", v->engine.uncaptured_bytes, STYLE_SLOW, "wanted, but cut off");
	size(l, "not understood", v->engine.unparsed_bytes, STYLE_SLOW,
	     "captured, but no protocol that is known");
	figure(l, "dropped", v->engine.evicted_conns, STYLE_ERROR,
	       "connections, since there were too many");
	for (unsigned bit = 0; bit < SPAN_INCOMPLETE_BITS; bit++)
		if (t->incomplete[bit])
			figure(l, span_incomplete_name(bit), t->incomplete[bit], STYLE_SLOW,
			       "spans that are incomplete for this");
}

static void add_cost(struct health *h, struct lines *l)
{
	const struct tui *t = h->view.tui;
	const struct span_ring *r = &t->model.now->ring;
	char buf[32];
	struct str s = tui_size(buf, t->vitals.rss);

	title(l, "COST");
	lines_printf(l, STYLE_TEXT, "processor", "%4.1f%% of one", t->vitals.cpu);
	lines_printf(l, STYLE_TEXT, "memory", "%.*s resident", (int)s.n, s.p);
	lines_printf(l, STYLE_TEXT, "spans kept",
		     "%u, %u of them for longer, as they or their trace failed or were slow; in at "
		     "most %llu MiB",
		     ring_count(r), ring_longer(r), (unsigned long long)(r->memory >> 20));
	lines_printf(l, STYLE_TEXT, "routes", "%u of %u at most",
		     model_red(&t->model, RED_BY_ROUTE)->n, MODEL_ROWS);
}

/* ---- what is probed, and what that costs in the kernel */

struct rows {
	struct lines *lines;
	unsigned n;
};

static void add_library(void *rows, const struct attach_tls *t)
{
	struct rows *r = rows;
	char label[64], name[TLS_TITLE_MAX], text[512];

	if (!r->n++)
		title(r->lines, "TLS LIBRARIES");
	if (r->n > ROWS_MAX)
		return;
	snprintf(label, sizeof(label), "%.15s %d", t->comm, (int)t->pid);
	tls_title(t->lib, t->version, name);
	if (t->attached)
		snprintf(text, sizeof(text), "%s, hooked by %s (%zu point%s), in %s", name,
			 tls_how(t->how), t->npoints, t->npoints == 1 ? "" : "s", t->file);
	else
		snprintf(text, sizeof(text), "%s, not hooked, in %s%s%s", name, t->file,
			 t->missing[0] ? ": " : "", t->missing);
	lines_add(r->lines, t->attached ? STYLE_TEXT : STYLE_SLOW, label, str_of(text), 1);
}

static void add_libraries(struct health *h, struct lines *l)
{
	struct rows r = { l, 0 };

	if (h->view.tui->from.attach)
		attach__tls(h->view.tui->from.attach, add_library, &r);
	if (r.n > ROWS_MAX)
		lines_printf(l, STYLE_DIM, "", "and %u more", r.n - ROWS_MAX);
}

static void add_probe(void *rows, const struct attach_probe *p)
{
	struct rows *r = rows;
	char buf[32];
	struct str runs = tui_count(buf, p->runs);

	if (p->runs)
		lines_printf(r->lines, STYLE_TEXT, p->name, "%-9.*s runs, %llu ns each",
			     (int)runs.n, runs.p, (unsigned long long)(p->ns / p->runs));
	else
		lines_printf(r->lines, STYLE_DIM, p->name, "%-9s runs", "no");
}

static void add_probes(struct health *h, struct lines *l)
{
	const struct tui *t = h->view.tui;
	struct rows r = { l, 0 };

	if (!t->from.attach)
		return;
	title(l, "COST OF EACH PROBE, COUNTED WHILE THIS VIEW IS OPEN");
	if (t->measuring < 0)
		lines_printf(l, STYLE_SLOW, "not counted",
			     "the kernel does not switch its statistics on: %s",
			     strerror(-t->measuring));
	else
		attach__probes(t->from.attach, add_probe, &r);
}

static void add_notes(struct health *h, struct lines *l)
{
	const struct tui *t = h->view.tui;
	unsigned n = t->nnotes < TUI_NOTES ? t->nnotes : TUI_NOTES;
	char buf[32], label[64];

	if (!n)
		return;
	title(l, "NOTES, THE LATEST FIRST");
	for (unsigned i = 1; i <= n; i++) {
		const struct tui_note *note = &t->notes[(t->nnotes - i) % TUI_NOTES];

		snprintf(label, sizeof(label), "%.*s", (int)tui_clock(buf, note->time_ns).n, buf);
		lines_add(l, STYLE_TEXT, label, str_of(note->text), 1);
	}
}

static void health_refresh(struct view *v)
{
	struct health *h = (struct health *)v;

	if (v->tui->paused && h->lines.n)
		return; /* what it shows stands still, too */
	if (!v->tui->paused) {
		memset(h->conns, 0, sizeof(h->conns));
		h->late = h->no_process = 0;
		engine__connections(v->tui->from.engine, count_conn, h);
	}
	lines_clear(&h->lines);
	add_seen(h, &h->lines);
	add_losses(h, &h->lines);
	add_cost(h, &h->lines);
	add_probes(h, &h->lines);
	add_libraries(h, &h->lines);
	add_notes(h, &h->lines);
}

static void health_release(struct view *v)
{
	lines_release(&((struct health *)v)->lines);
}

static void health_draw(struct view *v, struct screen *s, int y, int height)
{
	lines_draw(&((struct health *)v)->lines, s, y, height);
}

static int health_key(struct view *v, const struct key *k)
{
	return lines_key(&((struct health *)v)->lines, k);
}

struct saving {
	struct out *out;
	unsigned n;
};

static void save_probe(void *saving, const struct attach_probe *p)
{
	struct saving *s = saving;
	struct json j = { s->out, 0 };

	json_open(&j, '{');
	json_cstr(&j, "type", "probe");
	json_cstr(&j, "probe", p->name);
	json_u64(&j, "runs", p->runs);
	json_u64(&j, "ns", p->ns);
	json_end_line(&j);
	s->n++;
}

static void save_library(void *saving, const struct attach_tls *t)
{
	struct saving *s = saving;
	struct json j = { s->out, 0 };

	json_open(&j, '{');
	json_cstr(&j, "type", "library");
	json_u64(&j, "pid", (uint64_t)t->pid);
	json_cstr(&j, "comm", t->comm);
	json_cstr(&j, "library", tls_library_name(t->lib));
	json_cstr(&j, "version", t->version);
	json_cstr(&j, "file", t->file);
	json_u64(&j, "points", t->attached ? t->npoints : 0);
	if (*t->missing)
		json_cstr(&j, "missing", t->missing);
	json_end_line(&j);
	s->n++;
}

static unsigned health_save(struct view *v, struct out *o)
{
	const struct vitals *x = &v->tui->vitals;
	struct saving s = { o, 1 };
	struct json j = { o, 0 };

	json_open(&j, '{');
	json_cstr(&j, "type", "health");
	json_u64(&j, "events", x->engine.events);
	json_u64(&j, "spans", v->tui->model.now->f.spans);
	json_u64(&j, "lost_events", x->engine.lost_events);
	json_u64(&j, "uncaptured_bytes", x->engine.uncaptured_bytes);
	json_u64(&j, "skipped_bytes", x->engine.skipped_bytes);
	json_u64(&j, "unparsed_bytes", x->engine.unparsed_bytes);
	json_u64(&j, "evicted_conns", x->engine.evicted_conns);
	json_u64(&j, "conns", x->engine.conns);
	json_u64(&j, "in_flight", x->engine.in_flight);
	json_u64(&j, "rss_bytes", x->rss);
	json_end_line(&j);
	if (v->tui->from.attach) {
		attach__probes(v->tui->from.attach, save_probe, &s);
		attach__tls(v->tui->from.attach, save_library, &s);
	}
	return s.n;
}

const struct view_ops view_health = {
	.name = "Health",
	.hints = "",
	.size = sizeof(struct health),
	.release = health_release,
	.refresh = health_refresh,
	.draw = health_draw,
	.key = health_key,
	.save = health_save,
};
