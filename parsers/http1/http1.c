/*
 * http1.c - HTTP/1 messages, see http1.h: from one start to the end, RFC 9112 section 6.3
 *
 * Whatever is kept between calls is a number. Where the caller keeps octets (an incomplete head or
 * trailer section) h->scanned remembers how many of them have been looked at.
 */
#include "parsers/digits.h"
#include "parsers/http1/http1_impl.h"

#define MAX_CHUNK_LINE 4096u /* chunk-size with its extensions */

enum state {
	ST_START,      /* a message is due */
	ST_LOST,       /* somewhere in garbage */
	ST_HEAD,       /* a start line was seen, its head is not complete */
	ST_HEAD_SKIP,  /* in the rest of a head that is too long to be kept */
	ST_LENGTH,     /* content of known length */
	ST_CLOSE,      /* content until close */
	ST_CHUNK_SIZE, /* chunked coding, in the order of the wire */
	ST_CHUNK_EXT,
	ST_CHUNK_SIZE_LF,
	ST_CHUNK_DATA,
	ST_CHUNK_CR,
	ST_CHUNK_LF,
	ST_TRAILERS,
	ST_END,	 /* END is due */
	ST_OVER, /* tunnel */
};

enum method_class { METHOD_OTHER, METHOD_HEAD, METHOD_CONNECT };

/* ---- messages */

static void reset(struct http1 *h)
{
	if (!h->interim)
		h->method_class = METHOD_OTHER;
	h->interim = 0;
	h->started = 0;
	h->scanned = 0;
}

static enum parse_status to_start(struct http1 *h, struct http1_event *ev,
				  enum http1_event_type type)
{
	memset(ev, 0, sizeof(*ev));
	ev->type = type;
	ev->kind = (enum http1_kind)h->kind;
	ev->interim = h->interim;
	reset(h);
	return PARSE_EVENT;
}

static enum parse_status end_message(struct http1 *h, struct http1_event *ev)
{
	h->untouched = 0;
	h->state = h->tunnel ? ST_OVER : ST_START;
	return to_start(h, ev, HTTP1_EV_END);
}

static void lose(struct http1 *h)
{
	h->untouched = 0;
	h->state = ST_LOST;
	h->inner = 0;
	h->scanned = 0;
	h->started = 0;
}

static enum parse_status abort_message(struct http1 *h, struct http1_event *ev)
{
	lose(h);
	return to_start(h, ev, HTTP1_EV_ABORT);
}

/* RFC 9112 section 9.3 */
static int persists(const struct http1_event *ev, const struct http1_meaning *m)
{
	if (m->close || (m->proxy_close && !m->keep_alive))
		return 0;
	return ev->minor >= 1 || m->keep_alive || m->proxy_keep_alive;
}

static void frame_request(struct http1 *h, struct http1_event *ev, const struct http1_meaning *m)
{
	h->unsure |= m->odd_coding || (m->coding_seen && !m->chunked);
	if (h->unsure)
		ev->flags |= HTTP1_FRAMING_DOUBT;
	h->unsure |= (m->flags & (HTTP1_CL_INVALID | HTTP1_CL_CONFLICT)) != 0;
	if (m->coding_seen)
		ev->framing = m->chunked ? HTTP1_CHUNKED : HTTP1_NO_CONTENT;
	else if (m->length_seen && !(m->flags & HTTP1_CL_INVALID))
		ev->framing = HTTP1_LENGTH;
	if ((m->flags & HTTP1_CL_INVALID) || (m->coding_seen && !m->chunked))
		ev->flags &= ~(uint32_t)HTTP1_KEEP_ALIVE;
	if (m->upgrade && m->upgrade_option)
		ev->flags |= HTTP1_UPGRADE;
}

static void frame_response(struct http1 *h, struct http1_event *ev, const struct http1_meaning *m)
{
	int success = ev->status >= 200 && ev->status < 300;

	h->interim = ev->status < 200 && ev->status != 101;
	h->tunnel |= ev->status == 101 || (h->method_class == METHOD_CONNECT && success);
	ev->interim = h->interim;
	if (ev->status == 101)
		ev->flags |= HTTP1_UPGRADE;
	if (h->tunnel || ev->status < 200 || ev->status == 204 || ev->status == 304 ||
	    h->method_class == METHOD_HEAD)
		ev->framing = HTTP1_NO_CONTENT;
	else if (m->coding_seen)
		ev->framing = m->chunked ? HTTP1_CHUNKED : HTTP1_UNTIL_CLOSE;
	else if (m->length_seen && !(m->flags & HTTP1_CL_INVALID))
		ev->framing = HTTP1_LENGTH;
	else
		ev->framing = HTTP1_UNTIL_CLOSE;
	if (ev->framing == HTTP1_UNTIL_CLOSE)
		ev->flags &= ~(uint32_t)HTTP1_KEEP_ALIVE;
}

