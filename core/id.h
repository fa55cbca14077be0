/*
 * id.h - trace and span ids: taken from a traceparent field, or derived from the connection
 *
 * Derived ids are a hash of what both ends of an exchange can see: addresses, ports, the sequence
 * number of the request's first octet, and (span ids only) the span's kind. So the same exchange
 * has the same id live, in a replay, and seen from another host. The hash is not keyed and not
 * cryptographic. No id is all zero.
 */
#ifndef ZC_CORE_ID_H
#define ZC_CORE_ID_H

#include <stddef.h>
#include <stdint.h>

#include "core/span.h"

#define TRACEPARENT_LEN 55

struct traceparent {
	uint8_t trace_id[TRACE_ID_LEN], parent_id[SPAN_ID_LEN];
	uint8_t flags;
};

/* W3C Trace Context, section 3.2. Returns 1 and fills *t, or 0 if the value is not valid. */
int id_parse_traceparent(struct str value, struct traceparent *t);

/*
 * Stirs v into the hash h: a full multiplication whose halves are folded; constants are odd, with
 * about half their bits set.
 */
static inline uint64_t id_mix(uint64_t h, uint64_t v)
{
	unsigned __int128 m = (unsigned __int128)(h ^ 0x8b3c5d1f27e6a94dull) *
			      (v ^ 0xd6e1934fb85a2c73ull);

	return ((uint64_t)m ^ (uint64_t)(m >> 64)) + (h << 23 | h >> 41) + v;
}

/* Both at once. */
static inline uint64_t id_mix2(uint64_t h, uint64_t v, uint64_t w)
{
	unsigned __int128 m = (unsigned __int128)(h ^ v ^ 0x8b3c5d1f27e6a94dull) *
			      (w ^ 0xd6e1934fb85a2c73ull);

	h += v;
	return ((uint64_t)m ^ (uint64_t)(m >> 64)) + (h << 23 | h >> 41) + w;
}

/* The part of the hash that an exchange shares with all others of its connection. */
uint64_t id_connection(const uint8_t client[16], uint16_t client_port, const uint8_t server[16],
		       uint16_t server_port);

/* Ids of the exchange whose request starts at sequence number seq on stream `stream`. */
void id_derive_trace(uint64_t connection, uint32_t seq, uint32_t stream_id,
		     uint8_t out[TRACE_ID_LEN]);
void id_derive_span(uint64_t connection, uint32_t seq, uint32_t stream_id, enum span_kind kind,
		    uint8_t out[SPAN_ID_LEN]);

#endif
