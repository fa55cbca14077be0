/*
 * summary_table.h - a RED table as text: sorted and aligned, CSV, Markdown
 */
#ifndef ZC_SINKS_SUMMARY_TABLE_H
#define ZC_SINKS_SUMMARY_TABLE_H

#include "core/red.h"
#include "sinks/out.h"
#include "sinks/sink.h"

#define SUMMARY_MAX_ROWS 1000

struct summary_table {
	struct red *red; /* with opt.edges; the rows of a group are put together in it */
	/* summary_sort_key(); figures descend, names ascend; -1: by count, or time of databases */
	int sort;
	uint64_t begin_ns, end_ns; /* wall clock, of what it is about */
	int redact;	     /* hide secrets in routes */
	int color;
	int width; /* columns of the terminal; 0: none */
	enum summary_form form;
	int again; /* CSV: titles were written before */
};

/*
 * A line of headings, then a line per row, columns aligned by what they show. 4xx and 5xx have
 * columns if there are any. On a terminal columns that do not fit are left out. There, and in
 * Markdown, a last line has what came in at the edge, each request once.
 */
void summary_table_put(const struct summary_table *t, struct out *o);

#endif
