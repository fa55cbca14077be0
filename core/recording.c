/*
 * recording.c - see recording.h
 */
#include "core/recording.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pcapng.h"

#define BATCH 1024

/* No block of ours comes near; a longer one is damage. */
#define BLOCK_MAX (1u << 18)
_Static_assert(BLOCK_MAX > ZC_MAX_CAPTURE + 4096 && BLOCK_MAX <= BYTES_MAX, "BLOCK_MAX");

struct recording {
	struct source source;
	struct bytes *in;
	int ended; /* REC_END was seen, or an error ends the replay */
	uint64_t *event; /* the event being handed out, aligned: header, then payload */
	uint32_t parts;	 /* payload octets gathered from REC_OPT_PART */
	uint64_t unknown; /* events, and other records, of kinds that are not known */
	struct source_stats stats;
	char err[256];
};

/* ---- events */

/* The fixed size of each kind; those of SEGMENT and PLAIN are without payload. */
static const uint32_t event_size[] = {
	[ZC_EV_SEGMENT] = sizeof(struct zc_ev_segment),
	[ZC_EV_OPEN] = sizeof(struct zc_ev_open),
	[ZC_EV_ESTABLISHED] = sizeof(struct zc_ev),
	[ZC_EV_CLOSE] = sizeof(struct zc_ev_close),
	[ZC_EV_IO] = sizeof(struct zc_ev_io),
	[ZC_EV_OWNER] = sizeof(struct zc_ev_owner),
	[ZC_EV_PROCESS] = sizeof(struct zc_ev_process),
	[ZC_EV_LISTEN] = sizeof(struct zc_ev_listen),
	[ZC_EV_LOST] = sizeof(struct zc_ev_lost),
	[ZC_EV_NAMES] = sizeof(struct zc_ev_names),
	[ZC_EV_PLAIN] = sizeof(struct zc_ev_plain),
	[ZC_EV_BIND] = sizeof(struct zc_ev_bind),
	[ZC_EV_FAULT] = sizeof(struct zc_ev_fault),
	[ZC_EV_PEER] = sizeof(struct zc_ev_peer),
	[ZC_EV_DATAGRAM] = sizeof(struct zc_ev_datagram),
	[ZC_EV_RETRANSMIT] = sizeof(struct zc_ev_retransmit),
	[ZC_EV_WINDOW] = sizeof(struct zc_ev_window),
	[ZC_EV_FLOW] = sizeof(struct zc_ev_flow),
	[ZC_EV_BACKLOG] = sizeof(struct zc_ev_backlog),
	[ZC_EV_THREAD] = sizeof(struct zc_ev_thread),
};
#define EVENT_KINDS (sizeof(event_size) / sizeof(event_size[0]))
#define EVENT_ROOM (sizeof(struct zc_ev_plain) + ZC_MAX_CAPTURE)

static int segment_valid(const struct zc_ev_segment *s)
{
	return s->cap_len <= ZC_MAX_CAPTURE && s->cap_off <= s->orig_len &&
	       s->cap_len <= s->orig_len - s->cap_off && s->dir <= ZC_TX &&
	       s->ev.size == sizeof(*s) + s->cap_len;
}

static int plain_valid(const struct zc_ev_plain *p)
{
	return p->cap_len <= ZC_MAX_CAPTURE && p->cap_off <= p->orig_len &&
	       p->cap_len <= p->orig_len - p->cap_off && p->dir <= ZC_TX &&
	       p->ev.size == sizeof(*p) + p->cap_len && !(p->sock & ZC_TLS_STREAM);
}

static int datagram_valid(struct zc_ev_datagram *d)
{
	d->comm[15] = 0;
	return d->cap_len <= ZC_MAX_CAPTURE && d->cap_len <= d->orig_len && d->dir <= ZC_TX &&
	       d->role <= ZC_ROLE_CLIENT && d->ev.size == sizeof(*d) + d->cap_len;
}

