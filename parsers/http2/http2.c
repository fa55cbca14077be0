/*
 * http2.c - frames; see http2.h
 *
 * Octets are consumed frame by frame: DATA and frames that say nothing by their heads, then their
 * payload as it comes; control frames when they are complete; a field block when all its frames
 * are there, since the fields of a block cannot be kept from call to call without memory of their
 * own. Until then its octets stay with the caller, who has them anyway.
 */
#include <string.h>
#include "parsers/http2/http2_int.h"

#define LIST_TEXT (2 * HPACK_FIELD_MAX) /* of the fields in the list; the rest is for one more */

size_t http2_size(uint32_t capacity)
{
	return sizeof(struct http2) + 2 * ((hpack_size(capacity) + 15) & ~(size_t)15);
}

struct http2 *http2_init(void *mem, uint32_t capacity, unsigned client, int from_start)
{
	uint8_t *tables = (uint8_t *)mem + sizeof(struct http2);
	struct http2 *h = mem;

	memset(h, 0, sizeof(*h));
	h->client = client;
	for (unsigned i = 0; i < 2; i++) {
		struct http2_dir *d = &h->dir[i];

		d->hpack = hpack_init(tables, capacity, from_start);
		tables += (hpack_size(capacity) + 15) & ~(size_t)15;
		d->state = from_start ? D_START : D_LOST;
		d->max_frame = from_start ? MAX_FRAME_DEFAULT : MAX_FRAME_ANY;
		d->table_limit = from_start ? HPACK_DEFAULT_TABLE : HPACK_ANY_LIMIT;
		d->window = d->initial = from_start ? WINDOW_DEFAULT : HTTP2_UNKNOWN;
	}
	return h;
}

struct http2 *http2_move(void *mem, uint32_t capacity, struct http2 *old)
{
	uint8_t *tables = (uint8_t *)mem + sizeof(struct http2);
	struct http2 *h = mem;

	*h = *old;
	for (unsigned i = 0; i < 2; i++) {
		h->dir[i].hpack = hpack_move(tables, capacity, old->dir[i].hpack);
		http2_forget_same(&h->dir[i].same); /* it points into the old memory */
		tables += (hpack_size(capacity) + 15) & ~(size_t)15;
	}
	return h;
}

unsigned http2_client(const struct http2 *h)
{
	return h->client;
}

int http2_is_lost(const struct http2 *h, unsigned dir)
{
	return h->dir[dir].state == D_LOST;
}

uint32_t http2_wanted(const struct http2 *h, unsigned dir)
{
	return hpack_wanted(h->dir[dir].hpack);
}

uint64_t http2_unneeded(const struct http2 *h, unsigned dir)
{
	const struct http2_dir *d = &h->dir[dir];

	if (d->state != D_DATA && d->state != D_SKIP && d->state != D_PAD)
		return 0;
	return (uint64_t)d->left + d->pad;
}

const char *http2_error_name(uint32_t code)
{
	static const char *const names[] = {
		"NO_ERROR",
		"PROTOCOL_ERROR",
		"INTERNAL_ERROR",
		"FLOW_CONTROL_ERROR",
		"SETTINGS_TIMEOUT",
		"STREAM_CLOSED",
		"FRAME_SIZE_ERROR",
		"REFUSED_STREAM",
		"CANCEL",
		"COMPRESSION_ERROR",
		"CONNECT_ERROR",
		"ENHANCE_YOUR_CALM",
		"INADEQUATE_SECURITY",
		"HTTP_1_1_REQUIRED",
	};

	return code < sizeof(names) / sizeof(names[0]) ? names[code] : NULL;
}

static enum parse_status lose(struct http2 *h, unsigned dir, struct http2_event *ev)
{
	struct http2_dir *d = &h->dir[dir];

	d->state = D_LOST;
	d->scanned = d->left = d->pad = 0;
	http2_settings_unknown(h, dir);
	hpack_forget(d->hpack);
	ev->type = HTTP2_EV_LOST;
	return PARSE_EVENT;
}

void http2_refute(struct http2 *h, unsigned dir)
{
	struct http2_event ev = {.dir = dir};

	lose(h, dir, &ev);
}

