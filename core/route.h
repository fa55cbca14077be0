/*
 * route.h - the route of a path: what is the same for many requests, for grouping
 *
 * /orders/4711/items/9 belongs to /orders/{id}/items/{id}. Routes come from patterns that the user
 * gives, and for paths that match none, from a heuristic.
 *
 * Patterns begin with '/'. A segment may hold one wildcard, with literal octets around it:
 *
 *     {name}   one or more octets of one segment        /orders/{id}, /files/{name}.json
 *     *        any octets of one segment, also none     /a/ * /c (without the spaces)
 *     *  **    as the whole last segment: all that follows the slash before it, also nothing
 *              and also further segments                /static/ *, /static/ **
 *
 * Keys (of Redis) have routes, too: user:{id}. Their patterns do not begin with '/', and their
 * segments are parted by colons: cart:{user}:items.
 *
 * The first pattern that matches wins, and its text is the route. Octets are compared as they are:
 * case counts, and percent-encoding is not undone.
 *
 * The heuristic looks at each segment for itself (percent-encoding undone, where that gives
 * printable ASCII) and replaces what looks like a value:
 *
 *     {id}     numbers, coordinates, ULIDs; four digits and more behind a word (user10042), or six
 *              and more anywhere
 *     {uuid}   8-4-4-4-12 hexadecimal digits
 *     {hash}   hexadecimal with digits among the letters, from 6 digits on; words such as
 *              "facade" or "deadbeef" stay
 *     {date}   2024-01-31, 2024-01, 20240131, with a time too
 *     {email}  mail addresses
 *     {ip}     IPv4 and IPv6 addresses
 *     {token}  long strings whose letters and digits alternate as in random ones, JWTs, and any
 *              segment beyond 128 octets or with more than three values
 *
 * A value within a segment is found between the separators -_.,:;~!=+@$&'() and so
 * app.3f2a9c1b.js becomes app.{hash}.js, report-2024-01-31.pdf report-{date}.pdf and order-17
 * order-{id}. Words, v1, v2beta1, 1.2, index.html stay.
 *
 * The number of distinct routes is limited, since names that the heuristic takes for words could
 * be many: beyond the limit, every new route is "/" followed by two asterisks. A route has no more
 * than ROUTE_MAX octets and ROUTE_MAX_SEGMENTS segments; what follows becomes two asterisks.
 *
 * Not thread-safe: a look-up writes to the cache.
 */
#ifndef ZC_CORE_ROUTE_H
#define ZC_CORE_ROUTE_H

#include "parsers/parser.h" /* struct str */

#define ROUTE_MAX 512u
#define ROUTE_MAX_SEGMENTS 24u
#define ROUTES_DEFAULT_LIMIT 1000u

/* What becomes of a path that no pattern matches. */
enum route_mode {
	ROUTE_HEURISTIC,
	ROUTE_PATH,	/* the path itself */
	ROUTE_WILDCARD, /* one route for all of them: slash and two asterisks */
};

struct routes;

/* What is wrong with a pattern; offset in octets into it. */
struct route_error {
	size_t offset;
	char message[120]; /* one line, without the pattern */
};

/* limit 0: ROUTES_DEFAULT_LIMIT. Patterns do not count towards it. NULL: out of memory. */
struct routes *routes__new(enum route_mode mode, unsigned limit);

/*
 * Adds a pattern behind those that are there, for look-ups from now on. 0; -EINVAL with *err
 * filled; -ENOMEM.
 */
int routes__add(struct routes *r, const char *pattern, struct route_error *err);

/* What becomes of paths that no pattern matches, from now on. */
void routes__mode(struct routes *r, enum route_mode mode);

/*
 * The route of a path (without query; any octets; path.p == NULL gives an absent route). Interned:
 * two equal routes have the same pointer, which lives as long as r.
 */
struct str routes__of(struct routes *r, struct str path);

/* The same of a key. */
struct str routes__of_key(struct routes *r, struct str key);

/* From now on the routes of paths that no pattern matches are without secrets (redact_uri()). */
void routes__redact(struct routes *r);

/* 1 the first time it is asked after the limit was hit, so that the user can be told; else 0. */
int routes__overflowed(struct routes *r);

void routes__free(struct routes *r);

#endif
