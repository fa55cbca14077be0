/*
 * frame.h - from the octets of one captured packet to its TCP segment
 *
 * Pure: no state, no allocation. Any octets survive; nothing beyond caplen is looked at.
 *
 * Link layers, by libpcap's DLT: Ethernet with any VLAN tags, Linux cooked v1 and v2, loopback
 * (NULL and LOOP), raw IP (RAW as 12, 14 and 101, IPV4, IPV6). Network layers: IPv4 with options
 * (RFC 791), IPv6 with extension headers (RFC 8200). Tunnels are not looked into.
 */
#ifndef ZC_CORE_FRAME_H
#define ZC_CORE_FRAME_H

#include <stdint.h>

struct frame {
	uint8_t src[16], dst[16]; /* IPv4 mapped, as in events.h */
	uint16_t sport, dport;
	uint8_t family; /* 4 or 6 */
	uint8_t flags;	/* TCP's, from FIN (0x01) to CWR (0x80) */
	uint32_t domain; /* where its addresses are unique: the VLANs around it; 0: none */
	uint32_t seq, ack;
	const uint8_t *payload; /* borrowed from the packet */
	uint32_t cap_len;	/* payload octets that are there */
	uint32_t orig_len;	/* payload octets that went by, >= cap_len */
};

enum frame_result {
	FRAME_TCP,
	FRAME_OTHER,	/* not IP, or not TCP */
	FRAME_FRAGMENT, /* a later fragment of an IP packet: no TCP header, not put together */
	FRAME_SHORT,	/* captured too little of it, up to the TCP flags at least */
	FRAME_BAD,	/* lengths contradict each other */
};

/*
 * Decodes a packet of which caplen octets are at p and len octets went by. The first fragment of
 * a fragmented packet is FRAME_TCP with the payload that it has itself.
 */
enum frame_result frame_decode(int dlt, const uint8_t *p, uint32_t caplen, uint32_t len,
			       struct frame *out);

/* Can frame_decode do anything with this link layer? */
int frame_knows(int dlt);

#endif
