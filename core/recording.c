/*
 * recording.c - see recording.h
 */
#include "core/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/pcapng.h"

#define BUFFER_SIZE (1u << 20)
#define BATCH 1024

/* No block of ours comes near; a longer one is damage. */
#define BLOCK_MAX (1u << 18)
_Static_assert(BLOCK_MAX > ZC_MAX_CAPTURE + 4096 && BLOCK_MAX <= BUFFER_SIZE / 2, "BLOCK_MAX");

struct recording {
	struct source source;
	int fd;
	int eof;   /* nothing more will come from fd */
	int ended; /* REC_END was seen, or an error ends the replay */
	uint8_t *buf;
	size_t at, end; /* what is not yet consumed: buf[at..end) */
	uint64_t base;	/* offset in the file of buf[0] */
	uint64_t *event; /* the event being handed out, aligned: header, then payload */
	uint32_t parts;	 /* payload octets gathered from REC_OPT_PART */
	uint64_t unknown; /* events, and other records, of kinds that are not known */
	struct source_stats stats;
	char name[128];
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
	return ev->kind == ZC_EV_SEGMENT || ev->kind == ZC_EV_PLAIN;
}

/* Kinds that have grown since, and by how much. */
static size_t event_growth(uint16_t kind)
{
	switch (kind) {
	case ZC_EV_NAMES: return sizeof(((struct zc_ev_names *)0)->container_name);
	case ZC_EV_IO: return sizeof(((struct zc_ev_io *)0)->goroutine);
	default: return 0;
	}
}

/* Of what a later version has put behind the struct of this kind nothing is taken. */
static size_t event_cut(struct zc_ev *ev, size_t n)
{
	size_t known = event_size[ev->kind], payload = 0;

	if (ev->kind == ZC_EV_SEGMENT)
		payload = ((struct zc_ev_segment *)ev)->cap_len;
	else if (ev->kind == ZC_EV_PLAIN)
		payload = ((struct zc_ev_plain *)ev)->cap_len;
	if (n < known || n - known <= payload)
		return n;
	memmove((uint8_t *)ev + known, (uint8_t *)ev + n - payload, payload);
	ev->size = (uint32_t)(known + payload);
	return known + payload;
}

/*
 * An event of n octets, as an older version wrote it, or a later one, becomes one of now: what it did
 * not have is zero. Returns its size.
 */
static size_t event_adapt(struct zc_ev *ev, size_t n)
{
	size_t more = event_growth(ev->kind);

	if (ev->size != n)
		return n;
	if (!more || n + more != event_size[ev->kind])
		return event_cut(ev, n);
	memset((uint8_t *)ev + n, 0, more);
	ev->size = (uint32_t)(n + more);
	return n + more;
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
	case ZC_EV_OPEN:
		((struct zc_ev_open *)ev)->comm[15] = 0;
		return ((struct zc_ev_open *)ev)->role <= ZC_ROLE_CLIENT;
	case ZC_EV_IO:
		return ((struct zc_ev_io *)ev)->dir <= ZC_TX;
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
	case ZC_EV_NAMES:
		((struct zc_ev_names *)ev)->service[63] = 0;
		((struct zc_ev_names *)ev)->runtime[15] = 0;
		((struct zc_ev_names *)ev)->container[71] = 0;
		((struct zc_ev_names *)ev)->container_name[63] = 0;
		break;
	case ZC_EV_PEER:
		((struct zc_ev_peer *)ev)->comm[15] = 0;
		break;
	}
	return 1;
}

static int hand_out(struct recording *r, size_t n, source_event_fn fn, void *ctx)
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
	((struct zc_ev *)r->event)->size -= room - (uint32_t)(sizeof(tag) + sizeof(struct zc_ev_segment));
	n = r->parts + (uint32_t)sizeof(struct zc_ev_segment);
	r->parts = 0;
	if (((struct zc_ev *)r->event)->kind != ZC_EV_SEGMENT)
		return -EBADMSG;
	return hand_out(r, n, fn, ctx);
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
		 r->name, what, (unsigned long long)at);
}

/*
 * Reads once, waiting up to timeout_ms (-1: forever). 1: there is more to look at, or the end was
 * reached; 0: nothing came; negative errno, -EINTR among them.
 */
static int fill(struct recording *r, int timeout_ms)
{
	struct pollfd pfd = {.fd = r->fd, .events = POLLIN};
	ssize_t n;

	if (r->fd < 0) {
		r->eof = 1;
		return 1;
	}
	memmove(r->buf, r->buf + r->at, r->end - r->at);
	r->base += r->at;
	r->end -= r->at;
	r->at = 0;
	n = poll(&pfd, 1, timeout_ms);
	if (n > 0)
		n = read(r->fd, r->buf + r->end, BUFFER_SIZE - r->end);
	else if (n == 0)
		return 0;
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	r->end += (size_t)n;
	r->eof = n == 0;
	return 1;
}

/*
 * Looks at the block at buf[at]. Its length if all of it is there; 0: more octets are needed;
 * -EBADMSG.
 */
static int block_ready(const struct recording *r, struct pcapng_block *b)
{
	size_t have = r->end - r->at;
	uint32_t again;

	if (have < sizeof(*b))
		return 0;
	memcpy(b, r->buf + r->at, sizeof(*b));
	if (b->len < PCAPNG_BLOCK_MIN || b->len % 4 || b->len > BLOCK_MAX)
		return -EBADMSG;
	if (have < b->len)
		return 0;
	memcpy(&again, r->buf + r->at + b->len - 4, sizeof(again));
	return again == b->len ? (int)b->len : -EBADMSG;
}

