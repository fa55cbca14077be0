/*
 * frame_link.c - the link layers of capture files
 */
#include "core/frame_impl.h"

#include <string.h>

/* As capture files number them; spelled out, so that decoding needs no libpcap. */
#define LINK_NULL 0
#define LINK_ETHERNET 1
#define LINK_PPP 9
#define LINK_RAW_A 12
#define LINK_RAW_B 14
#define LINK_PPP_HDLC 50
#define LINK_PPP_ETHER 51
#define LINK_RAW 101
#define LINK_C_HDLC 104
#define LINK_802_11 105
#define LINK_LOOP 108
#define LINK_SLL 113
#define LINK_PFLOG 117
#define LINK_RADIOTAP 127
#define LINK_PKTAP_OLD 149
#define LINK_PPP_PPPD 166
#define LINK_PPI 192
#define LINK_PPP_WITH_DIR 204
#define LINK_IPV4 228
#define LINK_IPV6 229
#define LINK_NFLOG 239
#define LINK_PKTAP 258
#define LINK_SLL2 276

int frame_knows(int link)
{
	static const int known[] = {
		LINK_NULL, LINK_ETHERNET, LINK_PPP, LINK_RAW_A, LINK_RAW_B, LINK_PPP_HDLC,
		LINK_PPP_ETHER, LINK_RAW, LINK_C_HDLC, LINK_802_11, LINK_LOOP, LINK_SLL, LINK_PFLOG,
		LINK_RADIOTAP, LINK_PKTAP_OLD, LINK_PPP_PPPD, LINK_PPI, LINK_PPP_WITH_DIR,
		LINK_IPV4, LINK_IPV6, LINK_NFLOG, LINK_PKTAP, LINK_SLL2,
	};

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == link)
			return 1;
	return 0;
}

/* A header of this size, with an EtherType in it. */
static enum frame_result with_type(uint32_t size, uint32_t type_at, struct rest r,
				   struct frame *out, int depth)
{
	uint32_t type = r.n >= size ? be16(r.p + type_at) : 0;

	return frame_drop(&r, size) ? frame_type(type, r, out, depth) : FRAME_SHORT;
}

static enum frame_result behind(uint32_t size, struct rest r, struct frame *out, int depth)
{
	return frame_drop(&r, size) ? frame_ip(r, out, depth) : FRAME_SHORT;
}

/* Cisco's HDLC, or PPP in what looks like it (RFC 1662). */
static enum frame_result decode_hdlc(struct rest r, struct frame *out, int depth)
{
	if (r.n && (r.p[0] == 0x0f || r.p[0] == 0x8f))
		return with_type(4, 2, r, out, depth);
	return frame_ppp(r, out, depth);
}

/* IEEE 802.11, section 9.2. pad: the header is filled up to a multiple of four. */
static enum frame_result decode_802_11(struct rest r, struct frame *out, int pad, int depth)
{
	uint32_t control, size = 24;

	if (r.n < 2)
		return FRAME_SHORT;
	control = le16(r.p);
	if ((control & 0x0c) != 0x08 || control & 0x40) /* no data frame, or one without data */
		return FRAME_OTHER;
	if ((control & 0x300) == 0x300) /* from and to a distribution system */
		size += 6;
	if (control & 0x80) {
		if (r.n >= size + 2 && r.p[size] & 0x80)
			return frame_closed(out, "802.11 aggregates");
		size += 2;
		size += control & 0x8000 ? 4 : 0;
	}
	if (control & 0x4000)
		return frame_closed(out, "802.11 encryption");
	if (pad)
		size = (size + 3) & ~3u;
	return frame_drop(&r, size) ? frame_llc(r, out, depth) : FRAME_SHORT;
}

/* Of the fields, one matters: the flags, behind the time stamp if there is one. */
static enum frame_result decode_radiotap(struct rest r, struct frame *out, int depth)
{
	uint32_t size, present, at = 4;
	int pad = 0;

