/*
 * input.h - from selectors to a source: probes, an interface, or a file
 */
#ifndef ZC_CLI_INPUT_H
#define ZC_CLI_INPUT_H

#include <sys/types.h>
#include "attach/attach.h"
#include "cli/options.h"
#include "core/source.h"

struct input {
	struct source *source;
	struct attach *attach; /* NULL: the source is none of probes */
	const char *backend;   /* "skb", "packet"; NULL: a file */
	char what[256];	       /* what is traced, for people */
};

/*
 * command: pid of the child to trace, or 0. wake_fd: becomes readable when waiting for an input is
 * to end. on_note as in struct attach_options; may be called as
 * long as the origin lives. 0, or an exit status with the reason in err.
 */
int input_open(struct input *g, const struct options *o, pid_t command, int wake_fd,
		void (*on_note)(void *ctx, const char *name, const char *text), void *ctx,
		char *err, size_t errlen);

/*
 * Only the selectors of the command line, nothing started. NULL: exit status and reason are told.
 */
struct attach *input_selectors(const struct options *o, int *status, char *err, size_t errlen);

/* The exit status that a negative errno of attach.h stands for. */
int input_status(int err);

/* Probes off; the source is gone. */
void input_close(struct input *g);

#endif
