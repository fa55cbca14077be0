/* options_table.c - which options there are, what --help says of them, and names that are none */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/options_impl.h"
#include "core/span_field.h"

#ifdef ZCTRACE_COMMIT
#define COMMIT " (" ZCTRACE_COMMIT ")"
#else
#define COMMIT ""
#endif
const char *argp_program_version = "zctrace " ZCTRACE_VERSION COMMIT;

const struct argp_option options_table[] = {
	{ .doc = "What to trace (any of these; the union is traced):", .group = 1 },
	{ "port", 'P', "LIST", 0,
	  "Services on these ports (80,443,8000-9000), and the calls they make", 1 },
	{ "pid", 'p', "LIST", 0, "These processes and the children that they fork", 1 },
	{ "comm", 'c', "GLOB", 0, "Processes of this name, also those that start later", 1 },
	{ "exe", 'e', "GLOB", 0, "Processes of this executable, also those that start later", 1 },
	{ "cgroup", OPT_CGROUP, "PATH", 0, "Processes of this control group and those below", 1 },
	{ "service", OPT_SERVICE, "GLOB", 0, "What is shown as a service of this name", 1 },
	{ "container", OPT_CONTAINER, "NAME", 0, "Processes of this container, by name or id", 1 },
	{ "pod", OPT_POD, "[NAMESPACE/]NAME", 0, "Processes of this pod of Kubernetes", 1 },
	{ "namespace", OPT_NAMESPACE, "NAME", 0, "Processes of the pods of this namespace", 1 },
	{ "all", 'a', NULL, 0, "Every process", 1 },
	{ "role", OPT_ROLE, "ROLE", 0,
	  "With --port: 'server', 'client' or 'both' ends (default: what fits)", 1 },
	{ "no-downstream", OPT_NO_DOWNSTREAM, NULL, 0,
	  "With --port: leave out the calls that its services make", 1 },

	{ "follow", OPT_FOLLOW, NULL, 0,
	  "Trace also the processes here that traced ones call, and so on", 1 },

	{ "tls-symbol", OPT_TLS_SYMBOL, "LIB:FUNC=ADDR", 0,
	  "Where a function of a TLS library is in a program that does not say it", 1 },

	{ .doc = "Where from and where to:", .group = 2 },
	{ "read", 'r', "FILE", 0,
	  "Replay a recording, pcap or pcapng file, also .gz or .zst (- for stdin); several: "
	  "merged",
	  2 },
	{ "follow-file", OPT_FOLLOW_FILE, NULL, 0,
	  "With -r: wait for what is still written to FILE", 2 },
	{ "write", 'w', "FILE", 0, "Record while showing; - for stdout", 2 },
	{ "capture", OPT_CAPTURE, "BACKEND", 0, "'auto' (default), 'skb' or 'packet'", 2 },
	{ "interface", 'i', "IF", 0, "Capture packets on IF: no process names, needs less", 2 },

	{ .doc = "What to show:", .group = 3 },
	{ "output", 'o', "FORMAT[=FILE]", 0,
	  "'top' (default on a terminal), 'text' (default elsewhere), 'brief', 'json', "
	  "'waterfall', 'summary' (also as 'csv' or 'markdown'), 'html' (a report), 'flows' or "
	  "'otlp'; several: one "
	  "shown, the others written to FILEs", 3 },
	{ "otlp", OPT_OTLP, "URL", OPTION_ARG_OPTIONAL,
	  "Also send spans and metrics to this OpenTelemetry collector", 3 },
	{ "otlp-signals", OPT_OTLP_SIGNALS, "LIST", 0,
	  "Of these only 'traces', or 'metrics' (default: both)", 3 },
	{ "otlp-skip-instrumented", OPT_SKIP_INSTRUMENTED, NULL, 0,
	  "Not of processes that export their own spans", 3 },
	{ "attributes", OPT_ATTRIBUTES, "LIST", 0,
	  "What metrics carry: [METRIC:]+NAME,-NAME; globs; the last that matches decides", 3 },
	{ "features", OPT_FEATURES, "LIST", 0,
	  "Metrics beside those of spans: 'network' (bytes of flows), 'stats' (of TCP)", 3 },
	{ "prometheus", OPT_PROMETHEUS, "[ADDR:]PORT", 0,
	  "Serve metrics for Prometheus on http://ADDR:PORT/metrics (127.0.0.1)", 3 },
	{ "filter", 'f', "EXPR", 0, "Only these spans: 'status >= 500 or duration > 250ms'", 3 },
	{ "edge", OPT_EDGE, NULL, 0,
	  "Each request once, where it comes in, without the hops behind it", 3 },
	{ "since", OPT_SINCE, "TIME", 0,
	  "With -r: only what ended from TIME on (10:40, 2025-12-08T10:40:00Z, 90s since its "
	  "beginning)", 3 },
	{ "until", OPT_UNTIL, "TIME", 0, "With -r: only what ended before TIME", 3 },
	{ "route", OPT_ROUTE, "PATTERN", 0, "A route such as /orders/{id}; the first match wins",
	  3 },
	{ "unmatched", OPT_UNMATCHED, "MODE", 0,
	  "Paths that no --route matches: 'heuristic' (default), 'path' or 'wildcard'", 3 },
	{ "header", OPT_HEADER, "NAME", 0, "JSON, top: carry this header field; '*' for all", 3 },
	{ "body", OPT_BODY, "BYTES", 0, "JSON, top: carry the first BYTES of content", 3 },
	{ "names", OPT_NAMES, "LIST", 0,
	  "Names for what travels in HTTP: 'auto' (default), 'off', or of graphql, jsonrpc, "
	  "gen_ai, elasticsearch, aws, connect", 3 },
	{ "no-redact", OPT_NO_REDACT, NULL, 0, "Show and record secrets", 3 },
	{ "interval", OPT_INTERVAL, "TIME", 0,
	  "A table, a new picture, or what flows have become, every TIME", 3 },
	{ "slowest", OPT_SLOWEST, "N", 0, "Waterfall: only the N slowest traces, at the end", 3 },
	{ "unfold", OPT_UNFOLD, NULL, 0, "Waterfall: calls that are alike one by one", 3 },
	{ "memory", OPT_MEMORY, "SIZE", 0,
	  "Top: so much for spans that are kept, half of it for slow and failed ones (64M)", 3 },
	{ "keep", OPT_KEEP, "SPANS", 0, "Top: keep no more than the last SPANS spans", 3 },
	{ "resolve", OPT_RESOLVE, NULL, 0,
	  "Ask DNS, and in a pod the cluster, for the names of peers", 3 },
	{ "zone", OPT_ZONE, "NAME=CIDR", 0,
	  "Flows: a name for these addresses; bytes between zones are added up", 3 },
	{ "group", OPT_GROUP, "BY", 0,
	  "Summary, top: a row for each 'route' (default), 'service', 'host', 'peer', 'status', "
	  "'client', 'system', 'collection', 'destination', or a field such as header.x-tenant",
	  3 },
	{ "sort", OPT_SORT, "KEY", 0, "Summary, top: order of the rows", 3 },
	{ "color", OPT_COLOR, "WHEN", 0, "Colours: 'auto' (default), 'always' or 'never'", 3 },

	{ "no-mouse", OPT_NO_MOUSE, NULL, 0, "Top: leave the mouse to the terminal", 3 },

	{ .doc = "Instead of tracing:", .group = 4 },
	{ "doctor", OPT_DOCTOR, NULL, 0,
	  "What can be seen here, and of selected processes; what not, why, and the remedy", 4 },
	{ "list", OPT_LIST, NULL, 0, "The listening services here, and what can be seen of each",
	  4 },

	{ .doc = "How long, and how much is said:", .group = 5 },
	{ "count", 'n', "N", 0, "Stop after N spans", 5 },
	{ "duration", 'd', "TIME", 0, "Stop after TIME (30s, 5m)", 5 },
	{ "stats", OPT_STATS, NULL, 0, "Own cost and losses, every second on stderr", 5 },
	{ "quiet", 'q', NULL, 0, "Only errors on stderr", 5 },
	{ "verbose", 'v', NULL, 0, "More about what is attached and why", 5 },
	{ NULL, 'h', NULL, OPTION_HIDDEN, NULL, 5 },
	{ 0 },
};