/* One block, if it is there. -EAGAIN: it is not. */
static int next_block(struct recording *r, source_event_fn fn, void *ctx)
{
	const uint8_t *p = r->buf + r->at;
	struct pcapng_block b;
	int len = block_ready(r, &b), n = 0;

	if (!len)
		return -EAGAIN;
	if (len < 0)
		n = len;
	else if (b.type == PCAPNG_EPB)
		n = packet_block(r, p, b.len, fn, ctx);
	else if (b.type == REC_BLOCK)
		n = record_block(r, p, b.len, fn, ctx);
	else if (b.type == PCAPNG_SHB)
		n = -EBADMSG; /* files were joined: times and connections mean something else */
	if (n < 0)
		stop(r, "damaged", r->base + r->at);
	else
		r->at += b.len;
	return n;
}

static int recording_poll(struct source *s, source_event_fn fn, void *ctx, int timeout_ms)
{
	struct recording *r = (struct recording *)s;
	int events = 0, n;

	while (events < BATCH && !r->ended) {
		n = next_block(r, fn, ctx);
		if (n > 0)
			events += n;
		if (n != -EAGAIN)
			continue;
		if (r->eof) {
			stop(r, "cut off", r->base + r->end);
			break;
		}
		if (events)
			return events; /* before waiting */
		n = fill(r, timeout_ms);
		if (n == 0 || n == -EINTR)
			return 0;
		if (n < 0) {
			r->ended = 1;
			snprintf(r->err, sizeof(r->err), "%s: %s", r->name, strerror(-n));
			return n;
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
		snprintf(text, size, "%llu records of kinds that a later version has, and this one passes over",
			 (unsigned long long)r->unknown);
	return r->unknown != 0;
}

static void recording_free(struct source *s)
{
	struct recording *r = (struct recording *)s;

	if (r->fd >= 0)
		close(r->fd);
	free(r->buf);
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

/* The blocks up to and including REC_HEADER. 0, or an errno with a line in err. */
static int read_header(struct recording *r, char *err, size_t errlen)
{
	struct pcapng_block b;
	struct rec_header h;
	uint32_t tag = 0;
	int n;

	do {
		while (!(n = block_ready(r, &b)) && !r->eof)
			if ((n = fill(r, -1)) < 0) {
				snprintf(err, errlen, "%s: %s", r->name, strerror(-n));
				return n;
			}
		if (n <= 0) {
			snprintf(err, errlen, "%s: the recording's header is %s", r->name,
				 n ? "damaged" : "cut off");
			return -EBADMSG;
		}
		r->at += b.len;
	} while (b.type != REC_BLOCK);
	if (b.len == PCAPNG_BLOCK_MIN + sizeof(tag) + sizeof(h)) {
		memcpy(&tag, r->buf + r->at - b.len + sizeof(b), sizeof(tag));
		memcpy(&h, r->buf + r->at - b.len + sizeof(b) + sizeof(tag), sizeof(h));
	}
	if (tag != REC_HEADER || h.version != REC_VERSION) {
		snprintf(err, errlen, "%s: a recording of a version that this program cannot read",
			 r->name);
		return -EBADMSG;
	}
	r->source.wall_offset = h.wall_offset;
	r->source.start = h.start;
	return 0;
}

static struct recording *new_recording(int fd, const char *name)
{
	struct recording *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->source.ops = &recording_ops;
	r->fd = fd;
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->buf = malloc(BUFFER_SIZE);
	r->event = malloc(EVENT_ROOM + 8);
	if (r->buf && r->event)
		return r;
	r->fd = -1;
	recording_free(&r->source);
	return NULL;
}

struct source *recording__open_fd(int fd, const char *name, const void *head, size_t n, char *err,
				  size_t errlen)
{
	struct recording *r = new_recording(fd, name);

	if (!r || n > BUFFER_SIZE) {
		snprintf(err, errlen, "%s: %s", name, strerror(r ? EINVAL : ENOMEM));
		goto fail;
	}
	memcpy(r->buf, head, n);
	r->end = n;
	while (!r->eof && recording__detect(r->buf, r->end) == RECORDING_MORE) {
		int got = fill(r, -1);

		if (got < 0) {
			snprintf(err, errlen, "%s: %s", name, strerror(-got));
			goto fail;
		}
	}
	switch (recording__detect(r->buf, r->end)) {
	case RECORDING_YES:
		if (!read_header(r, err, errlen))
			return &r->source;
		break;
	case RECORDING_OTHER:
		snprintf(err, errlen, "%s: recorded on a host of the other byte order", name);
		break;
	default:
		snprintf(err, errlen, "%s: not a recording", name);
		break;
	}
fail:
	if (r)
		recording_free(&r->source);
	else if (fd >= 0)
		close(fd);
	return NULL;
}

struct source *recording__open(const char *path, char *err, size_t errlen)
{
	int in = !strcmp(path, "-");
	int fd = in ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);

	if (in)
		path = "standard input";
	if (fd < 0) {
		snprintf(err, errlen, "%s: %s", path, strerror(errno));
		return NULL;
	}
	return recording__open_fd(fd, path, "", 0, err, errlen);
}
