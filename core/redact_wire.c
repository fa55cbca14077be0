#include "core/redact_wire.h"

#include <stdlib.h>
#include <string.h>

#include "parsers/http1/http1.h"
#include "parsers/http2/http2.h"
#include "parsers/proxy_header.h"
#include "parsers/tls/tls.h"

#define HTTP2_FRAME_HEAD 9 /* RFC 9113 section 4.1 */

enum kind {
	START,	 /* before the first octet; the initial one */
	PREFACE, /* `preface` octets of the connection preface, which may be text all the same */
	HEADS,	 /* HTTP/1 if w->http1, else what is not known */
	HTTP2,
	TLS,
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
	w->left = 0;
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

/* A method that everybody knows, and a target that is a path, a URI, or what CONNECT asks for. */
static int begins_target(const uint8_t *p, size_t n)
{
	const uint8_t *blank = memchr(p, ' ', n);
	uint8_t c = blank && blank + 1 < p + n ? blank[1] : 0;

	return c == '/' || c == '*' ||
	       (blank && blank + 5 < p + n && !memcmp(blank + 1, "http", 4)) ||
	       (c > ' ' && n > 8 && !memcmp(p, "CONNECT ", 8));
}

/* HTTP/1 from here on: YES, NO, or MORE of what holds no secret so far. */
static enum probe_result looks_like_http1(const uint8_t *p, size_t n)
{
	size_t i = 0;

