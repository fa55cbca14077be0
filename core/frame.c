/*
 * frame.c - see frame.h
 */
#include "core/frame_impl.h"

#include <string.h>

#define DOMAIN_VLAN 1u
#define DOMAIN_VIRTUAL 2u

#define PROTO_HOP_BY_HOP 0
#define PROTO_ICMP 1
#define PROTO_IPV4 4
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_IPV6 41
#define PROTO_ROUTING 43
#define PROTO_FRAGMENT 44
#define PROTO_GRE 47
#define PROTO_ESP 50
#define PROTO_AUTH 51
#define PROTO_ICMPV6 58
#define PROTO_DEST_OPTIONS 60
#define PROTO_ETHERIP 97
#define PROTO_L2TP 115
#define PROTO_MOBILITY 135
#define PROTO_MPLS 137
#define PROTO_ETHERNET 143

#define PORT_GTP_U 2152
#define PORT_VXLAN 4789
#define PORT_VXLAN_GPE 4790
/* Linux used it before 4789 was assigned, and still does by default */
#define PORT_VXLAN_LINUX 8472
#define PORT_GENEVE 6081
#define PORT_MPLS 6635
#define PORT_L2TP 1701
#define PORT_TEREDO 3544
#define PORT_LISP 4341

#define LENGTH_MAX (16u << 20) /* what puts packets together leaves them below 1 MiB */

int frame_drop(struct rest *r, uint32_t k)
{
	if (r->n < k || r->len < k)
		return 0;
	r->p += k;
	r->n -= k;
	r->len -= k;
	return 1;
}

enum frame_result frame_closed(struct frame *out, const char *what)
{
	out->closed = what;
	return FRAME_CLOSED;
}

/* Inside of one more network, of this kind and number. */
static uint32_t domain_within(uint32_t domain, uint32_t kind, uint32_t id)
{
	domain = (domain + 1) * 0x9e3779b1u ^ (kind << 24 | id);
	return domain ? domain : 1;
}

/* ---- TCP */

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
	out->partial = 0;
	out->window = r->n < 16 ? 1 : (uint16_t)be16(r->p + 14);
	out->orig_len = r->len - header;
	out->cap_len = r->n > header ? r->n - header : 0;
	out->payload = out->cap_len ? r->p + header : r->p;
	return FRAME_TCP;
}

/* ---- tunnels in UDP */

/* The networks that a number tells apart are so whatever carries them. */
static void enter_virtual(struct frame *out, uint32_t id)
{
	out->domain = domain_within(0, DOMAIN_VIRTUAL, id >> 8);
}

/* RFC 7348, section 5; the generic extension has the kind of its payload. */
static enum frame_result decode_vxlan(struct rest r, struct frame *out, int generic, int depth)
{
	static const uint16_t kinds[] = {0, TYPE_IPV4, TYPE_IPV6, TYPE_ETHERNET, TYPE_NSH};
	uint32_t flags, next = 3;

	if (r.n < 8)
		return FRAME_SHORT;
	flags = r.p[0];
	if (!(flags & 0x08) && !generic)
		return FRAME_OTHER;
	if (generic && flags & 0x04)
		next = r.p[3];
	enter_virtual(out, be32(r.p + 4));
	frame_drop(&r, 8);
	if (next == 0 || next >= sizeof(kinds) / sizeof(kinds[0]))
		return FRAME_OTHER;
	return frame_type(kinds[next], r, out, depth);
}

/* RFC 8926, section 3.4 */
static enum frame_result decode_geneve(struct rest r, struct frame *out, int depth)
{
	uint32_t type;

	if (r.n < 8)
		return FRAME_SHORT;
	if (r.p[0] >> 6)
		return FRAME_OTHER;
	type = be16(r.p + 2);
	enter_virtual(out, be32(r.p + 4));
	if (!frame_drop(&r, 8 + (r.p[0] & 0x3fu) * 4))
		return FRAME_SHORT;
	return frame_type(type, r, out, depth);
}

/* 3GPP TS 29.281, section 5.1: only type 255 carries a packet. */
static enum frame_result decode_gtp_u(struct rest r, struct frame *out, int depth)
{
	uint32_t flags, next;

