/*
 * capture.h - the packets of a pcap or pcapng file
 *
 * pcap: both byte orders, times in microseconds or nanoseconds, and Kuznetzov's form of records.
 * pcapng (draft-ietf-opsawg-pcapng): any number of sections, in either byte order, and of
 * interfaces, each with its link type, unit and offset of times; Enhanced, Simple and the old
 * Packet Blocks. Other blocks are passed over.
 * The file is not trusted: a length that cannot be ends it there, never earlier.
 */
#ifndef ZC_CORE_CAPTURE_H
#define ZC_CORE_CAPTURE_H

#include <stddef.h>
#include <stdint.h>
#include "core/bytes.h"

#define CAPTURE_INTERFACES 4096 /* of a section; packets of others are counted in `unnamed` */

#define CAPTURE_HEADER 24u /* bytes that every capture has at least */

struct capture;

struct capture_packet {
	uint64_t time; /* UNIX, nanoseconds */
	int link;      /* link type, see frame.h */
	uint32_t cap_len, orig_len;
	const uint8_t *data; /* cap_len bytes, valid until the next call */
};

struct capture_counts {
	uint64_t dropped; /* packets that the capturing side says it lost */
	uint64_t unnamed; /* packets of an interface that was not described */
	uint32_t secrets; /* blocks with the keys of TLS connections */
};

/* Is this the beginning of one? n >= 4. */
int capture__detect(const uint8_t *head, size_t n);

/* in is owned by the capture, on failure too. NULL on failure, with one line in err. */
struct capture *capture__open(struct bytes *in, char *err, size_t errlen);
void capture__free(struct capture *c);

/*
 * 1: *p is the next packet; 0: none in time; -EINTR; -ENODATA: the end, which may be an early one:
 * then capture__error() says where and why. Another negative errno: reading failed.
 */
int capture__next(struct capture *c, struct capture_packet *p, int timeout_ms);

const char *capture__error(const struct capture *c); /* one line; NULL: nothing is wrong */
const struct capture_counts *capture__counts(const struct capture *c);
int capture__waits(const struct capture *c);

#endif
