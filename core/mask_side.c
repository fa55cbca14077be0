#include "core/mask_side.h"

#include <stdlib.h>
#include <string.h>

#include "parsers/proxy_header.h"

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

	if (!grown) {
		drop_raw(s);
		return 0;
	}
	if (!s->nraw)
		s->raw_start = !s->seen;
	memcpy(grown + s->nraw, p, n);
	s->raw = grown;
	s->nraw += (uint32_t)n;
	return 1;
}

static int at_start(const struct mask_side *s)
{
	return s->raw ? s->raw_start : !s->seen;
}

/* Returns 0 if there is no memory. */
static int begin(const struct mask_conn *c, struct mask_side *s, unsigned dir, unsigned flags)
{
	const struct protocol_mask *m = c->protocol->mask;
	void *state = realloc(s->state, m->state_size);

	s->begun = NULL;
	if (!state)
		return 0;
	s->state = state;
	m->begin(s->state, dir == c->client ? FROM_CLIENT : FROM_SERVER,
		 flags | (at_start(s) ? MASK_START : 0) | (c->content ? MASK_CONTENT : 0));
	s->begun = c->protocol;
	return 1;
}

/* p is preceded by what was kept: it is looked at in one piece. Returns how many of n stay. */
static size_t feed_behind(struct mask_conn *c, void *state, const struct mask_side *kept,
			  uint8_t *p, size_t n)
{
	uint8_t *all = malloc(kept->nraw + n);
	size_t taken;

	if (!all)
		return 0;
	if (kept->nraw)
		memcpy(all, kept->raw, kept->nraw);
	memcpy(all + kept->nraw, p, n);
	taken = c->protocol->mask->feed(state, &c->shared, all, kept->nraw + n);
	memcpy(p, all + kept->nraw, n);
	free(all);
	return taken > kept->nraw ? taken - kept->nraw : 0;
}

/* From here on it is not what it was thought to be, or that is over: all is open again. */
static void leave(struct mask_conn *c, struct mask_side *s, struct mask_side *other, int over)
{
	struct mask_side *side[] = {s, other};

	for (int i = 0; i < 2; i++) {
		side[i]->begun = NULL;
		drop_raw(side[i]);
		side[i]->seen = !over;
	}
	*c = (struct mask_conn){.content = c->content};
}

/* ---- recognising */

static struct probed ask(const struct mask_side *s, unsigned dir, struct str bytes,
			 struct str answer)
{
	const struct probe in = {
		.p = (const uint8_t *)bytes.p,
		.n = bytes.n,
		.dir = dir,
		.client = PROBE_NO_DIR,
		.answer = (const uint8_t *)answer.p,
		.nanswer = answer.n,
		.start = (uint8_t)at_start(s),
		.joined = !at_start(s),
		.segment = 1,
	};
	struct probed found = probe_all(&in);

	if (found.result != PROBE_NO && !found.protocol->mask)
		found.result = PROBE_NO;
	return found;
}

static struct str str_of(const uint8_t *p, size_t n)
{
	return (struct str){(const char *)p, n};
}

/* Does it answer what the other direction has sent? Then it is known what both speak. */
static struct probed ask_other(struct mask_side *other, unsigned dir, const uint8_t *p, size_t n)
{
	struct probed found = {PROBE_NO, NULL, 0};

	if (!other->raw)
		return found;
	found = ask(other, !dir, str_of(other->raw, other->nraw), str_of(p, n));
	if (found.result == PROBE_NO)
		drop_raw(other);
	return found;
}

/* With what was kept of its own direction before it. */
static struct probed ask_own(struct mask_side *s, unsigned dir, const uint8_t *p, size_t n)
{
	struct probed found;
	uint32_t before = s->nraw;

	if (!before)
		return ask(s, dir, str_of(p, n), str_of(NULL, 0));
	if (!keep_raw(s, p, n))
		return (struct probed){PROBE_NO, NULL, 0};
	found = ask(s, dir, str_of(s->raw, s->nraw), str_of(NULL, 0));
	s->nraw = before;
	return found;
}

/* It is this; both directions are masked so from now on. */
static size_t begin_both(struct mask_conn *c, const struct probed *found, struct mask_side *s,
			 struct mask_side *other, unsigned dir, uint8_t *p, size_t n)
{
	size_t kept = 0;

