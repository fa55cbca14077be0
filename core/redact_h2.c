#include "core/redact_h2.h"

#include <string.h>

#include "parsers/http2/http2.h"
#include "parsers/http2/http2_frames.h"

#define LONGEST_UNKNOWN 16384u /* SETTINGS_MAX_FRAME_SIZE as long as nobody sets it */
#define HEADS_ENOUGH 4 /* one after another, to be certain */

enum state {
	HEAD,
	PAD_LENGTH, /* of a frame with a field block: the one octet, which is not in `lead` */
	PAYLOAD,
	LOST,
};

void redact_h2_init(struct redact_h2 *h, int certain, int at_start)
{
	memset(h, 0, sizeof(*h));
	h->certain = (uint8_t)certain;
	h->at_start = (uint8_t)at_start;
	h->heads = certain ? HEADS_ENOUGH : 0;
}

static void lose(struct redact_h2 *h)
{
	h->state = LOST;
	h->heads = 0;
	h->open = 0;
	redact_hpack_gap(&h->hpack);
	redact_hpack_end(&h->hpack);
}

void redact_h2_init_lost(struct redact_h2 *h)
{
	redact_h2_init(h, 1, 0);
	lose(h);
}

/* ---- frames */

static int is_good_length(const struct redact_h2 *h, uint32_t length)
{
	uint32_t least = 0;

	switch (h->head[3]) {
	case F_PRIORITY: return length == 5;
	case F_RST_STREAM:
	case F_WINDOW_UPDATE: return length == 4;
	case F_PING: return length == 8;
	case F_GOAWAY: return length >= 8;
	case F_HEADERS: least = h->flags & FLAG_PRIORITY ? 5 : 0; break;
	case F_PUSH_PROMISE: least = 4; break;
	default: break;
	}
	if (h->head[3] > F_CONTINUATION) /* to be ignored (section 5.5), if that is what it is */
		return length <= LONGEST_UNKNOWN;
	if (h->head[3] <= F_HEADERS || h->head[3] == F_PUSH_PROMISE)
		least += !!(h->flags & FLAG_PADDED);
	return length >= least;
}

/* Can this be the head of the next frame? While there is a doubt, it must be a likely one. */
static int is_good_head(const struct redact_h2 *h, uint32_t length, uint32_t stream_id)
{
	if (h->open || h->head[3] == F_CONTINUATION)
		return h->open == stream_id && h->head[3] == F_CONTINUATION && stream_id;
	if (h->heads < HEADS_ENOUGH)
		return http2_probe(h->head, sizeof(h->head), 0) != PROBE_NO;
	switch (h->head[3]) {
	case F_SETTINGS:
	case F_PING:
	case F_GOAWAY: return !stream_id && is_good_length(h, length);
	case F_DATA:
	case F_HEADERS:
	case F_PRIORITY:
	case F_RST_STREAM:
	case F_PUSH_PROMISE: return stream_id && is_good_length(h, length);
	}
	return is_good_length(h, length);
}

/* Goes on to the next frame if this one is at its end. */
static void settle(struct redact_h2 *h)
{
	if (h->lead || h->block)
		return;
	if (h->in_block && h->flags & FLAG_END_HEADERS) {
		redact_hpack_end(&h->hpack);
		h->open = 0;
	}
	h->in_block = 0;
	if (!h->rest) {
		h->state = HEAD;
		h->nhead = 0;
	}
}

/* The head is complete. 0: it is none. */
static int begin_frame(struct redact_h2 *h)
{
	const uint8_t *b = h->head;
	uint32_t length = (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];
	uint32_t stream_id = (uint32_t)(b[5] & 0x7f) << 24 | (uint32_t)b[6] << 16 |
			  (uint32_t)b[7] << 8 | b[8];
	uint8_t type = b[3];

	h->flags = b[4];
	if (!is_good_head(h, length, stream_id))
		return 0;
	if (h->heads < HEADS_ENOUGH && ++h->heads == HEADS_ENOUGH)
		h->certain = 1;
	if (h->at_start && type == F_SETTINGS) {
		h->certain = 1;
		h->heads = HEADS_ENOUGH;
	}
	h->at_start = 0;
	h->in_block = type == F_HEADERS || type == F_PUSH_PROMISE || type == F_CONTINUATION;
	h->lead = 0;
	if (type == F_PUSH_PROMISE)
		h->lead = 4;
	else if (type == F_HEADERS && h->flags & FLAG_PRIORITY)
		h->lead = 5;
	h->block = h->in_block ? length - h->lead : 0;
	h->rest = h->in_block ? 0 : length;
	h->state = PAYLOAD;
	if (h->in_block)
		h->open = stream_id;
	if (h->in_block && type != F_CONTINUATION && h->flags & FLAG_PADDED) {
		h->block--;
		h->state = PAD_LENGTH;
	} else {
		settle(h);
	}
	return 1;
}

