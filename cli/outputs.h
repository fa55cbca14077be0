/*
 * outputs.h - where spans go: for each -o one sink and one way out
 *
 * What happens to one does not touch the others: a full disk or a reader that has left is told
 * once, and the rest goes on. Where several wait for each other, a reader that takes nothing is
 * given up after OUT_PATIENCE_MS. The dashboard stands here as the summary that is left on the
 * screen when it is gone.
 */
#ifndef ZC_CLI_OUTPUTS_H
#define ZC_CLI_OUTPUTS_H

#include <sys/stat.h>

#include "cli/exporters.h"
#include "cli/options.h"
#include "sinks/sink.h"

struct output_way {
	const struct output_spec *spec;
	int fd; /* closed at the end, unless it is standard output */
	struct out out;
	struct sink *sink;
	int gone; /* nothing more is written to it */
};

struct outputs {
	struct output_way way[OPTIONS_MAX_OUTPUTS];
	unsigned n;
	struct exporters exporters; /* beside them */
	int failed; /* for another reason than that a reader has left */
	/* One line of one of them that is gone. It may be handed to the others as a note. */
	void (*on_gone)(void *ctx, const char *text);
	exporters_tell_fn *on_export; /* what an exporter has to say */
	void *ctx;
};

/* Is a file that is to be written, by whatever name, one of those that are read? */
int outputs_would_spoil(const struct options *o, const struct stat *out);

/*
 * Opens the files. None of them is one that is read, the recording's, or another output's. What is
 * in them stays until outputs_start. Waits for the reader of a named pipe. 0, or an exit status
 * after a line on standard error; to be released in any case.
 */
int outputs_open(struct outputs *u, const struct options *o);

/*
 * Makes the sinks; out, interval_ns and color of so are filled in here. wake_fd: see sinks/out.h. 0
 * or an exit status.
 */
int outputs_make(struct outputs *u, const struct options *o, const struct sink_options *so,
		 int wake_fd);

/* Empties the files. live: what comes does not wait. */
void outputs_start(struct outputs *u, int live);

/*
 * As if nothing had been shown: new sinks, empty files. What went into a pipe cannot come back; the
 * note replay-restarted tells its reader. 0 or an exit status, and then all is as before.
 */
int outputs_restart(struct outputs *u, const struct options *o, const struct sink_options *so);

/*
 * match: --filter lets it through; of a trace that is shown, all is. Returns whether it was shown.
 */
int outputs_span(struct outputs *u, const struct span *s, int match);
/* ENGINE_NO_*: what none of them reads of a span. */
uint32_t outputs_unread(const struct outputs *u);

/* line: it is one for -o flows, too. */
void outputs_flow(struct outputs *u, const struct engine_flow *f, int line);
void outputs_note(struct outputs *u, const struct note *n);
void outputs_tick(struct outputs *u, uint64_t now_ns);

/*
 * Lets the sinks work and writes out what there is; wait: all of it, else what is taken at once.
 * Returns how many sinks have something to do still.
 */
unsigned outputs_work(struct outputs *u, uint64_t monotonic_ns, int wait);

/* There were some, and none is left. */
int outputs_gone(const struct outputs *u);

/* Nothing more comes. outputs_work is to follow. */
void outputs_finish(struct outputs *u, const struct sink_totals *t);
void outputs_release(struct outputs *u);

#endif
