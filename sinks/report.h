/*
 * report.h - what a report is made of: collected by report.c, written by report_page.c
 *
 * Bounded, whatever comes: figures by group (core/red.h), REPORT_SLOTS slices of time that become
 * longer as time goes by, a few traces, and lists of fixed length that say what found no room.
 */
#ifndef ZC_SINKS_REPORT_H
#define ZC_SINKS_REPORT_H

#include "core/red.h"
#include "core/red_change.h"
#include "sinks/sink.h"
#include "sinks/trace_collect.h"
#include "sinks/trace_tree.h"

#define REPORT_SLOTS 120u
#define REPORT_ROUTES 1000u /* groups that are counted; REPORT_ROWS of them are shown */
#define REPORT_ROWS 60u
#define REPORT_TRACES 8u /* of the slowest, and of those that failed */
#define REPORT_TRACE_LINES 60u
#define REPORT_TRACE_COLUMNS 160
#define REPORT_CHANGES 12u
#define REPORT_PEERS 40u
#define REPORT_NOTES 24u
#define REPORT_NAME 160u

/* What came in within a slice of time. */
struct report_slot {
	uint32_t n, errors, refused; /* refused: 4xx that are no errors */
	uint32_t spectrum[RED_SPECTRUM];
};

struct report_change {
	uint64_t id; /* of the row */
	struct red_change c;
	char what[REPORT_NAME]; /* not made safe */
};

/* What the network did between two. */
struct report_peer {
	char who[64], whom[64];
	uint64_t spans, again, net_ns, window_ns;
	uint64_t failed[SPAN_ERRORS];
};

struct report_note {
	uint64_t time_ns, times;
	char name[32], text[REPORT_NAME];
};

struct report {
	struct sink sink;
	struct out *out;
	int redact;
	int (*match)(void *ctx, const struct span *s); /* NULL: all are wanted */
	void *ctx;

	uint64_t begin, end, spans, errors;
	struct red edge, hops, routes;
	uint64_t due; /* when changes are looked for next */

	struct report_slot slot[REPORT_SLOTS];
	uint64_t slot_begin, slot_ns;

	struct traces *traces;
	struct trace_rank slowest, failed;
	struct trace *slowest_room[REPORT_TRACES], *failed_room[REPORT_TRACES];
	struct trace_tree tree;

	struct report_change change[REPORT_CHANGES];
	unsigned nchanges;
	struct report_peer peer[REPORT_PEERS];
	unsigned npeers;
	uint64_t peers_more; /* spans of those that found no room */
	struct report_note note[REPORT_NOTES];
	unsigned nnotes;
	uint64_t notes_more;
	uint64_t incomplete[SPAN_INCOMPLETE_BITS], doubtful;
	uint64_t open, open_since; /* without an answer when it ended; the earliest */
};

void report_page(struct report *r, const struct sink_totals *t);

#endif