	*c = (struct mask_conn){
		.protocol = found->protocol, .client = found->client, .content = c->content};
	if (other->raw && begin(c, other, !dir, 0) &&
	    c->protocol->mask->feed(other->state, &c->shared, other->raw, other->nraw) <
		    other->nraw)
		other->begun = NULL;
	drop_raw(other);
	if (begin(c, s, dir, 0))
		kept = feed_behind(c, s->state, s, p, n);
	drop_raw(s);
	if (kept < n && !c->shared.switched)
		s->begun = NULL;
	return kept;
}

/* p, with what was kept before it, is masked as what it may be, and kept. */
static size_t mask_tentatively(const struct probed *found, struct mask_side *s, unsigned dir,
			       uint8_t content, uint8_t *p, size_t n)
{
	struct mask_conn c = {.protocol = found->protocol,
			      .client = found->client == PROBE_NO_DIR ? dir : found->client,
			      .content = content};
	struct mask_side trial = {.seen = !at_start(s)};
	size_t kept = 0;
	uint8_t *as_it_was = malloc(n);

	if (as_it_was && begin(&c, &trial, dir, MASK_DOUBT)) {
		memcpy(as_it_was, p, n);
		kept = feed_behind(&c, trial.state, s, p, n);
		keep_raw(s, as_it_was, n);
	} else {
		drop_raw(s);
	}
	free(as_it_was);
	free(trial.state);
	return kept;
}

static size_t feed_unknown(struct mask_conn *c, struct mask_side *s, struct mask_side *other,
			   unsigned dir, uint8_t *p, size_t n)
{
	struct probed found = ask_other(other, dir, p, n);

	if (found.result != PROBE_YES)
		found = ask_own(s, dir, p, n);
	if (found.result == PROBE_YES)
		return begin_both(c, &found, s, other, dir, p, n);
	if (found.result != PROBE_NO)
		return mask_tentatively(&found, s, dir, c->content, p, n);
	drop_raw(s);
	return 0;
}

/* ---- the interface */

/* It is not what the other direction speaks: may be that one was answered in something else. */
static size_t feed_other(struct mask_conn *c, struct mask_side *s, struct mask_side *other,
			 unsigned dir, uint8_t *p, size_t n)
{
	struct probed found = ask(s, dir, str_of(p, n), str_of(NULL, 0));

	s->begun = NULL; /* else it may begin with the next segment */
	if (found.result != PROBE_YES || found.protocol == c->protocol)
		return 0;
	return begin_both(c, &found, s, other, dir, p, n);
}

static size_t feed_known(struct mask_conn *c, struct mask_side *s, struct mask_side *other,
			 unsigned dir, uint8_t *p, size_t n)
{
	int begins = s->begun != c->protocol;
	size_t kept = 0;

	if (!begins || begin(c, s, dir, 0))
		kept = c->protocol->mask->feed(s->state, &c->shared, p, n);
	if (kept == n || c->shared.switched)
		return kept;
	if (begins && !kept)
		return feed_other(c, s, other, dir, p, n);
	if (begins)
		s->begun = NULL;
	else
		leave(c, s, other, 0);
	return kept;
}

size_t mask_side_feed(struct mask_conn *c, struct mask_side *s, struct mask_side *other,
		      unsigned dir, uint8_t *p, size_t n)
{
	size_t kept, all = 0, used;
	int switches = 0;

	for (; n; p += used, n -= used) {
		if (!c->protocol && at_start(s) && !s->raw &&
		    proxy_header(p, n, &used) == PROBE_YES) {
			all += used;
			continue;
		}
		kept = c->protocol ? feed_known(c, s, other, dir, p, n)
				   : feed_unknown(c, s, other, dir, p, n);
		all += kept;
		used = n;
		if (c->shared.switched) {
			leave(c, s, other, 1);
			used = kept;
			if (switches++ < 2)
				continue;
			used = n;
		}
		hide(p + kept, n - kept);
		s->seen = 1;
	}
	return all;
}

void mask_side_gap(struct mask_conn *c, struct mask_side *s, uint64_t n)
{
	if (!n)
		return;
	s->seen = 1;
	drop_raw(s);
	if (c->protocol && s->begun == c->protocol &&
	    !c->protocol->mask->gap(s->state, &c->shared, n))
		s->begun = NULL;
}

void mask_side_copy(const struct mask_conn *c, struct mask_side *to, const struct mask_side *from)
{
	to->seen = from->seen;
	drop_raw(to);
	to->begun = NULL;
	if (!c->protocol || from->begun != c->protocol || !begin(c, to, 0, 0))
		return;
	memcpy(to->state, from->state, c->protocol->mask->state_size);
}

void mask_side_release(struct mask_side *s)
{
	free(s->state);
	free(s->raw);
	memset(s, 0, sizeof(*s));
}