#define EACH_OPTION(i)                                                                             \
	(const struct argp_option *i = options_table; i->name || i->key || i->doc; i++)

/* ---- names that do not exist */

static const struct argp_option *option_named(const char *name, size_t n)
{
	for EACH_OPTION(i)
		if (i->name && strlen(i->name) >= n && !memcmp(i->name, name, n))
			return i;
	return NULL;
}

static int is_builtin(const char *name, size_t n)
{
	static const char *const names[] = { "help", "usage", "version" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) >= n && !memcmp(names[i], name, n))
			return 1;
	return 0;
}

/* Does the next argument belong to this one, a cluster of short options? */
static int takes_next(const char *cluster)
{
	for (const char *c = cluster + 1; *c; c++)
		for EACH_OPTION(i)
			if (i->key == *c && i->arg)
				return !c[1];
	return 0;
}

int options_check_names(struct options *o, int argc, char **argv)
{
	enum { OPTIONS = sizeof(options_table) / sizeof(*options_table) };
	const char *names[OPTIONS + 3] = { "help", "version" };
	unsigned k = 2;

	for EACH_OPTION(i)
		if (i->name)
			names[k++] = i->name;
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i] + 2;
		const struct argp_option *known;
		size_t n;

		if (!strcmp(argv[i], "--"))
			return 0;
		if (strncmp(argv[i], "--", 2)) {
			i += argv[i][0] == '-' && takes_next(argv[i]);
			continue;
		}
		n = strcspn(name, "=");
		known = option_named(name, n);
		if (known) {
			i += known->arg && !name[n];
		} else if (!is_builtin(name, n)) {
			wrong(o, "there is no option '--%.*s'", n < 64 ? (int)n : 64, name);
			options_suggest(o, name, n, names, "--");
			return EINVAL;
		}
	}
	return 0;
}

