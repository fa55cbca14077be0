/*
 * websocket.c - see websocket.h
 */
#include <string.h>
#include "parsers/content/websocket.h"

const struct protocol_name websocket_name = {
	.name = "websocket", .label = {"HTTP", "HTTPClient"}, .start_line = "HTTP/1.1",
};

enum { WS_HEAD, WS_PAYLOAD, WS_LOST, WS_BROKEN };
enum { OP_CONTINUATION, OP_TEXT, OP_BINARY, OP_CLOSE = 8, OP_PING, OP_PONG };

#define FIN 0x80u
#define RSV1 0x40u
#define RSV23 0x30u
#define MASKED 0x80u
#define CLOSE_NONE 1005

/* Section 5.2. */
struct ws_head {
	size_t size; /* of the head */
	uint64_t length;
	uint8_t first, opcode;
	const uint8_t *mask; /* NULL: not masked */
};

static int parse_head(const uint8_t *p, size_t n, struct ws_head *h)
{
	unsigned extra, length;

	if (n < 2)
		return 0;
	h->first = p[0];
	h->opcode = p[0] & 15;
	length = p[1] & 127;
	extra = length == 127 ? 8 : length == 126 ? 2 : 0;
	h->size = 2 + extra + (p[1] & MASKED ? 4 : 0);
	if (n < h->size)
		return 0;
	h->length = extra ? 0 : length;
	for (unsigned i = 0; i < extra; i++)
		h->length = h->length << 8 | p[2 + i];
	h->mask = p[1] & MASKED ? p + 2 + extra : NULL;
	return 1;
}

static int valid_head(const struct ws *w, const struct ws_head *h)
{
	if (h->first & RSV23 || h->length >> 63)
		return 0;
	if (h->opcode >= OP_CLOSE)
		return h->opcode <= OP_PONG && h->first & FIN && !(h->first & RSV1) &&
		       h->length <= WS_MAX_CONTROL;
	if (h->opcode > OP_BINARY)
		return 0;
	/* a message in fragments goes on with CONTINUATION, and nothing else does */
	return (h->opcode == OP_CONTINUATION) == !!w->frames;
}

static enum parse_status end_frame(struct ws *w, struct ws_event *ev)
{
	w->state = WS_HEAD;
	if (!w->fin)
		return PARSE_MORE;
	ev->type = WS_EV_MESSAGE;
	ev->binary = w->binary;
	ev->compressed = w->compressed;
	ev->length = w->length;
	ev->frames = w->frames;
	w->messages++;
	w->frames = 0;
	w->length = 0;
	return PARSE_EVENT;
}

static void begin_data(struct ws *w, const struct ws_head *h)
{
	if (h->opcode != OP_CONTINUATION) {
		w->binary = h->opcode == OP_BINARY;
		w->compressed = !!(h->first & RSV1);
	}
	if (w->frames < UINT32_MAX)
		w->frames++;
	w->length += h->length;
	w->left = h->length;
	w->fin = !!(h->first & FIN);
	w->state = WS_PAYLOAD;
}

static uint8_t unmasked(const struct ws_head *h, const uint8_t *payload, size_t i)
{
	return h->mask ? payload[i] ^ h->mask[i & 3] : payload[i];
}

static enum parse_status control_event(const struct ws_head *h, const uint8_t *payload,
				       struct ws_event *ev)
{
	ev->length = h->length;
	ev->type = h->opcode == OP_PING	  ? WS_EV_PING
		   : h->opcode == OP_PONG ? WS_EV_PONG
					  : WS_EV_CLOSE;
	if (ev->type != WS_EV_CLOSE)
		return PARSE_EVENT;
	ev->code = CLOSE_NONE;
	if (h->length >= 2) {
		ev->code = unmasked(h, payload, 0) << 8 | unmasked(h, payload, 1);
		ev->reason_len = (size_t)h->length - 2;
		for (size_t i = 0; i < ev->reason_len; i++)
			ev->reason[i] = (char)unmasked(h, payload, i + 2);
	}
	return PARSE_EVENT;
}

void ws_init(struct ws *w)
{
	*w = (struct ws){0};
}

enum parse_status ws_next(struct ws *w, const uint8_t *p, size_t n, size_t *used,
			  struct ws_event *ev)
{
	struct ws_head h;

	*ev = (struct ws_event){0};
	for (*used = 0;;) {
		size_t at = *used, take;

		if (w->state >= WS_LOST) {
			*used = n;
			return w->state == WS_LOST ? PARSE_SKIPPED : PARSE_BAD;
		}
		if (w->state == WS_PAYLOAD) {
			take = n - at < w->left ? n - at : (size_t)w->left;
			w->left -= take;
			w->bytes += take;
			*used += take;
			if (w->left)
				return PARSE_MORE;
			if (end_frame(w, ev) == PARSE_EVENT)
				return PARSE_EVENT;
			continue;
		}
		if (!parse_head(p + at, n - at, &h))
			return PARSE_MORE;
		if (!valid_head(w, &h)) {
			w->state = WS_BROKEN;
			continue;
		}
		if (h.opcode >= OP_CLOSE) {
			if (n - at - h.size < h.length)
				return PARSE_MORE;
			*used += h.size + (size_t)h.length;
			return control_event(&h, p + at + h.size, ev);
		}
		*used += h.size;
		begin_data(w, &h);
	}
}

enum parse_status ws_gap(struct ws *w, uint64_t n, uint64_t *used, struct ws_event *ev)
{
	*ev = (struct ws_event){0};
	*used = n;
	if (w->state == WS_PAYLOAD) {
		*used = n < w->left ? n : w->left;
		w->left -= *used;
		w->bytes += *used;
		return w->left ? PARSE_MORE : end_frame(w, ev);
	}
	if (w->state == WS_HEAD)
		w->state = WS_LOST;
	return PARSE_SKIPPED;
}

uint64_t ws_unneeded(const struct ws *w)
{
	if (w->state >= WS_LOST)
		return UINT64_MAX;
	return w->state == WS_PAYLOAD ? w->left : 0;
}

const char *websocket_close_name(unsigned code)
{
	static const char *const names[] = {
		"normal closure",	 "going away",		"protocol error",
		"unsupported data",	 NULL,			"no status received",
		"abnormal closure",	 "invalid payload data", "policy violation",
		"message too big",	 "mandatory extension",	"internal error",
		"service restart",	 "try again later",	"bad gateway",
		"TLS handshake",
	};

	code -= 1000;
	return code < sizeof(names) / sizeof(names[0]) ? names[code] : NULL;
}