/* Where frames are but a guess, a long one is rather something else, unless it is DATA. */
static int is_frame(const struct http2_dir *d, const struct frame *f)
{
	uint32_t data = FLAG_END_STREAM | FLAG_PADDED;

	if (d->unproven && f->length > MAX_FRAME_DEFAULT && (f->type != F_DATA || f->flags & ~data))
		return 0;
	return http2_frame_ok(f, d->max_frame);
}

static void skip(struct http2_dir *d, uint32_t left)
{
	d->state = left ? D_SKIP : D_FRAME;
	d->left = left;
	d->pad = 0;
}

/* ---- field blocks */

/* Where the frames of a field block end, as far as they are there. */
struct chain {
	size_t at;    /* end of the complete frames */
	uint64_t end; /* end of the last frame whose head is there */
	int complete; /* END_HEADERS is among the complete frames */
	int broken;   /* at `at` something else begins */
};

static struct chain follow(const uint8_t *p, size_t n, uint32_t from)
{
	uint32_t stream_id = http2_frame(p).stream_id;
	struct chain c = {.at = from, .end = from};

	while (n - c.at >= HTTP2_HEAD_LEN) {
		struct frame f = http2_frame(p + c.at);

		if (c.at && (f.type != F_CONTINUATION || f.stream_id != stream_id)) {
			c.broken = 1;
			break;
		}
		c.end = c.at + HTTP2_HEAD_LEN + (uint64_t)f.length;
		if (c.end > n || c.end > HTTP2_MAX_KEEP)
			break;
		c.at = (size_t)c.end;
		if (f.flags & FLAG_END_HEADERS) {
			c.complete = 1;
			break;
		}
	}
	return c;
}

/*
 * Octets of the field block in the frame at p, of which n octets are there. -1: the frame is
 * malformed. *skip: octets of the payload before it.
 */
static int64_t fragment(const uint8_t *p, size_t n, size_t *skip_len)
{
	struct frame f = http2_frame(p);
	size_t there = n - HTTP2_HEAD_LEN, before = 0, pad = 0, end;

	if (f.type != F_CONTINUATION && f.flags & FLAG_PADDED) {
		if (!there)
			return 0;
		pad = p[HTTP2_HEAD_LEN];
		before = 1;
	}
	if (f.type == F_HEADERS && f.flags & FLAG_PRIORITY)
		before += 5;
	if (f.type == F_PUSH_PROMISE)
		before += 4;
	if (before + pad > f.length)
		return -1;
	end = f.length - pad < there ? f.length - pad : there;
	*skip_len = before;
	return end > before ? (int64_t)(end - before) : 0;
}

/* The block in the frames p[0..n), the last of which may be cut. 0, or -1: malformed. */
static int gather(const uint8_t *p, size_t n, struct http2_scratch *s, struct str *block)
{
	size_t at = 0, before = 0;

	*block = (struct str){(const char *)s->block, 0};
	while (n - at >= HTTP2_HEAD_LEN) {
		size_t frame = HTTP2_HEAD_LEN + http2_frame(p + at).length;
		int64_t len;

		if (frame > n - at)
			frame = n - at;
		len = fragment(p + at, frame, &before);
		if (len < 0)
			return -1;
		if (len && !at && frame == n) /* one frame: as it lies */
			*block = (struct str){(const char *)p + HTTP2_HEAD_LEN + before,
					      (size_t)len};
		else if (len) {
			memcpy(s->block + block->n, p + at + HTTP2_HEAD_LEN + before, (size_t)len);
			block->n += (size_t)len;
		}
		at += frame;
	}
	return 0;
}

static void decode(struct http2_dir *d, struct str block, struct http2_scratch *s,
		   struct http2_event *ev)
{
	struct hpack_scratch text = {s->text, sizeof(s->text), 0};
	enum hpack_status st;
	size_t pos = 0;

	for (;;) {
		struct hpack_field *f = &s->field[ev->nfields];
		size_t mark = text.used;

		st = hpack_next(d->hpack, (const uint8_t *)block.p, block.n, &pos, &text, f);
		if (st != HPACK_FIELD)
			break;
		if (f->flags & HPACK_TOO_LONG)
			ev->flags |= HTTP2_FIELDS_DROPPED;
		if (ev->nfields < HTTP2_MAX_FIELDS && text.used <= LIST_TEXT) {
			ev->nfields++;
		} else {
			ev->flags |= HTTP2_FIELDS_DROPPED;
			text.used = mark;
		}
	}
	if (st != HPACK_END && !(ev->flags & HTTP2_TRUNCATED))
		ev->flags |= HTTP2_NOT_DECODED;
}

