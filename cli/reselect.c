#include "cli/reselect.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/log.h"
#include "cli/ports.h"
#include "cli/session_impl.h"
#include "cli/targets.h"

#define MOST 1024u     /* of each kind */
#define NAME_MOST 512u /* bytes, with the NUL: control groups of pods have long paths */
#define DRAIN_NS 200000000u

struct names {
	const char *v[MOST];
	char text[MOST][NAME_MOST];
};

static const struct {
	const char *name;
	size_t offset; /* of its struct string_list in struct options */
} lists[] = {
	{ "comm", offsetof(struct options, comms) },
	{ "exe", offsetof(struct options, exes) },
	{ "cgroup", offsetof(struct options, cgroups) },
	{ "service", offsetof(struct options, services) },
	{ "container", offsetof(struct options, containers) },
	{ "pod", offsetof(struct options, pods) },
	{ "namespace", offsetof(struct options, namespaces) },
};

#define NLISTS (sizeof(lists) / sizeof(*lists))

struct reselect {
	struct options opt; /* those of the command line, with these lists in place of its own */
	struct port_range ports[MOST];
	uint32_t pids[MOST];
	struct names names[NLISTS];
};

static int refuse(char *err, size_t errlen, const char *text)
{
	snprintf(err, errlen, "%s", text);
	return -1;
}

/* ---- lists */

static struct string_list *list_of(struct options *o, size_t i)
{
	return (struct string_list *)((char *)o + lists[i].offset);
}

/* 0, or -1: there is no room for all of them as they are. */
static int take_names(struct string_list *l, struct names *to)
{
	const struct string_list from = *l;

	if (from.n > MOST)
		return -1;
	l->v = to->v;
	for (unsigned i = 0; i < l->n; i++) {
		if (strlen(from.v[i]) >= NAME_MOST)
			return -1;
		strcpy(to->text[i], from.v[i]);
		to->v[i] = to->text[i];
	}
	return 0;
}

/* NULL, with one line in err: out of memory, or there is more than can be copied. */
static struct reselect *copy(const struct options *o, char *err, size_t errlen)
{
	struct reselect *r = calloc(1, sizeof(*r));
	int lacks = o->nports > MOST || o->npids > MOST;

	snprintf(err, errlen, "out of memory");
	if (!r)
		return NULL;
	r->opt = *o;
	for (size_t i = 0; i < NLISTS; i++)
		lacks |= take_names(list_of(&r->opt, i), &r->names[i]) != 0;
	if (lacks) {
		snprintf(err, errlen, "more, or longer names, are selected than can be changed");
		free(r);
		return NULL;
	}
	r->opt.ports = r->ports;
	r->opt.pids = r->pids;
	for (unsigned i = 0; i < r->opt.nports; i++)
		r->ports[i] = o->ports[i];
	for (unsigned i = 0; i < r->opt.npids; i++)
		r->pids[i] = o->pids[i];
	return r;
}

/* Adds a value to v, or takes it out. 0: there is no room, or it is not there. */
static int change(void *v, unsigned *n, size_t size, const void *value, int removes)
{
	char *p = v;
	unsigned i = 0;

	while (i < *n && memcmp(p + i * size, value, size))
		i++;
	if (removes ? i == *n : i == *n && *n == MOST)
		return 0;
	if (removes)
		memmove(p + i * size, p + (i + 1) * size, (--*n - i) * size);
	else if (i == *n)
		memcpy(p + (*n)++ * size, value, size);
	return 1;
}

static int change_ports(struct reselect *r, const char *list, int removes, char *err, size_t errlen)
{
	struct port_range p;
	int more;

	memset(&p, 0, sizeof(p));
	while ((more = ports_next(&list, &p, err, errlen)) > 0)
		if (!change(r->ports, &r->opt.nports, sizeof(p), &p, removes))
			return refuse(err, errlen, removes ? "that port is not selected"
							   : "too many ports: 1024 at most");
	return more;
}

