/*
 * dns_message.c - names, records, messages; see dns.h
 */
#include "parsers/dns/dns_impl.h"

#define TYPE_A 1u
#define TYPE_NS 2u
#define TYPE_CNAME 5u
#define TYPE_PTR 12u
#define TYPE_MX 15u
#define TYPE_AAAA 28u
#define POINTERS_MAX 64 /* of a name */

/* ---- names */

/* A byte of a label as master files write it (RFC 1035 section 5.1). */
static size_t put_byte(char *buf, uint8_t c)
{
	if (c > ' ' && c < 0x7f && c != '.' && c != '\\' && c != '"') {
		*buf = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		return 1;
	}
	buf[0] = '\\';
	buf[1] = (char)('0' + c / 100);
	buf[2] = (char)('0' + c / 10 % 10);
	buf[3] = (char)('0' + c % 10);
	return 4;
}

size_t dns_name(const uint8_t *p, size_t n, size_t at, char *buf, size_t *end)
{
	size_t len = 0, wire = 0;
	int pointers = 0;

	*end = 0;
	while (at < n) {
		uint8_t c = p[at];

		if (c >= 0xc0) {
			if (n - at < 2 || ++pointers > POINTERS_MAX)
				return 0;
			*end = *end ? *end : at + 2;
			at = (size_t)(c & 0x3f) << 8 | p[at + 1];
			continue;
		}
		wire += c + 1u;
		if (c > 63 || wire > DNS_MAX_NAME || n - at - 1 < c)
			return 0;
		if (!c) {
			*end = *end ? *end : at + 1;
			if (!len)
				buf[len++] = '.'; /* the root */
			return len;
		}
		if (len)
			buf[len++] = '.';
		for (size_t i = 1; i <= c; i++)
			len += put_byte(buf + len, p[at + i]);
		at += c + 1u;
	}
	return 0;
}

/* Behind a name; 0: it is none. */
static size_t name_end(const uint8_t *p, size_t n, size_t at)
{
	size_t wire = 0;

	for (; at < n; at += p[at] + 1u) {
		if (p[at] >= 0xc0)
			return n - at < 2 ? 0 : at + 2;
		wire += p[at] + 1u;
		if (p[at] > 63 || wire > DNS_MAX_NAME)
			return 0;
		if (!p[at])
			return at + 1;
	}
	return 0;
}

/* ---- records */

struct dns_record {
	unsigned type;
	size_t data, len; /* offset of its data */
	size_t end;
};

/* The record at offset at. 0: there is none. */
static int read_record(const uint8_t *p, size_t n, size_t at, struct dns_record *r)
{
	size_t end = name_end(p, n, at);

	if (!end || n - end < 10)
		return 0;
	r->type = be16(p + end);
	r->data = end + 10;
	r->len = be16(p + end + 8);
	r->end = r->data + r->len;
	return r->end <= n;
}

/* ---- messages */

int dns_message_parse(struct dns_message *d, const uint8_t *p, size_t n)
{
	if (n < DNS_HEADER)
		return -1;
	*d = (struct dns_message){
		.id = be16(p),
		.opcode = p[2] >> 3 & 15,
		.rcode = p[3] & 15,
		.response = p[2] >> 7,
		.truncated = p[2] >> 1 & 1,
		.questions = be16(p + 4),
		.answers = be16(p + 6),
		.authorities = be16(p + 8),
		.additional = be16(p + 10),
		.records = DNS_HEADER,
	};
	if (d->opcode > 5 || d->opcode == 3 || p[3] & 0x40 || d->questions > 1 ||
	    (!d->questions && !d->response))
		return -1;
	if (!d->questions)
		return 1;
	d->question = DNS_HEADER;
	d->records = name_end(p, n, DNS_HEADER);
	if (!d->records || n - d->records < 4)
		return -1;
	d->type = be16(p + d->records);
	d->class = be16(p + d->records + 2);
	d->records += 4;
	return 1;
}

int dns_message_fits(const struct dns_message *d, const uint8_t *p, size_t n)
{
	unsigned left = d->answers + d->authorities + d->additional;
	struct dns_record r = {.end = d->records};

	for (; left; left--)
		if (!read_record(p, n, r.end, &r))
			return d->truncated;
	return r.end == n;
}

/* ---- for people */