/* What its fields are, and say. */
static void read_block(struct http2 *h, struct http2_event *ev, struct str block,
		       struct http2_scratch *s)
{
	struct http2_dir *d = &h->dir[ev->dir];
	uint32_t changes = hpack_changes(d->hpack);

	if (!(ev->flags & HTTP2_NOT_DECODED))
		decode(d, block, s, ev);
	if (ev->type != HTTP2_EV_HEADERS) {
		http2_judge_as(ev, HTTP2_REQUEST, d->hpack);
		return;
	}
	http2_judge(ev, &h->client, d->hpack);
	if (hpack_changes(d->hpack) == changes)
		http2_remember(&d->same, changes, block, ev);
}

/*
 * The event of the block in the frames p[0..n), of which all that are there are complete but for
 * the last if HTTP2_TRUNCATED is set.
 */
static enum parse_status block_event(struct http2 *h, struct http2_event *ev, const uint8_t *p,
				     size_t n, struct http2_scratch *s)
{
	struct http2_dir *d = &h->dir[ev->dir];
	struct frame f = http2_frame(p);
	size_t pad = f.flags & FLAG_PADDED ? 1 : 0;
	struct str block = {"", 0};

	ev->stream_id = f.stream_id;
	ev->type = f.type == F_HEADERS ? HTTP2_EV_HEADERS : HTTP2_EV_PUSH_PROMISE;
	if (f.type == F_HEADERS && f.flags & FLAG_END_STREAM)
		ev->flags |= HTTP2_END_STREAM;
	if (f.type == F_PUSH_PROMISE &&
	    n >= HTTP2_HEAD_LEN + pad + 4) /* its stream is as in a head */
		ev->promised = http2_frame(p + pad + 4).stream_id;
	ev->fields = s->field;
	ev->epoch = hpack_epoch(d->hpack);
	if (!(ev->flags & HTTP2_NOT_DECODED) && gather(p, n, s, &block))
		ev->flags |= HTTP2_NOT_DECODED;
	if (ev->flags & (HTTP2_TRUNCATED | HTTP2_NOT_DECODED) ||
	    ev->type != HTTP2_EV_HEADERS ||
	    !http2_recall(&d->same, hpack_changes(d->hpack), block, ev))
		read_block(h, ev, block, s);
	if (ev->flags & (HTTP2_TRUNCATED | HTTP2_NOT_DECODED))
		hpack_forget(d->hpack);
	return PARSE_EVENT;
}

static enum parse_status next_block(struct http2 *h, const uint8_t *p, size_t n,
				    struct http2_scratch *s, size_t *used, struct http2_event *ev)
{
	struct http2_dir *d = &h->dir[ev->dir];
	struct chain c = follow(p, n, d->scanned);

	d->scanned = 0;
	if (c.complete || c.broken) {
		if (c.broken)
			ev->flags |= HTTP2_NOT_DECODED;
		*used = c.at;
		ev->wire = c.at;
		return block_event(h, ev, p, c.at, s);
	}
	if (c.end > HTTP2_MAX_KEEP || c.at + HTTP2_HEAD_LEN > HTTP2_MAX_KEEP) {
		if (n < HTTP2_MAX_KEEP) { /* what is decoded must not depend on how it comes */
			d->scanned = (uint32_t)c.at;
			*used = 0;
			return PARSE_MORE;
		}
		*used = c.end < HTTP2_MAX_KEEP ? (size_t)c.end : HTTP2_MAX_KEEP;
		skip(d, (uint32_t)(c.end - *used));
		ev->wire = c.end;
		/* what is here of it is decoded as if the rest was missing */
		ev->flags |= HTTP2_TRUNCATED;
		block_event(h, ev, p, *used, s);
		ev->flags ^= HTTP2_TRUNCATED | HTTP2_NOT_DECODED | HTTP2_BLOCK_LONG;
		return PARSE_EVENT;
	}
	d->scanned = (uint32_t)c.at;
	*used = 0;
	return PARSE_MORE;
}

void http2_classify(struct http2 *h, struct http2_event *ev, enum http2_kind kind)
{
	if (h->client == HTTP2_NO_DIR && kind != HTTP2_TRAILERS && kind != HTTP2_AMBIGUOUS)
		h->client = kind == HTTP2_REQUEST ? ev->dir : !ev->dir;
	/* after a block that is not complete the epoch is another, but then nothing is inferred */
	http2_judge_as(ev, kind, h->dir[ev->dir].hpack);
}

