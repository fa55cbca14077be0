#include "core/payload.h"

#include <string.h>
#include <zlib.h>

#define TEXT_STEP 1024u /* octets of base64 decoded at a time */

struct payload *payload_new(struct pool *pool, enum payload_kind kind,
			    void (*on_trailers)(void *ctx, struct str lines), void *ctx)
{
	enum grpc_end end = kind == PAYLOAD_GRPC      ? GRPC_END_NATIVE
			    : kind == PAYLOAD_CONNECT ? GRPC_END_CONNECT
						      : GRPC_END_WEB;
	size_t size;
	struct payload *y = pool_get(pool, sizeof(*y), &size);

	if (!y)
		return NULL;
	memset(y, 0, sizeof(*y));
	y->size = size;
	y->kind = kind;
	y->pool = pool;
	y->on_trailers = on_trailers;
	y->ctx = ctx;
	for (int d = 0; d < 2; d++) {
		if (kind == PAYLOAD_WEBSOCKET)
			ws_init(&y->dir[d].ws);
		else if (kind == PAYLOAD_EVENTS)
			sse_init(&y->dir[d].sse);
		else
			grpc_init(&y->dir[d].grpc, end);
	}
	return y;
}

static void drop_kept(struct payload *y, struct payload_dir *d)
{
	if (d->keep)
		pool_put(y->pool, d->keep, d->keep_size);
	d->keep = NULL;
	d->nkeep = 0;
}

void payload_free(struct payload *y)
{
	if (!y)
		return;
	for (int d = 0; d < 2; d++)
		drop_kept(y, &y->dir[d]);
	pool_put(y->pool, y, y->size);
}

/* ---- parsers; each takes what it can and returns how much that was */

/* Go's servers compress also what a stream ends with. Of what is long its beginning is read. */
static void take_trailers(struct payload *y, const struct grpc_event *ev)
{
	char text[2048];
	z_stream z = {.next_in = (Bytef *)(uintptr_t)ev->data.p,
		      .avail_in = (uInt)ev->data.n,
		      .next_out = (Bytef *)text,
		      .avail_out = sizeof(text)};

	if (!ev->compressed) {
		y->on_trailers(y->ctx, ev->data);
		return;
	}
	if (inflateInit2(&z, 16 + 15) != Z_OK)
		return;
	(void)inflate(&z, Z_FINISH);
	inflateEnd(&z);
	if (z.total_out)
		y->on_trailers(y->ctx, (struct str){text, z.total_out});
}

static size_t feed_grpc(struct payload *y, struct payload_dir *d, const uint8_t *p, size_t n)
{
	struct grpc_event ev;
	size_t off = 0, used;

	for (;;) {
		enum parse_status st = grpc_next(&d->grpc, p + off, n - off, &used, &ev);

		off += used;
		if (st == PARSE_SKIPPED || st == PARSE_BAD)
			d->unsound = 1;
		if (st == PARSE_EVENT && ev.type == GRPC_EV_TRAILERS && y->on_trailers)
			take_trailers(y, &ev);
		if (st != PARSE_EVENT || (!used && off == n))
			return off;
	}
}

static size_t feed_ws(struct payload *y, struct payload_dir *d, const uint8_t *p, size_t n)
{
	struct ws_event ev;
	size_t off = 0, used;

	for (;;) {
		enum parse_status st = ws_next(&d->ws, p + off, n - off, &used, &ev);

		off += used;
		if (st == PARSE_SKIPPED || st == PARSE_BAD)
			d->unsound = 1;
		if (st != PARSE_EVENT)
			return off;
		if (ev.type == WS_EV_PING) {
			y->pings++;
		} else if (ev.type == WS_EV_CLOSE) {
			d->closed = 1;
			if (!y->close_code)
				y->close_code = ev.code;
		}
	}
}

static size_t feed(struct payload *y, struct payload_dir *d, const uint8_t *p, size_t n)
{
	if (y->kind == PAYLOAD_WEBSOCKET)
		return feed_ws(y, d, p, n);
	if (y->kind != PAYLOAD_EVENTS)
		return feed_grpc(y, d, p, n);
	sse_feed(&d->sse, p, n);
	return n;
}

/* ---- what they do not take at once */

