#include "cli/tui/model_alike.h"
#include "parsers/attrs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FNV_PRIME 0x100000001b3ull
#define FNV_BASIS 0xcbf29ce484222325ull

void alike_release(struct alike *a)
{
	for (uint32_t i = 0; a->hop && i < ALIKE_HOPS; i++) {
		hist_release(&a->hop[i].total);
		hist_release(&a->hop[i].self);
	}
	free(a->hop);
	memset(a, 0, sizeof(*a));
}

static uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const uint8_t *)p)[i]) * FNV_PRIME;
	return (h ^ n) * FNV_PRIME;
}

static uint64_t hash_str(uint64_t h, struct str s)
{
	return s.p ? hash_bytes(h, s.p, s.n) : (h ^ 0xff) * FNV_PRIME;
}

static uint64_t hash_cstr(uint64_t h, const char *s)
{
	return s ? hash_bytes(h, s, strlen(s)) : (h ^ 0xff) * FNV_PRIME;
}

static uint64_t key_of(const struct alike *a, uint64_t parent, const struct span *s)
{
	uint64_t h = hash_bytes(FNV_BASIS, &parent, sizeof(parent));

	h = hash_cstr(h, span_process(s));
	h = (h ^ (uint64_t)s->kind) * FNV_PRIME;
	if (s->kind == SPAN_CLIENT && (s->peer_service || !s->has_addr))
		h = hash_cstr(h, s->peer_service);
	else if (s->kind == SPAN_CLIENT)
		h = hash_bytes(h ^ s->server_port, s->server_addr, sizeof(s->server_addr));
	if (a->by_service)
		return h;
	h = hash_str(h, s->method);
	return hash_str(h, s->route.p ? s->route : s->path);
}

/* The hop of that key among those behind parent, made if there is none. */
static uint32_t find_hop(struct alike *a, uint32_t parent, const struct span *s)
{
	uint64_t key = key_of(a, parent == TRACE_NONE ? 0 : a->hop[parent].key, s);
	uint32_t *link = parent == TRACE_NONE ? &a->first : &a->hop[parent].child;
	struct alike_hop *h;

	for (; *link != TRACE_NONE; link = &a->hop[*link].next)
		if (a->hop[*link].key == key)
			return *link;
	if (a->n == ALIKE_HOPS)
		return TRACE_NONE;
	h = &a->hop[a->n];
	hist_reset(&h->total);
	hist_reset(&h->self);
	*h = (struct alike_hop){
		.key = key,
		.root = parent == TRACE_NONE ? a->n : a->hop[parent].root,
		.parent = parent,
		.child = TRACE_NONE,
		.next = TRACE_NONE,
		.depth = parent == TRACE_NONE ? 0 : (uint8_t)(a->hop[parent].depth + 1),
		.span = s,
		.total = h->total,
		.self = h->self,
	};
	*link = a->n;
	return a->n++;
}

static void count(struct alike *a, struct alike_hop *h, const struct span *s, uint64_t self)
{
	uint64_t net = span_attr_number(s, ATTR(net));

	h->count++;
	h->errors += s->error != SPAN_OK;
	if (s->duration_ns == SPAN_UNKNOWN)
		return;
	if (!h->slowest || s->duration_ns > h->slowest->duration_ns)
		h->slowest = s;
	hist_add(&h->total, s->duration_ns);
	hist_add(&h->self, self);
	if (net != SPAN_UNKNOWN)
		h->network += net < self ? net : self;
	a->self += self;
}

/* hop_of: of each node, its hop. */
static void add_trace(struct alike *a, const struct traces *t, const struct trace *trace,
		      uint32_t *hop_of)
{
	a->traces++;
	for (uint32_t i = trace->root; i != TRACE_NONE; i = traces_next(t, i, 0)) {
		uint32_t above = t->node[i].parent, parent = TRACE_NONE;

		hop_of[i] = TRACE_NONE;
		if (above != TRACE_NONE && !a->by_service) {
			parent = hop_of[above];
			if (parent == TRACE_NONE) {
				a->left_out++;
				continue;
			}
		}
		hop_of[i] = find_hop(a, parent, t->node[i].span);
		if (hop_of[i] == TRACE_NONE)
			a->left_out++;
		else
			count(a, &a->hop[hop_of[i]], t->node[i].span, traces_self(t, i));
	}
}

static int make_room(struct alike *a)
{
	a->n = 0;
	a->first = TRACE_NONE;
	a->traces = a->left_out = 0;
	a->self = 0;
	if (!a->hop)
		a->hop = calloc(ALIKE_HOPS, sizeof(*a->hop));
	return a->hop ? 0 : -ENOMEM;
}

int alike_build(struct alike *a, const struct traces *t, uint64_t since, int by_service)
{
	uint32_t *hop_of = calloc(t->nnodes + 1, sizeof(*hop_of));

	a->by_service = by_service;
	if (make_room(a) || !hop_of) {
		free(hop_of);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < t->n; i++)
		if (t->trace[i].shown && t->trace[i].end >= since)
			add_trace(a, t, &t->trace[i], hop_of);
	free(hop_of);
	return 0;
}

uint32_t alike_next(const struct alike *a, uint32_t i)
{
	if (a->hop[i].child != TRACE_NONE)
		return a->hop[i].child;
	while (a->hop[i].parent != TRACE_NONE && a->hop[i].next == TRACE_NONE)
		i = a->hop[i].parent;
	return a->hop[i].parent == TRACE_NONE ? TRACE_NONE : a->hop[i].next;
}
