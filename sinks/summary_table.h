/*
 * summary_table.h - a RED table as text, sorted and aligned
 */
#ifndef ZC_SINKS_SUMMARY_TABLE_H
#define ZC_SINKS_SUMMARY_TABLE_H

#include "core/red.h"
#include "sinks/out.h"

#define SUMMARY_MAX_ROWS 1000

struct summary_table {
	const struct red *red;
	int sort;	     /* summary_sort_key(); figures descend, names ascend */
	uint64_t elapsed_ns; /* for rates */
	int redact;	     /* hide secrets in routes */
};

/* A line of headings, then a line per row, columns aligned by what they show. */
void summary_table_put(const struct summary_table *t, struct out *o);

#endif
