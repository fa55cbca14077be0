#include "core/mask_side.h"

#include <stdlib.h>
#include <string.h>

static void hide(uint8_t *p, size_t n)
{
	memset(p, 'x', n);
}

static void drop_raw(struct mask_side *s)
{
	free(s->raw);
	s->raw = NULL;
	s->nraw = 0;
}

/* Returns 0 if there is no room for them. */
static int keep_raw(struct mask_side *s, const uint8_t *p, size_t n)
{
	uint8_t *grown = n <= MASK_SIDE_KEEP - s->nraw ? realloc(s->raw, s->nraw + n) : NULL;

	if (!grown)
		return 0;
	if (!s->nraw)
		s->raw_start = !s->seen;
	memcpy(grown + s->nraw, p, n);
	s->raw = grown;
	s->nraw += (uint32_t)n;
	return 1;
}

static int begin(const struct mask_conn *c, struct mask_side *s, unsigned dir)
{
	const struct protocol_mask *m = c->protocol->mask;

	void *state = realloc(s->state, m->state_size);

	s->begun = NULL;
	if (!state)
		return 0;
	s->state = state;
	m->begin(s->state, dir == c->client ? FROM_CLIENT : FROM_SERVER,
		 s->raw ? s->raw_start : !s->seen);
	s->begun = c->protocol;
	return 1;
}

/* The state behind what was kept. */
static void follow_raw(const struct mask_conn *c, struct mask_side *s)
{
	if (s->raw && c->protocol->mask->feed(s->state, s->raw, s->nraw) < s->nraw)
		s->begun = NULL;
	drop_raw(s);
}

/* From here on it is not what it was thought to be: all is open again. */
static void leave(struct mask_conn *c, struct mask_side *s, struct mask_side *other)
{
	struct mask_side *side[] = {s, other};

	for (int i = 0; i < 2; i++) {
		side[i]->begun = NULL;
		drop_raw(side[i]);
		redact_wire_gap(&side[i]->wire, 1);
	}
	c->protocol = NULL;
}

/* ---- recognising */

static struct probed ask(const struct mask_side *s, unsigned dir, const uint8_t *p, size_t n,
			 const uint8_t *answer, size_t nanswer)
{
	const struct probe in = {
		.p = p,
		.n = n,
		.dir = dir,
		.client = PROBE_NO_DIR,
		.answer = answer,
		.nanswer = nanswer,
		.start = s->raw ? s->raw_start : !s->seen,
		.joined = s->raw ? !s->raw_start : s->seen,
		.segment = 1,
	};

	return probe_all(&in);
}

/* It is this; both directions are masked so from now on. Returns 0 if there is no memory. */
static int begin_both(struct mask_conn *c, const struct probed *found, struct mask_side *s,
		      struct mask_side *other, unsigned dir)
{
	c->protocol = found->protocol;
	c->client = found->client;
	if (!begin(c, s, dir) || (other->raw && !begin(c, other, !dir)))
		return 0;
	if (other->raw)
		follow_raw(c, other);
	return 1;
}

/*
 * Of s not all that was kept is decided on: p, which may be more of it, is masked as the protocol
 * that it may be.
 */
static size_t mask_tentatively(const struct protocol *protocol, struct mask_side *s, unsigned dir,
			       unsigned client, uint8_t *p, size_t n)
{
	struct mask_conn c = {protocol, client == PROBE_NO_DIR ? dir : client};
	struct mask_side trial = {.seen = s->raw ? !s->raw_start : s->seen};
	uint8_t *copy = s->nraw ? malloc(s->nraw) : NULL;
	size_t kept = 0;

	if (copy)
		memcpy(copy, s->raw, s->nraw);
	if ((copy || !s->nraw) && keep_raw(s, p, n) && begin(&c, &trial, dir)) {
		if (!copy || protocol->mask->feed(trial.state, copy, s->nraw - n) == s->nraw - n)
			kept = protocol->mask->feed(trial.state, p, n);
	} else {
		drop_raw(s);
	}
	hide(p + kept, n - kept);
	free(copy);
	free(trial.state);
	return kept;
}

/* 1: it is known now; 0: it is none of the table's that have masks; -1: *kept of p may stay so far.
 */