static int keep(struct payload *y, struct payload_dir *d, const uint8_t *p, size_t n)
{
	size_t size;
	uint8_t *b;

	if (d->nkeep + n > PAYLOAD_KEEP)
		return 0;
	if (d->nkeep + n > d->keep_size || !d->keep) {
		b = pool_get(y->pool, d->nkeep + n, &size);
		if (!b)
			return 0;
		if (d->keep) {
			memcpy(b, d->keep, d->nkeep);
			pool_put(y->pool, d->keep, d->keep_size);
		}
		d->keep = b;
		d->keep_size = size;
	}
	memcpy(d->keep + d->nkeep, p, n);
	d->nkeep += (uint32_t)n;
	return 1;
}

static void feed_all(struct payload *y, struct payload_dir *d, const uint8_t *p, size_t n)
{
	size_t used;

	if (!d->keep) {
		used = feed(y, d, p, n);
		if (used < n && !keep(y, d, p + used, n - used))
			d->unsound = 1;
		return;
	}
	/*
	 * in pieces: the rest of what is kept needs little more, and the bulk goes without a copy
	 */
	while (n && d->keep) {
		size_t step = n < 256 ? n : 256;

		if (!keep(y, d, p, step)) {
			drop_kept(y, d);
			d->unsound = 1;
			return;
		}
		p += step;
		n -= step;
		used = feed(y, d, d->keep, d->nkeep);
		memmove(d->keep, d->keep + used, d->nkeep - used);
		d->nkeep -= (uint32_t)used;
		if (!d->nkeep)
			drop_kept(y, d);
	}
	if (n)
		feed_all(y, d, p, n);
}

void payload_data(struct payload *y, int dir, const uint8_t *p, size_t n)
{
	struct payload_dir *d = &y->dir[dir];
	uint8_t text[TEXT_STEP];

	if (d->unsound)
		return;
	if (y->kind != PAYLOAD_GRPC_WEB_TEXT) {
		feed_all(y, d, p, n);
		return;
	}
	while (n && !d->unsound) {
		size_t step = n < TEXT_STEP ? n : TEXT_STEP;
		int64_t got = grpc_text(&d->text, p, step, text);

		if (got < 0)
			d->unsound = 1;
		else
			feed_all(y, d, text, (size_t)got);
		p += step;
		n -= step;
	}
}

void payload_gap(struct payload *y, int dir, uint64_t n)
{
	struct payload_dir *d = &y->dir[dir];
	struct grpc_event gev;
	struct ws_event wev;
	uint64_t used;

	d->gapped = 1;
	n += d->nkeep;
	drop_kept(y, d);
	if (y->kind == PAYLOAD_EVENTS) {
		sse_gap(&d->sse);
		return;
	}
	if (y->kind == PAYLOAD_GRPC_WEB_TEXT)
		d->unsound = 1;
	while (n && !d->unsound) {
		enum parse_status st = y->kind == PAYLOAD_WEBSOCKET ?
					       ws_gap(&d->ws, n, &used, &wev) :
					       grpc_gap(&d->grpc, n, &used, &gev);

		n -= used;
		if (st == PARSE_SKIPPED || st == PARSE_BAD)
			d->unsound = 1;
	}
}

uint64_t payload_unneeded(const struct payload *y, int dir)
{
	const struct payload_dir *d = &y->dir[dir];

	if (d->unsound)
		return UINT64_MAX;
	switch (y->kind) {
	case PAYLOAD_EVENTS: return dir ? 0 : UINT64_MAX;
	case PAYLOAD_WEBSOCKET: return ws_unneeded(&d->ws);
	case PAYLOAD_GRPC_WEB_TEXT: return 0;
	default: return grpc_unneeded(&d->grpc);
	}
}

uint64_t payload_messages(const struct payload *y, int dir)
{
	const struct payload_dir *d = &y->dir[dir];

	if (y->kind == PAYLOAD_EVENTS)
		return dir && !d->gapped ? d->sse.events : UINT64_MAX;
	if (d->unsound)
		return UINT64_MAX;
	return y->kind == PAYLOAD_WEBSOCKET ? d->ws.messages : d->grpc.messages;
}

uint64_t payload_bytes(const struct payload *y, int dir)
{
	const struct payload_dir *d = &y->dir[dir];

	if (y->kind == PAYLOAD_EVENTS || d->unsound)
		return UINT64_MAX;
	return y->kind == PAYLOAD_WEBSOCKET ? d->ws.bytes : d->grpc.bytes;
}

int payload_closed(const struct payload *y)
{
	return y->kind == PAYLOAD_WEBSOCKET && y->dir[0].closed && y->dir[1].closed;
}
