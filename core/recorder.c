/*
 * recorder.c - see recorder.h
 */
#include "core/recorder.h"
#include "parsers/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/pcapng.h"
#include "core/ways.h"

#define BUFFER_SIZE (1u << 20)
#define FLUSH_NS 500000000ull

/* Payload octets per made-up packet: with any headers below what IP can tell. */
#define SLICE_MAX 65000u

/* Longer segments do not exist; one that claims to is kept as an event, not as 65000 packets. */
#define ORIG_MAX (16u << 20)

/*
 * Addresses of connections, from their OPEN events. A connection that is forgotten is still
 * recorded, only no longer as packets.
 */
#define ENDS_BITS 13

struct ends {
	struct way way; /* used: event count; 0: closed */
	uint8_t laddr[16], raddr[16];
	uint16_t lport, rport;
	uint8_t family, role;
	uint8_t pad[2];
};

struct recorder {
	struct recorder_options o;
	int fd;
	int failed; /* errno of the write that failed */
	uint8_t *buf;
	size_t used;
	uint64_t written; /* octets in the file, without buf */
	uint64_t flushed; /* source time of the last write */
	uint64_t events;
	struct ends *ends;
	uint8_t *masked; /* ZC_MAX_CAPTURE octets, when there is a mask */
	char name[128];
	char err[256];
};

/* ---- output */

/* Writes all of it or returns an errno; *done tells how much went out. */
static int write_all(int fd, const uint8_t *p, size_t n, size_t *done)
{
	*done = 0;
	while (*done < n) {
		ssize_t w = write(fd, p + *done, n - *done);
		struct pollfd pfd = {.fd = fd, .events = POLLOUT};

		if (w > 0)
			*done += (size_t)w;
		else if (w == 0)
			return ENOSPC;
		else if (errno == EAGAIN)
			poll(&pfd, 1, -1); /* a terminal or pipe that someone made non-blocking */
		else if (errno != EINTR)
			return errno;
	}
	return 0;
}

/* The length of the whole blocks among the first n octets of the buffer, which begins with one. */
static size_t whole_blocks(const uint8_t *buf, size_t used, size_t n)
{
	struct pcapng_block b;
	size_t at = 0;

	while (at + sizeof(b) <= used) {
		memcpy(&b, buf + at, sizeof(b));
		if (at + b.len > n)
			break;
		at += b.len;
	}
	return at;
}

static void fail(struct recorder *r, int err, size_t done)
{
	size_t whole = whole_blocks(r->buf, r->used, done);
	off_t at = lseek(r->fd, 0, SEEK_CUR);

	r->failed = err;
	/* A pipe cannot take back what it has; its reader finds the cut by itself. */
	if (at >= 0 && !ftruncate(r->fd, at - (off_t)(done - whole)))
		done = whole;
	r->written += done;
	snprintf(r->err, sizeof(r->err), "%s: recording stopped after %llu bytes: %s", r->name,
		 (unsigned long long)r->written, strerror(err));
}

static void flush(struct recorder *r)
{
	size_t done;
	int err;

	if (r->failed || !r->used)
		return;
	err = write_all(r->fd, r->buf, r->used, &done);
	if (err)
		fail(r, err, done);
	else
		r->written += done;
	r->used = 0;
}

/* Room for one block of len octets, which is far less than the buffer. NULL: writing has failed. */
static uint8_t *reserve(struct recorder *r, size_t len)
{
	uint8_t *p;

	if (BUFFER_SIZE - r->used < len)
		flush(r);
	if (r->failed)
		return NULL;
	p = r->buf + r->used;
	r->used += len;
	return p;
}

static uint32_t padded(uint32_t n)
{
	return (n + 3) & ~3u;
}

static uint8_t *put(uint8_t *p, const void *data, size_t n)
{
	memcpy(p, data, n);
	return p + n;
}

static uint8_t *put_padded(uint8_t *p, const void *data, uint32_t n)
{
	p = put(p, data, n);
	memset(p, 0, padded(n) - n);
	return p + (padded(n) - n);
}

static uint8_t *put_option(uint8_t *p, uint16_t code, const void *data, uint16_t n)
{
	struct pcapng_option o = {.code = code, .len = n};

	return put_padded(put(p, &o, sizeof(o)), data, n);
}

