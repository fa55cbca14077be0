#include "cli/options_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/duration.h"
#include "cli/ports.h"
#include "cli/when.h"
#include "core/red.h"
#include "sinks/sink.h"

static int add_string(struct options *o, struct string_list *l, const char *s, const char *what)
{
	const char **v;

	if (!*s)
		return wrong(o, "%s: must not be empty", what);
	v = reallocarray(l->v, l->n + 1, sizeof(*v));
	if (!v)
		return wrong(o, "out of memory");
	l->v = v;
	l->v[l->n++] = s;
	return 0;
}

static int add_range(struct options *o, struct port_range r)
{
	struct port_range *v = reallocarray(o->ports, o->nports + 1, sizeof(*v));

	if (!v)
		return wrong(o, "out of memory");
	o->ports = v;
	o->ports[o->nports++] = r;
	return 0;
}

int options_add_port(struct options *o, uint16_t port)
{
	return add_range(o, (struct port_range){ port, port });
}

static int add_ports(struct options *o, const char *list)
{
	struct port_range r;
	int more, err = 0;

	while (!err && (more = ports_next(&list, &r, o->error, sizeof(o->error))) > 0)
		err = add_range(o, r);
	return err ? err : -more;
}

static int add_pids(struct options *o, const char *list)
{
	uint32_t pid;
	int more;

	while ((more = pids_next(&list, &pid, o->error, sizeof(o->error))) > 0) {
		uint32_t *v = reallocarray(o->pids, o->npids + 1, sizeof(*v));

		if (!v)
			return wrong(o, "out of memory");
		o->pids = v;
		o->pids[o->npids++] = pid;
	}
	return -more;
}

/* A number alone means seconds, as for sleep(1). */
static int set_time(struct options *o, const char *what, const char *arg, uint64_t *out)
{
	char seconds[32];

	if (*arg && !arg[strspn(arg, "0123456789.")] && strlen(arg) < sizeof(seconds) - 1) {
		snprintf(seconds, sizeof(seconds), "%ss", arg);
		if (!duration_parse(seconds, out))
			return 0;
	}
	if (!duration_parse(arg, out))
		return 0;
	return wrong(o, "%s '%.64s': not a time such as 250ms, 30s, 5m or 1h30m", what, arg);
}

/* What it means is known when the recording has begun. */
static int set_when(struct options *o, const char *what, const char *arg, const char **out)
{
	uint64_t ns;

	*out = arg;
	if (!when_parse(arg, 0, 0, &ns))
		return 0;
	return wrong(o, "%s '%.64s': not a time such as 10:40, 10:40:30, 2025-12-08T10:40:00Z, or "
		     "90s since the beginning", what, arg);
}

static int set_count(struct options *o, const char *what, const char *arg, uint64_t max,
		     uint64_t *out)
{
	if (!count_parse(arg, max, out))
		return 0;
	return wrong(o, "%s '%.64s': not a whole number from 1 to %llu", what, arg,
		     (unsigned long long)max);
}

static int set_capture(struct options *o, const char *arg)
{
	static const char *const names[] = { "auto", "skb", "packet", NULL };
	int i, err = options_choose(o, "capture", arg, names, &i);

	if (!err)
		o->capture = (enum capture)i;
	return err;
}

static const char *const output_names[] = {
	[OUTPUT_TEXT] = "text",
	[OUTPUT_BRIEF] = "brief",
	[OUTPUT_JSON] = "json",
	[OUTPUT_SUMMARY] = "summary",
	[OUTPUT_CSV] = "csv",
	[OUTPUT_MARKDOWN] = "markdown",
	[OUTPUT_TOP] = "top",
	[OUTPUT_WATERFALL] = "waterfall",
	[OUTPUT_OTLP] = "otlp",
	[OUTPUT_FLOWS] = "flows",
	[OUTPUT_HTML] = "html",
	NULL,
};

const char *output_name(enum output format)
{
	return output_names[format];
}