/* Has it no content though it says how long that is, because it answers HEAD? */
static int is_bare(const struct http1 *h, const struct http1_event *ev,
		   const struct http1_meaning *m)
{
	return ev->kind == HTTP1_RESPONSE && h->method_class == METHOD_HEAD && !m->coding_seen &&
	       m->length_seen && !(m->flags & HTTP1_CL_INVALID) && ev->status >= 200 &&
	       ev->status != 204 && ev->status != 304;
}

static void to_chunk_size(struct http1 *h)
{
	h->state = ST_CHUNK_SIZE;
	h->remaining = 0;
	h->digits = 0;
	h->line_len = 0;
}

static void to_content(struct http1 *h, enum http1_framing framing, uint64_t length)
{
	switch (framing) {
	case HTTP1_NO_CONTENT:
		h->state = ST_END;
		break;
	case HTTP1_LENGTH:
		h->remaining = length;
		h->state = length ? ST_LENGTH : ST_END;
		break;
	case HTTP1_CHUNKED:
		to_chunk_size(h);
		break;
	case HTTP1_UNTIL_CLOSE:
		h->state = ST_CLOSE;
		break;
	}
	h->untouched = h->state != ST_END;
}

/* ---- next, state by state. *used may already count empty lines before p. */

/* HEAD with what there is of a head that is too long to be kept; its start line is in *ev. */
static enum parse_status truncated_head(struct http1 *h, const uint8_t *p, size_t i, size_t end,
				  size_t *used, struct http1_event *ev)
{
	h->state = ST_HEAD_SKIP;
	h->started = 0;
	h->scanned = 0;
	h->kind = (uint8_t)ev->kind;
	h->status = (uint16_t)ev->status;
	h->minor = (uint8_t)ev->minor;
	if (ev->kind == HTTP1_RESPONSE)
		h->interim = ev->status < 200 && ev->status != 101;
	ev->type = HTTP1_EV_HEAD;
	ev->interim = h->interim;
	ev->fields = str_of(p + i, end - i);
	ev->head_len = (uint32_t)end;
	ev->flags = h->meaning.flags | HTTP1_HEAD_TRUNCATED;
	*used += end;
	return PARSE_EVENT;
}

/* The empty line of a long head has come. */
static void end_long_head(struct http1 *h)
{
	struct http1_event ev = { 0 };

	ev.kind = (enum http1_kind)h->kind;
	ev.status = h->status;
	ev.minor = h->minor;
	if (ev.kind == HTTP1_REQUEST)
		frame_request(h, &ev, &h->meaning);
	else
		frame_response(h, &ev, &h->meaning);
	to_content(h, ev.framing, h->meaning.length);
}

/* Reads the rest of a long head, a line at a time. */
static enum parse_status next_head_skip(struct http1 *h, const uint8_t *p, size_t n, size_t *used,
					struct http1_event *ev)
{
	size_t i = 0, last;

	while (i < n && h->state == ST_HEAD_SKIP) {
		const uint8_t *lf = memchr(p + i, '\n', n - i);
		size_t end = lf ? (size_t)(lf - p) + 1 : n;

		if (!lf && !h->line_len && end - i < HTTP1_MAX_LINE)
			break;
		if (!h->line_len && lf && http1_scan_fields(p, i, end, &h->meaning, NULL, &last))
			end_long_head(h);
		h->line_len = !lf;
		i = end;
	}
	*used += i;
	return h->state == ST_END ? end_message(h, ev) : PARSE_MORE;
}

/* ---- heads */

/* What the form of a head depends on, but for its bytes. */
static int is_usual(const struct http1 *h)
{
	return h->method_class == METHOD_OTHER && !h->unsure && !h->tunnel && !h->interim;
}

/* Where one request ended is not certain: is what seems a method the end of what it carried? */
static int is_torn(const struct http1 *h, const struct http1_event *ev, const uint8_t *p,
		   const uint8_t *lf)
{
	return h->unsure && ev->kind == HTTP1_REQUEST &&
	       http1_probe_known(p, (size_t)(lf - p)) == PROBE_NO;
}

