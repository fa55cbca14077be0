/*
 * duration.h - times and counts as they are written on a command line
 */
#ifndef ZC_CLI_DURATION_H
#define ZC_CLI_DURATION_H

#include <stdint.h>

/*
 * "30s", "1.5s", "250ms", "1h30m", "5m": numbers with units (ns us µs ms s m h d), at least one,
 * added up. Nanoseconds; 0 or -EINVAL, also for zero and for what does not fit.
 */
int duration_parse(const char *s, uint64_t *ns);

/* A number of bytes from 1 to max: "256", "4k", "1M", "2GiB" (powers of 1024); 0 or
 * -EINVAL. */
int size_parse(const char *s, uint64_t max, uint64_t *out);

/* A whole number from 1 to max in decimal digits; 0 or -EINVAL. */
int count_parse(const char *s, uint64_t max, uint64_t *out);

#endif
