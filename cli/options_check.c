#include "cli/options_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sinks/sink.h"

/* Selectors that need to know processes. */
static const char *process_selector(const struct options *o)
{
	return o->npids	      ? "--pid" :
	       o->comms.n      ? "--comm" :
	       o->exes.n       ? "--exe" :
	       o->cgroups.n    ? "--cgroup" :
	       o->containers.n ? "--container" :
	       o->services.n   ? "--service" :
	       o->pods.n       ? "--pod" :
	       o->namespaces.n ? "--namespace" :
	       o->command      ? "-- COMMAND" :
				 NULL;
}

int options_select_by_name(const struct options *o)
{
	return o->comms.n || o->exes.n || o->cgroups.n || o->containers.n || o->services.n ||
	       o->pods.n || o->namespaces.n;
}

const struct output_spec *shown_output(const struct options *o)
{
	for (unsigned i = 0; i < o->noutputs; i++)
		if (!o->outputs[i].file)
			return &o->outputs[i];
	return NULL;
}

int options_use_stdout(const struct options *o)
{
	return shown_output(o) || (o->write && !strcmp(o->write, "-"));
}

int options_has_port(const struct options *o, uint16_t port)
{
	for (unsigned i = 0; i < o->nports; i++)
		if (port >= o->ports[i].first && port <= o->ports[i].last)
			return 1;
	return 0;
}

int options_has_output(const struct options *o, enum output format)
{
	for (unsigned i = 0; i < o->noutputs; i++)
		if (o->outputs[i].format == format)
			return 1;
	return 0;
}

/* Nothing is traced. */
static int looks_only(const struct options *o)
{
	return o->doctor || o->list;
}

/* What only tracing has a use for. */
static const char *tracing_option(const struct options *o)
{
	return o->read	      ? "-r" :
	       o->write	      ? "-w" :
	       o->interface   ? "-i" :
	       o->command     ? "-- COMMAND" :
	       o->filter      ? "--filter" :
	       o->count	      ? "--count" :
	       o->duration_ns ? "--duration" :
	       o->interval_ns ? "--interval" :
	       o->follow      ? "--follow" :
				NULL;
}

static int check_looking(struct options *o)
{
	const char *name = o->doctor ? "--doctor" : "--list", *other = tracing_option(o);

	if (!looks_only(o))
		return 0;
	if (o->doctor && o->list)
		return wrong(o, "--doctor and --list are two things; leave out one of both");
	if (other)
		return wrong(o, "%s traces nothing; %s makes no sense with it", name, other);
	if (o->noutputs > 1 || (o->noutputs && (o->outputs[0].file ||
	    (!options_has_output(o, OUTPUT_TEXT) && !options_has_output(o, OUTPUT_JSON)))))
		return wrong(o, "%s has -o text and -o json only, on standard output", name);
	return 0;
}

/* Is there a terminal that can have the dashboard? */
static int good_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term &&
	       strcmp(term, "dumb");
}

/* Those who want the dashboard may choose what it is to show. */
static int can_choose(const struct options *o)
{
	return good_terminal() && (!o->noutputs || options_has_output(o, OUTPUT_TOP)) &&
	       o->role == ATTACH_ROLE_AUTO && !o->no_downstream;
}

