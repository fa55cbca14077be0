/*
 * capture.c - see capture.h
 */
#include "core/capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pcapng.h"

#define PCAP_US 0xa1b2c3d4u
#define PCAP_NS 0xa1b23c4du
#define PCAP_KUZNETZOV 0xa1b2cd34u

/* No link layer has packets near that; a longer one is damage. */
#define PACKET_MAX (1u << 20)

#define PCAPNG_PACKET 0x00000002u
#define PCAPNG_SPB 0x00000003u
#define PCAPNG_STATISTICS 0x00000005u
#define PCAPNG_SECRETS 0x0000000au
#define IF_TSOFFSET 14
#define STATISTICS_IFDROP 5
#define STATISTICS_OSDROP 7

struct interface {
	int link;
	uint32_t snaplen;
	uint8_t resolution; /* as in the file: units are 10^-n s, or 2^-(n & 127) */
	int64_t offset;	    /* seconds */
	uint64_t dropped;
};

struct capture {
	struct bytes *in;
	int ng, swapped, ended;
	uint32_t subsecond; /* pcap: nanoseconds */
	uint32_t record;    /* pcap: size of a record's header */
	size_t done;	    /* bytes of the last packet, not taken yet */
	uint32_t skip;	    /* bytes of a block that nobody needs */
	uint64_t last;	    /* the latest time */
	uint32_t ninterfaces;
	struct interface *interface;
	struct capture_counts counts;
	char err[320];
};

static uint32_t get32(const struct capture *c, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return c->swapped ? __builtin_bswap32(v) : v;
}

static uint32_t get16(const struct capture *c, const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return c->swapped ? __builtin_bswap16(v) : v;
}

static uint64_t get64(const struct capture *c, const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return c->swapped ? __builtin_bswap64(v) : v;
}

/* ---- the end */

static int stop(struct capture *c, const char *what)
{
	const char *wrong = bytes__error(c->in);

	c->ended = 1;
	if (wrong)
		snprintf(c->err, sizeof(c->err), "%s: %s; read up to there", bytes__name(c->in),
			 wrong);
	else
		snprintf(c->err, sizeof(c->err), "%s: %s at byte %llu; read up to there",
			 bytes__name(c->in), what, (unsigned long long)bytes__offset(c->in));
	return -ENODATA;
}

/* n bytes are needed. At the end of the input: is it one where a record could begin? */
static int need(struct capture *c, size_t n, int timeout_ms)
{
	int res = bytes__need(c->in, n, timeout_ms);

	if (res == -ENODATA && (bytes__there(c->in) || bytes__error(c->in)))
		return stop(c, "cut off");
	if (res == -ENODATA)
		c->ended = 1;
	else if (res < 0 && res != -EINTR)
		stop(c, "");
	return res;
}

/* ---- pcap */

static int pcap_next(struct capture *c, struct capture_packet *p, int timeout_ms)
{
	uint32_t cap_len;
	const uint8_t *at;
	int n = need(c, c->record, timeout_ms);

	if (n <= 0)
		return n;
	cap_len = get32(c, bytes__at(c->in) + 8);
	if (cap_len > PACKET_MAX)
		return stop(c, "damaged");
	n = need(c, c->record + cap_len, timeout_ms);
	if (n <= 0)
		return n;
	at = bytes__at(c->in);
	p->time = get32(c, at) * 1000000000ull + (uint64_t)get32(c, at + 4) * c->subsecond;
	p->link = c->interface[0].link;
	p->cap_len = cap_len;
	p->orig_len = get32(c, at + 12);
	p->data = at + c->record;
	c->done = c->record + cap_len;
	return 1;
}

/* The file's header is there. 0, or -1 if it is none. */
static int pcap_begin(struct capture *c, uint32_t magic)
{
	const uint8_t *at = bytes__at(c->in);

	c->record = magic == PCAP_KUZNETZOV ? 24 : 16;
	c->subsecond = magic == PCAP_NS ? 1 : 1000;
	c->interface = calloc(1, sizeof(*c->interface));
	if (!c->interface)
		return -1;
	c->ninterfaces = 1;
	/* above: of frame check sequences */
	c->interface[0].link = (int)(get32(c, at + 20) & 0xffff);
	bytes__take(c->in, CAPTURE_HEADER);
	return 0;
}

/* ---- pcapng: blocks */

/* The value of an option among n bytes of them, of len bytes at least. NULL: it is not there. */
static const uint8_t *option(const struct capture *c, const uint8_t *p, size_t n, uint32_t code,
			     uint32_t len)
{
	while (n >= 4) {
		uint32_t its = get16(c, p), size = get16(c, p + 2), room = (size + 3) & ~3u;

		if (!its || n - 4 < room)
			return NULL;
		if (its == code)
			return size >= len ? p + 4 : NULL;
		p += 4 + room;
		n -= 4 + room;
	}
	return NULL;
}

/* The body of each block is n bytes at p. Returns 0 if it is damaged. */