/* ---- DATA */

static void begin_data(struct http2 *h, unsigned dir, const struct frame *f, uint32_t head,
		       uint32_t pad)
{
	struct http2_dir *d = &h->dir[dir];
	uint32_t content = f->length - (head - HTTP2_HEAD_LEN);

	d->state = D_DATA;
	d->stream_id = f->stream_id;
	d->flags = f->flags & FLAG_END_STREAM;
	d->padding_unseen = 0;
	d->charged = f->length;
	d->wire = head;
	d->pad = pad < content ? pad : content; /* more is an error, section 6.1 */
	d->left = content - d->pad;
	if (d->window != HTTP2_UNKNOWN)
		d->window -= f->length;
}

/* Tells of `content` octets of content that are consumed, and of the frame's end if that is it. */
static enum parse_status data_event(struct http2_dir *d, struct http2_event *ev, uint32_t content)
{
	d->left -= content;
	ev->type = HTTP2_EV_DATA;
	ev->stream_id = d->stream_id;
	ev->charged = d->charged;
	ev->wire = (uint64_t)d->wire + content;
	d->charged = d->wire = 0;
	if (d->padding_unseen)
		ev->flags |= HTTP2_PADDING_UNSEEN;
	if (!d->left && !d->pad) {
		d->state = D_FRAME;
		ev->flags |= HTTP2_FRAME_END | (d->flags ? HTTP2_END_STREAM : 0u);
	} else if (!d->left) {
		d->state = D_PAD;
	}
	return PARSE_EVENT;
}

/* n octets of content, padding or what is skipped, seen or not. Returns how many are consumed. */
static uint32_t pass(struct http2_dir *d, uint64_t n)
{
	uint32_t *left = d->state == D_PAD ? &d->pad : &d->left;
	uint32_t take = n < *left ? (uint32_t)n : *left;

	*left -= take;
	if (d->state == D_PAD)
		d->wire += take;
	else if (!*left)
		d->state = D_FRAME;
	return take;
}

static enum parse_status next_data(struct http2_dir *d, const uint8_t *p, size_t n, size_t *used,
				   struct http2_event *ev)
{
	uint32_t take = n < d->left ? (uint32_t)n : d->left;

	if (!d->left && d->pad) { /* nothing but padding */
		d->state = D_PAD;
		return PARSE_MORE;
	}
	if (!n && d->left)
		return PARSE_MORE;
	*used = take;
	ev->data = (struct str){(const char *)p, take};
	return data_event(d, ev, take);
}

/* ---- other frames */

/* A control frame whose payload is there (of GOAWAY the first eight octets). */
static enum parse_status control(struct http2 *h, const struct frame *f, const uint8_t *payload,
				 struct http2_event *ev)
{
	struct http2_dir *other = &h->dir[!ev->dir];

	ev->stream_id = f->stream_id;
	ev->wire = HTTP2_HEAD_LEN + f->length;
	if ((f->type == F_SETTINGS || f->type == F_PING) && f->flags & FLAG_END_STREAM)
		ev->flags |= HTTP2_ACK;
	switch (f->type) {
	case F_RST_STREAM:
		ev->type = HTTP2_EV_RST_STREAM;
		ev->error = be32(payload);
		break;
	case F_SETTINGS:
		ev->type = HTTP2_EV_SETTINGS;
		ev->payload = (struct str){(const char *)payload, f->length};
		if (ev->flags & HTTP2_ACK)
			http2_settings_ack(h, ev->dir);
		else
			http2_settings(h, ev->dir, ev->payload);
		break;
	case F_PING:
		ev->type = HTTP2_EV_PING;
		ev->opaque = (uint64_t)be32(payload) << 32 | be32(payload + 4);
		break;
	case F_GOAWAY:
		ev->type = HTTP2_EV_GOAWAY;
		ev->last_stream = be32(payload) & 0x7fffffff;
		ev->error = be32(payload + 4);
		break;
	default:
		ev->type = HTTP2_EV_WINDOW_UPDATE;
		ev->increment = be32(payload) & 0x7fffffff;
		if (!f->stream_id && other->window != HTTP2_UNKNOWN)
			other->window += ev->increment;
		break;
	}
	return PARSE_EVENT;
}