/* FORMAT, FORMAT=FILE, or FORMAT=- for standard output */
static int add_output(struct options *o, const char *arg)
{
	const char *file = strchr(arg, '=');
	struct output_spec *new = &o->outputs[o->noutputs];
	char name[64];
	int i, err;

	snprintf(name, sizeof(name), "%.*s", file ? (int)(file - arg) : (int)strlen(arg), arg);
	err = options_choose(o, "output", name, output_names, &i);
	if (err)
		return err;
	if (o->noutputs == OPTIONS_MAX_OUTPUTS)
		return wrong(o, "-o: more than %u outputs", OPTIONS_MAX_OUTPUTS);
	new->format = (enum output)i;
	new->file = file && strcmp(file, "=-") ? file + 1 : NULL;
	if (new->file && !*new->file)
		return wrong(o, "-o %s: a file must be named behind '='", arg);
	if (new->file && new->format == OUTPUT_TOP)
		return wrong(o, "-o %.64s: the dashboard is drawn on a terminal, not into a file",
			     arg);
	if (!new->file && shown_output(o)) {
		const char *shown = output_name(shown_output(o)->format);

		return wrong(o, "-o %s and -o %s both want standard output; give one a file: "
			     "-o %s=FILE", shown, name, new->format == OUTPUT_TOP ? shown : name);
	}
	o->noutputs++;
	return 0;
}

static int set_role(struct options *o, const char *arg)
{
	static const char *const names[] = { "server", "client", "both", NULL };
	static const enum attach_role roles[] = { ATTACH_ROLE_SERVER, ATTACH_ROLE_CLIENT,
						  ATTACH_ROLE_BOTH };
	int i, err = options_choose(o, "role", arg, names, &i);

	if (!err)
		o->role = roles[i];
	return err;
}

int options_unmatched(struct options *o, const char *arg)
{
	static const char *const names[] = { "heuristic", "path", "wildcard", NULL };
	static const enum route_mode modes[] = { ROUTE_HEURISTIC, ROUTE_PATH, ROUTE_WILDCARD };
	int i, err = options_choose(o, "unmatched", arg, names, &i);

	if (!err)
		o->unmatched = modes[i];
	return err;
}

static int set_group(struct options *o, const char *arg)
{
	const char *why;

	o->group = (int)red_by_named(arg);
	if (o->group != RED_BY_COUNT)
		return 0;
	o->group = RED_BY_FIELD;
	why = red_field_set(&o->group_field, arg);
	return !why ? 0 : wrong(o, "group '%.64s': %s; must be " RED_BY_NAMES
				", or a field such as runtime or header.x-tenant", arg, why);
}

static int set_sort(struct options *o, const char *arg)
{
	o->sort = summary_sort_key(arg);
	o->sort_given = arg;
	if (o->sort >= 0)
		return 0;
	if (*arg == '-' && summary_sort_key(arg + 1) >= 0)
		return wrong(o, "sort '%.64s': say %.64s; figures come with the largest first, "
			     "names from a to z (I reverses that in the dashboard)", arg, arg + 1);
	return wrong(o, "sort '%.64s': must be one of %s", arg, summary_sort_keys());
}

static int add_read(struct options *o, const char *arg)
{
	int err = add_string(o, &o->reads, arg, "read");

	if (!err && o->reads.n > OPTIONS_MAX_READS)
		return wrong(o, "-r: more than %u files", OPTIONS_MAX_READS);
	o->read = o->reads.n ? o->reads.v[0] : NULL;
	return err;
}

static int set_keep(struct options *o, const char *arg)
{
	uint64_t v;

	if (size_parse(arg, OPTIONS_MAX_KEEP, &v))
		return wrong(o, "keep '%.64s': not a number of spans such as 5000, 64k or 1M, "
				"at most 2M",
			     arg);
	o->keep = (uint32_t)v;
	return 0;
}

static int set_memory(struct options *o, const char *arg)
{
	if (!size_parse(arg, OPTIONS_MAX_MEMORY, &o->memory) && o->memory >= OPTIONS_LEAST_MEMORY)
		return 0;
	return wrong(o, "memory '%.64s': not a size such as 16M or 1G, from 1M to 4G", arg);
}

static int set_slowest(struct options *o, const char *arg)
{
	uint64_t v;
	int err = set_count(o, "slowest", arg, OPTIONS_MAX_SLOWEST, &v);

	if (!err)
		o->slowest = (unsigned)v;
	return err;
}

