/*
 * model.h - what the dashboard knows: the latest spans, and figures by group
 *
 * Knows neither terminal nor clock. Spans go to what is shown (`now`); while the display is paused,
 * to a second store of the same bounds (`behind`), which is added to the first when it goes on. So
 * pausing costs the capture nothing and loses no count.
 *
 * With a filter there are two sets of figures: of all spans, which a later change of the filter
 * needs, and of those that match. The latter begin with the spans that are still kept.
 */
#ifndef ZC_CLI_TUI_MODEL_H
#define ZC_CLI_TUI_MODEL_H

#include "cli/tui/model_ring.h"
#include "core/red.h"

#define MODEL_ROWS 500u	   /* of each grouping */
#define MODEL_SECONDS 64u  /* that each row remembers one by one */

struct filter;

struct model_store {
	struct span_ring ring;
	struct red all[RED_TABLES], match[RED_TABLES];
	uint64_t spans, errors;
	uint64_t cleared;	/* number in the ring of the first span that is counted */
	uint64_t matched_since; /* wall clock: what matches is counted since then; 0: all of it */
	uint64_t marked; /* number in the ring of the first span after the baseline */
};

struct model {
	struct model_store *now, *behind; /* behind: NULL unless paused */
	struct filter *filter;		  /* owned; NULL: none */
};

int model_init(struct model *m); /* 0 or -ENOMEM */
void model_keep(struct model *m, uint32_t spans); /* how many; before the first one */
void model_release(struct model *m);

void model_span(struct model *m, const struct span *s);

/*
 * Takes over f (NULL: none), and shows what passes it. Only while not paused or with what is shown.
 */
void model_filter(struct model *m, struct filter *f);

int model_pause(struct model *m); /* 0 or -ENOMEM */
void model_resume(struct model *m);

/* Forgets everything that was counted. The baseline goes with it. */
void model_clear(struct model *m);

/* Baseline of every grouping; now: wall clock. */
void model_mark(struct model *m, uint64_t now);
void model_unmark(struct model *m);

/* What is to be shown by this grouping. Its `since` is when counting began. */
struct red *model_red(const struct model *m, enum red_by by);

#endif
