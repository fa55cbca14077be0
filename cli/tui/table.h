/*
 * table.h - rows under headings: which columns fit, order, selection, scrolling, mouse
 *
 * The owner gives rows by index and an identity for each; the selection stays with the identity
 * when the order changes or rows come and go. Columns that do not fit are left out, those with the
 * highest `drop` first; what room is left goes to those that can use it.
 */
#ifndef ZC_CLI_TUI_TABLE_H
#define ZC_CLI_TUI_TABLE_H

#include <stdint.h>
#include "cli/tui/screen.h"

#define TABLE_MAX_COLUMNS 24
#define TABLE_NATURAL (-1) /* sort: the order in which the owner has them */

struct column {
	const char *name;  /* heading, and what it is called in the manual */
	uint8_t min, max;  /* columns of the screen; it grows from min to max, evenly with others */
	uint8_t drop;	   /* 0: never */
	uint8_t right;	   /* aligned to the right */
	uint8_t descends;  /* sorts the largest first */
	uint8_t paints;	   /* drawn by paint() */
	uint8_t share; /* of a main column: per cent of the width that it gets before others; 0: 28
			*/
};

struct cell {
	enum style style;
	struct str text;   /* may point to buf */
	uint8_t foreign;   /* from the wire: made safe */
	uint8_t middle;	   /* shortened in the middle */
	char buf[256];
};

struct table_ops {
	const struct column *columns;
	int ncolumns;
	uint32_t (*rows)(void *ctx);
	uint64_t (*id)(void *ctx, uint32_t row);
	void (*cell)(void *ctx, uint32_t row, int column, int width, struct cell *c);
	/* columns with `paints`; may be NULL */
	void (*paint)(void *ctx, uint32_t row, int column, struct screen *s, int y, int x,
		      int width);
	/* < 0: a before b when ascending; NULL: no sorting */
	int (*compare)(void *ctx, uint32_t a, uint32_t b, int column);
};

struct table {
	const struct table_ops *ops;
	void *ctx;
	int sort;	  /* column, or TABLE_NATURAL */
	int invert;
	int follow;	  /* the selection stays at the end */
	int moved;	  /* it was moved from the top; until then it stays there */
	const char *only; /* names of the columns that are shown, with commas; NULL: all */
	uint32_t *order;  /* rows as shown */
	uint32_t n, cap;
	uint32_t top, selected; /* positions in order */
	uint64_t selected_id;
	/* where the columns were drawn last: for the mouse */
	int y, height, x[TABLE_MAX_COLUMNS], width[TABLE_MAX_COLUMNS];
};

void table_init(struct table *t, const struct table_ops *ops, void *ctx);
void table_release(struct table *t);

/* Takes the owner's rows anew: sorts, and finds the selection again. */
void table_refresh(struct table *t);
void table_draw(struct table *t, struct screen *s, int y, int height);
/* One more of the owner's rows, on that line, under the columns of table_draw. */
void table_draw_row(struct table *t, struct screen *s, uint32_t row, int y);

/* Moves and sorts. 1: the key was for the table. */
int table_key(struct table *t, const struct key *k);

/* The owner's row that is selected; 0 with none in *row if there are no rows. */
int table_selected(const struct table *t, uint32_t *row);
void table_select(struct table *t, uint64_t id);

/* 1 if k is a click on a row; the selection is on it then. */
int table_clicked(struct table *t, const struct key *k);

/* The number of the column of that name, in either case; -1: there is none. */
int table_column(const struct table *t, const char *name);

/* Sorts by a column; the column that sorts already is inverted. */
void table_sort(struct table *t, int column);

#endif
