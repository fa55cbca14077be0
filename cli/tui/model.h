/*
 * model.h - what the dashboard knows: the latest spans, and figures by group
 *
 * Knows neither terminal nor clock. Spans go to what is shown (`now`); while the display is paused,
 * to a second store of the same bounds (`behind`), which is added to the first when it goes on. So
 * pausing costs the capture nothing and loses no count.
 *
 * With a filter, or a time that is looked at, there are two sets of figures: of all spans, which a
 * later change of the filter needs, and of those that match. The latter begin with the latest spans
 * that are still kept; those that are kept for longer, since they failed or were slow, would be too
 * many for their time.
 */
#ifndef ZC_CLI_TUI_MODEL_H
#define ZC_CLI_TUI_MODEL_H

#include "cli/tui/model_net.h"
#include "cli/tui/model_ring.h"
#include "core/red.h"

#define MODEL_ROWS 500u	   /* of each grouping */
#define MODEL_SECONDS 64u  /* that each row remembers one by one */

struct filter;

struct model_figures {
	struct red all[RED_TABLES], match[RED_TABLES];
	struct net net; /* whatever the filter */
	uint64_t spans, errors;
	uint64_t from; /* number in the ring of the first span that is counted */
	uint64_t field_since;	/* the same of RED_BY_FIELD */
	uint64_t matched_since; /* wall clock: what matches is counted since then; 0: all of it */
};

struct model_store {
	struct span_ring ring;
	struct model_figures f;
	uint64_t marked; /* number in the ring of the first span after the baseline */
};

struct model {
	struct model_store *now, *behind; /* behind: NULL unless paused */
	struct filter *filter;		  /* owned; NULL: none */
	struct red_field field; /* that of RED_BY_FIELD */
	uint64_t from, to; /* only what ended in between is shown, wall clock; to == 0: all */
	struct model_figures *cleared;	  /* for model_undo; NULL: nothing was cleared */
	int recount; /* the filter is another one than when that was cleared */
};

int model_init(struct model *m); /* 0 or -ENOMEM */
/* How much is kept, as ring_set_size: 0 or -ENOMEM. While paused, what waits has as much again. */
int model_keep(struct model *m, uint64_t memory, uint32_t spans);
void model_release(struct model *m);

void model_span(struct model *m, const struct span *s);
void model_flow(struct model *m, const struct engine_flow *f);

/*
 * Takes over f (NULL: none), and shows what passes it. Only while not paused or with what is shown.
 */
void model_filter(struct model *m, struct filter *f);

/*
 * Groups by f, in RED_BY_FIELD, what is kept and what comes. Under the same conditions.
 */
void model_field(struct model *m, const struct red_field *f);

/*
 * Shows what ended from `from` on and before `to`, of what is kept and of what comes; to == 0: all.
 * Under the same conditions. model_red()->since tells how far back all of that is kept.
 */
void model_between(struct model *m, uint64_t from, uint64_t to);

int model_pause(struct model *m); /* 0 or -ENOMEM */
void model_resume(struct model *m);

/*
 * Shows nothing of what was counted any more. The baseline goes with it. model_undo brings figures
 * and spans back, together with what came since, unless model_forget came before: -ENOENT then.
 */
void model_clear(struct model *m);
int model_undo(struct model *m);
void model_forget(struct model *m);

/* As if nothing had ever come. */
void model_reset(struct model *m);

/* Baseline of every grouping; now: wall clock. */
void model_mark(struct model *m, uint64_t now);
void model_unmark(struct model *m);

/* When the first of the latest spans ended, if others are kept beside them, else 0. */
uint64_t model_latest(const struct model *m);

/* Is it slow, for what its route usually takes? */
int model_slow(const struct model *m, const struct span *s);

/* What is to be shown by this grouping. Its `since` is when counting began. */
struct red *model_red(const struct model *m, enum red_by by);

#endif
