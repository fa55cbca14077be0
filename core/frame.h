/*
 * frame.h - from the bytes of one captured packet to its TCP segment
 *
 * Pure: no state, no allocation. Any bytes survive; nothing beyond caplen is looked at.
 *
 * Link layers, by their number in capture files: Ethernet, Linux cooked v1 and v2, loopback (NULL,
 * LOOP), raw IP (RAW as 12, 14 and 101, IPV4, IPV6), PPP and PPPoE, Cisco HDLC, 802.11 with and
 * without radiotap, NFLOG, PFLOG, and what carries another one: PKTAP, PPI.
 * Between link and network: VLAN tags, LLC/SNAP, MPLS (with pseudowires), PPPoE, NSH.
 * Network layers: IPv4 with options (RFC 791), IPv6 with extension headers (RFC 8200).
 * Tunnels: IP in IP (RFC 2003, 4213, 2473), GRE (RFC 2784, 2890, 2637, NVGRE, ERSPAN I to III),
 * EtherIP, MPLS in IP and in UDP, VXLAN and VXLAN-GPE (RFC 7348), Geneve (RFC 8926), GTP-U, L2TP
 * (RFC 2661), Teredo (RFC 4380), LISP (RFC 9300).
 */
#ifndef ZC_CORE_FRAME_H
#define ZC_CORE_FRAME_H

#include <stdint.h>

/* Part of an IP packet. */
struct frame_fragment {
	uint32_t id;
	uint32_t offset;
	uint8_t protocol, more;
	const uint8_t *data; /* borrowed: what follows the IP headers */
	uint32_t cap_len, len; /* cap_len <= len */
};

struct frame {
	uint8_t src[16], dst[16]; /* IPv4 mapped, as in events.h */
	uint16_t sport, dport;
	uint8_t family; /* 4 or 6 */
	uint8_t flags;	/* TCP's, from FIN (0x01) to CWR (0x80) */
	uint32_t domain; /* where its addresses are unique: VLANs, virtual networks; 0: none */
	uint32_t seq, ack;
	uint16_t window; /* not scaled; 1: not captured */
	uint8_t partial; /* more of the same segment may follow: put together from fragments */
	const uint8_t *payload; /* borrowed from the packet */
	uint32_t cap_len;	/* payload bytes that are there */
	uint32_t orig_len;	/* payload bytes that went by, >= cap_len */
	struct frame_fragment fragment; /* of FRAME_FRAGMENT; of TCP's, src to domain are set */
	const char *closed;		/* of FRAME_CLOSED: what could not be looked into */
};

enum frame_result {
	FRAME_TCP,
	FRAME_UDP,	/* a datagram that is no tunnel */
	FRAME_REFUSED,	/* ICMP: this datagram, src to dport, was sent where nobody listens */
	FRAME_OTHER,	/* not IP, or not TCP */
	FRAME_FRAGMENT, /* of an IP packet that carries TCP, or may do so in a tunnel */
	FRAME_CLOSED,	/* encrypted, or a tunnel that is not known */
	FRAME_SHORT,	/* captured too little of it, up to the TCP flags at least */
	FRAME_BAD,	/* lengths contradict each other */
};

/* Decodes a packet of which caplen bytes are at p and len bytes went by. */
enum frame_result frame_decode(int link, const uint8_t *p, uint32_t caplen, uint32_t len,
			       struct frame *out);

/*
 * Goes on with an IP packet that has been put together: cap_len of len bytes are at p. out is that
 * of one of its fragments. The result may again be FRAME_FRAGMENT, of a packet in a tunnel.
 */
enum frame_result frame_decode_whole(uint8_t protocol, const uint8_t *p, uint32_t cap_len,
				     uint32_t len, struct frame *out);

/* The sequence number behind the segment: SYN and FIN count (RFC 9293, section 3.4). */
static inline uint32_t frame_seq_end(const struct frame *seg)
{
	return seg->seq + seg->orig_len + (seg->flags & 1) + (seg->flags >> 1 & 1);
}

/* As if its receiver had sent it. */
void frame_turn(struct frame *seg);

/* Can frame_decode do anything with this link layer? */
int frame_knows(int link);

#endif
