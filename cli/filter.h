/*
 * filter.h - the language of --filter and of '/' in the dashboard
 *
 *     expression  = term *( ( "or" / "||" ) term )
 *     term        = factor *( ( "and" / "&&" ) factor )
 *     factor      = ( "not" / "!" ) factor / "(" expression ")" / comparison
 *     comparison  = field [ operator value ] / field "in" "(" value *( "," value ) ")"
 *     operator    = "==" / "!=" / "<" / "<=" / ">" / ">=" / "=~" / "!~" / "contains"
 *     value       = word / "string" / 'string'
 *
 * Fields have the names of JSON keys, see core/span_field.h. A field alone is true when it is
 * present (and not false): `error`, `not incomplete`, `tls`. Two words are no fields: `entry` is
 * true of a request that comes from outside of what is traced, at the end that serves it, and
 * `root` of what nothing that is traced has caused; so each request counts once. A word is a run of
 * octets other than white space, quotes and ()!=<>~&|. In strings \" \' \\ \n \r \t \0 \xHH are
 * understood; in the pattern of =~ and !~ only the backslash before the closing quote's kind is, so
 * that PCRE2 sees the others: "^/api/\d+$".
 *
 * `header.NAME` is the first header field of that name, in either case: of the request, else of the
 * response. It is text, and absent where fields are not kept; see filter__wants_fields.
 *
 * Numbers are whole or decimal; a duration takes units (ns us µs ms s m h, also 1m30s), a size
 * too (B kB KB MB GB TB of 1000, KiB MiB GiB TiB of 1024). Fields in nanoseconds have an alias
 * without "_ns" that demands a unit. Addresses compare with an address or a prefix (10.0.0.0/8).
 * `time` compares with RFC 3339 ("2025-12-08T20:44:49Z"). `incomplete == lost-events` is true when
 * the list contains it.
 *
 * A status compares with a class, too: status == 5xx, status in (404, 5xx).
 *
 * Codes that have names compare with these, too: grpc_status == NOT_FOUND, error_code == CANCEL.
 *
 * An absent field differs from everything: == < <= > >= =~ are false, != and !~ are true.
 *
 * Patterns are PCRE2's, on octets, unanchored, compiled by its JIT where there is one. A match
 * that takes too many steps is given up and counts as no match, for =~ and for !~ alike.
 */
#ifndef ZC_CLI_FILTER_H
#define ZC_CLI_FILTER_H

#include <stdint.h>
#include <stdio.h>
#include "core/span.h"

#define FILTER_MAX_LENGTH 4096u /* octets of an expression */
#define FILTER_MAX_DEPTH 64u	/* nested parentheses and negations */

struct filter;

struct filter_error {
	size_t offset; /* of the first offending octet; the length of the expression at its end */
	size_t length; /* of what is offending, at least 1 */
	char message[160];
};

/*
 * Compiles. NULL with *err filled when the expression is wrong; when out of memory, too (offset 0).
 * An empty expression is wrong.
 */
struct filter *filter__new(const char *expr, struct filter_error *err);

/* 1 or 0. Allocates nothing. Not for two threads at the same time. */
int filter__match(struct filter *f, const struct span *s);

/* Does it look at header fields? Then spans must carry them. */
int filter__wants_fields(const struct filter *f);

/* Pattern matches that were given up so far. */
uint64_t filter__given_up(const struct filter *f);

void filter__free(struct filter *f);

/*
 * Prints three lines: the message, the expression, and a caret under the offending character.
 * Control characters and octets that are not UTF-8 show as '?', line breaks and tabs as a space.
 */
void filter_error_print(FILE *out, const char *expr, const struct filter_error *err);

#endif
