/*
 * empty.c - nothing to see yet: why, and what to try
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/called.h"
#include "cli/inventory.h"
#include "cli/procread.h"
#include "cli/targets.h"
#include "cli/tui/tui_impl.h"

#define SECOND 1000000000ull
#define LOOK_EVERY (5 * SECOND)
#define PORTS 16		 /* that are looked at one by one */
#define FIRST_PID_NS 0xEFFFFFFCu /* the inode of the host's on every kernel */

struct empty {
	uint64_t looked; /* monotonic; 0: never */
	struct lines lines;
};

struct empty *empty_new(void)
{
	return calloc(1, sizeof(struct empty));
}

void empty_free(struct empty *e)
{
	if (e)
		lines_release(&e->lines);
	free(e);
}

/* ---- connections, by what is known of them */

struct kinds {
	unsigned all, silent, young, unknown, encrypted, understood;
	uint64_t unknown_bytes;
	const char *tls;  /* version of an encrypted one */
	char unseen[160]; /* why it is that; "": nobody knows */
};

static void count_kind(void *kinds, const struct engine_conn *c)
{
	struct kinds *k = kinds;

	k->all++;
	if (!c->in_bytes && !c->out_bytes && !c->uncaptured) {
		k->silent++;
	} else if (!c->protocol) {
		k->young++;
	} else if (!strcmp(c->protocol, "opaque")) {
		k->unknown++;
		k->unknown_bytes += c->in_bytes + c->out_bytes + c->uncaptured;
	} else if (!strcmp(c->protocol, "tls")) {
		k->encrypted++;
		k->tls = c->tls_version ? c->tls_version : k->tls;
		snprintf(k->unseen, sizeof(k->unseen), "%s", c->tls_unseen ? c->tls_unseen : "");
	} else {
		k->understood++;
	}
}

static void tell_connections(struct empty *e, const struct tui *t)
{
	struct kinds k = {0};

	engine__connections(t->from.engine, count_kind, &k);
	if (!k.all) {
		lines_printf(&e->lines, STYLE_TEXT, NULL, "No connections have been seen.");
		return;
	}
	lines_printf(&e->lines, STYLE_TEXT, NULL, "%u connection%s, 5 shows %s:", k.all,
		     k.all == 1 ? "" : "s", k.all == 1 ? "it" : "them");
	if (k.silent)
		lines_printf(&e->lines, STYLE_TEXT, NULL, "  %u on which nothing went by",
			     k.silent);
	if (k.young)
		lines_printf(&e->lines, STYLE_TEXT, NULL,
			     "  %u of which too little was seen to know the protocol", k.young);
	if (k.unknown)
		lines_printf(&e->lines, STYLE_SLOW, NULL,
			     "  %u of a protocol that zctrace does not know (opaque)", k.unknown);
	if (k.encrypted)
		lines_printf(&e->lines, STYLE_SLOW, NULL,
			     "  %u encrypted by TLS%s%s: %s; zctrace --doctor says what helps",
			     k.encrypted, k.tls ? " " : "", k.tls ? k.tls : "",
			     k.unseen[0] ? k.unseen : "in a library that is not hooked");
	if (k.understood)
		lines_printf(&e->lines, STYLE_TEXT, NULL,
			     "  %u that wait for a request, or its answer", k.understood);
}

/* ---- who is selected, and who is there */

static int is_listened(const struct listeners *l, unsigned port)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].at.local_port == port)
			return 1;
	return 0;
}

/* "21800 nginx, 21801 python3" */
static void tell_listeners(struct empty *e, const struct listeners *l)
{
	struct zc_ev_names names;
	char text[400] = "";
	size_t n = 0;
	unsigned last = 0;

	for (size_t i = 0; i < l->n && n < sizeof(text) - 44; i++) {
		if (l->v[i].at.local_port == last)
			continue;
		last = l->v[i].at.local_port;
		if (!l->v[i].npids || proc_names_read(l->v[i].pids[0], &names))
			names.service[0] = '\0';
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u %.24s", n ? ", " : "", last,
				      names.service[0] ? names.service : "?");
	}
	if (n)
		lines_add(&e->lines, STYLE_TEXT, "Listening here:", str_of(text), 0);
}

