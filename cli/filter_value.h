/*
 * filter_value.h - literals of the filter, and prefixes of zones
 */
#ifndef ZC_CLI_FILTER_VALUE_H
#define ZC_CLI_FILTER_VALUE_H

#include <stddef.h>
#include <stdint.h>

/* The number lies between whole and whole + 1 when fraction is set. */
struct filter_number {
	uint64_t whole;
	int fraction;
};

struct filter_prefix {
	uint8_t addr[16]; /* IPv4 is mapped */
	unsigned bits;	  /* 0..128 */
};

enum filter_units { UNITS_NONE, UNITS_TIME, UNITS_SIZE };

/*
 * Each reads all of the n octets at p. 0, or -1 with *why set: what is wrong, for people.
 * *had_unit (may be NULL): every component had one, or the number is zero.
 */
int value_number(const char *p, size_t n, enum filter_units units, struct filter_number *out,
		 int *had_unit, const char **why);
int value_time(const char *p, size_t n, struct filter_number *out, const char **why);
int value_prefix(const char *p, size_t n, struct filter_prefix *out, const char **why);

int value_prefix_contains(const struct filter_prefix *p, const uint8_t addr[16]);

#endif