static void put_block(struct recorder *r, uint32_t type, const uint8_t *body, uint32_t n)
{
	struct pcapng_block b = {.type = type, .len = PCAPNG_BLOCK_MIN + padded(n)};
	uint8_t *p = reserve(r, b.len);

	if (p)
		put(put_padded(put(p, &b, sizeof(b)), body, n), &b.len, sizeof(b.len));
}

/* ---- the file's beginning and end */

static void put_section(struct recorder *r)
{
	static const char program[] = "zctrace";
	const char *text = r->o.description;
	uint16_t len = (uint16_t)(text ? strnlen(text, 1000) : 0);
	struct pcapng_shb shb = {
		.byte_order = PCAPNG_BYTE_ORDER, .major = 1, .minor = 0, .section_len = -1};
	uint8_t body[1200], *p;

	p = put(body, &shb.byte_order, sizeof(shb) - sizeof(shb.b));
	p = put_option(p, PCAPNG_SHB_USERAPPL, program, sizeof(program) - 1);
	if (len)
		p = put_option(p, PCAPNG_OPT_COMMENT, text, len);
	p = put_option(p, PCAPNG_OPT_END, "", 0);
	put_block(r, PCAPNG_SHB, body, (uint32_t)(p - body));
}

static void put_record(struct recorder *r, uint32_t tag, const void *data, uint32_t n)
{
	struct pcapng_block b = {.type = REC_BLOCK, .len = PCAPNG_BLOCK_MIN + 4 + padded(n)};
	uint8_t *p = reserve(r, b.len);

	if (!p)
		return;
	p = put(p, &b, sizeof(b));
	p = put(p, &tag, sizeof(tag));
	put(put_padded(p, data, n), &b.len, sizeof(b.len));
}

static void put_interface(struct recorder *r, const char *name, const char *description)
{
	struct {
		uint16_t link_type, reserved;
		uint32_t snap_len;
	} idb = {.link_type = LINKTYPE_LINUX_SLL};
	uint8_t body[160], *p, nanoseconds = 9;

	p = put(body, &idb, sizeof(idb));
	p = put_option(p, PCAPNG_IF_NAME, name, (uint16_t)strlen(name));
	p = put_option(p, PCAPNG_IF_DESCRIPTION, description, (uint16_t)strlen(description));
	p = put_option(p, PCAPNG_IF_TSRESOL, &nanoseconds, 1);
	p = put_option(p, PCAPNG_OPT_END, "", 0);
	put_block(r, PCAPNG_IDB, body, (uint32_t)(p - body));
}

static void put_preamble(struct recorder *r)
{
	struct rec_header h = {
		.version = REC_VERSION, .wall_offset = r->o.wall_offset, .start = r->o.start};

	memcpy(h.magic, REC_MAGIC, sizeof(h.magic));
	put_section(r);
	put_interface(r, "zctrace-server", "ends of connections that were accepted here");
	put_interface(r, "zctrace-client", "ends of connections that were opened from here");
	put_interface(r, "zctrace", "ends of connections of which it is not known who opened them");
	put_record(r, REC_HEADER, &h, sizeof(h));
}

/* ---- addresses of connections */

static struct ends *ends_find(struct recorder *r, uint64_t conn)
{
	struct ends *e = ways_find(r->ends, sizeof(*e), ENDS_BITS, conn);

	if (e && e->way.used)
		e->way.used = r->events;
	return e;
}

static void ends_add(struct recorder *r, const struct zc_ev_open *o)
{
	struct ends *e = ends_find(r, o->ev.conn);

	if (!o->ev.conn)
		return;
	if (!e)
		e = ways_place(r->ends, sizeof(*e), ENDS_BITS, o->ev.conn);
	*e = (struct ends){.way = {o->ev.conn, r->events},
			   .lport = o->lport,
			   .rport = o->rport,
			   .family = o->family,
			   .role = o->role};
	memcpy(e->laddr, o->laddr, sizeof(e->laddr));
	memcpy(e->raddr, o->raddr, sizeof(e->raddr));
}

