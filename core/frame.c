/*
 * frame.c - see frame.h
 */
#include "core/frame.h"

#include <string.h>

/* As libpcap numbers them; spelled out, so that decoding needs no libpcap. */
#define LINK_NULL 0
#define LINK_ETHERNET 1
#define LINK_RAW_A 12
#define LINK_RAW_B 14
#define LINK_RAW 101
#define LINK_LOOP 108
#define LINK_SLL 113
#define LINK_IPV4 228
#define LINK_IPV6 229
#define LINK_SLL2 276

#define DOMAIN_VLAN 1u

#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define VLAN_TAGS_MAX 4
#define EXTENSIONS_MAX 16

#define PROTO_HOP_BY_HOP 0
#define PROTO_TCP 6
#define PROTO_ROUTING 43
#define PROTO_FRAGMENT 44
#define PROTO_AUTH 51
#define PROTO_DEST_OPTIONS 60
#define PROTO_MOBILITY 135

/* What is left of the packet: n octets here, len went by. n > len only in broken files. */
struct rest {
	const uint8_t *p;
	uint32_t n, len;
};

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
	return be16(p) << 16 | be16(p + 2);
}

/* Passes over k octets; 0 if they are not there. */
static int drop(struct rest *r, uint32_t k)
{
	if (r->n < k || r->len < k)
		return 0;
	r->p += k;
	r->n -= k;
	r->len -= k;
	return 1;
}

/* Inside of one more network, of this kind and number. */
static uint32_t domain_within(uint32_t domain, uint32_t kind, uint32_t id)
{
	domain = (domain + 1) * 0x9e3779b1u ^ (kind << 24 | id);
	return domain ? domain : 1;
}

int frame_knows(int dlt)
{
	switch (dlt) {
	case LINK_NULL:
	case LINK_ETHERNET:
	case LINK_RAW_A:
	case LINK_RAW_B:
	case LINK_RAW:
	case LINK_LOOP:
	case LINK_SLL:
	case LINK_IPV4:
	case LINK_IPV6:
	case LINK_SLL2: return 1;
	}
	return 0;
}

/*
 * Passes over the link layer's header. Returns the EtherType, or 0 when the header has none and
 * the IP version must tell; -1: too short.
 */
static int32_t skip_link(int dlt, struct rest *r, uint32_t *domain)
{
	uint32_t header, type_at, type = 0;

	switch (dlt) {
	case LINK_ETHERNET:
		header = 14;
		type_at = 12;
		break;
	case LINK_SLL:
		header = 16;
		type_at = 14;
		break;
	case LINK_SLL2:
		header = 20;
		type_at = 0;
		break;
	case LINK_NULL:
	case LINK_LOOP: return drop(r, 4) ? 0 : -1; /* an AF_ number that every system chose anew */
	default: return 0;
	}
	if (r->n >= header)
		type = be16(r->p + type_at);
	if (!drop(r, header))
		return -1;
	/* IEEE 802.1Q, 802.1ad, and what came before it */
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		if (type != 0x8100 && type != 0x88a8 && type != 0x9100)
			break;
		if (r->n < 4)
			return -1;
		if (be16(r->p) & 0xfff) /* else it has a priority only */
			*domain = domain_within(*domain, DOMAIN_VLAN, be16(r->p) & 0xfff);
		type = be16(r->p + 2);
		if (!drop(r, 4))
			return -1;
	}
	return type ? (int32_t)type : 0xffff;
}

/* RFC 9293, section 3.1. Only what comes after the flags may be missing. */
static enum frame_result decode_tcp(const struct rest *r, struct frame *out)
{
	uint32_t header;

