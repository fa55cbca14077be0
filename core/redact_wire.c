#include "core/redact_wire.h"

#include <stdlib.h>
#include <string.h>

#include "parsers/http1/http1.h"
#include "parsers/http2/http2.h"

enum kind {
	START,	 /* before the first octet; the initial one */
	PREFACE, /* `preface` octets of the connection preface, which may be text all the same */
	HEADS,	 /* HTTP/1, or anything else */
	HTTP2,
	HIDDEN, /* no memory */
};

/* Begins HTTP/2. NULL: no memory. */
static struct redact_h2 *begin_http2(struct redact_wire *w, int certain)
{
	int at_start = w->kind == START;

	if (!w->h2)
		w->h2 = malloc(sizeof(*w->h2));
	w->kind = w->h2 ? HTTP2 : HIDDEN;
	if (w->h2)
		redact_h2_init(w->h2, certain, at_start);
	return w->h2;
}

static void begin_lost(struct redact_wire *w)
{
	if (begin_http2(w, 1))
		redact_h2_init_lost(w->h2);
}

static void begin_heads(struct redact_wire *w)
{
	w->kind = HEADS;
	memset(&w->head, 0, sizeof(w->head));
}

/* It is not HTTP/2, or we are lost in it. */
static void begin_other(struct redact_wire *w)
{
	if (w->peer_http2)
		begin_lost(w);
	else
		begin_heads(w);
}

static int is_http1(const uint8_t *p, size_t n)
{
	return http1_probe(p, n, HTTP1_REQUEST) == PROBE_YES ||
	       http1_probe(p, n, HTTP1_RESPONSE) == PROBE_YES;
}

/* ---- the connection preface */

/* As many octets of the preface as there are; the rest of it may come later. */
static size_t preface(struct redact_wire *w, const uint8_t *p, size_t n)
{
	size_t len = HTTP2_PREFACE_LEN - w->preface;

	if (len > n)
		len = n;
	if (memcmp(p, HTTP2_PREFACE + w->preface, len))
		return 0;
	w->preface = (uint8_t)(w->preface + len);
	return len;
}

/* It was none; it has no secrets in it. */
static void no_preface(struct redact_wire *w)
{
	uint8_t text[HTTP2_PREFACE_LEN];

	memcpy(text, HTTP2_PREFACE, w->preface);
	redact_head_feed(&w->head, text, w->preface);
	w->kind = HEADS;
	w->preface = 0;
}

static size_t in_preface(struct redact_wire *w, const uint8_t *p, size_t n)
{
	size_t len = preface(w, p, n);

	if (!len) {
		no_preface(w);
	} else if (w->preface == HTTP2_PREFACE_LEN) {
		w->preface = 0;
		begin_http2(w, 1);
	}
	return len;
}

/* ---- which of them */

/* The start of a call that is not within HTTP/2: what do these octets look like? */
static void look(struct redact_wire *w, const uint8_t *p, size_t n)
{
	size_t same = n < HTTP2_PREFACE_LEN ? n : HTTP2_PREFACE_LEN;

	if (!memcmp(p, HTTP2_PREFACE, same)) {
		if (w->kind == START)
			begin_heads(w);
		w->kind = PREFACE;
		w->preface = 0;
		return;
	}
	w->http1 |= (uint8_t)is_http1(p, n);
	if (w->http1) {
		if (w->kind == START)
			begin_heads(w);
		return;
	}
	switch (http2_probe(p, n, w->kind == START)) {
	case PROBE_YES: begin_http2(w, 1); break;
	case PROBE_WAIT:
	case PROBE_MORE: begin_http2(w, 0); break;
	case PROBE_NO:
		if (w->kind == START)
			begin_other(w);
		break;
	}
}

/* Octets up to the end of the head of a response that accepts an upgrade to h2c, or 0. */
static size_t upgrade(const uint8_t *p, size_t n)
{
	static const char status[] = "HTTP/1.1 101";
	const uint8_t *end;
	size_t len;

	if (n < sizeof(status) || memcmp(p, status, sizeof(status) - 1))
		return 0;
	end = memmem(p, n, "\r\n\r\n", 4);
	len = end ? (size_t)(end - p) + 4 : 0;
	return len && memmem(p, len, "h2c", 3) ? len : 0;
}

/* Of a direction that was joined in the middle of something: octets before the first sure frame. */
static size_t before_frames(const uint8_t *p, size_t n)
{
	for (size_t at = 0; at < n; at++) {
		const uint8_t *zero = memchr(p + at, 0, n - at);

		if (!zero)
			break;
		at = (size_t)(zero - p);
		if (http2_probe(zero, n - at, 0) == PROBE_YES)
			return at;
	}
	return n;
}

static size_t in_heads(struct redact_wire *w, uint8_t *p, size_t n)
{
	size_t upgraded = w->http1 ? upgrade(p, n) : 0;
	size_t used = upgraded ? upgraded : w->http1 ? n : before_frames(p, n);

	redact_head_feed(&w->head, p, used);
	if (upgraded) {
		w->kind = START;
		w->http1 = 0;
	} else if (used < n) {
		begin_http2(w, 1);
	}
	return used;
}

void redact_wire_feed(struct redact_wire *w, uint8_t *p, size_t n)
{
	size_t used;

	if (n && w->kind == HTTP2 && !w->h2->certain && is_http1(p, n))
		begin_heads(w);
	if (n && w->kind == HEADS)
		look(w, p, n);
	for (; n; p += used, n -= used) {
		used = n;
		if (w->kind == START)
			look(w, p, n);
		switch (w->kind) {
		case PREFACE: used = in_preface(w, p, n); break;
		case HEADS: used = in_heads(w, p, n); break;
		case HTTP2:
			used = redact_h2_feed(w->h2, p, n);
			if (used < n)
				begin_other(w);
			break;
		default: memset(p, 'x', n); break;
		}
	}
}

void redact_wire_gap(struct redact_wire *w, uint64_t n)
{
	if (!n)
		return;
	if (w->kind == PREFACE)
		no_preface(w);
	if (w->kind == START)
		begin_other(w);
	if (w->kind == HEADS)
		redact_head_gap(&w->head, n);
	else if (w->kind == HTTP2 && !redact_h2_gap(w->h2, n))
		begin_other(w);
}

int redact_wire_is_http2(const struct redact_wire *w)
{
	return w->kind == HTTP2 && w->h2->certain;
}

void redact_wire_peer_is_http2(struct redact_wire *w)
{
	w->peer_http2 = 1;
	if (w->kind == HTTP2)
		w->h2->certain = 1;
	else if (w->kind == HEADS)
		begin_lost(w);
}

void redact_wire_copy(struct redact_wire *to, const struct redact_wire *from)
{
	struct redact_h2 *h2 = to->h2;

	*to = *from;
	to->h2 = h2;
	if (from->kind == HTTP2 && begin_http2(to, 1))
		*to->h2 = *from->h2;
}

void redact_wire_elsewhere(struct redact_wire *to, const struct redact_wire *from)
{
	redact_wire_copy(to, from);
	if (redact_wire_is_http2(to))
		begin_lost(to);
	else if (to->kind != HIDDEN)
		begin_heads(to);
}

void redact_wire_release(struct redact_wire *w)
{
	free(w->h2);
	memset(w, 0, sizeof(*w));
}
