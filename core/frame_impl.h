/*
 * frame_impl.h - what frame.c and frame_link.c share
 *
 * Each decoder takes what is left of a packet and finds the segment in it. depth is how many more
 * headers there may be.
 */
#ifndef ZC_CORE_FRAME_IMPL_H
#define ZC_CORE_FRAME_IMPL_H

#include "core/frame.h"
#include "parsers/byte_order.h"

#define LAYERS_MAX 32 /* headers within headers, of whatever kind */

/* EtherTypes, IEEE 802; less than TYPE_MIN is a length */
#define TYPE_MIN 0x600u
#define TYPE_IPV4 0x0800
#define TYPE_ERSPAN_3 0x22eb
#define TYPE_ETHERNET 0x6558
#define TYPE_IPV6 0x86dd
#define TYPE_PPP 0x880b
#define TYPE_MPLS 0x8847
#define TYPE_PPPOE 0x8864
#define TYPE_ERSPAN 0x88be
#define TYPE_NSH 0x894f

/* What is left of the packet: n bytes here, len went by. n > len only in broken files. */
struct rest {
	const uint8_t *p;
	uint32_t n, len;
};

/* Passes over k bytes; 0 if they are not there. */
int frame_drop(struct rest *r, uint32_t k);

enum frame_result frame_closed(struct frame *out, const char *what); /* FRAME_CLOSED */
enum frame_result frame_type(uint32_t type, struct rest r, struct frame *out, int depth);
enum frame_result frame_llc(struct rest r, struct frame *out, int depth);
enum frame_result frame_ppp(struct rest r, struct frame *out, int depth);
enum frame_result frame_ip(struct rest r, struct frame *out, int depth);

#endif
