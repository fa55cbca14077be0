/*
 * h2_log.h - feeds an HTTP/2 parser as the engine would and writes what it says as text
 *
 * The text does not depend on how the input was cut: consecutive DATA events of a frame are put
 * together, as are octets passed over.
 */
#ifndef ZC_TESTS_H2_LOG_H
#define ZC_TESTS_H2_LOG_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "parsers/http2/http2.h"

struct h2_log {
	char *text;
	size_t n, cap;
	uint64_t content, wire, charged; /* of the DATA frame that is not at its end */
	uint64_t gap, skipped, consumed;
};

static struct http2_scratch h2_scratch;

__attribute__((format(printf, 2, 3))) static void h2_print(struct h2_log *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (l->cap - l->n < 4096) {
		l->cap = l->cap * 2 + 8192;
		l->text = realloc(l->text, l->cap);
	}
	va_start(ap, fmt);
	n = vsnprintf(l->text + l->n, l->cap - l->n, fmt, ap);
	va_end(ap);
	l->n += (size_t)n < l->cap - l->n ? (size_t)n : l->cap - l->n - 1;
}

static void h2_flush_skipped(struct h2_log *l)
{
	if (l->skipped)
		h2_print(l, "skipped %llu\n", (unsigned long long)l->skipped);
	l->skipped = 0;
}

static void h2_log_part(struct h2_log *l, struct str s, int64_t id, const char *after)
{
	if (s.p)
		h2_print(l, "%.*s%s", (int)(s.n > 300 ? 300 : s.n), s.p, after);
	else
		h2_print(l, "(%lld)%s", (long long)id, after);
}

static void h2_log_fields(struct h2_log *l, const struct http2_event *ev)
{
	static const char *const kinds[] = {"request", "response", "trailers", "ambiguous"};

	h2_print(l, " %s", kinds[ev->kind]);
	if (ev->status)
		h2_print(l, " status=%d%s", ev->status,
			 ev->flags & HTTP2_INTERIM ? " interim" : "");
	if (ev->promised)
		h2_print(l, " promised=%u", ev->promised);
	h2_print(l, "%s%s%s%s wire=%llu", ev->flags & HTTP2_END_STREAM ? " end" : "",
		 ev->flags & HTTP2_TRUNCATED ? " truncated" : "",
		 ev->flags & HTTP2_NOT_DECODED ? " not-decoded" : "",
		 ev->flags & HTTP2_FIELDS_DROPPED ? " dropped" : "", (unsigned long long)ev->wire);
	h2_print(l, "%s\n", ev->path_key ? " path-key" : "");
	for (size_t i = 0; i < ev->nfields; i++) {
		const struct hpack_field *f = &ev->fields[i];

		h2_print(l, "  ");
		h2_log_part(l, f->name, f->name_id,
			    f->flags & HPACK_NAME_INFERRED ? "? = " : " = ");
		h2_log_part(l, f->value, f->id, f->flags & HPACK_NEVER_INDEXED ? " !\n" : "\n");
	}
}

static void h2_log_event(struct h2_log *l, const struct http2_event *ev)
{
	static const char *const names[] = {"PREFACE",	     "HEADERS",	     "DATA", "RST_STREAM",
					    "SETTINGS",	     "PUSH_PROMISE", "PING", "GOAWAY",
					    "WINDOW_UPDATE", "LOST"};
	uint32_t value;
	size_t pos = 0;
	uint16_t id;

	h2_flush_skipped(l);
	if (ev->type == HTTP2_EV_DATA) {
		l->content += ev->data.n + ev->gap;
		l->gap += ev->gap;
		l->wire += ev->wire;
		l->charged += ev->charged;
		if (!(ev->flags & HTTP2_FRAME_END))
			return;
		h2_print(l, "%u DATA %llu wire=%llu charged=%llu", ev->stream_id,
			 (unsigned long long)l->content, (unsigned long long)l->wire,
			 (unsigned long long)l->charged);
		if (l->gap)
			h2_print(l, " gap=%llu", (unsigned long long)l->gap);
		if (ev->flags & HTTP2_PADDING_UNSEEN)
			h2_print(l, " padding-unseen");
		h2_print(l, "%s\n", ev->flags & HTTP2_END_STREAM ? " end" : "");
		l->content = l->wire = l->gap = l->charged = 0;
		return;
	}
	h2_print(l, "%u %s", ev->stream_id, names[ev->type]);
	switch (ev->type) {
	case HTTP2_EV_HEADERS:
	case HTTP2_EV_PUSH_PROMISE: h2_log_fields(l, ev); return;
	case HTTP2_EV_RST_STREAM:
	case HTTP2_EV_GOAWAY:
		h2_print(l, " %s", http2_error_name(ev->error) ? http2_error_name(ev->error) : "?");
		if (ev->type == HTTP2_EV_GOAWAY)
			h2_print(l, " last=%u", ev->last_stream);
		break;
	case HTTP2_EV_SETTINGS:
		while (http2_setting_next(ev->payload, &pos, &id, &value))
			h2_print(l, " %u=%u", id, value);
		break;
	case HTTP2_EV_PING: h2_print(l, " %llx", (unsigned long long)ev->opaque); break;
	case HTTP2_EV_WINDOW_UPDATE: h2_print(l, " %u", ev->increment); break;
	case HTTP2_EV_LOST: l->content = l->wire = l->gap = l->charged = 0; break;
	default: break;
	}
	h2_print(l, "%s\n", ev->flags & HTTP2_ACK ? " ack" : "");
}

/*
 * Feeds p[0..n) until no more is consumed. Every buffer is a copy of exactly its size. Returns the
 * octets consumed, or SIZE_MAX after PARSE_BAD.
 */
static size_t h2_feed(struct http2 *h, unsigned dir, const uint8_t *p, size_t n, struct h2_log *l)
{
	size_t at = 0, used;

	for (;;) {
		struct http2_event ev;
		enum parse_status st;
		uint8_t *copy = malloc(n - at + 1);

		memcpy(copy, p + at, n - at);
		/* starts one octet late, so that it ends at the block's end also when it is empty
		 */
		memmove(copy + 1, copy, n - at);
		st = http2_next(h, dir, copy + 1, n - at, &h2_scratch, &used, &ev);
		if (used > n - at)
			abort();
		at += used;
		l->consumed += used;
		if (st == PARSE_EVENT)
			h2_log_event(l, &ev);
		else if (st == PARSE_SKIPPED)
			l->skipped += used;
		free(copy);
		if (st == PARSE_BAD)
			return SIZE_MAX;
		if (st == PARSE_MORE || (st == PARSE_SKIPPED && !used))
			break;
	}
	if (n - at > HTTP2_MAX_KEEP)
		abort();
	return at;
}

/* kept octets at p, then n missing ones. */
__attribute__((unused)) static void h2_gap(struct http2 *h, unsigned dir, const uint8_t *p,
					   size_t kept, uint64_t n, struct h2_log *l)
{
	for (int turns = 0; kept + n; turns++) {
		struct http2_event ev;
		uint64_t used;
		enum parse_status st = http2_gap(h, dir, p, kept, n, &h2_scratch, &used, &ev);

		if (used > kept + n || turns > 10)
			abort();
		if (st == PARSE_EVENT)
			h2_log_event(l, &ev);
		else if (st == PARSE_SKIPPED)
			l->skipped += used;
		if (used >= kept) {
			n -= used - kept;
			kept = 0;
		} else if (used) {
			abort();
		}
	}
}

#endif
