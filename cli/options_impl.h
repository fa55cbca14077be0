/*
 * options_impl.h - private to the options: which there are (options_table.c), reading them
 * (options.c), those of exporters (options_export.c), what is wrong with a value (options_value.c),
 * and what they say together (options_check.c)
 */
#ifndef ZC_CLI_OPTIONS_IMPL_H
#define ZC_CLI_OPTIONS_IMPL_H

#include <argp.h>

#include "cli/options.h"

/* Keys of options without a letter */
enum {
	OPT_CGROUP = 256,
	OPT_CONTAINER,
	OPT_SERVICE,
	OPT_POD,
	OPT_NAMESPACE,
	OPT_ROLE,
	OPT_NO_DOWNSTREAM,
	OPT_FOLLOW,
	OPT_FOLLOW_FILE,
	OPT_EDGE,
	OPT_SINCE,
	OPT_UNTIL,
	OPT_ROUTE,
	OPT_UNMATCHED,
	OPT_HEADER,
	OPT_BODY,
	OPT_NAMES,
	OPT_NO_REDACT,
	OPT_CAPTURE,
	OPT_INTERVAL,
	OPT_TLS_SYMBOL,
	OPT_GROUP,
	OPT_SORT,
	OPT_OTLP,
	OPT_OTLP_SIGNALS,
	OPT_ATTRIBUTES,
	OPT_PROMETHEUS,
	OPT_FEATURES,
	OPT_SKIP_INSTRUMENTED,
	OPT_SLOWEST,
	OPT_UNFOLD,
	OPT_KEEP,
	OPT_MEMORY,
	OPT_RESOLVE,
	OPT_ZONE,
	OPT_STATS,
	OPT_COLOR,
	OPT_NO_MOUSE,
	OPT_DOCTOR,
	OPT_LIST,
};

/* Ends with zeros. */
extern const struct argp_option options_table[];

/* EINVAL, with the message in o->error. */
__attribute__((format(printf, 2, 3))) int wrong(struct options *o, const char *fmt, ...);

/* The output that is shown, or NULL. */
const struct output_spec *shown_output(const struct options *o);

/* The value that `names` (ended by NULL) has at the index returned in *out, in either case. */
int options_choose(struct options *o, const char *what, const char *arg,
		   const char *const *names, int *out);

/* "; did you mean PREFIX...?" at the end of o->error, if one of names (ended by NULL) is near. */
void options_suggest(struct options *o, const char *s, size_t n, const char *const *names,
		     const char *prefix);

/* Values of --features, --prometheus, --otlp-signals, --attributes. 0 or EINVAL. */
int options_features(struct options *o, const char *arg);
int options_prometheus(struct options *o, const char *arg);
int options_signals(struct options *o, const char *arg);
int options_attributes(struct options *o, const char *arg);

/* getopt(3) would only say that there is none such. 0, or EINVAL: a name in argv is no option's. */
int options_check_names(struct options *o, int argc, char **argv);

/* For argp: examples, and what a filter may name, behind the rest of --help. */
char *options_help_filter(int key, const char *text, void *input);

/* What makes sense only with, or without, something else; defaults that depend on the rest. */
int options_check(struct options *o);

#endif