	if (r->n < 14)
		return FRAME_SHORT;
	header = (uint32_t)(r->p[12] >> 4) * 4;
	if (header < 20 || header > r->len)
		return FRAME_BAD;
	out->sport = (uint16_t)be16(r->p);
	out->dport = (uint16_t)be16(r->p + 2);
	out->seq = be32(r->p + 4);
	out->ack = be32(r->p + 8);
	out->flags = r->p[13];
	out->orig_len = r->len - header;
	out->cap_len = r->n > header ? r->n - header : 0;
	out->payload = out->cap_len ? r->p + header : r->p;
	return FRAME_TCP;
}

/*
 * The length in the IP header rules: what follows it on the wire is padding. Zero stands for
 * packets of more than 64 KiB that the network card or a tunnel puts together; then the frame's
 * own length must do.
 */
static int limit(struct rest *r, uint32_t len)
{
	if (!len)
		len = r->len;
	r->len = len;
	if (r->n > len)
		r->n = len;
	return len != 0;
}

static enum frame_result decode_ipv4(struct rest r, struct frame *out)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint32_t header, fragment;

	if (r.n < 20)
		return FRAME_SHORT;
	header = (uint32_t)(r.p[0] & 15) * 4;
	fragment = be16(r.p + 6) & 0x1fff;
	if (r.p[9] != PROTO_TCP)
		return FRAME_OTHER;
	if (header < 20 || !limit(&r, be16(r.p + 2)))
		return FRAME_BAD;
	if (fragment)
		return FRAME_FRAGMENT;
	out->family = 4;
	memcpy(out->src, mapped, sizeof(mapped));
	memcpy(out->dst, mapped, sizeof(mapped));
	memcpy(out->src + 12, r.p + 12, 4);
	memcpy(out->dst + 12, r.p + 16, 4);
	if (header > r.len)
		return FRAME_BAD;
	return drop(&r, header) ? decode_tcp(&r, out) : FRAME_SHORT;
}

static enum frame_result decode_ipv6(struct rest r, struct frame *out)
{
	uint32_t next, size;

	if (r.n < 40)
		return FRAME_SHORT;
	next = r.p[6];
	out->family = 6;
	memcpy(out->src, r.p + 8, 16);
	memcpy(out->dst, r.p + 24, 16);
	size = be16(r.p + 4);
	if (!drop(&r, 40) || !limit(&r, size))
		return FRAME_BAD;
	for (int i = 0; i < EXTENSIONS_MAX && next != PROTO_TCP; i++) {
		if (next != PROTO_HOP_BY_HOP && next != PROTO_ROUTING && next != PROTO_FRAGMENT &&
		    next != PROTO_AUTH && next != PROTO_DEST_OPTIONS && next != PROTO_MOBILITY)
			return FRAME_OTHER;
		if (r.n < 8)
			return FRAME_SHORT;
		if (next == PROTO_FRAGMENT)
			size = 8;
		else
			size = next == PROTO_AUTH ? (r.p[1] + 2u) * 4 : (r.p[1] + 1u) * 8;
		if (next == PROTO_FRAGMENT && be16(r.p + 2) & 0xfff8)
			return r.p[0] == PROTO_TCP ? FRAME_FRAGMENT : FRAME_OTHER;
		next = r.p[0];
		if (!drop(&r, size))
			return FRAME_SHORT;
	}
	return next == PROTO_TCP ? decode_tcp(&r, out) : FRAME_OTHER;
}

enum frame_result frame_decode(int dlt, const uint8_t *p, uint32_t caplen, uint32_t len,
			       struct frame *out)
{
	struct rest r = {.p = p, .n = caplen, .len = len < caplen ? caplen : len};
	int32_t type;

	out->domain = 0;
	type = skip_link(dlt, &r, &out->domain);
	if (type < 0 || !r.n)
		return FRAME_SHORT;
	if (type && type != TYPE_IPV4 && type != TYPE_IPV6)
		return FRAME_OTHER;
	/* The version decides, also where an EtherType says something else. */
	if (r.p[0] >> 4 == 4)
		return decode_ipv4(r, out);
	if (r.p[0] >> 4 == 6)
		return decode_ipv6(r, out);
	return FRAME_OTHER;
}