/* ---- help */

/* What people look for last: examples, and what a filter may name. Allocated, as argp wants it. */
static char *help_tail(const char *text)
{
	static const char examples[] =
		"\n\nExamples:\n"
		"  zctrace --port 8000                    live dashboard of a port\n"
		"  zctrace --pid 4242 -o json | jq .path  a line for each request\n"
		"  zctrace --port 8000 -f 'status >= 500' only what failed\n"
		"  zctrace --port 8000 -w incident.pcapng record; -r incident.pcapng replays\n"
		"  zctrace -- curl -s https://localhost/  run a command and trace it\n"
		"\nWords of --filter: entry (a request from outside, counted once), root.\n"
		"Fields of --filter:\n ";
	char *all = NULL;
	size_t size, column = 1;
	FILE *f = open_memstream(&all, &size);

	if (!f)
		return NULL;
	fprintf(f, "%s%s", text ? text : "", examples);
	for (const struct span_field *i = span_fields(); i->name; i++) {
		if (column + strlen(i->name) + 2 > 78) {
			fprintf(f, "\n ");
			column = 1;
		}
		column += (size_t)fprintf(f, " %s", i->name);
	}
	fclose(f);
	return all;
}

char *options_help_filter(int key, const char *text, void *input)
{
	(void)input;
	return key == ARGP_KEY_HELP_POST_DOC ? help_tail(text) : (char *)text;
}
