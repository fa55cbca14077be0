/*
 * summary_table.h - rows of figures, sorted and aligned
 */
#ifndef ZC_SINKS_SUMMARY_TABLE_H
#define ZC_SINKS_SUMMARY_TABLE_H

#include "core/hist.h"
#include "core/span.h"
#include "sinks/out.h"

#define SUMMARY_MAX_ROWS 1000

struct summary_row {
	uint64_t count, errors, incomplete, bytes;
	struct hist durations;
	/* as they came, in text[]; the row of the others has none */
	struct str route, method, service;
	enum span_kind kind;
	uint32_t hash;
	char text[];
};

struct summary_table {
	struct summary_row **rows;
	unsigned nrows;
	const struct summary_row *others; /* NULL: none */
	uint64_t elapsed_ns;		  /* for rates */
	int redact;			  /* hide secrets in routes */
};

/* Orders rows; figures descend, names ascend. key: from summary_sort_key(). */
void summary_table_sort(struct summary_table *t, int key);

/* A line of headings, then a line per row, columns aligned by what they show. */
void summary_table_put(const struct summary_table *t, struct out *o);

#endif
