/*
 * pcapng.h - what our recordings look like on disk
 *
 * A recording is a pcapng file (draft-ietf-opsawg-pcapng) in the byte order of the host that made
 * it. Wireshark shows the segments as packets; what only a replay needs lies where the format lets
 * other programs pass over it:
 *
 *   SHB                     program, description
 *   IDB × REC_INTERFACES    link type LINUX_SLL, nanoseconds
 *   REC_BLOCK, REC_HEADER   struct rec_header: this is what makes the file a recording
 *   EPB ...                 one segment of a connection whose addresses are known: link, IP and
 *                           TCP headers made up from the event, then its captured payload. The
 *                           event itself, without payload, is a custom option of the block. A
 *                           segment too long for IP, or captured from its middle on, is several
 *                           EPBs; the last one carries the event, the others only REC_OPT_PART.
 *   REC_BLOCK, REC_EVENT    any other event, and segments of connections not known
 *   REC_BLOCK, REC_END      struct rec_end; its absence tells that the file was cut off
 *
 * REC_BLOCK is from the range that pcapng reserves for local use. Custom Blocks would be the other
 * choice, but Wireshark lists each of them as a packet of its own.
 * Link type RAW, which needs no link header, makes libpcap 1.10 refuse the second interface.
 * Programs that rewrite the file drop REC_HEADER, so what they leave is an ordinary capture.
 */
#ifndef ZC_CORE_PCAPNG_H
#define ZC_CORE_PCAPNG_H

#include <stdint.h>
#include "bpf/events.h"

#define PCAPNG_SHB 0x0a0d0d0au
#define PCAPNG_IDB 0x00000001u
#define PCAPNG_EPB 0x00000006u
#define PCAPNG_BYTE_ORDER 0x1a2b3c4du

#define PCAPNG_OPT_END 0
#define PCAPNG_OPT_COMMENT 1
#define PCAPNG_SHB_USERAPPL 4
#define PCAPNG_IF_NAME 2
#define PCAPNG_IF_DESCRIPTION 3
#define PCAPNG_IF_TSRESOL 9
#define PCAPNG_EPB_FLAGS 2
#define PCAPNG_OPT_CUSTOM 19373 /* octets, not to be copied into edited files */

#define LINKTYPE_LINUX_SLL 113
#define REC_PEN 32473 /* RFC 5612: the enterprise number for examples */

/* Block framing: type and total length in front, total length again behind. */
struct pcapng_block {
	uint32_t type;
	uint32_t len;
};
#define PCAPNG_BLOCK_MIN 12u

struct pcapng_shb {
	struct pcapng_block b;
	uint32_t byte_order;
	uint16_t major, minor;
	int64_t section_len; /* -1: not told */
};
ZC_ASSERT_SIZE(struct pcapng_shb, 24);

struct pcapng_epb {
	struct pcapng_block b;
	uint32_t interface;
	uint32_t time_high, time_low;
	uint32_t cap_len, orig_len;
};
ZC_ASSERT_SIZE(struct pcapng_epb, 28);

struct pcapng_option {
	uint16_t code;
	uint16_t len; /* without padding to a multiple of four */
};

/* Interfaces stand for the kind of end, so that frame.interface_id tells a loopback's two apart. */
#define REC_IF_SERVER 0
#define REC_IF_CLIENT 1
#define REC_IF_UNKNOWN 2
#define REC_INTERFACES 3

#define REC_BLOCK 0x80007a63u
#define REC_MAGIC "zctrace\n"
#define REC_VERSION 1u

/* The word after a REC_BLOCK's framing; its contents follow. */
#define REC_HEADER 1u
#define REC_EVENT 2u
#define REC_END 3u

struct rec_header {
	uint8_t magic[8];
	uint32_t version;
	uint32_t pad;
	int64_t wall_offset; /* as in struct source */
	uint64_t start;
};
ZC_ASSERT_SIZE(struct rec_header, 32);

struct rec_end {
	uint64_t events;
};

/* The custom option of an EPB: pen, tag, and for REC_OPT_SEGMENT the event. */
#define REC_OPT_PART 1u
#define REC_OPT_SEGMENT 2u

struct rec_option {
	uint32_t pen;
	uint32_t tag;
};

/* Lengths of the headers that the recorder makes up; neither IP nor TCP has options. */
#define REC_LINK_HEADER 16u
#define REC_IPV4_HEADERS (REC_LINK_HEADER + 40u)
#define REC_IPV6_HEADERS (REC_LINK_HEADER + 60u)

#endif