struct str dns_type_name(unsigned type, char *buf)
{
	static const struct {
		uint16_t type;
		char name[12];
	} types[] = {
		{1, "A"},      {2, "NS"},     {5, "CNAME"},  {6, "SOA"},    {12, "PTR"},
		{15, "MX"},    {16, "TXT"},   {28, "AAAA"},  {33, "SRV"},   {35, "NAPTR"},
		{41, "OPT"},   {43, "DS"},    {46, "RRSIG"}, {47, "NSEC"},  {48, "DNSKEY"},
		{50, "NSEC3"}, {52, "TLSA"},  {64, "SVCB"},  {65, "HTTPS"}, {250, "TSIG"},
		{251, "IXFR"}, {252, "AXFR"}, {255, "ANY"},  {257, "CAA"},
	};
	size_t n = 4;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].type == type)
			return (struct str){types[i].name, strlen(types[i].name)};
	memcpy(buf, "TYPE", 4); /* RFC 3597 section 5 */
	for (unsigned unit = 10000; unit; unit /= 10)
		if (type >= unit || unit == 1)
			buf[n++] = (char)('0' + type / unit % 10);
	return (struct str){buf, n};
}

const char *dns_rcode_name(unsigned rcode)
{
	static const char *const names[] = {
		"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",  "REFUSED",
		"YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE",
	};

	return rcode < sizeof(names) / sizeof(names[0]) ? names[rcode] : NULL;
}

static size_t put_v4(char *buf, const uint8_t *p)
{
	size_t n = 0;

	for (int i = 0; i < 4; i++) {
		if (i)
			buf[n++] = '.';
		if (p[i] > 99)
			buf[n++] = (char)('0' + p[i] / 100);
		if (p[i] > 9)
			buf[n++] = (char)('0' + p[i] / 10 % 10);
		buf[n++] = (char)('0' + p[i] % 10);
	}
	return n;
}

/* RFC 5952: the longest run of zeros, of two at least, is left out. */
static size_t put_v6(char *buf, const uint8_t *p)
{
	static const char digit[] = "0123456789abcdef";
	int best = -1, most = 1;
	size_t n = 0;

	for (int i = 0, run = 0; i < 8; i++) {
		run = be16(p + 2 * i) ? 0 : run + 1;
		if (run > most) {
			most = run;
			best = i - run + 1;
		}
	}
	for (int i = 0; i < 8; i++) {
		unsigned v = be16(p + 2 * i), started = 0;

		if (i == best) {
			buf[n++] = ':';
			if (!i)
				buf[n++] = ':';
			i += most - 1;
			continue;
		}
		for (int shift = 12; shift >= 0; shift -= 4) {
			started |= (v >> shift & 15) || !shift;
			if (started)
				buf[n++] = digit[v >> shift & 15];
		}
		if (i < 7)
			buf[n++] = ':';
	}
	return n;
}

/* What the record says, if that is an address or a name; 0: something else. */
static size_t put_data(const uint8_t *p, size_t n, const struct dns_record *r, char *buf)
{
	size_t end;

	switch (r->type) {
	case TYPE_A: return r->len == 4 ? put_v4(buf, p + r->data) : 0;
	case TYPE_AAAA: return r->len == 16 ? put_v6(buf, p + r->data) : 0;
	case TYPE_CNAME:
	case TYPE_NS:
	case TYPE_PTR: return dns_name(p, n, r->data, buf, &end);
	case TYPE_MX: return r->len > 2 ? dns_name(p, n, r->data + 2, buf, &end) : 0;
	default: return 0;
	}
}

struct str dns_answers(const struct dns_message *d, const uint8_t *p, size_t n, char *buf)
{
	struct dns_record r = {.end = d->records};
	char one[4 * DNS_MAX_NAME + 1];
	size_t len = 0;

	for (unsigned i = 0; i < d->answers && read_record(p, n, r.end, &r); i++) {
		size_t some = put_data(p, n, &r, one);

		if (!some)
			continue;
		if (len + some + 5 > DNS_MAX_ANSWERS) {
			memcpy(buf + len, ",...", 4);
			len += 4;
			break;
		}
		if (len)
			buf[len++] = ',';
		memcpy(buf + len, one, some);
		len += some;
	}
	return (struct str){len ? buf : NULL, len};
}