/* Is it about what its kind is about: a socket, a TLS stream, either? */
static int subject_valid(const struct zc_ev *ev)
{
	switch (ev->kind) {
	case ZC_EV_PLAIN:
	case ZC_EV_BIND:
	case ZC_EV_FAULT:
		return (ev->conn & ZC_TLS_STREAM) != 0;
	case ZC_EV_CLOSE:
		return 1;
	default:
		return !(ev->conn & ZC_TLS_STREAM);
	}
}

static int has_payload(const struct zc_ev *ev)
{
	return ev->kind == ZC_EV_SEGMENT || ev->kind == ZC_EV_PLAIN || ev->kind == ZC_EV_DATAGRAM;
}

/* Kinds that have grown since, and by how much. */
static size_t event_growth(uint16_t kind)
{
	switch (kind) {
	case ZC_EV_NAMES:
		return sizeof(struct zc_ev_names) - offsetof(struct zc_ev_names, container_name);
	case ZC_EV_IO: return sizeof(struct zc_ev_io) - offsetof(struct zc_ev_io, goroutine);
	case ZC_EV_CLOSE: return sizeof(struct zc_ev_close) - offsetof(struct zc_ev_close, rtt_us);
	case ZC_EV_BACKLOG:
		return sizeof(struct zc_ev_backlog) - offsetof(struct zc_ev_backlog, raddr);
	case ZC_EV_FLOW: return sizeof(struct zc_ev_flow) - offsetof(struct zc_ev_flow, needless);
	default: return 0;
	}
}

/* Of what a later version has put behind the struct of this kind nothing is taken. */
static size_t event_truncate(struct zc_ev *ev, size_t n)
{
	size_t known = event_size[ev->kind], payload = 0;

	if (ev->kind == ZC_EV_SEGMENT)
		payload = ((struct zc_ev_segment *)ev)->cap_len;
	else if (ev->kind == ZC_EV_PLAIN)
		payload = ((struct zc_ev_plain *)ev)->cap_len;
	else if (ev->kind == ZC_EV_DATAGRAM)
		payload = ((struct zc_ev_datagram *)ev)->cap_len;
	if (n < known || n - known <= payload)
		return n;
	memmove((uint8_t *)ev + known, (uint8_t *)ev + n - payload, payload);
	ev->size = (uint32_t)(known + payload);
	return known + payload;
}

/*
 * An event of n octets, as an older version wrote it, or a later one, becomes one of now: what it
 * did not have is zero. Returns its size.
 */
static size_t event_adapt(struct zc_ev *ev, size_t n)
{
	size_t more = event_growth(ev->kind), size;

	if (ev->size != n)
		return n;
	size = event_size[ev->kind];
	if (n >= size || n + more < size)
		return event_truncate(ev, n);
	memset((uint8_t *)ev + n, 0, size - n);
	ev->size = (uint32_t)size;
	return size;
}