/* Octets of a frame that are needed before anything can be said, beyond its head. */
static uint32_t needed(const struct frame *f)
{
	switch (f->type) {
	case F_RST_STREAM:
	case F_SETTINGS:
	case F_PING:
	case F_WINDOW_UPDATE: return f->length;
	case F_GOAWAY: return 8;
	case F_DATA: return f->flags & FLAG_PADDED ? 1 : 0;
	default: return 0;
	}
}

static enum parse_status next_frame(struct http2 *h, const uint8_t *p, size_t n,
				    struct http2_scratch *s, size_t *used, struct http2_event *ev)
{
	struct http2_dir *d = &h->dir[ev->dir];
	struct frame f;
	uint32_t need;

	if (n < HTTP2_HEAD_LEN)
		return PARSE_MORE;
	f = http2_frame(p);
	if (!is_frame(d, &f))
		return lose(h, ev->dir, ev);
	if (f.type == F_HEADERS || f.type == F_PUSH_PROMISE)
		return next_block(h, p, n, s, used, ev);
	need = HTTP2_HEAD_LEN + needed(&f);
	if (n < need)
		return PARSE_MORE;
	*used = need;
	if (f.type == F_DATA) {
		begin_data(h, ev->dir, &f, need, need > HTTP2_HEAD_LEN ? p[HTTP2_HEAD_LEN] : 0);
		return PARSE_MORE;
	}
	skip(d, HTTP2_HEAD_LEN + f.length - need);
	if (f.type == F_PRIORITY || f.type > F_CONTINUATION)
		return PARSE_MORE;
	if (f.type == F_CONTINUATION) {
		/* the rest of a block whose start was not seen or not decoded */
		hpack_forget(d->hpack);
		return PARSE_MORE;
	}
	return control(h, &f, p + HTTP2_HEAD_LEN, ev);
}

/* ---- where it begins */

static enum parse_status next_start(struct http2 *h, unsigned dir, const uint8_t *p, size_t n,
				    size_t *used, struct http2_event *ev)
{
	size_t same = n < HTTP2_PREFACE_LEN ? n : HTTP2_PREFACE_LEN;

	if (h->client == !dir) {
		h->dir[dir].state = D_FRAME;
		return PARSE_MORE;
	}
	if (memcmp(p, HTTP2_PREFACE, same)) {
		if (h->client == dir)
			return PARSE_BAD;
		h->dir[dir].state = D_FRAME;
		return PARSE_MORE;
	}
	if (same < HTTP2_PREFACE_LEN)
		return PARSE_MORE;
	h->client = dir;
	h->dir[dir].state = D_FRAME;
	*used = HTTP2_PREFACE_LEN;
	ev->type = HTTP2_EV_PREFACE;
	ev->wire = HTTP2_PREFACE_LEN;
	return PARSE_EVENT;
}

/*
 * Of all places where frames may begin, the one whose evidence is complete first. Since that does
 * not depend on what comes behind it, the outcome does not depend on how the octets came.
 */
static enum parse_status find_frames(struct http2_dir *d, const uint8_t *p, size_t n, size_t *used)
{
	size_t maybe = n, found = n, end = n, decided = 0;

	for (size_t at = 0; at < end; at++) {
		size_t there = n - at < HTTP2_MAX_KEEP ? n - at : HTTP2_MAX_KEEP;
		enum probe_result r;

		if (p[at])
			continue; /* frames of 64 KiB or more are not where to start */
		r = http2_chain(p + at, there, &decided);
		if (r == PROBE_YES && (found == n || at + decided < end)) {
			found = at;
			end = at + decided;
		} else if (r == PROBE_MORE && there < HTTP2_MAX_KEEP && maybe == n) {
			maybe = at;
		}
	}
	if (found < n) {
		d->state = D_FRAME;
		d->unproven = HTTP2_HEAD_LEN + MAX_FRAME_DEFAULT;
		d->guesses++;
	}
	*used = found < n ? found : maybe;
	return *used ? PARSE_SKIPPED : PARSE_MORE;
}

enum parse_status http2_next(struct http2 *h, unsigned dir, const uint8_t *p, size_t n,
			     struct http2_scratch *s, size_t *used, struct http2_event *ev)
{
	struct http2_dir *d = &h->dir[dir];
	enum parse_status st;
	size_t step;

