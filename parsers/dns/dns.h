/*
 * dns.h - the domain name system, in datagrams and over TCP
 *
 * RFC 1035; over TCP each message has its length before it (section 4.2.2). The contract of the
 * functions is that of parsers/protocol.h.
 *
 * Messages are told as a whole: HEAD when they are there, or the first 16 KiB of a longer one, with
 * all that is told of them; END with their last byte. A response names the question that it
 * answers, and is taken for the answer to no other one, whatever its id. What names a domain is no
 * secret.
 */
#ifndef ZC_PARSERS_DNS_H
#define ZC_PARSERS_DNS_H

#include "parsers/protocol.h"

#define DNS_MAX_NAME 255u    /* RFC 1035 section 2.3.4: as it is sent; as text not longer */
#define DNS_MAX_HEAD 16384u  /* of a message over TCP this much is looked at */
#define DNS_MAX_ANSWERS 256u /* of dns_answers */

struct dns_side { /* private */
	uint8_t state;
	uint32_t left; /* of a message, behind what was looked at */
	char name[4 * DNS_MAX_NAME + 1];
	char type[16];
	char answers[DNS_MAX_ANSWERS];
};

struct dns {
	uint8_t datagram;
	struct dns_side side[2];
};

extern const struct protocol dns_protocol; /* the row of the table */

/* NXDOMAIN, or NULL. */
const char *dns_rcode_name(unsigned rcode);

#endif
