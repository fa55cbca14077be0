/* dns_impl.h - what the files of this folder share */
#ifndef ZC_PARSERS_DNS_IMPL_H
#define ZC_PARSERS_DNS_IMPL_H

#include "parsers/byte_order.h"
#include "parsers/dns/dns.h"

#define DNS_HEADER 12u

#define DNS_OPCODE_QUERY 0u

/* A message, as far as it is told. Offsets are from its first byte. */
struct dns_message {
	unsigned id, opcode, rcode;
	int response, truncated;
	unsigned questions, answers, authorities, additional;
	size_t question; /* offset of the first question's name; 0: there is none */
	unsigned type, class;
	size_t records; /* offset of what is behind the questions */
};

/* 1: it is one; -1: it is none, or more is needed and not there. */
int dns_message_parse(struct dns_message *d, const uint8_t *p, size_t n);

/* Do its records end with the last byte? A truncated one may end anywhere. */
int dns_message_fits(const struct dns_message *d, const uint8_t *p, size_t n);

/*
 * The name at offset at, as text into buf, which has room for 4 * DNS_MAX_NAME + 1. Returns its
 * length; *end: the offset behind it. 0: it is no name.
 */
size_t dns_name(const uint8_t *p, size_t n, size_t at, char *buf, size_t *end);

/* AAAA, or TYPE65 in buf, which has room for 16 bytes. */
struct str dns_type_name(unsigned type, char *buf);

/* What the answers say, parted by commas; buf has room for DNS_MAX_ANSWERS. */
struct str dns_answers(const struct dns_message *d, const uint8_t *p, size_t n, char *buf);

#endif
