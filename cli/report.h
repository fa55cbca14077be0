/*
 * report.h - what --doctor and --list print: lines with marks and aligned columns, for people
 */
#ifndef ZC_CLI_REPORT_H
#define ZC_CLI_REPORT_H

#include "cli/options.h"
#include "sinks/out.h"

enum report_style { REPORT_PLAIN, REPORT_HEAD, REPORT_GOOD, REPORT_DOUBT, REPORT_BAD,
		    REPORT_FAINT };

struct report {
	struct out out;
	int color;
};

/* As --color says; `auto`: fd is a terminal, and there is no NO_COLOR. */
int color_wanted(enum color when, int fd);

int report_init(struct report *r, enum color when); /* 0 or -ENOMEM */

/* Writes out what is left. 0, or an exit status after a line on standard error. */
int report_finish(struct report *r);

/* Text from anywhere, made safe (sinks/safe.h), in a style. */
void report_text(struct report *r, enum report_style st, const char *text);
__attribute__((format(printf, 3, 4))) void report_printf(struct report *r, enum report_style st,
							 const char *fmt, ...);
/* The same, filled up with blanks to `width` columns; two blanks follow in any case. */
void report_cell(struct report *r, enum report_style st, const char *text, size_t width);
/* The columns that it takes. */
size_t report_width(const char *text);
void report_newline(struct report *r);

#endif
