/*
 * tui.h - the dashboard: everything the engine knows, on a terminal
 *
 * Life: tui__new (judges options), tui__open (takes over the terminal), then tui__span and
 * tui__note for what comes in, tui__step at least every 50 ms, tui__close (gives the terminal
 * back), tui__free. Capture never waits for the screen: tui__step draws at most ten times a second
 * and reads keys without blocking; spans are copied into stores of fixed bounds (model.h).
 *
 * While it is open, standard error is kept aside, and shown when the terminal is given back.
 */
#ifndef ZC_CLI_TUI_TUI_H
#define ZC_CLI_TUI_TUI_H

#include <stddef.h>
#include "attach/attach.h"
#include "cli/stats.h"
#include "cli/tui/replay.h"
#include "cli/tui/screen.h"
#include "core/engine.h"
#include "core/source.h"

struct tui;
struct options;

struct tui_options {
	const char *filter;	/* NULL: none; has been found right */
	const char *sort;	/* as --sort has it, for Routes; NULL: rate, or time of databases */
	int group;		/* an enum red_by; -1: as configured */
	const char *group_field; /* of RED_BY_FIELD, has been found right */
	uint64_t interval_ns;	/* 0: one second */
	uint64_t memory;	/* bytes of history, as model_keep has it */
	uint32_t keep;		/* spans */
	enum screen_color color;
	enum screen_theme theme;
	int no_mouse;
	int redact;
	const char *const *headers; /* to be shown with a span; "*": all */
	unsigned nheaders;
	int body;		    /* content is to be shown */
	uint32_t body_bytes;	    /* so much of it is kept */
	/* Keeps header fields, and so much content, of what comes from now on. */
	void (*keep_heads)(void *ctx, int fields, uint32_t body_bytes);

	/*
	 * Starts a recording into path, or ends it (NULL). 0, or a negative errno with one line in
	 * err. NULL: cannot be.
	 */
	int (*record)(void *ctx, const char *path, char *err, size_t errlen);
	/* Other selectors, as in reselect.h; NULL: cannot be. */
	int (*select)(void *ctx, const char *which, const char *what, char *err, size_t errlen);
	/* Another setting, as in adjust.h; NULL: cannot be. */
	int (*change)(void *ctx, const char *which, const char *what, char *err, size_t errlen);
	/* The name of an address where no process is known, until the next call; NULL: none. */
	const char *(*host_name)(void *ctx, const uint8_t addr[16], uint64_t time_ns);
	const char *recording; /* the one that is going on from the beginning; NULL: none */
	void *ctx;
};

/* Where the dashboard looks for what is not a span. All borrowed. */
struct tui_sources {
	struct engine *engine;
	struct source *source;
	const struct stats_before *before; /* what others counted that were there before */
	struct replay *replay;	 /* NULL: live */
	const char *target;	 /* "port 8000 (nginx, pid 4242)", or the file */
	const char *backend;	 /* NULL: a file */
	struct attach *attach;	 /* NULL: there are no probes */
	const struct options *options; /* what was selected, to say what is missing; or NULL */
	void *ctx;
};

struct tui *tui__new(const struct tui_options *o); /* NULL: out of memory */
int tui__open(struct tui *t, const struct tui_sources *s, char *err, size_t errlen); /* 0 or -1 */

void tui__span(struct tui *t, const struct span *s);
/*
 * Begins with what ended in that time, wall clock, as the key @ does; asked again, it is as before.
 */
void tui__between(struct tui *t, uint64_t from, uint64_t to);

void tui__note(struct tui *t, const struct note *n);
void tui__flow(struct tui *t, const struct engine_flow *f);

/* The engine is another one from now on, which knows nothing yet (the replay went back). */
void tui__restart(struct tui *t, struct engine *e);

/* All that is known comes from others now, which know nothing yet; what was shown stays. */
void tui__reopened(struct tui *t, const struct tui_sources *s);

/* All that was traced has ended: what was seen stays, until the user leaves. */
void tui__over(struct tui *t);

/* Keys, and the picture where it is due. 1: the user wants to leave. */
int tui__step(struct tui *t);

void tui__close(struct tui *t); /* may be called again, and when not open */
void tui__free(struct tui *t);	/* closes first; NULL is allowed */

#endif
