/*
 * redact.h - hides secrets: in what is printed, and in what is recorded
 *
 * Secret are the values of some header fields (Authorization, Proxy-Authorization, Cookie,
 * Set-Cookie, X-Api-Key, and any whose name ends like X-Auth-Token or X-Client-Secret), the values
 * of parameters whose names look secret (token, key, password, sig, X-Amz-Signature, card, ssn, …),
 * and userinfo (RFC 3986 section 3.2.1) wherever an authority may stand: in URIs, in the target of
 * CONNECT, in Host, in :authority. Names are compared without regard to case,
 * percent-encoding and the octets -_.[] so that api_key, apiKey, API-KEY and api%5Fkey are one; and
 * what a name has behind a '.' or in brackets is a name, too: user[otp]. What a value or a path
 * carries with percent-encoding, however often, is looked at as if it had none.
 *
 * What is printed gets "[redacted]" in place of the value. For recordings the protocols' masks ask
 * here what is secret (redact_scan.h); there the value's octets become 'x'.
 */
#ifndef ZC_PARSERS_REDACT_H
#define ZC_PARSERS_REDACT_H

#include <string.h>

#include "parsers/parser.h" /* struct str */

#define REDACTED "[redacted]"

/* Is the value of a field of this name a secret? */
int redact_is_secret_field(struct str name);

/* Is the value of a field of this name a URI or an authority, to be shown through redact_uri()? */
int redact_is_uri_field(struct str name);

/* Is the value of a parameter of this name, percent-encoded or not, a secret? */
int redact_is_secret_param(struct str name);

/*
 * Copies a URI, a path, an authority or a request-target, and hides in it: parameters of the query,
 * of the fragment and of path segments (;jsessionid=…), and userinfo. Returns the length of the
 * whole result, of which at most cap octets were written; no NUL. in.n + 10 * (number of '=' and
 * '@' in it) octets always suffice.
 */
size_t redact_uri(struct str in, char *out, size_t cap);

/* The same for a query alone, without its '?'. */
size_t redact_query(struct str in, char *out, size_t cap);

/* Whether there could be anything to hide in a URI, path or query: it needs one of these. */
static inline int may_hold_secret(const char *s, size_t n)
{
	return n && (memchr(s, '=', n) || memchr(s, '@', n) || memchr(s, '%', n));
}

/*
 * The same without a buffer: consecutive pieces of the result, which point into the input or to
 * "[redacted]". Begin with redact_pieces_uri() or redact_pieces_query(); redact_next() returns 1
 * and a piece that is not empty, or 0 at the end.
 */
struct redact_name { /* private: a name without its noise; of a long one the last octets */
	char b[32];
	uint8_t n, cut, part, secret; /* part: where what is behind a '.' or '[' begins */
};

struct redact_scan { /* private: where in a URI we are */
	uint8_t state, colon_slash, query, escape;
	struct redact_name name;
};

struct redact_pieces {
	struct str rest;
	struct redact_scan scan;
	uint8_t known, hidden; /* the first byte of rest was looked at; is it secret? */
};

void redact_pieces_uri(struct redact_pieces *r, struct str uri);
void redact_pieces_query(struct redact_pieces *r, struct str query);
int redact_next(struct redact_pieces *r, struct str *piece);

#endif
