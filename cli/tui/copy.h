/*
 * copy.h - a span into the terminal's clipboard
 */
#ifndef ZC_CLI_TUI_COPY_H
#define ZC_CLI_TUI_COPY_H

struct tui;
struct span;

enum copy_form { COPY_JSON, COPY_TEXT, COPY_CURL, COPY_TRACE };

/* Says what came of it. */
void copy_span(struct tui *t, const struct span *s, enum copy_form form);

#endif
