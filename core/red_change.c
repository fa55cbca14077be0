#include "core/red_change.h"

#include <string.h>

#define SLICES (RED_WINDOW_MAX / RED_COARSE_SECONDS)
#define LATEST 3u	 /* slices that tell how it is now: 10 to 15 seconds */
#define LEAST_BEFORE 30u /* requests */
#define LEAST_AFTER 10u
#define LEAST_CASES 5u /* that are slow, or failed */
#define FACTOR 2.0
#define MORE_FAILURES 0.05 /* of all */

struct part {
	struct red_counts counts;
	struct hist durations;
};

static void part_release(struct part *p)
{
	hist_release(&p->durations);
}

/* Slices from (the latest of them) to before `end`. */
static void add_up(const struct red *t, const struct red_row *r, unsigned from, unsigned end,
		   struct part *p)
{
	red_slices(t, r, from, end - 1, &p->counts, &p->durations);
}

static double share(const struct part *p, enum red_change_kind kind)
{
	uint64_t n = kind == RED_FAILING ? p->counts.errors : p->counts.class[RED_4XX];

	return p->counts.count ? (double)n / (double)p->counts.count : 0;
}

/* More of them lie above what was the slowest per cent than the per cent that is to be expected. */
static int is_slower(const struct part *p, uint64_t p99)
{
	uint64_t above = hist_above(&p->durations, p99);

	return above >= LEAST_CASES && (double)above >= 3 + 0.03 * (double)p->durations.count;
}

static int compare(const struct part *before, const struct part *after, enum red_change_kind kind,
		   struct red_change *c)
{
	c->kind = kind;
	c->nbefore = before->counts.count;
	c->nafter = after->counts.count;
	if (kind == RED_SLOWER) {
		uint64_t p99 = hist_percentile(&before->durations, 99);

		c->before = (double)p99;
		c->after = (double)hist_percentile(&after->durations, 99);
		return before->durations.count >= LEAST_BEFORE && c->after >= FACTOR * c->before &&
		       is_slower(after, p99);
	}
	c->before = share(before, kind);
	c->after = share(after, kind);
	return c->after * (double)c->nafter >= LEAST_CASES - 0.5 &&
	       c->after >= FACTOR * c->before + MORE_FAILURES;
}

/* Is it in that slice as it is now, and not as it was before? */
static int is_after(const struct part *p, const struct red_change *c)
{
	if (c->kind == RED_SLOWER)
		return hist_percentile(&p->durations, 99) >
			       (uint64_t)((c->before + c->after) / 2) ||
		       is_slower(p, (uint64_t)c->before);
	return share(p, c->kind) > (c->before + c->after) / 2;
}

/* Back in time, as long as the slices that have something in them look like the latest. */
static void find_begin(const struct red *t, const struct red_row *r, struct red_change *c)
{
	unsigned first = 0;
	struct part p;

	for (unsigned ago = 0; ago < SLICES; ago++) {
		memset(&p, 0, sizeof(p));
		add_up(t, r, ago, ago + 1, &p);
		if (p.counts.count && is_after(&p, c))
			first = ago;
		if (p.counts.count && first != ago && ago >= LATEST) {
			part_release(&p);
			break;
		}
		part_release(&p);
	}
	c->since = (t->second / RED_COARSE_SECONDS - first) * RED_COARSE_SECONDS * 1000000000ull;
}

/* Against all that is older than so many slices. */
static int against(const struct red *t, const struct red_row *r, unsigned older,
		   const struct part *after, struct red_change *c)
{
	struct part before;
	int found = 0;

	memset(&before, 0, sizeof(before));
	add_up(t, r, older, SLICES, &before);
	if (before.counts.count >= LEAST_BEFORE)
		for (int kind = RED_FAILING; kind >= 0 && !found; kind--)
			found = compare(&before, after, (enum red_change_kind)kind, c);
	if (before.counts.count >= LEAST_BEFORE && !found)
		found = compare(&before, after, RED_REFUSED, c);
	part_release(&before);
	return found;
}

int red_change(const struct red *t, const struct red_row *r, struct red_change *c)
{
	/*
	 * The further back, the longer a change is seen, as what it is compared with is not part of
	 * it; where there is no past to that, with what there is.
	 */
	static const uint8_t older[] = {SLICES * 3 / 5, SLICES * 2 / 5, SLICES / 4, SLICES / 6,
					SLICES / 10,	SLICES / 15,	LATEST};
	struct part after;
	int found = 0;

	memset(&after, 0, sizeof(after));
	add_up(t, r, 0, LATEST, &after);
	for (unsigned i = 0; after.counts.count >= LEAST_AFTER && i < sizeof(older) && !found; i++)
		found = against(t, r, older[i], &after, c);
	part_release(&after);
	if (found)
		find_begin(t, r, c);
	return found;
}