	if (is_http1(p, n))
		return PROBE_YES;
	while (i < n && (p[i] == '\r' || p[i] == '\n'))
		i++;
	if (http1_probe(p, n, HTTP1_RESPONSE) == PROBE_MORE)
		return n - i > 9 ? PROBE_YES : PROBE_MORE;
	if (http1_probe(p, n, HTTP1_REQUEST) == PROBE_MORE && memmem(p, n, " HTTP/1", 7))
		return PROBE_YES;
	if (http1_probe_known(p, n) != PROBE_MORE)
		return PROBE_NO;
	if (begins_target(p + i, n - i))
		return PROBE_YES;
	return memchr(p + i, ' ', n - i) && p[n - 1] != ' ' && n - i > 12 ? PROBE_NO : PROBE_MORE;
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

/* It was none; it has no secrets in it, and may be the beginning of something else. */
static void no_preface(struct redact_wire *w)
{
	begin_heads(w);
	memcpy(w->prefix, HTTP2_PREFACE, w->preface);
	w->nprefix = w->preface;
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

/* It is HTTP/1. The prefix has no secret in it. */
static void begin_http1(struct redact_wire *w)
{
	uint8_t text[sizeof(w->prefix)];

	begin_heads(w);
	w->http1 = 1;
	memcpy(text, w->prefix, w->nprefix);
	redact_head_feed(&w->head, text, w->nprefix);
	w->nprefix = 0;
}

#define TLS_HEADER 5

static int is_record(const uint8_t *head)
{
	return head[0] >= 20 && head[0] <= 24 && head[1] == 3 &&
	       (head[3] << 8 | head[4]) <= (int)TLS_MAX_RECORD;
}

/* Passes over records. Fewer than n: here they end. */
static size_t in_tls(struct redact_wire *w, const uint8_t *p, size_t n)
{
	size_t at = 0, len;

	while (at < n) {
		if (w->left) {
			len = w->left < n - at ? w->left : n - at;
			w->left -= (uint32_t)len;
			at += len;
			continue;
		}
		w->prefix[w->nprefix++] = p[at++];
		if (w->nprefix < TLS_HEADER)
			continue;
		w->nprefix = 0;
		if (!is_record(w->prefix)) {
			begin_heads(w);
			return at > TLS_HEADER ? at - TLS_HEADER : 0;
		}
		w->left = (uint32_t)(w->prefix[3] << 8 | w->prefix[4]);
	}
	return n;
}

/* The prefix is the beginning of its first record. */
static void begin_tls(struct redact_wire *w)
{
	uint8_t text[sizeof(w->prefix)];
	size_t n = w->nprefix;

	memcpy(text, w->prefix, n);
	w->kind = TLS;
	w->left = 0;
	w->nprefix = 0;
	in_tls(w, text, n);
}

/* What may be the beginning of a start-line, or of a record, stays. */
static int keep_prefix(struct redact_wire *w, const uint8_t *p, size_t n)
{
	if (w->nprefix + n > sizeof(w->prefix))
		return 0;
	memcpy(w->prefix + w->nprefix, p, n);
	w->nprefix = (uint8_t)(w->nprefix + n);
	return 1;
}

/*
 * HTTP/1 or TLS, with what came before in the prefix. YES, NO; MORE: all of it is in the prefix
 * now.
 */
static enum probe_result look_for_start(struct redact_wire *w, const uint8_t *p, size_t n)
{
	uint8_t both[sizeof(w->prefix) + 64];
	enum probe_result http1, tls;
	const uint8_t *all = p;
	size_t nall = n, more = n < 64 ? n : 64;
	uint8_t before = w->nprefix;

	if (before) {
		memcpy(both, w->prefix, before);
		memcpy(both + before, p, more);
		all = both;
		nall = before + more;
	}
	tls = tls_probe(all, nall, w->kind == START);
	http1 = looks_like_http1(all, nall);
	if (tls == PROBE_YES) {
		begin_tls(w);
		return PROBE_YES;
	}
	if (http1 == PROBE_YES) {
		begin_http1(w);
		return PROBE_YES;
	}
	if ((tls == PROBE_MORE || http1 == PROBE_MORE) && keep_prefix(w, p, n))
		return PROBE_MORE;
	w->nprefix = 0;
	return PROBE_NO;
}

/*
 * The start of a call that is not within HTTP/2: what do these octets look like? 1: they are the
 * beginning of something that only more of them will tell, and may stay.
 */
static int look(struct redact_wire *w, const uint8_t *p, size_t n)
{
	size_t same = n < HTTP2_PREFACE_LEN ? n : HTTP2_PREFACE_LEN;
	enum probe_result start;

	if (!w->nprefix && !memcmp(p, HTTP2_PREFACE, same)) {
		if (w->kind == START)
			begin_heads(w);
		w->kind = PREFACE;
		w->preface = 0;
		return 0;
	}
	if (w->http1) {
		if (is_http1(p, n) && w->kind == START)
			begin_heads(w);
		return 0;
	}
	start = look_for_start(w, p, n);
	if (start != PROBE_NO)
		return start == PROBE_MORE;
	switch (http2_probe(p, n, w->kind == START)) {
	case PROBE_YES: begin_http2(w, 1); break;
	case PROBE_NO:
		if (w->kind == START)
			begin_other(w);
		break;
	default:
		/* part of a frame's head may be anything */
		if (w->kind == START || n >= HTTP2_FRAME_HEAD)
			begin_http2(w, 0);
		break;
	}
	return 0;
}

/* Octets up to the end of the head that begins here; 0: it does not end here. */
static size_t head_length(const uint8_t *p, size_t n)
{
	const uint8_t *end = memmem(p, n, "\r\n\r\n", 4);

	return end ? (size_t)(end - p) + 4 : 0;
}

/*
 * Octets up to where another protocol begins, or 0: behind the head of a response that accepts an
 * upgrade to h2c, or to what is not WebSocket, and behind a request for a tunnel and its answer.
 */
static size_t upgrade(struct redact_wire *w, const uint8_t *p, size_t n)
{
	size_t len = n > 12 ? head_length(p, n) : 0;

	if (!len)
		return 0;
	if (!memcmp(p, "CONNECT ", 8)) {
		w->tunnel = 2;
		return len;
	}
	if (memcmp(p, "HTTP/1.", 7) || p[8] != ' ')
		return 0;
	if (p[9] == '2' && w->tunnel == 1)
		return len;
	return !memcmp(p + 9, "101", 3) && !memmem(p, len, "ebsocket", 8) ? len : 0;
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

/* Octets that nobody understands. */
static void hide(uint8_t *p, size_t n)
{
	memset(p, 'x', n);
}

/* *kept counts what is not hidden. */
static size_t in_heads(struct redact_wire *w, uint8_t *p, size_t n, size_t *kept)
{
	size_t upgraded = w->http1 ? upgrade(w, p, n) : 0;
	size_t used = upgraded ? upgraded : w->http1 ? n : before_frames(p, n);

	if (w->http1) {
		redact_head_feed(&w->head, p, used);
		*kept += used;
	} else {
		hide(p, used);
	}
	if (upgraded) {
		w->kind = START;
		w->http1 = 0;
	} else if (used < n) {
		begin_http2(w, 1);
	}
	return used;
}

static size_t feed_tls(struct redact_wire *w, uint8_t *p, size_t n, size_t *kept)
{
	size_t used = in_tls(w, p, n);

	*kept += used;
	if (used < n) {
		hide(p + used, n - used);
		begin_heads(w);
	}
	return n;
}

size_t redact_wire_feed(struct redact_wire *w, uint8_t *p, size_t n)
{
	size_t used, kept = 0;

	if (n && w->kind == HTTP2 && !w->h2->certain && is_http1(p, n))
		begin_http1(w);
	if (n && w->kind == HEADS && look(w, p, n))
		return n;
	for (; n; p += used, n -= used) {
		used = n;
		/* one that is cut is hidden, as what nobody knows is */
		if (w->kind == START && !w->nprefix && proxy_header(p, n, &used) == PROBE_YES) {
			kept += used;
			continue;
		}
		used = n;
		if (w->kind == START && look(w, p, n))
			return kept + n;
		switch (w->kind) {
		case PREFACE:
			used = in_preface(w, p, n);
			kept += used;
			if (!used && look(w, p, n))
				return kept + n;
			break;
		case HEADS: used = in_heads(w, p, n, &kept); break;
		case TLS: used = feed_tls(w, p, n, &kept); break;
		case HTTP2:
			used = redact_h2_feed(w->h2, p, n);
			kept += used;
			if (used < n)
				begin_other(w);
			break;
		default: hide(p, n); break;
		}
	}
	return kept;
}

static void gap_in_tls(struct redact_wire *w, uint64_t n)
{
	if (n <= w->left)
		w->left -= (uint32_t)n;
	else
		begin_heads(w); /* where the next record begins is found anew */
}

void redact_wire_gap(struct redact_wire *w, uint64_t n)
{
	if (!n)
		return;
	w->nprefix = w->kind == TLS ? w->nprefix : 0;
	if (w->kind == PREFACE)
		no_preface(w);
	if (w->kind == START)
		begin_other(w);
	if (w->kind == TLS)
		gap_in_tls(w, n);
	else if (w->kind == HEADS)
		redact_head_gap(&w->head, n);
	else if (w->kind == HTTP2 && !redact_h2_gap(w->h2, n))
		begin_other(w);
}

int redact_wire_is_known(const struct redact_wire *w)
{
	return w->http1 || w->kind == TLS || w->kind == PREFACE ||
	       (w->kind == HTTP2 && w->h2->certain);
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

int redact_wire_is_tls(const struct redact_wire *w)
{
	return w->kind == TLS;
}

void redact_wire_peer_is_tls(struct redact_wire *w)
{
	if (w->kind == START)
		begin_tls(w);
}

int redact_wire_asked_tunnel(const struct redact_wire *w)
{
	return w->tunnel == 2;
}

void redact_wire_peer_asked_tunnel(struct redact_wire *w)
{
	if (!w->tunnel)
		w->tunnel = 1;
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
	else if (to->kind != HIDDEN && to->kind != START && to->kind != TLS)
		begin_heads(to);
}

void redact_wire_release(struct redact_wire *w)
{
	free(w->h2);
	memset(w, 0, sizeof(*w));
}