static void ends_closed(struct recorder *r, uint64_t conn)
{
	struct ends *e = ends_find(r, conn);

	if (e)
		e->way.used = 0; /* kept: a retransmission may follow */
}

/* ---- segments as packets */

static uint8_t *put_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *put_be32(uint8_t *p, uint32_t v)
{
	return put_be16(put_be16(p, v >> 16), v);
}

/* Linux cooked capture, version 1: whether it came in or went out; no addresses of a link layer. */
static uint8_t *put_link(uint8_t *p, int tx, int family)
{
	p = put_be16(p, tx ? 4 : 0);
	p = put_be32(p, 0xfffe0000); /* ARPHRD_NONE, address of no octets */
	p = put_be32(put_be32(p, 0), 0);
	return put_be16(p, family == 4 ? 0x0800 : 0x86dd);
}

/* RFC 791: version 4, no options, "don't fragment", 64 hops. */
static uint8_t *put_ipv4(uint8_t *p, const uint8_t *src, const uint8_t *dst, uint32_t tcp_len)
{
	uint8_t *ip = p;
	uint32_t sum = 0;

	p = put_be16(p, 0x4500);
	p = put_be16(p, 20 + tcp_len);
	p = put_be32(p, 0x00004000);
	p = put_be32(p, 0x40060000);
	p = put(put(p, src + 12, 4), dst + 12, 4);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	put_be16(ip + 10, ~(sum + (sum >> 16)));
	return p;
}

/* RFC 8200: next header TCP, 64 hops. */
static uint8_t *put_ipv6(uint8_t *p, const uint8_t *src, const uint8_t *dst, uint32_t tcp_len)
{
	p = put_be32(p, 0x60000000);
	p = put_be16(p, tcp_len);
	p = put_be16(p, 0x0640);
	return put(put(p, src, 16), dst, 16);
}

/* Part of a segment that becomes one packet: off and len as on the wire, cap octets captured. */
struct slice {
	uint32_t off, len, cap;
	int last;
};

static uint8_t *put_headers(uint8_t *p, const struct ends *e, const struct zc_ev_segment *seg,
			    const struct slice *s)
{
	int tx = seg->dir == ZC_TX;
	const uint8_t *src = tx ? e->laddr : e->raddr, *dst = tx ? e->raddr : e->laddr;
	uint8_t flags = seg->tcp_flags & (ZC_TCP_FIN | ZC_TCP_SYN | ZC_TCP_RST | ZC_TCP_ACK);
	uint32_t seq = seg->seq + s->off;

	if (s->off)
		flags &= (uint8_t)~ZC_TCP_SYN;
	if (!s->last)
		flags &= (uint8_t)~(ZC_TCP_FIN | ZC_TCP_RST);
	if (flags & ZC_TCP_SYN)
		seq--; /* the event's seq is that of the first payload octet */
	p = put_link(p, tx, e->family);
	if (e->family == 4)
		p = put_ipv4(p, src, dst, 20 + s->len);
	else
		p = put_ipv6(p, src, dst, 20 + s->len);
	p = put_be16(p, tx ? e->lport : e->rport);
	p = put_be16(p, tx ? e->rport : e->lport);
	p = put_be32(p, seq);
	p = put_be32(p, flags & ZC_TCP_ACK ? seg->ack : 0);
	p = put_be16(p, 0x5000u | flags);
	p = put_be16(p, 0xffff); /* window: not known */
	return put_be32(p, 0);
}

static uint32_t interface_of(const struct ends *e)
{
	return e->role == ZC_ROLE_SERVER   ? REC_IF_SERVER
	       : e->role == ZC_ROLE_CLIENT ? REC_IF_CLIENT
					   : REC_IF_UNKNOWN;
}

