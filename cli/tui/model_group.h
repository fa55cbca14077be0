/*
 * model_group.h - rate, errors and durations by route, service, host, peer, status or client
 *
 * All six groupings are kept at the same time, so that switching loses nothing. Each has at most
 * GROUPS_MAX rows; what comes beyond is counted in one row named "(others)". A row knows the last
 * GROUP_SECONDS seconds for sparkline and spectrum, and all since the last clearing for the
 * figures. Memory: about 4 KiB a row, plus its histogram of some 5 KiB.
 */
#ifndef ZC_CLI_TUI_MODEL_GROUP_H
#define ZC_CLI_TUI_MODEL_GROUP_H

#include <stdint.h>
#include "core/hist.h"
#include "core/span.h"

#define GROUPS_MAX 500u
#define GROUP_SECONDS 64u /* a power of two */
#define GROUP_NAME_MAX 512u
#define SPECTRUM_ROWS 20u    /* octaves of duration */
#define SPECTRUM_FIRST 14u   /* row 0 holds what is shorter than 2^14 ns, 16 µs */

enum group_by { BY_ROUTE, BY_SERVICE, BY_HOST, BY_PEER, BY_STATUS, BY_CLIENT, BY_COUNT };

enum error_class { CLASS_4XX, CLASS_5XX, CLASS_BROKEN, CLASS_PROTOCOL, CLASS_COUNT };

/* What adds up. */
struct group_sums {
	uint64_t count, errors, incomplete;
	uint64_t class[CLASS_COUNT]; /* 4xx counts here even where it is no error (server) */
	uint64_t req_bytes, resp_bytes;
	uint64_t spectrum[SPECTRUM_ROWS]; /* by duration */
};

struct group_second {
	uint32_t second; /* UNIX time of the end of the spans */
	uint32_t count, errors;
	uint16_t spectrum[SPECTRUM_ROWS]; /* stays at its maximum */
};

struct group {
	struct group *next;
	uint64_t id;   /* hash of what makes the group: the identity of its row */
	enum span_kind kind;
	struct str method, name, service; /* method and service: only by route; p == NULL: unknown */
	struct group_sums sums, base;	  /* base: at the baseline */
	struct hist durations, base_durations;
	struct group_second ring[GROUP_SECONDS];
	uint32_t in_flight; /* set by groups_count_in_flight */
	char text[];
};

#define GROUP_BUCKETS 1024u

struct groups {
	enum group_by by;
	unsigned n;
	struct group *rows[GROUPS_MAX + 1]; /* in the order in which they came */
	struct group *bucket[GROUP_BUCKETS];
	struct group *others; /* one of rows, or NULL */
	uint64_t since;	      /* wall clock of the first span, 0: none */
	uint64_t base_since;  /* of the baseline; 0: none */
};

void groups_init(struct groups *g, enum group_by by);
void groups_release(struct groups *g);

/* Counts s. Out of memory: it is not counted in this grouping. */
void groups_add(struct groups *g, const struct span *s);

/* The row of s, or NULL. */
struct group *groups_find(const struct groups *g, const struct span *s);

/* Is s counted in row r of g? */
int groups_holds(const struct groups *g, const struct group *r, const struct span *s);

/* Adds what src has counted. */
void groups_merge(struct groups *g, const struct groups *src);

/* Remembers what there is as the baseline; forgets the baseline. */
void groups_mark(struct groups *g, uint64_t now);
void groups_unmark(struct groups *g);

/* What came since the baseline, or all if there is none. d is initialised. */
void group_since(const struct groups *g, const struct group *r, struct group_sums *s,
		 struct hist *d);

/* Spans per second over the last `seconds` (at most GROUP_SECONDS - 4) before now. */
double group_rate(const struct groups *g, const struct group *r, uint64_t now, unsigned seconds);

/* The ring's entry of that second; NULL: nothing came in it, or it is too long ago. */
const struct group_second *group_second(const struct group *r, uint64_t second);

/* "GET", "(unknown)": a name for people, never NULL. */
struct str group_name(const struct group *r);
const char *group_by_name(enum group_by by);

/* When the span was over, on the wall clock. */
uint64_t span_end(const struct span *s);
unsigned spectrum_row(uint64_t duration_ns);

#endif
