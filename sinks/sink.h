/*
 * sink.h - where spans go: lines of text, JSON, traces, tables
 *
 * A sink writes to a struct out that its maker hands it and that outlives it; when the octets
 * leave the process is the caller's affair (out_flush). A sink keeps nothing that it was handed.
 */
#ifndef ZC_SINKS_SINK_H
#define ZC_SINKS_SINK_H

#include <stdint.h>
#include "core/engine.h" /* struct note */
#include "core/red.h"
#include "core/span.h"
#include "sinks/out.h"

struct sink;

enum summary_form {
	SUMMARY_TABLE, /* aligned */
	SUMMARY_CSV,   /* RFC 4180, figures without units, times in UTC */
	SUMMARY_MARKDOWN
};

/* What the whole run came to; the numbers of the final line. */
struct sink_totals {
	uint64_t time_ns; /* wall clock of the end */
	uint64_t spans;	  /* shown */
	uint64_t events, lost_events, uncaptured_bytes, unparsed_bytes;
	const char *what;   /* was traced or read; NULL: not known */
	const char *filter; /* as it was written; NULL: none */
};

struct sink_ops {
	void (*span)(struct sink *k, const struct span *s);
	void (*note)(struct sink *k, const struct note *n);
	void (*flow)(struct sink *k, const struct engine_flow *f);
	/* Time passes; now_ns is the wall clock of the source, which never goes back. */
	void (*tick)(struct sink *k, uint64_t now_ns);
	/* Nothing more comes. Called once, before free; work may follow. */
	void (*finish)(struct sink *k, const struct sink_totals *t);
	/*
	 * Work of its own, such as sending what is queued; never blocks. Called often, also while
	 * no span comes, and for a limited time after finish: as long as it returns 1, something is
	 * still to be done. now_ns: CLOCK_MONOTONIC.
	 */
	int (*work)(struct sink *k, uint64_t now_ns);
	void (*free)(struct sink *k);
};

/* First member of every sink. All but span and free may be NULL. */
struct sink {
	const struct sink_ops *ops;
	uint32_t unread; /* ENGINE_NO_*: what it never reads of a span */
};

/* What of a span is shown, common to the sinks. Borrowed for the sink's life. */
struct sink_options {
	struct out *out;
	int redact;		    /* secrets become [redacted] */
	const char *const *headers; /* fields to carry; "*" for all; NULL: none */
	unsigned nheaders;
	int body;		    /* carry content */
	uint64_t interval_ns;	    /* summary: 0: once, at the end */
	int zones;		    /* flows: tell the bytes between them */
	int sort;		    /* summary: one of summary_sort_key(), or -1 */
	enum red_by group;	    /* summary: what has a row */
	const struct red_field *field; /* of RED_BY_FIELD */
	int unfold;		    /* waterfall: calls that are alike one by one */
	unsigned slowest;	    /* waterfall: only so many, at the end; 0: all, as they come */
	enum summary_form form;	    /* summary */
	int color;
	/* waterfall, report: a trace is shown if one of its spans matches; NULL: all are. They are
	 * handed all spans. */
	int (*match)(void *ctx, const struct span *s);
	void *ctx;
};

/* All return NULL when out of memory. */
struct sink *sink_text_new(const struct sink_options *o);
struct sink *sink_brief_new(const struct sink_options *o);
struct sink *sink_json_new(const struct sink_options *o);
struct sink *sink_summary_new(const struct sink_options *o);
struct sink *sink_flows_new(const struct sink_options *o);
struct sink *sink_waterfall_new(const struct sink_options *o);
struct sink *sink_report_new(const struct sink_options *o); /* one page of HTML, at the end */

/* Number of the sort key of that name for the summary, or -1. */
int summary_sort_key(const char *name);

/* Names of all sort keys, for people: "count, route, …". */
const char *summary_sort_keys(void);

#endif
