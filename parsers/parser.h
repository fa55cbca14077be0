/*
 * parser.h - what all protocol parsers have in common
 *
 * A parser is a state machine for one direction of one connection. It is pure: octets in, events
 * out; no I/O, no clock, no globals, no allocation. It borrows its input: whatever an event points
 * to lies in the buffer that was passed and is valid until the next call.
 *
 * The caller keeps the octets that were not consumed and passes them again with more behind them.
 * A parser is handed a contiguous buffer, so a head that came in pieces is put together by the
 * caller, within the limit that the parser states.
 *
 * The events do not depend on how the input was cut, except that content comes in as many
 * CONTENT events as there were calls.
 */
#ifndef ZC_PARSERS_PARSER_H
#define ZC_PARSERS_PARSER_H

#include <stddef.h>
#include <stdint.h>

/*
 * Octets that belong to someone else, not NUL-terminated.
 * p == NULL: absent; p != NULL with n == 0: present and empty.
 */
struct str {
	const char *p;
	size_t n;
};

enum parse_status {
	PARSE_EVENT,   /* *ev is filled; `used` octets are consumed */
	PARSE_MORE,    /* needs more octets; `used` may be > 0 (consumed without an event) */
	PARSE_SKIPPED, /* `used` octets were not understood and passed over */
	PARSE_END,     /* this protocol is over on this connection (upgraded, tunnel) */
	PARSE_BAD,     /* not this protocol; the caller may probe again */
};

enum probe_result {
	PROBE_NO,
	PROBE_YES,
	PROBE_MORE, /* it may be, others may as well; more bytes will tell */
	PROBE_WAIT, /* it can be nothing else, but more bytes are needed to be sure */
};

#endif