static int set_color(struct options *o, const char *arg)
{
	static const char *const names[] = { "auto", "always", "never", NULL };
	int i, err = options_choose(o, "color", arg, names, &i);

	if (!err)
		o->color = (enum color)i;
	return err;
}

static int set_body(struct options *o, const char *arg)
{
	uint64_t v;

	if (size_parse(arg, OPTIONS_MAX_BODY, &v))
		return wrong(o, "body '%.64s': not a number of bytes such as 256, 4k or 1M, "
				"at most %u",
			     arg, OPTIONS_MAX_BODY);
	o->body = (uint32_t)v;
	return 0;
}

/* "-P=8000", by the habit of long options */
static const char *behind_equals(const char *arg)
{
	return arg && *arg == '=' ? arg + 1 : arg;
}

static int parse_selector(struct options *o, int key, const char *arg)
{
	switch (key) {
	case 'P':
		return add_ports(o, behind_equals(arg));
	case 'p':
		return add_pids(o, behind_equals(arg));
	case 'c':
		return add_string(o, &o->comms, arg, "comm");
	case 'e':
		return add_string(o, &o->exes, arg, "exe");
	case OPT_CGROUP:
		return add_string(o, &o->cgroups, arg, "cgroup");
	case OPT_SERVICE:
		return add_string(o, &o->services, arg, "service");
	case OPT_CONTAINER:
		return add_string(o, &o->containers, arg, "container");
	case OPT_POD:
		return add_string(o, &o->pods, arg, "pod");
	case OPT_NAMESPACE:
		return add_string(o, &o->namespaces, arg, "namespace");
	case 'a':
		o->all = 1;
		return 0;
	case OPT_ROLE:
		return set_role(o, arg);
	case OPT_NO_DOWNSTREAM:
		o->no_downstream = 1;
		return 0;
	case OPT_FOLLOW:
		o->follow = 1;
		return 0;
	case OPT_TLS_SYMBOL:
		return add_string(o, &o->tls_symbols, arg, "tls-symbol");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int add_zone(struct options *o, const char *arg)
{
	const char *why = zones_add(&o->zones, arg);

	return why ? wrong(o, "zone '%.64s': %s", arg, why) : 0;
}

static int parse_show(struct options *o, int key, const char *arg)
{
	switch (key) {
	case 'o':
		return add_output(o, arg);
	case 'f':
		o->filter = arg;
		return 0;
	case OPT_EDGE:
		o->edge = 1;
		return 0;
	case OPT_SINCE:
		return set_when(o, "since", arg, &o->since);
	case OPT_UNTIL:
		return set_when(o, "until", arg, &o->until);
	case OPT_ROUTE:
		return add_string(o, &o->routes, arg, "route");
	case OPT_UNMATCHED:
		return options_unmatched(o, arg);
	case OPT_HEADER:
		return add_string(o, &o->headers, arg, "header");
	case OPT_BODY:
		return set_body(o, arg);
	case OPT_NAMES:
		return options_names(o, arg);
	case OPT_NO_REDACT:
		o->no_redact = 1;
		return 0;
	case OPT_INTERVAL:
		return set_time(o, "interval", arg, &o->interval_ns);
	case OPT_GROUP:
		return set_group(o, arg);
	case OPT_SORT:
		return set_sort(o, arg);
	case OPT_SLOWEST:
		return set_slowest(o, arg);
	case OPT_UNFOLD:
		o->unfold = 1;
		return 0;
	case OPT_KEEP:
		return set_keep(o, arg);
	case OPT_MEMORY:
		return set_memory(o, arg);
	case OPT_COLOR:
		return set_color(o, arg);
	case OPT_NO_MOUSE:
		o->no_mouse = 1;
		return 0;
	case OPT_OTLP:
		o->otlp = arg ? arg : "";
		return 0;
	case OPT_ATTRIBUTES:
		return options_attributes(o, arg);
	case OPT_OTLP_SIGNALS:
		return options_signals(o, arg);
	case OPT_SKIP_INSTRUMENTED:
		o->skip_instrumented = 1;
		return 0;
	case OPT_PROMETHEUS:
		return options_prometheus(o, arg);
	case OPT_FEATURES:
		return options_features(o, arg);
	case OPT_RESOLVE:
		o->resolve = 1;
		return 0;
	case OPT_ZONE:
		return add_zone(o, arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int parse_run(struct options *o, int key, const char *arg)
{
	switch (key) {
	case 'r':
		return add_read(o, arg);
	case OPT_FOLLOW_FILE:
		o->follow_file = 1;
		return 0;
	case 'w':
		o->write = arg;
		return 0;
	case 'i':
		o->interface = arg;
		return 0;
	case OPT_CAPTURE:
		return set_capture(o, arg);
	case 'n':
		return set_count(o, "count", arg, UINT64_MAX, &o->count);
	case 'd':
		return set_time(o, "duration", arg, &o->duration_ns);
	case OPT_STATS:
		o->stats = 1;
		return 0;
	case 'q':
		o->quiet = 1;
		return 0;
	case 'v':
		o->verbose = 1;
		return 0;
	case OPT_DOCTOR:
		o->doctor = 1;
		return 0;
	case OPT_LIST:
		o->list = 1;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int is_number(const char *s)
{
	return *s && !s[strspn(s, "0123456789")];
}

/* Does it look like "8000", ":8000", "localhost:8000", "80,443" or "8000-9000"? */
static int is_like_ports(const char *s)
{
	const char *digits = strrchr(s, ':');

	digits = digits ? digits + 1 : s;
	return *digits >= '0' && *digits <= '9' && !digits[strspn(digits, "0123456789,-")];
}

/*
 * Only what stands behind "--" is a command, so that a forgotten dash does not run something. What
 * can mean one thing only is taken: a port, and further process ids behind --pid, as of pidof(1).
 */
static int parse_argument(struct options *o, struct argp_state *state, const char *arg)
{
	if (!state->quoted || state->next <= state->quoted) {
		if (o->last_option == 'p' && is_number(arg))
			return add_pids(o, arg);
		if (is_like_ports(arg))
			return add_ports(o, arg);
		return wrong(o, "unexpected argument '%.64s'; --service '%.64s' traces what is "
				"called so, --comm '%.64s' programs of that name, -- %.64s runs it",
			     arg, arg, arg, arg);
	}
	o->command = &state->argv[state->next - 1];
	state->next = state->argc;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	int err;

	if (key == ARGP_KEY_ARG)
		return parse_argument(o, state, arg);
	if (key == 'h')
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP); /* ends the program */
	if (key > 0 && key < ARGP_KEY_END)
		o->last_option = key;
	err = parse_selector(o, key, arg);
	if (err == ARGP_ERR_UNKNOWN)
		err = parse_show(o, key, arg);
	if (err == ARGP_ERR_UNKNOWN)
		err = parse_run(o, key, arg);
	return err;
}

int options_parse(struct options *o, int argc, char **argv)
{
	static const struct argp argp = {
		.options = options_table,
		.parser = parse,
		.args_doc = "\n-- COMMAND [ARG...]",
		.doc = "Show the requests that running programs serve and make.\v"
		       "Data goes to standard output, all else to standard error. Exit status: "
		       "0 done, 1 failed, 2 bad usage, 3 not permitted or not supported here; "
		       "with COMMAND, its own.",
		.help_filter = options_help_filter,
	};
	static char name[] = "zctrace";
	int err;

	memset(o, 0, sizeof(*o));
	o->sort = o->group = -1;
	o->names = UINT32_MAX;
	argp_err_exit_status = EXIT_BAD_USAGE;
	if (argc > 0)
		argv[0] = name; /* what getopt's messages begin with */
	err = options_check_names(o, argc, argv);
	if (!err)
		err = argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, o);
	if (!err)
		err = options_check(o);
	if (!err)
		return 0;
	fprintf(stderr, "zctrace: %s\n", *o->error ? o->error : strerror(err));
	return EXIT_BAD_USAGE;
}

void options_release(struct options *o)
{
	free(o->ports);
	zones_release(&o->zones);
	free(o->pids);
	free(o->comms.v);
	free(o->exes.v);
	free(o->tls_symbols.v);
	free(o->cgroups.v);
	free(o->containers.v);
	free(o->services.v);
	free(o->pods.v);
	free(o->namespaces.v);
	free(o->routes.v);
	free(o->headers.v);
	free(o->reads.v);
}