/* HEAD, if p begins with the head that is remembered, or with one that has other values. */
static int known_head(struct http1 *h, const uint8_t *p, size_t n, struct http1_event *ev)
{
	struct http1_meaning m;

	if (!h->memo || !is_usual(h) || !http1_memo_head(h->memo, p, n, ev, &m, &h->notes))
		return 0;
	h->started = 0;
	h->scanned = 0;
	to_content(h, ev->framing, m.length);
	ev->content_length = ev->framing == HTTP1_LENGTH ? m.length : 0;
	if (!ev->same)
		http1_memo_keep(h->memo, p, ev, &m);
	return 1;
}

/* The start line, in *ev, ends before p + i. */
static enum parse_status next_fields(struct http1 *h, const uint8_t *p, size_t i, size_t n,
				     size_t *used, struct http1_event *ev)
{
	/* of responses nobody asks for them */
	struct field_notes *notes = ev->kind == HTTP1_REQUEST ? &h->notes : NULL;
	size_t max = min_size(n, HTTP1_MAX_HEAD), end, last = 0;
	int usual = is_usual(h);
	struct http1_meaning m;

	h->notes.n = 0;
	memset(&m, 0, sizeof(m));
	end = http1_scan_fields(p, i, max, &m, notes, &last);
	if (i < 2 || p[i - 2] != '\r')
		m.flags |= HTTP1_BARE_LF;
	if (!end) {
		h->started = 1;
		h->state = ST_HEAD;
		h->scanned = (uint32_t)max;
		if (max < HTTP1_MAX_HEAD)
			return PARSE_MORE;
		h->meaning = m;
		h->line_len = 0;
		end = (size_t)((const uint8_t *)memrchr(p, '\n', max) - p) + 1;
		return truncated_head(h, p, i, end, used, ev);
	}
	h->started = 0;
	h->scanned = 0;
	ev->type = HTTP1_EV_HEAD;
	h->kind = (uint8_t)ev->kind;
	ev->fields = str_of(p + i, last - i);
	if (h->notes.n <= FIELD_NOTES)
		ev->notes = notes;
	ev->head_len = (uint32_t)end;
	ev->flags = m.flags | (persists(ev, &m) ? HTTP1_KEEP_ALIVE : 0);
	if (m.coding_seen && (m.length_seen || (m.flags & HTTP1_CL_INVALID)))
		ev->flags |= HTTP1_CL_AND_TE;
	if (ev->kind == HTTP1_REQUEST)
		frame_request(h, ev, &m);
	else
		frame_response(h, ev, &m);
	to_content(h, ev->framing, m.length);
	ev->content_length = ev->framing == HTTP1_LENGTH || is_bare(h, ev, &m) ? m.length : 0;
	if (h->memo && usual && is_usual(h))
		http1_memo_keep(h->memo, p, ev, &m);
	*used += end;
	return PARSE_EVENT;
}

/* A request line longer than all that is kept: its method, and the first octets of its target. */
static enum parse_status long_request_line(struct http1 *h, const uint8_t *p, size_t n,
					   size_t *used, struct http1_event *ev)
{
	size_t m = octet_run(p, n, TOKEN);

	memset(ev, 0, sizeof(*ev));
	ev->kind = HTTP1_REQUEST;
	ev->minor = 1;
	ev->method = str_of(p, m);
	ev->target = str_of(p + m + 1, n - m - 1);
	memset(&h->meaning, 0, sizeof(h->meaning));
	h->line_len = 1;
	return truncated_head(h, p, n, n, used, ev);
}

static enum parse_status next_head(struct http1 *h, const uint8_t *p, size_t n, size_t *used,
				   struct http1_event *ev)
{
	size_t max = min_size(n, HTTP1_MAX_HEAD), last;
	const uint8_t *lf;

	if (h->scanned && !http1_find_empty_line(p, min_size(h->scanned, max), max, &last)) {
		h->scanned = (uint32_t)max;
		if (max < HTTP1_MAX_HEAD)
			return PARSE_MORE;
	}
	memset(ev, 0, sizeof(*ev));
	lf = memchr(p, '\n', max);
	if (!lf || !http1_start_line(p, (size_t)(lf - p), h->kind, ev)) {
		/* the caller did not keep what it was told to keep */
		lose(h);
		*used = n;
		return n ? PARSE_SKIPPED : PARSE_MORE;
	}
	return next_fields(h, p, (size_t)(lf - p) + 1, n, used, ev);
}