/* Is the event whole, n octets long? Ends its strings, which costs a valid event nothing. */
static int event_valid(struct zc_ev *ev, size_t n)
{
	if (ev->size != n || n < event_size[ev->kind] ||
	    (!has_payload(ev) && n != event_size[ev->kind]) || !subject_valid(ev))
		return 0;
	switch (ev->kind) {
	case ZC_EV_SEGMENT:
		return segment_valid((struct zc_ev_segment *)ev);
	case ZC_EV_PLAIN:
		return plain_valid((struct zc_ev_plain *)ev);
	case ZC_EV_DATAGRAM: return datagram_valid((struct zc_ev_datagram *)ev);
	case ZC_EV_OPEN:
		((struct zc_ev_open *)ev)->comm[15] = 0;
		return ((struct zc_ev_open *)ev)->role <= ZC_ROLE_CLIENT;
	case ZC_EV_IO:
		return ((struct zc_ev_io *)ev)->dir <= ZC_TX;
	case ZC_EV_RETRANSMIT: return ((struct zc_ev_retransmit *)ev)->dir <= ZC_TX;
	case ZC_EV_WINDOW: return ((struct zc_ev_window *)ev)->dir <= ZC_TX;
	case ZC_EV_BIND:
		return ((struct zc_ev_bind *)ev)->dir <= ZC_TX &&
		       !(((struct zc_ev_bind *)ev)->sock & ZC_TLS_STREAM);
	case ZC_EV_FAULT:
		return !(((struct zc_ev_fault *)ev)->sock & ZC_TLS_STREAM);
	case ZC_EV_OWNER:
		((struct zc_ev_owner *)ev)->comm[15] = 0;
		break;
	case ZC_EV_PROCESS:
		((struct zc_ev_process *)ev)->comm[15] = 0;
		((struct zc_ev_process *)ev)->file[127] = 0;
		break;
	case ZC_EV_LISTEN:
		((struct zc_ev_listen *)ev)->comm[15] = 0;
		break;
	case ZC_EV_BACKLOG:
		((struct zc_ev_backlog *)ev)->comm[15] = 0;
		break;
	case ZC_EV_NAMES:
		((struct zc_ev_names *)ev)->service[63] = 0;
		((struct zc_ev_names *)ev)->runtime[15] = 0;
		((struct zc_ev_names *)ev)->container[71] = 0;
		((struct zc_ev_names *)ev)->container_name[63] = 0;
		((struct zc_ev_names *)ev)->resource[255] = 0;
		((struct zc_ev_names *)ev)->tls_unseen[135] = 0;
		break;
	case ZC_EV_PEER:
		((struct zc_ev_peer *)ev)->comm[15] = 0;
		break;
	}
	return 1;
}

/* Is it an event of the two most frequent kinds, as it should be? What event_valid() says of it. */
static inline int is_usual(const struct zc_ev *ev, size_t n)
{
	if (ev->size != n || ev->conn & ZC_TLS_STREAM)
		return 0;
	if (ev->kind == ZC_EV_SEGMENT)
		return n >= sizeof(struct zc_ev_segment) &&
		       segment_valid((const struct zc_ev_segment *)ev);
	return ev->kind == ZC_EV_IO && n == sizeof(struct zc_ev_io) &&
	       ((const struct zc_ev_io *)ev)->dir <= ZC_TX;
}

static int hand_out_any(struct recording *r, size_t n, source_event_fn fn, void *ctx)
{
	struct zc_ev *ev = (struct zc_ev *)r->event;

	if (n < sizeof(*ev) || !ev->kind)
		return -EBADMSG;
	if (ev->kind >= EVENT_KINDS) {
		r->unknown++;
		return 0;
	}
	if (!event_valid(ev, event_adapt(ev, n)))
		return -EBADMSG;
	r->stats.events++;
	if (ev->kind == ZC_EV_LOST) {
		r->stats.lost_events += ((struct zc_ev_lost *)ev)->count;
		r->stats.lost_bytes += ((struct zc_ev_lost *)ev)->bytes;
	} else if (ev->kind == ZC_EV_CLOSE) {
		r->stats.skipped_bytes += ((struct zc_ev_close *)ev)->skipped[ZC_RX];
		r->stats.skipped_bytes += ((struct zc_ev_close *)ev)->skipped[ZC_TX];
	}
	fn(ctx, ev);
	return 1;
}

/* The number of events that r->event, of n bytes, is; or -EBADMSG. */
static inline int hand_out(struct recording *r, size_t n, source_event_fn fn, void *ctx)
{
	if (!is_usual((struct zc_ev *)r->event, n))
		return hand_out_any(r, n, fn, ctx);
	r->stats.events++;
	fn(ctx, (struct zc_ev *)r->event);
	return 1;
}

/* ---- blocks: each function returns the number of events (0, 1), or -EBADMSG for damage */

/* Finds our custom option among n octets of options. Returns its length, 0: there is none. */
static uint32_t find_option(const uint8_t *p, size_t n, const uint8_t **found)
{
	struct pcapng_option o;

	while (n >= sizeof(o)) {
		uint32_t pen, room;

		memcpy(&o, p, sizeof(o));
		room = ((uint32_t)o.len + 3) & ~3u;
		if (o.code == PCAPNG_OPT_END || n - sizeof(o) < room)
			return 0;
		if (o.code == PCAPNG_OPT_CUSTOM && o.len >= sizeof(struct rec_option)) {
			memcpy(&pen, p + sizeof(o), sizeof(pen));
			*found = p + sizeof(o);
			if (pen == REC_PEN)
				return o.len;
		}
		p += sizeof(o) + room;
		n -= sizeof(o) + room;
	}
	return 0;
}

