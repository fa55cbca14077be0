/*
 * html.h - strings from the wire on somebody's page
 *
 * What is no text becomes \xNN as on a terminal (safe.h); then what has a meaning in HTML, in
 * content and in quoted attributes, becomes a character reference.
 */
#ifndef ZC_SINKS_HTML_H
#define ZC_SINKS_HTML_H

#include "parsers/parser.h" /* struct str */
#include "sinks/out.h"

#define HTML_TEXT_MAX 256u /* bytes of a string that are shown; "…" follows what is longer */

void html_text(struct out *o, struct str s);
void html_cstr(struct out *o, const char *s); /* NULL: "-" */

/*
 * Lines with colours of the terminal, as trace_print() writes them, as elements of classes: b
 * (bold), f (faint), red, cyan, blue. At most `lines` of them; returns how many were left out.
 */
unsigned html_terminal(struct out *o, const char *p, size_t n, unsigned lines);

#endif