static int change_pids(struct reselect *r, const char *list, int removes, char *err, size_t errlen)
{
	uint32_t pid;
	int more;

	while ((more = pids_next(&list, &pid, err, errlen)) > 0)
		if (!change(r->pids, &r->opt.npids, sizeof(pid), &pid, removes))
			return refuse(err, errlen, removes ? "that process is not selected"
							   : "too many processes: 1024 at most");
	return more;
}

static int change_name(struct string_list *l, struct names *names, const char *name, int removes,
		       char *err, size_t errlen)
{
	char text[NAME_MOST] = "";

	if (!*name || strlen(name) >= NAME_MOST)
		return refuse(err, errlen, "a name, or a pattern such as worker*");
	strcpy(text, name);
	if (!change(names->text, &l->n, NAME_MOST, text, removes))
		return refuse(err, errlen, removes ? "that name is not selected"
						   : "too many names: 1024 at most");
	for (unsigned i = 0; i < l->n; i++)
		names->v[i] = names->text[i];
	return 0;
}

static int change_list(struct reselect *r, const char *which, const char *what, char *err,
		       size_t errlen)
{
	int removes = *what == '-';

	what += removes;
	if (!strcmp(which, "port"))
		return change_ports(r, what, removes, err, errlen);
	if (!strcmp(which, "pid"))
		return change_pids(r, what, removes, err, errlen);
	for (size_t i = 0; i < NLISTS; i++)
		if (!strcmp(which, lists[i].name))
			return change_name(list_of(&r->opt, i), &r->names[i], what, removes, err,
					   errlen);
	return refuse(err, errlen, "no selector");
}

/* ---- from one source to the other */

/* What came before is taken; what is still open ends, and its counters stay. */
static void end_source(struct session *s)
{
	struct source *src = s->input.source;
	struct engine_stats e;
	struct source_stats from = {0};
	uint64_t begun = monotonic();

	while (src->ops->poll(src, pipeline_event, s, 0) > 0 && monotonic() - begun < DRAIN_NS)
		;
	engine__finish(s->engine);
	engine__stats(s->engine, &e);
	src->ops->stats(src, &from);
	stats_add(&s->before, &e, &from);
	input_close(&s->input);
}

static int begin_source(struct session *s, const struct options *o, char *err, size_t errlen)
{
	if (input_open(&s->input, o, 0, s->signals, pipeline_note, s, err, errlen))
		return -1;
	if (!pipeline_reopen(s))
		return 0;
	input_close(&s->input);
	return refuse(err, errlen, "out of memory");
}

/* Without starting anything: whether the selectors can be meant. */
static int judge(const struct options *o, char *err, size_t errlen)
{
	struct attach *a;
	int status;

	if (!targets_wanted(o))
		return refuse(err, errlen, "nothing would be left to trace");
	a = input_selectors(o, &status, err, errlen);
	attach__free(a);
	return a ? 0 : -1;
}

int reselect(struct session *s, const char *which, const char *what, char *err, size_t errlen)
{
	struct reselect *r;
	char why[512];

	if (s->command)
		return refuse(err, errlen, "the command that was started is what is traced");
	if (s->recorder)
		return refuse(err, errlen, "not while recording; W ends that");
	r = copy(s->opt, err, errlen);
	if (!r)
		return -1;
	if (change_list(r, which, what, err, errlen) || judge(&r->opt, err, errlen)) {
		free(r);
		return -1;
	}
	end_source(s);
	if (!begin_source(s, &r->opt, err, errlen)) {
		free(s->reselected);
		s->reselected = r;
		s->opt = &r->opt;
		s->over_since = 0;
		return 0;
	}
	free(r);
	if (begin_source(s, s->opt, why, sizeof(why))) {
		log_line("%s", why);
		s->outputs.failed = s->done = 1;
	}
	return -1;
}

void reselect_free(struct session *s)
{
	free(s->reselected);
}