/* A packet of a segment: its payload lies behind headers whose length we know, we made them. */
static int packet_block(struct recording *r, const uint8_t *p, uint32_t len, source_event_fn fn,
			void *ctx)
{
	uint8_t *payload = (uint8_t *)r->event + sizeof(struct zc_ev_segment);
	struct pcapng_epb b;
	struct rec_option tag;
	const uint8_t *option;
	uint32_t headers, n, room;

	if (len < sizeof(b) + 4)
		return -EBADMSG;
	memcpy(&b, p, sizeof(b));
	room = len - (uint32_t)sizeof(b) - 4;
	if (b.cap_len > room || b.cap_len < REC_IPV4_HEADERS)
		return -EBADMSG;
	p += sizeof(b);
	headers = p[REC_LINK_HEADER] >> 4 == 4 ? REC_IPV4_HEADERS : REC_IPV6_HEADERS;
	n = (b.cap_len + 3) & ~3u;
	if (b.cap_len < headers || n > room)
		return -EBADMSG;
	room = find_option(p + n, room - n, &option);
	if (!room)
		return -EBADMSG;

	n = b.cap_len - headers;
	if (n > ZC_MAX_CAPTURE - r->parts)
		return -EBADMSG;
	memcpy(payload + r->parts, p + headers, n);
	r->parts += n;
	memcpy(&tag, option, sizeof(tag));
	if (tag.tag == REC_OPT_PART)
		return 0;
	if (tag.tag != REC_OPT_SEGMENT || room < sizeof(tag) + sizeof(struct zc_ev_segment))
		return -EBADMSG;
	memcpy(r->event, option + sizeof(tag), sizeof(struct zc_ev_segment));
	/* of a later version it may be longer */
	((struct zc_ev *)r->event)->size -=
		room - (uint32_t)(sizeof(tag) + sizeof(struct zc_ev_segment));
	n = r->parts + (uint32_t)sizeof(struct zc_ev_segment);
	r->parts = 0;
	if (((struct zc_ev *)r->event)->kind != ZC_EV_SEGMENT)
		return -EBADMSG;
	return hand_out(r, n, fn, ctx);
}

/* What the recorder writes behind a segment's packet, whose payload it need not have cut. */
struct packet_tail {
	struct pcapng_option flags;
	uint32_t direction;
	struct pcapng_option custom;
	struct rec_option tag;
	struct zc_ev_segment segment;
	struct pcapng_option end;
	uint32_t len;
} __attribute__((packed));

/*
 * The same of a packet as nearly all are: with the options that the recorder of this version
 * writes, in their order. Others are looked through by packet_block().
 */
static inline int usual_packet(struct recording *r, const uint8_t *p, uint32_t len,
			       source_event_fn fn, void *ctx)
{
	static const struct pcapng_option flags = {PCAPNG_EPB_FLAGS, sizeof(uint32_t)};
	static const struct pcapng_option custom = {
		PCAPNG_OPT_CUSTOM, sizeof(struct rec_option) + sizeof(struct zc_ev_segment)};
	static const struct rec_option tag = {REC_PEN, REC_OPT_SEGMENT};
	const uint8_t *payload, *tail;
	struct zc_ev_segment *s = (struct zc_ev_segment *)r->event;
	struct pcapng_epb b;
	uint32_t padded, n;

	if (len < sizeof(b) + sizeof(struct packet_tail))
		return packet_block(r, p, len, fn, ctx);
	memcpy(&b, p, sizeof(b));
	padded = len - (uint32_t)(sizeof(b) + sizeof(struct packet_tail));
	payload = p + sizeof(b) + REC_IPV4_HEADERS;
	tail = p + sizeof(b) + padded;
	n = b.cap_len - REC_IPV4_HEADERS;
	if (padded - b.cap_len > 3 || b.cap_len < REC_IPV4_HEADERS || n > ZC_MAX_CAPTURE ||
	    r->parts || p[sizeof(b) + REC_LINK_HEADER] >> 4 != 4 ||
	    memcmp(tail + offsetof(struct packet_tail, flags), &flags, sizeof(flags)) ||
	    memcmp(tail + offsetof(struct packet_tail, custom), &custom, sizeof(custom)) ||
	    memcmp(tail + offsetof(struct packet_tail, tag), &tag, sizeof(tag)))
		return packet_block(r, p, len, fn, ctx);
	memcpy(s, tail + offsetof(struct packet_tail, segment), sizeof(*s));
	memcpy(s + 1, payload, n);
	if (s->ev.kind != ZC_EV_SEGMENT)
		return -EBADMSG;
	return hand_out(r, n + (uint32_t)sizeof(*s), fn, ctx);
}

