/*
 * options_impl.h - private to the options: reading them (options.c), those of exporters
 * (options_export.c), what is wrong with a value (options_value.c), and what they say together
 * (options_check.c)
 */
#ifndef ZC_CLI_OPTIONS_IMPL_H
#define ZC_CLI_OPTIONS_IMPL_H

#include "cli/options.h"

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

/* Values of --names, --features, --prometheus, --otlp-signals, --attributes. 0 or EINVAL. */
int options_names(struct options *o, const char *arg);
int options_features(struct options *o, const char *arg);
int options_prometheus(struct options *o, const char *arg);
int options_signals(struct options *o, const char *arg);
int options_attributes(struct options *o, const char *arg);

/* What makes sense only with, or without, something else; defaults that depend on the rest. */
int options_check(struct options *o);

#endif