static int interface_block(struct capture *c, const uint8_t *p, uint32_t n)
{
	struct interface *i;
	const uint8_t *value;
	uint32_t k = c->ninterfaces;

	if (n < 8)
		return 0;
	if (k == CAPTURE_INTERFACES)
		return 1;
	if (!(k & (k - 1))) {
		i = realloc(c->interface, (k ? 2 * k : 1) * sizeof(*i));
		if (!i)
			return 0;
		c->interface = i;
	}
	i = &c->interface[k];
	*i = (struct interface){
		.link = (int)get16(c, p), .snaplen = get32(c, p + 4), .resolution = 6};
	value = option(c, p + 8, n - 8, PCAPNG_IF_TSRESOL, 1);
	if (value)
		i->resolution = *value;
	value = option(c, p + 8, n - 8, IF_TSOFFSET, 8);
	if (value)
		i->offset = (int64_t)get64(c, value);
	c->ninterfaces++;
	return 1;
}

/* What was dropped since the interface's counts were told last. */
static int statistics_block(struct capture *c, const uint8_t *p, uint32_t n)
{
	static const uint8_t codes[] = {STATISTICS_IFDROP, STATISTICS_OSDROP};
	uint64_t dropped = 0;
	uint32_t id;

	if (n < 12)
		return 0;
	id = get32(c, p);
	if (id >= c->ninterfaces)
		return 1;
	for (unsigned i = 0; i < sizeof(codes); i++) {
		const uint8_t *value = option(c, p + 12, n - 12, codes[i], 8);

		if (value && get64(c, value) != UINT64_MAX)
			dropped += get64(c, value);
	}
	if (dropped > c->interface[id].dropped) {
		c->counts.dropped += dropped - c->interface[id].dropped;
		c->interface[id].dropped = dropped;
	}
	return 1;
}

static uint64_t time_of(const struct interface *i, uint64_t t)
{
	uint32_t n = i->resolution & 127;
	uint64_t ns = 1000000000;

	if (i->resolution & 128) {
		t = n < 64 ? (uint64_t)(((unsigned __int128)t * ns) >> n) : 0;
	} else {
		for (; n < 9; n++)
			t *= 10;
		for (; n > 9 && t; n--)
			t /= 10;
	}
	return t + (uint64_t)i->offset * ns;
}

/* 1: *out is the packet; 0: of no use; -1: damage. */
static int packet_of(struct capture *c, uint32_t id, uint32_t header, const uint8_t *body,
		     uint32_t n, struct capture_packet *out)
{
	if (out->cap_len > n - header)
		return -1;
	if (id >= c->ninterfaces) {
		c->counts.unnamed++;
		return 0;
	}
	out->link = c->interface[id].link;
	out->data = body + header;
	return 1;
}

/* Enhanced and old Packet Blocks differ in the width of the interface's number. */
static int packet_block(struct capture *c, uint32_t type, const uint8_t *p, uint32_t n,
			struct capture_packet *out)
{
	uint32_t id;
	int res;

	if (n < 20)
		return -1;
	id = type == PCAPNG_EPB ? get32(c, p) : get16(c, p);
	out->cap_len = get32(c, p + 12);
	out->orig_len = get32(c, p + 16);
	res = packet_of(c, id, 20, p, n, out);
	if (res > 0)
		out->time = time_of(&c->interface[id],
				    (uint64_t)get32(c, p + 4) << 32 | get32(c, p + 8));
	return res;
}

/* It has no time: that of the packet before it must do. */
static int simple_block(struct capture *c, const uint8_t *p, uint32_t n, struct capture_packet *out)
{
	uint32_t limit = c->ninterfaces ? c->interface[0].snaplen : 0;

	if (n < 4)
		return -1;
	out->orig_len = get32(c, p);
	out->cap_len = out->orig_len < n - 4 ? out->orig_len : n - 4;
	if (limit && out->cap_len > limit)
		out->cap_len = limit;
	out->time = c->last;
	return packet_of(c, 0, 4, p, n, out);
}

/* A section has its own byte order and interfaces. */
static int section_block(struct capture *c, const uint8_t *p)
{
	uint32_t order;

	memcpy(&order, p + sizeof(struct pcapng_block), sizeof(order));
	if (order != PCAPNG_BYTE_ORDER && order != __builtin_bswap32(PCAPNG_BYTE_ORDER))
		return 0;
	c->swapped = order != PCAPNG_BYTE_ORDER;
	c->ninterfaces = 0;
	return 1;
}

/* ---- pcapng: the file */

static int is_needed(uint32_t type)
{
	switch (type) {
	case PCAPNG_SHB:
	case PCAPNG_IDB:
	case PCAPNG_PACKET:
	case PCAPNG_SPB:
	case PCAPNG_STATISTICS:
	case PCAPNG_EPB: return 1;
	default: return 0;
	}
}

/* A whole block is there. 1: *out is a packet; 0: it is none; -1: damage. */
static int take_block(struct capture *c, uint32_t type, uint32_t len, struct capture_packet *out)
{
	const uint8_t *at = bytes__at(c->in), *body = at + sizeof(struct pcapng_block);
	uint32_t n = len - PCAPNG_BLOCK_MIN;

	if (get32(c, at + len - 4) != len)
		return -1;
	switch (type) {
	case PCAPNG_SHB: return n < 16 ? -1 : 0;
	case PCAPNG_IDB: return interface_block(c, body, n) - 1;
	case PCAPNG_STATISTICS: return statistics_block(c, body, n) - 1;
	case PCAPNG_SPB: return simple_block(c, body, n, out);
	default: return packet_block(c, type, body, n, out);
	}
}