static int event_block(struct recording *r, const uint8_t *p, uint32_t n, source_event_fn fn,
		       void *ctx)
{
	struct zc_ev ev;

	if (n < sizeof(ev))
		return -EBADMSG;
	memcpy(&ev, p, sizeof(ev));
	if (ev.size > n || n - ev.size > 3 || ev.size > EVENT_ROOM)
		return -EBADMSG;
	memcpy(r->event, p, ev.size);
	return hand_out(r, ev.size, fn, ctx);
}

static int record_block(struct recording *r, const uint8_t *p, uint32_t len, source_event_fn fn,
			void *ctx)
{
	uint32_t tag;

	if (len < PCAPNG_BLOCK_MIN + sizeof(tag) || r->parts)
		return -EBADMSG;
	memcpy(&tag, p + 8, sizeof(tag));
	if (tag == REC_EVENT)
		return event_block(r, p + 12, len - 16, fn, ctx);
	if (tag <= REC_HEADER || (tag == REC_END && len < 16 + sizeof(struct rec_end)))
		return -EBADMSG;
	r->ended = tag == REC_END;
	r->unknown += tag > REC_END;
	return 0;
}

/* ---- input */

static void stop(struct recording *r, const char *what, uint64_t at)
{
	r->ended = 1;
	snprintf(r->err, sizeof(r->err), "%s: recording is %s at byte %llu; replayed up to there",
		 bytes__name(r->in), what, (unsigned long long)at);
}

/*
 * What the n bytes at p say of the block that begins there. 1: *b is filled, and all of it is
 * there; 0: more bytes are needed, b->len of them once that is not 0; -EBADMSG: it is none of ours.
 */
static inline int block_whole(const uint8_t *p, size_t n, struct pcapng_block *b)
{
	uint32_t again;

	b->len = 0;
	if (n < sizeof(*b))
		return 0;
	memcpy(b, p, sizeof(*b));
	if (b->len < PCAPNG_BLOCK_MIN || b->len % 4 || b->len > BLOCK_MAX)
		return -EBADMSG;
	if (n < b->len)
		return 0;
	memcpy(&again, p + b->len - 4, sizeof(again));
	return again == b->len ? 1 : -EBADMSG;
}

/* Waits for the whole of the next block. As block_whole(), 0: not in time; or as bytes__need(). */
static int block_ready(struct recording *r, struct pcapng_block *b, int timeout_ms)
{
	int n, res;

	while (!(res = block_whole(bytes__at(r->in), bytes__there(r->in), b))) {
		n = bytes__need(r->in, b->len ? b->len : sizeof(*b), timeout_ms);
		if (n <= 0)
			return n;
	}
	return res;
}

/* The number of events in the block at p, or -EBADMSG. */
static inline int take_block(struct recording *r, const uint8_t *p, const struct pcapng_block *b,
			     source_event_fn fn, void *ctx)
{
	switch (b->type) {
	case PCAPNG_EPB: return usual_packet(r, p, b->len, fn, ctx);
	case REC_BLOCK: return record_block(r, p, b->len, fn, ctx);
	/* files were joined: times and connections mean something else */
	case PCAPNG_SHB: return -EBADMSG;
	default: return 0;
	}
}