	if (r.n < 8)
		return FRAME_SHORT;
	flags = r.p[0];
	if (flags >> 4 != 3 || r.p[1] != 0xff)
		return FRAME_OTHER;
	frame_drop(&r, 8);
	if (flags & 7) {
		if (r.n < 4)
			return FRAME_SHORT;
		next = flags & 4 ? r.p[3] : 0u;
		frame_drop(&r, 4);
		while (next) {
			uint32_t size = r.n ? r.p[0] * 4u : 0;

			if (!size || r.n < size)
				return FRAME_SHORT;
			next = r.p[size - 1];
			frame_drop(&r, size);
		}
	}
	return frame_ip(r, out, depth);
}

/* RFC 2661, section 3.1: data messages carry PPP. */
static enum frame_result decode_l2tp(struct rest r, struct frame *out, int depth)
{
	uint32_t flags, size;

	if (r.n < 6)
		return FRAME_SHORT;
	flags = be16(r.p);
	if ((flags & 15) != 2)
		return frame_closed(out, "L2TP");
	if (flags & 0x8000)
		return FRAME_OTHER; /* control */
	size = 6 + (flags & 0x4000 ? 2u : 0u) + (flags & 0x0800 ? 4u : 0u);
	if (flags & 0x0200) {
		if (r.n < size + 2)
			return FRAME_SHORT;
		size += 2 + be16(r.p + size);
	}
	return frame_drop(&r, size) ? frame_ppp(r, out, depth) : FRAME_SHORT;
}

/* RFC 4380, section 5.1.1: what may be in front of the IPv6 packet begins with a zero. */
static enum frame_result decode_teredo(struct rest r, struct frame *out, int depth)
{
	if (r.n >= 4 && be16(r.p) == 1 && !frame_drop(&r, 13u + r.p[2] + r.p[3]))
		return FRAME_SHORT;
	if (r.n >= 2 && be16(r.p) == 0 && !frame_drop(&r, 8))
		return FRAME_SHORT;
	return frame_ip(r, out, depth);
}

static enum frame_result decode_udp(struct rest r, struct frame *out, int depth)
{
	uint32_t port, len;

	if (r.n < 8)
		return FRAME_SHORT;
	out->sport = (uint16_t)be16(r.p);
	port = out->dport = (uint16_t)be16(r.p + 2);
	len = be16(r.p + 4);
	frame_drop(&r, 8);
	out->orig_len = len >= 8 && len - 8 < r.len ? len - 8 : r.len;
	out->cap_len = r.n < out->orig_len ? r.n : out->orig_len;
	out->payload = r.p;
	switch (port) {
	case PORT_VXLAN:
	case PORT_VXLAN_LINUX: return decode_vxlan(r, out, 0, depth);
	case PORT_VXLAN_GPE: return decode_vxlan(r, out, 1, depth);
	case PORT_GENEVE: return decode_geneve(r, out, depth);
	case PORT_GTP_U: return decode_gtp_u(r, out, depth);
	case PORT_MPLS: return frame_type(TYPE_MPLS, r, out, depth);
	case PORT_L2TP: return decode_l2tp(r, out, depth);
	case PORT_TEREDO: return decode_teredo(r, out, depth);
	case PORT_LISP: return frame_drop(&r, 8) ? frame_ip(r, out, depth) : FRAME_SHORT;
	case 4500: return frame_closed(out, "IPsec");
	case 5247: return frame_closed(out, "CAPWAP");
	case 51820: return frame_closed(out, "WireGuard");
	default: return FRAME_UDP;
	}
}

/* ---- GRE */

/*
 * RFC 2784 and 2890; version 1 is PPTP's (RFC 2637). ERSPAN of the first kind has no header, that
 * of the second is told by GRE's sequence number, and the third may have more behind it.
 */
static enum frame_result decode_gre(struct rest r, struct frame *out, int depth)
{
	uint32_t flags, type, header = 4, key = 0;

	if (r.n < 4)
		return FRAME_SHORT;
	flags = be16(r.p);
	type = be16(r.p + 2);
	if ((flags & 7) > 1 || flags & 0x4000)
		return FRAME_OTHER;
	if (flags & 0x8000)
		header += 4;
	if (flags & 0x2000) {
		if (r.n < header + 4)
			return FRAME_SHORT;
		key = be32(r.p + header);
		header += 4;
	}
	header += flags & 0x1000 ? 4 : 0;
	header += (flags & 7) == 1 && flags & 0x80 ? 4 : 0;
	if (!frame_drop(&r, header))
		return FRAME_SHORT;
	if (type == TYPE_ETHERNET && flags & 0x2000)
		enter_virtual(out, key);
	if (type == TYPE_ERSPAN && flags & 0x1000 && !frame_drop(&r, 8))
		return FRAME_SHORT;
	if (type == TYPE_ERSPAN_3) {
		header = r.n >= 12 && r.p[11] & 1 ? 20 : 12;
		if (!frame_drop(&r, header))
			return FRAME_SHORT;
	}
	if (type == TYPE_ERSPAN || type == TYPE_ERSPAN_3)
		type = TYPE_ETHERNET;
	return frame_type(type, r, out, depth);
}