static uint32_t take(uint32_t *left, size_t n)
{
	uint32_t len = n < *left ? (uint32_t)n : *left;

	*left -= len;
	return len;
}

/* Are these frames of a connection that has frames, but perhaps elsewhere? */
static int is_doubtful(const struct redact_h2 *h)
{
	return h->certain && h->heads < HEADS_ENOUGH;
}

static size_t payload(struct redact_h2 *h, uint8_t *p, size_t n)
{
	size_t len = take(&h->lead, n);

	if (is_doubtful(h))
		redact_hpack_gap(&h->hpack);
	if (!len && h->block) {
		len = take(&h->block, n);
		redact_hpack_feed(&h->hpack, p, len);
	} else if (!len) {
		len = take(&h->rest, n);
	}
	if (is_doubtful(h))
		memset(p, REDACT_BLIND, len);
	settle(h);
	return len;
}

/* More padding than frame is an error of the connection (section 6.2). */
static int pad_length(struct redact_h2 *h, uint8_t c)
{
	if (c > h->block)
		return 0;
	h->block -= c;
	h->rest = c;
	h->state = PAYLOAD;
	settle(h);
	return 1;
}

/* ---- where frames are */

static void found(struct redact_h2 *h, int sure)
{
	lose(h);
	h->state = HEAD;
	h->nhead = 0;
	h->heads = sure ? HEADS_ENOUGH : 0;
	h->certain |= (uint8_t)sure;
}

/*
 * While lost: passes over what are no frames. Returns how many octets. The client of an upgraded
 * connection sends its preface when the server has long sent frames.
 */
static size_t find(struct redact_h2 *h, uint8_t *p, size_t n)
{
	enum probe_result r;
	size_t maybe = n, at;

	for (at = 0; at < n; at++) {
		r = PROBE_NO;
		if (!p[at] || p[at] == HTTP2_PREFACE[0])
			r = http2_probe(p + at, n - at, 0);
		if (r == PROBE_YES)
			break;
		if (r == PROBE_MORE && maybe == n && !p[at])
			maybe = at;
	}
	if (at < n || maybe < n)
		found(h, at < n);
	at = at < n ? at : maybe;
	memset(p, REDACT_BLIND, at);
	return at < n && p[at] ? at + HTTP2_PREFACE_LEN : at;
}

size_t redact_h2_feed(struct redact_h2 *h, uint8_t *p, size_t n)
{
	size_t used, before, left = n;

	/* frames that were only supposed, against such that are there */
	if (h->heads < HEADS_ENOUGH && h->state != LOST && http2_probe(p, n, 0) == PROBE_YES)
		found(h, 1);
	for (; left; p += used, left -= used) {
		int good = 1;

		used = 1;
		switch (h->state) {
		case HEAD:
			h->head[h->nhead++] = *p;
			if (h->nhead == sizeof(h->head))
				good = begin_frame(h);
			break;
		case PAD_LENGTH: good = pad_length(h, *p); break;
		case PAYLOAD: used = payload(h, p, left); break;
		case LOST: used = find(h, p, left); break;
		}
		if (good)
			continue;
		before = n - left < h->nhead - 1u ? n - left : h->nhead - 1u;
		lose(h);
		if (!h->certain)
			return n - left - before;
	}
	return n;
}

int redact_h2_gap(struct redact_h2 *h, uint64_t n)
{
	uint64_t all = (uint64_t)h->lead + h->block + h->rest + (h->state == PAD_LENGTH);

	if (!n)
		return 1;
	if (h->state == HEAD || h->state == LOST || n > all) {
		lose(h);
		return h->certain;
	}
	if (h->state == PAD_LENGTH) { /* what of the rest is padding is not known */
		h->block += h->lead;
		h->lead = 0;
		n--;
		redact_hpack_gap(&h->hpack);
		h->state = PAYLOAD;
	}
	n -= take(&h->lead, n);
	if (n && h->block) {
		redact_hpack_gap(&h->hpack);
		n -= take(&h->block, n);
	}
	take(&h->rest, n);
	settle(h);
	return 1;
}
