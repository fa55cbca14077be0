/*
 * http2_mask.c - overwrites the secrets in field blocks of HTTP/2 (RFC 9113)
 *
 * Walks the frames, which may be cut anywhere, and gives the field blocks of HEADERS, PUSH_PROMISE
 * and CONTINUATION to hpack_mask.h, and the content of DATA to content_mask.h, unless it is asked
 * for. Everything else is left as it is. Of more streams than STREAMS at a time that send content
 * in turn, each is looked at anew with its next frame: then more of it may be hidden.
 *
 * Missing octets do no harm in frames whose end is known, other than to a field block. Where the
 * boundaries of frames are lost, octets are overwritten with MASK_BLIND (which cannot be the head
 * of a frame that http2.h takes for one) up to where http2_probe() sees frames again. Of what looks
 * like frames, but is not enough to be sure, the heads are kept and the rest is overwritten: a head
 * that is read one octet too late often looks like another one.
 */
#include <string.h>

#include "parsers/byte_order.h"
#include "parsers/content/content_mask.h"
#include "parsers/http2/hpack_mask.h"
#include "parsers/http2/http2.h"
#include "parsers/http2/http2_frames.h"
#include "parsers/http2/http2_protocol.h"

#define LONGEST_UNKNOWN 16384u /* SETTINGS_MAX_FRAME_SIZE as long as nobody sets it */
#define HEADS_ENOUGH 4	       /* one after another, to be certain */
#define STREAMS 24u	       /* whose content is followed */

enum state {
	HEAD,
	PAD_LENGTH, /* of a frame with a field block or content: one octet, which is not in `lead`
		     */
	PAYLOAD,
	LOST,
	PREFACE, /* of a client, at its start */
};

struct mask {		  /* flat, for protocol_mask */
	uint8_t certain;  /* it is HTTP/2; otherwise it only looks like it so far */
	uint8_t at_start; /* the first frame of the direction comes next: SETTINGS are proof enough
			   */
	uint8_t state, flags, in_block;
	uint8_t asked; /* content is asked for */
	uint8_t npreface; /* octets of the connection preface that came */
	uint8_t nhead, heads;
	uint8_t head[HTTP2_HEAD_LEN];
	/* of the frame in hand, octets to come: before its field block or content, of it, behind it
	 */
	uint32_t lead, block, rest;
	uint32_t open; /* stream whose field block goes on in the next frame; 0: none */
	struct hpack_mask hpack;
	uint32_t content_stream; /* whose content is in hand; 0: nobody's */
	uint32_t clock;		 /* of frames with content */
	struct content {
		uint32_t stream_id, used;
		struct content_mask mask;
	} content[STREAMS];
};

/* ---- content */

/* The stream's; new: if need be, in the place of the one that was not used for the longest time. */
static struct content *content_of(struct mask *h, uint32_t stream_id, int new)
{
	struct content *oldest = &h->content[0];

	for (unsigned i = 0; i < STREAMS; i++) {
		if (h->content[i].stream_id == stream_id)
			return &h->content[i];
		if (h->content[i].used < oldest->used)
			oldest = &h->content[i];
	}
	if (!new)
		return NULL;
	oldest->stream_id = stream_id;
	content_mask_begin(&oldest->mask, h->asked ? CONTENT_SHOWN : CONTENT_UNKNOWN);
	return oldest;
}

static void content_feed(struct mask *h, uint8_t *p, size_t n)
{
	struct content *c = content_of(h, h->content_stream, 1);

	c->used = ++h->clock;
	content_mask_feed(&c->mask, p, n);
}

static void content_gap(struct mask *h, uint64_t n)
{
	if (n)
		content_mask_gap(&content_of(h, h->content_stream, 1)->mask, n);
}

/* The stream has ended in this direction. */
static void content_end(struct mask *h, uint32_t stream_id)
{
	struct content *c = content_of(h, stream_id, 0);

	if (c)
		memset(c, 0, sizeof(*c));
}

static void lose(struct mask *h)
{
	/* where content goes on is not known */
	for (unsigned i = 0; i < STREAMS; i++)
		content_mask_begin(&h->content[i].mask,
				   h->asked ? CONTENT_SHOWN : CONTENT_HIDDEN);
	h->content_stream = 0;
	h->state = LOST;
	h->at_start = 0;
	h->heads = 0;
	h->open = 0;
	hpack_mask_gap(&h->hpack);
	hpack_mask_end(&h->hpack);
}

/* ---- frames */