/* ---- IP */

/* RFC 792, RFC 4443, section 3.1: of a packet that found no port the beginning comes back. */
static enum frame_result decode_icmp(uint32_t protocol, struct rest r, struct frame *out, int depth)
{
	static const uint8_t no_port[2][2] = {{3, 3}, {1, 4}}; /* type, code */

	if (r.n < 8 || memcmp(r.p, no_port[protocol == PROTO_ICMPV6], 2))
		return FRAME_OTHER;
	frame_drop(&r, 8);
	return frame_ip(r, out, depth) == FRAME_UDP ? FRAME_REFUSED : FRAME_OTHER;
}

static enum frame_result decode_protocol(uint32_t protocol, struct rest r, struct frame *out,
					 int depth)
{
	if (--depth < 0)
		return FRAME_BAD;
	switch (protocol) {
	case PROTO_TCP: return decode_tcp(&r, out);
	case PROTO_UDP: return decode_udp(r, out, depth);
	case PROTO_ICMP:
	case PROTO_ICMPV6: return decode_icmp(protocol, r, out, depth);
	case PROTO_IPV4:
	case PROTO_IPV6: return frame_ip(r, out, depth);
	case PROTO_GRE: return decode_gre(r, out, depth);
	case PROTO_MPLS: return frame_type(TYPE_MPLS, r, out, depth);
	case PROTO_ETHERNET: return frame_type(TYPE_ETHERNET, r, out, depth); /* RFC 8986 */
	case PROTO_ETHERIP: /* RFC 3378 */
		return frame_drop(&r, 2) ? frame_type(TYPE_ETHERNET, r, out, depth) : FRAME_SHORT;
	case PROTO_AUTH: /* RFC 4302: what it protects is in clear */
		if (r.n < 8)
			return FRAME_SHORT;
		protocol = r.p[0];
		return frame_drop(&r, (r.p[1] + 2u) * 4) ? decode_protocol(protocol, r, out, depth)
							 : FRAME_SHORT;
	case PROTO_ESP: return frame_closed(out, "IPsec");
	case PROTO_L2TP: return frame_closed(out, "L2TP");
	default: return FRAME_OTHER;
	}
}

/* Is it worth putting together? */
static int may_carry_tcp(uint32_t protocol)
{
	switch (protocol) {
	case PROTO_TCP:
	case PROTO_UDP:
	case PROTO_IPV4:
	case PROTO_IPV6:
	case PROTO_GRE:
	case PROTO_ETHERIP:
	case PROTO_AUTH:
	case PROTO_MPLS:
	case PROTO_ETHERNET: return 1;
	default: return 0;
	}
}

static enum frame_result fragment(uint32_t protocol, uint32_t id, uint32_t offset, int more,
				  const struct rest *r, struct frame *out)
{
	if (!may_carry_tcp(protocol))
		return FRAME_OTHER;
	if (offset + r->len > 65535)
		return FRAME_BAD;
	out->fragment = (struct frame_fragment){
		.id = id, .offset = offset, .protocol = (uint8_t)protocol, .more = (uint8_t)more,
		.data = r->p, .cap_len = r->n, .len = r->len,
	};
	return FRAME_FRAGMENT;
}

/*
 * The length in the IP header rules: what follows it on the wire is padding. Zero stands for
 * packets of more than 64 KiB that the network card or a tunnel puts together; then the frame's
 * own length must do, if it can be one.
 */
static int limit(struct rest *r, uint32_t len)
{
	if (!len)
		len = r->len;
	if (len > LENGTH_MAX)
		return 0;
	r->len = len;
	if (r->n > len)
		r->n = len;
	return len != 0;
}