static enum parse_status next_lost(struct http1 *h, const uint8_t *p, size_t n, size_t *used,
				   struct http1_event *ev)
{
	size_t i, from = min_size(h->scanned, n);
	int inner = h->inner;
	enum probe_result r = http1_find_start(p, n, h->kind, &inner, &from, &i);

	h->inner = inner != 0;
	h->scanned = (uint32_t)from;
	if (r == PROBE_YES) {
		h->found = 1;
		h->state = ST_HEAD;
		h->scanned = 0;
		h->started = 1;
		if (!i)
			return next_head(h, p, n, used, ev);
	}
	*used = i;
	return i ? PARSE_SKIPPED : PARSE_MORE;
}

static enum parse_status next_start(struct http1 *h, const uint8_t *p, size_t n, size_t *used,
				    struct http1_event *ev)
{
	size_t empty = http1_empty_lines(p, n), max, from;
	const uint8_t *lf;

	h->found = 0;
	*used = empty;
	p += empty;
	n -= empty;
	if (!n || (n == 1 && *p == '\r'))
		return PARSE_MORE;
	if (known_head(h, p, n, ev)) {
		*used += ev->head_len;
		return PARSE_EVENT;
	}
	max = min_size(n, HTTP1_MAX_HEAD);
	from = min_size(h->scanned, max);
	lf = memchr(p + from, '\n', max - from);
	if (lf) {
		memset(ev, 0, sizeof(*ev));
		if (http1_start_line(p, (size_t)(lf - p), h->kind, ev) && !is_torn(h, ev, p, lf))
			return next_fields(h, p, (size_t)(lf - p) + 1, n, used, ev);
	} else if (max < HTTP1_MAX_HEAD && http1_start_fits(p, max, from, h->kind)) {
		h->scanned = (uint32_t)max;
		h->started = http1_start_certain(p, max, h->kind) != 0;
		return PARSE_MORE;
	} else if (max == HTTP1_MAX_HEAD && http1_start_certain(p, max, HTTP1_REQUEST) &&
		   http1_start_fits(p, max, from, HTTP1_REQUEST) && h->kind != HTTP1_RESPONSE) {
		return long_request_line(h, p, max, used, ev);
	}
	lose(h);
	/* the empty lines are no garbage: the next call begins behind them */
	return empty ? PARSE_MORE : next_lost(h, p, n, used, ev);
}

static enum parse_status content_event(struct http1 *h, struct http1_event *ev)
{
	memset(ev, 0, sizeof(*ev));
	ev->type = HTTP1_EV_CONTENT;
	ev->kind = (enum http1_kind)h->kind;
	return PARSE_EVENT;
}

/* k octets of content have been seen, or are known to be missing. */
static void content_passed(struct http1 *h, uint64_t k)
{
	if (h->state == ST_CLOSE)
		return;
	h->remaining -= k;
	if (!h->remaining)
		h->state = h->state == ST_LENGTH ? ST_END : ST_CHUNK_CR;
}

static enum parse_status next_content(struct http1 *h, const uint8_t *p, size_t n, size_t *used,
				      struct http1_event *ev)
{
	if (!n)
		return PARSE_MORE;
	if (h->state != ST_CLOSE && n > h->remaining)
		n = (size_t)h->remaining;
	content_event(h, ev);
	ev->data = str_of(p, n);
	content_passed(h, n);
	*used += n;
	return PARSE_EVENT;
}

static enum parse_status next_trailers(struct http1 *h, const uint8_t *p, size_t n, size_t *used,
				       struct http1_event *ev)
{
	size_t max = min_size(n, HTTP1_MAX_HEAD), from = min_size(h->scanned, max), end, last = 0;
	enum probe_result r = from ? PROBE_YES : http1_match_field(p, n);

	if (r == PROBE_MORE)
		return PARSE_MORE;
	if (r == PROBE_NO)
		return abort_message(h, ev);
	if (p[0] == '\n' || p[0] == '\r') {
		*used += p[0] == '\n' ? 1 : 2;
		return end_message(h, ev);
	}
	end = http1_find_empty_line(p, from, max, &last);
	if (!end) {
		if (max == HTTP1_MAX_HEAD)
			return abort_message(h, ev);
		h->scanned = (uint32_t)max;
		return PARSE_MORE;
	}
	content_event(h, ev);
	ev->type = HTTP1_EV_TRAILERS;
	ev->fields = str_of(p, last);
	*used += end;
	h->state = ST_END;
	return PARSE_EVENT;
}

