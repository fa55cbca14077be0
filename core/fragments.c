/*
 * fragments.c - see fragments.h
 */
#include "core/fragments.h"

#include <stdlib.h>
#include <string.h>

#define PACKET_MAX 65536u
#define RANGES 16

/* Bytes of the packet; those up to `captured` are there. */
struct range {
	uint32_t begin, end, captured;
};

struct packet {
	uint8_t src[16], dst[16];
	uint32_t domain, id;
	uint8_t family, protocol;
	uint64_t time; /* of its first fragment; 0: not in use */
	uint32_t len;  /* 0: the last fragment has not come */
	uint32_t nfragments, nranges;
	struct range range[RANGES]; /* sorted, disjoint */
	size_t size;
	uint8_t *data;
};

struct fragments {
	struct packet packet[FRAGMENTS_MAX];
};

struct fragments *fragments__new(void)
{
	return calloc(1, sizeof(struct fragments));
}

void fragments__free(struct fragments *f)
{
	for (int i = 0; f && i < FRAGMENTS_MAX; i++)
		free(f->packet[i].data);
	free(f);
}

static int is_of(const struct packet *p, const struct frame *f)
{
	return p->time && p->id == f->fragment.id && p->protocol == f->fragment.protocol &&
	       p->family == f->family && p->domain == f->domain && !memcmp(p->src, f->src, 16) &&
	       !memcmp(p->dst, f->dst, 16);
}

static void begin(struct packet *p, uint64_t time, const struct frame *f)
{
	memcpy(p->src, f->src, 16);
	memcpy(p->dst, f->dst, 16);
	p->domain = f->domain;
	p->id = f->fragment.id;
	p->family = f->family;
	p->protocol = f->fragment.protocol;
	p->time = time ? time : 1;
	p->len = p->nfragments = p->nranges = 0;
}

/* The packet of this fragment: the one that waits for it, or a new one in the oldest's place. */
static struct packet *packet_of(struct fragments *all, uint64_t time, const struct frame *f)
{
	struct packet *oldest = &all->packet[0];

	for (int i = 0; i < FRAGMENTS_MAX; i++) {
		struct packet *p = &all->packet[i];

		if (is_of(p, f) && time - p->time < FRAGMENTS_NS)
			return p;
		if (p->time < oldest->time)
			oldest = p;
	}
	begin(oldest, time, f);
	return oldest;
}

static int reserve(struct packet *p, size_t n)
{
	uint8_t *data;
	size_t size = 4096;

	if (n <= p->size)
		return 1;
	while (size < n)
		size *= 2;
	data = realloc(p->data, size);
	if (!data)
		return 0;
	p->data = data;
	p->size = size;
	return 1;
}

/* Puts a range in its place, cut to what was not there. Returns 0 if there are too many. */
static int put(struct packet *p, const uint8_t *data, struct range r)
{
	uint32_t i = 0, have;

	while (i < p->nranges && p->range[i].end <= r.begin)
		i++;
	if (i < p->nranges && p->range[i].begin <= r.begin) {
		/* its front is there already */
		data += p->range[i].end - r.begin;
		r.begin = p->range[i].end;
		if (r.begin >= r.end)
			return 1;
		if (r.captured < r.begin)
			r.captured = r.begin;
		return put(p, data, r);
	}
	if (i < p->nranges && p->range[i].begin < r.end) {
		struct range rest = {p->range[i].begin, r.end, r.captured};

		r.end = p->range[i].begin;
		if (rest.captured < rest.begin)
			rest.captured = rest.begin;
		r.captured = r.captured < r.end ? r.captured : r.end;
		if (!put(p, data + (rest.begin - r.begin), rest))
			return 0;
	}
	have = r.captured - r.begin;
	if (p->nranges == RANGES || !reserve(p, r.end))
		return 0;
	memmove(&p->range[i + 1], &p->range[i], (p->nranges - i) * sizeof(r));
	p->range[i] = r;
	p->nranges++;
	if (have)
		memcpy(p->data + r.begin, data, have);
	return 1;
}

/* Ranges that touch become one, as far as the front one is whole. */
static void join(struct packet *p)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i < p->nranges; i++) {
		struct range *last = &p->range[n];

		if (p->range[i].begin != last->end) {
			p->range[++n] = p->range[i];
			continue;
		}
		if (last->captured == last->end)
			last->captured = p->range[i].captured;
		last->end = p->range[i].end;
	}
	p->nranges = p->nranges ? n + 1 : 0;
}

uint32_t fragments__add(struct fragments *all, uint64_t time, const struct frame *f,
			const uint8_t **data, uint32_t *cap_len, uint32_t *len)
{
	const struct frame_fragment *g = &f->fragment;
	struct packet *p = packet_of(all, time, f);
	struct range r = {g->offset, g->offset + g->len, g->offset + g->cap_len};

	p->nfragments++;
	if (!g->len)
		return 0;
	if (!g->more)
		p->len = r.end;
	if (r.end > PACKET_MAX || !put(p, g->data, r)) {
		p->time = 0;
		return 0;
	}
	join(p);
	if (!p->len || p->nranges != 1 || p->range[0].begin || p->range[0].end != p->len)
		return 0;
	p->time = 0;
	*data = p->data;
	*cap_len = p->range[0].captured;
	*len = p->len;
	return p->nfragments;
}