static int recognise(struct mask_conn *c, struct mask_side *s, struct mask_side *other,
		     unsigned dir, uint8_t *p, size_t n, size_t *kept)
{
	struct probed found = {PROBE_NO, NULL, 0};
	const uint8_t *all = p;
	size_t nall = n;

	if (other->raw) {
		found = ask(other, !dir, other->raw, other->nraw, p, n);
		if (found.result == PROBE_YES && found.protocol->mask)
			return begin_both(c, &found, s, other, dir);
		if (found.result == PROBE_NO)
			drop_raw(other);
	}
	if (s->raw) {
		size_t before = s->nraw;

		if (!keep_raw(s, p, n)) {
			drop_raw(s);
			return 0;
		}
		all = s->raw;
		nall = s->nraw;
		found = ask(s, dir, all, nall, NULL, 0);
		s->nraw = (uint32_t)before;
	} else {
		found = ask(s, dir, all, nall, NULL, 0);
	}
	if (found.result == PROBE_NO || !found.protocol->mask) {
		drop_raw(s);
		return 0;
	}
	if (found.result != PROBE_YES) {
		*kept = mask_tentatively(found.protocol, s, dir, found.client, p, n);
		return -1;
	}
	if (!begin_both(c, &found, s, other, dir))
		return 0;
	follow_raw(c, s);
	return 1;
}

/* ---- the interface */

static size_t feed_known(struct mask_conn *c, struct mask_side *s, struct mask_side *other,
			 unsigned dir, uint8_t *p, size_t n)
{
	int begins = s->begun != c->protocol;
	size_t kept = 0;

	if ((!begins || begin(c, s, dir)) && c->protocol->mask->peer && other->begun == c->protocol)
		c->protocol->mask->peer(s->state, other->state);
	if (s->begun == c->protocol)
		kept = c->protocol->mask->feed(s->state, p, n);
	hide(p + kept, n - kept);
	if (kept < n && begins)
		s->begun = NULL; /* it may begin with the next segment */
	else if (kept < n)
		leave(c, s, other);
	return kept;
}

/* HTTP, TLS, or nothing that is known. */
static size_t feed_wire(struct mask_side *s, struct mask_side *other, uint8_t *p, size_t n)
{
	int before = redact_wire_is_http2(&s->wire);
	size_t kept = redact_wire_feed(&s->wire, p, n);

	if (!before && redact_wire_is_http2(&s->wire))
		redact_wire_peer_is_http2(&other->wire);
	if (redact_wire_is_tls(&s->wire))
		redact_wire_peer_is_tls(&other->wire);
	if (redact_wire_asked_tunnel(&s->wire))
		redact_wire_peer_asked_tunnel(&other->wire);
	return kept;
}

size_t mask_side_feed(struct mask_conn *c, struct mask_side *s, struct mask_side *other,
		      unsigned dir, uint8_t *p, size_t n)
{
	size_t kept = 0;
	int known;

	if (!n)
		return 0;
	if (c->protocol)
		known = 1;
	else if (redact_wire_is_known(&s->wire) || redact_wire_is_known(&other->wire))
		known = 0;
	else
		known = recognise(c, s, other, dir, p, n, &kept);
	if (known > 0)
		kept = feed_known(c, s, other, dir, p, n);
	else if (!known)
		kept = feed_wire(s, other, p, n);
	s->seen = 1;
	return kept;
}

void mask_side_gap(const struct mask_conn *c, struct mask_side *s, uint64_t n)
{
	if (!n)
		return;
	s->seen = 1;
	drop_raw(s);
	if (!c->protocol)
		redact_wire_gap(&s->wire, n);
	else if (s->begun == c->protocol && !c->protocol->mask->gap(s->state, n))
		s->begun = NULL;
}

void mask_side_copy(const struct mask_conn *c, struct mask_side *to, const struct mask_side *from)
{
	redact_wire_copy(&to->wire, &from->wire);
	to->seen = from->seen;
	drop_raw(to);
	to->begun = NULL;
	if (!c->protocol || from->begun != c->protocol || !begin(c, to, 0))
		return;
	memcpy(to->state, from->state, c->protocol->mask->state_size);
}

void mask_side_elsewhere(const struct mask_conn *c, struct mask_side *to,
			 const struct mask_side *from)
{
	if (c->protocol)
		to->begun = NULL;
	else
		redact_wire_elsewhere(&to->wire, &from->wire);
	to->seen = 1;
}

void mask_side_release(struct mask_side *s)
{
	redact_wire_release(&s->wire);
	free(s->state);
	free(s->raw);
	memset(s, 0, sizeof(*s));
}
