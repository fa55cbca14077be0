/*
 * alias.h - names for ids: what a protocol calls by number, and names now and then
 *
 * MESSAGE_NAMES tells of one, on whatever connection; MESSAGE_BY_ID asks (parsers/protocol.h). The
 * table is bounded: a newer id takes the place of the one of its set that was used longest ago.
 */
#ifndef ZC_CORE_ALIAS_H
#define ZC_CORE_ALIAS_H

#include "parsers/parser.h"

#define ALIAS_MAX_ID 32u
#define ALIAS_MAX_NAME 256u

struct protocol;
struct aliases;

/* *t: NULL at first. Ids and names that are too long are not kept. */
void alias_set(struct aliases **t, const struct protocol *protocol, struct str id, struct str name);

/* p == NULL: not known. The string lives until the next alias_set(). */
struct str alias_get(struct aliases *t, const struct protocol *protocol, struct str id);
void alias_free(struct aliases *t);

#endif