static void put_slice(struct recorder *r, const struct ends *e, const struct zc_ev_segment *seg,
		      const uint8_t *payload, const struct slice *s)
{
	struct {
		struct rec_option o;
		struct zc_ev_segment seg;
	} option = {.o = {REC_PEN, s->last ? REC_OPT_SEGMENT : REC_OPT_PART}};
	uint16_t option_len = s->last ? sizeof(option) : sizeof(option.o);
	uint32_t headers = e->family == 4 ? REC_IPV4_HEADERS : REC_IPV6_HEADERS;
	uint32_t direction = seg->dir == ZC_TX ? 2 : 1; /* outbound, inbound */
	uint64_t time = seg->ev.time + (uint64_t)r->o.wall_offset;
	struct pcapng_epb b = {.b.type = PCAPNG_EPB,
			       .interface = interface_of(e),
			       .time_high = (uint32_t)(time >> 32),
			       .time_low = (uint32_t)time,
			       .cap_len = headers + s->cap,
			       .orig_len = headers + s->len};
	uint8_t *p;

	b.b.len = (uint32_t)(sizeof(b) + padded(b.cap_len) + 8 + 4 + option_len + 4 + 4);
	p = reserve(r, b.b.len);
	if (!p)
		return;
	p = put(p, &b, sizeof(b));
	p = put_headers(p, e, seg, s);
	p = put_padded(p, payload, s->cap);
	p = put_option(p, PCAPNG_EPB_FLAGS, &direction, sizeof(direction));
	option.seg = *seg;
	p = put_option(p, PCAPNG_OPT_CUSTOM, &option, option_len);
	p = put_option(p, PCAPNG_OPT_END, "", 0);
	put(p, &b.b.len, sizeof(b.b.len));
}

/*
 * A packet is captured from its start on, so octets before cap_off make packets of their own with
 * nothing captured. Nearly always the segment is one packet.
 */
static void put_segment(struct recorder *r, const struct ends *e, const struct zc_ev_segment *seg,
			const uint8_t *payload)
{
	uint32_t cap_off = seg->cap_len ? seg->cap_off : 0;
	uint32_t cap_end = cap_off + seg->cap_len;
	struct slice s = {0};

	do {
		uint32_t end = s.off < cap_off ? cap_off : seg->orig_len;

		s.len = end - s.off < SLICE_MAX ? end - s.off : SLICE_MAX;
		s.cap = 0;
		if (s.off >= cap_off && s.off < cap_end)
			s.cap = cap_end - s.off < s.len ? cap_end - s.off : s.len;
		s.last = s.off + s.len == seg->orig_len;
		put_slice(r, e, seg, payload, &s);
		payload += s.cap;
		s.off += s.len;
	} while (!s.last);
}

static void record_segment(struct recorder *r, const struct zc_ev *ev)
{
	const struct zc_ev_segment *seg = (const struct zc_ev_segment *)ev;
	const uint8_t *payload = (const uint8_t *)(seg + 1);
	struct ends *e = ends_find(r, ev->conn);

	if (r->masked && seg->cap_len) {
		struct zc_ev_segment *copy = (struct zc_ev_segment *)r->masked;

		memcpy(copy, seg, ev->size);
		payload = (const uint8_t *)(copy + 1);
		if (!r->o.mask(r->o.ctx, seg, (uint8_t *)(copy + 1))) {
			copy->cap_off = copy->cap_len = 0;
			copy->ev.size = sizeof(*copy);
		}
		seg = copy;
	}
	if (e && seg->orig_len <= ORIG_MAX)
		put_segment(r, e, seg, payload);
	else
		put_record(r, REC_EVENT, seg, seg->ev.size);
}

/* Plaintext is no packet: it is kept as the event that it is. */
static void record_plain(struct recorder *r, const struct zc_ev_plain *p)
{
	const struct zc_ev_segment seg = {
		.ev = p->ev, .seq = p->seq, .orig_len = p->orig_len, .cap_off = p->cap_off,
		.cap_len = p->cap_len, .dir = p->dir,
	};

	if (r->masked && p->cap_len) {
		struct zc_ev_plain *copy = (struct zc_ev_plain *)r->masked;

		memcpy(copy, p, p->ev.size);
		if (!r->o.mask(r->o.ctx, &seg, (uint8_t *)(copy + 1))) {
			copy->cap_off = copy->cap_len = 0;
			copy->ev.size = sizeof(*copy);
		}
		put_record(r, REC_EVENT, copy, copy->ev.size);
	} else {
		put_record(r, REC_EVENT, p, p->ev.size);
	}
}

