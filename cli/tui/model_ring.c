#include "cli/tui/model_ring.h"

#include <stdlib.h>
#include <string.h>

/* Room that is kept free for short strings while header fields and content are copied. */
#define RESERVE 16384u
#define SHORT_MAX 2048u

struct cursor {
	char *p;
	size_t left;
};

static void copy_str(struct cursor *c, struct str *s, size_t limit)
{
	if (!s->p)
		return;
	if (s->n > limit)
		s->n = limit;
	if (s->n > c->left)
		s->n = c->left;
	memcpy(c->p, s->p, s->n);
	s->p = c->p;
	c->p += s->n;
	c->left -= s->n;
}

static void copy_cstr(struct cursor *c, const char **s)
{
	struct str t;

	if (!*s)
		return;
	if (c->left < 2) {
		*s = NULL;
		return;
	}
	t.p = *s;
	t.n = strlen(*s);
	copy_str(c, &t, c->left - 1 < SHORT_MAX ? c->left - 1 : SHORT_MAX);
	*c->p++ = '\0';
	c->left--;
	*s = t.p;
}

size_t span_copy(char *p, const struct span *s)
{
	struct span *to = (struct span *)(void *)p;
	struct cursor c = { p + sizeof(*to), RING_RECORD_MAX - sizeof(*to) - 16 };
	struct str *const shorts[] = { &to->method, &to->scheme, &to->host,
				       &to->path,   &to->query,	 &to->route,
				       &to->grpc_message, &to->rpc_service, &to->rpc_method,
				       &to->tls_sni, &to->tls_alpn };
	struct str *const longs[] = { &to->req_fields, &to->resp_fields, &to->req_body,
				      &to->resp_body };

	*to = *s;
	for (size_t i = 0; i < sizeof(shorts) / sizeof(*shorts); i++)
		copy_str(&c, shorts[i], SHORT_MAX);
	copy_cstr(&c, &to->tls);
	copy_cstr(&c, &to->comm);
	copy_cstr(&c, &to->service);
	copy_cstr(&c, &to->runtime);
	copy_cstr(&c, &to->container);
	copy_cstr(&c, &to->container_name);
	copy_cstr(&c, &to->peer_service);
	copy_cstr(&c, &to->link);
	for (size_t i = 0; i < sizeof(longs) / sizeof(*longs); i++)
		copy_str(&c, longs[i], RESERVE);
	return ((size_t)(c.p - p) + 15) & ~(size_t)15;
}

void ring_init(struct span_ring *r)
{
	memset(r, 0, sizeof(*r));
}

void ring_release(struct span_ring *r)
{
	free(r->arena);
	free(r->slots);
	ring_init(r);
}

void ring_clear(struct span_ring *r)
{
	r->first = r->end;
	r->head = 0;
}

static int allocate(struct span_ring *r)
{
	if (!r->arena)
		r->arena = aligned_alloc(16, RING_OCTETS);
	if (!r->slots)
		r->slots = calloc(RING_SPANS, sizeof(*r->slots));
	return r->arena && r->slots ? 0 : -1;
}

/* Drops what lies in the way of RING_RECORD_MAX octets at the head. */
static void make_room(struct span_ring *r)
{
	if (r->end - r->first == RING_SPANS)
		r->first++;
	if (r->head > RING_OCTETS - RING_RECORD_MAX) {
		/* the records behind the head are older than those at the start */
		while (r->first < r->end && ring_slot(r, r->first)->off >= r->head)
			r->first++;
		r->head = 0;
	}
	while (r->first < r->end) {
		const struct ring_slot *s = ring_slot(r, r->first);

		if (s->off >= r->head + RING_RECORD_MAX || s->off + s->len <= r->head)
			break;
		r->first++;
	}
}

uint64_t ring_add(struct span_ring *r, const struct span *s, int shown)
{
	struct ring_slot *slot;

	if (!r->arena && allocate(r))
		return UINT64_MAX;
	if (!r->slots)
		return UINT64_MAX;
	make_room(r);
	slot = ring_slot(r, r->end);
	slot->off = r->head;
	slot->len = (uint32_t)span_copy(r->arena + r->head, s);
	slot->shown = shown != 0;
	r->head += slot->len;
	return r->end++;
}

const struct span *ring_get(const struct span_ring *r, uint64_t number)
{
	if (number < r->first || number >= r->end)
		return NULL;
	return (const struct span *)(const void *)(r->arena + ring_slot(r, number)->off);
}