	if (r.n < 8)
		return FRAME_SHORT;
	size = le16(r.p + 2);
	present = le32(r.p + 4);
	if (size < 8)
		return FRAME_BAD;
	if (r.n < size)
		return FRAME_SHORT;
	do
		at += 4;
	while (at + 4 <= size && le32(r.p + at - 4) & 0x80000000u);
	if (present & 1)
		at = ((at + 7) & ~7u) + 8;
	if (present & 2 && at < size)
		pad = r.p[at] & 0x20;
	frame_drop(&r, size);
	return decode_802_11(r, out, pad, depth);
}

/* Attributes of the kernel's packet log; one of them is the packet. */
static enum frame_result decode_nflog(struct rest r, struct frame *out, int depth)
{
	if (!frame_drop(&r, 4))
		return FRAME_SHORT;
	while (r.n >= 4) {
		uint32_t size = le16(r.p), type = le16(r.p + 2) & 0x7fff;

		if (size < 4)
			return FRAME_BAD;
		if (type == 9) {
			frame_drop(&r, 4);
			r.len = size - 4;
			r.n = r.n < r.len ? r.n : r.len;
			return frame_ip(r, out, depth);
		}
		if (!frame_drop(&r, (size + 3) & ~3u))
			return FRAME_SHORT;
	}
	return FRAME_OTHER;
}

static enum frame_result frame_link(int link, struct rest r, struct frame *out, int depth);

/* A header that says its size and the link layer behind it. */
static enum frame_result decode_wrapped(uint32_t size, uint32_t link, struct rest r,
					struct frame *out, int depth)
{
	if (!frame_drop(&r, size))
		return FRAME_SHORT;
	return link <= 0xffff && size ? frame_link((int)link, r, out, depth - 1) : FRAME_OTHER;
}

static enum frame_result frame_link(int link, struct rest r, struct frame *out, int depth)
{
	if (depth < 0)
		return FRAME_BAD;
	switch (link) {
	case LINK_ETHERNET: return with_type(14, 12, r, out, depth);
	case LINK_SLL: return with_type(16, 14, r, out, depth);
	case LINK_SLL2: return with_type(20, 0, r, out, depth);
	case LINK_NULL:
	/* an AF_ number that every system chose anew */
	case LINK_LOOP: return behind(4, r, out, depth);
	case LINK_PPP:
	case LINK_PPP_HDLC:
	case LINK_C_HDLC: return decode_hdlc(r, out, depth);
	case LINK_PPP_PPPD: /* a direction in place of HDLC's address */
		return frame_drop(&r, r.n > 1 && r.p[1] == 3 ? 2 : 1) ? frame_ppp(r, out, depth)
								      : FRAME_SHORT;
	case LINK_PPP_WITH_DIR:
		return frame_drop(&r, 1) ? decode_hdlc(r, out, depth) : FRAME_SHORT;
	case LINK_PPP_ETHER: return frame_type(TYPE_PPPOE, r, out, depth);
	case LINK_802_11: return decode_802_11(r, out, 0, depth);
	case LINK_RADIOTAP: return decode_radiotap(r, out, depth);
	case LINK_NFLOG: return decode_nflog(r, out, depth);
	case LINK_PFLOG: return behind(r.n ? (r.p[0] + 3u) & ~3u : 1, r, out, depth);
	case LINK_PKTAP_OLD:
	case LINK_PKTAP:
		return r.n < 12 ? FRAME_SHORT
				: decode_wrapped(le32(r.p), le32(r.p + 8), r, out, depth);
	case LINK_PPI:
		return r.n < 8 ? FRAME_SHORT
			       : decode_wrapped(le16(r.p + 2), le32(r.p + 4), r, out, depth);
	default: return frame_ip(r, out, depth);
	}
}

enum frame_result frame_decode(int link, const uint8_t *p, uint32_t caplen, uint32_t len,
			       struct frame *out)
{
	struct rest r = {.p = p, .n = caplen, .len = len < caplen ? caplen : len};

	out->closed = NULL;
	out->domain = 0;
	return r.n ? frame_link(link, r, out, LAYERS_MAX) : FRAME_SHORT;
}
