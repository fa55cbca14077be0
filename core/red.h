/*
 * red.h - rate, errors and durations of spans, by group
 *
 * One table for whoever shows such figures: the summary, the dashboard, exporters. What makes a
 * group is chosen when the table is made. A row counts all since the table was made or reset, and
 * what of it came before a baseline; with `intervals` it also knows the latest intervals of time,
 * one by one, which is what a trend, a rate and a window of time are added up from.
 *
 * A table has at most max_rows groups. What belongs to none of them counts in one more row,
 * `others`, so that sums over all rows are those of all spans.
 *
 * A duration that is not known, as that of an exchange still in flight when tracing ended, counts
 * in `count` and `incomplete` and in no percentile.
 *
 * Memory: some 400 octets a row with its names, 512 for each octave of its durations, and
 * sizeof(struct red_interval) for each interval.
 */
#ifndef ZC_CORE_RED_H
#define ZC_CORE_RED_H

#include <stdint.h>
#include "core/hist.h"
#include "core/span.h"

#define RED_NAME_MAX 512u     /* octets of each name of a row; what is longer is cut */
#define RED_SPECTRUM 20u      /* octaves of duration in an interval */
#define RED_SPECTRUM_FIRST 14 /* the first one holds what is shorter than 2^14 ns, 16 µs */

enum red_by {
	RED_BY_ROUTE, /* with method and service */
	RED_BY_SERVICE,
	RED_BY_HOST,
	RED_BY_PEER,
	RED_BY_STATUS,
	RED_BY_CLIENT,
	RED_BY_COUNT
};

/* How a span failed. Classes may be counted where it is no error, as 404 is to a server. */
enum red_class {
	RED_4XX,
	RED_5XX,
	RED_STATUS,   /* a status of the protocol's own, beside HTTP's: of gRPC, of a database */
	RED_FAILED,   /* no answer: timeout, reset, closed, a failed handshake */
	RED_PROTOCOL, /* what came cannot be understood */
	RED_CLASSES
};

struct red_options {
	enum red_by by;
	unsigned max_rows;
	unsigned intervals;   /* kept per row, a power of two; 0: none */
	uint64_t interval_ns; /* of wall clock */
};

struct red_counts {
	uint64_t count, errors, incomplete;
	uint64_t class[RED_CLASSES];
	uint64_t req_bytes, resp_bytes; /* on the wire, as far as known */
};

/* Spans that ended within one interval. */
struct red_interval {
	uint32_t number; /* wall clock / interval_ns */
	uint32_t count, errors;
	uint16_t spectrum[RED_SPECTRUM]; /* by duration, see red_octave(); stays at its maximum */
};

struct red_row {
	struct red_row *next;
	uint64_t id; /* hash of what makes the group: the identity of its row */
	enum span_kind kind;
	int others;			  /* counts what found no room: no names, no kind */
	struct str method, name, service; /* method, service: only by route; p == NULL: unknown */
	struct red_counts counts, base;	  /* base: those before the baseline */
	struct hist durations, base_durations;
	uint32_t in_flight; /* the reader's: not touched here */
	struct red_interval ring[]; /* the names are behind it */
};

struct red {
	struct red_options opt;
	unsigned n, mask;	  /* mask: number of buckets - 1 */
	struct red_row **rows;	  /* n of them, in the order in which they came */
	struct red_row **buckets; /* made with the first row */
	struct red_row *others;	  /* one of rows, or NULL */
	uint64_t spans;
	uint64_t since;	     /* wall clock: the earliest start of a span; 0: none */
	uint64_t base_since; /* of the baseline; 0: none */
};

void red_init(struct red *t, const struct red_options *o);
void red_release(struct red *t);
void red_reset(struct red *t); /* empty again, without a baseline */

/* Counts s; its row, or NULL: out of memory, and s is in `spans` only. */
struct red_row *red_add(struct red *t, const struct span *s);

/* The row in which s is counted; NULL: there is none. */
struct red_row *red_find(const struct red *t, const struct span *s);

/* Adds what src, a table with the same options, has counted. */
void red_merge(struct red *t, const struct red *src);

/* What is counted now becomes the baseline of this time; forgets the baseline. */
void red_mark(struct red *t, uint64_t now);
void red_unmark(struct red *t);

/* What came since the baseline, or all if there is none. d is initialised. */
void red_counted(const struct red *t, const struct red_row *r, struct red_counts *c,
		 struct hist *d);

/* That interval of r; NULL: nothing came in it, or it is too long ago. */
const struct red_interval *red_interval(const struct red *t, const struct red_row *r,
					uint64_t number);

/*
 * Spans per second over the last n intervals before now, n < opt.intervals; the current interval,
 * which is not over, counts with its part, and there is none before the first span.
 */
double red_rate(const struct red *t, const struct red_row *r, uint64_t now, unsigned n);

/* The octave of struct red_interval that a duration belongs to. */
unsigned red_octave(uint64_t duration_ns);

/* How many durations of a whole histogram are in that octave. */
uint64_t red_octave_count(const struct hist *h, unsigned octave);

/* A name for people, never absent. */
struct str red_row_name(const struct red_row *r);

/* "route", "service", … */
const char *red_by_name(enum red_by by);

#endif