/* Returns a port to try, or 0. */
static unsigned tell_ports(struct empty *e, const struct options *o, const struct listeners *l)
{
	unsigned missing = 0, serving = 0, n = 0;

	for (unsigned i = 0; i < o->nports; i++)
		for (unsigned p = o->ports[i].first; p <= o->ports[i].last && n < PORTS; p++, n++) {
			if (is_listened(l, p)) {
				serving = serving ? serving : p;
				continue;
			}
			if (o->ports[i].first == o->ports[i].last) {
				missing++;
				lines_printf(&e->lines, STYLE_SLOW, NULL,
					     "Nothing is listening on port %u here.", p);
			}
		}
	if (missing || (o->nports && !serving))
		tell_listeners(e, l);
	return serving;
}

static void count_process(void *n, pid_t pid)
{
	(void)pid;
	++*(unsigned *)n;
}

static void tell_processes(struct empty *e, const struct tui *t, const struct options *o)
{
	char text[400];
	unsigned n = 0;

	if (o->nports || o->all || !t->from.attach || !targets_wanted(o) ||
	    attach__selected(t->from.attach, count_process, &n) || n)
		return;
	if (called_nobody(t->from.attach, o, text, sizeof(text)))
		lines_add(&e->lines, STYLE_SLOW, "There is", str_of(text), 0);
	else
		lines_printf(&e->lines, STYLE_SLOW, NULL, "No process is selected now.");
}

static void tell_namespace(struct empty *e)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) || st.st_ino == FIRST_PID_NS)
		return;
	lines_printf(
		&e->lines, STYLE_SLOW, NULL,
		"zctrace runs in a pid namespace of its own and sees the processes in there only: "
		"docker run --privileged --pid=host --cgroupns=host");
}

static void tell_live(struct empty *e, const struct tui *t)
{
	const struct options *o = t->from.options;
	struct listeners l = {0};
	unsigned port = 0;

	tell_namespace(e);
	if (o && !listeners_find(&l)) {
		tell_processes(e, t, o);
		port = tell_ports(e, o, &l);
	}
	listeners_release(&l);
	tell_connections(e, t);
	if (port) {
		char text[80];

		lines_printf(&e->lines, STYLE_TEXT, NULL, "%s", "");
		snprintf(text, sizeof(text), "curl http://localhost:%u/", port);
		lines_add(&e->lines, STYLE_TEXT, "Try", str_of(text), 0);
		snprintf(text, sizeof(text), "zctrace --doctor --port %u", port);
		lines_add(&e->lines, STYLE_TEXT, "or", str_of(text), 0);
	}
}

static void look(struct empty *e, const struct tui *t)
{
	lines_clear(&e->lines);
	if (t->filter[0] && t->model.now->f.spans) {
		lines_printf(&e->lines, STYLE_TEXT, NULL,
			     "%llu were seen that do not match: / and an empty line shows them.",
			     (unsigned long long)t->model.now->f.spans);
		return;
	}
	if (!t->from.replay) {
		tell_live(e, t);
		return;
	}
	tell_connections(e, t);
	if (!replay__ended(t->from.replay))
		lines_printf(&e->lines, STYLE_TEXT, NULL,
			     "t end goes to the end of the recording.");
}

void empty_draw(struct empty *e, const struct tui *t, struct screen *s, const char *what, int y,
		int height)
{
	char title[80];

	if (!e || height < 1)
		return;
	if (!e->looked || t->drawn - e->looked >= LOOK_EVERY || t->from.replay || t->filter[0]) {
		look(e, t);
		e->looked = t->drawn ? t->drawn : 1;
	}
	snprintf(title, sizeof(title), "No %s%s.", what,
		 t->filter[0] && t->model.now->f.spans ? " that match the filter" : " so far");
	screen__put(s, y, 0, screen__width(s), STYLE_STRONG, title);
	if (height > 2)
		lines_draw(&e->lines, s, y + 2, height - 2);
}