/* All blocks that are there, up to a batch of events, which are added up. 0, or -EBADMSG. */
static int take_blocks(struct recording *r, source_event_fn fn, void *ctx, int *events)
{
	const uint8_t *p = bytes__at(r->in);
	size_t n = bytes__there(r->in), at = 0;
	struct pcapng_block b;
	int res;

	while (*events < BATCH && !r->ended && (res = block_whole(p + at, n - at, &b)) != 0) {
		if (res > 0)
			res = take_block(r, p + at, &b, fn, ctx);
		if (res < 0) {
			bytes__take(r->in, at);
			return res;
		}
		at += b.len;
		*events += res;
	}
	bytes__take(r->in, at);
	return 0;
}

/* What block_ready() or take_blocks() could not do ends the replay. */
static int end_with(struct recording *r, int n)
{
	const char *wrong = bytes__error(r->in);

	if (wrong) {
		r->ended = 1;
		snprintf(r->err, sizeof(r->err), "%s: %s; replayed up to there", bytes__name(r->in),
			 wrong);
	} else if (n == -ENODATA) {
		stop(r, "cut off", bytes__offset(r->in) + bytes__there(r->in));
	} else {
		stop(r, "damaged", bytes__offset(r->in));
	}
	return n == -ENODATA || n == -EBADMSG ? -ENODATA : n;
}

static int recording_poll(struct source *s, source_event_fn fn, void *ctx, int timeout_ms)
{
	struct recording *r = (struct recording *)s;
	struct pcapng_block b;
	int events = 0, n;

	while (events < BATCH && !r->ended) {
		/* what has come is handed out before there is any waiting */
		n = block_ready(r, &b, events ? 0 : timeout_ms);
		if (n == 0 || n == -EINTR)
			return events;
		if (n > 0)
			n = take_blocks(r, fn, ctx, &events);
		if (n < 0) {
			n = end_with(r, n);
			return events ? events : n;
		}
	}
	return events ? events : -ENODATA;
}

static void recording_stats(struct source *s, struct source_stats *out)
{
	*out = ((struct recording *)s)->stats;
}

static const char *recording_error(struct source *s)
{
	struct recording *r = (struct recording *)s;

	return r->err[0] ? r->err : NULL;
}

static int recording_unread(struct source *s, char *text, size_t size)
{
	const struct recording *r = (const struct recording *)s;

	if (r->unknown)
		snprintf(text, size,
			 "%llu records of kinds that a later version has, and this one passes over",
			 (unsigned long long)r->unknown);
	return r->unknown != 0;
}

static void recording_free(struct source *s)
{
	struct recording *r = (struct recording *)s;

	bytes__free(r->in);
	free(r->event);
	free(r);
}

static const struct source_ops recording_ops = {
	.poll = recording_poll,
	.stats = recording_stats,
	.error = recording_error,
	.unread = recording_unread,
	.free = recording_free,
};

/* ---- opening */

/* A number of the file in the host's byte order. */
static uint32_t get32(const uint8_t *p, int other)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return other ? __builtin_bswap32(v) : v;
}

/*
 * Is the block at p the one with the magic? If it says nothing about that, *len is its length; 0:
 * more octets are needed. The block that we look for follows the interfaces: Wireshark takes the
 * file's link type from those that it finds right behind the section's header.
 */
static enum recording_kind detect_block(const uint8_t *p, size_t n, int other, uint32_t *len)
{
	static const char magic[8] = REC_MAGIC;
	uint32_t type, size;

	*len = 0;
	if (n < sizeof(struct pcapng_block))
		return RECORDING_MORE;
	type = get32(p, other);
	size = get32(p + 4, other);
	if (size % 4 || size < PCAPNG_BLOCK_MIN || size > RECORDING_DETECT)
		return RECORDING_NO;
	if (type == PCAPNG_SHB || type == PCAPNG_IDB) {
		*len = size;
		return RECORDING_MORE;
	}
	if (type != REC_BLOCK)
		return RECORDING_NO;
	p += sizeof(struct pcapng_block) + 4;
	if (n < sizeof(struct pcapng_block) + 4 + sizeof(magic))
		return RECORDING_MORE;
	if (memcmp(p, magic, sizeof(magic)))
		return RECORDING_NO;
	return other ? RECORDING_OTHER : RECORDING_YES;
}

