/*
 * zones.h - names of networks: --zone=NAME=CIDR, of which the longest prefix decides
 */
#ifndef ZC_CLI_ZONES_H
#define ZC_CLI_ZONES_H

#include <stdint.h>

#include "cli/filter_value.h"

struct zone {
	const char *name; /* owned by the list; equal names are one pointer */
	struct filter_prefix prefix;
};

struct zones {
	struct zone *v;
	unsigned n;
};

/* NULL, or what is wrong with the text, for people. */
const char *zones_add(struct zones *z, const char *text);

/* NULL: in none of them. */
const char *zones_name(const struct zones *z, const uint8_t addr[16]);
void zones_release(struct zones *z);

#endif
