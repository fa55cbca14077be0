#include "cli/mask.h"

#include <stdlib.h>
#include <string.h>

#include "core/redact.h"

#define WAYS 8
#define SETS 2048

/* The state before the octet of that sequence number. */
struct checkpoint {
	uint32_t seq;
	int valid;
	struct redact_head state;
};

struct direction {
	struct checkpoint next; /* behind all that was seen */
	struct checkpoint segment, gap;
};

struct flow {
	uint64_t conn;
	uint64_t used; /* tick of the last use; 0: free */
	struct direction dir[2];
};

struct mask {
	uint64_t tick;
	struct flow *flow[SETS][WAYS]; /* allocated when first used, then kept */
};

struct mask *mask__new(void)
{
	return calloc(1, sizeof(struct mask));
}

void mask__free(struct mask *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < SETS; i++) {
		for (unsigned j = 0; j < WAYS; j++)
			free(m->flow[i][j]);
	}
	free(m);
}

static struct flow **set_of(struct mask *m, uint64_t conn)
{
	return m->flow[(conn * 0x9e3779b97f4a7c15u >> 32) % SETS];
}

/* The flow of that connection, made if need be. NULL: out of memory. */
static struct flow *flow_of(struct mask *m, uint64_t conn)
{
	struct flow **set = set_of(m, conn), **place = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i] && set[i]->used && set[i]->conn == conn) {
			set[i]->used = ++m->tick;
			return set[i];
		}
		if (*place && (!set[i] || set[i]->used < (*place)->used))
			place = &set[i];
	}
	if (!*place)
		*place = malloc(sizeof(**place));
	if (!*place)
		return NULL;
	memset(*place, 0, sizeof(**place));
	(*place)->conn = conn;
	(*place)->used = ++m->tick;
	return *place;
}

void mask__forget(struct mask *m, uint64_t conn)
{
	struct flow **set = set_of(m, conn);

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i] && set[i]->conn == conn)
			set[i]->used = 0;
	}
}

static void feed(struct redact_head *state, const struct zc_ev_segment *seg, uint8_t *payload)
{
	if (seg->cap_off)
		redact_head_gap(state, seg->cap_off);
	if (seg->cap_len)
		redact_head_feed(state, payload, seg->cap_len);
	if (seg->orig_len > seg->cap_off + seg->cap_len)
		redact_head_gap(state, seg->orig_len - seg->cap_off - seg->cap_len);
}

/* Octets from before the end of what was seen: a copy of the state does, the stream moves not. */
static void feed_again(const struct direction *d, const struct zc_ev_segment *seg, uint8_t *payload)
{
	struct redact_head state = { 0 };

	if (d->gap.valid && d->gap.seq == seg->seq)
		state = d->gap.state;
	else if (d->segment.valid && d->segment.seq == seg->seq)
		state = d->segment.state;
	feed(&state, seg, payload);
}

void mask__segment(void *mask, const struct zc_ev_segment *seg, uint8_t *payload)
{
	struct flow *f = flow_of(mask, seg->ev.conn);
	struct direction *d;
	uint32_t ahead;

	if (!f) {
		/* better a recording without content than one with secrets */
		memset(payload, 'x', seg->cap_len);
		return;
	}
	d = &f->dir[seg->dir & 1];
	ahead = seg->seq - d->next.seq;
	if (!d->next.valid)
		ahead = 0;
	if ((int32_t)ahead < 0) {
		feed_again(d, seg, payload);
		return;
	}
	if (ahead) {
		d->gap = d->next;
		redact_head_gap(&d->next.state, ahead);
	}
	d->next.seq = seg->seq;
	d->next.valid = 1;
	d->segment = d->next;
	feed(&d->next.state, seg, payload);
	d->next.seq += seg->orig_len;
}
