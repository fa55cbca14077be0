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
#include "core/red_field.h"
#include "core/span.h"

#define RED_NAME_MAX 512u     /* octets of each name of a row; what is longer is cut */
#define RED_SPECTRUM 20u      /* bands of duration: up to 20 µs, 50, 100, … 20 s, and longer */

enum red_by {
	RED_BY_ROUTE, /* with method and service */
	RED_BY_SERVICE,
	RED_BY_HOST,
	RED_BY_PEER,
	RED_BY_STATUS,
	RED_BY_CLIENT,
	RED_BY_SYSTEM,	    /* postgresql, kafka, elasticsearch, http/1.1 */
	RED_BY_COLLECTION,  /* of databases, with the system as method */
	RED_BY_DESTINATION, /* topics, queues and subjects, with the system as method */
	RED_BY_COUNT,	    /* of those that people choose from */

	RED_BY_HOP = RED_BY_COUNT, /* what is asked from outside, and who calls whom */
	/* there is a row of requests (server) and one of calls that no request has caused */
	RED_BY_EDGE,
	RED_BY_FIELD, /* opt.field; one without a name: nothing belongs there */
	RED_TABLES
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
	const struct red_field *field; /* borrowed */
	unsigned max_rows;
	unsigned intervals;   /* kept per row, a power of two; 0: none */
	uint64_t interval_ns; /* of wall clock */
	int windows;	      /* red_window() will be asked */
	int edges; /* what comes from outside is not in one row with what goes on behind it */
	int callers; /* calls are counted by the requests that have made them */
};

struct red_counts {
	uint64_t count, errors, incomplete;
	uint64_t class[RED_CLASSES];
	uint64_t req_bytes, resp_bytes; /* on the wire, as far as known */
	/*
	 * With opt.callers: calls that a request has made that is seen here, and how many such
	 * requests there are. A request is known by its latest calls: where thousands make such
	 * calls at the same time, some may count twice.
	 */
	uint64_t called, callers;
};

/* Spans that ended within one interval. */
struct red_interval {
	uint32_t number; /* wall clock / interval_ns */
	uint32_t count, errors;
	uint16_t spectrum[RED_SPECTRUM]; /* by band of the duration; stays at its maximum */
};

struct red_past;

struct red_row {
	struct red_row *next;
	uint64_t id; /* hash of what makes the group: the identity of its row */
	enum span_kind kind;
	int edge;			  /* red_edge() of its spans; with opt.edges */
	int others;			  /* counts what found no room: no names, no kind */
	int database;			  /* its first span was of a database */
	struct str method, name, service; /* method, service: only by some; p == NULL: unknown */
	struct red_counts counts, base;	  /* base: those before the baseline */
	struct hist durations, base_durations;
	struct red_past *past; /* see red_past.h; NULL: nothing of a window of time is kept */
	uint64_t median, median_due; /* red_median's */
	uint32_t in_flight; /* the reader's: not touched here */
	struct red_interval ring[]; /* the names are behind it */
};

/* What tells that the strings of a span are those of another one: see span.alike. */
struct red_alike {
	uint64_t conn, alike, names;
	uint32_t pid, peer_pid;
	const char *route;
};

struct red {
	struct red_options opt;
	unsigned n, mask;	  /* mask: number of buckets - 1 */
	struct red_row **rows;	  /* n of them, in the order in which they came */
	struct red_row **buckets; /* made with the first row */
	struct red_row *others;	  /* one of rows, or NULL */
	/* that of the latest span, which often is the next one's; or NULL */
	struct red_row *last;
	struct red_alike alike; /* with last */
	struct way *callers; /* requests whose calls were counted, row by row; or NULL */
	uint64_t spans;
	uint64_t since;	     /* wall clock: the earliest start of a span; 0: none */
	uint64_t base_since; /* of the baseline; 0: none */
	uint64_t second;     /* of wall clock, the one that is being counted; with opt.windows */
};

void red_init(struct red *t, const struct red_options *o);
void red_release(struct red *t);
void red_reset(struct red *t); /* empty again, without a baseline */

/* Is it at the edge: asked from outside, or called without a request that has led to it? */
int red_edge(const struct span *s);

/*
 * Counts s; its row, or NULL: out of memory, and s is in `spans` only; or s does not belong into
 * such a table. By hop, the caller is the row's service and who is called its name; a server's
 * row, without a name, is what comes from outside.
 */
struct red_row *red_add(struct red *t, const struct span *s);

/* The row in which s is counted; NULL: there is none. */
struct red_row *red_find(const struct red *t, const struct span *s);

/*
 * Is a duration out of the ordinary for its row? Of r == NULL, `others` and where there is no
 * median, from RED_SLOW_NS on.
 */
#define RED_SLOW_NS 500000000ull
#define RED_SLOW_TIMES 4u /* the median */
#define RED_SLOW_LEAST 1000000ull
int red_slow(struct red_row *r, uint64_t duration_ns);

/* Adds what src, a table with the same options, has counted. */
void red_merge(struct red *t, const struct red *src);

/* What is counted now becomes the baseline of this time; forgets the baseline. */
void red_mark(struct red *t, uint64_t now);
void red_unmark(struct red *t);

/*
 * Windows of time: what ended in the latest seconds before now, 5 to 300 of them, in steps of five
 * where they are more than RED_WINDOW_FINE; 0: all. Never more than what came since the baseline.
 * Percentiles have the bound of struct hist; maximum and sum have it, too.
 *
 * red_advance says how late it is; then red_window adds up, and red_window_ns tells how long the
 * time is that it added up. c and d are overwritten, d is initialised.
 */
#define RED_WINDOW_FINE 15u
#define RED_COARSE_SECONDS 5u
#define RED_WINDOW_MAX 300u

void red_advance(struct red *t, uint64_t now);
void red_window(const struct red *t, const struct red_row *r, unsigned seconds,
		struct red_counts *c, struct hist *d);
uint64_t red_window_ns(const struct red *t, uint64_t now, unsigned seconds);

/* The same of slices of RED_COARSE_SECONDS; 0 is the one that is being counted, 1 the one before.
 */
void red_slices(const struct red *t, const struct red_row *r, unsigned latest, unsigned earliest,
		struct red_counts *c, struct hist *d);

/* That interval of r; NULL: nothing came in it, or it is too long ago. */
const struct red_interval *red_interval(const struct red *t, const struct red_row *r,
					uint64_t number);

/* The longest duration of a band; UINT64_MAX: of the last. */
uint64_t red_band_end(unsigned band);

/* How many durations of a whole histogram are in each band, within its error. */
void red_bands(const struct hist *h, uint64_t count[RED_SPECTRUM]);

void red_counts_add(struct red_counts *to, const struct red_counts *c);

/* Are rows told apart by the system, too, as their method? */
static inline int red_by_system(enum red_by by)
{
	return by == RED_BY_COLLECTION || by == RED_BY_DESTINATION;
}

/* A name for people, never absent. */
struct str red_row_name(const struct red_row *r);

/* "route", "service", … */
const char *red_by_name(enum red_by by);

/* What its rows are by, as a heading, "ROUTE", and in CSV, "route"; or the field's own name. */
const char *red_heading(const struct red *t);
const char *red_column(const struct red *t);

/* That of those people choose from, by its name in any case; RED_BY_COUNT: none. */

enum red_by red_by_named(const char *name);

/* The names, for people: "route, service, … or destination". */
#define RED_BY_NAMES                                                                               \
	"route, service, host, peer, status, client, system, collection or destination"

#endif
