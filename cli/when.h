/*
 * when.h - a point in time as people write it
 */
#ifndef ZC_CLI_WHEN_H
#define ZC_CLI_WHEN_H

#include <stdint.h>

/*
 * "14:03", "14:03:20.5" (local time: of begin's day, or of the next one where that is more than
 * half a day before begin), "2025-12-08T14:03:20", with Z in UTC, "+10", "-2.5s" (from now), "90",
 * "1m30s" (since begin), "end" (UINT64_MAX). All are UNIX nanoseconds. 0 or -1.
 */
int when_parse(const char *s, uint64_t begin, uint64_t now, uint64_t *out);

#endif