/* Passes over what nobody needs, as far as it is there. As bytes__need(). */
static int pass_over(struct capture *c, int timeout_ms)
{
	while (c->skip) {
		size_t n = bytes__there(c->in);
		int res;

		n = n < c->skip ? n : c->skip;
		bytes__take(c->in, n);
		c->skip -= (uint32_t)n;
		if (!c->skip)
			break;
		res = bytes__need(c->in, 1, timeout_ms);
		if (res == -ENODATA)
			return stop(c, "cut off");
		if (res <= 0)
			return res;
	}
	return 1;
}

/* The next block's head: 1, and what it says; else as bytes__need(). */
static int block_head(struct capture *c, uint32_t *type, uint32_t *len, int timeout_ms)
{
	int n = need(c, sizeof(struct pcapng_block), timeout_ms);

	if (n <= 0)
		return n;
	*type = get32(c, bytes__at(c->in));
	if (*type == PCAPNG_SHB) { /* the same in both byte orders */
		n = need(c, 12, timeout_ms);
		if (n <= 0)
			return n;
		if (!section_block(c, bytes__at(c->in)))
			return stop(c, "damaged");
	}
	*len = get32(c, bytes__at(c->in) + 4);
	if (*len < PCAPNG_BLOCK_MIN || *len % 4 || (is_needed(*type) && *len > 2 * PACKET_MAX))
		return stop(c, "damaged");
	return 1;
}

static int ng_next(struct capture *c, struct capture_packet *p, int timeout_ms)
{
	uint32_t type = 0, len = 0;
	int n;

	for (;;) {
		n = pass_over(c, timeout_ms);
		if (n > 0)
			n = block_head(c, &type, &len, timeout_ms);
		if (n <= 0)
			return n;
		if (!is_needed(type)) {
			c->counts.secrets += type == PCAPNG_SECRETS;
			c->skip = len;
			continue;
		}
		n = need(c, len, timeout_ms);
		if (n <= 0)
			return n;
		n = take_block(c, type, len, p);
		if (n < 0)
			return stop(c, "damaged");
		if (n) {
			c->done = len;
			return 1;
		}
		bytes__take(c->in, len);
	}
}

/* ---- interface */

int capture__next(struct capture *c, struct capture_packet *p, int timeout_ms)
{
	int n;

	bytes__take(c->in, c->done);
	c->done = 0;
	if (c->ended)
		return -ENODATA;
	n = c->ng ? ng_next(c, p, timeout_ms) : pcap_next(c, p, timeout_ms);
	if (n > 0) {
		if (p->orig_len < p->cap_len)
			p->orig_len = p->cap_len;
		c->last = p->time;
	}
	return n;
}

/* The number that the file begins with, in this host's byte order; 0: none that is known. */
static uint32_t magic_of(const uint8_t *head, int *swapped)
{
	static const uint32_t known[] = {PCAP_US, PCAP_NS, PCAP_KUZNETZOV};
	uint32_t v;

	memcpy(&v, head, sizeof(v));
	*swapped = 0;
	if (v == PCAPNG_SHB)
		return v;
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		*swapped = v == __builtin_bswap32(known[i]);
		if (*swapped || v == known[i])
			return known[i];
	}
	return 0;
}

int capture__detect(const uint8_t *head, size_t n)
{
	int swapped;

	return n >= 4 && magic_of(head, &swapped);
}

struct capture *capture__open(struct bytes *in, char *err, size_t errlen)
{
	struct capture *c = calloc(1, sizeof(*c));
	uint32_t magic = 0;
	int there = bytes__need(in, 4, -1) > 0;

	if (!c) {
		snprintf(err, errlen, "%s: %s", bytes__name(in), strerror(ENOMEM));
		bytes__free(in);
		return NULL;
	}
	c->in = in;
	if (there)
		magic = magic_of(bytes__at(in), &c->swapped);
	c->ng = magic == PCAPNG_SHB;
	there = magic && bytes__need(in, c->ng ? 12 : CAPTURE_HEADER, -1) > 0;
	if (there && (c->ng ? section_block(c, bytes__at(in)) : !pcap_begin(c, magic)))
		return c;
	snprintf(err, errlen, "%s: %s", bytes__name(in),
		 bytes__error(in) ? bytes__error(in) : "not a capture file");
	capture__free(c);
	return NULL;
}

void capture__free(struct capture *c)
{
	if (!c)
		return;
	bytes__free(c->in);
	free(c->interface);
	free(c);
}

const char *capture__error(const struct capture *c)
{
	return c->err[0] ? c->err : NULL;
}

const struct capture_counts *capture__counts(const struct capture *c)
{
	return &c->counts;
}

int capture__waits(const struct capture *c)
{
	return bytes__waits(c->in);
}
