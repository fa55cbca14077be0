/*
 * http2_probe.c - is this HTTP/2?
 *
 * Frames carry no magic number, but their heads are tightly ruled: 24 bits of length that few types
 * leave free, 8 bits of type of which ten values exist, flags of which few are defined, and a
 * stream that must be 0 or must not. One head alone is too little; a chain of them is weighed.
 */
#include <string.h>
#include "parsers/http2/http2_int.h"

static const struct {
	uint32_t min, max; /* of the length */
	uint8_t stream;	   /* 0: must be 0; 1: must not; 2: any */
	uint8_t flags;	   /* defined */
	uint8_t weight;	   /* of the head as evidence; 8 are enough */
} rule[] = {
	[F_DATA] = {0, MAX_FRAME_ANY, 1, FLAG_END_STREAM | FLAG_PADDED, 2},
	[F_HEADERS] = {0, MAX_FRAME_ANY, 1,
		       FLAG_END_STREAM | FLAG_END_HEADERS | FLAG_PADDED | FLAG_PRIORITY, 2},
	[F_PRIORITY] = {5, 5, 1, 0, 3},
	[F_RST_STREAM] = {4, 4, 1, 0, 3},
	[F_SETTINGS] = {0, MAX_FRAME_DEFAULT, 0, FLAG_END_STREAM, 2},
	[F_PUSH_PROMISE] = {4, MAX_FRAME_ANY, 1, FLAG_END_HEADERS | FLAG_PADDED, 2},
	[F_PING] = {8, 8, 0, FLAG_END_STREAM, 3},
	[F_GOAWAY] = {8, MAX_FRAME_ANY, 0, 0, 2},
	[F_WINDOW_UPDATE] = {4, 4, 2, 0, 3},
	[F_CONTINUATION] = {0, MAX_FRAME_ANY, 1, FLAG_END_HEADERS, 1},
};

#define KNOWN_TYPES (sizeof(rule) / sizeof(rule[0]))
#define ENOUGH 8u

int http2_frame_ok(const struct frame *f, uint32_t max_frame)
{
	uint32_t min;

	if (f->length > max_frame)
		return 0;
	if (f->type >= KNOWN_TYPES)
		return 1; /* section 5.5: to be ignored */
	min = rule[f->type].min;
	if (f->type == F_DATA || f->type == F_HEADERS || f->type == F_PUSH_PROMISE)
		min += !!(f->flags & FLAG_PADDED);
	if (f->type == F_HEADERS && f->flags & FLAG_PRIORITY)
		min += 5;
	if (f->length < min || f->length > rule[f->type].max)
		return 0;
	if (rule[f->type].stream != 2 && rule[f->type].stream != !!f->stream_id)
		return 0;
	if (f->type == F_SETTINGS)
		return f->flags & FLAG_END_STREAM ? !f->length : f->length % 6 == 0;
	return 1;
}

/* A complete HEADERS frame: 0 if its field block is none, else its weight. */
static unsigned weigh_headers(const struct frame *f, const uint8_t *payload)
{
	size_t skip = 0, pad = 0;
	int plausible;

	if (f->flags & FLAG_PADDED) {
		pad = payload[0];
		skip = 1;
	}
	if (f->flags & FLAG_PRIORITY)
		skip += 5;
	if (skip + pad > f->length)
		return 0;
	plausible = hpack_plausible(payload + skip, f->length - skip - pad);
	return plausible == 2 ? ENOUGH : plausible ? 3 : 0;
}

/* Of a frame's head at p, n <= HTTP2_HEAD_LEN octets: can it be one? */
static int head_begins(const uint8_t *p, size_t n)
{
	return (n < 1 || !p[0]) && (n < 2 || p[1] <= MAX_FRAME_DEFAULT >> 8) &&
	       (n < 4 || p[3] < KNOWN_TYPES) && (n < 5 || !(p[4] & ~rule[p[3]].flags)) &&
	       (n < 6 || !(p[5] & 0x80));
}

/*
 * What is legal but so unusual that it is rather something else: frames of content without any,
 * streams of a server's (even), and field blocks that are not continued by the next frame.
 */
static int unusual(const struct frame *f, uint32_t open_block)
{
	if ((f->type == F_CONTINUATION) != !!open_block)
		return 1;
	if (open_block && f->stream_id != open_block)
		return 1;
	if (f->type == F_DATA && !f->length && !(f->flags & FLAG_END_STREAM))
		return 1;
	if ((f->type == F_HEADERS || f->type == F_CONTINUATION) && !f->length)
		return 1;
	return f->stream_id && !(f->stream_id & 1);
}

enum probe_result http2_chain(const uint8_t *p, size_t n, size_t *decided)
{
	uint32_t open_block = 0;
	unsigned weight = 0;
	size_t at = 0;

	while (weight < ENOUGH) {
		struct frame f;
		unsigned w;

		if (at >= n)
			return PROBE_MORE;
		if (n - at < HTTP2_HEAD_LEN)
			return head_begins(p + at, n - at) ? PROBE_MORE : PROBE_NO;
		f = http2_frame(p + at);
		*decided = at + HTTP2_HEAD_LEN;
		if (!head_begins(p + at, HTTP2_HEAD_LEN) ||
		    !http2_frame_ok(&f, MAX_FRAME_DEFAULT) || unusual(&f, open_block))
			return PROBE_NO;
		w = rule[f.type].weight;
		if (f.type == F_HEADERS && f.flags & FLAG_END_HEADERS) {
			if (n - at < HTTP2_HEAD_LEN + f.length)
				return PROBE_MORE;
			*decided += f.length;
			w = weigh_headers(&f, p + at + HTTP2_HEAD_LEN);
			if (!w)
				return PROBE_NO;
		}
		if (f.type == F_HEADERS || f.type == F_CONTINUATION || f.type == F_PUSH_PROMISE)
			open_block = f.flags & FLAG_END_HEADERS ? 0 : f.stream_id;
		weight += w;
		at += HTTP2_HEAD_LEN + f.length;
	}
	return PROBE_YES;
}

enum probe_result http2_probe(const uint8_t *p, size_t n, int start)
{
	size_t same = n < HTTP2_PREFACE_LEN ? n : HTTP2_PREFACE_LEN, decided;
	struct frame f;

	if (!n)
		return PROBE_MORE;
	if (!memcmp(p, HTTP2_PREFACE, same))
		return same == HTTP2_PREFACE_LEN ? PROBE_YES : PROBE_MORE;
	if (!start || n < HTTP2_HEAD_LEN)
		return http2_chain(p, n, &decided);
	f = http2_frame(p);
	if (f.type == F_SETTINGS && !f.flags && head_begins(p, HTTP2_HEAD_LEN) &&
	    http2_frame_ok(&f, 6 * 64))
		return PROBE_YES;
	return http2_chain(p, n, &decided);
}