	*ev = (struct http2_event){.dir = dir};
	for (*used = 0;; *used += step, p += step, n -= step) {
		uint8_t state = d->state;

		step = 0;
		switch (state) {
		case D_START: st = n ? next_start(h, dir, p, n, &step, ev) : PARSE_MORE; break;
		case D_FRAME: st = next_frame(h, p, n, s, &step, ev); break;
		case D_DATA: st = next_data(d, p, n, &step, ev); break;
		case D_LOST: st = find_frames(d, p, n, &step); break;
		default:
			step = pass(d, n);
			st = PARSE_MORE;
			if (state == D_PAD && !d->pad)
				st = data_event(d, ev, 0);
			break;
		}
		if (d->unproven && state != D_LOST) {
			ev->guess = d->guesses;
			d->unproven -= step < d->unproven ? (uint32_t)step : d->unproven;
		}
		if (st == PARSE_MORE && (step || d->state != state))
			continue;
		*used += step;
		return st;
	}
}

/* ---- gaps */

/* Behind the start of a field block octets are missing. */
static enum parse_status gap_in_block(struct http2 *h, const uint8_t *p, size_t kept, uint64_t all,
				      struct http2_scratch *s, uint64_t *used,
				      struct http2_event *ev)
{
	struct http2_dir *d = &h->dir[ev->dir];
	struct chain c = follow(p, kept, 0);
	uint64_t end = c.end > kept ? c.end : kept;

	d->scanned = 0;
	*used = all < end ? all : end;
	skip(d, (uint32_t)(end - *used));
	ev->flags |= HTTP2_TRUNCATED;
	ev->wire = end;
	return block_event(h, ev, p, kept, s);
}

static enum parse_status gap_at_frame(struct http2 *h, const uint8_t *p, size_t kept, uint64_t all,
				      struct http2_scratch *s, uint64_t *used,
				      struct http2_event *ev)
{
	struct http2_dir *d = &h->dir[ev->dir];
	struct frame f;

	*used = all;
	if (kept < HTTP2_HEAD_LEN)
		return lose(h, ev->dir, ev);
	f = http2_frame(p);
	if (!is_frame(d, &f))
		return lose(h, ev->dir, ev);
	if (f.type == F_HEADERS || f.type == F_PUSH_PROMISE)
		return gap_in_block(h, p, kept, all, s, used, ev);
	if (f.type == F_DATA) {
		/* PADDED, and how much is not seen: taken as content */
		*used = HTTP2_HEAD_LEN + needed(&f);
		begin_data(h, ev->dir, &f, HTTP2_HEAD_LEN + needed(&f), 0);
		d->padding_unseen = needed(&f) != 0;
		return PARSE_MORE;
	}
	if (f.type == F_PING) {
		*used = all < HTTP2_HEAD_LEN + 8u ? all : HTTP2_HEAD_LEN + 8u;
		skip(d, (uint32_t)(HTTP2_HEAD_LEN + 8u - *used));
		return PARSE_MORE;
	}
	/* a setting, a window or the end of a stream is missed: as bad as any frame missed */
	return lose(h, ev->dir, ev);
}

enum parse_status http2_gap(struct http2 *h, unsigned dir, const uint8_t *p, size_t kept,
			    uint64_t n, struct http2_scratch *s, uint64_t *used,
			    struct http2_event *ev)
{
	struct http2_dir *d = &h->dir[dir];
	uint64_t all = kept + n;

	*ev = (struct http2_event){.dir = dir};
	*used = all;
	switch (d->state) {
	case D_LOST: return PARSE_SKIPPED;
	case D_FRAME: return gap_at_frame(h, p, kept, all, s, used, ev);
	case D_DATA:
		if (!d->left) { /* all content is told; this begins in the padding, or at its end */
			*used = 0;
			if (d->pad) {
				d->state = D_PAD;
				return PARSE_MORE;
			}
			ev->data = (struct str){"", 0};
			return data_event(d, ev, 0);
		}
		*used = ev->gap = all < d->left ? all : d->left;
		return data_event(d, ev, (uint32_t)*used);
	case D_SKIP:
	case D_PAD: {
		int pad = d->state == D_PAD;

		*used = pass(d, all);
		return pad && !d->pad ? data_event(d, ev, 0) : PARSE_MORE;
	}
	default: return lose(h, dir, ev);
	}
}