static enum frame_result decode_ipv4(struct rest r, struct frame *out, int depth)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint32_t header, flags, protocol, id;

	if (r.n < 20)
		return FRAME_SHORT;
	header = (uint32_t)(r.p[0] & 15) * 4;
	id = be16(r.p + 4);
	flags = be16(r.p + 6);
	protocol = r.p[9];
	if (header < 20 || !limit(&r, be16(r.p + 2)) || header > r.len)
		return may_carry_tcp(protocol) ? FRAME_BAD : FRAME_OTHER;
	out->family = 4;
	memcpy(out->src, mapped, sizeof(mapped));
	memcpy(out->dst, mapped, sizeof(mapped));
	memcpy(out->src + 12, r.p + 12, 4);
	memcpy(out->dst + 12, r.p + 16, 4);
	if (!frame_drop(&r, header))
		return may_carry_tcp(protocol) ? FRAME_SHORT : FRAME_OTHER;
	if (flags & 0x3fff)
		return fragment(protocol, id, (flags & 0x1fff) * 8, !!(flags & 0x2000), &r, out);
	return decode_protocol(protocol, r, out, depth);
}

static int is_extension(uint32_t next)
{
	return next == PROTO_HOP_BY_HOP || next == PROTO_ROUTING || next == PROTO_DEST_OPTIONS ||
	       next == PROTO_MOBILITY || next == PROTO_FRAGMENT || next == PROTO_AUTH;
}

static enum frame_result decode_ipv6(struct rest r, struct frame *out, int depth)
{
	uint32_t next, size, at;

	if (r.n < 40)
		return FRAME_SHORT;
	next = r.p[6];
	out->family = 6;
	memcpy(out->src, r.p + 8, 16);
	memcpy(out->dst, r.p + 24, 16);
	size = be16(r.p + 4);
	if (!frame_drop(&r, 40) || !limit(&r, size))
		return FRAME_BAD;
	for (int i = 0; i < LAYERS_MAX && is_extension(next); i++) {
		if (r.n < 8)
			return FRAME_SHORT;
		at = next == PROTO_FRAGMENT ? be16(r.p + 2) & 0xfff9 : 0;
		size = next == PROTO_FRAGMENT ? 8 : (r.p[1] + 1u) * 8;
		if (next == PROTO_AUTH)
			size = (r.p[1] + 2u) * 4;
		next = r.p[0];
		if (at) {
			uint32_t id = be32(r.p + 4);

			frame_drop(&r, 8);
			return fragment(next, id, at & 0xfff8, at & 1, &r, out);
		}
		if (!frame_drop(&r, size))
			return FRAME_SHORT;
	}
	return decode_protocol(next, r, out, depth);
}

enum frame_result frame_ip(struct rest r, struct frame *out, int depth)
{
	if (--depth < 0)
		return FRAME_BAD;
	if (!r.n)
		return FRAME_SHORT;
	switch (r.p[0] >> 4) {
	case 4: return decode_ipv4(r, out, depth);
	case 6: return decode_ipv6(r, out, depth);
	default: return FRAME_OTHER;
	}
}

/* ---- between link and IP */

static enum frame_result decode_ethernet(struct rest r, struct frame *out, int depth)
{
	uint32_t type = r.n >= 14 ? be16(r.p + 12) : 0;

	return frame_drop(&r, 14) ? frame_type(type, r, out, depth) : FRAME_SHORT;
}

/* IEEE 802.1Q, 802.1ad, and what came before it. */
static enum frame_result decode_vlan(struct rest r, struct frame *out, int depth)
{
	uint32_t id, type;

	if (r.n < 4)
		return FRAME_SHORT;
	id = be16(r.p) & 0xfff;
	type = be16(r.p + 2);
	if (id) /* else it has a priority only */
		out->domain = domain_within(out->domain, DOMAIN_VLAN, id);
	return frame_drop(&r, 4) ? frame_type(type, r, out, depth) : FRAME_SHORT;
}

/* A tag of n bytes that says nothing here, and the type of what it is before. */
static enum frame_result decode_tag(struct rest r, uint32_t n, struct frame *out, int depth)
{
	uint32_t type = r.n < n + 2 ? 0 : be16(r.p + n);

	return frame_drop(&r, n + 2) ? frame_type(type, r, out, depth) : FRAME_SHORT;
}

/*
 * RFC 3032. Nothing says what is behind the labels: an IP packet by its version, else a pseudowire,
 * with a control word (RFC 4385) or without.
 */
static enum frame_result decode_mpls(struct rest r, struct frame *out, int depth)
{
	uint32_t label;

	do {
		if (r.n < 4)
			return FRAME_SHORT;
		label = be32(r.p);
		frame_drop(&r, 4);
	} while (!(label & 0x100));
	if (!r.n)
		return FRAME_SHORT;
	if (r.p[0] >> 4 == 4 || r.p[0] >> 4 == 6)
		return frame_ip(r, out, depth);
	if (r.p[0] >> 4 == 0 && r.n >= 18 && be16(r.p + 16) >= TYPE_MIN)
		frame_drop(&r, 4);
	return decode_ethernet(r, out, depth);
}

