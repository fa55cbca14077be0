/*
 * session_impl.h - the parts of a run, for session.c (the loop) and pipeline.c (what it drives)
 */
#ifndef ZC_CLI_SESSION_IMPL_H
#define ZC_CLI_SESSION_IMPL_H

#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/filter.h"
#include "cli/hosts.h"
#include "cli/input.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/procnames.h"
#include "cli/stats.h"
#include "cli/tui/tui.h"
#include "core/mask.h"
#include "core/recorder.h"
#include "core/route.h"

struct session {
	const struct options *opt;

	/* the way of an event, in this order */
	struct input input;
	struct procnames *names;
	struct cluster *cluster;   /* NULL: this is no pod, or it is not asked */
	struct hosts *hosts;	   /* NULL: names of peers come from processes only */
	struct recorder *recorder; /* NULL: not recording */
	struct mask *mask;	   /* NULL: secrets are recorded */
	struct engine *engine;
	struct routes *routes;
	struct filter *filter; /* NULL: everything is shown */
	int keep_fields;       /* of heads, for whom shows or compares them */
	uint32_t keep_body;    /* bytes of content */
	uint32_t naming;       /* of what travels in HTTP, as in the engine's options */
	struct outputs outputs;
	uint32_t unread;       /* ENGINE_NO_*: what nobody reads of spans */
	struct tui *tui;       /* NULL: no dashboard; it sees spans before the filter */
	struct replay *replay; /* the clock of a file in the dashboard, or NULL; is input.source */

	struct reselect *reselected; /* owns opt once selectors have changed; or NULL */
	struct stats_before before;  /* until then */
	struct command *command; /* NULL: none */
	int signals;		 /* descriptor, see signals.h */
	int done;		 /* no more events are taken */
	int recorder_reported;	 /* its error was reported */
	uint64_t shown;
	uint64_t first_event, last_event; /* times on the source's clock; 0: none yet */
	uint64_t since, until; /* wall clock: what ended in between is shown */
	uint64_t over_since; /* monotonic: all that was traced had ended; 0: not yet */
	uint64_t next_flows; /* source clock: when flows are told; 0: at their ends only */
	uint64_t flows_rested; /* the last event, when a replay last stood still */
	int flows_counted;   /* what they have become is on its way */
	uint64_t next_tick;		  /* of the sinks, when time comes with the events */
	struct stats stats;
};

/* A signal ends the trace; one that came to us alone reaches the command, too. 0: none came. */
int signalled(struct session *s);

/* What only depends on the options: filter, routes, names, sinks. 0 or an exit status. */
int pipeline_prepare(struct session *s);

/* What depends on the source, which is open: engine and recorder. 0 or an exit status. */
int pipeline_start(struct session *s);

/* What is kept of heads and content from now on; once asked for by a filter, fields stay. */
void pipeline_keep(struct session *s, int fields, uint32_t body);

/*
 * Whether DNS, and in a pod the cluster, is asked for the names of peers. 0, or an exit status: out
 * of memory, and all is as it was.
 */
int pipeline_resolve(struct session *s, int on);

/* An engine anew for a source that was opened in place of another. 0 or an exit status. */
int pipeline_reopen(struct session *s);

/* Engine and sinks anew, for a source that begins anew. 0 or an exit status. */
int pipeline_restart(struct session *s);

/* Records from now on into path. 0, or a negative errno with one line in err. */
int pipeline_record(struct session *s, const char *path, char *err, size_t errlen);

/* The name of an address, by the cluster, /etc/hosts or DNS, until the next call; NULL: none. */
const char *pipeline_host(void *session, const uint8_t addr[16], uint64_t time_ns);

/* source_event_fn */
void pipeline_event(void *session, const struct zc_ev *ev);

/* now: the source's clock. */
void pipeline_tick(struct session *s, uint64_t now);

/* Everything that is still in the pipeline comes out. 0 or an exit status. */
int pipeline_finish(struct session *s);
void pipeline_free(struct session *s);

/* A note to people and to the sinks; as attach_options.on_note. */
void pipeline_note(void *session, const char *name, const char *text);

#endif
