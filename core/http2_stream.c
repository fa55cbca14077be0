#include "core/http2_stream.h"

#include <string.h>

#include "core/engine_impl.h"

static unsigned bucket_of(uint32_t id)
{
	return id >> 1 & (HTTP2_BUCKETS - 1); /* a client's are odd */
}

struct http2_stream *http2_stream_find(const struct http2_conn *h2, uint32_t id)
{
	struct http2_stream *s = h2->bucket[bucket_of(id)];

	while (s && s->id != id)
		s = s->hash_next;
	return s;
}

struct http2_stream *http2_stream_add(struct conn *c, struct exchange *x)
{
	struct http2_conn *h2 = http2_of(c);
	struct http2_stream **bucket = &h2->bucket[bucket_of(x->stream_id)];
	size_t size;
	struct http2_stream *s = pool_get(&c->engine->pool, sizeof(*s), &size);

	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->size = size;
	s->x = x;
	s->id = x->stream_id;
	s->used = c->engine->now;
	s->hash_next = *bucket;
	*bucket = s;
	list_append(&h2->open, &s->node);
	h2->nstreams++;
	c->nqueued++;
	c->engine->stats.in_flight++;
	return s;
}

struct exchange *http2_stream_remove(struct conn *c, struct http2_stream *s)
{
	struct http2_conn *h2 = http2_of(c);
	struct http2_stream **link = &h2->bucket[bucket_of(s->id)];
	struct exchange *x = s->x;

	while (*link != s)
		link = &(*link)->hash_next;
	*link = s->hash_next;
	list_unlink(&s->node);
	h2->closed[h2->nclosed++ % HTTP2_CLOSED] = s->id;
	if (h2->last_closed < s->id)
		h2->last_closed = s->id;
	h2->nstreams--;
	c->nqueued--;
	c->engine->stats.in_flight--;
	list_unlink(&x->timer);
	x->stall = s->stall.total;
	pool_put(&c->engine->pool, s, s->size);
	return x;
}

void http2_stream_touch(struct conn *c, struct http2_stream *s)
{
	s->used = c->engine->now;
	list_unlink(&s->node);
	list_append(s->ending ? &http2_of(c)->ending : &http2_of(c)->open, &s->node);
}

void http2_stream_end_soon(struct conn *c, struct http2_stream *s)
{
	s->ending = 1;
	http2_stream_touch(c, s);
}

int http2_stream_was_closed(const struct http2_conn *h2, uint32_t id)
{
	uint32_t n = h2->nclosed < HTTP2_CLOSED ? h2->nclosed : HTTP2_CLOSED;

	for (uint32_t i = 0; id <= h2->last_closed && i < n; i++)
		if (h2->closed[i] == id)
			return 1;
	return 0;
}