/* RFC 8300, section 2 */
static enum frame_result decode_nsh(struct rest r, struct frame *out, int depth)
{
	static const uint16_t kinds[] = {0,	   TYPE_IPV4, TYPE_IPV6, TYPE_ETHERNET,
					 TYPE_NSH, TYPE_MPLS};
	uint32_t size, next;

	if (r.n < 8)
		return FRAME_SHORT;
	size = (r.p[1] & 0x3fu) * 4;
	next = r.p[3];
	if (size < 8)
		return FRAME_BAD;
	if (!frame_drop(&r, size))
		return FRAME_SHORT;
	return next < sizeof(kinds) / sizeof(kinds[0]) && next
		       ? frame_type(kinds[next], r, out, depth)
		       : FRAME_OTHER;
}

/* RFC 1661, section 2, after HDLC's address and control, if there are any. */
enum frame_result frame_ppp(struct rest r, struct frame *out, int depth)
{
	uint32_t protocol;

	if (r.n >= 2 && r.p[0] == 0xff && r.p[1] == 3)
		frame_drop(&r, 2);
	if (r.n < 2)
		return FRAME_SHORT;
	protocol = r.p[0] & 1 ? r.p[0] : be16(r.p); /* compressed, or not */
	frame_drop(&r, r.p[0] & 1 ? 1 : 2);
	switch (protocol) {
	case 0x21:
	case 0x57: return frame_ip(r, out, depth);
	case 0x281:
	case 0x283: return decode_mpls(r, out, depth);
	case 0xfb:
	case 0xfd: return frame_closed(out, "compressed PPP");
	default: return FRAME_OTHER;
	}
}

/* IEEE 802.2; SNAP has an EtherType. */
enum frame_result frame_llc(struct rest r, struct frame *out, int depth)
{
	uint32_t type;

	if (r.n < 8)
		return FRAME_SHORT;
	if (r.p[0] != 0xaa || r.p[1] != 0xaa || r.p[2] != 3)
		return FRAME_OTHER;
	type = be16(r.p + 6);
	frame_drop(&r, 8);
	return type > TYPE_MIN ? frame_type(type, r, out, depth) : FRAME_OTHER;
}

enum frame_result frame_type(uint32_t type, struct rest r, struct frame *out, int depth)
{
	if (--depth < 0)
		return FRAME_BAD;
	switch (type) {
	case TYPE_IPV4:
	case TYPE_IPV6: return frame_ip(r, out, depth); /* the version decides */
	case 0x8100:
	case 0x88a8:
	case 0x9100:
	case 0x9200: return decode_vlan(r, out, depth);
	case TYPE_ETHERNET: return decode_ethernet(r, out, depth);
	case TYPE_MPLS:
	case 0x8848: return decode_mpls(r, out, depth);
	case TYPE_NSH: return decode_nsh(r, out, depth);
	case TYPE_PPPOE:
		return frame_drop(&r, 6) ? frame_ppp(r, out, depth) : FRAME_SHORT;
	case TYPE_PPP: return frame_ppp(r, out, depth);
	case 0x88e5: return frame_closed(out, "MACsec");
	case 0x892f: /* IEC 62439-3: HSR */
	case 0x8926: return decode_tag(r, 4, out, depth); /* of Cisco: VN-Tag */
	case 0x8909: return decode_tag(r, 6, out, depth); /* of Cisco: metadata */
	case 0x88e7: /* IEEE 802.1ah: a network of providers, with a number */
		if (r.n < 4)
			return FRAME_SHORT;
		out->domain = domain_within(out->domain, DOMAIN_VIRTUAL, be32(r.p) & 0xffffff);
		frame_drop(&r, 4);
		return decode_ethernet(r, out, depth);
	}
	return type && type < TYPE_MIN ? frame_llc(r, out, depth) : FRAME_OTHER;
}

/* ---- interface */

enum frame_result frame_decode_whole(uint8_t protocol, const uint8_t *p, uint32_t cap_len,
				     uint32_t len, struct frame *out)
{
	return decode_protocol(protocol, (struct rest){.p = p, .n = cap_len, .len = len}, out,
			       LAYERS_MAX);
}

void frame_turn(struct frame *seg)
{
	struct frame was = *seg;

	memcpy(seg->src, was.dst, sizeof(seg->src));
	memcpy(seg->dst, was.src, sizeof(seg->dst));
	seg->sport = was.dport;
	seg->dport = was.sport;
}
