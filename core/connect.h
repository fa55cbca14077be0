/*
 * connect.h - connections that never came about: refused, unreachable, timed out, given up
 *
 * Each is a span of the client's, protocol `tcp`. It is held a moment, as one that is closed
 * because another address answered first is no error: a client that tries several addresses
 * (RFC 8305) closes the slower ones, and falls back from one version of IP to the other.
 */
#ifndef ZC_CORE_CONNECT_H
#define ZC_CORE_CONNECT_H

#include <stdint.h>
#include "core/list.h"
#include "core/span.h"

struct conn;
struct engine;

#define CONNECT_HOLD 300000000u /* ns: another attempt begins 250 ms after the first, by default */
#define CONNECT_PAST 64u

/* The latest connections that were established, by which probes are known. */
struct connects {
	struct list failed; /* connections by their `closing`, the next to be told first */
	struct {
		uint64_t time;
		uint32_t pid;
		uint16_t port;
		uint8_t addr[16];
	} past[CONNECT_PAST];
	uint32_t npast;
};

void connect_established(struct engine *e, const struct conn *c);

/* c has ended without being established; error: the kernel's errno, 0: it was given up. */
void connect_failed(struct engine *e, struct conn *c, uint64_t time, uint32_t error);

/* What the kernel's errno means for a connection. */
enum span_error connect_error(uint32_t error);

/* Tells those that have waited long enough; and of one: now. */
void connect_tick(struct engine *e);
void connect_tell(struct engine *e, struct conn *c);

#endif