static int chunk_size_octet(struct http1 *h, uint8_t c)
{
	int digit = hex_value(c);

	if (digit >= 0) {
		if (h->remaining > (uint64_t)INT64_MAX >> 4)
			return 0;
		h->remaining = h->remaining << 4 | (uint64_t)digit;
		h->digits = 1;
		return 1;
	}
	if (!h->digits || !(c == ';' || c == '\r' || c == '\n' || is_blank(c)))
		return 0;
	h->state = c == '\r' ? ST_CHUNK_SIZE_LF : ST_CHUNK_EXT;
	return 1;
}

/* One octet of the framing around chunks, RFC 9112 section 7.1. 0: it does not belong there. */
static int chunk_octet(struct http1 *h, uint8_t c)
{
	switch (h->state) {
	case ST_CHUNK_SIZE:
		if (!chunk_size_octet(h, c))
			return 0;
		break;
	case ST_CHUNK_SIZE_LF:
		if (c != '\n')
			return 0;
		break;
	case ST_CHUNK_CR:
		if (c == '\r')
			h->state = ST_CHUNK_LF;
		else if (c == '\n')
			to_chunk_size(h);
		else
			return 0;
		return 1;
	case ST_CHUNK_LF:
		if (c != '\n')
			return 0;
		to_chunk_size(h);
		return 1;
	}
	/* in the chunk-size line; its extensions may hold anything but its end */
	if (c == '\n') {
		h->state = h->remaining ? ST_CHUNK_DATA : ST_TRAILERS;
		h->scanned = 0;
	}
	return h->line_len++ < MAX_CHUNK_LINE;
}

static enum parse_status next_chunked(struct http1 *h, const uint8_t *p, size_t n, size_t *used,
				      struct http1_event *ev)
{
	size_t i = 0;

	for (; i < n && h->state != ST_CHUNK_DATA && h->state != ST_TRAILERS; i++)
		if (!chunk_octet(h, p[i])) {
			*used = i;
			return abort_message(h, ev);
		}
	*used = i;
	if (i == n)
		return PARSE_MORE;
	return h->state == ST_TRAILERS ? next_trailers(h, p + i, n - i, used, ev)
				       : next_content(h, p + i, n - i, used, ev);
}

/* ---- public */

void http1_init(struct http1 *h, enum http1_kind kind)
{
	memset(h, 0, sizeof(*h));
	h->kind = (uint8_t)kind;
	h->state = ST_START;
}

enum parse_status http1_next(struct http1 *h, const uint8_t *p, size_t n, size_t *used,
			     struct http1_event *ev)
{
	*used = 0;
	if (!n && h->state != ST_END && h->state != ST_OVER)
		return PARSE_MORE;
	h->untouched = 0;
	switch (h->state) {
	case ST_START: return next_start(h, p, n, used, ev);
	case ST_LOST: return next_lost(h, p, n, used, ev);
	case ST_HEAD: return next_head(h, p, n, used, ev);
	case ST_HEAD_SKIP: return next_head_skip(h, p, n, used, ev);
	case ST_LENGTH:
	case ST_CLOSE: return next_content(h, p, n, used, ev);
	case ST_END: return end_message(h, ev);
	case ST_OVER: return PARSE_END;
	default: return next_chunked(h, p, n, used, ev);
	}
}

void http1_expect(struct http1 *h, struct str method)
{
	h->method_class = METHOD_OTHER;
	if (method.n == 4 && !memcmp(method.p, "HEAD", 4))
		h->method_class = METHOD_HEAD;
	else if (method.n == 7 && !memcmp(method.p, "CONNECT", 7))
		h->method_class = METHOD_CONNECT;
}

enum parse_status http1_gap(struct http1 *h, uint64_t n, uint64_t *used, struct http1_event *ev)
{
	*used = 0;
	h->untouched = 0;
	switch (h->state) {
	case ST_LENGTH:
	case ST_CLOSE:
	case ST_CHUNK_DATA:
		*used = h->state == ST_CLOSE || n < h->remaining ? n : h->remaining;
		content_event(h, ev);
		ev->gap = *used;
		content_passed(h, *used);
		return PARSE_EVENT;
	case ST_END:
		return end_message(h, ev);
	case ST_OVER:
		*used = n;
		return PARSE_END;
	case ST_START:
	case ST_LOST:
		if (!h->started)
			break;
		return abort_message(h, ev);
	default:
		return abort_message(h, ev);
	}
	lose(h);
	*used = n;
	return PARSE_SKIPPED;
}