static int check_source(struct options *o)
{
	const char *selector = process_selector(o);

	if (o->interface && o->capture == CAPTURE_SKB)
		return wrong(o,
			     "--capture=skb sees sockets, not interfaces; leave out one of both");
	if (o->interface)
		o->capture = CAPTURE_PACKET;
	for (unsigned i = 0; o->reads.n > 1 && i < o->reads.n; i++)
		if (!strcmp(o->reads.v[i], "-"))
			return wrong(o, "-r -: standard input cannot be merged with other files");
	if (o->follow_file && o->reads.n != 1)
		return wrong(o, "--follow-file is about one file; give one -r with it");
	if (o->read && o->capture != CAPTURE_AUTO)
		return wrong(o, "-r reads a file; it cannot be combined with --capture or -i");
	if (o->read && selector)
		return wrong(o, "-r reads a file; of the selectors only --port applies, not %s",
			     selector);
	if (o->capture == CAPTURE_PACKET && selector)
		return wrong(o, "packets do not tell processes; of the selectors only --port "
			     "applies, not %s", selector);
	if (!o->read && (o->since || o->until))
		return wrong(o, "--%s is about recordings; give -r with it",
			     o->since ? "since" : "until");
	o->choose = !o->read && o->capture != CAPTURE_PACKET && !selector && !o->nports &&
		    !o->all && !looks_only(o);
	if (o->choose && !can_choose(o))
		return wrong(o, "nothing to trace; try --port 8000, --pid PID, --all or "
			     "-r FILE (see --help)");
	if (o->role != ATTACH_ROLE_AUTO && !o->nports && !o->read)
		return wrong(o, "--role is about ports; give --port with it");
	if (o->follow && (o->read || o->capture == CAPTURE_PACKET))
		return wrong(o, "--follow is about processes; there are none in files and packets");
	if (o->follow && (o->no_downstream || o->role == ATTACH_ROLE_SERVER ||
			  o->role == ATTACH_ROLE_CLIENT))
		return wrong(o, "--follow needs both ends of calls; leave out %s",
			     o->no_downstream ? "--no-downstream" : "--role");
	if (o->no_downstream && !o->nports)
		return wrong(o, "--no-downstream is about ports; give --port with it");
	return 0;
}

/* The dashboard is what a person at a terminal wants; not while a command writes there, too. */
static void default_output(struct options *o)
{
	int top = !o->command && !looks_only(o) && good_terminal();

	if (o->noutputs || options_use_stdout(o))
		return;
	o->outputs[o->noutputs].format = top ? OUTPUT_TOP : OUTPUT_TEXT;
	o->outputs[o->noutputs++].to_stderr = o->command != NULL;
}

static int has_tables(const struct options *o)
{
	return options_has_output(o, OUTPUT_SUMMARY) || options_has_output(o, OUTPUT_CSV) ||
	       options_has_output(o, OUTPUT_MARKDOWN);
}

static int check_output(struct options *o)
{
	int top, json, flows = options_has_output(o, OUTPUT_FLOWS);

	if (shown_output(o) && o->write && !strcmp(o->write, "-"))
		return wrong(o, "-w - and -o both want standard output");
	default_output(o);
	top = options_has_output(o, OUTPUT_TOP);
	json = options_has_output(o, OUTPUT_JSON);
	if (!has_tables(o) && !top && (o->sort >= 0 || o->group >= 0 || (o->interval_ns && !flows)))
		return wrong(o, "%s is about tables; give -o summary or -o top with it",
			     o->interval_ns ? "--interval" : o->group >= 0 ? "--group" : "--sort");
	if (o->zones.n && !flows && !top && !o->features)
		return wrong(o, "--zone is about flows; give -o flows or -o top with it");
	if ((o->keep || o->memory) && !top)
		return wrong(o, "--%s is about the dashboard; give -o top with it",
			     o->keep ? "keep" : "memory");
	if (o->no_mouse && !top)
		return wrong(o, "--no-mouse is about the dashboard; give -o top with it");
	if ((o->slowest || o->unfold) && !options_has_output(o, OUTPUT_WATERFALL))
		return wrong(o, "--%s is about traces; give -o waterfall with it",
			     o->slowest ? "slowest" : "unfold");
	if (!json && !top && (o->headers.n || o->body))
		return wrong(o, "%s is for -o json and -o top; give one of them with it",
			     o->headers.n ? "--header" : "--body");
	return 0;
}

int options_check(struct options *o)
{
	int err = check_looking(o);

	if (!err)
		err = check_source(o);
	return err ? err : check_output(o);
}