enum recording_kind recording__detect(const void *head, size_t n)
{
	enum recording_kind kind = RECORDING_MORE;
	const uint8_t *p = head;
	uint32_t type = PCAPNG_SHB, order, len;
	size_t at = 0;
	int other;

	/* the type of this first block reads the same in both byte orders */
	if (memcmp(p, &type, n < sizeof(type) ? n : sizeof(type)))
		return RECORDING_NO;
	if (n < sizeof(struct pcapng_shb))
		return RECORDING_MORE;
	order = get32(p + sizeof(struct pcapng_block), 0);
	other = order != PCAPNG_BYTE_ORDER;
	if (other && order != __builtin_bswap32(PCAPNG_BYTE_ORDER))
		return RECORDING_NO;
	while (kind == RECORDING_MORE && at < n) {
		kind = detect_block(p + at, n - at, other, &len);
		if (!len)
			break;
		at += len;
	}
	return kind == RECORDING_MORE && n >= RECORDING_DETECT ? RECORDING_NO : kind;
}

enum recording_kind recording__wait(struct bytes *in)
{
	enum recording_kind kind;
	size_t n = 1;

	do {
		int got = bytes__need(in, n, -1);

		kind = recording__detect(bytes__at(in), bytes__there(in));
		if (kind != RECORDING_MORE || got <= 0)
			return kind;
		n = bytes__there(in) + 1;
	} while (n <= RECORDING_DETECT);
	return kind;
}

/* The blocks up to and including REC_HEADER. 0, or a negative errno with a line in err. */
static int read_header(struct recording *r, char *err, size_t errlen)
{
	const char *name = bytes__name(r->in);
	struct pcapng_block b;
	struct rec_header h;
	const uint8_t *p;
	uint32_t tag = 0;
	int n;

	for (;;) {
		n = block_ready(r, &b, -1);
		if (n <= 0) {
			snprintf(err, errlen, "%s: the recording's header is %s", name,
				 n == -EBADMSG ? "damaged" : "cut off");
			return -EBADMSG;
		}
		if (b.type == REC_BLOCK)
			break;
		bytes__take(r->in, b.len);
	}
	p = bytes__at(r->in) + sizeof(b);
	if (b.len == PCAPNG_BLOCK_MIN + sizeof(tag) + sizeof(h)) {
		memcpy(&tag, p, sizeof(tag));
		memcpy(&h, p + sizeof(tag), sizeof(h));
	}
	if (tag != REC_HEADER || h.version != REC_VERSION) {
		snprintf(err, errlen, "%s: a recording of a version that this program cannot read",
			 name);
		return -EBADMSG;
	}
	bytes__take(r->in, b.len);
	r->source.wall_offset = h.wall_offset;
	r->source.start = h.start;
	return 0;
}

static struct recording *new_recording(struct bytes *in)
{
	struct recording *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->source.ops = &recording_ops;
	r->source.waits = bytes__waits(in);
	r->event = malloc(EVENT_ROOM + 8);
	if (!r->event) {
		free(r);
		return NULL;
	}
	r->in = in;
	return r;
}

struct source *recording__open(struct bytes *in, char *err, size_t errlen)
{
	enum recording_kind kind = recording__wait(in);
	struct recording *r;

	if (kind != RECORDING_YES) {
		snprintf(err, errlen, "%s: %s", bytes__name(in),
			 kind == RECORDING_OTHER ? "recorded on a host of the other byte order"
						 : "not a recording");
		bytes__free(in);
		return NULL;
	}
	r = new_recording(in);
	if (!r) {
		snprintf(err, errlen, "%s: %s", bytes__name(in), strerror(ENOMEM));
		bytes__free(in);
		return NULL;
	}
	if (!read_header(r, err, errlen))
		return &r->source;
	recording_free(&r->source);
	return NULL;
}