enum parse_status http1_eof(struct http1 *h, struct http1_event *ev)
{
	switch (h->state) {
	case ST_CLOSE:
	case ST_END:
		return end_message(h, ev);
	case ST_START:
	case ST_LOST:
		if (!h->started)
			return PARSE_END;
		return abort_message(h, ev);
	case ST_OVER:
		return PARSE_END;
	default:
		return abort_message(h, ev);
	}
}

int http1_next_same(struct http1 *h, const uint8_t *p, size_t n, uint32_t number)
{
	const struct http1_memo *k = h->memo;

	if (!k->len || k->number != number || h->state != ST_START || !is_usual(h) ||
	    n < k->len || memcmp(p, k->text, k->len))
		return 0;
	h->found = 0;
	h->started = 0;
	h->scanned = 0;
	to_content(h, (enum http1_framing)k->framing, k->meaning.length);
	return 1;
}

int http1_no_content(struct http1 *h)
{
	if (!h->untouched)
		return 0;
	h->untouched = 0;
	h->state = ST_END;
	return 1;
}

int http1_take_end(struct http1 *h)
{
	if (h->state != ST_END || h->tunnel)
		return 0;
	h->untouched = 0;
	h->state = ST_START;
	reset(h);
	return 1;
}

size_t http1_take_content(struct http1 *h, size_t n)
{
	size_t k = (size_t)h->remaining;

	if (h->state != ST_LENGTH || h->remaining > n || h->tunnel)
		return 0;
	h->state = ST_END;
	h->remaining = 0;
	http1_take_end(h);
	return k;
}

int http1_untouched(const struct http1 *h)
{
	return h->untouched;
}

int http1_begun(const struct http1 *h)
{
	return h->started && (h->state == ST_START || h->state == ST_HEAD);
}

int http1_lost(const struct http1 *h)
{
	return h->state == ST_LOST;
}

void http1_lose(struct http1 *h)
{
	lose(h);
}

void http1_resume(struct http1 *h, uint64_t n)
{
	h->state = n ? ST_LENGTH : ST_START;
	h->remaining = n;
	h->scanned = 0;
	h->started = h->untouched = h->found = 0;
}

int http1_was_found(const struct http1 *h)
{
	return h->found;
}

uint64_t http1_unneeded(const struct http1 *h)
{
	switch (h->state) {
	case ST_CLOSE: return UINT64_MAX;
	case ST_LENGTH:
	case ST_CHUNK_DATA: return h->remaining;
	default: return 0;
	}
}

int http1_in_head(const struct http1 *h)
{
	return h->state == ST_START || h->state == ST_LOST || h->state == ST_HEAD;
}

int http1_torn_head(const uint8_t *p, size_t n, enum http1_kind kind, struct http1_event *ev)
{
	size_t empty = http1_empty_lines(p, n);
	const uint8_t *lf, *space;

	memset(ev, 0, sizeof(*ev));
	p += empty;
	n -= empty;
	lf = memchr(p, '\n', n);
	if (lf) {
		if (!http1_start_line(p, (size_t)(lf - p), (uint8_t)kind, ev))
			return 0;
		ev->fields = str_of(lf + 1, (size_t)((const uint8_t *)memrchr(p, '\n', n) - lf));
		ev->head_len = (uint32_t)n;
		ev->interim = ev->kind == HTTP1_RESPONSE && ev->status < 200 && ev->status != 101;
		return 1;
	}
	if (kind == HTTP1_RESPONSE)
		return http1_start_line(p, n, (uint8_t)kind, ev);
	space = memchr(p, ' ', n);
	if (!space || http1_probe(p, n, HTTP1_REQUEST) == PROBE_NO)
		return 0;
	ev->kind = kind;
	ev->minor = 1;
	ev->method = str_of(p, (size_t)(space - p));
	n -= ev->method.n + 1;
	/* where an authority comes first, a password in it might not be told from a port */
	if (n && space[1] == '/')
		ev->target = str_of(space + 1, octet_run(space + 1, n, WORD));
	return 1;
}
