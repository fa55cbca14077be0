/*
 * options.h - what the command line asks for
 *
 * Strings are borrowed from argv. Everything that can be judged without looking at the system has
 * been: ranges of numbers, names of formats, combinations that make no sense. What a pattern, a
 * filter or a file is worth is found out by whoever uses it.
 */
#ifndef ZC_CLI_OPTIONS_H
#define ZC_CLI_OPTIONS_H

#include <netinet/in.h>
#include <stdint.h>
#include "attach/attach.h" /* enum attach_role */
#include "cli/zones.h"
#include "core/flows.h"	   /* struct port_range */
#include "core/red_field.h"
#include "core/route.h"	   /* enum route_mode */
#include "sinks/attributes.h"

/* Exit statuses, besides that of COMMAND. */
#define EXIT_DONE 0
#define EXIT_FAILED 1	   /* while running */
#define EXIT_BAD_USAGE 2
#define EXIT_UNSUPPORTED 3 /* not permitted, or not possible on this system */

#define OPTIONS_MAX_BODY (1u << 20)
#define OPTIONS_MAX_SLOWEST 1000u
#define OPTIONS_MAX_KEEP (1u << 21) /* spans */
#define OPTIONS_LEAST_MEMORY (1ull << 20)
#define OPTIONS_MAX_MEMORY (4ull << 30)
#define OPTIONS_MAX_READS 16u
#define OPTIONS_MAX_OUTPUTS 8u

enum output {
	OUTPUT_TEXT,
	OUTPUT_BRIEF,
	OUTPUT_JSON,
	OUTPUT_SUMMARY,
	OUTPUT_CSV, /* of the summary */
	OUTPUT_MARKDOWN,
	OUTPUT_TOP,
	OUTPUT_WATERFALL,
	OUTPUT_OTLP,
	OUTPUT_FLOWS,
	OUTPUT_HTML
};

struct output_spec {
	enum output format;
	const char *file; /* NULL: standard output, of one output at most */
	int to_stderr;	  /* instead, as what a command prints goes to standard output */
};

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum capture { CAPTURE_AUTO, CAPTURE_SKB, CAPTURE_PACKET };

struct string_list {
	const char **v;
	unsigned n;
};

struct options {
	/* selectors */
	struct port_range *ports;
	unsigned nports;
	uint32_t *pids;
	unsigned npids;
	struct string_list comms, exes, cgroups, containers, services;
	struct string_list pods, namespaces; /* of Kubernetes: [NAMESPACE/]NAME; NAMESPACE */
	struct string_list tls_symbols; /* LIB:FUNC=ADDRESS */
	int all;
	enum attach_role role;
	int no_downstream;
	int follow;
	char **command; /* NULL: none; else ends with NULL, as for execvp */

	/* source and recording */
	const char *read, *write, *interface; /* NULL: not asked for; read: the first of them */
	struct string_list reads;	      /* to be merged */
	int follow_file;
	enum capture capture;

	/* what is shown */
	struct output_spec outputs[OPTIONS_MAX_OUTPUTS];
	unsigned noutputs; /* 0: nothing is shown, standard output is the recording's */
	const char *filter;
	const char *since, *until; /* of a file, as when_parse() takes it; NULL: all */
	int edge; /* only what red_edge() is true of */
	struct string_list routes;
	enum route_mode unmatched;
	struct string_list headers;
	uint32_t body;
	uint32_t names; /* bits of parsers/names/names.h */
	int no_redact;
	uint64_t count;	      /* 0: no limit */
	uint64_t duration_ns; /* 0: no limit */
	uint64_t interval_ns; /* 0: once, at the end */
	int group;	      /* an enum red_by; -1: not given */
	struct red_field group_field; /* of RED_BY_FIELD */
	int sort;	      /* a summary_sort_key(); -1: not given */
	const char *sort_given; /* its name; NULL: not given */
	enum color color;
	int no_mouse;	      /* in the dashboard */
	unsigned slowest;     /* traces; 0: all */
	uint8_t unfold;	      /* waterfalls: calls that are alike one by one */
	uint32_t keep;	      /* spans, in the dashboard; 0: not said */
	uint64_t memory;      /* bytes for them; 0: not said */
	struct zones zones;   /* of flows */
	int resolve;	      /* ask DNS for names of peers */
	const char *otlp;     /* a collector, "": the environment's; NULL: do not export */
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} prometheus; /* where it is scraped; family 0: nowhere */
	int skip_instrumented; /* processes that export their own spans are not exported */
	struct attribute_rules attributes; /* of metrics */
	unsigned features; /* bits FEATURE_* of sinks/metrics.h */
	unsigned otlp_signals; /* bits 1 << enum otlp_signal; 0: not given */
	int stats, quiet, verbose;
	int doctor, list; /* diagnosis, or the services here, instead of tracing */
	int choose;	  /* nothing is selected, and somebody at a terminal may choose */

	int last_option; /* while parsing: the key of the option before this argument */
	char error[512];
};

/*
 * 0, or an exit status after one line on standard error. --help, --usage and --version end the
 * program. To be released in any case.
 */
int options_parse(struct options *o, int argc, char **argv);
void options_release(struct options *o);

/* One more port; 0, or out of memory. */
int options_add_port(struct options *o, uint16_t port);

/* The value of --names, of --unmatched: 0, or EINVAL with one line in o->error. */
int options_names(struct options *o, const char *arg);
int options_unmatched(struct options *o, const char *arg);

/* Are there selectors of processes by anything but their numbers? */
int options_select_by_name(const struct options *o);

int options_has_output(const struct options *o, enum output format);

/* Is it a chosen one? */
int options_has_port(const struct options *o, uint16_t port);

/* Does something that is written for the user go to standard output? */
int options_use_stdout(const struct options *o);

/* "text", …, as with -o. */
const char *output_name(enum output format);

#endif
