/*
 * flow_past.c - see flow_past.h
 */
#include "core/flow_past.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/events.h"

#define SAMPLE 256u	   /* bytes that are compared */
#define BEFORE (16u << 20) /* what the other copy may have had ahead of what was seen */
#define BEHIND (1u << 20)  /* and behind it */
#define MANY 5		   /* segments do not overtake their SYN */
#define SYN_DATA 65536u
#define FAR (64u << 20)
#define PAST 65536u /* a power of two */

struct past {
	struct flow_key key;
	uint32_t next; /* in its bucket: index + 1 */
	struct flow_marks marks;
};

struct flow_past {
	uint64_t seed;
	uint64_t added;
	struct past *ring;
	uint32_t bucket[PAST]; /* index + 1 */
};

/* ---- what a connection is known by */

static uint64_t stir(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

uint32_t flow_key_hash(const struct flow_key *key, uint64_t seed)
{
	uint64_t w[5] = {0};

	memcpy(w, key, sizeof(*key));
	for (int i = 0; i < 5; i++)
		seed = stir(seed, w[i]);
	return (uint32_t)(seed >> 16);
}

static uint64_t hash_of(const uint8_t *p, uint32_t n)
{
	uint64_t h = n;

	while (n--)
		h = stir(h, *p++);
	return h;
}

static void extend(struct flow_mark *k, uint32_t from, uint32_t to)
{
	if (!k->begun) {
		k->first = from;
		k->end = to;
		k->begun = 1;
	}
	if (k->first - from < FAR)
		k->first = from;
	if (to - k->end < FAR)
		k->end = to;
}

void flow_marks_note(struct flow_marks *m, const struct frame *seg, int src)
{
	struct flow_mark *k = &m->mark[src];
	uint32_t at = seg->seq + !!(seg->flags & ZC_TCP_SYN);

	if (seg->flags & ZC_TCP_RST)
		return;
	if (seg->flags & ZC_TCP_SYN && !(k->has_isn && k->len)) {
		k->isn = seg->seq;
		k->has_isn = 1;
	}
	if (seg->orig_len || seg->flags & (ZC_TCP_SYN | ZC_TCP_FIN) || k->begun)
		extend(k, at, frame_seq_end(seg));
	if (seg->flags & ZC_TCP_ACK)
		extend(&m->mark[!src], seg->ack, seg->ack);
	if (seg->orig_len && m->seen < UINT8_MAX)
		m->seen++;
	if (k->len || seg->cap_len < 2)
		return;
	k->at = at;
	k->len = seg->cap_len < SAMPLE ? seg->cap_len : SAMPLE;
	k->hash = hash_of(seg->payload, k->len);
}

/* Is it where a SYN of this end was, or may have been? */
static int is_start(const struct flow_marks *m, int end, uint32_t isn)
{
	const struct flow_mark *k = &m->mark[end];

	if (k->has_isn)
		return k->isn == isn;
	return k->begun && k->first - isn - 1 <= (m->seen < MANY ? 0 : BEFORE);
}

static int is_within(const struct flow_marks *m, int end, uint32_t number)
{
	const struct flow_mark *k = &m->mark[end];
	uint32_t first = k->has_isn ? k->isn + 1 : k->first - BEFORE;
	uint32_t last = m->again & FLOW_AGAIN_BOTH ? k->end + BEHIND : k->end;

	return k->begun && number - first <= last - first;
}

static int has_other_bytes(const struct flow_mark *k, const struct frame *seg)
{
	uint32_t skip = k->at - seg->seq - !!(seg->flags & ZC_TCP_SYN);

	return k->len && skip < seg->cap_len && seg->cap_len - skip >= k->len &&
	       hash_of(seg->payload + skip, k->len) != k->hash;
}

enum flow_match flow_marks_match(const struct flow_marks *m, const struct frame *seg, int src)
{
	int same;

	if (seg->flags & ZC_TCP_SYN)
		same = is_start(m, src, seg->seq);
	else
		same = seg->flags & ZC_TCP_ACK && is_within(m, src, seg->seq);
	if (seg->flags & ZC_TCP_ACK && seg->flags & ZC_TCP_SYN && m->mark[!src].has_isn)
		same &= seg->ack - m->mark[!src].isn - 1 <= SYN_DATA;
	else if (seg->flags & ZC_TCP_SYN && seg->flags & ZC_TCP_ACK)
		same &= is_start(m, !src, seg->ack - 1);
	else if (seg->flags & ZC_TCP_ACK)
		same &= is_within(m, !src, seg->ack);
	if (!same)
		return FLOW_OTHER;
	return has_other_bytes(&m->mark[src], seg) ? FLOW_OTHER_BYTES : FLOW_SAME;
}

void flow_marks_again(struct flow_marks *m, const struct frame *seg, int src)
{
	if (!(seg->flags & ZC_TCP_SYN))
		return;
	if (!(seg->flags & ZC_TCP_ACK)) {
		m->syn = seg->seq;
		m->again = FLOW_AGAIN_OF(src);
	} else if (m->again && seg->ack == m->syn + 1) {
		m->again |= FLOW_AGAIN_BOTH;
	}
}

int flow_marks_end(struct flow_marks *m, const struct frame *seg, int src, int ended)
{
	int syn = seg->flags & ZC_TCP_SYN, ack = seg->flags & ZC_TCP_ACK;
	const struct flow_mark *k = &m->mark[src];
	enum flow_match match;

	if ((!m->again && (!syn || ack)) || (syn && ack && !k->has_isn && !k->len))
		return 0;
	match = flow_marks_match(m, seg, src);
	if (!syn)
		return ended && match == FLOW_OTHER_BYTES;
	if (match == FLOW_SAME)
		flow_marks_again(m, seg, src);
	return match == FLOW_OTHER;
}

int flow_marks_are_behind(const struct flow_marks *m, const struct frame *seg, int src)
{
	const struct flow_mark *k = &m->mark[src];

	return seg->flags & ZC_TCP_SYN && m->again && k->begun && !k->has_isn &&
	       k->first != seg->seq + 1;
}

/* ---- connections that are over */

static uint32_t *bucket_of(struct flow_past *p, const struct flow_key *key)
{
	return &p->bucket[flow_key_hash(key, p->seed) & (PAST - 1)];
}

void flow_past_add(struct flow_past *p, const struct flow_key *key, const struct flow_marks *m)
{
	uint32_t i = (uint32_t)p->added & (PAST - 1), *at;
	struct past *old = &p->ring[i];

	if (p->added++ >= PAST) {
		for (at = bucket_of(p, &old->key); *at != i + 1;)
			at = &p->ring[*at - 1].next;
		*at = old->next;
	}
	at = bucket_of(p, key);
	*old = (struct past){.key = *key, .next = *at, .marks = *m};
	*at = i + 1;
}

struct flow_marks *flow_past_find(struct flow_past *p, const struct flow_key *key,
				  const struct frame *seg, int src, enum flow_match *match)
{
	for (uint32_t i = *bucket_of(p, key); i; i = p->ring[i - 1].next) {
		struct past *old = &p->ring[i - 1];

		if (memcmp(&old->key, key, sizeof(*key)))
			continue;
		*match = flow_marks_match(&old->marks, seg, src);
		if (*match != FLOW_OTHER)
			return &old->marks;
	}
	return NULL;
}

struct flow_past *flow_past_new(uint64_t seed)
{
	struct flow_past *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->seed = seed;
	p->ring = calloc(PAST, sizeof(*p->ring)); /* takes memory as it is written to */
	if (p->ring)
		return p;
	free(p);
	return NULL;
}

void flow_past_free(struct flow_past *p)
{
	if (!p)
		return;
	free(p->ring);
	free(p);
}