/* Of a datagram that no protocol understands, or whose secrets nobody knows, the length. */
static void record_datagram(struct recorder *r, const struct zc_ev_datagram *d)
{
	const struct probe in = {
		.p = (const uint8_t *)(d + 1),
		.n = d->cap_len,
		.dir = d->dir,
		.client = PROBE_NO_DIR,
		.start = 1,
		.segment = 1,
		.datagram = 1,
	};
	struct zc_ev_datagram bare = *d;
	struct probed found;

	if (!r->masked || (found = probe_all(&in)).result == PROBE_YES) {
		put_record(r, REC_EVENT, d, d->ev.size);
		return;
	}
	bare.cap_len = 0;
	bare.ev.size = sizeof(bare);
	put_record(r, REC_EVENT, &bare, sizeof(bare));
}

/* ---- interface */

void recorder__event(struct recorder *r, const struct zc_ev *ev)
{
	if (r->failed)
		return;
	r->events++;
	if (ev->kind == ZC_EV_SEGMENT) {
		record_segment(r, ev);
	} else if (ev->kind == ZC_EV_PLAIN) {
		record_plain(r, (const struct zc_ev_plain *)ev);
	} else if (ev->kind == ZC_EV_DATAGRAM) {
		record_datagram(r, (const struct zc_ev_datagram *)ev);
	} else {
		if (ev->kind == ZC_EV_OPEN)
			ends_add(r, (const struct zc_ev_open *)ev);
		else if (ev->kind == ZC_EV_CLOSE)
			ends_closed(r, ev->conn);
		put_record(r, REC_EVENT, ev, ev->size);
	}
	recorder__tick(r, ev->time);
}

void recorder__tick(struct recorder *r, uint64_t now)
{
	if (now < r->flushed + FLUSH_NS)
		return;
	flush(r);
	r->flushed = now;
}

const char *recorder__error(const struct recorder *r)
{
	return r->failed ? r->err : NULL;
}

static void *fail_new(struct recorder *r, int err, char *text, size_t len)
{
	snprintf(text, len, "%s: cannot record: %s", r->name, strerror(err));
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	recorder__free(r);
	return NULL;
}

struct recorder *recorder__new_fd(int fd, const char *name, const struct recorder_options *o,
				  char *err, size_t errlen)
{
	struct recorder *r = calloc(1, sizeof(*r));

	if (!r) {
		snprintf(err, errlen, "%s: cannot record: %s", name, strerror(ENOMEM));
		close(fd);
		return NULL;
	}
	r->o = *o;
	r->fd = fd;
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->buf = malloc(BUFFER_SIZE);
	r->ends = calloc((size_t)WAYS << ENDS_BITS, sizeof(*r->ends));
	if (o->mask)
		r->masked = malloc(sizeof(struct zc_ev_plain) + ZC_MAX_CAPTURE);
	if (!r->buf || !r->ends || (o->mask && !r->masked))
		return fail_new(r, ENOMEM, err, errlen);
	put_preamble(r);
	flush(r); /* so that a reader at the other end of a pipe can begin */
	r->o.description = NULL;
	r->flushed = o->start;
	return r->failed ? fail_new(r, r->failed, err, errlen) : r;
}

struct recorder *recorder__new(const char *path, const struct recorder_options *o, char *err,
			       size_t errlen)
{
	int out = !strcmp(path, "-");
	int fd = out ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
		     : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0) {
		snprintf(err, errlen, "%s: cannot record: %s", out ? "standard output" : path,
			 strerror(errno));
		return NULL;
	}
	return recorder__new_fd(fd, out ? "standard output" : path, o, err, errlen);
}

int recorder__finish(struct recorder *r)
{
	struct rec_end end = {.events = r->events};

	if (r->fd < 0)
		return -r->failed;
	if (!r->failed)
		put_record(r, REC_END, &end, sizeof(end));
	flush(r);
	/* a network file system may tell only now that there was no room */
	if (close(r->fd) && !r->failed && errno != EINTR) {
		r->failed = errno;
		snprintf(r->err, sizeof(r->err), "%s: the recording may not be complete: %s",
			 r->name, strerror(r->failed));
	}
	r->fd = -1;
	return -r->failed;
}

void recorder__free(struct recorder *r)
{
	if (!r)
		return;
	recorder__finish(r);
	free(r->buf);
	free(r->ends);
	free(r->masked);
	free(r);
}
