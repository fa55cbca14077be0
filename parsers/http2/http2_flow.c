/*
 * http2_flow.c - settings and windows
 */
#include "parsers/byte_order.h"
#include "parsers/http2/http2_int.h"
#include "parsers/digits.h"

/* RFC 9113 section 6.5.2 */
enum {
	SET_HEADER_TABLE_SIZE = 1,
	SET_INITIAL_WINDOW_SIZE = 4,
	SET_MAX_FRAME_SIZE = 5,
};

int http2_setting_next(struct str payload, size_t *pos, uint16_t *id, uint32_t *value)
{
	const uint8_t *p = (const uint8_t *)payload.p + *pos;

	if (!payload.p || payload.n - *pos < 6)
		return 0;
	*id = be16(p);
	*value = be32(p + 2);
	*pos += 6;
	return 1;
}

/* Initial windows take effect when the other end acknowledges; limits only ever widen. */
void http2_settings(struct http2 *h, unsigned dir, struct str payload)
{
	struct http2_dir *from = &h->dir[dir], *to = &h->dir[!dir];
	int64_t initial = -1;
	uint32_t value;
	size_t pos = 0;
	uint16_t id;

	while (http2_setting_next(payload, &pos, &id, &value)) {
		if (id == SET_HEADER_TABLE_SIZE && value > to->table_limit) {
			to->table_limit = value;
			hpack_limit(to->hpack, value);
		} else if (id == SET_MAX_FRAME_SIZE && value > to->max_frame) {
			to->max_frame = value > MAX_FRAME_ANY ? MAX_FRAME_ANY : value;
		} else if (id == SET_INITIAL_WINDOW_SIZE && value <= INT32_MAX) {
			initial = value;
		}
	}
	if (from->nannounced >= PENDING_SETTINGS) { /* absurd: so many without an answer */
		from->nannounced = PENDING_SETTINGS + 1;
		to->initial = HTTP2_UNKNOWN;
		return;
	}
	from->announced[from->nannounced++] = initial;
}

void http2_settings_ack(struct http2 *h, unsigned dir)
{
	struct http2_dir *from = &h->dir[!dir], *to = &h->dir[dir];

	if (!from->nannounced || from->nannounced > PENDING_SETTINGS)
		return;
	if (from->announced[0] >= 0)
		to->initial = from->announced[0];
	from->nannounced--;
	for (unsigned i = 0; i < from->nannounced; i++)
		from->announced[i] = from->announced[i + 1];
}

void http2_settings_unknown(struct http2 *h, unsigned dir)
{
	struct http2_dir *to = &h->dir[!dir];

	to->table_limit = HPACK_ANY_LIMIT;
	hpack_limit(to->hpack, HPACK_ANY_LIMIT);
	to->max_frame = MAX_FRAME_ANY;
	to->initial = h->dir[dir].initial = HTTP2_UNKNOWN;
	to->window = h->dir[dir].window = HTTP2_UNKNOWN;
	to->nannounced = h->dir[dir].nannounced = 0;
	h->losses++;
}

int http2_upgraded(struct http2 *h, struct str settings)
{
	char payload[6 * 64];
	struct str out = {payload, 0};
	uint32_t acc = 0, bits = 0;
	size_t i;

	for (i = 0; i < settings.n && settings.p[i] != '='; i++) {
		int v = base64_value(settings.p[i], "-_");

		if (v < 0 || out.n == sizeof(payload))
			break;
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			payload[out.n++] = (char)(acc >> bits);
		}
	}
	if (h->client == HTTP2_NO_DIR)
		return -1;
	if ((i < settings.n && settings.p[i] != '=') || out.n % 6) {
		http2_settings_unknown(h, h->client);
		return -1;
	}
	http2_settings(h, h->client, out);
	http2_settings_ack(h, !h->client);
	return 0;
}

void http2_flow_open(const struct http2 *h, struct http2_flow *f)
{
	*f = (struct http2_flow){.losses = h->losses};
}

void http2_flow_event(struct http2_flow *f, const struct http2_event *ev)
{
	if (ev->type == HTTP2_EV_DATA)
		f->credit -= ev->charged;
	else if (ev->type == HTTP2_EV_WINDOW_UPDATE)
		f->credit += ev->increment;
}

int64_t http2_window(const struct http2 *h, unsigned dir, const struct http2_flow *f)
{
	const struct http2_dir *d = &h->dir[dir];

	if (!f)
		return d->window;
	if (d->initial == HTTP2_UNKNOWN || f->losses != h->losses)
		return HTTP2_UNKNOWN;
	return d->initial + f->credit;
}

int http2_blocked(const struct http2 *h, unsigned dir, const struct http2_flow *f)
{
	int64_t conn = http2_window(h, dir, NULL), stream = http2_window(h, dir, f);

	if ((conn != HTTP2_UNKNOWN && conn <= 0) || (stream != HTTP2_UNKNOWN && stream <= 0))
		return 1;
	return conn == HTTP2_UNKNOWN || stream == HTTP2_UNKNOWN ? -1 : 0;
}

void http2_stall(struct http2_stall *s, int blocked, uint64_t now)
{
	if (blocked == 1) {
		if (!s->since)
			s->since = now;
	} else if (s->since) {
		if (now > s->since)
			s->total += now - s->since;
		s->since = 0;
	}
}
