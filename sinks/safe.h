/*
 * safe.h - strings from the wire on somebody's terminal
 *
 * Valid UTF-8 passes. Control characters (C0, DEL, C1, and U+2028, U+2029 and the bidirectional
 * controls, which reorder a line), octets that are no UTF-8, and the backslash itself become
 * \xNN, octet by octet, so that the original can be told from the text.
 */
#ifndef ZC_SINKS_SAFE_H
#define ZC_SINKS_SAFE_H

#include <stddef.h>
#include "sinks/out.h"

#define SAFE_GROWTH 4 /* octets out per octet in, at most */

/* Writes at p, which has room for SAFE_GROWTH * n; returns the end. */
char *safe_text(char *p, const char *s, size_t n);

void out_safe(struct out *o, const char *s, size_t n);

/* The number of leading octets of s[0..n) that need no look: printable ASCII without \ and ". */
size_t plain_ascii(const char *s, size_t n);

#endif