static int is_good_length(const struct mask *h, uint32_t length)
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
static int is_good_head(const struct mask *h, uint32_t length, uint32_t stream_id)
{
	if (h->open || h->head[3] == F_CONTINUATION)
		return h->open == stream_id && h->head[3] == F_CONTINUATION && stream_id;
	if (h->heads < HEADS_ENOUGH)
		return http2_probe(h->head, HTTP2_HEAD_LEN, 0) != PROBE_NO;
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
static void settle(struct mask *h)
{
	if (h->lead || h->block)
		return;
	if (h->in_block && h->flags & FLAG_END_HEADERS) {
		hpack_mask_end(&h->hpack);
		h->open = 0;
	}
	h->in_block = 0;
	if (h->rest)
		return;
	if (h->content_stream && h->flags & FLAG_END_STREAM)
		content_end(h, h->content_stream);
	h->content_stream = 0;
	h->state = HEAD;
	h->nhead = 0;
}

/* The head is complete. 0: it is none. */
static int begin_frame(struct mask *h)
{
	const uint8_t *b = h->head;
	uint32_t length = be24(b);
	uint32_t stream_id = be32(b + 5) & 0x7fffffff;
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
	h->lead = type == F_PUSH_PROMISE			  ? 4
		  : type == F_HEADERS && h->flags & FLAG_PRIORITY ? 5
								  : 0;
	h->content_stream = type == F_DATA ? stream_id : 0;
	if (type == F_RST_STREAM || (type == F_HEADERS && h->flags & FLAG_END_STREAM))
		content_end(h, stream_id);
	h->block = h->in_block || h->content_stream ? length - h->lead : 0;
	h->rest = length - h->lead - h->block;
	h->state = PAYLOAD;
	if (h->in_block)
		h->open = stream_id;
	if (h->block && type != F_CONTINUATION && h->flags & FLAG_PADDED) {
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
static int is_doubtful(const struct mask *h)
{
	return h->certain && h->heads < HEADS_ENOUGH;
}

static size_t payload(struct mask *h, uint8_t *p, size_t n)
{
	size_t len = take(&h->lead, n);

	if (is_doubtful(h))
		hpack_mask_gap(&h->hpack);
	if (!len && h->block) {
		len = take(&h->block, n);
		if (h->content_stream)
			content_feed(h, p, len);
		else
			hpack_mask_feed(&h->hpack, p, len);
	} else if (!len) {
		len = take(&h->rest, n);
	}
	if (is_doubtful(h))
		memset(p, MASK_BLIND, len);
	settle(h);
	return len;
}

/* More padding than frame is an error of the connection (section 6.2). */
static int pad_length(struct mask *h, uint8_t c)
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

static void found(struct mask *h, int sure)
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
static size_t find(struct mask *h, uint8_t *p, size_t n)
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
	memset(p, MASK_BLIND, at);
	return at < n && p[at] ? at + HTTP2_PREFACE_LEN : at;
}

/* ---- the interface */

static void mask_begin(void *state, enum sender from, unsigned flags)
{
	struct mask *h = state;

	memset(h, 0, sizeof(*h));
	h->certain = !(flags & MASK_DOUBT);
	h->asked = !!(flags & MASK_CONTENT);
	h->at_start = !!(flags & MASK_START);
	h->heads = h->certain ? HEADS_ENOUGH : 0;
	if (h->at_start && from == FROM_CLIENT)
		h->state = PREFACE;
	else if (h->certain && !h->at_start)
		lose(h);
}

/* Both ends begin with what can be nothing else. 0: this is not it. */
static int begins(struct mask *h, const uint8_t *p)
{
	if (h->state == HEAD)
		return !h->at_start || h->nhead || !*p;
	if (*p != (uint8_t)HTTP2_PREFACE[h->npreface])
		return 0;
	if (++h->npreface == HTTP2_PREFACE_LEN)
		h->state = HEAD;
	return 1;
}

static int head_octet(struct mask *h, uint8_t c)
{
	h->head[h->nhead++] = c;
	return h->nhead < HTTP2_HEAD_LEN || begin_frame(h);
}

/* The next octets; *used of them are dealt with. 0: they are no frames. */
static int octets(struct mask *h, uint8_t *p, size_t n, size_t *used)
{
	*used = 1;
	switch ((enum state)h->state) {
	case PREFACE: return begins(h, p);
	case HEAD: return begins(h, p) && head_octet(h, *p);
	case PAD_LENGTH: return pad_length(h, *p);
	case PAYLOAD: *used = payload(h, p, n); break;
	case LOST: *used = find(h, p, n); break;
	}
	return 1;
}

static size_t mask_feed(void *state, struct mask_shared *both, uint8_t *p, size_t n)
{
	struct mask *h = state;
	size_t used, before;

	(void)both;
	/* frames that were only supposed, against such that are there */
	if (h->heads < HEADS_ENOUGH && h->state < LOST && http2_probe(p, n, 0) == PROBE_YES)
		found(h, 1);
	for (size_t at = 0; at < n; at += used) {
		int first = h->at_start;

		if (octets(h, p + at, n - at, &used))
			continue;
		before = h->nhead ? h->nhead - 1u : 0;
		lose(h);
		if (!h->certain || first)
			return at > before ? at - before : 0;
	}
	return n;
}

static int mask_gap(void *state, struct mask_shared *both, uint64_t n)
{
	struct mask *h = state;
	uint64_t all = (uint64_t)h->lead + h->block + h->rest + (h->state == PAD_LENGTH);

	(void)both;
	if (h->state == HEAD || h->state >= LOST || n > all) {
		lose(h);
		return h->certain;
	}
	if (h->state == PAD_LENGTH) { /* what of the rest is padding is not known */
		h->block += h->lead;
		h->lead = 0;
		n--;
		if (!h->content_stream)
			hpack_mask_gap(&h->hpack);
		h->state = PAYLOAD;
	}
	n -= take(&h->lead, n);
	if (n && h->block && h->content_stream) {
		uint32_t missing = take(&h->block, n);

		content_gap(h, missing);
		n -= missing;
	} else if (n && h->block) {
		hpack_mask_gap(&h->hpack);
		n -= take(&h->block, n);
	}
	take(&h->rest, n);
	settle(h);
	return 1;
}

const struct protocol_mask http2_mask = {
	.state_size = sizeof(struct mask),
	.begin = mask_begin,
	.feed = mask_feed,
	.gap = mask_gap,
};
